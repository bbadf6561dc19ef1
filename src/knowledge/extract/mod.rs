//! From the bytes of a file to its text: what kind of file it is (told by its content, never by its name), and the text
//! in blocks with the headings that they stand under.
//!
//! Every document is hostile. Each reader here takes time and memory in proportion to the input, has no recursion, and
//! answers a broken file with a sentence for the person who sent it. What becomes of the blocks is the business of `chunk`.

mod decode;
mod html;
mod html_tokens;
mod kind;
mod markdown;
mod outline;
mod plain;

use std::sync::Arc;

pub use kind::Kind;

/// A document's text and how it is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    pub kind: Kind,
    /// The title that the document gives itself.
    pub title: Option<String>,
    /// Where the document says it is published.
    pub url: Option<String>,
    pub text: String,
    /// In the order of the text, not overlapping, with nothing but white space between them.
    pub blocks: Vec<Block>,
}

/// A stretch of the text that belongs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub kind: BlockKind,
    /// The headings that it stands under, the outermost first; for a heading, those above it.
    pub headings: Arc<[String]>,
    /// Byte range in the text.
    pub start: usize,
    pub end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// With its level, 1 the highest.
    Heading(u8),
    Paragraph,
    /// One line an item.
    List,
    /// One line a row, cells between ` | `.
    Table,
    Code,
}

/// Why a file cannot be read, for the person who sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(pub String);

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a file of any kind. An empty file and one without a word in it are errors: a document that can never be found
/// must not look like one that can.
pub fn extract(bytes: &[u8]) -> Result<Extracted, Unreadable> {
    if bytes.is_empty() {
        return Err(Unreadable("The file is empty. Send one with text in it.".to_owned()));
    }
    if let Some(name) = kind::unread_format(bytes) {
        return Err(Unreadable(format!("{name} are not read yet. {}", kind::WHAT_IS_READ)));
    }
    let text = decode::decode(bytes).ok_or_else(|| {
        Unreadable(format!("The file is not text: it looks like binary data. {}", kind::WHAT_IS_READ))
    })?;
    let extracted = match Kind::of(&text) {
        Kind::Html => html::read(&text)?,
        Kind::Markdown => markdown::read(&text),
        Kind::Plain => plain::read(&text),
    };
    if !extracted.text.chars().any(char::is_alphanumeric) {
        return Err(Unreadable("There is no text in the file. If its words are in pictures, send the words as text.".to_owned()));
    }
    Ok(extracted)
}

#[cfg(test)]
mod tests;
