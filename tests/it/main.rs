//! The product, tried from outside. Files are named after the addresses they try.

mod architecture;
mod auth;
mod llm;
mod schema;
mod support;
mod workspaces;
