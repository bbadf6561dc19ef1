//! What spans a ticket, its links, its targets and what was said: every change leaves a row of who changed what, and an event.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{
    follow::TARGET_JOB,
    letters,
    model::{CommentChannel, NewTicket, Target, Ticket, TicketChange, TicketComment, TicketFields, TicketStatus},
    store,
};
use crate::{
    access,
    app::App,
    assistants, contacts,
    clock::Timestamp,
    conversations::{self, Channel, MessageRole, MessageStatus},
    db::Tx,
    error::{Error, Result},
    events::{self, Kind, NewEvent},
    http::patch,
    ids::prefix,
    jobs::{self, NewJob},
    workspaces,
};

/// Who changes a ticket.
#[derive(Debug, Clone)]
pub struct Actor {
    /// A user's id; none for customers and machines.
    pub id: Option<String>,
    pub name: String,
}

impl Actor {
    pub fn named(name: &str) -> Self {
        Actor { id: None, name: name.to_owned() }
    }

    pub fn user(connection: &Connection, user_id: &str) -> Result<Self> {
        let name = access::store::find_user(connection, user_id)?.map_or_else(|| "Somebody".to_owned(), |user| user.name);
        Ok(Actor { id: Some(user_id.to_owned()), name })
    }
}

pub fn get_ticket(connection: &Connection, workspace_id: &str, id: &str) -> Result<Ticket> {
    store::find_ticket(connection, workspace_id, id)?.ok_or_else(|| Error::not_found("ticket"))
}

/// Makes a ticket with the workspace's next number.
///
/// # Errors
/// Fields that are not valid, and links that lead nowhere in this workspace.
pub fn create(app: &App, tx: &Tx<'_>, workspace_id: &str, new: NewTicket, actor: &Actor, now: Timestamp) -> Result<Ticket> {
    let mut ticket = Ticket {
        id: app.ids.new_id(prefix::TICKET, now),
        number: 0,
        subject: new.subject,
        description: new.description,
        status: TicketStatus::New,
        priority: new.priority,
        contact_id: new.contact_id,
        contact_name: None,
        conversation_id: new.conversation_id,
        assignee_id: new.assignee_id,
        assistant_id: new.assistant_id,
        tags: new.tags,
        source: new.source,
        due_at: None,
        breaches: Vec::new(),
        first_response_at: None,
        resolved_at: None,
        created_at: now,
        updated_at: now,
        first_response_due_at: None,
        resolution_due_at: None,
    };
    ticket.check()?;
    check_links(tx, workspace_id, None, &ticket)?;
    name_contact(tx, workspace_id, &mut ticket)?;
    set_targets(tx, workspace_id, &mut ticket)?;
    ticket.number = store::next_number(tx, workspace_id)?;
    store::insert_ticket(tx, workspace_id, &ticket)?;
    note_change(app, tx, workspace_id, &ticket.id, "status", Value::Null, json!(ticket.status), actor, now)?;
    tell(app, tx, workspace_id, Kind::TicketCreated, &ticket, now)?;
    watch_targets(app, tx, workspace_id, &ticket, now)?;
    Ok(ticket)
}

/// Lays the fields over a ticket, and writes what has changed.
pub fn change(app: &App, tx: &Tx<'_>, workspace_id: &str, id: &str, fields: TicketFields, actor: &Actor, now: Timestamp) -> Result<Ticket> {
    let before = get_ticket(tx, workspace_id, id)?;
    let mut ticket = before.clone();
    ticket.subject = fields.subject.unwrap_or(ticket.subject);
    ticket.description = fields.description.unwrap_or(ticket.description);
    ticket.status = fields.status.unwrap_or(ticket.status);
    ticket.priority = fields.priority.unwrap_or(ticket.priority);
    patch(&mut ticket.contact_id, fields.contact_id);
    patch(&mut ticket.conversation_id, fields.conversation_id);
    patch(&mut ticket.assignee_id, fields.assignee_id);
    patch(&mut ticket.assistant_id, fields.assistant_id);
    ticket.tags = fields.tags.unwrap_or(ticket.tags);
    ticket.check()?;
    before.status.check_move(ticket.status)?;
    check_links(tx, workspace_id, Some(&before), &ticket)?;
    save(app, tx, workspace_id, &before, ticket, actor, now)
}

