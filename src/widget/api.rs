//! The operations.

use poem::{Request, web::Data};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use serde::Deserialize;

use super::{
    config::{WidgetAgent, WidgetConfig},
    guard::{self, Opened, Visitor, find_session, get_session, key, no_session, open},
    identity::{self, Identity},
    store::{self, NewSession, Session},
};
use crate::{
    answering::{self, Answers, Asked, Asker, ChatMessage, ChatReply, ChatRole, Question, check_messages, delivered, reply_stream},
    app::App,
    clock::Timestamp,
    contacts,
    conversations::{self, Channel, Message, MessageRole, model::{ConversationStatus, Handler, VisitorMetadata}},
    db::Tx,
    error::{Error, Result},
    http::{Counted, Listing, Paging, Tag},
    ids::prefix,
    providers,
    inbox::Live,
    secrets::sha256_hex,
    workspaces::model::is_language_tag,
};

pub struct WidgetApi;

#[derive(ApiResponse)]
pub enum ConfigReply {
    #[oai(status = 200)]
    Config(Json<WidgetConfig>, #[oai(header = "ETag")] String, #[oai(header = "Cache-Control")] String),
    /// The one that the client has is still right.
    #[oai(status = 304)]
    Unchanged(#[oai(header = "ETag")] String),
}

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub struct OpenSession {
    /// With `sessionToken`: the session to go on with.
    session_id: Option<String>,
    session_token: Option<String>,
    #[serde(deserialize_with = "crate::http::object")]
    metadata: Option<VisitorMetadata>,
    /// Who the page says that the visitor is; also of a session that is resumed.
    identity: Option<Identity>,
}

#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct OpenedSession {
    session_id: String,
    session_token: String,
    expires_at: Timestamp,
    conversation_id: Option<String>,
    /// Who answers, once there is a conversation, and how it stands.
    handler: Option<Handler>,
    status: Option<ConversationStatus>,
    /// The person who has it.
    agent: Option<WidgetAgent>,
    /// Who the visitor is, where the page has proved it.
    contact: Option<WidgetContact>,
    /// How many messages of people the visitor has not seen.
    unread: i64,
    /// The conversation so far, the oldest first.
    messages: Vec<Message>,
}

#[derive(Object)]
pub struct WidgetContact {
    id: String,
    name: Option<String>,
    email: Option<String>,
    verified: bool,
}

#[derive(ApiResponse)]
pub enum SessionReply {
    /// Resumed.
    #[oai(status = 200)]
    Resumed(Json<OpenedSession>),
    /// New.
    #[oai(status = 201)]
    New(Json<OpenedSession>),
}

#[derive(Object, Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct WidgetChat {
    message: Option<String>,
    /// In place of `message`; the user's messages at the end are what is asked.
    messages: Option<Vec<ChatMessage>>,
    /// Ids of the session's uploads.
    attachments: Vec<String>,
}

/// How many messages a resumed session is given at once.
const RESUMED: i64 = 100;

