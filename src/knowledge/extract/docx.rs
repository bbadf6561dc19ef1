//! Word documents: WordprocessingML (ECMA-376, part 1, 17), as far as it carries text. What was deleted under tracked
//! changes and what only an older program would show is left out; comments are not part of the text.

use std::collections::HashMap;

use super::{
    BlockKind, Extracted, Kind, Unreadable,
    archive::{Archive, broken},
    outline::Outline,
    xml::{Element, Node, Xml, first_text},
};

pub(super) fn read(bytes: &[u8]) -> Result<Extracted, Unreadable> {
    let mut archive = Archive::open(bytes)?;
    let levels = heading_levels(&archive.optional("word/styles.xml")?);
    // Its usual name; the package's relationships could name another.
    let main = archive.names_with("word/document", ".xml").into_iter().next().ok_or_else(broken)?;
    let mut outline = Outline::default();
    Body::new(&levels, &mut outline).read(&archive.text(&main)?);
    outline.close_headings();
    for prefix in ["word/footnotes", "word/endnotes", "word/header", "word/footer"] {
        for name in archive.names_with(prefix, ".xml") {
            let mut part = Outline::default();
            Body::new(&levels, &mut part).read(&archive.text(&name)?);
            let text = part.finish(Kind::Docx, None, None).text;
            // A lone page number says nothing.
            if text.chars().filter(|c| c.is_alphabetic()).count() > 2 {
                outline.push(BlockKind::Paragraph, &text);
            }
        }
    }
    let title = if outline.has_title() { None } else { first_text(&archive.optional("docProps/core.xml")?, "title") };
    Ok(outline.finish(Kind::Docx, title, None))
}

/// The level of each style that is a heading, by its name or its outline level, also where it takes that from another.
fn heading_levels(styles: &str) -> HashMap<String, u8> {
    let (mut levels, mut based_on) = (HashMap::new(), HashMap::new());
    let mut style = String::new();
    for node in Xml::new(styles) {
        let Node::Start(element) = node else { continue };
        let value = || element.attribute("val").unwrap_or_default();
        match element.name.as_str() {
            "style" => style = element.attribute("styleId").unwrap_or_default(),
            "name" => {
                let name = value().to_ascii_lowercase();
                let level = if name == "title" { Some(1) } else { name.strip_prefix("heading ").and_then(|number| number.parse().ok()) };
                if let Some(level) = level {
                    levels.insert(style.clone(), level);
                }
            }
            "outlineLvl" => {
                if let Some(level) = value().parse::<u8>().ok().filter(|level| *level < 9) {
                    levels.entry(style.clone()).or_insert(level + 1);
                }
            }
            "basedOn" => {
                based_on.insert(style.clone(), value());
            }
            _ => {}
        }
    }
    for style in based_on.keys() {
        let mut base = style;
        for _ in 0..8 {
            let Some(next) = based_on.get(base) else { break };
            base = next;
            if let Some(level) = levels.get(base).copied() {
                levels.entry(style.clone()).or_insert(level);
                break;
            }
        }
    }
    levels
}

#[derive(Default)]
struct Paragraph {
    text: String,
    style: String,
    level: Option<u8>,
    /// In a list, at this depth.
    item: Option<usize>,
}

#[derive(Default)]
struct Table {
    rows: Vec<String>,
    cells: Vec<String>,
    cell: String,
}

struct Body<'a> {
    levels: &'a HashMap<String, u8>,
    outline: &'a mut Outline,
    /// Paragraphs can stand in paragraphs: those of a text box.
    paragraphs: Vec<Paragraph>,
    tables: Vec<Table>,
    list: String,
    in_text: bool,
    /// How many elements that are not read are open.
    skipped: usize,
}

/// Deleted or moved text, and what stands in for what an old program does not know.
const NOT_READ: &[&str] = &["del", "moveFrom", "Fallback", "instrText", "delText", "rPr"];

impl<'a> Body<'a> {
    fn new(levels: &'a HashMap<String, u8>, outline: &'a mut Outline) -> Self {
        Body { levels, outline, paragraphs: Vec::new(), tables: Vec::new(), list: String::new(), in_text: false, skipped: 0 }
    }

