//! Asking somebody into a workspace: a link that is good once, for seven days. It is mailed where mail is set up, and always
//! given to whoever invites, so that it works without.

use std::time::Duration;

use poem::{Request, web::Data};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::{Json, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{service, store};
use crate::{
    access::{
        self, Anyone, Caller, Editor, Role, User,
        model::{SESSION_REMEMBERED, check_email},
        new_session, session_cookie,
    },
    app::App,
    audit::{self, Action, NewEntry},
    clock::Timestamp,
    error::{Error, Result},
    events::Kind,
    http::{Body, Created, Listing, NoContent, Paging, Tag},
    ids::prefix,
    mail::{self, Letter},
    secrets::sha256_hex,
};

const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

pub struct InvitationsApi;

/// Somebody who is asked into a workspace.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct Invitation {
    pub id: String,
    pub email: String,
    pub role: Role,
    /// The user who invites.
    pub invited_by: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// What to send to the person; shown this once.
    #[oai(skip_serializing_if_is_none)]
    pub link: Option<String>,
    /// Whether the link is also on its way by mail.
    #[oai(skip_serializing_if_is_none)]
    pub mailed: Option<bool>,
}

#[derive(Object, Deserialize)]
pub struct CreateInvitation {
    email: String,
    role: Role,
}

/// Who invites whom to what.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct OpenInvitation {
    pub workspace_name: String,
    /// Null where they are gone.
    pub inviter_name: Option<String>,
    pub email: String,
    pub role: Role,
    pub expires_at: Timestamp,
    /// Whether to sign in, or to make an account, to accept.
    pub account_exists: bool,
}

#[derive(Object, Deserialize)]
pub struct AcceptInvitation {
    /// For somebody new.
    name: Option<String>,
    password: Option<String>,
}

#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct AcceptedInvitation {
    workspace_id: String,
    role: Role,
    user: Option<User>,
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/invitations", tag = "Tag::Workspaces")]
impl InvitationsApi {
    /// Who is invited and has not come yet
    #[oai(path = "/", method = "get", operation_id = "list_invitations")]
    async fn list_invitations(&self, app: Data<&App>, who: Editor, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<Invitation>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        let (data, total) = app.db.read(|connection| store::list_invitations(connection, &who.workspace_id, app.now(), paging.limit, paging.offset))?;
        Ok(Listing { data, total, paging, flat: false })
    }

    /// Invite somebody; the link is good once, for seven days
    #[oai(path = "/", method = "post", operation_id = "create_invitation")]
    async fn create_invitation(&self, app: Data<&App>, who: Editor, body: Body<CreateInvitation>) -> Result<Created<Invitation>> {
        invite(&app, who.0, body.0).await.map(Created)
    }

