//! Reads and removes across the tables of other features: whatever has a `contact_id`, and what hangs on it.

use rusqlite::{Connection, named_params};
use serde_json::{Map, Value, json};

use crate::{clock::Timestamp, contacts::store::tables_with_contacts, db::Tx, error::Result};

/// One thing of a timeline: what, which, when, and what to show of it.
pub struct Entry {
    pub kind: String,
    pub id: String,
    pub at: Timestamp,
    pub title: Option<String>,
    pub detail: Option<String>,
}

/// Conversations, tickets, SMS and notes, and leads where there are any; the newest first.
pub fn list_entries(connection: &Connection, workspace_id: &str, contact_id: &str, limit: i64, offset: i64) -> Result<(Vec<Entry>, i64)> {
    let mut all = "select 'conversation' kind, id, created_at at, title, channel || ' · ' || status detail from conversations where workspace_id = :ws and contact_id = :id
        union all select 'ticket', id, created_at, '#' || number || ' ' || subject, status from tickets where workspace_id = :ws and contact_id = :id
        union all select 'sms', id, created_at, body, direction || ' · ' || status from sms_messages where workspace_id = :ws and contact_id = :id
        union all select 'note', id, created_at, body, author from contact_notes where workspace_id = :ws and contact_id = :id"
        .to_owned();
    if tables_with_contacts(connection)?.iter().any(|table| table == "leads") {
        all.push_str(" union all select 'lead', id, created_at, coalesce(name, email, phone), company from leads where workspace_id = :ws and contact_id = :id");
    }
    let rows = connection
        .prepare_cached(&format!("select kind, id, at, title, detail from ({all}) order by at desc, id desc limit :limit offset :offset"))?
        .query_map(named_params! {":ws": workspace_id, ":id": contact_id, ":limit": limit, ":offset": offset}, |row| {
            Ok(Entry { kind: row.get(0)?, id: row.get(1)?, at: row.get(2)?, title: row.get(3)?, detail: row.get(4)? })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection.prepare_cached(&format!("select count(*) from ({all})"))?.query_row(named_params! {":ws": workspace_id, ":id": contact_id}, |row| row.get(0))?;
    Ok((rows, total))
}

/// Everything that the tables hold of a contact, table by table, as JSON.
pub fn export(connection: &Connection, workspace_id: &str, contact_id: &str) -> Result<Map<String, Value>> {
    let mut whole = Map::new();
    whole.insert("contacts".to_owned(), rows(connection, "select * from contacts where workspace_id = ?1 and id = ?2", workspace_id, contact_id)?);
    for table in tables_with_contacts(connection)? {
        whole.insert(table.clone(), rows(connection, &format!("select * from \"{table}\" where workspace_id = ?1 and contact_id = ?2"), workspace_id, contact_id)?);
    }
    whole.insert(
        "messages".to_owned(),
        rows(
            connection,
            "select m.* from messages m join conversations c on c.id = m.conversation_id where c.workspace_id = ?1 and c.contact_id = ?2 and m.role <> 'note' order by m.created_at",
            workspace_id,
            contact_id,
        )?,
    );
    for (table, column) in [("ticket_comments", "ticket_id"), ("ticket_changes", "ticket_id")] {
        let sql = format!("select x.* from {table} x join tickets t on t.id = x.{column} where t.workspace_id = ?1 and t.contact_id = ?2 order by x.row");
        whole.insert(table.to_owned(), rows(connection, &sql, workspace_id, contact_id)?);
    }
    Ok(whole)
}

/// Rows as objects: times as the API shows them, JSON as JSON; secrets and inner numbers are left out.
fn rows(connection: &Connection, sql: &str, workspace_id: &str, contact_id: &str) -> Result<Value> {
    let mut statement = connection.prepare(sql)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut all = Vec::new();
    let mut found = statement.query((workspace_id, contact_id))?;
    while let Some(row) = found.next()? {
        let mut object = Map::new();
        for (place, column) in columns.iter().enumerate() {
            if matches!(column.as_str(), "row" | "workspace_id" | "token_hash" | "email_key") || column.ends_with("_hash") {
                continue;
            }
            let value = match row.get_ref(place)? {
                rusqlite::types::ValueRef::Null => Value::Null,
                rusqlite::types::ValueRef::Integer(number) if column.ends_with("_at") => json!(Timestamp::from_millis(number)),
                rusqlite::types::ValueRef::Integer(number) => json!(number),
                rusqlite::types::ValueRef::Real(number) => json!(number),
                rusqlite::types::ValueRef::Text(text) => {
                    let text = String::from_utf8_lossy(text).into_owned();
                    if text.starts_with(['{', '[']) { serde_json::from_str(&text).unwrap_or(Value::String(text)) } else { Value::String(text) }
                }
                rusqlite::types::ValueRef::Blob(_) => continue,
            };
            object.insert(column.clone(), value);
        }
        all.push(Value::Object(object));
    }
    Ok(Value::Array(all))
}

fn ids(connection: &Connection, sql: &str, workspace_id: &str, contact_id: &str) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_map((workspace_id, contact_id), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// A contact's conversations, each with its channel.
pub fn conversation_ids(connection: &Connection, workspace_id: &str, contact_id: &str) -> Result<Vec<(String, Option<String>)>> {
    let mut statement = connection.prepare_cached("select id, channel from conversations where workspace_id = ?1 and contact_id = ?2")?;
    Ok(statement.query_map((workspace_id, contact_id), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

pub fn ticket_ids(connection: &Connection, workspace_id: &str, contact_id: &str) -> Result<Vec<(String, Option<String>)>> {
    let found = ids(connection, "select id from tickets where workspace_id = ?1 and contact_id = ?2", workspace_id, contact_id)?;
    Ok(found.into_iter().map(|id| (id, None)).collect())
}

/// What hangs on a contact by its id: conversations, their messages, tickets, comments and the rest.
pub fn resource_ids(connection: &Connection, workspace_id: &str, contact_id: &str) -> Result<Vec<String>> {
    let mut all = vec![contact_id.to_owned()];
    for sql in [
        "select id from conversations where workspace_id = ?1 and contact_id = ?2",
        "select m.id from messages m join conversations c on c.id = m.conversation_id where c.workspace_id = ?1 and c.contact_id = ?2",
        "select id from tickets where workspace_id = ?1 and contact_id = ?2",
        "select id from sms_messages where workspace_id = ?1 and contact_id = ?2",
    ] {
        all.extend(ids(connection, sql, workspace_id, contact_id)?);
    }
    for table in ["leads", "feedback"] {
        let exists: bool = connection.prepare_cached("select exists (select 1 from sqlite_schema where type = 'table' and name = ?1)")?.query_row([table], |row| row.get(0))?;
        if exists {
            let sql = match table {
                "leads" => "select id from leads where workspace_id = ?1 and contact_id = ?2",
                _ => "select f.id from feedback f join conversations c on c.id = f.conversation_id where f.workspace_id = ?1 and c.contact_id = ?2",
            };
            all.extend(ids(connection, sql, workspace_id, contact_id)?);
        }
    }
    Ok(all)
}

/// The hashes of the files in a contact's conversations, once for each use.
pub fn file_hashes(connection: &Connection, workspace_id: &str, contact_id: &str) -> Result<Vec<String>> {
    let exists: bool = connection.prepare_cached("select exists (select 1 from sqlite_schema where type = 'table' and name = 'attachments')")?.query_row([], |row| row.get(0))?;
    if !exists {
        return Ok(Vec::new());
    }
    ids(connection, "select a.sha256 from attachments a join conversations c on c.id = a.conversation_id where a.workspace_id = ?1 and c.contact_id = ?2", workspace_id, contact_id)
}

/// Removes what belongs to a contact, but not the contact.
pub fn delete_rows(tx: &Tx<'_>, workspace_id: &str, contact_id: &str) -> Result<()> {
    let has_attachments: bool = tx.prepare_cached("select exists (select 1 from sqlite_schema where type = 'table' and name = 'attachments')")?.query_row([], |row| row.get(0))?;
    if has_attachments {
        tx.prepare_cached("delete from attachments where workspace_id = ?1 and conversation_id in (select id from conversations where workspace_id = ?1 and contact_id = ?2)")?
            .execute((workspace_id, contact_id))?;
    }
    tx.prepare_cached("delete from widget_sessions where workspace_id = ?1 and conversation_id in (select id from conversations where workspace_id = ?1 and contact_id = ?2)")?
        .execute((workspace_id, contact_id))?;
    tx.prepare_cached("delete from sms_messages where workspace_id = ?1 and conversation_id in (select id from conversations where workspace_id = ?1 and contact_id = ?2)")?
        .execute((workspace_id, contact_id))?;
    tx.prepare_cached("delete from idempotency_keys where workspace_id = ?1 and conversation_id in (select id from conversations where workspace_id = ?1 and contact_id = ?2)")?
        .execute((workspace_id, contact_id))?;
    // Conversations last: what refers to them has to find them.
    let mut tables = tables_with_contacts(tx)?;
    tables.sort_by_key(|table| table == "conversations");
    for table in tables {
        tx.prepare_cached(&format!("delete from \"{table}\" where workspace_id = ?1 and contact_id = ?2"))?.execute((workspace_id, contact_id))?;
    }
    Ok(())
}

/// Takes out of the events what tells of these things, or holds one of these texts. That it happened stays.
pub fn empty_events(tx: &Tx<'_>, workspace_id: &str, resource_ids: &str, texts: &str) -> Result<()> {
    tx.prepare_cached(
        "update events set data = json_object('id', resource_id, 'erased', json('true'))
         where workspace_id = ?1 and (resource_id in (select value from json_each(?2)) or exists (select 1 from json_each(?3) t where instr(lower(data), lower(t.value)) > 0))",
    )?
    .execute((workspace_id, resource_ids, texts))?;
    Ok(())
}

/// The lists on their way in may hold anybody: they end.
pub fn end_imports(tx: &Tx<'_>, workspace_id: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "update contact_imports set content = null, status = 'failed', error = 'Somebody was erased meanwhile. Import the rest again without them.', finished_at = ?2
         where workspace_id = ?1 and content is not null",
    )?
    .execute((workspace_id, now))?;
    Ok(())
}
