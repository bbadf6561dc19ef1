//! HTML: a page's main content, without its navigation, scripts, banners and what it hides.
//!
//! The page is read once into pieces, each with the part of the page that it comes from; then the best part is chosen.

use std::{borrow::Cow, collections::HashMap};

use super::{
    BlockKind, Extracted, Kind, Unreadable,
    html_tokens::{Token, Tokens, attributes, decode_entities},
    outline::Outline,
};

/// A page of text is never this large; one that is would be data.
const MOST_BYTES: usize = 32 << 20;
/// Elements that are open inside each other. Deeper ones are read as text of the last.
const DEEPEST: usize = 512;
/// With this many characters, the part that calls itself the main one is believed to be it.
const ENOUGH: usize = 200;

pub(super) fn read(html: &str) -> Result<Extracted, Unreadable> {
    if html.len() > MOST_BYTES {
        return Err(Unreadable(format!("The page is larger than {} MiB, which is more than a page of text can be. Send its parts one by one.", MOST_BYTES >> 20)));
    }
    let page = Page::read(html);
    let mut outline = Outline::default();
    let part = page.best_part();
    let mut headings = page.pieces.iter().filter(|piece| piece.part <= part && matches!(piece.kind, BlockKind::Heading(1)));
    let heading = match (headings.next(), headings.next()) {
        (Some(only), None) => Some(only.text.clone()),
        _ => None,
    };
    page.write(part, &mut outline);
    let title = heading.or_else(|| Some(collapse(&page.title)).filter(|title| !title.is_empty()));
    Ok(outline.finish(Kind::Html, title, page.url))
}

/// Appends the blocks of a piece of HTML inside another document.
pub(super) fn read_fragment(html: &str, outline: &mut Outline) {
    let page = Page::read(html);
    page.write(page.best_part(), outline);
}

/// A fragment's text alone.
pub(super) fn fragment_text(html: &str) -> String {
    let page = Page::read(html);
    let part = page.best_part();
    page.pieces.iter().filter(|piece| piece.part <= part).map(|piece| piece.text.trim()).collect::<Vec<_>>().join("\n")
}

/// Where in a page a piece stands, the most wanted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Main,
    Article,
    Body,
    /// Navigation, banners, side columns: read only where there is nothing else.
    Margin,
    /// Scripts and what is hidden.
    Never,
}

struct Piece {
    part: Part,
    kind: BlockKind,
    text: String,
    link_characters: usize,
}

struct Open<'a> {
    name: Cow<'a, str>,
    /// The part outside of it.
    outer: Part,
}

#[derive(Default)]
struct Page<'a> {
    title: String,
    url: Option<String>,
    pieces: Vec<Piece>,
    stack: Vec<Open<'a>>,
    /// How many elements of a name are open, so that a stray end tag costs nothing.
    open: HashMap<Cow<'a, str>, usize>,
    part: Option<Part>,
    buffer: String,
    link_characters: usize,
    pre: usize,
    links: usize,
    lists: Vec<Option<u64>>,
    tables: usize,
    first_cell: bool,
}

impl<'a> Page<'a> {
    fn read(html: &'a str) -> Self {
        let mut page = Page::default();
        for token in Tokens::new(html) {
            match token {
                Token::Text(text) => page.text(text),
                Token::Start { name, attributes } => page.start(name, attributes),
                Token::End { name } => page.end(&name),
            }
        }
        page.flush(BlockKind::Paragraph);
        page
    }

    fn part(&self) -> Part {
        self.part.unwrap_or(Part::Body)
    }

    fn text(&mut self, raw: &str) {
        if self.stack.last().is_some_and(|open| open.name == "title") {
            if self.title.is_empty() {
                decode_entities(raw, &mut self.title);
            }
            return;
        }
        if self.part() == Part::Never {
            return;
        }
        let before = self.buffer.len();
        if self.pre > 0 {
            decode_entities(raw, &mut self.buffer);
        } else {
            let mut text = String::with_capacity(raw.len());
            decode_entities(raw, &mut text);
            for c in text.chars() {
                if !c.is_whitespace() {
                    self.buffer.push(c);
                } else if !self.buffer.is_empty() && !self.buffer.ends_with([' ', '\n']) {
                    self.buffer.push(' ');
                }
            }
        }
        if self.links > 0 {
            self.link_characters += self.buffer.len() - before;
        }
    }

    fn start(&mut self, name: Cow<'a, str>, tag: &'a str) {
        let looks = Looks::of(&name, tag);
        match &*name {
            "br" => return self.new_line(),
            "hr" => return self.block_edge(),
            "img" => {
                if let Some(alt) = looks.alt.filter(|alt| !alt.trim().is_empty()) {
                    self.text(alt);
                }
                return;
            }
            "link" => {
                if looks.canonical && self.url.is_none() {
                    self.url = looks.href.filter(|href| href.starts_with("https://") || href.starts_with("http://")).map(str::to_owned);
                }
                return;
            }
            "area" | "base" | "col" | "embed" | "input" | "meta" | "source" | "track" | "wbr" => return,
            "li" => self.close_implied("li", &["ul", "ol"]),
            "tr" => self.close_implied("tr", &["table"]),
            "td" | "th" => {
                self.close_implied("td", &["tr", "table"]);
                self.close_implied("th", &["tr", "table"]);
            }
            "p" => self.close_implied("p", &["div", "li", "td", "section", "article", "blockquote"]),
            _ => {}
        }
        self.enter(&name);
        if self.stack.len() < DEEPEST {
            let outer = self.part();
            // The main part's own header and asides belong to it.
            let inside = if outer <= Part::Article && matches!(&*name, "header" | "aside") { outer } else { looks.part(outer) };
            *self.open.entry(name.clone()).or_default() += 1;
            self.stack.push(Open { name, outer });
            self.part = Some(inside);
        }
    }

