//! What every feature is handed: the settings, the database, the time, ids, the key, the queue, the limits, the model and
//! the client; and how it is opened.

mod data_dir;

use std::sync::Arc;

pub use data_dir::Lock;

use crate::{
    clock::{Clock, Timestamp},
    config::{ByteSize, Config, Rerank},
    db::Db,
    embed::{
        Embedder, Embedders, Kind, Library, Model, Reranker,
        codes::Codes,
        registry::{self, State},
    },
    error::{Error, Result},
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
    pub embedders: Embedders,
    /// The embedding model that the settings name. It serves once everything is embedded with it.
    pub wanted: Embedder,
    /// What reads the best passages once more, where there is such a model.
    pub reranker: Option<Reranker>,
    pub limits: Arc<http::Limits>,
    pub client: http::Client,
    pub models: llm::Registry,
    /// Large projects' vectors in short, for searches.
    pub codes: Codes,
}

impl App {
    /// Opens the data folder, or makes it. Several processes may hold it open; only the one with the [`Lock`] runs jobs.
    pub fn open(config: Config, clock: Clock, ids: Ids) -> Result<Self> {
        Self::open_with_model(config, clock, ids, Model::builtin())
    }

    /// The same with another embedding model in place of the one in the executable.
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
        let (embedders, wanted) = embedders(&config, &db, model, workers)?;
        let reranker = reranker(&config, &wanted)?;
        let limits = Arc::new(http::Limits::new(&config.limits));
        let client = http::Client::new(&config)?;
        let models = llm::Registry::new(&config);
        Ok(App { config: Arc::new(config), db, clock, ids, key, jobs, embedders, wanted, reranker, limits, client, models, codes: Codes::default() })
    }

    /// The model that questions are asked with now. Whoever asks it more than once for one purpose keeps it meanwhile.
    pub fn embedder(&self) -> Embedder {
        self.embedders.serving()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn new_id(&self, prefix: &str) -> String {
        self.ids.new_id(prefix, self.clock.now())
    }
}

/// The models that the database's vectors are of, as far as they are to be had, and the one that the settings name. With no
/// vectors yet, or of a model that is gone, that one serves.
fn embedders(config: &Config, db: &Db, builtin: Model, workers: usize) -> Result<(Embedders, Embedder)> {
    let library = Library::new(config.models_dir());
    let builtin_id = builtin.info()?.id;
    let wanted = match config.embed.model.as_deref() {
        Some(name) if name != builtin_id => library.of_kind(name, Kind::Embedding).map_err(|error| Error::bad_request(format!("The setting `embed.model` is not valid. {}", error.message())))?,
        _ => builtin.clone(),
    };
    let wanted = Embedder::start(wanted, workers)?;
    let of = |state: State| -> Result<Option<Embedder>> {
        let Some(known) = db.read(|connection| registry::by_state(connection, state))? else { return Ok(None) };
        if known.id == wanted.info().id {
            return Ok(Some(wanted.clone()));
        }
        let model = if known.id == builtin_id { Some(builtin.clone()) } else { library.by_id(&known.id) };
        match model.map(|model| wanted.beside(model)) {
            Some(Ok(embedder)) => Ok(Some(embedder)),
            _ => {
                tracing::warn!(model = %known.id, "the embedding model that made the vectors is gone; until they are made anew, only words are searched");
                Ok(None)
            }
        }
    };
    let serving = of(State::Serving)?.unwrap_or_else(|| wanted.clone());
    let coming = of(State::Coming)?.filter(|coming| coming.info().id != serving.info().id);
    Ok((Embedders::new(serving, coming), wanted))
}

/// The reranker that the settings name, or, where they leave it open, the one that there is. One that nobody named and that
/// cannot be used is left out with a warning: there is an answer without it.
fn reranker(config: &Config, embedder: &Embedder) -> Result<Option<Reranker>> {
    let library = Library::new(config.models_dir());
    let open = |name: &str| -> Result<Reranker> {
        let model = library.of_kind(name, Kind::Reranker)?;
        let needed = library.description(name)?.memory();
        if needed > config.memory.bytes() {
            let needed = ByteSize::mib(needed.div_ceil(1 << 20));
            return Err(Error::bad_request(format!("`{name}` needs about {needed} of memory, and the server may plan with {}. Raise `memory`, or choose a smaller model.", config.memory)));
        }
        embedder.reranker(model)
    };
    match config.rerank.model.as_str() {
        Rerank::OFF => Ok(None),
        Rerank::AUTO => {
            let names = library.rerankers()?;
            let [name] = names.as_slice() else {
                if !names.is_empty() {
                    tracing::warn!("there are {} rerankers, and none is used: name one of {} in `rerank.model`", names.len(), names.join(", "));
                }
                return Ok(None);
            };
            Ok(open(name).inspect_err(|error| tracing::warn!(why = error.message(), "nothing is reranked")).ok())
        }
        name => open(name).map(Some).map_err(|error| Error::bad_request(format!("The setting `rerank.model` is not valid. {}", error.message()))),
    }
}
