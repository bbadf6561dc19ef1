//! The tables `users`, `sessions`, `links`, `password_resets`, `recovery_codes`, `identities`, `members` and `api_tokens`.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::{
    caller::{Caller, Via},
    model::{Role, Session, Token, User, email_key},
};
use crate::{
    clock::Timestamp,
    db::{Tx, on_unique},
    error::{Error, Result},
};

const USER: &str = "id, email, name, totp_enabled, created_at, updated_at, avatar_url";

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User { id: row.get(0)?, email: row.get(1)?, name: row.get(2)?, totp_enabled: row.get(3)?, created_at: row.get(4)?, updated_at: row.get(5)?, avatar_url: row.get(6)? })
}

pub fn find_user(connection: &Connection, id: &str) -> Result<Option<User>> {
    Ok(connection.prepare_cached(&format!("select {USER} from users where id = ?1"))?.query_row([id], user).optional()?)
}

pub fn find_user_by_email(connection: &Connection, email: &str) -> Result<Option<User>> {
    Ok(connection.prepare_cached(&format!("select {USER} from users where email_key = ?1"))?.query_row([email_key(email)], user).optional()?)
}

pub fn list_users(connection: &Connection) -> Result<Vec<User>> {
    let mut statement = connection.prepare_cached(&format!("select {USER} from users order by created_at, row"))?;
    Ok(statement.query_map([], user)?.collect::<rusqlite::Result<_>>()?)
}

pub fn any_user(connection: &Connection) -> Result<bool> {
    Ok(connection.prepare_cached("select exists (select 1 from users)")?.query_row([], |row| row.get(0))?)
}

pub fn insert_user(tx: &Tx<'_>, user: &User, password_hash: Option<&str>) -> Result<()> {
    tx.prepare_cached(
        "insert into users (id, email, email_key, name, password_hash, created_at, updated_at)
         values (:id, :email, :email_key, :name, :password_hash, :created_at, :updated_at)",
    )?
    .execute(named_params! {
        ":id": user.id, ":email": user.email, ":email_key": email_key(&user.email), ":name": user.name,
        ":password_hash": password_hash, ":created_at": user.created_at, ":updated_at": user.updated_at,
    })
    .map_err(on_unique("users.email_key", || Error::conflict("There is already somebody with this email.").detail("email", "is taken")))?;
    Ok(())
}

pub fn set_avatar(tx: &Tx<'_>, id: &str, avatar_url: Option<&str>, now: Timestamp) -> Result<()> {
    tx.prepare_cached("update users set avatar_url = ?2, updated_at = ?3 where id = ?1")?.execute((id, avatar_url, now))?;
    Ok(())
}

pub fn rename_user(tx: &Tx<'_>, id: &str, name: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached("update users set name = ?2, updated_at = ?3 where id = ?1")?.execute((id, name, now))?;
    Ok(())
}

pub fn delete_user(tx: &Tx<'_>, id: &str) -> Result<()> {
    tx.prepare_cached("delete from users where id = ?1")?.execute([id])?;
    Ok(())
}

