//! From a question to a running answer: the conversation it belongs to, the message on disk, the task that answers.

use std::{sync::Arc, time::Duration};

use rusqlite::Connection;
use tokio::time::Instant;

use super::{
    api::{ChatMessage, ChatRole},
    events::Event,
    log::{Answers, Listener, Log},
    retell::retell,
    run,
};
use crate::{
    app::App,
    assistants::{self, Assistant},
    clock::Timestamp,
    conversations::{
        Channel, Message, MessageRole, MessageStatus,
        model::{Handler, VisitorMetadata, title_of},
        service::{self, NewMessage},
        store::{self, NewConversation, Repeated},
    },
    db::Tx,
    error::{Error, Result},
    ids::prefix,
    llm,
};

/// Who asks.
#[derive(Debug, Clone)]
pub struct Asker {
    pub workspace_id: String,
    /// Nobody, for a visitor.
    pub user_id: Option<String>,
    pub channel: Channel,
    /// Who a visitor is, where that is known.
    pub contact_id: Option<String>,
    pub name: Option<String>,
    /// Files for the last message, of this owner's.
    pub attachments: Vec<String>,
    pub owner_id: String,
    /// Where a visitor is, where that is known.
    pub metadata: Option<VisitorMetadata>,
}

impl Asker {
    pub fn new(workspace_id: String, user_id: Option<String>, channel: Channel) -> Self {
        let owner_id = user_id.clone().unwrap_or_default();
        Asker { workspace_id, user_id, channel, contact_id: None, name: None, attachments: Vec::new(), owner_id, metadata: None }
    }
}

/// What became of a question.
pub enum Asked {
    Answering(Answering),
    /// A person has the conversation, and the message was put before them.
    Delivered { conversation_id: String },
}

#[derive(Debug, Clone)]
pub struct Question {
    /// The conversation to go on with; it must be the asker's, which the caller has seen to.
    pub conversation_id: Option<String>,
    /// At least one, the last one a user's; see `check_messages`.
    pub messages: Vec<ChatMessage>,
    /// A caller's key and the body's hash.
    pub idempotency: Option<(String, String)>,
    /// Told to a visitor whose session was made with this question.
    pub session_token: Option<String>,
    /// The answer that is to be given anew.
    pub replaces: Option<String>,
    /// Whether the web may be searched for this message.
    pub web_search: Option<bool>,
}

/// An answer that is being written, or has been.
pub struct Answering {
    pub log: Arc<Log>,
    pub conversation_id: String,
    pub message_id: String,
    pub model: String,
    /// Counts as somebody who listens, until those who do have come.
    _listening: Listener,
}

impl Answering {
    fn new(log: Arc<Log>, conversation_id: String, message_id: String, model: String) -> Self {
        Answering { _listening: log.listen(0), log, conversation_id, message_id, model }
    }
}

/// How long a key makes a retried request answer the same message.
const REMEMBER: Duration = Duration::from_secs(24 * 3600);
/// How many messages of a conversation a model may be told of.
const HISTORY: i64 = 60;

/// The same as `ask`, where no person can have the conversation.
pub async fn start(app: &App, answers: &Answers, assistant: Assistant, asker: Asker, question: Question) -> Result<Answering> {
    match ask(app, answers, assistant, asker, question).await? {
        Asked::Answering(answering) => Ok(answering),
        Asked::Delivered { .. } => Err(Error::conflict("A person has this conversation now and will answer; the message was delivered.").context("chat")),
    }
}

