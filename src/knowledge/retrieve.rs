//! Finding what answers a question: keywords and vectors, fused.
//!
//! The recipe, each step with what it gained on real questions, is in `src/DECISIONS.md`: stop words out, title and headings
//! weigh three times, neighbouring words as phrases at 0.3, half of the whole page's score, each signal over its best, 0.63
//! vector and 0.37 keyword (a convex combination, after Bruch, Gai and Ingber, arXiv 2210.11934), and for a follow-up question
//! half of what the last turns together find.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use rusqlite::Connection;

use super::{
    keywords::{CANDIDATES, Index, Keywords},
    model::Mode,
    query::Words,
    scan::{self, Near},
    store,
};
use crate::{embed::codes::Codes, error::Result};

/// The weights of the recipe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    pub vector: f64,
    pub keyword: f64,
    /// Of a title's or heading's words, against 1 for the text's.
    pub header: f64,
    /// Of neighbouring words found as neighbours, against 1 for the words.
    pub phrase: f64,
    /// Of the whole document's score in each of its chunks'.
    pub page: f64,
    /// Of what the last turns together find, against 1 for the last one.
    pub history: f64,
    /// Of the share of the question's words that was found, beside the cosine, in the confidence.
    pub coverage: f64,
    /// What a question and answer pair is given on top where it is asked in nearly its own words.
    pub pair: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Weights { vector: 0.63, keyword: 0.37, header: 3.0, phrase: 0.3, page: 0.5, history: 0.5, coverage: 0.4, pair: 0.4 }
    }
}

/// A text to search for, with its vector where vectors are asked.
#[derive(Debug, Clone)]
pub struct Turn {
    pub text: String,
    pub vector: Option<Vec<f32>>,
    pub weight: f64,
}

/// The texts that a question is searched with: itself, and, after earlier turns, these with it. The turns are the user's
/// alone, oldest first: what the assistant said would be found again.
pub fn turns(question: &str, earlier: &[String], weights: &Weights) -> Vec<(String, f64)> {
    let mut turns = vec![(question.to_owned(), 1.0)];
    if !earlier.is_empty() && weights.history > 0.0 {
        let last_two = &earlier[earlier.len().saturating_sub(2)..];
        let together = last_two.iter().map(String::as_str).chain([question]).collect::<Vec<_>>().join("\n");
        turns.push((together, weights.history));
    }
    turns
}

/// What was found, in order.
#[derive(Debug, Clone, Default)]
pub struct Ranking {
    pub chunks: Vec<FoundChunk>,
    /// Each document's row with its score: the best of its chunks in each signal, fused.
    pub documents: Vec<(i64, f64)>,
    pub confidence: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoundChunk {
    pub chunk: i64,
    pub document: i64,
    pub score: f64,
    /// Rank and score of the question's own keywords and vector, without the earlier turns.
    pub keyword: Option<(usize, f64)>,
    pub vector: Option<(usize, f64)>,
    /// Of a question and answer pair: whether it was asked in nearly its own words.
    pub exact: bool,
}

/// Where to search.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The rows of the projects; no other one's text is ever looked at.
    pub projects: &'a [i64],
    /// The row of the model that made the vectors.
    pub model: i64,
    /// What is known of large projects' vectors without reading them.
    pub codes: &'a Codes,
    /// Documents to leave out, by row: for measuring what happens when the answer is not there.
    pub without: Option<&'a HashSet<i64>>,
}

/// Searches. It scans, so it belongs on a thread that may block.
pub fn rank(connection: &Connection, scope: Scope<'_>, turns: &[Turn], mode: Mode, weights: &Weights) -> Result<Ranking> {
    let mut chunks: HashMap<i64, FoundChunk> = HashMap::new();
    let mut documents: HashMap<i64, f64> = HashMap::new();
    let mut confidence = 0f64;
    for (place, turn) in turns.iter().enumerate() {
        let found = signals(connection, scope, turn, mode, weights)?;
        confidence = confidence.max(found.confidence);
        for (document, score) in found.document_scores(mode, weights) {
            *documents.entry(document).or_default() += turn.weight * score;
        }
        let scores = found.chunk_scores(mode, weights);
        let keyword = ranks(scores.iter().filter(|score| score.keyword > 0.0).map(|score| (score.chunk, score.keyword)));
        let vector = ranks(scores.iter().filter_map(|score| Some((score.chunk, score.cosine?))));
        for score in &scores {
            let chunk = chunks.entry(score.chunk).or_insert(FoundChunk { chunk: score.chunk, document: score.document, score: 0.0, keyword: None, vector: None, exact: false });
            chunk.score += turn.weight * score.fused;
            if place == 0 {
                chunk.keyword = keyword.get(&score.chunk).copied();
                chunk.vector = vector.get(&score.chunk).copied();
            }
        }
    }
    let mut chunks: Vec<FoundChunk> = chunks.into_values().collect();
    if weights.pair > 0.0 {
        prefer_pairs(connection, &mut chunks, &mut documents, weights)?;
    }
    chunks.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.chunk.cmp(&b.chunk)));
    Ok(Ranking { chunks, documents: descending(documents), confidence })
}

