//! The product, tried from outside. Files are named after the addresses they try.

mod architecture;
mod assistants;
mod auth;
mod chat;
mod conversations;
mod crash;
mod documents;
mod embed;
mod formats;
mod llm;
mod openapi;
mod projects;
mod providers;
mod qa;
mod schema;
mod search;
mod sources;
mod support;
mod web;
mod widget;
mod workspaces;
