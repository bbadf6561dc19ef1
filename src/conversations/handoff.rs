//! Asking for a person. It never fails silently: the people of the workspace are told, the customer is told the truth, and
//! when nobody has come after a while it is told again.

use std::time::Duration;

use poem_openapi::Object;
use rusqlite::Connection;
use serde_json::json;

use super::{
    letters,
    model::{Channel, Conversation, ConversationStatus, EventKind, Handler, HandoffReason, MessageEvent, MessageRole},
    outgoing, presence,
    sentences::{self, Sentences, fill},
    service,
};
use crate::{
    app::App,
    assistants::{self, Assistant, settings::Handoff},
    clock::Timestamp,
    contacts,
    db::Tx,
    error::Result,
    events::Kind,
    jobs::{self, Job, NewJob},
    workspaces::{self, model::Settings},
};

/// The job that looks whether somebody has come: its payload is `{conversationId, since}`.
pub const ESCALATE_JOB: &str = "handoff.escalate";
/// How long nobody may come, where the assistant does not say.
const PATIENCE_MINUTES: i64 = 10;

/// How it stands with people, in truth.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", rename = "HandoffState")]
pub struct HandoffState {
    /// Whether somebody has a dashboard open, within the opening hours.
    pub online: bool,
    /// When the workspace opens, where it is closed now.
    pub opens_at: Option<Timestamp>,
    /// Whether the customer should leave an address, because they cannot be reached otherwise.
    pub form: bool,
    /// The same in a sentence, as the customer was told.
    pub message: String,
}

/// Whether somebody has a dashboard open, within the opening hours.
pub fn is_online(connection: &Connection, workspace_id: &str, now: Timestamp) -> Result<bool> {
    is_online_in(connection, workspace_id, &workspaces::store::find_settings(connection, workspace_id)?, now)
}

fn is_online_in(connection: &Connection, workspace_id: &str, settings: &Settings, now: Timestamp) -> Result<bool> {
    let is_open = settings.opening_hours.as_ref().is_none_or(|hours| hours.is_open(now, &settings.zone()));
    Ok(is_open && presence::count(connection, workspace_id, now)? > 0)
}

/// How it stands now for a conversation's customer, in their language.
fn state(connection: &Connection, workspace_id: &str, conversation: &Conversation, offline_message: Option<&str>, words: &Sentences, now: Timestamp) -> Result<HandoffState> {
    let workspace = workspaces::store::find_settings(connection, workspace_id)?;
    let online = is_online_in(connection, workspace_id, &workspace, now)?;
    let hours = workspace.opening_hours.as_ref().filter(|hours| !hours.is_open(now, &workspace.zone()));
    let opens_at = hours.and_then(|hours| hours.next_opening(now, &workspace.zone()));
    let reachable = match &conversation.contact_id {
        _ if conversation.channel == Channel::Sms => true,
        Some(id) => contacts::store::find_contact(connection, workspace_id, id)?.is_some_and(|contact| contact.email.is_some() || contact.phone.is_some()),
        None => false,
    };
    let leave = if reachable { words.passed_on } else { words.leave_address };
    let message = match (online, offline_message.filter(|text| !text.trim().is_empty()), opens_at) {
        (true, ..) => words.someone_is_here.to_owned(),
        (false, Some(text), _) => text.to_owned(),
        (false, None, Some(at)) => {
            let back = fill(words.back_on, &[("when", &words.moment(at, &workspace.zone())), ("zone", &workspace.time_zone)]);
            format!("{} {back} {leave}", words.nobody)
        }
        (false, None, None) => format!("{} {leave}", words.nobody),
    };
    Ok(HandoffState { online, opens_at, form: !online && !reachable, message })
}

/// What asking for a person needs to know of a conversation's assistant and customer.
struct Desk {
    assistant: Option<Assistant>,
    settings: Handoff,
    words: &'static Sentences,
}

impl Desk {
    fn of(connection: &Connection, workspace_id: &str, conversation: &Conversation) -> Result<Self> {
        let assistant = match &conversation.assistant_id {
            Some(id) => assistants::store::find_assistant(connection, workspace_id, id)?,
            None => None,
        };
        let settings = assistant.as_ref().map(|assistant| assistant.handoff.clone()).unwrap_or_default();
        let words = sentences::for_customer(connection, workspace_id, conversation, assistant.as_ref())?;
        Ok(Desk { assistant, settings, words })
    }

    fn state(&self, connection: &Connection, workspace_id: &str, conversation: &Conversation, now: Timestamp) -> Result<HandoffState> {
        state(connection, workspace_id, conversation, self.settings.offline_message.as_deref(), self.words, now)
    }

    fn tell_customer(&self, app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, text: &str, now: Timestamp) -> Result<()> {
        let said = service::NewMessage { author: self.assistant.as_ref().map(|assistant| assistant.name.as_str()), ..service::NewMessage::of(MessageRole::Assistant, text) };
        let message = service::say(app, tx, workspace_id, conversation_id, &said, now)?;
        outgoing::enqueue(app, tx, workspace_id, conversation_id, &message.id, now)
    }
}

