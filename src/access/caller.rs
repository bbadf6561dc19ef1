//! The extractors. All credentials come in here and nowhere else.

use std::{ops::Deref, time::Duration};

use poem::{Request, RequestBody, http::header};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};
use url::Url;

use super::{
    cookie,
    model::Role,
    store::{self, SessionRow},
};
use crate::{
    app::App,
    audit::{Action, NewEntry},
    error::{Error, Result},
    http::{ClientAddress, Scope},
    secrets::sha256_hex,
};

/// How a caller proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    Session { id: String },
    Token { id: String },
}

/// Somebody known, in one workspace, with the role that they have in it now.
#[derive(Debug, Clone)]
pub struct Caller {
    pub user_id: String,
    pub workspace_id: String,
    pub role: Role,
    pub via: Via,
    /// Whether the address was a flat one; see `http::Scope`.
    pub flat: bool,
    pub address: ClientAddress,
}

impl Caller {
    pub fn is_admin(&self) -> bool {
        self.role >= Role::Admin
    }

    /// The beginning of a line of the audit log: who, where, from which address.
    pub fn entry(&self, action: Action) -> NewEntry {
        let mut entry = NewEntry::new(action).by(&self.user_id).within(&self.workspace_id).from(self.address.0);
        if let Via::Token { id } = &self.via {
            entry.token_id = Some(id.clone());
        }
        entry
    }

    /// What rate limits are counted by.
    pub fn limit_key(&self) -> String {
        match &self.via {
            Via::Session { .. } => self.user_id.clone(),
            Via::Token { id } => id.clone(),
        }
    }
}

/// Everyone, without credentials.
pub struct Anyone {
    pub address: ClientAddress,
    /// The session that the cookie names, if it is a good one.
    pub session_id: Option<String>,
    pub user_id: Option<String>,
}

/// Somebody signed in with a session cookie. What only people may do (tokens, passwords, sessions) asks for this.
pub struct Person {
    pub user_id: String,
    pub session_id: String,
    pub address: ClientAddress,
}

/// Somebody known by cookie or token, whatever the workspace.
pub struct Known {
    pub user_id: String,
    /// The one workspace that a token reaches; a person reaches all of theirs.
    pub only_workspace: Option<String>,
    pub via: Via,
}

macro_rules! at_least {
    ($($(#[$doc:meta])* $name:ident $role:ident),* $(,)?) => {$(
        $(#[$doc])*
        pub struct $name(pub Caller);

        impl Deref for $name {
            type Target = Caller;

            fn deref(&self) -> &Caller {
                &self.0
            }
        }

        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                register_schemes(registry);
            }

            fn security_schemes() -> Vec<&'static str> {
                SCHEMES.to_vec()
            }

            async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
                Ok($name(caller(request, Role::$role)?))
            }
        }
    )*};
}

at_least! {
    /// At least a guest of the workspace.
    Viewer Guest,
    /// At least a member.
    Member Member,
    /// At least an admin.
    Editor Admin,
    /// An owner.
    Owner Owner,
}

const SCHEMES: [&str; 2] = ["sessionCookie", "apiToken"];

fn register_schemes(registry: &mut Registry) {
    let empty = || MetaSecurityScheme {
        ty: "",
        description: None,
        name: None,
        key_in: None,
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    };
    registry.create_security_scheme(
        SCHEMES[0],
        MetaSecurityScheme {
            ty: "apiKey",
            description: Some("The session of somebody who has signed in."),
            name: Some(cookie::COOKIE),
            key_in: Some("cookie"),
            ..empty()
        },
    );
    registry.create_security_scheme(
        SCHEMES[1],
        MetaSecurityScheme {
            ty: "http",
            description: Some("An API token: `ic_` and 40 letters and digits. It reaches one workspace, with its maker's role."),
            scheme: Some("bearer"),
            ..empty()
        },
    );
}

