//! Whose account an issuer's person is: one that they have used before, the one with their verified email, or a new one
//! where a rule lets them in.

use super::verify::Claims;
use crate::{
    access::{
        Role,
        model::{User, check_email, check_name, email_key},
        store,
    },
    app::App,
    audit::{self, Action, NewEntry},
    config::{Oidc, Signup},
    error::{Error, Result},
    events::{self, Kind, NewEvent},
    ids::prefix,
};
use serde_json::json;

fn refused(message: &'static str) -> Error {
    Error::forbidden(message).context("auth")
}

/// The id of the user to sign in.
pub(super) async fn find_or_make(app: &App, provider: &Oidc, name: &str, issuer: &str, claims: Claims) -> Result<String> {
    let email = claims.email.as_deref().ok_or_else(|| refused("The sign-in service does not tell your email."))?;
    let email = check_email(email).map_err(|_| refused("The sign-in service does not tell an email that can be used."))?;
    if !claims.email_is_verified() {
        return Err(refused("Your email is not verified at the sign-in service. Verify it there, and come back."));
    }
    let domain = email_key(&email).rsplit_once('@').map(|(_, domain)| domain.to_owned()).unwrap_or_default();
    let is_of_domain = provider.domains.iter().any(|allowed| allowed.trim_start_matches('@').eq_ignore_ascii_case(&domain));
    if !provider.domains.is_empty() && !is_of_domain {
        return Err(refused("Emails of this domain may not sign in here."));
    }
    let (now, ids, user_id) = (app.now(), app.ids.clone(), app.new_id(prefix::USER));
    let is_open = app.config.signup == Signup::Open;
    let role = provider.role.as_deref().and_then(Role::parse).unwrap_or(Role::Member);
    let (issuer, subject, via) = (issuer.to_owned(), claims.sub, name.to_owned());
    let shown = claims.name.and_then(|name| check_name("name", &name, 120).ok()).unwrap_or_else(|| email.split('@').next().unwrap_or(&email).to_owned());
    app.db
        .write(move |tx| {
            if let Some(user_id) = store::find_identity(tx, &issuer, &subject)? {
                return Ok(user_id);
            }
            if let Some(user) = store::find_user_by_email(tx, &email)? {
                store::insert_identity(tx, &user.id, &issuer, &subject, now)?;
                return Ok(user.id);
            }
            if !is_of_domain && !is_open && !store::is_invited(tx, &email, now)? {
                return Err(refused("There is no account for your email here. Ask for an invitation."));
            }
            let user = User { id: user_id, email, name: shown, avatar_url: None, totp_enabled: false, created_at: now, updated_at: now };
            store::insert_user(tx, &user, None)?;
            store::insert_identity(tx, &user.id, &issuer, &subject, now)?;
            if is_of_domain && let Some(workspace) = store::find_oldest_workspace(tx)? {
                store::insert_member(tx, &workspace, &user.id, role, now)?;
                let data = json!({"userId": user.id, "email": user.email, "name": user.name, "role": role.name(), "createdAt": now});
                events::emit(tx, &ids, now, &NewEvent { workspace_id: &workspace, kind: Kind::MemberJoined, resource_id: &user.id, data })?;
                let entry = NewEntry::new(Action::MemberJoined).by(&user.id).within(&workspace).on(&user.id).with(json!({"role": role.name(), "by": via}));
                audit::record(tx, &ids, now, &entry)?;
            }
            Ok(user.id)
        })
        .await
}
