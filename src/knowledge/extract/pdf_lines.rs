//! From a document's rows to its text: what repeats on every page goes, large rows are headings, rows of several cells in
//! succession are a table, and lines of prose become paragraphs again. Right-to-left text is put into logical order.

use std::collections::{HashMap, HashSet};

use unicode_normalization::UnicodeNormalization;

use super::{
    BlockKind,
    outline::Outline,
    pdf_layout::{Cell, Row},
};

pub(super) struct Page {
    /// From 1.
    pub(super) number: u32,
    pub(super) rows: Vec<Row>,
    /// What is filled into the page's form.
    pub(super) fields: Vec<String>,
}

/// A heading's characters at the most.
const MOST_HEADING: usize = 160;

pub(super) fn outline(pages: &[Page]) -> Outline {
    let mut outline = Outline::default();
    let body = body_size(pages);
    let levels = heading_sizes(pages, body);
    let repeated = repeated_lines(pages);
    for page in pages {
        outline.page(page.number);
        let rows: Vec<Line> = page
            .rows
            .iter()
            .enumerate()
            .filter(|(place, row)| !is_margin(*place, page.rows.len()) || !repeated.contains_key(&shape(row)))
            .filter_map(|(_, row)| Line::of(row))
            .collect();
        write_page(&mut outline, &rows, body, &levels);
        outline.push(BlockKind::List, &page.fields.join("\n"));
    }
    outline
}

/// A row with its text as it is read.
struct Line {
    y: f64,
    size: f64,
    left: f64,
    cells: Vec<String>,
}

impl Line {
    fn of(row: &Row) -> Option<Line> {
        let mut cells: Vec<String> = row.cells.iter().map(|cell| logical(&clean(&cell.text))).filter(|text| !text.is_empty()).collect();
        if is_mostly_rtl(&cells.concat()) {
            cells.reverse();
        }
        (!cells.is_empty()).then(|| Line { y: row.y, size: row.size, left: row.cells.first().map_or(0.0, |cell: &Cell| cell.left), cells })
    }

    fn text(&self) -> String {
        self.cells.join(" ")
    }
}

/// The size that most characters have.
fn body_size(pages: &[Page]) -> f64 {
    let mut sizes: HashMap<i64, usize> = HashMap::new();
    for row in pages.iter().flat_map(|page| &page.rows) {
        *sizes.entry(half_points(row.size)).or_default() += row.len();
    }
    sizes.into_iter().max_by_key(|(size, count)| (*count, *size)).map_or(10.0, |(size, _)| size as f64 / 2.0)
}

fn half_points(size: f64) -> i64 {
    (size * 2.0).round() as i64
}

/// The sizes of headings, the largest first; the place in the list is the level.
fn heading_sizes(pages: &[Page], body: f64) -> Vec<i64> {
    let mut sizes: Vec<i64> = pages.iter().flat_map(|page| &page.rows).filter(|row| is_large(row.size, body) && row.len() <= MOST_HEADING).map(|row| half_points(row.size)).collect();
    sizes.sort_by(|a, b| b.cmp(a));
    sizes.dedup();
    // Sizes that hardly differ are one.
    sizes.dedup_by(|small, large| (*large - *small) * 20 <= *large);
    sizes
}

fn is_large(size: f64, body: f64) -> bool {
    size >= body * 1.13 && size >= body + 0.9
}

/// The first and last rows of a page may be its running head and foot; a page of a few rows has neither.
fn is_margin(place: usize, rows: usize) -> bool {
    rows > 5 && (place < 2 || place + 2 >= rows)
}

/// A row's text with its numbers as one sign, so that page numbers are alike.
fn shape(row: &Row) -> String {
    let mut shape = String::new();
    for c in row.cells.iter().flat_map(|cell| cell.text.chars()) {
        if !c.is_ascii_digit() {
            shape.push(c);
        } else if !shape.ends_with('#') {
            shape.push('#');
        }
    }
    shape
}

/// What stands at the top or the foot of many pages.
fn repeated_lines(pages: &[Page]) -> HashMap<String, usize> {
    let mut shapes: HashMap<String, usize> = HashMap::new();
    for page in pages {
        let margins = page.rows.iter().enumerate().filter(|(place, _)| is_margin(*place, page.rows.len()));
        let once: HashSet<String> = margins.map(|(_, row)| shape(row)).collect();
        for shape in once {
            *shapes.entry(shape).or_default() += 1;
        }
    }
    let least = (pages.len() * 3 / 10).max(3);
    shapes.retain(|_, count| *count >= least);
    shapes
}

fn write_page(outline: &mut Outline, lines: &[Line], body: f64, levels: &[i64]) {
    let pitch = usual_pitch(lines);
    let mut at = 0;
    while at < lines.len() {
        let line = &lines[at];
        let text = line.text();
        if line.cells.len() == 1 && is_large(line.size, body) && text.chars().count() <= MOST_HEADING && text.chars().filter(|c| c.is_alphabetic()).count() >= 2 {
            let mut heading = text;
            // A heading that runs over several lines.
            while let Some(next) = lines.get(at + 1)
                && half_points(next.size) == half_points(line.size)
                && lines[at].y - next.y > 0.0
                && lines[at].y - next.y < line.size * 1.5
                && heading.chars().count() + next.text().chars().count() <= MOST_HEADING
            {
                join(&mut heading, &next.text());
                at += 1;
            }
            let level = levels.iter().position(|size| (*size - half_points(line.size)).abs() * 20 <= *size).unwrap_or(0).min(5);
            outline.heading(u8::try_from(level + 1).unwrap_or(6), &heading);
            at += 1;
            continue;
        }
        let table = lines[at..].iter().take_while(|line| line.cells.len() >= 2).count();
        if table >= 2 {
            let rows: Vec<String> = lines[at..at + table].iter().map(|line| line.cells.join(" | ")).collect();
            outline.push(BlockKind::Table, &rows.join("\n"));
            at += table;
            continue;
        }
        at += paragraph(outline, &lines[at..], pitch, body);
    }
}

