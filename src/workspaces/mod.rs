//! Workspaces: what a business has to itself, and the first set-up that makes the first one.

mod api;
pub mod hours;
pub mod model;
pub mod service;
pub mod store;

pub use api::{SetupApi, WorkspacesApi};
pub use model::Workspace;
