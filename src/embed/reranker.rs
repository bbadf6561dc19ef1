//! A handle to a cross-encoder, which reads a question and its passages together and says how well each answers.
//!
//! It is an extra: what it has not scored by the time that the caller gives it stays as it was. It is loaded apart from the workers,
//! so that the first question that needs it keeps neither itself nor any other one waiting for that.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::error::{Error, Result};

use super::cross_encoder::CrossEncoder;
use super::model::Model;
use super::tokenizer::Tokenizer;
use super::worker::Pair;
use super::{Scratch, Workers};

/// Cheap to clone.
#[derive(Clone)]
pub struct Reranker(Arc<Inner>);

struct Inner {
    workers: Arc<Workers>,
    judge: Arc<Judge>,
    id: String,
}

struct Judge {
    model: Model,
    tokenizer: Tokenizer,
    max_tokens: usize,
    marks_between: usize,
    /// The loaded model, or the sentence that says why there is none.
    engine: OnceLock<Result<CrossEncoder, String>>,
    loading: AtomicBool,
    loaded: watch::Sender<bool>,
}

impl Reranker {
    pub(super) fn new(model: Model, workers: Arc<Workers>) -> Result<Reranker> {
        let about = model.description()?;
        let judge = Judge {
            tokenizer: model.tokenizer()?,
            max_tokens: about.max_tokens,
            marks_between: about.family.marks_between(),
            engine: OnceLock::new(),
            loading: AtomicBool::new(false),
            loaded: watch::Sender::new(false),
            model,
        };
        Ok(Reranker(Arc::new(Inner { workers, judge: Arc::new(judge), id: about.id })))
    }

    /// The model's id.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Waits until the model is loaded, which this begins where nobody else has.
    ///
    /// # Errors
    /// `unavailable` when it is missing or damaged.
    pub async fn load(&self) -> Result<()> {
        let judge = &self.0.judge;
        if !judge.loading.swap(true, Ordering::AcqRel) {
            let judge = Arc::clone(judge);
            // Whoever waits may give up; the loading goes on.
            tokio::task::spawn_blocking(move || {
                let loaded = judge.engine.get_or_init(|| judge.model.cross_encoder().map_err(|error| error.message().to_owned()));
                if let Err(why) = loaded {
                    tracing::warn!(why, "nothing is reranked");
                }
                judge.loaded.send_replace(true);
            });
        }
        // The sender lives as long as the judge does.
        let _ = judge.loaded.subscribe().wait_for(|loaded| *loaded).await;
        match judge.engine.get() {
            Some(Ok(_)) => Ok(()),
            Some(Err(why)) => Err(Error::unavailable(why.clone())),
            None => Err(Error::unavailable("The reranker could not be loaded.")),
        }
    }

    /// The scores of the first passages, as many as are ready in time: all of them, some, or none.
    ///
    /// # Errors
    /// `unavailable` when the model cannot be loaded, or too much waits already.
    pub async fn scores(&self, question: &str, passages: Vec<String>, limit: Duration) -> Result<Vec<f32>> {
        let mut scores = Vec::with_capacity(passages.len());
        let outcome = tokio::time::timeout(limit, self.score_all(question, passages, &mut scores)).await;
        // What is not ready by now is not worked on any more: nobody waits for its answer.
        outcome.unwrap_or(Ok(())).map(|()| scores)
    }

    async fn score_all(&self, question: &str, passages: Vec<String>, scores: &mut Vec<f32>) -> Result<()> {
        self.load().await?;
        let question: Arc<str> = question.into();
        let (work, answers): (Vec<Pair>, Vec<oneshot::Receiver<Result<f32, String>>>) = passages.into_iter().map(|passage| self.pair(&question, passage)).unzip();
        self.0.workers.0.pairs(work)?;
        for answer in answers {
            match answer.await {
                Ok(Ok(score)) => scores.push(score),
                Ok(Err(why)) => return Err(Error::internal(format!("the reranking model failed: {why}"))),
                Err(_) => return Err(Error::internal("the reranking model failed or was stopped")),
            }
        }
        Ok(())
    }

    fn pair(&self, question: &Arc<str>, passage: String) -> (Pair, oneshot::Receiver<Result<f32, String>>) {
        let (answer, answered) = oneshot::channel();
        let (judge, question) = (Arc::clone(&self.0.judge), Arc::clone(question));
        let work = move |scratch: &mut Scratch, between: &mut dyn FnMut()| {
            // Nobody waits for it any more.
            if answer.is_closed() {
                return;
            }
            let Some(Ok(engine)) = judge.engine.get() else { return };
            let (ids, second) = judge.tokenizer.encode_pair(&question, &passage, judge.max_tokens, judge.marks_between);
            let _ = answer.send(engine.score(ids, second, scratch, between));
        };
        (Box::new(work), answered)
    }
}
