//! Text to token ids, for the engines, and to token positions, for whoever cuts text into passages.

use std::ops::Range;

use crate::error::{Error, Result};

/// Cuts text as the model was trained to read it.
pub enum Tokenizer {
    /// What the model's `tokenizer.json` says: WordPiece for BERT, Unigram for XLM-RoBERTa.
    Pieces(Box<Pieces>),
    /// Words and their stems: see `deterministic`.
    Words,
}

pub struct Pieces {
    inner: tokenizers::Tokenizer,
    /// `[CLS]` and `[SEP]`, or `<s>` and `</s>`, which stand before and after each text.
    first: u32,
    last: u32,
}

impl Pieces {
    /// Reads a `tokenizer.json`.
    ///
    /// What it says of truncation and padding is not used: the one of all-MiniLM-L6-v2 cuts at 128 tokens, half of what the
    /// model reads, and fills every shorter text up to as many.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let unusable = |why: String| Error::unavailable(format!("The embedding model's tokenizer.json cannot be used: {why}."));
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(|error| unusable(error.to_string()))?;
        inner.with_truncation(None).map_err(|error| unusable(error.to_string()))?;
        inner.with_padding(None);
        let marks = [("[CLS]", "[SEP]"), ("<s>", "</s>")].iter().find_map(|(first, last)| Some((inner.token_to_id(first)?, inner.token_to_id(last)?)));
        let (first, last) = marks.ok_or_else(|| unusable("it has neither [CLS] and [SEP] nor <s> and </s>".to_owned()))?;
        Ok(Pieces { inner, first, last })
    }

    /// How many ids there are.
    pub fn vocabulary(&self) -> usize {
        self.inner.get_vocab(true).values().max().map_or(0, |last| *last as usize + 1)
    }

    fn encoding(&self, text: &str) -> Option<tokenizers::Encoding> {
        // There is an id for everything, so this cannot fail; an empty encoding is the sane answer if it ever does.
        self.inner.encode(text, false).ok()
    }
}

impl Tokenizer {
    /// The ids that the model reads, special tokens included, at most `limit` of them: what is beyond is left out.
    pub fn encode(&self, text: &str, limit: usize) -> Vec<u32> {
        match self {
            Tokenizer::Words => words(text).take(limit).map(|range| super::deterministic::word_id(&text[range])).collect(),
            Tokenizer::Pieces(pieces) => {
                let encoding = pieces.inner.encode_fast(text, false).ok();
                let ids = encoding.as_ref().map_or(&[][..], |encoding| encoding.get_ids());
                let ids = &ids[..ids.len().min(limit.saturating_sub(2))];
                [&[pieces.first], ids, &[pieces.last]].concat()
            }
        }
    }

    /// The ids of a question and a passage as a cross-encoder reads them, at most `limit` of them, and where the passage's part
    /// begins. BERT has one mark between the two, RoBERTa two.
    ///
    /// What is too long is cut off the passage; the question has half of the room at the most.
    pub fn encode_pair(&self, question: &str, passage: &str, limit: usize, marks_between: usize) -> (Vec<u32>, usize) {
        let ids_of = |text: &str| match self {
            Tokenizer::Words => self.encode(text, limit),
            Tokenizer::Pieces(pieces) => pieces.inner.encode_fast(text, false).map_or_else(|_| Vec::new(), |encoding| encoding.get_ids().to_vec()),
        };
        let (first, last) = match self {
            Tokenizer::Words => (0, 0),
            Tokenizer::Pieces(pieces) => (pieces.first, pieces.last),
        };
        let room = limit.saturating_sub(2 + marks_between);
        let (mut question, mut passage) = (ids_of(question), ids_of(passage));
        question.truncate(room / 2);
        passage.truncate(room - question.len());
        let mut ids = vec![first];
        ids.extend(question);
        ids.extend(std::iter::repeat_n(last, marks_between));
        // Of BERT's two kinds of tokens, the mark after the question is still of the first.
        let second = ids.len();
        ids.extend(passage);
        ids.push(last);
        (ids, second)
    }

    /// How many tokens the text has, without special ones.
    pub fn count(&self, text: &str) -> usize {
        match self {
            Tokenizer::Words => words(text).count(),
            Tokenizer::Pieces(pieces) => pieces.inner.encode_fast(text, false).map_or(0, |encoding| encoding.len()),
        }
    }

    /// The byte range of each token in `text`, without special ones, in order.
    pub fn offsets(&self, text: &str) -> Vec<(usize, usize)> {
        match self {
            Tokenizer::Words => words(text).map(|range| (range.start, range.end)).collect(),
            Tokenizer::Pieces(pieces) => pieces.encoding(text).map_or_else(Vec::new, |encoding| encoding.get_offsets().to_vec()),
        }
    }
}

/// Runs of letters and digits.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut rest = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, _) = rest.find(|(_, c)| c.is_alphanumeric())?;
        while rest.next_if(|(_, c)| c.is_alphanumeric()).is_some() {}
        let end = rest.peek().map_or(text.len(), |(index, _)| *index);
        Some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        let text = "Zoë's 2 cats – 猫!";
        let found: Vec<&str> = words(text).map(|range| &text[range]).collect();
        assert_eq!(found, ["Zoë", "s", "2", "cats", "猫"]);
        assert_eq!(words("").count(), 0);
    }
}
