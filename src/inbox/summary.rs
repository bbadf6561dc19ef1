//! A conversation in a few lines: what was asked, and how it stands. In the customer's own words, so that nothing is made up.

use crate::conversations::{Conversation, Message, MessageRole, model::title_of};

/// How many of the customer's messages are told of.
const MOST: usize = 5;

pub fn summarise(conversation: &Conversation, messages: &[Message]) -> String {
    let asked: Vec<&Message> = messages.iter().filter(|message| message.role == MessageRole::User).collect();
    let mut lines = vec![format!("{} messages by {}, status {}.", messages.len(), conversation.channel.word(), conversation.status.word())];
    if let Some(reason) = conversation.handoff_reason {
        lines.push(format!("A person is wanted: {}.", reason.word().replace('_', " ")));
    }
    if !asked.is_empty() {
        lines.push("The customer said:".to_owned());
        // The first says what it is about, the last ones how it went on.
        let rest = asked.len().saturating_sub(MOST - 1).max(1);
        let shown = asked.iter().take(1).chain(asked.iter().skip(rest));
        lines.extend(shown.map(|message| format!("- {}", title_of(&message.content))));
    }
    if let Some(last) = messages.iter().rev().find(|message| matches!(message.role, MessageRole::Assistant | MessageRole::Agent)) {
        let who = last.author.as_deref().unwrap_or(if last.role == MessageRole::Agent { "An agent" } else { "The assistant" });
        lines.push(format!("Last answer, by {who}: {}", title_of(&last.content)));
    }
    lines.join("\n")
}
