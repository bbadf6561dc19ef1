//! The tables `sites` and `site_visitors`.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::model::Site;
use crate::{clock::Timestamp, db::Tx, error::Result};

const SITE: &str = "id, name, greeting, auto_reply, assistant_id, allowed_origins, trusted_addresses, site_key, created_at, updated_at, workspace_id";

fn site(row: &Row<'_>) -> rusqlite::Result<Site> {
    let list = |text: String| serde_json::from_str(&text).unwrap_or_default();
    Ok(Site {
        id: row.get(0)?,
        name: row.get(1)?,
        greeting: row.get(2)?,
        auto_reply: row.get(3)?,
        assistant_id: row.get(4)?,
        allowed_origins: list(row.get(5)?),
        trusted_addresses: list(row.get(6)?),
        site_key: row.get(7)?,
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
        workspace_id: row.get(10)?,
    })
}

pub fn insert_site(tx: &Tx<'_>, site: &Site) -> Result<()> {
    tx.prepare_cached(
        "insert into sites (id, workspace_id, name, greeting, auto_reply, assistant_id, allowed_origins, trusted_addresses, site_key, created_at, updated_at)
         values (:id, :ws, :name, :greeting, :auto_reply, :assistant_id, :origins, :addresses, :key, :created_at, :updated_at)",
    )?
    .execute(named_params! {
        ":id": site.id, ":ws": site.workspace_id, ":name": site.name, ":greeting": site.greeting, ":auto_reply": site.auto_reply,
        ":assistant_id": site.assistant_id, ":origins": serde_json::to_string(&site.allowed_origins)?,
        ":addresses": serde_json::to_string(&site.trusted_addresses)?, ":key": site.site_key, ":created_at": site.created_at, ":updated_at": site.updated_at,
    })?;
    Ok(())
}

pub fn update_site(tx: &Tx<'_>, site: &Site) -> Result<()> {
    tx.prepare_cached(
        "update sites set name = :name, greeting = :greeting, auto_reply = :auto_reply, assistant_id = :assistant_id, allowed_origins = :origins,
             trusted_addresses = :addresses, site_key = :key, updated_at = :updated_at where workspace_id = :ws and id = :id",
    )?
    .execute(named_params! {
        ":id": site.id, ":ws": site.workspace_id, ":name": site.name, ":greeting": site.greeting, ":auto_reply": site.auto_reply,
        ":assistant_id": site.assistant_id, ":origins": serde_json::to_string(&site.allowed_origins)?,
        ":addresses": serde_json::to_string(&site.trusted_addresses)?, ":key": site.site_key, ":updated_at": site.updated_at,
    })?;
    Ok(())
}

pub fn delete_site(tx: &Tx<'_>, workspace_id: &str, id: &str) -> Result<bool> {
    Ok(tx.prepare_cached("delete from sites where workspace_id = ?1 and id = ?2")?.execute((workspace_id, id))? > 0)
}

pub fn list_sites(connection: &Connection, workspace_id: &str, limit: i64, offset: i64) -> Result<(Vec<Site>, i64)> {
    let sites = connection
        .prepare_cached(&format!("select {SITE} from sites where workspace_id = ?1 order by created_at desc, row desc limit ?2 offset ?3"))?
        .query_map((workspace_id, limit, offset), site)?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection.prepare_cached("select count(*) from sites where workspace_id = ?1")?.query_row([workspace_id], |row| row.get(0))?;
    Ok((sites, total))
}

pub fn find_site(connection: &Connection, workspace_id: &str, id: &str) -> Result<Option<Site>> {
    Ok(connection.prepare_cached(&format!("select {SITE} from sites where workspace_id = ?1 and id = ?2"))?.query_row((workspace_id, id), site).optional()?)
}

/// The site that a key stands for, in whatever workspace.
pub fn find_by_key(connection: &Connection, key: &str) -> Result<Option<Site>> {
    Ok(connection.prepare_cached(&format!("select {SITE} from sites where site_key = ?1"))?.query_row([key], site).optional()?)
}

/// Somebody who writes by a site, and their conversation.
pub struct SiteVisitor {
    pub conversation_id: String,
    pub name: String,
}

/// By the visitor's own token or the conversation's.
pub fn find_visitor(connection: &Connection, site_id: &str, token_hash: &str) -> Result<Option<SiteVisitor>> {
    Ok(connection
        .prepare_cached("select conversation_id, name from site_visitors where site_id = ?1 and (visitor_token_hash = ?2 or conversation_token_hash = ?2)")?
        .query_row((site_id, token_hash), |row| Ok(SiteVisitor { conversation_id: row.get(0)?, name: row.get(1)? }))
        .optional()?)
}

pub struct NewVisitor<'a> {
    pub site: &'a Site,
    pub conversation_id: &'a str,
    pub contact_id: &'a str,
    pub name: &'a str,
    pub visitor_token_hash: &'a str,
    pub conversation_token_hash: &'a str,
    pub now: Timestamp,
}

pub fn insert_visitor(tx: &Tx<'_>, new: &NewVisitor<'_>) -> Result<()> {
    tx.prepare_cached(
        "insert into site_visitors (workspace_id, site_id, conversation_id, contact_id, name, visitor_token_hash, conversation_token_hash, created_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute((&new.site.workspace_id, &new.site.id, new.conversation_id, new.contact_id, new.name, new.visitor_token_hash, new.conversation_token_hash, new.now))?;
    Ok(())
}