/// Puts the question on disk and sets the answer going. It waits while another answer of the conversation runs.
pub async fn ask(app: &App, answers: &Answers, assistant: Assistant, asker: Asker, question: Question) -> Result<Asked> {
    if let Some(known) = repeated(app, answers, &asker, &question)? {
        return Ok(Asked::Answering(known));
    }
    let conversation_id = match &question.conversation_id {
        Some(id) => Some(id.clone()),
        None => app.db.read(|connection| find_continued(connection, &asker, &assistant.id, &question.messages))?,
    };
    let is_new = conversation_id.is_none();
    if let Some(running) = conversation_id.as_ref().and_then(|id| joined(app, answers, &asker, &question, id).transpose()) {
        return running.map(Asked::Answering);
    }
    let conversation_id = conversation_id.unwrap_or_else(|| app.new_id(prefix::CONVERSATION));
    let turn = answers.turn(&conversation_id).await;
    let began = app.now();
    let message_id = app.new_id(prefix::MESSAGE);
    // It can be listened to from the moment that it is on disk.
    let log = answers.open(&message_id, &conversation_id);
    let saved = {
        let (app_, asker, question, assistant_id) = (app.clone(), asker.clone(), question.clone(), assistant.id.clone());
        let (conversation_id, message_id) = (conversation_id.clone(), message_id.clone());
        app.db
            .write(move |tx| {
                if let Some((key, _)) = &question.idempotency
                    && let Some(known) = store::find_repeated(tx, &asker.workspace_id, key, began.minus(REMEMBER))?
                {
                    return Ok(Saved::Repeated(known));
                }
                let place = Place { app: &app_, workspace_id: &asker.workspace_id, conversation_id: &conversation_id, now: began };
                if let Some(answer) = &question.replaces {
                    store::delete_last_answer(tx, place.workspace_id, place.conversation_id, answer)?;
                }
                if is_new {
                    insert_conversation(tx, &place, &asker, &assistant_id, &question.messages)?;
                }
                let earlier = add_questions(tx, &place, &asker, &question.messages, is_new)?;
                // A new one is the assistant's.
                let has_person = || store::find_conversation(tx, place.workspace_id, place.conversation_id).map(|found| found.is_some_and(|found| found.handler == Handler::Human));
                if !is_new && has_person()? {
                    return Ok(Saved::Delivered);
                }
                store::append_message(tx, place.workspace_id, place.conversation_id, &message_id, MessageRole::Assistant, "", None, MessageStatus::Streaming, began)?;
                if let Some((key, body_hash)) = question.idempotency {
                    let repeated = Repeated { body_hash, conversation_id: conversation_id.clone(), message_id };
                    store::insert_repeated(tx, place.workspace_id, &key, &repeated, began)?;
                }
                let projects = assistants::store::list_connections(tx, place.workspace_id, &assistant_id)?;
                Ok(Saved::Asked { before: earlier, project_ids: projects.into_iter().map(|(id, _)| id).collect() })
            })
            .await
    };
    let (before, project_ids) = match saved {
        Ok(Saved::Asked { before, project_ids }) => (before, project_ids),
        Ok(Saved::Repeated(known)) => {
            answers.forget(&message_id);
            return recall(app, answers, &asker, &question, known).map(Asked::Answering);
        }
        Ok(Saved::Delivered) => {
            answers.forget(&message_id);
            return Ok(Asked::Delivered { conversation_id });
        }
        Err(error) => {
            answers.forget(&message_id);
            return Err(error);
        }
    };
    log.push(Event::Start { chat_id: conversation_id.clone(), message_id: message_id.clone(), model: assistant.model.clone(), session_token: question.session_token });
    let model = assistant.model.clone();
    let work = run::Work {
        app: app.clone(),
        workspace_id: asker.workspace_id,
        assistant,
        project_ids,
        conversation_id: conversation_id.clone(),
        message_id: message_id.clone(),
        question: question.messages.last().map(|message| message.content.clone()).unwrap_or_default(),
        earlier: before.iter().filter(|message| message.role == MessageRole::User).map(|message| message.content.clone()).collect(),
        history: before.iter().filter_map(told).collect(),
        log: Arc::clone(&log),
        began,
        is_visitor: asker.channel.is_public(),
        is_draft: false,
        web_search: question.web_search,
        patience: Instant::now() + Duration::from_secs(app.config.chat.timeout_seconds) * 3 / 4,
    };
    let answering = Answering::new(Arc::clone(&log), conversation_id, message_id, model);
    tokio::spawn(Arc::clone(&log).stop_when_deserted(Duration::from_secs(app.config.chat.linger_seconds)));
    let answers = answers.clone();
    tokio::spawn(async move {
        let message_id = work.message_id.clone();
        run::run(work).await;
        log.stop();
        answers.close_later(message_id);
        drop(turn);
    });
    Ok(Asked::Answering(answering))
}

