//! The table `widget_sessions`.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use crate::{clock::Timestamp, db::Tx, error::Result};

/// How long a session lasts after its last use.
pub const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

pub struct Session {
    pub id: String,
    pub conversation_id: Option<String>,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
}

pub struct NewSession<'a> {
    pub id: &'a str,
    pub workspace_id: &'a str,
    pub assistant_id: &'a str,
    pub token_hash: &'a str,
    /// JSON.
    pub metadata: &'a str,
    pub now: Timestamp,
    pub expires_at: Timestamp,
}

pub fn insert_session(tx: &Tx<'_>, new: &NewSession<'_>) -> Result<()> {
    tx.prepare_cached(
        "insert into widget_sessions (id, workspace_id, assistant_id, token_hash, metadata, created_at, last_used_at, expires_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)",
    )?
    .execute((new.id, new.workspace_id, new.assistant_id, new.token_hash, new.metadata, new.now, new.expires_at))?;
    Ok(())
}

pub fn find_session(connection: &Connection, workspace_id: &str, assistant_id: &str, token_hash: &str, now: Timestamp) -> Result<Option<Session>> {
    Ok(connection
        .prepare_cached(
            "select id, conversation_id, last_used_at, expires_at from widget_sessions
             where workspace_id = ?1 and assistant_id = ?2 and token_hash = ?3 and expires_at > ?4",
        )?
        .query_row((workspace_id, assistant_id, token_hash, now), |row| {
            Ok(Session { id: row.get(0)?, conversation_id: row.get(1)?, last_used_at: row.get(2)?, expires_at: row.get(3)? })
        })
        .optional()?)
}

pub fn touch_session(tx: &Tx<'_>, workspace_id: &str, id: &str, now: Timestamp, expires_at: Timestamp) -> Result<()> {
    tx.prepare_cached("update widget_sessions set last_used_at = ?3, expires_at = ?4 where workspace_id = ?1 and id = ?2")?
        .execute((workspace_id, id, now, expires_at))?;
    Ok(())
}

/// The conversation that a session has by now.
pub fn find_conversation_id(connection: &Connection, workspace_id: &str, id: &str) -> Result<Option<String>> {
    let found = connection
        .prepare_cached("select conversation_id from widget_sessions where workspace_id = ?1 and id = ?2")?
        .query_row((workspace_id, id), |row| row.get(0))
        .optional()?;
    Ok(found.flatten())
}

pub fn set_conversation(tx: &Tx<'_>, workspace_id: &str, id: &str, conversation_id: &str) -> Result<()> {
    tx.prepare_cached("update widget_sessions set conversation_id = ?3 where workspace_id = ?1 and id = ?2")?.execute((workspace_id, id, conversation_id))?;
    Ok(())
}
