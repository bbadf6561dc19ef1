//! Text to vectors: the embedding model, behind a handle that any task may hold.
//!
//! The model runs on threads of its own, one a core, fed by a bounded queue (`worker`). A question overtakes the passages of
//! documents, also those already being worked on. It is loaded at first use, so that an idle server stays small. What the
//! vectors are for, and where they are kept, is the callers' business.

mod bfloat16;
pub mod codes;
mod cross_encoder;
mod description;
mod deterministic;
mod elementwise;
mod encoder;
mod general;
pub mod hub;
mod import;
pub mod library;
mod linear;
mod matrix;
mod model;
mod pair;
pub mod registry;
mod reranker;
mod tokenizer;
mod trial;
mod worker;

use std::sync::{Arc, OnceLock};

use crate::error::Result;

pub use description::{Description, Family, Kind, Pooling, Scale};
pub use encoder::Scratch;
pub use library::{Library, Wishes};
pub use model::{Model, ModelInfo, Precision};
pub use pair::Embedders;
pub use reranker::Reranker;
pub use trial::Trial;

use worker::{Embeds, Queue};

/// The arithmetic of one model, shared by all workers.
trait Engine: Send + Sync {
    /// One vector of unit length a text. `texts` are token ids; `scratch` is the worker's own. `between` is called now and
    /// then while it works, so that what is urgent need not wait for the whole batch.
    ///
    /// A text's vector does not depend on the texts beside it.
    ///
    /// # Errors
    /// What the arithmetic says of a text that it cannot take.
    fn encode(&self, texts: &[Vec<u32>], scratch: &mut Scratch, between: &mut dyn FnMut()) -> Result<Vec<Vec<f32>>, String>;
}

/// What the model puts around a text itself: a mark at the beginning and one at the end.
const MARKS: usize = 2;

/// A handle to an embedding model and the workers that run it, which end with the last handle that has them.
#[derive(Clone)]
pub struct Embedder(Arc<Inner>);

struct Inner {
    workers: Arc<Workers>,
    embeds: Arc<Embeds>,
    info: ModelInfo,
}

/// The queue and its threads: one for all models of a server, so that a question comes before whatever is embedded anew.
struct Workers(Arc<Queue>);

impl Drop for Workers {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Embedder {
    /// Starts `workers` threads (at least one) for the model. They load its weights when the first text arrives.
    ///
    /// # Errors
    /// When the model's description or its tokenizer is missing or damaged.
    pub fn start(model: Model, workers: usize) -> Result<Embedder> {
        Embedder::with(model, Arc::new(Workers(Queue::start(workers.max(1))?)))
    }

    /// Another model, run by the same workers.
    ///
    /// # Errors
    /// When the model's description or its tokenizer is missing or damaged.
    pub fn beside(&self, model: Model) -> Result<Embedder> {
        Embedder::with(model, Arc::clone(&self.0.workers))
    }

    /// A model that reads questions and passages together, run by the same workers. It is loaded when it is first needed.
    ///
    /// # Errors
    /// When the model's description or its tokenizer is missing or damaged.
    pub fn reranker(&self, model: Model) -> Result<Reranker> {
        Reranker::new(model, Arc::clone(&self.0.workers))
    }

    fn with(model: Model, workers: Arc<Workers>) -> Result<Embedder> {
        let info = model.info()?;
        let (tokenizer, max_tokens) = (model.tokenizer()?, info.max_tokens);
        let embeds = Arc::new(Embeds { model, tokenizer, max_tokens, engine: OnceLock::new(), sound: OnceLock::new() });
        Ok(Embedder(Arc::new(Inner { workers, embeds, info })))
    }

    /// The vector of a question, ahead of all passages.
    ///
    /// # Errors
    /// `unavailable` when the model cannot be loaded, or when too many questions wait already.
    pub async fn query(&self, text: &str) -> Result<Vec<f32>> {
        let text = format!("{}{text}", self.0.info.query_prefix);
        self.0.workers.0.question(&self.0.embeds, text).await
    }

    /// One vector a passage, in order. Waits while the queue is full; what is dropped half-way is not worked on further.
    ///
    /// # Errors
    /// `unavailable` when the model cannot be loaded.
    pub async fn passages(&self, mut texts: Vec<String>) -> Result<Vec<Vec<f32>>> {
        let prefix = &self.0.info.passage_prefix;
        if !prefix.is_empty() {
            texts.iter_mut().for_each(|text| text.insert_str(0, prefix));
        }
        self.0.workers.0.passages(&self.0.embeds, texts).await
    }

    /// Loads the model now, on a worker, so that the first question need not wait for it.
    ///
    /// # Errors
    /// `unavailable` when it is missing or damaged.
    pub async fn load(&self) -> Result<()> {
        self.query("").await.map(drop)
    }

    /// What is wrong with the model, where its loading has failed; before it is loaded, whether a file of it is missing or
    /// damaged, which is looked at once. To be asked on a thread that may wait.
    pub fn fault(&self) -> Option<String> {
        let Embeds { model, engine, sound, .. } = &*self.0.embeds;
        match engine.get() {
            Some(loaded) => loaded.as_ref().err().cloned(),
            // What the executable carries is whole if the executable is, and reading it would only take memory.
            None if !model.is_in_folder() => None,
            None => sound.get_or_init(|| model.verify().map_err(|error| error.message().to_owned())).as_ref().err().cloned(),
        }
    }

    /// How many tokens of its own a passage may have, so that the model reads it whole: two marks and the prefix come with it.
    pub fn passage_tokens(&self) -> usize {
        self.0.info.max_tokens.saturating_sub(MARKS + self.count_tokens(&self.0.info.passage_prefix))
    }

    /// What decides where text is cut for it: models of which this is the same cut it alike.
    pub fn measure(&self) -> String {
        format!("{} of {}", self.passage_tokens(), self.0.info.tokenizer)
    }

    /// How many tokens the text has, without the special ones.
    pub fn count_tokens(&self, text: &str) -> usize {
        self.0.embeds.tokenizer.count(text)
    }

    /// The byte range of each token of the text, in order.
    pub fn token_offsets(&self, text: &str) -> Vec<(usize, usize)> {
        self.0.embeds.tokenizer.offsets(text)
    }

    pub fn info(&self) -> &ModelInfo {
        &self.0.info
    }
}
