//! The product, tried from outside. Files are named after the addresses they try.

mod architecture;
mod assistants;
mod auth;
mod chat;
mod contacts;
mod conversations;
mod crash;
mod documents;
mod embed;
mod http;
mod llm;
mod openapi;
mod projects;
mod providers;
mod schema;
mod search;
mod support;
mod web;
mod widget;
mod workspaces;
