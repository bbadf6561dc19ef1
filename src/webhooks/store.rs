//! The tables `webhooks` and `webhook_deliveries`.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use super::model::{Delivery, DeliveryStatus, SentRequest, SentResponse, Webhook};
use crate::{
    clock::Timestamp,
    db::Tx,
    error::Result,
    events,
};

const WEBHOOK: &str = "id, url, events, active, description, disabled_reason, created_at, updated_at, last_delivery_at, failure_count";

fn webhook(row: &Row<'_>) -> rusqlite::Result<Webhook> {
    Ok(Webhook {
        id: row.get(0)?,
        url: row.get(1)?,
        events: serde_json::from_str(&row.get::<_, String>(2)?).unwrap_or_default(),
        active: row.get(3)?,
        description: row.get(4)?,
        disabled_reason: row.get(5)?,
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
        last_delivery_at: row.get(8)?,
        failure_count: row.get(9)?,
        secret: None,
    })
}

pub fn find_webhook(connection: &Connection, workspace_id: &str, id: &str) -> Result<Option<Webhook>> {
    Ok(connection
        .prepare_cached(&format!("select {WEBHOOK} from webhooks where workspace_id = ?1 and id = ?2"))?
        .query_row((workspace_id, id), webhook)
        .optional()?)
}

pub fn list_webhooks(connection: &Connection, workspace_id: &str, limit: i64, offset: i64) -> Result<(Vec<Webhook>, i64)> {
    let rows = connection
        .prepare_cached(&format!("select {WEBHOOK} from webhooks where workspace_id = ?1 order by created_at desc, row desc limit ?2 offset ?3"))?
        .query_map((workspace_id, limit, offset), webhook)?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection.prepare_cached("select count(*) from webhooks where workspace_id = ?1")?.query_row([workspace_id], |row| row.get(0))?;
    Ok((rows, total))
}

/// The webhooks of a workspace that are to be told what happens.
pub fn list_active(connection: &Connection, workspace_id: &str) -> Result<Vec<Webhook>> {
    let mut statement = connection.prepare_cached(&format!("select {WEBHOOK} from webhooks where workspace_id = ?1 and active = 1 order by row"))?;
    Ok(statement.query_map([workspace_id], webhook)?.collect::<rusqlite::Result<_>>()?)
}

pub fn insert_webhook(tx: &Tx<'_>, workspace_id: &str, webhook: &Webhook, secret: &[u8]) -> Result<()> {
    tx.prepare_cached(
        "insert into webhooks (id, workspace_id, url, events, description, active, secret, failure_count, created_at, updated_at)
         values (:id, :ws, :url, :events, :description, :active, :secret, 0, :now, :now)",
    )?
    .execute(named_params! {
        ":id": webhook.id, ":ws": workspace_id, ":url": webhook.url, ":events": serde_json::to_string(&webhook.events)?,
        ":description": webhook.description, ":active": webhook.active, ":secret": secret, ":now": webhook.created_at,
    })?;
    Ok(())
}

/// Writes what its people may change. Switched on again, it has a clean slate.
pub fn update_webhook(tx: &Tx<'_>, workspace_id: &str, webhook: &Webhook) -> Result<()> {
    tx.prepare_cached(
        "update webhooks set url = :url, events = :events, description = :description, updated_at = :now,
             disabled_reason = case when :active then null else disabled_reason end,
             failing_since = case when :active and not active then null else failing_since end,
             failure_count = case when :active and not active then 0 else failure_count end, active = :active
         where workspace_id = :ws and id = :id",
    )?
    .execute(named_params! {
        ":id": webhook.id, ":ws": workspace_id, ":url": webhook.url, ":events": serde_json::to_string(&webhook.events)?,
        ":description": webhook.description, ":active": webhook.active, ":now": webhook.updated_at,
    })?;
    Ok(())
}

pub fn set_secret(tx: &Tx<'_>, workspace_id: &str, id: &str, secret: &[u8], previous_until: Timestamp, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "update webhooks set previous_secret = secret, previous_until = ?4, secret = ?3, updated_at = ?5 where workspace_id = ?1 and id = ?2",
    )?
    .execute((workspace_id, id, secret, previous_until, now))?;
    Ok(())
}

