//! The operations.

use poem::{Request, web::Data};
use poem_openapi::{
    Enum, Object, OpenApi,
    param::Path,
    payload::Json,
    types::MaybeUndefined,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    actions,
    live::{Live, Signal},
    pages::Page,
    stream::{self, StreamReply},
    summary::summarise,
};
use crate::{
    access::{Caller, Member, Via},
    answering::{self, Answers, ChatReply, reply_stream},
    app::App,
    assistants,
    clock::Timestamp,
    conversations::{self, Conversation, Message, handoff::HandoffState, HandoffReason, model::ConversationStatus, presence},
    error::{Error, Result},
    http::{Body, Created, NoContent, Tag},
    ids::prefix,
    workspaces,
};

pub struct InboxApi;

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub struct Assign {
    /// Null: nobody in particular.
    user_id: Option<String>,
}

#[derive(Object, Deserialize)]
pub struct Snooze {
    until: Timestamp,
}

#[derive(Object, Deserialize, Default)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateConversation {
    title: MaybeUndefined<String>,
    #[serde(deserialize_with = "crate::http::not_null")]
    tags: Option<Vec<String>>,
    contact_id: MaybeUndefined<String>,
}

#[derive(Object, Deserialize)]
pub struct Reply {
    content: String,
    /// Ids of uploads.
    #[serde(default)]
    #[oai(default)]
    attachments: Vec<String>,
    /// For colleagues alone.
    #[serde(default)]
    #[oai(default)]
    note: bool,
}

/// What somebody does with a conversation at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Activity {
    Viewing,
    Typing,
    /// Neither any more.
    Away,
}

#[derive(Object, Deserialize, Default)]
#[serde(default)]
pub struct Typing {
    /// `typing` where it is left out.
    state: Option<Activity>,
}

#[derive(Object, Deserialize, Default)]
#[serde(default)]
pub struct HandOff {
    reason: Option<HandoffReason>,
}

#[derive(Object)]
pub struct Summary {
    summary: String,
}

/// What waits in the inbox.
#[derive(Object, Default)]
pub struct InboxCounts {
    open: i64,
    /// A person is wanted.
    pending: i64,
    /// The caller's own.
    mine: i64,
    /// With people, and nobody's in particular.
    unassigned: i64,
    /// With something that the caller has not read.
    unread: i64,
}

fn option<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

