//! The table `assistant_grants`.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::{assistants::sharing::Grant, clock::Timestamp, db::Tx, error::Result};

const GRANT: &str = "select g.user_id, u.name, u.email, m.role, g.granted_by, g.created_at from assistant_grants g
    join users u on u.id = g.user_id join members m on m.workspace_id = g.workspace_id and m.user_id = g.user_id
    where g.workspace_id = ?1 and g.assistant_id = ?2";

fn grant(row: &Row<'_>) -> rusqlite::Result<Grant> {
    Ok(Grant { user_id: row.get(0)?, name: row.get(1)?, email: row.get(2)?, role: row.get(3)?, granted_by: row.get(4)?, granted_at: row.get(5)? })
}

pub fn is_granted(connection: &Connection, workspace_id: &str, assistant_id: &str, user_id: &str) -> Result<bool> {
    Ok(connection
        .prepare_cached("select exists (select 1 from assistant_grants where workspace_id = ?1 and assistant_id = ?2 and user_id = ?3)")?
        .query_row((workspace_id, assistant_id, user_id), |row| row.get(0))?)
}

/// The newest first, and how many there are.
pub fn list_grants(connection: &Connection, workspace_id: &str, assistant_id: &str, limit: i64, offset: i64) -> Result<(Vec<Grant>, i64)> {
    let mut statement = connection.prepare_cached(&format!("{GRANT} order by g.row desc limit ?3 offset ?4"))?;
    let rows = statement.query_map((workspace_id, assistant_id, limit, offset), grant)?.collect::<rusqlite::Result<_>>()?;
    let total = connection
        .prepare_cached("select count(*) from assistant_grants where workspace_id = ?1 and assistant_id = ?2")?
        .query_row((workspace_id, assistant_id), |row| row.get(0))?;
    Ok((rows, total))
}

pub fn find_grant(connection: &Connection, workspace_id: &str, assistant_id: &str, user_id: &str) -> Result<Option<Grant>> {
    Ok(connection.prepare_cached(&format!("{GRANT} and g.user_id = ?3"))?.query_row((workspace_id, assistant_id, user_id), grant).optional()?)
}

/// Granting twice changes nothing.
pub fn insert_grant(tx: &Tx<'_>, workspace_id: &str, assistant_id: &str, user_id: &str, granted_by: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "insert into assistant_grants (workspace_id, assistant_id, user_id, granted_by, created_at) values (?1, ?2, ?3, ?4, ?5)
         on conflict (workspace_id, assistant_id, user_id) do nothing",
    )?
    .execute((workspace_id, assistant_id, user_id, granted_by, now))?;
    Ok(())
}

pub fn delete_grant(tx: &Tx<'_>, workspace_id: &str, assistant_id: &str, user_id: &str) -> Result<bool> {
    Ok(tx
        .prepare_cached("delete from assistant_grants where workspace_id = ?1 and assistant_id = ?2 and user_id = ?3")?
        .execute((workspace_id, assistant_id, user_id))?
        > 0)
}