/// From this cosine on a question is taken to be the pair's own, and from the second on surely.
const PAIR_COSINES: (f64, f64) = (0.55, 0.8);

/// An exact answer comes before prose that says the same: the nearer the question is to the pair's, the surer. Of a pair's
/// wordings, the best is kept.
fn prefer_pairs(connection: &Connection, chunks: &mut Vec<FoundChunk>, documents: &mut HashMap<i64, f64>, weights: &Weights) -> Result<()> {
    if !store::has_pairs(connection)? {
        return Ok(());
    }
    let mut best: HashMap<i64, (i64, f64)> = HashMap::new();
    let mut is_pair: HashMap<i64, bool> = HashMap::new();
    for chunk in chunks.iter_mut() {
        if !*is_pair.entry(chunk.document).or_insert(store::is_qa(connection, chunk.document)?) {
            continue;
        }
        let cosine = chunk.vector.map_or(0.0, |(_, cosine)| cosine);
        let sure = ((cosine - PAIR_COSINES.0) / (PAIR_COSINES.1 - PAIR_COSINES.0)).clamp(0.0, 1.0);
        chunk.score += weights.pair * sure;
        chunk.exact = sure >= 0.5;
        let entry = best.entry(chunk.document).or_insert((chunk.chunk, chunk.score));
        if chunk.score > entry.1 {
            *entry = (chunk.chunk, chunk.score);
        }
        if let Some(score) = documents.get_mut(&chunk.document) {
            *score = score.max(chunk.score);
        }
    }
    chunks.retain(|chunk| best.get(&chunk.document).is_none_or(|(kept, _)| *kept == chunk.chunk));
    Ok(())
}

/// What one turn found, before it is fused.
#[derive(Default)]
struct Signals {
    chunks: HashMap<i64, ChunkSignals>,
    pages: HashMap<i64, f64>,
    confidence: f64,
}

#[derive(Clone, Copy)]
struct ChunkSignals {
    document: i64,
    /// BM25 of words and phrases; 0 where none is in the chunk.
    keyword: f64,
    cosine: Option<f64>,
}

struct ChunkScore {
    chunk: i64,
    document: i64,
    keyword: f64,
    cosine: Option<f64>,
    fused: f64,
}

fn signals(connection: &Connection, scope: Scope<'_>, turn: &Turn, mode: Mode, weights: &Weights) -> Result<Signals> {
    let mut found = Signals::default();
    let (mut best_words, mut ideal) = (0f64, 0f64);
    if mode != Mode::Vector {
        let keywords = scope.keywords(connection, Words::of(&turn.text), weights.header)?;
        ideal = keywords.ideal();
        for (found_rows, weight) in keywords.find(Index::Chunks)?.into_iter().zip([1.0, weights.phrase]) {
            for (chunk, score) in found_rows {
                let Some(document) = document_of(connection, chunk)?.filter(|document| !scope.leaves_out(*document)) else { continue };
                let entry = found.chunks.entry(chunk).or_insert(ChunkSignals { document, keyword: 0.0, cosine: None });
                entry.keyword += weight * score;
                if weight == 1.0 {
                    best_words = best_words.max(score);
                }
            }
        }
        if weights.page > 0.0 {
            for (found_rows, weight) in keywords.find(Index::Pages)?.into_iter().zip([1.0, weights.phrase]) {
                for (document, score) in found_rows {
                    *found.pages.entry(document).or_default() += weight * score;
                }
            }
        }
    }
    let mut best_cosine = 0f64;
    if let Some(vector) = turn.vector.as_deref().filter(|_| mode != Mode::Keyword) {
        for Near { chunk, cosine } in scan::nearest(connection, scope.codes, scope.projects, scope.model, vector, CANDIDATES)? {
            let document = document_of(connection, chunk)?;
            if let Some(document) = document.filter(|document| !scope.leaves_out(*document)) {
                found.chunks.entry(chunk).or_insert(ChunkSignals { document, keyword: 0.0, cosine: None }).cosine = Some(f64::from(cosine));
            }
        }
        let set = store::find_set(connection, scope.model)?;
        for (chunk, signals) in &mut found.chunks {
            if let (None, Some(set)) = (signals.cosine, &set) {
                signals.cosine = scan::cosine(connection, *chunk, set, vector)?.map(f64::from);
            }
            best_cosine = best_cosine.max(signals.cosine.unwrap_or_default());
        }
    }
    found.confidence = best_cosine + if ideal > 0.0 { weights.coverage * (best_words / ideal).min(1.0) } else { 0.0 };
    Ok(found)
}

