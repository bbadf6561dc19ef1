//! Who a visitor is: a claim, unless the page's server has signed it with the widget's secret.

use hmac::{Hmac, KeyInit, Mac};
use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use rusqlite::Connection;
use serde::Deserialize;
use sha2::Sha256;

use super::guard::Opened;
use crate::{
    access::Editor,
    app::App,
    assistants::{self, service::WIDGET_SECRET},
    clock::Timestamp,
    contacts::{self, Contact, ContactSource, Seen},
    db::Tx,
    error::{Error, Result},
    http::Tag,
    secrets::{hex, same},
};

/// What a page says of its visitor.
#[derive(Debug, Clone, Default, Object, Deserialize)]
#[oai(rename_all = "camelCase", rename = "WidgetIdentity")]
#[serde(rename_all = "camelCase", default)]
pub struct Identity {
    pub external_id: Option<String>,
    pub email: Option<String>,
    pub name: Option<String>,
    /// HMAC-SHA256 of `externalId`, else of `email`, with the widget's secret, in hexadecimal.
    pub hash: Option<String>,
}

/// The signature of an identity.
pub fn sign(secret: &str, text: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(text.as_bytes());
    hex(&mac.finalize().into_bytes())
}

/// Whether the page's server vouches for this identity.
pub fn is_verified(app: &App, connection: &Connection, opened: &Opened, identity: &Identity) -> Result<bool> {
    let (Some(hash), Some(text)) = (&identity.hash, identity.external_id.as_ref().or(identity.email.as_ref())) else { return Ok(false) };
    let Some(sealed) = assistants::store::find_widget_secret(connection, &opened.workspace_id, &opened.assistant.id)? else { return Ok(false) };
    let secret = app.key.open(&sealed, WIDGET_SECRET)?;
    Ok(same(sign(secret.reveal(), text), hash.trim().to_ascii_lowercase()))
}

/// The contact of an identity. One that is only claimed is known by its address alone, and its own number is not believed.
pub fn contact_of(app: &App, tx: &Tx<'_>, workspace_id: &str, identity: &Identity, verified: bool, now: Timestamp) -> Result<Option<Contact>> {
    let external_id = identity.external_id.as_deref().filter(|_| verified);
    if external_id.is_none() && identity.email.as_deref().is_none_or(|email| email.trim().is_empty()) {
        return Ok(None);
    }
    // An address beside a signed number was not signed: it must not lead to another contact.
    let email = match (&identity.email, external_id) {
        (Some(email), Some(_)) if contacts::store::find_by_email(tx, workspace_id, email)?.is_some() => None,
        (email, _) => email.as_deref(),
    };
    // A contact is known by something that a person can read; where all else is missing, by its number.
    let name = identity.name.as_deref().or(external_id.filter(|_| email.is_none()));
    let seen = Seen { name, email, external_id, verified, ..Seen::default() };
    contacts::find_or_make(app, tx, workspace_id, &seen, ContactSource::Widget, now).map(|(contact, _)| Some(contact))
}

/// What an assistant's pages sign their visitors' identities with, shown this once.
#[derive(Object)]
pub struct WidgetSecret {
    secret: String,
}

/// The same by its end.
#[derive(Object)]
pub struct WidgetSecretHint {
    /// Like `…a1b2`; null where there is none yet.
    hint: Option<String>,
}

pub struct WidgetSecretApi;

#[OpenApi(prefix_path = "/api/workspaces/:ws/assistants", tag = "Tag::Assistants")]
impl WidgetSecretApi {
    /// Whether there is a secret with which a page's server signs who its visitor is, by its last characters
    #[oai(path = "/:id/widget-secret", method = "get", operation_id = "get_widget_secret")]
    async fn get_widget_secret(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<Json<WidgetSecretHint>> {
        let sealed = app.db.read(|connection| {
            assistants::store::find_assistant(connection, &who.workspace_id, &id)?.ok_or_else(|| Error::not_found("assistant"))?;
            assistants::store::find_widget_secret(connection, &who.workspace_id, &id)
        })?;
        let hint = sealed.map(|sealed| app.key.open(&sealed, WIDGET_SECRET)).transpose()?.map(|secret| secret.hint());
        Ok(Json(WidgetSecretHint { hint }))
    }

    /// A new secret, shown this once: `hash` = HMAC-SHA256 of `externalId`, else `email`, with it, in hexadecimal. What was signed with the old one is a mere claim from now on
    #[oai(path = "/:id/widget-secret", method = "post", operation_id = "rotate_widget_secret")]
    async fn rotate_widget_secret(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<Json<WidgetSecret>> {
        let secret = app.ids.secret(40);
        let (sealed, now, workspace_id) = (app.key.seal(&secret, WIDGET_SECRET, &app.ids)?, app.now(), who.0.workspace_id);
        app.db
            .write(move |tx| {
                assistants::store::find_assistant(tx, &workspace_id, &id)?.ok_or_else(|| Error::not_found("assistant"))?;
                assistants::store::put_widget_secret(tx, &workspace_id, &id, &sealed, now)
            })
            .await?;
        Ok(Json(WidgetSecret { secret }))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_signature_is_that_of_rfc_4231() {
        assert_eq!(super::sign("Jefe", "what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
