//! The tables `workspaces` and `invitations`, and the people of a workspace.

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde_json::Value;

use super::{
    invitations::{Invitation, OpenInvitation},
    members::{Colleague, WorkspaceMember},
    model::{Settings, Workspace, other_forms},
};
use crate::{
    access::{Role, model::email_key},
    clock::Timestamp,
    db::{Tx, on_unique},
    error::{Error, Result},
};

const WORKSPACE: &str = "w.id, w.name, w.slug, w.description, w.default_model, w.allowed_models, w.settings, w.created_at, w.updated_at,
    (select count(*) from members c where c.workspace_id = w.id), (select count(*) from assistants a where a.workspace_id = w.id)";

fn stored_settings(text: &str) -> Settings {
    let mut stored: Value = serde_json::from_str(text).unwrap_or_default();
    other_forms(&mut stored);
    if stored["openingHours"].is_null() {
        stored.as_object_mut().map(|stored| stored.remove("openingHours"));
    }
    serde_json::from_value(stored).unwrap_or_default()
}

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
        settings: stored_settings(&row.get::<_, String>(6)?),
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
    Ok(found.map(|text| stored_settings(&text)).unwrap_or_default())
}

/// After how many days each workspace deletes its conversations, where it does; `usual` where it does not say.
pub fn list_retention(connection: &Connection, usual: Option<i64>) -> Result<Vec<(String, i64)>> {
    let mut statement = connection.prepare_cached(
        "select id, coalesce(settings ->> '$.retentionDays', ?1) days from workspaces where coalesce(settings ->> '$.retentionDays', ?1) is not null",
    )?;
    Ok(statement.query_map([usual], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
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

const MEMBER: &str = "select m.user_id, u.email, u.name, m.role, m.created_at from members m join users u on u.id = m.user_id";

fn member(row: &Row<'_>) -> rusqlite::Result<WorkspaceMember> {
    Ok(WorkspaceMember { user_id: row.get(0)?, email: row.get(1)?, name: row.get(2)?, role: row.get(3)?, created_at: row.get(4)? })
}

pub fn find_member(connection: &Connection, workspace_id: &str, user_id: &str) -> Result<Option<WorkspaceMember>> {
    Ok(connection.prepare_cached(&format!("{MEMBER} where m.workspace_id = ?1 and m.user_id = ?2"))?.query_row((workspace_id, user_id), member).optional()?)
}

/// One page of the members, the newest first, and how many there are.
pub fn list_members(connection: &Connection, workspace_id: &str, limit: i64, offset: i64) -> Result<(Vec<WorkspaceMember>, i64)> {
    let mut statement = connection.prepare_cached(&format!("{MEMBER} where m.workspace_id = ?1 order by m.created_at desc, m.row desc limit ?2 offset ?3"))?;
    let rows = statement.query_map((workspace_id, limit, offset), member)?.collect::<rusqlite::Result<_>>()?;
    let total = connection.prepare_cached("select count(*) from members where workspace_id = ?1")?.query_row([workspace_id], |row| row.get(0))?;
    Ok((rows, total))
}

/// Those who answer people, by their names, and how many there are.
pub fn list_colleagues(connection: &Connection, workspace_id: &str, limit: i64, offset: i64) -> Result<(Vec<Colleague>, i64)> {
    let mut statement = connection.prepare_cached(
        "select m.user_id, u.name from members m join users u on u.id = m.user_id
         where m.workspace_id = ?1 and m.role <> 'guest' order by lower(u.name), m.row limit ?2 offset ?3",
    )?;
    let rows = statement.query_map((workspace_id, limit, offset), |row| Ok(Colleague { user_id: row.get(0)?, name: row.get(1)? }))?;
    let rows = rows.collect::<rusqlite::Result<_>>()?;
    let total = connection.prepare_cached("select count(*) from members where workspace_id = ?1 and role <> 'guest'")?.query_row([workspace_id], |row| row.get(0))?;
    Ok((rows, total))
}

pub fn set_role(tx: &Tx<'_>, workspace_id: &str, user_id: &str, role: Role) -> Result<()> {
    tx.prepare_cached("update members set role = ?3 where workspace_id = ?1 and user_id = ?2")?.execute((workspace_id, user_id, role))?;
    delete_invitations_of(tx, workspace_id, user_id)
}

pub fn delete_member(tx: &Tx<'_>, workspace_id: &str, user_id: &str) -> Result<()> {
    tx.prepare_cached("delete from members where workspace_id = ?1 and user_id = ?2")?.execute((workspace_id, user_id))?;
    delete_invitations_of(tx, workspace_id, user_id)
}

/// Takes everybody out, and with them their tokens: from then on the workspace is in nobody's reach.
pub fn delete_members(tx: &Tx<'_>, workspace_id: &str) -> Result<()> {
    tx.prepare_cached("delete from members where workspace_id = ?1")?.execute([workspace_id])?;
    tx.prepare_cached("delete from invitations where workspace_id = ?1")?.execute([workspace_id])?;
    Ok(())
}

pub fn has_owner(connection: &Connection, workspace_id: &str) -> Result<bool> {
    Ok(connection
        .prepare_cached("select exists (select 1 from members where workspace_id = ?1 and role = 'owner')")?
        .query_row([workspace_id], |row| row.get(0))?)
}

/// An invitation of the same email that is over makes room.
pub fn insert_invitation(tx: &Tx<'_>, workspace_id: &str, invitation: &Invitation, token_hash: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached("delete from invitations where workspace_id = ?1 and email_key = ?2 and expires_at <= ?3")?
        .execute((workspace_id, email_key(&invitation.email), now))?;
    tx.prepare_cached(
        "insert into invitations (id, workspace_id, email, email_key, role, token_hash, invited_by, created_at, expires_at)
         values (:id, :ws, :email, :email_key, :role, :token_hash, :invited_by, :created_at, :expires_at)",
    )?
    .execute(named_params! {
        ":id": invitation.id, ":ws": workspace_id, ":email": invitation.email, ":email_key": email_key(&invitation.email), ":role": invitation.role,
        ":token_hash": token_hash, ":invited_by": invitation.invited_by, ":created_at": invitation.created_at, ":expires_at": invitation.expires_at,
    })
    .map_err(on_unique("invitations.workspace_id, invitations.email_key", || {
        Error::conflict("This person is invited already. Take that invitation back first to make a new link.").detail("email", "is invited already")
    }))?;
    Ok(())
}

const INVITATION: &str = "id, email, role, invited_by, created_at, expires_at";

fn invitation(row: &Row<'_>) -> rusqlite::Result<Invitation> {
    Ok(Invitation {
        id: row.get(0)?,
        email: row.get(1)?,
        role: row.get(2)?,
        invited_by: row.get(3)?,
        created_at: row.get(4)?,
        expires_at: row.get(5)?,
        link: None,
        mailed: None,
    })
}

pub fn find_invitation(connection: &Connection, workspace_id: &str, id: &str, now: Timestamp) -> Result<Option<Invitation>> {
    Ok(connection
        .prepare_cached(&format!("select {INVITATION} from invitations where workspace_id = ?1 and id = ?2 and expires_at > ?3"))?
        .query_row((workspace_id, id, now), invitation)
        .optional()?)
}

/// Another link and another sender for an invitation that is still open, of the role that was looked at.
pub fn renew_invitation(tx: &Tx<'_>, workspace_id: &str, invitation: &Invitation, token_hash: &str, now: Timestamp) -> Result<bool> {
    Ok(tx
        .prepare_cached(
            "update invitations set token_hash = ?3, invited_by = ?4, expires_at = ?5 where workspace_id = ?1 and id = ?2 and expires_at > ?6 and role = ?7",
        )?
        .execute((workspace_id, &invitation.id, token_hash, &invitation.invited_by, invitation.expires_at, now, invitation.role))?
        > 0)
}

/// Takes back what somebody sent who may not send it any more: they know the links, and could come back by them.
pub fn delete_invitations_of(tx: &Tx<'_>, workspace_id: &str, user_id: &str) -> Result<()> {
    tx.prepare_cached(
        "delete from invitations where workspace_id = ?1 and invited_by = ?2 and not exists (
             select 1 from members m where m.workspace_id = ?1 and m.user_id = ?2
             and (m.role = 'owner' or (m.role = 'admin' and invitations.role <> 'owner')))",
    )?
    .execute((workspace_id, user_id))?;
    Ok(())
}

pub fn list_invitations(connection: &Connection, workspace_id: &str, now: Timestamp, limit: i64, offset: i64) -> Result<(Vec<Invitation>, i64)> {
    let mut statement = connection.prepare_cached(&format!(
        "select {INVITATION} from invitations where workspace_id = ?1 and expires_at > ?2 order by created_at desc, row desc limit ?3 offset ?4"
    ))?;
    let rows = statement.query_map((workspace_id, now, limit, offset), invitation)?.collect::<rusqlite::Result<_>>()?;
    let total = connection
        .prepare_cached("select count(*) from invitations where workspace_id = ?1 and expires_at > ?2")?
        .query_row((workspace_id, now), |row| row.get(0))?;
    Ok((rows, total))
}

pub fn delete_invitation(tx: &Tx<'_>, workspace_id: &str, id: &str, now: Timestamp) -> Result<bool> {
    Ok(tx.prepare_cached("delete from invitations where workspace_id = ?1 and id = ?2 and expires_at > ?3")?.execute((workspace_id, id, now))? > 0)
}

pub fn find_open_invitation(connection: &Connection, token_hash: &str, now: Timestamp) -> Result<Option<OpenInvitation>> {
    Ok(connection
        .prepare_cached(
            "select w.name, (select name from users where id = i.invited_by), i.email, i.role, i.expires_at, exists (select 1 from users u where u.email_key = i.email_key)
             from invitations i join workspaces w on w.id = i.workspace_id where i.token_hash = ?1 and i.expires_at > ?2",
        )?
        .query_row((token_hash, now), |row| {
            Ok(OpenInvitation {
                workspace_name: row.get(0)?,
                inviter_name: row.get(1)?,
                email: row.get(2)?,
                role: row.get(3)?,
                expires_at: row.get(4)?,
                account_exists: row.get(5)?,
            })
        })
        .optional()?)
}

/// Uses an invitation up: its id, the workspace, the role.
pub fn take_invitation(tx: &Tx<'_>, token_hash: &str, now: Timestamp) -> Result<Option<(String, String, Role)>> {
    Ok(tx
        .prepare_cached("delete from invitations where token_hash = ?1 and expires_at > ?2 returning id, workspace_id, role")?
        .query_row((token_hash, now), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?)
}
