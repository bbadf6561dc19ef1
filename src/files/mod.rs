//! Files by their content: the bytes lie under `files/`, named by their SHA-256, and a row counts who needs them.
//!
//! Bytes are on the disk, synced, before the row that promises them; a file that nobody needs any more goes by a job.

mod disk;
mod store;

pub use disk::{FileStore, Stored};
pub use store::{REMOVE_JOB, count, list, release, remove_unused, retain};
