//! Messages on their way out: the assistant's answer is made and put into parts, then each part is handed to Twilio, with
//! retries for what may pass. What was handed over is written down at once, so that a job that runs again sends the rest.

use rusqlite::Connection;

use super::{
    model::{Account, Direction, SmsMessage},
    store::{self, NewSms},
    text,
    twilio::{Twilio, explain},
};
use crate::{
    answering::{self, Answers, Asker, ChatMessage, ChatRole, Question},
    app::App,
    assistants,
    conversations::{self, Channel, Message, MessageRole, MessageStatus, model::Handler, outgoing},
    db::Tx,
    error::{Error, Result},
    ids::prefix,
    jobs::Job,
};

/// The job that sends one message that is no conversation's: its payload is `{smsId}`.
pub const SEND_WORDS_JOB: &str = "sms.words";
pub(super) const SEAL_PURPOSE: &str = "sms.auth_token";
/// The queue gives a job up after so many.
const MOST_ATTEMPTS: i64 = 8;

/// Answers what a conversation has not answered yet, and leaves the job that sends it.
///
/// # Errors
/// Where nothing could be said; the queue tries again.
pub async fn answer(app: App, answers: Answers, job: Job) -> Result<()> {
    let workspace_id = job.workspace_id.clone().unwrap_or_default();
    let text = |name: &str| job.payload[name].as_str().unwrap_or_default().to_owned();
    let (assistant_id, conversation_id) = (text("assistantId"), text("conversationId"));
    let found = app.db.read(|connection| {
        let conversation = conversations::store::find_conversation(connection, &workspace_id, &conversation_id)?;
        let assistant = assistants::store::find_assistant(connection, &workspace_id, &assistant_id)?;
        let messages = conversations::store::list_messages(connection, &workspace_id, &conversation_id, None, 60)?;
        Ok(conversation.zip(assistant).map(|(conversation, assistant)| (conversation, assistant, messages)))
    })?;
    // A person may have taken over meanwhile.
    let Some((_, assistant, messages)) = found.filter(|(conversation, ..)| conversation.handler == Handler::Ai) else { return Ok(()) };
    let asked = unanswered(&messages);
    if asked.is_empty() {
        // An earlier run may have answered and not come to the sending.
        return match messages.iter().rev().find(|message| message.role == MessageRole::Assistant && message.status == MessageStatus::Complete) {
            Some(message) => hand_over(&app, &workspace_id, &conversation_id, &message.id).await,
            None => Ok(()),
        };
    }
    let assistant = app.db.read(|connection| assistants::service::present(&app, connection, &workspace_id, assistant))?;
    crate::providers::ready(&app, &workspace_id).await?;
    let question = Question { conversation_id: Some(conversation_id.clone()), messages: asked, idempotency: None, session_token: None, replaces: None, web_search: None };
    let asker = Asker::new(workspace_id.clone(), None, Channel::Sms);
    let answering = answering::start(&app, &answers, assistant, asker, question).await?;
    answering.log.whole().await;
    let message = app.db.read(|connection| conversations::store::find_message(connection, &workspace_id, &conversation_id, &answering.message_id))?;
    match message {
        Some(message) if message.status == MessageStatus::Complete && !message.content.trim().is_empty() => hand_over(&app, &workspace_id, &conversation_id, &message.id).await,
        // Somebody stopped it, or took over.
        Some(message) if message.status == MessageStatus::Stopped => Ok(()),
        _ => Err(Error::upstream("the assistant had no answer")),
    }
}

/// What the customer has said last and nobody has answered, as the questions of one turn: an unbroken row at the end, which
/// `answering` then knows for what is stored already.
fn unanswered(messages: &[Message]) -> Vec<ChatMessage> {
    let broken_off = |message: &&Message| message.role == MessageRole::Assistant && message.status != MessageStatus::Complete;
    let row = messages.iter().rev().filter(|message| !broken_off(message)).take_while(|message| message.role == MessageRole::User && text::word(&message.content).is_none());
    let mut asked: Vec<ChatMessage> = row.map(|message| ChatMessage { role: ChatRole::User, content: message.content.clone() }).collect();
    asked.reverse();
    asked
}

async fn hand_over(app: &App, workspace_id: &str, conversation_id: &str, message_id: &str) -> Result<()> {
    let (app_, now) = (app.clone(), app.now());
    let (workspace_id, conversation_id, message_id) = (workspace_id.to_owned(), conversation_id.to_owned(), message_id.to_owned());
    app.db
        .write(move |tx| {
            if store::list_parts(tx, &workspace_id, &message_id)?.is_empty() {
                outgoing::enqueue(&app_, tx, &workspace_id, &conversation_id, &message_id, now)?;
            }
            Ok(())
        })
        .await?;
    app.jobs.wake();
    Ok(())
}

