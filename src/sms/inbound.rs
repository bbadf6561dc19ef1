//! A message on its way in: stored once, in its session's conversation, with the job that answers it, in one transaction.

use std::time::Duration;

use serde_json::json;

use super::{
    media,
    model::{Account, Direction},
    outbound::SEND_WORDS_JOB,
    store::{self, NewSms},
    text::{self, Word},
};
use crate::{
    app::App,
    assistants,
    clock::Timestamp,
    contacts::{self, ContactSource, Seen},
    conversations::{
        self, Channel, MessageRole,
        model::{ConversationStatus, Handler, title_of},
        store::NewConversation,
    },
    db::Tx,
    error::Result,
    ids::prefix,
    jobs::{self, NewJob},
};

/// The job that answers what came in: its payload is `{assistantId, conversationId}`.
pub const ANSWER_JOB: &str = "sms.answer";

/// A message as Twilio tells of it.
pub struct Incoming {
    pub sid: String,
    pub from: String,
    pub body: String,
    /// Type and address of each picture.
    pub media: Vec<(String, String)>,
    /// Whether Twilio has answered a STOP, START or HELP itself.
    pub is_answered: bool,
}

impl Incoming {
    /// What is stored as said.
    fn content(&self) -> String {
        let mut lines: Vec<String> = Some(self.body.trim()).filter(|body| !body.is_empty()).map(str::to_owned).into_iter().collect();
        lines.extend(self.media.iter().map(|(kind, _)| format!("[{kind}]")));
        lines.join("\n")
    }
}

/// Takes a message in; one that was there already changes nothing.
pub fn take(app: &App, tx: &Tx<'_>, account: &Account, incoming: &Incoming, now: Timestamp) -> Result<()> {
    let (ws, phone) = (account.workspace_id.as_str(), incoming.from.as_str());
    let sms_id = app.ids.new_id(prefix::MESSAGE, now);
    let new = NewSms {
        id: &sms_id, workspace_id: ws, assistant_id: &account.assistant_id, direction: Direction::Inbound, phone, contact_id: None, conversation_id: None,
        message_id: None, part: 0, body: &incoming.body, sid: Some(&incoming.sid), status: "received", now,
    };
    if !store::insert_message(tx, &new)? {
        return Ok(());
    }
    let word = text::word(&incoming.body);
    match word {
        Some(Word::Stop) => store::stop(tx, ws, &account.assistant_id, phone, now)?,
        Some(Word::Start) => store::start(tx, ws, &account.assistant_id, phone)?,
        _ => {}
    }
    let (contact, _) = contacts::find_or_make(app, tx, ws, &Seen { phone: Some(phone), ..Seen::default() }, ContactSource::Sms, now)?;
    if contacts::is_blocked(tx, ws, Some(&contact.id), None)? {
        return Ok(());
    }
    let since = now.minus(Duration::from_secs(u64::try_from(account.session_timeout_minutes).unwrap_or(30) * 60));
    let open = match store::find_session(tx, ws, &account.assistant_id, phone, since)? {
        Some(id) => conversations::store::find_conversation(tx, ws, &id)?.filter(|found| found.status != ConversationStatus::Closed),
        None => None,
    };
    let content = incoming.content();
    let (conversation_id, handler) = match open {
        Some(found) => {
            store::touch_session(tx, ws, &found.id, now)?;
            (found.id, found.handler)
        }
        None => {
            let id = app.ids.new_id(prefix::CONVERSATION, now);
            let title = title_of(&content);
            let new = NewConversation {
                id: &id, workspace_id: ws, assistant_id: Some(&account.assistant_id), channel: Channel::Sms, user_id: None, contact_id: Some(&contact.id),
                title: Some(&title), metadata: None, now,
            };
            conversations::service::create(app, tx, &new)?;
            store::insert_session(tx, account, phone, &contact.id, &id, now)?;
            (id, Handler::Ai)
        }
    };
    let new = conversations::service::NewMessage { author: contact.name.as_deref(), ..conversations::service::NewMessage::of(MessageRole::User, &content) };
    let message_id = conversations::service::say(app, tx, ws, &conversation_id, &new, now)?.id;
    store::place_message(tx, &sms_id, &contact.id, &conversation_id, &message_id)?;
    media::enqueue(app, tx, account, &conversation_id, &message_id, &incoming.media, now)?;
    if let Some(word) = word {
        if !incoming.is_answered {
            say(app, tx, account, phone, &contact.id, &conversation_id, word, now)?;
        }
        return Ok(());
    }
    if handler == Handler::Ai && !store::has_stopped(tx, ws, &account.assistant_id, phone)? {
        let payload = json!({"assistantId": account.assistant_id, "conversationId": conversation_id});
        let lane = Some(format!("sms-answer:{conversation_id}"));
        jobs::enqueue(tx, &app.ids, now, &NewJob { kind: ANSWER_JOB, workspace_id: Some(ws.to_owned()), payload, lane, run_at: now })?;
    }
    Ok(())
}

/// The answer to a word that everyone may send.
#[expect(clippy::too_many_arguments, reason = "the parts of one row")]
fn say(app: &App, tx: &Tx<'_>, account: &Account, phone: &str, contact_id: &str, conversation_id: &str, word: Word, now: Timestamp) -> Result<()> {
    let ws = account.workspace_id.as_str();
    let name = assistants::store::find_assistant(tx, ws, &account.assistant_id)?.map_or_else(|| "This service".to_owned(), |assistant| assistant.name);
    let body = match word {
        Word::Stop => format!("{name}: You will get no more messages. Reply START to get them again."),
        Word::Start => format!("{name}: You will get messages again. Reply STOP to end them, HELP for help."),
        Word::Help => format!("{name}: Ask your question here. Reply STOP to end the messages. Message and data rates may apply."),
    };
    let id = app.ids.new_id(prefix::MESSAGE, now);
    store::insert_message(
        tx,
        &NewSms {
            id: &id, workspace_id: ws, assistant_id: &account.assistant_id, direction: Direction::Outbound, phone, contact_id: Some(contact_id),
            conversation_id: Some(conversation_id), message_id: None, part: 0, body: &body, sid: None, status: "queued", now,
        },
    )?;
    let job = NewJob { kind: SEND_WORDS_JOB, workspace_id: Some(ws.to_owned()), payload: json!({"smsId": id}), lane: Some(format!("sms:{conversation_id}")), run_at: now };
    jobs::enqueue(tx, &app.ids, now, &job).map(drop)
}
