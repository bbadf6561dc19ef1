//! Conversations: what was said, by whom, and where an answer came from. Who answers is decided above.

mod api;
pub mod attachments;
mod export;
pub mod handoff;
pub mod letters;
pub mod model;
pub mod outgoing;
pub mod phrases;
pub mod presence;
pub mod retention;
pub mod sentences;
pub mod service;
pub mod store;

pub use api::{ConversationsApi, get_seen};
pub use attachments::FilesApi;
pub use model::{Attachment, Channel, HandoffReason, Citation, Conversation, Message, MessageRole, MessageStatus, Source};
