//! The table `assistant_versions`.

use rusqlite::{Connection, OptionalExtension};

use crate::{assistants::history::Fields, clock::Timestamp, db::Tx, error::Result};

/// Which version, by whom and when.
pub struct Version<'a> {
    pub number: i64,
    pub changed_by: Option<&'a str>,
    pub created_at: Timestamp,
}

pub struct StoredVersion {
    pub number: i64,
    pub fields: Fields,
    pub changed_by: Option<String>,
    pub created_at: Timestamp,
}

/// A version that is there already stays as it is.
pub fn insert_version(tx: &Tx<'_>, workspace_id: &str, assistant_id: &str, version: &Version<'_>, fields: &Fields) -> Result<()> {
    tx.prepare_cached(
        "insert into assistant_versions (workspace_id, assistant_id, number, fields, changed_by, created_at) values (?1, ?2, ?3, ?4, ?5, ?6)
         on conflict (workspace_id, assistant_id, number) do nothing",
    )?
    .execute((workspace_id, assistant_id, version.number, serde_json::to_string(fields)?, version.changed_by, version.created_at))?;
    Ok(())
}

/// The newest first, and how many there are.
pub fn list_versions(connection: &Connection, workspace_id: &str, assistant_id: &str, limit: i64, offset: i64) -> Result<(Vec<StoredVersion>, i64)> {
    let mut statement = connection.prepare_cached(
        "select number, fields, changed_by, created_at from assistant_versions where workspace_id = ?1 and assistant_id = ?2
         order by number desc limit ?3 offset ?4",
    )?;
    let rows = statement
        .query_map((workspace_id, assistant_id, limit, offset), |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let versions = rows
        .into_iter()
        .map(|(number, fields, changed_by, created_at)| Ok(StoredVersion { number, fields: serde_json::from_str(&fields)?, changed_by, created_at }))
        .collect::<Result<_>>()?;
    let total = connection
        .prepare_cached("select count(*) from assistant_versions where workspace_id = ?1 and assistant_id = ?2")?
        .query_row((workspace_id, assistant_id), |row| row.get(0))?;
    Ok((versions, total))
}

pub fn find_version(connection: &Connection, workspace_id: &str, assistant_id: &str, number: i64) -> Result<Option<Fields>> {
    let fields: Option<String> = connection
        .prepare_cached("select fields from assistant_versions where workspace_id = ?1 and assistant_id = ?2 and number = ?3")?
        .query_row((workspace_id, assistant_id, number), |row| row.get(0))
        .optional()?;
    Ok(fields.map(|fields| serde_json::from_str(&fields)).transpose()?)
}
