//! Conversations: what was said, by whom, and where an answer came from. Who answers is decided above.

mod api;
mod export;
pub mod model;
pub mod outgoing;
pub mod store;

pub use api::{ConversationsApi, get_seen};
pub use model::{Channel, Citation, Conversation, Message, MessageRole, MessageStatus, Source};
