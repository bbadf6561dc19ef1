//! Plain text: paragraphs between empty lines.

use super::{BlockKind, Extracted, Kind, outline::Outline};

pub(super) fn read(text: &str) -> Extracted {
    let mut outline = Outline::default();
    write(text, &mut outline);
    outline.finish(Kind::Plain, None, None)
}

/// Appends the paragraphs of a text inside another document.
pub(super) fn write(text: &str, outline: &mut Outline) {
    let mut paragraph = String::new();
    for line in text.lines() {
        if line.trim().is_empty() {
            outline.push(kind_of(&paragraph), &paragraph);
            paragraph.clear();
        } else {
            paragraph.push_str(line.trim_end());
            paragraph.push('\n');
        }
    }
    outline.push(kind_of(&paragraph), &paragraph);
}

fn kind_of(paragraph: &str) -> BlockKind {
    let (items, lines) = paragraph.lines().fold((0, 0), |(items, lines), line| (items + usize::from(is_item(line)), lines + 1));
    if items >= 2 && items * 2 >= lines { BlockKind::List } else { BlockKind::Paragraph }
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    line.starts_with("- ")
        || line.starts_with("* ")
        || line.starts_with("• ")
        || (digits > 0 && digits < 4 && (line[digits..].starts_with(". ") || line[digits..].starts_with(") ")))
}
