//! Saved views of the inbox: a name for a filter, for oneself or for everybody.

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use serde::{Deserialize, Serialize};

use crate::{
    access::{Caller, Member, model::check_name},
    app::App,
    clock::Timestamp,
    conversations::{
        Channel,
        model::{ConversationStatus, Handler},
    },
    db::{Tx, on_unique},
    error::{Error, Result},
    http::{Body, Created, Listing, NoContent, Paging, Tag},
    ids::prefix,
};

/// What a view shows: the parameters of the list of conversations, by their names.
#[derive(Debug, Clone, Default, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
pub struct ViewFilter {
    pub assistant_id: Option<String>,
    pub channel: Option<Channel>,
    pub status: Option<ConversationStatus>,
    pub handler: Option<Handler>,
    /// A user's id, `me` or `none`.
    pub assignee_id: Option<String>,
    pub contact_id: Option<String>,
    pub tag: Option<String>,
    pub inbox: Option<bool>,
    pub unread: Option<bool>,
    pub snoozed: Option<bool>,
    pub q: Option<String>,
}

impl ViewFilter {
    fn check(&self) -> Result<()> {
        let texts = [("assistantId", &self.assistant_id), ("assigneeId", &self.assignee_id), ("contactId", &self.contact_id), ("tag", &self.tag), ("q", &self.q)];
        match texts.into_iter().find(|(_, text)| text.as_ref().is_some_and(|text| text.chars().count() > 500)) {
            Some((field, _)) => Err(Error::invalid(format!("filter.{field}"), "must have at most 500 characters")),
            None => Ok(()),
        }
    }
}

/// A named filter of the inbox.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct View {
    id: String,
    name: String,
    /// Whether everybody of the workspace has it, or its maker alone.
    shared: bool,
    filter: ViewFilter,
    created_at: Timestamp,
    updated_at: Timestamp,
    #[oai(skip)]
    user_id: Option<String>,
}

#[derive(Object, Deserialize)]
pub struct CreateView {
    name: String,
    #[serde(default)]
    #[oai(default)]
    filter: ViewFilter,
    /// For everybody; owners and admins alone.
    #[serde(default)]
    #[oai(default)]
    shared: bool,
}

#[derive(Object, Deserialize, Default)]
#[serde(default)]
pub struct UpdateView {
    name: Option<String>,
    /// In place of the whole filter.
    filter: Option<ViewFilter>,
}

pub struct ViewsApi;

