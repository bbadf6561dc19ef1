//! The product, tried from outside. Files are named after the addresses they try.

mod architecture;
mod auth;
mod documents;
mod embed;
mod llm;
mod projects;
mod schema;
mod search;
mod support;
mod web;
mod workspaces;
