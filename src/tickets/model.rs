//! A ticket, as the API shows it, and the rules of its moves.

use poem_openapi::{Object, types::MaybeUndefined};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    clock::Timestamp,
    contacts::model::check_tags,
    conversations::Channel,
    db::words,
    error::{Error, Result},
    workspaces::model::{TicketSettings, TicketTarget},
};

words! {
    TicketStatus { New "new", Open "open", InProgress "in_progress", WaitingOnCustomer "waiting_on_customer", Resolved "resolved", Closed "closed", Spam "spam" }
    Priority { Critical "critical", High "high", #[serde(alias = "medium")] Normal "normal", Low "low" }
    /// Which way a ticket came.
    TicketSource { Dashboard "dashboard", Api "api", Widget "widget", Assistant "assistant", Conversation "conversation", Sms "sms", Site "site" }
    /// Which way a comment leaves for the customer.
    CommentChannel { Api "api", Dashboard "dashboard", Widget "widget", Sms "sms", Site "site", Email "email" }
    Target { FirstResponse "first_response", Resolution "resolution" }
}

impl TicketStatus {
    pub const ALL: [TicketStatus; 7] = [
        TicketStatus::New,
        TicketStatus::Open,
        TicketStatus::InProgress,
        TicketStatus::WaitingOnCustomer,
        TicketStatus::Resolved,
        TicketStatus::Closed,
        TicketStatus::Spam,
    ];

    /// Nothing is left to be done.
    pub fn is_over(self) -> bool {
        matches!(self, TicketStatus::Resolved | TicketStatus::Closed | TicketStatus::Spam)
    }

    pub fn check_move(self, to: TicketStatus) -> Result<()> {
        if self == TicketStatus::Spam && !matches!(to, TicketStatus::Spam | TicketStatus::Open) {
            return Err(Error::invalid("status", "can only become open: the ticket is marked as spam"));
        }
        Ok(())
    }
}

impl Priority {
    pub const ALL: [Priority; 4] = [Priority::Critical, Priority::High, Priority::Normal, Priority::Low];

    /// `medium` is another word for `normal`.
    pub fn parse(word: &str) -> Option<Priority> {
        if word == "medium" { Some(Priority::Normal) } else { Priority::ALL.into_iter().find(|priority| priority.word() == word) }
    }

    pub fn target(self, settings: &TicketSettings) -> TicketTarget {
        match self {
            Priority::Critical => settings.critical,
            Priority::High => settings.high,
            Priority::Normal => settings.normal,
            Priority::Low => settings.low,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    pub id: String,
    /// Counts up in the workspace.
    pub number: i64,
    pub subject: String,
    pub description: String,
    pub status: TicketStatus,
    pub priority: Priority,
    pub contact_id: Option<String>,
    /// What to call the contact by: their name, else their email, else their number.
    pub contact_name: Option<String>,
    pub conversation_id: Option<String>,
    pub assignee_id: Option<String>,
    pub assistant_id: Option<String>,
    pub tags: Vec<String>,
    pub source: TicketSource,
    /// By when the next thing is to be done: the first response, then the resolution.
    pub due_at: Option<Timestamp>,
    /// By when the customer is to be answered, whether or not they have been.
    pub first_response_due_at: Option<Timestamp>,
    /// By when it is to be resolved, whether or not it has been.
    pub resolution_due_at: Option<Timestamp>,
    /// The targets that were missed.
    pub breaches: Vec<Target>,
    pub first_response_at: Option<Timestamp>,
    pub resolved_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Ticket {
    /// Whether this target still waits, and until when.
    pub fn awaits(&self, target: Target) -> Option<Timestamp> {
        if self.status.is_over() {
            return None;
        }
        match target {
            Target::FirstResponse => self.first_response_due_at.filter(|_| self.first_response_at.is_none()),
            Target::Resolution => self.resolution_due_at,
        }
    }

    /// What follows from the targets.
    pub fn set_due(&mut self) {
        self.due_at = [Target::FirstResponse, Target::Resolution].into_iter().filter_map(|target| self.awaits(target)).min();
    }

    pub fn check(&mut self) -> Result<()> {
        self.subject = self.subject.split_whitespace().collect::<Vec<_>>().join(" ");
        if self.subject.is_empty() || self.subject.chars().count() > 300 {
            return Err(Error::invalid("subject", "must have 1 to 300 characters"));
        }
        if self.description.chars().count() > 50_000 {
            return Err(Error::invalid("description", "must have at most 50000 characters"));
        }
        self.tags = check_tags(std::mem::take(&mut self.tags))?;
        Ok(())
    }
}

/// What a ticket begins with.
#[derive(Debug, Clone)]
pub struct NewTicket {
    pub subject: String,
    pub description: String,
    pub priority: Priority,
    pub contact_id: Option<String>,
    pub conversation_id: Option<String>,
    pub assignee_id: Option<String>,
    pub assistant_id: Option<String>,
    pub tags: Vec<String>,
    pub source: TicketSource,
}

/// What may be changed of a ticket; `null` clears a field.
#[derive(Debug, Clone, Default, Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
pub struct TicketFields {
    #[serde(deserialize_with = "crate::http::not_null")]
    pub subject: Option<String>,
    #[serde(deserialize_with = "crate::http::not_null")]
    pub description: Option<String>,
    #[serde(deserialize_with = "crate::http::not_null")]
    pub status: Option<TicketStatus>,
    #[serde(deserialize_with = "crate::http::not_null")]
    pub priority: Option<Priority>,
    pub contact_id: MaybeUndefined<String>,
    pub conversation_id: MaybeUndefined<String>,
    pub assignee_id: MaybeUndefined<String>,
    pub assistant_id: MaybeUndefined<String>,
    #[serde(deserialize_with = "crate::http::not_null")]
    pub tags: Option<Vec<String>>,
}

#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct TicketComment {
    pub id: String,
    pub author_id: Option<String>,
    pub author: Option<String>,
    /// Whether the customer wrote it.
    pub is_customer: bool,
    pub body: String,
    /// Whether it stays inside.
    pub internal: bool,
    /// Which way it left for the customer: the conversation's channel, else email; null where it stays inside, or where there
    /// was no way to reach them.
    pub sent_by: Option<CommentChannel>,
    pub created_at: Timestamp,
}

impl From<Channel> for CommentChannel {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Api => CommentChannel::Api,
            Channel::Dashboard => CommentChannel::Dashboard,
            Channel::Widget => CommentChannel::Widget,
            Channel::Sms => CommentChannel::Sms,
            Channel::Site => CommentChannel::Site,
        }
    }
}

/// One change of one field.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct TicketChange {
    pub id: String,
    pub field: String,
    pub from: Value,
    pub to: Value,
    pub actor_id: Option<String>,
    pub actor: String,
    pub created_at: Timestamp,
}
