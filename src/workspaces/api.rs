//! The operations on workspaces, and the first set-up.

use poem::{Request, web::Data};
use poem_openapi::{
    Object, OpenApi,
    param::Query,
    payload::{Json, Response},
    types::MaybeUndefined,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    model::{Settings, other_forms, Workspace, check_workspace_name},
    service, store,
};
use crate::{
    access::{self, Anyone, Editor, Known, Owner, User, Via, Viewer, model::SESSION_REMEMBERED, new_session, session_cookie},
    app::App,
    audit::{self, Action, NewEntry},
    clock::Timestamp,
    config::WhoMayCreate,
    error::{Error, Result},
    http::{Body, Created, Listing, Merge, NoContent, Paging, Tag, patch},
    jobs::{self, NewJob},
    ids::prefix,
    secrets::sha256_hex,
};

/// The kind of job that takes out what a deleted workspace had.
pub const REMOVE_JOB: &str = "workspaces.remove";

pub struct SetupApi;
pub struct WorkspacesApi;

#[derive(Object, Deserialize)]
pub struct SetUp {
    /// From the link that the server printed at its first start.
    token: String,
    name: String,
    email: String,
    password: String,
    /// The first workspace's name.
    workspace: String,
}

#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct SetUpDone {
    user: Option<User>,
    expires: Timestamp,
    workspace_id: String,
}