#[OpenApi(prefix_path = "/api/workspaces/:ws/views", tag = "Tag::Conversations")]
impl ViewsApi {
    /// Everybody's saved views and one's own, by name
    #[oai(path = "/", method = "get", operation_id = "list_views")]
    async fn list_views(&self, app: Data<&App>, who: Member, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<View>> {
        let paging = Paging::new(limit.0, offset.0, who.flat)?;
        let (data, total) = app.db.read(|connection| list(connection, &who, paging))?;
        Ok(Listing { data, total, paging, flat: who.flat })
    }

    /// Save a view of the inbox
    #[oai(path = "/", method = "post", operation_id = "create_view")]
    async fn create_view(&self, app: Data<&App>, who: Member, body: Body<CreateView>) -> Result<Created<View>> {
        let (name, filter, shared, now) = (check_name("name", &body.0.name, 120)?, body.0.filter, body.0.shared, app.now());
        filter.check()?;
        refuse_shared(&who, shared)?;
        let made = View { id: app.new_id(prefix::VIEW), name, shared, filter, created_at: now, updated_at: now, user_id: (!shared).then(|| who.user_id.clone()) };
        app.db.write(move |tx| insert(tx, &who.workspace_id, &made).map(|()| Created(made))).await
    }

    /// Change a saved view
    #[oai(path = "/:id", method = "patch", operation_id = "update_view")]
    async fn update_view(&self, app: Data<&App>, who: Member, id: Path<String>, body: Body<UpdateView>) -> Result<Json<View>> {
        let now = app.now();
        app.db
            .write(move |tx| {
                let mut found = get(tx, &who, &id)?;
                found.name = body.0.name.map_or(Ok(found.name), |name| check_name("name", &name, 120))?;
                found.filter = body.0.filter.unwrap_or(found.filter);
                found.filter.check()?;
                found.updated_at = now;
                update(tx, &who.workspace_id, &found)?;
                Ok(Json(found))
            })
            .await
    }

    /// Delete a saved view
    #[oai(path = "/:id", method = "delete", operation_id = "delete_view")]
    async fn delete_view(&self, app: Data<&App>, who: Member, id: Path<String>) -> Result<NoContent> {
        app.db
            .write(move |tx| {
                let found = get(tx, &who, &id)?;
                tx.prepare_cached("delete from inbox_views where workspace_id = ?1 and id = ?2")?.execute((&who.workspace_id, &found.id))?;
                Ok(NoContent)
            })
            .await
    }
}

fn refuse_shared(who: &Caller, shared: bool) -> Result<()> {
    if shared && !who.is_admin() { Err(Error::forbidden("Only owners and admins make and change the views that everybody has.")) } else { Ok(()) }
}

const VIEW: &str = "id, name, user_id, filter, created_at, updated_at";

fn one(row: &Row<'_>) -> rusqlite::Result<View> {
    let user_id: Option<String> = row.get(2)?;
    Ok(View {
        id: row.get(0)?,
        name: row.get(1)?,
        shared: user_id.is_none(),
        filter: serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default(),
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
        user_id,
    })
}

fn list(connection: &Connection, who: &Caller, paging: Paging) -> Result<(Vec<View>, i64)> {
    let rows = connection
        .prepare_cached(&format!("select {VIEW} from inbox_views where workspace_id = ?1 and (user_id is null or user_id = ?2) order by name, row limit ?3 offset ?4"))?
        .query_map((&who.workspace_id, &who.user_id, paging.limit, paging.offset), one)?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection
        .prepare_cached("select count(*) from inbox_views where workspace_id = ?1 and (user_id is null or user_id = ?2)")?
        .query_row((&who.workspace_id, &who.user_id), |row| row.get(0))?;
    Ok((rows, total))
}

/// A view that the caller may change; others' own are not found.
fn get(connection: &Connection, who: &Caller, id: &str) -> Result<View> {
    let found = connection
        .prepare_cached(&format!("select {VIEW} from inbox_views where workspace_id = ?1 and id = ?2 and (user_id is null or user_id = ?3)"))?
        .query_row((&who.workspace_id, id, &who.user_id), one)
        .optional()?
        .ok_or_else(|| Error::not_found("view"))?;
    refuse_shared(who, found.shared)?;
    Ok(found)
}

fn taken() -> Error {
    Error::conflict("Another view has this name.").detail("name", "is taken")
}

fn insert(tx: &Tx<'_>, workspace_id: &str, new: &View) -> Result<()> {
    tx.prepare_cached("insert into inbox_views (id, workspace_id, user_id, name, filter, created_at, updated_at) values (:id, :ws, :user_id, :name, :filter, :now, :now)")?
        .execute(named_params! {
            ":id": new.id, ":ws": workspace_id, ":user_id": new.user_id, ":name": new.name, ":filter": serde_json::to_string(&new.filter)?, ":now": new.created_at,
        })
        .map_err(on_unique("inbox_views_by_name", taken))?;
    Ok(())
}

fn update(tx: &Tx<'_>, workspace_id: &str, new: &View) -> Result<()> {
    tx.prepare_cached("update inbox_views set name = ?3, filter = ?4, updated_at = ?5 where workspace_id = ?1 and id = ?2")?
        .execute((workspace_id, &new.id, &new.name, serde_json::to_string(&new.filter)?, new.updated_at))
        .map_err(on_unique("inbox_views_by_name", taken))?;
    Ok(())
}
