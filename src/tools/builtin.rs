//! The tools of the house: searching the assistant's own documents, and handing a conversation to people.

use serde_json::{Value, json};

use super::toolbox::{Context, Found, Outcome};
use crate::{
    conversations::store as conversations,
    error::Result,
    events::{self, Kind, NewEvent},
    knowledge, llm,
};

pub(super) const SEARCH: &str = "search_knowledge";
pub(super) const HAND_OFF: &str = "hand_off_to_human";
pub(super) const WEB: &str = "web_search";
pub(super) const NAMES: [&str; 4] = [SEARCH, HAND_OFF, WEB, "create_ticket"];

pub(super) fn search_tool() -> llm::Tool {
    llm::Tool {
        name: SEARCH.to_owned(),
        description: "Search the company's documents for something that the excerpts you have do not say.".to_owned(),
        parameters: json!({ "type": "object", "properties": { "query": { "type": "string", "minLength": 1, "maxLength": 1000 } }, "required": ["query"] }),
    }
}

pub(super) fn hand_off_tool() -> llm::Tool {
    llm::Tool {
        name: HAND_OFF.to_owned(),
        description: "Ask a person of the company to take over. Use it when the customer asks for a person, or needs something that you cannot do.".to_owned(),
        parameters: json!({
            "type": "object", "required": ["reason"],
            "properties": {
                "reason": { "enum": ["customer_request", "missing_knowledge", "unsupported_request", "policy", "tool_failure"] },
                "summary": { "type": "string", "maxLength": 1000, "description": "What the customer needs, in a sentence or two." },
            },
        }),
    }
}

pub(super) fn web_tool() -> llm::Tool {
    llm::Tool {
        name: WEB.to_owned(),
        description: "Search the web for what the company's documents do not say.".to_owned(),
        parameters: json!({ "type": "object", "properties": { "query": { "type": "string", "minLength": 1, "maxLength": 400 } }, "required": ["query"] }),
    }
}

pub(super) async fn search(context: &Context, query: &str) -> Result<Outcome> {
    const PASSAGES: usize = 4;
    let options = knowledge::SearchOptions { limit: PASSAGES, ..knowledge::SearchOptions::default() };
    let question = knowledge::Question { text: query.to_owned(), earlier: Vec::new() };
    let result = knowledge::search(&context.app, &context.workspace_id, &context.project_ids, &question, &options).await?;
    let found: Vec<Found> = result
        .data
        .into_iter()
        .map(|hit| Found { document_id: hit.document_id, title: hit.title, url: hit.url, page: hit.page, text: hit.text, score: hit.score })
        .collect();
    Ok(Outcome::found(found))
}

/// Puts the conversation before the people of the inbox. What else happens then (notices, routing, what the visitor is
/// told) hangs on the event.
pub(super) async fn hand_off(context: &Context, arguments: &Value) -> Result<Outcome> {
    let app = context.app.clone();
    let (workspace_id, conversation_id, now) = (context.workspace_id.clone(), context.conversation_id.clone(), app.now());
    let data = json!({
        "conversationId": context.conversation_id, "assistantId": context.assistant_id,
        "reason": arguments["reason"], "summary": arguments["summary"], "by": "assistant",
    });
    let db = app.db.clone();
    db.write(move |tx| {
        conversations::set_pending(tx, &workspace_id, &conversation_id, now)?;
        events::emit(tx, &app.ids, now, &NewEvent { workspace_id: &workspace_id, kind: Kind::ConversationHandedOff, resource_id: &conversation_id, data })
    })
    .await?;
    Ok(Outcome::of(json!({ "done": true, "note": "People have been told. Tell the customer that somebody will answer here as soon as they can." })))
}
