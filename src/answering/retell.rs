//! An answer that is no longer in memory, told again from what was stored.

use rusqlite::Connection;
use serde_json::Value;

use super::events::{self, Event, FinishReason, Usage, citations_events, sources_events, text_deltas};
use crate::{
    conversations::{Message, MessageStatus, store},
    error::Result,
};

/// A stored answer in the events that told it.
pub(super) struct Retold {
    pub events: Vec<Event>,
    /// Whether they are the same events, with the same numbers: then a listener can go on where it was.
    pub is_same: bool,
}

/// By its tape where it has one; else its text may be cut in other places than it was at first, so that the numbers which
/// a listener has seen say nothing.
pub(super) fn retell(connection: &Connection, workspace_id: &str, chat_id: &str, message: &Message) -> Result<Retold> {
    let receipt: Value = match store::find_receipt(connection, workspace_id, chat_id, &message.id)? {
        Some(text) => serde_json::from_str(&text)?,
        None => Value::Null,
    };
    let text = |name: &str| receipt[name].as_str().unwrap_or_default();
    let tokens = |name: &str| receipt["usage"][name].as_i64().unwrap_or_default();
    let mut told = vec![Event::Start { chat_id: chat_id.to_owned(), message_id: message.id.clone(), model: text("model").to_owned(), session_token: None }];
    let body = replay(text("tape"), &receipt["tools"], message);
    let is_same = body.is_some() && message.status != MessageStatus::Streaming;
    told.extend(body.unwrap_or_else(|| sources_events(&message.sources).into_iter().chain(text_deltas(&message.content)).collect()));
    told.extend(citations_events(&message.citations));
    let failed = matches!(message.status, MessageStatus::Failed | MessageStatus::Streaming);
    let why = |place: usize, otherwise: &str| failed.then(|| receipt["error"][place].as_str().unwrap_or(otherwise).to_owned());
    told.push(Event::Finish {
        finish_reason: match text("finishReason") {
            _ if failed => FinishReason::Error,
            "length" => FinishReason::Length,
            _ => FinishReason::Stop,
        },
        chat_id: chat_id.to_owned(),
        message_id: message.id.clone(),
        usage: Usage { input_tokens: tokens("inputTokens"), output_tokens: tokens("outputTokens") },
        answered: receipt["decision"]["answered"].as_bool().unwrap_or(false),
        error: why(0, "This answer broke off. Ask again to get the whole of it."),
        code: why(1, "upstream:chat"),
    });
    Ok(Retold { events: told, is_same })
}

/// The tape's events, if it fits what is stored.
fn replay(tape: &str, tools: &Value, message: &Message) -> Option<Vec<Event>> {
    let mut told = Vec::new();
    let mut characters = message.content.chars();
    let mut sources = message.sources.iter();
    for entry in tape.split(' ').filter(|entry| !entry.is_empty()) {
        let (kind, number) = entry.split_at_checked(1)?;
        let number: usize = number.parse().ok()?;
        let used = || {
            let used = tools.get(number)?;
            Some((events::shorten(used["toolCallId"].as_str()?, 100), used["toolName"].as_str()?.to_owned(), used))
        };
        match kind {
            "t" => told.push(Event::TextDelta { text_delta: characters.by_ref().take(number).collect() }),
            "s" => told.extend(sources_events(&sources.by_ref().take(number).cloned().collect::<Vec<_>>())),
            "c" => {
                let (tool_call_id, tool_name, used) = used()?;
                told.push(Event::ToolCall { tool_call_id, tool_name, args: events::fitting(&used["args"]) });
            }
            "r" => {
                let (tool_call_id, tool_name, used) = used()?;
                told.push(Event::ToolResult { tool_call_id, tool_name, result: events::fitting(&used["result"]) });
            }
            _ => return None,
        }
    }
    (characters.next().is_none() && sources.next().is_none() && !tape.is_empty()).then_some(told)
}