/// Asks for a person, once: a conversation that waits for one, or has one, stays as it is.
pub fn hand_off(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, reason: HandoffReason, now: Timestamp) -> Result<HandoffState> {
    let before = service::get_conversation(tx, workspace_id, conversation_id)?;
    let desk = Desk::of(tx, workspace_id, &before)?;
    let mut state = desk.state(tx, workspace_id, &before, now)?;
    if before.handler == Handler::Human && before.assignee_id.is_some() {
        desk.words.has_person.clone_into(&mut state.message);
        state.form = false;
        return Ok(state);
    }
    if before.handed_off_at.is_some() {
        return Ok(state);
    }
    let after = Conversation { status: ConversationStatus::Pending, handoff_reason: Some(reason), handed_off_at: Some(now), escalated_at: None, snoozed_until: None, ..before.clone() };
    let after = service::save(app, tx, workspace_id, &before, after, now)?;
    let more = json!({"reason": reason, "online": state.online, "notify": desk.settings.notify});
    service::tell(app, tx, workspace_id, Kind::ConversationHandedOff, &after, more, now)?;
    letters::notify(app, tx, workspace_id, &after, false, now)?;
    let line = format!("A person is wanted: {}.", reason.word().replace('_', " "));
    service::note_event(app, tx, workspace_id, conversation_id, &line, &MessageEvent { reason: Some(reason), ..MessageEvent::of(EventKind::HandedOff) }, now)?;
    desk.tell_customer(app, tx, workspace_id, conversation_id, &state.message, now)?;
    let minutes = desk.settings.escalate_minutes.unwrap_or(PATIENCE_MINUTES).max(1);
    let payload = json!({"conversationId": conversation_id, "since": now.millis()});
    let run_at = now.plus(Duration::from_secs(u64::try_from(minutes).unwrap_or(10) * 60));
    jobs::enqueue(tx, &app.ids, now, &NewJob { kind: ESCALATE_JOB, workspace_id: Some(workspace_id.to_owned()), payload, lane: None, run_at })?;
    Ok(state)
}

/// After an answer: where it did not answer, or failed, and the assistant hands off, a person is asked.
pub fn after_answer(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, settings: &Handoff, unanswered: Option<HandoffReason>, now: Timestamp) -> Result<()> {
    let Some(reason) = unanswered.filter(|_| settings.enabled) else { return Ok(()) };
    let conversation = service::get_conversation(tx, workspace_id, conversation_id)?;
    if !conversation.channel.is_public() || conversation.handler == Handler::Human {
        return Ok(());
    }
    hand_off(app, tx, workspace_id, conversation_id, reason, now).map(drop)
}

/// Tells once more of a conversation to which nobody has come.
pub async fn escalate(app: App, job: Job) -> Result<()> {
    let (app_, now) = (app.clone(), app.now());
    app.db
        .write(move |tx| {
            let workspace_id = job.workspace_id.clone().unwrap_or_default();
            let id = job.payload["conversationId"].as_str().unwrap_or_default();
            let Some(before) = super::store::find_conversation(tx, &workspace_id, id)? else { return Ok(()) };
            let waits = before.handed_off_at.map(Timestamp::millis) == job.payload["since"].as_i64() && before.escalated_at.is_none();
            if !waits || before.status == ConversationStatus::Closed {
                return Ok(());
            }
            let desk = Desk::of(tx, &workspace_id, &before)?;
            let after = service::save(&app_, tx, &workspace_id, &before, Conversation { escalated_at: Some(now), ..before.clone() }, now)?;
            service::note_event(&app_, tx, &workspace_id, id, "Nobody has come yet: this conversation still waits for a person.", &MessageEvent::of(EventKind::Escalated), now)?;
            let more = json!({"reason": after.handoff_reason, "escalated": true, "notify": desk.settings.notify});
            service::tell(&app_, tx, &workspace_id, Kind::ConversationHandedOff, &after, more, now)?;
            letters::notify(&app_, tx, &workspace_id, &after, true, now)?;
            let state = desk.state(tx, &workspace_id, &after, now)?;
            let text = if state.online { desk.words.still_waiting } else { &state.message };
            desk.tell_customer(&app_, tx, &workspace_id, id, text, now)
        })
        .await
}

/// Wakes a conversation whose time has come.
pub async fn wake(app: App, job: Job) -> Result<()> {
    let (app_, now) = (app.clone(), app.now());
    app.db
        .write(move |tx| {
            let workspace_id = job.workspace_id.clone().unwrap_or_default();
            let id = job.payload["conversationId"].as_str().unwrap_or_default();
            let Some(before) = super::store::find_conversation(tx, &workspace_id, id)? else { return Ok(()) };
            if before.snoozed_until.is_none_or(|until| until > now) {
                return Ok(());
            }
            service::save(&app_, tx, &workspace_id, &before, Conversation { snoozed_until: None, ..before.clone() }, now).map(drop)
        })
        .await
}
