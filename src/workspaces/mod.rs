//! Workspaces: what a business has to itself, the people in it, how they come and go, and the first set-up that makes the
//! first one.

mod api;
mod audit_api;
pub mod hours;
mod invitations;
mod members;
pub mod model;
pub mod service;
pub mod store;

pub use api::{REMOVE_JOB, SetupApi, WorkspacesApi};
pub use audit_api::AuditApi;
pub use invitations::{InvitationsApi, OpenInvitationsApi};
pub use members::{ColleaguesApi, MembersApi};
pub use model::Workspace;
