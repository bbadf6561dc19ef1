//! The tables of assistants: themselves with their connections, what they were, who may use them, what they have used.

mod assistants;
mod grants;
mod usage;
mod versions;

pub use assistants::*;
pub use grants::*;
pub use usage::*;
pub use versions::*;
