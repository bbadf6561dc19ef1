//! `POST /api/chat` and its kin: checking what was sent, and telling the answer as a stream or as a whole.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use poem::{
    Body as PoemBody, IntoResponse, Request, Response,
    http::{HeaderName, HeaderValue, header},
    web::Data,
};
use poem_openapi::{
    ApiResponse, Enum, Object, OpenApi,
    param::{Header, Path},
    payload::{Json, Payload},
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    events::{Event, Usage},
    log::{Answers, Listener, Log},
    retell::retell,
    start::{self, Answering, Asker, Question, start},
};
use crate::{
    access::{Caller, Member, Via},
    app::App,
    assistants,
    conversations::{self, Channel, Citation, Message, MessageRole, Source},
    error::{Error, Result},
    http::{Counted, NoContent, Tag},
    providers,
    secrets::sha256_hex,
};

pub struct ChatApi;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ChatRole {
    User,
    Assistant,
}

impl ChatRole {
    pub(super) fn stored(self) -> MessageRole {
        match self {
            ChatRole::User => MessageRole::User,
            ChatRole::Assistant => MessageRole::Assistant,
        }
    }
}

#[derive(Debug, Clone, Object, Deserialize)]
pub struct ChatMessage {
    pub role: ChatRole,
    pub content: String,
}

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ChatRequest {
    assistant_id: String,
    /// The conversation to go on with; left out, `messages` is the whole context.
    chat_id: Option<String>,
    /// At least one, the last one a user's. Of more than 200 the newest count.
    messages: Vec<ChatMessage>,
    /// False answers one JSON object instead of a stream.
    stream: Option<bool>,
    /// Whether the web may be searched for this message, where the assistant may at all.
    web_search: Option<bool>,
}

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct SendMessage {
    content: String,
    /// Ids of the caller's uploads, each used once.
    #[serde(default)]
    #[oai(default)]
    attachments: Vec<String>,
    /// False answers one JSON object instead of a stream.
    stream: Option<bool>,
    /// Whether the web may be searched for this message, where the assistant may at all.
    web_search: Option<bool>,
}

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Regenerate {
    /// False answers one JSON object instead of a stream.
    stream: Option<bool>,
    /// Whether the web may be searched for this message, where the assistant may at all.
    web_search: Option<bool>,
}

/// A whole answer, for `"stream": false`.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct ChatAnswer {
    pub chat_id: String,
    pub message_id: String,
    pub model: String,
    pub content: String,
    pub sources: Vec<Source>,
    pub citations: Vec<Citation>,
    /// `stop`, `length` or `error`.
    pub finish_reason: String,
    pub usage: Usage,
    pub answered: bool,
    #[oai(skip_serializing_if_is_none)]
    pub error: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub code: Option<String>,
}

/// A stream of events, or one JSON object.
pub struct ChatReply(Response);

impl IntoResponse for ChatReply {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for ChatReply {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "A person has the conversation, and the message was put before them: `{status: \"delivered\", chatId}`.",
                status: Some(202),
                status_range: None,
                content: vec![MetaMediaType { content_type: Json::<Value>::CONTENT_TYPE, schema: Value::schema_ref() }],
                headers: vec![],
            }, MetaResponse {
                description: "Server-sent events `start`, `sources`, `text-delta`, `tool-call`, `tool-result`, `citations`, `finish`, each one line `data: {json}` of at most 1 KiB with the kind in `type`; or, with `\"stream\": false`, the whole answer.",
                status: Some(200),
                status_range: None,
                content: vec![
                    MetaMediaType { content_type: "text/event-stream", schema: String::schema_ref() },
                    MetaMediaType { content_type: Json::<ChatAnswer>::CONTENT_TYPE, schema: ChatAnswer::schema_ref() },
                ],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        ChatAnswer::register(registry);
    }
}

const MOST_CHARACTERS: usize = 32_000;
const MOST_MESSAGES: usize = 200;

