//! Text as the pieces that an answer is made of and that a citation points to.

use std::{collections::HashSet, ops::Range};

use unicode_segmentation::UnicodeSegmentation;

/// The byte ranges of the sentences of a text: by Unicode's rules (UAX 29), cut at line ends too, and not after common
/// abbreviations or the number of a list item. White space at the ends is left out.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let mut open: Option<usize> = None;
        for (offset, sentence) in line.split_sentence_bound_indices() {
            let start = open.take().unwrap_or(offset);
            let end = offset + sentence.len();
            let said = line[start..end].trim_end();
            if (ends_early(said) || goes_on(said, line[end..].trim_start())) && !line[end..].trim().is_empty() {
                open = Some(start);
                continue;
            }
            push_trimmed(text, line_start + start..line_start + end, &mut found);
        }
        if let Some(start) = open {
            push_trimmed(text, line_start + start..line_start + line.len(), &mut found);
        }
        line_start += line.len();
    }
    found
}

fn push_trimmed(text: &str, range: Range<usize>, into: &mut Vec<Range<usize>>) {
    let piece = &text[range.clone()];
    let start = range.start + (piece.len() - piece.trim_start().len());
    let end = range.start + piece.trim_end().len();
    if start < end {
        into.push(start..end);
    }
}

fn ends_early(sentence: &str) -> bool {
    const ABBREVIATIONS: [&str; 16] = ["e.g.", "i.e.", "etc.", "vs.", "mr.", "mrs.", "ms.", "dr.", "no.", "approx.", "z.b.", "bzw.", "ca.", "fig.", "inc.", "st."];
    let last = sentence.rsplit(char::is_whitespace).next().unwrap_or_default().to_lowercase();
    let number = sentence.trim_start_matches(['-', '*', ' ']).strip_suffix(['.', ')']).is_some_and(|head| !head.is_empty() && head.bytes().all(|b| b.is_ascii_digit()));
    number || ABBREVIATIONS.iter().any(|abbreviation| last.trim_start_matches('(') == *abbreviation)
}

/// Whether what follows cannot begin a sentence, or a quotation is still open: `Ask "Why?" or "How?".` is one sentence.
fn goes_on(said: &str, next: &str) -> bool {
    const LONGEST: usize = 600;
    let open = said.matches('"').count() % 2 == 1 || said.matches('“').count() > said.matches('”').count();
    let next_continues = next.starts_with([',', ';', ')', '”', '»']) || next.starts_with(['a', 'o', 'b', 'u', 'e']) && ["and ", "or ", "but ", "und ", "oder ", "et ", "ou "].iter().any(|word| next.starts_with(word));
    said.len() < LONGEST && (open && next.contains(['"', '”']) || next_continues)
}

/// The words that carry meaning, in lower case with their endings cut, so that "resets" meets "reset".
pub fn content_words(text: &str) -> HashSet<String> {
    text.unicode_words().map(str::to_lowercase).filter(|word| word.chars().count() > 1 && !is_stop_word(word)).map(|word| stem(&word)).collect()
}

/// Cuts the commonest English endings; other languages pass as they are.
fn stem(word: &str) -> String {
    for ending in ["ations", "ation", "ments", "ment", "ings", "ing", "ies", "ied", "edly", "ers", "es", "ed", "er", "ly", "s", "e"] {
        if let Some(head) = word.strip_suffix(ending)
            && head.chars().count() >= 3
        {
            return head.trim_end_matches(['i', 'y']).to_owned();
        }
    }
    word.trim_end_matches('y').to_owned()
}

fn is_stop_word(word: &str) -> bool {
    const STOP: &str = " a about above after again all also am an and any are aren't as at be because been before being below between both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each few for from further had has have having he her here hers him his how how's i i'd i'll i'm i've if in into is isn't it it's its itself just let's me more most my no nor not now of off on once only or other our ours out over own please same she should so some such than that that's the their theirs them then there there's these they they're this those through to too under until up very was wasn't we we're were what what's when when's where where's which while who whom why will with won't would you you'd you'll you're your yours yourself ";
    STOP.contains(&format!(" {word} "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        sentences(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn sentences_end_where_people_would_say_so() {
        assert_eq!(split("Open the page. Click Save, e.g. with the mouse! Done?"), ["Open the page.", "Click Save, e.g. with the mouse!", "Done?"]);
        assert_eq!(split("1. Open it.\n2. Close it.\n"), ["1. Open it.", "2. Close it."]);
        assert_eq!(split("Costs 3.50 a month.  "), ["Costs 3.50 a month."]);
        assert!(split(" \n ").is_empty());
    }

    #[test]
    fn words_meet_their_other_forms() {
        let left = content_words("How do I reset my passwords?");
        assert!(left.is_subset(&content_words("Resetting? The password is reset on the page.")) || left.contains("reset"));
        assert!(content_words("the and of").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn ranges_lie_in_order_on_character_bounds(text in "\\PC{0,300}(\n\\PC{0,100}){0,3}") {
            let mut last = 0;
            for range in sentences(&text) {
                proptest::prop_assert!(range.start >= last && range.start < range.end);
                proptest::prop_assert!(text.get(range.clone()).is_some());
                last = range.end;
            }
        }
    }
}
