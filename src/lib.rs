//! IllumiChat: AI customer support in one executable.
//!
//! The modules below stand in one order; each may use only what stands above it here. `tests/it/architecture.rs`
//! holds them to it, and `src/README.md` is the map.

pub mod error;

pub mod llm;
