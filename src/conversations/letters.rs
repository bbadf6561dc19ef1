//! Mail for people who are not looking: an agent's reply for a customer who has left, and a handoff for those who answer.
//! Each begins as a job in the transaction of what it tells of; what a letter says is looked up when it is written.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use super::{
    model::{Conversation, EventKind, HandoffReason, Message, MessageEvent, MessageRole},
    sentences::{self, Sentences, fill},
    service, store,
};
use crate::{
    access::{Role, model::check_email},
    app::App,
    assistants::{self, Assistant},
    clock::Timestamp,
    contacts,
    db::Tx,
    error::Result,
    jobs::{self, Job, NewJob},
    mail::{self, Letter},
    workspaces,
};

/// The job that looks whether a customer has read a reply, and mails it where not: its payload is `{conversationId}`.
pub const REPLY_JOB: &str = "conversations.mail_reply";
/// The job that mails a handoff to those who answer: its payload is `{conversationId, reason, escalated}`.
pub const HANDOFF_JOB: &str = "handoff.mail";
/// How long a reply may be unread before it is mailed.
const PATIENCE: Duration = Duration::from_secs(120);
/// How much of what was said a letter repeats.
const MOST_CHARACTERS: usize = 4_000;

/// Leaves the job that follows an agent's reply up.
pub(super) fn follow_up(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, now: Timestamp) -> Result<()> {
    let payload = json!({"conversationId": conversation_id});
    let lane = Some(format!("mail:{conversation_id}"));
    jobs::enqueue(tx, &app.ids, now, &NewJob { kind: REPLY_JOB, workspace_id: Some(workspace_id.to_owned()), payload, lane, run_at: now.plus(PATIENCE) }).map(drop)
}

/// What a customer has not read, and whom it is for.
struct Unread {
    messages: Vec<Message>,
    to: Option<String>,
    name: Option<String>,
    business: String,
    words: &'static Sentences,
}

fn find_unread(connection: &Connection, workspace_id: &str, conversation_id: &str) -> Result<Option<Unread>> {
    let Some(conversation) = store::find_conversation(connection, workspace_id, conversation_id)? else { return Ok(None) };
    let messages = store::list_unread_replies(connection, workspace_id, conversation_id)?;
    if messages.is_empty() {
        return Ok(None);
    }
    let contact = match &conversation.contact_id {
        Some(id) => contacts::store::find_contact(connection, workspace_id, id)?,
        None => None,
    };
    let (to, name) = contact.map_or((None, None), |contact| (contact.email, contact.name));
    let assistant = assistant_of(connection, workspace_id, &conversation)?;
    let words = sentences::for_customer(connection, workspace_id, &conversation, assistant.as_ref())?;
    Ok(Some(Unread { messages, to, name, business: business(connection, workspace_id)?, words }))
}

/// What a business calls itself to its customers.
pub fn business(connection: &Connection, workspace_id: &str) -> Result<String> {
    let workspace = workspaces::store::find_workspace(connection, workspace_id, Role::Guest)?;
    Ok(workspace.map_or_else(String::new, |workspace| workspace.settings.branding.name.unwrap_or(workspace.name)))
}

