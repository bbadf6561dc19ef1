//! The tables `sms_configs`, `sms_sessions`, `sms_messages` and `sms_stops`.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::model::{Account, Direction, SmsAnalytics, SmsMessage};
use crate::{clock::Timestamp, db::Tx, error::Result, secrets::sha256_hex};

fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        workspace_id: row.get(0)?,
        assistant_id: row.get(1)?,
        enabled: row.get(2)?,
        account_sid: row.get(3)?,
        auth_token: row.get(4)?,
        phone_number: row.get(5)?,
        session_timeout_minutes: row.get(6)?,
        created_at: row.get(7)?,
    })
}

const ACCOUNT: &str = "workspace_id, assistant_id, enabled, account_sid, auth_token, phone_number, session_timeout_minutes, created_at";

pub fn find_account(connection: &Connection, workspace_id: &str, assistant_id: &str) -> Result<Option<Account>> {
    Ok(connection
        .prepare_cached(&format!("select {ACCOUNT} from sms_configs where workspace_id = ?1 and assistant_id = ?2"))?
        .query_row((workspace_id, assistant_id), account)
        .optional()?)
}

/// For the public addresses, which name no workspace.
pub fn find_anywhere(connection: &Connection, assistant_id: &str) -> Result<Option<Account>> {
    Ok(connection.prepare_cached(&format!("select {ACCOUNT} from sms_configs where assistant_id = ?1"))?.query_row([assistant_id], account).optional()?)
}

pub fn put_account(tx: &Tx<'_>, account: &Account, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "insert into sms_configs (workspace_id, assistant_id, enabled, account_sid, auth_token, phone_number, session_timeout_minutes, created_at, updated_at)
         values (:ws, :assistant_id, :enabled, :account_sid, :auth_token, :phone_number, :timeout, :now, :now)
         on conflict (workspace_id, assistant_id) do update set enabled = excluded.enabled, account_sid = excluded.account_sid,
             auth_token = excluded.auth_token, phone_number = excluded.phone_number, session_timeout_minutes = excluded.session_timeout_minutes,
             updated_at = excluded.updated_at",
    )?
    .execute(named_params! {
        ":ws": account.workspace_id, ":assistant_id": account.assistant_id, ":enabled": account.enabled, ":account_sid": account.account_sid,
        ":auth_token": account.auth_token, ":phone_number": account.phone_number, ":timeout": account.session_timeout_minutes, ":now": now,
    })?;
    Ok(())
}

pub fn delete_account(tx: &Tx<'_>, workspace_id: &str, assistant_id: &str) -> Result<bool> {
    Ok(tx.prepare_cached("delete from sms_configs where workspace_id = ?1 and assistant_id = ?2")?.execute((workspace_id, assistant_id))? > 0)
}

fn hash(workspace_id: &str, phone: &str) -> String {
    sha256_hex(format!("{workspace_id}:{phone}"))
}

pub fn stop(tx: &Tx<'_>, workspace_id: &str, assistant_id: &str, phone: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached("insert into sms_stops (workspace_id, assistant_id, phone_hash, created_at) values (?1, ?2, ?3, ?4) on conflict do nothing")?
        .execute((workspace_id, assistant_id, hash(workspace_id, phone), now))?;
    Ok(())
}

pub fn start(tx: &Tx<'_>, workspace_id: &str, assistant_id: &str, phone: &str) -> Result<()> {
    tx.prepare_cached("delete from sms_stops where workspace_id = ?1 and assistant_id = ?2 and phone_hash = ?3")?
        .execute((workspace_id, assistant_id, hash(workspace_id, phone)))?;
    Ok(())
}

pub fn has_stopped(connection: &Connection, workspace_id: &str, assistant_id: &str, phone: &str) -> Result<bool> {
    Ok(connection
        .prepare_cached("select exists (select 1 from sms_stops where workspace_id = ?1 and assistant_id = ?2 and phone_hash = ?3)")?
        .query_row((workspace_id, assistant_id, hash(workspace_id, phone)), |row| row.get(0))?)
}

/// The conversation of the number's session, if it has one that has not ended.
pub fn find_session(connection: &Connection, workspace_id: &str, assistant_id: &str, phone: &str, since: Timestamp) -> Result<Option<String>> {
    Ok(connection
        .prepare_cached(
            "select s.conversation_id from sms_sessions s join conversations c on c.id = s.conversation_id
             where s.workspace_id = ?1 and s.assistant_id = ?2 and s.phone = ?3 and s.last_message_at > ?4 order by s.last_message_at desc limit 1",
        )?
        .query_row((workspace_id, assistant_id, phone, since), |row| row.get(0))
        .optional()?)
}

