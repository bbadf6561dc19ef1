//! All SQL of knowledge. Where a row belongs to a workspace, the workspace's id comes first.

mod chunks;
mod documents;
mod members;
mod projects;
mod qa;
mod sources;
mod removal;
mod vectors;

pub use chunks::{
    Append, append_chunks, delete_chunks, finish_document, has_chunks, list_chunks, remove_read_chunks, replace_chunks, sample_chunks, show_chunk, supersede_chunks,
};
pub use vectors::{
    Unembedded, VectorSet, all_sets, count_vectors, each_vector_after, every_project, find_set, model_row, progress, project_of_chunk, put_vector, register_model, take_out, vector_counts, without_vector,
};
pub use documents::{
    DocumentFilter, IngestRow, NewDocument, adopt_cuts, begin_cut, delete_document, document_rows, find_by_bytes, find_completed, find_document, find_ingest, insert_document,
    is_busy, list_documents, next_cut_otherwise, rename_document, replace_bytes, reset_document, set_cut, set_described, set_failed, set_processing,
};
pub use members::{delete_member, is_editor, list_members, put_member};
pub use removal::{delete_assistants, delete_workspace, files_of_workspace, workspace_projects};
pub use projects::{
    Sees, calibration, count_unread, delete_project, find_by_id_or_name, find_project_by_name, find_project, first_project, find_project_row, insert_project, list_projects, project_rows, set_calibration, touch_project, update_project,
};
pub use qa::{QaPhrases, find_qa, find_qa_by_question, has_pairs, insert_qa, is_qa, list_qa, qa_phrases, update_qa};
pub use sources::{
    SourcePage, delete_page, delete_source, find_source, insert_source, list_pages, list_sources, put_page, source_of_job, source_row, update_source,
};
