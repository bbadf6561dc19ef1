//! `/api/v1/chat`: statuses, texts and shapes are the contract's, to the letter.

use poem::web::Data;
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
};
use serde_json::{Value, json};

use super::{
    guard::{Answer, Caller, Fields},
    model::Site,
    store::{self, NewVisitor, SiteVisitor},
};
use crate::{
    access::model::check_email,
    answering::{self, Answers, Asker, ChatMessage, ChatRole, Question},
    app::App,
    assistants,
    clock::Timestamp,
    contacts::{self, ContactSource, Seen},
    conversations::{
        self, Channel, Message, MessageRole, MessageStatus,
        attachments::{self, OneFile},
        model::{Handler, title_of},
        service::{self, NewMessage},
        store::NewConversation,
    },
    db::Tx,
    error::Result,
    http::Tag,
    ids::prefix,
    jobs::{self, Job, NewJob},
    secrets::sha256_hex,
};

/// The job that has the assistant answer: its payload is `{conversationId}`.
pub const ANSWER_JOB: &str = "site.answer";
const MOST_CHARACTERS: usize = 10_000;
const TOO_LONG: &str = "Message is too long (maximum 10000 characters)";

pub struct SiteChatApi;

type Outcome = std::result::Result<Answer, Answer>;

/// Success and refusal are both answers.
fn either(outcome: Outcome) -> Answer {
    outcome.unwrap_or_else(|refusal| refusal)
}

fn visitor(app: &App, site: &Site, token: &str) -> std::result::Result<SiteVisitor, Answer> {
    let found = app.db.read(|connection| store::find_visitor(connection, &site.id, &sha256_hex(token)))?;
    found.ok_or_else(|| Answer::refuse(404, "Conversation not found"))
}

#[OpenApi(prefix_path = "/api/v1/chat", tag = "Tag::Sites")]
impl SiteChatApi {
    /// What a chat window shows first: `{greeting}`. The site's key in `X-Api-Key`
    #[oai(path = "/config", method = "get", operation_id = "get_site_config")]
    async fn get_site_config(&self, app: Data<&App>, caller: Caller) -> Answer {
        either(caller.enter(&app.limits.site_config).map(|site| Answer::ok(200, &json!({"greeting": site.greeting}))))
    }

    /// Begin a conversation: `{name, email, message, visitor_token}`
    #[oai(path = "/conversations", method = "post", operation_id = "create_site_conversation")]
    async fn create_site_conversation(&self, app: Data<&App>, caller: Caller, fields: Fields) -> Answer {
        either(create(&app, caller, &fields).await)
    }

    /// All messages, or those after `since`, as a bare array
    #[oai(path = "/conversations/:visitor_token/messages", method = "get", operation_id = "list_site_messages")]
    async fn list_site_messages(&self, app: Data<&App>, caller: Caller, visitor_token: Path<String>, since: Query<Option<String>>) -> Answer {
        either(messages(&app, caller, &visitor_token, since.0.as_deref()).await)
    }

    /// Write in a conversation; a closed one opens again
    #[oai(path = "/conversations/:visitor_token/messages", method = "post", operation_id = "create_site_message")]
    async fn create_site_message(&self, app: Data<&App>, caller: Caller, visitor_token: Path<String>, fields: Fields) -> Answer {
        either(reply(&app, caller, &visitor_token, &fields).await)
    }

    /// Send a file: multipart, one file
    #[oai(path = "/conversations/:visitor_token/files", method = "post", operation_id = "upload_site_file")]
    async fn upload_site_file(&self, app: Data<&App>, caller: Caller, visitor_token: Path<String>, file: OneFile) -> Answer {
        either(upload(&app, caller, &visitor_token, file).await)
    }

    /// A file of a message; `disposition` is `attachment` unless it says `inline`
    #[oai(path = "/conversations/:visitor_token/files/:activity_id/:file_id", method = "get", operation_id = "get_site_file")]
    #[expect(clippy::too_many_arguments, reason = "the parts of the address")]
    async fn get_site_file(
        &self,
        app: Data<&App>,
        caller: Caller,
        visitor_token: Path<String>,
        activity_id: Path<String>,
        file_id: Path<String>,
        disposition: Query<Option<String>>,
        #[oai(name = "Range")] range: Header<Option<String>>,
    ) -> Answer {
        either(download(&app, caller, &visitor_token, (&activity_id, &file_id), disposition.0.as_deref() == Some("inline"), range.0.as_deref()).await)
    }
}

