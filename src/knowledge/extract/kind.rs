//! What a file is, by its first bytes and by the marks in its text.

use serde::{Deserialize, Serialize};

use super::{Unreadable, archive::Archive};

/// The kinds of documents that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Markdown,
    Html,
    Plain,
    Csv,
    Tsv,
    Json,
    JsonLines,
    Mail,
    Pdf,
    Docx,
    Pptx,
    Xlsx,
    OpenDocumentText,
    OpenDocumentSheet,
    OpenDocumentSlides,
    Epub,
}

/// Which reader a file's bytes go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Pdf,
    Docx,
    Pptx,
    Xlsx,
    Odf,
    Epub,
    Mail,
    Text,
}

/// Ends every refusal of a format.
pub const WHAT_IS_READ: &str =
    "What is read: PDF, Word (DOCX), PowerPoint (PPTX), Excel (XLSX), OpenDocument, EPUB, HTML, Markdown, plain text, CSV, JSON and emails (EML).";

impl Kind {
    pub fn mime_type(self) -> &'static str {
        match self {
            Kind::Markdown => "text/markdown",
            Kind::Html => "text/html",
            Kind::Plain => "text/plain",
            Kind::Csv => "text/csv",
            Kind::Tsv => "text/tab-separated-values",
            Kind::Json => "application/json",
            Kind::JsonLines => "application/jsonl",
            Kind::Mail => "message/rfc822",
            Kind::Pdf => "application/pdf",
            Kind::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Kind::Pptx => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            Kind::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Kind::OpenDocumentText => "application/vnd.oasis.opendocument.text",
            Kind::OpenDocumentSheet => "application/vnd.oasis.opendocument.spreadsheet",
            Kind::OpenDocumentSlides => "application/vnd.oasis.opendocument.presentation",
            Kind::Epub => "application/epub+zip",
        }
    }

    /// Judges by the first part of the text. Markdown has to show itself twice, because a lone dash or star means nothing.
    pub fn of(text: &str) -> Kind {
        let head = text.get(..text.floor_char_boundary(64 << 10)).unwrap_or(text);
        if is_html(head) {
            Kind::Html
        } else if let Some(kind) = json(text).or_else(|| delimited(head)) {
            kind
        } else if head.starts_with("---\n") || head.starts_with("---\r\n") || markdown_marks(head) >= 2 {
            Kind::Markdown
        } else {
            Kind::Plain
        }
    }
}

fn is_html(head: &str) -> bool {
    let start = head.trim_start().get(..head.trim_start().floor_char_boundary(256)).unwrap_or_default().to_ascii_lowercase();
    if ["<!doctype html", "<html", "<head", "<body", "<?xml"].iter().any(|mark| start.starts_with(mark)) {
        return !start.starts_with("<?xml") || start.contains("<html") || start.contains("<!doctype html");
    }
    if !start.starts_with('<') {
        return false;
    }
    // A fragment: it starts with a tag and closes many of them, or opens many and is no Markdown that begins with some.
    let many = |tags: usize, fewest| tags >= fewest && tags * 200 >= head.len().min(20_000);
    many(head.match_indices("</").count(), 2) || (many(opened_tags(head), 3) && markdown_marks(head) < 2)
}

/// Counts the tags of HTML that text is set with.
fn opened_tags(head: &str) -> usize {
    const TAGS: [&str; 31] = [
        "a", "article", "b", "blockquote", "br", "center", "div", "em", "font", "form", "h1", "h2", "h3", "h4", "h5", "hr", "i", "img", "li", "main", "ol", "p", "pre",
        "section", "span", "strong", "table", "td", "th", "tr", "ul",
    ];
    let names = head.split('<').skip(1).map(|rest| rest.split(|character: char| !character.is_ascii_alphanumeric()).next().unwrap_or_default());
    names.filter(|name| TAGS.iter().any(|tag| tag.eq_ignore_ascii_case(name))).count()
}

/// Counts, line by line and to a small limit, what only Markdown has.
fn markdown_marks(head: &str) -> usize {
    let mut marks = 0;
    let mut list_items = 0;
    let mut lines = head.lines().skip_while(|line| line.trim().is_empty()).enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let trimmed = line.trim_start();
        let hashes = trimmed.bytes().take_while(|byte| *byte == b'#').count();
        if (1..=6).contains(&hashes) && trimmed.as_bytes().get(hashes) == Some(&b' ') {
            // A heading is the surest mark; but one alone may be a comment of a configuration file, unless it stands above all
            // else like a title.
            let is_title = number == 0 && lines.peek().is_some_and(|(_, next)| next.trim().is_empty());
            marks += if hashes > 1 || is_title { 2 } else { 1 };
        } else if trimmed.starts_with("```") || trimmed.starts_with("~~~") || (trimmed.starts_with('|') && trimmed.contains("---")) {
            marks += 1;
        } else if trimmed.starts_with("- ") || trimmed.starts_with("* ") {
            list_items += 1;
            marks += usize::from(list_items % 3 == 0);
        }
        marks += line.matches("](").count() + usize::from(line.matches("**").count() >= 2) + usize::from(line.matches('`').count() >= 2);
        if marks >= 2 {
            break;
        }
    }
    marks
}

