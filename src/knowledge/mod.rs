//! Knowledge: projects, their documents, and what is found in them.
//!
//! A document's bytes become text (`extract`), the text becomes chunks (`chunk`), a job gives them vectors and indexes them
//! (`ingest`), and a question finds them again (`query`, `scan`, `retrieve`). Which assistant may search what, and what is
//! made of the answer, is decided above.

mod api;
pub mod calibrate;
pub mod chunk;
mod connections;
pub mod extract;
pub mod ingest;
pub mod model;
pub mod query;
mod removal;
pub mod retrieve;
pub mod scan;
pub mod service;
pub mod store;
mod upload;

pub use connections::ConnectionsApi;
pub use api::{DocumentsApi, ProjectsApi, Search};
pub use calibrate::calibrate;
pub use removal::remove_workspace;
pub use ingest::{CALIBRATE_JOB, INGEST_JOB, ingest};
pub use service::{NewFile, Question, SearchOptions, UNCALIBRATED, add_document, new_project, remove_file, search};
