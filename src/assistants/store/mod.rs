//! The tables of assistants: themselves with their connections, what they were, who may use them, what they have used.

mod assistants;
mod grants;
mod secrets;
mod usage;
mod versions;

pub use assistants::*;
pub use grants::*;
pub use secrets::*;
pub use usage::*;
pub use versions::*;
