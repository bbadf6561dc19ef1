//! Asking for a person. It never fails silently: the people of the workspace are told, the customer is told the truth, and
//! when nobody has come after a while it is told again.

use std::time::Duration;

use poem_openapi::Object;
use rusqlite::Connection;
use serde_json::json;

use super::{
    model::{Channel, Conversation, ConversationStatus, Handler, HandoffReason, MessageRole},
    letters, outgoing, presence, service,
};
use crate::{
    app::App,
    assistants::{self, settings::Handoff},
    clock::Timestamp,
    contacts,
    db::Tx,
    error::Result,
    events::Kind,
    jobs::{self, Job, NewJob},
    workspaces,
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

/// How it stands now; `conversation` is the one that it is asked for, if there is one already.
pub fn state(connection: &Connection, workspace_id: &str, conversation: Option<&Conversation>, settings: &Handoff, now: Timestamp) -> Result<HandoffState> {
    let workspace = workspaces::store::find_settings(connection, workspace_id)?;
    let zone = workspace.zone();
    let hours = workspace.hours();
    let hours = hours.as_ref();
    let is_open = hours.is_none_or(|hours| hours.is_open(now, &zone));
    let online = is_open && presence::count(connection, workspace_id, now)? > 0;
    let opens_at = if is_open { None } else { hours.and_then(|hours| hours.next_opening(now, &zone)) };
    let reachable = match conversation {
        Some(conversation) if conversation.channel == Channel::Sms => true,
        Some(Conversation { contact_id: Some(id), .. }) => {
            contacts::store::find_contact(connection, workspace_id, id)?.is_some_and(|contact| contact.email.is_some() || contact.phone.is_some())
        }
        _ => false,
    };
    let leave = if reachable { "Your message has been passed on and will be answered." } else { "Leave your email address, and you will be answered there." };
    let message = match (online, opens_at) {
        (true, _) => "A person has been asked to join. Someone is here and will answer soon.".to_owned(),
        (false, _) if settings.offline_message.as_ref().is_some_and(|text| !text.trim().is_empty()) => settings.offline_message.clone().unwrap_or_default(),
        (false, Some(at)) => {
            let local = jiff::Timestamp::from_millisecond(at.millis()).map(|time| time.to_zoned(zone.clone()).strftime("%A, %-d %B, %H:%M").to_string()).unwrap_or_default();
            format!("Nobody is here right now. We are here again on {local} ({}). {leave}", workspace.time_zone)
        }
        (false, None) => format!("Nobody is here right now. {leave}"),
    };
    Ok(HandoffState { online, opens_at, form: !online && !reachable, message })
}

/// Asks for a person, once: a conversation that waits for one, or has one, stays as it is.
pub fn hand_off(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, reason: HandoffReason, now: Timestamp) -> Result<HandoffState> {
    let before = service::get_conversation(tx, workspace_id, conversation_id)?;
    let assistant = match &before.assistant_id {
        Some(id) => assistants::store::find_assistant(tx, workspace_id, id)?,
        None => None,
    };
    let settings = assistant.as_ref().map(|assistant| assistant.handoff.clone()).unwrap_or_default();
    let mut state = state(tx, workspace_id, Some(&before), &settings, now)?;
    if before.handler == Handler::Human && before.assignee_id.is_some() {
        "A person already has this conversation and will answer here.".clone_into(&mut state.message);
        state.form = false;
        return Ok(state);
    }
    if before.handed_off_at.is_some() {
        return Ok(state);
    }
    let after = Conversation { status: ConversationStatus::Pending, handoff_reason: Some(reason), handed_off_at: Some(now), escalated_at: None, snoozed_until: None, ..before.clone() };
    let after = service::save(app, tx, workspace_id, &before, after, now)?;
    let more = json!({"reason": reason, "online": state.online, "notify": settings.notify});
    service::tell(app, tx, workspace_id, Kind::ConversationHandedOff, &after, more, now)?;
    letters::notify(app, tx, workspace_id, &after, false, now)?;
    service::note_event(app, tx, workspace_id, conversation_id, &format!("A person is wanted: {}.", reason.word().replace('_', " ")), now)?;
    tell_customer(app, tx, workspace_id, &after, assistant.as_ref().map(|assistant| assistant.name.as_str()), &state.message, now)?;
    let minutes = settings.escalate_minutes.unwrap_or(PATIENCE_MINUTES).max(1);
    let payload = json!({"conversationId": conversation_id, "since": now.millis()});
    let run_at = now.plus(Duration::from_secs(u64::try_from(minutes).unwrap_or(10) * 60));
    jobs::enqueue(tx, &app.ids, now, &NewJob { kind: ESCALATE_JOB, workspace_id: Some(workspace_id.to_owned()), payload, lane: None, run_at })?;
    Ok(state)
}

fn tell_customer(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation: &Conversation, name: Option<&str>, text: &str, now: Timestamp) -> Result<()> {
    let said = service::NewMessage { author: name, ..service::NewMessage::of(MessageRole::Assistant, text) };
    let message = service::say(app, tx, workspace_id, &conversation.id, &said, now)?;
    outgoing::enqueue(app, tx, workspace_id, &conversation.id, &message.id, now)
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
            let assistant = match &before.assistant_id {
                Some(id) => assistants::store::find_assistant(tx, &workspace_id, id)?,
                None => None,
            };
            let settings = assistant.as_ref().map(|assistant| assistant.handoff.clone()).unwrap_or_default();
            let after = service::save(&app_, tx, &workspace_id, &before, Conversation { escalated_at: Some(now), ..before.clone() }, now)?;
            service::note_event(&app_, tx, &workspace_id, id, "Nobody has come yet: this conversation still waits for a person.", now)?;
            let more = json!({"reason": after.handoff_reason, "escalated": true, "notify": settings.notify});
            service::tell(&app_, tx, &workspace_id, Kind::ConversationHandedOff, &after, more, now)?;
            letters::notify(&app_, tx, &workspace_id, &after, true, now)?;
            let state = state(tx, &workspace_id, Some(&after), &settings, now)?;
            let text = if state.online { "Sorry for the wait. Nobody has had time for this conversation yet; it has been passed on again.".to_owned() } else { state.message };
            tell_customer(&app_, tx, &workspace_id, &after, assistant.as_ref().map(|assistant| assistant.name.as_str()), &text, now)
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
