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

// features
pub mod events;

pub mod access;

pub mod workspaces;

pub mod providers;

pub mod files;

pub mod assistants;

pub mod knowledge;

pub mod conversations;

pub mod tools;

pub mod answering;

pub mod widget;

pub mod demo;

// top
pub mod web;

pub mod server;

pub mod cli;
