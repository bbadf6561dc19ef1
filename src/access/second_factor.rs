//! One's own second factor: switched on in two steps, so that nobody locks themselves out, and off with a code.

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use serde::Deserialize;

use super::{
    Person,
    credentials::check_second_factor,
    store, totp,
};
use crate::{
    app::App,
    audit::{self, Action, NewEntry},
    error::{Error, Result},
    http::{Body, NoContent, Tag},
};

/// What the secret is sealed for.
pub(super) const PURPOSE: &str = "users.totp_secret";

pub struct SecondFactorApi;

#[derive(Object, Deserialize)]
pub struct SetUpTotp {
    /// Left out, a new secret is made; with the code that an authenticator app shows for it, the second factor is on.
    code: Option<String>,
}

/// The secret of a second factor that is being switched on, or the recovery codes of one that is.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct TotpSetUp {
    enabled: bool,
    /// For the authenticator app, in Base32; shown until the second factor is on.
    #[oai(skip_serializing_if_is_none)]
    secret: Option<String>,
    /// The same as an address for a QR code.
    #[oai(skip_serializing_if_is_none)]
    uri: Option<String>,
    /// Each stands in for a code once; shown this once.
    #[oai(skip_serializing_if_is_none)]
    recovery_codes: Option<Vec<String>>,
}

#[OpenApi(prefix_path = "/api/me/totp", tag = "Tag::Account")]
impl SecondFactorApi {
    /// Switch the second factor on: first without a code, then with one
    #[oai(path = "/", method = "post", operation_id = "enable_totp")]
    async fn enable_totp(&self, app: Data<&App>, who: Person, body: Body<SetUpTotp>) -> Result<Json<TotpSetUp>> {
        let known = app.db.read(|connection| store::find_totp(connection, &who.user_id))?;
        if known.as_ref().is_some_and(|totp| totp.enabled) {
            return Err(Error::conflict("Your second factor is on already. Switch it off first to set up another device."));
        }
        match body.0.code {
            None => begin(&app, &who).await.map(Json),
            Some(code) => confirm(&app, &who, known, &code).await.map(Json),
        }
    }

    /// Switch the second factor off
    #[oai(path = "/", method = "delete", operation_id = "disable_totp")]
    async fn disable_totp(
        &self,
        app: Data<&App>,
        who: Person,
        /// A code of the authenticator app, or a recovery code.
        code: Query<Option<String>>,
    ) -> Result<NoContent> {
        let code = code.0.filter(|code| !code.is_empty()).ok_or_else(|| Error::invalid("code", "is required: a code of your authenticator app, or a recovery code"))?;
        if !app.db.read(|connection| store::find_totp(connection, &who.user_id))?.is_some_and(|totp| totp.enabled) {
            return Err(Error::conflict("Your second factor is off already."));
        }
        if !check_second_factor(&app, &who.user_id, &code).await? {
            return Err(Error::invalid("code", "is wrong"));
        }
        let (ids, now) = (app.ids.clone(), app.now());
        app.db
            .write(move |tx| {
                store::delete_totp(tx, &who.user_id, now)?;
                record_account(tx, &ids, now, &NewEntry::new(Action::TotpDisabled).by(&who.user_id).on(&who.user_id).from(who.address.0))
            })
            .await?;
        Ok(NoContent)
    }
}

/// Tells every workspace of the person's.
pub fn record_account(tx: &crate::db::Tx<'_>, ids: &crate::ids::Ids, now: crate::clock::Timestamp, entry: &NewEntry) -> Result<()> {
    let workspaces = match &entry.user_id {
        Some(user_id) => store::list_workspace_ids(tx, user_id)?,
        None => Vec::new(),
    };
    if workspaces.is_empty() {
        return audit::record(tx, ids, now, entry);
    }
    workspaces.iter().try_for_each(|workspace| audit::record(tx, ids, now, &entry.clone().within(workspace)))
}

async fn begin(app: &App, who: &Person) -> Result<TotpSetUp> {
    let secret = totp::new_secret(&app.ids);
    let sealed = app.key.seal(&secret, PURPOSE, &app.ids)?;
    let (user_id, now) = (who.user_id.clone(), app.now());
    let email = app
        .db
        .write(move |tx| {
            store::set_totp_secret(tx, &user_id, &sealed, now)?;
            store::find_user(tx, &user_id)?.map(|user| user.email).ok_or_else(|| Error::not_found("user"))
        })
        .await?;
    Ok(TotpSetUp { enabled: false, uri: Some(totp::uri(&secret, &email)), secret: Some(secret), recovery_codes: None })
}

async fn confirm(app: &App, who: &Person, known: Option<store::TotpRow>, code: &str) -> Result<TotpSetUp> {
    let sealed = known.ok_or_else(|| Error::conflict("There is no secret to confirm yet. Ask for one first, without a code."))?.secret;
    super::credentials::throttle_codes(app, &who.user_id)?;
    let secret = app.key.open(&sealed, PURPOSE)?;
    let now = app.now();
    let step = totp::matching_step(secret.reveal(), code, now, None).ok_or_else(|| Error::invalid("code", "is wrong; check that your device's clock is right"))?;
    let codes = totp::new_recovery_codes(&app.ids);
    let hashes: Vec<String> = codes.iter().map(|code| totp::recovery_hash(code)).collect();
    let (user_id, ids, entry) = (who.user_id.clone(), app.ids.clone(), NewEntry::new(Action::TotpEnabled).by(&who.user_id).on(&who.user_id).from(who.address.0));
    app.db
        .write(move |tx| {
            store::enable_totp(tx, &user_id, step, &hashes, now)?;
            record_account(tx, &ids, now, &entry)
        })
        .await?;
    Ok(TotpSetUp { enabled: true, secret: None, uri: None, recovery_codes: Some(codes) })
}
