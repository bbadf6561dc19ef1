//! The table `assistant_usage`: what an assistant has had of providers, by day in UTC.

use rusqlite::{Connection, OptionalExtension};

use crate::{clock::Timestamp, db::Tx, error::Result};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    pub answers: i64,
    pub tokens: i64,
}

fn day(now: Timestamp) -> i64 {
    now.millis().div_euclid(24 * 60 * 60 * 1000)
}

/// What it has used on the day of `now`.
pub fn find_used(connection: &Connection, workspace_id: &str, assistant_id: &str, now: Timestamp) -> Result<Used> {
    let used = connection
        .prepare_cached("select answers, input_tokens + output_tokens from assistant_usage where workspace_id = ?1 and assistant_id = ?2 and day = ?3")?
        .query_row((workspace_id, assistant_id, day(now)), |row| Ok(Used { answers: row.get(0)?, tokens: row.get(1)? }))
        .optional()?;
    Ok(used.unwrap_or_default())
}

/// So many more answers by a provider, and what they, and what was asked besides, took. Nothing where the assistant is gone meanwhile.
pub fn add_used(tx: &Tx<'_>, workspace_id: &str, assistant_id: &str, now: Timestamp, answers: i64, input_tokens: i64, output_tokens: i64) -> Result<()> {
    tx.prepare_cached(
        "insert into assistant_usage (workspace_id, assistant_id, day, answers, input_tokens, output_tokens)
         select workspace_id, id, ?3, ?4, ?5, ?6 from assistants where workspace_id = ?1 and id = ?2
         on conflict (workspace_id, assistant_id, day) do update set answers = answers + excluded.answers,
             input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens",
    )?
    .execute((workspace_id, assistant_id, day(now), answers, input_tokens, output_tokens))?;
    Ok(())
}
