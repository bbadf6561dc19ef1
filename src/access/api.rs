//! Signing in and out, one's own account, and API tokens.

use std::time::Duration;

use poem::{Request, web::Data};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::{Json, Response},
    types::{MaybeUndefined, ToJSON},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Anyone, Member, Person,
    cookie::{self, clear_cookie, new_session, session_cookie},
    credentials::{check_password_rules, require_second_factor, sign_in_user},
    model::{SESSION_REMEMBERED, SESSION_SHORT, Session, Token, User, check_avatar, check_name},
    second_factor::record_account,
    store::{self, LinkKind},
};
use crate::{
    app::App,
    audit::{self, Action, NewEntry},
    clock::Timestamp,
    error::{Error, Result},
    http::{Body, Created, Listing, NoContent, Paging},
    ids::prefix,
    secrets::{self, sha256_hex},
};

pub struct AuthApi;
pub struct AccountApi;
pub struct TokensApi;

#[derive(Object, Deserialize)]
pub struct Credentials {
    email: String,
    password: String,
    /// Stay signed in for 30 days of use instead of 12 hours.
    #[oai(default)]
    #[serde(default)]
    remember: bool,
    /// Of the authenticator app, or a recovery code, where the account has a second factor.
    code: Option<String>,
}

#[derive(Object, Deserialize)]
pub struct LinkToken {
    token: String,
}

/// Who is signed in, and until when; both empty for nobody.
#[derive(Object)]
pub struct SessionState {
    #[oai(skip_serializing_if_is_none)]
    user: Option<User>,
    #[oai(skip_serializing_if_is_none)]
    expires: Option<Timestamp>,
}

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ChangeMe {
    #[serde(default, deserialize_with = "crate::http::not_null")]
    name: Option<String>,
    /// An https address, or the `url` of an upload.
    #[serde(default)]
    avatar_url: MaybeUndefined<String>,
}

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ChangePassword {
    current_password: String,
    new_password: String,
}

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct CreateToken {
    name: String,
    expires_at: Option<Timestamp>,
}

/// A new token with its secret, which is shown this once.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct NewToken {
    id: String,
    name: String,
    token: String,
    last_four: String,
    created_by: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
}

#[derive(Object)]
pub struct Sessions {
    data: Vec<Session>,
}

/// Answers with who is signed in now, and the cookie.
async fn signed_in(app: &App, request: &Request, who: &Anyone, user_id: &str, remember: bool) -> Result<Response<Json<SessionState>>> {
    let lifetime = if remember { SESSION_REMEMBERED } else { SESSION_SHORT };
    let user_agent = request.header(poem::http::header::USER_AGENT).map(str::to_owned);
    let (token, expires) = new_session(app, user_id, lifetime, user_agent, who.address).await?;
    let user = app.db.read(|connection| store::find_user(connection, user_id))?;
    Ok(with_cookie(SessionState { user, expires: Some(expires) }, &session_cookie(app, &token, lifetime)))
}

pub fn with_cookie<T: ToJSON>(body: T, cookie: &str) -> Response<Json<T>> {
    Response::new(Json(body)).header("set-cookie", cookie).header("cache-control", "no-store")
}

#[OpenApi(prefix_path = "/api/auth", tag = "crate::http::Tag::Auth")]
impl AuthApi {
    /// Sign in with email and password
    #[oai(path = "/signin/credentials", method = "post", operation_id = "sign_in")]
    async fn sign_in(&self, app: Data<&App>, request: &Request, who: Anyone, body: Body<Credentials>) -> Result<Response<Json<SessionState>>> {
        let user_id = sign_in_user(&app, &body.0.email, &body.0.password, who.address).await?;
        require_second_factor(&app, &user_id, body.0.code.as_deref(), who.address).await?;
        signed_in(&app, request, &who, &user_id, body.0.remember).await
    }

    /// Sign in with a one-time link from the command line
    #[oai(path = "/signin/link", method = "post", operation_id = "sign_in_with_link")]
    async fn sign_in_with_link(&self, app: Data<&App>, request: &Request, who: Anyone, body: Body<LinkToken>) -> Result<Response<Json<SessionState>>> {
        app.limits.signin_address.check(&who.address.limit_key()).map_err(|error| error.context("auth"))?;
        let (hash, now) = (sha256_hex(&body.0.token), app.now());
        let user_id = app.db.write(move |tx| store::take_link(tx, LinkKind::SignIn, &hash, now)).await?.flatten();
        let user_id = user_id.ok_or_else(|| Error::unauthorized("This link has been used or has expired. Make a new one, or sign in with your password.").context("auth"))?;
        signed_in(&app, request, &who, &user_id, true).await
    }

