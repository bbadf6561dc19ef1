//! What is older than a workspace wants to keep: its conversations are deleted by and by, as a person would delete them.

use std::time::Duration;

use serde_json::json;

use super::{service, store};
use crate::{
    app::App,
    audit::{self, Action, NewEntry},
    clock::Timestamp,
    error::Result,
    workspaces,
};

/// How many go in one transaction, so that other writes are not held up.
const BATCH: i64 = 100;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Deletes the conversations in which nothing was said for as many days as their workspace's `retentionDays`, or the
/// server's where it names none.
///
/// # Errors
/// Those of the database.
pub async fn sweep(app: &App, now: Timestamp) -> Result<()> {
    let usual = app.config.retention_days.map(|days| i64::from(days.get()));
    for (workspace_id, days) in app.db.read(|connection| workspaces::store::list_retention(connection, usual))? {
        let before = now.minus(DAY * u32::try_from(days).unwrap_or(u32::MAX));
        loop {
            let (app_, workspace_id) = (app.clone(), workspace_id.clone());
            let deleted = app.db.write(move |tx| {
                let old = store::list_silent_since(tx, &workspace_id, before, BATCH)?;
                for id in &old {
                    service::delete(&app_, tx, &workspace_id, id, now)?;
                }
                if !old.is_empty() {
                    let entry = NewEntry::new(Action::ConversationDeleted).within(&workspace_id).with(json!({"why": "retention", "count": old.len()}));
                    audit::record(tx, &app_.ids, now, &entry)?;
                }
                Ok(old.len())
            });
            if deleted.await? == 0 {
                break;
            }
            app.jobs.wake();
        }
    }
    Ok(())
}
