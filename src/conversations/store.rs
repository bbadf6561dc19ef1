//! The tables `conversations`, `messages`, `receipts` and `idempotency_keys`.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::model::{Channel, Citation, Conversation, ConversationStatus, Handler, Message, MessageRole, MessageStatus, Source, VisitorMetadata};
use crate::{
    access::Caller,
    clock::Timestamp,
    db::Tx,
    error::{Error, Result},
};

const CONVERSATION: &str = "c.id, c.title, c.assistant_id, c.channel, c.status, c.handler, c.assignee_id, c.contact_id, c.message_count, c.tags,
    c.rating, c.created_at, c.updated_at, c.last_message_at, c.user_id, c.handoff_reason, c.handed_off_at, c.escalated_at, c.snoozed_until, c.customer_seen_at, c.metadata";

/// The same with how much of it `:user` has not read.
const UNREAD: &str = "(select count(*) from messages m where m.workspace_id = c.workspace_id and m.conversation_id = c.id and m.role = 'user'
    and m.created_at > coalesce((select r.read_at from conversation_reads r where r.workspace_id = c.workspace_id and r.conversation_id = c.id and r.user_id = :user), 0))";

fn conversation(row: &Row<'_>) -> rusqlite::Result<Conversation> {
    Ok(Conversation {
        id: row.get(0)?,
        title: row.get(1)?,
        assistant_id: row.get(2)?,
        channel: row.get(3)?,
        status: row.get(4)?,
        handler: row.get(5)?,
        assignee_id: row.get(6)?,
        contact_id: row.get(7)?,
        message_count: row.get(8)?,
        tags: serde_json::from_str(&row.get::<_, String>(9)?).unwrap_or_default(),
        rating: row.get(10)?,
        created_at: row.get(11)?,
        updated_at: row.get(12)?,
        last_message_at: row.get(13)?,
        user_id: row.get(14)?,
        handoff_reason: row.get(15)?,
        handed_off_at: row.get(16)?,
        escalated_at: row.get(17)?,
        snoozed_until: row.get(18)?,
        customer_seen_at: row.get(19)?,
        metadata: row.get::<_, Option<String>>(20)?.and_then(|text| serde_json::from_str(&text).ok()),
        unread: None,
    })
}

fn conversation_with_unread(row: &Row<'_>) -> rusqlite::Result<Conversation> {
    Ok(Conversation { unread: row.get(21)?, ..conversation(row)? })
}

pub struct NewConversation<'a> {
    pub id: &'a str,
    pub workspace_id: &'a str,
    pub assistant_id: Option<&'a str>,
    pub channel: Channel,
    pub user_id: Option<&'a str>,
    pub contact_id: Option<&'a str>,
    pub title: Option<&'a str>,
    pub metadata: Option<&'a VisitorMetadata>,
    pub now: Timestamp,
}

pub fn insert_conversation(tx: &Tx<'_>, new: &NewConversation<'_>) -> Result<Conversation> {
    Ok(tx.prepare_cached(&format!(
        "insert into conversations (id, workspace_id, assistant_id, title, channel, status, handler, user_id, contact_id, tags,
             metadata, message_count, created_at, updated_at, last_message_at)
         values (:id, :ws, :assistant_id, :title, :channel, 'open', :handler, :user_id, :contact_id, '[]', :metadata, 0, :now, :now, :now)
         returning {}",
        CONVERSATION.replace("c.", "")
    ))?
    .query_row(named_params! {
        ":id": new.id, ":ws": new.workspace_id, ":assistant_id": new.assistant_id, ":title": new.title, ":channel": new.channel,
        ":user_id": new.user_id, ":contact_id": new.contact_id, ":metadata": new.metadata.map(serde_json::to_string).transpose()?, ":now": new.now,
        // Where no assistant answers, people do from the beginning.
        ":handler": if new.assistant_id.is_some() { Handler::Ai } else { Handler::Human },
    }, conversation)?)
}

/// Says whose it is.
pub fn set_contact(tx: &Tx<'_>, workspace_id: &str, id: &str, contact_id: &str) -> Result<()> {
    tx.prepare_cached("update conversations set contact_id = ?3 where workspace_id = ?1 and id = ?2")?.execute((workspace_id, id, contact_id))?;
    Ok(())
}

