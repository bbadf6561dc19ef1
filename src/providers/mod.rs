//! Providers of language models: a workspace's own beside the instance's, and the models that can be named with them.
//!
//! How a provider is asked is the business of `llm`; here is where its settings and its key are kept.

mod api;
pub mod model;
pub mod service;
pub mod store;

pub use api::{ModelsApi, ProvidersApi};
pub use model::Provider;
pub use service::{models, ready, refresh};
