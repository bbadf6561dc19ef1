//! One bit a dimension of every vector of the projects that were searched lately, in memory: the first look of a search.
//!
//! sqlite-vec keeps the truth, and can do this look itself; but with the few hundred candidates that a search needs it takes
//! some 40 ms for 100,000 vectors where this takes two. A copy is of 56 bytes a vector, is brought up to date before each use
//! by the counts that are written with every vector, and is forgotten when others are used more.

use std::sync::Arc;

use crate::error::Result;

/// All copies together take no more than this.
const MOST_BYTES: u64 = 48 << 20;

/// Whose vectors: the rows of the model and of the project.
pub type Key = (i64, i64);

/// How many vectors were ever put into a project, and taken out of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub put: u64,
    pub taken: u64,
}

impl Counts {
    /// How many there are.
    pub fn live(self) -> u64 {
        self.put.saturating_sub(self.taken)
    }
}

/// The copies. Cheap to clone.
#[derive(Clone)]
pub struct Codes(moka::sync::Cache<Key, Arc<Copy>>);

impl Default for Codes {
    fn default() -> Self {
        let weigh = |_: &Key, copy: &Arc<Copy>| u32::try_from(copy.bytes()).unwrap_or(u32::MAX);
        Codes(moka::sync::Cache::builder().max_capacity(MOST_BYTES).weigher(weigh).build())
    }
}

impl Codes {
    /// Whether so many vectors can be held at all.
    pub fn can_hold(counts: Counts, dimensions: usize) -> bool {
        counts.live() * (dimensions.div_ceil(64) as u64 + 1) * 8 <= MOST_BYTES / 2
    }

    /// The project's copy, where it is up to date.
    pub fn get(&self, key: Key, counts: Counts) -> Option<Arc<Copy>> {
        self.0.get(&key).filter(|copy| copy.counts == counts)
    }

    /// The project's copy as it should be now: `read` hands out the vectors of later rows than the given one, in their
    /// order, of the same moment as the counts.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn renew(&self, key: Key, counts: Counts, read: impl Fn(i64, &mut dyn FnMut(i64, &[u8])) -> Result<()>) -> Result<Arc<Copy>> {
        let known = self.0.get(&key).filter(|copy| !copy.is_mostly_gone(counts));
        let mut copy = known.map(Arc::unwrap_or_clone).unwrap_or_default();
        let (before, expected) = (copy.rows.len(), counts.put.saturating_sub(copy.counts.put));
        copy.read_on(&read)?;
        // What came since has later rows, unless a row was given again to another chunk.
        if before > 0 && (copy.rows.len() - before) as u64 != expected {
            copy = Copy::default();
            copy.read_on(&read)?;
        }
        copy.counts = counts;
        let copy = Arc::new(copy);
        self.0.insert(key, Arc::clone(&copy));
        Ok(copy)
    }
}

/// A copy. What was taken out since stays in it, and is passed over because it has no vector any more.
#[derive(Clone, Default)]
pub struct Copy {
    /// As they were when it was last brought up to date.
    counts: Counts,
    rows: Vec<i64>,
    /// So many words a row.
    codes: Vec<u64>,
}

impl Copy {
    fn bytes(&self) -> usize {
        (self.rows.len() + self.codes.len()) * 8
    }

    fn is_mostly_gone(&self, counts: Counts) -> bool {
        self.rows.len() as u64 > counts.live() / 4 * 5 + 1000
    }

    /// Takes in the vectors of later rows.
    fn read_on(&mut self, read: impl Fn(i64, &mut dyn FnMut(i64, &[u8])) -> Result<()>) -> Result<()> {
        let last = self.rows.last().copied().unwrap_or_default();
        read(last, &mut |row, blob| {
            self.rows.push(row);
            self.codes.extend(code_of_blob(blob));
        })
    }

    /// The rows whose codes differ in the fewest places, and those that differ in as many as the last of them, up to `count`.
    pub fn nearest(&self, vector: &[f32], count: usize) -> Vec<i64> {
        self.nearest_to(&code_of(vector), count)
    }