impl<'a> ApiExtractor<'a> for Anyone {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];

    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let app = app(request)?;
        let session = find_session(request, app)?;
        if session.is_some() {
            refuse_foreign_write(request, app)?;
        }
        Ok(Anyone { address: address(request)?, user_id: session.as_ref().map(|session| session.user_id.clone()), session_id: session.map(|session| session.id) })
    }
}

impl<'a> ApiExtractor<'a> for Person {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_schemes(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEMES[0]]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let app = app(request)?;
        if let Some(token) = bearer(request)? {
            // A good token is known and still not enough; a bad one is just that.
            app.limits.api.check(&find_token(app, token)?.id)?;
            return Err(Error::forbidden("An API token cannot do this. Sign in with your browser.").into());
        }
        let session = find_session(request, app)?.ok_or_else(not_signed_in)?;
        app.limits.api.check(&session.user_id)?;
        refuse_foreign_write(request, app)?;
        touch_session(app, &session, None);
        Ok(Person { user_id: session.user_id, session_id: session.id, address: address(request)? })
    }
}

impl<'a> ApiExtractor<'a> for Known {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_schemes(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        SCHEMES.to_vec()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let app = app(request)?;
        let known = match bearer(request)? {
            Some(token) => {
                let token = find_token(app, token)?;
                app.limits.api.check(&token.id)?;
                Known { user_id: token.user_id, only_workspace: Some(token.workspace_id), via: Via::Token { id: token.id } }
            }
            None => {
                let session = find_session(request, app)?.ok_or_else(not_signed_in)?;
                app.limits.api.check(&session.user_id)?;
                refuse_foreign_write(request, app)?;
                touch_session(app, &session, None);
                Known { user_id: session.user_id, only_workspace: None, via: Via::Session { id: session.id } }
            }
        };
        Ok(known)
    }
}

fn app(request: &Request) -> Result<&App> {
    request.data::<App>().ok_or_else(|| Error::internal("the server hands every request its App"))
}

fn address(request: &Request) -> Result<ClientAddress> {
    request.data::<ClientAddress>().copied().ok_or_else(|| Error::internal("Front gives every request an address"))
}

fn not_signed_in() -> Error {
    Error::unauthorized("Sign in, or send an API token in `Authorization: Bearer …`.")
}

/// The token in `Authorization`, which then is the only credential that counts: a bad one is not made up for by a cookie.
fn bearer(request: &Request) -> Result<Option<&str>> {
    let Some(value) = request.headers().get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match token {
        Some((_, token)) => Ok(Some(token.trim())),
        None => Err(Error::unauthorized("The `Authorization` header is not of the form `Bearer ic_…`.")),
    }
}

fn find_token(app: &App, token: &str) -> Result<store::TokenRow> {
    let hash = sha256_hex(token);
    let now = app.now();
    let row = app
        .db
        .read(|connection| store::find_token(connection, &hash, now))?
        .ok_or_else(|| Error::unauthorized("This API token is not valid: it was revoked, has expired, or was copied incompletely."))?;
    if row.last_used_at.is_none_or(|used| now.since(used) > Duration::from_secs(60)) {
        let (app, id) = (app.clone(), row.id.clone());
        tokio::spawn(async move {
            if let Err(error) = app.db.write(move |tx| store::touch_token(tx, &id, now)).await {
                tracing::warn!(?error, "a token's last use was not noted");
            }
        });
    }
    Ok(row)
}

fn find_session(request: &Request, app: &App) -> Result<Option<SessionRow>> {
    let Some(token) = cookie::read(request) else { return Ok(None) };
    let hash = sha256_hex(token);
    app.db.read(|connection| store::find_session(connection, &hash, app.now()))
}

