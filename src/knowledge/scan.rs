//! The nearest vectors of a project.
//!
//! Small projects are compared exactly, vector by vector. In large ones the candidates are found first by one bit a
//! dimension, in memory (`embed::codes`) or, in those that are too large to be held there, by sqlite-vec; only these are compared
//! exactly. `benches/search.rs` measures how many of the true ten nearest that keeps.

use std::{cmp::Ordering, collections::BinaryHeap};

use rusqlite::Connection;

use super::store::{self, VectorSet};
use crate::{embed::codes::Codes, error::Result};

/// Up to here every vector is compared.
const EXACT_UP_TO: u64 = 2500;
/// How many candidates the coarse scan hands on.
const COARSE_CANDIDATES: usize = 600;

/// A chunk's row and its cosine to the question, on the scale of all models.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    pub chunk: i64,
    pub cosine: f32,
}

/// The `count` nearest chunks of these projects, the nearest first. Vectors have unit length, so the product is the cosine.
pub fn nearest(connection: &Connection, codes: &Codes, projects: &[i64], model: i64, vector: &[f32], count: usize) -> Result<Vec<Near>> {
    let Some(set) = store::find_set(connection, model)? else { return Ok(Vec::new()) };
    let mut best = Best::new(count);
    for project in projects {
        let counts = store::vector_counts(connection, model, *project)?;
        if counts.live() <= EXACT_UP_TO {
            exact(connection, *project, &set, vector, &mut best)?;
            continue;
        }
        let wanted = COARSE_CANDIDATES.max(count);
        let candidates = if Codes::can_hold(counts, vector.len()) {
            in_memory(connection, codes, *project, &set, vector, wanted)?
        } else {
            coarse(connection, *project, &set, vector, wanted)?
        };
        for chunk in candidates {
            if let Some(cosine) = raw_cosine(connection, chunk, &set, vector)? {
                best.offer(Near { chunk, cosine });
            }
        }
    }
    Ok(best.into_sorted(&set))
}

/// Every vector of these projects compared: what `nearest` is measured against.
pub fn nearest_exact(connection: &Connection, projects: &[i64], model: i64, vector: &[f32], count: usize) -> Result<Vec<Near>> {
    let Some(set) = store::find_set(connection, model)? else { return Ok(Vec::new()) };
    let mut best = Best::new(count);
    for project in projects {
        exact(connection, *project, &set, vector, &mut best)?;
    }
    Ok(best.into_sorted(&set))
}

/// The cosine of a chunk that was found another way, on the scale of all models.
pub fn cosine(connection: &Connection, chunk: i64, set: &VectorSet, vector: &[f32]) -> Result<Option<f32>> {
    Ok(raw_cosine(connection, chunk, set, vector)?.map(|cosine| set.scale.apply(cosine)))
}

fn raw_cosine(connection: &Connection, chunk: i64, set: &VectorSet, vector: &[f32]) -> Result<Option<f32>> {
    let mut statement = connection.prepare_cached(&format!("select embedding from {} where row = ?1 and model = ?2", set.exact))?;
    let mut rows = statement.query((chunk, set.model))?;
    Ok(match rows.next()? {
        Some(row) => Some(dot(row.get_ref(0)?.as_blob().unwrap_or_default(), vector)),
        None => None,
    })
}

fn exact(connection: &Connection, project: i64, set: &VectorSet, vector: &[f32], best: &mut Best) -> Result<()> {
    let mut statement = connection.prepare_cached(&format!("select row, embedding from {} where project = ?1 and model = ?2", set.exact))?;
    let mut rows = statement.query((project, set.model))?;
    while let Some(row) = rows.next()? {
        best.offer(Near { chunk: row.get(0)?, cosine: dot(row.get_ref(1)?.as_blob().unwrap_or_default(), vector) });
    }
    Ok(())
}

fn in_memory(connection: &Connection, codes: &Codes, project: i64, set: &VectorSet, vector: &[f32], count: usize) -> Result<Vec<i64>> {
    let key = (set.model, project);
    let copy = match codes.get(key, store::vector_counts(connection, set.model, project)?) {
        Some(copy) => copy,
        None => {
            // One moment for the counts and the vectors, as every read is one.
            let counts = store::vector_counts(connection, set.model, project)?;
            codes.renew(key, counts, |after, take| store::each_vector_after(connection, set, project, after, take))?
        }
    };
    Ok(copy.nearest(vector, count))
}

fn coarse(connection: &Connection, project: i64, set: &VectorSet, vector: &[f32], count: usize) -> Result<Vec<i64>> {
    let mut statement = connection
        .prepare_cached(&format!("select rowid from {} where embedding match vec_quantize_binary(?1) and project = ?2 and k = ?3", set.coarse))?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Ok(statement.query_map((to_blob(vector), project, count), |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?)
}

/// Little-endian f32, as sqlite-vec reads them too.
pub fn to_blob(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The product of a stored vector and another one, in sixteen sums so that it can be done sixteen at a time.
fn dot(blob: &[u8], vector: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0f32; LANES];
    let stored = blob.chunks_exact(4 * LANES);
    let asked = vector.chunks_exact(LANES);
    let rest: f32 = stored
        .remainder()
        .chunks_exact(4)
        .zip(asked.remainder())
        .map(|(bytes, value)| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) * value)
        .sum();
    for (bytes, values) in stored.zip(asked) {
        for lane in 0..LANES {
            let at = lane * 4;
            sums[lane] += f32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) * values[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// The best few of many, in a heap whose top is the worst of them.
struct Best {
    count: usize,
    heap: BinaryHeap<Worst>,
}

#[derive(PartialEq)]
struct Worst(Near);

impl Eq for Worst {}

impl PartialOrd for Worst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Worst {
    fn cmp(&self, other: &Self) -> Ordering {
        // Equal ones by age, so that the answer is always the same.
        other.0.cosine.total_cmp(&self.0.cosine).then(self.0.chunk.cmp(&other.0.chunk))
    }
}

impl Best {
    fn new(count: usize) -> Self {
        Best { count, heap: BinaryHeap::with_capacity(count + 1) }
    }

    fn offer(&mut self, near: Near) {
        if self.heap.len() < self.count {
            self.heap.push(Worst(near));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && Worst(near) < *worst
        {
            *worst = Worst(near);
        }
    }

    fn into_sorted(self, set: &VectorSet) -> Vec<Near> {
        self.sorted().map(|near| Near { cosine: set.scale.apply(near.cosine), ..near }).collect()
    }

    fn sorted(self) -> impl Iterator<Item = Near> {
        self.heap.into_sorted_vec().into_iter().map(|worst| worst.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_of_a_stored_vector_is_exact() {
        let vector: Vec<f32> = (0..384).map(|index| (index % 7) as f32 - 3.0).collect();
        let expected: f32 = vector.iter().map(|value| value * value).sum();
        assert_eq!(dot(&to_blob(&vector), &vector), expected);
        assert_eq!(dot(&to_blob(&[1.0, 2.0, 3.0]), &[4.0, 5.0, 6.0]), 32.0);
        assert_eq!(dot(b"", &vector), 0.0);
    }

    #[test]
    fn the_best_few_are_kept_in_order() {
        let mut best = Best::new(3);
        for (chunk, cosine) in [(1, 0.2), (2, 0.9), (3, 0.1), (4, 0.9), (5, 0.5)] {
            best.offer(Near { chunk, cosine });
        }
        assert_eq!(best.sorted().map(|near| near.chunk).collect::<Vec<_>>(), [2, 4, 5]);
    }
}
