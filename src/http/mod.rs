//! What HTTP asks of every feature: one rendering of every error, bodies, pages, limits, request ids, the caller's address,
//! and the guarded client for outgoing requests. It knows no feature.

mod address;
mod body;
pub mod client;
mod front;
mod limits;
mod merge;
mod methods;
mod openapi;
mod page;
mod render;
mod tags;
mod tries;

pub use address::{ClientAddress, client_address};
pub use body::{Body, Counted, Created, Found, NoContent, not_null, object, parse_json, patch, read_limited};
pub use client::Client;
pub use front::{Front, RequestId, Scope};
pub use limits::{Limiter, Limits};
pub use merge::Merge;
pub use methods::Methods;
pub use openapi::complete as complete_openapi;
pub use page::{Listing, Paging};
pub use render::{ErrorBody, from_poem, respond};
pub use tags::Tag;
pub use tries::Tries;
