//! The two addresses of a sign-in, and the list that a sign-in page shows.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use poem::{Request, web::Data};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use super::{
    account, issuer,
    verify::{Expected, verify},
};
use crate::{
    access::{
        Anyone, cookie,
        credentials::{give_back_try, take_try},
        model::SESSION_REMEMBERED,
        new_session, second_step, session_cookie, store,
    },
    app::App,
    clock::Timestamp,
    config::{Oidc, Signup},
    error::{Error, Result},
    http::{Found, Tag},
    secrets::same,
};

/// What waits in the browser between the two requests.
const COOKIE: &str = "authjs.oidc";
const LIFETIME: Duration = Duration::from_secs(600);

#[derive(Serialize, Deserialize)]
struct Pending {
    provider: String,
    state: String,
    nonce: String,
    verifier: String,
    back_to: String,
    until: Timestamp,
}

/// A way to sign in besides email and password.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct SignInProvider {
    id: String,
    /// Where a browser goes to sign in with it.
    signin_url: String,
}

#[derive(Object)]
pub struct SignInProviders {
    data: Vec<SignInProvider>,
    /// Whether everybody may make an account for themselves.
    signup: bool,
}

pub struct OidcApi;

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Auth")]
impl OidcApi {
    /// The OpenID Connect providers that people may sign in with, and whether they may sign up
    #[oai(path = "/providers", method = "get", operation_id = "list_signin_providers")]
    async fn list_signin_providers(&self, app: Data<&App>, _who: Anyone) -> Result<Json<SignInProviders>> {
        let data = app.config.oidc.keys().map(|name| SignInProvider { id: name.clone(), signin_url: format!("/api/auth/signin/{name}") }).collect();
        Ok(Json(SignInProviders { data, signup: app.config.signup == Signup::Open }))
    }

    /// Go to an OpenID Connect provider to sign in there
    #[oai(path = "/signin/:provider", method = "get", operation_id = "begin_oidc_signin")]
    async fn begin_oidc_signin(
        &self,
        app: Data<&App>,
        request: &Request,
        who: Anyone,
        provider: Path<String>,
        /// A path of this server to come back to.
        #[oai(name = "callbackUrl")]
        callback_url: Query<Option<String>>,
    ) -> Result<Found> {
        app.limits.signin_begun.check(&who.address.limit_key()).map_err(|error| error.context("auth"))?;
        let settings = configured(&app, &provider.0)?;
        let discovery = match issuer::discover(&app, settings).await {
            Ok(discovery) => discovery,
            Err(error) => return to_signin_page(request, error),
        };
        let pending = Pending {
            provider: provider.0,
            state: app.ids.secret(32),
            nonce: app.ids.secret(32),
            // RFC 7636, 4.1: 43 to 128 unreserved characters.
            verifier: app.ids.secret(64),
            back_to: own_path(callback_url.0.as_deref()),
            until: app.now().plus(LIFETIME),
        };
        let mut location = Url::parse(&discovery.authorization_endpoint).map_err(Error::internal)?;
        location.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &settings.client_id),
            ("redirect_uri", &redirect_uri(&app, &pending.provider)),
            ("scope", "openid email profile"),
            ("state", &pending.state),
            ("nonce", &pending.nonce),
            ("code_challenge", &BASE64.encode(Sha256::digest(pending.verifier.as_bytes()))),
            ("code_challenge_method", "S256"),
        ]);
        let sealed = BASE64.encode(app.key.seal(&serde_json::to_string(&pending)?, COOKIE, &app.ids)?);
        Ok(Found { location: location.into(), cookies: vec![pending_cookie(&app, &sealed, LIFETIME)] })
    }

    /// Come back from an OpenID Connect provider
    #[oai(path = "/callback/:provider", method = "get", operation_id = "finish_oidc_signin")]
    #[expect(clippy::too_many_arguments, reason = "they are the query parameters of the standard")]
    async fn finish_oidc_signin(
        &self,
        app: Data<&App>,
        request: &Request,
        who: Anyone,
        provider: Path<String>,
        code: Query<Option<String>>,
        state: Query<Option<String>>,
        error: Query<Option<String>>,
    ) -> Result<Found> {
        let came_back = Answered { provider: provider.0, code: code.0, state: state.0, error: error.0 };
        finish(&app, request, &who, came_back).await.or_else(|error| to_signin_page(request, error))
    }
}

