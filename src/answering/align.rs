//! Citations, found in code: which sentences of an answer a passage supports by its words, whatever the model said about it.
//! What says the same in other words, `meaning` finds.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use unicode_segmentation::UnicodeSegmentation;

use super::sentences::{content_words, sentences};
use crate::conversations::Citation;

/// How much of a sentence's weight of words a passage must have.
const SUPPORT: f64 = 0.6;

/// A passage as its words.
pub(super) struct Known {
    pub index: i64,
    pub words: HashSet<String>,
    pub figures: HashSet<String>,
}

/// A sentence of an answer.
pub(super) struct Told {
    /// In bytes.
    pub range: Range<usize>,
    pub words: HashSet<String>,
    pub figures: HashSet<String>,
    /// How much of its weight of words each passage has.
    pub supports: Vec<f64>,
    /// The passage that supports it.
    pub source: Option<i64>,
}

pub(super) fn known(passages: &[(i64, &str)]) -> Vec<Known> {
    passages.iter().map(|(index, text)| Known { index: *index, words: content_words(text), figures: figures(text) }).collect()
}

/// The sentences of `answer`, each with the passage that supports it best, if one does by its words: it has most of the
/// sentence's content words, the rarer ones weighing more, and all of its numbers.
pub(super) fn by_words(answer: &str, passages: &[Known]) -> Vec<Told> {
    let mut counts: HashMap<&String, f64> = HashMap::new();
    for word in passages.iter().flat_map(|passage| &passage.words) {
        *counts.entry(word).or_default() += 1.0;
    }
    let weight = |word: &String| (1.0 + passages.len() as f64 / counts.get(word).copied().unwrap_or(1.0)).ln();
    let told = |range: Range<usize>| {
        let (words, figures) = (content_words(&answer[range.clone()]), figures(&answer[range.clone()]));
        let all: f64 = words.iter().map(weight).sum();
        let support = |known: &Known| words.iter().filter(|word| known.words.contains(*word)).map(weight).sum::<f64>() / all;
        let supports: Vec<f64> = passages.iter().map(support).collect();
        let able = passages.iter().zip(&supports).filter(|(known, _)| figures.is_subset(&known.figures)).map(|(known, support)| (known.index, *support));
        let best = able.fold(None, |best: Option<(i64, f64)>, next| if best.is_some_and(|best| best.1 >= next.1) { best } else { Some(next) });
        let source = best.filter(|(_, support)| words.len() >= 2 && *support >= SUPPORT).map(|(index, _)| index);
        Told { range, words, figures, supports, source }
    };
    sentences(answer).into_iter().map(told).collect()
}

/// Ranges count code points; neighbouring sentences with the same source are one citation.
pub(super) fn citations(answer: &str, told: &[Told]) -> Vec<Citation> {
    let mut found: Vec<Citation> = Vec::new();
    let mut characters = Characters::new(answer);
    for Told { range, source, .. } in told {
        if let Some(index) = *source {
            let (start, end) = (characters.at(range.start), characters.at(range.end));
            add(&mut found, Citation { index, start, end }, answer);
        }
    }
    found
}

/// Whether an answer that has no citation claims what its passages do not say. A greeting, a few words and a question back
/// claim nothing; what has half of a passage's words in it may well be said in other words; and of an answer in another
/// language than the passages' nobody can tell by its words.
pub(super) fn is_unsupported(answer: &str, passages: &[(i64, &str)]) -> bool {
    const CLAIM: usize = 5;
    const IN_OTHER_WORDS: f64 = 0.5;
    let passage_words: Vec<HashSet<String>> = passages.iter().map(|(_, text)| content_words(text).into_iter().collect()).collect();
    let claims: Vec<Vec<String>> = sentences(answer)
        .into_iter()
        .map(|range| &answer[range])
        .filter(|sentence| !sentence.ends_with('?'))
        .map(|sentence| content_words(sentence).into_iter().collect::<Vec<String>>())
        .filter(|words| words.len() >= CLAIM)
        .collect();
    let is_near = |claim: &Vec<String>| {
        passage_words.iter().any(|theirs| claim.iter().filter(|word| theirs.contains(*word)).count() as f64 >= IN_OTHER_WORDS * claim.len() as f64)
    };
    !claims.is_empty() && !claims.iter().any(is_near) && is_same_language(answer, passages)
}