/// The handler of [`REPLY_JOB`]: replies that follow one another go in one letter. Where there is no way to mail them, the
/// conversation says so.
///
/// # Errors
/// Those of the database.
pub async fn mail_replies(app: App, job: Job) -> Result<()> {
    let (workspace_id, now) = (job.workspace_id.clone().unwrap_or_default(), app.now());
    let conversation_id = job.payload["conversationId"].as_str().unwrap_or_default().to_owned();
    let Some(unread) = app.db.read(|connection| find_unread(connection, &workspace_id, &conversation_id))? else { return Ok(()) };
    let Some(newest) = unread.messages.last().map(|message| message.created_at) else { return Ok(()) };
    // A younger reply has a job of its own, which takes all of them.
    if now.since(newest) + Duration::from_secs(1) < PATIENCE {
        return Ok(());
    }
    let (sealed, kind, line) = match &unread.to {
        Some(to) if mail::is_configured(&app) => {
            (Some(mail::seal(&app, &reply_letter(&app, &unread, to))?), EventKind::ReplyMailed, format!("The customer is away: the reply was mailed to {to}."))
        }
        Some(_) => (None, EventKind::ReplyWaits, "The customer is away, and this server sends no mail: the reply waits for them where they wrote.".to_owned()),
        None => (None, EventKind::ReplyWaits, "The customer is away, and has left no email: the reply waits for them where they wrote.".to_owned()),
    };
    let event = MessageEvent { email: unread.to.clone(), ..MessageEvent::of(kind) };
    let app_ = app.clone();
    app.db
        .write(move |tx| {
            store::mark_followed_up(tx, &workspace_id, &conversation_id, newest, now)?;
            if let Some(sealed) = &sealed {
                mail::enqueue(tx, &app_.ids, now, Some(&workspace_id), sealed)?;
            }
            service::note_event(&app_, tx, &workspace_id, &conversation_id, &line, &event, now)?;
            jobs::finish(tx, &job.id)
        })
        .await?;
    app.jobs.wake();
    Ok(())
}

fn reply_letter(app: &App, unread: &Unread, to: &str) -> Letter {
    let author = unread.messages.last().and_then(|message| message.author.clone()).unwrap_or_else(|| unread.business.clone());
    let names = [("author", author.as_str()), ("business", &unread.business)];
    let mut text = format!("{}\n\n{}\n\n", greeting(unread.words, unread.name.as_deref()), fill(unread.words.answered, &names));
    for message in &unread.messages {
        text.push_str(&shorten(&message.content));
        text.push_str("\n\n");
        for file in &message.attachments {
            text.push_str(&format!("{}: {}{}\n\n", file.filename, app.config.public_url(), file.url));
        }
    }
    text.push_str(unread.words.go_back);
    text.push('\n');
    Letter { to: to.to_owned(), subject: fill(unread.words.answered_subject, &[("business", &one_line(&unread.business))]), text }
}

pub fn greeting(words: &Sentences, name: Option<&str>) -> String {
    words.greeting(name.map(one_line).filter(|name| !name.is_empty()).as_deref())
}

fn assistant_of(connection: &Connection, workspace_id: &str, conversation: &Conversation) -> Result<Option<Assistant>> {
    match &conversation.assistant_id {
        Some(id) => assistants::store::find_assistant(connection, workspace_id, id),
        None => Ok(None),
    }
}

/// For a letter's head.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).take(120).collect()
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= MOST_CHARACTERS { text.to_owned() } else { text.chars().take(MOST_CHARACTERS).chain(['…']).collect() }
}

/// Leaves the job that mails a handoff.
pub(super) fn notify(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation: &Conversation, escalated: bool, now: Timestamp) -> Result<()> {
    let payload = json!({"conversationId": conversation.id, "reason": conversation.handoff_reason, "escalated": escalated});
    mail::write_later(app, tx, HANDOFF_JOB, workspace_id, payload, now)
}

/// Whom the workspace's notices go to: everybody who answers, where its settings say so, and those who are named, by
/// user's id or email.
pub fn people_to_tell(connection: &Connection, workspace_id: &str, named: &[String]) -> Result<Vec<String>> {
    const MOST: i64 = 1_000;
    let (members, _) = workspaces::store::list_members(connection, workspace_id, MOST, 0)?;
    let everybody = workspaces::store::find_settings(connection, workspace_id)?.notify.email;
    let answering = members.iter().filter(|member| member.role >= Role::Member);
    let mut emails: Vec<String> = answering.filter(|member| everybody || named.contains(&member.user_id)).map(|member| member.email.clone()).collect();
    emails.extend(named.iter().filter_map(|name| check_email(name).ok()));
    emails.sort_by_key(|email| email.to_lowercase());
    emails.dedup_by_key(|email| email.to_lowercase());
    Ok(emails)
}