/// Does something with a conversation in one transaction, and shows it as it is then.
async fn act<F>(app: &App, who: Member, id: String, action: F) -> Result<Json<Conversation>>
where
    F: FnOnce(&App, &crate::db::Tx<'_>, &Caller, &str, Timestamp) -> Result<Conversation> + Send + 'static,
{
    let (app_, now) = (app.clone(), app.now());
    let changed = app
        .db
        .write(move |tx| {
            action(&app_, tx, &who, &id, now)?;
            conversations::get_seen(tx, &who, &id)
        })
        .await?;
    app.jobs.wake();
    Ok(Json(changed))
}

#[OpenApi(prefix_path = "/api/workspaces/:ws", tag = "Tag::Conversations")]
impl InboxApi {
    /// One event stream for a page: `{type, id, timestamp, data}` for `conversation.*`, `message.*`, `ticket.*`, `contact.*`, `document.*` and the rest of what webhooks know, of what the caller may see; and, never stored, `presence` (`{online:[{userId,name}]}`, or `{conversationId,userId,name,state}`) and `typing` (`{conversationId,userId|null,name,state}`). `Last-Event-ID` catches up
    #[oai(path = "/events", method = "get", operation_id = "stream_events")]
    async fn stream_events(&self, app: Data<&App>, live: Data<&Live>, who: Member, request: &Request) -> Result<StreamReply> {
        let cursor = app.db.read(|connection| stream::cursor_of(connection, &who.workspace_id, request.header("last-event-id")))?;
        let now = app.now();
        let presence_id = match who.via {
            Via::Session { .. } => Some(app.new_id(prefix::PRESENCE)),
            Via::Token { .. } => None,
        };
        if let Some(id) = presence_id.clone() {
            let (workspace_id, user_id) = (who.workspace_id.clone(), who.user_id.clone());
            app.db.write(move |tx| presence::touch(tx, &workspace_id, &id, &user_id, now)).await?;
        }
        let bell = live.bell(&who.workspace_id);
        Ok(stream::run(&app, &live, cursor, vec![bell], Page { who: who.0, live: live.clone(), presence_id, last_beat: now }))
    }

    /// How much waits in the inbox
    #[oai(path = "/inbox", method = "get", operation_id = "get_inbox")]
    async fn get_inbox(&self, app: Data<&App>, who: Member) -> Result<Json<InboxCounts>> {
        let counts = app.db.read_slowly(move |connection| conversations::store::count_inbox(connection, &who.workspace_id, &who.user_id)).await?;
        let [open, pending, mine, unassigned, unread] = counts;
        Ok(Json(InboxCounts { open, pending, mine, unassigned, unread }))
    }

    /// Take a conversation over: the assistant stops at once; 409 with `details.assigneeId` where a colleague was quicker
    #[oai(path = "/conversations/:id/takeover", method = "post", operation_id = "take_over_conversation")]
    async fn take_over_conversation(&self, app: Data<&App>, answers: Data<&Answers>, who: Member, id: Path<String>) -> Result<Json<Conversation>> {
        let taken = act(&app, who, id.0, actions::take_over).await?;
        answers.stop_conversation(&taken.id);
        Ok(taken)
    }

    /// Give a conversation back to the assistant
    #[oai(path = "/conversations/:id/release", method = "post", operation_id = "release_conversation")]
    async fn release_conversation(&self, app: Data<&App>, who: Member, id: Path<String>) -> Result<Json<Conversation>> {
        act(&app, who, id.0, actions::release).await
    }

    /// Give a conversation to a colleague, or to nobody in particular
    #[oai(path = "/conversations/:id/assign", method = "post", operation_id = "assign_conversation")]
    async fn assign_conversation(&self, app: Data<&App>, answers: Data<&Answers>, who: Member, id: Path<String>, body: Body<Assign>) -> Result<Json<Conversation>> {
        let user_id = body.0.user_id;
        let assigned = act(&app, who, id.0, move |app, tx, who, id, now| actions::assign(app, tx, who, id, user_id, now)).await?;
        answers.stop_conversation(&assigned.id);
        Ok(assigned)
    }

    /// Close a conversation; what the customer writes next opens it again
    #[oai(path = "/conversations/:id/close", method = "post", operation_id = "close_conversation")]
    async fn close_conversation(&self, app: Data<&App>, answers: Data<&Answers>, who: Member, id: Path<String>) -> Result<Json<Conversation>> {
        let closed = act(&app, who, id.0, |app, tx, who, id, now| actions::set_status(app, tx, who, id, ConversationStatus::Closed, now)).await?;
        answers.stop_conversation(&closed.id);
        Ok(closed)
    }

    /// Open a closed conversation again
    #[oai(path = "/conversations/:id/reopen", method = "post", operation_id = "reopen_conversation")]
    async fn reopen_conversation(&self, app: Data<&App>, who: Member, id: Path<String>) -> Result<Json<Conversation>> {
        act(&app, who, id.0, |app, tx, who, id, now| actions::set_status(app, tx, who, id, ConversationStatus::Open, now)).await
    }

    /// Put a conversation aside until a time, or until the customer writes
    #[oai(path = "/conversations/:id/snooze", method = "post", operation_id = "snooze_conversation")]
    async fn snooze_conversation(&self, app: Data<&App>, who: Member, id: Path<String>, body: Body<Snooze>) -> Result<Json<Conversation>> {
        act(&app, who, id.0, move |app, tx, who, id, now| actions::snooze(app, tx, who, id, body.0.until, now)).await
    }

    /// Change title, tags or contact
    #[oai(path = "/conversations/:id", method = "patch", operation_id = "update_conversation")]
    async fn update_conversation(&self, app: Data<&App>, who: Member, id: Path<String>, body: Body<UpdateConversation>) -> Result<Json<Conversation>> {
        let change = actions::Change { title: option(body.0.title), tags: body.0.tags, contact_id: option(body.0.contact_id) };
        act(&app, who, id.0, move |app, tx, who, id, now| actions::change(app, tx, who, id, change, now)).await
    }

    /// Reply to the customer by the conversation's own channel, which takes it over from the assistant; or leave a note for colleagues
    #[oai(path = "/conversations/:id/replies", method = "post", operation_id = "reply_to_conversation")]
    async fn reply_to_conversation(&self, app: Data<&App>, answers: Data<&Answers>, who: Member, id: Path<String>, body: Body<Reply>) -> Result<Created<Message>> {
        let (id, body, now, app_) = (id.0, body.0, app.now(), app.clone());
        if body.content.trim().is_empty() && body.attachments.is_empty() {
            return Err(Error::invalid("content", "must not be empty"));
        }
        if body.content.chars().count() > 32_000 || body.attachments.len() > 10 {
            return Err(Error::invalid("content", "must have at most 32000 characters, with at most 10 attachments"));
        }
        let (conversation_id, is_note) = (id.clone(), body.note);
        let message = app.db.write(move |tx| actions::reply(&app_, tx, &who, &id, &body.content, &body.attachments, body.note, now)).await?;
        if !is_note {
            answers.stop_conversation(&conversation_id);
        }
        app.jobs.wake();
        Ok(Created(message))
    }

    /// Tell colleagues, and while typing the customer, what the caller is doing in a conversation; sent again every few seconds
    #[oai(path = "/conversations/:id/typing", method = "post", operation_id = "tell_typing")]
    async fn tell_typing(&self, app: Data<&App>, live: Data<&Live>, who: Member, id: Path<String>, body: Body<Typing>) -> Result<NoContent> {
        let (conversation, name) = app.db.read(|connection| Ok((conversations::get_seen(connection, &who, &id)?, actions::name_of(connection, &who.user_id)?)))?;
        let state = body.0.state.unwrap_or(Activity::Typing);
        let data = json!({"conversationId": conversation.id, "userId": who.user_id, "name": name, "state": state});
        let kind = if state == Activity::Viewing { "presence" } else { "typing" };
        live.signal(Signal { workspace_id: who.workspace_id.clone(), conversation_id: Some(conversation.id), kind, data, to_customer: state != Activity::Viewing });
        Ok(NoContent)
    }

    /// Note that the caller has read all that is there
    #[oai(path = "/conversations/:id/read", method = "post", operation_id = "read_conversation")]
    async fn read_conversation(&self, app: Data<&App>, who: Member, id: Path<String>) -> Result<NoContent> {
        app.db
            .write(move |tx| {
                let conversation = conversations::get_seen(tx, &who, &id)?;
                conversations::store::mark_read(tx, &who.workspace_id, &id, &who.user_id, conversation.last_message_at)
            })
            .await?;
        Ok(NoContent)
    }

    /// Ask for a person in a conversation, as the assistant does
    #[oai(path = "/conversations/:id/handoff", method = "post", operation_id = "hand_off_conversation")]
    async fn hand_off_conversation(&self, app: Data<&App>, who: Member, id: Path<String>, body: Body<HandOff>) -> Result<Json<HandoffState>> {
        let (app_, now, reason) = (app.clone(), app.now(), body.0.reason.unwrap_or(HandoffReason::CustomerRequest));
        app.db
            .write(move |tx| {
                conversations::get_seen(tx, &who, &id)?;
                conversations::handoff::hand_off(&app_, tx, &who.workspace_id, &id, reason, now).map(Json)
            })
            .await
    }

    /// A suggested reply from the documents, streamed as an answer is, with its sources; nothing of it is stored or sent
    #[oai(path = "/conversations/:id/draft", method = "post", operation_id = "draft_reply")]
    async fn draft_reply(&self, app: Data<&App>, answers: Data<&Answers>, who: Member, id: Path<String>) -> Result<ChatReply> {
        app.limits.chat.check(&who.limit_key()).map_err(|error| error.context("chat"))?;
        crate::providers::ready(&app, &who.workspace_id).await?;
        let assistant = app.db.read(|connection| {
            let conversation = conversations::get_seen(connection, &who, &id)?;
            let assistant_id = conversation.assistant_id.unwrap_or_default();
            let found = assistants::store::find_assistant(connection, &who.workspace_id, &assistant_id)?;
            let found = found.ok_or_else(|| Error::conflict("This conversation has no assistant, whose documents a draft could be made from."))?;
            assistants::service::present(&app, connection, &who.workspace_id, found)
        })?;
        let drafting = answering::suggest(&app, &answers, assistant, &who.workspace_id, &id)?;
        Ok(reply_stream(&drafting))
    }

    /// A conversation in a few lines
    #[oai(path = "/conversations/:id/summary", method = "post", operation_id = "summarise_conversation")]
    async fn summarise_conversation(&self, app: Data<&App>, who: Member, id: Path<String>) -> Result<Json<Summary>> {
        app.db.read(|connection| {
            let conversation = conversations::get_seen(connection, &who, &id)?;
            let messages = conversations::store::list_messages(connection, &who.workspace_id, &id, None, 500)?;
            let is_german = workspaces::store::find_settings(connection, &who.workspace_id)?.is_german();
            Ok(Json(Summary { summary: summarise(&conversation, &messages, is_german) }))
        })
    }
}