pub fn find_conversation(connection: &Connection, workspace_id: &str, id: &str) -> Result<Option<Conversation>> {
    Ok(connection
        .prepare_cached(&format!("select {CONVERSATION} from conversations c where c.workspace_id = ?1 and c.id = ?2"))?
        .query_row((workspace_id, id), conversation)
        .optional()?)
}

/// The same as one person sees it, with what they have not read.
pub fn find_conversation_of(connection: &Connection, workspace_id: &str, id: &str, user_id: &str) -> Result<Option<Conversation>> {
    Ok(connection
        .prepare_cached(&format!("select {CONVERSATION}, {UNREAD} from conversations c where c.workspace_id = :ws and c.id = :id"))?
        .query_row(named_params! {":ws": workspace_id, ":id": id, ":user": user_id}, conversation_with_unread)
        .optional()?)
}

/// How many conversations of the inbox are open, wait for a person, are this person's, are nobody's, and are unread by them.
pub fn count_inbox(connection: &Connection, workspace_id: &str, user_id: &str) -> Result<[i64; 5]> {
    Ok(connection
        .prepare_cached(&format!(
            "select count(*), coalesce(sum(c.status = 'pending'), 0), coalesce(sum(c.assignee_id is :user), 0),
                 coalesce(sum(c.assignee_id is null and (c.handler = 'human' or c.status = 'pending')), 0), coalesce(sum({UNREAD} > 0), 0)
             from conversations c
             where c.workspace_id = :ws and c.channel in ('widget', 'sms', 'site') and c.status <> 'closed' and c.snoozed_until is null"
        ))?
        .query_row(named_params! {":ws": workspace_id, ":user": user_id}, |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]))?)
}

/// Writes everything that people change of a conversation.
pub fn update_conversation(tx: &Tx<'_>, workspace_id: &str, conversation: &Conversation, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "update conversations set title = :title, status = :status, handler = :handler, assignee_id = :assignee_id, contact_id = :contact_id,
             tags = :tags, rating = :rating, handoff_reason = :handoff_reason, handed_off_at = :handed_off_at, escalated_at = :escalated_at,
             snoozed_until = :snoozed_until, updated_at = :now
         where workspace_id = :ws and id = :id",
    )?
    .execute(named_params! {
        ":ws": workspace_id, ":id": conversation.id, ":title": conversation.title, ":status": conversation.status, ":handler": conversation.handler,
        ":assignee_id": conversation.assignee_id, ":contact_id": conversation.contact_id, ":tags": serde_json::to_string(&conversation.tags)?,
        ":rating": conversation.rating, ":handoff_reason": conversation.handoff_reason, ":handed_off_at": conversation.handed_off_at,
        ":escalated_at": conversation.escalated_at, ":snoozed_until": conversation.snoozed_until, ":now": now,
    })?;
    Ok(())
}

/// What a list of conversations is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub assistant_id: Option<String>,
    pub channel: Option<Channel>,
    pub status: Option<ConversationStatus>,
    pub handler: Option<Handler>,
    /// A user's id, or `none`.
    pub assignee_id: Option<String>,
    pub contact_id: Option<String>,
    /// Whether one's own conversations by API and dashboard are left out.
    pub inbox_only: bool,
    pub tag: Option<String>,
    /// Whether only those with something that the caller has not read.
    pub unread_only: bool,
    /// Whether it sleeps.
    pub snoozed: Option<bool>,
    /// Words that were said, each as a prefix.
    pub q: Option<String>,
}

