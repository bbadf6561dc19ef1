//! A stand-in for the model in tests: no file, no waiting, the same vector for the same text everywhere.
//!
//! A text is the bag of its words' stems, each hashed to a few signed places of 384 (the "hashing trick"; Weinberger et al.,
//! "Feature Hashing for Large Scale Multitask Learning", 2009). Texts that share words are near, others are not; what words
//! mean it does not know.

use super::elementwise::scale_to_unit_length;
use super::{Engine, Scratch};

pub const DIMENSIONS: usize = 384;

/// Places that each word touches: with one, two words would too often fall together.
const PLACES: usize = 4;

/// Words that say nothing about what a text is about.
const STOP_WORDS: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "by", "can", "do", "does", "for", "from", "how", "i", "in", "is", "it", "my", "of", "on",
    "or", "s", "that", "the", "this", "to", "was", "we", "what", "when", "where", "which", "who", "why", "will", "with", "you", "your",
];

/// Stop words share this id, which weighs nothing.
const STOP: u32 = 0;

pub struct Deterministic;

impl Engine for Deterministic {
    fn encode(&self, texts: &[Vec<u32>], _: &mut Scratch, between: &mut dyn FnMut()) -> Result<Vec<Vec<f32>>, String> {
        between();
        Ok(texts.iter().map(|ids| vector(ids)).collect())
    }
}

fn vector(ids: &[u32]) -> Vec<f32> {
    let mut vector = vec![0.0; DIMENSIONS];
    let mut add = |id: u32| {
        let mut state = u64::from(id);
        for _ in 0..PLACES {
            state = scramble(state);
            let sign = if state >> 63 == 0 { 1.0 } else { -1.0 };
            vector[(state as usize >> 8) % DIMENSIONS] += sign;
        }
    };
    if ids.iter().all(|id| *id == STOP) {
        add(STOP);
    }
    ids.iter().filter(|id| **id != STOP).for_each(|id| add(*id));
    scale_to_unit_length(&mut vector);
    vector
}

/// The id of a word: a hash of its stem, in lower case.
pub fn word_id(word: &str) -> u32 {
    let word = word.to_lowercase();
    if STOP_WORDS.contains(&word.as_str()) {
        return STOP;
    }
    // FNV-1a, 64 bits.
    let hash = stem(&word).bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    ((hash ^ (hash >> 32)) as u32).max(STOP + 1)
}

/// The word without the commonest endings of English, so that "refunds" and "refunded" meet in "refund".
fn stem(word: &str) -> &str {
    for ending in ["ations", "ation", "ings", "ing", "ies", "ied", "ers", "ed", "er", "es", "ly", "s", "e", "y"] {
        if let Some(stem) = word.strip_suffix(ending)
            && stem.len() >= 3
        {
            return stem;
        }
    }
    word
}

/// One step of SplitMix64.
fn scramble(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_a_word_share_an_id() {
        assert_eq!(word_id("Refunds"), word_id("refunded"));
        assert_eq!(word_id("policies"), word_id("policy"));
        assert_ne!(word_id("refund"), word_id("shipping"));
        assert_eq!(word_id("The"), word_id("of"));
    }
}