/// Writes a changed ticket: a row and one event for what has changed; nothing where nothing has.
fn save(app: &App, tx: &Tx<'_>, workspace_id: &str, before: &Ticket, mut ticket: Ticket, actor: &Actor, now: Timestamp) -> Result<Ticket> {
    if ticket.status != before.status {
        ticket.resolved_at = match ticket.status {
            TicketStatus::Resolved | TicketStatus::Closed => before.resolved_at.or(Some(now)),
            _ => None,
        };
    }
    if ticket.priority != before.priority {
        set_targets(tx, workspace_id, &mut ticket)?;
    }
    if ticket == *before {
        return Ok(ticket);
    }
    if ticket.contact_id != before.contact_id {
        name_contact(tx, workspace_id, &mut ticket)?;
    }
    let (old, new) = (serde_json::to_value(before)?, serde_json::to_value(&ticket)?);
    for field in ["subject", "description", "status", "priority", "contactId", "conversationId", "assigneeId", "assistantId", "tags", "breaches"] {
        if old[field] != new[field] {
            note_change(app, tx, workspace_id, &ticket.id, field, old[field].clone(), new[field].clone(), actor, now)?;
        }
    }
    ticket.updated_at = now;
    ticket.set_due();
    store::update_ticket(tx, workspace_id, &ticket)?;
    tell(app, tx, workspace_id, Kind::TicketUpdated, &ticket, now)?;
    if ticket.status == TicketStatus::Resolved && before.status != TicketStatus::Resolved {
        tell(app, tx, workspace_id, Kind::TicketResolved, &ticket, now)?;
    }
    watch_targets(app, tx, workspace_id, &ticket, now)?;
    Ok(ticket)
}

/// Says something on a ticket. What is not internal goes to the customer: on the conversation that the ticket is of, and by
/// mail where there is none that they see.
#[expect(clippy::too_many_arguments, reason = "the parts of a comment")]
pub fn comment(app: &App, tx: &Tx<'_>, workspace_id: &str, id: &str, body: &str, internal: bool, actor: &Actor, now: Timestamp) -> Result<TicketComment> {
    let body = body.trim();
    if body.is_empty() || body.chars().count() > 50_000 {
        return Err(Error::invalid("body", "must have 1 to 50000 characters"));
    }
    let before = get_ticket(tx, workspace_id, id)?;
    let mut comment = TicketComment {
        id: app.ids.new_id(prefix::COMMENT, now),
        author_id: actor.id.clone(),
        author: Some(actor.name.clone()),
        is_customer: false,
        body: body.to_owned(),
        internal,
        sent_by: None,
        created_at: now,
    };
    if !internal {
        comment.sent_by = send(app, tx, workspace_id, &before, &comment, now)?;
    }
    store::insert_comment(tx, workspace_id, id, &comment)?;
    note_change(app, tx, workspace_id, id, "comment", Value::Null, json!(comment.id), actor, now)?;
    let mut ticket = before.clone();
    if !internal {
        ticket.first_response_at = ticket.first_response_at.or(Some(now));
    }
    // Told of also where only the comment is new.
    ticket.updated_at = now;
    ticket.set_due();
    store::update_ticket(tx, workspace_id, &ticket)?;
    tell(app, tx, workspace_id, Kind::TicketUpdated, &ticket, now)?;
    Ok(comment)
}

/// Takes a comment to the customer, and says which way it goes.
fn send(app: &App, tx: &Tx<'_>, workspace_id: &str, ticket: &Ticket, comment: &TicketComment, now: Timestamp) -> Result<Option<CommentChannel>> {
    let conversation = match &ticket.conversation_id {
        Some(id) => conversations::store::find_conversation(tx, workspace_id, id)?,
        None => None,
    };
    if let Some(conversation) = &conversation {
        reply(app, tx, workspace_id, &conversation.id, comment, now)?;
    }
    let channel = conversation.map(|conversation| conversation.channel);
    // A colleague's own conversation with an assistant is none that a customer reads.
    if !channel.is_some_and(Channel::is_public) && letters::comment(app, tx, workspace_id, ticket, &comment.id, now)? {
        return Ok(Some(CommentChannel::Email));
    }
    Ok(channel.map(CommentChannel::from))
}

/// Puts a comment into the conversation, from where its channel takes it to the customer.
fn reply(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, comment: &TicketComment, now: Timestamp) -> Result<()> {
    let message_id = app.ids.new_id(prefix::MESSAGE, now);
    conversations::store::append_message(
        tx, workspace_id, conversation_id, &message_id, MessageRole::Agent, &comment.body, comment.author.as_deref(), MessageStatus::Complete, now,
    )?;
    conversations::outgoing::tell(app, tx, workspace_id, conversation_id, &message_id, now)?;
    conversations::outgoing::enqueue(app, tx, workspace_id, conversation_id, &message_id, now)
}

/// The customer has written in a conversation: what waited for them is open again.
pub fn customer_wrote(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, now: Timestamp) -> Result<()> {
    for before in store::find_by_conversation(tx, workspace_id, conversation_id)? {
        if before.status == TicketStatus::WaitingOnCustomer {
            let ticket = Ticket { status: TicketStatus::Open, ..before.clone() };
            save(app, tx, workspace_id, &before, ticket, &Actor::named("Customer"), now)?;
        }
    }
    Ok(())
}