/// The conversations that the caller may see, the one with the newest message first.
pub fn list_conversations(connection: &Connection, who: &Caller, filter: &Filter, limit: i64, offset: i64) -> Result<(Vec<Conversation>, i64)> {
    let seen = format!("c.workspace_id = :ws
        and (c.channel in ('widget', 'sms', 'site') or (not :inbox_only and (c.user_id = :user or :admin)))
        and (:tag is null or exists (select 1 from json_each(c.tags) t where t.value = :tag))
        and (:snoozed is null or (c.snoozed_until is not null) = :snoozed) and (not :unread_only or {UNREAD} > 0)
        and (:assistant_id is null or c.assistant_id = :assistant_id) and (:channel is null or c.channel = :channel)
        and (:status is null or c.status = :status) and (:handler is null or c.handler = :handler)
        and (:assignee_id is null or coalesce(c.assignee_id, 'none') = :assignee_id) and (:contact_id is null or c.contact_id = :contact_id)
        and (:q is null or c.id in (select m.conversation_id from messages_fts f join messages m on m.row = f.rowid
                                    where messages_fts match :q and m.workspace_id = :ws))");
    let q = filter.q.as_deref().and_then(match_words);
    if filter.q.is_some() && q.is_none() {
        return Ok((Vec::new(), 0));
    }
    let mut statement = connection.prepare_cached(&format!(
        "select {CONVERSATION}, {UNREAD} from conversations c where {seen} order by c.last_message_at desc, c.row desc limit :limit offset :offset"
    ))?;
    let admin = who.is_admin();
    let rows = statement
        .query_map(
            named_params! {
                ":ws": who.workspace_id, ":user": who.user_id, ":admin": admin, ":assistant_id": filter.assistant_id, ":channel": filter.channel,
                ":status": filter.status, ":handler": filter.handler, ":assignee_id": filter.assignee_id, ":contact_id": filter.contact_id,
                ":q": q, ":inbox_only": filter.inbox_only, ":tag": filter.tag, ":unread_only": filter.unread_only, ":snoozed": filter.snoozed,
                ":limit": limit, ":offset": offset,
            },
            conversation_with_unread,
        )?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection.prepare_cached(&format!("select count(*) from conversations c where {seen}"))?.query_row(
        named_params! {
            ":ws": who.workspace_id, ":user": who.user_id, ":admin": admin, ":assistant_id": filter.assistant_id, ":channel": filter.channel,
            ":status": filter.status, ":handler": filter.handler, ":assignee_id": filter.assignee_id, ":contact_id": filter.contact_id, ":q": q,
            ":inbox_only": filter.inbox_only, ":tag": filter.tag, ":unread_only": filter.unread_only, ":snoozed": filter.snoozed,
        },
        |row| row.get(0),
    )?;
    Ok((rows, total))
}

/// What somebody typed as an FTS5 query that cannot be malformed: every word, quoted, the last one as a prefix.
fn match_words(text: &str) -> Option<String> {
    let words: Vec<String> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(16).map(|word| format!("\"{word}\"")).collect();
    (!words.is_empty()).then(|| format!("{}*", words.join(" ")))
}

/// The caller's latest conversations with this assistant that have this many messages, with what was said in each.
pub fn find_by_length(connection: &Connection, workspace_id: &str, assistant_id: &str, user_id: &str, messages: i64) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "select id from conversations where workspace_id = ?1 and user_id = ?2 and assistant_id = ?3 and message_count = ?4 and channel in ('api', 'dashboard')
         order by last_message_at desc limit 20",
    )?;
    Ok(statement.query_map((workspace_id, user_id, assistant_id, messages), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// Puts a conversation before the people of the inbox.
pub fn set_pending(tx: &Tx<'_>, workspace_id: &str, id: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached("update conversations set status = 'pending', updated_at = ?3 where workspace_id = ?1 and id = ?2")?.execute((workspace_id, id, now))?;
    Ok(())
}

/// The conversations in which nothing was said since then; so many at a time.
pub fn list_silent_since(connection: &Connection, workspace_id: &str, since: Timestamp, limit: i64) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached("select id from conversations where workspace_id = ?1 and last_message_at < ?2 order by last_message_at limit ?3")?;
    Ok(statement.query_map((workspace_id, since, limit), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// Its messages go with it by the foreign key, whose actions fire the triggers that keep the search index in step.
pub fn delete_conversation(tx: &Tx<'_>, workspace_id: &str, id: &str) -> Result<bool> {
    Ok(tx.prepare_cached("delete from conversations where workspace_id = ?1 and id = ?2")?.execute((workspace_id, id))? > 0)
}

const MESSAGE: &str = "id, role, content, author, sources, citations, feedback, status, created_at,
    row, (select json_group_array(json_object('id', a.id, 'filename', a.filename, 'mimeType', a.mime_type, 'bytes', a.bytes, 'url', '/api/files/' || a.id, 'number', a.row)
         order by a.place, a.row)
     from attachments a where a.message_id = messages.id), event";

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: row.get(0)?,
        role: row.get(1)?,
        content: row.get(2)?,
        author: row.get(3)?,
        sources: serde_json::from_str::<Vec<Source>>(&row.get::<_, String>(4)?).unwrap_or_default(),
        citations: serde_json::from_str::<Vec<Citation>>(&row.get::<_, String>(5)?).unwrap_or_default(),
        feedback: row.get(6)?,
        status: row.get(7)?,
        created_at: row.get(8)?,
        number: row.get(9)?,
        attachments: serde_json::from_str(&row.get::<_, String>(10)?).unwrap_or_default(),
        event: row.get::<_, Option<String>>(11)?.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

/// Adds a message, at `now` or a millisecond after the last one, whichever is later. What it then is: without an event, and
/// without attachments, which are taken later.
#[expect(clippy::too_many_arguments, reason = "the columns of one row")]
pub fn append_message(tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, id: &str, role: MessageRole, content: &str, author: Option<&str>, status: MessageStatus, now: Timestamp) -> Result<Message> {
    let (number, at): (i64, Timestamp) = tx
        .prepare_cached(
            "insert into messages (id, workspace_id, conversation_id, role, content, author, sources, citations, status, created_at)
             values (:id, :ws, :conversation_id, :role, :content, :author, '[]', '[]', :status,
                 max(:now, coalesce((select max(m.created_at) + 1 from messages m where m.workspace_id = :ws and m.conversation_id = :conversation_id), 0)))
             returning row, created_at",
        )?
        .query_row(
            named_params! {
                ":id": id, ":ws": workspace_id, ":conversation_id": conversation_id, ":role": role, ":content": content, ":author": author,
                ":status": status, ":now": now,
            },
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
    tx.prepare_cached(
        "update conversations set message_count = message_count + 1, last_message_at = ?3, updated_at = ?3 where workspace_id = ?1 and id = ?2",
    )?
    .execute((workspace_id, conversation_id, at))?;
    Ok(Message {
        id: id.to_owned(),
        role,
        content: content.to_owned(),
        author: author.map(str::to_owned),
        sources: Vec::new(),
        citations: Vec::new(),
        attachments: Vec::new(),
        event: None,
        number,
        feedback: None,
        status,
        created_at: at,
    })
}

/// Takes out an answer that is to be given anew.
///
/// # Errors
/// `conflict` where it is not the conversation's last message any more.
pub fn delete_last_answer(tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, id: &str) -> Result<()> {
    let gone = tx
        .prepare_cached(
            "delete from messages where workspace_id = ?1 and conversation_id = ?2 and id = ?3 and role = 'assistant'
             and row = (select max(row) from messages where workspace_id = ?1 and conversation_id = ?2)",
        )?
        .execute((workspace_id, conversation_id, id))?;
    if gone == 0 {
        return Err(Error::conflict("Only the last answer of a conversation can be given again.").context("chat"));
    }
    tx.prepare_cached("update conversations set message_count = message_count - 1 where workspace_id = ?1 and id = ?2")?.execute((workspace_id, conversation_id))?;
    Ok(())
}

/// What an answer came to.
pub struct Outcome<'a> {
    pub content: &'a str,
    pub sources: &'a [Source],
    pub citations: &'a [Citation],
    pub status: MessageStatus,
    /// JSON.
    pub receipt: Option<&'a str>,
}

/// The message as it now is, unless it is gone.
pub fn finish_answer(tx: &Tx<'_>, workspace_id: &str, message_id: &str, outcome: &Outcome<'_>) -> Result<Option<Message>> {
    let finished = tx
        .prepare_cached(&format!(
            "update messages set content = :content, sources = :sources, citations = :citations, status = :status where workspace_id = :ws and id = :id
             returning {MESSAGE}"
        ))?
        .query_row(
            named_params! {
                ":ws": workspace_id, ":id": message_id, ":content": outcome.content, ":sources": serde_json::to_string(outcome.sources)?,
                ":citations": serde_json::to_string(outcome.citations)?, ":status": outcome.status,
            },
            message,
        )
        .optional()?;
    if let Some(receipt) = outcome.receipt {
        tx.prepare_cached("insert into receipts (workspace_id, message_id, receipt) values (?1, ?2, ?3) on conflict (message_id) do update set receipt = excluded.receipt")?
            .execute((workspace_id, message_id, receipt))?;
    }
    Ok(finished)
}

/// Marks the answers that a process which is gone was writing; it may have been killed in mid-answer. Their workspaces,
/// conversations and ids.
pub fn stop_orphaned_answers(tx: &Tx<'_>) -> Result<Vec<(String, String, String)>> {
    let mut statement = tx.prepare_cached("update messages set status = 'stopped' where status = 'streaming' returning workspace_id, conversation_id, id")?;
    Ok(statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect::<rusqlite::Result<_>>()?)
}

/// Notes how far the customer has read.
pub fn set_customer_seen(tx: &Tx<'_>, workspace_id: &str, id: &str, at: Timestamp) -> Result<()> {
    tx.prepare_cached("update conversations set customer_seen_at = max(coalesce(customer_seen_at, 0), ?3) where workspace_id = ?1 and id = ?2")?.execute((workspace_id, id, at))?;
    Ok(())
}

/// Whether an agent has said something after the one time and not after the other.
pub fn has_reply_between(connection: &Connection, workspace_id: &str, id: &str, after: Option<Timestamp>, until: Timestamp) -> Result<bool> {
    Ok(connection
        .prepare_cached(
            "select exists (select 1 from messages where workspace_id = ?1 and conversation_id = ?2 and role = 'agent' and created_at > coalesce(?3, 0) and created_at <= ?4)",
        )?
        .query_row((workspace_id, id, after, until), |row| row.get(0))?)
}

/// The agents' replies that the customer has neither read nor written after, and that have not been followed up; the oldest first.
pub fn list_unread_replies(connection: &Connection, workspace_id: &str, conversation_id: &str) -> Result<Vec<Message>> {
    let mut statement = connection.prepare_cached(&format!(
        "select {MESSAGE} from messages where workspace_id = ?1 and conversation_id = ?2 and role = 'agent' and followed_up_at is null
         and created_at > coalesce((select max(m.created_at) from messages m where m.workspace_id = ?1 and m.conversation_id = ?2 and m.role = 'user'), 0)
         and created_at > coalesce((select c.customer_seen_at from conversations c where c.workspace_id = ?1 and c.id = ?2), 0) order by created_at"
    ))?;
    Ok(statement.query_map((workspace_id, conversation_id), message)?.collect::<rusqlite::Result<_>>()?)
}

pub fn mark_followed_up(tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, up_to: Timestamp, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "update messages set followed_up_at = ?4 where workspace_id = ?1 and conversation_id = ?2 and role = 'agent' and followed_up_at is null and created_at <= ?3",
    )?
    .execute((workspace_id, conversation_id, up_to, now))?;
    Ok(())
}

pub fn set_author(tx: &Tx<'_>, workspace_id: &str, message_id: &str, author_id: &str) -> Result<()> {
    tx.prepare_cached("update messages set author_id = ?3 where workspace_id = ?1 and id = ?2")?.execute((workspace_id, message_id, author_id))?;
    Ok(())
}

/// Writes down what a line about an event tells, as JSON.
pub fn set_event(tx: &Tx<'_>, workspace_id: &str, message_id: &str, event: &str) -> Result<()> {
    tx.prepare_cached("update messages set event = ?3 where workspace_id = ?1 and id = ?2")?.execute((workspace_id, message_id, event))?;
    Ok(())
}

pub fn set_feedback(tx: &Tx<'_>, workspace_id: &str, message_id: &str, rating: i64) -> Result<()> {
    tx.prepare_cached("update messages set feedback = ?3 where workspace_id = ?1 and id = ?2")?.execute((workspace_id, message_id, rating))?;
    Ok(())
}

/// Notes that somebody has seen all that is there by now.
pub fn mark_read(tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, user_id: &str, at: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "insert into conversation_reads (workspace_id, conversation_id, user_id, read_at) values (?1, ?2, ?3, ?4)
         on conflict (workspace_id, conversation_id, user_id) do update set read_at = max(read_at, excluded.read_at)",
    )?
    .execute((workspace_id, conversation_id, user_id, at))?;
    Ok(())
}

/// A conversation's messages after a time, the oldest first.
pub fn list_messages_after(connection: &Connection, workspace_id: &str, conversation_id: &str, after: Timestamp) -> Result<Vec<Message>> {
    let mut statement =
        connection.prepare_cached(&format!("select {MESSAGE} from messages where workspace_id = ?1 and conversation_id = ?2 and created_at > ?3 order by created_at"))?;
    Ok(statement.query_map((workspace_id, conversation_id, after), message)?.collect::<rusqlite::Result<_>>()?)
}

/// A conversation's messages, the oldest first; with `before`, the last ones before that time.
pub fn list_messages(connection: &Connection, workspace_id: &str, conversation_id: &str, before: Option<Timestamp>, limit: i64) -> Result<Vec<Message>> {
    let mut statement = connection.prepare_cached(&format!(
        "select {MESSAGE} from messages where workspace_id = ?1 and conversation_id = ?2 and (?3 is null or created_at < ?3)
         order by created_at desc limit ?4"
    ))?;
    let mut messages: Vec<Message> = statement.query_map((workspace_id, conversation_id, before, limit), message)?.collect::<rusqlite::Result<_>>()?;
    messages.reverse();
    Ok(messages)
}

pub fn count_messages(connection: &Connection, workspace_id: &str, conversation_id: &str) -> Result<i64> {
    Ok(connection
        .prepare_cached("select count(*) from messages where workspace_id = ?1 and conversation_id = ?2")?
        .query_row((workspace_id, conversation_id), |row| row.get(0))?)
}

pub fn count_messages_before(connection: &Connection, workspace_id: &str, conversation_id: &str, before: Timestamp) -> Result<i64> {
    Ok(connection
        .prepare_cached("select count(*) from messages where workspace_id = ?1 and conversation_id = ?2 and created_at < ?3")?
        .query_row((workspace_id, conversation_id, before), |row| row.get(0))?)
}

pub fn find_message(connection: &Connection, workspace_id: &str, conversation_id: &str, id: &str) -> Result<Option<Message>> {
    Ok(connection
        .prepare_cached(&format!("select {MESSAGE} from messages where workspace_id = ?1 and conversation_id = ?2 and id = ?3"))?
        .query_row((workspace_id, conversation_id, id), message)
        .optional()?)
}

pub fn find_receipt(connection: &Connection, workspace_id: &str, conversation_id: &str, message_id: &str) -> Result<Option<String>> {
    Ok(connection
        .prepare_cached(
            "select r.receipt from receipts r join messages m on m.id = r.message_id
             where r.workspace_id = ?1 and m.conversation_id = ?2 and r.message_id = ?3",
        )?
        .query_row((workspace_id, conversation_id, message_id), |row| row.get(0))
        .optional()?)
}

/// What a request with this key was answered with.
pub struct Repeated {
    pub body_hash: String,
    pub conversation_id: String,
    pub message_id: String,
}

pub fn find_repeated(connection: &Connection, workspace_id: &str, key: &str, since: Timestamp) -> Result<Option<Repeated>> {
    Ok(connection
        .prepare_cached(
            "select k.body_hash, k.conversation_id, k.message_id from idempotency_keys k
             where k.workspace_id = ?1 and k.key = ?2 and k.created_at > ?3 and exists (select 1 from messages m where m.id = k.message_id)",
        )?
        .query_row((workspace_id, key, since), |row| Ok(Repeated { body_hash: row.get(0)?, conversation_id: row.get(1)?, message_id: row.get(2)? }))
        .optional()?)
}

pub fn insert_repeated(tx: &Tx<'_>, workspace_id: &str, key: &str, repeated: &Repeated, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "insert into idempotency_keys (workspace_id, key, body_hash, conversation_id, message_id, created_at) values (?1, ?2, ?3, ?4, ?5, ?6)
         on conflict (workspace_id, key) do update set body_hash = excluded.body_hash, conversation_id = excluded.conversation_id,
             message_id = excluded.message_id, created_at = excluded.created_at",
    )?
    .execute((workspace_id, key, &repeated.body_hash, &repeated.conversation_id, &repeated.message_id, now))?;
    Ok(())
}

pub fn delete_repeated_before(tx: &Tx<'_>, time: Timestamp) -> Result<()> {
    tx.prepare_cached("delete from idempotency_keys where created_at <= ?1")?.execute([time])?;
    Ok(())
}
