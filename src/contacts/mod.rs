//! Contacts: the people who write to a workspace, whatever the channel. Each is one row by email, phone and the customer's
//! own id. What they have written is known above; what spans all of it (the timeline, the export, the erasure) is in
//! `profiles`.

mod api;
mod csv;
mod imports;
pub mod model;
pub mod service;
pub mod store;

pub use api::ContactsApi;
pub use imports::{IMPORT_JOB, ImportsApi, run as run_import};
pub use model::{Contact, ContactSource};
pub use service::{Seen, find_or_make, is_blocked};