impl<'a> Scope<'a> {
    fn keywords(&self, connection: &'a Connection, words: Words, header: f64) -> Result<Keywords<'a>> {
        let mut chunks = 0;
        for project in self.projects {
            chunks += store::vector_counts(connection, self.model, *project)?.live();
        }
        let all = store::count_vectors(connection, self.model)?;
        Keywords::new(connection, self.projects, words, header, chunks as f64, all as f64)
    }

    fn leaves_out(&self, document: i64) -> bool {
        self.without.is_some_and(|without| without.contains(&document))
    }
}

impl Signals {
    fn chunk_scores(&self, mode: Mode, weights: &Weights) -> Vec<ChunkScore> {
        let fuse = self.fusion(mode, weights);
        self.chunks
            .iter()
            .map(|(chunk, signals)| {
                let keyword = self.with_page(signals.document, signals.keyword, weights);
                let cosine = signals.cosine;
                ChunkScore { chunk: *chunk, document: signals.document, keyword: signals.keyword, cosine, fused: fuse(keyword, cosine.unwrap_or_default()) }
            })
            .collect()
    }

    /// A document's signals are each the best of its chunks', so that one chunk may have the words and another the sense.
    fn document_scores(&self, mode: Mode, weights: &Weights) -> Vec<(i64, f64)> {
        let mut best: HashMap<i64, (f64, f64)> = HashMap::new();
        for signals in self.chunks.values() {
            let entry = best.entry(signals.document).or_default();
            entry.0 = entry.0.max(signals.keyword);
            entry.1 = entry.1.max(signals.cosine.unwrap_or_default());
        }
        let fuse = self.fusion(mode, weights);
        best.into_iter().map(|(document, (keyword, cosine))| (document, fuse(self.with_page(document, keyword, weights), cosine))).collect()
    }

    fn with_page(&self, document: i64, keyword: f64, weights: &Weights) -> f64 {
        keyword + weights.page * self.pages.get(&document).copied().unwrap_or_default()
    }

    /// Each signal over its best, a cosine below 0 as 0, then weighed.
    fn fusion(&self, mode: Mode, weights: &Weights) -> impl Fn(f64, f64) -> f64 {
        let best_keyword = self.chunks.values().map(|signals| self.with_page(signals.document, signals.keyword, weights)).fold(0.0, f64::max);
        let best_cosine = self.chunks.values().filter_map(|signals| signals.cosine).fold(0.0, f64::max);
        let (vector, keyword) = match mode {
            Mode::Hybrid => (weights.vector, weights.keyword),
            Mode::Keyword => (0.0, 1.0),
            Mode::Vector => (1.0, 0.0),
        };
        let over = |value: f64, best: f64| if best > 0.0 { value.max(0.0) / best } else { 0.0 };
        move |keyword_score, cosine| vector * over(cosine, best_cosine) + keyword * over(keyword_score, best_keyword)
    }
}

fn document_of(connection: &Connection, chunk: i64) -> Result<Option<i64>> {
    let mut statement = connection.prepare_cached("select document from chunks where row = ?1")?;
    let mut rows = statement.query([chunk])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}

fn ranks<K: Copy + Eq + Hash + Ord>(scores: impl Iterator<Item = (K, f64)>) -> HashMap<K, (usize, f64)> {
    let mut scores: Vec<(K, f64)> = scores.collect();
    scores.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scores.into_iter().enumerate().map(|(index, (key, score))| (key, (index + 1, score))).collect()
}

fn descending(scores: HashMap<i64, f64>) -> Vec<(i64, f64)> {
    let mut scores: Vec<(i64, f64)> = scores.into_iter().collect();
    scores.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scores
}
