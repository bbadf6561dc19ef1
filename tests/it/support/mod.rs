//! What the tests stand on.

pub mod app;
pub mod gguf;
pub mod hub;
pub mod issuer;
pub mod llm_server;
pub mod receiver;
pub mod smtp_server;
pub mod stream;
pub mod tiny_model;
pub mod web_server;

pub use app::{Client, Reply, TestApp, spawn_app};
