//! Weights that suit given questions better: one weight after the other, on every second question. What is gained is told
//! by the questions in between, which had no part in the choice.

use std::time::Duration;

use serde::Serialize;

use super::{
    Indexed, baseline,
    dataset::Dataset,
    metrics::Outcome,
};
use crate::{
    error::Result,
    knowledge::{
        model::Mode,
        retrieve::{self, Scope, Turn, Weights},
    },
};

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tuned {
    /// As `--weights` takes them.
    pub weights: String,
    pub held_out: f64,
    pub held_out_before: f64,
    /// Of the difference on the questions that were held out.
    pub ci95: [f64; 2],
}

/// A weight, its values to try, and how it is set.
type Choice = (&'static [f64], fn(&mut Weights, f64));

const CHOICES: &[Choice] = &[
    (&[0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75], |weights, value| (weights.vector, weights.keyword) = (value, 1.0 - value)),
    (&[0.0, 0.25, 0.5, 0.75, 1.0], |weights, value| weights.page = value),
    (&[0.0, 0.15, 0.3, 0.5], |weights, value| weights.phrase = value),
    (&[1.0, 2.0, 3.0, 4.0, 5.0], |weights, value| weights.header = value),
    (&[0.3, 0.5, 0.7], |weights, value| weights.history = value),
];

pub(super) fn tune(indexed: &Indexed, dataset: &Dataset, all_turns: &[(Vec<Turn>, Duration)], model: i64, start: &Weights, k: usize) -> Result<Tuned> {
    let ndcg = |weights: &Weights, half: usize| -> Result<Vec<f64>> {
        let mut values = Vec::new();
        for (question, (turns, _)) in dataset.questions.iter().zip(all_turns).skip(half).step_by(2) {
            let scope = Scope { projects: &[indexed.project], model, codes: &indexed.app.codes, without: None };
            let mut turns = turns.clone();
            turns.iter_mut().skip(1).for_each(|turn| turn.weight = weights.history);
            let ranking = indexed.app.db.read(|connection| retrieve::rank(connection, scope, &turns, Mode::Hybrid, weights))?;
            let ranked: Vec<&str> = ranking.documents.iter().filter_map(|(row, _)| indexed.name_of(*row, question)).collect();
            values.push(Outcome::of(&ranked, &question.relevant, k, Duration::ZERO).ndcg);
        }
        Ok(values)
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let mut best = (mean(&ndcg(start, 0)?), *start);
    let has_history = all_turns.iter().any(|(turns, _)| turns.len() > 1);
    for (values, set) in &CHOICES[..if has_history { CHOICES.len() } else { CHOICES.len() - 1 }] {
        for value in *values {
            let mut weights = best.1;
            set(&mut weights, *value);
            let score = mean(&ndcg(&weights, 0)?);
            // A hair's breadth is chance.
            if score > best.0 + 1e-4 {
                best = (score, weights);
            }
        }
    }
    let (before, after) = (ndcg(start, 1)?, ndcg(&best.1, 1)?);
    let differences: Vec<f64> = after.iter().zip(&before).map(|(after, before)| after - before).collect();
    let weights = best.1;
    Ok(Tuned {
        weights: format!("vector={},page={},phrase={},header={},history={}", weights.vector, weights.page, weights.phrase, weights.header, weights.history),
        held_out: mean(&after),
        held_out_before: mean(&before),
        ci95: baseline::difference(&differences).ci95,
    })
}
