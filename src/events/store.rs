//! The tables `events` and `event_readers`.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde_json::Value;

use super::Kind;
use crate::{
    clock::Timestamp,
    db::Tx,
    error::Result,
    ids::{Ids, prefix},
};

/// Something that the transaction makes happen.
#[derive(Debug, Clone)]
pub struct NewEvent<'a> {
    pub workspace_id: &'a str,
    pub kind: Kind,
    /// What it happens to: events of one resource are told in order.
    pub resource_id: &'a str,
    /// The resource as the API shows it.
    pub data: Value,
}

#[derive(Debug, Clone)]
pub struct Event {
    /// The place in the order of all events.
    pub sequence: i64,
    pub id: String,
    pub workspace_id: String,
    /// The [`Kind`]'s name; a newer program may have written one that this one does not know.
    pub kind: String,
    pub resource_id: String,
    pub data: Value,
    pub created_at: Timestamp,
}

/// Writes the event down with the change that it tells of. Whoever tells of it wakes by `Db::committed`.
///
/// # Errors
/// Those of the database.
pub fn emit(tx: &Tx<'_>, ids: &Ids, now: Timestamp, new: &NewEvent<'_>) -> Result<()> {
    tx.prepare_cached(
        "insert into events (id, workspace_id, kind, resource_id, data, created_at) values (:id, :ws, :kind, :resource_id, :data, :now)",
    )?
    .execute(named_params! {
        ":id": ids.new_id(prefix::EVENT, now), ":ws": new.workspace_id, ":kind": new.kind.name(), ":resource_id": new.resource_id,
        ":data": new.data.to_string(), ":now": now,
    })?;
    Ok(())
}

const EVENT: &str = "row, id, workspace_id, kind, resource_id, data, created_at";

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        sequence: row.get(0)?,
        id: row.get(1)?,
        workspace_id: row.get(2)?,
        kind: row.get(3)?,
        resource_id: row.get(4)?,
        data: serde_json::from_str(&row.get::<_, String>(5)?).unwrap_or(Value::Null),
        created_at: row.get(6)?,
    })
}

/// What happened after the event with this sequence number, oldest first: in one workspace, or in all of them.
///
/// # Errors
/// Those of the database.
pub fn list_after(connection: &Connection, workspace_id: Option<&str>, sequence: i64, limit: i64) -> Result<Vec<Event>> {
    // Two statements, because each has an index of its own.
    let events = match workspace_id {
        Some(workspace_id) => connection
            .prepare_cached(&format!("select {EVENT} from events where workspace_id = ?1 and row > ?2 order by row limit ?3"))?
            .query_map((workspace_id, sequence, limit), event)?
            .collect::<rusqlite::Result<_>>()?,
        None => connection
            .prepare_cached(&format!("select {EVENT} from events where row > ?1 order by row limit ?2"))?
            .query_map((sequence, limit), event)?
            .collect::<rusqlite::Result<_>>()?,
    };
    Ok(events)
}

/// An event without what it tells, for readers that look for a few among many.
#[derive(Debug, Clone)]
pub struct Heading {
    pub sequence: i64,
    pub workspace_id: String,
    pub kind: String,
    pub resource_id: String,
}

/// The headings of what happened in all workspaces after the event with this sequence number, oldest first.
///
/// # Errors
/// Those of the database.
pub fn list_headings_after(connection: &Connection, sequence: i64, limit: i64) -> Result<Vec<Heading>> {
    Ok(connection
        .prepare_cached("select row, workspace_id, kind, resource_id from events where row > ?1 order by row limit ?2")?
        .query_map((sequence, limit), |row| Ok(Heading { sequence: row.get(0)?, workspace_id: row.get(1)?, kind: row.get(2)?, resource_id: row.get(3)? }))?
        .collect::<rusqlite::Result<_>>()?)
}

/// One event, unless it has been forgotten by now.
///
/// # Errors
/// Those of the database.
pub fn find(connection: &Connection, sequence: i64) -> Result<Option<Event>> {
    Ok(connection.prepare_cached(&format!("select {EVENT} from events where row = ?1"))?.query_row([sequence], event).optional()?)
}

/// What happened to one resource after the event with this sequence number, oldest first.
///
/// # Errors
/// Those of the database.
pub fn list_of(connection: &Connection, workspace_id: &str, resource_id: &str, sequence: i64, limit: i64) -> Result<Vec<Event>> {
    Ok(connection
        .prepare_cached(&format!("select {EVENT} from events where workspace_id = ?1 and resource_id = ?2 and row > ?3 order by row limit ?4"))?
        .query_map((workspace_id, resource_id, sequence, limit), event)?
        .collect::<rusqlite::Result<_>>()?)
}

/// The sequence number of the newest event; 0 where there was none.
///
/// # Errors
/// Those of the database.
pub fn last(connection: &Connection) -> Result<i64> {
    Ok(connection.prepare_cached("select coalesce(max(row), 0) from events")?.query_row([], |row| row.get(0))?)
}

/// Whether a contact was erased since then.
///
/// # Errors
/// Those of the database.
pub fn erased_since(connection: &Connection, workspace_id: &str, since: Timestamp) -> Result<bool> {
    // The kind stands in the statement, so that its own index serves.
    Ok(connection
        .prepare_cached("select exists (select 1 from events where workspace_id = ?1 and kind = 'contact.deleted' and created_at >= ?2)")?
        .query_row((workspace_id, since), |row| row.get(0))?)
}

/// Forgets what is older: whoever has not told of it by now never will.
///
/// # Errors
/// Those of the database.
pub fn prune(tx: &Tx<'_>, before: Timestamp) -> Result<usize> {
    Ok(tx.prepare_cached("delete from events where created_at < ?1")?.execute([before])?)
}

/// How far a reader has come: the sequence number of the last event that it is done with.
///
/// # Errors
/// Those of the database.
pub fn position(connection: &Connection, reader: &str) -> Result<i64> {
    let found = connection.prepare_cached("select sequence from event_readers where name = ?1")?.query_row([reader], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(0))
}

/// Notes how far a reader has come, in the transaction that has what it did.
///
/// # Errors
/// Those of the database.
pub fn set_position(tx: &Tx<'_>, reader: &str, sequence: i64) -> Result<()> {
    tx.prepare_cached("insert into event_readers (name, sequence) values (?1, ?2) on conflict (name) do update set sequence = excluded.sequence")?
        .execute((reader, sequence))?;
    Ok(())
}
