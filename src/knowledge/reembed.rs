//! The change to another embedding model: everything is embedded anew in the background, while questions are asked with the old
//! vectors; once every chunk has its new one, the models change places, and the old vectors are taken out.
//!
//! A job embeds one batch and enqueues the next in the transaction that writes it. What is missing is asked of the tables each
//! time, so a process that is killed loses a batch of work, and documents that came meanwhile are found like any other.

use serde_json::json;

use super::{
    calibrate::enqueue_calibration,
    chunk::embedded,
    recut,
    store::{self, Unembedded, VectorSet},
};
use crate::{
    app::App,
    clock::Timestamp,
    db::Tx,
    embed::{
        Embedder,
        registry::{self, Registered, State},
    },
    error::Result,
    ids::Ids,
    jobs::{self, Job, NewJob},
};

/// The kind of the job that embeds a batch; its payload is `{model, after}`, both rows.
pub const REEMBED_JOB: &str = "knowledge.reembed";
/// The kind of the job that takes out what an old model made; its payload is `{model}`.
pub const TAKE_OUT_JOB: &str = "knowledge.take_out_vectors";

/// Chunks that are embedded and written together.
const BATCH: usize = 32;
/// Vectors that are taken out together.
const TAKE_OUT: usize = 500;
/// How long old vectors are kept after the change, for questions that were embedded before it.
const GRACE: std::time::Duration = std::time::Duration::from_secs(60);

const LANE: &str = "reembed";

/// How far the change to another model is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    pub model: String,
    pub state: State,
    pub chunks: i64,
    pub embedded: i64,
}

/// The models with vectors here, each with how many chunks it has embedded.
///
/// # Errors
/// Those of the database.
pub fn progress(connection: &rusqlite::Connection) -> Result<Vec<Progress>> {
    let mut all = Vec::new();
    for model in registry::list(connection)? {
        let (chunks, embedded) = store::progress(connection, &VectorSet::of(&model))?;
        all.push(Progress { model: model.id, state: model.state, chunks, embedded });
    }
    Ok(all)
}

/// What a server does at its start: brings the models that the database knows in line with the one that the settings name,
/// and has embedded what is missing.
///
/// # Errors
/// Those of the database.
pub fn begin(app: &App) -> Result<()> {
    let (wanted, serving) = (app.wanted.clone(), app.embedder());
    let (ids, now) = (app.ids.clone(), app.now());
    let (wanted_info, serving_info) = (wanted.info().clone(), serving.info().clone());
    let measure = serving.measure();
    let coming = app.db.write_now(move |tx| {
        store::adopt_cuts(tx, &measure)?;
        for model in registry::list(tx)? {
            if model.id != serving_info.id && model.id != wanted_info.id {
                retire(tx, &ids, &model, now)?;
            }
        }
        // The state of each is written before the other's: there is never more than one of a kind.
        let serving = store::register_model(tx, &serving_info)?;
        if serving_info.id == wanted_info.id {
            registry::set_state(tx, serving.row, State::Serving)?;
            ensure(tx, &ids, &Registered { state: State::Serving, ..serving }, now)?;
            recut::ensure(tx, &ids, &measure, now)?;
            return Ok(false);
        }
        let wanted = store::register_model(tx, &wanted_info)?;
        registry::set_state(tx, wanted.row, State::Going)?;
        registry::set_state(tx, serving.row, State::Serving)?;
        registry::set_state(tx, wanted.row, State::Coming)?;
        ensure(tx, &ids, &Registered { state: State::Coming, ..wanted }, now)?;
        Ok(true)
    })?;
    if coming {
        tracing::info!(from = %serving.info().id, to = %wanted.info().id, "the embedding model changes: everything is embedded anew");
    }
    app.embedders.set_coming(coming.then_some(wanted));
    app.jobs.wake();
    Ok(())
}

/// After something was embedded with `models` alone: has the serving one embed it too, where they have changed places meanwhile.
pub fn ensure_serving(tx: &Tx<'_>, ids: &Ids, mut models: impl Iterator<Item = i64>, now: Timestamp) -> Result<()> {
    match registry::by_state(tx, State::Serving)? {
        Some(serving) if models.all(|model| model != serving.row) => ensure(tx, ids, &serving, now),
        _ => Ok(()),
    }
}

/// Enqueues the embedding of what is missing, where something is, or where only the change itself is.
pub fn ensure(tx: &Tx<'_>, ids: &Ids, model: &Registered, now: Timestamp) -> Result<()> {
    let is_whole = store::without_vector(tx, &VectorSet::of(model), 0, 1)?.is_empty();
    if is_whole && model.state == State::Serving {
        return Ok(());
    }
    // One chain of jobs is enough; one that runs goes on by itself.
    jobs::cancel(tx, LANE)?;
    enqueue(tx, ids, model.row, 0, now)
}

fn enqueue(tx: &Tx<'_>, ids: &Ids, model: i64, after: i64, now: Timestamp) -> Result<()> {
    let payload = json!({ "model": model, "after": after });
    jobs::enqueue(tx, ids, now, &NewJob { kind: REEMBED_JOB, workspace_id: None, payload, lane: Some(LANE.to_owned()), run_at: now })?;
    Ok(())
}

fn retire(tx: &Tx<'_>, ids: &Ids, model: &Registered, now: Timestamp) -> Result<()> {
    registry::set_state(tx, model.row, State::Going)?;
    let lane = format!("take-out:{}", model.row);
    jobs::cancel(tx, &lane)?;
    let payload = json!({ "model": model.row });
    jobs::enqueue(tx, ids, now, &NewJob { kind: TAKE_OUT_JOB, workspace_id: None, payload, lane: Some(lane), run_at: now.plus(GRACE) })?;
    Ok(())
}

