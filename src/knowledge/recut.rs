//! Cutting documents anew for another embedding model, which counts other tokens and reads more or fewer of them.
//!
//! What has more tokens than the coming model reads is cut for both models before the change, so that nothing of it is left out of the
//! new vectors (`reembed` calls for it). After the change every document that was cut by another measure is read once more, one by
//! one, and where that gives other chunks, these take the place of the old ones in one transaction. A process that is killed loses
//! the work on one document.

use serde_json::json;

use super::{
    calibrate::enqueue_calibration,
    chunk::Chunk,
    ingest::{BATCH, Measure, prepare_file},
    reembed,
    store::{self, Append, IngestRow},
};
use crate::{
    app::App,
    clock::Timestamp,
    db::Tx,
    embed::{Embedder, registry},
    error::{Code, Result},
    ids::Ids,
    jobs::{self, Job, NewJob},
};

/// The kind of the job that cuts one document anew; its payload is `{after}`, a document's row.
pub const RECUT_JOB: &str = "knowledge.recut";

const LANE: &str = "recut";

/// Has every document cut anew that was cut by another measure than this, where there are any.
///
/// # Errors
/// Those of the database.
pub fn ensure(tx: &Tx<'_>, ids: &Ids, measure: &str, now: Timestamp) -> Result<()> {
    if store::next_cut_otherwise(tx, 0, measure)?.is_none() {
        return Ok(());
    }
    jobs::cancel(tx, LANE)?;
    enqueue(tx, ids, 0, now)
}

fn enqueue(tx: &Tx<'_>, ids: &Ids, after: i64, now: Timestamp) -> Result<()> {
    jobs::enqueue(tx, ids, now, &NewJob { kind: RECUT_JOB, workspace_id: None, payload: json!({ "after": after }), lane: Some(LANE.to_owned()), run_at: now })?;
    Ok(())
}

/// Does one job: one document.
///
/// # Errors
/// Where the model cannot be loaded; the job is tried again.
pub async fn recut(app: App, job: Job) -> Result<()> {
    // While another model is to follow, nothing is cut for this one any more; the change begins the chain anew.
    if app.embedders.coming().is_some() {
        return Ok(());
    }
    let (after, embedders) = (job.payload["after"].as_i64().unwrap_or_default(), app.embedders.all());
    let measure = Measure::of(embedders.clone()).name();
    let Some(document) = app.db.read(|connection| store::next_cut_otherwise(connection, after, &measure))? else { return Ok(()) };
    let last = document.row;
    cut_anew(&app, document, embedders).await?;
    let (ids, now) = (app.ids.clone(), app.now());
    app.db
        .write(move |tx| {
            enqueue(tx, &ids, last, now)?;
            jobs::finish(tx, &job.id)
        })
        .await?;
    app.jobs.wake();
    Ok(())
}

/// Reads a document once more and cuts it for these models. Its chunks are exchanged where they come out otherwise; a file that
/// cannot be read any more leaves them as they are.
///
/// # Errors
/// Where a model cannot be loaded.
pub async fn cut_anew(app: &App, document: IngestRow, embedders: Vec<Embedder>) -> Result<()> {
    let measure = Measure::of(embedders.clone());
    let name = measure.name();
    let chunks = match prepare_file(app, &document, measure).await {
        Ok(prepared) => prepared.chunks,
        Err(error) if matches!(error.code(), Code::BadRequest | Code::NotFound | Code::Internal) => {
            tracing::warn!(document = %document.id, ?error, "a document keeps the chunks that another model's tokens gave it");
            return app.db.write(move |tx| store::set_cut(tx, &document, &name).map(drop)).await;
        }
        Err(error) => return Err(error),
    };
    let same = app.db.read(|connection| store::has_chunks(connection, document.row, &chunks))?;
    if same || chunks.is_empty() {
        return app.db.write(move |tx| store::set_cut(tx, &document, &name).map(drop)).await;
    }
    let mut vectors: Vec<(String, Vec<Vec<f32>>)> = Vec::with_capacity(embedders.len());
    for embedder in &embedders {
        let mut of_model = Vec::with_capacity(chunks.len());
        for batch in chunks.chunks(BATCH) {
            of_model.extend(embedder.passages(batch.iter().map(Chunk::embedded).collect()).await?);
        }
        vectors.push((embedder.info().id.clone(), of_model));
    }
    let (ids, now) = (app.ids.clone(), app.now());
    app.db
        .write(move |tx| {
            // It may have been read anew or deleted meanwhile.
            if !store::set_cut(tx, &document, &name)? {
                return Ok(());
            }
            let mut by_row = Vec::with_capacity(vectors.len());
            for (model, of_model) in vectors {
                by_row.extend(registry::by_id(tx, &model)?.map(|model| (model.row, of_model)));
            }
            store::replace_chunks(tx, &Append { document: document.row, project: document.project, chunks: &chunks, vectors: &by_row })?;
            reembed::ensure_serving(tx, &ids, by_row.iter().map(|(model, _)| *model), now)?;
            enqueue_calibration(tx, &ids, &document.workspace_id, document.project, now)
        })
        .await
}
