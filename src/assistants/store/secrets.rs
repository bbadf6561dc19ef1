//! The table `widget_secrets`: with what a page's server signs who its visitor is.

use rusqlite::{Connection, OptionalExtension};

use crate::{clock::Timestamp, db::Tx, error::Result};

/// Sealed; see `service::WIDGET_SECRET`.
pub fn find_widget_secret(connection: &Connection, workspace_id: &str, assistant_id: &str) -> Result<Option<Vec<u8>>> {
    Ok(connection
        .prepare_cached("select secret from widget_secrets where workspace_id = ?1 and assistant_id = ?2")?
        .query_row((workspace_id, assistant_id), |row| row.get(0))
        .optional()?)
}

pub fn put_widget_secret(tx: &Tx<'_>, workspace_id: &str, assistant_id: &str, sealed: &[u8], now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "insert into widget_secrets (workspace_id, assistant_id, secret, created_at) values (?1, ?2, ?3, ?4)
         on conflict (workspace_id, assistant_id) do update set secret = excluded.secret, created_at = excluded.created_at",
    )?
    .execute((workspace_id, assistant_id, sealed, now))?;
    Ok(())
}
