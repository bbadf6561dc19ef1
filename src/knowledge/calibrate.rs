//! From which confidence on a project answers a question: measured on the project's own text, by a job after its documents
//! were read.
//!
//! Words out of a chunk are asked as a question, which that chunk answers. The least confident few of these mark the limit,
//! within bounds: people ask in other words than the text's, and above the upper bound too many of them would be refused
//! (`src/DECISIONS.md` has the figures).

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

/// The share of a project's own questions that may be refused.
const FALSE_REFUSALS: f64 = 0.06;
/// Between these the limit lies, whatever was measured: at 0.52 at most 2 % of the real questions of four sets are refused.
const BOUNDS: (f64, f64) = (0.46, 0.52);

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

/// Asks the project about itself: the confidence of each question.
pub async fn samples(app: &App, project: i64) -> Result<Vec<f64>> {
    let texts = app.db.read_slowly(move |connection| store::sample_chunks(connection, project, SAMPLES)).await?;
    let mut samples = Vec::new();
    let embedder = app.embedder();
    for text in texts.iter().filter_map(|text| question(text)) {
        let vector = Some(embedder.query(&text).await?);
        let (turns, model_id, codes) = ([Turn { text, vector, weight: 1.0 }], embedder.info().id.clone(), app.codes.clone());
        let ask = move |connection: &rusqlite::Connection| -> Result<f64> {
            let model = store::model_row(connection, &model_id)?.unwrap_or_default();
            let scope = Scope { projects: &[project], model, codes: &codes, without: None };
            Ok(retrieve::rank(connection, scope, &turns, Mode::Hybrid, &Weights::default())?.confidence)
        };
        samples.push(app.db.read_slowly(ask).await?);
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

/// The confidence that all but a few of the samples reach, within bounds; nothing where there are too few to tell.
pub fn threshold(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted.len() >= FEWEST).then(|| sorted[(sorted.len() as f64 * FALSE_REFUSALS) as usize].clamp(BOUNDS.0, BOUNDS.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_refuses_few_of_a_project_s_own_questions() {
        let samples: Vec<f64> = (0..50).rev().map(|value| 0.45 + f64::from(value) / 500.0).collect();
        assert_eq!(threshold(&samples), Some(0.46));
        assert_eq!(threshold(&samples[..5]), None);
        assert_eq!((threshold(&[0.2; 20]), threshold(&[0.9; 20])), (Some(0.46), Some(0.52)));
    }

    #[test]
    fn a_chunk_is_asked_about_by_a_sentence_of_its_own() {
        assert_eq!(question("First of all some words here. Then the second sentence goes on and on for quite a while.").unwrap(), "Then the second sentence goes on and on for quite");
        assert_eq!(question("Too short."), None);
    }
}
