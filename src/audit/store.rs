//! The table `audit_log`. There is no update and no delete.

use rusqlite::{Connection, named_params};
use serde_json::Value;

use super::model::{Action, AuditEntry, NewEntry};
use crate::{
    clock::Timestamp,
    db::Tx,
    error::Result,
    ids::{Ids, prefix},
};

/// Writes a line with the change that it tells of.
///
/// # Errors
/// Those of the database.
pub fn record(tx: &Tx<'_>, ids: &Ids, now: Timestamp, entry: &NewEntry) -> Result<()> {
    tx.prepare_cached(
        "insert into audit_log (id, workspace_id, user_id, token_id, action, resource_id, address, details, created_at)
         values (:id, :ws, :user_id, :token_id, :action, :resource_id, :address, :details, :now)",
    )?
    .execute(named_params! {
        ":id": ids.new_id(prefix::AUDIT, now), ":ws": entry.workspace_id, ":user_id": entry.user_id, ":token_id": entry.token_id,
        ":action": entry.action.name(), ":resource_id": entry.resource_id, ":address": entry.address, ":details": entry.details.to_string(), ":now": now,
    })?;
    Ok(())
}

/// Which lines are wanted; what is not set does not matter.
#[derive(Debug, Default)]
pub struct Filter {
    pub action: Option<Action>,
    pub user_id: Option<String>,
    pub resource_id: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

const WHERE: &str = "a.workspace_id = :ws and (:action is null or a.action = :action) and (:user_id is null or a.user_id = :user_id)
    and (:resource_id is null or a.resource_id = :resource_id) and (:from is null or a.created_at >= :from) and (:to is null or a.created_at < :to)";

/// One page of a workspace's log, the newest first, and how many lines there are.
///
/// # Errors
/// Those of the database.
pub fn list(connection: &Connection, workspace_id: &str, filter: &Filter, limit: i64, offset: i64) -> Result<(Vec<AuditEntry>, i64)> {
    let action = filter.action.map(Action::name);
    let total = connection.prepare_cached(&format!("select count(*) from audit_log a where {WHERE}"))?.query_row(
        named_params! { ":ws": workspace_id, ":action": action, ":user_id": filter.user_id, ":resource_id": filter.resource_id, ":from": filter.from, ":to": filter.to },
        |row| row.get(0),
    )?;
    let mut statement = connection.prepare_cached(&format!(
        "select a.id, a.action, a.user_id, u.name, a.token_id, a.resource_id, a.address, a.details, a.created_at
         from audit_log a left join users u on u.id = a.user_id where {WHERE} order by a.created_at desc, a.row desc limit :limit offset :offset"
    ))?;
    let rows = statement.query_map(
        named_params! {
            ":ws": workspace_id, ":action": action, ":user_id": filter.user_id, ":resource_id": filter.resource_id,
            ":from": filter.from, ":to": filter.to, ":limit": limit, ":offset": offset,
        },
        |row| {
            Ok(AuditEntry {
                id: row.get(0)?,
                action: row.get(1)?,
                user_id: row.get(2)?,
                user_name: row.get(3)?,
                token_id: row.get(4)?,
                resource_id: row.get(5)?,
                address: row.get(6)?,
                details: serde_json::from_str(&row.get::<_, String>(7)?).unwrap_or(Value::Null),
                created_at: row.get(8)?,
            })
        },
    )?;
    Ok((rows.collect::<rusqlite::Result<_>>()?, total))
}
