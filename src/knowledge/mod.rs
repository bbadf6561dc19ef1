//! Knowledge: projects, their documents, and what is found in them.
//!
//! A document's bytes become text (`extract`), the text becomes chunks (`chunk`), the chunks get vectors and are indexed,
//! and a question finds them again (`retrieve`).

pub mod chunk;
pub mod extract;
