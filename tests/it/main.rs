//! The product, tried from outside. Files are named after the addresses they try.

mod answers;
mod architecture;
mod assistants;
mod auth;
mod chat;
mod conversations;
mod crash;
mod documents;
mod embed;
mod hostile;
mod http;
mod llm;
mod openapi;
mod projects;
mod providers;
mod resume;
mod schema;
mod search;
mod support;
mod tools;
mod web;
mod widget;
mod workspaces;
