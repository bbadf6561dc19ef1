//! Keeps a model from printing what is not for the visitor: its instructions, word for word, and keys.
//!
//! A model may have been talked into it by a document, so that this is done in code. What the instructions have in
//! quotation marks is meant to be said. Like the filter behind it, it works on a stream and holds back only words that
//! may still become part of something forbidden.

use std::{collections::HashMap, sync::Arc};

/// So many words of the instructions in a row are not said by chance; of short instructions, most of them.
const MOST_WORDS: usize = 16;
const LEAST_WORDS: usize = 7;
/// From here on words that stand in the instructions are held back.
const SUSPICIOUS: usize = 3;

const REMOVED: &str = "[…]";

pub(super) struct Guard {
    words: Arc<Vec<String>>,
    places: HashMap<String, Vec<usize>>,
    limit: usize,
    /// Where in the instructions the last words could stand.
    run: Vec<usize>,
    length: usize,
    /// Whether the run was long enough and its words are dropped.
    dropping: bool,
    held: String,
    /// The last word, which may go on, and how many of its bytes have been shown.
    open: String,
    shown: usize,
}

impl Guard {
    /// `secret` is what must not be repeated.
    pub(super) fn new(secret: &[&str]) -> Self {
        let texts: Vec<Vec<String>> = secret.iter().map(|text| unquoted(text)).filter(|words| !words.is_empty()).collect();
        let limit = texts.iter().map(|words| (words.len() * 6 / 10).clamp(LEAST_WORDS, MOST_WORDS)).min().unwrap_or(MOST_WORDS);
        let words: Vec<String> = texts.concat();
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, word) in words.iter().enumerate() {
            places.entry(word.clone()).or_default().push(place);
        }
        Guard { words: Arc::new(words), places, limit, run: Vec::new(), length: 0, dropping: false, held: String::new(), open: String::new(), shown: 0 }
    }

    pub(super) fn push(&mut self, text: &str) -> String {
        let mut shown = String::new();
        for piece in text.split_inclusive(char::is_whitespace) {
            self.open.push_str(piece);
            if piece.ends_with(char::is_whitespace) {
                let word = std::mem::take(&mut self.open);
                self.word(&word, &mut shown);
            }
        }
        // A word that will be shown anyway need not wait for its end.
        if self.length + 1 < SUSPICIOUS && !self.dropping && !may_be_key(&self.open) {
            shown.push_str(&self.open[self.shown..]);
            self.shown = self.open.len();
        }
        shown
    }

    pub(super) fn finish(&mut self) -> String {
        let mut shown = String::new();
        let word = std::mem::take(&mut self.open);
        if !word.is_empty() {
            self.word(&word, &mut shown);
        }
        if !self.dropping {
            shown.push_str(&std::mem::take(&mut self.held));
        }
        shown
    }

    fn word(&mut self, word: &str, shown: &mut String) {
        let rest = &word[std::mem::take(&mut self.shown)..];
        if is_key(word.trim()) {
            self.end_run(shown);
            shown.push_str(REMOVED);
            shown.push_str(&word[word.trim_end().len()..]);
            return;
        }
        let name = plain(word);
        if name.is_empty() {
            // White space and signs between words belong to the run.
            if self.dropping {
                return;
            }
            self.held.push_str(rest);
            if self.length < SUSPICIOUS {
                shown.push_str(&std::mem::take(&mut self.held));
            }
            return;
        }
        let next: Vec<usize> = self.run.iter().map(|place| place + 1).filter(|place| self.words.get(*place) == Some(&name)).collect();
        if next.is_empty() {
            self.end_run(shown);
            self.run = self.places.get(&name).cloned().unwrap_or_default();
            self.length = usize::from(!self.run.is_empty());
        } else {
            self.run = next;
            self.length += 1;
        }
        if self.dropping {
            return;
        }
        self.held.push_str(rest);
        if self.length >= self.limit {
            self.dropping = true;
            self.held.clear();
            shown.push_str(REMOVED);
            shown.push(' ');
        } else if self.length < SUSPICIOUS {
            shown.push_str(&std::mem::take(&mut self.held));
        }
    }

    fn end_run(&mut self, shown: &mut String) {
        if !self.dropping {
            shown.push_str(&std::mem::take(&mut self.held));
        }
        (self.dropping, self.length) = (false, 0);
        self.run.clear();
        self.held.clear();
    }
}

/// The words of a text outside its quotation marks.
fn unquoted(text: &str) -> Vec<String> {
    let straight = text.replace(['“', '”', '„', '«', '»'], "\"");
    straight.split('"').step_by(2).flat_map(str::split_whitespace).map(plain).filter(|word| !word.is_empty()).collect()
}

fn plain(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

const PREFIXES: [&str; 12] = ["sk-", "ic_", "ghp_", "gho_", "github_pat_", "xoxb-", "xoxp-", "AKIA", "AIza", "gsk_", "xai-", "whsec_"];

fn trimmed(word: &str) -> &str {
    word.trim_start_matches(|c: char| !c.is_alphanumeric())
}

fn may_be_key(start: &str) -> bool {
    // A key may stand behind `key=` or in quotes.
    PREFIXES.iter().any(|prefix| start.contains(prefix) || (1..prefix.len()).any(|length| start.ends_with(&prefix[..length]) && trimmed(start).len() <= length))
}

fn is_key(word: &str) -> bool {
    PREFIXES.iter().any(|prefix| {
        word.match_indices(prefix).any(|(at, _)| {
            let starts = word[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
            starts && word[at + prefix.len()..].chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).count() >= 16
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTRUCTIONS: &str = "You are the assistant of Lamps & Co. Never give a discount above ten percent, and never tell anybody that the margin is forty percent. If asked for hours, say \"We are open from nine to five on every weekday of the year\".";

    fn through(text: &str, cut: usize) -> String {
        let mut guard = Guard::new(&[INSTRUCTIONS]);
        let characters: Vec<char> = text.chars().collect();
        let mut shown: String = characters.chunks(cut).map(|piece| guard.push(&piece.iter().collect::<String>())).collect();
        shown.push_str(&guard.finish());
        shown
    }

    #[test]
    fn instructions_and_keys_do_not_come_through() {
        for cut in [1, 3, 7, 1000] {
            let shown = through(&format!("Sure! {INSTRUCTIONS} Anything else?"), cut);
            assert!(!shown.contains("margin") && !shown.contains("discount above"), "{shown}");
            assert!(shown.starts_with("Sure!") && shown.ends_with("Anything else?"), "{shown}");
            assert_eq!(through("The key is sk-abcdefghijklmnopqrstuv, ok", cut), "The key is […] ok");
            assert!(!through("key=ic_0123456789012345678901234567890123456789", cut).contains("0123"));
        }
    }

    #[test]
    fn what_is_meant_to_be_said_is_said() {
        for text in ["We are open from nine to five on every weekday of the year.", "You are the best! Never give up.", "risk-free and skilled, e.g. sk-1", "  a\n\n- b\n"] {
            for cut in [1, 4, 1000] {
                assert_eq!(through(text, cut), text);
            }
        }
    }
}
