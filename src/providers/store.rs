//! The table `providers`. Keys are sealed before they come here, and opened on their way out.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::model::Own;
use crate::{
    app::App,
    db::Tx,
    error::{Error, Result},
    llm::Kind,
};

const PROVIDER: &str = "name, kind, base_url, api_key, models, enabled, fallback_model, retries, first_byte_seconds, idle_seconds, created_at, updated_at";

/// What a sealed key is bound to, so that it opens nowhere else.
fn purpose(workspace_id: &str, name: &str) -> String {
    format!("providers.api_key {workspace_id} {name}")
}

fn provider(row: &Row<'_>) -> rusqlite::Result<(Own, Option<Vec<u8>>)> {
    let kind: String = row.get(1)?;
    let own = Own {
        name: row.get(0)?,
        // A kind that a newer version wrote is at least an address that may speak the usual format.
        kind: kind.parse().unwrap_or(Kind::OpenaiCompatible),
        base_url: row.get(2)?,
        api_key: None,
        models: serde_json::from_str(&row.get::<_, String>(4)?).unwrap_or_default(),
        enabled: row.get(5)?,
        fallback_model: row.get(6)?,
        retries: row.get(7)?,
        first_byte_seconds: u64::from(row.get::<_, u32>(8)?),
        idle_seconds: u64::from(row.get::<_, u32>(9)?),
        created_at: row.get(10)?,
        updated_at: row.get(11)?,
    };
    Ok((own, row.get(3)?))
}

fn open(app: &App, workspace_id: &str, (mut own, sealed): (Own, Option<Vec<u8>>)) -> Result<Own> {
    own.api_key = sealed.map(|sealed| app.key.open(&sealed, &purpose(workspace_id, &own.name))).transpose()?;
    Ok(own)
}

/// A workspace's own providers, the oldest first.
pub fn list_providers(app: &App, connection: &Connection, workspace_id: &str) -> Result<Vec<Own>> {
    let mut statement = connection.prepare_cached(&format!("select {PROVIDER} from providers where workspace_id = ?1 order by row"))?;
    let rows = statement.query_map([workspace_id], provider)?.collect::<rusqlite::Result<Vec<_>>>()?;
    rows.into_iter().map(|row| open(app, workspace_id, row)).collect()
}

pub fn find_provider(app: &App, connection: &Connection, workspace_id: &str, name: &str) -> Result<Option<Own>> {
    let row = connection
        .prepare_cached(&format!("select {PROVIDER} from providers where workspace_id = ?1 and name = ?2"))?
        .query_row((workspace_id, name), provider)
        .optional()?;
    row.map(|row| open(app, workspace_id, row)).transpose()
}

/// Every workspace with providers of its own, for keeping their lists of models fresh.
pub fn list_workspaces(connection: &Connection) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached("select distinct workspace_id from providers where enabled = 1")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

pub fn put_provider(app: &App, tx: &Tx<'_>, workspace_id: &str, own: &Own) -> Result<()> {
    let sealed = own.api_key.as_ref().map(|key| app.key.seal(key.reveal(), &purpose(workspace_id, &own.name), &app.ids)).transpose()?;
    let seconds = |seconds: u64| u32::try_from(seconds).map_err(|_| Error::internal("a checked number of seconds"));
    tx.prepare_cached(
        "insert into providers (workspace_id, name, kind, base_url, api_key, key_hint, models, enabled, fallback_model, retries,
             first_byte_seconds, idle_seconds, created_at, updated_at)
         values (:ws, :name, :kind, :base_url, :api_key, :key_hint, :models, :enabled, :fallback_model, :retries, :first_byte, :idle, :created_at, :updated_at)
         on conflict (workspace_id, name) do update set kind = excluded.kind, base_url = excluded.base_url, api_key = excluded.api_key,
             key_hint = excluded.key_hint, models = excluded.models, enabled = excluded.enabled, fallback_model = excluded.fallback_model,
             retries = excluded.retries, first_byte_seconds = excluded.first_byte_seconds, idle_seconds = excluded.idle_seconds,
             updated_at = excluded.updated_at",
    )?
    .execute(named_params! {
        ":ws": workspace_id, ":name": own.name, ":kind": own.kind.name(), ":base_url": own.base_url, ":api_key": sealed,
        ":key_hint": own.api_key.as_ref().map(crate::secrets::SecretText::hint), ":models": serde_json::to_string(&own.models)?,
        ":enabled": own.enabled, ":fallback_model": own.fallback_model, ":retries": own.retries,
        ":first_byte": seconds(own.first_byte_seconds)?, ":idle": seconds(own.idle_seconds)?,
        ":created_at": own.created_at, ":updated_at": own.updated_at,
    })?;
    Ok(())
}

pub fn delete_provider(tx: &Tx<'_>, workspace_id: &str, name: &str) -> Result<bool> {
    Ok(tx.prepare_cached("delete from providers where workspace_id = ?1 and name = ?2")?.execute((workspace_id, name))? > 0)
}
