//! The product, tried from outside. Files are named after the addresses they try.

mod analytics;
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
mod profiles;
mod projects;
mod providers;
mod schema;
mod search;
mod sms;
mod support;
mod tickets;
mod web;
mod webhooks;
mod widget;
mod workspaces;
