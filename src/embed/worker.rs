//! The threads that embed, and the queue before them.
//!
//! Two lanes: questions, which a person waits for, and passages, of which there may be a hundred thousand. A worker takes
//! passages in small batches, by their length, and answers whatever question has come in between two of them and between two
//! layers of one. Both lanes are bounded: passages wait at the door, questions beyond a thousand are turned away. Between the
//! two stand the pairs that a reranker reads: a person waits for these too, but not for long, and without them there is an
//! answer all the same; so they give way to questions and go before passages.
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
/// Pairs that may wait: what comes beyond would not be ready in time anyway.
const PAIRS_WAITING: usize = 256;
/// Tokens of a batch of passages: enough to make good use of the weights once they are in the cache, little enough that a
/// layer, which is what a question waits for at most, takes some milliseconds.
const BATCH_TOKENS: usize = 256;

pub struct Queue {
    lanes: Mutex<Lanes>,
    arrived: Condvar,
    /// `lanes.questions.len()` and `lanes.pairs.len()`, to be looked at between two layers without the lock.
    questions: AtomicUsize,
    pairs: AtomicUsize,
    room: Arc<Semaphore>,
}

/// A model that the workers embed with. It is loaded by the first text that needs it, and let go with its last handle.
pub struct Embeds {
    pub model: Model,
    pub tokenizer: Tokenizer,
    pub max_tokens: usize,
    /// The loaded model, or the sentence that says why there is none.
    pub engine: OnceLock<Result<Arc<dyn Engine>, String>>,
    /// Whether its files are whole, where that was asked before it was loaded.
    pub sound: OnceLock<Result<(), String>>,
}

#[derive(Default)]
struct Lanes {
    questions: VecDeque<Job>,
    pairs: VecDeque<Pair>,
    passages: VecDeque<Job>,
    closed: bool,
}

struct Job {
    with: Arc<Embeds>,
    text: String,
    answer: oneshot::Sender<Result<Vec<f32>>>,
    /// A place among the waiting passages, given back when the job is done.
    _place: Option<OwnedSemaphorePermit>,
}

/// A pair to be scored, whose work sends its score by itself. It may call the function that it is given, for questions.
pub type Pair = Box<dyn FnOnce(&mut Scratch, &mut dyn FnMut()) + Send>;

/// What a worker computes in, one for each lane, as one may interrupt another.
#[derive(Default)]
struct Scratches {
    passages: Scratch,
    urgent: Urgent,
}

#[derive(Default)]
struct Urgent {
    pairs: Scratch,
    questions: Scratch,
}

