//! The product, tried from outside.

mod embed;
mod llm;
mod support;
