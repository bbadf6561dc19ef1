//! Reading conversations. Asking is in `answering`.

use poem::web::Data;
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::{Attachment, Json},
};
use serde_json::Value;

use super::{
    export,
    model::{Channel, Conversation, ConversationStatus, Handler, Message},
    service,
    store::{self, Filter},
};
use crate::{
    access::{Caller, Member},
    app::App,
    audit::{self, Action},
    assistants,
    clock::Timestamp,
    error::{Error, Result},
    http::{Listing, NoContent, Paging, Tag},
};

pub struct ConversationsApi;

#[derive(Enum)]
#[oai(rename_all = "lowercase")]
enum Format {
    Json,
    Markdown,
}

/// Part of a conversation's messages, the oldest first.
#[derive(Object)]
pub struct Messages {
    data: Vec<Message>,
    /// How many the conversation has in all.
    total: i64,
    limit: i64,
    /// How many there are before these.
    offset: i64,
}

/// A conversation that the caller may see; everything else is not found.
pub fn get_seen(connection: &rusqlite::Connection, who: &Caller, id: &str) -> Result<Conversation> {
    store::find_conversation_of(connection, &who.workspace_id, id, &who.user_id)?.filter(|found| found.may_be_seen_by(who)).ok_or_else(|| Error::not_found("conversation"))
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/conversations", tag = "Tag::Conversations")]
impl ConversationsApi {
    /// One's own conversations and the inbox's, the latest first
    #[expect(clippy::too_many_arguments, reason = "one a query parameter")]
    #[oai(path = "/", method = "get", operation_id = "list_conversations")]
    async fn list_conversations(
        &self,
        app: Data<&App>,
        who: Member,
        #[oai(name = "assistantId")] assistant_id: Query<Option<String>>,
        channel: Query<Option<Channel>>,
        status: Query<Option<ConversationStatus>>,
        handler: Query<Option<Handler>>,
        // A user's id; `me`; `none` for nobody's.
        #[oai(name = "assigneeId")] assignee_id: Query<Option<String>>,
        #[oai(name = "contactId")] contact_id: Query<Option<String>>,
        tag: Query<Option<String>>,
        // Only what strangers wrote: the workspace's inbox.
        inbox: Query<Option<bool>>,
        // Only what the caller has not read.
        unread: Query<Option<bool>>,
        snoozed: Query<Option<bool>>,
        q: Query<Option<String>>,
        limit: Query<Option<i64>>,
        offset: Query<Option<i64>>,
    ) -> Result<Listing<Conversation>> {
        let paging = Paging::new(limit.0, offset.0, who.flat)?;
        let filter = Filter {
            assistant_id: assistant_id.0,
            channel: channel.0,
            status: status.0,
            handler: handler.0,
            assignee_id: assignee_id.0.map(|id| if id == "me" { who.user_id.clone() } else { id }),
            contact_id: contact_id.0,
            inbox_only: inbox.0.unwrap_or(false),
            tag: tag.0,
            unread_only: unread.0.unwrap_or(false),
            snoozed: snoozed.0,
            q: q.0.filter(|text| !text.trim().is_empty()),
        };
        let flat = who.flat;
        let (data, total) = app.db.read_slowly(move |connection| store::list_conversations(connection, &who, &filter, paging.limit, paging.offset)).await?;
        Ok(Listing { data, total, paging, flat })
    }

    /// One conversation
    #[oai(path = "/:id", method = "get", operation_id = "get_conversation")]
    async fn get_conversation(&self, app: Data<&App>, who: Member, id: Path<String>) -> Result<Json<Conversation>> {
        app.db.read(|connection| get_seen(connection, &who, &id)).map(Json)
    }

    /// Its messages: the last ones, or the last ones before a time
    #[oai(path = "/:id/messages", method = "get", operation_id = "list_messages")]
    async fn list_messages(&self, app: Data<&App>, who: Member, id: Path<String>, before: Query<Option<Timestamp>>, limit: Query<Option<i64>>) -> Result<Json<Messages>> {
        let paging = Paging::new(limit.0, None, false)?;
        app.db.read(|connection| {
            get_seen(connection, &who, &id)?;
            let data = store::list_messages(connection, &who.workspace_id, &id, before.0, paging.limit)?;
            let total = store::count_messages(connection, &who.workspace_id, &id)?;
            // No two have the same time, so that these are where those before the first of them end.
            let offset = match data.first() {
                Some(first) => store::count_messages_before(connection, &who.workspace_id, &id, first.created_at)?,
                None => 0,
            };
            Ok(Json(Messages { data, total, limit: paging.limit, offset }))
        })
    }

    /// Where an answer came from: question, passages, decision, prompt, model, times
    #[oai(path = "/:id/messages/:message_id/receipt", method = "get", operation_id = "get_receipt")]
    async fn get_receipt(&self, app: Data<&App>, who: Member, id: Path<String>, message_id: Path<String>) -> Result<Json<Value>> {
        let text = app.db.read(|connection| {
            get_seen(connection, &who, &id)?;
            store::find_receipt(connection, &who.workspace_id, &id, &message_id)
        })?;
        Ok(Json(serde_json::from_str(&text.ok_or_else(|| Error::not_found("receipt"))?)?))
    }

    /// The whole conversation as a file
    #[oai(path = "/:id/export", method = "get", operation_id = "export_conversation")]
    async fn export_conversation(&self, app: Data<&App>, who: Member, id: Path<String>, format: Query<Option<Format>>) -> Result<Attachment<Vec<u8>>> {
        let (conversation, messages, assistant) = app.db.read(|connection| {
            let conversation = get_seen(connection, &who, &id)?;
            let messages = store::list_messages(connection, &who.workspace_id, &id, None, i64::MAX)?;
            let assistant = assistants::store::find_assistant(connection, &who.workspace_id, conversation.assistant_id.as_deref().unwrap_or_default())?;
            Ok((conversation, messages, assistant.map_or_else(|| "Assistant".to_owned(), |assistant| assistant.name)))
        })?;
        let (text, ending) = match format.0 {
            Some(Format::Markdown) => (export::markdown(&conversation, &messages, &assistant), "md"),
            _ => (serde_json::to_string_pretty(&serde_json::json!({"conversation": conversation, "messages": messages}))?, "json"),
        };
        let (entry, ids, now) = (who.entry(Action::ConversationExported).on(id.0), app.ids.clone(), app.now());
        app.db.write(move |tx| audit::record(tx, &ids, now, &entry)).await?;
        Ok(Attachment::new(text.into_bytes()).filename(format!("{}.{ending}", conversation.id)))
    }

    /// Delete a conversation with its messages
    #[oai(path = "/:id", method = "delete", operation_id = "delete_conversation")]
    async fn delete_conversation(&self, app: Data<&App>, who: Member, id: Path<String>) -> Result<NoContent> {
        let (app_, now) = (app.clone(), app.now());
        app.db
            .write(move |tx| {
                get_seen(tx, &who, &id)?;
                audit::record(tx, &app_.ids, now, &who.entry(Action::ConversationDeleted).on(&id.0))?;
                service::delete(&app_, tx, &who.workspace_id, &id, now)
            })
            .await?;
        app.jobs.wake();
        Ok(NoContent)
    }
}