pub fn insert_session(tx: &Tx<'_>, account: &Account, phone: &str, contact_id: &str, conversation_id: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "insert into sms_sessions (workspace_id, assistant_id, phone, contact_id, conversation_id, last_message_at, created_at) values (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
    )?
    .execute((&account.workspace_id, &account.assistant_id, phone, contact_id, conversation_id, now))?;
    Ok(())
}

/// The session goes on.
pub fn touch_session(tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached("update sms_sessions set last_message_at = max(last_message_at, ?3) where workspace_id = ?1 and conversation_id = ?2")?
        .execute((workspace_id, conversation_id, now))?;
    Ok(())
}

/// Whom a conversation is with: assistant and number.
pub fn find_party(connection: &Connection, workspace_id: &str, conversation_id: &str) -> Result<Option<(String, String, Option<String>)>> {
    Ok(connection
        .prepare_cached("select assistant_id, phone, contact_id from sms_sessions where workspace_id = ?1 and conversation_id = ?2 order by row desc limit 1")?
        .query_row((workspace_id, conversation_id), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?)
}

pub struct NewSms<'a> {
    pub id: &'a str,
    pub workspace_id: &'a str,
    pub assistant_id: &'a str,
    pub direction: Direction,
    pub phone: &'a str,
    pub contact_id: Option<&'a str>,
    pub conversation_id: Option<&'a str>,
    pub message_id: Option<&'a str>,
    pub part: i64,
    pub body: &'a str,
    pub sid: Option<&'a str>,
    pub status: &'a str,
    pub now: Timestamp,
}

/// Whether it is new: a message that Twilio repeats is not, nor a part that is there already.
pub fn insert_message(tx: &Tx<'_>, new: &NewSms<'_>) -> Result<bool> {
    Ok(tx
        .prepare_cached(
            "insert into sms_messages (id, workspace_id, assistant_id, direction, phone, contact_id, conversation_id, message_id, part, body, sid, status, created_at, updated_at)
             values (:id, :ws, :assistant_id, :direction, :phone, :contact_id, :conversation_id, :message_id, :part, :body, :sid, :status, :now, :now)
             on conflict do nothing",
        )?
        .execute(named_params! {
            ":id": new.id, ":ws": new.workspace_id, ":assistant_id": new.assistant_id, ":direction": new.direction, ":phone": new.phone,
            ":contact_id": new.contact_id, ":conversation_id": new.conversation_id, ":message_id": new.message_id, ":part": new.part,
            ":body": new.body, ":sid": new.sid, ":status": new.status, ":now": new.now,
        })?
        > 0)
}

/// Puts an inbound message where it belongs, once that is known.
pub fn place_message(tx: &Tx<'_>, id: &str, contact_id: &str, conversation_id: &str, message_id: &str) -> Result<()> {
    tx.prepare_cached("update sms_messages set contact_id = ?2, conversation_id = ?3, message_id = ?4 where id = ?1")?.execute((id, contact_id, conversation_id, message_id))?;
    Ok(())
}

const MESSAGE: &str = "id, direction, phone, contact_id, conversation_id, message_id, part, body, sid, status, error_code, error, created_at, updated_at";

fn message(row: &Row<'_>) -> rusqlite::Result<SmsMessage> {
    Ok(SmsMessage {
        id: row.get(0)?,
        direction: row.get(1)?,
        phone: row.get(2)?,
        contact_id: row.get(3)?,
        conversation_id: row.get(4)?,
        message_id: row.get(5)?,
        part: row.get(6)?,
        body: row.get(7)?,
        sid: row.get(8)?,
        status: row.get(9)?,
        error_code: row.get(10)?,
        error: row.get(11)?,
        created_at: row.get(12)?,
        updated_at: row.get(13)?,
    })
}

/// The parts of a message that go out, in order.
pub fn list_parts(connection: &Connection, workspace_id: &str, message_id: &str) -> Result<Vec<SmsMessage>> {
    let mut statement =
        connection.prepare_cached(&format!("select {MESSAGE} from sms_messages where workspace_id = ?1 and message_id = ?2 and direction = 'outbound' order by part"))?;
    Ok(statement.query_map((workspace_id, message_id), message)?.collect::<rusqlite::Result<_>>()?)
}

