//! What a model writes, as far as it may reach the visitor: its own citation marks are taken out (citations are found in
//! code), images are too, and links go only to addresses that the sources contain, so that nothing leaks by way of a URL.
//!
//! It works on a stream: what might still become a link is held back until it is decided, for a bounded length.

use std::{collections::HashSet, sync::Arc};

/// How much is held back at the most; a link longer than this is shown as plain text without its address.
const MOST_HELD: usize = 2_048;

pub(super) struct Filter {
    allowed: Arc<HashSet<String>>,
    held: String,
}

impl Filter {
    /// `texts` are what addresses may come from: the passages and their own addresses.
    pub(super) fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Filter { allowed: Arc::new(texts.into_iter().flat_map(addresses).flat_map(|address| [normal(address), normal(without_fragment(address))]).collect()), held: String::new() }
    }

    /// Takes a piece of the model's text, and gives what can be shown by now.
    pub(super) fn push(&mut self, text: &str) -> String {
        self.held.push_str(text);
        self.drain(false)
    }

    /// The end: what was held back, as it stands.
    pub(super) fn finish(&mut self) -> String {
        self.drain(true)
    }

    fn drain(&mut self, is_end: bool) -> String {
        let mut shown = String::new();
        loop {
            let held = std::mem::take(&mut self.held);
            let Some(at) = first_candidate(&held, is_end) else {
                shown.push_str(&held);
                return shown;
            };
            let (before, rest) = held.split_at(at);
            shown.push_str(before);
            match self.decide(rest, is_end || rest.len() > MOST_HELD) {
                Decision::Replace { length, with } => {
                    shown.push_str(&with);
                    self.held = rest[length..].to_owned();
                }
                Decision::Wait => {
                    self.held = rest.to_owned();
                    return shown;
                }
            }
        }
    }

    /// Judges what begins at a candidate.
    fn decide(&self, text: &str, must: bool) -> Decision {
        if text.starts_with('[') || text.starts_with("![") {
            return self.decide_bracket(text, must);
        }
        if text.starts_with('<') {
            if let Some(decision) = own_tag(text, must) {
                return decision;
            }
            // An autolink, or HTML: angle brackets around an address are dropped with what is not allowed.
            return match text.find(['>', '\n', ' ']) {
                Some(end) if text[end..].starts_with('>') && is_address(&text[1..end]) => {
                    let shown = if self.allows(&text[1..end]) { text[..=end].to_owned() } else { String::new() };
                    Decision::Replace { length: end + 1, with: shown }
                }
                Some(_) => one_character(text),
                None if must => one_character(text),
                None => Decision::Wait,
            };
        }
        // A bare address ends at white space or a character that cannot be in one.
        match text.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | ')' | ']' | '`')) {
            Some(end) => self.bare(text, end),
            None if must => self.bare(text, text.len()),
            None => Decision::Wait,
        }
    }

    fn bare(&self, text: &str, end: usize) -> Decision {
        if !is_address(&text[..end]) {
            return one_character(text);
        }
        let address = text[..end].trim_end_matches(['.', ',', ';', ':', '!', '?']);
        let with = if self.allows(address) { text[..address.len()].to_owned() } else { String::new() };
        Decision::Replace { length: address.len(), with }
    }

    fn decide_bracket(&self, text: &str, must: bool) -> Decision {
        let is_image = text.starts_with('!');
        let open = usize::from(is_image);
        let Some(close) = text[open..].find([']', '\n']).map(|at| at + open).filter(|at| text[*at..].starts_with(']')) else {
            return if must || text.contains('\n') { one_character(text) } else { Decision::Wait };
        };
        let label = &text[open + 1..close];
        let after = &text[close + 1..];
        if after.is_empty() && !must {
            return Decision::Wait;
        }
        let is_mark = !is_image && !label.is_empty() && label.len() <= 12 && label.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | ' ' | '-'));
        if let Some(target) = after.strip_prefix('(') {
            let Some(end) = target.find([')', '\n']).filter(|at| target[*at..].starts_with(')')) else {
                return if must || target.contains('\n') { Decision::Replace { length: close + 2, with: self.label(label) } } else { Decision::Wait };
            };
            let length = close + 2 + end + 1;
            let address = target[..end].split_whitespace().next().unwrap_or_default().trim_matches(['<', '>']);
            let with = match (is_image, self.allows(address)) {
                (true, _) => String::new(),
                (false, true) => format!("[{}]{}", self.label(label), &text[close + 1..length]),
                (false, false) => self.label(label),
            };
            return Decision::Replace { length, with };
        }
        if let Some(rest) = after.strip_prefix('[').filter(|_| !is_mark) {
            // A reference link: its definition would have to be in the answer, so only the label is left.
            return match rest.find(']') {
                Some(end) => Decision::Replace { length: close + 2 + end + 1, with: if is_image { String::new() } else { self.label(label) } },
                None if must => one_character(text),
                None => Decision::Wait,
            };
        }
        if after.starts_with(':') && !is_image {
            // The definition of a reference: dropped with its line.
            let end = after.find('\n').map_or(text.len(), |at| close + 1 + at);
            return if after.contains('\n') || must { Decision::Replace { length: end, with: String::new() } } else { Decision::Wait };
        }
        if is_mark {
            return Decision::Replace { length: close + 1, with: String::new() };
        }
        one_character(text)
    }

    /// What a link is called: it may itself be an address.
    fn label(&self, text: &str) -> String {
        let mut inner = Filter { allowed: Arc::clone(&self.allowed), held: String::new() };
        let shown = inner.push(text);
        shown + &inner.finish()
    }

    fn allows(&self, address: &str) -> bool {
        self.allowed.contains(&normal(address))
    }
}

