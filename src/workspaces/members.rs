//! Who is in a workspace, as what, and how they go.

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{service, store};
use crate::{
    access::{self, Caller, Editor, Member, Role, Viewer},
    app::App,
    audit::{self, Action},
    clock::Timestamp,
    error::{Error, Result},
    events::Kind,
    http::{Body, Listing, NoContent, Paging, Tag},
};

pub struct MembersApi;

/// Somebody in a workspace.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceMember {
    pub user_id: String,
    pub email: String,
    pub name: String,
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
}

/// Somebody who answers people, as whoever works beside them may know.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct Colleague {
    pub user_id: String,
    pub name: String,
}

#[derive(Object, Deserialize)]
pub struct ChangeMember {
    role: Role,
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/members", tag = "Tag::Workspaces")]
impl MembersApi {
    /// Who is in the workspace
    #[oai(path = "/", method = "get", operation_id = "list_members")]
    async fn list_members(&self, app: Data<&App>, who: Editor, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<WorkspaceMember>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        let (data, total) = app.db.read(|connection| store::list_members(connection, &who.workspace_id, paging.limit, paging.offset))?;
        Ok(Listing { data, total, paging, flat: false })
    }

    /// Give a member another role; only owners make owners, and change them
    #[oai(path = "/:userId", method = "patch", operation_id = "update_member")]
    async fn update_member(&self, app: Data<&App>, who: Editor, #[oai(name = "userId")] user_id: Path<String>, body: Body<ChangeMember>) -> Result<Json<WorkspaceMember>> {
        set_role(&app, who.0, user_id.0, body.0.role).await.map(Json)
    }

    /// Remove a member, or leave the workspace oneself
    #[oai(path = "/:userId", method = "delete", operation_id = "remove_member")]
    async fn remove_member(&self, app: Data<&App>, who: Viewer, #[oai(name = "userId")] user_id: Path<String>) -> Result<NoContent> {
        remove(&app, who.0, user_id.0).await?;
        Ok(NoContent)
    }
}

pub struct ColleaguesApi;

#[OpenApi(prefix_path = "/api/workspaces/:ws/colleagues", tag = "Tag::Workspaces")]
impl ColleaguesApi {
    /// To whom a conversation or a ticket can be given: names and ids, for everybody who gives them; by name
    #[oai(path = "/", method = "get", operation_id = "list_colleagues")]
    async fn list_colleagues(&self, app: Data<&App>, who: Member, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<Colleague>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        let (data, total) = app.db.read(|connection| store::list_colleagues(connection, &who.workspace_id, paging.limit, paging.offset))?;
        Ok(Listing { data, total, paging, flat: false })
    }
}

/// Owners are the business of owners.
fn owners_only(who: &Caller, concerns_an_owner: bool) -> Result<()> {
    if concerns_an_owner && who.role < Role::Owner { Err(Error::forbidden("Only an owner makes, changes or removes owners.")) } else { Ok(()) }
}

async fn set_role(app: &App, who: Caller, user_id: String, role: Role) -> Result<WorkspaceMember> {
    let (ids, now) = (app.ids.clone(), app.now());
    app.db
        .write(move |tx| {
            let mut member = store::find_member(tx, &who.workspace_id, &user_id)?.ok_or_else(|| Error::not_found("member"))?;
            owners_only(&who, member.role == Role::Owner || role == Role::Owner)?;
            if member.role == role {
                return Ok(member);
            }
            let entry = who.entry(Action::RoleChanged).on(&user_id).with(json!({"from": member.role.name(), "to": role.name()}));
            store::set_role(tx, &who.workspace_id, &user_id, role)?;
            expect_an_owner(tx, &who.workspace_id)?;
            audit::record(tx, &ids, now, &entry)?;
            member.role = role;
            Ok(member)
        })
        .await
}

async fn remove(app: &App, who: Caller, user_id: String) -> Result<()> {
    let (ids, now) = (app.ids.clone(), app.now());
    app.db
        .write(move |tx| {
            let member = store::find_member(tx, &who.workspace_id, &user_id)?.ok_or_else(|| Error::not_found("member"))?;
            if who.user_id != user_id && !who.is_admin() {
                return Err(Error::forbidden("Only owners and admins remove others."));
            }
            owners_only(&who, member.role == Role::Owner)?;
            service::tell_member(tx, &ids, Kind::MemberLeft, &who.workspace_id, &user_id, now)?;
            store::delete_member(tx, &who.workspace_id, &user_id)?;
            expect_an_owner(tx, &who.workspace_id)?;
            if access::store::find_first_workspace(tx, &user_id)?.is_none() {
                // Nothing is left here that their sessions could be for.
                access::store::delete_sessions(tx, &user_id, None)?;
            }
            audit::record(tx, &ids, now, &who.entry(Action::MemberRemoved).on(&user_id).with(json!({"role": member.role.name(), "left": who.user_id == user_id})))
        })
        .await
}

/// Undoes, by its error, a change that would leave the workspace to nobody.
fn expect_an_owner(tx: &crate::db::Tx<'_>, workspace_id: &str) -> Result<()> {
    if store::has_owner(tx, workspace_id)? {
        return Ok(());
    }
    Err(Error::conflict("This is the workspace's last owner. Make somebody else an owner first."))
}
