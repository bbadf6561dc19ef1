//! The threads that embed, and the queue before them.
//!
//! Two lanes: questions, which a person waits for, and passages, of which there may be a hundred thousand. A worker takes
//! passages in small batches, by their length, and answers whatever question has come in between two of them and between two
//! layers of one. Both lanes are bounded: passages wait at the door, questions beyond a thousand are turned away.
//!
//! One thread a core, each on a batch of its own, embeds half again as much as all threads on one batch.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::error::{Error, Result};

use super::model::Model;
use super::tokenizer::Tokenizer;
use super::{Engine, Scratch};

/// Passages that may wait inside; callers with more wait outside.
const PASSAGES_WAITING: usize = 256;
/// Questions that may wait: seconds of work for one core.
const QUESTIONS_WAITING: usize = 1024;
/// Tokens of a batch of passages: enough to make good use of the weights once they are in the cache, little enough that a
/// layer, which is what a question waits for at most, takes some milliseconds.
const BATCH_TOKENS: usize = 256;

pub struct Queue {
    lanes: Mutex<Lanes>,
    arrived: Condvar,
    /// `lanes.questions.len()`, to be looked at between two layers without the lock.
    questions: AtomicUsize,
    room: Arc<Semaphore>,
    model: Model,
    tokenizer: Arc<Tokenizer>,
    max_tokens: usize,
    /// The loaded model, or the sentence that says why there is none.
    engine: OnceLock<Result<Arc<dyn Engine>, String>>,
}

#[derive(Default)]
struct Lanes {
    questions: VecDeque<Job>,
    passages: VecDeque<Job>,
    closed: bool,
}

struct Job {
    text: String,
    answer: oneshot::Sender<Result<Vec<f32>>>,
    /// A place among the waiting passages, given back when the job is done.
    _place: Option<OwnedSemaphorePermit>,
}

impl Queue {
    pub fn start(model: Model, tokenizer: Arc<Tokenizer>, max_tokens: usize, workers: usize) -> Result<Arc<Queue>> {
        let queue = Arc::new(Queue {
            lanes: Mutex::default(),
            arrived: Condvar::new(),
            questions: AtomicUsize::new(0),
            room: Arc::new(Semaphore::new(PASSAGES_WAITING)),
            model,
            tokenizer,
            max_tokens,
            engine: OnceLock::new(),
        });
        for number in 0..workers {
            let of_worker = Arc::clone(&queue);
            let spawned = std::thread::Builder::new().name(format!("embed-{number}")).spawn(move || of_worker.work());
            if let Err(error) = spawned {
                queue.close();
                return Err(error.into());
            }
        }
        Ok(queue)
    }

    /// Lets the workers end after what they are doing. What waits gets an error.
    pub fn close(&self) {
        let mut lanes = self.lanes.lock();
        lanes.closed = true;
        lanes.questions.clear();
        lanes.passages.clear();
        self.arrived.notify_all();
    }

    pub async fn question(&self, text: String) -> Result<Vec<f32>> {
        let (answer, answered) = oneshot::channel();
        {
            let mut lanes = self.lanes.lock();
            if lanes.questions.len() >= QUESTIONS_WAITING {
                return Err(Error::unavailable("Too many questions are waiting. Try again in a few seconds.").retry_after(5));
            }
            lanes.questions.push_back(Job { text, answer, _place: None });
            self.questions.store(lanes.questions.len(), Ordering::Release);
        }
        self.arrived.notify_one();
        answered.await.map_err(|_| stopped())?
    }

    pub async fn passages(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>> {
        let mut waiting = Vec::with_capacity(texts.len());
        for text in texts {
            let place = Arc::clone(&self.room).acquire_owned().await.map_err(|_| stopped())?;
            let (answer, answered) = oneshot::channel();
            self.lanes.lock().passages.push_back(Job { text, answer, _place: Some(place) });
            self.arrived.notify_one();
            waiting.push(answered);
        }
        let mut vectors = Vec::with_capacity(waiting.len());
        for answered in waiting {
            vectors.push(answered.await.map_err(|_| stopped())??);
        }
        Ok(vectors)
    }

    fn work(&self) {
        let mut for_passages = Scratch::default();
        let mut for_questions = Scratch::default();
        loop {
            self.answer_questions(&mut for_questions);
            let Some(jobs) = self.next_passages() else { return };
            self.embed(jobs, &mut for_passages, &mut || {
                if self.questions.load(Ordering::Acquire) > 0 {
                    self.answer_questions(&mut for_questions);
                }
            });
        }
    }

    /// Waits for work. Some passages, or none where a question comes first; `None` once the queue is closed.
    fn next_passages(&self) -> Option<Vec<Job>> {
        let mut lanes = self.lanes.lock();
        loop {
            if lanes.closed {
                return None;
            }
            if !lanes.questions.is_empty() {
                return Some(Vec::new());
            }
            let mut jobs = Vec::new();
            let mut tokens = 0;
            while tokens < BATCH_TOKENS
                && let Some(job) = lanes.passages.pop_front()
            {
                // Nobody waits for it any more.
                if job.answer.is_closed() {
                    continue;
                }
                // English has four bytes and more a token, other scripts three; the exact number is not worth a second pass.
                tokens += (job.text.len() / 4).clamp(2, self.max_tokens);
                jobs.push(job);
            }
            if !jobs.is_empty() {
                return Some(jobs);
            }
            self.arrived.wait(&mut lanes);
        }
    }

    /// Answers the questions that wait, one by one: each is done as early as it can be.
    fn answer_questions(&self, scratch: &mut Scratch) {
        loop {
            let job = {
                let mut lanes = self.lanes.lock();
                let job = lanes.questions.pop_front();
                self.questions.store(lanes.questions.len(), Ordering::Release);
                job
            };
            match job {
                Some(job) if job.answer.is_closed() => {}
                Some(job) => self.embed(vec![job], scratch, &mut || {}),
                None => return,
            }
        }
    }

    fn embed(&self, jobs: Vec<Job>, scratch: &mut Scratch, between: &mut dyn FnMut()) {
        if jobs.is_empty() {
            return;
        }
        let engine = match self.engine.get_or_init(|| self.model.engine().map_err(|error| error.message().to_owned())) {
            Ok(engine) => engine,
            Err(why) => {
                for job in jobs {
                    let _ = job.answer.send(Err(Error::unavailable(why.clone())));
                }
                return;
            }
        };
        let texts: Vec<Vec<u32>> = jobs.iter().map(|job| self.tokenizer.encode(&job.text, self.max_tokens)).collect();
        // A worker outlives whatever one text does to it; the scratch holds nothing that a next batch relies on.
        match catch_unwind(AssertUnwindSafe(|| engine.encode(&texts, scratch, between))) {
            Ok(vectors) => {
                for (job, vector) in jobs.into_iter().zip(vectors) {
                    // Whoever asked may have left.
                    let _ = job.answer.send(Ok(vector));
                }
            }
            Err(_) => {
                for job in jobs {
                    let _ = job.answer.send(Err(Error::internal("the embedding model panicked")));
                }
            }
        }
    }
}

fn stopped() -> Error {
    Error::unavailable("The server is shutting down, so no text is embedded any more.")
}