enum Decision {
    Replace { length: usize, with: String },
    Wait,
}

fn one_character(text: &str) -> Decision {
    let length = text.chars().next().map_or(0, char::len_utf8);
    Decision::Replace { length, with: text[..length].to_owned() }
}

/// The tags that passages stand between in the prompt, which small models write too.
fn own_tag(text: &str, must: bool) -> Option<Decision> {
    const TAGS: [&str; 2] = ["<source title=", "</source>"];
    if TAGS.iter().any(|tag| text.starts_with(tag)) {
        let end = text.find(['>', '\n']).map(|end| if text[end..].starts_with('>') { end + 1 } else { end });
        return match end.or(must.then_some(text.len())) {
            Some(length) => Some(Decision::Replace { length, with: String::new() }),
            None => Some(Decision::Wait),
        };
    }
    (!must && TAGS.iter().any(|tag| tag.starts_with(text))).then_some(Decision::Wait)
}

/// Where something begins that has to be judged. At the end of what is there, the beginning of a scheme counts too.
fn first_candidate(text: &str, is_end: bool) -> Option<usize> {
    let found = text.char_indices().find(|(at, c)| match c {
        '[' | '<' => true,
        '!' => text[at + 1..].starts_with('[') || (!is_end && text.len() == at + 1),
        'h' | 'H' | 'w' | 'W' | 'm' | 'M' | 'd' | 'D' | 'j' | 'J' => {
            // `metadata:` is a word, but `//` makes an address of whatever stands before it.
            let starts_word = text[..*at].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
            SCHEMES.iter().filter(|scheme| starts_word || scheme.ends_with("//")).any(|scheme| begins(&text[*at..], scheme, is_end))
        }
        _ => false,
    });
    found.map(|(at, _)| at)
}

const SCHEMES: [&str; 6] = ["http://", "https://", "www.", "mailto:", "data:", "javascript:"];

/// Whether `text` begins with `scheme`, or is itself a beginning of it that more text could complete.
fn begins(text: &str, scheme: &str, is_end: bool) -> bool {
    let length = text.len().min(scheme.len());
    let same = text.is_char_boundary(length) && text[..length].eq_ignore_ascii_case(&scheme[..length]);
    same && (text.len() >= scheme.len() || !is_end)
}

