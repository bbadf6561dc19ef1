//! Changes of conversations, each with the event that tells of it in the same transaction.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{
    attachments,
    model::{Conversation, ConversationStatus, Message, MessageEvent, MessageRole, MessageStatus, title_of},
    outgoing,
    store::{self, NewConversation, Outcome},
};
use crate::{
    app::App,
    clock::Timestamp,
    db::Tx,
    error::{Error, Result},
    events::{self, Kind, NewEvent},
    ids::prefix,
};

/// The job that wakes a conversation that sleeps: its payload is `{conversationId, until}`.
pub const WAKE_JOB: &str = "conversations.wake";

pub fn get_conversation(connection: &Connection, workspace_id: &str, id: &str) -> Result<Conversation> {
    store::find_conversation(connection, workspace_id, id)?.ok_or_else(|| Error::not_found("conversation"))
}

/// A message that somebody writes.
#[derive(Debug, Clone)]
pub struct NewMessage<'a> {
    pub role: MessageRole,
    pub content: &'a str,
    /// The name to show.
    pub author: Option<&'a str>,
    pub author_id: Option<&'a str>,
    /// Files that `owner_id` has uploaded and not used yet.
    pub attachments: &'a [String],
    pub owner_id: &'a str,
    /// Of a line about what happened, what it tells.
    pub event: Option<&'a MessageEvent>,
}

impl<'a> NewMessage<'a> {
    pub fn of(role: MessageRole, content: &'a str) -> Self {
        NewMessage { role, content, author: None, author_id: None, attachments: &[], owner_id: "", event: None }
    }
}

pub fn create(app: &App, tx: &Tx<'_>, new: &NewConversation<'_>) -> Result<Conversation> {
    let made = store::insert_conversation(tx, new)?;
    tell(app, tx, new.workspace_id, Kind::ConversationCreated, &made, Value::Null, new.now)?;
    Ok(made)
}

/// Tells of a conversation; `more` is laid over what the API shows of it.
pub fn tell(app: &App, tx: &Tx<'_>, workspace_id: &str, kind: Kind, conversation: &Conversation, more: Value, now: Timestamp) -> Result<()> {
    let mut data = serde_json::to_value(conversation)?;
    if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
        data.extend(more);
    }
    events::emit(tx, &app.ids, now, &NewEvent { workspace_id, kind, resource_id: &conversation.id, data })
}

/// Writes what has changed of a conversation and tells of it, by names of fields. Nothing changed, nothing told.
pub fn save(app: &App, tx: &Tx<'_>, workspace_id: &str, before: &Conversation, mut after: Conversation, now: Timestamp) -> Result<Conversation> {
    let (old, new) = (serde_json::to_value(before)?, serde_json::to_value(&after)?);
    let fields = new.as_object().into_iter().flatten().filter(|(name, value)| !matches!(name.as_str(), "unread" | "updatedAt") && old.get(*name) != Some(*value));
    let changed: Vec<String> = fields.map(|(name, _)| name.clone()).collect();
    if changed.is_empty() {
        return Ok(after);
    }
    after.updated_at = now;
    store::update_conversation(tx, workspace_id, &after, now)?;
    let is_closed = after.status == ConversationStatus::Closed && before.status != ConversationStatus::Closed;
    let told = Conversation { unread: None, ..after.clone() };
    tell(app, tx, workspace_id, Kind::ConversationUpdated, &told, json!({ "changed": changed }), now)?;
    if is_closed {
        tell(app, tx, workspace_id, Kind::ConversationClosed, &told, Value::Null, now)?;
    }
    Ok(after)
}

