//! What a model may do besides talking: search the workspace's documents or the web, ask people to take over, call an
//! HTTP action or a tool of an MCP server.
//!
//! A [`Toolbox`] holds what one assistant may use for one asker, and nothing else: a name that is not in it is answered
//! with an error, whatever the model was told to do. Every call has a deadline and a size, arguments are held to their
//! schema before anything is sent, and a failure is a result like any other, so that the answer goes on. All requests go
//! through the guarded client. When a model is asked and how often is decided in `answering`.

mod action;
mod api;
mod builtin;
mod mcp;
mod model;
mod schema;
mod stdio;
mod store;
mod toolbox;
mod web_search;

pub use api::{ActionsApi, AssistantToolsApi, McpServersApi, WebSearchApi};
pub use toolbox::{Context, Found, Outcome, Toolbox};
