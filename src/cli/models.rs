//! `illumichat models`: the embedding models and rerankers of a data folder.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::{Common, print_json, print_line, start_log};
use crate::{
    clock::Clock,
    config::{Config, Rerank},
    db::{self, Db},
    embed::{
        Description, Kind, Library, Model, Pooling, Trial, Wishes, hub,
        registry::State,
    },
    error::{Error, Result},
    http::Client,
    knowledge::reembed::{self, Progress},
};

#[derive(Debug, Subcommand)]
pub(super) enum ModelsCommand {
    /// What there is, and what is used
    List,
    /// Add a model from a folder or from the Hugging Face hub
    Add(Add),
    /// Check a model's files and try it out; all of them where none is named
    Verify {
        name: Option<String>,
    },
    /// Remove a model that is not used
    Remove {
        name: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// How it is to be called: small letters, digits and -_.
    name: String,
    /// A folder with config.json, tokenizer.json and model.safetensors, or an id on the hub, like intfloat/multilingual-e5-small
    #[arg(long, value_name = "FOLDER or OWNER/NAME")]
    from: String,
    /// A branch, tag or commit on the hub
    #[arg(long, default_value = "main")]
    revision: String,
    /// Another hub that speaks like Hugging Face's
    #[arg(long, value_name = "ADDRESS", env = "HF_ENDPOINT", default_value = hub::HUGGING_FACE)]
    hub: String,
    /// How token vectors become one, where the folder says nothing or something else
    #[arg(long, value_enum)]
    pooling: Option<HowToPool>,
    /// What is put before each question
    #[arg(long, value_name = "TEXT")]
    query_prefix: Option<String>,
    /// What is put before each passage
    #[arg(long, value_name = "TEXT")]
    passage_prefix: Option<String>,
    /// How many tokens of a text it reads
    #[arg(long, value_name = "NUMBER")]
    max_tokens: Option<usize>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum HowToPool {
    Mean,
    Cls,
}

/// A model as `list` and `add` tell of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    kind: Kind,
    id: String,
    dimensions: usize,
    max_tokens: usize,
    pooling: Pooling,
    query_prefix: String,
    passage_prefix: String,
    bytes: u64,
    license: Option<String>,
    source: Option<String>,
    /// Whether the settings name it.
    chosen: bool,
    /// What it is to this folder's vectors; nothing where it has made none.
    #[serde(skip_serializing_if = "Option::is_none")]
    vectors: Option<Progress>,
}

pub(super) async fn run(common: &Common, command: ModelsCommand) -> Result<()> {
    let config = common.load(&[])?.config;
    start_log(&config, "warn")?;
    match command {
        ModelsCommand::List => list(common, &config),
        ModelsCommand::Add(options) => add(common, &config, options).await,
        ModelsCommand::Verify { name } => verify(common, &config, name).await,
        ModelsCommand::Remove { name } => remove(common, &config, &name),
    }
}

impl Listed {
    /// What it does, in a few words.
    fn does(&self) -> String {
        match self.kind {
            Kind::Embedding => format!("{} dimensions, {} tokens, pooled by {}", self.dimensions, self.max_tokens, self.pooling.name()),
            Kind::Reranker => format!("a reranker, {} tokens", self.max_tokens),
        }
    }
}

/// What the models have embedded in this folder's database, where there is one.
fn vectors(config: &Config) -> Result<Vec<Progress>> {
    let path = config.database_path();
    // One of an older version has no other model's vectors, and is not brought up to date by looking.
    if !path.exists() || !db::plan(&path)?.pending.is_empty() {
        return Ok(Vec::new());
    }
    Db::open(&path, 1, &Clock::system())?.read(reembed::progress)
}

fn builtin() -> Result<Listed> {
    let info = Model::builtin().info()?;
    Ok(Listed {
        name: info.id.clone(),
        kind: Kind::Embedding,
        id: info.id,
        dimensions: info.dimensions,
        max_tokens: info.max_tokens,
        pooling: info.pooling,
        query_prefix: info.query_prefix,
        passage_prefix: info.passage_prefix,
        bytes: 0,
        license: Some("Apache-2.0".to_owned()),
        source: Some("in the executable".to_owned()),
        chosen: false,
        vectors: None,
    })
}

fn listed(name: &str, about: Description) -> Listed {
    Listed {
        name: name.to_owned(),
        kind: about.kind,
        id: about.id,
        dimensions: about.dimensions,
        max_tokens: about.max_tokens,
        pooling: about.pooling,
        query_prefix: about.query_prefix,
        passage_prefix: about.passage_prefix,
        bytes: about.files.iter().map(|file| file.bytes).sum(),
        license: about.license,
        source: about.source,
        chosen: false,
        vectors: None,
    }
}

fn list(common: &Common, config: &Config) -> Result<()> {
    let library = Library::new(config.models_dir());
    let mut models = vec![builtin()?];
    for name in library.names()? {
        models.push(listed(&name, library.description(&name)?));
    }
    let wanted = config.embed.model.clone().unwrap_or_else(|| models[0].name.clone());
    let vectors = vectors(config)?;
    let rerankers = library.rerankers()?;
    let reranker = config.rerank.choose(&rerankers);
    for model in &mut models {
        model.chosen = if model.kind == Kind::Reranker { Some(model.name.as_str()) == reranker } else { model.name == wanted };
        model.vectors = vectors.iter().find(|of| of.model == model.id).cloned();
    }
    if common.json {
        return print_json(&models);
    }
    for model in &models {
        let size = if model.bytes == 0 { "in the executable".to_owned() } else { format!("{:.1} MB", model.bytes as f64 / 1e6) };
        let license = model.license.as_deref().unwrap_or("licence unknown");
        print_line(&format!("{} {}: {}, {size}, {license}", if model.chosen { "*" } else { " " }, model.name, model.does()))?;
        match &model.vectors {
            Some(Progress { state: State::Serving, chunks, embedded, .. }) => print_line(&format!("    serves: {embedded} of {chunks} chunks are embedded with it"))?,
            Some(Progress { state: State::Coming, chunks, embedded, .. }) => print_line(&format!("    is to follow: {embedded} of {chunks} chunks are embedded with it"))?,
            Some(Progress { state: State::Going, embedded, .. }) => print_line(&format!("    served before: {embedded} vectors are being taken out"))?,
            None => {}
        }
    }
    if reranker.is_none() && config.rerank.model != Rerank::OFF && !rerankers.is_empty() {
        print_line("No reranker is used, as there are several: name one in `rerank.model`.")?;
    }
    print_line("* is what is used by the settings (`embed.model`, `rerank.model`).")
}

async fn add(common: &Common, config: &Config, options: Add) -> Result<()> {
    let library = Library::new(config.models_dir());
    let pooling = options.pooling.map(|pooling| match pooling {
        HowToPool::Mean => Pooling::Mean,
        HowToPool::Cls => Pooling::Cls,
    });
    let mut wishes = Wishes { pooling, query_prefix: options.query_prefix, passage_prefix: options.passage_prefix, max_tokens: options.max_tokens, license: None };
    let name = options.name;
    let (folder, from) = (PathBuf::from(&options.from), options.from);
    let (about, trial) = match (folder.is_dir(), hub::is_id(&from)) {
        (true, _) => {
            let (library, name, source) = (library.clone(), name.clone(), from);
            tokio::task::spawn_blocking(move || library.add(&name, &folder, &source, &wishes)).await.map_err(Error::internal)??
        }
        (false, true) => {
            let id = from;
            let client = Client::new(config)?;
            let token = std::env::var("HF_TOKEN").ok().filter(|token| !token.is_empty());
            let place = hub::Place { hub: options.hub.trim_end_matches('/'), id: &id, revision: &options.revision, token: token.as_deref() };
            let unfinished = library.begin(&name)?;
            let bar = indicatif::ProgressBar::new(0);
            let mut told = |file: &str, have: u64, of: u64| {
                bar.set_length(of);
                bar.set_position(have);
                bar.set_message(file.to_owned());
            };
            let fetched = hub::fetch(&client, &place, &unfinished, &mut told).await;
            bar.finish_and_clear();
            let done = match fetched {
                Ok(fetched) => {
                    let source = format!("{}/{id} at {}", place.hub, fetched.commit);
                    wishes.license = fetched.license;
                    let (library, name, folder) = (library.clone(), name.clone(), unfinished.clone());
                    tokio::task::spawn_blocking(move || library.finish(&name, &folder, &source, &wishes)).await.map_err(Error::internal)?
                }
                Err(error) => Err(error),
            };
            if done.is_err() {
                let _ = std::fs::remove_dir_all(&unfinished);
            }
            done?
        }
        (false, false) => return Err(Error::bad_request(format!("There is no folder {from}. A model on the hub is named like intfloat/multilingual-e5-small."))),
    };
    let model = listed(&name, about);
    if common.json {
        return print_json(&model);
    }
    print_line(&format!("{name} is there: {}, {}.", model.does(), model.license.as_deref().unwrap_or("licence unknown")))?;
    if let Trial::Reranker { right } = trial {
        print_line(&format!("Of ten questions, it put the right answer first for {right}."))?;
        if !trial.tells_apart() {
            print_line("It works, but it does not tell right answers from wrong ones: remove it, or set `rerank.model` to \"off\".")?;
        }
        return print_line(&format!("Start the server anew: it is used where it is the only reranker, or where `rerank.model` is \"{name}\"."));
    }
    if !model.query_prefix.is_empty() || !model.passage_prefix.is_empty() {
        print_line(&format!("Before questions it reads {:?}, before passages {:?}.", model.query_prefix, model.passage_prefix))?;
    }
    if !trial.tells_apart() {
        print_line("It works, but it does not tell right answers from wrong ones: it is no model for search, or its pooling or prefixes are others.")?;
    }
    print_line(&format!("Set `embed.model` to \"{name}\" and start the server anew: everything is embedded with it in the background, and then it serves."))
}

async fn verify(common: &Common, config: &Config, name: Option<String>) -> Result<()> {
    let library = Library::new(config.models_dir());
    let names = match name {
        Some(name) => vec![name],
        None => library.names()?,
    };
    let mut results = Vec::new();
    for name in names {
        let (library, tried) = (library.clone(), name.clone());
        let outcome = tokio::task::spawn_blocking(move || library.verify(&tried)).await.map_err(Error::internal)?;
        results.push((name, outcome.err().map(|error| error.message().to_owned())));
    }
    let bad = results.iter().filter(|(_, problem)| problem.is_some()).count();
    if common.json {
        let all: Vec<_> = results.iter().map(|(name, problem)| serde_json::json!({"name": name, "ok": problem.is_none(), "problem": problem})).collect();
        print_json(&all)?;
    } else {
        for (name, problem) in &results {
            print_line(&format!("{} {name}{}", if problem.is_some() { "BAD " } else { "ok  " }, problem.as_deref().map(|problem| format!(": {problem}")).unwrap_or_default()))?;
        }
        if results.is_empty() {
            print_line("No model was added.")?;
        }
    }
    if bad == 0 { Ok(()) } else { Err(Error::unavailable(format!("{bad} of {} models cannot be used. Remove them, and add them again.", results.len()))) }
}

fn remove(common: &Common, config: &Config, name: &str) -> Result<()> {
    let library = Library::new(config.models_dir());
    library.model(name)?;
    if config.embed.model.as_deref() == Some(name) {
        return Err(Error::conflict(format!("`{name}` is in use: the setting `embed.model` names it. Name another one, and start the server anew.")));
    }
    if config.rerank.named() == Some(name) {
        return Err(Error::conflict(format!("`{name}` is in use: the setting `rerank.model` names it. Name another one or \"off\", and start the server anew.")));
    }
    // A damaged one has no id that can be read; what is in use under its name counts all the same.
    let of_it = format!("{name}@");
    if let Some(used) = vectors(config)?.into_iter().find(|of| of.model.starts_with(&of_it) && of.state != State::Going) {
        let how = if used.state == State::Serving { "questions are asked with it" } else { "it is to serve next" };
        return Err(Error::conflict(format!("`{name}` is in use: {how}. Start the server with another `embed.model`, and remove it once that one serves.")));
    }
    library.remove(name)?;
    if common.json { print_json(&serde_json::json!({"removed": name})) } else { print_line(&format!("{name} is removed.")) }
}
