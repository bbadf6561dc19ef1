//! The tables `assistants` and `assistant_projects`.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use crate::{
    assistants::{AnswerMode, Assistant, Visibility},
    access::{Caller, Role},
    clock::Timestamp,
    db::{Tx, on_unique},
    error::{Error, Result},
};

const ASSISTANT: &str = "a.id, a.name, a.description, a.instructions, a.model, a.visibility, a.temperature, a.max_tokens, a.welcome_message,
    a.fallback_message, a.avatar_url, a.widget_enabled, a.web_search_enabled, a.answer_mode, a.suggested_questions, a.widget, a.handoff, a.retrieval,
    a.budget, a.version, a.created_by, a.created_at, a.updated_at,
    (select count(*) from assistant_projects p where p.workspace_id = a.workspace_id and p.assistant_id = a.id)";

fn json<T: serde::de::DeserializeOwned + Default>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    Ok(serde_json::from_str(&row.get::<_, String>(column)?).unwrap_or_default())
}

fn word<T: serde::de::DeserializeOwned>(text: String) -> rusqlite::Result<T> {
    serde_json::from_value(serde_json::Value::String(text)).map_err(|_| rusqlite::Error::InvalidQuery)
}

/// `model` is what was stored, empty where the workspace's default is followed; `service::present` fills it in.
fn assistant(row: &Row<'_>) -> rusqlite::Result<Assistant> {
    let model: Option<String> = row.get(4)?;
    Ok(Assistant {
        id: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        instructions: row.get(3)?,
        model_inherited: model.is_none(),
        model: model.unwrap_or_default(),
        model_status: None,
        visibility: word::<Visibility>(row.get(5)?)?,
        temperature: row.get(6)?,
        max_tokens: row.get(7)?,
        welcome_message: row.get(8)?,
        fallback_message: row.get(9)?,
        avatar_url: row.get(10)?,
        widget_enabled: row.get(11)?,
        web_search_enabled: row.get(12)?,
        answer_mode: row.get::<_, Option<String>>(13)?.map(word::<AnswerMode>).transpose()?,
        suggested_questions: json(row, 14)?,
        widget: json(row, 15)?,
        handoff: json(row, 16)?,
        retrieval: json(row, 17)?,
        budget: json(row, 18)?,
        version: row.get(19)?,
        created_by: row.get(20)?,
        created_at: row.get(21)?,
        updated_at: row.get(22)?,
        project_count: row.get(23)?,
    })
}

pub fn find_assistant(connection: &Connection, workspace_id: &str, id: &str) -> Result<Option<Assistant>> {
    Ok(connection
        .prepare_cached(&format!("select {ASSISTANT} from assistants a where a.workspace_id = ?1 and a.id = ?2"))?
        .query_row((workspace_id, id), assistant)
        .optional()?)
}

/// For the public addresses, which name no workspace: the assistant with its workspace's id.
pub fn find_anywhere(connection: &Connection, id: &str) -> Result<Option<(String, Assistant)>> {
    Ok(connection
        .prepare_cached(&format!("select {ASSISTANT}, a.workspace_id from assistants a where a.id = ?1"))?
        .query_row([id], |row| Ok((row.get(24)?, assistant(row)?)))
        .optional()?)
}

/// The assistants that the caller may use, the newest first; `q` looks in names and descriptions.
pub fn list_assistants(connection: &Connection, who: &Caller, q: Option<&str>, limit: i64, offset: i64) -> Result<(Vec<Assistant>, i64)> {
    const SEEN: &str = "a.workspace_id = :ws
        and (a.visibility = 'public' or (a.visibility = 'workspace' and :member) or (a.visibility = 'private' and (:admin or a.created_by = :user or exists
            (select 1 from assistant_grants g where g.workspace_id = a.workspace_id and g.assistant_id = a.id and g.user_id = :user))))
        and (:q is null or instr(lower(a.name), :q) > 0 or instr(lower(coalesce(a.description, '')), :q) > 0)";
    let (member, admin) = (who.role >= Role::Member, who.role >= Role::Admin);
    let q = q.map(str::to_lowercase);
    let mut statement = connection
        .prepare_cached(&format!("select {ASSISTANT} from assistants a where {SEEN} order by a.created_at desc, a.row desc limit :limit offset :offset"))?;
    let rows = statement
        .query_map(
            named_params! { ":ws": who.workspace_id, ":member": member, ":admin": admin, ":user": who.user_id, ":q": q, ":limit": limit, ":offset": offset },
            assistant,
        )?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection.prepare_cached(&format!("select count(*) from assistants a where {SEEN}"))?.query_row(
        named_params! { ":ws": who.workspace_id, ":member": member, ":admin": admin, ":user": who.user_id, ":q": q },
        |row| row.get(0),
    )?;
    Ok((rows, total))
}

fn name_of(value: &impl serde::Serialize) -> Result<String> {
    Ok(serde_json::to_value(value)?.as_str().unwrap_or_default().to_owned())
}