/// Notes the use of a session, at most once a minute, without making the request wait.
fn touch_session(app: &App, session: &SessionRow, workspace_id: Option<&str>) {
    let now = app.now();
    let moved = workspace_id.is_some() && session.last_workspace_id.as_deref() != workspace_id;
    if !moved && now.since(session.last_used_at) < Duration::from_secs(60) {
        return;
    }
    let (app, id, workspace_id) = (app.clone(), session.id.clone(), workspace_id.map(str::to_owned));
    tokio::spawn(async move {
        if let Err(error) = app.db.write(move |tx| store::touch_session(tx, &id, workspace_id.as_deref(), now)).await {
            tracing::warn!(?error, "a session's last use was not noted");
        }
    });
}

/// Whoever has good credentials is counted before anything else is looked at: every request costs, whatever its answer.
fn caller(request: &Request, least: Role) -> Result<Caller> {
    let app = app(request)?;
    let address = address(request)?;
    let scope = request.data::<Scope>().cloned().unwrap_or_default();
    let caller = match bearer(request)? {
        Some(token) => {
            let token = find_token(app, token)?;
            app.limits.api.check(&token.id)?;
            if scope.workspace_id.as_ref().is_some_and(|id| *id != token.workspace_id) {
                return Err(Error::not_found("workspace"));
            }
            Caller { user_id: token.user_id, workspace_id: token.workspace_id, role: token.role, via: Via::Token { id: token.id }, flat: scope.flat, address }
        }
        None => {
            let session = find_session(request, app)?.ok_or_else(not_signed_in)?;
            app.limits.api.check(&session.user_id)?;
            refuse_foreign_write(request, app)?;
            let (workspace_id, role) = workspace_of(request, app, &session, &scope)?;
            touch_session(app, &session, Some(&workspace_id));
            Caller { user_id: session.user_id, workspace_id, role, via: Via::Session { id: session.id }, flat: scope.flat, address }
        }
    };
    if caller.role < least {
        return Err(Error::forbidden(format!("This takes the role {} or more in this workspace; yours is {}.", least.name(), caller.role.name())));
    }
    Ok(caller)
}

/// The address's workspace, else `X-Workspace-Id`'s, else the last one used, else the first.
fn workspace_of(request: &Request, app: &App, session: &SessionRow, scope: &Scope) -> Result<(String, Role)> {
    let named = scope.workspace_id.clone().or_else(|| request.header("x-workspace-id").map(str::to_owned));
    app.db.read(|connection| {
        let role_in = |id: &str| store::find_role(connection, id, &session.user_id);
        if let Some(id) = named {
            let role = role_in(&id)?.ok_or_else(|| Error::not_found("workspace"))?;
            return Ok((id, role));
        }
        if let Some(id) = &session.last_workspace_id
            && let Some(role) = role_in(id)?
        {
            return Ok((id.clone(), role));
        }
        let id = store::find_first_workspace(connection, &session.user_id)?.ok_or_else(|| Error::not_found("workspace"))?;
        let role = role_in(&id)?.ok_or_else(|| Error::not_found("workspace"))?;
        Ok((id, role))
    })
}

/// A write that a browser sends with its cookie must come from our own pages (cross-site request forgery).
fn refuse_foreign_write(request: &Request, app: &App) -> Result<()> {
    if request.method().is_safe() {
        return Ok(());
    }
    let own = match request.header("sec-fetch-site") {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => match request.header(header::ORIGIN) {
            None => true,
            Some(origin) => {
                let authority = |url: &str| Url::parse(url).ok().and_then(|url| Some((url.host_str()?.to_owned(), url.port_or_known_default()?)));
                let origin_is = authority(origin);
                let host = request.header(header::HOST).and_then(|host| {
                    let scheme = origin.split("://").next().unwrap_or("http");
                    authority(&format!("{scheme}://{host}"))
                });
                origin_is.is_some() && (origin_is == host || origin_is == authority(&app.config.public_url()))
            }
        },
    };
    if own { Ok(()) } else { Err(Error::forbidden("This request was sent by a page of another site.").context("auth")) }
}