    /// Send an invitation again: a new link for seven days more, in place of the one before
    #[oai(path = "/:id/resend", method = "post", operation_id = "resend_invitation")]
    async fn resend_invitation(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<Json<Invitation>> {
        resend(&app, who.0, &id.0).await.map(Json)
    }

    /// Take an invitation back
    #[oai(path = "/:id", method = "delete", operation_id = "delete_invitation")]
    async fn delete_invitation(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<NoContent> {
        let (ids, now, entry) = (app.ids.clone(), app.now(), who.entry(Action::InvitationRevoked).on(&id.0));
        let workspace_id = who.0.workspace_id;
        app.db
            .write(move |tx| {
                if !store::delete_invitation(tx, &workspace_id, &id.0, now)? {
                    return Err(Error::not_found("invitation"));
                }
                audit::record(tx, &ids, now, &entry)
            })
            .await?;
        Ok(NoContent)
    }
}

pub struct OpenInvitationsApi;

#[OpenApi(prefix_path = "/api/invitations", tag = "Tag::Auth")]
impl OpenInvitationsApi {
    /// Who invites whom to what
    #[oai(path = "/:token", method = "get", operation_id = "get_invitation")]
    async fn get_invitation(&self, app: Data<&App>, _who: Anyone, token: Path<String>) -> Result<Json<OpenInvitation>> {
        app.db.read(|connection| store::find_open_invitation(connection, &sha256_hex(&token.0), app.now()))?.map(Json).ok_or_else(gone)
    }

    /// Accept an invitation, as the person signed in or as a new one
    #[oai(path = "/:token/accept", method = "post", operation_id = "accept_invitation")]
    async fn accept_invitation(&self, app: Data<&App>, request: &Request, who: Anyone, token: Path<String>, body: Body<AcceptInvitation>) -> Result<Response<Json<AcceptedInvitation>>> {
        access::take_try(&app, who.address)?;
        let address = who.address;
        let accepted = accept(&app, request, who, &token.0, body.0).await?;
        access::give_back_try(&app, address);
        Ok(accepted)
    }
}

fn gone() -> Error {
    Error::not_found("invitation: it was used, taken back, or is over. Ask for a new one")
}

async fn invite(app: &App, who: Caller, body: CreateInvitation) -> Result<Invitation> {
    let email = check_email(&body.email)?;
    owners_only(&who, body.role)?;
    let (now, token) = (app.now(), app.ids.secret(40));
    let link = link(app, &token);
    let mut invitation =
        Invitation { id: app.new_id(prefix::INVITATION), email, role: body.role, invited_by: who.user_id.clone(), created_at: now, expires_at: now.plus(LIFETIME), link: None, mailed: None };
    let letter = if mail::is_configured(app) { Some(mail::seal(app, &letter(app, &who, &invitation, &link)?)?) } else { None };
    let mailed = letter.is_some();
    let (ids, row) = (app.ids.clone(), invitation.clone());
    app.db
        .write(move |tx| {
            if access::store::find_user_by_email(tx, &row.email)?.is_some_and(|user| store::find_member(tx, &who.workspace_id, &user.id).is_ok_and(|member| member.is_some())) {
                return Err(Error::conflict("This person is already a member of the workspace.").detail("email", "is a member's"));
            }
            store::insert_invitation(tx, &who.workspace_id, &row, &sha256_hex(&token), now)?;
            if let Some(sealed) = letter {
                mail::enqueue(tx, &ids, now, Some(&who.workspace_id), &sealed)?;
            }
            audit::record(tx, &ids, now, &who.entry(Action::InvitationCreated).on(&row.id).with(json!({"email": row.email, "role": row.role.name()})))
        })
        .await?;
    app.jobs.wake();
    invitation.link = Some(link);
    invitation.mailed = Some(mailed);
    Ok(invitation)
}

/// An owner's link is not for an admin, who could come in by it.
fn owners_only(who: &Caller, role: Role) -> Result<()> {
    if role == Role::Owner && who.role < Role::Owner { Err(Error::forbidden("Only an owner makes owners.")) } else { Ok(()) }
}

fn link(app: &App, token: &str) -> String {
    format!("{}/invitations/{token}", app.config.public_url())
}

/// Only the hash of a link is kept, so that another one is made; from now on it is the sender's invitation.
async fn resend(app: &App, who: Caller, id: &str) -> Result<Invitation> {
    let (now, token) = (app.now(), app.ids.secret(40));
    let link = link(app, &token);
    let known = app.db.read(|connection| store::find_invitation(connection, &who.workspace_id, id, now))?.ok_or_else(|| Error::not_found("invitation"))?;
    owners_only(&who, known.role)?;
    let mut invitation = Invitation { invited_by: who.user_id.clone(), expires_at: now.plus(LIFETIME), ..known };
    let letter = if mail::is_configured(app) { Some(mail::seal(app, &letter(app, &who, &invitation, &link)?)?) } else { None };
    invitation.mailed = Some(letter.is_some());
    let (ids, row) = (app.ids.clone(), invitation.clone());
    app.db
        .write(move |tx| {
            if !store::renew_invitation(tx, &who.workspace_id, &row, &sha256_hex(&token), now)? {
                return Err(Error::not_found("invitation"));
            }
            if let Some(sealed) = letter {
                mail::enqueue(tx, &ids, now, Some(&who.workspace_id), &sealed)?;
            }
            audit::record(tx, &ids, now, &who.entry(Action::InvitationCreated).on(&row.id).with(json!({"email": row.email, "role": row.role.name(), "again": true})))
        })
        .await?;
    app.jobs.wake();
    invitation.link = Some(link);
    Ok(invitation)
}

fn letter(app: &App, who: &Caller, invitation: &Invitation, link: &str) -> Result<Letter> {
    let (inviter, workspace) = app.db.read(|connection| {
        let inviter = access::store::find_user(connection, &who.user_id)?.map_or_else(|| "Somebody".to_owned(), |user| user.name);
        let workspace = store::find_workspace(connection, &who.workspace_id, who.role)?.ok_or_else(|| Error::not_found("workspace"))?;
        Ok((inviter, workspace.name))
    })?;
    let text = format!(
        "Hello,\n\n{inviter} invites you to the workspace {workspace} at {}, as {}. Accept within seven days:\n\n{link}\n\nIf you do not know why, do nothing.\n",
        app.config.public_url(),
        invitation.role.name(),
    );
    Ok(Letter { to: invitation.email.clone(), subject: format!("{inviter} invites you to {workspace}"), text })
}

async fn accept(app: &App, request: &Request, who: Anyone, token: &str, body: AcceptInvitation) -> Result<Response<Json<AcceptedInvitation>>> {
    let (now, hash) = (app.now(), sha256_hex(token));
    let open = app.db.read(|connection| store::find_open_invitation(connection, &hash, now))?.ok_or_else(gone)?;
    let signed_in = match &who.user_id {
        Some(user_id) => app.db.read(|connection| access::store::find_user(connection, user_id))?,
        None => None,
    };
    let new = match &signed_in {
        Some(user) if access::model::email_key(&user.email) == access::model::email_key(&open.email) => None,
        Some(_) => return Err(Error::forbidden("This invitation is for another email. Sign out, and open its link again.")),
        None if open.account_exists => return Err(Error::unauthorized("There is an account for this email already. Sign in with it, and open the link again.").context("auth")),
        None => {
            let name = body.name.ok_or_else(|| Error::invalid("name", "is required for a new account"))?;
            let password = body.password.ok_or_else(|| Error::invalid("password", "is required for a new account"))?;
            Some(service::prepare_user(app, &open.email, &name, Some(password)).await?)
        }
    };
    let is_new = new.is_some();
    let (ids, address, old_id) = (app.ids.clone(), who.address, signed_in.map(|user| user.id));
    let (user_id, workspace_id, role) = app
        .db
        .write(move |tx| {
            let (invitation, workspace_id, role) = store::take_invitation(tx, &hash, now)?.ok_or_else(gone)?;
            let user_id = match (new, old_id) {
                (Some(new), _) => {
                    access::store::insert_user(tx, &new.user, new.password_hash.as_deref())?;
                    new.user.id
                }
                (None, Some(id)) => id,
                (None, None) => return Err(Error::internal("an invitation is accepted by nobody")),
            };
            access::store::insert_member(tx, &workspace_id, &user_id, role, now)?;
            service::tell_member(tx, &ids, Kind::MemberJoined, &workspace_id, &user_id, now)?;
            let entry = NewEntry::new(Action::MemberJoined).by(&user_id).within(&workspace_id).on(&user_id).from(address.0);
            audit::record(tx, &ids, now, &entry.with(json!({"role": role.name(), "invitation": invitation})))?;
            Ok((user_id, workspace_id, role))
        })
        .await?;
    let user = app.db.read(|connection| access::store::find_user(connection, &user_id))?;
    let answer = AcceptedInvitation { workspace_id, role, user };
    if !is_new {
        return Ok(Response::new(Json(answer)));
    }
    let user_agent = request.header(poem::http::header::USER_AGENT).map(str::to_owned);
    let (session, _) = new_session(app, &user_id, SESSION_REMEMBERED, user_agent, who.address).await?;
    Ok(access::with_cookie(answer, &session_cookie(app, &session, SESSION_REMEMBERED)))
}
