//! The way in for sites with a form or a chat window of their own, `/api/v1/chat`, with a key that is no secret.

mod chat;
mod guard;
mod model;
mod sites;
mod store;

pub use chat::{ANSWER_JOB, SiteChatApi, answer};
pub use guard::SiteCors;
pub use sites::SitesApi;
