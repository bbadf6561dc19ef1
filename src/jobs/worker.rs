//! The workers: they wait, take, run, and decide what becomes of a job that failed.

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::{sync::Notify, task::JoinSet};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::store::{self, Job};
use crate::{clock::Clock, db::Db, error::Result};

/// Does one job. An error is retried with growing waits; what cannot succeed is the handler's to record, with `Ok`.
pub type Handler = Arc<dyn Fn(Job) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send + Sync>;

/// Who handles which kind.
#[derive(Clone, Default)]
pub struct Handlers(HashMap<&'static str, Handler>);

impl Handlers {
    #[must_use]
    pub fn with<F, Fut>(mut self, kind: &'static str, handler: F) -> Self
    where
        F: Fn(Job) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.0.insert(kind, Arc::new(move |job| Box::pin(handler(job))));
        self
    }
}

/// After this many tries a job is left as failed, with its last error, for people to see.
const MOST_ATTEMPTS: i64 = 8;
/// How long the queue sleeps at the most: another process may have enqueued something.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(600);

/// The queue of one database. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    db: Db,
    clock: Clock,
    woken: Arc<Notify>,
}

impl Queue {
    pub fn new(db: Db, clock: Clock) -> Self {
        Queue { db, clock, woken: Arc::new(Notify::new()) }
    }

    /// Tells the workers that a job was enqueued.
    pub fn wake(&self) {
        self.woken.notify_waiters();
        self.woken.notify_one();
    }

    /// Runs `count` workers until `stop`; they finish the job in hand first.
    pub async fn run(&self, handlers: Handlers, count: usize, stop: CancellationToken) {
        if let Err(error) = self.db.write(store::give_back_running).await {
            tracing::error!(?error, "the jobs of an earlier run could not be taken up again");
        }
        let mut workers = JoinSet::new();
        for _ in 0..count.max(1) {
            let (queue, handlers, stop) = (self.clone(), handlers.clone(), stop.clone());
            workers.spawn(async move { queue.work(&handlers, &stop).await });
        }
        while workers.join_next().await.is_some() {}
    }

    async fn work(&self, handlers: &Handlers, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let woken = self.woken.notified();
            match self.run_one(handlers).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::error!(?error, "the queue could not be read"),
            }
            tokio::select! {
                () = woken => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Runs everything that is due, on the calling task: for the command line, and for tests.
    pub async fn drain(&self, handlers: &Handlers) -> Result<usize> {
        let mut done = 0;
        while self.run_one(handlers).await? {
            done += 1;
        }
        Ok(done)
    }

    /// Gives back what a process that is gone had taken; see `store::give_back_running`.
    pub async fn recover(&self) -> Result<usize> {
        self.db.write(store::give_back_running).await
    }

    /// Runs the next due job, if there is one.
    async fn run_one(&self, handlers: &Handlers) -> Result<bool> {
        let now = self.clock.now();
        // Looking is free; taking is a write. An idle queue does not write.
        match self.db.read(store::next_due)? {
            Some(due) if due <= now => {}
            _ => return Ok(false),
        }
        let Some(job) = self.db.write(move |tx| store::take(tx, now, now.plus(LEASE))).await? else { return Ok(false) };
        let id = job.id.clone();
        let attempts = job.attempts;
        let outcome = match handlers.0.get(job.kind.as_str()) {
            // On a task of its own, so that a panic fails this job and not the worker; it ends with the worker that waits for it.
            Some(handler) => match AbortOnDropHandle::new(tokio::spawn(handler(job))).await {
                Ok(outcome) => outcome.map_err(|error| format!("{error:?}")),
                Err(panic) => Err(format!("the handler panicked: {panic}")),
            },
            None => Err(format!("nothing handles jobs of kind `{}`", job.kind)),
        };
        let now = self.clock.now();
        match outcome {
            Ok(()) => self.db.write(move |tx| store::finish(tx, &id)).await?,
            Err(error) if attempts >= MOST_ATTEMPTS => {
                tracing::error!(job = %id, %error, attempts, "a job was given up");
                self.db.write(move |tx| store::give_up(tx, &id, &error)).await?;
            }
            Err(error) => {
                tracing::warn!(job = %id, %error, attempts, "a job failed and will be tried again");
                let wait = Duration::from_secs(1 << attempts.clamp(0, 12));
                self.db.write(move |tx| store::retry(tx, &id, now.plus(wait), &error)).await?;
            }
        }
        Ok(true)
    }
}
