//! The second factor after a sign-in elsewhere. Whoever switched it on is asked for a code on every way in: what an
//! OpenID Connect provider says stands in for the password, and not for the code. Between the two, who they are waits
//! sealed in a cookie of ten minutes.

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
    cookie,
    credentials::require_second_factor,
};
use crate::{
    app::App,
    clock::Timestamp,
    error::{Error, Result},
    http::{Body, Tag},
};

const COOKIE: &str = "authjs.second-step";
const LIFETIME: Duration = Duration::from_secs(600);

#[derive(Serialize, Deserialize)]
struct Waiting {
    user_id: String,
    until: Timestamp,
}

#[derive(Object, Deserialize)]
pub struct SecondStep {
    /// Of the authenticator app, or a recovery code.
    code: String,
}

/// The cookie of somebody who has done the first step.
pub(super) fn begin(app: &App, user_id: &str) -> Result<String> {
    let waiting = Waiting { user_id: user_id.to_owned(), until: app.now().plus(LIFETIME) };
    Ok(waiting_cookie(app, &BASE64.encode(app.key.seal(&serde_json::to_string(&waiting)?, COOKIE, &app.ids)?), LIFETIME))
}

fn waiting_cookie(app: &App, value: &str, lifetime: Duration) -> String {
    cookie::own_cookie(app, COOKIE, value, "/api/auth/signin", lifetime)
}

pub struct SecondStepApi;

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Auth")]
impl SecondStepApi {
    /// Give the code of the second factor after signing in with a provider
    #[oai(path = "/signin/code", method = "post", operation_id = "sign_in_with_code")]
    async fn sign_in_with_code(&self, app: Data<&App>, request: &Request, who: Anyone, body: Body<SecondStep>) -> Result<Response<Json<SessionState>>> {
        let gone = || Error::unauthorized("This sign-in was not begun in this browser, or too long ago. Begin anew.").context("auth");
        let sealed = cookie::read_named(request, COOKIE).and_then(|text| BASE64.decode(text).ok()).ok_or_else(gone)?;
        let waiting: Waiting = serde_json::from_str(app.key.open(&sealed, COOKIE).map_err(|_| gone())?.reveal())?;
        if waiting.until <= app.now() {
            return Err(gone());
        }
        require_second_factor(&app, &waiting.user_id, Some(&body.0.code), who.address).await?;
        let (state, session) = signed_in(&app, request, who.address, &waiting.user_id, true).await?;
        Ok(with_cookie(state, &session).header("set-cookie", waiting_cookie(&app, "", Duration::ZERO)))
    }
}
