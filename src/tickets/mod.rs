//! Tickets: what somebody wants, how far it is, who has it, by when; with every change and what was said about it.

mod api;
mod follow;
pub mod letters;
pub mod model;
pub mod service;
pub mod store;

pub use api::TicketsApi;
pub use follow::{TARGET_JOB, check_targets, follow_messages};
pub use model::{NewTicket, Priority, Ticket, TicketSource, TicketStatus};
pub use service::{Actor, create, customer_wrote};
