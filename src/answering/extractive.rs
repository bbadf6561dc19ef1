//! The built-in answerer: the passages' own sentences, chosen and ordered by how well they fit the question. It needs no
//! model file and no network, and it cannot say what no document says.
//!
//! Passages are cut into units (a sentence, a whole list with the line that introduces it, a code block, a table). Each
//! unit is scored by the question's words that it has, weighted by how rare they are among the units, by its cosine to
//! the question, and by its passage's score. The best one is told with what belongs to it; another passage adds a unit
//! where that says something else nearly as well.

use std::collections::{HashMap, HashSet};

use super::sentences::{content_words, sentences};

/// A piece of a passage that can be said by itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unit {
    pub passage: usize,
    pub text: String,
    words: HashSet<String>,
    /// Lists, tables and code are never cut and stand in a block of their own.
    is_block: bool,
}

/// Part of an answer, and the passage that it is taken from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub passage: usize,
    pub text: String,
}

/// How many words an answer has at the most, lists and code apart.
const MOST_WORDS: usize = 110;
const SECOND_WORDS: usize = 45;

/// Cuts passages into units. `limit` bounds how many each gives.
pub(super) fn units(passages: &[&str], limit: usize) -> Vec<Unit> {
    passages.iter().enumerate().flat_map(|(passage, text)| cut(passage, text).into_iter().take(limit)).collect()
}

fn cut(passage: usize, text: &str) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for (kind, block) in blocks(text) {
        match kind {
            Kind::Heading => {}
            Kind::Prose => units.extend(sentences(&block).into_iter().map(|range| unit(passage, &block[range], false))),
            Kind::Whole => {
                // "To do so:" belongs to the list that follows.
                let introduced = units.last().is_some_and(|last| !last.is_block && last.text.ends_with(':'));
                let text = match introduced.then(|| units.pop()).flatten() {
                    Some(lead) => format!("{}\n\n{block}", lead.text),
                    None => block,
                };
                units.push(unit(passage, &text, true));
            }
        }
    }
    units
}

fn unit(passage: usize, text: &str, is_block: bool) -> Unit {
    Unit { passage, text: text.to_owned(), words: content_words(text), is_block }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Heading,
    Prose,
    /// A list, a table or code.
    Whole,
}

/// The blocks of a passage in order.
fn blocks(text: &str) -> Vec<(Kind, String)> {
    let mut blocks: Vec<(Kind, String)> = Vec::new();
    let mut in_code = false;
    let mut after_blank = true;
    for line in text.lines() {
        let trimmed = line.trim();
        let fence = trimmed.starts_with("```") || trimmed.starts_with("~~~");
        let kind = if in_code || fence || is_list_line(trimmed) || trimmed.starts_with('|') {
            Kind::Whole
        } else if trimmed.starts_with('#') {
            Kind::Heading
        } else {
            Kind::Prose
        };
        if trimmed.is_empty() && !in_code {
            after_blank = true;
            continue;
        }
        match blocks.last_mut() {
            // A list may have blank lines between its items, and indented lines inside them.
            Some((Kind::Whole, block)) if kind == Kind::Whole && (!after_blank || in_code || is_list_line(trimmed)) => {
                block.push('\n');
                block.push_str(line);
            }
            Some((Kind::Whole, block)) if kind == Kind::Prose && !after_blank && line.starts_with([' ', '\t']) => {
                block.push('\n');
                block.push_str(line);
            }
            Some((Kind::Prose, block)) if kind == Kind::Prose && !after_blank => {
                block.push(' ');
                block.push_str(trimmed);
            }
            _ => blocks.push((kind, line.trim_end().to_owned())),
        }
        if fence {
            in_code = !in_code;
        }
        after_blank = false;
    }
    blocks
}

fn is_list_line(line: &str) -> bool {
    let number = line.split_once(['.', ')']).is_some_and(|(head, rest)| !head.is_empty() && head.len() <= 3 && head.bytes().all(|b| b.is_ascii_digit()) && rest.starts_with(' '));
    number || line.starts_with("- ") || line.starts_with("* ") || line.starts_with("• ") || line.starts_with("+ ")
}

/// Chooses and orders. `passage_scores` are the retrieval's, best first; `cosines` belong to the units, where they were
/// embedded. Nothing comes back only where there are no units.
pub(super) fn compose(question: &str, units: &[Unit], passage_scores: &[f64], cosines: Option<&[f64]>) -> Vec<Part> {
    let asked = content_words(question);
    let rarity = rarity(units);
    let best_passage = passage_scores.first().copied().unwrap_or(1.0).max(f64::EPSILON);
    let all: f64 = asked.iter().map(|word| rarity.get(word).copied().unwrap_or(0.0)).sum();
    let scores: Vec<f64> = units
        .iter()
        .enumerate()
        .map(|(place, unit)| {
            let found: f64 = asked.iter().filter(|word| unit.words.contains(*word)).map(|word| rarity.get(word).copied().unwrap_or(0.0)).sum();
            let overlap = if all > 0.0 { found / all } else { 0.0 };
            let cosine = cosines.and_then(|cosines| cosines.get(place)).copied().unwrap_or(overlap).max(0.0);
            let trust = (passage_scores.get(unit.passage).copied().unwrap_or(0.0) / best_passage).clamp(0.0, 1.0);
            let is_question = unit.text.trim_end().ends_with('?');
            (0.45 * overlap + 0.55 * cosine) * (0.4 + 0.6 * trust) * if is_question { 0.5 } else { 1.0 }
        })
        .collect();
    let Some(best) = place_of_best(&scores, |_| true) else { return Vec::new() };
    let mut chosen = around(best, units, &scores);
    let mut words = count_words(&chosen, units);
    // One more passage, where it is nearly as good and says something else.
    let said: HashSet<&String> = chosen.iter().flat_map(|place| &units[*place].words).collect();
    let is_new = |unit: &Unit| {
        let shared = unit.words.iter().filter(|word| said.contains(word)).count();
        (shared as f64) < 0.6 * unit.words.len().max(1) as f64
    };
    if let Some(second) = place_of_best(&scores, |place| units[place].passage != units[best].passage && is_new(&units[place]))
        && scores[second] >= 0.8 * scores[best]
        && words + word_count(&units[second].text) <= MOST_WORDS + SECOND_WORDS
    {
        words += word_count(&units[second].text);
        chosen.push(second);
    }
    let _ = words;
    join(&chosen, units)
}

