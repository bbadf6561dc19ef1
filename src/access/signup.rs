//! Signing up by oneself, where `signup` is open. With mail, the account is made by the link of a letter that goes to a known
//! and an unknown email alike, so that neither answer nor time tells who has an account. Without mail there is nobody to ask:
//! the account is made at once, and noted as one whose email nobody has shown to be theirs.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use poem::{Request, web::Data};
use poem_openapi::{
    Object, OpenApi,
    payload::{Json, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    Anyone,
    api::{SessionState, signed_in, with_cookie},
    credentials::{check_password_rules, give_back_try, hash_password, take_try},
    model::{User, check_email, check_name},
    second_factor::record_account,
    store,
};
use crate::{
    app::App,
    audit::{Action, NewEntry},
    clock::Timestamp,
    config::Signup,
    error::{Error, Result},
    http::{Body, ClientAddress, Tag},
    ids::prefix,
    mail::{self, Letter},
};

const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// What waits in the link is sealed for this.
const PURPOSE: &str = "signup";

pub struct SignUpApi;

#[derive(Object, Deserialize)]
pub struct SignUp {
    name: String,
    email: String,
    password: String,
}

#[derive(Object, Deserialize)]
pub struct ConfirmSignUp {
    /// From the link in the letter.
    token: String,
}

/// Either somebody is signed in now, or a letter is on its way to them.
#[derive(Object)]
pub struct SignedUp {
    #[oai(skip_serializing_if_is_none)]
    user: Option<User>,
    #[oai(skip_serializing_if_is_none)]
    expires: Option<Timestamp>,
    /// Whether the link in a letter has to be followed first.
    mailed: bool,
}

#[derive(Serialize, Deserialize)]
struct Waiting {
    name: String,
    email: String,
    password_hash: String,
    until: Timestamp,
}

fn only_where_open(app: &App) -> Result<()> {
    match app.config.signup {
        Signup::Open => Ok(()),
        Signup::Invite => Err(Error::forbidden("Nobody signs up by themselves here. Ask for an invitation.").context("auth")),
    }
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Auth")]
impl SignUpApi {
    /// Make an account for oneself, where the server lets everybody in
    #[oai(path = "/signup", method = "post", operation_id = "sign_up")]
    async fn sign_up(&self, app: Data<&App>, request: &Request, who: Anyone, body: Body<SignUp>) -> Result<Response<Json<SignedUp>>> {
        only_where_open(&app)?;
        let email = check_email(&body.0.email)?;
        let name = check_name("name", &body.0.name, 120)?;
        check_password_rules("password", &body.0.password)?;
        // Each counts, the good ones too: accounts are not to be made by the thousand.
        take_try(&app, who.address)?;
        let password_hash = hash_password(&app, body.0.password).await?;
        let waiting = Waiting { name, email, password_hash, until: app.now().plus(LIFETIME) };
        if mail::is_configured(&app) {
            send_link(&app, &waiting).await?;
            return Ok(Response::new(Json(SignedUp { user: None, expires: None, mailed: true })));
        }
        let user_id = make(&app, waiting, true, who.address).await?;
        let (state, cookie) = signed_in(&app, request, who.address, &user_id, true).await?;
        Ok(with_cookie(SignedUp { user: state.user, expires: state.expires, mailed: false }, &cookie))
    }

    /// Follow the link of the letter: the account is made, and one is signed in
    #[oai(path = "/signup/confirm", method = "post", operation_id = "confirm_sign_up")]
    async fn confirm_sign_up(&self, app: Data<&App>, request: &Request, who: Anyone, body: Body<ConfirmSignUp>) -> Result<Response<Json<SessionState>>> {
        only_where_open(&app)?;
        take_try(&app, who.address)?;
        let gone = || Error::unauthorized("This link has been used or has expired. Sign in, or sign up anew.").context("auth");
        let sealed = BASE64.decode(&body.0.token).map_err(|_| gone())?;
        let opened = app.key.open(&sealed, PURPOSE).map_err(|_| gone())?;
        let waiting: Waiting = serde_json::from_str(opened.reveal())?;
        if waiting.until <= app.now() || app.db.read(|connection| store::find_user_by_email(connection, &waiting.email))?.is_some() {
            return Err(gone());
        }
        let user_id = make(&app, waiting, false, who.address).await?;
        give_back_try(&app, who.address);
        let (state, cookie) = signed_in(&app, request, who.address, &user_id, true).await?;
        Ok(with_cookie(state, &cookie))
    }
}

/// Both letters cost the same: what differs are their words.
async fn send_link(app: &App, waiting: &Waiting) -> Result<()> {
    let token = BASE64.encode(app.key.seal(&serde_json::to_string(waiting)?, PURPOSE, &app.ids)?);
    let known = app.db.read(|connection| store::find_user_by_email(connection, &waiting.email))?;
    let url = app.config.public_url();
    let (to, text) = match known {
        // Not the words that were typed: whoever has the account is told.
        Some(user) => (
            user.email,
            format!(
                "Hello {},\n\nsomebody wanted to sign up at {url} with your email. You have an account already: sign in at\n\n{url}/signin\n\nor, if you have \
                 forgotten your password, set a new one at {url}/forgot-password\n\nIf it was not you, do nothing.\n",
                user.name
            ),
        ),
        None => (
            waiting.email.clone(),
            format!(
                "Hello,\n\nsomebody signed up at {url} with your email. If it was you, follow this link within a day:\n\n{url}/signup?token={token}\n\n\
                 If it was not you, do nothing: no account is made.\n"
            ),
        ),
    };
    let sealed = mail::seal(app, &Letter { to, subject: "Your account for IllumiChat".to_owned(), text })?;
    let (ids, now) = (app.ids.clone(), app.now());
    app.db.write(move |tx| mail::enqueue(tx, &ids, now, None, &sealed)).await?;
    app.jobs.wake();
    Ok(())
}

async fn make(app: &App, waiting: Waiting, is_unverified: bool, address: ClientAddress) -> Result<String> {
    let (now, ids) = (app.now(), app.ids.clone());
    let user = User { id: app.new_id(prefix::USER), email: waiting.email, name: waiting.name, totp_enabled: false, avatar_url: None, created_at: now, updated_at: now };
    let user_id = user.id.clone();
    app.db
        .write(move |tx| {
            store::insert_user(tx, &user, Some(&waiting.password_hash)).map_err(|error| error.context("auth"))?;
            store::set_unverified(tx, &user.id, is_unverified)?;
            record_account(tx, &ids, now, &NewEntry::new(Action::SignedUp).by(&user.id).on(&user.id).from(address.0))
        })
        .await?;
    Ok(user_id)
}
