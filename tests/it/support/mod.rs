//! What the tests stand on.

pub mod llm_server;
