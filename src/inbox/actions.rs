//! What an agent does with a conversation, each in one transaction that looks first: of two who take over at once, one is
//! told who was quicker.

use rusqlite::Connection;
use serde_json::json;

use crate::{
    access::{self, Caller, Role},
    app::App,
    clock::Timestamp,
    contacts,
    conversations::{
        self, Conversation, Message, MessageRole,
        model::{ConversationStatus, EventKind, EventPerson, Handler, MessageEvent},
        outgoing,
        service::{self, NewMessage, WAKE_JOB},
    },
    db::Tx,
    error::{Error, Result},
    jobs::{self, NewJob},
};

pub fn name_of(connection: &Connection, user_id: &str) -> Result<String> {
    Ok(access::store::find_user(connection, user_id)?.map_or_else(|| "Somebody".to_owned(), |user| user.name))
}

fn person(connection: &Connection, user_id: &str) -> Result<EventPerson> {
    Ok(EventPerson { id: user_id.to_owned(), name: name_of(connection, user_id)? })
}

fn get(tx: &Tx<'_>, who: &Caller, id: &str) -> Result<Conversation> {
    let found = conversations::get_seen(tx, who, id)?;
    if !found.channel.is_public() {
        return Err(Error::conflict("This conversation is somebody's own, by the API or the dashboard. People join those of the widget, SMS and sites."));
    }
    Ok(Conversation { unread: None, ..found })
}

/// The caller has the conversation from now on.
pub fn take_over(app: &App, tx: &Tx<'_>, who: &Caller, id: &str, now: Timestamp) -> Result<Conversation> {
    let before = get(tx, who, id)?;
    if let (Handler::Human, Some(other)) = (before.handler, before.assignee_id.as_ref().filter(|other| **other != who.user_id)) {
        let name = name_of(tx, other)?;
        return Err(Error::conflict(format!("{name} already has this conversation.")).detail("assigneeId", other).detail("assigneeName", name));
    }
    assign_to(app, tx, who, before, Some(who.user_id.clone()), now)
}

fn assign_to(app: &App, tx: &Tx<'_>, who: &Caller, before: Conversation, user_id: Option<String>, now: Timestamp) -> Result<Conversation> {
    let status = match before.status {
        ConversationStatus::Pending if user_id.is_some() => ConversationStatus::Open,
        other => other,
    };
    let mut after = Conversation { handler: Handler::Human, assignee_id: user_id, status, ..before.clone() };
    if after.assignee_id.is_some() {
        (after.handoff_reason, after.handed_off_at, after.escalated_at) = (None, None, None);
    }
    let is_new = after.assignee_id != before.assignee_id || after.handler != before.handler;
    let after = service::save(app, tx, &who.workspace_id, &before, after, now)?;
    if is_new {
        let actor = person(tx, &who.user_id)?;
        let (kind, user, line) = match &after.assignee_id {
            Some(user_id) if *user_id == who.user_id => (EventKind::Joined, Some(actor.clone()), format!("{} has joined the conversation.", actor.name)),
            Some(user_id) => {
                let user = person(tx, user_id)?;
                let line = format!("{} has given the conversation to {}.", actor.name, user.name);
                (EventKind::Assigned, Some(user), line)
            }
            None => (EventKind::Unassigned, None, format!("{} has made the conversation nobody's.", actor.name)),
        };
        service::note_event(app, tx, &who.workspace_id, &after.id, &line, &MessageEvent { actor: Some(actor), user, ..MessageEvent::of(kind) }, now)?;
    }
    Ok(after)
}

/// The assistant answers again.
pub fn release(app: &App, tx: &Tx<'_>, who: &Caller, id: &str, now: Timestamp) -> Result<Conversation> {
    let before = get(tx, who, id)?;
    if before.assistant_id.is_none() {
        return Err(Error::conflict("This conversation has no assistant that could answer. Assign it to somebody else, or close it."));
    }
    let after = Conversation { handler: Handler::Ai, assignee_id: None, handoff_reason: None, handed_off_at: None, escalated_at: None, ..before.clone() };
    let after = Conversation { status: if before.status == ConversationStatus::Pending { ConversationStatus::Open } else { before.status }, ..after };
    if before.handler == Handler::Human {
        let actor = person(tx, &who.user_id)?;
        let line = format!("{} has given the conversation back to the assistant.", actor.name);
        service::note_event(app, tx, &who.workspace_id, id, &line, &MessageEvent { actor: Some(actor), ..MessageEvent::of(EventKind::Released) }, now)?;
    }
    service::save(app, tx, &who.workspace_id, &before, after, now)
}

