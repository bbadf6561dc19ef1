//! The tools of the house: searching the assistant's own documents, handing a conversation to people, and opening a ticket.

use serde_json::{Value, json};

use super::toolbox::{Context, Found, Outcome};
use crate::{
    contacts::{self, ContactSource, Seen},
    conversations::{
        Conversation, HandoffReason, MessageRole, handoff,
        service::{NewMessage, get_conversation, save, say},
    },
    db::Tx,
    error::{Error, Result},
    knowledge, llm,
    tickets::{self, NewTicket, Priority, Ticket, TicketSource},
    workspaces,
};

pub(super) const SEARCH: &str = "search_knowledge";
pub(super) const HAND_OFF: &str = "hand_off_to_human";
pub(super) const WEB: &str = "web_search";
pub(super) const TICKET: &str = "create_ticket";
pub(super) const NAMES: [&str; 4] = [SEARCH, HAND_OFF, WEB, TICKET];
/// How many tickets the assistant may open in one conversation.
const MOST_TICKETS: usize = 3;

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

pub(super) fn ticket_tool() -> llm::Tool {
    llm::Tool {
        name: TICKET.to_owned(),
        description: "Open a ticket for something that the company's people have to do later. Use it when the customer agrees to it; ask for name and email first where you do not know them.".to_owned(),
        parameters: json!({
            "type": "object", "required": ["subject", "description"],
            "properties": {
                "subject": { "type": "string", "minLength": 1, "maxLength": 200 },
                "description": { "type": "string", "minLength": 1, "maxLength": 8000, "description": "What is to be done, with everything that the customer has told." },
                "priority": { "enum": ["critical", "high", "normal", "low"] },
                "name": { "type": "string", "maxLength": 120, "description": "The customer's name, as they gave it." },
                "email": { "type": "string", "maxLength": 254, "description": "The customer's email, as they gave it." },
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
    let question = knowledge::Question { text: query.to_owned(), earlier: Vec::new(), resolved: None };
    let result = knowledge::search(&context.app, &context.workspace_id, &context.project_ids, &question, &options).await?;
    let found: Vec<Found> = result
        .data
        .into_iter()
        .map(|hit| Found { document_id: hit.document_id, title: hit.title, url: hit.url, page: hit.page, text: hit.text, score: hit.score })
        .collect();
    Ok(Outcome::found(found))
}

/// Puts the conversation before the people of the inbox; the result tells the model what the customer was told.
pub(super) async fn hand_off(context: &Context, arguments: &Value) -> Result<Outcome> {
    let reason: HandoffReason = serde_json::from_value(arguments["reason"].clone())?;
    let summary = arguments["summary"].as_str().map(str::trim).unwrap_or_default().to_owned();
    let (app, now) = (context.app.clone(), context.app.now());
    let (workspace_id, conversation_id) = (context.workspace_id.clone(), context.conversation_id.clone());
    let state = context
        .app
        .db
        .write(move |tx| {
            if !get_conversation(tx, &workspace_id, &conversation_id)?.channel.is_public() {
                return Err(Error::conflict("nobody can take over here: this is a conversation by the API or the dashboard, not one with a customer"));
            }
            if !summary.is_empty() {
                let note = NewMessage { author: Some("Assistant"), ..NewMessage::of(MessageRole::Note, &summary) };
                say(&app, tx, &workspace_id, &conversation_id, &note, now)?;
            }
            handoff::hand_off(&app, tx, &workspace_id, &conversation_id, reason, now)
        })
        .await?;
    context.app.jobs.wake();
    Ok(Outcome::of(json!({ "done": true, "online": state.online, "note": format!("The customer has been told: {} Do not say it again; say goodbye in a few words.", state.message) })))
}

/// Opens a ticket for the conversation's customer.
pub(super) async fn create_ticket(context: &Context, arguments: &Value) -> Result<Outcome> {
    let (context_, arguments) = (context.clone(), arguments.clone());
    let ticket = context.app.db.write(move |tx| open_ticket(&context_, tx, &arguments)).await?;
    context.app.jobs.wake();
    Ok(Outcome::of(json!({ "done": true, "ticket": { "number": ticket.number, "subject": ticket.subject, "status": ticket.status } })))
}

fn open_ticket(context: &Context, tx: &Tx<'_>, arguments: &Value) -> Result<Ticket> {
    let (app, ws, now) = (&context.app, context.workspace_id.as_str(), context.app.now());
    let text = |name: &str| arguments[name].as_str().map(str::trim).filter(|text| !text.is_empty());
    let conversation = get_conversation(tx, ws, &context.conversation_id)?;
    let of_assistant = tickets::store::find_by_conversation(tx, ws, &conversation.id)?.into_iter().filter(|ticket| ticket.source == TicketSource::Assistant);
    if of_assistant.count() >= MOST_TICKETS {
        return Err(Error::conflict("this conversation has enough tickets; add what is new in the conversation itself"));
    }
    let mut contact_id = conversation.contact_id.clone();
    if contact_id.is_none() && workspaces::store::find_settings(tx, ws)?.ticket_contact_required && (text("name").is_none() || text("email").is_none()) {
        return Err(Error::bad_request("ask the customer for their name and email first"));
    }
    if contact_id.is_none() && let Some(email) = text("email") {
        let seen = Seen { name: text("name"), email: Some(email), ..Seen::default() };
        let contact = contacts::find_or_make(app, tx, ws, &seen, ContactSource::Widget, now)?.0;
        if conversation.channel.is_public() {
            save(app, tx, ws, &conversation, Conversation { contact_id: Some(contact.id.clone()), ..conversation.clone() }, now)?;
        }
        contact_id = Some(contact.id);
    }
    if contacts::is_blocked(tx, ws, contact_id.as_deref(), text("email"))? {
        return Err(Error::forbidden("no tickets are taken from this customer"));
    }
    let new = NewTicket {
        subject: text("subject").unwrap_or_default().to_owned(),
        description: text("description").unwrap_or_default().to_owned(),
        priority: text("priority").and_then(Priority::parse).unwrap_or(Priority::Normal),
        contact_id,
        conversation_id: Some(conversation.id),
        assignee_id: None,
        assistant_id: Some(context.assistant_id.clone()),
        tags: Vec::new(),
        source: TicketSource::Assistant,
    };
    tickets::service::create(app, tx, ws, new, &tickets::service::Actor::named("Assistant"), now)
}