/// Stores what somebody said, and tells of it. What a customer says opens a closed conversation and wakes a sleeping one.
pub fn say(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, new: &NewMessage<'_>, now: Timestamp) -> Result<Message> {
    if new.role == MessageRole::User {
        let before = get_conversation(tx, workspace_id, conversation_id)?;
        let status = if before.status == ConversationStatus::Closed { ConversationStatus::Open } else { before.status };
        let title = better_title(tx, workspace_id, &before, new.content)?;
        // As a rule nothing has changed.
        if status != before.status || title != before.title || before.snoozed_until.is_some() {
            save(app, tx, workspace_id, &before, Conversation { status, title, snoozed_until: None, ..before.clone() }, now)?;
        }
    }
    let id = app.ids.new_id(prefix::MESSAGE, now);
    let mut said = store::append_message(tx, workspace_id, conversation_id, &id, new.role, new.content, new.author, MessageStatus::Complete, now)?;
    if let Some(author_id) = new.author_id {
        store::set_author(tx, workspace_id, &id, author_id)?;
    }
    if let Some(event) = new.event {
        store::set_event(tx, workspace_id, &id, &serde_json::to_string(event)?)?;
        said.event = Some(event.clone());
    }
    for (place, attachment) in new.attachments.iter().enumerate() {
        attachments::take(tx, workspace_id, attachment, new.owner_id, conversation_id, &id, place)?;
    }
    if !new.attachments.is_empty() {
        said = store::find_message(tx, workspace_id, conversation_id, &id)?.ok_or_else(|| Error::not_found("message"))?;
    }
    outgoing::tell_of(app, tx, workspace_id, conversation_id, &said, now)?;
    Ok(said)
}

/// What a conversation is called once this is said in it: a greeting makes a title only until something is asked. A title
/// that people gave stays.
fn better_title(tx: &Tx<'_>, workspace_id: &str, conversation: &Conversation, said: &str) -> Result<Option<String>> {
    const OPENING: i64 = 6;
    let Some(title) = &conversation.title else { return Ok((!said.trim().is_empty()).then(|| title_of(said))) };
    let says_little = |text: &str| text.split_whitespace().count() < 3 && text.chars().count() < 25;
    if conversation.message_count == 0 || conversation.message_count > OPENING || !says_little(title) || says_little(said) {
        return Ok(Some(title.clone()));
    }
    let earlier = store::list_messages(tx, workspace_id, &conversation.id, None, OPENING)?;
    let made_of = earlier.iter().any(|message| message.role == MessageRole::User && title_of(&message.content) == *title);
    Ok(Some(if made_of { title_of(said) } else { title.clone() }))
}

/// A line about what happened, for the people of the workspace.
pub fn note_event(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, text: &str, event: &MessageEvent, now: Timestamp) -> Result<()> {
    say(app, tx, workspace_id, conversation_id, &NewMessage { event: Some(event), ..NewMessage::of(MessageRole::Event, text) }, now).map(drop)
}

/// The customer has seen what was there at this time. The people of the workspace are told where a reply was among it.
pub fn customer_saw(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, at: Timestamp, now: Timestamp) -> Result<()> {
    let before = get_conversation(tx, workspace_id, conversation_id)?;
    if before.customer_seen_at.is_some_and(|seen| seen >= at) {
        return Ok(());
    }
    store::set_customer_seen(tx, workspace_id, conversation_id, at)?;
    if store::has_reply_between(tx, workspace_id, conversation_id, before.customer_seen_at, at)? {
        let after = Conversation { customer_seen_at: Some(at), ..before };
        tell(app, tx, workspace_id, Kind::ConversationUpdated, &after, json!({"changed": ["customerSeenAt"]}), now)?;
    }
    Ok(())
}

/// Writes down what an answer came to. It is told of once it is whole.
pub fn finish_answer(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, message_id: &str, outcome: &Outcome<'_>, now: Timestamp) -> Result<()> {
    match store::finish_answer(tx, workspace_id, message_id, outcome)? {
        Some(message) => outgoing::tell_of(app, tx, workspace_id, conversation_id, &message, now),
        None => Ok(()),
    }
}

/// Ends what a process that is gone was writing.
pub fn stop_orphaned_answers(app: &App, tx: &Tx<'_>, now: Timestamp) -> Result<()> {
    for (workspace_id, conversation_id, id) in store::stop_orphaned_answers(tx)? {
        outgoing::tell(app, tx, &workspace_id, &conversation_id, &id, now)?;
    }
    Ok(())
}

pub fn delete(app: &App, tx: &Tx<'_>, workspace_id: &str, id: &str, now: Timestamp) -> Result<()> {
    let conversation = get_conversation(tx, workspace_id, id)?;
    attachments::release_all(app, tx, workspace_id, id, now)?;
    store::delete_conversation(tx, workspace_id, id)?;
    let data = json!({"id": id, "channel": conversation.channel, "userId": conversation.user_id});
    events::emit(tx, &app.ids, now, &NewEvent { workspace_id, kind: Kind::ConversationDeleted, resource_id: id, data })
}