/// Writes the paragraph that begins with the first line, and answers how many lines it has.
fn paragraph(outline: &mut Outline, lines: &[Line], pitch: f64, body: f64) -> usize {
    let mut text = lines[0].text();
    let mut count = 1;
    let mut items = usize::from(is_item(&text));
    for pair in lines.windows(2) {
        let (line, next) = (&pair[0], &pair[1]);
        let down = line.y - next.y;
        let is_table = next.cells.len() >= 2 && lines.get(count + 1).is_some_and(|after| after.cells.len() >= 2);
        let starts_heading = is_large(next.size, body) && next.cells.len() == 1;
        if down <= 0.0 || down > pitch.max(line.size * 1.1) * 1.35 || (line.size - next.size).abs() > 0.12 * line.size || is_table || starts_heading {
            break;
        }
        let next_text = next.text();
        if is_item(&next_text) || (items > 0 && next.left < line.left - line.size) {
            items += usize::from(is_item(&next_text));
            text.push('\n');
            text.push_str(&next_text);
        } else {
            join(&mut text, &next_text);
        }
        count += 1;
    }
    outline.push(if items >= 2 { BlockKind::List } else { BlockKind::Paragraph }, &text);
    count
}

/// The distance between most lines.
fn usual_pitch(lines: &[Line]) -> f64 {
    let mut distances: Vec<f64> = lines.windows(2).map(|pair| pair[0].y - pair[1].y).filter(|distance| *distance > 1.0).collect();
    distances.sort_by(f64::total_cmp);
    distances.get(distances.len() * 2 / 5).copied().unwrap_or(12.0)
}

fn is_item(text: &str) -> bool {
    let mut rest = text.chars();
    let first = rest.next().unwrap_or_default();
    if "•●▪◦‣–·■□➢✓*".contains(first) {
        return true;
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (first == '-' && rest.next() == Some(' ')) || ((1..3).contains(&digits) && (text[digits..].starts_with(". ") || text[digits..].starts_with(") ")))
}

/// Puts the next line behind; a word that was parted at the line's end is whole again.
fn join(text: &mut String, next: &str) {
    let parted = text.ends_with('-') && text.chars().rev().nth(1).is_some_and(char::is_alphabetic) && next.starts_with(char::is_lowercase);
    if parted {
        text.pop();
    } else {
        text.push(' ');
    }
    text.push_str(next);
}

/// Joined letters and presentation forms as the letters that they stand for, and nothing that cannot be seen.
fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{fb00}'..='\u{fb4f}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' => clean.extend(std::iter::once(c).nfkc()),
            '\u{f0b7}' | '\u{f0a7}' => clean.push('•'),
            '\u{ad}' | '\u{200b}' | '\u{feff}' | '\u{fffd}' => {}
            '\u{e000}'..='\u{f8ff}' => {}
            c if c.is_control() || c == '\u{a0}' => clean.push(' '),
            c => clean.push(c),
        }
    }
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_rtl(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

fn is_mostly_rtl(text: &str) -> bool {
    let (mut rtl, mut other) = (0usize, 0usize);
    for c in text.chars() {
        if is_rtl(c) {
            rtl += 1;
        } else if c.is_alphabetic() {
            other += 1;
        }
    }
    rtl > other
}

/// Characters were gathered from left to right, as the eye sees them; a line that is read from the right is turned round,
/// its numbers and foreign words turned back. (The common part of the Unicode bidirectional algorithm, backwards.)
fn logical(text: &str) -> String {
    if !is_mostly_rtl(text) {
        return text.to_owned();
    }
    let reversed: Vec<char> = text.chars().rev().collect();
    let mut logical = String::with_capacity(text.len());
    let mut at = 0;
    while at < reversed.len() {
        let is_ltr = |c: char| c.is_ascii_alphanumeric() || (c.is_alphanumeric() && !is_rtl(c));
        if is_ltr(reversed[at]) {
            let mut end = at + 1;
            while end < reversed.len() && (is_ltr(reversed[end]) || (".,:/-@%".contains(reversed[end]) && reversed.get(end + 1).copied().is_some_and(is_ltr))) {
                end += 1;
            }
            logical.extend(reversed[at..end].iter().rev());
            at = end;
        } else {
            logical.push(match reversed[at] {
                '(' => ')',
                ')' => '(',
                '[' => ']',
                ']' => '[',
                c => c,
            });
            at += 1;
        }
    }
    logical
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_to_left_lines_come_into_logical_order() {
        assert_eq!(logical("2024 םולש"), "שלום 2024");
        assert_eq!(logical("plain text"), "plain text");
        assert_eq!(clean("\u{fb01}n\u{2}ance \u{f0b7}"), "fin ance •");
    }

    #[test]
    fn a_parted_word_is_whole_again() {
        let mut text = "the informa-".to_owned();
        join(&mut text, "tion desk");
        assert_eq!(text, "the information desk");
        let mut text = "pages 3-".to_owned();
        join(&mut text, "7");
        assert_eq!(text, "pages 3- 7");
    }
}
