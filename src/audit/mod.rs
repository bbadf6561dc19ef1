//! The audit log: who did what to which resource, from which address, when. A line is written by the transaction of the
//! change that it tells of, and never changed. It stands below `access`, because signing in is told of too; the operation
//! that shows it is one of `workspaces`.

mod model;
mod store;

pub use model::{Action, AuditEntry, NewEntry};
pub use store::{Filter, list, record};