/// The unit with what it needs to be understood, and what follows as long as that is to the point and short.
fn around(best: usize, units: &[Unit], scores: &[f64]) -> Vec<usize> {
    let same = |place: usize| units.get(place).is_some_and(|unit| unit.passage == units[best].passage);
    let mut first = best;
    while first > 0 && same(first - 1) && leans_back(&units[first].text) && best - first < 2 {
        first -= 1;
    }
    let mut chosen: Vec<usize> = (first..=best).collect();
    let mut words = count_words(&chosen, units);
    let mut next = best + 1;
    while same(next) {
        let unit = &units[next];
        let belongs = leans_back(&unit.text) || scores[next] >= 0.55 * scores[best] || unit.is_block && units[next - 1].text.ends_with(':');
        if !belongs || !unit.is_block && words + word_count(&unit.text) > MOST_WORDS {
            break;
        }
        words += word_count(&unit.text);
        chosen.push(next);
        next += 1;
    }
    chosen
}

/// Whether a sentence points back to the one before it.
fn leans_back(text: &str) -> bool {
    const STARTS: [&str; 18] = [
        "it ", "its ", "this ", "that ", "these ", "those ", "they ", "then ", "then, ", "there ", "both ", "otherwise", "however", "also ", "so ", "but ", "and ", "for example",
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

fn place_of_best(scores: &[f64], may: impl Fn(usize) -> bool) -> Option<usize> {
    // The first of equals: passages come best first, and sentences in their order.
    (0..scores.len()).filter(|place| may(*place)).fold(None, |best: Option<usize>, place| match best {
        Some(best) if scores[best] >= scores[place] => Some(best),
        _ => Some(place),
    })
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
    for &place in chosen {
        let unit = &units[place];
        let runs_on = before.is_some_and(|before| units[before].passage == unit.passage && !units[before].is_block && !unit.is_block);
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
mod tests {
    use super::*;

    fn answer(question: &str, passages: &[&str]) -> String {
        let scores: Vec<f64> = (0..passages.len()).map(|place| 1.0 - 0.1 * place as f64).collect();
        compose(question, &units(passages, 40), &scores, None).into_iter().map(|part| part.text).collect()
    }

    #[test]
    fn the_sentence_that_answers_is_chosen() {
        let text = "Plans are billed monthly. Refunds are given within 30 days of the purchase. Our office has plants.";
        assert_eq!(answer("When do I get a refund?", &[text]), "Refunds are given within 30 days of the purchase.");
    }

    #[test]
    fn a_list_stays_whole_with_the_line_that_introduces_it() {
        let text = "Some prose about us.\n\nTo reset your password:\n\n1. Open the settings.\n2. Click Reset.\n3. Check your mail.\n\nMore prose.";
        let answer = answer("How do I reset the password?", &[text]);
        assert_eq!(answer, "To reset your password:\n\n1. Open the settings.\n2. Click Reset.\n3. Check your mail.");
    }

    #[test]
    fn a_sentence_that_points_back_brings_the_one_before_it() {
        let text = "The export is a CSV file. It has one row for each order and opens in every spreadsheet.";
        assert_eq!(answer("Which rows are in the spreadsheet of orders?", &[text]), text);
    }

    #[test]
    fn two_passages_that_say_the_same_are_told_once() {
        let text = "Refunds are given within 30 days.";
        assert_eq!(answer("refunds within days", &[text, "Refunds are given within 30 days of it."]), text);
    }

    #[test]
    fn code_is_never_cut() {
        let text = "Run this:\n\n```\nillumichat serve\n\n# and wait\n```\n";
        assert!(answer("how do I run serve", &[text]).ends_with("```\nillumichat serve\n\n# and wait\n```"));
    }

    proptest::proptest! {
        #[test]
        fn every_part_is_in_its_passage(question in "\\PC{0,60}", a in "\\PC{0,200}(\n\\PC{0,80}){0,4}", b in "[a-z .:\n-]{0,200}") {
            let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            let passages = [a.as_str(), b.as_str()];
            for part in compose(&question, &units(&passages, 40), &[1.0, 0.9], None) {
                proptest::prop_assert!(flat(passages[part.passage]).contains(&flat(&part.text)));
            }
        }
    }
}