/// Somebody else has it, or nobody in particular; an assistant answers no more either way.
pub fn assign(app: &App, tx: &Tx<'_>, who: &Caller, id: &str, user_id: Option<String>, now: Timestamp) -> Result<Conversation> {
    let before = get(tx, who, id)?;
    if let Some(user_id) = &user_id {
        let role = access::store::find_role(tx, &who.workspace_id, user_id)?;
        if role.is_none_or(|role| role < Role::Member) {
            return Err(Error::invalid("userId", "is nobody of this workspace who answers conversations"));
        }
    }
    assign_to(app, tx, who, before, user_id, now)
}

pub fn set_status(app: &App, tx: &Tx<'_>, who: &Caller, id: &str, status: ConversationStatus, now: Timestamp) -> Result<Conversation> {
    let before = Conversation { unread: None, ..conversations::get_seen(tx, who, id)? };
    let mut after = Conversation { status, snoozed_until: None, ..before.clone() };
    if status == ConversationStatus::Closed {
        // Nobody is waited for any more; the next question is the assistant's again.
        (after.handoff_reason, after.handed_off_at, after.escalated_at) = (None, None, None);
        if after.assistant_id.is_some() {
            (after.handler, after.assignee_id) = (Handler::Ai, None);
        }
    }
    service::save(app, tx, &who.workspace_id, &before, after, now)
}

pub fn snooze(app: &App, tx: &Tx<'_>, who: &Caller, id: &str, until: Timestamp, now: Timestamp) -> Result<Conversation> {
    if until <= now {
        return Err(Error::invalid("until", "must be in the future"));
    }
    let before = get(tx, who, id)?;
    let payload = json!({"conversationId": id});
    jobs::enqueue(tx, &app.ids, now, &NewJob { kind: WAKE_JOB, workspace_id: Some(who.workspace_id.clone()), payload, lane: None, run_at: until })?;
    service::save(app, tx, &who.workspace_id, &before, Conversation { snoozed_until: Some(until), ..before.clone() }, now)
}

/// What may be changed by hand.
pub struct Change {
    pub title: Option<Option<String>>,
    pub tags: Option<Vec<String>>,
    pub contact_id: Option<Option<String>>,
}

pub fn change(app: &App, tx: &Tx<'_>, who: &Caller, id: &str, change: Change, now: Timestamp) -> Result<Conversation> {
    let before = Conversation { unread: None, ..conversations::get_seen(tx, who, id)? };
    let mut after = before.clone();
    if let Some(title) = change.title {
        after.title = title.map(|title| access::model::check_name("title", &title, 200)).transpose()?;
    }
    if let Some(tags) = change.tags {
        if tags.len() > 50 {
            return Err(Error::invalid("tags", "must have at most 50 entries"));
        }
        let mut clean: Vec<String> = tags.iter().map(|tag| access::model::check_name("tags", tag, 60)).collect::<Result<_>>()?;
        clean.sort();
        clean.dedup();
        after.tags = clean;
    }
    if let Some(contact_id) = change.contact_id {
        if let Some(id) = &contact_id {
            contacts::store::find_contact(tx, &who.workspace_id, id)?.ok_or_else(|| Error::invalid("contactId", "is no contact of this workspace"))?;
        }
        after.contact_id = contact_id;
    }
    service::save(app, tx, &who.workspace_id, &before, after, now)
}

/// What an agent writes: to the customer, by the conversation's own channel, or to colleagues. Whoever replies where the
/// assistant had the conversation has taken it over.
#[expect(clippy::too_many_arguments, reason = "the parts of a reply")]
pub fn reply(app: &App, tx: &Tx<'_>, who: &Caller, id: &str, content: &str, attachments: &[String], is_note: bool, now: Timestamp) -> Result<Message> {
    let before = get(tx, who, id)?;
    let author = name_of(tx, &who.user_id)?;
    if !is_note {
        let before = if before.status == ConversationStatus::Closed { set_status(app, tx, who, id, ConversationStatus::Open, now)? } else { before };
        if before.handler == Handler::Ai || before.assignee_id.is_none() {
            assign_to(app, tx, who, before, Some(who.user_id.clone()), now)?;
        }
    }
    let role = if is_note { MessageRole::Note } else { MessageRole::Agent };
    let new = NewMessage { author: Some(&author), author_id: Some(&who.user_id), attachments, owner_id: &who.user_id, ..NewMessage::of(role, content) };
    let message = service::say(app, tx, &who.workspace_id, id, &new, now)?;
    if !is_note {
        outgoing::enqueue(app, tx, &who.workspace_id, id, &message.id, now)?;
    }
    conversations::store::mark_read(tx, &who.workspace_id, id, &who.user_id, message.created_at)?;
    Ok(message)
}