/// What an OpenID Connect provider sends a browser back with.
struct Answered {
    provider: String,
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

async fn finish(app: &App, request: &Request, who: &Anyone, Answered { provider, code, state, error }: Answered) -> Result<Found> {
    take_try(app, who.address)?;
    let settings = configured(app, &provider)?;
    let pending = pending(app, request, &provider, state.as_deref())?;
    if error.is_some() {
        return Err(Error::unauthorized("The sign-in was broken off. Try again.").context("auth"));
    }
    let code = code.ok_or_else(|| Error::invalid("code", "is required").context("auth"))?;
    let discovery = issuer::discover(app, settings).await?;
    let token = issuer::exchange(app, settings, &discovery, &code, &pending.verifier, &redirect_uri(app, &provider)).await?;
    let keys = issuer::keys(app, &discovery).await?;
    let expected = Expected { issuer: &discovery.issuer, client_id: &settings.client_id, nonce: &pending.nonce, now: app.now() };
    let claims = verify(&token, &keys, &expected).map_err(|why| Error::unauthorized("The sign-in service's answer cannot be believed. Try again.").context("auth").source(why))?;
    let user_id = account::find_or_make(app, settings, &provider, &discovery.issuer, claims).await?;
    give_back_try(app, who.address);
    let done = pending_cookie(app, "", Duration::ZERO);
    if app.db.read(|connection| store::find_totp(connection, &user_id))?.is_some_and(|totp| totp.enabled) {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("code", "needed").append_pair("next", &pending.back_to);
        return Ok(Found { location: format!("/signin?{}", query.finish()), cookies: vec![second_step::begin(app, &user_id)?, done] });
    }
    let user_agent = request.header(poem::http::header::USER_AGENT).map(str::to_owned);
    let (session, _) = new_session(app, &user_id, SESSION_REMEMBERED, user_agent, who.address).await?;
    Ok(Found { location: pending.back_to, cookies: vec![session_cookie(app, &session, SESSION_REMEMBERED), done] })
}

/// A browser shows a person a page: the sign-in page tells them by the error's code. A program gets the error itself.
fn to_signin_page(request: &Request, error: Error) -> Result<Found> {
    if !request.header("accept").is_some_and(|accept| accept.contains("text/html")) {
        return Err(error);
    }
    tracing::warn!(?error, "a sign-in through a provider failed");
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("error", error.code().name()).append_pair("message", error.message());
    Ok(Found { location: format!("/signin?{}", query.finish()), cookies: Vec::new() })
}

fn configured<'a>(app: &'a App, name: &str) -> Result<&'a Oidc> {
    app.config.oidc.get(name).ok_or_else(|| Error::not_found("sign-in provider").context("auth"))
}

/// What the issuer has to know of this server; it compares it letter by letter.
fn redirect_uri(app: &App, name: &str) -> String {
    format!("{}/api/auth/callback/{name}", app.config.public_url())
}

fn pending_cookie(app: &App, value: &str, lifetime: Duration) -> String {
    cookie::own_cookie(app, COOKIE, value, "/api/auth/callback", lifetime)
}

/// The sign-in that this browser has begun, if the answer's state is its own.
fn pending(app: &App, request: &Request, provider: &str, state: Option<&str>) -> Result<Pending> {
    let wrong = || Error::unauthorized("This sign-in was not begun in this browser, or too long ago. Begin anew.").context("auth");
    let sealed = cookie::read_named(request, COOKIE).and_then(|text| BASE64.decode(text).ok()).ok_or_else(wrong)?;
    let pending: Pending = serde_json::from_str(app.key.open(&sealed, COOKIE).map_err(|_| wrong())?.reveal())?;
    let is_own = state.is_some_and(|state| same(state, &pending.state)) && pending.provider == provider && pending.until > app.now();
    if is_own { Ok(pending) } else { Err(wrong()) }
}

/// A path of this server, and nothing that leads elsewhere.
fn own_path(wanted: Option<&str>) -> String {
    let base = Url::parse("http://own.invalid/").ok();
    let path = wanted.filter(|path| path.starts_with('/') && !path.contains('\\')).and_then(|path| base.as_ref()?.join(path).ok());
    match path {
        // Parsed and written anew: what a browser would read otherwise than we do does not get through.
        Some(url) if url.host_str() == Some("own.invalid") && !url.path().starts_with("//") => url[url::Position::BeforePath..].to_owned(),
        _ => "/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn a_sign_in_comes_back_to_this_server_alone() {
        assert_eq!(own_path(Some("/inbox?status=open")), "/inbox?status=open");
        for wrong in ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)", "/.//evil.example", ""] {
            assert_eq!(own_path(Some(wrong)), "/", "{wrong}");
        }
        assert_eq!(own_path(None), "/");
    }
}
