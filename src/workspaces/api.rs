//! The operations on workspaces, and the first set-up.

use poem::{Request, web::Data};
use poem_openapi::{
    Object, OpenApi,
    param::Query,
    payload::{Json, Response},
    types::MaybeUndefined,
};
use serde::Deserialize;

use super::{
    model::{Settings, Workspace, check_workspace_name},
    service, store,
};
use crate::{
    access::{self, Anyone, Editor, Known, User, Via, Viewer, model::SESSION_REMEMBERED, new_session, session_cookie},
    app::App,
    clock::Timestamp,
    config::WhoMayCreate,
    error::{Error, Result},
    http::{Body, Created, Listing, Merge, Paging, Tag, patch},
    ids::prefix,
    secrets::sha256_hex,
};

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
    name: Option<String>,
    description: MaybeUndefined<String>,
    default_model: MaybeUndefined<String>,
    allowed_models: Option<Vec<String>>,
    settings: Option<Merge<Settings>>,
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Auth")]
impl SetupApi {
    /// Make the first user and the first workspace, once
    #[oai(path = "/setup", method = "post", operation_id = "set_up")]
    async fn set_up(&self, app: Data<&App>, request: &Request, who: Anyone, body: Body<SetUp>) -> Result<Response<Json<SetUpDone>>> {
        app.limits.signin_address.check(&who.address.limit_key()).map_err(|error| error.context("auth"))?;
        let body = body.0;
        let workspace = check_workspace_name("workspace", &body.workspace)?;
        let new = service::prepare_user(&app, &body.email, &body.name, Some(body.password)).await?;
        let (user_id, workspace_id) = service::set_up(&app, new, workspace, Some(sha256_hex(&body.token))).await?;
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
            return Err(Error::forbidden("Only owners and admins of a workspace may make another one."));
        }
        let (id, now, user_id) = (app.new_id(prefix::WORKSPACE), app.now(), who.user_id);
        let workspace = app
            .db
            .write(move |tx| {
                service::create_workspace(tx, &id, &user_id, &body.0.name, body.0.description.as_deref(), now)?;
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
        let (now, who, change) = (app.now(), who.0, body.0);
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
                    workspace.settings = settings.over("settings", &workspace.settings)?;
                    workspace.settings.check()?;
                }
                workspace.updated_at = now;
                store::update_workspace(tx, &workspace, now)?;
                Ok(Json(workspace))
            })
            .await
    }
}

