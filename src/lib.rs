//! IllumiChat: AI customer support in one executable.
//!
//! The modules below stand in one order; each may use only what stands above it here. `tests/it/architecture.rs`
//! holds them to it, and `src/README.md` is the map.

// base
pub mod error;

pub mod clock;

pub mod ids;

pub mod secrets;

pub mod config;

pub mod guide;

// kit
pub mod db;

pub mod http;

pub mod embed;

pub mod llm;

pub mod jobs;

pub mod app;

pub mod mail;

// features
pub mod events;

pub mod audit;

pub mod access;

pub mod workspaces;

pub mod providers;

pub mod webhooks;

pub mod files;

pub mod contacts;

pub mod assistants;

pub mod knowledge;

pub mod conversations;

pub mod tickets;

pub mod tools;

pub mod answering;

pub mod inbox;

pub mod widget;

pub mod site_chat;


pub mod sms;

pub mod profiles;

pub mod analytics;

pub mod demo;

// top
pub mod web;

pub mod server;

pub mod cli;
