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
mod events;
mod inbox;
mod llm;
mod openapi;
mod projects;
mod providers;
mod schema;
mod search;
mod site_chat;
mod support;
mod web;
mod widget;
mod workspaces;
