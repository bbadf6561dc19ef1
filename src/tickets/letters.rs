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
    conversations::letters::{business, greeting, one_line, people_to_tell},
    db::Tx,
    error::Result,
    jobs::{self, Job, NewJob},
    mail::{self, Letter},
};

/// The job that mails a public comment to the ticket's contact: its payload is `{ticketId, body, author}`.
pub const COMMENT_JOB: &str = "tickets.mail_comment";
/// The job that mails a missed target: its payload is `{ticketId, targets}`.
pub const BREACH_JOB: &str = "tickets.mail_breach";

/// Leaves the job that takes a comment to the customer, where mail can.
pub(super) fn comment(app: &App, tx: &Tx<'_>, workspace_id: &str, ticket: &Ticket, comment_id: &str, now: Timestamp) -> Result<()> {
    if !mail::is_configured(app) || ticket.contact_id.is_none() {
        return Ok(());
    }
    let payload = json!({"ticketId": ticket.id, "commentId": comment_id});
    let job = NewJob { kind: COMMENT_JOB, workspace_id: Some(workspace_id.to_owned()), payload, lane: Some(format!("mail:{}", ticket.id)), run_at: now };
    jobs::enqueue(tx, &app.ids, now, &job).map(drop)
}

/// Leaves the job that tells of missed targets.
pub(super) fn breach(app: &App, tx: &Tx<'_>, workspace_id: &str, ticket: &Ticket, targets: &[Target], now: Timestamp) -> Result<()> {
    if !mail::is_configured(app) {
        return Ok(());
    }
    let payload = json!({"ticketId": ticket.id, "targets": targets});
    jobs::enqueue(tx, &app.ids, now, &NewJob { kind: BREACH_JOB, workspace_id: Some(workspace_id.to_owned()), payload, lane: None, run_at: now }).map(drop)
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
    let text = format!(
        "{}\n\n{author} of {business} has written about your ticket #{} ({subject}):\n\n{}\n",
        greeting(contact.name.as_deref()),
        ticket.number,
        comment.body
    );
    Ok(Some(Letter { to, subject: format!("[#{}] {subject}", ticket.number), text }))
}

/// The handler of [`BREACH_JOB`].
///
/// # Errors
/// Those of the database.
pub async fn mail_breach(app: App, job: Job) -> Result<()> {
    let (workspace_id, now) = (job.workspace_id.clone().unwrap_or_default(), app.now());
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
        Ok(Some((ticket, people)))
    })?;
    let Some((ticket, people)) = found else { return Ok(()) };
    let missed: Vec<String> = job.payload["targets"].as_array().into_iter().flatten().filter_map(|target| target.as_str()).map(|target| target.replace('_', " ")).collect();
    let text = format!(
        "Ticket #{} ({}, priority {}) has missed its target for the {}.\n\n{}/tickets/{}\n",
        ticket.number, one_line(&ticket.subject), ticket.priority.word(), missed.join(" and the "), app.config.public_url(), ticket.id
    );
    let subject = format!("[#{}] Target missed: {}", ticket.number, one_line(&ticket.subject));
    let sealed: Vec<String> = people.into_iter().map(|to| mail::seal(&app, &Letter { to, subject: subject.clone(), text: text.clone() })).collect::<Result<_>>()?;
    let app_ = app.clone();
    app.db
        .write(move |tx| {
            sealed.iter().try_for_each(|sealed| mail::enqueue(tx, &app_.ids, now, Some(&workspace_id), sealed))?;
            jobs::finish(tx, &job.id)
        })
        .await?;
    app.jobs.wake();
    Ok(())
}
