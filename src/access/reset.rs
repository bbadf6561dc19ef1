//! A forgotten password: a letter with a link that is good once, for an hour.
//!
//! The request only leaves a job, the same for a known and an unknown email, so that neither its answer nor its time tells
//! whether there is such an account. The job looks the person up, makes the link and sends it.

use std::time::Duration;

use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;
use serde_json::json;

use super::{
    Anyone,
    credentials::{check_password_rules, give_back_try, hash_password, take_try},
    model::{check_email, email_key},
    second_factor::record_account,
    store,
};
use crate::{
    app::App,
    audit::{Action, NewEntry},
    error::{Error, Result},
    http::{Body, NoContent, Tag},
    jobs::{self, Job, NewJob},
    mail::{self, Letter},
    secrets::sha256_hex,
};

/// The kind of job that answers a forgotten password.
pub const RESET_JOB: &str = "password.forgot";
const LIFETIME: Duration = Duration::from_secs(3600);

pub struct PasswordApi;

#[derive(Object, Deserialize)]
pub struct ForgotPassword {
    email: String,
}

#[derive(Object, Deserialize)]
pub struct ResetPassword {
    /// From the link in the letter.
    token: String,
    password: String,
}

#[OpenApi(prefix_path = "/api/auth/password", tag = "Tag::Auth")]
impl PasswordApi {
    /// Ask for a letter with a link to set a new password
    #[oai(path = "/forgot", method = "post", operation_id = "forgot_password")]
    async fn forgot_password(&self, app: Data<&App>, who: Anyone, body: Body<ForgotPassword>) -> Result<NoContent> {
        let email = check_email(&body.0.email)?;
        if !mail::is_configured(&app) {
            return Err(Error::conflict("This server sends no mail. Ask whoever runs it for a new password: `illumichat user reset-password` sets one.").context("auth"));
        }
        // Each letter counts: there is no right try, and nobody's mailbox is to be filled.
        take_try(&app, who.address)?;
        let account = (who.address.limit_key(), format!("forgot {}", email_key(&email)));
        app.limits.signin_account.take(&account, app.now()).map_err(|error| error.context("auth"))?;
        let (ids, now) = (app.ids.clone(), app.now());
        let job = NewJob { kind: RESET_JOB, workspace_id: None, payload: json!({"email": email}), lane: None, run_at: now };
        app.db.write(move |tx| jobs::enqueue(tx, &ids, now, &job)).await?;
        app.jobs.wake();
        Ok(NoContent)
    }

    /// Set a new password with the link of the letter; every session ends
    #[oai(path = "/reset", method = "post", operation_id = "reset_password")]
    async fn reset_password(&self, app: Data<&App>, who: Anyone, body: Body<ResetPassword>) -> Result<NoContent> {
        take_try(&app, who.address)?;
        check_password_rules("password", &body.0.password)?;
        let (token_hash, ids, password, now) = (sha256_hex(&body.0.token), app.ids.clone(), body.0.password, app.now());
        let invalid = || Error::unauthorized("This link has been used or has expired. Ask for a new one.").context("auth");
        if !app.db.read(|connection| store::reset_exists(connection, &token_hash, now))? {
            return Err(invalid());
        }
        let hash = hash_password(&app, password).await?;
        app.db
            .write(move |tx| {
                let user_id = store::take_reset(tx, &token_hash, now)?.ok_or_else(invalid)?;
                store::hand_over_unverified(tx, &user_id, now)?;
                store::set_password(tx, &user_id, &hash, now)?;
                store::delete_sessions(tx, &user_id, None)?;
                record_account(tx, &ids, now, &NewEntry::new(Action::PasswordReset).by(&user_id).on(&user_id).from(who.address.0).with(json!({"by": "mail"})))
            })
            .await?;
        give_back_try(&app, who.address);
        Ok(NoContent)
    }
}

/// The handler of [`RESET_JOB`]. Tried again, it makes another link, and the one before is worth nothing.
///
/// # Errors
/// Where the mail server does not take the letter now.
pub async fn reset_job(app: App, job: Job) -> Result<()> {
    let email = job.payload["email"].as_str().unwrap_or_default();
    let Some(user) = app.db.read(|connection| store::find_user_by_email(connection, email))? else { return Ok(()) };
    let token = app.ids.secret(48);
    let (hash, now, user_id) = (sha256_hex(&token), app.now(), user.id);
    app.db.write(move |tx| store::put_reset(tx, &user_id, &hash, now, now.plus(LIFETIME))).await?;
    let text = format!(
        "Hello {},\n\nsomebody asked for a new password for your account at {url}. If it was you, set one here within an hour:\n\n{url}/reset-password?token={token}\n\n\
         If it was not you, do nothing: your password stays as it is.\n",
        user.name,
        url = app.config.public_url(),
    );
    mail::send(&app.config.smtp, Letter { to: user.email, subject: "A new password for IllumiChat".to_owned(), text }).await
}
