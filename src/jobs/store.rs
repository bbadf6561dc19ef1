//! The table `jobs`.

use rusqlite::{Connection, OptionalExtension, named_params};
use serde_json::Value;

use crate::{
    clock::Timestamp,
    db::Tx,
    error::Result,
    ids::{Ids, prefix},
};

/// A job to be done.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub kind: &'static str,
    pub workspace_id: Option<String>,
    pub payload: Value,
    /// Jobs of one lane run one after the other, in the order they were enqueued.
    pub lane: Option<String>,
    pub run_at: Timestamp,
}

/// A job that a worker has taken.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: String,
    pub kind: String,
    pub workspace_id: Option<String>,
    pub payload: Value,
    /// 1 at the first try.
    pub attempts: i64,
}

/// Writes the job down. It becomes visible to the workers with the transaction's commit; `Queue::wake` spares them the
/// second until they look by themselves.
pub fn enqueue(tx: &Tx<'_>, ids: &Ids, now: Timestamp, job: &NewJob) -> Result<String> {
    let id = ids.new_id(prefix::JOB, now);
    tx.prepare_cached(
        "insert into jobs (id, workspace_id, kind, payload, lane, state, attempts, run_at, created_at)
         values (:id, :workspace_id, :kind, :payload, :lane, 'waiting', 0, :run_at, :now)",
    )?
    .execute(named_params! {
        ":id": id, ":workspace_id": job.workspace_id, ":kind": job.kind, ":payload": job.payload.to_string(),
        ":lane": job.lane, ":run_at": job.run_at, ":now": now,
    })?;
    Ok(id)
}

/// Takes the next job that is due and whose lane is free.
pub(super) fn take(tx: &Tx<'_>, now: Timestamp, leased_until: Timestamp) -> Result<Option<Job>> {
    Ok(tx
        .prepare_cached(
            "update jobs set state = 'running', attempts = attempts + 1, leased_until = :until
             where row = (
                 select row from jobs as due
                 where due.state = 'waiting' and due.run_at <= :now
                   and (due.lane is null or not exists (
                       select 1 from jobs as earlier
                       where earlier.lane = due.lane and earlier.row < due.row and earlier.state <> 'failed'))
                 order by due.run_at, due.row limit 1)
             returning id, kind, workspace_id, payload, attempts",
        )?
        .query_row(named_params! { ":now": now, ":until": leased_until }, |row| {
            Ok(Job {
                id: row.get(0)?,
                kind: row.get(1)?,
                workspace_id: row.get(2)?,
                payload: serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or(Value::Null),
                attempts: row.get(4)?,
            })
        })
        .optional()?)
}

/// Removes a job that is done. A handler calls it inside the transaction that has the job's effect, so that the effect
/// happens once; the worker calls it after any handler that did not.
pub fn finish(tx: &Tx<'_>, id: &str) -> Result<()> {
    tx.prepare_cached("delete from jobs where id = ?1")?.execute([id])?;
    Ok(())
}

pub(super) fn retry(tx: &Tx<'_>, id: &str, run_at: Timestamp, error: &str) -> Result<()> {
    tx.prepare_cached("update jobs set state = 'waiting', run_at = ?2, leased_until = null, last_error = ?3 where id = ?1")?
        .execute((id, run_at, error))?;
    Ok(())
}

pub(super) fn give_up(tx: &Tx<'_>, id: &str, error: &str) -> Result<()> {
    tx.prepare_cached("update jobs set state = 'failed', leased_until = null, last_error = ?2 where id = ?1")?.execute((id, error))?;
    Ok(())
}

/// Gives back what a process that is gone had taken. Only the holder of the data folder's lock may call it.
pub(super) fn give_back_running(tx: &Tx<'_>) -> Result<usize> {
    Ok(tx.prepare_cached("update jobs set state = 'waiting', leased_until = null where state = 'running'")?.execute([])?)
}

/// Removes the jobs of a lane that have not begun: what they were for is gone.
pub fn cancel(tx: &Tx<'_>, lane: &str) -> Result<usize> {
    Ok(tx.prepare_cached("delete from jobs where lane = ?1 and state <> 'running'")?.execute([lane])?)
}

/// When the next waiting job is due.
pub(super) fn next_due(connection: &Connection) -> Result<Option<Timestamp>> {
    Ok(connection.prepare_cached("select min(run_at) from jobs where state = 'waiting'")?.query_row([], |row| row.get(0))?)
}

/// How many jobs are due or run.
pub fn count_due(connection: &Connection, now: Timestamp) -> Result<i64> {
    Ok(connection
        .prepare_cached("select count(*) from jobs where state = 'running' or (state = 'waiting' and run_at <= ?1)")?
        .query_row([now], |row| row.get(0))?)
}

/// How many jobs there are in each state, for tests, metrics and `doctor`.
pub fn counts(connection: &Connection) -> Result<Vec<(String, i64)>> {
    let mut statement = connection.prepare_cached("select state, count(*) from jobs group by state order by state")?;
    Ok(statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}