/// Answers the last question of a conversation without writing anything down: a draft for an agent.
pub fn suggest(app: &App, answers: &Answers, assistant: Assistant, workspace_id: &str, conversation_id: &str) -> Result<Answering> {
    let mut before = app.db.read(|connection| store::list_messages(connection, workspace_id, conversation_id, None, HISTORY))?;
    let last = before.iter().rposition(|message| message.role == MessageRole::User);
    let last = last.ok_or_else(|| Error::conflict("The customer has not written anything that could be answered."))?;
    let question = before[last].content.clone();
    before.truncate(last);
    let asked = Draft {
        question,
        earlier: before.iter().filter(|message| message.role == MessageRole::User).map(|message| message.content.clone()).collect(),
        history: before.iter().filter_map(told).collect(),
    };
    draft(app, answers, assistant, workspace_id, conversation_id, asked)
}

/// Answers messages that are no conversation's, the last of which is the question: nothing of it is stored, nor counted.
///
/// # Errors
/// `bad_request` where there is no question.
pub fn rehearse(app: &App, answers: &Answers, assistant: Assistant, workspace_id: &str, mut messages: Vec<ChatMessage>) -> Result<Answering> {
    let question = messages.pop().ok_or_else(|| Error::bad_request("There is no question."))?.content;
    let told = |message: &ChatMessage| match message.role {
        ChatRole::User => llm::Message::User(message.content.clone()),
        ChatRole::Assistant => llm::Message::assistant(message.content.clone()),
    };
    let asked = Draft {
        question,
        earlier: messages.iter().filter(|message| message.role == ChatRole::User).map(|message| message.content.clone()).collect(),
        history: messages.iter().map(told).collect(),
    };
    draft(app, answers, assistant, workspace_id, &app.new_id(prefix::CONVERSATION), asked)
}

/// A question to which nobody gets the answer but who asks for it.
struct Draft {
    question: String,
    earlier: Vec<String>,
    history: Vec<llm::Message>,
}

fn draft(app: &App, answers: &Answers, assistant: Assistant, workspace_id: &str, conversation_id: &str, asked: Draft) -> Result<Answering> {
    let projects = app.db.read(|connection| assistants::store::list_connections(connection, workspace_id, &assistant.id))?;
    let message_id = app.new_id(prefix::MESSAGE);
    // Listened to through the conversation's log alone: it is nobody's answer, and taking over does not stop it.
    let log = answers.open(&message_id, &format!("draft of {conversation_id}"));
    let model = assistant.model.clone();
    log.push(Event::Start { chat_id: conversation_id.to_owned(), message_id: message_id.clone(), model: model.clone(), session_token: None });
    let work = run::Work {
        app: app.clone(),
        workspace_id: workspace_id.to_owned(),
        assistant,
        project_ids: projects.into_iter().map(|(id, _)| id).collect(),
        conversation_id: conversation_id.to_owned(),
        message_id: message_id.clone(),
        question: asked.question,
        earlier: asked.earlier,
        history: asked.history,
        log: Arc::clone(&log),
        began: app.now(),
        // A draft changes nothing: it has the tools that visitors have, and no web.
        is_visitor: true,
        is_draft: true,
        web_search: Some(false),
        patience: Instant::now() + Duration::from_secs(app.config.chat.timeout_seconds) * 3 / 4,
    };
    let answering = Answering::new(Arc::clone(&log), conversation_id.to_owned(), message_id, model);
    tokio::spawn(Arc::clone(&log).stop_when_deserted(Duration::ZERO));
    let answers = answers.clone();
    tokio::spawn(async move {
        let message_id = work.message_id.clone();
        run::suggest(work).await;
        log.stop();
        answers.close_later(message_id);
    });
    Ok(answering)
}