    /// What an element does to the text before it.
    fn enter(&mut self, name: &str) {
        match name {
            "pre" if self.lists.is_empty() && self.tables == 0 => {
                self.flush(BlockKind::Paragraph);
                self.pre += 1;
            }
            "pre" => {
                self.new_line();
                self.pre += 1;
            }
            "a" => self.links += 1,
            "ul" | "ol" | "menu" => {
                if self.lists.is_empty() && self.tables == 0 {
                    self.flush(BlockKind::Paragraph);
                }
                self.lists.push((name == "ol").then_some(1));
            }
            "li" => {
                self.new_line();
                let depth = self.lists.len().saturating_sub(1).min(4);
                self.buffer.extend(std::iter::repeat_n("  ", depth));
                match self.lists.last_mut() {
                    Some(Some(number)) => {
                        self.buffer.push_str(&format!("{number}. "));
                        *number += 1;
                    }
                    _ => self.buffer.push_str("- "),
                }
            }
            "table" => {
                if self.tables == 0 && self.lists.is_empty() {
                    self.flush(BlockKind::Paragraph);
                }
                self.tables += 1;
            }
            "tr" => {
                self.new_line();
                self.first_cell = true;
            }
            "td" | "th" => {
                if !self.first_cell {
                    self.buffer.push_str(" | ");
                }
                self.first_cell = false;
            }
            name if heading_level(name).is_some() => {
                // A heading in a table or list: they were there for the looks.
                self.flush(self.container());
            }
            name if is_block(name) => self.block_edge(),
            _ => {}
        }
    }

    /// What an element does to the text that it ends.
    fn leave(&mut self, name: &str) {
        match name {
            "pre" => {
                self.pre = self.pre.saturating_sub(1);
                if self.lists.is_empty() && self.tables == 0 { self.flush(BlockKind::Code) } else { self.new_line() }
            }
            "a" => self.links = self.links.saturating_sub(1),
            "ul" | "ol" | "menu" => {
                self.lists.pop();
                if self.lists.is_empty() && self.tables == 0 {
                    self.flush(BlockKind::List);
                }
            }
            "table" => {
                self.tables = self.tables.saturating_sub(1);
                if self.tables == 0 && self.lists.is_empty() {
                    self.flush(BlockKind::Table);
                }
            }
            name => match heading_level(name) {
                Some(level) => self.flush(BlockKind::Heading(level)),
                None if is_block(name) || name == "li" || name == "tr" => self.block_edge(),
                None => {}
            },
        }
    }

    fn end(&mut self, name: &str) {
        if name == "p" && !self.open.contains_key("p") {
            return self.block_edge();
        }
        if self.open.get(name).is_none_or(|count| *count == 0) {
            return;
        }
        while let Some(open) = self.stack.last() {
            let found = open.name == name;
            self.pop();
            if found {
                break;
            }
        }
    }

    fn pop(&mut self) {
        let Some(open) = self.stack.pop() else { return };
        self.leave(&open.name);
        if let Some(count) = self.open.get_mut(&open.name) {
            *count = count.saturating_sub(1);
        }
        self.part = Some(open.outer);
    }

    /// Closes an element that the start of its next sibling ends. It is looked for only as far as `until`, and not far.
    fn close_implied(&mut self, name: &str, until: &[&str]) {
        let near = self.stack.iter().rev().take(16);
        for (above, open) in near.enumerate() {
            if open.name == name {
                for _ in 0..=above {
                    self.pop();
                }
                return;
            }
            if until.contains(&&*open.name) {
                return;
            }
        }
    }

    fn container(&self) -> BlockKind {
        if self.tables > 0 {
            BlockKind::Table
        } else if !self.lists.is_empty() {
            BlockKind::List
        } else {
            BlockKind::Paragraph
        }
    }

    fn block_edge(&mut self) {
        if self.tables > 0 {
            if !self.buffer.is_empty() && !self.buffer.ends_with([' ', '\n']) {
                self.buffer.push(' ');
            }
        } else if !self.lists.is_empty() {
            self.new_line();
        } else if self.pre == 0 {
            self.flush(BlockKind::Paragraph);
        }
    }

    fn new_line(&mut self) {
        if self.pre == 0 {
            while self.buffer.ends_with(' ') && !self.buffer.ends_with("- ") && !self.buffer.ends_with(". ") {
                self.buffer.pop();
            }
        }
        let ends = [' ', '\n'];
        if !self.buffer.is_empty() && (self.pre > 0 || !self.buffer.ends_with(ends)) {
            self.buffer.push('\n');
        }
    }

