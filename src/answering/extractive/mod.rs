//! The built-in answerer: the passages' own sentences, chosen and ordered by how well they fit the question. It needs no
//! model file and no network, and it cannot say what no document says.
//!
//! Passages are cut into units (`units`): a sentence, or a whole list, table or piece of code with the line that
//! introduces it. Each is scored by the question's words that it and its headings have, the rarer ones weighing more; by
//! its cosine to the question; by how well its heading fits, since people write headings as the questions that they
//! answer; and by its passage's rank. From the best one the answer grows over its neighbours while they are to the point:
//! it stays one stretch of one document, in the document's order. Another passage adds a unit only for words of the
//! question that are not answered yet.

mod units;

use std::collections::{HashMap, HashSet};

pub(super) use units::Unit;

use super::sentences::content_words;

/// Part of an answer, and the passage that it is taken from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub passage: usize,
    pub text: String,
}

/// What the answer is taken from.
#[derive(Debug, Clone, Copy)]
pub(super) struct From<'a> {
    pub text: &'a str,
    /// The title and headings that it stands under, the outermost first.
    pub headings: &'a [&'a str],
    /// The retrieval's.
    pub score: f64,
}

/// What is asked: the question's words, and with less weight those of what was asked before, where the question leans
/// on it ("and how do I delete it?").
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    words: HashMap<String, f64>,
}

impl Asked {
    pub(super) fn new(question: &str, earlier: &[String]) -> Self {
        let mut words: HashMap<String, f64> = content_words(question).into_iter().map(|word| (word, 1.0)).collect();
        if let Some(focus) = focus(question) {
            words.insert(focus, 1.6);
        }
        if is_follow_up(question)
            && let Some(last) = earlier.last()
        {
            for word in content_words(last) {
                words.entry(word).or_insert(0.5);
            }
        }
        Asked { words }
    }

    fn all(&self) -> HashSet<String> {
        self.words.keys().cloned().collect()
    }
}

/// What "which" or "what" asks for: of "Which events does the widget send?" the events.
fn focus(question: &str) -> Option<String> {
    let lower = question.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.find(|word| matches!(*word, "which" | "what"))?;
    words.next().and_then(|word| content_words(word).into_iter().next())
}

/// Whether a question is too short to be understood alone, or points back.
pub(super) fn is_follow_up(question: &str) -> bool {
    const POINTING: &str = " it its that this these those they them he she one ones there same instead else ";
    let lower = question.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()).peekable();
    let begins = words.peek().is_some_and(|first| matches!(*first, "and" | "but" | "or" | "so" | "then" | "also" | "why" | "und" | "et" | "y"));
    content_words(question).len() < 3 && (begins || content_words(question).len() < 2 || words.any(|word| POINTING.contains(&format!(" {word} "))))
}

/// How many words an answer has at the most, and below how many it goes on where the text does; blocks apart.
const MOST_WORDS: usize = 90;
const FEW_WORDS: usize = 24;
/// How much of a section may stand before what answers, where its heading is the question.
const MOST_OPENING: usize = 75;
/// The words of a whole answer, blocks too; a block that would go over it is left out unless it is what answers.
const LONGEST: usize = 260;

/// Cuts passages into units. `limit` bounds how many each gives.
pub(super) fn units(passages: &[From<'_>], asked: &Asked, limit: usize) -> Vec<Unit> {
    let asked = asked.all();
    passages.iter().enumerate().flat_map(|(passage, from)| units::cut(passage, from.text, &asked).into_iter().take(limit)).collect()
}

/// How near vectors are to the question's, where there are vectors.
#[derive(Debug, Clone, Default)]
pub(super) struct Nearness {
    /// One a unit; nothing for those that were not embedded.
    pub units: Vec<Option<f64>>,
    /// One a passage: its last heading.
    pub headings: Vec<Option<f64>>,
}

/// An answer, and how well it fits.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Composed {
    pub parts: Vec<Part>,
    /// The share of the question's weight of words that the best unit and its headings have.
    pub coverage: f64,
    /// The best unit's cosine to the question.
    pub cosine: f64,
}