/// The sealed secrets that sign now, the newest first.
pub fn find_secrets(connection: &Connection, workspace_id: &str, id: &str, now: Timestamp) -> Result<Vec<Vec<u8>>> {
    let found: Option<(Vec<u8>, Option<Vec<u8>>)> = connection
        .prepare_cached("select secret, case when previous_until > ?3 then previous_secret end from webhooks where workspace_id = ?1 and id = ?2")?
        .query_row((workspace_id, id, now), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.map(|(secret, previous)| std::iter::once(secret).chain(previous).collect()).unwrap_or_default())
}

pub fn delete_webhook(tx: &Tx<'_>, workspace_id: &str, id: &str) -> Result<bool> {
    Ok(tx.prepare_cached("delete from webhooks where workspace_id = ?1 and id = ?2")?.execute((workspace_id, id))? > 0)
}

pub struct NewDelivery<'a> {
    pub id: &'a str,
    pub workspace_id: &'a str,
    pub webhook_id: &'a str,
    pub event_id: &'a str,
    pub event: &'a str,
    pub resource_id: &'a str,
    pub body: &'a str,
    /// Whether whoever inserts it sends it.
    pub taken: bool,
    pub now: Timestamp,
}

pub fn insert_delivery(tx: &Tx<'_>, new: &NewDelivery<'_>) -> Result<()> {
    tx.prepare_cached(
        "insert into webhook_deliveries (id, workspace_id, webhook_id, event_id, event, resource_id, body, status, attempts, next_attempt_at, taken, created_at)
         values (:id, :ws, :webhook_id, :event_id, :event, :resource_id, :body, 'pending', 0, :now, :taken, :now) on conflict (webhook_id, event_id) do nothing",
    )?
    .execute(named_params! {
        ":id": new.id, ":ws": new.workspace_id, ":webhook_id": new.webhook_id, ":event_id": new.event_id, ":event": new.event,
        ":resource_id": new.resource_id, ":body": new.body, ":taken": new.taken, ":now": new.now,
    })?;
    Ok(())
}

/// What a worker needs to send a delivery.
#[derive(Debug, Clone)]
pub struct Due {
    pub id: String,
    pub workspace_id: String,
    pub webhook_id: String,
    pub event_id: String,
    pub resource_id: String,
    pub body: String,
    pub attempts: i64,
}