    fn flush(&mut self, kind: BlockKind) {
        let text = std::mem::take(&mut self.buffer);
        let link_characters = std::mem::take(&mut self.link_characters);
        self.first_cell = true;
        let part = self.part();
        if part != Part::Never && !text.trim().is_empty() {
            self.pieces.push(Piece { part, kind, text, link_characters });
        }
    }

    /// The part to read: the main one where it has enough text, else more of the page.
    fn best_part(&self) -> Part {
        let size = |upto: Part| -> usize { self.pieces.iter().filter(|piece| piece.part <= upto).map(|piece| piece.text.len()).sum() };
        let body = size(Part::Body);
        for part in [Part::Main, Part::Article] {
            let size = size(part);
            if size >= ENOUGH || (size > 0 && size * 4 >= body) {
                return part;
            }
        }
        if body > 0 { Part::Body } else { Part::Margin }
    }

    fn write(&self, part: Part, outline: &mut Outline) {
        for piece in self.pieces.iter().filter(|piece| piece.part <= part) {
            match piece.kind {
                BlockKind::Heading(level) => outline.heading(level, &piece.text),
                // A list of nothing but links, outside of the main part, is a menu.
                BlockKind::List if part == Part::Body && piece.text.lines().count() > 2 && piece.link_characters * 10 > piece.text.len() * 7 => {}
                kind => outline.push(kind, &piece.text),
            }
        }
    }
}

/// What of an element's attributes matters here.
#[derive(Default)]
struct Looks<'a> {
    own: Option<Part>,
    alt: Option<&'a str>,
    href: Option<&'a str>,
    canonical: bool,
}

impl<'a> Looks<'a> {
    fn of(name: &str, tag: &'a str) -> Self {
        let mut looks = Looks { own: part_of_element(name), ..Looks::default() };
        for (attribute, value) in attributes(tag) {
            match attribute.to_ascii_lowercase().as_str() {
                "hidden" => looks.own = Some(Part::Never),
                "aria-hidden" if value.eq_ignore_ascii_case("true") => looks.own = Some(Part::Never),
                "style" => {
                    let style: String = value.chars().filter(|c| !c.is_whitespace()).take(400).collect::<String>().to_ascii_lowercase();
                    if style.contains("display:none") || style.contains("visibility:hidden") {
                        looks.own = Some(Part::Never);
                    }
                }
                "role" => looks.own = looks.own.or(part_of_role(value)),
                "class" | "id"
                    if !matches!(name, "html" | "body" | "main" | "article") && value.split_ascii_whitespace().any(|word| MARGIN_CLASSES.contains(&word)) =>
                {
                    looks.own = looks.own.or(Some(Part::Margin));
                }
                "alt" => looks.alt = Some(value),
                "href" => looks.href = Some(value),
                "rel" => looks.canonical = value.eq_ignore_ascii_case("canonical"),
                _ => {}
            }
        }
        looks
    }

    /// The part inside, given the part outside. What is hidden or in the margin stays so, whatever is in it.
    fn part(&self, outer: Part) -> Part {
        match self.own {
            None => outer,
            Some(own) if outer >= Part::Margin => own.max(outer),
            Some(own @ (Part::Margin | Part::Never)) => own,
            Some(own) => own.min(outer),
        }
    }
}

fn part_of_element(name: &str) -> Option<Part> {
    Some(match name {
        "main" => Part::Main,
        "article" => Part::Article,
        "nav" | "header" | "footer" | "aside" | "button" | "select" | "dialog" => Part::Margin,
        "script" | "style" | "template" | "svg" | "math" | "noscript" | "iframe" | "object" | "canvas" | "video" | "audio" | "textarea" | "head" | "title"
        | "noembed" | "noframes" => Part::Never,
        _ => return None,
    })
}

fn part_of_role(role: &str) -> Option<Part> {
    Some(match role {
        "main" => Part::Main,
        "article" => Part::Article,
        "navigation" | "banner" | "contentinfo" | "search" | "complementary" | "dialog" | "alertdialog" | "menu" | "menubar" => Part::Margin,
        _ => return None,
    })
}

/// Class names and ids that mean the same on most sites.
const MARGIN_CLASSES: [&str; 14] = [
    "navbar", "sidebar", "breadcrumb", "breadcrumbs", "pagination", "cookie-banner", "cookie-consent", "cookie-notice", "skip-link", "skip-to-content", "toc",
    "table-of-contents", "site-header", "site-footer",
];

fn heading_level(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] => Some(level - b'0'),
        _ => None,
    }
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div" | "section" | "article" | "main" | "blockquote" | "figure" | "figcaption" | "details" | "summary" | "dl" | "dt" | "dd" | "form" | "fieldset"
            | "address" | "header" | "footer" | "nav" | "aside" | "body" | "caption" | "center" | "tbody" | "thead" | "label" | "option" | "legend" | "hgroup"
    )
}

fn collapse(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
