//! What the keyword indexes find for a question: BM25 of its words, and of the words that stand next to each other in it.
//!
//! The cost of the index follows the rows that match, and in a large project the commoner words of a question are in most of
//! them. There only rows with one of its rarer words are looked at: those are scored with all words, so that their order
//! stays the same, and what only the common words are in is left out, which BM25 would have put last. Of the first
//! fifty of 100,000 chunks, 98 % stay the same, in a third of the time.

use std::collections::HashMap;

use rusqlite::Connection;

use super::query::Words;
use crate::error::Result;

/// How many rows each list has at the most.
pub const CANDIDATES: usize = 400;
/// How many rows are looked at without a second thought.
const CHEAP: f64 = 4000.0;

/// One index: over chunks, or over whole documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    Chunks,
    Pages,
}

impl Index {
    fn table(self) -> &'static str {
        match self {
            Index::Chunks => "chunks_fts",
            Index::Pages => "pages_fts",
        }
    }
}

/// A question that is put to the indexes.
pub struct Keywords<'a> {
    connection: &'a Connection,
    projects: &'a [i64],
    words: Words,
    /// The weight of a title's or heading's words.
    header: f64,
    /// The words one of which a row has to have; empty where any will do.
    rare: Vec<String>,
    ideal: f64,
}

impl<'a> Keywords<'a> {
    /// `chunks` are in these projects, of `all` that there are.
    pub fn new(connection: &'a Connection, projects: &'a [i64], words: Words, header: f64, chunks: f64, all: f64) -> Result<Self> {
        let mut frequencies = Vec::with_capacity(words.words.len());
        for word in &words.words {
            let rows: i64 = connection
                .prepare_cached("select count(*) from chunks_fts where chunks_fts match ?1")?
                .query_row([format!("{{header body}} : \"{word}\"")], |row| row.get(0))?;
            frequencies.push((rows as f64, word.clone()));
        }
        // 2.2 (k1 + 1) times the sum of the words' weights, as FTS5 gives them.
        let ideal = 2.2 * frequencies.iter().map(|(rows, _)| ((all - rows + 0.5) / (rows + 0.5)).ln().max(1e-6)).sum::<f64>();
        let rare = if chunks > CHEAP { rarer(frequencies, chunks / all.max(1.0)) } else { Vec::new() };
        Ok(Keywords { connection, projects, words, header, rare, ideal })
    }

    /// The BM25 that a chunk would have with every word of the question many times in it. Over it, a score says how much of
    /// the question was found.
    pub fn ideal(&self) -> f64 {
        self.ideal
    }

    /// The rows with any of the words, and the rows with any of the phrases: row and BM25, the best first.
    pub fn find(&self, index: Index) -> Result<[Vec<(i64, f64)>; 2]> {
        let (words, phrases) = (self.words.any_word(), self.words.any_phrase());
        if self.rare.is_empty() {
            let best = |terms: Option<String>| match terms.and_then(|terms| super::query::expression(self.projects, &[&terms])) {
                Some(expression) => self.best(index, &expression),
                None => Ok(Vec::new()),
            };
            return Ok([best(words)?, best(phrases)?]);
        }
        let rare = super::query::any(&self.rare);
        let required = match super::query::expression(self.projects, &[&rare]) {
            Some(expression) => self.all(index, &expression)?.into_iter().collect::<HashMap<i64, f64>>(),
            None => HashMap::new(),
        };
        let beside = |terms: Option<String>| -> Result<Vec<(i64, f64)>> {
            let Some(expression) = terms.and_then(|terms| super::query::expression(self.projects, &[&rare, &terms])) else { return Ok(Vec::new()) };
            // BM25 is a sum over the words of the expression, and has counted the rarer ones once more than it should.
            let mut rows: Vec<(i64, f64)> = self.all(index, &expression)?.into_iter().map(|(row, score)| (row, score - required.get(&row).copied().unwrap_or_default())).collect();
            rows.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            rows.truncate(CANDIDATES);
            Ok(rows)
        };
        Ok([beside(words)?, beside(phrases)?])
    }

    fn best(&self, index: Index, expression: &str) -> Result<Vec<(i64, f64)>> {
        let table = index.table();
        let mut statement = self
            .connection
            .prepare_cached(&format!("select rowid, -bm25({table}, 0.0, ?2, 1.0) as score from {table} where {table} match ?1 order by score desc limit ?3"))?;
        let limit = i64::try_from(CANDIDATES).unwrap_or(i64::MAX);
        Ok(statement.query_map((expression, self.header, limit), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
    }

    fn all(&self, index: Index, expression: &str) -> Result<Vec<(i64, f64)>> {
        let table = index.table();
        let mut statement = self.connection.prepare_cached(&format!("select rowid, -bm25({table}, 0.0, ?2, 1.0) from {table} where {table} match ?1"))?;
        Ok(statement.query_map((expression, self.header), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
    }
}

/// The rarest of the words, as many as stay cheap but enough for a full list; none where that is all of them. `share` of the
/// rows with a word are in the projects that are searched.
fn rarer(mut frequencies: Vec<(f64, String)>, share: f64) -> Vec<String> {
    frequencies.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut rows = 0.0;
    let kept = frequencies
        .iter()
        .take_while(|(more, _)| {
            let fits = rows * share < CANDIDATES as f64 || (rows + more) * share <= CHEAP;
            rows += more;
            fits
        })
        .count();
    if kept == frequencies.len() {
        return Vec::new();
    }
    frequencies.into_iter().take(kept).map(|(_, word)| word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(frequencies: &[(f64, &str)], share: f64) -> Vec<String> {
        rarer(frequencies.iter().map(|(rows, word)| (*rows, (*word).to_owned())).collect(), share)
    }

    #[test]
    fn the_rarer_words_are_required_where_all_are_too_many() {
        assert_eq!(of(&[(90_000.0, "instance"), (700.0, "snapshot"), (2_000.0, "encrypted")], 1.0), ["snapshot", "encrypted"]);
        assert_eq!(of(&[(1_000.0, "snapshot"), (2_000.0, "encrypted")], 1.0), [""; 0], "all of them are cheap");
        assert_eq!(of(&[(90_000.0, "instance"), (3.0, "m3")], 1.0), [""; 0], "three rows are no list");
        assert_eq!(of(&[(90_000.0, "instance"), (700.0, "snapshot")], 0.01), [""; 0], "in a small project few rows match");
    }
}