pub fn insert_assistant(tx: &Tx<'_>, workspace_id: &str, assistant: &Assistant) -> Result<()> {
    tx.prepare_cached(
        "insert into assistants (id, workspace_id, name, description, instructions, model, visibility, temperature, max_tokens, welcome_message,
             fallback_message, avatar_url, widget_enabled, web_search_enabled, answer_mode, suggested_questions, widget, handoff, retrieval, budget,
             version, created_by, created_at, updated_at)
         values (:id, :ws, :name, :description, :instructions, :model, :visibility, :temperature, :max_tokens, :welcome_message,
             :fallback_message, :avatar_url, :widget_enabled, :web_search_enabled, :answer_mode, :suggested_questions, :widget, :handoff, :retrieval, :budget,
             1, :created_by, :created_at, :created_at)",
    )?
    .execute(named_params! {
        ":id": assistant.id, ":ws": workspace_id, ":name": assistant.name, ":description": assistant.description,
        ":instructions": assistant.instructions, ":model": (!assistant.model_inherited).then_some(&assistant.model),
        ":visibility": name_of(&assistant.visibility)?, ":temperature": assistant.temperature, ":max_tokens": assistant.max_tokens,
        ":welcome_message": assistant.welcome_message, ":fallback_message": assistant.fallback_message, ":avatar_url": assistant.avatar_url,
        ":widget_enabled": assistant.widget_enabled, ":web_search_enabled": assistant.web_search_enabled,
        ":answer_mode": assistant.answer_mode.as_ref().map(name_of).transpose()?,
        ":suggested_questions": serde_json::to_string(&assistant.suggested_questions)?, ":widget": serde_json::to_string(&assistant.widget)?,
        ":handoff": serde_json::to_string(&assistant.handoff)?, ":retrieval": serde_json::to_string(&assistant.retrieval)?,
        ":budget": serde_json::to_string(&assistant.budget)?,
        ":created_by": assistant.created_by, ":created_at": assistant.created_at,
    })?;
    Ok(())
}

/// Writes every field and counts the version up.
pub fn update_assistant(tx: &Tx<'_>, workspace_id: &str, assistant: &Assistant) -> Result<()> {
    tx.prepare_cached(
        "update assistants set name = :name, description = :description, instructions = :instructions, model = :model, visibility = :visibility,
             temperature = :temperature, max_tokens = :max_tokens, welcome_message = :welcome_message, fallback_message = :fallback_message,
             avatar_url = :avatar_url, widget_enabled = :widget_enabled, web_search_enabled = :web_search_enabled, answer_mode = :answer_mode,
             suggested_questions = :suggested_questions, widget = :widget, handoff = :handoff, retrieval = :retrieval, budget = :budget,
             version = version + 1, updated_at = :updated_at
         where workspace_id = :ws and id = :id",
    )?
    .execute(named_params! {
        ":id": assistant.id, ":ws": workspace_id, ":name": assistant.name, ":description": assistant.description,
        ":instructions": assistant.instructions, ":model": (!assistant.model_inherited).then_some(&assistant.model),
        ":visibility": name_of(&assistant.visibility)?, ":temperature": assistant.temperature, ":max_tokens": assistant.max_tokens,
        ":welcome_message": assistant.welcome_message, ":fallback_message": assistant.fallback_message, ":avatar_url": assistant.avatar_url,
        ":widget_enabled": assistant.widget_enabled, ":web_search_enabled": assistant.web_search_enabled,
        ":answer_mode": assistant.answer_mode.as_ref().map(name_of).transpose()?,
        ":suggested_questions": serde_json::to_string(&assistant.suggested_questions)?, ":widget": serde_json::to_string(&assistant.widget)?,
        ":handoff": serde_json::to_string(&assistant.handoff)?, ":retrieval": serde_json::to_string(&assistant.retrieval)?,
        ":budget": serde_json::to_string(&assistant.budget)?,
        ":updated_at": assistant.updated_at,
    })?;
    Ok(())
}

/// Its conversations, widget sessions and connections go with it.
pub fn delete_assistant(tx: &Tx<'_>, workspace_id: &str, id: &str) -> Result<bool> {
    Ok(tx.prepare_cached("delete from assistants where workspace_id = ?1 and id = ?2")?.execute((workspace_id, id))? > 0)
}

/// The connected projects with the time they were connected, the first one first.
pub fn list_connections(connection: &Connection, workspace_id: &str, assistant_id: &str) -> Result<Vec<(String, Timestamp)>> {
    let mut statement = connection
        .prepare_cached("select project_id, connected_at from assistant_projects where workspace_id = ?1 and assistant_id = ?2 order by row")?;
    Ok(statement.query_map((workspace_id, assistant_id), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

pub fn connect(tx: &Tx<'_>, workspace_id: &str, assistant_id: &str, project_id: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached("insert into assistant_projects (workspace_id, assistant_id, project_id, connected_at) values (?1, ?2, ?3, ?4)")?
        .execute((workspace_id, assistant_id, project_id, now))
        .map_err(on_unique("assistant_projects", || Error::conflict("This project is already connected to the assistant.")))?;
    Ok(())
}

pub fn disconnect(tx: &Tx<'_>, workspace_id: &str, assistant_id: &str, project_id: &str) -> Result<bool> {
    Ok(tx
        .prepare_cached("delete from assistant_projects where workspace_id = ?1 and assistant_id = ?2 and project_id = ?3")?
        .execute((workspace_id, assistant_id, project_id))?
        > 0)
}

/// Workspaces and ids of the assistants with this id or name, for the command line.
pub fn find_by_id_or_name(connection: &Connection, text: &str) -> Result<Vec<(String, String)>> {
    let mut statement = connection.prepare_cached("select workspace_id, id from assistants where id = ?1 or name = ?1 order by row")?;
    Ok(statement.query_map([text], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

pub fn find_by_name(connection: &Connection, workspace_id: &str, name: &str) -> Result<Option<String>> {
    Ok(connection
        .prepare_cached("select id from assistants where workspace_id = ?1 and name = ?2 order by row limit 1")?
        .query_row((workspace_id, name), |row| row.get(0))
        .optional()?)
}