impl Queue {
    pub fn start(workers: usize) -> Result<Arc<Queue>> {
        let queue = Arc::new(Queue {
            lanes: Mutex::default(),
            arrived: Condvar::new(),
            questions: AtomicUsize::new(0),
            pairs: AtomicUsize::new(0),
            room: Arc::new(Semaphore::new(PASSAGES_WAITING)),
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
        lanes.pairs.clear();
        lanes.passages.clear();
        self.arrived.notify_all();
    }

    pub async fn question(&self, with: &Arc<Embeds>, text: String) -> Result<Vec<f32>> {
        let (answer, answered) = oneshot::channel();
        {
            let mut lanes = self.lanes.lock();
            if lanes.questions.len() >= QUESTIONS_WAITING {
                return Err(Error::unavailable("Too many questions are waiting. Try again in a few seconds.").retry_after(5));
            }
            lanes.questions.push_back(Job { with: Arc::clone(with), text, answer, _place: None });
            self.questions.store(lanes.questions.len(), Ordering::Release);
        }
        self.arrived.notify_one();
        answered.await.map_err(|_| stopped())?
    }

    /// Takes the pairs of one question, or none of them where too many wait.
    ///
    /// # Errors
    /// `unavailable` where too many wait, or the server ends.
    pub fn pairs(&self, pairs: Vec<Pair>) -> Result<()> {
        {
            let mut lanes = self.lanes.lock();
            if lanes.closed {
                return Err(stopped());
            }
            if lanes.pairs.len() + pairs.len() > PAIRS_WAITING {
                return Err(Error::unavailable("Too many passages are waiting to be ranked."));
            }
            lanes.pairs.extend(pairs);
            self.pairs.store(lanes.pairs.len(), Ordering::Release);
        }
        self.arrived.notify_all();
        Ok(())
    }

    pub async fn passages(&self, with: &Arc<Embeds>, texts: Vec<String>) -> Result<Vec<Vec<f32>>> {
        let mut waiting = Vec::with_capacity(texts.len());
        for text in texts {
            let place = Arc::clone(&self.room).acquire_owned().await.map_err(|_| stopped())?;
            let (answer, answered) = oneshot::channel();
            self.lanes.lock().passages.push_back(Job { with: Arc::clone(with), text, answer, _place: Some(place) });
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
        let Scratches { mut passages, mut urgent } = Scratches::default();
        loop {
            self.do_urgent(&mut urgent);
            let Some(jobs) = self.next_passages() else { return };
            self.embed(jobs, &mut passages, &mut || self.do_urgent(&mut urgent));
        }
    }

    /// Answers all questions that wait, and scores all pairs.
    fn do_urgent(&self, scratch: &mut Urgent) {
        let Urgent { pairs, questions } = scratch;
        let mut answer = || {
            if self.questions.load(Ordering::Acquire) > 0 {
                self.answer_questions(questions);
            }
        };
        answer();
        while self.pairs.load(Ordering::Acquire) > 0 {
            let pair = {
                let mut lanes = self.lanes.lock();
                let pair = lanes.pairs.pop_front();
                self.pairs.store(lanes.pairs.len(), Ordering::Release);
                pair
            };
            let Some(pair) = pair else { return };
            // A worker outlives whatever one pair does to it; whoever waits for the score sees that it does not come.
            if catch_unwind(AssertUnwindSafe(|| pair(pairs, &mut answer))).is_err() {
                tracing::error!("a reranking model panicked");
            }
            answer();
        }
    }

    /// Waits for work. Some passages, or none where a question comes first; `None` once the queue is closed.
    fn next_passages(&self) -> Option<Vec<Job>> {
        let mut lanes = self.lanes.lock();
        loop {
            if lanes.closed {
                return None;
            }
            if !lanes.questions.is_empty() || !lanes.pairs.is_empty() {
                return Some(Vec::new());
            }
            let mut jobs: Vec<Job> = Vec::new();
            let mut tokens = 0;
            // A batch is of one model.
            while tokens < BATCH_TOKENS
                && let Some(job) = lanes.passages.pop_front_if(|job| jobs.first().is_none_or(|first| Arc::ptr_eq(&first.with, &job.with)))
            {
                // Nobody waits for it any more.
                if job.answer.is_closed() {
                    continue;
                }
                // English has four bytes and more a token, other scripts three; the exact number is not worth a second pass.
                tokens += (job.text.len() / 4).clamp(2, job.with.max_tokens.max(2));
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
        let Some(with) = jobs.first().map(|job| Arc::clone(&job.with)) else { return };
        let fail = |jobs: Vec<Job>, error: &dyn Fn() -> Error| {
            for job in jobs {
                // Whoever asked may have left.
                let _ = job.answer.send(Err(error()));
            }
        };
        let engine = match with.engine.get_or_init(|| with.model.engine().map_err(|error| error.message().to_owned())) {
            Ok(engine) => engine,
            Err(why) => return fail(jobs, &|| Error::unavailable(why.clone())),
        };
        let texts: Vec<Vec<u32>> = jobs.iter().map(|job| with.tokenizer.encode(&job.text, with.max_tokens)).collect();
        // A worker outlives whatever one text does to it; the scratch holds nothing that a next batch relies on.
        match catch_unwind(AssertUnwindSafe(|| engine.encode(&texts, scratch, between))) {
            Ok(Ok(vectors)) => {
                for (job, vector) in jobs.into_iter().zip(vectors) {
                    let _ = job.answer.send(Ok(vector));
                }
            }
            Ok(Err(why)) => fail(jobs, &|| Error::internal(format!("the embedding model failed: {why}"))),
            Err(_) => fail(jobs, &|| Error::internal("the embedding model panicked")),
        }
    }
}

fn stopped() -> Error {
    Error::unavailable("The server is shutting down, so no text is embedded any more.")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::task::yield_now;

    use super::*;

    /// An engine that writes down the order of what it embeds, and stands still until the gate lets it pass.
    struct Gated {
        gate: Mutex<mpsc::Receiver<()>>,
        finished: Mutex<Vec<usize>>,
    }

    impl Engine for Gated {
        fn encode(&self, texts: &[Vec<u32>], _: &mut Scratch, between: &mut dyn FnMut()) -> Result<Vec<Vec<f32>>, String> {
            // A closed gate lets everything pass: the sender is gone.
            let _ = self.gate.lock().recv();
            between();
            assert!(texts.iter().all(|ids| ids.len() != 13), "thirteen brings bad luck");
            self.finished.lock().extend(texts.iter().map(Vec::len));
            Ok(texts.iter().map(|ids| vec![ids.len() as f32]).collect())
        }
    }

    /// A queue with one model.
    struct Gate {
        queue: Arc<Queue>,
        model: Arc<Embeds>,
    }

    impl Gate {
        async fn question(&self, text: String) -> Result<Vec<f32>> {
            self.queue.question(&self.model, text).await
        }

        async fn passages(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>> {
            self.queue.passages(&self.model, texts).await
        }
    }

    impl std::ops::Deref for Gate {
        type Target = Queue;

        fn deref(&self) -> &Queue {
            &self.queue
        }
    }

    fn model(engine: Arc<dyn Engine>) -> Arc<Embeds> {
        Arc::new(Embeds { model: Model::deterministic(), tokenizer: Tokenizer::Words, max_tokens: 256, engine: OnceLock::from(Ok(engine)), sound: OnceLock::new() })
    }

    fn start(workers: usize) -> (Arc<Gate>, Arc<Gated>, mpsc::Sender<()>) {
        let (open, gate) = mpsc::channel();
        let gated = Arc::new(Gated { gate: Mutex::new(gate), finished: Mutex::default() });
        let gate = Gate { queue: Queue::start(workers).unwrap(), model: model(Arc::clone(&gated) as Arc<dyn Engine>) };
        (Arc::new(gate), gated, open)
    }

    #[tokio::test]
    async fn models_share_the_workers_and_never_a_batch() {
        let (queue, gated, open) = start(1);
        let other = Arc::new(Gated { gate: Mutex::new(mpsc::channel().1), finished: Mutex::default() });
        let next = model(Arc::clone(&other) as Arc<dyn Engine>);
        let ask = |with: Arc<Embeds>, words: usize| {
            let queue = Arc::clone(&queue);
            async move { queue.queue.passages(&with, vec![text(words)]).await.unwrap().concat() }
        };
        // The first is worked on; three wait behind it, and a batch takes short ones together where it may.
        let first = tokio::spawn(ask(Arc::clone(&queue.model), 200));
        until(|| queue.room.available_permits() == PASSAGES_WAITING - 1 && queue.lanes.lock().passages.is_empty()).await;
        let mut rest = Vec::new();
        for (with, words) in [(&queue.model, 1), (&next, 2), (&queue.model, 3)] {
            rest.push(tokio::spawn(ask(Arc::clone(with), words)));
            until(|| queue.lanes.lock().passages.len() == rest.len()).await;
        }
        drop(open);
        assert_eq!(first.await.unwrap(), [200.0]);
        for (answer, words) in rest.into_iter().zip([1.0, 2.0, 3.0]) {
            assert_eq!(answer.await.unwrap(), [words]);
        }
        assert_eq!((gated.finished.lock().clone(), other.finished.lock().clone()), (vec![200, 1, 3], vec![2]));
    }

    /// As many words; from 64 on long enough to be a batch by itself.
    fn text(words: usize) -> String {
        "abcdefghijklmnop ".repeat(words)
    }

    async fn until(condition: impl Fn() -> bool) {
        while !condition() {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_question_overtakes_passages_even_within_a_batch() {
        let (queue, gated, open) = start(1);
        let passages = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.passages((100..110).map(text).collect()).await }
        });
        until(|| queue.lanes.lock().passages.len() == 9).await;
        let question = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.question(text(5)).await }
        });
        until(|| queue.questions.load(Ordering::Acquire) == 1).await;
        drop(open);
        assert_eq!(question.await.unwrap().unwrap(), [5.0]);
        let vectors = passages.await.unwrap().unwrap();
        assert_eq!(vectors.concat(), (100..110).map(|n| n as f32).collect::<Vec<_>>());
        assert_eq!(gated.finished.lock()[..3], [5, 100, 101]);
    }

    #[tokio::test]
    async fn a_pair_goes_before_passages_and_gives_way_to_questions() {
        let (queue, gated, open) = start(1);
        let passages = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.passages((100..104).map(text).collect()).await }
        });
        until(|| queue.lanes.lock().passages.len() == 3).await;
        let done = Arc::new(Mutex::new(Vec::new()));
        let pair = |number: usize| -> Pair {
            let done = Arc::clone(&done);
            Box::new(move |_, between| {
                assert!(number != 1, "one of them panics");
                between();
                done.lock().push(number);
            })
        };
        queue.pairs((0..3).map(pair).collect()).unwrap();
        let question = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.question(text(5)).await }
        });
        until(|| queue.questions.load(Ordering::Acquire) == 1).await;
        assert!(done.lock().is_empty());
        drop(open);
        assert_eq!(question.await.unwrap().unwrap(), [5.0]);
        // The first batch of passages had begun; it ended after the pairs that it made way for.
        assert_eq!(passages.await.unwrap().unwrap().concat(), [100.0, 101.0, 102.0, 103.0]);
        assert_eq!((done.lock().clone(), gated.finished.lock()[..2].to_vec()), (vec![0, 2], vec![5, 100]));
        // No more than may wait, and all of a question's or none.
        let many = (0..=PAIRS_WAITING).map(|_| -> Pair { Box::new(|_, _| {}) }).collect();
        assert_eq!(queue.pairs(many).unwrap_err().code(), crate::error::Code::Unavailable);
        assert_eq!(queue.pairs.load(Ordering::Acquire), 0);
    }

    #[tokio::test]
    async fn passages_wait_outside_while_the_queue_is_full() {
        let (queue, gated, open) = start(2);
        let count = PASSAGES_WAITING + 50;
        let passages = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.passages((0..count).map(|_| text(200)).collect()).await }
        });
        until(|| queue.room.available_permits() == 0).await;
        for _ in 0..100 {
            yield_now().await;
        }
        assert!(!passages.is_finished() && queue.lanes.lock().passages.len() <= PASSAGES_WAITING);
        drop(open);
        assert_eq!(passages.await.unwrap().unwrap().len(), count);
        assert_eq!(gated.finished.lock().len(), count);
        until(|| queue.room.available_permits() == PASSAGES_WAITING).await;
    }

    #[tokio::test]
    async fn short_passages_share_a_batch_and_long_ones_do_not() {
        let (queue, _, open) = start(1);
        let passages = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.passages([100, 1, 2, 3, 200].map(text).to_vec()).await }
        });
        until(|| queue.lanes.lock().passages.len() == 4).await;
        open.send(()).unwrap();
        until(|| queue.lanes.lock().passages.is_empty()).await;
        drop(open);
        assert_eq!(passages.await.unwrap().unwrap().concat(), [100.0, 1.0, 2.0, 3.0, 200.0]);
    }

    #[tokio::test]
    async fn too_many_questions_are_turned_away() {
        let (queue, _, open) = start(1);
        let ask = || {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { queue.question(text(3)).await })
        };
        // One is being worked on, the others wait. They count from when they are asked, so the first must have left the queue.
        let mut first = Box::pin(queue.question(text(3)));
        assert!(futures_util::poll!(&mut first).is_pending());
        until(|| queue.lanes.lock().questions.is_empty()).await;
        let asked: Vec<_> = (0..QUESTIONS_WAITING).map(|_| ask()).collect();
        until(|| queue.lanes.lock().questions.len() == QUESTIONS_WAITING).await;
        let error = queue.question(text(3)).await.unwrap_err();
        assert_eq!((error.code().status(), error.retry_after_seconds()), (503, Some(5)));
        drop(open);
        first.await.unwrap();
        for question in asked {
            question.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_embedded() {
        let (queue, gated, open) = start(1);
        let passages = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.passages((100..110).map(text).collect()).await }
        });
        until(|| queue.lanes.lock().passages.len() == 9).await;
        passages.abort();
        assert!(passages.await.unwrap_err().is_cancelled());
        drop(open);
        assert_eq!(queue.passages(vec![text(7)]).await.unwrap(), [[7.0]]);
        assert_eq!(*gated.finished.lock(), [100, 7]);
    }

    #[tokio::test]
    async fn a_worker_outlives_a_panic() {
        let (queue, _, open) = start(1);
        drop(open);
        assert_eq!(queue.question(text(13)).await.unwrap_err().code().status(), 500);
        assert_eq!(queue.question(text(14)).await.unwrap(), [14.0]);
    }

    #[tokio::test]
    async fn closing_tells_whoever_waits() {
        let (queue, _, open) = start(1);
        let passages = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.passages((100..110).map(text).collect()).await }
        });
        until(|| queue.lanes.lock().passages.len() == 9).await;
        queue.close();
        drop(open);
        assert_eq!(passages.await.unwrap().unwrap_err().code().status(), 503);
    }
}