    fn nearest_to(&self, code: &[u64], count: usize) -> Vec<i64> {
        let distances: Vec<u16> = self
            .codes
            .chunks_exact(code.len().max(1))
            .map(|other| other.iter().zip(code).map(|(a, b)| (a ^ b).count_ones() as u16).sum())
            .collect();
        let mut so_far = vec![0usize; code.len() * 64 + 1];
        distances.iter().for_each(|distance| so_far[usize::from(*distance)] += 1);
        let mut farthest = 0;
        let mut within = 0;
        for (distance, rows) in so_far.iter().enumerate() {
            farthest = distance;
            within += rows;
            if within >= count {
                break;
            }
        }
        let mut near: Vec<(u16, i64)> = distances.iter().zip(&self.rows).filter(|(distance, _)| usize::from(**distance) <= farthest).map(|(distance, row)| (*distance, *row)).collect();
        near.sort_unstable();
        near.truncate(count);
        near.into_iter().map(|(_, row)| row).collect()
    }
}

/// A bit for each number above 0, as `vec_quantize_binary` has it.
fn code_of(vector: &[f32]) -> Vec<u64> {
    vector.chunks(64).map(|part| part.iter().enumerate().fold(0, |word, (place, value)| word | (u64::from(*value > 0.0) << place))).collect()
}

fn code_of_blob(blob: &[u8]) -> impl Iterator<Item = u64> {
    blob.chunks(64 * 4).map(|part| {
        let numbers = part.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        numbers.enumerate().fold(0, |word, (place, value)| word | (u64::from(value > 0.0) << place))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_vector_has_the_code_of_the_vector() {
        let vector: Vec<f32> = (0..384).map(|place| ((place * 37) % 11) as f32 - 5.0).collect();
        assert_eq!(code_of_blob(&vector.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>()).collect::<Vec<_>>(), code_of(&vector));
        assert_eq!(code_of(&[1.0, -1.0, 0.5, 0.0]), [0b101]);
    }

    #[test]
    fn those_that_differ_least_come_first() {
        let copy = Copy { rows: vec![1, 2, 3, 4], codes: vec![0b1111, 0b0001, 0b0011, 0b1110], counts: Counts::default() };
        assert_eq!(copy.nearest_to(&[0b0001], 2), [2, 3]);
        assert_eq!(copy.nearest_to(&[0b0001], 9), [2, 3, 1, 4]);
        assert_eq!(Copy::default().nearest_to(&[0], 5), [0i64; 0]);
    }

    #[test]
    fn a_copy_follows_what_is_put_in_and_taken_out() {
        let blob = |sign: f32| [sign; 64].iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let rows = |codes: &Codes, counts: Counts, there: &[(i64, f32)]| {
            let read = |after: i64, take: &mut dyn FnMut(i64, &[u8])| {
                there.iter().filter(|(row, _)| *row > after).for_each(|(row, sign)| take(*row, &blob(*sign)));
                Ok(())
            };
            let copy = codes.get((1, 1), counts).map_or_else(|| codes.renew((1, 1), counts, read), Ok).unwrap();
            copy.nearest(&[1.0; 64], 9)
        };
        let codes = Codes::default();
        assert_eq!(rows(&codes, Counts { put: 2, taken: 0 }, &[(1, -1.0), (2, 1.0)]), [2, 1]);
        assert_eq!(rows(&codes, Counts { put: 3, taken: 0 }, &[(1, -1.0), (2, 1.0), (3, 1.0)]), [2, 3, 1]);
        // The last row is taken out, and given to another vector.
        assert_eq!(rows(&codes, Counts { put: 4, taken: 1 }, &[(1, -1.0), (2, 1.0), (3, -1.0)]), [2, 1, 3]);
        // Nothing is read again while the counts say so.
        assert_eq!(rows(&codes, Counts { put: 4, taken: 1 }, &[]), [2, 1, 3]);
    }
}
