//! From which confidence on a project answers a question: measured on the project's own text, by a job after its documents
//! were read.
//!
//! A sentence of a chunk is asked as a question twice: with its document in the index, and with it left out. What it
//! finds without its document is what a question finds that the project does not answer.

use serde_json::json;

use super::{
    ingest::CALIBRATE_JOB,
    model::Mode,
    retrieve::{self, Scope, Turn, Weights},
    store,
};
use crate::{
    app::App,
    clock::Timestamp,
    db::Tx,
    error::Result,
    ids::Ids,
    jobs::{self, Job, NewJob},
};

/// How many chunks are asked about.
const SAMPLES: i64 = 60;
/// With fewer there is nothing to measure by.
const FEWEST: usize = 8;
/// The words of a sentence that are asked.
const WORDS: usize = 10;

/// What the text of one chunk finds.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub with_document: f64,
    pub without_document: f64,
}

/// Measures once all documents of the project are read; the last one to finish calls it.
pub fn enqueue_calibration(tx: &Tx<'_>, ids: &Ids, workspace_id: &str, project: i64, now: Timestamp) -> Result<()> {
    if store::is_busy(tx, workspace_id, project)? {
        return Ok(());
    }
    let lane = format!("calibrate:{project}");
    jobs::cancel(tx, &lane)?;
    let payload = json!({ "project": project });
    jobs::enqueue(tx, ids, now, &NewJob { kind: CALIBRATE_JOB, workspace_id: Some(workspace_id.to_owned()), payload, lane: Some(lane), run_at: now })?;
    Ok(())
}

/// Does one job.
pub async fn calibrate(app: App, job: Job) -> Result<()> {
    let Some(project) = job.payload["project"].as_i64() else { return Ok(()) };
    let least = threshold(&samples(&app, project).await?);
    app.db.write(move |tx| store::set_calibration(tx, project, least)).await
}

/// Asks the project about itself.
pub async fn samples(app: &App, project: i64) -> Result<Vec<Sample>> {
    let chunks = app.db.read_slowly(move |connection| store::sample_chunks(connection, project, SAMPLES)).await?;
    let mut samples = Vec::new();
    for (document, text) in chunks {
        let Some(text) = question(&text) else { continue };
        let vector = Some(app.embedder.query(&text).await?);
        let (turns, model_id) = ([Turn { text, vector, weight: 1.0 }], app.embedder.info().id.clone());
        let sample = app
            .db
            .read_slowly(move |connection| {
                let model = store::model_row(connection, &model_id)?.unwrap_or_default();
                let without = std::collections::HashSet::from([document]);
                let ask = |without| -> Result<f64> {
                    let scope = Scope { projects: &[project], model, without };
                    Ok(retrieve::rank(connection, scope, &turns, Mode::Hybrid, &Weights::default())?.confidence)
                };
                Ok(Sample { with_document: ask(None)?, without_document: ask(Some(&without))? })
            })
            .await?;
        samples.push(sample);
    }
    Ok(samples)
}

/// The first words of the chunk's second sentence, or of its first where there is but one.
fn question(text: &str) -> Option<String> {
    use unicode_segmentation::UnicodeSegmentation;
    let sentences: Vec<&str> = text.unicode_sentences().map(str::trim).filter(|sentence| sentence.split_whitespace().count() >= 5).take(2).collect();
    let words: Vec<&str> = sentences.last()?.split_whitespace().take(WORDS).collect();
    Some(words.join(" "))
}

pub fn threshold(samples: &[Sample]) -> Option<f64> {
    if samples.len() < FEWEST {
        return None;
    }
    let mut without: Vec<f64> = samples.iter().map(|sample| sample.without_document).collect();
    without.sort_by(f64::total_cmp);
    Some(without[without.len() / 2])
}
