//! What an agent says has to leave by some channels: a job that the channel's own floor does, above.

use serde_json::json;

use super::{Channel, store};
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

/// Leaves what the message's channel needs to take it to the customer. The others read it from the conversation.
pub fn enqueue(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, message_id: &str, now: Timestamp) -> Result<()> {
    let Some(conversation) = store::find_conversation(tx, workspace_id, conversation_id)? else { return Ok(()) };
    if conversation.channel == Channel::Sms {
        let payload = json!({"conversationId": conversation_id, "messageId": message_id});
        let lane = Some(format!("sms:{conversation_id}"));
        jobs::enqueue(tx, &app.ids, now, &NewJob { kind: SMS_JOB, workspace_id: Some(workspace_id.to_owned()), payload, lane, run_at: now })?;
    }
    Ok(())
}

/// Tells that a message was written. It happens to the conversation, so that its messages are told of in their order.
pub fn tell(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, message_id: &str, now: Timestamp) -> Result<()> {
    let Some(message) = store::find_message(tx, workspace_id, conversation_id, message_id)? else { return Ok(()) };
    let mut data = serde_json::to_value(&message)?;
    data["conversationId"] = json!(conversation_id);
    events::emit(tx, &app.ids, now, &NewEvent { workspace_id, kind: Kind::MessageCreated, resource_id: conversation_id, data })
}