/// JSON as a whole, or one object a line.
fn json(text: &str) -> Option<Kind> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return Some(Kind::Json);
    }
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let is_object = |line: &str| line.trim_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok();
    lines.clone().count().ge(&2).then_some(())?;
    lines.all(is_object).then_some(Kind::JsonLines)
}

/// Rows of equally many cells. Prose has commas too, but with a space behind them, and not equally many in each line.
fn delimited(head: &str) -> Option<Kind> {
    for (delimiter, kind) in [('\t', Kind::Tsv), (',', Kind::Csv), (';', Kind::Csv)] {
        let spaced = head.match_indices(delimiter).filter(|(at, _)| head[at + 1..].starts_with(' ')).count();
        if delimiter != '\t' && spaced * 3 > head.matches(delimiter).count() {
            continue;
        }
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter as u8).has_headers(false).flexible(true).from_reader(head.as_bytes());
        let mut widths: Vec<usize> = reader.records().take(51).map_while(Result::ok).map(|record| record.len()).collect();
        // The last may have been cut off.
        if widths.len() > 2 {
            widths.pop();
        }
        let Some(width) = widths.first().copied().filter(|width| *width >= 2) else { continue };
        if widths.len() >= 2 && widths.iter().filter(|other| **other == width).count() * 20 >= widths.len() * 19 {
            return Some(kind);
        }
    }
    None
}

/// The delimiter of a table in text, told again by its first line.
pub fn delimiter(text: &str, kind: Kind) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    match kind {
        Kind::Tsv => b'\t',
        _ if first.matches(';').count() > first.matches(',').count() => b';',
        _ => b',',
    }
}

/// Which reader takes the file; an error, in the owner's words, where none does.
pub fn format(bytes: &[u8]) -> Result<Format, Unreadable> {
    let head = &bytes[..bytes.len().min(1024)];
    // Some programs put a few bytes before a PDF's mark.
    if contains(head, b"%PDF-") {
        return Ok(Format::Pdf);
    }
    if head.starts_with(b"PK\x03\x04") {
        return archive_format(bytes);
    }
    if let Some(reason) = encrypted_office(bytes) {
        return Err(Unreadable(reason));
    }
    if let Some(name) = unread_format(head) {
        return Err(Unreadable(format!("{name} are not read. {WHAT_IS_READ}")));
    }
    if is_mail(head) {
        return Ok(Format::Mail);
    }
    Ok(Format::Text)
}

/// Names, in the plural, a format that is known but not read.
fn unread_format(head: &[u8]) -> Option<&'static str> {
    const MARKS: &[(&[u8], &str)] = &[
        (b"{\\rtf", "RTF files"),
        (b"\x89PNG", "Pictures"),
        (b"\xff\xd8\xff", "Pictures"),
        (b"GIF8", "Pictures"),
        (b"\x1f\x8b", "Compressed files"),
        (b"BZh", "Compressed files"),
        (b"\xfd7zXZ", "Compressed files"),
        (b"7z\xbc\xaf", "Compressed files"),
        (b"\x28\xb5\x2f\xfd", "Compressed files"),
        (b"PK\x05\x06", "Empty archives"),
        (b"SQLite format 3\0", "Databases"),
        (b"\x7fELF", "Programs"),
        (b"MZ\x90", "Programs"),
        (b"ID3", "Sound recordings"),
        (b"OggS", "Sound recordings"),
        (b"%!PS", "PostScript files"),
    ];
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Some("Pictures");
    }
    MARKS.iter().find(|(mark, _)| head.starts_with(mark)).map(|(_, name)| *name)
}

/// Office wraps what a password protects in the container of its old formats.
fn encrypted_office(bytes: &[u8]) -> Option<String> {
    if !bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return None;
    }
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    Some(if contains(bytes, &utf16("EncryptedPackage")) {
        "The file is protected by a password. Save it without one and send it again.".to_owned()
    } else {
        format!("Old Office files (.doc, .xls, .ppt) are not read. Save the file as DOCX, XLSX or PPTX and send it again. {WHAT_IS_READ}")
    })
}

fn archive_format(bytes: &[u8]) -> Result<Format, Unreadable> {
    let mut archive = Archive::open(bytes)?;
    let mimetype = if archive.has("mimetype") { archive.text("mimetype")? } else { String::new() };
    Ok(if mimetype.trim() == "application/epub+zip" || (archive.has("META-INF/container.xml") && archive.has_prefix("OEBPS/")) {
        Format::Epub
    } else if mimetype.starts_with("application/vnd.oasis.opendocument") {
        Format::Odf
    } else if archive.has_prefix("word/") {
        Format::Docx
    } else if archive.has_prefix("xl/") {
        Format::Xlsx
    } else if archive.has_prefix("ppt/") {
        Format::Pptx
    } else if archive.has("content.xml") {
        Format::Odf
    } else {
        return Err(Unreadable(format!("ZIP archives are not read. Send the files in it one by one. {WHAT_IS_READ}")));
    })
}

/// A message begins with header lines, among them some that every mail has.
fn is_mail(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let mut known = 0;
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let Some((name, _)) = line.split_once(':') else { break };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            break;
        }
        let name = name.to_ascii_lowercase();
        known += usize::from(["from", "to", "subject", "date", "received", "message-id", "mime-version", "return-path", "delivered-to"].contains(&name.as_str()));
    }
    known >= 3
}

pub(super) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
