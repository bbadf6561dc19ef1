//! Markdown: CommonMark with tables, by pulldown-cmark's events. Of the front matter the title and the address are taken.
//! HTML inside goes the way of HTML; what site generators add (`:::note`, `import … from`) is left out.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::{BlockKind, Extracted, Kind, html, outline::Outline};

/// How deep lists are indented in the text; deeper ones stay there, so that the text does not grow with the depth.
const DEEPEST_INDENT: usize = 4;

pub(super) fn read(text: &str) -> Extracted {
    let (front, body) = front_matter(text);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS | Options::ENABLE_HEADING_ATTRIBUTES;
    let mut reader = Reader::default();
    for event in Parser::new_ext(body, options) {
        reader.take(event);
    }
    reader.flush(BlockKind::Paragraph);
    reader.outline.finish(Kind::Markdown, front.title, front.url)
}

#[derive(Default)]
struct FrontMatter {
    title: Option<String>,
    url: Option<String>,
}

/// Splits off a leading `---` block. Its lines are read as `key: value`, which is all that a title needs of YAML.
fn front_matter(text: &str) -> (FrontMatter, &str) {
    let mut front = FrontMatter::default();
    let Some(rest) = text.strip_prefix("---\n") else { return (front, text) };
    let mut length = 0;
    for line in rest.split_inclusive('\n') {
        length += line.len();
        let line = line.trim_end();
        if line == "---" || line == "..." {
            return (front, &rest[length..]);
        }
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        let value = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(value);
        match key {
            "title" if !value.is_empty() => front.title = Some(value.to_owned()),
            "url" | "canonical_url" | "permalink" if value.starts_with("https://") || value.starts_with("http://") => {
                front.url = Some(value.to_owned());
            }
            _ => {}
        }
    }
    // Never closed: it was no front matter, only a line across the page.
    (FrontMatter::default(), text)
}

#[derive(Default)]
struct Reader {
    outline: Outline,
    /// The text of the block that is being read.
    buffer: String,
    /// The open lists, each with the number of its next item, if it is a numbered one.
    lists: Vec<Option<u64>>,
    /// Inside a table: not yet at the first cell of the row?
    first_cell: bool,
    in_table: bool,
    html: String,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Code(text) => self.buffer.push_str(&text),
            Event::SoftBreak if self.in_table => self.buffer.push(' '),
            Event::SoftBreak => self.new_line(),
            Event::HardBreak => self.new_line(),
            Event::Html(html) => self.html.push_str(&html),
            Event::InlineHtml(html) if html.get(..3).is_some_and(|tag| tag.eq_ignore_ascii_case("<br")) => {
                if self.in_table { self.buffer.push(' ') } else { self.new_line() }
            }
            Event::TaskListMarker(done) => self.buffer.push_str(if done { "[x] " } else { "[ ] " }),
            Event::InlineHtml(_) | Event::Rule | Event::FootnoteReference(_) | Event::InlineMath(_) | Event::DisplayMath(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } | Tag::CodeBlock(_) if self.lists.is_empty() => self.flush(BlockKind::Paragraph),
            Tag::Table(_) => {
                if self.lists.is_empty() {
                    self.flush(BlockKind::Paragraph);
                }
                self.in_table = true;
            }
            Tag::TableHead | Tag::TableRow => {
                self.new_line();
                self.first_cell = true;
            }
            Tag::TableCell => {
                if !self.first_cell {
                    self.buffer.push_str(" | ");
                }
                self.first_cell = false;
            }
            Tag::List(number) => {
                if self.lists.is_empty() {
                    self.flush(BlockKind::Paragraph);
                }
                self.lists.push(number);
            }
            Tag::Item => {
                self.new_line();
                let depth = self.lists.len().saturating_sub(1).min(DEEPEST_INDENT);
                self.buffer.extend(std::iter::repeat_n("  ", depth));
                match self.lists.last_mut() {
                    Some(Some(number)) => {
                        self.buffer.push_str(&format!("{number}. "));
                        *number = number.saturating_add(1);
                    }
                    _ => self.buffer.push_str("- "),
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::HtmlBlock => {
                let html = std::mem::take(&mut self.html);
                if self.lists.is_empty() {
                    self.flush(BlockKind::Paragraph);
                    html::read_fragment(&html, &mut self.outline);
                } else {
                    self.new_line();
                    self.buffer.push_str(&html::fragment_text(&html));
                }
            }
            TagEnd::List(_) => {
                self.lists.pop();
                if self.lists.is_empty() {
                    self.flush(BlockKind::List);
                }
            }
            TagEnd::Table => {
                self.in_table = false;
                if self.lists.is_empty() {
                    self.flush(BlockKind::Table);
                }
            }
            // Everything inside a list belongs to the list.
            _ if !self.lists.is_empty() => {
                if matches!(tag, TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::CodeBlock | TagEnd::Item) {
                    self.new_line();
                }
            }
            TagEnd::Heading(level) => {
                let text = std::mem::take(&mut self.buffer);
                self.outline.heading(number(level), &text);
            }
            TagEnd::Paragraph => self.flush(BlockKind::Paragraph),
            TagEnd::CodeBlock => self.flush(BlockKind::Code),
            _ => {}
        }
    }

    fn new_line(&mut self) {
        // An item's marker waits for its text.
        let line = self.buffer.rfind('\n').map_or(&*self.buffer, |index| &self.buffer[index + 1..]);
        let line = line.trim_start();
        let waits = line.is_empty() || line == "- " || (line.ends_with(". ") && line.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) && line.len() < 6);
        if !waits {
            self.buffer.push('\n');
        }
    }

    fn flush(&mut self, kind: BlockKind) {
        let text = std::mem::take(&mut self.buffer);
        if kind == BlockKind::Paragraph {
            if let Some(text) = without_directives(&text) {
                self.outline.push(kind, &text);
            }
        } else {
            self.outline.push(kind, &text);
        }
    }
}

/// Leaves out the lines that only a site generator understands.
fn without_directives(text: &str) -> Option<String> {
    let is_directive = |line: &str| {
        line.trim_start().starts_with(":::")
            || (line.starts_with("import ") && (line.contains(" from '") || line.contains(" from \"")))
            || (line.starts_with("export default ") && line.contains('='))
    };
    if !text.lines().any(is_directive) {
        return Some(text.to_owned());
    }
    let kept = text
        .lines()
        .filter_map(|line| match line.trim_start().strip_prefix(":::") {
            // `:::tip A title` keeps its title.
            Some(rest) => rest.trim_start_matches(':').trim_start().split_once(' ').map(|(_, title)| title),
            None => (!is_directive(line)).then_some(line),
        })
        .collect::<Vec<_>>()
        .join("\n");
    (!kept.trim().is_empty()).then_some(kept)
}

fn number(level: HeadingLevel) -> u8 {
    level as u8
}
