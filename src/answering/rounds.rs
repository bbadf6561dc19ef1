//! The rounds of an answer with tools: the model asks, the tools answer, the model goes on. Bounded, whatever it asks for.

use serde_json::Value;

use super::{
    events::{self, Event},
    receipt::ToolUse,
    passages::Passage,
    run::{Draft, Work},
};
use crate::{
    llm::{self, Message, tokens},
    tools::{Found, Toolbox},
};

/// After so many rounds the model has to answer with what it has.
const MOST_ROUNDS: usize = 8;
/// Of one round; further calls are refused.
const MOST_CALLS: usize = 8;

pub(super) struct Rounds {
    pub messages: Vec<Message>,
    /// What the answer may be made from: the passages, and what the tools found.
    pub passages: Vec<Passage>,
    /// The results as texts: addresses in them may be shown.
    pub results: Vec<String>,
    done: usize,
}

impl Rounds {
    pub(super) fn new(passages: Vec<Passage>, messages: Vec<Message>) -> Self {
        Rounds { messages, passages, results: Vec::new(), done: 0 }
    }

    /// What the model may call in this round: nothing, once it has had its rounds or its window is full.
    pub(super) fn tools(&self, toolbox: &Toolbox, window: usize) -> Vec<llm::Tool> {
        let is_full = tokens::estimate_messages(&self.messages) > window && self.done > 0;
        if self.done >= MOST_ROUNDS || is_full { Vec::new() } else { toolbox.tools().to_vec() }
    }

    /// Whether what the model calls is still looked at.
    pub(super) fn may_go_on(&self) -> bool {
        self.done <= MOST_ROUNDS
    }

    /// Calls what the model asked for, and writes down what came of it.
    pub(super) async fn run(&mut self, work: &Work, draft: &mut Draft, toolbox: &mut Toolbox, text: String, calls: Vec<llm::ToolCall>) {
        self.done += 1;
        self.messages.push(Message::Assistant { text, tool_calls: calls.clone() });
        for (place, call) in calls.into_iter().enumerate() {
            let name = events::shorten(&call.name, 80);
            work.log.push(Event::ToolCall { tool_call_id: events::shorten(&call.id, 100), tool_name: name.clone(), args: events::fitting(&call.arguments) });
            draft.receipt.record('c', draft.receipt.tools.len());
            let began = work.app.now();
            let outcome = if place >= MOST_CALLS || self.done > MOST_ROUNDS {
                None
            } else {
                Some(toolbox.call(&call.name, &call.arguments).await)
            };
            let result = outcome.as_ref().map_or_else(|| serde_json::json!({ "error": "too many calls; answer with what is there" }), |outcome| outcome.result.clone());
            for found in outcome.into_iter().flat_map(|outcome| outcome.found) {
                self.add(found);
            }
            draft.receipt.record('r', draft.receipt.tools.len());
            work.log.push(Event::ToolResult { tool_call_id: events::shorten(&call.id, 100), tool_name: name.clone(), result: events::fitting(&result) });
            let content = match &result {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            if result.get("error").is_none() {
                self.results.push(content.clone());
            }
            let ms = work.app.now().millis() - began.millis();
            draft.receipt.tools.push(ToolUse { tool_call_id: call.id.clone(), tool_name: name, args: call.arguments, result, ms });
            self.messages.push(Message::Tool { call_id: call.id, content });
        }
    }

    /// A numbered source more, unless its document or page is one already.
    fn add(&mut self, found: Found) {
        let same = |passage: &&Passage| if found.document_id.is_empty() { passage.url == found.url } else { passage.document_id == found.document_id };
        let source = self.passages.iter().find(same).map(|passage| passage.source);
        let source = source.unwrap_or_else(|| self.passages.iter().map(|passage| passage.source).max().unwrap_or(0) + 1);
        self.passages.push(Passage { source, document_id: found.document_id, title: found.title, text: found.text, url: found.url, page: found.page, score: found.score, weight: found.score, ..Passage::default() });
    }
}
