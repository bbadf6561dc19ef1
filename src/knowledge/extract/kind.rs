//! What a file is, by its first bytes and by the marks in its text.

/// The kinds of text that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Markdown,
    Html,
    Plain,
}

/// Ends every refusal of a format.
pub const WHAT_IS_READ: &str = "What is read: Markdown, HTML and plain text, in UTF-8, UTF-16 or Latin-1.";

impl Kind {
    pub fn mime_type(self) -> &'static str {
        match self {
            Kind::Markdown => "text/markdown",
            Kind::Html => "text/html",
            Kind::Plain => "text/plain",
        }
    }

    /// Judges by the first part of the text. Markdown has to show itself twice, because a lone dash or star means nothing.
    pub fn of(text: &str) -> Kind {
        let head = text.get(..text.floor_char_boundary(64 << 10)).unwrap_or(text);
        if is_html(head) {
            Kind::Html
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
    // A fragment: it starts with a tag and closes many of them.
    let closed = head.match_indices("</").count();
    closed >= 2 && closed * 200 >= head.len().min(20_000)
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

/// Names, in the plural, a format that is known but not read.
pub fn unread_format(bytes: &[u8]) -> Option<&'static str> {
    let head = &bytes[..bytes.len().min(1024)];
    // Some programs put a few bytes before a PDF's mark.
    if contains(head, b"%PDF-") {
        return Some("PDF files");
    }
    if head.starts_with(b"PK\x03\x04") {
        return Some(archive_name(bytes));
    }
    const MARKS: &[(&[u8], &str)] = &[
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Old or encrypted Office files"),
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

fn archive_name(bytes: &[u8]) -> &'static str {
    let head = &bytes[..bytes.len().min(16 << 10)];
    if contains(head, b"application/epub+zip") {
        "EPUB files"
    } else if contains(head, b"application/vnd.oasis.opendocument") {
        "OpenDocument files"
    } else if contains(head, b"word/") {
        "Word files (DOCX)"
    } else if contains(head, b"xl/") {
        "Excel files (XLSX)"
    } else if contains(head, b"ppt/") {
        "PowerPoint files (PPTX)"
    } else {
        "ZIP archives"
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
