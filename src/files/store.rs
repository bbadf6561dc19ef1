//! The table `files`.

use rusqlite::{Connection, OptionalExtension};
use serde_json::json;

use super::disk::{FileStore, Stored};
use crate::{
    clock::Timestamp,
    db::Tx,
    error::{Error, Result},
    ids::Ids,
    jobs::{self, NewJob},
};

/// The kind of the job that takes a file off the disk: its payload is `{sha256}`.
pub const REMOVE_JOB: &str = "files.remove";

/// Counts one more row that needs these bytes. It looks for them once more, because a removal may have come between
/// `put` and this: the two cannot run at the same time, as both hold the database's write lock.
pub fn retain(tx: &Tx<'_>, files: &FileStore, stored: &Stored, now: Timestamp) -> Result<()> {
    if !files.exists(&stored.sha256) {
        return Err(Error::unavailable("The same file was being deleted at this moment. Send it again.").retry_after(1));
    }
    tx.prepare_cached(
        "insert into files (sha256, bytes, uses, created_at) values (?1, ?2, 1, ?3)
         on conflict (sha256) do update set uses = uses + 1",
    )?
    .execute((&stored.sha256, i64::try_from(stored.bytes).unwrap_or(i64::MAX), now))?;
    Ok(())
}

/// Counts one row less; the last one leaves a job behind that removes the bytes.
pub fn release(tx: &Tx<'_>, ids: &Ids, sha256: &str, now: Timestamp) -> Result<()> {
    let uses: Option<i64> = tx
        .prepare_cached("update files set uses = uses - 1 where sha256 = ?1 and uses > 0 returning uses")?
        .query_row([sha256], |row| row.get(0))
        .optional()?;
    if uses == Some(0) {
        let job = NewJob { kind: REMOVE_JOB, workspace_id: None, payload: json!({ "sha256": sha256 }), lane: None, run_at: now };
        jobs::enqueue(tx, ids, now, &job)?;
    }
    Ok(())
}

/// Does the job: takes the bytes away, unless somebody needs them again.
pub fn remove_unused(tx: &Tx<'_>, files: &FileStore, sha256: &str) -> Result<()> {
    let removed = tx.prepare_cached("delete from files where sha256 = ?1 and uses = 0")?.execute([sha256])?;
    if removed > 0 {
        files.remove(sha256)?;
    }
    Ok(())
}

/// Every hash that should lie on the disk, with its size: for `doctor` and backups.
pub fn list(connection: &Connection) -> Result<Vec<(String, i64)>> {
    let mut statement = connection.prepare_cached("select sha256, bytes from files order by sha256")?;
    Ok(statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

pub fn count(connection: &Connection) -> Result<i64> {
    Ok(connection.prepare_cached("select count(*) from files")?.query_row([], |row| row.get(0))?)
}