/// Told by how many of its words, the small ones too, the passages have.
pub(super) fn is_same_language(answer: &str, passages: &[(i64, &str)]) -> bool {
    const SHARED: f64 = 0.2;
    let words = |text: &str| -> HashSet<String> { text.unicode_words().map(str::to_lowercase).collect() };
    let theirs: HashSet<String> = passages.iter().flat_map(|(_, text)| words(text)).collect();
    let all = words(answer);
    let shared = all.iter().filter(|word| theirs.contains(*word)).count();
    shared as f64 >= SHARED * all.len() as f64
}

/// Adds a citation, or lengthens the last one where it has the same source and only white space lies between.
pub(super) fn add(found: &mut Vec<Citation>, next: Citation, answer: &str) {
    if let Some(last) = found.last_mut()
        && last.index == next.index
        && answer.chars().skip(usize::try_from(last.end).unwrap_or(0)).take(usize::try_from(next.start - last.end).unwrap_or(0)).all(char::is_whitespace)
    {
        last.end = next.end;
        return;
    }
    found.push(next);
}

pub(super) fn figures(text: &str) -> HashSet<String> {
    text.unicode_words().filter(|word| word.chars().any(|c| c.is_ascii_digit())).map(|word| word.trim_end_matches(['.', ',']).to_lowercase()).collect()
}

/// Byte offsets as code points, asked for in rising order.
struct Characters<'a> {
    text: &'a str,
    byte: usize,
    character: i64,
}

impl<'a> Characters<'a> {
    fn new(text: &'a str) -> Self {
        Characters { text, byte: 0, character: 0 }
    }

    fn at(&mut self, byte: usize) -> i64 {
        self.character += i64::try_from(self.text[self.byte..byte].chars().count()).unwrap_or(0);
        self.byte = byte;
        self.character
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn citations(answer: &str, passages: &[(i64, &str)]) -> Vec<Citation> {
        super::citations(answer, &by_words(answer, &known(passages)))
    }

    const PASSAGES: [(i64, &str); 2] = [(1, "Refunds are given within 30 days of the purchase."), (2, "The widget loads from one script tag on your page.")];

    #[test]
    fn a_sentence_is_cited_by_what_it_says_and_not_by_what_it_claims() {
        let answer = "Für Sie: you get refunds within 30 days of purchase. The widget loads by one script tag. We love cats and dogs.";
        let found = citations(answer, &PASSAGES);
        assert_eq!(found.iter().map(|citation| citation.index).collect::<Vec<_>>(), [1, 2]);
        let text: Vec<char> = answer.chars().collect();
        let cited: String = text[found[1].start as usize..found[1].end as usize].iter().collect();
        assert_eq!(cited, "The widget loads by one script tag.");
    }

    #[test]
    fn a_wrong_number_is_not_supported() {
        assert!(citations("Refunds are given within 60 days of the purchase.", &PASSAGES).is_empty());
    }

    #[test]
    fn only_a_claim_in_the_passages_language_can_be_unsupported() {
        let unsupported = |answer: &str| is_unsupported(answer, &PASSAGES);
        assert!(unsupported("The widget is blue, and one of your neighbours paints the whole page with purple stripes."));
        assert!(!unsupported("Hello! How can I help you with the widget?"));
        assert!(!unsupported("Which of the many lamps on your page, in which colour, did you order within the last days?"));
        assert!(!unsupported("Bitte wenden Sie sich an unsere Verkaufsabteilung, die Ihnen gerne eine Rückerstattung gewährt."));
    }

    #[test]
    fn neighbours_with_one_source_are_one_citation() {
        let passages = [(1, "Refunds are given within 30 days. Refunds are paid to the card that was used.")];
        let answer = "Refunds are given within 30 days. Refunds are paid to the card that was used.";
        assert_eq!(citations(answer, &passages), [Citation { index: 1, start: 0, end: answer.chars().count() as i64 }]);
    }
}
