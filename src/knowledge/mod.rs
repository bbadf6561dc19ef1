//! Knowledge: projects, their documents, and what is found in them.
//!
//! A document's bytes become text (`extract`), the text becomes chunks (`chunk`), a job gives them vectors and indexes them
//! (`ingest`, and `reembed` where another model is to make them), and a question finds them again (`query`, `keywords`, `scan`, `retrieve`, and `rerank` where there is a model for it). Which assistant may search what, and what is
//! made of the answer, is decided above.

mod api;
pub mod calibrate;
pub mod chunk;
mod connections;
pub mod extract;
pub mod ingest;
mod keywords;
mod members;
pub mod model;
mod qa;
pub mod query;
pub mod recut;
mod removal;
pub mod reembed;
pub mod rerank;
pub mod retrieve;
pub mod scan;
pub mod service;
pub mod sources;
pub mod store;
mod upload;

pub use connections::ConnectionsApi;
pub use api::{DocumentsApi, ProjectsApi, Search};
pub use calibrate::calibrate;
pub use removal::remove_workspace;
pub use ingest::{CALIBRATE_JOB, INGEST_JOB, ingest};
pub use members::ProjectMembersApi;
pub use recut::RECUT_JOB;
pub use reembed::{REEMBED_JOB, TAKE_OUT_JOB};
pub use qa::QaApi;
pub use service::{NewFile, Question, SearchOptions, UNCALIBRATED, add_document, new_project, remove_file, search};
pub use sources::{CRAWL_JOB, SourcesApi, crawl};