/// Notes the targets that have passed, and tells of them. When to look again is the next target.
pub(super) fn breach(app: &App, tx: &Tx<'_>, workspace_id: &str, id: &str, now: Timestamp) -> Result<()> {
    let Some(before) = store::find_ticket(tx, workspace_id, id)? else { return Ok(()) };
    let mut ticket = before.clone();
    for target in [Target::FirstResponse, Target::Resolution] {
        if ticket.awaits(target).is_some_and(|due| due <= now) && !ticket.breaches.contains(&target) {
            ticket.breaches.push(target);
        }
    }
    if ticket.breaches != before.breaches {
        let new: Vec<Target> = ticket.breaches.iter().copied().filter(|target| !before.breaches.contains(target)).collect();
        letters::breach(app, tx, workspace_id, &ticket, &new, now)?;
        save(app, tx, workspace_id, &before, ticket, &Actor::named("Targets"), now)?;
    }
    Ok(())
}

fn name_contact(connection: &Connection, workspace_id: &str, ticket: &mut Ticket) -> Result<()> {
    let contact = match &ticket.contact_id {
        Some(id) => contacts::store::find_contact(connection, workspace_id, id)?,
        None => None,
    };
    ticket.contact_name = contact.and_then(|contact| contact.name.or(contact.email).or(contact.phone));
    Ok(())
}

fn check_links(connection: &Connection, workspace_id: &str, before: Option<&Ticket>, ticket: &Ticket) -> Result<()> {
    let is_new = |now: &Option<String>, then: Option<&Option<String>>| now.as_ref().filter(|_| then != Some(now)).cloned();
    if let Some(id) = is_new(&ticket.contact_id, before.map(|ticket| &ticket.contact_id))
        && contacts::store::find_contact(connection, workspace_id, &id)?.is_none()
    {
        return Err(Error::invalid("contactId", "is no contact of this workspace"));
    }
    if let Some(id) = is_new(&ticket.conversation_id, before.map(|ticket| &ticket.conversation_id))
        && conversations::store::find_conversation(connection, workspace_id, &id)?.is_none()
    {
        return Err(Error::invalid("conversationId", "is no conversation of this workspace"));
    }
    if let Some(id) = is_new(&ticket.assignee_id, before.map(|ticket| &ticket.assignee_id))
        && access::store::find_role(connection, workspace_id, &id)?.is_none_or(|role| role < access::Role::Member)
    {
        return Err(Error::invalid("assigneeId", "is nobody who works in this workspace"));
    }
    if let Some(id) = is_new(&ticket.assistant_id, before.map(|ticket| &ticket.assistant_id))
        && assistants::store::find_assistant(connection, workspace_id, &id)?.is_none()
    {
        return Err(Error::invalid("assistantId", "is no assistant of this workspace"));
    }
    Ok(())
}

/// By when a ticket of this priority is to be answered and resolved, from its beginning on, in opening hours.
fn set_targets(connection: &Connection, workspace_id: &str, ticket: &mut Ticket) -> Result<()> {
    let settings = workspaces::store::find_settings(connection, workspace_id)?;
    let target = ticket.priority.target(&settings.sla_targets);
    let after = |minutes: Option<i64>| {
        minutes.map(|minutes| match &settings.hours() {
            Some(hours) => hours.add_open_time(ticket.created_at, minutes, &settings.zone()),
            None => Timestamp::from_millis(ticket.created_at.millis() + minutes * 60_000),
        })
    };
    let (first, whole) = (after(target.first_response_minutes), after(target.resolution_minutes));
    (ticket.first_response_due_at, ticket.resolution_due_at) = (first, whole);
    ticket.set_due();
    Ok(())
}

/// Leaves a job that looks at the ticket when its next target passes.
fn watch_targets(app: &App, tx: &Tx<'_>, workspace_id: &str, ticket: &Ticket, now: Timestamp) -> Result<()> {
    let waiting = [Target::FirstResponse, Target::Resolution].into_iter().filter(|target| !ticket.breaches.contains(target));
    let Some(run_at) = waiting.filter_map(|target| ticket.awaits(target)).min() else { return Ok(()) };
    let job = NewJob { kind: TARGET_JOB, workspace_id: Some(workspace_id.to_owned()), payload: json!({"ticketId": ticket.id}), lane: None, run_at: run_at.max(now) };
    jobs::enqueue(tx, &app.ids, now, &job).map(drop)
}

fn tell(app: &App, tx: &Tx<'_>, workspace_id: &str, kind: Kind, ticket: &Ticket, now: Timestamp) -> Result<()> {
    events::emit(tx, &app.ids, now, &NewEvent { workspace_id, kind, resource_id: &ticket.id, data: serde_json::to_value(ticket)? })
}

#[expect(clippy::too_many_arguments, reason = "the parts of one row")]
fn note_change(app: &App, tx: &Tx<'_>, workspace_id: &str, ticket_id: &str, field: &str, from: Value, to: Value, actor: &Actor, now: Timestamp) -> Result<()> {
    let change = TicketChange {
        id: app.ids.new_id(prefix::CHANGE, now),
        field: field.to_owned(),
        from,
        to,
        actor_id: actor.id.clone(),
        actor: actor.name.clone(),
        created_at: now,
    };
    store::insert_change(tx, workspace_id, ticket_id, &change)
}
