//! The erasure of a person: one transaction takes everything away, overwritten and not just unlinked (`secure_delete`), then
//! the write-ahead log is emptied, and a job overwrites the copies that SQLite itself has left (`db::scrub`). Files go by the
//! job that their release leaves. Copies in backups age out.

use serde_json::json;

use super::store;
use crate::{
    app::App,
    audit::{self, NewEntry},
    contacts::{self, Contact},
    db::{self, Tx},
    error::Result,
    events::{self, Kind, NewEvent},
    files,
    jobs::{self, Job, NewJob},
    webhooks,
};

/// The kind of the job that overwrites what was erased.
pub const SCRUB_JOB: &str = "profiles.scrub";

/// Texts by which a person could be found in what was told of others.
fn traces(contact: &Contact) -> Vec<String> {
    // A name alone may be anybody's.
    let texts = [Some(&contact.id), contact.email.as_ref(), contact.phone.as_ref()];
    texts.into_iter().flatten().cloned().collect()
}

pub async fn erase(app: &App, workspace_id: String, id: String, entry: NewEntry) -> Result<()> {
    let (app_, now) = (app.clone(), app.now());
    app.db
        .write(move |tx| {
            erase_rows(&app_, tx, &workspace_id, &id, now)?;
            // The id alone: it names nobody any more.
            audit::record(tx, &app_.ids, now, &entry)
        })
        .await?;
    app.jobs.wake();
    // What was written before is still in the log until then.
    app.db.checkpoint().await
}

fn erase_rows(app: &App, tx: &Tx<'_>, workspace_id: &str, id: &str, now: crate::clock::Timestamp) -> Result<()> {
    let contact = contacts::service::get_contact(tx, workspace_id, id)?;
    let resources = serde_json::to_string(&store::resource_ids(tx, workspace_id, id)?)?;
    let texts = serde_json::to_string(&traces(&contact))?;
    for hash in store::file_hashes(tx, workspace_id, id)? {
        files::release(tx, &app.ids, &hash, now)?;
    }
    webhooks::store::erase(tx, workspace_id, &resources, &texts)?;
    store::empty_events(tx, workspace_id, &resources, &texts)?;
    let gone = [(Kind::ConversationDeleted, store::conversation_ids(tx, workspace_id, id)?), (Kind::TicketDeleted, store::ticket_ids(tx, workspace_id, id)?)];
    store::delete_rows(tx, workspace_id, id)?;
    store::end_imports(tx, workspace_id, now)?;
    contacts::store::delete_contact(tx, workspace_id, id)?;
    // Whoever shows one of them takes it off the screen; that it was there tells of nobody.
    for (kind, ids) in gone {
        for (id, channel) in ids {
            events::emit(tx, &app.ids, now, &NewEvent { workspace_id, kind, resource_id: &id, data: json!({"id": id, "channel": channel}) })?;
        }
    }
    jobs::enqueue(tx, &app.ids, now, &NewJob { kind: SCRUB_JOB, workspace_id: None, payload: json!({}), lane: Some(SCRUB_JOB.to_owned()), run_at: now })?;
    events::emit(tx, &app.ids, now, &NewEvent { workspace_id, kind: Kind::ContactDeleted, resource_id: id, data: json!({"id": id}) })
}

pub async fn scrub(app: App, _: Job) -> Result<()> {
    let pages = db::scrub(&app.db).await?;
    tracing::debug!(pages, "overwrote what deleted rows had left");
    Ok(())
}
