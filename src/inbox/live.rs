//! What is known only while it happens: who types, who looks at which conversation; and the bell that wakes the streams of
//! those whom a new event concerns, and nobody else.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::{app::App, error::Result, events};

/// Something that is told once and never written down.
#[derive(Debug, Clone)]
pub struct Signal {
    pub workspace_id: String,
    pub conversation_id: Option<String>,
    /// `typing` or `presence`.
    pub kind: &'static str,
    pub data: Value,
    /// Whether the customer is told as well.
    pub to_customer: bool,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Live(Arc<Inner>);

struct Inner {
    signals: broadcast::Sender<Arc<Signal>>,
    /// By workspace, and by conversation or session.
    bells: Mutex<HashMap<String, watch::Sender<u64>>>,
    end: CancellationToken,
}

impl Default for Live {
    fn default() -> Self {
        Live(Arc::new(Inner { signals: broadcast::channel(1024).0, bells: Mutex::default(), end: CancellationToken::new() }))
    }
}

impl Live {
    pub fn signal(&self, signal: Signal) {
        // Nobody may be listening.
        let _ = self.0.signals.send(Arc::new(signal));
    }

    pub fn signals(&self) -> broadcast::Receiver<Arc<Signal>> {
        self.0.signals.subscribe()
    }

    /// Changes whenever something new concerns this workspace, conversation or session.
    pub fn bell(&self, key: &str) -> watch::Receiver<u64> {
        self.0.bells.lock().entry(key.to_owned()).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    pub fn ring(&self, key: &str) {
        let mut bells = self.0.bells.lock();
        if let Some(bell) = bells.get(key) {
            bell.send_modify(|count| *count += 1);
            if bell.receiver_count() == 0 {
                bells.remove(key);
            }
        }
    }

    /// Ends all streams: the server stops.
    pub fn end(&self) {
        self.0.end.cancel();
    }

    pub fn ended(&self) -> &CancellationToken {
        &self.0.end
    }

    /// Reads new events and wakes whom they concern, until the end.
    pub async fn follow(self, app: App) {
        let mut committed = app.db.committed();
        let mut last = app.db.read(events::last).unwrap_or(0);
        loop {
            committed.borrow_and_update();
            match self.read(&app, &mut last) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::error!(?error, "the event streams cannot read what happened"),
            }
            tokio::select! {
                changed = committed.changed() => if changed.is_err() { return },
                // Another process may have written.
                () = tokio::time::sleep(Duration::from_secs(2)) => {}
                () = self.0.end.cancelled() => return,
            }
        }
    }

    fn read(&self, app: &App, last: &mut i64) -> Result<bool> {
        let new = app.db.read(|connection| events::list_headings_after(connection, *last, 500))?;
        for event in &new {
            *last = event.sequence;
            self.ring(&event.workspace_id);
            self.ring(&event.resource_id);
        }
        Ok(new.len() == 500)
    }
}
