//! OpenDocument: texts, sheets and slides (ODF 1.3, part 3), which share one way of writing paragraphs and tables.

use super::{
    BlockKind, Extracted, Kind, Unreadable,
    archive::Archive,
    outline::Outline,
    sheet,
    xml::{Element, Node, Xml, first_text},
};

/// A row or cell says how often it is repeated; empty ones fill the sheet up.
const MOST_REPEATED: usize = 64;

pub(super) fn read(bytes: &[u8]) -> Result<Extracted, Unreadable> {
    let mut archive = Archive::open(bytes)?;
    if archive.optional("META-INF/manifest.xml")?.contains("encryption-data") {
        return Err(Unreadable("The file is protected by a password. Save it without one and send it again.".to_owned()));
    }
    let mimetype = archive.optional("mimetype")?;
    let kind = match mimetype.trim().trim_start_matches("application/vnd.oasis.opendocument.") {
        "spreadsheet" => Kind::OpenDocumentSheet,
        "presentation" => Kind::OpenDocumentSlides,
        _ => Kind::OpenDocumentText,
    };
    let mut reader = Reader { kind, ..Reader::default() };
    for node in Xml::new(&archive.text("content.xml")?) {
        reader.take(node);
    }
    reader.flush_list();
    let title = if reader.outline.has_title() { None } else { first_text(&archive.optional("meta.xml")?, "title") };
    Ok(reader.outline.finish(kind, title, None))
}

struct Reader {
    kind: Kind,
    outline: Outline,
    paragraphs: Vec<(Option<u8>, String)>,
    lists: usize,
    list: String,
    rows: Vec<Vec<String>>,
    row: Vec<String>,
    cell: String,
    repeat: usize,
    tables: usize,
    page: u32,
    skipped: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Reader {
            kind: Kind::OpenDocumentText,
            outline: Outline::default(),
            paragraphs: Vec::new(),
            lists: 0,
            list: String::new(),
            rows: Vec::new(),
            row: Vec::new(),
            cell: String::new(),
            repeat: 1,
            tables: 0,
            page: 0,
            skipped: 0,
        }
    }
}

/// Tracked changes hold what was deleted.
const NOT_READ: &[&str] = &["tracked-changes", "annotation", "settings"];

impl Reader {
    fn take(&mut self, node: Node<'_>) {
        match node {
            Node::Start(element) if NOT_READ.contains(&element.name.as_str()) => self.skipped += 1,
            Node::End(name) if NOT_READ.contains(&name.as_str()) => self.skipped = self.skipped.saturating_sub(1),
            _ if self.skipped > 0 => {}
            Node::Start(element) => self.start(&element),
            Node::End(name) => self.end(&name),
            Node::Text(text) => {
                if let Some((_, paragraph)) = self.paragraphs.last_mut() {
                    paragraph.push_str(&text);
                }
            }
        }
    }

    fn start(&mut self, element: &Element<'_>) {
        match element.name.as_str() {
            "h" => {
                let level = element.attribute("outline-level").and_then(|level| level.parse().ok()).unwrap_or(1);
                self.paragraphs.push((Some(level), String::new()));
            }
            "p" => self.paragraphs.push((None, String::new())),
            "s" | "tab" | "line-break" => {
                if let Some((_, paragraph)) = self.paragraphs.last_mut() {
                    paragraph.push(' ');
                }
            }
            "list" => self.lists += 1,
            "table" => {
                self.flush_list();
                if self.tables == 0 && self.kind == Kind::OpenDocumentSheet {
                    self.outline.heading(2, &element.attribute("name").unwrap_or_default());
                }
                self.tables += 1;
            }
            "table-cell" if self.tables == 1 => {
                self.repeat = element.attribute("number-columns-repeated").and_then(|count| count.parse().ok()).unwrap_or(1);
            }
            "page" => {
                self.flush_list();
                self.page += 1;
                self.outline.page(self.page);
                self.outline.close_headings();
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "h" | "p" => {
                if let Some((level, text)) = self.paragraphs.pop() {
                    self.paragraph(level, &text);
                }
            }
            "list" => {
                self.lists = self.lists.saturating_sub(1);
                if self.lists == 0 {
                    self.flush_list();
                }
            }
            "table-cell" | "covered-table-cell" if self.tables == 1 => {
                let cell = std::mem::take(&mut self.cell).split_whitespace().collect::<Vec<_>>().join(" ");
                self.row.extend(std::iter::repeat_n(cell, self.repeat.min(MOST_REPEATED)));
                self.repeat = 1;
            }
            "table-row" if self.tables == 1 => {
                let row = std::mem::take(&mut self.row);
                if row.iter().any(|cell| !cell.is_empty()) {
                    self.rows.push(row);
                }
            }
            "table" => {
                self.tables = self.tables.saturating_sub(1);
                if self.tables == 0 {
                    sheet::write_rows(&mut self.outline, &std::mem::take(&mut self.rows));
                }
            }
            _ => {}
        }
    }

    fn paragraph(&mut self, level: Option<u8>, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        if self.tables > 0 {
            self.cell.push(' ');
            self.cell.push_str(text);
        } else if let Some(level) = level {
            self.flush_list();
            self.outline.heading(level, text);
        } else if self.lists > 0 && self.kind != Kind::OpenDocumentSlides {
            self.list.extend(std::iter::repeat_n("  ", (self.lists - 1).min(4)));
            self.list.push_str(&format!("- {text}\n"));
        } else {
            self.outline.push(BlockKind::Paragraph, text);
        }
    }

    fn flush_list(&mut self) {
        let list = std::mem::take(&mut self.list);
        self.outline.push(BlockKind::List, &list);
    }
}
