//! What a phone can show: plain text in parts of at most 1,600 characters, and the words that everyone may send.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use unicode_segmentation::UnicodeSegmentation;

/// Twilio takes no longer body. Counted in UTF-16, as it does: a character outside the basic plane is two.
pub const MOST_UNITS: usize = 1600;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Stop,
    Start,
    Help,
}

/// The word that a message is, if it is nothing else.
pub fn word(body: &str) -> Option<Word> {
    let body = body.trim().trim_end_matches(['.', '!']).to_uppercase();
    match body.as_str() {
        "STOP" | "STOPALL" | "STOP ALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" | "OPTOUT" | "REVOKE" => Some(Word::Stop),
        "START" | "UNSTOP" | "YES" => Some(Word::Start),
        "HELP" | "INFO" => Some(Word::Help),
        _ => None,
    }
}

/// Markdown as somebody reads it on a phone: no marks, links with their address, lists with hyphens.
pub fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut links: Vec<(String, usize)> = Vec::new();
    let mut lists: Vec<Option<u64>> = Vec::new();
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Text(piece) | Event::Code(piece) => text.push_str(&piece),
            // A model's HTML is text like any other.
            Event::Html(piece) | Event::InlineHtml(piece) => text.push_str(&piece),
            Event::SoftBreak | Event::HardBreak => text.push('\n'),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => links.push((dest_url.to_string(), text.len())),
            Event::End(TagEnd::Link | TagEnd::Image) => {
                if let Some((url, from)) = links.pop()
                    && !text[from..].contains(&url)
                    && !url.is_empty()
                {
                    text.push_str(&format!(" ({url})"));
                }
            }
            Event::Start(Tag::List(first)) => {
                // A list inside of an item begins on a line of its own.
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push('\n');
                }
                lists.push(first);
            }
            Event::End(TagEnd::List(_)) => {
                lists.pop();
                if lists.is_empty() {
                    text.push('\n');
                }
            }
            Event::Start(Tag::Item) => match lists.last_mut() {
                Some(Some(number)) => {
                    text.push_str(&format!("{number}. "));
                    *number += 1;
                }
                _ => text.push_str("- "),
            },
            Event::End(TagEnd::Item) if !text.ends_with('\n') => text.push('\n'),
            Event::End(TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::CodeBlock | TagEnd::BlockQuote(_) | TagEnd::Table) => {
                let end = if lists.is_empty() { "\n\n" } else { "\n" };
                text.push_str(end);
            }
            Event::End(TagEnd::TableCell) => text.push(' '),
            Event::End(TagEnd::TableRow | TagEnd::TableHead) => text.push('\n'),
            _ => {}
        }
    }
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        // One empty line at the most.
        if !(line.is_empty() && lines.last().is_none_or(|last| last.is_empty())) {
            lines.push(line);
        }
    }
    lines.join("\n").trim().to_owned()
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The text in parts that fit, cut after sentences, else between words, else between characters.
pub fn split(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut part = String::new();
    let mut add = |piece: &str, parts: &mut Vec<String>| {
        if units(&part) + units(piece.trim_end()) > MOST_UNITS && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
        }
        part.push_str(if part.is_empty() { piece.trim_start() } else { piece });
        units(&part)
    };
    for sentence in text.split_sentence_bounds() {
        if units(sentence) <= MOST_UNITS {
            add(sentence, &mut parts);
            continue;
        }
        for word in sentence.split_word_bounds() {
            if units(word) <= MOST_UNITS {
                add(word, &mut parts);
            } else {
                word.graphemes(true).for_each(|grapheme| {
                    // A cluster that is longer than a message is no letter; its code points go one by one.
                    if units(grapheme) <= MOST_UNITS {
                        add(grapheme, &mut parts);
                    } else {
                        grapheme.chars().for_each(|c| {
                            add(c.encode_utf8(&mut [0; 4]), &mut parts);
                        });
                    }
                });
            }
        }
    }
    parts.push(part);
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markdown_becomes_what_a_phone_shows() {
        let text = plain("# Refunds\n\nYou have **30 days**. See [our page](https://example.com/refunds).\n\n- first\n- second\n\n1. one\n2. two\n\n`code`");
        assert_eq!(text, "Refunds\n\nYou have 30 days. See our page (https://example.com/refunds).\n\n- first\n- second\n\n1. one\n2. two\n\ncode");
    }

    #[test]
    fn the_words_are_known_however_they_are_written() {
        for (body, expected) in [("stop", Some(Word::Stop)), (" Unsubscribe. ", Some(Word::Stop)), ("START", Some(Word::Start)), ("help", Some(Word::Help)), ("How do I stop it?", None), ("", None)] {
            assert_eq!(word(body), expected, "{body}");
        }
    }

    #[test]
    fn parts_end_with_sentences() {
        let text = "A sentence of some length stands here. ".repeat(100);
        let parts = split(&text);
        assert!(parts.len() == 3 && parts.iter().all(|part| part.ends_with("here.")), "{parts:?}");
    }

    proptest! {
        #[test]
        fn no_part_is_too_long_and_no_letter_is_lost(text in "(\\PC{0,60}[.!? ]){0,120}|\\PC{0,4000}|[😀a]{1500,2000}") {
            let parts = split(&text);
            prop_assert!(parts.iter().all(|part| units(part) <= MOST_UNITS && !part.is_empty()));
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(letters(&parts.concat()), letters(&text));
        }
    }
}
