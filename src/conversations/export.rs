//! A conversation as a file to keep.

use super::model::{Conversation, Message, MessageRole};

/// Markdown: who said what when, and the sources under each answer.
pub(super) fn markdown(conversation: &Conversation, messages: &[Message], assistant: &str) -> String {
    let mut text = format!("# {}\n\n", conversation.title.as_deref().unwrap_or("Conversation"));
    for message in messages {
        let who = match (&message.author, message.role) {
            (Some(author), _) => author.as_str(),
            (None, MessageRole::User) => "Visitor",
            (None, MessageRole::Assistant) => assistant,
            (None, MessageRole::Agent) => "Agent",
            (None, MessageRole::Note) => "Note",
            (None, MessageRole::Event) => "Event",
        };
        text.push_str(&format!("**{who}** · {}\n\n{}\n\n", message.created_at, message.content.trim()));
        for source in &message.sources {
            let place = source.url.as_deref().map(|url| format!(" <{url}>")).unwrap_or_default();
            text.push_str(&format!("{}. {}{place}\n", source.index, source.title));
        }
        if !message.sources.is_empty() {
            text.push('\n');
        }
    }
    text
}
