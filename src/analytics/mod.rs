//! What goes on in a workspace, in figures; what is asked, by meaning; and what the documents do not answer.

mod api;
mod cluster;
mod csv;
mod model;
mod store;

pub use api::AnalyticsApi;