#[OpenApi(prefix_path = "/api/widget", tag = "Tag::Widget")]
impl WidgetApi {
    /// What the widget draws itself with
    #[oai(path = "/:assistant_id/config", method = "get", operation_id = "get_widget_config")]
    async fn get_widget_config(&self, app: Data<&App>, visitor: Visitor, assistant_id: Path<String>, #[oai(name = "If-None-Match")] if_none_match: Header<Option<String>>) -> Result<ConfigReply> {
        app.limits.widget_read.check(&key(&visitor, &assistant_id)).map_err(widget)?;
        let config = WidgetConfig::of(&app, open(&app, &visitor, &assistant_id)?)?;
        let etag = config.etag();
        if if_none_match.0.is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)) {
            return Ok(ConfigReply::Unchanged(etag));
        }
        Ok(ConfigReply::Config(Json(config), etag, "private, max-age=60".to_owned()))
    }

    /// Begin a chat session, or go on with one
    #[oai(path = "/:assistant_id/session", method = "post", operation_id = "open_widget_session")]
    async fn open_widget_session(&self, app: Data<&App>, visitor: Visitor, assistant_id: Path<String>, body: Counted<OpenSession, 64>) -> Result<SessionReply> {
        session(&app, &visitor, &assistant_id, body).await
    }

    /// The same as `session`, under its other name
    #[oai(path = "/:assistant_id/init", method = "post", operation_id = "init_widget_session")]
    async fn init_widget_session(&self, app: Data<&App>, visitor: Visitor, assistant_id: Path<String>, body: Counted<OpenSession, 64>) -> Result<SessionReply> {
        session(&app, &visitor, &assistant_id, body).await
    }

    /// Ask; without a session one is made, and its token is in `start`. While a person has the conversation: 202, and their reply comes by `events`
    #[oai(path = "/:assistant_id/chat", method = "post", operation_id = "widget_chat")]
    async fn widget_chat(&self, app: Data<&App>, answers: Data<&Answers>, live: Data<&Live>, visitor: Visitor, assistant_id: Path<String>, body: Counted<WidgetChat, 8192>) -> Result<ChatReply> {
        app.limits.widget_chat_address.check(&visitor.address.limit_key()).map_err(widget)?;
        let opened = open(&app, &visitor, &assistant_id)?;
        let body = match body.read() {
            Ok(body) => body,
            Err(error) => return Err(count_broken(&app, &visitor, &opened, error)),
        };
        let attachments = body.attachments;
        if attachments.len() > 10 {
            return Err(Error::invalid("attachments", "must have at most 10 entries").context("widget"));
        }
        let messages = match (body.message, body.messages) {
            (Some(message), _) => vec![ChatMessage { role: ChatRole::User, content: message }],
            (None, Some(messages)) => messages,
            (None, None) => return Err(Error::invalid("message", "is required").context("widget")),
        };
        let messages = trailing(check_messages(messages).map_err(widget)?);
        let (session, new_token) = match find_session(&app, &visitor, &opened)? {
            Some(session) => (session, None),
            None => {
                app.limits.widget_session.check(&key(&visitor, &assistant_id)).map_err(widget)?;
                let (session, token) = new_session(&app, &opened, VisitorMetadata::default(), Identity::default()).await?;
                (session, Some(token))
            }
        };
        app.limits.widget_chat_session.check(&session.id).map_err(widget)?;
        refuse_blocked(&app, &opened, &session)?;
        match ask(&app, &answers, &live, opened, &session, messages, new_token.clone(), attachments).await? {
            Asked::Answering(answering) => Ok(reply_stream(&answering)),
            Asked::Delivered { conversation_id } => Ok(delivered(&conversation_id, new_token.as_deref())),
        }
    }

    /// Listen to an answer again, from the event after `Last-Event-ID` on
    #[oai(path = "/:assistant_id/messages/:message_id/stream", method = "get", operation_id = "resume_widget_answer")]
    async fn resume_widget_answer(&self, app: Data<&App>, answers: Data<&Answers>, visitor: Visitor, request: &Request, assistant_id: Path<String>, message_id: Path<String>) -> Result<ChatReply> {
        app.limits.widget_read.check(&key(&visitor, &assistant_id)).map_err(widget)?;
        let (message, conversation_id) = own_answer(&app, &visitor, &assistant_id, &message_id)?;
        let workspace_id = guard::open(&app, &visitor, &assistant_id)?.workspace_id;
        answering::resume(&app, &answers, request, &workspace_id, &conversation_id, &message)
    }

    /// Stop an answer where it is
    #[oai(path = "/:assistant_id/messages/:message_id/stop", method = "post", operation_id = "stop_widget_answer")]
    async fn stop_widget_answer(&self, app: Data<&App>, answers: Data<&Answers>, visitor: Visitor, assistant_id: Path<String>, message_id: Path<String>) -> Result<crate::http::NoContent> {
        own_answer(&app, &visitor, &assistant_id, &message_id)?;
        if let Some(log) = answers.find(&message_id) {
            log.stop();
        }
        Ok(crate::http::NoContent)
    }

    /// What was said in the session's conversation, the oldest first
    #[oai(path = "/:assistant_id/history", method = "get", operation_id = "get_widget_history")]
    async fn get_widget_history(&self, app: Data<&App>, visitor: Visitor, assistant_id: Path<String>, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<Message>> {
        app.limits.widget_read.check(&key(&visitor, &assistant_id)).map_err(widget)?;
        let paging = Paging::new(limit.0, offset.0, false).map_err(widget)?;
        let opened = open(&app, &visitor, &assistant_id)?;
        let session = get_session(&app, &visitor, &opened)?;
        let all = shown(&app, &opened, &session, i64::MAX)?;
        let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
        let from = usize::try_from(paging.offset).unwrap_or(usize::MAX);
        let data = all.into_iter().skip(from).take(usize::try_from(paging.limit).unwrap_or(0)).collect();
        Ok(Listing { data, total, paging, flat: false })
    }
}

