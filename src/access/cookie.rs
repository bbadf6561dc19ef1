//! The session cookie, and what makes one.

use std::time::Duration;

use poem::{Request, http::header};

use super::{
    second_factor::record_account,
    store::{self, NewSession},
};
use crate::{app::App, audit::{Action, NewEntry}, clock::Timestamp, error::Result, http::ClientAddress, ids::prefix, secrets::sha256_hex};

/// The name is the seeds'.
pub const COOKIE: &str = "authjs.session-token";

/// The cookie's value, if the request has one.
pub(super) fn read(request: &Request) -> Option<&str> {
    read_named(request, COOKIE)
}

pub(super) fn read_named<'a>(request: &'a Request, wanted: &str) -> Option<&'a str> {
    let headers = request.headers().get_all(header::COOKIE);
    headers
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == wanted && !value.is_empty()).then_some(value))
}

/// `Set-Cookie` for a session. Host-only; Secure where the world reaches us by https.
pub fn session_cookie(app: &App, token: &str, lifetime: Duration) -> String {
    own_cookie(app, COOKIE, token, "/", lifetime)
}

/// The same for what waits in a browser while somebody signs in, for the addresses under `path` alone.
pub(super) fn own_cookie(app: &App, name: &str, value: &str, path: &str, lifetime: Duration) -> String {
    let secure = if app.config.public_url().starts_with("https://") { "; Secure" } else { "" };
    format!("{name}={value}; Path={path}; Max-Age={}; HttpOnly; SameSite=Lax{secure}", lifetime.as_secs())
}

pub fn clear_cookie(app: &App) -> String {
    session_cookie(app, "", Duration::ZERO)
}

/// Signs a user in on one browser. The cookie's value and when it expires; the database has only its hash.
pub async fn new_session(
    app: &App,
    user_id: &str,
    lifetime: Duration,
    user_agent: Option<String>,
    address: ClientAddress,
) -> Result<(String, Timestamp)> {
    let now = app.now();
    let (token, ids) = (app.ids.secret(48), app.ids.clone());
    let (id, hash, expires_at, user_id) = (app.ids.new_id(prefix::SESSION, now), sha256_hex(&token), now.plus(lifetime), user_id.to_owned());
    app.db
        .write(move |tx| {
            let entry = NewEntry::new(Action::SignedIn).by(&user_id).on(&id).from(address.0);
            record_account(tx, &ids, now, &entry)?;
            store::insert_session(
                tx,
                &NewSession {
                    id: &id,
                    user_id: &user_id,
                    token_hash: &hash,
                    lifetime_ms: i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX),
                    user_agent: user_agent.as_deref().map(|text| text.get(..text.len().min(200)).unwrap_or_default()),
                    address: Some(&address.0.to_string()),
                    now,
                    expires_at,
                },
            )
        })
        .await?;
    Ok((token, expires_at))
}
