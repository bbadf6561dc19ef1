//! All that is known of one person, whichever feature knows it: the timeline, the export, and the erasure that leaves no trace.

mod api;
mod erase;
mod store;

pub use api::ProfilesApi;
pub use erase::{SCRUB_JOB, scrub};
