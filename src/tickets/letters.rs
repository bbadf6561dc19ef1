//! Mail about tickets: what was said to a customer who has no conversation to read it in, and a missed target for whoever
//! has the ticket.

use rusqlite::Connection;
use serde_json::json;

use super::{
    model::{Target, Ticket},
    store,
};
use crate::{
    access,
    app::App,
    clock::Timestamp,
    contacts,
    conversations::{
        letters::{business, greeting, one_line, people_to_tell},
        sentences::{self, fill},
    },
    db::Tx,
    error::Result,
    jobs::{self, Job, NewJob},
    mail::{self, Letter},
    workspaces,
};

/// The job that mails a public comment to the ticket's contact: its payload is `{ticketId, commentId}`.
pub const COMMENT_JOB: &str = "tickets.mail_comment";
/// The job that mails a missed target: its payload is `{ticketId, targets}`.
pub const BREACH_JOB: &str = "tickets.mail_breach";

/// Leaves the job that takes a comment to the customer, where mail can. Whether it can.
pub(super) fn comment(app: &App, tx: &Tx<'_>, workspace_id: &str, ticket: &Ticket, comment_id: &str, now: Timestamp) -> Result<bool> {
    let contact = match &ticket.contact_id {
        Some(id) if mail::is_configured(app) => contacts::store::find_contact(tx, workspace_id, id)?,
        _ => None,
    };
    if contact.is_none_or(|contact| contact.email.is_none()) {
        return Ok(false);
    }
    let payload = json!({"ticketId": ticket.id, "commentId": comment_id});
    let job = NewJob { kind: COMMENT_JOB, workspace_id: Some(workspace_id.to_owned()), payload, lane: Some(format!("mail:{}", ticket.id)), run_at: now };
    jobs::enqueue(tx, &app.ids, now, &job).map(|_| true)
}

/// Leaves the job that tells of missed targets.
pub(super) fn breach(app: &App, tx: &Tx<'_>, workspace_id: &str, ticket: &Ticket, targets: &[Target], now: Timestamp) -> Result<()> {
    mail::write_later(app, tx, BREACH_JOB, workspace_id, json!({"ticketId": ticket.id, "targets": targets}), now)
}

/// The handler of [`COMMENT_JOB`].
///
/// # Errors
/// Where the mail server does not take the letter now.
pub async fn mail_comment(app: App, job: Job) -> Result<()> {
    let text = |name: &str| job.payload[name].as_str().unwrap_or_default();
    let workspace_id = job.workspace_id.clone().unwrap_or_default();
    match app.db.read(|connection| comment_letter(connection, &workspace_id, text("ticketId"), text("commentId")))? {
        Some(letter) => mail::send(&app.config.smtp, letter).await,
        None => Ok(()),
    }
}

fn comment_letter(connection: &Connection, workspace_id: &str, ticket_id: &str, comment_id: &str) -> Result<Option<Letter>> {
    let Some(ticket) = store::find_ticket(connection, workspace_id, ticket_id)? else { return Ok(None) };
    let Some(comment) = store::find_comment(connection, workspace_id, ticket_id, comment_id)?.filter(|comment| !comment.internal) else { return Ok(None) };
    let contact = contacts::store::find_contact(connection, workspace_id, ticket.contact_id.as_deref().unwrap_or_default())?;
    let Some((to, contact)) = contact.and_then(|contact| contact.email.clone().map(|email| (email, contact))) else { return Ok(None) };
    let (business, subject) = (business(connection, workspace_id)?, one_line(&ticket.subject));
    let author = comment.author.unwrap_or_else(|| business.clone());
    // A ticket without a conversation has its customer's words in its description, if anywhere.
    let words = sentences::for_text(connection, workspace_id, &format!("{}\n{}", ticket.subject, ticket.description))?;
    let opening = fill(words.ticket, &[("author", &author), ("business", &business), ("number", &ticket.number.to_string()), ("subject", &subject)]);
    let text = format!("{}\n\n{opening}\n\n{}\n", greeting(words, contact.name.as_deref()), comment.body);
    Ok(Some(Letter { to, subject: format!("[#{}] {subject}", ticket.number), text }))
}

/// The handler of [`BREACH_JOB`].
///
/// # Errors
/// Those of the database.
pub async fn mail_breach(app: App, job: Job) -> Result<()> {
    let workspace_id = job.workspace_id.clone().unwrap_or_default();
    let ticket_id = job.payload["ticketId"].as_str().unwrap_or_default();
    let found = app.db.read(|connection| {
        let Some(ticket) = store::find_ticket(connection, &workspace_id, ticket_id)? else { return Ok(None) };
        // Whoever has it is told whatever the settings say; a ticket of nobody's is everybody's.
        let assignee = match &ticket.assignee_id {
            Some(id) => access::store::find_role(connection, &workspace_id, id)?.and(access::store::find_user(connection, id)?),
            None => None,
        };
        let people = match assignee {
            Some(user) => vec![user.email],
            None => people_to_tell(connection, &workspace_id, &[])?,
        };
        let is_german = workspaces::store::find_settings(connection, &workspace_id)?.is_german();
        Ok(Some((ticket, people, is_german)))
    })?;
    let Some((ticket, people, is_german)) = found else { return Ok(()) };
    let targets: Vec<Target> = serde_json::from_value(job.payload["targets"].clone())?;
    let (subject, text) = breach_words(&ticket, &targets, is_german);
    let text = format!("{text}\n\n{}/tickets/{}\n", app.config.public_url(), ticket.id);
    let letters = people.into_iter().map(|to| Letter { to, subject: subject.clone(), text: text.clone() }).collect();
    mail::hand_in(&app, job, letters).await
}

fn breach_words(ticket: &Ticket, targets: &[Target], is_german: bool) -> (String, String) {
    let (number, subject, priority) = (ticket.number, one_line(&ticket.subject), ticket.priority.word());
    let name = |target: &Target| match target {
        Target::FirstResponse if is_german => "die erste Antwort",
        Target::Resolution if is_german => "die Lösung",
        Target::FirstResponse => "the first response",
        Target::Resolution => "the resolution",
    };
    let missed: Vec<&str> = targets.iter().map(name).collect();
    if is_german {
        let text = format!("Ticket #{number} ({subject}, Priorität {priority}) hat sein Ziel für {} verfehlt.", missed.join(" und "));
        return (format!("[#{number}] Ziel verfehlt: {subject}"), text);
    }
    (format!("[#{number}] Target missed: {subject}"), format!("Ticket #{number} ({subject}, priority {priority}) has missed its target for {}.", missed.join(" and ")))
}
