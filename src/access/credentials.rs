//! Passwords and one-time links: checking them, and what they are worth.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use serde_json::json;

use super::{
    second_factor::{PURPOSE, record_account},
    store::{self, LinkKind},
    totp,
};
use crate::{
    app::App,
    audit::{Action, NewEntry},
    error::{Error, Result},
    http::ClientAddress,
    secrets::{self, sha256_hex},
};

/// At least ten characters, and no more than what is worth hashing.
pub fn check_password_rules(field: &str, password: &str) -> Result<()> {
    match password.chars().count() {
        0..10 => Err(Error::invalid(field, "must have at least 10 characters")),
        10..=512 => Ok(()),
        _ => Err(Error::invalid(field, "must have at most 512 characters")),
    }
}

/// The user with this email and password. An unknown email takes as long as a wrong password and says the same.
pub async fn sign_in_user(app: &App, email: &str, password: &str, address: ClientAddress) -> Result<String> {
    let key = super::model::email_key(email);
    let network = address.limit_key();
    let throttled = |error: Error| error.context("auth");
    app.limits.signin_address.check(&network).map_err(throttled)?;
    app.limits.signin_account.check(&(network, key)).map_err(throttled)?;
    let found = app.db.read(|connection| store::find_password(connection, email))?;
    let password = password.to_owned();
    let (user_id, hash) = found.map_or((None, None), |(id, hash)| (Some(id), hash));
    let matches = tokio::task::spawn_blocking(move || secrets::verify_password(&password, hash.as_deref())).await.map_err(Error::internal)?;
    match user_id {
        Some(user_id) if matches => Ok(user_id),
        user_id => {
            refused(app, user_id, address, "password").await?;
            Err(Error::unauthorized("The email or the password is wrong.").context("auth"))
        }
    }
}

/// Notes a sign-in that failed, of somebody known or of nobody: one write either way.
async fn refused(app: &App, user_id: Option<String>, address: ClientAddress, why: &'static str) -> Result<()> {
    let (ids, now) = (app.ids.clone(), app.now());
    let mut entry = NewEntry::new(Action::SignInFailed).from(address.0).with(json!({"why": why}));
    entry.user_id = user_id;
    app.db.write(move |tx| record_account(tx, &ids, now, &entry)).await
}

/// The second step of signing in, for those who have switched it on.
pub async fn require_second_factor(app: &App, user_id: &str, code: Option<&str>, address: ClientAddress) -> Result<()> {
    if !app.db.read(|connection| store::find_totp(connection, user_id))?.is_some_and(|totp| totp.enabled) {
        return Ok(());
    }
    let Some(code) = code.filter(|code| !code.trim().is_empty()) else {
        return Err(Error::unauthorized("A code of your authenticator app is needed too, or one of your recovery codes.").context("totp"));
    };
    if check_second_factor(app, user_id, code).await? {
        return Ok(());
    }
    refused(app, Some(user_id.to_owned()), address, "code").await?;
    Err(Error::unauthorized("This code is wrong, or was used before. Take the next one that your app shows.").context("totp"))
}

/// Guessing six digits is slowed down for the account, wherever the guesses come from: who gets this far knows the password.
pub(super) fn throttle_codes(app: &App, user_id: &str) -> Result<()> {
    let anywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    app.limits.signin_account.check(&(anywhere, format!("code {user_id}"))).map_err(|error| error.context("totp"))
}

/// Whether this is a code of the user's app or a recovery code, which is used up by that.
pub(super) async fn check_second_factor(app: &App, user_id: &str, code: &str) -> Result<bool> {
    throttle_codes(app, user_id)?;
    let Some(row) = app.db.read(|connection| store::find_totp(connection, user_id))? else { return Ok(false) };
    let secret = app.key.open(&row.secret, PURPOSE)?;
    let step = totp::matching_step(secret.reveal(), code, app.now(), row.step);
    let (user_id, hash) = (user_id.to_owned(), totp::recovery_hash(code));
    app.db
        .write(move |tx| match step {
            Some(step) => store::take_totp_step(tx, &user_id, step),
            None => store::take_recovery_code(tx, &user_id, &hash),
        })
        .await
}

/// Makes a one-time link's token. Earlier set-up links stop working.
pub async fn new_link(app: &App, kind: LinkKind, user_id: Option<String>, lifetime: Duration) -> Result<String> {
    let token = app.ids.secret(40);
    let (hash, now) = (sha256_hex(&token), app.now());
    app.db
        .write(move |tx| {
            if kind == LinkKind::Setup {
                store::delete_links(tx, kind)?;
            }
            store::insert_link(tx, kind, &hash, user_id.as_deref(), now, now.plus(lifetime))
        })
        .await?;
    Ok(token)
}
