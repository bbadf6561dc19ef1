//! Who sees a private project and who may change its documents. Admins always do both.

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde::Deserialize;

use super::{
    model::{ProjectMember, ProjectRole},
    store::{self, Sees},
};
use crate::{
    access::{Caller, Editor, Member},
    app::App,
    error::{Code, Error, Result},
    http::{Body, Created, Listing, NoContent, Paging, Tag},
};

pub struct ProjectMembersApi;

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct AddProjectMember {
    user_id: String,
    role: ProjectRole,
}

#[derive(Object, Deserialize)]
pub struct UpdateProjectMember {
    role: ProjectRole,
}

/// The project that the address names, as far as the caller may see it.
pub(super) fn seen(app: &App, who: &Caller, id: &str) -> Result<i64> {
    app.db.read(|connection| store::find_project_row(connection, &who.workspace_id, id, Sees::from(who)))?.ok_or_else(|| Error::not_found("project"))
}

/// The same where the caller may change its documents: an admin, or an editor of this project. Everyone else gets one
/// answer, whether the project is there or not.
pub(super) fn editable(app: &App, who: &Caller, id: &str) -> Result<i64> {
    if !who.is_admin() && !app.db.read(|connection| store::is_editor(connection, &who.workspace_id, id, &who.user_id))? {
        return Err(Error::new(Code::Forbidden, "Changing this project's documents takes an admin, or an editor of this private project."));
    }
    seen(app, who, id)
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/projects", tag = "Tag::Knowledge")]
impl ProjectMembersApi {
    /// Who sees a private project, besides the admins
    #[oai(path = "/:id/members", method = "get", operation_id = "list_project_members")]
    async fn list_project_members(&self, app: Data<&App>, who: Member, id: Path<String>, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<ProjectMember>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        let project = seen(&app, &who, &id)?;
        Ok(Listing::of(app.db.read(|connection| store::list_members(connection, &who.workspace_id, project))?, paging))
    }

    /// Let somebody see a private project, or change its documents too
    #[oai(path = "/:id/members", method = "post", operation_id = "add_project_member")]
    async fn add_project_member(&self, app: Data<&App>, who: Editor, id: Path<String>, body: Body<AddProjectMember>) -> Result<Created<ProjectMember>> {
        put(&app, &who, &id, body.0.user_id, body.0.role).await.map(Created)
    }

    /// Give a member of a project another role
    #[oai(path = "/:id/members/:user_id", method = "patch", operation_id = "update_project_member")]
    async fn update_project_member(&self, app: Data<&App>, who: Editor, id: Path<String>, user_id: Path<String>, body: Body<UpdateProjectMember>) -> Result<Json<ProjectMember>> {
        find(&app, &who, seen(&app, &who, &id)?, &user_id)?;
        put(&app, &who, &id, user_id.0, body.0.role).await.map(Json)
    }

    /// Take a private project away from somebody
    #[oai(path = "/:id/members/:user_id", method = "delete", operation_id = "remove_project_member")]
    async fn remove_project_member(&self, app: Data<&App>, who: Editor, id: Path<String>, user_id: Path<String>) -> Result<NoContent> {
        let project = seen(&app, &who, &id)?;
        let workspace_id = who.workspace_id.clone();
        let found = app.db.write(move |tx| store::delete_member(tx, &workspace_id, project, &user_id)).await?;
        if found { Ok(NoContent) } else { Err(Error::not_found("member")) }
    }
}

async fn put(app: &App, who: &Caller, id: &str, user_id: String, role: ProjectRole) -> Result<ProjectMember> {
    let project = seen(app, who, id)?;
    let (workspace_id, now, member) = (who.workspace_id.clone(), app.now(), user_id.clone());
    app.db.write(move |tx| store::put_member(tx, &workspace_id, project, &member, role, now)).await?;
    find(app, who, project, &user_id)
}

fn find(app: &App, who: &Caller, project: i64, user_id: &str) -> Result<ProjectMember> {
    let members = app.db.read(|connection| store::list_members(connection, &who.workspace_id, project))?;
    members.into_iter().find(|member| member.user_id == user_id).ok_or_else(|| Error::not_found("member"))
}
