//! Emptying a workspace. It is the one place that reads which tables there are: whatever has a `workspace_id` goes, also what
//! features above this one have put there, and none can be forgotten.

use rusqlite::Connection;

use crate::{db::Tx, error::Result};

pub fn delete_assistants(tx: &Tx<'_>, workspace_id: &str) -> Result<()> {
    tx.prepare_cached("delete from assistants where workspace_id = ?1")?.execute([workspace_id])?;
    Ok(())
}

pub fn workspace_projects(connection: &Connection, workspace_id: &str) -> Result<Vec<i64>> {
    let mut statement = connection.prepare_cached("select row from projects where workspace_id = ?1 order by row")?;
    Ok(statement.query_map([workspace_id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// The ordinary tables that have both these columns.
fn tables_with(connection: &Connection, columns: &[&str]) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached("select m.name from sqlite_schema m join pragma_table_info(m.name) c where m.type = 'table' and c.name = ?1 and m.sql not like 'create virtual%' order by m.name")?;
    let mut tables: Option<Vec<String>> = None;
    for column in columns {
        let found: Vec<String> = statement.query_map([column], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        tables = Some(match tables {
            None => found,
            Some(tables) => tables.into_iter().filter(|table| found.contains(table)).collect(),
        });
    }
    Ok(tables.unwrap_or_default())
}

/// The hashes that rows of the workspace hold in the file store, once a row.
pub fn files_of_workspace(connection: &Connection, workspace_id: &str) -> Result<Vec<String>> {
    let mut hashes = Vec::new();
    for table in tables_with(connection, &["workspace_id", "sha256"])? {
        let mut statement = connection.prepare(&format!("select sha256 from \"{table}\" where workspace_id = ?1 and sha256 is not null"))?;
        for hash in statement.query_map([workspace_id], |row| row.get(0))? {
            hashes.push(hash?);
        }
    }
    Ok(hashes)
}

/// The workspace's row, and every row of it that did not go with that.
pub fn delete_workspace(tx: &Tx<'_>, workspace_id: &str) -> Result<()> {
    // In whatever order: what refers to what is judged at the end, when nothing is left to refer.
    tx.execute_batch("pragma defer_foreign_keys = on")?;
    let tables = tables_with(tx, &["workspace_id"])?;
    tx.prepare_cached("delete from workspaces where id = ?1")?.execute([workspace_id])?;
    for table in tables {
        tx.prepare(&format!("delete from \"{table}\" where workspace_id = ?1"))?.execute([workspace_id])?;
    }
    Ok(())
}