enum Saved {
    /// To the person who has the conversation.
    Delivered,
    Asked { before: Vec<Message>, project_ids: Vec<String> },
    /// A request with the same key was quicker.
    Repeated(Repeated),
}

/// The answer that is being written to these very messages: a client that lost its connection sends them again.
fn joined(app: &App, answers: &Answers, asker: &Asker, question: &Question, conversation_id: &str) -> Result<Option<Answering>> {
    if question.replaces.is_some() || question.idempotency.is_some() {
        return Ok(None);
    }
    let Some(log) = answers.running(conversation_id) else { return Ok(None) };
    let stored = app.db.read(|connection| store::list_messages(connection, &asker.workspace_id, conversation_id, None, HISTORY))?;
    let is_same = stored.last().is_some_and(|last| last.id == log.message_id && last.status == MessageStatus::Streaming) && is_retry(&stored, trailing(&question.messages));
    Ok(is_same.then(|| Answering::new(Arc::clone(&log), conversation_id.to_owned(), log.message_id.clone(), String::new())))
}

/// The user's messages that an answer is the answer to, for asking again.
///
/// # Errors
/// `conflict` where something was said after it.
pub(super) fn question_before(connection: &Connection, workspace_id: &str, conversation_id: &str, message_id: &str) -> Result<Vec<ChatMessage>> {
    let stored = store::list_messages(connection, workspace_id, conversation_id, None, HISTORY)?;
    let is_last = stored.last().is_some_and(|last| last.id == message_id);
    let asked = stored.iter().rev().skip(1).find(|message| message.role == MessageRole::User);
    match asked {
        Some(asked) if is_last => Ok(vec![ChatMessage { role: ChatRole::User, content: asked.content.clone() }]),
        _ => Err(Error::conflict("Only the last answer of a conversation can be given again.")),
    }
}

/// The answer to an earlier request with the same key.
fn repeated(app: &App, answers: &Answers, asker: &Asker, question: &Question) -> Result<Option<Answering>> {
    let Some((key, _)) = &question.idempotency else { return Ok(None) };
    let since = app.now().minus(REMEMBER);
    let known = app.db.read(|connection| store::find_repeated(connection, &asker.workspace_id, key, since))?;
    known.map(|known| recall(app, answers, asker, question, known)).transpose()
}

/// What an earlier request with the question's key was answered: from memory, else told again from what was stored.
fn recall(app: &App, answers: &Answers, asker: &Asker, question: &Question, known: Repeated) -> Result<Answering> {
    if question.idempotency.as_ref().is_some_and(|(_, body_hash)| *body_hash != known.body_hash) {
        return Err(Error::conflict("This `Idempotency-Key` was used with another body. Take a new key for a new request.").context("chat"));
    }
    let Repeated { conversation_id, message_id, .. } = known;
    let log = match answers.find(&message_id) {
        Some(log) => log,
        None => app.db.read(|connection| {
            let message = store::find_message(connection, &asker.workspace_id, &conversation_id, &message_id)?;
            let message = message.ok_or_else(|| Error::not_found("conversation").context("chat"))?;
            Ok(Log::told(&message_id, &conversation_id, retell(connection, &asker.workspace_id, &conversation_id, &message)?.events))
        })?,
    };
    // The model is told by `start`.
    Ok(Answering::new(log, conversation_id, message_id, String::new()))
}