/// Holds messages to the contract, and keeps the newest of too many.
pub fn check_messages(mut messages: Vec<ChatMessage>) -> Result<Vec<ChatMessage>> {
    if messages.len() > MOST_MESSAGES {
        messages.drain(..messages.len() - MOST_MESSAGES);
    }
    for (place, message) in messages.iter().enumerate() {
        if message.content.chars().count() > MOST_CHARACTERS {
            return Err(Error::invalid(format!("messages[{place}].content"), format!("must have at most {MOST_CHARACTERS} characters")));
        }
        if message.role == ChatRole::User && message.content.trim().is_empty() {
            return Err(Error::invalid(format!("messages[{place}].content"), "must not be empty"));
        }
    }
    match messages.last() {
        None => Err(Error::invalid("messages", "must have at least one message")),
        Some(last) if last.role != ChatRole::User => Err(Error::invalid("messages", "must end with a message of the user's")),
        Some(_) => Ok(messages),
    }
}

/// What a conversation's own address takes.
pub struct MessagesApi;

#[OpenApi(prefix_path = "/api/workspaces/:ws/conversations", tag = "Tag::Conversations")]
impl MessagesApi {
    /// Ask in a conversation
    #[oai(path = "/:id/messages", method = "post", operation_id = "send_message")]
    async fn send_message(
        &self,
        app: Data<&App>,
        answers: Data<&Answers>,
        who: Member,
        id: Path<String>,
        #[oai(name = "Idempotency-Key")] key: Header<Option<String>>,
        body: Counted<SendMessage>,
    ) -> Result<ChatReply> {
        app.limits.chat.check(&who.limit_key()).map_err(|error| error.context("chat"))?;
        let body = body.read()?;
        let messages = check_messages(vec![ChatMessage { role: ChatRole::User, content: body.content }]).map_err(|error| error.context("chat"))?;
        if body.attachments.len() > 10 {
            return Err(Error::invalid("attachments", "must have at most 10 entries").context("chat"));
        }
        providers::ready(&app, &who.workspace_id).await?;
        let assistant = app.db.read(|connection| {
            let conversation = conversations::get_seen(connection, &who, &id)?;
            assistants::service::get_usable(&app, connection, &who, conversation.assistant_id.as_deref().unwrap_or_default())
        })?;
        let idempotency = idempotency(&who, key.0, &format!("{}\n{messages:?}", id.0))?;
        let question = Question { conversation_id: Some(id.0), messages, idempotency, session_token: None, replaces: None, web_search: body.web_search };
        let asker = Asker { attachments: body.attachments, ..asker(&who) };
        let answering = start(&app, &answers, assistant, asker, question).await?;
        Ok(reply(answering, body.stream.unwrap_or(true)).await)
    }
}

#[OpenApi(tag = "Tag::Chat")]
impl ChatApi {
    /// Ask an assistant
    #[oai(path = "/api/chat", method = "post", operation_id = "chat")]
    async fn chat(
        &self,
        app: Data<&App>,
        answers: Data<&Answers>,
        who: Member,
        #[oai(name = "Idempotency-Key")] key: Header<Option<String>>,
        body: Counted<ChatRequest, 8192>,
    ) -> Result<ChatReply> {
        app.limits.chat.check(&who.limit_key()).map_err(|error| error.context("chat"))?;
        let body = body.read()?;
        let messages = check_messages(body.messages).map_err(|error| error.context("chat"))?;
        providers::ready(&app, &who.workspace_id).await?;
        let assistant = app.db.read(|connection| {
            let assistant = assistants::service::get_usable(&app, connection, &who, &body.assistant_id)?;
            if let Some(id) = &body.chat_id {
                let found = conversations::store::find_conversation(connection, &who.workspace_id, id)?;
                found.filter(|found| is_own(found, &who, &assistant.id)).ok_or_else(|| Error::not_found("conversation"))?;
            }
            Ok(assistant)
        });
        let assistant = assistant.map_err(|error: Error| error.context("chat"))?;
        let idempotency = idempotency(&who, key.0, &format!("{}\n{:?}\n{messages:?}", body.assistant_id, body.chat_id))?;
        let question = Question { conversation_id: body.chat_id, messages, idempotency, session_token: None, replaces: None, web_search: body.web_search };
        let answering = start(&app, &answers, assistant, asker(&who), question).await?;
        Ok(reply(answering, body.stream.unwrap_or(true)).await)
    }