/// The webhooks that have something due.
pub fn list_due_webhooks(connection: &Connection, now: Timestamp) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "select w.id from webhooks w where exists (select 1 from webhook_deliveries d where d.webhook_id = w.id and d.status = 'pending' and d.taken = 0 and d.next_attempt_at <= ?1)",
    )?;
    Ok(statement.query_map([now], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// When the next delivery is due.
pub fn next_due(connection: &Connection) -> Result<Option<Timestamp>> {
    Ok(connection.prepare_cached("select min(next_attempt_at) from webhook_deliveries where status = 'pending' and taken = 0")?.query_row([], |row| row.get(0))?)
}

/// Takes what is due of one webhook: first attempts before retries, in the order of what happened.
pub fn take_due(tx: &Tx<'_>, webhook_id: &str, now: Timestamp, limit: i64) -> Result<Vec<Due>> {
    let due: Vec<Due> = tx
        .prepare_cached(
            "select id, workspace_id, webhook_id, event_id, resource_id, body, attempts from webhook_deliveries
             where row in (select row from webhook_deliveries where webhook_id = ?1 and status = 'pending' and taken = 0 and next_attempt_at <= ?2 and body is not null
                           order by attempts > 0, row limit ?3)
             order by attempts > 0, row",
        )?
        .query_map((webhook_id, now, limit), |row| {
            Ok(Due {
                id: row.get(0)?,
                workspace_id: row.get(1)?,
                webhook_id: row.get(2)?,
                event_id: row.get(3)?,
                resource_id: row.get(4)?,
                body: row.get(5)?,
                attempts: row.get(6)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    for delivery in &due {
        tx.prepare_cached("update webhook_deliveries set taken = 1 where id = ?1")?.execute([&delivery.id])?;
    }
    Ok(due)
}

/// Gives back what a process that is gone had taken. Only the holder of the data folder's lock may call it.
pub fn give_back(tx: &Tx<'_>) -> Result<usize> {
    Ok(tx.prepare_cached("update webhook_deliveries set taken = 0 where taken = 1")?.execute([])?)
}

/// What an attempt came to.
#[derive(Debug, Default)]
pub struct Attempt {
    pub request_headers: BTreeMap<String, String>,
    pub response: Option<SentResponse>,
    pub error: Option<String>,
    pub duration_ms: i64,
    pub at: i64,
}

impl Attempt {
    pub fn succeeded(&self) -> bool {
        self.response.as_ref().is_some_and(|response| (200..300).contains(&response.status))
    }
}

/// Writes an attempt down. `next` is when the next one follows; without one, and without success, it has failed for good.
pub fn finish_attempt(tx: &Tx<'_>, due: &Due, attempt: &Attempt, next: Option<Timestamp>) -> Result<()> {
    let now = Timestamp::from_millis(attempt.at);
    // A receiver may repeat what it was told: nothing that was said while somebody was erased is kept, nor what is said to it.
    let began = Timestamp::from_millis(attempt.at - attempt.duration_ms - 1_000);
    let is_kept = !events::erased_since(tx, &due.workspace_id, began)?;
    let status = match (attempt.succeeded(), next) {
        (true, _) => DeliveryStatus::Delivered,
        (false, Some(_)) => DeliveryStatus::Pending,
        (false, None) => DeliveryStatus::Failed,
    };
    tx.prepare_cached(
        "update webhook_deliveries set status = :status, attempts = attempts + 1, next_attempt_at = coalesce(:next, next_attempt_at), taken = 0,
             request_headers = :request_headers, response_status = :response_status, response_headers = :response_headers,
             response_body = case when body is not null and event <> 'contact.deleted' then :response_body end, error = :error, duration_ms = :duration_ms, last_attempt_at = :now,
             delivered_at = case when :status = 'delivered' then :now end
         where workspace_id = :ws and id = :id",
    )?
    .execute(named_params! {
        ":ws": due.workspace_id, ":id": due.id, ":status": status, ":next": next, ":request_headers": serde_json::to_string(&attempt.request_headers)?,
        ":response_status": attempt.response.as_ref().map(|response| response.status),
        ":response_headers": attempt.response.as_ref().map(|response| serde_json::to_string(&response.headers)).transpose()?,
        ":response_body": attempt.response.as_ref().filter(|_| is_kept).map(|response| &response.body), ":error": attempt.error, ":duration_ms": attempt.duration_ms, ":now": now,
    })?;
    let counts = if attempt.succeeded() {
        "update webhooks set last_delivery_at = ?3, failure_count = 0, failing_since = null where workspace_id = ?1 and id = ?2"
    } else {
        "update webhooks set last_delivery_at = ?3, failure_count = failure_count + 1, failing_since = coalesce(failing_since, ?3) where workspace_id = ?1 and id = ?2"
    };
    tx.prepare_cached(counts)?.execute((&due.workspace_id, &due.webhook_id, now))?;
    Ok(())
}

/// Since when every attempt has failed.
pub fn failing_since(connection: &Connection, workspace_id: &str, id: &str) -> Result<Option<Timestamp>> {
    Ok(connection
        .prepare_cached("select failing_since from webhooks where workspace_id = ?1 and id = ?2")?
        .query_row((workspace_id, id), |row| row.get(0))
        .optional()?
        .flatten())
}

/// Switches a webhook off with a reason; what waited for it has failed. Whether it was on.
pub fn switch_off(tx: &Tx<'_>, workspace_id: &str, id: &str, reason: &str, now: Timestamp) -> Result<bool> {
    let was_on = tx
        .prepare_cached("update webhooks set active = 0, disabled_reason = ?3, updated_at = ?4 where workspace_id = ?1 and id = ?2 and active = 1")?
        .execute((workspace_id, id, reason, now))?;
    fail_pending(tx, workspace_id, id, "The webhook was switched off.")?;
    Ok(was_on > 0)
}

pub fn fail_pending(tx: &Tx<'_>, workspace_id: &str, id: &str, error: &str) -> Result<()> {
    tx.prepare_cached("update webhook_deliveries set status = 'failed', error = ?3 where workspace_id = ?1 and webhook_id = ?2 and status = 'pending' and taken = 0")?
        .execute((workspace_id, id, error))?;
    Ok(())
}

const DELIVERY: &str = "d.id, d.webhook_id, d.event_id, d.event, d.status, d.attempts, d.response_status, d.error, d.duration_ms, d.next_attempt_at,
    d.last_attempt_at, d.delivered_at, d.created_at";

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let status: DeliveryStatus = row.get(4)?;
    let next: Timestamp = row.get(9)?;
    Ok(Delivery {
        id: row.get(0)?,
        webhook_id: row.get(1)?,
        event_id: row.get(2)?,
        event: row.get(3)?,
        status,
        attempts: row.get(5)?,
        response_status: row.get(6)?,
        error: row.get(7)?,
        duration_ms: row.get(8)?,
        next_attempt_at: (status == DeliveryStatus::Pending).then_some(next),
        last_attempt_at: row.get(10)?,
        delivered_at: row.get(11)?,
        created_at: row.get(12)?,
        request: None,
        response: None,
    })
}

pub fn list_deliveries(connection: &Connection, workspace_id: &str, webhook_id: &str, status: Option<DeliveryStatus>, limit: i64, offset: i64) -> Result<(Vec<Delivery>, i64)> {
    let rows = connection
        .prepare_cached(&format!(
            "select {DELIVERY} from webhook_deliveries d where d.workspace_id = ?1 and d.webhook_id = ?2 and (?3 is null or d.status = ?3)
             order by d.row desc limit ?4 offset ?5"
        ))?
        .query_map((workspace_id, webhook_id, status, limit, offset), delivery)?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection
        .prepare_cached("select count(*) from webhook_deliveries where workspace_id = ?1 and webhook_id = ?2 and (?3 is null or status = ?3)")?
        .query_row((workspace_id, webhook_id, status), |row| row.get(0))?;
    Ok((rows, total))
}

/// A delivery with what was sent and answered.
pub fn find_delivery(connection: &Connection, workspace_id: &str, id: &str) -> Result<Option<Delivery>> {
    let headers = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    Ok(connection
        .prepare_cached(&format!(
            "select {DELIVERY}, d.body, d.request_headers, d.response_headers, d.response_body, w.url
             from webhook_deliveries d join webhooks w on w.id = d.webhook_id where d.workspace_id = ?1 and d.id = ?2"
        ))?
        .query_row((workspace_id, id), |row| {
            let mut delivery = delivery(row)?;
            delivery.request = Some(SentRequest { url: row.get(17)?, headers: headers(row.get(14)?), body: row.get(13)? });
            delivery.response = match delivery.response_status {
                Some(status) => Some(SentResponse { status, headers: headers(row.get(15)?), body: row.get::<_, Option<String>>(16)?.unwrap_or_default() }),
                None => None,
            };
            Ok(delivery)
        })
        .optional()?)
}

/// Makes a delivery due again. Whether it could: it is not being sent, and was not erased.
pub fn retry_delivery(tx: &Tx<'_>, workspace_id: &str, id: &str, now: Timestamp) -> Result<bool> {
    Ok(tx
        .prepare_cached(
            "update webhook_deliveries set status = 'pending', next_attempt_at = ?3, delivered_at = null where workspace_id = ?1 and id = ?2 and taken = 0 and body is not null",
        )?
        .execute((workspace_id, id, now))?
        > 0)
}

/// Takes out of the deliveries what tells of these things, or holds one of these texts.
pub fn erase(tx: &Tx<'_>, workspace_id: &str, resource_ids: &str, texts: &str) -> Result<usize> {
    Ok(tx
        .prepare_cached(
            "update webhook_deliveries set body = null, response_body = null, status = case when status = 'pending' then 'failed' else status end,
                 error = case when status = 'pending' then 'The person that it told of was erased.' else error end
             where workspace_id = ?1 and (resource_id in (select value from json_each(?2))
                 or exists (select 1 from json_each(?3) t where instr(lower(body), lower(t.value)) > 0 or instr(lower(coalesce(response_body, '')), lower(t.value)) > 0))",
        )?
        .execute((workspace_id, resource_ids, texts))?)
}

/// Forgets the deliveries that are over since before this time.
pub fn prune(tx: &Tx<'_>, before: Timestamp) -> Result<usize> {
    Ok(tx.prepare_cached("delete from webhook_deliveries where created_at < ?1 and status <> 'pending'")?.execute([before])?)
}
