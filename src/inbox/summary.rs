//! A conversation in a few lines: what was asked, and how it stands. In the customer's own words, so that nothing is made up.

use crate::conversations::{Conversation, Message, MessageRole, letters::german, model::title_of, sentences::fill};

/// How many of the customer's messages are told of.
const MOST: usize = 5;

/// In German where the workspace's people read that.
pub fn summarise(conversation: &Conversation, messages: &[Message], is_german: bool) -> String {
    let say = |english: &'static str, german: &'static str| if is_german { german } else { english };
    let asked: Vec<&Message> = messages.iter().filter(|message| message.role == MessageRole::User).collect();
    let head = say("{count} messages by {channel}, status {status}.", "{count} Nachrichten über {channel}, Status {status}.");
    let count = messages.len().to_string();
    let mut lines = vec![fill(head, &[("count", &count), ("channel", conversation.channel.word()), ("status", conversation.status.word())])];
    if let Some(reason) = conversation.handoff_reason {
        let why = if is_german { german(reason).to_owned() } else { reason.word().replace('_', " ") };
        lines.push(fill(say("A person is wanted: {why}.", "Ein Mensch wird gebraucht: {why}."), &[("why", &why)]));
    }
    if !asked.is_empty() {
        lines.push(say("The customer said:", "Der Kunde schrieb:").to_owned());
        // The first says what it is about, the last ones how it went on.
        let rest = asked.len().saturating_sub(MOST - 1).max(1);
        let shown = asked.iter().take(1).chain(asked.iter().skip(rest));
        lines.extend(shown.map(|message| format!("- {}", title_of(&message.content))));
    }
    if let Some(last) = messages.iter().rev().find(|message| matches!(message.role, MessageRole::Assistant | MessageRole::Agent)) {
        let somebody = if last.role == MessageRole::Agent { say("An agent", "einem Menschen") } else { say("The assistant", "dem Assistenten") };
        let who = last.author.as_deref().unwrap_or(somebody);
        lines.push(fill(say("Last answer, by {who}: {text}", "Letzte Antwort, von {who}: {text}"), &[("who", who), ("text", &title_of(&last.content))]));
    }
    lines.join("\n")
}