    /// Stop an answer where it is
    #[oai(path = "/api/chat/:chat_id/messages/:message_id/stop", method = "post", operation_id = "stop_answer")]
    async fn stop_answer(&self, app: Data<&App>, answers: Data<&Answers>, who: Member, chat_id: Path<String>, message_id: Path<String>) -> Result<NoContent> {
        seen(&app, &who, &chat_id, &message_id)?;
        if let Some(log) = answers.find(&message_id) {
            log.stop();
        }
        Ok(NoContent)
    }

    /// Answer again: the last answer of a conversation makes room for another one
    #[oai(path = "/api/chat/:chat_id/messages/:message_id/regenerate", method = "post", operation_id = "regenerate_answer")]
    async fn regenerate_answer(&self, app: Data<&App>, answers: Data<&Answers>, who: Member, chat_id: Path<String>, message_id: Path<String>, body: Counted<Regenerate>) -> Result<ChatReply> {
        app.limits.chat.check(&who.limit_key()).map_err(|error| error.context("chat"))?;
        let body = body.read()?;
        seen(&app, &who, &chat_id, &message_id)?;
        providers::ready(&app, &who.workspace_id).await?;
        let (assistant, messages) = app
            .db
            .read(|connection| {
                let conversation = conversations::get_seen(connection, &who, &chat_id)?;
                let assistant = assistants::service::get_usable(&app, connection, &who, conversation.assistant_id.as_deref().unwrap_or_default())?;
                Ok((assistant, start::question_before(connection, &who.workspace_id, &chat_id, &message_id)?))
            })
            .map_err(|error| error.context("chat"))?;
        let question = Question { conversation_id: Some(chat_id.0), messages, idempotency: None, session_token: None, replaces: Some(message_id.0), web_search: body.web_search };
        let answering = start::start(&app, &answers, assistant, asker(&who), question).await?;
        Ok(reply(answering, body.stream.unwrap_or(true)).await)
    }

    /// Listen to an answer again, from the event after `Last-Event-ID` on
    #[oai(path = "/api/chat/:chat_id/messages/:message_id/stream", method = "get", operation_id = "resume_answer")]
    async fn resume_answer(&self, app: Data<&App>, answers: Data<&Answers>, who: Member, request: &Request, chat_id: Path<String>, message_id: Path<String>) -> Result<ChatReply> {
        let message = seen(&app, &who, &chat_id, &message_id)?;
        resume(&app, &answers, request, &who.workspace_id, &chat_id, &message)
    }
}

fn seen(app: &App, who: &Caller, chat_id: &str, message_id: &str) -> Result<Message> {
    app.db
        .read(|connection| {
            conversations::get_seen(connection, who, chat_id)?;
            conversations::store::find_message(connection, &who.workspace_id, chat_id, message_id)?
                .filter(|message| message.role == MessageRole::Assistant)
                .ok_or_else(|| Error::not_found("message"))
        })
        .map_err(|error| error.context("chat"))
}

fn is_own(conversation: &conversations::Conversation, who: &Caller, assistant_id: &str) -> bool {
    conversation.assistant_id.as_deref() == Some(assistant_id) && conversation.user_id.as_deref() == Some(&who.user_id) && !conversation.channel.is_public()
}

fn asker(who: &Caller) -> Asker {
    let channel = match who.via {
        Via::Token { .. } => Channel::Api,
        Via::Session { .. } => Channel::Dashboard,
    };
    Asker::new(who.workspace_id.clone(), Some(who.user_id.clone()), channel)
}

fn idempotency(who: &Caller, key: Option<String>, body: &str) -> Result<Option<(String, String)>> {
    let Some(key) = key else { return Ok(None) };
    if key.is_empty() || key.len() > 200 {
        return Err(Error::invalid("Idempotency-Key", "must have 1 to 200 characters").context("chat"));
    }
    Ok(Some((format!("{}\n{key}", who.limit_key()), sha256_hex(body))))
}

