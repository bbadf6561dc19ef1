//! Sends what is due: each webhook by a worker of its own, so that a slow receiver holds up no other; within a webhook the
//! first attempts of one resource in order, those of different resources side by side.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use reqwest::{Method, header::HeaderMap};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    letters,
    model::{PATIENCE, SentResponse, wait_after},
    sign,
    store::{self, Attempt, Due},
};
use crate::{
    app::App,
    clock::Timestamp,
    error::{Error, Result},
};

/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is kept.
const KEPT_BYTES: usize = 4 << 10;
/// How many resources of one webhook are told of side by side.
const SIDE_BY_SIDE: usize = 8;
const BATCH: i64 = 64;
pub(super) const SEAL_PURPOSE: &str = "webhooks.secret";

/// Sends until `stop`; what is being sent then is sent again by the next process.
pub async fn run(app: App, stop: CancellationToken) {
    if let Err(error) = app.db.write(store::give_back).await {
        tracing::error!(?error, "the deliveries of an earlier run could not be taken up again");
    }
    let busy: Arc<Mutex<HashSet<String>>> = Arc::default();
    let mut committed = app.db.committed();
    loop {
        committed.borrow_and_update();
        match app.db.read(|connection| store::list_due_webhooks(connection, app.now())) {
            Ok(due) => {
                for webhook_id in due {
                    if busy.lock().insert(webhook_id.clone()) {
                        let (app, busy, stop) = (app.clone(), Arc::clone(&busy), stop.clone());
                        tokio::spawn(async move {
                            if let Err(error) = work(&app, &webhook_id, &stop).await {
                                tracing::error!(?error, %webhook_id, "a webhook's deliveries could not be written down");
                            }
                            busy.lock().remove(&webhook_id);
                        });
                    }
                }
            }
            Err(error) => tracing::error!(?error, "the webhook deliveries could not be read"),
        }
        tokio::select! {
            changed = committed.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Sends what one webhook has due.
async fn work(app: &App, webhook_id: &str, stop: &CancellationToken) -> Result<()> {
    while !stop.is_cancelled() {
        let (id, now) = (webhook_id.to_owned(), app.now());
        let due = app.db.write(move |tx| store::take_due(tx, &id, now, BATCH)).await?;
        if due.is_empty() {
            return Ok(());
        }
        // First attempts of one resource stay in order; a retry stands by itself.
        let mut groups: Vec<Vec<Due>> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for delivery in due {
            if delivery.attempts > 0 {
                groups.push(vec![delivery]);
                continue;
            }
            let place = *places.entry(delivery.resource_id.clone()).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[place].push(delivery);
        }
        stream::iter(groups)
            .for_each_concurrent(SIDE_BY_SIDE, async |group| {
                for due in group {
                    if let Err(error) = send(app, &due).await {
                        tracing::error!(?error, delivery = %due.id, "an attempt could not be written down");
                    }
                }
            })
            .await;
    }
    Ok(())
}

/// One attempt, and what follows from it.
pub(super) async fn send(app: &App, due: &Due) -> Result<()> {
    let attempt = attempt(app, due).await?;
    let mut chance = [0u8; 1];
    app.ids.fill(&mut chance);
    let (app_, due) = (app.clone(), due.clone());
    app.db
        .write(move |tx| {
            let now = Timestamp::from_millis(attempt.at);
            let is_gone = attempt.response.as_ref().is_some_and(|response| response.status == 410);
            let next = wait_after(due.attempts + 1, chance[0]).filter(|_| !is_gone && !attempt.succeeded()).map(|wait| now.plus(wait));
            store::finish_attempt(tx, &due, &attempt, next)?;
            let has_failed_for_long = || -> Result<bool> {
                let since = store::failing_since(tx, &due.workspace_id, &due.webhook_id)?;
                Ok(!attempt.succeeded() && since.is_some_and(|since| app_.now().since(since) >= PATIENCE))
            };
            let reason = if is_gone {
                "The receiver answered 410 Gone: it does not want to be told any more."
            } else if has_failed_for_long()? {
                "Every attempt has failed for four days. Mend the receiver, switch the webhook on, and retry what is missing."
            } else {
                return Ok(());
            };
            // Of several deliveries that were on their way, one tells of it.
            if store::switch_off(tx, &due.workspace_id, &due.webhook_id, reason, now)? {
                letters::tell_off(&app_, tx, &due.workspace_id, &due.webhook_id, now)?;
            }
            Ok(())
        })
        .await?;
    app.jobs.wake();
    Ok(())
}

async fn attempt(app: &App, due: &Due) -> Result<Attempt> {
    let now = app.now();
    let (webhook, secrets) = app.db.read(|connection| {
        Ok((store::find_webhook(connection, &due.workspace_id, &due.webhook_id)?, store::find_secrets(connection, &due.workspace_id, &due.webhook_id, now)?))
    })?;
    let Some(webhook) = webhook else { return Ok(Attempt { at: now.millis(), error: Some("The webhook was deleted.".to_owned()), ..Attempt::default() }) };
    let timestamp = now.millis().div_euclid(1000);
    let mut signatures = Vec::new();
    for sealed in &secrets {
        signatures.push(sign::signature(app.key.open(sealed, SEAL_PURPOSE)?.reveal(), &due.event_id, timestamp, &due.body));
    }
    let mut headers = BTreeMap::new();
    headers.insert("content-type".to_owned(), "application/json".to_owned());
    headers.insert("webhook-id".to_owned(), due.event_id.clone());
    headers.insert("webhook-timestamp".to_owned(), timestamp.to_string());
    headers.insert("webhook-signature".to_owned(), signatures.join(" "));
    let started = tokio::time::Instant::now();
    let outcome = tokio::time::timeout(TIMEOUT, exchange(app, &webhook.url, &headers, &due.body)).await;
    let duration_ms = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
    let (response, error) = match outcome {
        Err(_) => (None, Some(format!("The receiver did not answer within {} seconds.", TIMEOUT.as_secs()))),
        Ok(Err(error)) => (None, Some(error.message().to_owned())),
        Ok(Ok(response)) => {
            let error = match response.status {
                200..300 => None,
                300..400 => Some(format!("The receiver answered {}, a redirect, which is not followed. Enter the address that it leads to.", response.status)),
                status => Some(format!("The receiver answered {status}.")),
            };
            (Some(response), error)
        }
    };
    Ok(Attempt { request_headers: headers, response, error, duration_ms, at: app.now().millis() })
}

async fn exchange(app: &App, url: &str, headers: &BTreeMap<String, String>, body: &str) -> Result<SentResponse> {
    let parsed = Url::parse(url).map_err(|_| Error::bad_request("The address of the webhook is not valid."))?;
    // Judged again at every attempt: the operator may have changed what is allowed.
    app.client.check_secure(&parsed)?;
    let mut request = app.client.request_directly(Method::POST, url)?.body(body.to_owned());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let mut response = request.send().await.map_err(|error| unreachable(&error))?;
    let status = i64::from(response.status().as_u16());
    let headers = readable(response.headers());
    let mut kept = Vec::new();
    // Read to its end, as far as is reasonable, so that the connection can be used again.
    let mut seen = 0;
    while let Ok(Some(piece)) = response.chunk().await {
        seen += piece.len();
        let room = KEPT_BYTES.saturating_sub(kept.len());
        kept.extend_from_slice(&piece[..piece.len().min(room)]);
        if seen > 64 << 10 {
            break;
        }
    }
    Ok(SentResponse { status, headers, body: String::from_utf8_lossy(&kept).into_owned() })
}

fn readable(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers.iter().take(50).map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).chars().take(500).collect())).collect()
}

/// Why a receiver was not reached, without what only our log should know.
fn unreachable(error: &reqwest::Error) -> Error {
    let mut source = std::error::Error::source(error);
    let mut refused = None;
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<Error>() {
            refused = Some(error.message().to_owned());
        }
        source = cause.source();
    }
    Error::upstream(match refused {
        Some(message) => message,
        None if error.is_timeout() => "The receiver could not be reached in time.".to_owned(),
        None => "The receiver could not be reached: its name does not resolve, nothing listens there, or its certificate is not valid.".to_owned(),
    })
}
