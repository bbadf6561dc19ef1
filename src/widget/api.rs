//! The operations.

use poem::{Request, web::Data};
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};
use serde::Deserialize;
use serde_json::json;

use super::{
    guard::{self, Opened, Visitor, find_session, get_session, key, no_session, open},
    store::{self, NewSession, Session},
};
use crate::{
    answering::{self, Answering, Answers, Asker, ChatMessage, ChatReply, ChatRole, Question, check_messages, reply_stream},
    app::App,
    assistants::settings::{LeadForm, Switch, Theme, Uploads},
    clock::Timestamp,
    conversations::{self, Channel, Message, MessageRole},
    providers,
    error::{Error, Result},
    http::{Body, Listing, Paging, Tag},
    ids::prefix,
    secrets::sha256_hex,
};

pub struct WidgetApi;

/// What the widget needs to draw itself.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct WidgetConfig {
    assistant_id: String,
    name: String,
    avatar_url: Option<String>,
    welcome_message: Option<String>,
    suggested_questions: Vec<String>,
    theme: Theme,
    locale: Option<String>,
    strings: std::collections::BTreeMap<String, String>,
    lead_form: LeadForm,
    tickets: Switch,
    handoff: WidgetHandoff,
    uploads: Uploads,
}

#[derive(Debug, Object)]
pub struct WidgetHandoff {
    enabled: bool,
    /// Whether somebody is there.
    online: bool,
}

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
    metadata: Option<Metadata>,
}

/// Where the visitor is. Shown to the people of the workspace.
#[derive(Object, Deserialize, serde::Serialize)]
#[serde(default)]
#[derive(Default)]
pub struct Metadata {
    page: Option<String>,
    referrer: Option<String>,
    locale: Option<String>,
}

#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct OpenedSession {
    session_id: String,
    session_token: String,
    expires_at: Timestamp,
    conversation_id: Option<String>,
    /// The conversation so far, the oldest first.
    messages: Vec<Message>,
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
}

/// How many messages a resumed session is given at once.
const RESUMED: i64 = 100;