async fn reply(answering: Answering, stream: bool) -> ChatReply {
    if stream { reply_stream(&answering) } else { ChatReply(Json(reply_whole(&answering).await).into_response()) }
}

/// 202: a person has the conversation, and the message was put before them.
pub fn delivered(conversation_id: &str, session_token: Option<&str>) -> ChatReply {
    let mut body = serde_json::json!({"status": "delivered", "chatId": conversation_id});
    if let Some(token) = session_token {
        body["sessionToken"] = token.into();
    }
    ChatReply(Json(body).with_status(poem::http::StatusCode::ACCEPTED).into_response())
}

/// The answer as it comes.
pub fn reply_stream(answering: &Answering) -> ChatReply {
    stream_of(answering.log.listen(0), &answering.conversation_id)
}

/// What there is of an answer after the event that the client has last seen: from memory while it is there, else told
/// again from what was stored. Where that cannot be the same events, it begins with `start`, at which a client forgets
/// what it had.
pub fn resume(app: &App, answers: &Answers, request: &Request, workspace_id: &str, chat_id: &str, message: &Message) -> Result<ChatReply> {
    let from = request.header("last-event-id").and_then(|id| id.trim().parse::<usize>().ok()).map_or(0, |id| id.saturating_add(1));
    let listener = match answers.find(&message.id) {
        Some(log) => log.listen(from),
        None => {
            let told = app.db.read(|connection| retell(connection, workspace_id, chat_id, message))?;
            Log::told(&message.id, chat_id, told.events).listen(if told.is_same { from } else { 0 })
        }
    };
    Ok(stream_of(listener, chat_id))
}

/// A comment keeps proxies awake while nothing is said.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

fn stream_of(listener: Listener, chat_id: &str) -> ChatReply {
    let events = stream::unfold(listener, |mut listener| async move {
        // Each event leaves as a piece of its own: between two, the connection gets its turn to write.
        tokio::task::yield_now().await;
        let next = match tokio::time::timeout(KEEP_ALIVE, listener.next()).await {
            Ok(Some((id, event))) => Bytes::from(event.wire(id)),
            Ok(None) => return None,
            Err(_) => Bytes::from_static(b": still there\n\n"),
        };
        Some((Ok::<_, Infallible>(next), listener))
    });
    let events = futures_util::StreamExt::map(events, |piece| piece.map_err(|never| -> std::io::Error { match never {} }));
    let mut response = Response::builder().content_type("text/event-stream").body(PoemBody::from_bytes_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    if let Ok(id) = HeaderValue::from_str(chat_id) {
        headers.insert(HeaderName::from_static("x-chat-id"), id);
    }
    ChatReply(response)
}

/// The answer once it is whole.
pub async fn reply_whole(answering: &Answering) -> ChatAnswer {
    let _listener = answering.log.listen(0);
    let mut answer = ChatAnswer {
        chat_id: answering.conversation_id.clone(),
        message_id: answering.message_id.clone(),
        model: answering.model.clone(),
        content: String::new(),
        sources: Vec::new(),
        citations: Vec::new(),
        finish_reason: "error".to_owned(),
        usage: Usage::default(),
        answered: false,
        error: None,
        code: None,
    };
    for event in answering.log.whole().await {
        match event {
            Event::Start { model, .. } => answer.model = model,
            Event::TextDelta { text_delta } => answer.content.push_str(&text_delta),
            Event::Sources { sources } => answer.sources.extend(sources),
            Event::Citations { citations } => answer.citations.extend(citations),
            Event::ToolCall { .. } | Event::ToolResult { .. } => {}
            Event::Finish { finish_reason, usage, answered, error, code, .. } => {
                answer.finish_reason = finish_reason.word().to_owned();
                (answer.usage, answer.answered, answer.error, answer.code) = (usage, answered, error, code);
            }
        }
    }
    answer
}
