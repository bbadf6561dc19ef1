//! What has happened in a workspace: one row an event, in the transaction of the change it tells of. Who tells the world,
//! by webhook or on a page's event stream, reads them from here in order and remembers how far it has come.

mod kind;
mod store;

pub use kind::Kind;
pub use store::{Event, Heading, NewEvent, emit, erased_since, find, last, list_after, list_headings_after, list_of, position, prune, set_position};