pub fn find_message(connection: &Connection, workspace_id: &str, id: &str) -> Result<Option<SmsMessage>> {
    Ok(connection.prepare_cached(&format!("select {MESSAGE} from sms_messages where workspace_id = ?1 and id = ?2"))?.query_row((workspace_id, id), message).optional()?)
}

pub fn list_messages(connection: &Connection, workspace_id: &str, assistant_id: &str, conversation_id: Option<&str>, limit: i64, offset: i64) -> Result<(Vec<SmsMessage>, i64)> {
    let rows = connection
        .prepare_cached(&format!(
            "select {MESSAGE} from sms_messages where workspace_id = ?1 and assistant_id = ?2 and (?3 is null or conversation_id = ?3) order by row desc limit ?4 offset ?5"
        ))?
        .query_map((workspace_id, assistant_id, conversation_id, limit, offset), message)?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection
        .prepare_cached("select count(*) from sms_messages where workspace_id = ?1 and assistant_id = ?2 and (?3 is null or conversation_id = ?3)")?
        .query_row((workspace_id, assistant_id, conversation_id), |row| row.get(0))?;
    Ok((rows, total))
}

pub fn set_sent(tx: &Tx<'_>, id: &str, sid: &str, status: &str, now: Timestamp) -> Result<()> {
    // Twilio's second webhook may have been quicker than its answer: what it said stays.
    tx.prepare_cached(
        "update sms_messages set sid = ?2, status = case when status in ('queued', 'retrying') then ?3 else status end,
             error = case when status in ('queued', 'retrying') then null else error end, updated_at = ?4 where id = ?1",
    )?
    .execute((id, sid, status, now))?;
    Ok(())
}

pub fn set_status(tx: &Tx<'_>, id: &str, status: &str, code: Option<i64>, error: Option<&str>, now: Timestamp) -> Result<()> {
    tx.prepare_cached("update sms_messages set status = ?2, error_code = ?3, error = ?4, updated_at = ?5 where id = ?1")?.execute((id, status, code, error, now))?;
    Ok(())
}

/// How far each of Twilio's words is along a message's way; the network may tell them out of order.
const RANK: &str = "case {} when 'retrying' then 0 when 'queued' then 0 when 'accepted' then 0 when 'scheduled' then 0 when 'sending' then 1 when 'sent' then 2 else 3 end";

/// What became of a message, by our id or Twilio's. Nothing goes back.
#[expect(clippy::too_many_arguments, reason = "what Twilio's report has")]
pub fn report(tx: &Tx<'_>, assistant_id: &str, id: Option<&str>, sid: &str, status: &str, code: Option<i64>, error: Option<&str>, now: Timestamp) -> Result<bool> {
    let (old, new) = (RANK.replace("{}", "status"), RANK.replace("{}", "?4"));
    Ok(tx
        .prepare_cached(&format!(
            "update sms_messages set sid = coalesce(sid, ?3), status = ?4, error_code = ?5, error = ?6, updated_at = ?7
             where assistant_id = ?1 and direction = 'outbound' and (sid = ?3 or (sid is null and id = ?2)) and {old} <= {new}"
        ))?
        .execute((assistant_id, id, sid, status, code, error, now))?
        > 0)
}

pub fn analytics(connection: &Connection, account: &Account, since: Timestamp, active_since: Timestamp, period: &str) -> Result<SmsAnalytics> {
    let (total, inbound, contacts): (i64, i64, i64) = connection
        .prepare_cached(
            "select count(*), coalesce(sum(direction = 'inbound'), 0), count(distinct phone) from sms_messages where workspace_id = ?1 and assistant_id = ?2 and created_at >= ?3",
        )?
        .query_row((&account.workspace_id, &account.assistant_id, since), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let active = connection
        .prepare_cached("select count(*) from sms_sessions where workspace_id = ?1 and assistant_id = ?2 and last_message_at > ?3")?
        .query_row((&account.workspace_id, &account.assistant_id, active_since), |row| row.get(0))?;
    Ok(SmsAnalytics { total_messages: total, inbound, outbound: total - inbound, unique_contacts: contacts, active_sessions: active, period: period.to_owned() })
}
