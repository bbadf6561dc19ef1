//! How many tokens a text may be, without a tokenizer: good enough to keep a prompt inside a model's window, and meant
//! to err upwards. Bills and receipts have what the provider counted.
//!
//! The rates are rounded up from what byte-pair vocabularies of 32,000 to 200,000 entries make of running text: English
//! has about four characters a token and is counted with three and a half; other alphabets and accented letters have
//! about two; figures and punctuation come in short runs; Chinese, Japanese, Korean and the scripts of India and
//! South-East Asia have about one token a character; an emoji has two or three.

use super::Message;

/// What a chat template puts around a turn.
const PER_MESSAGE: usize = 4;

/// An estimate of the tokens of `text`, 0 only for an empty one.
pub fn estimate(text: &str) -> usize {
    text.chars().map(hundredths).sum::<usize>().div_ceil(100)
}

/// An estimate of the tokens of a conversation, with what stands between its turns.
pub fn estimate_messages(messages: &[Message]) -> usize {
    messages
        .iter()
        .map(|message| {
            let calls = match message {
                Message::Assistant { tool_calls, .. } => tool_calls
                    .iter()
                    .map(|call| PER_MESSAGE + estimate(&call.name) + estimate(&call.arguments.to_string()))
                    .sum(),
                _ => 0,
            };
            PER_MESSAGE + estimate(message.text()) + calls
        })
        .sum()
}

/// Tokens a character, in hundredths.
fn hundredths(c: char) -> usize {
    match c {
        'a'..='z' | 'A'..='Z' | ' ' => 29,
        '\0'..='\x7f' => 50,
        // Latin with accents, Greek, Cyrillic, Hebrew, Arabic.
        '\u{80}'..='\u{77f}' => 60,
        // General punctuation, letterlike signs, arrows, box drawing.
        '\u{2000}'..='\u{27ff}' => 100,
        // India and South-East Asia, kana, Han, Hangul and the rest of the first plane.
        '\u{780}'..='\u{ffff}' => 130,
        _ => 300,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_script() {
        assert_eq!(estimate(""), 0);
        assert_eq!(estimate("a"), 1);
        // 44 characters, 10 tokens in cl100k.
        let fox = estimate("The quick brown fox jumps over the lazy dog.");
        assert!((10..=14).contains(&fox), "{fox}");
        // 13 tokens in cl100k.
        let russian = estimate("Быстрая коричневая лиса прыгает");
        assert!((13..=22).contains(&russian), "{russian}");
        assert!(estimate("快速的棕色狐狸") >= 7);
        assert!(estimate("👍🏽") >= 2);
    }

    #[test]
    fn grows_with_the_text() {
        let text = "Grüße, 世界! 12345 ".repeat(50);
        assert!(estimate(&text) <= 50 * estimate("Grüße, 世界! 12345 "));
        assert!(estimate_messages(&[Message::User("hi".into())]) > estimate("hi"));
    }
}
