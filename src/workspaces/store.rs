//! The table `workspaces`.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::model::{Settings, Workspace};
use crate::{access::Role, clock::Timestamp, db::Tx, error::Result};

const WORKSPACE: &str = "w.id, w.name, w.slug, w.description, w.default_model, w.allowed_models, w.settings, w.created_at, w.updated_at,
    (select count(*) from members c where c.workspace_id = w.id), (select count(*) from assistants a where a.workspace_id = w.id)";

fn workspace(row: &Row<'_>, role: Role) -> rusqlite::Result<Workspace> {
    Ok(Workspace {
        id: row.get(0)?,
        name: row.get(1)?,
        slug: row.get(2)?,
        description: row.get(3)?,
        plan: "self-hosted".to_owned(),
        role,
        default_model: row.get(4)?,
        allowed_models: serde_json::from_str(&row.get::<_, String>(5)?).unwrap_or_default(),
        settings: serde_json::from_str::<Settings>(&row.get::<_, String>(6)?).unwrap_or_default(),
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
        member_count: row.get(9)?,
        assistant_count: row.get(10)?,
    })
}

/// The workspace as somebody with this role sees it.
pub fn find_workspace(connection: &Connection, id: &str, role: Role) -> Result<Option<Workspace>> {
    Ok(connection
        .prepare_cached(&format!("select {WORKSPACE} from workspaces w where w.id = ?1"))?
        .query_row([id], |row| workspace(row, role))
        .optional()?)
}

/// The user's workspaces, the newest first; only one where `only` names it (a token's).
pub fn list_workspaces(connection: &Connection, user_id: &str, only: Option<&str>, limit: i64, offset: i64) -> Result<(Vec<Workspace>, i64)> {
    let mut statement = connection.prepare_cached(&format!(
        "select {WORKSPACE}, m.role from members m join workspaces w on w.id = m.workspace_id
         where m.user_id = ?1 and (?2 is null or w.id = ?2) order by w.created_at desc, w.row desc limit ?3 offset ?4"
    ))?;
    let rows = statement.query_map((user_id, only, limit, offset), |row| workspace(row, row.get(11)?))?.collect::<rusqlite::Result<_>>()?;
    let total = connection
        .prepare_cached("select count(*) from members where user_id = ?1 and (?2 is null or workspace_id = ?2)")?
        .query_row((user_id, only), |row| row.get(0))?;
    Ok((rows, total))
}

/// Ids and names of the workspaces with this id or name, for the command line.
pub fn find_by_id_or_name(connection: &Connection, text: &str) -> Result<Vec<(String, String)>> {
    let mut statement = connection.prepare_cached("select id, name from workspaces where id = ?1 or name = ?1 order by row")?;
    Ok(statement.query_map([text], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

/// Whether one of this user's workspaces has this name.
pub fn name_is_taken(connection: &Connection, user_id: &str, name: &str, except: Option<&str>) -> Result<bool> {
    Ok(connection
        .prepare_cached(
            "select exists (select 1 from members m join workspaces w on w.id = m.workspace_id
             where m.user_id = ?1 and lower(w.name) = lower(?2) and w.id is not ?3)",
        )?
        .query_row((user_id, name, except), |row| row.get(0))?)
}

pub fn slug_is_taken(connection: &Connection, slug: &str) -> Result<bool> {
    Ok(connection.prepare_cached("select exists (select 1 from workspaces where slug = ?1)")?.query_row([slug], |row| row.get(0))?)
}

/// Whether the user is an owner or an admin anywhere.
pub fn is_admin_anywhere(connection: &Connection, user_id: &str) -> Result<bool> {
    Ok(connection
        .prepare_cached("select exists (select 1 from members where user_id = ?1 and role in ('owner', 'admin'))")?
        .query_row([user_id], |row| row.get(0))?)
}

pub fn insert_workspace(tx: &Tx<'_>, id: &str, name: &str, slug: &str, description: Option<&str>, settings: &Settings, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "insert into workspaces (id, name, slug, description, allowed_models, settings, created_at, updated_at)
         values (:id, :name, :slug, :description, '[]', :settings, :now, :now)",
    )?
    .execute(named_params! {
        ":id": id, ":name": name, ":slug": slug, ":description": description,
        ":settings": serde_json::to_string(settings)?, ":now": now,
    })?;
    Ok(())
}

pub fn update_workspace(tx: &Tx<'_>, workspace: &Workspace, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "update workspaces set name = :name, description = :description, default_model = :default_model,
         allowed_models = :allowed_models, settings = :settings, updated_at = :now where id = :id",
    )?
    .execute(named_params! {
        ":id": workspace.id, ":name": workspace.name, ":description": workspace.description, ":default_model": workspace.default_model,
        ":allowed_models": serde_json::to_string(&workspace.allowed_models)?, ":settings": serde_json::to_string(&workspace.settings)?, ":now": now,
    })?;
    Ok(())
}

/// The workspace's own default model and what it allows.
pub fn find_models(connection: &Connection, id: &str) -> Result<(Option<String>, Vec<String>)> {
    let found = connection
        .prepare_cached("select default_model, allowed_models from workspaces where id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    Ok(found.map_or((None, Vec::new()), |(default, allowed)| (default, serde_json::from_str(&allowed).unwrap_or_default())))
}

/// What the workspace's people have set for it.
pub fn find_settings(connection: &Connection, id: &str) -> Result<Settings> {
    let found: Option<String> = connection.prepare_cached("select settings from workspaces where id = ?1")?.query_row([id], |row| row.get(0)).optional()?;
    Ok(found.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// The name of a workspace that this user alone owns.
pub fn find_workspace_with_last_owner(connection: &Connection, user_id: &str) -> Result<Option<String>> {
    Ok(connection
        .prepare_cached(
            "select w.name from members m join workspaces w on w.id = m.workspace_id
             where m.user_id = ?1 and m.role = 'owner'
               and not exists (select 1 from members o where o.workspace_id = m.workspace_id and o.role = 'owner' and o.user_id <> ?1)
             limit 1",
        )?
        .query_row([user_id], |row| row.get(0))
        .optional()?)
}
