//! Whether a change helped: the same questions before and after, compared pair by pair, because questions differ from each
//! other far more than two recipes do.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Serialize;
use serde_json::Value;

use super::metrics::bootstrap;
use crate::error::{Error, Result};

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Of nDCG, this run less the baseline.
    pub mean: f64,
    pub ci95: [f64; 2],
    pub better: usize,
    pub worse: usize,
}

pub fn compare(file: &Path, dataset: &str, now: &BTreeMap<String, f64>) -> Result<Difference> {
    let text = fs::read_to_string(file).map_err(|error| Error::bad_request(format!("{} cannot be read: {error}.", file.display())))?;
    let report: Value = serde_json::from_str(&text).map_err(|_| Error::bad_request(format!("{} is no report of `--json`.", file.display())))?;
    if report["dataset"] != dataset {
        return Err(Error::bad_request(format!("{} is about other questions than those of {dataset}.", file.display())));
    }
    let differences: Vec<f64> = now.iter().filter_map(|(id, ndcg)| Some(ndcg - report["ndcgByQuestion"][id].as_f64()?)).collect();
    if differences.is_empty() {
        return Err(Error::bad_request(format!("{} has no figures of single questions.", file.display())));
    }
    Ok(difference(&differences))
}

pub fn difference(differences: &[f64]) -> Difference {
    Difference {
        mean: differences.iter().sum::<f64>() / differences.len().max(1) as f64,
        ci95: bootstrap(differences),
        better: differences.iter().filter(|difference| **difference > 1e-9).count(),
        worse: differences.iter().filter(|difference| **difference < -1e-9).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_has_its_interval() {
        let difference = difference(&[0.1, 0.0, -0.1, 0.2]);
        assert!((difference.mean - 0.05).abs() < 1e-12);
        assert_eq!((difference.better, difference.worse), (2, 1));
        assert!(difference.ci95[0] < 0.05 && difference.ci95[1] > 0.05);
    }
}
