//! What every feature is handed: the settings, the database, the time, ids, the key, the queue, the limits, the model and
//! the client; and how it is opened.

mod data_dir;

use std::sync::Arc;

pub use data_dir::Lock;

use crate::{
    clock::{Clock, Timestamp},
    config::Config,
    db::Db,
    embed::{Embedder, Model},
    error::Result,
    http,
    ids::Ids,
    jobs::Queue,
    llm,
    secrets::SealKey,
};

/// Cheap to clone; handed to operations as poem's `Data`.
#[derive(Clone)]
pub struct App {
    pub config: Arc<Config>,
    pub db: Db,
    pub clock: Clock,
    pub ids: Ids,
    pub key: SealKey,
    pub jobs: Queue,
    pub embedder: Embedder,
    pub limits: Arc<http::Limits>,
    pub client: http::Client,
    pub models: llm::Registry,
}

impl App {
    /// Opens the data folder, or makes it. Several processes may hold it open; only the one with the [`Lock`] runs jobs.
    pub fn open(config: Config, clock: Clock, ids: Ids) -> Result<Self> {
        Self::open_with_model(config, clock, ids, Model::builtin())
    }

    /// The same with another embedding model than the one in the executable.
    pub fn open_with_model(config: Config, clock: Clock, ids: Ids, model: Model) -> Result<Self> {
        data_dir::prepare(&config.data_dir)?;
        let path = config.database_path();
        let is_new = !path.exists();
        let key = data_dir::secret_key(&config, is_new, &ids)?;
        let readers = std::thread::available_parallelism().map_or(2, usize::from).max(2) * 2;
        let db = Db::open(&path, readers, &clock)?;
        data_dir::check_key(&db, &key)?;
        let jobs = Queue::new(db.clone(), clock.clone());
        let workers = config.embed.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let embedder = Embedder::start(model, workers)?;
        let limits = Arc::new(http::Limits::new(&config.limits));
        let client = http::Client::new(&config)?;
        let models = llm::Registry::new(&config);
        Ok(App { config: Arc::new(config), db, clock, ids, key, jobs, embedder, limits, client, models })
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn new_id(&self, prefix: &str) -> String {
        self.ids.new_id(prefix, self.clock.now())
    }
}