    fn read(mut self, xml: &str) {
        for node in Xml::new(xml) {
            match node {
                Node::Start(element) if NOT_READ.contains(&element.name.as_str()) => self.skipped += 1,
                Node::End(name) if NOT_READ.contains(&name.as_str()) => self.skipped = self.skipped.saturating_sub(1),
                _ if self.skipped > 0 => {}
                Node::Start(element) => self.start(&element),
                Node::End(name) => self.end(&name),
                Node::Text(text) if self.in_text => self.push(&text),
                Node::Text(_) => {}
            }
        }
        while !self.paragraphs.is_empty() {
            self.end("p");
        }
        while !self.tables.is_empty() {
            self.end("tbl");
        }
        self.flush_list();
    }

    fn push(&mut self, text: &str) {
        if let Some(paragraph) = self.paragraphs.last_mut() {
            paragraph.text.push_str(text);
        }
    }

    fn start(&mut self, element: &Element<'_>) {
        match element.name.as_str() {
            "p" => self.paragraphs.push(Paragraph::default()),
            "t" => self.in_text = true,
            "tab" if !self.paragraphs.last().is_none_or(|paragraph| paragraph.text.is_empty()) => self.push(" "),
            "br" | "cr" => self.push("\n"),
            "noBreakHyphen" => self.push("-"),
            "tbl" => {
                self.flush_list();
                self.tables.push(Table::default());
            }
            name => {
                let Some(paragraph) = self.paragraphs.last_mut() else { return };
                match name {
                    "pStyle" => paragraph.style = element.attribute("val").unwrap_or_default(),
                    "outlineLvl" => paragraph.level = element.attribute("val").and_then(|value| value.parse::<u8>().ok()).filter(|level| *level < 9).map(|level| level + 1),
                    "numPr" => paragraph.item = Some(paragraph.item.unwrap_or_default()),
                    "ilvl" => paragraph.item = element.attribute("val").and_then(|value| value.parse().ok()),
                    _ => {}
                }
            }
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "t" => self.in_text = false,
            "p" => {
                if let Some(paragraph) = self.paragraphs.pop() {
                    self.paragraph(paragraph);
                }
            }
            "tc" => {
                if let Some(table) = self.tables.last_mut() {
                    let cell = std::mem::take(&mut table.cell);
                    table.cells.push(cell.split_whitespace().collect::<Vec<_>>().join(" "));
                }
            }
            "tr" => {
                if let Some(table) = self.tables.last_mut() {
                    let cells = std::mem::take(&mut table.cells);
                    if cells.iter().any(|cell| !cell.is_empty()) {
                        table.rows.push(cells.join(" | "));
                    }
                }
            }
            "tbl" => {
                let Some(table) = self.tables.pop() else { return };
                match self.tables.last_mut() {
                    // A table in a cell is that cell's text.
                    Some(outer) => {
                        outer.cell.push(' ');
                        outer.cell.push_str(&table.rows.join("; "));
                    }
                    None => self.outline.push(BlockKind::Table, &table.rows.join("\n")),
                }
            }
            _ => {}
        }
    }

    fn paragraph(&mut self, paragraph: Paragraph) {
        let text = paragraph.text.trim();
        if text.is_empty() {
            return;
        }
        if let Some(table) = self.tables.last_mut() {
            table.cell.push(' ');
            table.cell.push_str(text);
            return;
        }
        let level = paragraph.level.or_else(|| self.levels.get(&paragraph.style).copied());
        let is_item = paragraph.item.is_some() || paragraph.style.starts_with("List");
        if let Some(level) = level.filter(|_| text.chars().count() <= 200) {
            self.flush_list();
            self.outline.heading(level, text);
        } else if is_item {
            let depth = paragraph.item.unwrap_or_default().min(4);
            self.list.extend(std::iter::repeat_n("  ", depth));
            self.list.push_str(&format!("- {}\n", text.replace('\n', " ")));
        } else {
            self.flush_list();
            self.outline.push(BlockKind::Paragraph, text);
        }
    }

    fn flush_list(&mut self) {
        let list = std::mem::take(&mut self.list);
        self.outline.push(BlockKind::List, &list);
    }
}
