//! Passwords and one-time links: checking them, and what they are worth.

use std::time::Duration;

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
    // No longer than an email can be: whatever is typed is remembered for a while.
    let account = (address.limit_key(), super::model::email_key(email).chars().take(254).collect::<String>());
    take_try(app, address)?;
    app.limits.signin_account.take(&account, app.now()).map_err(|error| error.context("auth"))?;
    let found = app.db.read(|connection| store::find_password(connection, email))?;
    let password = password.to_owned();
    let (user_id, hash) = found.map_or((None, None), |(id, hash)| (Some(id), hash));
    let matches = slowly(move || secrets::verify_password(&password, hash.as_deref())).await?;
    match user_id {
        Some(user_id) if matches => {
            give_back_try(app, address);
            app.limits.signin_account.forget(&account);
            Ok(user_id)
        }
        user_id => {
            refused(app, user_id, address, "password").await?;
            Err(Error::unauthorized("The email or the password is wrong.").context("auth"))
        }
    }
}

/// Counts a try at something secret from an address: a password, a link, an answer of an issuer's. Only so many may fail.
///
/// # Errors
/// `rate_limit:auth` while there is a wait.
pub fn take_try(app: &App, address: ClientAddress) -> Result<()> {
    app.limits.signin_address.take(&address.limit_key(), app.now()).map_err(|error| error.context("auth"))
}

/// The try was a right one, and costs nothing.
pub fn give_back_try(app: &App, address: ClientAddress) {
    app.limits.signin_address.give_back(&address.limit_key());
}

/// A password's hash, which takes some tens of milliseconds.
///
/// # Errors
/// Only where hashing itself fails.
pub async fn hash_password(app: &App, password: String) -> Result<String> {
    let ids = app.ids.clone();
    slowly(move || secrets::hash_password(&password, &ids)).await?
}

/// Runs what hashes off the async workers, few at a time: each takes 19 MiB, and a thousand guessers must not take them all.
async fn slowly<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    static AT_ONCE: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(4);
    let turn = AT_ONCE.acquire().await.map_err(Error::internal)?;
    // The turn ends with the work, also where nobody waits for it any more.
    let work = move || {
        let done = work();
        drop(turn);
        done
    };
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)
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
    app.limits.signin_codes.check(&user_id.to_owned()).map_err(|error| error.context("auth"))
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