async fn create(app: &App, caller: Caller, fields: &Fields) -> Outcome {
    let site = caller.enter(&app.limits.site_create)?;
    let given = (fields.text("name"), fields.text("email"), fields.text("message"), fields.text("visitor_token"));
    let (Some(name), Some(email), Some(message), Some(token)) = given else {
        return Err(Answer::refuse(422, "Name, email, message, and visitor_token are required"));
    };
    let email = check_email(email).map_err(|_| Answer::refuse(422, "Invalid email address"))?;
    if message.chars().count() > MOST_CHARACTERS {
        return Err(Answer::refuse(422, TOO_LONG));
    }
    let name: String = name.trim().chars().filter(|c| !c.is_control()).take(120).collect();
    let (app_, now, message, token_hash) = (app.clone(), app.now(), message.to_owned(), sha256_hex(token));
    let (id, conversation_token, auto_reply) = (app.new_id(prefix::CONVERSATION), app.ids.secret(32), site.auto_reply.clone());
    let conversation_hash = sha256_hex(&conversation_token);
    let refused = app
        .db
        .write(move |tx| {
            if store::find_visitor(tx, &site.id, &token_hash)?.is_some() {
                return Ok(Some((409, "A conversation with this visitor token already exists")));
            }
            let ws = site.workspace_id.as_str();
            let (contact, _) = contacts::find_or_make(&app_, tx, ws, &Seen { name: Some(&name), email: Some(&email), ..Seen::default() }, ContactSource::Site, now)?;
            if contacts::is_blocked(tx, ws, Some(&contact.id), Some(&email))? {
                return Ok(Some((403, "Messages from you are not taken here")));
            }
            // An assistant that is gone answers no more.
            let assistant_id = match &site.assistant_id {
                Some(id) => assistants::store::find_assistant(tx, ws, id)?.map(|assistant| assistant.id),
                None => None,
            };
            let title = title_of(&message);
            let new = NewConversation {
                id: &id,
                workspace_id: ws,
                assistant_id: assistant_id.as_deref(),
                channel: Channel::Site,
                user_id: None,
                contact_id: Some(&contact.id),
                title: Some(&title),
                metadata: None,
                now,
            };
            service::create(&app_, tx, &new)?;
            let new = NewVisitor {
                site: &site,
                conversation_id: &id,
                contact_id: &contact.id,
                name: &name,
                visitor_token_hash: &token_hash,
                conversation_token_hash: &conversation_hash,
                now,
            };
            store::insert_visitor(tx, &new)?;
            take(&app_, tx, &site, &SiteVisitor { conversation_id: id, name }, &message, &[], now)?;
            Ok(None)
        })
        .await?;
    app.jobs.wake();
    match refused {
        Some((status, text)) => Err(Answer::refuse(status, text)),
        None => Ok(Answer::ok(201, &json!({"conversation_token": conversation_token, "auto_reply": auto_reply}))),
    }
}

/// Stores what a visitor wrote, with the job that has it answered unless a person has the conversation.
fn take(app: &App, tx: &Tx<'_>, site: &Site, visitor: &SiteVisitor, content: &str, files: &[String], now: Timestamp) -> Result<Message> {
    let (ws, id) = (site.workspace_id.as_str(), visitor.conversation_id.as_str());
    let new = NewMessage { author: Some(&visitor.name), attachments: files, owner_id: id, ..NewMessage::of(MessageRole::User, content) };
    let message = service::say(app, tx, ws, id, &new, now)?;
    let conversation = service::get_conversation(tx, ws, id)?;
    if conversation.handler == Handler::Ai && conversation.assistant_id.is_some() {
        let lane = Some(format!("site-answer:{id}"));
        jobs::enqueue(tx, &app.ids, now, &NewJob { kind: ANSWER_JOB, workspace_id: Some(ws.to_owned()), payload: json!({"conversationId": id}), lane, run_at: now })?;
    }
    Ok(message)
}

