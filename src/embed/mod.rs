//! Text to vectors: the embedding model, behind a handle that any task may hold.
//!
//! The model runs on threads of its own, one a core, fed by a bounded queue (`worker`). A question overtakes the passages of
//! documents, also those already being worked on. It is loaded at first use, so that an idle server stays small. What the
//! vectors are for, and where they are kept, is the callers' business.

mod bfloat16;
mod deterministic;
mod elementwise;
mod encoder;
mod linear;
mod matrix;
mod model;
mod tokenizer;
mod worker;

use std::sync::Arc;

use crate::error::Result;

pub use encoder::Scratch;
pub use model::{Model, ModelInfo, Precision};

use tokenizer::Tokenizer;
use worker::Queue;

/// The arithmetic of one model, shared by all workers.
trait Engine: Send + Sync {
    /// One vector of unit length a text. `texts` are token ids; `scratch` is the worker's own. `between` is called now and
    /// then while it works, so that what is urgent need not wait for the whole batch.
    ///
    /// A text's vector does not depend on the texts beside it.
    fn encode(&self, texts: &[Vec<u32>], scratch: &mut Scratch, between: &mut dyn FnMut()) -> Vec<Vec<f32>>;
}

/// A handle to the embedding model's workers, which end with the last of its clones.
#[derive(Clone)]
pub struct Embedder(Arc<Inner>);

struct Inner {
    queue: Arc<Queue>,
    tokenizer: Arc<Tokenizer>,
    info: ModelInfo,
}

impl Embedder {
    /// Starts `workers` threads (at least one) for the model. They load its weights when the first text arrives.
    ///
    /// # Errors
    /// When the model's description or its tokenizer is missing or damaged.
    pub fn start(model: Model, workers: usize) -> Result<Embedder> {
        let info = model.info()?;
        let tokenizer = Arc::new(model.tokenizer()?);
        let queue = Queue::start(model, Arc::clone(&tokenizer), info.max_tokens, workers.max(1))?;
        Ok(Embedder(Arc::new(Inner { queue, tokenizer, info })))
    }

    /// The vector of a question, ahead of all passages.
    ///
    /// # Errors
    /// `unavailable` when the model cannot be loaded, or when too many questions wait already.
    pub async fn query(&self, text: &str) -> Result<Vec<f32>> {
        self.0.queue.question(text.to_owned()).await
    }

    /// One vector a passage, in order. Waits while the queue is full; what is dropped half-way is not worked on further.
    ///
    /// # Errors
    /// `unavailable` when the model cannot be loaded.
    pub async fn passages(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>> {
        self.0.queue.passages(texts).await
    }

    /// Loads the model now, on a worker, so that the first question need not wait for it.
    ///
    /// # Errors
    /// `unavailable` when it is missing or damaged.
    pub async fn load(&self) -> Result<()> {
        self.query("").await.map(drop)
    }

    /// How many tokens the text has, without the special ones.
    pub fn count_tokens(&self, text: &str) -> usize {
        self.0.tokenizer.count(text)
    }

    /// The byte range of each token of the text, in order.
    pub fn token_offsets(&self, text: &str) -> Vec<(usize, usize)> {
        self.0.tokenizer.offsets(text)
    }

    pub fn info(&self) -> &ModelInfo {
        &self.0.info
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue.close();
    }
}
