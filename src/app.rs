//! What every feature is handed: the settings, the database, the time, ids, the key, the queue, the limits and the client.

use std::sync::Arc;

use crate::{clock::Clock, config::Config, db::Db, http, ids::Ids, jobs::Queue, secrets::SealKey};

/// Cheap to clone; handed to operations as poem's `Data`.
#[derive(Clone)]
pub struct App {
    pub config: Arc<Config>,
    pub db: Db,
    pub clock: Clock,
    pub ids: Ids,
    pub key: SealKey,
    pub jobs: Queue,
    pub limits: Arc<http::Limits>,
    pub client: http::Client,
}

impl App {
    pub fn now(&self) -> crate::clock::Timestamp {
        self.clock.now()
    }

    pub fn new_id(&self, prefix: &str) -> String {
        self.ids.new_id(prefix, self.clock.now())
    }
}