/// Sends a message of a conversation, the assistant's or an agent's, or one that stands by itself.
///
/// # Errors
/// Where Twilio is out of reach or busy; the queue tries again.
pub async fn send(app: App, job: Job) -> Result<()> {
    let workspace_id = job.workspace_id.clone().unwrap_or_default();
    let parts = match job.payload["smsId"].as_str() {
        Some(id) => app.db.read(|connection| store::find_message(connection, &workspace_id, id))?.into_iter().collect(),
        None => {
            let text = |name: &str| job.payload[name].as_str().unwrap_or_default().to_owned();
            let (app_, ws, conversation_id, message_id) = (app.clone(), workspace_id.clone(), text("conversationId"), text("messageId"));
            app.db.write(move |tx| prepare(&app_, tx, &ws, &conversation_id, &message_id)).await?
        }
    };
    for part in parts {
        if part.sid.is_none() && matches!(part.status.as_str(), "queued" | "retrying") {
            send_part(&app, &workspace_id, &part, job.attempts).await?;
        }
    }
    Ok(())
}

/// The parts of a message, made where they are not there yet.
fn prepare(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, message_id: &str) -> Result<Vec<SmsMessage>> {
    let parts = store::list_parts(tx, workspace_id, message_id)?;
    if !parts.is_empty() {
        return Ok(parts);
    }
    let Some(message) = conversations::store::find_message(tx, workspace_id, conversation_id, message_id)? else { return Ok(Vec::new()) };
    let Some((assistant_id, phone, contact_id)) = store::find_party(tx, workspace_id, conversation_id)? else { return Ok(Vec::new()) };
    let now = app.now();
    // What a person wrote is sent as it was written.
    let mut body = if message.role == MessageRole::Assistant { text::plain(&message.content) } else { message.content };
    for file in &message.attachments {
        // A phone opens a link; whoever has it may read the file.
        body = format!("{}\n{}{}", body.trim_end(), app.config.public_url(), file.url).trim_start().to_owned();
    }
    for (part, body) in (0..).zip(text::split(&body)) {
        let id = app.ids.new_id(prefix::MESSAGE, now);
        store::insert_message(
            tx,
            &NewSms {
                id: &id, workspace_id, assistant_id: &assistant_id, direction: Direction::Outbound, phone: &phone, contact_id: contact_id.as_deref(),
                conversation_id: Some(conversation_id), message_id: Some(message_id), part, body: &body, sid: None, status: "queued", now,
            },
        )?;
    }
    store::touch_session(tx, workspace_id, conversation_id, now)?;
    store::list_parts(tx, workspace_id, message_id)
}

async fn send_part(app: &App, workspace_id: &str, part: &SmsMessage, attempts: i64) -> Result<()> {
    let (account, stopped) = app.db.read(|connection| account_of(connection, workspace_id, part))?;
    let is_answer_to_word = part.message_id.is_none();
    let refused = match &account {
        None => Some("SMS is not configured for this assistant any more."),
        Some(account) if !account.enabled => Some("SMS is switched off for this assistant."),
        Some(_) if stopped && !is_answer_to_word => Some("The customer has sent STOP. They hear from you again once they send START."),
        Some(_) => None,
    };
    let (id, now) = (part.id.clone(), app.now());
    let Some(account) = account.filter(|_| refused.is_none()) else {
        let reason = refused.unwrap_or_default();
        return app.db.write(move |tx| store::set_status(tx, &id, "failed", None, Some(reason), now)).await;
    };
    let auth_token = app.key.open(&account.auth_token, SEAL_PURPOSE)?;
    let twilio = Twilio { app, account_sid: &account.account_sid, auth_token: &auth_token };
    let callback = format!("{}?message={}", status_url(app, &account.assistant_id), part.id);
    match twilio.send(&account.phone_number, &part.phone, &part.body, &callback).await {
        Ok(sent) => {
            let status = sent.status.unwrap_or_else(|| "queued".to_owned());
            app.db.write(move |tx| store::set_sent(tx, &id, &sent.sid, &status, now)).await
        }
        Err(refusal) => {
            let text = explain(refusal.code, &refusal.message);
            let goes_on = refusal.passing && attempts < MOST_ATTEMPTS;
            let status = if goes_on { "retrying" } else { "failed" };
            app.db.write(move |tx| store::set_status(tx, &id, status, refusal.code, Some(&text), now)).await?;
            if goes_on { Err(Error::upstream("Twilio did not take the message")) } else { Ok(()) }
        }
    }
}

fn account_of(connection: &Connection, workspace_id: &str, part: &SmsMessage) -> Result<(Option<Account>, bool)> {
    let assistant_id: String = connection
        .prepare_cached("select assistant_id from sms_messages where workspace_id = ?1 and id = ?2")?
        .query_row((workspace_id, &part.id), |row| row.get(0))?;
    Ok((store::find_account(connection, workspace_id, &assistant_id)?, store::has_stopped(connection, workspace_id, &assistant_id, &part.phone)?))
}

pub(super) fn webhook_url(app: &App, assistant_id: &str) -> String {
    format!("{}/api/sms/webhook/{assistant_id}", app.config.public_url())
}

pub(super) fn status_url(app: &App, assistant_id: &str) -> String {
    format!("{}/api/sms/status/{assistant_id}", app.config.public_url())
}
