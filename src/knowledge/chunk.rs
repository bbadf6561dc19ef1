//! From a document's blocks to chunks: stretches of about 150 words that one vector can stand for.
//!
//! A chunk stays under one path of headings. Blocks are kept whole where they fit; what does not fit is cut between
//! sentences or lines, then between words. Nothing overlaps: measured, overlap gains nothing and costs its share of vectors.

use std::sync::Arc;

use unicode_segmentation::UnicodeSegmentation;

use super::extract::{Block, BlockKind, Extracted};

/// What a chunk aims at, in words.
const TARGET_WORDS: usize = 150;
/// Up to here a block is taken in whole rather than cut.
const MOST_WORDS: usize = 190;
/// A chunk may be closed before a block that does not fit in any more once it has this many words.
const LEAST_WORDS: usize = 60;
/// A last piece smaller than this joins the one before, where the model can read both.
const REMAINDER_WORDS: usize = 40;
/// The title and the headings in front of a chunk, in tokens at the most, so that they never crowd out its text.
const HEADER_TOKENS: usize = 64;
/// Bytes that count as a word at least: without it a megabyte without a space would be one word.
const BYTES_PER_WORD: usize = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// From 0, in the order of the document.
    pub ordinal: usize,
    /// Without the title.
    pub headings: Vec<String>,
    pub text: String,
    /// Where the text stands in the extracted text, in characters.
    pub start: usize,
    pub end: usize,
    /// The title and headings, as they go in front of the text where it is embedded and indexed.
    pub header: String,
    /// Of header and text, in the model's tokens.
    pub tokens: usize,
    pub page: Option<u32>,
    /// What the model reads, where that is not header and text.
    pub read_as: Option<String>,
}

impl Chunk {
    /// What the model reads.
    pub fn embedded(&self) -> String {
        self.read_as.clone().unwrap_or_else(|| embedded(&self.header, &self.text))
    }
}

/// A title, and below it the headings on the way to a text.
pub fn header(title: &str, path: &[&str]) -> String {
    [title, &path.join(" > ")].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("\n")
}

pub fn embedded(header: &str, text: &str) -> String {
    if header.is_empty() { text.to_owned() } else { format!("{header}\n{text}") }
}

/// The chunks of a question and answer pair: one for the pair, and one for the question in each of its wordings, which the
/// model reads alone, because that is how it is asked. All of them show the answer.
pub fn chunk_pair(question: &str, alternatives: &[String], answer: &str, max_tokens: usize, count: &dyn Fn(&str) -> usize) -> Vec<Chunk> {
    let end = answer.chars().count();
    let new = |ordinal: usize, header: &str, read_as: Option<String>| Chunk {
        ordinal,
        headings: Vec::new(),
        text: answer.to_owned(),
        start: 0,
        end,
        header: header.to_owned(),
        tokens: count(read_as.as_deref().unwrap_or(answer)),
        page: None,
        read_as,
    };
    let whole = cut_words(&embedded(question, answer), |text| count(text) <= max_tokens);
    let mut chunks = vec![new(0, question, Some(whole))];
    for wording in std::iter::once(question).chain(alternatives.iter().map(String::as_str)) {
        let read_as = cut_words(wording, |text| count(text) <= max_tokens);
        chunks.push(new(chunks.len(), wording, Some(read_as)));
    }
    chunks
}

/// Cuts a document. `max_tokens` is what the model reads of one text, its own marks already taken off; `count` counts a
/// text's tokens in that model.
pub fn chunk(title: &str, document: &Extracted, max_tokens: usize, count: &dyn Fn(&str) -> usize) -> Vec<Chunk> {
    let mut cutter = Cutter { title, text: &document.text, max_tokens, count, chunks: Vec::new(), characters: Characters::default(), page: None };
    let mut start = 0;
    while start < document.blocks.len() {
        let end = section_end(&document.blocks, start);
        // A heading is in the path of what stands under it; one with nothing under it is kept as text.
        let is_heading = matches!(document.blocks[start].kind, BlockKind::Heading(_));
        let is_bare = document.blocks.get(end).is_none_or(|next| next.headings.len() <= document.blocks[start].headings.len());
        if !is_heading || is_bare {
            cutter.section(&document.blocks[start..end]);
        }
        start = end;
    }
    cutter.chunks
}

