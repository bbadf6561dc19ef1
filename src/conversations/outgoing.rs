//! What an agent says has to leave by some channels: a job that the channel's own floor does, above.

use serde_json::json;

use super::{Channel, Message, MessageRole, letters, store};
use crate::{
    app::App,
    clock::Timestamp,
    db::Tx,
    error::Result,
    events::{self, Kind, NewEvent},
    jobs::{self, NewJob},
};

/// The job that takes a message out by SMS: its payload is `{conversationId, messageId}`.
pub const SMS_JOB: &str = "sms.send";

/// Leaves what the message's channel needs to take it to the customer. The others read it from the conversation; whoever has
/// left gets a person's reply by mail.
pub fn enqueue(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, message_id: &str, now: Timestamp) -> Result<()> {
    let Some(conversation) = store::find_conversation(tx, workspace_id, conversation_id)? else { return Ok(()) };
    if conversation.channel == Channel::Sms {
        let payload = json!({"conversationId": conversation_id, "messageId": message_id});
        let lane = Some(format!("sms:{conversation_id}"));
        jobs::enqueue(tx, &app.ids, now, &NewJob { kind: SMS_JOB, workspace_id: Some(workspace_id.to_owned()), payload, lane, run_at: now })?;
    } else if conversation.channel.is_public() && store::find_message(tx, workspace_id, conversation_id, message_id)?.is_some_and(|message| message.role == MessageRole::Agent) {
        letters::follow_up(app, tx, workspace_id, conversation_id, now)?;
    }
    Ok(())
}

/// Tells that something of a message has changed, for the pages that show it.
pub fn tell_changed(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, message_id: &str, now: Timestamp) -> Result<()> {
    emit(app, tx, workspace_id, Kind::MessageUpdated, conversation_id, message_id, now)
}

/// Tells that a message was written. It happens to the conversation, so that its messages are told of in their order.
pub fn tell(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, message_id: &str, now: Timestamp) -> Result<()> {
    emit(app, tx, workspace_id, Kind::MessageCreated, conversation_id, message_id, now)
}

/// The same for one that is at hand.
pub fn tell_of(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, message: &Message, now: Timestamp) -> Result<()> {
    emit_of(app, tx, workspace_id, Kind::MessageCreated, conversation_id, message, now)
}

fn emit(app: &App, tx: &Tx<'_>, workspace_id: &str, kind: Kind, conversation_id: &str, message_id: &str, now: Timestamp) -> Result<()> {
    match store::find_message(tx, workspace_id, conversation_id, message_id)? {
        Some(message) => emit_of(app, tx, workspace_id, kind, conversation_id, &message, now),
        None => Ok(()),
    }
}

fn emit_of(app: &App, tx: &Tx<'_>, workspace_id: &str, kind: Kind, conversation_id: &str, message: &Message, now: Timestamp) -> Result<()> {
    let mut data = serde_json::to_value(message)?;
    data["conversationId"] = json!(conversation_id);
    events::emit(tx, &app.ids, now, &NewEvent { workspace_id, kind, resource_id: conversation_id, data })
}