/// Chooses and orders. Nothing comes back only where nothing can be said by itself.
pub(super) fn compose(asked: &Asked, passages: &[From<'_>], units: &[Unit], near: &Nearness) -> Composed {
    let scored = Scored::new(asked, passages, units, near);
    let Some(best) = scored.best(|unit| unit.stands_alone()).or_else(|| scored.best(|unit| unit.kind == units::Kind::Fragment)) else { return Composed::default() };
    let mut chosen = scored.grow(best);
    // Another passage, for what is asked and not said yet.
    let said: HashSet<&String> = chosen.iter().flat_map(|place| &units[*place].words).chain(&scored.heading_words[units[best].passage]).collect();
    let open: HashSet<&String> = scored.weights.keys().filter(|word| !said.contains(word)).collect();
    // Under a heading that fits, the section is the answer.
    if scored.heading_fit[units[best].passage] < 0.4 && scored.weight_of(&open) >= 0.3 {
        let adds = |unit: &Unit| {
            let new: HashSet<&String> = open.iter().copied().filter(|word| unit.words.contains(*word)).collect();
            let shared = unit.words.iter().filter(|word| said.contains(word)).count();
            unit.stands_alone() && unit.passage != units[best].passage && scored.weight_of(&new) >= 0.3 && (shared as f64) < 0.6 * unit.words.len().max(1) as f64
        };
        if let Some(second) = scored.best(adds)
            && scored.scores[second] >= 0.85 * scored.scores[best]
            && count_words(&chosen, units) + word_count(&units[second].text) <= LONGEST
        {
            chosen.push(second);
        }
    }
    Composed { parts: join(&chosen, units), coverage: scored.coverage(best), cosine: near.units.get(best).copied().flatten().unwrap_or(0.0) }
}

struct Scored<'a> {
    units: &'a [Unit],
    /// The question's words and their shares of its weight.
    weights: HashMap<String, f64>,
    heading_words: Vec<HashSet<String>>,
    /// How well each passage's heading fits the question, from 0 to 1.
    heading_fit: Vec<f64>,
    scores: Vec<f64>,
}