/// Reads a time of ISO 8601; without an offset it is in UTC.
fn parse_since(text: &str) -> Option<Timestamp> {
    // An unescaped `+` in an address is read as a space.
    let text = text.trim().replace(' ', "+");
    [text.clone(), format!("{text}Z"), format!("{text}T00:00:00Z")].iter().find_map(|text| Timestamp::parse(text))
}

async fn messages(app: &App, caller: Caller, token: &str, since: Option<&str>) -> Outcome {
    let site = caller.enter(&app.limits.site_messages)?;
    let visitor = visitor(app, &site, token)?;
    let since = match since.filter(|text| !text.trim().is_empty()) {
        Some(text) => parse_since(text).ok_or_else(|| Answer::refuse(422, "Invalid since parameter"))?,
        None => Timestamp::from_millis(0),
    };
    let (messages, assistant, seen) = app.db.read(|connection| {
        let conversation = service::get_conversation(connection, &site.workspace_id, &visitor.conversation_id)?;
        let assistant = match &conversation.assistant_id {
            Some(id) => assistants::store::find_assistant(connection, &site.workspace_id, id)?,
            None => None,
        };
        let messages = conversations::store::list_messages_after(connection, &site.workspace_id, &visitor.conversation_id, since)?;
        Ok((messages, assistant, conversation.customer_seen_at))
    })?;
    let assistant = assistant.map_or_else(|| "Support".to_owned(), |assistant| assistant.name);
    // What comes after an answer that is still being written waits for it: a client that asks for what is newer than
    // the last message that it has seen would never be shown the answer.
    let settled = messages.iter().take_while(|message| message.status != MessageStatus::Streaming);
    let settled: Vec<&Message> = settled.collect();
    // What a person wrote and the visitor has fetched need not be mailed to them.
    let newest = settled.iter().rev().find(|message| message.role == MessageRole::Agent).map(|message| message.created_at);
    if let Some(newest) = newest.filter(|newest| seen.is_none_or(|seen| seen < *newest)) {
        let (ws, id, app_, now) = (site.workspace_id.clone(), visitor.conversation_id.clone(), app.clone(), app.now());
        app.db.write(move |tx| service::customer_saw(&app_, tx, &ws, &id, newest, now)).await?;
    }
    let shown: Vec<Value> = settled.into_iter().filter_map(|message| shown(message, &visitor, &assistant, token)).collect();
    Ok(Answer::ok(200, &Value::Array(shown)))
}

fn shown(message: &Message, visitor: &SiteVisitor, assistant: &str, token: &str) -> Option<Value> {
    let (direction, author) = match message.role {
        MessageRole::User => ("inbound", message.author.as_deref().unwrap_or(&visitor.name)),
        MessageRole::Agent => ("outbound", message.author.as_deref().unwrap_or("Support")),
        MessageRole::Assistant => ("outbound", assistant),
        MessageRole::Note | MessageRole::Event => return None,
    };
    if message.content.is_empty() && message.attachments.is_empty() {
        return None;
    }
    let token: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
    let files = message.attachments.iter().map(|file| {
        let url = format!("/api/v1/chat/conversations/{token}/files/{}/{}", message.number, file.number);
        json!({"id": file.number, "filename": file.filename, "content_type": file.mime_type, "byte_size": file.bytes, "url": url})
    });
    Some(json!({
        "direction": direction, "body": message.content, "timestamp": message.created_at, "author": author, "id": message.number,
        "attachments": files.collect::<Vec<_>>(),
    }))
}

/// Whether somebody is kept out by now.
fn refuse_blocked(app: &App, site: &Site, visitor: &SiteVisitor) -> std::result::Result<(), Answer> {
    let blocked = app.db.read(|connection| {
        let conversation = service::get_conversation(connection, &site.workspace_id, &visitor.conversation_id)?;
        contacts::is_blocked(connection, &site.workspace_id, conversation.contact_id.as_deref(), None)
    })?;
    if blocked { Err(Answer::refuse(403, "Messages from you are not taken here")) } else { Ok(()) }
}

