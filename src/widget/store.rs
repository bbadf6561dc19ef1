//! The table `widget_sessions`.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

use crate::{clock::Timestamp, conversations::model::VisitorMetadata, db::Tx, error::Result};

/// How long a session lasts after its last use.
pub const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

#[derive(Clone)]
pub struct Session {
    pub id: String,
    pub conversation_id: Option<String>,
    pub contact_id: Option<String>,
    /// Whether the page has proved who its visitor is.
    pub verified: bool,
    /// Where the visitor is, as the page has said it.
    pub metadata: Option<VisitorMetadata>,
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
    pub conversation_id: Option<&'a str>,
    pub contact_id: Option<&'a str>,
    pub verified: bool,
    pub now: Timestamp,
    pub expires_at: Timestamp,
}

pub fn insert_session(tx: &Tx<'_>, new: &NewSession<'_>) -> Result<()> {
    tx.prepare_cached(
        "insert into widget_sessions (id, workspace_id, assistant_id, token_hash, metadata, conversation_id, contact_id, verified,
             created_at, last_used_at, expires_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10)",
    )?
    .execute((new.id, new.workspace_id, new.assistant_id, new.token_hash, new.metadata, new.conversation_id, new.contact_id, new.verified, new.now, new.expires_at))?;
    Ok(())
}

pub fn find_session(connection: &Connection, workspace_id: &str, assistant_id: &str, token_hash: &str, now: Timestamp) -> Result<Option<Session>> {
    Ok(connection
        .prepare_cached(
            "select id, conversation_id, last_used_at, expires_at, contact_id, verified, metadata from widget_sessions
             where workspace_id = ?1 and assistant_id = ?2 and token_hash = ?3 and expires_at > ?4",
        )?
        .query_row((workspace_id, assistant_id, token_hash, now), |row| {
            Ok(Session {
                id: row.get(0)?,
                conversation_id: row.get(1)?,
                last_used_at: row.get(2)?,
                expires_at: row.get(3)?,
                contact_id: row.get(4)?,
                verified: row.get(5)?,
                metadata: serde_json::from_str(&row.get::<_, String>(6)?).ok(),
            })
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

/// The workspace and assistant that a token's session is with.
pub fn find_place(connection: &Connection, token_hash: &str, now: Timestamp) -> Result<Option<(String, String)>> {
    Ok(connection
        .prepare_cached("select workspace_id, assistant_id from widget_sessions where token_hash = ?1 and expires_at > ?2")?
        .query_row((token_hash, now), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// The newest conversation that this contact has had with the assistant, proved to be them.
pub fn find_earlier(connection: &Connection, workspace_id: &str, assistant_id: &str, contact_id: &str) -> Result<Option<String>> {
    Ok(connection
        .prepare_cached(
            "select s.conversation_id from widget_sessions s
             where s.workspace_id = ?1 and s.contact_id = ?3 and s.assistant_id = ?2 and s.verified = 1 and s.conversation_id is not null
             order by s.last_used_at desc limit 1",
        )?
        .query_row((workspace_id, assistant_id, contact_id), |row| row.get(0))
        .optional()?)
}

pub fn set_contact(tx: &Tx<'_>, workspace_id: &str, id: &str, contact_id: &str, verified: bool) -> Result<()> {
    tx.prepare_cached("update widget_sessions set contact_id = ?3, verified = ?4 where workspace_id = ?1 and id = ?2")?.execute((workspace_id, id, contact_id, verified))?;
    Ok(())
}

pub fn mark_read(tx: &Tx<'_>, workspace_id: &str, id: &str, at: Timestamp) -> Result<()> {
    tx.prepare_cached("update widget_sessions set read_at = ?3 where workspace_id = ?1 and id = ?2")?.execute((workspace_id, id, at))?;
    Ok(())
}

/// How many messages of people the visitor has not seen.
pub fn count_unread(connection: &Connection, workspace_id: &str, id: &str) -> Result<i64> {
    Ok(connection
        .prepare_cached(
            "select count(*) from widget_sessions s join messages m on m.workspace_id = s.workspace_id and m.conversation_id = s.conversation_id
             where s.workspace_id = ?1 and s.id = ?2 and m.role = 'agent' and m.created_at > coalesce(s.read_at, s.created_at)",
        )?
        .query_row((workspace_id, id), |row| row.get(0))?)
}

/// What somebody has left of themselves.
pub struct NewLead<'a> {
    pub id: &'a str,
    pub workspace_id: &'a str,
    pub assistant_id: &'a str,
    pub session_id: &'a str,
    pub conversation_id: Option<&'a str>,
    pub contact_id: &'a str,
    pub name: Option<&'a str>,
    pub email: Option<&'a str>,
    pub phone: Option<&'a str>,
    pub company: Option<&'a str>,
    /// JSON.
    pub fields: &'a str,
    pub now: Timestamp,
}

pub fn insert_lead(tx: &Tx<'_>, new: &NewLead<'_>) -> Result<()> {
    tx.prepare_cached(
        "insert into leads (id, workspace_id, assistant_id, session_id, conversation_id, contact_id, name, email, phone, company, fields, created_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute((
        new.id, new.workspace_id, new.assistant_id, new.session_id, new.conversation_id, new.contact_id, new.name, new.email, new.phone, new.company,
        new.fields, new.now,
    ))?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the columns of one row")]
/// Keeps a rating, in place of an earlier one; `message_id` is empty for the conversation as a whole.
pub fn put_feedback(tx: &Tx<'_>, id: &str, workspace_id: &str, conversation_id: &str, message_id: &str, rating: i64, comment: Option<&str>, now: Timestamp) -> Result<String> {
    Ok(tx
        .prepare_cached(
            "insert into feedback (id, workspace_id, conversation_id, message_id, rating, comment, created_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             on conflict (workspace_id, conversation_id, message_id) do update set rating = excluded.rating, comment = excluded.comment
             returning id",
        )?
        .query_row((id, workspace_id, conversation_id, message_id, rating, comment, now), |row| row.get(0))?)
}

pub fn find_secret(connection: &Connection, workspace_id: &str, assistant_id: &str) -> Result<Option<Vec<u8>>> {
    Ok(connection
        .prepare_cached("select secret from widget_secrets where workspace_id = ?1 and assistant_id = ?2")?
        .query_row((workspace_id, assistant_id), |row| row.get(0))
        .optional()?)
}

pub fn put_secret(tx: &Tx<'_>, workspace_id: &str, assistant_id: &str, sealed: &[u8], now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "insert into widget_secrets (workspace_id, assistant_id, secret, created_at) values (?1, ?2, ?3, ?4)
         on conflict (workspace_id, assistant_id) do update set secret = excluded.secret, created_at = excluded.created_at",
    )?
    .execute((workspace_id, assistant_id, sealed, now))?;
    Ok(())
}

/// Whether the session is there still.
pub fn exists(connection: &Connection, workspace_id: &str, id: &str) -> Result<bool> {
    Ok(connection
        .prepare_cached("select exists (select 1 from widget_sessions where workspace_id = ?1 and id = ?2)")?
        .query_row((workspace_id, id), |row| row.get(0))?)
}
