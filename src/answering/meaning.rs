//! Citations by meaning: what a passage says too, in other words.
//!
//! A model seldom keeps a passage's wording: of 719 sentences that a model wrote in the conversations of mtragun, a passage has
//! most words of 23 %, and is near 4 % more. Nearness alone is not enough: in documents about one product, sentences that
//! say different things are near each other too, so that a good part of the words has to be there as well.

use std::time::Duration;

use futures_util::future::try_join_all;
use unicode_segmentation::UnicodeSegmentation;

use super::{
    align::{self, Known, Told},
    sentences::sentences,
};
use crate::{conversations::Citation, embed::Embedder, error::Result};

/// From this cosine on a sentence says what the passage's says, where the passage has a good part of its words, the rarer ones
/// weighing more, or is in another language.
const NEAR: f64 = 0.7;
const SOME_WORDS: f64 = 0.45;
/// Fewer say too little to have a meaning.
const FEWEST_WORDS: usize = 3;
/// How many sentences of an answer, and of its passages, are looked at.
const ANSWERS: usize = 24;
const PASSAGES: usize = 64;
/// Of the model's queue, so that an answer is no crowd.
const AT_ONCE: usize = 8;
/// An answer is not kept waiting for its citations.
const PATIENCE: Duration = Duration::from_secs(2);

/// Cites each sentence of `answer` with the passage that supports it best, if one does, by words or by meaning.
pub(super) async fn citations(embedder: &Embedder, answer: &str, passages: &[(i64, &str)]) -> Vec<Citation> {
    let known = align::known(passages);
    let mut told = align::by_words(answer, &known);
    let open: Vec<&mut Told> = told.iter_mut().filter(|told| told.source.is_none() && told.words.len() >= FEWEST_WORDS).take(ANSWERS).collect();
    if !open.is_empty() && !passages.is_empty() {
        // Without the embedding model, or with too little time for it, the words have to do.
        let needed = if align::is_same_language(answer, passages) { SOME_WORDS } else { 0.0 };
        let _ = tokio::time::timeout(PATIENCE, settle(embedder, answer, open, passages, &known, needed)).await;
    }
    align::citations(answer, &told)
}

async fn settle(embedder: &Embedder, answer: &str, open: Vec<&mut Told>, passages: &[(i64, &str)], known: &[Known], needed: f64) -> Result<()> {
    let pieces = passages.iter().enumerate().flat_map(|(place, (_, text))| sentences(text).into_iter().map(move |range| (&text[range], place)));
    let pieces: Vec<(&str, usize)> = pieces.filter(|(text, _)| text.unicode_words().count() >= FEWEST_WORDS).take(PASSAGES).collect();
    let theirs = vectors(embedder, &pieces.iter().map(|(text, _)| *text).collect::<Vec<_>>()).await?;
    let own = vectors(embedder, &open.iter().map(|told| &answer[told.range.clone()]).collect::<Vec<_>>()).await?;
    let scale = embedder.info().scale;
    for (told, vector) in open.into_iter().zip(own) {
        let says_no = denies(&answer[told.range.clone()]);
        let near = pieces.iter().zip(&theirs).filter_map(|((text, place), theirs)| {
            let cosine = f64::from(scale.apply(vector.iter().zip(theirs).map(|(a, b)| a * b).sum()));
            let is_same = cosine >= NEAR && told.supports[*place] >= needed && told.figures.is_subset(&known[*place].figures) && says_no == denies(text);
            is_same.then_some((known[*place].index, cosine))
        });
        told.source = near.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(index, _)| index);
    }
    Ok(())
}

async fn vectors(embedder: &Embedder, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
    let mut vectors = Vec::with_capacity(texts.len());
    for some in texts.chunks(AT_ONCE) {
        vectors.extend(try_join_all(some.iter().map(|text| embedder.query(text))).await?);
    }
    Ok(vectors)
}

/// A sentence and its contrary are near each other for the model, so that this is told by the words.
fn denies(text: &str) -> bool {
    const WORDS: [&str; 15] = ["not", "no", "never", "none", "neither", "nor", "cannot", "without", "nicht", "kein", "keine", "keinen", "nie", "niemals", "ohne"];
    text.unicode_words().map(str::to_lowercase).any(|word| WORDS.contains(&word.as_str()) || word.ends_with("n't") || word.ends_with("n’t"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::Model;

    const PASSAGES: [(i64, &str); 2] = [
        (1, "Lamps in daily use are covered for two years. Express parcels travel overnight and arrive on the next working day."),
        (2, "The widget loads from one script tag on your page. Returned goods are paid back to the card that was used."),
    ];

    #[tokio::test]
    async fn what_is_said_in_other_words_is_cited_and_its_contrary_is_not() {
        let embedder = Embedder::start(Model::builtin(), 1).unwrap();
        let cited = async |answer: &str| citations(&embedder, answer, &PASSAGES).await.iter().map(|citation| citation.index).collect::<Vec<_>>();
        assert_eq!(cited("If you send goods back, we refund the card that you paid with.").await, [2]);
        assert_eq!(cited("Express parcels are brought overnight, by the following business day.").await, [1]);
        assert!(cited("Express parcels are never brought overnight, by the following business day.").await.is_empty());
        assert!(cited("Express parcels are brought overnight, within 3 business days.").await.is_empty());
        assert!(cited("Express letters need a stamp of another colour.").await.is_empty());
        assert!(cited("Our office in Berlin has a lovely garden with old apple trees.").await.is_empty());
    }
}
