//! Messages to a stream of typed events, whatever the provider.
//!
//! [`stream`] sends one request to one endpoint and turns what comes back into [`Event`]s; the one who drops the stream
//! closes the connection, and the provider stops generating. One file per wire format stands below it: `openai` for
//! every address that speaks chat completions, `anthropic` for the Messages API. What they share (deadlines, limits,
//! the meaning of a status) is in `exchange`, and the bytes of a body are cut into payloads in `body`.
//!
//! A model inside the process is asked in the same words, by `local`.
//!
//! [`ask`] does so again where that may help. Left to others: which model is asked and what it is told, and who stands in
//! for a provider that fails (`answering`), and where keys are kept (`providers`).
//!
//! Why the wire formats are our own and not a crate's: what counts here is to know exactly how a provider failed (cut
//! off, silent, refused with which status, rubbish) and to stop it by dropping. A general client reports a 429 as an
//! error inside the stream, swallows a cut that looks like an end and hides the response's headers; wrapping it would
//! have taken as many lines as reading the format.

pub mod catalog;
pub mod local;
pub mod registry;
pub mod tokens;

mod anthropic;
mod attempt;
mod body;
mod endpoint;
mod exchange;
mod failure;
mod models;
mod openai;
mod tool_calls;

pub use attempt::{Breaker, Route, ask};
pub use endpoint::{Endpoint, Kind, Timeouts};
pub use failure::{Failure, Unreachable, Wait};
pub use models::{ListedModel, check_key, list_models};
pub use registry::{Answerer, Configured, ModelStatus, Models, Registry};

use futures_util::Stream;
use serde_json::Value;

use crate::http;

/// What a model is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The provider's own name of the model, without our `provider/` in front.
    pub model: String,
    /// Oldest first. A format without a system role gets the system messages in its own place for them.
    pub messages: Vec<Message>,
    /// 0 to 2; the provider's default where it is `None`, and left out for models that refuse it.
    pub temperature: Option<f64>,
    /// How many tokens the answer may have; the provider's default where it is `None`.
    pub max_tokens: Option<u32>,
    /// What the model may call. Empty for none.
    pub tools: Vec<Tool>,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    System(String),
    User(String),
    Assistant {
        text: String,
        tool_calls: Vec<ToolCall>,
    },
    /// What a called tool gave back.
    Tool {
        call_id: String,
        content: String,
    },
}

impl Message {
    /// An assistant's turn of text alone.
    pub fn assistant(text: impl Into<String>) -> Self {
        Message::Assistant { text: text.into(), tool_calls: Vec::new() }
    }

    /// What the turn says, without its tool calls.
    pub fn text(&self) -> &str {
        match self {
            Message::System(text) | Message::User(text) => text,
            Message::Assistant { text, .. } => text,
            Message::Tool { content, .. } => content,
        }
    }
}

/// A function that a model may ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    pub name: String,
    pub description: String,
    /// The arguments as a JSON Schema of type `object`.
    pub parameters: Value,
}

/// A model's wish to have a tool called.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// The provider's id of the call, to be given back with the result.
    pub id: String,
    pub name: String,
    /// As a rule an object; a string with the model's own words where it wrote something that is not JSON, so that the
    /// tool can say so and the model can try again.
    pub arguments: Value,
}

/// What comes back, in this order: any number of texts, the tool calls, the usage if the provider tells it, and one
/// finish as the last. A stream that ends otherwise ends with a [`Failure`].
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A piece of the answer; never empty, of any length.
    Text(String),
    /// A whole call, once all of its arguments are there.
    ToolCall(ToolCall),
    /// What the provider counted, for the whole answer.
    Usage {
        input_tokens: u32,
        output_tokens: u32,
    },
    Finish(Finish),
}

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It had said all.
    Stop,
    /// It reached `max_tokens` or the end of its window.
    Length,
    /// It waits for the results of its tool calls.
    ToolCalls,
}

/// Asks `request` of `endpoint`. Nothing is sent before the stream is first polled; dropping it closes the connection,
/// at any point. The first failure ends the stream; the texts before it were really said.
pub fn stream(
    client: &http::Client,
    endpoint: &Endpoint,
    request: Request,
) -> impl Stream<Item = Result<Event, Failure>> + Send + Unpin + use<> {
    let (prepared, decoder): (_, Box<dyn exchange::Decoder>) = match endpoint.kind {
        Kind::Anthropic => (anthropic::prepare(client, endpoint, &request), Box::new(anthropic::Answer::default())),
        _ => (openai::prepare(client, endpoint, &request), Box::new(openai::Answer::default())),
    };
    exchange::events(prepared, decoder, endpoint)
}
