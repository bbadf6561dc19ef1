//! Assistants: who answers, how, and for whom.

mod api;
mod merge;
pub mod model;
pub mod service;
pub mod settings;
pub mod store;

pub use api::{AssistantsApi, ModelsApi};
pub use model::{AnswerMode, Assistant, Visibility};
