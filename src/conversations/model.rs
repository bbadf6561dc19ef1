//! A conversation and its messages, as the API shows them.

use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use crate::{access::Caller, clock::Timestamp, db::words};

words! {
    /// How the other side reaches us.
    Channel { Api "api", Dashboard "dashboard", Widget "widget", Sms "sms", Site "site" }
    ConversationStatus { Open "open", Pending "pending", Closed "closed" }
    Handler { Ai "ai", Human "human" }
    MessageRole { User "user", Assistant "assistant", Agent "agent", Note "note", Event "event" }
    /// Of an answer: still written, whole, stopped by somebody, or broken off by a failure.
    MessageStatus { Streaming "streaming", Complete "complete", Stopped "stopped", Failed "failed" }
    /// What a line about an event is about.
    EventKind {
        /// `user` has the conversation from now on, by themselves.
        Joined "joined",
        /// `actor` has given it to `user`.
        Assigned "assigned",
        /// `actor` has made it nobody's.
        Unassigned "unassigned",
        /// `actor` has given it back to the assistant.
        Released "released",
        /// A person is wanted, for `reason`.
        HandedOff "handed_off",
        /// Nobody has come yet.
        Escalated "escalated",
        /// The customer was away; what they had not read was mailed to `email`.
        ReplyMailed "reply_mailed",
        /// The same, but nothing was mailed: they left no address, or, where there is an `email`, this server sends no mail.
        ReplyWaits "reply_waits",
        /// `count` files that came with a message could not be kept.
        FilesLost "files_lost",
    }
    /// Why a person is wanted.
    HandoffReason {
        CustomerRequest "customer_request",
        MissingKnowledge "missing_knowledge",
        UnsupportedRequest "unsupported_request",
        Policy "policy",
        ToolFailure "tool_failure",
        LowRating "low_rating",
    }
}

impl Channel {
    /// Whether strangers come this way; such conversations are in the workspace's inbox.
    pub fn is_public(self) -> bool {
        matches!(self, Channel::Widget | Channel::Sms | Channel::Site)
    }
}

#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    pub id: String,
    pub title: Option<String>,
    /// Null where no assistant answers: some sites.
    pub assistant_id: Option<String>,
    pub channel: Channel,
    pub status: ConversationStatus,
    pub handler: Handler,
    pub assignee_id: Option<String>,
    pub contact_id: Option<String>,
    pub message_count: i64,
    pub tags: Vec<String>,
    pub rating: Option<i64>,
    /// Why a person is wanted, until one has it.
    pub handoff_reason: Option<HandoffReason>,
    pub handed_off_at: Option<Timestamp>,
    /// When it was told once more that nobody had come.
    pub escalated_at: Option<Timestamp>,
    pub snoozed_until: Option<Timestamp>,
    /// How far the customer has read, as far as is known: the time of the newest message that they have seen.
    pub customer_seen_at: Option<Timestamp>,
    /// Where a visitor was when they began, as their page has said it.
    pub metadata: Option<VisitorMetadata>,
    /// How many of the customer's messages the caller has not read; left out in events, which are told to many.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<i64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_message_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub user_id: Option<String>,
}

impl Conversation {
    /// One's own, and the inbox's.
    pub fn may_be_seen_by(&self, who: &Caller) -> bool {
        self.channel.is_public() || who.is_admin() || self.user_id.as_deref() == Some(&who.user_id)
    }
}

#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub id: String,
    pub role: MessageRole,
    pub content: String,
    /// The name of who wrote it, where there is one to show.
    pub author: Option<String>,
    /// What an answer was made from.
    pub sources: Vec<Source>,
    /// Which characters of the content which source supports.
    pub citations: Vec<Citation>,
    pub attachments: Vec<Attachment>,
    /// Of a line about what happened, the same as data, for pages that say it in their reader's language.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<MessageEvent>,
    /// What the site-key API calls it by.
    #[oai(skip)]
    #[serde(skip)]
    pub number: i64,
    pub feedback: Option<i64>,
    pub status: MessageStatus,
    pub created_at: Timestamp,
}

/// What a line about an event tells; which fields there are depends on the kind.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase")]
pub struct MessageEvent {
    pub kind: EventKind,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<EventPerson>,
    /// To whom it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<EventPerson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<HandoffReason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<i64>,
}

impl MessageEvent {
    pub fn of(kind: EventKind) -> Self {
        MessageEvent { kind, actor: None, user: None, reason: None, email: None, count: None }
    }
}

/// Somebody of the workspace, by the name that they had then.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize, Deserialize)]
pub struct EventPerson {
    pub id: String,
    pub name: String,
}

/// A file in a message.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    pub id: String,
    pub filename: String,
    pub mime_type: String,
    pub bytes: i64,
    /// On this server: relative to its address.
    pub url: String,
    /// What the site-key API calls it by.
    #[oai(skip)]
    #[serde(default, skip_serializing)]
    pub number: i64,
}

/// Where a visitor is, as their page says it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Object, Serialize, Deserialize)]
#[serde(default)]
pub struct VisitorMetadata {
    pub page: Option<String>,
    pub referrer: Option<String>,
    /// The language of their browser.
    pub locale: Option<String>,
}

/// A passage that an answer was made from.
#[derive(Debug, Clone, PartialEq, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// From 1; what a citation names.
    pub index: i64,
    pub document_id: String,
    pub title: String,
    pub url: Option<String>,
    pub page: Option<i64>,
    /// The beginning of the passage.
    pub snippet: String,
    pub score: f64,
}

/// The characters `start..end` of an answer, counted in Unicode code points, are supported by the source `index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Object, Serialize, Deserialize)]
pub struct Citation {
    pub index: i64,
    pub start: i64,
    pub end: i64,
}

/// The first words of the first question.
pub fn title_of(question: &str) -> String {
    const MOST: usize = 80;
    let line = question.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MOST {
        return line;
    }
    let cut: String = line.chars().take(MOST).collect();
    let whole_words = cut.rsplit_once(' ').map_or(cut.as_str(), |(head, _)| head);
    format!("{}…", whole_words.trim_end_matches([',', ';', ':', '.']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_cut_between_words() {
        assert_eq!(title_of(" How do I\nreset it? "), "How do I reset it?");
        let long = title_of(&"word ".repeat(40));
        assert!(long.ends_with("word…") && long.chars().count() <= 81, "{long}");
        assert_eq!(title_of(&"語".repeat(200)).chars().count(), 81);
    }
}
