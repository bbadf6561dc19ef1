//! Assistants: who answers, how, and for whom.

mod api;
mod history;
pub mod model;
pub mod service;
pub mod settings;
mod sharing;
pub mod store;

pub use api::AssistantsApi;
pub use history::HistoryApi;
pub use sharing::SharingApi;
pub use model::{AnswerMode, Assistant, Visibility};