fn is_address(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| text.len() >= scheme.len() && text.is_char_boundary(scheme.len()) && text[..scheme.len()].eq_ignore_ascii_case(scheme))
}

/// Addresses are compared without a slash at their end. One without a fragment may be a source's with one, but not the
/// other way round: a page could read there what the model was told to put in.
fn normal(address: &str) -> String {
    address.trim_end_matches('/').to_owned()
}

fn without_fragment(address: &str) -> &str {
    address.split('#').next().unwrap_or_default()
}

/// The addresses that a text contains: bare, in Markdown and in quotes; relative ones only in Markdown links.
fn addresses(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for (at, _) in text.match_indices("http") {
        let end = text[at..].find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | ')' | ']' | '`')).map_or(text.len(), |end| at + end);
        found.push(text[at..end].trim_end_matches(['.', ',', ';', ':', '!', '?']));
    }
    for (at, _) in text.match_indices("](") {
        if let Some(end) = text[at + 2..].find([')', ' ', '\n']) {
            found.push(&text[at + 2..at + 2 + end]);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(pieces: &[&str]) -> String {
        let mut filter = Filter::new(["See https://docs.example/a. And [here](https://docs.example/b/).", "https://docs.example/c"]);
        let mut shown: String = pieces.iter().map(|piece| filter.push(piece)).collect();
        shown.push_str(&filter.finish());
        shown
    }

    #[test]
    fn links_go_only_to_the_sources() {
        assert_eq!(through(&["Read [this](https://docs.example/a) now"]), "Read [this](https://docs.example/a) now");
        assert_eq!(through(&["Read [this](https://evil.example/?q=secret) now"]), "Read this now");
        assert_eq!(through(&["Go to https://evil.example/x, or https://docs.example/c."]), "Go to , or https://docs.example/c.");
        assert_eq!(through(&["![x](https://evil.example/p.png)ok ![y](https://docs.example/a)"]), "ok ");
        assert_eq!(through(&["<https://evil.example> [a][r]\n[r]: https://evil.example\nend"]), " a\n\nend");
        assert_eq!(through(&["[x](javascript:alert(1))"]), "x)");
    }

    #[test]
    fn the_models_own_marks_are_taken_out_and_other_brackets_stay() {
        assert_eq!(through(&["It works [1], really[2][3]. array[i] [note] a < b"]), "It works , really. array[i] [note] a < b");
    }

    #[test]
    fn the_tags_of_the_prompt_are_not_shown() {
        assert_eq!(through(&["Yes.\n<sou", "rce title=\"Returns › Refunds\">\nWithin 30 days.\n</", "source>"]), "Yes.\n\nWithin 30 days.\n");
        assert_eq!(through(&["<source srcset=\"a.webp\"> and <sour"]), "<source srcset=\"a.webp\"> and <sour");
    }

    proptest::proptest! {
        #[test]
        fn cutting_the_stream_anywhere_changes_nothing(cuts in proptest::collection::vec(0usize..200, 0..12)) {
            let text = "Wow! See [this](https://evil.example/x?y=z), [that](https://docs.example/b) and ![img](http://evil.example/i.png) at https://docs.example/a, www.evil.example [1]. <source title=\"x\">y</source> Hm, hmm [x] <b>é</b>";
            let whole = through(&[text]);
            let mut ends: Vec<usize> = cuts.into_iter().filter(|cut| *cut < text.len() && text.is_char_boundary(*cut)).collect();
            ends.sort_unstable();
            ends.dedup();
            let mut pieces = Vec::new();
            let mut start = 0;
            for end in ends.into_iter().chain([text.len()]) {
                pieces.push(&text[start..end]);
                start = end;
            }
            proptest::prop_assert_eq!(through(&pieces), whole);
        }

        #[test]
        fn nothing_foreign_comes_through(text in "(\\PC|https://evil\\.example|\\[|\\]|\\(|\\)|!|<|>|\n){0,60}") {
            let shown = through(&[&text]);
            proptest::prop_assert!(!shown.contains("https://evil.example"), "{shown}");
        }
    }
}
