//! HTML as a stream of tags and text, in one pass and constant memory.
//!
//! A browser's parser builds a tree, and on hostile input that takes quadratic time (deep nesting, thousands of
//! attributes). To read a page's words no tree is needed. The rules are those of the HTML standard's tokenizer
//! (html.spec.whatwg.org, 13.2.5) as far as they decide where text begins and ends.

use std::borrow::Cow;

use html5ever::data::NAMED_ENTITIES;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// As written; `decode_entities` makes it readable.
    Text(&'a str),
    Start { name: Cow<'a, str>, attributes: &'a str },
    End { name: Cow<'a, str> },
}

pub(super) struct Tokens<'a> {
    rest: &'a str,
    /// Inside an element whose content is not markup: its name.
    raw: Option<Cow<'a, str>>,
}

/// Elements whose content is text up to their end tag, whatever it looks like.
const RAW: [&str; 8] = ["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"];

impl<'a> Tokens<'a> {
    pub(super) fn new(html: &'a str) -> Self {
        Tokens { rest: html, raw: None }
    }

    fn split(&mut self, at: usize) -> &'a str {
        let (before, after) = self.rest.split_at(at);
        self.rest = after;
        before
    }

    fn raw_text(&mut self, name: &str) -> &'a str {
        let mut from = 0;
        while let Some(found) = self.rest[from..].find("</") {
            let at = from + found;
            let after = &self.rest.as_bytes()[at + 2..];
            let ends = after.len() >= name.len()
                && after[..name.len()].eq_ignore_ascii_case(name.as_bytes())
                && after.get(name.len()).is_none_or(|byte| !byte.is_ascii_alphanumeric());
            if ends {
                return self.split(at);
            }
            from = at + 2;
        }
        self.split(self.rest.len())
    }

    /// The length of a tag from its `<` to its `>`, which may not be inside a quoted value.
    fn tag_length(&self) -> Option<usize> {
        let bytes = self.rest.as_bytes();
        let mut index = 1;
        let mut quote = None;
        let mut after_equals = false;
        while index < bytes.len() {
            let byte = bytes[index];
            match quote {
                Some(open) if byte == open => quote = None,
                Some(_) => {}
                None => match byte {
                    b'>' => return Some(index + 1),
                    b'"' | b'\'' if after_equals => quote = Some(byte),
                    _ => {}
                },
            }
            if !byte.is_ascii_whitespace() {
                after_equals = byte == b'=';
            }
            index += 1;
        }
        None
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if let Some(name) = self.raw.take() {
            let text = self.raw_text(&name);
            if !text.is_empty() {
                return Some(Token::Text(text));
            }
        }
        loop {
            if self.rest.is_empty() {
                return None;
            }
            if !self.rest.starts_with('<') {
                let at = self.rest.find('<').unwrap_or(self.rest.len());
                return Some(Token::Text(self.split(at)));
            }
            match self.rest.as_bytes().get(1) {
                Some(b'!') if self.rest.starts_with("<!--") => {
                    let end = self.rest[4..].find("-->").map_or(self.rest.len(), |at| 4 + at + 3);
                    self.split(end);
                }
                Some(b'!' | b'?') => {
                    let end = self.rest.find('>').map_or(self.rest.len(), |at| at + 1);
                    self.split(end);
                }
                Some(b'/') if self.rest.as_bytes().get(2).is_some_and(u8::is_ascii_alphabetic) => {
                    let end = self.rest.find('>').map_or(self.rest.len(), |at| at + 1);
                    return Some(Token::End { name: name_of(&self.split(end)[2..]).0 });
                }
                Some(byte) if byte.is_ascii_alphabetic() => {
                    // A tag that is never closed swallows the rest, as in a browser.
                    let Some(length) = self.tag_length() else {
                        self.rest = "";
                        return None;
                    };
                    let tag = self.split(length);
                    let (name, attributes) = name_of(&tag[1..tag.len() - 1]);
                    if RAW.contains(&&*name) {
                        self.raw = Some(name.clone());
                    }
                    return Some(Token::Start { name, attributes });
                }
                // A lone `<` is text.
                _ => {
                    let at = self.rest[1..].find('<').map_or(self.rest.len(), |at| at + 1);
                    return Some(Token::Text(self.split(at)));
                }
            }
        }
    }
}

