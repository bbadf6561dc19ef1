//! Gathers a document's blocks in order and keeps the path of headings.

use std::sync::Arc;

use super::{Block, BlockKind, Extracted, Kind};

/// What of a heading is kept in the path of what stands under it, in characters.
const HEADING_CHARACTERS: usize = 160;

#[derive(Default)]
pub(super) struct Outline {
    text: String,
    blocks: Vec<Block>,
    open: Vec<(u8, String)>,
    /// `open` as the blocks share it; made anew when a heading changes it.
    path: Option<Arc<[String]>>,
    first_title: Option<String>,
    page: Option<u32>,
}

impl Outline {
    /// What follows stands on this page, from 1.
    pub(super) fn page(&mut self, page: u32) {
        self.page = Some(page);
    }

    /// How much text was gathered, in bytes.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether a heading of the first level has given the document a title.
    pub(super) fn has_title(&self) -> bool {
        self.first_title.is_some()
    }

    /// Forgets the headings: what follows stands under none of them.
    pub(super) fn close_headings(&mut self) {
        self.open.clear();
        self.path = None;
    }

    pub(super) fn push(&mut self, kind: BlockKind, text: &str) {
        let text = if kind == BlockKind::Code { text.trim_end().trim_start_matches('\n') } else { text.trim() };
        if text.is_empty() {
            return;
        }
        let headings = self.path();
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        let start = self.text.len();
        self.text.push_str(text);
        self.blocks.push(Block { kind, headings, start, end: self.text.len(), page: self.page });
    }

    /// `level` from 1.
    pub(super) fn heading(&mut self, level: u8, text: &str) {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return;
        }
        self.end_heading(level);
        if level == 1 && self.first_title.is_none() {
            self.first_title = Some(text.clone());
        }
        self.push(BlockKind::Heading(level), &text);
        let end = text.char_indices().nth(HEADING_CHARACTERS).map_or(text.len(), |(index, _)| index);
        self.open.push((level, text[..end].to_owned()));
        self.path = None;
    }

    /// Closes the headings of this level and below.
    pub(super) fn end_heading(&mut self, level: u8) {
        self.open.retain(|(open, _)| *open < level);
        self.path = None;
    }

    fn path(&mut self) -> Arc<[String]> {
        self.path.get_or_insert_with(|| self.open.iter().map(|(_, text)| text.clone()).collect()).clone()
    }

    /// Without a title of its own, the document's first heading of level 1 is its title.
    pub(super) fn finish(self, kind: Kind, title: Option<String>, url: Option<String>) -> Extracted {
        let title = title.map(|title| title.trim().to_owned()).filter(|title| !title.is_empty()).or(self.first_title);
        Extracted { kind, title, url, text: self.text, blocks: self.blocks }
    }
}