#[derive(Object, Deserialize)]
pub struct CreateWorkspace {
    name: String,
    description: Option<String>,
}

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub struct UpdateWorkspace {
    #[serde(deserialize_with = "crate::http::not_null")]
    name: Option<String>,
    description: MaybeUndefined<String>,
    default_model: MaybeUndefined<String>,
    #[serde(deserialize_with = "crate::http::not_null")]
    allowed_models: Option<Vec<String>>,
    #[serde(deserialize_with = "crate::http::not_null")]
    settings: Option<Merge<Settings>>,
}

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct TransferWorkspace {
    user_id: String,
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Auth")]
impl SetupApi {
    /// Make the first user and the first workspace, once
    #[oai(path = "/setup", method = "post", operation_id = "set_up")]
    async fn set_up(&self, app: Data<&App>, request: &Request, who: Anyone, body: Body<SetUp>) -> Result<Response<Json<SetUpDone>>> {
        access::take_try(&app, who.address)?;
        let body = body.0;
        let workspace = check_workspace_name("workspace", &body.workspace)?;
        let new = service::prepare_user(&app, &body.email, &body.name, Some(body.password)).await?;
        let (user_id, workspace_id) = service::set_up(&app, new, workspace, Some(sha256_hex(&body.token))).await?;
        access::give_back_try(&app, who.address);
        let user_agent = request.header(poem::http::header::USER_AGENT).map(str::to_owned);
        let (token, expires) = new_session(&app, &user_id, SESSION_REMEMBERED, user_agent, who.address).await?;
        let user = app.db.read(|connection| access::store::find_user(connection, &user_id))?;
        Ok(access::with_cookie(SetUpDone { user, expires, workspace_id }, &session_cookie(&app, &token, SESSION_REMEMBERED)))
    }
}

#[OpenApi(prefix_path = "/api/workspaces", tag = "Tag::Workspaces")]
impl WorkspacesApi {
    /// One's workspaces; a token sees its own alone
    #[oai(path = "/", method = "get", operation_id = "list_workspaces")]
    async fn list_workspaces(&self, app: Data<&App>, who: Known, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<Workspace>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        let (data, total) =
            app.db.read(|connection| store::list_workspaces(connection, &who.user_id, who.only_workspace.as_deref(), paging.limit, paging.offset))?;
        Ok(Listing { data, total, paging, flat: false })
    }

    /// Make a workspace
    #[oai(path = "/", method = "post", operation_id = "create_workspace")]
    async fn create_workspace(&self, app: Data<&App>, who: Known, body: Body<CreateWorkspace>) -> Result<Created<Workspace>> {
        if matches!(who.via, Via::Token { .. }) {
            return Err(Error::forbidden("An API token reaches one workspace and cannot make others. Sign in with your browser."));
        }
        let may = app.config.workspaces.create == WhoMayCreate::Everyone || app.db.read(|connection| store::is_admin_anywhere(connection, &who.user_id))?;
        if !may {
            return Err(Error::forbidden("On this server only owners and admins of a workspace make others. Ask a colleague to invite you to theirs."));
        }
        let (ids, id, now, user_id) = (app.ids.clone(), app.new_id(prefix::WORKSPACE), app.now(), who.user_id);
        let workspace = app
            .db
            .write(move |tx| {
                service::create_workspace(tx, &id, &user_id, &body.0.name, body.0.description.as_deref(), now)?;
                audit::record(tx, &ids, now, &NewEntry::new(Action::WorkspaceCreated).by(&user_id).within(&id).on(&id))?;
                store::find_workspace(tx, &id, access::Role::Owner)
            })
            .await?;
        workspace.map(Created).ok_or_else(|| Error::not_found("workspace"))
    }

    /// One workspace
    #[oai(path = "/:ws", method = "get", operation_id = "get_workspace")]
    async fn get_workspace(&self, app: Data<&App>, who: Viewer) -> Result<Json<Workspace>> {
        app.db.read(|connection| store::find_workspace(connection, &who.workspace_id, who.role))?.map(Json).ok_or_else(|| Error::not_found("workspace"))
    }

    /// Change a workspace
    #[oai(path = "/:ws", method = "patch", operation_id = "update_workspace")]
    async fn update_workspace(&self, app: Data<&App>, who: Editor, body: Body<UpdateWorkspace>) -> Result<Json<Workspace>> {
        let (ids, now, who, change) = (app.ids.clone(), app.now(), who.0, body.0);
        app.db
            .write(move |tx| {
                let mut workspace = store::find_workspace(tx, &who.workspace_id, who.role)?.ok_or_else(|| Error::not_found("workspace"))?;
                if let Some(name) = change.name {
                    workspace.name = check_workspace_name("name", &name)?;
                    if store::name_is_taken(tx, &who.user_id, &workspace.name, Some(&workspace.id))? {
                        return Err(Error::conflict("You already have a workspace of this name.").detail("name", "is taken"));
                    }
                }
                patch(&mut workspace.description, change.description);
                patch(&mut workspace.default_model, change.default_model);
                workspace.allowed_models = change.allowed_models.unwrap_or(workspace.allowed_models);
                if let Some(settings) = change.settings {
                    workspace.settings = settings.in_one_form(other_forms).over("settings", &workspace.settings)?;
                    workspace.settings.check()?;
                }
                workspace.updated_at = now;
                store::update_workspace(tx, &workspace, now)?;
                audit::record(tx, &ids, now, &who.entry(Action::WorkspaceUpdated).on(&workspace.id))?;
                Ok(Json(workspace))
            })
            .await
    }

    /// Make another member the owner; one becomes an admin oneself
    #[oai(path = "/:ws/transfer", method = "post", operation_id = "transfer_workspace")]
    async fn transfer_workspace(&self, app: Data<&App>, who: Owner, body: Body<TransferWorkspace>) -> Result<Json<Workspace>> {
        let (ids, now, who, heir) = (app.ids.clone(), app.now(), who.0, body.0.user_id);
        if heir == who.user_id {
            return Err(Error::invalid("userId", "is your own; choose another member"));
        }
        app.db
            .write(move |tx| {
                store::find_member(tx, &who.workspace_id, &heir)?.ok_or_else(|| Error::invalid("userId", "is not a member's"))?;
                store::set_role(tx, &who.workspace_id, &heir, access::Role::Owner)?;
                store::set_role(tx, &who.workspace_id, &who.user_id, access::Role::Admin)?;
                audit::record(tx, &ids, now, &who.entry(Action::WorkspaceTransferred).on(&who.workspace_id).with(json!({"to": heir})))?;
                store::find_workspace(tx, &who.workspace_id, access::Role::Admin)?.map(Json).ok_or_else(|| Error::not_found("workspace"))
            })
            .await
    }

    /// Delete a workspace with everything in it
    #[oai(path = "/:ws", method = "delete", operation_id = "delete_workspace")]
    async fn delete_workspace(
        &self,
        app: Data<&App>,
        who: Owner,
        /// The workspace's name, so that it is this one that is meant.
        confirm: Query<Option<String>>,
    ) -> Result<NoContent> {
        let (ids, now, who) = (app.ids.clone(), app.now(), who.0);
        app.db
            .write(move |tx| {
                let workspace = store::find_workspace(tx, &who.workspace_id, who.role)?.ok_or_else(|| Error::not_found("workspace"))?;
                if confirm.0.as_deref() != Some(workspace.name.as_str()) {
                    return Err(Error::invalid("confirm", "must be the workspace's name, because everything in it will be gone"));
                }
                // At once in nobody's reach; a job takes out what there is.
                store::delete_members(tx, &workspace.id)?;
                let job = NewJob { kind: REMOVE_JOB, workspace_id: None, payload: json!({"workspaceId": workspace.id}), lane: None, run_at: now };
                jobs::enqueue(tx, &ids, now, &job)?;
                // The workspace's own log goes with it; this line stays.
                let mut entry = who.entry(Action::WorkspaceDeleted).on(&workspace.id).with(json!({"name": workspace.name}));
                entry.workspace_id = None;
                audit::record(tx, &ids, now, &entry)
            })
            .await?;
        app.jobs.wake();
        Ok(NoContent)
    }
}