/// The handler of [`HANDOFF_JOB`].
///
/// # Errors
/// Those of the database.
pub async fn mail_handoff(app: App, job: Job) -> Result<()> {
    let workspace_id = job.workspace_id.clone().unwrap_or_default();
    let conversation_id = job.payload["conversationId"].as_str().unwrap_or_default().to_owned();
    let found = app.db.read(|connection| {
        let Some(conversation) = store::find_conversation(connection, &workspace_id, &conversation_id)? else { return Ok(None) };
        let assistant = assistant_of(connection, &workspace_id, &conversation)?;
        let people = people_to_tell(connection, &workspace_id, &assistant.map(|assistant| assistant.handoff.notify).unwrap_or_default())?;
        let messages = store::list_messages(connection, &workspace_id, &conversation_id, None, 40)?;
        let is_german = workspaces::store::find_settings(connection, &workspace_id)?.is_german();
        Ok(Some((conversation, people, messages, is_german)))
    })?;
    let Some((conversation, people, messages, is_german)) = found else { return Ok(()) };
    let escalated = job.payload["escalated"].as_bool().unwrap_or_default();
    let reason: Option<HandoffReason> = serde_json::from_value(job.payload["reason"].clone()).unwrap_or_default();
    let letters = people.into_iter().map(|to| handoff_letter(&app, &conversation, &messages, reason, escalated, is_german, to)).collect();
    mail::hand_in(&app, job, letters).await
}

/// Why a person is wanted, in German; the words of the API are English already.
pub fn german(reason: HandoffReason) -> &'static str {
    match reason {
        HandoffReason::CustomerRequest => "auf Wunsch des Kunden",
        HandoffReason::MissingKnowledge => "das Wissen fehlt",
        HandoffReason::UnsupportedRequest => "die Bitte geht über das hinaus, was der Assistent kann",
        HandoffReason::Policy => "eine Regel verlangt es",
        HandoffReason::ToolFailure => "es gab einen Fehler",
        HandoffReason::LowRating => "schlechte Bewertung",
    }
}

fn handoff_letter(app: &App, conversation: &Conversation, messages: &[Message], reason: Option<HandoffReason>, escalated: bool, is_german: bool, to: String) -> Letter {
    let title = conversation.title.as_deref().map(one_line);
    let (subject, opening, wrote) = match (is_german, escalated) {
        (false, false) => ("A person is wanted", "A person is wanted in this conversation", "The customer wrote:"),
        (false, true) => ("Still waiting for a person", "Nobody has come yet. This conversation still waits for a person", "The customer wrote:"),
        (true, false) => ("Ein Mensch wird gebraucht", "In diesem Gespräch wird ein Mensch gebraucht", "Der Kunde schrieb:"),
        (true, true) => ("Es wartet noch immer jemand", "Noch ist niemand gekommen. Dieses Gespräch wartet weiter auf einen Menschen", "Der Kunde schrieb:"),
    };
    let reason = match reason {
        Some(reason) if is_german => german(reason).to_owned(),
        reason => reason.map(|reason| reason.word().replace('_', " ")).unwrap_or_default(),
    };
    let by = if is_german { "über" } else { "by" };
    let subject = format!("{subject}: {}", title.unwrap_or_else(|| if is_german { "ein Gespräch" } else { "a conversation" }.to_owned()));
    let mut text = format!("{opening} ({reason}, {by} {}):\n\n{}/conversations/{}\n", conversation.channel.word(), app.config.public_url(), conversation.id);
    if let Some(said) = messages.iter().rev().find(|message| message.role == MessageRole::User) {
        text.push_str(&format!("\n{wrote}\n\n{}\n", shorten(&said.content)));
    }
    Letter { to, subject, text }
}
