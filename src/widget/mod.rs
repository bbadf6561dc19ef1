//! The widget's public addresses, `/api/widget/{assistantId}/…`: for strangers' browsers on customers' pages.
//!
//! Three layers stand before each: the assistant has its widget on, the page's origin is on its list, and, where it says
//! so, a session token.

mod api;
mod config;
mod cors;
mod events;
mod guard;
mod identity;
mod store;
mod visitor;

pub use api::WidgetApi;
pub use cors::Cors;
pub use identity::WidgetSecretApi;
pub use visitor::VisitorApi;
