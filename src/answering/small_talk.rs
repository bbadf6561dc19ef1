//! Greetings and thanks: what no document answers and nobody wants searched for.

use crate::conversations::phrases;

/// What to say to a message that is nothing but politeness; nothing for a real question.
pub(super) fn reply(message: &str) -> Option<&'static str> {
    let words: Vec<String> = message.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    if words.is_empty() || words.len() > 5 {
        return None;
    }
    let text = words.join(" ");
    let begins = |starts: &[&str]| starts.iter().any(|start| text == *start || text.strip_prefix(start).is_some_and(|rest| rest.starts_with(' ') && is_filler(rest)));
    let phrases = phrases::of(message);
    if begins(&GREETINGS) {
        Some(phrases.greeting)
    } else if begins(&THANKS) {
        Some(phrases.welcome)
    } else if begins(&FAREWELLS) {
        Some(phrases.farewell)
    } else {
        None
    }
}

const GREETINGS: [&str; 33] = [
    "hi", "hello", "hey", "hello there", "hi there", "good morning", "good afternoon", "good evening", "good day", "greetings", "howdy", "yo", "hallo", "guten tag", "guten morgen",
    "guten abend", "servus", "moin", "bonjour", "bonsoir", "salut", "hola", "buenos días", "olá", "ola", "bom dia", "ciao", "buongiorno", "goedendag", "cześć", "dzień dobry", "merhaba",
    "こんにちは",
];
const THANKS: [&str; 24] = [
    "thanks", "thank you", "thx", "ty", "thanks a lot", "many thanks", "thank you very much", "great thanks", "ok thanks", "okay thanks", "perfect thanks", "that helped", "cheers",
    "danke", "vielen dank", "danke schön", "merci", "gracias", "muchas gracias", "obrigado", "grazie", "bedankt", "dziękuję", "teşekkürler",
];
const FAREWELLS: [&str; 14] =
    ["bye", "goodbye", "good bye", "bye bye", "see you", "see ya", "good night", "tschüss", "auf wiedersehen", "au revoir", "adios", "adiós", "arrivederci", "tot ziens"];

/// Words that keep a greeting a greeting.
fn is_filler(rest: &str) -> bool {
    rest.split_whitespace().all(|word| matches!(word, "there" | "all" | "everyone" | "again" | "so" | "much" | "a" | "lot" | "very" | "for" | "your" | "the" | "help" | "you" | "team" | "later" | "and" | "illumi" | "bot" | "assistant" | "that" | "helped" | "helps" | "me" | "schön" | "sehr" | "beaucoup" | "mucho" | "mille"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn politeness_is_told_from_questions() {
        assert!(reply("Hi!").is_some() && reply("Hello there").is_some() && reply("Thanks a lot for your help").is_none());
        assert_eq!(reply("Guten Morgen!"), Some("Hallo! Wie kann ich Ihnen helfen?"));
        assert!(reply("gracias").is_some_and(|text| text.starts_with("¡De nada")));
        assert!(reply("thank you so much!").is_some());
        assert!(reply("Hi, how do I reset my password?").is_none() && reply("hello world program").is_none() && reply("").is_none());
    }
}
