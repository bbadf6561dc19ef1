//! People in the conversation: what an agent does with one (take over, reply, hand back, close), and the streams by which
//! pages hear of everything as it happens.

mod actions;
mod api;
mod live;
mod macros;
mod pages;
mod stream;
mod summary;
mod views;

pub use api::InboxApi;
pub use live::{Live, Signal};
pub use macros::MacrosApi;
pub use stream::{Audience, Cursor, StreamReply, cursor_of, read_resource, run as run_stream};
pub use views::ViewsApi;
