//! What tickets do by themselves: they notice a missed target, and that a customer has written.

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{service, store};
use crate::{
    app::App,
    error::Result,
    events::{self, Kind},
    ids::prefix,
    jobs::Job,
};

/// The job that looks whether a target has passed: its payload is `{ticketId}`.
pub const TARGET_JOB: &str = "tickets.target";

/// Does the job.
///
/// # Errors
/// Those of the database.
pub async fn check_targets(app: App, job: Job) -> Result<()> {
    let (workspace_id, id) = (job.workspace_id.unwrap_or_default(), job.payload["ticketId"].as_str().unwrap_or_default().to_owned());
    let (app_, now) = (app.clone(), app.now());
    app.db.write(move |tx| service::breach(&app_, tx, &workspace_id, &id, now)).await
}

const READER: &str = "tickets";
const BATCH: i64 = 500;

/// Reads the events as they come and opens the tickets that waited for a customer's message, whichever channel it came by.
pub async fn follow_messages(app: App, stop: CancellationToken) {
    let mut committed = app.db.committed();
    // What was looked at and left alone need not be looked at again.
    let mut seen = 0;
    loop {
        committed.borrow_and_update();
        match follow(&app, &mut seen).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(?error, "tickets cannot follow what happens"),
        }
        tokio::select! {
            changed = committed.changed() => if changed.is_err() { return },
            // Another process may have written.
            () = tokio::time::sleep(std::time::Duration::from_secs(2)) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// One batch of events. Whether there may be more.
async fn follow(app: &App, seen: &mut i64) -> Result<bool> {
    let (from, count, last, wrote) = app.db.read(|connection| {
        let from = events::position(connection, READER)?;
        let new = events::list_headings_after(connection, from.max(*seen), BATCH)?;
        let mut wrote = Vec::new();
        for event in new.iter().filter(|event| event.kind == Kind::MessageCreated.name()) {
            // Most conversations have no ticket that waits. An older program noted the message and not the conversation.
            if event.resource_id.starts_with(prefix::MESSAGE) || store::is_awaited(connection, &event.workspace_id, &event.resource_id)? {
                wrote.extend(events::find(connection, event.sequence)?.filter(|event| event.data["role"] == "user"));
            }
        }
        Ok((from, new.len(), new.last().map(|event| event.sequence), wrote))
    })?;
    let Some(last) = last else { return Ok(false) };
    let more = count == usize::try_from(BATCH).unwrap_or(usize::MAX);
    // An idle reader writes nothing: how far it has come matters only where it has done something, or after a while.
    if wrote.is_empty() && last - from < BATCH {
        *seen = last;
        return Ok(more);
    }
    let (app_, now) = (app.clone(), app.now());
    app.db
        .write(move |tx| {
            for event in &wrote {
                let conversation_id = match &event.data["conversationId"] {
                    Value::String(id) => Some(id.clone()),
                    _ => store::find_conversation_of(tx, &event.workspace_id, &event.resource_id)?,
                };
                if let Some(conversation_id) = conversation_id {
                    service::customer_wrote(&app_, tx, &event.workspace_id, &conversation_id, now)?;
                }
            }
            events::set_position(tx, READER, last)
        })
        .await?;
    *seen = last;
    Ok(more)
}