/// Does one job: a batch, or, where nothing is missing any more, the change.
///
/// # Errors
/// Where the model cannot be loaded; the job is tried again.
pub async fn reembed(app: App, job: Job) -> Result<()> {
    let (Some(row), after) = (job.payload["model"].as_i64(), job.payload["after"].as_i64().unwrap_or_default()) else { return Ok(()) };
    let Some(model) = app.db.read(|connection| registry::by_row(connection, row))?.filter(|model| model.state != State::Going) else { return Ok(()) };
    // A command that does not have the model leaves it to the server's next start.
    let Some(embedder) = app.embedders.by_id(&model.id) else { return Ok(()) };
    let set = VectorSet::of(&model);
    let looked = set.clone();
    let batch = app
        .db
        .read_slowly(move |connection| {
            let chunks = store::without_vector(connection, &looked, after, BATCH)?;
            chunks.into_iter().map(|chunk| Ok((chunk.row, chunk.document, text(connection, &chunk)?))).collect::<Result<Vec<(i64, i64, String)>>>()
        })
        .await?;
    let Some(last) = batch.last().map(|(row, ..)| *row) else { return finish(&app, job, model, embedder).await };
    if let Some(document) = too_long(&app, &embedder, &batch)? {
        recut::cut_anew(&app, document, app.embedders.all()).await?;
        return go_on(&app, job, row, after).await;
    }
    let (rows, texts): (Vec<i64>, Vec<String>) = batch.into_iter().map(|(row, _, text)| (row, text)).unzip();
    let vectors = embedder.passages(texts).await?;
    let (ids, now) = (app.ids.clone(), app.now());
    app.db
        .write(move |tx| {
            // It may have been given up meanwhile.
            if registry::by_row(tx, set.model)?.is_none_or(|model| model.state == State::Going) {
                return jobs::finish(tx, &job.id);
            }
            for (chunk, vector) in rows.iter().zip(&vectors) {
                if let Some(project) = store::project_of_chunk(tx, *chunk)? {
                    store::put_vector(tx, &set, *chunk, project, vector)?;
                }
            }
            enqueue(tx, &ids, set.model, last, now)?;
            jobs::finish(tx, &job.id)
        })
        .await?;
    app.jobs.wake();
    Ok(())
}

/// The first document of a batch that has more in a chunk than the model reads, and that was not cut for it yet.
fn too_long(app: &App, embedder: &Embedder, batch: &[(i64, i64, String)]) -> Result<Option<store::IngestRow>> {
    let (most, measure) = (embedder.passage_tokens(), embedder.measure());
    for (_, document, _) in batch.iter().filter(|(.., text)| embedder.count_tokens(text) > most) {
        let found = app.db.read(|connection| store::find_completed(connection, *document))?;
        if let Some(document) = found.filter(|document| !document.cut_by.as_deref().unwrap_or_default().split(" + ").any(|one| one == measure)) {
            return Ok(Some(document));
        }
    }
    Ok(None)
}

async fn go_on(app: &App, job: Job, model: i64, after: i64) -> Result<()> {
    let (ids, now) = (app.ids.clone(), app.now());
    app.db
        .write(move |tx| {
            enqueue(tx, &ids, model, after, now)?;
            jobs::finish(tx, &job.id)
        })
        .await?;
    app.jobs.wake();
    Ok(())
}

/// The end of the chain: what came behind its back is done too, then the model serves.
async fn finish(app: &App, job: Job, model: Registered, embedder: Embedder) -> Result<()> {
    let (ids, now, embedders) = (app.ids.clone(), app.now(), app.embedders.clone());
    app.db
        .write(move |tx| {
            jobs::finish(tx, &job.id)?;
            let Some(model) = registry::by_row(tx, model.row)?.filter(|model| model.state != State::Going) else { return Ok(()) };
            if !store::without_vector(tx, &VectorSet::of(&model), 0, 1)?.is_empty() {
                return enqueue(tx, &ids, model.row, 0, now);
            }
            if model.state == State::Coming {
                if let Some(old) = registry::by_state(tx, State::Serving)? {
                    retire(tx, &ids, &old, now)?;
                }
                registry::set_state(tx, model.row, State::Serving)?;
                recut::ensure(tx, &ids, &embedder.measure(), now)?;
                // Before the commit: its vectors are whole, and what is measured below is measured with it.
                embedders.serve(embedder);
                tracing::info!(model = %model.id, "everything is embedded anew, and questions are asked with the new model");
            }
            for (workspace_id, project) in store::every_project(tx)? {
                enqueue_calibration(tx, &ids, &workspace_id, project, now)?;
            }
            Ok(())
        })
        .await?;
    app.jobs.wake();
    Ok(())
}

/// What the model reads of a chunk: as in `Chunk::embedded`.
fn text(connection: &rusqlite::Connection, chunk: &Unembedded) -> Result<String> {
    // A pair's wordings are read alone, without the answer that they show.
    if chunk.ordinal > 0 && store::is_qa(connection, chunk.document)? {
        return Ok(chunk.header.clone());
    }
    Ok(embedded(&chunk.header, &chunk.body))
}

/// Does one job: takes out some of what a model made that serves no more.
///
/// # Errors
/// Those of the database.
pub async fn take_out(app: App, job: Job) -> Result<()> {
    let Some(row) = job.payload["model"].as_i64() else { return Ok(()) };
    loop {
        let done = app
            .db
            .write(move |tx| match registry::by_row(tx, row)? {
                Some(model) if model.state == State::Going => store::take_out(tx, &VectorSet::of(&model), TAKE_OUT),
                _ => Ok(true),
            })
            .await?;
        if done {
            return Ok(());
        }
    }
}
