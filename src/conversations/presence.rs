//! The table `presences`: which dashboards are open. It is in the database so that a handoff can tell the truth in the
//! transaction that it is made in.

use std::time::Duration;

use rusqlite::Connection;

use crate::{clock::Timestamp, db::Tx, error::Result};

/// How long an open dashboard counts after it was last written down.
const FRESH: Duration = Duration::from_secs(75);
/// How often it has to be written anew.
pub const BEAT: Duration = Duration::from_secs(30);

pub fn touch(tx: &Tx<'_>, workspace_id: &str, id: &str, user_id: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "insert into presences (id, workspace_id, user_id, seen_at) values (?1, ?2, ?3, ?4) on conflict (id) do update set seen_at = excluded.seen_at",
    )?
    .execute((id, workspace_id, user_id, now))?;
    Ok(())
}

pub fn leave(tx: &Tx<'_>, id: &str) -> Result<()> {
    tx.prepare_cached("delete from presences where id = ?1")?.execute([id])?;
    Ok(())
}

/// Forgets all: at the server's start nobody has a dashboard open with it.
pub fn clear(tx: &Tx<'_>) -> Result<()> {
    tx.prepare_cached("delete from presences")?.execute([])?;
    Ok(())
}

/// Ids and names of the people who are there.
pub fn list(connection: &Connection, workspace_id: &str, now: Timestamp) -> Result<Vec<(String, String)>> {
    let mut statement = connection.prepare_cached(
        "select distinct u.id, u.name from presences p join users u on u.id = p.user_id
         join members m on m.workspace_id = p.workspace_id and m.user_id = p.user_id and m.role <> 'guest'
         where p.workspace_id = ?1 and p.seen_at > ?2 order by u.name, u.id",
    )?;
    Ok(statement.query_map((workspace_id, now.minus(FRESH)), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

pub fn count(connection: &Connection, workspace_id: &str, now: Timestamp) -> Result<usize> {
    list(connection, workspace_id, now).map(|people| people.len())
}
