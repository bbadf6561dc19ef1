//! The best passages once more, each read together with the question by a cross-encoder, where the models folder has one.
//!
//! It changes the order alone. Whether the documents answer the question at all is told by the first search's figures, which are
//! calibrated on each project's own text; a reranker's scores have no common scale to do that on.

use std::time::Duration;

use super::{
    chunk,
    model::{Hit, Reranking, Signal},
    retrieve::FoundChunk,
    service::Question,
};
use crate::{app::App, embed::Reranker};

/// How long a reranker may take, by the settings.
pub fn limit(app: &App) -> Duration {
    Duration::from_millis(app.config.rerank.timeout_ms)
}

/// The question as it is read beside each passage. What was said just before goes with it, unless a model has put it anew.
pub fn asked(question: &Question) -> String {
    match (&question.resolved, question.earlier.last()) {
        (Some(resolved), _) => resolved.clone(),
        (None, Some(before)) => format!("{before}\n{}", question.text),
        (None, None) => question.text.clone(),
    }
}

/// A passage as the model reads it: under its title and headings, without which many say little.
fn read(hit: &Hit) -> String {
    let path: Vec<&str> = hit.headings.iter().map(String::as_str).collect();
    chunk::embedded(&chunk::header(&hit.title, &path), &hit.text)
}

/// Puts the first passages in the order of their scores, as far as these are ready within `limit`. Exact answers that stand in
/// front stay there.
pub async fn rerank(app: &App, reranker: &Reranker, question: &str, found: &mut Vec<(FoundChunk, Hit)>, limit: Duration) -> Reranking {
    let began = app.now();
    let front = found.iter().take_while(|(chunk, _)| chunk.exact).count();
    let passages: Vec<String> = found.iter().skip(front).take(app.config.rerank.passages).map(|(_, hit)| read(hit)).collect();
    let count = passages.len();
    let outcome = reranker.scores(question, passages, limit).await;
    if let Err(error) = &outcome {
        tracing::warn!(?error, "the passages stay in the order that they were found in");
    }
    let problem = outcome.as_ref().err().map(|error| error.message().to_owned());
    let scores = outcome.unwrap_or_default();
    let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let mut reranked = found.split_off(front);
    let rest = reranked.split_off(scores.len());
    found.extend(order(&scores).into_iter().enumerate().map(|(rank, place)| {
        let (chunk, hit) = reranked[place].clone();
        (chunk, Hit { rerank: Some(Signal { rank: whole(rank) + 1, score: f64::from(scores[place]) }), ..hit })
    }));
    found.extend(rest);
    Reranking { model: reranker.id().to_owned(), passages: whole(count), scored: whole(scores.len()), ms: app.now().millis() - began.millis(), problem }
}

/// The places of the scores, the highest first; equal ones as they were.
fn order(scores: &[f32]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..scores.len()).collect();
    places.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_is_first_and_equals_stay_as_they_were() {
        assert_eq!(order(&[0.1, -3.0, 7.5, 0.1]), [2, 0, 3, 1]);
        assert!(order(&[]).is_empty());
    }

    #[test]
    fn a_question_goes_with_what_was_said_before() {
        let mut question = Question { text: "And for lamps?".into(), earlier: vec!["Hello".into(), "Can I return shoes?".into()], resolved: None };
        assert_eq!(asked(&question), "Can I return shoes?\nAnd for lamps?");
        question.resolved = Some("Can I return lamps?".into());
        assert_eq!(asked(&question), "Can I return lamps?");
    }
}
