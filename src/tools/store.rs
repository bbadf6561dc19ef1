//! The tables `mcp_servers`, `actions`, `web_search` and `assistant_tools`.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::model::{Action, AssistantTool, McpServer, SearchSource, WebSearch, hints};
use crate::{
    app::App,
    clock::Timestamp,
    db::{Tx, on_unique},
    error::{Error, Result},
    secrets::SealKey,
};

const HEADERS: &str = "tool headers";
const SEARCH_KEY: &str = "web search key";
/// Of MCP servers, and of actions, in a workspace.
const MOST: i64 = 100;

fn word<T: DeserializeOwned>(text: String) -> Result<T> {
    Ok(serde_json::from_value(Value::String(text))?)
}

fn open(key: &SealKey, sealed: Option<Vec<u8>>) -> Result<BTreeMap<String, String>> {
    match sealed {
        Some(sealed) => Ok(serde_json::from_str(key.open(&sealed, HEADERS)?.reveal())?),
        None => Ok(BTreeMap::new()),
    }
}

fn seal(app: &App, headers: &BTreeMap<String, String>) -> Result<Option<Vec<u8>>> {
    if headers.is_empty() {
        return Ok(None);
    }
    app.key.seal(&serde_json::to_string(headers)?, HEADERS, &app.ids).map(Some)
}