pub(super) fn widget(error: Error) -> Error {
    error.context("widget")
}

/// The user's messages at the end: the rest is in the session's conversation already.
fn trailing(messages: Vec<ChatMessage>) -> Vec<ChatMessage> {
    let from = messages.iter().rposition(|message| message.role != ChatRole::User).map_or(0, |last| last + 1);
    messages.into_iter().skip(from).collect()
}

/// A question that cannot be read is one all the same: its session's budget pays for it, or the one for new sessions.
fn count_broken(app: &App, visitor: &Visitor, opened: &Opened, error: Error) -> Error {
    let counted = match find_session(app, visitor, opened) {
        Ok(Some(session)) => app.limits.widget_chat_session.check(&session.id),
        Ok(None) => app.limits.widget_session.check(&key(visitor, &opened.assistant.id)),
        Err(error) => Err(error),
    };
    widget(counted.err().unwrap_or(error))
}

async fn session(app: &App, visitor: &Visitor, assistant_id: &str, body: Counted<OpenSession, 64>) -> Result<SessionReply> {
    let opened = open(app, visitor, assistant_id)?;
    let body = match body.read() {
        Ok(body) => body,
        Err(error) => return Err(widget(app.limits.widget_session.check(&key(visitor, assistant_id)).err().unwrap_or(error))),
    };
    let identity = body.identity.unwrap_or_default();
    if let (Some(id), Some(token)) = (&body.session_id, &body.session_token) {
        app.limits.widget_read.check(&key(visitor, assistant_id)).map_err(widget)?;
        let (hash, now) = (sha256_hex(token), app.now());
        let found = app.db.read(|connection| store::find_session(connection, &opened.workspace_id, &opened.assistant.id, &hash, now))?;
        let session = found.filter(|session| session.id == *id).ok_or_else(|| no_session("This chat session is not valid any more. Start a new one."))?;
        let session = guard::note_use(app, &opened.workspace_id, session).await?;
        let session = identify(app, &opened, session, identity).await?;
        return Ok(SessionReply::Resumed(Json(opened_session(app, &opened, session, token.clone())?)));
    }
    if body.session_id.is_some() {
        return Err(no_session("Resuming a session needs its `sessionToken`."));
    }
    app.limits.widget_session.check(&key(visitor, assistant_id)).map_err(widget)?;
    let (session, token) = new_session(app, &opened, body.metadata.unwrap_or_default(), identity).await?;
    Ok(SessionReply::New(Json(opened_session(app, &opened, session, token)?)))
}

