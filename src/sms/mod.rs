//! SMS through Twilio: a message comes in by a signed webhook that is answered at once; the answer goes out through the REST
//! API by a durable job, in parts, with retries, and Twilio's word on its delivery comes back by a second webhook.

mod api;
mod inbound;
mod media;
pub mod model;
mod outbound;
pub mod signature;
mod store;
mod text;
mod twilio;
mod webhook;

pub use api::SmsApi;
pub use inbound::ANSWER_JOB;
pub use media::{MEDIA_JOB, fetch as fetch_media};
pub use outbound::{SEND_WORDS_JOB, answer, send};
pub use webhook::SmsWebhookApi;
