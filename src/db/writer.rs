//! The one writer: a thread that takes what waits, runs each change in a savepoint of one transaction, and answers them
//! all after the commit. While the disk syncs one group, the next one gathers.

use std::{
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
};

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::run_prepared;
use crate::error::{Code, Error, Result};

/// A connection inside a transaction of the writer's. Functions that change something take it, so that they cannot be
/// called with a reader; functions that read take the `&Connection` it derefs to.
pub struct Tx<'c>(&'c Connection);

impl Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0
    }
}

/// How many changes may wait. Past that the server is overloaded and says so, instead of growing.
const QUEUE: usize = 4096;
/// How many changes one commit takes at the most, so that the first of them does not wait for ever.
const GROUP: usize = 512;

/// Runs inside the transaction (or hears why there is none), and hands back what tells the caller once the fate of the
/// commit is known. Said to be alone, it may undo the whole transaction.
type Change = Box<dyn FnOnce(std::result::Result<&Connection, Failure>, bool) -> Answer + Send>;
type Answer = Box<dyn FnOnce(std::result::Result<(), Failure>) + Send>;

enum Work {
    Change(Change),
    Checkpoint(oneshot::Sender<Result<()>>),
}

/// Why a whole group failed; cloned for each of its members.
#[derive(Clone)]
struct Failure {
    code: Code,
    message: String,
}

pub(super) struct Writer {
    queue: SyncSender<Work>,
    commits: watch::Receiver<u64>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE);
        let (committed, commits) = watch::channel(0);
        std::thread::Builder::new().name("writer".to_owned()).spawn(move || run(&connection, &receiver, &committed))?;
        Ok(Writer { queue: sender, commits })
    }

    pub(super) fn committed(&self) -> watch::Receiver<u64> {
        self.commits.clone()
    }

    pub(super) async fn write<T, F>(&self, change: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.enqueue(change)?.await.map_err(|_| Error::internal("the writer thread has stopped"))?
    }

    /// The same, holding the calling thread until it is done.
    pub(super) fn write_now<T, F>(&self, change: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.send(Work::Change(Self::change(change, move |answer| {
            let _ = sender.send(answer);
        })))?;
        receiver.recv().map_err(|_| Error::internal("the writer thread has stopped"))?
    }

    fn enqueue<T, F>(&self, change: F) -> Result<oneshot::Receiver<Result<T>>>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel::<Result<T>>();
        self.send(Work::Change(Self::change(change, move |answer| {
            // Nobody listens where the caller has gone away; the change stands all the same.
            let _ = sender.send(answer);
        })))?;
        Ok(receiver)
    }

    fn change<T, F>(change: F, tell: impl FnOnce(Result<T>) + Send + 'static) -> Change
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    {
        Box::new(move |connection, is_alone| {
            let outcome = connection
                .map_err(Failure::into_error)
                .and_then(|connection| if is_alone { alone(connection, change) } else { in_savepoint(connection, change) });
            Box::new(move |commit| {
                tell(match (outcome, commit) {
                    (Err(error), _) => Err(error),
                    (Ok(value), Ok(())) => Ok(value),
                    (Ok(_), Err(failure)) => Err(failure.into_error()),
                });
            })
        })
    }

    pub(super) async fn checkpoint(&self) -> Result<()> {
        let (sender, receiver) = oneshot::channel();
        self.send(Work::Checkpoint(sender))?;
        receiver.await.map_err(|_| Error::internal("the writer thread has stopped"))?
    }

    fn send(&self, work: Work) -> Result<()> {
        self.queue.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => Error::unavailable("The server has more to write than it can keep up with. Try again in a moment.").retry_after(1),
            TrySendError::Disconnected(_) => Error::internal("the writer thread has stopped"),
        })
    }
}

fn run(connection: &Connection, receiver: &Receiver<Work>, committed: &watch::Sender<u64>) {
    while let Ok(first) = receiver.recv() {
        let mut group = Vec::new();
        let mut next = Some(first);
        let mut checkpoints = Vec::new();
        while let Some(work) = next.take() {
            match work {
                Work::Change(change) => group.push(change),
                Work::Checkpoint(sender) => checkpoints.push(sender),
            }
            if group.len() < GROUP {
                next = receiver.try_recv().ok();
            }
        }
        if !group.is_empty() {
            commit(connection, group);
            committed.send_modify(|commits| *commits += 1);
        }
        for sender in checkpoints {
            let done = connection.execute_batch("pragma wal_checkpoint(truncate)").map_err(Error::from);
            let _ = sender.send(done);
        }
    }
}

fn commit(connection: &Connection, group: Vec<Change>) {
    let begun = run_prepared(connection, "begin immediate").map_err(Failure::of);
    let mut lost = begun.err();
    let mut answers = Vec::with_capacity(group.len());
    let is_alone = group.len() == 1;
    for change in group {
        let place = match &lost {
            None => Ok(connection),
            Some(failure) => Err(failure.clone()),
        };
        answers.push(change(place, is_alone));
        // A full disk can end the whole transaction inside one change, as does one that is alone and fails. What follows must
        // not run outside of it.
        if lost.is_none() && connection.is_autocommit() {
            lost = Some(Failure::disk_full());
        }
    }
    let outcome = match lost {
        Some(failure) => Err(failure),
        None => run_prepared(connection, "commit").map_err(Failure::of),
    };
    if outcome.is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("rollback");
    }
    for answer in answers {
        answer(outcome.clone());
    }
}

impl Failure {
    fn of(error: rusqlite::Error) -> Self {
        let error = Error::from(error);
        tracing::error!(?error, "a group of writes failed");
        Failure { code: error.code(), message: error.message().to_owned() }
    }

    fn disk_full() -> Self {
        Failure {
            code: Code::Unavailable,
            message: "The server's disk is full, so nothing can be saved. Free some space; it goes on by itself.".to_owned(),
        }
    }

    fn into_error(self) -> Error {
        Error::new(self.code, self.message).retry_after(1)
    }
}

fn run_change<T>(connection: &Connection, change: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(|| change(&Tx(connection)))).unwrap_or_else(|_| Err(Error::internal("a write panicked; the log has the place")))
}

/// Runs the one change of a transaction, which its failure, or its panic, undoes. A savepoint would have SQLite keep a copy of
/// every page that the change touches.
fn alone<T>(connection: &Connection, change: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
    let outcome = run_change(connection, change);
    if outcome.is_err() && !connection.is_autocommit() {
        connection.execute_batch("rollback")?;
    }
    outcome
}

/// Runs one change of several so that its failure, or its panic, undoes it alone.
fn in_savepoint<T>(connection: &Connection, change: impl FnOnce(&Tx<'_>) -> Result<T>) -> Result<T> {
    run_prepared(connection, "savepoint change")?;
    match run_change(connection, change) {
        Ok(value) => {
            run_prepared(connection, "release change")?;
            Ok(value)
        }
        Err(error) => {
            // Where the whole transaction is already gone (a full disk), there is nothing to undo.
            if !connection.is_autocommit() {
                connection.execute_batch("rollback to change; release change")?;
            }
            Err(error)
        }
    }
}
