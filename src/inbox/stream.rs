//! One event stream: what was missed since the client's last event, then what happens, in order, each once.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use poem::{
    Body as PoemBody, IntoResponse, Response,
    http::{HeaderName, HeaderValue, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};
use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use super::live::{Live, Signal};
use crate::{
    app::App,
    clock::Timestamp,
    error::Result,
    events::{self, Event},
};

/// A comment keeps proxies awake and shows a page that it is still connected.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many events are read at a time.
const BATCH: i64 = 100;

/// Where a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub after: i64,
    /// Whether the client's last event is so long ago that what came after it may be forgotten: it has to load anew.
    pub reset: bool,
}

/// The place of the event with this id among the workspace's own; without one, or with one of another workspace, now.
pub fn cursor_of(connection: &Connection, workspace_id: &str, last_event_id: Option<&str>) -> Result<Cursor> {
    let now = || events::last(connection).map(|after| Cursor { after, reset: false });
    let Some(id) = last_event_id.map(str::trim).filter(|id| !id.is_empty()) else { return now() };
    let found: Option<i64> =
        connection.prepare_cached("select row from events where workspace_id = ?1 and id = ?2")?.query_row((workspace_id, id), |row| row.get(0)).optional()?;
    if let Some(after) = found {
        return Ok(Cursor { after, reset: false });
    }
    let oldest: Option<String> =
        connection.prepare_cached("select id from events where workspace_id = ?1 order by row limit 1")?.query_row([workspace_id], |row| row.get(0)).optional()?;
    // Ids sort by time: an older one than the oldest that is kept was pruned.
    let reset = oldest.is_some_and(|oldest| id < oldest.as_str() && id.starts_with("evt_") && id.len() == oldest.len());
    Ok(Cursor { reset, ..now()? })
}

/// What one kind of stream tells, and to whom.
pub trait Audience: Send + 'static {
    /// What is told first, before anything that was missed.
    fn greeting(&mut self, app: &App) -> Result<Vec<Value>>;
    /// The new events after this one, and whether there may be more.
    fn read(&mut self, app: &App, after: i64) -> Result<Vec<Event>>;
    /// The event as this client is told of it; `None` where it is none of its business. An event is told under its own id.
    fn tell(&mut self, app: &App, event: &Event) -> Result<Option<Value>>;
    fn tell_signal(&mut self, app: &App, signal: &Signal) -> Result<Option<Value>>;
    /// Whether the client may still listen; asked before it is told anything.
    fn may_listen(&mut self, app: &App) -> Result<bool>;
    /// Now and then, while it listens.
    fn beat(&mut self, _app: &App, _now: Timestamp) {}
    /// Another bell to listen to, once there is reason for one.
    fn new_bell(&mut self, _live: &Live) -> Option<watch::Receiver<u64>> {
        None
    }
    /// The client is gone.
    fn leave(&mut self, app: &App);
}

/// Starts a stream; it ends when the client leaves, may not listen any more, or the server stops.
pub fn run<A: Audience>(app: &App, live: &Live, cursor: Cursor, mut bells: Vec<watch::Receiver<u64>>, mut audience: A) -> StreamReply {
    let (sender, receiver) = mpsc::channel::<Bytes>(32);
    let (app, live) = (app.clone(), live.clone());
    let mut signals = live.signals();
    tokio::spawn(async move {
        let mut after = cursor.after;
        let outcome: Result<()> = async {
            let mut first = audience.greeting(&app)?;
            if cursor.reset {
                first.push(serde_json::json!({"type": "reset"}));
            }
            for value in first {
                if sender.send(wire(None, &value)).await.is_err() {
                    return Ok(());
                }
            }
            let mut beat = tokio::time::interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
            loop {
                bells.iter_mut().for_each(|bell| {
                    bell.borrow_and_update();
                });
                loop {
                    let batch = audience.read(&app, after)?;
                    let is_last = batch.len() < usize::try_from(BATCH).unwrap_or(0);
                    if !batch.is_empty() && !audience.may_listen(&app)? {
                        return Ok(());
                    }
                    for event in batch {
                        after = event.sequence;
                        if let Some(value) = audience.tell(&app, &event)?
                            && sender.send(wire(Some(&event.id), &value)).await.is_err()
                        {
                            return Ok(());
                        }
                    }
                    if is_last {
                        match audience.new_bell(&live) {
                            // What rang before it was listened to is read once more.
                            Some(bell) => bells.push(bell),
                            None => break,
                        }
                    }
                }
                tokio::select! {
                    () = any(&mut bells) => {}
                    signal = signals.recv() => {
                        // Who falls behind misses what would be out of date anyway.
                        if let Ok(signal) = signal
                            && audience.may_listen(&app)?
                            && let Some(value) = audience.tell_signal(&app, &Arc::unwrap_or_clone(signal))?
                            && sender.send(wire(None, &value)).await.is_err()
                        {
                            return Ok(());
                        }
                    }
                    _ = beat.tick() => {
                        if !audience.may_listen(&app)? || sender.send(Bytes::from_static(b": still there\n\n")).await.is_err() {
                            return Ok(());
                        }
                        audience.beat(&app, app.now());
                    }
                    () = sender.closed() => return Ok(()),
                    () = live.ended().cancelled() => return Ok(()),
                }
            }
        }
        .await;
        if let Err(error) = outcome {
            tracing::error!(?error, "an event stream broke off");
        }
        audience.leave(&app);
    });
    let pieces = futures_util::StreamExt::map(ReceiverStream::new(receiver), Ok::<_, Infallible>);
    let pieces = futures_util::StreamExt::map(pieces, |piece| piece.map_err(|never| -> std::io::Error { match never {} }));
    // Something at once, so that the client knows that it is connected.
    let opening = futures_util::stream::once(async { Ok(Bytes::from_static(b": connected\n\n")) });
    let mut response = Response::builder().content_type("text/event-stream").body(PoemBody::from_bytes_stream(futures_util::StreamExt::chain(opening, pieces)));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    StreamReply(response)
}

/// Reads a batch of one workspace's events.
pub fn read_workspace(app: &App, workspace_id: &str, after: i64) -> Result<Vec<Event>> {
    app.db.read(|connection| events::list_after(connection, Some(workspace_id), after, BATCH))
}

/// Reads a batch of what happened to one resource.
pub fn read_resource(app: &App, workspace_id: &str, resource_id: &str, after: i64) -> Result<Vec<Event>> {
    app.db.read(|connection| events::list_of(connection, workspace_id, resource_id, after, BATCH))
}

async fn any(bells: &mut [watch::Receiver<u64>]) {
    let changes = bells.iter_mut().map(|bell| Box::pin(bell.changed()));
    if futures_util::future::select_all(changes).await.0.is_err() {
        // The bell is gone, which it is not while we hold it; never spin.
        std::future::pending::<()>().await;
    }
}

fn wire(id: Option<&str>, value: &Value) -> Bytes {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("{id}data: {value}\n\n"))
}

/// An event stream that does not end by itself.
pub struct StreamReply(Response);

impl IntoResponse for StreamReply {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for StreamReply {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "Server-sent events, each one line `data: {json}` with the kind in `type`; what was written down has an `id`, to be sent back as `Last-Event-ID`. A comment every 15 s. `reset` says that too much was missed: load everything anew.",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType { content_type: "text/event-stream", schema: String::schema_ref() }],
                headers: vec![],
            }],
        }
    }

    fn register(_: &mut Registry) {}
}