async fn reply(app: &App, caller: Caller, token: &str, fields: &Fields) -> Outcome {
    let site = caller.enter(&app.limits.site_reply)?;
    let visitor = visitor(app, &site, token)?;
    let message = fields.text("message").ok_or_else(|| Answer::refuse(422, "Message is required"))?.to_owned();
    if message.chars().count() > MOST_CHARACTERS {
        return Err(Answer::refuse(422, TOO_LONG));
    }
    refuse_blocked(app, &site, &visitor)?;
    let (app_, now) = (app.clone(), app.now());
    app.db.write(move |tx| take(&app_, tx, &site, &visitor, &message, &[], now)).await?;
    app.jobs.wake();
    Ok(Answer::ok(201, &json!({"status": "ok"})))
}

async fn upload(app: &App, caller: Caller, token: &str, file: OneFile) -> Outcome {
    let site = caller.enter(&app.limits.site_reply)?;
    let visitor = visitor(app, &site, token)?;
    refuse_blocked(app, &site, &visitor)?;
    let file = file.read(10 << 20).await?;
    attachments::check_public(&file)?;
    let name = file.filename.clone();
    let kept = attachments::add(app, &site.workspace_id, &visitor.conversation_id, file).await?;
    let (app_, now, number) = (app.clone(), app.now(), kept.number);
    let message = app.db.write(move |tx| take(&app_, tx, &site, &visitor, &name, &[kept.id], now)).await?;
    app.jobs.wake();
    Ok(Answer::ok(201, &json!({"activity_id": message.number, "id": number})))
}

async fn download(app: &App, caller: Caller, token: &str, (activity_id, file_id): (&str, &str), inline: bool, range: Option<&str>) -> Outcome {
    let site = caller.enter(&app.limits.site_files)?;
    let visitor = visitor(app, &site, token)?;
    let missing = || Answer::refuse(404, "File not found");
    let (Ok(activity_id), Ok(file_id)) = (activity_id.parse(), file_id.parse()) else { return Err(missing()) };
    let file = app.db.read(|connection| attachments::find_in(connection, &site.workspace_id, &visitor.conversation_id, activity_id, file_id))?;
    let file = file.ok_or_else(missing)?;
    Ok(Answer::of(attachments::serve(app, file, inline, range).await?))
}

/// Has the assistant answer what was not answered yet.
pub async fn answer(app: App, answers: Answers, job: Job) -> Result<()> {
    let ws = job.workspace_id.clone().unwrap_or_default();
    let id = job.payload["conversationId"].as_str().unwrap_or_default().to_owned();
    let found = app.db.read(|connection| {
        let Some(conversation) = conversations::store::find_conversation(connection, &ws, &id)? else { return Ok(None) };
        let assistant = assistants::store::find_assistant(connection, &ws, conversation.assistant_id.as_deref().unwrap_or_default())?;
        let Some(assistant) = assistant.filter(|_| conversation.handler == Handler::Ai) else { return Ok(None) };
        let assistant = assistants::service::present(&app, connection, &ws, assistant)?;
        Ok(Some((assistant, conversations::store::list_messages(connection, &ws, &id, None, 60)?)))
    })?;
    let Some((assistant, messages)) = found else { return Ok(()) };
    let spoken = messages.iter().rposition(|message| matches!(message.role, MessageRole::Assistant | MessageRole::Agent) && message.status == MessageStatus::Complete);
    let asked: Vec<ChatMessage> = messages[spoken.map_or(0, |place| place + 1)..]
        .iter()
        .filter(|message| message.role == MessageRole::User)
        .map(|message| ChatMessage { role: ChatRole::User, content: message.content.clone() })
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    crate::providers::ready(&app, &ws).await?;
    let question = Question { conversation_id: Some(id), messages: asked, idempotency: None, session_token: None, replaces: None, web_search: None };
    if let answering::Asked::Answering(answering) = answering::ask(&app, &answers, assistant, Asker::new(ws, None, Channel::Site), question).await? {
        answering.log.whole().await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_with_and_without_its_offset() {
        let time = Timestamp::parse("2025-01-15T10:30:00Z");
        for text in ["2025-01-15T10:30:00Z", "2025-01-15T11:30:00 01:00", "2025-01-15T10:30:00", "2025-01-15T10:30:00.000Z"] {
            assert_eq!(parse_since(text), time, "{text}");
        }
        assert!(parse_since("2025-01-15").is_some());
        for text in ["yesterday", "1736937000", "2025-13-45T00:00:00Z"] {
            assert_eq!(parse_since(text), None, "{text}");
        }
    }
}
