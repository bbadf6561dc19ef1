//! Reads across the tables of other features. Rows come out as they are; days are made of them in the workspace's zone.

use rusqlite::{Connection, named_params};

use crate::{clock::Timestamp, error::Result};

/// What everything is narrowed by.
#[derive(Debug, Clone)]
pub struct Scope {
    pub workspace_id: String,
    pub since: Timestamp,
    pub assistant_id: Option<String>,
    pub channel: Option<String>,
}

const CONVERSATION: &str = "c.workspace_id = :ws and (:assistant is null or c.assistant_id = :assistant) and (:channel is null or c.channel = :channel)";

macro_rules! scoped {
    ($scope:expr) => {
        named_params! { ":ws": $scope.workspace_id, ":since": $scope.since, ":assistant": $scope.assistant_id, ":channel": $scope.channel }
    };
}

/// Begin and person of each conversation, and its rating.
pub fn conversations(connection: &Connection, scope: &Scope) -> Result<Vec<(Timestamp, String, Option<i64>)>> {
    let mut statement = connection.prepare_cached(&format!(
        "select c.created_at, coalesce(c.contact_id, c.user_id, c.id), c.rating from conversations c where {CONVERSATION} and c.created_at >= :since"
    ))?;
    Ok(statement.query_map(scoped!(scope), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<rusqlite::Result<_>>()?)
}

pub struct Said {
    pub conversation_id: String,
    pub role: String,
    pub at: Timestamp,
    pub feedback: Option<i64>,
}

/// Every message of the period, conversation by conversation, the oldest first.
pub fn messages(connection: &Connection, scope: &Scope) -> Result<Vec<Said>> {
    let mut statement = connection.prepare_cached(&format!(
        "select m.conversation_id, m.role, m.created_at, m.feedback from messages m join conversations c on c.id = m.conversation_id
         where {CONVERSATION} and m.created_at >= :since and m.role in ('user', 'assistant', 'agent') order by m.conversation_id, m.created_at"
    ))?;
    Ok(statement
        .query_map(scoped!(scope), |row| Ok(Said { conversation_id: row.get(0)?, role: row.get(1)?, at: row.get(2)?, feedback: row.get(3)? }))?
        .collect::<rusqlite::Result<_>>()?)
}

pub struct Answered {
    pub message_id: String,
    pub conversation_id: String,
    pub at: Timestamp,
    pub question: String,
    pub answered: bool,
    pub confidence: Option<f64>,
    pub model: String,
    pub input_tokens: i64,
    pub output_tokens: i64,
}

/// The receipts of the answers, the newest first.
pub fn answers(connection: &Connection, scope: &Scope, limit: i64) -> Result<Vec<Answered>> {
    let mut statement = connection.prepare_cached(&format!(
        "select m.id, m.conversation_id, m.created_at, coalesce(r.receipt ->> '$.question', ''), coalesce(r.receipt ->> '$.decision.answered', 0),
             r.receipt ->> '$.decision.confidence', coalesce(r.receipt ->> '$.servedBy', r.receipt ->> '$.model', ''),
             coalesce(r.receipt ->> '$.usage.inputTokens', 0), coalesce(r.receipt ->> '$.usage.outputTokens', 0)
         from receipts r join messages m on m.id = r.message_id join conversations c on c.id = m.conversation_id
         where {CONVERSATION} and r.workspace_id = :ws and m.created_at >= :since order by m.created_at desc limit {limit}"
    ))?;
    Ok(statement
        .query_map(scoped!(scope), |row| {
            Ok(Answered {
                message_id: row.get(0)?,
                conversation_id: row.get(1)?,
                at: row.get(2)?,
                question: row.get(3)?,
                answered: row.get(4)?,
                confidence: row.get(5)?,
                model: row.get(6)?,
                input_tokens: row.get(7)?,
                output_tokens: row.get(8)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?)
}

/// When which conversation was first handed to people.
pub fn handoffs(connection: &Connection, scope: &Scope) -> Result<Vec<(String, Timestamp)>> {
    let mut statement = connection.prepare_cached(&format!(
        "select e.resource_id, min(e.created_at) from events e join conversations c on c.id = e.resource_id
         where e.workspace_id = :ws and e.kind = 'conversation.handed_off' and e.created_at >= :since and {CONVERSATION} group by e.resource_id"
    ))?;
    Ok(statement.query_map(scoped!(scope), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

/// Status, begin and end of the tickets.
pub fn tickets(connection: &Connection, scope: &Scope) -> Result<Vec<(String, Timestamp, Option<Timestamp>)>> {
    let mut statement = connection.prepare_cached(
        "select t.status, t.created_at, t.resolved_at from tickets t left join conversations c on c.id = t.conversation_id
         where t.workspace_id = :ws and (:assistant is null or t.assistant_id = :assistant) and (:channel is null or c.channel = :channel)",
    )?;
    Ok(statement
        .query_map(named_params! { ":ws": scope.workspace_id, ":assistant": scope.assistant_id, ":channel": scope.channel }, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<rusqlite::Result<_>>()?)
}

/// What a person replied first in a conversation after a moment, and who.
pub fn find_reply(connection: &Connection, workspace_id: &str, conversation_id: &str, after: Timestamp) -> Result<Option<(String, Option<String>)>> {
    use rusqlite::OptionalExtension;
    Ok(connection
        .prepare_cached(
            "select content, author from messages where workspace_id = ?1 and conversation_id = ?2 and created_at > ?3 and role = 'agent' and trim(content) <> ''
             order by created_at limit 1",
        )?
        .query_row((workspace_id, conversation_id, after), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}
