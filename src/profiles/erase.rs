//! The erasure of a person: one transaction takes everything away, overwritten and not just unlinked (`secure_delete`), then
//! the write-ahead log is emptied. Where a page was rearranged, SQLite leaves bytes of rows that moved: a job writes the whole
//! file anew. Files go by the job that their release leaves. Copies in backups age out.

use serde_json::json;

use super::store;
use crate::{
    app::App,
    contacts::{self, Contact},
    db::Tx,
    error::Result,
    events::{self, Kind, NewEvent},
    files,
    jobs::{self, NewJob},
    webhooks,
};

/// The job that writes the database's file anew.
pub const REWRITE_JOB: &str = "database.rewrite";
const LANE: &str = "rewrite";

/// The handler of [`REWRITE_JOB`]. Once does for all that were erased meanwhile.
///
/// # Errors
/// Where the disk has no room for the copy; the queue tries again.
pub async fn rewrite(app: App) -> Result<()> {
    app.db.write(|tx| jobs::cancel(tx, LANE)).await?;
    app.db.rewrite().await
}

/// Texts by which a person could be found in what was told of others.
fn traces(contact: &Contact) -> Vec<String> {
    // A name alone may be anybody's.
    let texts = [Some(&contact.id), contact.email.as_ref(), contact.phone.as_ref()];
    texts.into_iter().flatten().cloned().collect()
}

pub async fn erase(app: &App, workspace_id: String, id: String) -> Result<()> {
    let (app_, now) = (app.clone(), app.now());
    app.db.write(move |tx| erase_rows(&app_, tx, &workspace_id, &id, now)).await?;
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
    let job = NewJob { kind: REWRITE_JOB, workspace_id: None, payload: json!({}), lane: Some(LANE.to_owned()), run_at: now };
    jobs::enqueue(tx, &app.ids, now, &job)?;
    events::emit(tx, &app.ids, now, &NewEvent { workspace_id, kind: Kind::ContactDeleted, resource_id: id, data: json!({"id": id}) })
}