/// A section is the blocks between two headings, or a heading alone.
fn section_end(blocks: &[Block], start: usize) -> usize {
    let path = &blocks[start].headings;
    let mut end = start + 1;
    if !matches!(blocks[start].kind, BlockKind::Heading(_)) {
        // A chunk stands on one page, so that its page is where its words are.
        while end < blocks.len() && !matches!(blocks[end].kind, BlockKind::Heading(_)) && blocks[end].headings == *path && blocks[end].page == blocks[start].page {
            end += 1;
        }
    }
    end
}

/// A stretch of the text that is not cut any further, with what it weighs.
#[derive(Debug, Clone, Copy)]
struct Unit {
    start: usize,
    end: usize,
    words: usize,
    tokens: usize,
}

struct Cutter<'a> {
    title: &'a str,
    text: &'a str,
    max_tokens: usize,
    count: &'a dyn Fn(&str) -> usize,
    chunks: Vec<Chunk>,
    characters: Characters,
    /// Of the section that is being cut.
    page: Option<u32>,
}

impl Cutter<'_> {
    fn section(&mut self, blocks: &[Block]) {
        let first = &blocks[0];
        let header = self.header(&first.headings);
        let room = self.room(&header);
        let blocks = blocks.iter().map(|block| self.units(block, room)).collect::<Vec<_>>();
        self.page = first.page;
        self.pack(&blocks, &first.headings, &header);
    }

    fn room(&self, header: &str) -> usize {
        self.max_tokens.saturating_sub(if header.is_empty() { 0 } else { (self.count)(header) }).max(16)
    }

    /// The title and the headings, from the most to the least important until the limit: title, last heading, the rest.
    fn header(&self, headings: &Arc<[String]>) -> String {
        let mut path: Vec<&str> = headings.iter().map(String::as_str).filter(|heading| !is_same(heading, self.title)).collect();
        loop {
            let header = header(self.title, &path);
            if (self.count)(&header) <= HEADER_TOKENS {
                return header;
            }
            if path.is_empty() {
                return cut_words(self.title, |text| (self.count)(text) <= HEADER_TOKENS);
            }
            path.remove(0);
        }
    }

    fn unit(&self, start: usize, end: usize) -> Unit {
        let text = &self.text[start..end];
        Unit { start, end, words: text.split_whitespace().count().max(text.len() / BYTES_PER_WORD), tokens: (self.count)(text) }
    }

    /// A block whole where it fits into one chunk, else cut.
    fn units(&self, block: &Block, room: usize) -> Vec<Unit> {
        let whole = self.unit(block.start, block.end);
        if whole.words <= MOST_WORDS && whole.tokens <= room {
            return vec![whole];
        }
        let text = &self.text[block.start..block.end];
        let mut units = Vec::new();
        for (start, line) in lines(text) {
            let unit = self.unit(block.start + start, block.start + start + line.len());
            if block.kind != BlockKind::Paragraph && unit.words <= TARGET_WORDS && unit.tokens <= room {
                units.push(unit);
            } else {
                self.sentences(block.start + start, line, room, &mut units);
            }
        }
        units
    }

    fn sentences(&self, at: usize, line: &str, room: usize, units: &mut Vec<Unit>) {
        for (start, sentence) in line.split_sentence_bound_indices() {
            let Some((start, end)) = trimmed(at + start, sentence) else { continue };
            let unit = self.unit(start, end);
            if unit.words <= TARGET_WORDS && unit.tokens <= room {
                units.push(unit);
            } else {
                self.words(start, &self.text[start..end], room, units);
            }
        }
    }

    /// Cuts between words, and a word that is too long between characters.
    fn words(&self, at: usize, sentence: &str, room: usize, units: &mut Vec<Unit>) {
        let mut open: Option<Unit> = None;
        for (start, word) in sentence.split_word_bound_indices().filter(|(_, word)| !word.trim().is_empty()) {
            let mut from = 0;
            while from < word.len() {
                let to = word.floor_char_boundary((from + BYTES_PER_WORD * 8).min(word.len()));
                let part = self.unit(at + start + from, at + start + to);
                open = match open {
                    Some(unit) if unit.words + part.words <= TARGET_WORDS && unit.tokens + part.tokens <= room => {
                        Some(Unit { start: unit.start, end: part.end, words: unit.words + part.words, tokens: unit.tokens + part.tokens })
                    }
                    Some(unit) => {
                        units.push(unit);
                        Some(part)
                    }
                    None => Some(part),
                };
                from = to;
            }
        }
        units.extend(open);
    }

    /// Puts units together to chunks of one section.
    fn pack(&mut self, blocks: &[Vec<Unit>], headings: &Arc<[String]>, header: &str) {
        let room = self.room(header);
        let mut pieces: Vec<Vec<Unit>> = Vec::new();
        let mut open: Vec<Unit> = Vec::new();
        let (mut words, mut tokens) = (0, 0);
        for block in blocks {
            let block_words: usize = block.iter().map(|unit| unit.words).sum();
            let block_tokens: usize = block.iter().map(|unit| unit.tokens).sum();
            let fits = words + block_words <= MOST_WORDS && tokens + block_tokens <= room;
            if !fits && words >= LEAST_WORDS {
                pieces.push(std::mem::take(&mut open));
                (words, tokens) = (0, 0);
            }
            for unit in block {
                let full = words + unit.words > if fits { MOST_WORDS } else { TARGET_WORDS };
                if !open.is_empty() && (full || tokens + unit.tokens > room) {
                    pieces.push(std::mem::take(&mut open));
                    (words, tokens) = (0, 0);
                }
                open.push(*unit);
                words += unit.words;
                tokens += unit.tokens;
            }
        }
        if !open.is_empty() {
            if words < REMAINDER_WORDS
                && let Some(last) = pieces.last_mut()
                && last.iter().map(|unit| unit.tokens).sum::<usize>() + tokens <= room
            {
                last.append(&mut open);
            } else {
                pieces.push(open);
            }
        }
        for piece in &pieces {
            self.finish(piece, headings, header);
        }
    }

    /// Makes a chunk, or two halves where the units together have more tokens than each counted alone.
    fn finish(&mut self, units: &[Unit], headings: &Arc<[String]>, header: &str) {
        let (Some(first), Some(last)) = (units.first(), units.last()) else { return };
        let text = &self.text[first.start..last.end];
        let tokens = (self.count)(&embedded(header, text));
        if tokens > self.max_tokens && units.len() > 1 {
            let (left, right) = units.split_at(units.len() / 2);
            self.finish(left, headings, header);
            self.finish(right, headings, header);
            return;
        }
        if tokens > self.max_tokens && first.words > 1 {
            let mut parts = Vec::new();
            self.words(first.start, text, self.room(header) / 2, &mut parts);
            if parts.len() > 1 {
                return parts.iter().for_each(|part| self.finish(&[*part], headings, header));
            }
        }
        let start = self.characters.up_to(self.text, first.start);
        let end = self.characters.up_to(self.text, last.end);
        self.chunks.push(Chunk {
            ordinal: self.chunks.len(),
            headings: headings.iter().filter(|heading| !is_same(heading, self.title)).cloned().collect(),
            text: text.to_owned(),
            start,
            end,
            header: header.to_owned(),
            tokens,
            page: self.page,
            read_as: None,
        });
    }
}

