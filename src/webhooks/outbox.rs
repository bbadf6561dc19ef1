//! From what has happened to what will be sent: each event becomes a delivery for each webhook that subscribed to it, in
//! the transaction that notes how far the events were read. None is lost by a crash, and none is made twice.

use std::{collections::HashMap, time::Duration};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    model::{Webhook, subscribed_name},
    store::{self, NewDelivery},
};
use crate::{
    app::App,
    error::Result,
    events::{self, Event},
    ids::prefix,
};

const READER: &str = "webhooks";
const BATCH: i64 = 500;

/// Reads the events as they are committed, until `stop`.
pub async fn run(app: App, stop: CancellationToken) {
    let mut committed = app.db.committed();
    // Remembered here as well, because reading what concerns nobody is not written down at once.
    let mut position = None;
    loop {
        committed.borrow_and_update();
        match read(&app, &mut position).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(?error, "events could not be turned into webhook deliveries"),
        }
        tokio::select! {
            changed = committed.changed() => if changed.is_err() { return },
            // Another process may have written.
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// One batch. Whether there may be more.
async fn read(app: &App, position: &mut Option<i64>) -> Result<bool> {
    let (noted, count, last, told, webhooks) = app.db.read(|connection| {
        let noted = events::position(connection, READER)?;
        let new = events::list_headings_after(connection, position.unwrap_or(noted).max(noted), BATCH)?;
        let mut webhooks: HashMap<String, Vec<Webhook>> = HashMap::new();
        for event in &new {
            if !webhooks.contains_key(&event.workspace_id) {
                webhooks.insert(event.workspace_id.clone(), store::list_active(connection, &event.workspace_id)?);
            }
        }
        // What nobody has subscribed to need not be read.
        let mut told = Vec::new();
        for event in new.iter().filter(|event| webhooks.get(&event.workspace_id).is_some_and(|webhooks| !webhooks.is_empty())) {
            told.extend(events::find(connection, event.sequence)?);
        }
        Ok((noted, new.len(), new.last().map(|event| event.sequence), told, webhooks))
    })?;
    let Some(last) = last else { return Ok(false) };
    let more = count == usize::try_from(BATCH).unwrap_or(usize::MAX);
    let deliveries: Vec<Made> = told.iter().flat_map(|event| made(app, event, webhooks.get(&event.workspace_id).map_or(&[], Vec::as_slice))).collect();
    if !deliveries.is_empty() || last - noted >= BATCH {
        let now = app.now();
        app.db
            .write(move |tx| {
                for made in &deliveries {
                    // It may have been deleted, or switched off, meanwhile.
                    if store::find_webhook(tx, &made.workspace_id, &made.webhook_id)?.is_some_and(|webhook| webhook.active) {
                        store::insert_delivery(tx, &made.row(now))?;
                    }
                }
                events::set_position(tx, READER, last)
            })
            .await?;
    }
    *position = Some(last);
    Ok(more)
}

struct Made {
    id: String,
    workspace_id: String,
    webhook_id: String,
    event_id: String,
    event: String,
    resource_id: String,
    body: String,
}

impl Made {
    fn row(&self, now: crate::clock::Timestamp) -> NewDelivery<'_> {
        NewDelivery {
            id: &self.id,
            workspace_id: &self.workspace_id,
            webhook_id: &self.webhook_id,
            event_id: &self.event_id,
            event: &self.event,
            resource_id: &self.resource_id,
            body: &self.body,
            taken: false,
            now,
        }
    }
}

fn made(app: &App, event: &Event, webhooks: &[Webhook]) -> Vec<Made> {
    // What happened before somebody subscribed is not told to them.
    let told = webhooks.iter().filter(|webhook| webhook.created_at <= event.created_at);
    told.filter_map(|webhook| {
        let name = subscribed_name(&webhook.events, &event.kind)?;
        Some(Made {
            id: app.new_id(prefix::DELIVERY),
            workspace_id: event.workspace_id.clone(),
            webhook_id: webhook.id.clone(),
            event_id: event.id.clone(),
            event: name.to_owned(),
            resource_id: event.resource_id.clone(),
            body: body(&event.id, name, event.created_at, &event.workspace_id, &event.data),
        })
    })
    .collect()
}

/// What a receiver is sent.
pub(super) fn body(id: &str, event: &str, at: crate::clock::Timestamp, workspace_id: &str, data: &serde_json::Value) -> String {
    json!({"id": id, "event": event, "timestamp": at, "workspaceId": workspace_id, "data": data}).to_string()
}