impl<'a> Scored<'a> {
    fn new(asked: &Asked, passages: &[From<'_>], units: &'a [Unit], near: &Nearness) -> Self {
        let heading_words: Vec<HashSet<String>> = passages.iter().map(|from| content_words(&from.headings.join(" "))).collect();
        let rarity = rarity(units);
        let most = rarity.values().copied().fold(1.0, f64::max);
        // What is asked about is common in what was found about it: the commonest word still weighs half of the rarest.
        let rarity_of = |word: &String| rarity.get(word).map_or(0.9 * most, |rarity| 0.5 * most + 0.5 * rarity);
        let mut weights: HashMap<String, f64> = asked.words.iter().map(|(word, weight)| (word.clone(), weight * rarity_of(word))).collect();
        let all: f64 = weights.values().sum::<f64>().max(f64::EPSILON);
        weights.values_mut().for_each(|weight| *weight /= all);
        let heading_fit = passages
            .iter()
            .enumerate()
            .map(|(place, from)| {
                // A product's name is in every heading and says nothing there.
                let own = content_words(from.headings.last().copied().unwrap_or_default());
                let weigh = |words: &mut dyn Iterator<Item = &String>| words.map(|word| rarity.get(word).copied().unwrap_or(most).powi(2) * asked.words.get(word).copied().unwrap_or(1.0)).sum::<f64>();
                let shared = weigh(&mut own.iter().filter(|word| weights.contains_key(*word)));
                let both = weigh(&mut own.iter()) + weigh(&mut weights.keys());
                let words = if both > 0.0 { 2.0 * shared / both } else { 0.0 };
                match near.headings.get(place).copied().flatten() {
                    Some(cosine) => 0.5 * words + 0.5 * cosine.max(0.0),
                    None => words,
                }
            })
            .collect();
        let mut scored = Scored { units, weights, heading_words, heading_fit, scores: Vec::new() };
        let best_passage = passages.iter().map(|from| from.score).fold(f64::EPSILON, f64::max);
        scored.scores = units
            .iter()
            .enumerate()
            .map(|(place, unit)| {
                let coverage = scored.coverage(place);
                let cosine = near.units.get(place).copied().flatten().map_or(0.8 * coverage, |cosine| cosine.max(0.0));
                let trust = (passages[unit.passage].score / best_passage).clamp(0.0, 1.0);
                let first = if unit.place == 0 { 0.06 } else { 0.0 };
                let shape = match unit.kind {
                    units::Kind::Sentence | units::Kind::Block => 1.0,
                    units::Kind::Fragment => 0.7,
                    units::Kind::Question => 0.3,
                };
                (0.35 * coverage + 0.4 * cosine + (0.25 + first) * scored.heading_fit[unit.passage]) * (0.55 + 0.45 * trust) * shape
            })
            .collect();
        scored
    }

    /// The share of the question's weight that a unit has; a word that only its headings have counts for less.
    fn coverage(&self, place: usize) -> f64 {
        let unit = &self.units[place];
        let headings = &self.heading_words[unit.passage];
        self.weights.iter().map(|(word, weight)| if unit.words.contains(word) { *weight } else if headings.contains(word) { 0.6 * weight } else { 0.0 }).sum()
    }

    fn weight_of(&self, words: &HashSet<&String>) -> f64 {
        words.iter().filter_map(|word| self.weights.get(*word)).sum()
    }

    fn best(&self, may: impl Fn(&Unit) -> bool) -> Option<usize> {
        // The first of equals: passages come best first, and sentences in their order.
        (0..self.scores.len()).filter(|place| may(&self.units[*place])).fold(None, |best: Option<usize>, place| match best {
            Some(best) if self.scores[best] >= self.scores[place] => Some(best),
            _ => Some(place),
        })
    }

    fn same(&self, place: usize, other: usize) -> bool {
        self.units.get(place).is_some_and(|unit| unit.passage == self.units[other].passage)
    }

    /// The unit with what it needs to be understood, and its neighbours as long as they are to the point and short.
    fn grow(&self, best: usize) -> Vec<usize> {
        let (units, scores) = (self.units, &self.scores);
        let about = self.heading_fit[units[best].passage];
        // Under a heading that is nearly the question, all of the section is to the point.
        let enough = if about >= 0.62 { 0.4 } else if about >= 0.45 { 0.55 } else { 0.7 } * scores[best];
        let (mut first, mut last) = (best, best);
        let mut words = word_count(&units[best].text);
        let fits = |words: usize, unit: &Unit| words + word_count(&unit.text) <= if unit.is_block() { LONGEST } else { MOST_WORDS.max(words + 1) };
        // Backwards: what the first sentence points to, and the section's opening where its heading is the question.
        let section = best - units[best].place;
        let opening: usize = units[section..best].iter().map(|unit| word_count(&unit.text)).sum();
        if about >= 0.45 && opening <= MOST_OPENING && units[section..best].iter().all(Unit::stands_alone) {
            first = section;
            words += opening;
        }
        while first > section {
            let before = &units[first - 1];
            let leans = leans_back(&units[first].text) && best - first < 2;
            if !(before.stands_alone() && (leans || scores[first - 1] >= enough && words + word_count(&before.text) <= MOST_WORDS)) {
                break;
            }
            words += word_count(&before.text);
            first -= 1;
        }
        // Forwards, also over one weaker sentence to a better one.
        while self.same(last + 1, best) {
            let next = &units[last + 1];
            let leans = leans_back(&next.text) && words < MOST_WORDS;
            let good = scores[last + 1] >= enough || words < FEW_WORDS && scores[last + 1] >= 0.3 * scores[best];
            let bridges = next.stands_alone() && self.same(last + 2, best) && units[last + 2].stands_alone() && scores[last + 2] >= 1.1 * enough;
            if !next.stands_alone() || !(leans || good || bridges) || !(fits(words, next) && (next.is_block() || words + word_count(&next.text) <= MOST_WORDS)) {
                break;
            }
            words += word_count(&next.text);
            last += 1;
        }
        (first..=last).collect()
    }
}

/// Whether a sentence points back to the one before it.
fn leans_back(text: &str) -> bool {
    const STARTS: [&str; 24] = [
        "it ", "its ", "this ", "that ", "these ", "those ", "they ", "then ", "then, ", "there ", "both ", "otherwise", "however", "also ", "so ", "but ", "and ", "for example",
        "instead", "such ", "he ", "she ", "the same ", "in that case",
    ];
    let text = text.to_lowercase();
    STARTS.iter().any(|start| text.starts_with(start))
}

fn rarity(units: &[Unit]) -> HashMap<String, f64> {
    let mut counts: HashMap<String, f64> = HashMap::new();
    for word in units.iter().flat_map(|unit| &unit.words) {
        *counts.entry(word.clone()).or_default() += 1.0;
    }
    let all = units.len() as f64;
    counts.into_iter().map(|(word, count)| (word, (1.0 + all / count).ln())).collect()
}

fn word_count(text: &str) -> usize {
    text.split_whitespace().count()
}

fn count_words(chosen: &[usize], units: &[Unit]) -> usize {
    chosen.iter().map(|place| word_count(&units[*place].text)).sum()
}

/// Sentences of one passage run on, blocks and other passages begin a paragraph.
fn join(chosen: &[usize], units: &[Unit]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut before: Option<usize> = None;
    let mut told: HashSet<&str> = HashSet::new();
    for &place in chosen {
        let unit = &units[place];
        if !told.insert(unit.text.as_str()) {
            continue;
        }
        let runs_on = before.is_some_and(|before| units[before].passage == unit.passage && !units[before].is_block() && !unit.is_block());
        let glue = match before {
            None => "",
            Some(_) if runs_on => " ",
            Some(_) => "\n\n",
        };
        parts.push(Part { passage: unit.passage, text: format!("{glue}{}", unit.text) });
        before = Some(place);
    }
    parts
}

#[cfg(test)]
mod tests;