/// The user with this email and the hash of their password.
pub fn find_password(connection: &Connection, email: &str) -> Result<Option<(String, Option<String>)>> {
    Ok(connection
        .prepare_cached("select id, password_hash from users where email_key = ?1")?
        .query_row([email_key(email)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

pub fn set_password(tx: &Tx<'_>, user_id: &str, password_hash: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached("update users set password_hash = ?2, updated_at = ?3 where id = ?1")?.execute((user_id, password_hash, now))?;
    Ok(())
}

/// A second factor; not yet `enabled`, it waits for its first code.
pub struct TotpRow {
    pub secret: Vec<u8>,
    pub enabled: bool,
    pub step: Option<i64>,
}

pub fn find_totp(connection: &Connection, user_id: &str) -> Result<Option<TotpRow>> {
    Ok(connection
        .prepare_cached("select totp_secret, totp_enabled, totp_step from users where id = ?1 and totp_secret is not null")?
        .query_row([user_id], |row| Ok(TotpRow { secret: row.get(0)?, enabled: row.get(1)?, step: row.get(2)? }))
        .optional()?)
}

pub fn set_totp_secret(tx: &Tx<'_>, user_id: &str, sealed: &[u8], now: Timestamp) -> Result<()> {
    tx.prepare_cached("update users set totp_secret = ?2, totp_step = null, updated_at = ?3 where id = ?1 and totp_enabled = 0")?.execute((user_id, sealed, now))?;
    Ok(())
}

pub fn enable_totp(tx: &Tx<'_>, user_id: &str, step: i64, recovery_hashes: &[String], now: Timestamp) -> Result<()> {
    tx.prepare_cached("update users set totp_enabled = 1, totp_step = ?2, updated_at = ?3 where id = ?1")?.execute((user_id, step, now))?;
    tx.prepare_cached("delete from recovery_codes where user_id = ?1")?.execute([user_id])?;
    let mut insert = tx.prepare_cached("insert into recovery_codes (user_id, code_hash) values (?1, ?2)")?;
    recovery_hashes.iter().try_for_each(|hash| insert.execute((user_id, hash)).map(|_| ()))?;
    Ok(())
}

pub fn delete_totp(tx: &Tx<'_>, user_id: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached("update users set totp_secret = null, totp_enabled = 0, totp_step = null, updated_at = ?2 where id = ?1")?.execute((user_id, now))?;
    tx.prepare_cached("delete from recovery_codes where user_id = ?1")?.execute([user_id])?;
    Ok(())
}

/// Notes that the code of this step is used up. Whether it was not before: of two that race, one wins.
pub fn take_totp_step(tx: &Tx<'_>, user_id: &str, step: i64) -> Result<bool> {
    let changed = tx.prepare_cached("update users set totp_step = ?2 where id = ?1 and (totp_step is null or totp_step < ?2)")?.execute((user_id, step))?;
    Ok(changed > 0)
}

/// Uses a recovery code up, where there is such a one.
pub fn take_recovery_code(tx: &Tx<'_>, user_id: &str, hash: &str) -> Result<bool> {
    Ok(tx.prepare_cached("delete from recovery_codes where user_id = ?1 and code_hash = ?2")?.execute((user_id, hash))? > 0)
}

/// The one reset that somebody has open.
pub fn put_reset(tx: &Tx<'_>, user_id: &str, token_hash: &str, now: Timestamp, expires_at: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "insert into password_resets (user_id, token_hash, created_at, expires_at) values (?1, ?2, ?3, ?4)
         on conflict (user_id) do update set token_hash = ?2, created_at = ?3, expires_at = ?4",
    )?
    .execute((user_id, token_hash, now, expires_at))?;
    Ok(())
}

pub fn reset_exists(connection: &Connection, token_hash: &str, now: Timestamp) -> Result<bool> {
    Ok(connection
        .prepare_cached("select exists (select 1 from password_resets where token_hash = ?1 and expires_at > ?2)")?
        .query_row((token_hash, now), |row| row.get(0))?)
}

pub fn take_reset(tx: &Tx<'_>, token_hash: &str, now: Timestamp) -> Result<Option<String>> {
    Ok(tx
        .prepare_cached("delete from password_resets where token_hash = ?1 and expires_at > ?2 returning user_id")?
        .query_row((token_hash, now), |row| row.get(0))
        .optional()?)
}

/// Who this is at an OpenID Connect issuer.
pub fn find_identity(connection: &Connection, issuer: &str, subject: &str) -> Result<Option<String>> {
    Ok(connection
        .prepare_cached("select user_id from identities where issuer = ?1 and subject = ?2")?
        .query_row((issuer, subject), |row| row.get(0))
        .optional()?)
}

pub fn insert_identity(tx: &Tx<'_>, user_id: &str, issuer: &str, subject: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached("insert into identities (user_id, issuer, subject, created_at) values (?1, ?2, ?3, ?4)")?.execute((user_id, issuer, subject, now))?;
    Ok(())
}

/// Whether somebody with this email is expected somewhere.
pub fn is_invited(connection: &Connection, email: &str, now: Timestamp) -> Result<bool> {
    Ok(connection
        .prepare_cached("select exists (select 1 from invitations where email_key = ?1 and expires_at > ?2)")?
        .query_row((email_key(email), now), |row| row.get(0))?)
}

/// The instance's first workspace, where people come to who are let in by the domain of their email.
pub fn find_oldest_workspace(connection: &Connection) -> Result<Option<String>> {
    Ok(connection.prepare_cached("select id from workspaces w where exists (select 1 from members m where m.workspace_id = w.id) order by row limit 1")?.query_row([], |row| row.get(0)).optional()?)
}

/// Every workspace that this user is in.
pub fn list_workspace_ids(connection: &Connection, user_id: &str) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached("select workspace_id from members where user_id = ?1 order by row")?;
    Ok(statement.query_map([user_id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// What a session cookie stands for.
pub struct SessionRow {
    pub id: String,
    pub user_id: String,
    pub last_workspace_id: Option<String>,
    pub lifetime_ms: i64,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
}

pub struct NewSession<'a> {
    pub id: &'a str,
    pub user_id: &'a str,
    pub token_hash: &'a str,
    pub lifetime_ms: i64,
    pub user_agent: Option<&'a str>,
    pub address: Option<&'a str>,
    pub now: Timestamp,
    pub expires_at: Timestamp,
}

pub fn insert_session(tx: &Tx<'_>, session: &NewSession<'_>) -> Result<()> {
    tx.prepare_cached(
        "insert into sessions (id, user_id, token_hash, lifetime_ms, user_agent, address, created_at, last_used_at, expires_at)
         values (:id, :user_id, :token_hash, :lifetime_ms, :user_agent, :address, :now, :now, :expires_at)",
    )?
    .execute(named_params! {
        ":id": session.id, ":user_id": session.user_id, ":token_hash": session.token_hash, ":lifetime_ms": session.lifetime_ms,
        ":user_agent": session.user_agent, ":address": session.address, ":now": session.now, ":expires_at": session.expires_at,
    })?;
    Ok(())
}

pub fn find_session(connection: &Connection, token_hash: &str, now: Timestamp) -> Result<Option<SessionRow>> {
    Ok(connection
        .prepare_cached(
            "select id, user_id, last_workspace_id, lifetime_ms, last_used_at, expires_at from sessions where token_hash = ?1 and expires_at > ?2",
        )?
        .query_row((token_hash, now), |row| {
            Ok(SessionRow {
                id: row.get(0)?,
                user_id: row.get(1)?,
                last_workspace_id: row.get(2)?,
                lifetime_ms: row.get(3)?,
                last_used_at: row.get(4)?,
                expires_at: row.get(5)?,
            })
        })
        .optional()?)
}

pub fn touch_session(tx: &Tx<'_>, id: &str, workspace_id: Option<&str>, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "update sessions set last_used_at = ?3, expires_at = ?3 + lifetime_ms, last_workspace_id = coalesce(?2, last_workspace_id) where id = ?1",
    )?
    .execute((id, workspace_id, now))?;
    Ok(())
}

pub fn list_sessions(connection: &Connection, user_id: &str, current: &str, now: Timestamp) -> Result<Vec<Session>> {
    let mut statement = connection.prepare_cached(
        "select id, user_agent, address, created_at, last_used_at, expires_at from sessions
         where user_id = ?1 and expires_at > ?2 order by last_used_at desc, row desc",
    )?;
    let rows = statement.query_map((user_id, now), |row| {
        let id: String = row.get(0)?;
        Ok(Session {
            current: id == current,
            id,
            user_agent: row.get(1)?,
            address: row.get(2)?,
            created_at: row.get(3)?,
            last_used_at: row.get(4)?,
            expires_at: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether there was such a session of this user's.
pub fn delete_session(tx: &Tx<'_>, user_id: &str, id: &str) -> Result<bool> {
    Ok(tx.prepare_cached("delete from sessions where user_id = ?1 and id = ?2")?.execute((user_id, id))? > 0)
}

/// Signs the user out everywhere, but for the session `keep`.
pub fn delete_sessions(tx: &Tx<'_>, user_id: &str, keep: Option<&str>) -> Result<usize> {
    Ok(tx.prepare_cached("delete from sessions where user_id = ?1 and id is not ?2")?.execute((user_id, keep))?)
}

pub fn delete_expired_sessions(tx: &Tx<'_>, now: Timestamp) -> Result<usize> {
    tx.prepare_cached("delete from links where expires_at <= ?1")?.execute([now])?;
    tx.prepare_cached("delete from password_resets where expires_at <= ?1")?.execute([now])?;
    tx.prepare_cached("delete from invitations where expires_at <= ?1")?.execute([now])?;
    Ok(tx.prepare_cached("delete from sessions where expires_at <= ?1")?.execute([now])?)
}

/// What a one-time link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    Setup,
    SignIn,
}

impl LinkKind {
    const fn name(self) -> &'static str {
        match self {
            LinkKind::Setup => "setup",
            LinkKind::SignIn => "signin",
        }
    }
}

pub fn insert_link(tx: &Tx<'_>, kind: LinkKind, token_hash: &str, user_id: Option<&str>, now: Timestamp, expires_at: Timestamp) -> Result<()> {
    tx.prepare_cached("insert into links (token_hash, kind, user_id, created_at, expires_at) values (?1, ?2, ?3, ?4, ?5)")?
        .execute((token_hash, kind.name(), user_id, now, expires_at))?;
    Ok(())
}

/// Uses a link up. The user it signs in, or `None` inside for a set-up link; nothing where there is no such link any more.
pub fn take_link(tx: &Tx<'_>, kind: LinkKind, token_hash: &str, now: Timestamp) -> Result<Option<Option<String>>> {
    Ok(tx
        .prepare_cached("delete from links where token_hash = ?1 and kind = ?2 and expires_at > ?3 returning user_id")?
        .query_row((token_hash, kind.name(), now), |row| row.get(0))
        .optional()?)
}

pub fn delete_links(tx: &Tx<'_>, kind: LinkKind) -> Result<()> {
    tx.prepare_cached("delete from links where kind = ?1")?.execute([kind.name()])?;
    Ok(())
}

pub fn find_role(connection: &Connection, workspace_id: &str, user_id: &str) -> Result<Option<Role>> {
    Ok(connection
        .prepare_cached("select role from members where workspace_id = ?1 and user_id = ?2")?
        .query_row((workspace_id, user_id), |row| row.get(0))
        .optional()?)
}

/// The role that somebody who was let in has by now; none once the membership, the session or the token is gone.
pub fn role_now(connection: &Connection, caller: &Caller, now: Timestamp) -> Result<Option<Role>> {
    let (sql, id) = match &caller.via {
        Via::Session { id } => ("select exists (select 1 from sessions where id = ?1 and expires_at > ?2)", id),
        Via::Token { id } => ("select exists (select 1 from api_tokens where id = ?1 and (expires_at is null or expires_at > ?2))", id),
    };
    let stands: bool = connection.prepare_cached(sql)?.query_row((id, now), |row| row.get(0))?;
    if stands { find_role(connection, &caller.workspace_id, &caller.user_id) } else { Ok(None) }
}

/// The workspace that this user joined first.
pub fn find_first_workspace(connection: &Connection, user_id: &str) -> Result<Option<String>> {
    Ok(connection
        .prepare_cached("select workspace_id from members where user_id = ?1 order by row limit 1")?
        .query_row([user_id], |row| row.get(0))
        .optional()?)
}

pub fn insert_member(tx: &Tx<'_>, workspace_id: &str, user_id: &str, role: Role, now: Timestamp) -> Result<()> {
    tx.prepare_cached("insert into members (workspace_id, user_id, role, created_at) values (?1, ?2, ?3, ?4)")?
        .execute((workspace_id, user_id, role, now))
        .map_err(on_unique("members.workspace_id, members.user_id", || Error::conflict("This person is already a member of the workspace.")))?;
    Ok(())
}

/// What a token stands for, with the role that its maker has now.
pub struct TokenRow {
    pub id: String,
    pub workspace_id: String,
    pub user_id: String,
    pub role: Role,
    pub last_used_at: Option<Timestamp>,
}

pub fn find_token(connection: &Connection, token_hash: &str, now: Timestamp) -> Result<Option<TokenRow>> {
    Ok(connection
        .prepare_cached(
            "select t.id, t.workspace_id, t.user_id, m.role, t.last_used_at
             from api_tokens t join members m on m.workspace_id = t.workspace_id and m.user_id = t.user_id
             where t.token_hash = ?1 and (t.expires_at is null or t.expires_at > ?2)",
        )?
        .query_row((token_hash, now), |row| {
            Ok(TokenRow { id: row.get(0)?, workspace_id: row.get(1)?, user_id: row.get(2)?, role: row.get(3)?, last_used_at: row.get(4)? })
        })
        .optional()?)
}

pub fn touch_token(tx: &Tx<'_>, id: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached("update api_tokens set last_used_at = ?2 where id = ?1")?.execute((id, now))?;
    Ok(())
}

pub fn insert_token(tx: &Tx<'_>, workspace_id: &str, token: &Token, token_hash: &str) -> Result<()> {
    tx.prepare_cached(
        "insert into api_tokens (id, workspace_id, user_id, name, token_hash, last_four, created_at, expires_at)
         values (:id, :workspace_id, :user_id, :name, :token_hash, :last_four, :created_at, :expires_at)",
    )?
    .execute(named_params! {
        ":id": token.id, ":workspace_id": workspace_id, ":user_id": token.created_by, ":name": token.name, ":token_hash": token_hash,
        ":last_four": token.last_four, ":created_at": token.created_at, ":expires_at": token.expires_at,
    })?;
    Ok(())
}

fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    Ok(Token {
        id: row.get(0)?,
        name: row.get(1)?,
        last_four: row.get(2)?,
        created_by: row.get(3)?,
        created_at: row.get(4)?,
        expires_at: row.get(5)?,
        last_used_at: row.get(6)?,
    })
}

/// The workspace's tokens, all of them or one maker's.
pub fn list_tokens(connection: &Connection, workspace_id: &str, user_id: Option<&str>, limit: i64, offset: i64) -> Result<(Vec<Token>, i64)> {
    let mut statement = connection.prepare_cached(
        "select id, name, last_four, user_id, created_at, expires_at, last_used_at from api_tokens
         where workspace_id = ?1 and (?2 is null or user_id = ?2) order by created_at desc, row desc limit ?3 offset ?4",
    )?;
    let rows = statement.query_map((workspace_id, user_id, limit, offset), token)?.collect::<rusqlite::Result<_>>()?;
    let total = connection
        .prepare_cached("select count(*) from api_tokens where workspace_id = ?1 and (?2 is null or user_id = ?2)")?
        .query_row((workspace_id, user_id), |row| row.get(0))?;
    Ok((rows, total))
}

/// Whether there was such a token, of this maker's where one is named.
pub fn delete_token(tx: &Tx<'_>, workspace_id: &str, id: &str, user_id: Option<&str>) -> Result<bool> {
    Ok(tx
        .prepare_cached("delete from api_tokens where workspace_id = ?1 and id = ?2 and (?3 is null or user_id = ?3)")?
        .execute((workspace_id, id, user_id))?
        > 0)
}

/// What the workspace's settings say; yes where they say nothing.
pub fn members_may_create_tokens(connection: &Connection, workspace_id: &str) -> Result<bool> {
    Ok(connection
        .prepare_cached("select coalesce(settings ->> '$.membersMayCreateTokens', 1) from workspaces where id = ?1")?
        .query_row([workspace_id], |row| row.get(0))?)
}
