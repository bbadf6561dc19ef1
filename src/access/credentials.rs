//! Passwords and one-time links: checking them, and what they are worth.

use std::time::Duration;

use super::store::{self, LinkKind};
use crate::{
    app::App,
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
    user_id.filter(|_| matches).ok_or_else(|| Error::unauthorized("The email or the password is wrong.").context("auth"))
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
