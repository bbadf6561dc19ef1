//! PDF: each page's characters with their places, by `pdf-extract` over `lopdf`; what they make is read in `pdf_layout` and
//! `pdf_lines`. A page that the reader panics on is left out; the child process stands for the rest.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pdf_extract::{Dictionary, Document, MediaBox, Object, OutputDev, OutputError, Transform};

use super::{
    Extracted, Kind, MOST_TEXT, Unreadable,
    kind::contains,
    pdf_layout::{Glyph, Row, rows},
    pdf_lines::{self, Page},
};

const PROTECTED: &str = "The PDF is protected by a password. Save it without one and send it again.";
const DAMAGED: &str = "The PDF is damaged and cannot be opened. Save or print it anew as PDF and send it again.";
const SCANNED: &str = "The PDF has no text: its pages are pictures or empty. Run text recognition (OCR) over it, or send the words as text.";

pub(super) fn read(bytes: &[u8]) -> Result<Extracted, Unreadable> {
    let is_encrypted = contains(bytes, b"/Encrypt");
    let opened = quietly(|| Document::load_mem(bytes));
    let Some(Ok(mut document)) = opened else { return Err(Unreadable(if is_encrypted { PROTECTED } else { DAMAGED }.to_owned())) };
    if document.is_encrypted() && document.decrypt("").is_err() {
        return Err(Unreadable(PROTECTED.to_owned()));
    }
    let pages = document.get_pages();
    if pages.is_empty() {
        return Err(Unreadable(if is_encrypted { PROTECTED } else { DAMAGED }.to_owned()));
    }
    let (mut read, mut failed, mut size) = (Vec::new(), 0, 0);
    for (number, id) in &pages {
        let mut glyphs = Glyphs::default();
        let complete = quietly(|| pdf_extract::output_doc_page(&document, &mut glyphs, *number)).is_some_and(|outcome| outcome.is_ok());
        failed += usize::from(!complete);
        let rows: Vec<Row> = rows(glyphs.glyphs);
        let fields = quietly(|| filled_in(&document, *id)).unwrap_or_default();
        size += rows.iter().map(Row::len).sum::<usize>();
        read.push(Page { number: *number, rows, fields });
        if size > MOST_TEXT {
            break;
        }
    }
    let outline = pdf_lines::outline(&read);
    if outline.len() == 0 {
        return Err(Unreadable(if failed == pages.len() { DAMAGED } else { SCANNED }.to_owned()));
    }
    Ok(outline.finish(Kind::Pdf, title(&document), None))
}

/// A panic of the reader is an answer like any other; in the child process nobody sees its message.
fn quietly<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

#[derive(Default)]
struct Glyphs {
    glyphs: Vec<Glyph>,
}

/// Characters on one page at the most: more would be a drawing.
const MOST_GLYPHS: usize = 400_000;

impl OutputDev for Glyphs {
    fn begin_page(&mut self, _: u32, _: &MediaBox, _: Option<(f64, f64, f64, f64)>) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn output_character(&mut self, place: &Transform, width: f64, spacing: f64, font_size: f64, text: &str) -> Result<(), OutputError> {
        if self.glyphs.len() < MOST_GLYPHS {
            let along = place.m11.hypot(place.m12);
            let up = place.m21.hypot(place.m22);
            let glyph = Glyph {
                order: self.glyphs.len(),
                x: place.m31,
                y: place.m32,
                angle: place.m12.atan2(place.m11),
                // Some files say nothing, or zero, of a character's width; half its height is near enough for most.
                advance: if width > 0.0 { width * font_size * along } else { 0.5 * font_size * up },
                is_measured: width > 0.0,
                spacing: spacing * along,
                size: (font_size * up).abs(),
                text: text.to_owned(),
            };
            if glyph.is_sound() {
                self.glyphs.push(glyph);
            }
        }
        Ok(())
    }

    fn begin_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), OutputError> {
        Ok(())
    }
}

/// What stands in the page's form fields and free notes.
fn filled_in(document: &Document, page: pdf_extract::ObjectId) -> Vec<String> {
    let mut lines = Vec::new();
    for annotation in document.get_page_annotations(page).unwrap_or_default() {
        match annotation.get(b"Subtype").and_then(Object::as_name) {
            Ok(b"FreeText") => lines.extend(string(document, annotation, b"Contents")),
            Ok(b"Widget") => {
                let Some(value) = inherited(document, annotation, b"V") else { continue };
                let name = inherited(document, annotation, b"TU").or_else(|| inherited(document, annotation, b"T"));
                lines.push(name.map_or(value.clone(), |name| format!("{name}: {value}")));
            }
            _ => {}
        }
    }
    lines
}

fn inherited(document: &Document, field: &Dictionary, key: &[u8]) -> Option<String> {
    string(document, field, key).or_else(|| {
        let parent = field.get(b"Parent").and_then(Object::as_reference).ok()?;
        string(document, document.get_dictionary(parent).ok()?, key)
    })
}

fn string(document: &Document, dictionary: &Dictionary, key: &[u8]) -> Option<String> {
    let value = document.dereference(dictionary.get(key).ok()?).ok()?.1;
    let bytes = value.as_str().ok()?;
    let text = match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, length)) => encoding.decode_without_bom_handling(&bytes[length..]).0.into_owned(),
        None => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    };
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// The title that the document gives itself, unless a program has put the file's name there.
fn title(document: &Document) -> Option<String> {
    let info = document.trailer.get(b"Info").and_then(Object::as_reference).ok()?;
    let title = string(document, document.get_dictionary(info).ok()?, b"Title")?;
    let lower = title.to_ascii_lowercase();
    let is_made = ["microsoft ", "untitled", ".doc", ".indd", ".pdf", ".tex", ".dvi", ".qxd", ".ppt", ".xls", ".htm", "://"].iter().any(|mark| lower.contains(mark));
    (!is_made && title.chars().count() >= 4 && title.chars().any(char::is_alphabetic)).then_some(title)
}
