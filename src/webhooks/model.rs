//! A webhook and its deliveries, as the API shows them, and the schedule of retries.

use std::{collections::BTreeMap, time::Duration};

use poem_openapi::Object;
use serde::Serialize;

use crate::{
    clock::Timestamp,
    db::words,
    error::{Error, Result},
    events::Kind,
};

words! {
    DeliveryStatus { Pending "pending", Delivered "delivered", Failed "failed" }
}

#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    pub id: String,
    pub url: String,
    /// Names of events, or `*`.
    pub events: Vec<String>,
    pub active: bool,
    pub description: Option<String>,
    /// Why it was switched off, where nobody did it.
    pub disabled_reason: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_delivery_at: Option<Timestamp>,
    /// How many attempts have failed one after the other.
    pub failure_count: i64,
    /// `whsec_` and Base64; only when it was made or rotated.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    pub id: String,
    pub webhook_id: String,
    /// The event's id, the same at every attempt.
    pub event_id: String,
    pub event: String,
    pub status: DeliveryStatus,
    pub attempts: i64,
    pub response_status: Option<i64>,
    pub error: Option<String>,
    pub duration_ms: Option<i64>,
    pub next_attempt_at: Option<Timestamp>,
    pub last_attempt_at: Option<Timestamp>,
    pub delivered_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// As sent at the last attempt; only where one delivery is read.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<SentRequest>,
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<SentResponse>,
}

#[derive(Debug, Clone, Object, Serialize)]
pub struct SentRequest {
    pub url: String,
    pub headers: BTreeMap<String, String>,
    /// Null once it was erased.
    pub body: Option<String>,
}

#[derive(Debug, Clone, Object, Serialize)]
pub struct SentResponse {
    pub status: i64,
    pub headers: BTreeMap<String, String>,
    /// Its beginning.
    pub body: String,
}

/// Names of an earlier time that are still taken, and what they are now.
const OLDER: [(&str, Kind); 2] = [("chat.message.created", Kind::MessageCreated), ("chat.session.created", Kind::ConversationCreated)];

/// Events that one may subscribe to, without doubles.
pub fn check_events(events: Vec<String>) -> Result<Vec<String>> {
    let mut kept: Vec<String> = Vec::new();
    for event in events {
        let known = event == "*" || Kind::from_name(&event).is_some_and(Kind::is_public) || OLDER.iter().any(|(older, _)| *older == event);
        if !known {
            let names: Vec<&str> = Kind::ALL.iter().filter(|kind| kind.is_public()).map(|kind| kind.name()).collect();
            return Err(Error::invalid("events", format!("has `{}`, which is no event; there are {}, and *", event.chars().take(100).collect::<String>(), names.join(", "))));
        }
        if !kept.contains(&event) {
            kept.push(event);
        }
    }
    if kept.is_empty() {
        return Err(Error::invalid("events", "must name at least one event, or *"));
    }
    Ok(kept)
}

/// The name that an event is delivered under, for a webhook that subscribed to it.
pub fn subscribed_name<'a>(events: &'a [String], kind: &'a str) -> Option<&'a str> {
    let kind_is = |older: &str| OLDER.iter().any(|(name, now)| *name == older && now.name() == kind);
    match events.iter().find(|event| *event == kind || kind_is(event)) {
        Some(name) => Some(name),
        None if events.iter().any(|event| event == "*") && Kind::from_name(kind).is_some_and(Kind::is_public) => Some(kind),
        None => None,
    }
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
/// How long after each failed attempt the next one follows.
const WAITS: [u64; 10] = [5, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];
/// A webhook that has failed for so long is switched off.
pub const PATIENCE: Duration = Duration::from_secs(4 * 24 * HOUR);

/// The wait before the next attempt, after `attempts` that failed; nothing after the last. `chance` (0 to 255) spreads
/// the waits by up to a tenth, so that receivers that come back are not met by everything at once.
pub fn wait_after(attempts: i64, chance: u8) -> Option<Duration> {
    let base = *WAITS.get(usize::try_from(attempts - 1).ok()?)?;
    Some(Duration::from_millis(base * 1000 + base * 100 * u64::from(chance) / 255))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_delivered_under_the_name_that_was_subscribed_to() {
        let events = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(subscribed_name(&events(&["chat.message.created"]), "message.created"), Some("chat.message.created"));
        assert_eq!(subscribed_name(&events(&["chat.session.created", "*"]), "conversation.created"), Some("chat.session.created"));
        assert_eq!(subscribed_name(&events(&["*"]), "message.created"), Some("message.created"));
        // Pages hear of these, receivers do not.
        assert_eq!(subscribed_name(&events(&["*"]), "message.updated"), None);
        assert_eq!(subscribed_name(&events(&["ticket.created"]), "message.created"), None);
        assert!(check_events(events(&["ticket.created", "message.updated"])).is_err());
    }

    #[test]
    fn the_waits_are_those_that_were_promised() {
        let waits: Vec<u64> = (1..).map_while(|attempts| wait_after(attempts, 0)).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, [5, 60, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        assert!(wait_after(1, 255).unwrap() <= Duration::from_millis(5_500));
    }
}