fn all<T>(connection: &Connection, sql: &str, parameters: impl rusqlite::Params, mut read: impl FnMut(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

const SERVER: &str = "id, name, transport, url, command, headers, enabled, created_at, updated_at";

fn server(key: &SealKey, row: &Row<'_>) -> Result<McpServer> {
    let secret = open(key, row.get(5)?)?;
    Ok(McpServer {
        id: row.get(0)?,
        name: row.get(1)?,
        transport: word(row.get(2)?)?,
        url: row.get(3)?,
        command: row.get::<_, Option<String>>(4)?.map(|text| serde_json::from_str(&text)).transpose()?,
        headers: hints(&secret),
        enabled: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
        secret,
    })
}

pub fn list_servers(connection: &Connection, key: &SealKey, workspace_id: &str) -> Result<Vec<McpServer>> {
    all(connection, &format!("select {SERVER} from mcp_servers where workspace_id = ?1 order by row desc"), [workspace_id], |row| server(key, row))
}

pub fn get_server(connection: &Connection, key: &SealKey, workspace_id: &str, id: &str) -> Result<McpServer> {
    let found = all(connection, &format!("select {SERVER} from mcp_servers where workspace_id = ?1 and id = ?2"), (workspace_id, id), |row| server(key, row))?;
    found.into_iter().next().ok_or_else(|| Error::not_found("MCP server"))
}

pub fn put_server(app: &App, tx: &Tx<'_>, workspace_id: &str, server: &McpServer, is_new: bool) -> Result<()> {
    if is_new {
        check_count(tx, "mcp_servers", workspace_id)?;
    }
    let command = server.command.as_ref().map(serde_json::to_string).transpose()?;
    tx.prepare_cached(
        "insert into mcp_servers (id, workspace_id, name, transport, url, command, headers, enabled, created_at, updated_at)
         values (:id, :ws, :name, :transport, :url, :command, :headers, :enabled, :created, :updated)
         on conflict (id) do update set name = excluded.name, transport = excluded.transport, url = excluded.url, command = excluded.command,
             headers = excluded.headers, enabled = excluded.enabled, updated_at = excluded.updated_at",
    )?
    .execute(named_params! {
        ":id": server.id, ":ws": workspace_id, ":name": server.name, ":transport": server.transport.word(), ":url": server.url, ":command": command,
        ":headers": seal(app, &server.secret)?, ":enabled": server.enabled, ":created": server.created_at, ":updated": server.updated_at,
    })
    .map_err(on_unique("mcp_servers.workspace_id, mcp_servers.name", || Error::conflict("There is an MCP server of this name already.").detail("name", "is taken")))?;
    Ok(())
}

/// Takes it out, and away from the assistants that may use it.
pub fn delete_server(tx: &Tx<'_>, workspace_id: &str, id: &str) -> Result<bool> {
    tx.prepare_cached("delete from assistant_tools where workspace_id = ?1 and (tool = ?2 or tool like ?2 || '/%')")?.execute((workspace_id, id))?;
    Ok(tx.prepare_cached("delete from mcp_servers where workspace_id = ?1 and id = ?2")?.execute((workspace_id, id))? > 0)
}

const ACTION: &str = "id, name, description, parameters, method, url, headers, secret_headers, created_at, updated_at";

fn action(key: &SealKey, row: &Row<'_>) -> Result<Action> {
    let secret = open(key, row.get(7)?)?;
    Ok(Action {
        id: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        parameters: serde_json::from_str(&row.get::<_, String>(3)?)?,
        method: word(row.get(4)?)?,
        url: row.get(5)?,
        headers: serde_json::from_str(&row.get::<_, String>(6)?)?,
        secret_headers: hints(&secret),
        created_at: row.get(8)?,
        updated_at: row.get(9)?,
        secret,
    })
}

pub fn list_actions(connection: &Connection, key: &SealKey, workspace_id: &str) -> Result<Vec<Action>> {
    all(connection, &format!("select {ACTION} from actions where workspace_id = ?1 order by row desc"), [workspace_id], |row| action(key, row))
}

pub fn get_action(connection: &Connection, key: &SealKey, workspace_id: &str, id: &str) -> Result<Action> {
    let found = all(connection, &format!("select {ACTION} from actions where workspace_id = ?1 and id = ?2"), (workspace_id, id), |row| action(key, row))?;
    found.into_iter().next().ok_or_else(|| Error::not_found("action"))
}

pub fn put_action(app: &App, tx: &Tx<'_>, workspace_id: &str, action: &Action, is_new: bool) -> Result<()> {
    if is_new {
        check_count(tx, "actions", workspace_id)?;
    }
    tx.prepare_cached(
        "insert into actions (id, workspace_id, name, description, parameters, method, url, headers, secret_headers, created_at, updated_at)
         values (:id, :ws, :name, :description, :parameters, :method, :url, :headers, :secret, :created, :updated)
         on conflict (id) do update set name = excluded.name, description = excluded.description, parameters = excluded.parameters, method = excluded.method,
             url = excluded.url, headers = excluded.headers, secret_headers = excluded.secret_headers, updated_at = excluded.updated_at",
    )?
    .execute(named_params! {
        ":id": action.id, ":ws": workspace_id, ":name": action.name, ":description": action.description, ":parameters": action.parameters.to_string(),
        ":method": action.method.word(), ":url": action.url, ":headers": serde_json::to_string(&action.headers)?, ":secret": seal(app, &action.secret)?,
        ":created": action.created_at, ":updated": action.updated_at,
    })
    .map_err(on_unique("actions.workspace_id, actions.name", || Error::conflict("There is an action of this name already.").detail("name", "is taken")))?;
    Ok(())
}

pub fn delete_action(tx: &Tx<'_>, workspace_id: &str, id: &str) -> Result<bool> {
    tx.prepare_cached("delete from assistant_tools where workspace_id = ?1 and tool = ?2")?.execute((workspace_id, id))?;
    Ok(tx.prepare_cached("delete from actions where workspace_id = ?1 and id = ?2")?.execute((workspace_id, id))? > 0)
}

fn check_count(tx: &Tx<'_>, table: &'static str, workspace_id: &str) -> Result<()> {
    let count: i64 = tx.prepare_cached(&format!("select count(*) from {table} where workspace_id = ?1"))?.query_row([workspace_id], |row| row.get(0))?;
    if count >= MOST { Err(Error::conflict(format!("A workspace has at most {MOST} of these. Delete one that is not used."))) } else { Ok(()) }
}

/// The workspace's own.
pub fn find_web_search(connection: &Connection, key: &SealKey, workspace_id: &str) -> Result<Option<WebSearch>> {
    let row: Option<(String, Option<Vec<u8>>, Option<String>)> = connection
        .prepare_cached("select provider, api_key, base_url from web_search where workspace_id = ?1")?
        .query_row([workspace_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((provider, sealed, base_url)) = row else { return Ok(None) };
    let secret = sealed.map(|sealed| key.open(&sealed, SEARCH_KEY)).transpose()?;
    Ok(Some(WebSearch { provider: word(provider)?, source: SearchSource::Workspace, api_key: secret.as_ref().map(|secret| secret.hint()), base_url, secret }))
}

pub fn put_web_search(app: &App, tx: &Tx<'_>, workspace_id: &str, search: &WebSearch, now: Timestamp) -> Result<()> {
    let sealed = search.secret.as_ref().map(|secret| app.key.seal(secret.reveal(), SEARCH_KEY, &app.ids)).transpose()?;
    tx.prepare_cached(
        "insert into web_search (workspace_id, provider, api_key, base_url, updated_at) values (?1, ?2, ?3, ?4, ?5)
         on conflict (workspace_id) do update set provider = excluded.provider, api_key = excluded.api_key, base_url = excluded.base_url, updated_at = excluded.updated_at",
    )?
    .execute((workspace_id, search.provider.word(), sealed, &search.base_url, now))?;
    Ok(())
}

pub fn delete_web_search(tx: &Tx<'_>, workspace_id: &str) -> Result<bool> {
    Ok(tx.prepare_cached("delete from web_search where workspace_id = ?1")?.execute([workspace_id])? > 0)
}

pub fn list_assistant_tools(connection: &Connection, workspace_id: &str, assistant_id: &str) -> Result<Vec<AssistantTool>> {
    all(connection, "select tool, visitors from assistant_tools where workspace_id = ?1 and assistant_id = ?2 order by row", (workspace_id, assistant_id), |row| {
        Ok(AssistantTool { tool: row.get(0)?, visitors: row.get(1)? })
    })
}

pub fn set_assistant_tools(tx: &Tx<'_>, workspace_id: &str, assistant_id: &str, tools: &[AssistantTool]) -> Result<()> {
    tx.prepare_cached("delete from assistant_tools where workspace_id = ?1 and assistant_id = ?2")?.execute((workspace_id, assistant_id))?;
    let mut insert = tx.prepare_cached("insert into assistant_tools (workspace_id, assistant_id, tool, visitors) values (?1, ?2, ?3, ?4)")?;
    for tool in tools {
        insert.execute((workspace_id, assistant_id, &tool.tool, tool.visitors))?;
    }
    Ok(())
}
