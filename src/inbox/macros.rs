//! Canned replies.

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::Deserialize;

use crate::{
    access::{Editor, Member, model::check_name},
    app::App,
    clock::Timestamp,
    db::{Tx, on_unique},
    error::{Error, Result},
    http::{Body, Created, Listing, NoContent, Paging, Tag},
    ids::prefix,
};

/// A text that agents use again and again.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct Macro {
    id: String,
    name: String,
    content: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Object, Deserialize)]
pub struct CreateMacro {
    name: String,
    content: String,
}

#[derive(Object, Deserialize, Default)]
#[serde(default)]
pub struct UpdateMacro {
    name: Option<String>,
    content: Option<String>,
}

fn check_content(content: &str) -> Result<()> {
    if content.trim().is_empty() || content.chars().count() > 10_000 {
        return Err(Error::invalid("content", "must have 1 to 10000 characters"));
    }
    Ok(())
}

pub struct MacrosApi;

#[OpenApi(prefix_path = "/api/workspaces/:ws/macros", tag = "Tag::Conversations")]
impl MacrosApi {
    /// Canned replies, by name
    #[oai(path = "/", method = "get", operation_id = "list_macros")]
    async fn list_macros(&self, app: Data<&App>, who: Member, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<Macro>> {
        let paging = Paging::new(limit.0, offset.0, who.flat)?;
        let (data, total) = app.db.read(|connection| list(connection, &who.workspace_id, paging))?;
        Ok(Listing { data, total, paging, flat: who.flat })
    }

    /// Make a canned reply
    #[oai(path = "/", method = "post", operation_id = "create_macro")]
    async fn create_macro(&self, app: Data<&App>, who: Editor, body: Body<CreateMacro>) -> Result<Created<Macro>> {
        let (name, content, now) = (check_name("name", &body.0.name, 120)?, body.0.content, app.now());
        check_content(&content)?;
        let made = Macro { id: app.new_id(prefix::MACRO), name, content, created_at: now, updated_at: now };
        app.db.write(move |tx| insert(tx, &who.workspace_id, &made).map(|()| Created(made))).await
    }

    /// Change a canned reply
    #[oai(path = "/:id", method = "patch", operation_id = "update_macro")]
    async fn update_macro(&self, app: Data<&App>, who: Editor, id: Path<String>, body: Body<UpdateMacro>) -> Result<Json<Macro>> {
        let now = app.now();
        app.db
            .write(move |tx| {
                let mut found = find(tx, &who.workspace_id, &id)?.ok_or_else(|| Error::not_found("macro"))?;
                if let Some(name) = body.0.name {
                    found.name = check_name("name", &name, 120)?;
                }
                if let Some(content) = body.0.content {
                    check_content(&content)?;
                    found.content = content;
                }
                found.updated_at = now;
                update(tx, &who.workspace_id, &found)?;
                Ok(Json(found))
            })
            .await
    }

    /// Delete a canned reply
    #[oai(path = "/:id", method = "delete", operation_id = "delete_macro")]
    async fn delete_macro(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<NoContent> {
        let gone = app
            .db
            .write(move |tx| Ok(tx.prepare_cached("delete from macros where workspace_id = ?1 and id = ?2")?.execute((&who.workspace_id, &id.0))?))
            .await?;
        if gone == 0 { Err(Error::not_found("macro")) } else { Ok(NoContent) }
    }
}

fn one(row: &Row<'_>) -> rusqlite::Result<Macro> {
    Ok(Macro { id: row.get(0)?, name: row.get(1)?, content: row.get(2)?, created_at: row.get(3)?, updated_at: row.get(4)? })
}

fn list(connection: &Connection, workspace_id: &str, paging: Paging) -> Result<(Vec<Macro>, i64)> {
    let rows = connection
        .prepare_cached("select id, name, content, created_at, updated_at from macros where workspace_id = ?1 order by name limit ?2 offset ?3")?
        .query_map((workspace_id, paging.limit, paging.offset), one)?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection.prepare_cached("select count(*) from macros where workspace_id = ?1")?.query_row([workspace_id], |row| row.get(0))?;
    Ok((rows, total))
}

fn find(connection: &Connection, workspace_id: &str, id: &str) -> Result<Option<Macro>> {
    Ok(connection
        .prepare_cached("select id, name, content, created_at, updated_at from macros where workspace_id = ?1 and id = ?2")?
        .query_row((workspace_id, id), one)
        .optional()?)
}

fn taken() -> Error {
    Error::conflict("Another macro has this name.").detail("name", "is taken")
}

fn insert(tx: &Tx<'_>, workspace_id: &str, new: &Macro) -> Result<()> {
    tx.prepare_cached("insert into macros (id, workspace_id, name, content, created_at, updated_at) values (:id, :ws, :name, :content, :now, :now)")?
        .execute(named_params! {":id": new.id, ":ws": workspace_id, ":name": new.name, ":content": new.content, ":now": new.created_at})
        .map_err(on_unique("macros.name", taken))?;
    Ok(())
}

fn update(tx: &Tx<'_>, workspace_id: &str, new: &Macro) -> Result<()> {
    tx.prepare_cached("update macros set name = ?3, content = ?4, updated_at = ?5 where workspace_id = ?1 and id = ?2")?
        .execute((workspace_id, &new.id, &new.name, &new.content, new.updated_at))
        .map_err(on_unique("macros.name", taken))?;
    Ok(())
}
