//! An answer that is no longer in memory, told again from what was stored.

use rusqlite::Connection;
use serde_json::Value;

use super::events::{Event, FinishReason, Usage, citations_events, sources_events, text_deltas};
use crate::{
    conversations::{Message, MessageStatus, store},
    error::Result,
};

/// The stored answer in the events that told it, all of them: its text may be cut in other places than it was at first,
/// so that the numbers which a listener has seen say nothing here.
pub(super) fn retell(connection: &Connection, workspace_id: &str, chat_id: &str, message: &Message) -> Result<Vec<Event>> {
    let receipt: Value = match store::find_receipt(connection, workspace_id, chat_id, &message.id)? {
        Some(text) => serde_json::from_str(&text)?,
        None => Value::Null,
    };
    let text = |name: &str| receipt[name].as_str().unwrap_or_default();
    let tokens = |name: &str| receipt["usage"][name].as_i64().unwrap_or_default();
    let mut events = vec![Event::Start { chat_id: chat_id.to_owned(), message_id: message.id.clone(), model: text("model").to_owned(), session_token: None }];
    events.extend(sources_events(&message.sources));
    events.extend(text_deltas(&message.content));
    events.extend(citations_events(&message.citations));
    let failed = matches!(message.status, MessageStatus::Failed | MessageStatus::Streaming);
    events.push(Event::Finish {
        finish_reason: match text("finishReason") {
            _ if failed => FinishReason::Error,
            "length" => FinishReason::Length,
            _ => FinishReason::Stop,
        },
        chat_id: chat_id.to_owned(),
        message_id: message.id.clone(),
        usage: Usage { input_tokens: tokens("inputTokens"), output_tokens: tokens("outputTokens") },
        answered: receipt["decision"]["answered"].as_bool().unwrap_or(false),
        error: failed.then(|| "This answer broke off. Ask again to get the whole of it.".to_owned()),
        code: failed.then(|| "upstream:chat".to_owned()),
    });
    Ok(events)
}
