//! The product, tried from outside.

mod llm;
mod support;