#[OpenApi(prefix_path = "/api/widget", tag = "Tag::Widget")]
impl WidgetApi {
    /// What the widget draws itself with
    #[oai(path = "/:assistant_id/config", method = "get", operation_id = "get_widget_config")]
    async fn get_widget_config(&self, app: Data<&App>, visitor: Visitor, assistant_id: Path<String>, #[oai(name = "If-None-Match")] if_none_match: Header<Option<String>>) -> Result<ConfigReply> {
        app.limits.widget_read.check(&key(&visitor, &assistant_id)).map_err(widget)?;
        let Opened { assistant, .. } = open(&app, &visitor, &assistant_id)?;
        let etag = assistant.etag();
        if if_none_match.0.is_some_and(|tags| tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)) {
            return Ok(ConfigReply::Unchanged(etag));
        }
        let config = WidgetConfig {
            assistant_id: assistant.id,
            name: assistant.name,
            avatar_url: assistant.avatar_url,
            welcome_message: assistant.welcome_message,
            suggested_questions: assistant.suggested_questions,
            theme: assistant.widget.theme,
            locale: assistant.widget.locale,
            strings: assistant.widget.strings,
            // What the server does not do yet is not offered to visitors, whatever is set.
            lead_form: LeadForm::default(),
            tickets: Switch::default(),
            handoff: WidgetHandoff { enabled: false, online: false },
            uploads: Uploads::default(),
        };
        Ok(ConfigReply::Config(Json(config), etag, "private, max-age=60".to_owned()))
    }

    /// Begin a chat session, or go on with one
    #[oai(path = "/:assistant_id/session", method = "post", operation_id = "open_widget_session")]
    async fn open_widget_session(&self, app: Data<&App>, visitor: Visitor, assistant_id: Path<String>, body: Body<OpenSession, 64>) -> Result<SessionReply> {
        session(&app, &visitor, &assistant_id, body.0).await
    }

    /// The same as `session`, under its other name
    #[oai(path = "/:assistant_id/init", method = "post", operation_id = "init_widget_session")]
    async fn init_widget_session(&self, app: Data<&App>, visitor: Visitor, assistant_id: Path<String>, body: Body<OpenSession, 64>) -> Result<SessionReply> {
        session(&app, &visitor, &assistant_id, body.0).await
    }

    /// Ask; without a session one is made, and its token is in `start`
    #[oai(path = "/:assistant_id/chat", method = "post", operation_id = "widget_chat")]
    async fn widget_chat(&self, app: Data<&App>, answers: Data<&Answers>, visitor: Visitor, assistant_id: Path<String>, body: Body<WidgetChat, 8192>) -> Result<ChatReply> {
        app.limits.widget_chat_address.check(&visitor.address.limit_key()).map_err(widget)?;
        let opened = open(&app, &visitor, &assistant_id)?;
        let messages = match (body.0.message, body.0.messages) {
            (Some(message), _) => vec![ChatMessage { role: ChatRole::User, content: message }],
            (None, Some(messages)) => messages,
            (None, None) => return Err(Error::invalid("message", "is required").context("widget")),
        };
        let messages = trailing(check_messages(messages).map_err(widget)?);
        let (session, new_token) = match find_session(&app, &visitor, &opened)? {
            Some(session) => (session, None),
            None => {
                app.limits.widget_session.check(&key(&visitor, &assistant_id)).map_err(widget)?;
                let (session, token) = new_session(&app, &opened, &Metadata::default()).await?;
                (session, Some(token))
            }
        };
        app.limits.widget_chat_session.check(&session.id).map_err(widget)?;
        let answering = ask(&app, &answers, opened, &session, messages, new_token).await?;
        Ok(reply_stream(&answering))
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

fn widget(error: Error) -> Error {
    error.context("widget")
}

/// The user's messages at the end: the rest is in the session's conversation already.
fn trailing(messages: Vec<ChatMessage>) -> Vec<ChatMessage> {
    let from = messages.iter().rposition(|message| message.role != ChatRole::User).map_or(0, |last| last + 1);
    messages.into_iter().skip(from).collect()
}

async fn session(app: &App, visitor: &Visitor, assistant_id: &str, body: OpenSession) -> Result<SessionReply> {
    let opened = open(app, visitor, assistant_id)?;
    if let (Some(id), Some(token)) = (&body.session_id, &body.session_token) {
        app.limits.widget_read.check(&key(visitor, assistant_id)).map_err(widget)?;
        let (hash, now) = (sha256_hex(token), app.now());
        let found = app.db.read(|connection| store::find_session(connection, &opened.workspace_id, &opened.assistant.id, &hash, now))?;
        let session = found.filter(|session| session.id == *id).ok_or_else(|| no_session("This chat session is not valid any more. Start a new one."))?;
        let messages = shown(app, &opened, &session, RESUMED)?;
        let resumed = OpenedSession {
            session_id: session.id,
            session_token: token.clone(),
            expires_at: session.expires_at,
            conversation_id: session.conversation_id,
            messages,
        };
        return Ok(SessionReply::Resumed(Json(resumed)));
    }
    if body.session_id.is_some() {
        return Err(no_session("Resuming a session needs its `sessionToken`."));
    }
    app.limits.widget_session.check(&key(visitor, assistant_id)).map_err(widget)?;
    let (session, token) = new_session(app, &opened, &body.metadata.unwrap_or_default()).await?;
    Ok(SessionReply::New(Json(OpenedSession {
        session_id: session.id,
        session_token: token,
        expires_at: session.expires_at,
        conversation_id: None,
        messages: Vec::new(),
    })))
}

async fn new_session(app: &App, opened: &Opened, metadata: &Metadata) -> Result<(Session, String)> {
    let now = app.now();
    let token = app.ids.secret(40);
    let session = Session { id: app.new_id(prefix::SESSION), conversation_id: None, last_used_at: now, expires_at: now.plus(store::LIFETIME) };
    let short = |text: &Option<String>| text.as_ref().map(|text| text.chars().take(2_000).collect::<String>());
    let metadata = json!({"page": short(&metadata.page), "referrer": short(&metadata.referrer), "locale": short(&metadata.locale)}).to_string();
    let (id, hash, expires_at) = (session.id.clone(), sha256_hex(&token), session.expires_at);
    let (workspace_id, assistant_id) = (opened.workspace_id.clone(), opened.assistant.id.clone());
    app.db
        .write(move |tx| {
            let new = NewSession { id: &id, workspace_id: &workspace_id, assistant_id: &assistant_id, token_hash: &hash, metadata: &metadata, now, expires_at };
            store::insert_session(tx, &new)
        })
        .await?;
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

async fn ask(app: &App, answers: &Answers, opened: Opened, session: &Session, messages: Vec<ChatMessage>, new_token: Option<String>) -> Result<Answering> {
    providers::ready(app, &opened.workspace_id).await?;
    let asker = Asker { workspace_id: opened.workspace_id.clone(), user_id: None, channel: Channel::Widget };
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
    let answering = answering::start(app, answers, opened.assistant, asker, question).await.map_err(widget)?;
    if is_first {
        let (workspace_id, id, conversation_id) = (opened.workspace_id, session.id.clone(), answering.conversation_id.clone());
        app.db.write(move |tx| store::set_conversation(tx, &workspace_id, &id, &conversation_id)).await?;
    }
    Ok(answering)
}
