//! Taking out a workspace that is in nobody's reach any more, with everything that it has: files, vectors, conversations, rows
//! of features that stand above this one. Every step can be done again, so that a crash in the middle loses nothing.

use super::{service, store};
use crate::{
    app::App,
    error::Result,
    files,
    jobs::Job,
};

/// The handler of `workspaces::REMOVE_JOB`.
///
/// # Errors
/// Those of the database; the queue tries again.
pub async fn remove_workspace(app: App, job: Job) -> Result<()> {
    let workspace_id = job.payload["workspaceId"].as_str().unwrap_or_default().to_owned();
    // Assistants first, because strangers still reach them by the widget.
    let id = workspace_id.clone();
    app.db.write(move |tx| store::delete_assistants(tx, &id)).await?;
    for project in app.db.read(|connection| store::workspace_projects(connection, &workspace_id))? {
        service::delete_project(&app, &workspace_id, project, None).await?;
    }
    let (ids, now) = (app.ids.clone(), app.now());
    app.db
        .write(move |tx| {
            for sha256 in store::files_of_workspace(tx, &workspace_id)? {
                files::release(tx, &ids, &sha256, now)?;
            }
            store::delete_workspace(tx, &workspace_id)
        })
        .await?;
    app.jobs.wake();
    Ok(())
}
