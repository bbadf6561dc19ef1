//! The events of an answer, and their form on the wire.

use serde::Serialize;
use serde_json::Value;

use crate::conversations::{Citation, Source};

/// No event is longer than this on the wire: clients of the seed's kind parse each network read by itself.
pub const MOST_BYTES: usize = 1024;

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Event {
    Start {
        chat_id: String,
        message_id: String,
        model: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        session_token: Option<String>,
    },
    Sources {
        sources: Vec<Source>,
    },
    TextDelta {
        text_delta: String,
    },
    /// A tool is asked; long arguments are cut, the receipt has them whole.
    ToolCall {
        tool_call_id: String,
        tool_name: String,
        args: Value,
    },
    /// What it gave back, or `error`.
    ToolResult {
        tool_call_id: String,
        tool_name: String,
        result: Value,
    },
    Citations {
        citations: Vec<Citation>,
    },
    Finish {
        finish_reason: FinishReason,
        chat_id: String,
        message_id: String,
        usage: Usage,
        /// Whether the documents, or the model, answered the question.
        answered: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishReason {
    Stop,
    Length,
    Error,
}

impl FinishReason {
    pub const fn word(self) -> &'static str {
        match self {
            FinishReason::Stop => "stop",
            FinishReason::Length => "length",
            FinishReason::Error => "error",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, poem_openapi::Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase")]
pub struct Usage {
    pub input_tokens: i64,
    pub output_tokens: i64,
}

impl Event {
    fn json(&self) -> String {
        // Strings, numbers and lists of them: serializing cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// `id:`, `data:` and the blank line, as one piece.
    pub fn wire(&self, id: usize) -> String {
        format!("id: {id}\ndata: {}\n\n", self.json())
    }
}

/// Cuts a text into pieces whose events stay under the limit, between words where it can.
pub fn text_deltas(text: &str) -> Vec<Event> {
    // A character is at most six bytes in JSON (`\u0000`).
    const CHARACTERS: usize = 140;
    let mut events = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let cut = match rest.char_indices().nth(CHARACTERS) {
            None => rest.len(),
            Some((limit, _)) => rest[..limit].rfind(char::is_whitespace).map_or(limit, |space| space + rest[space..].chars().next().map_or(1, char::len_utf8)),
        };
        let (piece, tail) = rest.split_at(cut);
        events.push(Event::TextDelta { text_delta: piece.to_owned() });
        rest = tail;
    }
    events
}

/// The sources in as few events as the limit allows; titles, addresses and snippets are cut to fit.
pub fn sources_events(sources: &[Source]) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut group: Vec<Source> = Vec::new();
    for source in sources {
        let mut source = source.clone();
        source.title = shorten(&source.title, 120);
        source.url = source.url.filter(|url| url.len() <= 400);
        let alone = |source: &Source| Event::Sources { sources: vec![source.clone()] }.wire(9999).len();
        let mut characters = 240;
        source.snippet = shorten(&source.snippet, characters);
        while alone(&source) > MOST_BYTES && characters > 0 {
            characters = characters.saturating_sub(20);
            source.snippet = shorten(&source.snippet, characters);
        }
        while alone(&source) > MOST_BYTES && !source.title.is_empty() {
            source.title = shorten(&source.title, source.title.chars().count() / 2);
        }
        group.push(source);
        if (Event::Sources { sources: group.clone() }).wire(9999).len() > MOST_BYTES
            && let Some(last) = group.pop()
        {
            events.push(Event::Sources { sources: std::mem::replace(&mut group, vec![last]) });
        }
    }
    if !group.is_empty() {
        events.push(Event::Sources { sources: group });
    }
    events
}

/// A value that fits an event: whole, else its text cut with `…` at the end.
pub fn fitting(value: &Value) -> Value {
    const BYTES: usize = 600;
    if value.to_string().len() <= BYTES {
        return value.clone();
    }
    let text = match value {
        Value::Object(fields) if fields.contains_key("error") => fields["error"].as_str().unwrap_or_default().to_owned(),
        other => other.to_string(),
    };
    let mut characters = BYTES;
    let mut cut = shorten(&text, characters);
    while Value::from(cut.as_str()).to_string().len() > BYTES {
        characters /= 2;
        cut = shorten(&text, characters);
    }
    if value.get("error").is_some() { serde_json::json!({ "error": cut }) } else { Value::String(cut) }
}

/// The citations in events of at most twenty.
pub fn citations_events(citations: &[Citation]) -> Vec<Event> {
    citations.chunks(20).map(|citations| Event::Citations { citations: citations.to_vec() }).collect()
}

pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let cut: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_event_is_longer_than_a_kibibyte_and_no_text_is_lost(text in "\\PC{0,2000}|[\\x00-\\x1f\"\\\\]{0,900}") {
            let events = text_deltas(&text);
            let joined: String = events.iter().map(|event| match event { Event::TextDelta { text_delta } => text_delta.as_str(), _ => "" }).collect();
            prop_assert_eq!(joined, text);
            for event in events {
                prop_assert!(event.wire(123_456).len() <= MOST_BYTES);
            }
        }

        #[test]
        fn sources_fit_whatever_their_text(title in "\\PC{0,400}", snippet in "\\PC{0,2000}|[\\x00-\\x1f]{0,600}", url in "https://[a-z]{0,600}") {
            let source = Source { index: 1, document_id: "doc_01m7y17rj05aa5qtr830y20f06".into(), title, url: Some(url), page: Some(3), snippet, score: 0.123_456_789 };
            let events = sources_events(&vec![source; 8]);
            let count: usize = events.iter().map(|event| match event { Event::Sources { sources } => sources.len(), _ => 0 }).sum();
            prop_assert_eq!(count, 8);
            for event in events {
                prop_assert!(event.wire(9999).len() <= MOST_BYTES, "{}", event.wire(1).len());
            }
        }
    }

    #[test]
    fn the_wire_form_is_the_seeds() {
        let event = Event::TextDelta { text_delta: "Hi".into() };
        assert_eq!(event.wire(3), "id: 3\ndata: {\"type\":\"text-delta\",\"textDelta\":\"Hi\"}\n\n");
        let finish = Event::Finish {
            finish_reason: FinishReason::Stop, chat_id: "c".into(), message_id: "m".into(), usage: Usage::default(), answered: true, error: None, code: None,
        };
        assert!(finish.json().starts_with("{\"type\":\"finish\",\"finishReason\":\"stop\",\"chatId\":\"c\""));
    }
}
