//! Greetings and thanks: what no document answers and nobody wants searched for.

/// What to say to a message that is nothing but politeness; nothing for a real question.
pub(super) fn reply(message: &str) -> Option<&'static str> {
    let words: Vec<String> = message.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    if words.is_empty() || words.len() > 5 {
        return None;
    }
    let text = words.join(" ");
    let begins = |starts: &[&str]| starts.iter().any(|start| text == *start || text.strip_prefix(start).is_some_and(|rest| rest.starts_with(' ') && is_filler(rest)));
    if begins(&["hi", "hello", "hey", "hello there", "hi there", "good morning", "good afternoon", "good evening", "greetings", "hallo", "guten tag", "bonjour", "hola"]) {
        Some("Hello! How can I help you?")
    } else if begins(&["thanks", "thank you", "thx", "thanks a lot", "many thanks", "thank you very much", "danke", "merci", "gracias", "cheers"]) {
        Some("You're welcome! Is there anything else I can help you with?")
    } else if begins(&["bye", "goodbye", "good bye", "see you", "tschüss", "au revoir", "adios"]) {
        Some("Goodbye! Come back whenever you have a question.")
    } else {
        None
    }
}

/// Words that keep a greeting a greeting.
fn is_filler(rest: &str) -> bool {
    rest.split_whitespace().all(|word| matches!(word, "there" | "all" | "everyone" | "again" | "so" | "much" | "a" | "lot" | "very" | "for" | "your" | "the" | "help" | "you" | "team" | "later" | "and"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn politeness_is_told_from_questions() {
        assert!(reply("Hi!").is_some() && reply("Hello there").is_some() && reply("Thanks a lot for your help").is_none());
        assert!(reply("thank you so much!").is_some());
        assert!(reply("Hi, how do I reset my password?").is_none() && reply("hello world program").is_none() && reply("").is_none());
    }
}