fn opened_session(app: &App, opened: &Opened, session: Session, token: String) -> Result<OpenedSession> {
    let messages = shown(app, opened, &session, RESUMED)?;
    app.db.read(|connection| {
        let conversation = match &session.conversation_id {
            Some(id) => conversations::store::find_conversation(connection, &opened.workspace_id, id)?,
            None => None,
        };
        let agent = WidgetAgent::find(connection, conversation.as_ref().and_then(|conversation| conversation.assignee_id.as_deref()))?;
        // Of a contact that was only claimed, nothing is shown.
        let contact = match session.contact_id.as_ref().filter(|_| session.verified) {
            Some(id) => contacts::store::find_contact(connection, &opened.workspace_id, id)?,
            None => None,
        };
        Ok(OpenedSession {
            unread: store::count_unread(connection, &opened.workspace_id, &session.id)?,
            session_id: session.id,
            session_token: token,
            expires_at: session.expires_at,
            conversation_id: session.conversation_id,
            handler: conversation.as_ref().map(|conversation| conversation.handler),
            status: conversation.as_ref().map(|conversation| conversation.status),
            agent,
            contact: contact.map(|contact| WidgetContact { id: contact.id, name: contact.name, email: contact.email, verified: true }),
            messages,
        })
    })
}

/// Links a session to whom the page says its visitor is.
async fn identify(app: &App, opened: &Opened, session: Session, identity: Identity) -> Result<Session> {
    if identity.external_id.is_none() && identity.email.is_none() {
        return Ok(session);
    }
    let verified = app.db.read(|connection| identity::is_verified(app, connection, opened, &identity))?;
    // A claim does not take the place of what was proved.
    if session.verified && !verified {
        return Ok(session);
    }
    let (app_, workspace_id, now) = (app.clone(), opened.workspace_id.clone(), app.now());
    app.db
        .write(move |tx| {
            let Some(contact) = identity::contact_of(&app_, tx, &workspace_id, &identity, verified, now)? else { return Ok(session) };
            store::set_contact(tx, &workspace_id, &session.id, &contact.id, verified)?;
            if let Some(id) = &session.conversation_id {
                link_contact(&app_, tx, &workspace_id, id, &contact.id, now)?;
            }
            Ok(Session { contact_id: Some(contact.id), verified, ..session })
        })
        .await
        .map_err(widget)
}

/// A conversation whose customer was not known is this contact's.
pub(super) fn link_contact(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, contact_id: &str, now: Timestamp) -> Result<()> {
    let before = conversations::service::get_conversation(tx, workspace_id, conversation_id)?;
    if before.contact_id.is_none() {
        let after = conversations::Conversation { contact_id: Some(contact_id.to_owned()), ..before.clone() };
        conversations::service::save(app, tx, workspace_id, &before, after, now)?;
    }
    Ok(())
}

pub(super) async fn new_session(app: &App, opened: &Opened, metadata: VisitorMetadata, identity: Identity) -> Result<(Session, String)> {
    let now = app.now();
    let token = app.ids.secret(40);
    let short = |text: Option<String>| text.map(|text| text.chars().take(2_000).collect::<String>());
    let metadata = VisitorMetadata { page: short(metadata.page), referrer: short(metadata.referrer), locale: metadata.locale.filter(|tag| is_language_tag(tag)) };
    let stored = serde_json::to_string(&metadata)?;
    let (app_, id, hash, expires_at) = (app.clone(), app.new_id(prefix::SESSION), sha256_hex(&token), now.plus(store::LIFETIME));
    let (workspace_id, assistant_id) = (opened.workspace_id.clone(), opened.assistant.id.clone());
    let verified = app.db.read(|connection| identity::is_verified(app, connection, opened, &identity))?;
    let session = app
        .db
        .write(move |tx| {
            let contact = identity::contact_of(&app_, tx, &workspace_id, &identity, verified, now)?.map(|contact| contact.id);
            // Whoever is proved to be somebody goes on where they were.
            let earlier = match contact.as_ref().filter(|_| verified) {
                Some(contact) => store::find_earlier(tx, &workspace_id, &assistant_id, contact)?,
                None => None,
            };
            let new = NewSession {
                id: &id,
                workspace_id: &workspace_id,
                assistant_id: &assistant_id,
                token_hash: &hash,
                metadata: &stored,
                conversation_id: earlier.as_deref(),
                contact_id: contact.as_deref(),
                verified,
                now,
                expires_at,
            };
            store::insert_session(tx, &new)?;
            Ok(Session { id, conversation_id: earlier, contact_id: contact, verified, metadata: Some(metadata), last_used_at: now, expires_at })
        })
        .await
        .map_err(widget)?;
    Ok((session, token))
}