    /// Who is signed in
    #[oai(path = "/session", method = "get", operation_id = "get_session")]
    async fn get_session(&self, app: Data<&App>, request: &Request, who: Anyone) -> Result<Response<Json<SessionState>>> {
        let Some(((user_id, session_id), token)) = who.user_id.zip(who.session_id).zip(cookie::read(request)) else {
            return Ok(Response::new(Json(SessionState { user: None, expires: None })));
        };
        let (now, hash) = (app.now(), sha256_hex(token));
        let state = app
            .db
            .write(move |tx| {
                store::touch_session(tx, &session_id, None, now)?;
                Ok((store::find_user(tx, &user_id)?, store::find_session(tx, &hash, now)?))
            })
            .await?;
        let (Some(user), Some(session)) = state else { return Ok(Response::new(Json(SessionState { user: None, expires: None }))) };
        // Use prolongs the session, and the cookie has to live as long: it is given anew here, where every page begins.
        let lifetime = Duration::from_millis(u64::try_from(session.lifetime_ms).unwrap_or_default());
        Ok(with_cookie(SessionState { user: Some(user), expires: Some(session.expires_at) }, &session_cookie(&app, token, lifetime)))
    }

    /// Sign out
    #[oai(path = "/signout", method = "post", operation_id = "sign_out")]
    async fn sign_out(&self, app: Data<&App>, who: Anyone) -> Result<Response<NoContent>> {
        if let Some((user_id, session_id)) = who.user_id.zip(who.session_id) {
            let (ids, now) = (app.ids.clone(), app.now());
            app.db
                .write(move |tx| {
                    store::delete_session(tx, &user_id, &session_id)?;
                    record_account(tx, &ids, now, &NewEntry::new(Action::SignedOut).by(&user_id).on(session_id).from(who.address.0))
                })
                .await?;
        }
        Ok(Response::new(NoContent).header("set-cookie", clear_cookie(&app)))
    }
}

#[OpenApi(prefix_path = "/api/me", tag = "crate::http::Tag::Account")]
impl AccountApi {
    /// One's own account
    #[oai(path = "/", method = "get", operation_id = "get_me")]
    async fn get_me(&self, app: Data<&App>, who: Person) -> Result<Json<User>> {
        me(&app, &who)
    }

    /// Change one's own account
    #[oai(path = "/", method = "patch", operation_id = "update_me")]
    async fn update_me(&self, app: Data<&App>, who: Person, body: Body<ChangeMe>) -> Result<Json<User>> {
        if let Some(name) = &body.0.name {
            let (id, name, now) = (who.user_id.clone(), check_name("name", name, 120)?, app.now());
            app.db.write(move |tx| store::rename_user(tx, &id, &name, now)).await?;
        }
        if !body.0.avatar_url.is_undefined() {
            let (id, url, now) = (who.user_id.clone(), body.0.avatar_url.value().cloned(), app.now());
            url.as_deref().map_or(Ok(()), check_avatar)?;
            app.db.write(move |tx| store::set_avatar(tx, &id, url.as_deref(), now)).await?;
        }
        me(&app, &who)
    }

    /// Change one's password; every other session is signed out
    #[oai(path = "/password", method = "post", operation_id = "change_password")]
    async fn change_password(&self, app: Data<&App>, who: Person, body: Body<ChangePassword>) -> Result<NoContent> {
        check_password_rules("newPassword", &body.0.new_password)?;
        let email = me(&app, &who)?.0.email;
        sign_in_user(&app, &email, &body.0.current_password, who.address)
            .await
            .map_err(|error| if error.code() == crate::error::Code::Unauthorized { Error::invalid("currentPassword", "is wrong") } else { error })?;
        let (ids, password) = (app.ids.clone(), body.0.new_password);
        let hash = tokio::task::spawn_blocking(move || secrets::hash_password(&password, &ids)).await.map_err(Error::internal)??;
        let (now, record_ids) = (app.now(), app.ids.clone());
        app.db
            .write(move |tx| {
                store::set_password(tx, &who.user_id, &hash, now)?;
                store::delete_sessions(tx, &who.user_id, Some(&who.session_id))?;
                record_account(tx, &record_ids, now, &NewEntry::new(Action::PasswordChanged).by(&who.user_id).on(&who.user_id).from(who.address.0))
            })
            .await?;
        Ok(NoContent)
    }

    /// Where one is signed in
    #[oai(path = "/sessions", method = "get", operation_id = "list_sessions")]
    async fn list_sessions(&self, app: Data<&App>, who: Person) -> Result<Json<Sessions>> {
        app.db.read(|connection| Ok(Json(Sessions { data: store::list_sessions(connection, &who.user_id, &who.session_id, app.now())? })))
    }

    /// Sign out on one browser
    #[oai(path = "/sessions/:id", method = "delete", operation_id = "delete_session")]
    async fn delete_session(&self, app: Data<&App>, who: Person, id: Path<String>) -> Result<NoContent> {
        let (ids, now) = (app.ids.clone(), app.now());
        let found = app
            .db
            .write(move |tx| {
                let found = store::delete_session(tx, &who.user_id, &id.0)?;
                if found {
                    record_account(tx, &ids, now, &NewEntry::new(Action::SessionRevoked).by(&who.user_id).on(id.0).from(who.address.0))?;
                }
                Ok(found)
            })
            .await?;
        if found { Ok(NoContent) } else { Err(Error::not_found("session")) }
    }

