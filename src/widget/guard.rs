//! The three layers.

use std::{net::IpAddr, time::Duration};

use poem::{
    Request, RequestBody,
    http::{HeaderMap, header},
};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use url::Url;

use super::store::{self, Session};
use crate::{
    app::App,
    assistants::{self, Assistant},
    clock::Timestamp,
    error::{Error, Result},
    http::ClientAddress,
    secrets::sha256_hex,
};

/// A stranger's browser.
pub struct Visitor {
    pub address: ClientAddress,
    origin: Option<Url>,
    token: Option<String>,
}

impl<'a> ApiExtractor<'a> for Visitor {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];

    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let address = request.data::<ClientAddress>().copied().ok_or_else(|| Error::internal("Front gives every request an address"))?;
        let token = request
            .header(header::AUTHORIZATION)
            // An empty token is a wrong one: whoever sends it believes that there is a session.
            .map(|value| value.split_once(' ').unwrap_or((value, "")))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("widget"))
            .map(|(_, token)| token.trim().to_owned());
        Ok(Visitor { address, origin: origin(request.headers()), token })
    }
}

/// Where the page is that asks: `Origin`, else `Referer`.
pub(super) fn origin(headers: &HeaderMap) -> Option<Url> {
    let value = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    value(header::ORIGIN).or_else(|| value(header::REFERER)).and_then(|text| Url::parse(text).ok())
}

/// Whether a page of this origin may use the assistant's widget. Our own pages always may: the dashboard's preview and the
/// full-page form.
pub(super) fn may_embed(app: &App, assistant: &Assistant, origin: Option<&Url>) -> bool {
    if assistant.widget.domains.is_empty() {
        return true;
    }
    let Some(origin) = origin else { return false };
    let own = Url::parse(&app.config.public_url()).is_ok_and(|own| own.origin() == origin.origin());
    own || origin.host_str().is_some_and(|host| assistant.widget.allows_host(host))
}

/// An assistant whose widget is on, for a page that may embed it.
pub(super) struct Opened {
    pub workspace_id: String,
    pub assistant: Assistant,
}

pub(super) fn open(app: &App, visitor: &Visitor, assistant_id: &str) -> Result<Opened> {
    let opened = app.db.read(|connection| {
        let found = assistants::store::find_anywhere(connection, assistant_id)?.filter(|(_, assistant)| assistant.widget_enabled);
        let (workspace_id, assistant) = found.ok_or_else(|| Error::not_found("widget").context("widget"))?;
        let assistant = assistants::service::present(app, connection, &workspace_id, assistant)?;
        Ok(Opened { workspace_id, assistant })
    })?;
    if !may_embed(app, &opened.assistant, visitor.origin.as_ref()) {
        return Err(Error::forbidden("This page may not use the widget: its domain is not on the assistant's list.").context("widget"));
    }
    Ok(opened)
}

/// The session that the token stands for; nothing without a token.
///
/// # Errors
/// `unauthorized:widget` for a token that is wrong, has expired or belongs to another assistant.
pub(super) fn find_session(app: &App, visitor: &Visitor, opened: &Opened) -> Result<Option<Session>> {
    let Some(token) = &visitor.token else { return Ok(None) };
    let (hash, now) = (sha256_hex(token), app.now());
    let session = app.db.read(|connection| store::find_session(connection, &opened.workspace_id, &opened.assistant.id, &hash, now))?;
    let session = session.ok_or_else(|| no_session("This chat session is not valid any more. Start a new one."))?;
    if is_to_be_noted(&session, now) {
        let (app, session, workspace_id) = (app.clone(), session.clone(), opened.workspace_id.clone());
        tokio::spawn(async move {
            if let Err(error) = note_use(&app, &workspace_id, session).await {
                tracing::warn!(?error, "a widget session's use was not noted");
            }
        });
    }
    Ok(Some(session))
}

/// Once a minute is enough for a session that lasts for days.
fn is_to_be_noted(session: &Session, now: Timestamp) -> bool {
    now.since(session.last_used_at) > Duration::from_secs(60)
}

/// The session with its days counted from now.
pub(super) async fn note_use(app: &App, workspace_id: &str, session: Session) -> Result<Session> {
    let now = app.now();
    if !is_to_be_noted(&session, now) {
        return Ok(session);
    }
    let (id, workspace_id, expires_at) = (session.id.clone(), workspace_id.to_owned(), now.plus(store::LIFETIME));
    app.db.write(move |tx| store::touch_session(tx, &workspace_id, &id, now, expires_at)).await?;
    Ok(Session { last_used_at: now, expires_at, ..session })
}

pub(super) fn get_session(app: &App, visitor: &Visitor, opened: &Opened) -> Result<Session> {
    find_session(app, visitor, opened)?.ok_or_else(|| no_session("This needs a chat session: send its token as `Authorization: Widget …`."))
}

pub(super) fn no_session(message: &'static str) -> Error {
    Error::unauthorized(message).context("widget")
}

/// What limits for an address and an assistant are counted by.
pub(super) fn key(visitor: &Visitor, assistant_id: &str) -> (IpAddr, String) {
    (visitor.address.limit_key(), assistant_id.to_owned())
}

/// The assistant that the visitor's token is a session with; nothing without a token.
pub(super) fn find_place(app: &App, visitor: &Visitor) -> Result<Option<String>> {
    let Some(token) = &visitor.token else { return Ok(None) };
    let place = app.db.read(|connection| store::find_place(connection, &sha256_hex(token), app.now()))?;
    place.map(|(_, assistant_id)| Some(assistant_id)).ok_or_else(|| no_session("This chat session is not valid any more. Start a new one."))
}