/// What a visitor is shown of the conversation: neither notes nor what an agent has not sent.
fn shown(app: &App, opened: &Opened, session: &Session, newest: i64) -> Result<Vec<Message>> {
    let Some(conversation_id) = &session.conversation_id else { return Ok(Vec::new()) };
    let messages = app.db.read(|connection| conversations::store::list_messages(connection, &opened.workspace_id, conversation_id, None, newest))?;
    Ok(messages.into_iter().filter(|message| !matches!(message.role, MessageRole::Note | MessageRole::Event)).collect())
}

/// The answer with this id, if it is in the session's conversation.
fn own_answer(app: &App, visitor: &Visitor, assistant_id: &str, message_id: &str) -> Result<(Message, String)> {
    let opened = guard::open(app, visitor, assistant_id)?;
    let session = get_session(app, visitor, &opened)?;
    let conversation_id = session.conversation_id.ok_or_else(|| Error::not_found("message").context("widget"))?;
    let message = app.db.read(|connection| conversations::store::find_message(connection, &opened.workspace_id, &conversation_id, message_id))?;
    let message = message.filter(|message| message.role == MessageRole::Assistant).ok_or_else(|| Error::not_found("message").context("widget"))?;
    Ok((message, conversation_id))
}

#[expect(clippy::too_many_arguments, reason = "what one question consists of")]
async fn ask(app: &App, answers: &Answers, live: &Live, opened: Opened, session: &Session, messages: Vec<ChatMessage>, new_token: Option<String>, attachments: Vec<String>) -> Result<Asked> {
    providers::ready(app, &opened.workspace_id).await?;
    let name = match session.contact_id.as_ref() {
        Some(id) => app.db.read(|connection| contacts::store::find_contact(connection, &opened.workspace_id, id))?.and_then(|contact| contact.name),
        None => None,
    };
    let asker = Asker { contact_id: session.contact_id.clone(), name, attachments, owner_id: session.id.clone(), metadata: session.metadata.clone(), ..Asker::new(opened.workspace_id.clone(), None, Channel::Widget) };
    // Two first questions at once belong to one conversation: the second waits until the first has made it.
    let (conversation_id, _turn) = match &session.conversation_id {
        Some(id) => (Some(id.clone()), None),
        None => {
            let turn = answers.turn(&session.id).await;
            (app.db.read(|connection| store::find_conversation_id(connection, &opened.workspace_id, &session.id))?, Some(turn))
        }
    };
    let is_first = conversation_id.is_none();
    let question = Question { conversation_id, messages, idempotency: None, session_token: new_token, replaces: None, web_search: None };
    let asked = answering::ask(app, answers, opened.assistant, asker, question).await.map_err(widget)?;
    if is_first {
        let conversation_id = match &asked {
            Asked::Answering(answering) => answering.conversation_id.clone(),
            Asked::Delivered { conversation_id } => conversation_id.clone(),
        };
        let (workspace_id, id) = (opened.workspace_id, session.id.clone());
        app.db.write(move |tx| store::set_conversation(tx, &workspace_id, &id, &conversation_id)).await?;
        live.ring(&session.id);
    }
    Ok(asked)
}

/// Who is kept out is told so, and nothing of theirs is stored.
pub(super) fn refuse_blocked(app: &App, opened: &Opened, session: &Session) -> Result<()> {
    let blocked = app.db.read(|connection| contacts::is_blocked(connection, &opened.workspace_id, session.contact_id.as_deref(), None))?;
    if blocked { Err(Error::forbidden("Messages from you are not taken here.").context("widget")) } else { Ok(()) }
}
