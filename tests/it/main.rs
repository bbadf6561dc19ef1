//! The product, tried from outside. Files are named after the addresses they try.

mod architecture;
mod assistants;
mod audit;
mod auth;
mod chat;
mod conversations;
mod crash;
mod documents;
mod embed;
mod llm;
mod members;
mod oidc;
mod openapi;
mod password;
mod projects;
mod providers;
mod schema;
mod search;
mod secrets;
mod support;
mod totp;
mod web;
mod widget;
mod workspaces;