/// The asker's conversation whose messages are those before the last one: how a client that sends the whole history each
/// time goes on with it.
fn find_continued(connection: &Connection, asker: &Asker, assistant_id: &str, messages: &[ChatMessage]) -> Result<Option<String>> {
    let (Some(user_id), Some((_, before))) = (&asker.user_id, messages.split_last()) else { return Ok(None) };
    if before.is_empty() {
        return Ok(None);
    }
    let length = i64::try_from(before.len()).unwrap_or(i64::MAX);
    for id in store::find_by_length(connection, &asker.workspace_id, assistant_id, user_id, length)? {
        let stored = store::list_messages(connection, &asker.workspace_id, &id, None, length)?;
        let same = stored.iter().zip(before).all(|(stored, sent)| stored.role == sent.role.stored() && stored.content == sent.content);
        if same && stored.len() == before.len() {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

struct Place<'a> {
    app: &'a App,
    workspace_id: &'a str,
    conversation_id: &'a str,
    now: Timestamp,
}

fn insert_conversation(tx: &Tx<'_>, place: &Place<'_>, asker: &Asker, assistant_id: &str, messages: &[ChatMessage]) -> Result<()> {
    let first = messages.iter().find(|message| message.role == ChatRole::User).map(|message| title_of(&message.content));
    let made = service::create(
        place.app,
        tx,
        &NewConversation {
            id: place.conversation_id,
            workspace_id: place.workspace_id,
            assistant_id: Some(assistant_id),
            channel: asker.channel,
            user_id: asker.user_id.as_deref(),
            contact_id: asker.contact_id.as_deref(),
            title: first.as_deref(),
            metadata: asker.metadata.as_ref(),
            now: place.now,
        },
    );
    made.map(drop)
}

/// Stores what is new of the messages, and gives back what was said before the question. A new conversation takes all of
/// them; an existing one the user's messages at the end, unless they are there already because the request is a retry.
fn add_questions(tx: &Tx<'_>, place: &Place<'_>, asker: &Asker, messages: &[ChatMessage], is_new: bool) -> Result<Vec<Message>> {
    let mut all = if is_new { Vec::new() } else { store::list_messages(tx, place.workspace_id, place.conversation_id, None, HISTORY)? };
    let trailing = trailing(messages);
    let to_add: &[ChatMessage] = if is_new {
        messages
    } else if is_retry(&all, trailing) {
        &[]
    } else {
        trailing
    };
    for message in to_add {
        // Files belong to what was said last.
        let is_last = messages.last().is_some_and(|last| std::ptr::eq(last, message));
        let files: &[String] = if is_last { &asker.attachments } else { &[] };
        let new = NewMessage { attachments: files, owner_id: &asker.owner_id, author: asker.name.as_deref(), ..NewMessage::of(message.role.stored(), &message.content) };
        all.push(service::say(place.app, tx, place.workspace_id, place.conversation_id, &new, place.now)?);
    }
    all.drain(..all.len().saturating_sub(usize::try_from(HISTORY).unwrap_or(usize::MAX)));
    // The question itself is not part of its history.
    if let Some(last) = all.iter().rposition(|message| message.role == MessageRole::User) {
        all.truncate(last);
    }
    Ok(all)
}

/// The user's messages at the end.
fn trailing(messages: &[ChatMessage]) -> &[ChatMessage] {
    messages.iter().rposition(|message| message.role != ChatRole::User).map_or(messages, |last| &messages[last + 1..])
}

/// Whether these messages are the last that the conversation holds, and still unanswered.
fn is_retry(stored: &[Message], trailing: &[ChatMessage]) -> bool {
    let unanswered = |message: &&Message| message.role == MessageRole::Assistant && message.status != MessageStatus::Complete;
    let end = stored.len() - stored.iter().rev().take_while(unanswered).count();
    let asked: Vec<&Message> = stored[..end].iter().filter(|message| !unanswered(message)).collect();
    asked.len() >= trailing.len()
        && !trailing.is_empty()
        && asked[asked.len() - trailing.len()..].iter().zip(trailing).all(|(stored, sent)| stored.role == MessageRole::User && stored.content == sent.content)
}

/// A stored message as a model is told of it.
fn told(message: &Message) -> Option<llm::Message> {
    match message.role {
        _ if message.content.trim().is_empty() => None,
        MessageRole::User => Some(llm::Message::User(message.content.clone())),
        MessageRole::Assistant | MessageRole::Agent => Some(llm::Message::assistant(message.content.clone())),
        MessageRole::Note | MessageRole::Event => None,
    }
}
