//! For measuring: whether a passage supports a sentence, and what the product makes of a text that cites wrongly.

use std::collections::HashSet;

use unicode_segmentation::UnicodeSegmentation;

use super::{
    filter::Filter,
    meaning,
    sentences::{content_words, sentences},
};
use crate::{conversations::Citation, embed::Embedder};

/// Whether a passage says what a sentence says, judged more strictly than citations are made: it has nearly all of the
/// words that carry meaning, and every figure.
pub fn supports(sentence: &str, passage: &str) -> bool {
    const SHARE: f64 = 0.85;
    let (words, theirs) = (content_words(sentence), content_words(passage));
    let figures = |text: &str| -> HashSet<String> { text.unicode_words().filter(|word| word.chars().any(|c| c.is_ascii_digit())).map(str::to_lowercase).collect() };
    let found = words.iter().filter(|word| theirs.contains(*word)).count();
    found as f64 >= SHARE * words.len() as f64 && figures(sentence).is_subset(&figures(passage))
}

/// The sentences of a text, with where they begin and end in code points.
pub fn told_sentences(text: &str) -> Vec<(&str, i64, i64)> {
    let at = |byte: usize| i64::try_from(text[..byte].chars().count()).unwrap_or(i64::MAX);
    sentences(text).into_iter().map(|range| (&text[range.clone()], at(range.start), at(range.end))).collect()
}

/// What is shown of a model's text, and its citations as the product makes them, from numbered passages.
pub async fn shown_and_cited(embedder: &Embedder, text: &str, passages: &[(i64, &str)]) -> (String, Vec<Citation>) {
    let mut filter = Filter::new(passages.iter().map(|(_, text)| *text));
    let mut shown = filter.push(text);
    shown.push_str(&filter.finish());
    let citations = meaning::citations(embedder, &shown, passages).await;
    (shown, citations)
}