/// A tag's name in lower case, and what follows it.
fn name_of(tag: &str) -> (Cow<'_, str>, &str) {
    let end = tag.find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>').unwrap_or(tag.len());
    let (name, rest) = tag.split_at(end);
    let name = if name.bytes().any(|byte| byte.is_ascii_uppercase()) { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) };
    (name, rest)
}

/// Goes through a tag's attributes: names as written, values as written.
pub(super) fn attributes(tag: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = tag;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return None;
        }
        // A leading `=` belongs to the name, so that there is always progress.
        let end = rest.char_indices().skip(1).find(|(_, c)| c.is_ascii_whitespace() || *c == '=' || *c == '/').map_or(rest.len(), |(at, _)| at);
        let (name, after) = rest.split_at(end);
        let Some(value) = after.trim_start().strip_prefix('=') else {
            rest = after;
            return Some((name, ""));
        };
        let value = value.trim_start();
        for quote in ['"', '\''] {
            if let Some(quoted) = value.strip_prefix(quote) {
                let (value, after) = quoted.split_once(quote).unwrap_or((quoted, ""));
                rest = after;
                return Some((name, value));
            }
        }
        let end = value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len());
        let (value, after) = value.split_at(end);
        rest = after;
        Some((name, value))
    })
}

/// Appends `text` with its character references replaced.
pub(super) fn decode_entities(text: &str, into: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        into.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = reference(rest, into).unwrap_or_else(|| {
            into.push('&');
            1
        });
        rest = &rest[length..];
    }
    into.push_str(rest);
}

/// The longest name in the standard's table has 31 characters and a semicolon.
const LONGEST_REFERENCE: usize = 33;

/// Reads one reference at the start of `text` and answers how long it was.
fn reference(text: &str, into: &mut String) -> Option<usize> {
    let head = &text.as_bytes()[1..text.len().min(LONGEST_REFERENCE)];
    if head.first() == Some(&b'#') {
        let (digits, radix) = match head.get(1) {
            Some(b'x' | b'X') => (2, 16),
            _ => (1, 10),
        };
        let count = head[digits..].iter().take_while(|byte| (**byte as char).is_digit(radix)).count();
        let number = u32::from_str_radix(text.get(1 + digits..1 + digits + count)?, radix).ok()?;
        // Numbers 128 to 159 mean windows-1252, as in every browser; only the quotes and dashes are met.
        let c = match number {
            0x85 => '…',
            0x91 => '‘',
            0x92 => '’',
            0x93 => '“',
            0x94 => '”',
            0x96 => '–',
            0x97 => '—',
            _ => char::from_u32(number).filter(|c| !c.is_control() || *c == '\n' || *c == '\t').unwrap_or('\u{fffd}'),
        };
        into.push(c);
        let semicolon = usize::from(head.get(digits + count) == Some(&b';'));
        return Some(1 + digits + count + semicolon);
    }
    let count = head.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let whole = text.get(1..1 + count + 1).filter(|name| name.ends_with(';'));
    // Without its semicolon only the oldest names count (`&amp`, `&copy`), the longest of which has six letters.
    let candidates = whole.into_iter().chain((2..=count.min(6)).rev().map(|length| &text[1..1 + length]));
    for name in candidates {
        if let Some((first, second)) = NAMED_ENTITIES.get(name)
            && *first != 0
        {
            into.extend(char::from_u32(*first));
            into.extend(char::from_u32(*second).filter(|c| *c != '\0'));
            return Some(1 + name.len());
        }
    }
    None
}
