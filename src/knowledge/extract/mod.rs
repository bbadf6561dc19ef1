//! From the bytes of a file to its text: what kind of file it is (told by its content, never by its name), and the text
//! in blocks with the headings that they stand under.
//!
//! Every document is hostile, and some of the readers are other people's: so the product calls [`extract`] in a process of
//! its own (`child`), with limits on memory, time and output, and a reader that panics, overflows its stack or never ends
//! is a document that failed. A broken file is answered with a sentence for the person who sent it. What becomes of the
//! blocks is the business of `chunk`.

mod archive;
pub mod child;
mod decode;
mod docx;
mod epub;
mod html;
mod html_tokens;
mod json;
mod kind;
pub mod links;
mod mail;
mod markdown;
mod odf;
mod outline;
mod pdf;
mod pdf_layout;
mod pdf_lines;
mod plain;
mod pptx;
mod sheet;
mod xml;

use std::sync::Arc;

pub use kind::Kind;

use self::kind::Format;

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
    /// The page or slide, from 1, where the format has such.
    pub page: Option<u32>,
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

/// The text of one document, in bytes, at the most. A book has two megabytes.
const MOST_TEXT: usize = 24 << 20;

/// Reads a file of any kind, in this process. An empty file and one without a word in it are errors: a document that can
/// never be found must not look like one that can.
pub fn extract(bytes: &[u8]) -> Result<Extracted, Unreadable> {
    if bytes.is_empty() {
        return Err(Unreadable("The file is empty. Send one with text in it.".to_owned()));
    }
    let extracted = match kind::format(bytes)? {
        Format::Pdf => pdf::read(bytes)?,
        Format::Docx => docx::read(bytes)?,
        Format::Pptx => pptx::read(bytes)?,
        Format::Xlsx => sheet::read_workbook(bytes)?,
        Format::Odf => odf::read(bytes)?,
        Format::Epub => epub::read(bytes)?,
        Format::Mail => mail::read(bytes)?,
        Format::Text => read_text(bytes)?,
    };
    if extracted.text.len() > MOST_TEXT {
        return Err(Unreadable(format!("The file holds more than {} MiB of text. Split it into several documents.", MOST_TEXT >> 20)));
    }
    if !extracted.text.chars().any(char::is_alphanumeric) {
        return Err(Unreadable("There is no text in the file. If its words are in pictures, send the words as text.".to_owned()));
    }
    Ok(extracted)
}

fn read_text(bytes: &[u8]) -> Result<Extracted, Unreadable> {
    let text = decode::decode(bytes).ok_or_else(|| Unreadable(format!("The file is not text: it looks like binary data. {}", kind::WHAT_IS_READ)))?;
    match Kind::of(&text) {
        Kind::Html => html::read(&text),
        Kind::Markdown => Ok(markdown::read(&text)),
        Kind::Json | Kind::JsonLines => json::read(&text),
        kind @ (Kind::Csv | Kind::Tsv) => sheet::read_delimited(&text, kind),
        _ => Ok(plain::read(&text)),
    }
}

#[cfg(test)]
mod tests;