/// Turns byte positions into character positions; they come in rising order, so the text is counted once.
#[derive(Default)]
struct Characters {
    byte: usize,
    character: usize,
}

impl Characters {
    fn up_to(&mut self, text: &str, byte: usize) -> usize {
        self.character += text[self.byte..byte].chars().count();
        self.byte = byte;
        self.character
    }
}

/// Whether a heading only repeats the title; marks may differ, as in `Size \(MB\)`.
fn is_same(heading: &str, title: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    letters(heading) == letters(title)
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split('\n').filter_map(move |line| {
        let start = at;
        at += line.len() + 1;
        (!line.trim().is_empty()).then_some((start, line))
    })
}

fn trimmed(at: usize, text: &str) -> Option<(usize, usize)> {
    let start = text.len() - text.trim_start().len();
    let trimmed = text.trim();
    (!trimmed.is_empty()).then(|| (at + start, at + start + trimmed.len()))
}

/// The longest beginning of a text, in words, that `fits`.
fn cut_words(text: &str, fits: impl Fn(&str) -> bool) -> String {
    let ends: Vec<usize> = text.split_word_bound_indices().map(|(at, word)| at + word.len()).take(HEADER_TOKENS * 8).collect();
    let count = ends.partition_point(|end| fits(&text[..*end]));
    count.checked_sub(1).map(|last| text[..ends[last]].trim_end().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::knowledge::extract::extract;

    const MODEL: usize = 254;

    /// Like the model's own: words and marks, long words in pieces.
    fn count(text: &str) -> usize {
        text.split_word_bounds().filter(|word| !word.trim().is_empty()).map(|word| word.len().div_ceil(6)).sum()
    }

    fn cut(title: &str, text: &str) -> Vec<Chunk> {
        chunk(title, &extract(text.as_bytes()).unwrap(), MODEL, &count)
    }

    #[test]
    fn a_section_is_a_chunk_with_its_title_and_headings_in_front() {
        let chunks = cut("Guide", "# Guide\n\nIntro.\n\n## Pay\n\nBy card.\n\n### Cards\n\n- Visa\n- Amex\n\n## Nothing below\n");
        let seen: Vec<_> = chunks.iter().map(Chunk::embedded).collect();
        assert_eq!(seen, ["Guide\nIntro.", "Guide\nPay\nBy card.", "Guide\nPay > Cards\n- Visa\n- Amex", "Guide\nNothing below"]);
        assert_eq!(chunks[2].headings, ["Pay", "Cards"]);
    }

    #[test]
    fn long_prose_is_cut_between_sentences_near_the_target() {
        let text = "This sentence has exactly seven words inside. ".repeat(200);
        let chunks = cut("", &text);
        for chunk in &chunks[..chunks.len() - 1] {
            let words = chunk.text.split_whitespace().count();
            assert!((120..=TARGET_WORDS).contains(&words), "{words}");
            assert!(chunk.text.ends_with('.'));
        }
    }

    #[test]
    fn a_table_is_cut_between_rows() {
        let text = format!("## T\n\n| a | b |\n|---|---|\n{}", "| some words in a cell | and some more of them |\n".repeat(60));
        assert!(cut("", &text).iter().all(|chunk| chunk.text.lines().all(|line| line.contains(" | "))));
    }

    #[test]
    fn a_megabyte_without_a_space_is_cut() {
        for piece in ["a", "日", "a-", "é😀"] {
            let chunks = cut("", &piece.repeat((1 << 20) / piece.len()));
            assert!(chunks.iter().all(|chunk| chunk.text.len() <= (MOST_WORDS + 8) * BYTES_PER_WORD && chunk.tokens <= MODEL), "{piece}");
        }
    }

    #[test]
    fn an_endless_title_leaves_room_for_the_text() {
        let chunks = cut(&"title ".repeat(3000), "Short.");
        assert!(count(&chunks[0].header) <= HEADER_TOKENS);
        assert!(chunks[0].embedded().ends_with("Short."));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// No text is lost, none is there twice, and no chunk has more tokens than the model reads.
        #[test]
        fn chunks_cover_the_text(title in "[a-zA-Z ]{0,40}", pieces in proptest::collection::vec(prop_oneof![
            "[a-z]{1,12} ", "[a-z]{80,400}", Just("\n\n".to_owned()), Just(". ".to_owned()), Just("\n## ".to_owned()), Just("\n- ".to_owned()), Just("漢字 ".to_owned()),
            Just("many words that make a paragraph long enough to be cut in several places ".repeat(20)),
            Just("\n\n```\nlet x = 1;\n```\n\n".to_owned()), Just("\n| a | b |\n|--|--|\n| c | d |\n".to_owned()),
        ], 1..40)) {
            let Ok(document) = extract(pieces.concat().as_bytes()) else { return Ok(()) };
            let chunks = chunk(&title, &document, MODEL, &count);
            let characters: Vec<char> = document.text.chars().collect();
            let mut end = 0;
            for (ordinal, chunk) in chunks.iter().enumerate() {
                prop_assert_eq!(chunk.ordinal, ordinal);
                prop_assert!(chunk.start >= end);
                prop_assert_eq!(characters[chunk.start..chunk.end].iter().collect::<String>(), chunk.text.clone());
                prop_assert!(chunk.tokens <= MODEL, "{} tokens", chunk.tokens);
                end = chunk.end;
            }
            let body: String = document.blocks.iter().filter(|block| !matches!(block.kind, BlockKind::Heading(_))).map(|block| &document.text[block.start..block.end]).collect();
            let words = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
            let bare = chunks.iter().map(|chunk| words(&chunk.text)).sum::<usize>();
            prop_assert!(bare >= words(&body));
        }
    }
}
