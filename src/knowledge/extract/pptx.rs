//! PowerPoint: the slides in their order, each with its title as a heading and its number as the page, then its notes.

use super::{
    BlockKind, Extracted, Kind, Unreadable,
    archive::{Archive, broken},
    outline::Outline,
    xml::{Node, Xml, first_text, relationships},
};

pub(super) fn read(bytes: &[u8]) -> Result<Extracted, Unreadable> {
    let mut archive = Archive::open(bytes)?;
    let mut outline = Outline::default();
    let slides = slides(&mut archive)?;
    if slides.is_empty() {
        return Err(broken());
    }
    let mut first_title = None;
    for (number, name) in (1..).zip(&slides) {
        outline.page(number);
        outline.close_headings();
        let shapes = shapes(&archive.text(name)?);
        let title: Option<&Shape> = shapes.iter().find(|shape| shape.is_title);
        if let Some(title) = title {
            let text = title.text();
            if number == 1 {
                first_title = Some(text.clone());
            }
            outline.heading(2, &text);
        }
        for shape in shapes.iter().filter(|shape| !shape.is_title) {
            outline.push(shape.kind(), &shape.text());
        }
        if let Some(notes) = notes_of(&mut archive, name)? {
            let text: Vec<String> = self::shapes(&archive.text(&notes)?).iter().filter(|shape| shape.is_body).map(Shape::text).collect();
            outline.push(BlockKind::Paragraph, &text.join("\n"));
        }
    }
    let title = first_text(&archive.optional("docProps/core.xml")?, "title").filter(|title| !title.to_ascii_lowercase().starts_with("powerpoint pres"));
    Ok(outline.finish(Kind::Pptx, first_title.or(title), None))
}

/// The slides' parts, in the order of the presentation.
fn slides(archive: &mut Archive<'_>) -> Result<Vec<String>, Unreadable> {
    let targets = relationships(&archive.optional("ppt/_rels/presentation.xml.rels")?);
    let presentation = archive.optional("ppt/presentation.xml")?;
    let mut slides = Vec::new();
    for node in Xml::new(&presentation) {
        if let Node::Start(element) = node
            && element.name == "sldId"
        {
            // Both `id` and `r:id`: the one that names a relationship.
            for target in element.attributes("id").iter().filter_map(|id| targets.get(id)) {
                let name = resolve("ppt/", target);
                if archive.has(&name) {
                    slides.push(name);
                }
            }
        }
    }
    Ok(if slides.is_empty() { archive.names_with("ppt/slides/slide", ".xml") } else { slides })
}

fn notes_of(archive: &mut Archive<'_>, slide: &str) -> Result<Option<String>, Unreadable> {
    let Some((folder, file)) = slide.rsplit_once('/') else { return Ok(None) };
    let targets = relationships(&archive.optional(&format!("{folder}/_rels/{file}.rels"))?);
    Ok(targets.values().find(|target| target.contains("notesSlide")).map(|target| resolve(&format!("{folder}/"), target)).filter(|name| archive.has(name)))
}

/// A target is relative to the part's folder, or begins at the package's root.
pub(super) fn resolve(folder: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            ".." => {
                parts.pop();
            }
            "" | "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[derive(Default)]
struct Shape {
    is_title: bool,
    /// What a person wrote, unlike a date or a number that the program fills in.
    is_body: bool,
    is_table: bool,
    lines: Vec<String>,
}

impl Shape {
    fn text(&self) -> String {
        self.lines.join("\n")
    }

    fn kind(&self) -> BlockKind {
        match (self.is_table, self.lines.len()) {
            (true, _) => BlockKind::Table,
            (false, 0 | 1) => BlockKind::Paragraph,
            (false, _) => BlockKind::List,
        }
    }
}

/// The shapes of a slide that have text.
fn shapes(xml: &str) -> Vec<Shape> {
    let (mut shapes, mut shape) = (Vec::new(), Shape::default());
    let (mut line, mut cells) = (String::new(), Vec::new());
    let (mut in_text, mut in_cell, mut skipped, mut is_filled) = (false, false, 0usize, false);
    let mut cell = String::new();
    for node in Xml::new(xml) {
        match node {
            Node::Start(element) if element.name == "Fallback" => skipped += 1,
            Node::End(name) if name == "Fallback" => skipped = skipped.saturating_sub(1),
            _ if skipped > 0 => {}
            Node::Start(element) => match element.name.as_str() {
                "sp" | "graphicFrame" => {
                    shape = Shape::default();
                    is_filled = false;
                }
                "ph" => {
                    let kind = element.attribute("type").unwrap_or_default();
                    shape.is_title = matches!(kind.as_str(), "title" | "ctrTitle");
                    shape.is_body = matches!(kind.as_str(), "body" | "");
                    is_filled = matches!(kind.as_str(), "sldNum" | "dt" | "ftr" | "hdr");
                }
                "t" => in_text = true,
                "br" => line.push(' '),
                "tbl" => shape.is_table = true,
                "tc" => in_cell = true,
                _ => {}
            },
            Node::Text(text) if in_text => line.push_str(&text),
            Node::Text(_) => {}
            Node::End(name) => match name.as_str() {
                "t" => in_text = false,
                "p" => {
                    let text = std::mem::take(&mut line);
                    let text = text.trim();
                    if in_cell {
                        cell.push(' ');
                        cell.push_str(text);
                    } else if !text.is_empty() {
                        shape.lines.push(text.to_owned());
                    }
                }
                "tc" => {
                    in_cell = false;
                    cells.push(std::mem::take(&mut cell).trim().to_owned());
                }
                "tr" => {
                    let row = std::mem::take(&mut cells);
                    if row.iter().any(|cell| !cell.is_empty()) {
                        shape.lines.push(row.join(" | "));
                    }
                }
                "sp" | "graphicFrame" => {
                    let done = std::mem::take(&mut shape);
                    if !done.lines.is_empty() && !is_filled {
                        shapes.push(done);
                    }
                }
                _ => {}
            },
        }
    }
    shapes
}
