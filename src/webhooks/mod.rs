//! Webhooks: what happens in a workspace, told to other people's servers. Events (`events`) become deliveries in the
//! transaction that moves the reader on (`outbox`); deliveries are sent, retried and given up (`deliver`).

mod api;
mod deliver;
pub mod letters;
pub mod model;
mod outbox;
pub mod sign;
pub mod store;

pub use api::WebhooksApi;
pub use deliver::run as deliver;
pub use outbox::run as read_events;