    /// Sign out everywhere else
    #[oai(path = "/sessions", method = "delete", operation_id = "delete_sessions")]
    async fn delete_sessions(&self, app: Data<&App>, who: Person) -> Result<NoContent> {
        app.db.write(move |tx| store::delete_sessions(tx, &who.user_id, Some(&who.session_id))).await?;
        Ok(NoContent)
    }
}

fn me(app: &App, who: &Person) -> Result<Json<User>> {
    app.db.read(|connection| store::find_user(connection, &who.user_id))?.map(Json).ok_or_else(|| Error::not_found("user"))
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/tokens", tag = "crate::http::Tag::Tokens")]
impl TokensApi {
    /// API tokens: one's own, or for admins all of the workspace's
    #[oai(path = "/", method = "get", operation_id = "list_tokens")]
    async fn list_tokens(&self, app: Data<&App>, who: Member, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<Token>> {
        let paging = Paging::new(limit.0, offset.0, who.flat)?;
        let maker = (!who.is_admin()).then_some(who.user_id.as_str());
        let (data, total) = app.db.read(|connection| store::list_tokens(connection, &who.workspace_id, maker, paging.limit, paging.offset))?;
        Ok(Listing { data, total, paging, flat: who.flat })
    }

    /// Make an API token; its secret is shown this once
    #[oai(path = "/", method = "post", operation_id = "create_token")]
    async fn create_token(&self, app: Data<&App>, who: Member, body: Body<CreateToken>) -> Result<Created<NewToken>> {
        people_only(&who)?;
        if !who.is_admin() && !app.db.read(|connection| store::members_may_create_tokens(connection, &who.workspace_id))? {
            return Err(Error::forbidden("In this workspace only owners and admins make API tokens."));
        }
        if body.0.expires_at.is_some_and(|time| time <= app.now()) {
            return Err(Error::invalid("expiresAt", "must lie in the future"));
        }
        let new = make_token(&app, &who.workspace_id, &who.user_id, &body.0.name, body.0.expires_at, Some(who.entry(Action::TokenCreated))).await?;
        Ok(Created(new))
    }

    /// Revoke an API token, at once
    #[oai(path = "/:id", method = "delete", operation_id = "delete_token")]
    async fn delete_token(&self, app: Data<&App>, who: Member, id: Path<String>) -> Result<NoContent> {
        people_only(&who)?;
        let maker = (!who.is_admin()).then(|| who.user_id.clone());
        let workspace_id = who.workspace_id.clone();
        let (entry, ids, now) = (who.entry(Action::TokenRevoked).on(&id.0), app.ids.clone(), app.now());
        let found = app
            .db
            .write(move |tx| {
                let found = store::delete_token(tx, &workspace_id, &id.0, maker.as_deref())?;
                if found {
                    audit::record(tx, &ids, now, &entry)?;
                }
                Ok(found)
            })
            .await?;
        if found { Ok(NoContent) } else { Err(Error::not_found("token")) }
    }
}

/// A stolen token must not be able to make itself a successor.
fn people_only(who: &super::Caller) -> Result<()> {
    match who.via {
        super::Via::Session { .. } => Ok(()),
        super::Via::Token { .. } => Err(Error::forbidden("An API token cannot make or revoke tokens. Sign in with your browser.")),
    }
}

/// Makes a token: `ic_` and 40 characters.
pub async fn new_token(app: &App, workspace_id: &str, user_id: &str, name: &str, expires_at: Option<Timestamp>) -> Result<NewToken> {
    make_token(app, workspace_id, user_id, name, expires_at, None).await
}

/// The same; without an `entry` of its own the log says that the user made it, by command line.
async fn make_token(app: &App, workspace_id: &str, user_id: &str, name: &str, expires_at: Option<Timestamp>, entry: Option<NewEntry>) -> Result<NewToken> {
    let secret = format!("ic_{}", app.ids.secret(40));
    let token = Token {
        id: app.new_id(prefix::TOKEN),
        name: check_name("name", name, 120)?,
        last_four: secret[secret.len() - 4..].to_owned(),
        created_by: user_id.to_owned(),
        created_at: app.now(),
        expires_at,
        last_used_at: None,
    };
    let (row, hash, workspace_id) = (token.clone(), sha256_hex(&secret), workspace_id.to_owned());
    let entry = entry.unwrap_or_else(|| NewEntry::new(Action::TokenCreated).by(user_id).within(&workspace_id)).on(&row.id).with(json!({"name": row.name}));
    let ids = app.ids.clone();
    app.db
        .write(move |tx| {
            store::insert_token(tx, &workspace_id, &row, &hash)?;
            audit::record(tx, &ids, row.created_at, &entry)
        })
        .await?;
    Ok(NewToken {
        id: token.id,
        name: token.name,
        token: secret,
        last_four: token.last_four,
        created_by: token.created_by,
        created_at: token.created_at,
        expires_at,
    })
}

impl NewToken {
    pub fn secret(&self) -> &str {
        &self.token
    }
}

