//! The figures: ranking metrics as the field defines them, intervals by bootstrap, and how well answered and unanswered
//! questions are told apart.

use std::{collections::HashMap, time::Duration};

use serde::Serialize;

/// The figures of one mode over all questions.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// The name carries the usual cut-off; `--k` changes it for all of them.
    pub ndcg10: f64,
    pub recall1: f64,
    pub recall5: f64,
    pub recall10: f64,
    pub mrr10: f64,
    pub hit1: f64,
    /// Of nDCG, 95 % by bootstrap.
    pub ci95: [f64; 2],
    pub p50_ms: f64,
    pub p95_ms: f64,
}

/// One question's outcome.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome {
    pub ndcg: f64,
    pub recall1: f64,
    pub recall5: f64,
    pub recall: f64,
    pub mrr: f64,
    pub hit1: f64,
    pub time: Duration,
}

impl Outcome {
    /// `ranked` are document ids, the best first. The gain is linear (BEIR's and trec_eval's).
    pub fn of(ranked: &[&str], relevant: &HashMap<String, f64>, k: usize, time: Duration) -> Outcome {
        let gain = |id: &&str| relevant.get(*id).copied().unwrap_or_default();
        let discounted = |gains: &mut dyn Iterator<Item = f64>| -> f64 { gains.take(k).enumerate().map(|(place, gain)| gain / ((place + 2) as f64).log2()).sum() };
        let mut ideal: Vec<f64> = relevant.values().copied().collect();
        ideal.sort_by(|a, b| b.total_cmp(a));
        let ideal = discounted(&mut ideal.into_iter());
        let found = |at: usize| ranked.iter().take(at).filter(|id| gain(id) > 0.0).count() as f64 / relevant.len().max(1) as f64;
        let first = ranked.iter().take(k).position(|id| gain(id) > 0.0);
        Outcome {
            ndcg: if ideal > 0.0 { discounted(&mut ranked.iter().map(gain)) / ideal } else { 0.0 },
            recall1: found(1),
            recall5: found(5),
            recall: found(k),
            mrr: first.map_or(0.0, |place| 1.0 / (place + 1) as f64),
            hit1: f64::from(u8::from(first == Some(0))),
            time,
        }
    }
}

impl Figures {
    pub fn of(outcomes: &[Outcome]) -> Figures {
        let mean = |value: fn(&Outcome) -> f64| outcomes.iter().map(value).sum::<f64>() / outcomes.len().max(1) as f64;
        let mut times: Vec<f64> = outcomes.iter().map(|outcome| outcome.time.as_secs_f64() * 1000.0).collect();
        times.sort_by(f64::total_cmp);
        Figures {
            ndcg10: mean(|outcome| outcome.ndcg),
            recall1: mean(|outcome| outcome.recall1),
            recall5: mean(|outcome| outcome.recall5),
            recall10: mean(|outcome| outcome.recall),
            mrr10: mean(|outcome| outcome.mrr),
            hit1: mean(|outcome| outcome.hit1),
            ci95: bootstrap(&outcomes.iter().map(|outcome| outcome.ndcg).collect::<Vec<_>>()),
            p50_ms: quantile(&times, 0.5),
            p95_ms: quantile(&times, 0.95),
        }
    }
}

/// The value below which this share of the sorted values lies.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(place).copied().unwrap_or_default()
}

/// The 95 % interval of the mean: 2,000 draws with replacement, the same ones each time.
pub fn bootstrap(values: &[f64]) -> [f64; 2] {
    if values.is_empty() {
        return [0.0, 0.0];
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut means: Vec<f64> = (0..2000)
        .map(|_| {
            let sum: f64 = (0..values.len())
                .map(|_| {
                    // xorshift64*, enough to draw places.
                    state ^= state >> 12;
                    state ^= state << 25;
                    state ^= state >> 27;
                    values[(state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % values.len()]
                })
                .sum();
            sum / values.len() as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    [quantile(&means, 0.025), quantile(&means, 0.975)]
}

/// How well a confidence tells questions that the documents answer from those whose answer was taken out.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Holes {
    /// The chance that an answered question has more confidence than one without an answer; .5 is a coin.
    pub auroc: f64,
    /// At the confidence where at most 6 % of the answered ones are refused: the share of the others that is caught.
    pub caught_at6: f64,
    /// The same at the project's own calibration.
    pub threshold: f64,
    pub caught: f64,
    pub false_refusals: f64,
}

impl Holes {
    pub fn of(answered: &[f64], unanswered: &[f64], threshold: f64) -> Holes {
        let pairs = (answered.len() * unanswered.len()).max(1) as f64;
        let wins: f64 = answered
            .iter()
            .flat_map(|high| unanswered.iter().map(move |low| if high > low { 1.0 } else if (high - low).abs() < f64::EPSILON { 0.5 } else { 0.0 }))
            .sum();
        let mut sorted = answered.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at6 = sorted.get((sorted.len() as f64 * 0.06) as usize).copied().unwrap_or_default();
        let below = |values: &[f64], threshold: f64| values.iter().filter(|value| **value < threshold).count() as f64 / values.len().max(1) as f64;
        Holes { auroc: wins / pairs, caught_at6: below(unanswered, at6), threshold, caught: below(unanswered, threshold), false_refusals: below(answered, threshold) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_those_of_the_textbook() {
        let relevant = HashMap::from([("a".to_owned(), 1.0), ("b".to_owned(), 1.0)]);
        let outcome = Outcome::of(&["x", "a", "y", "b"], &relevant, 10, Duration::ZERO);
        let expected = (1.0 / 3f64.log2() + 1.0 / 5f64.log2()) / (1.0 + 1.0 / 3f64.log2());
        assert!((outcome.ndcg - expected).abs() < 1e-12);
        assert_eq!((outcome.mrr, outcome.hit1, outcome.recall1, outcome.recall5), (0.5, 0.0, 0.0, 1.0));
    }

    #[test]
    fn holes_are_told_apart_perfectly_or_not_at_all() {
        let holes = Holes::of(&[0.8, 0.9], &[0.1, 0.2], 0.5);
        assert_eq!((holes.auroc, holes.caught, holes.false_refusals), (1.0, 1.0, 0.0));
        assert_eq!(Holes::of(&[0.5], &[0.5], 0.6).auroc, 0.5);
    }

    #[test]
    fn the_interval_holds_the_mean() {
        let values: Vec<f64> = (0..100).map(|value| f64::from(value) / 100.0).collect();
        let [low, high] = bootstrap(&values);
        assert!(low < 0.495 && 0.495 < high && high - low < 0.15, "{low} {high}");
    }
}
