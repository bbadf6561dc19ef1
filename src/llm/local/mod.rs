//! Models that run inside the process: GGUF files directly in the models folder, asked as `local/{file}`.
//!
//! An [`Engine`] has one thread, which holds one loaded model and answers one request after the other: two at once would
//! each be half as fast and need twice the memory. Requests wait in a short queue; one that finds it full is refused at
//! once, so that somebody else can take the turn. A request is given up between two tokens once nobody waits for it. A
//! model that nobody has asked for a while is put away, and the thread with it.
//!
//! `file` reads what a file says of itself, `quicken` and `weights` load it, `template` writes the prompt, `speak` is the
//! loop over the tokens. How many threads the arithmetic takes is candle's: one a physical core, or what the environment's
//! `RAYON_NUM_THREADS` says.

mod file;
mod quicken;
mod speak;
mod template;
mod weights;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use futures_util::{Stream, stream};
use parking_lot::{Condvar, Mutex};
use tokio::sync::mpsc;

use self::{
    file::{Header, Stamp},
    speak::Loaded,
};
use super::{Event, Failure, Request};
use crate::config::Config;

/// Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    limits: Limits,
    most_waiting: usize,
    /// What the files say of themselves, as long as they stay as they are.
    headers: Mutex<HashMap<String, Headed>>,
    /// When the folder had last changed as it was last read; nothing inside where there was none.
    read: Mutex<Option<Option<SystemTime>>>,
    queue: Mutex<Queue>,
    called: Condvar,
}

/// A file as it was when it was looked at, and what it said of itself.
type Headed = (Stamp, Result<Header, String>);

/// What a model is held to.
#[derive(Debug, Clone, Copy)]
struct Limits {
    memory: u64,
    context_tokens: usize,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    /// Whether there is a thread that takes from it.
    has_worker: bool,
    is_speaking: bool,
}

struct Job {
    file: String,
    request: Request,
    seed: u64,
    out: mpsc::Sender<Result<Event, Failure>>,
}

/// A file of the models folder, and whether it can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalModel {
    /// The file's name, with `.gguf`.
    pub file: String,
    /// How many tokens prompt and answer may have together here; what the file could do may be more.
    pub context_tokens: u32,
    /// What is wrong with it and how to mend it.
    pub problem: Option<String>,
}

/// How many tokens the one who listens may be behind.
const AHEAD: usize = 4;
/// How long a model stays in memory that nobody asks.
const REST: Duration = Duration::from_secs(5 * 60);
const EXTENSION: &str = ".gguf";

impl Engine {
    pub fn new(config: &Config) -> Self {
        let limits = Limits { memory: config.memory.bytes(), context_tokens: config.local.context_tokens };
        Engine(Arc::new(Inner {
            folder: config.models_dir(),
            limits,
            most_waiting: config.local.queue,
            headers: Mutex::default(),
            read: Mutex::default(),
            queue: Mutex::default(),
            called: Condvar::new(),
        }))
    }

    /// The models folder's files, by name. Reads the beginning of those that are new.
    pub fn list(&self) -> Vec<LocalModel> {
        let changed = self.changed();
        let entries = std::fs::read_dir(&self.0.folder).into_iter().flatten().flatten();
        let mut files: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name.ends_with(EXTENSION) && !name.starts_with('.')).collect();
        files.sort_unstable();
        self.0.headers.lock().retain(|name, _| files.contains(name));
        let models = files.iter().map(|file| self.model(file)).collect();
        *self.0.read.lock() = Some(changed);
        models
    }

    /// Whether a file has come or gone since the folder was last read.
    pub fn has_news(&self) -> bool {
        *self.0.read.lock() != Some(self.changed())
    }

    fn changed(&self) -> Option<SystemTime> {
        std::fs::metadata(&self.0.folder).and_then(|folder| folder.modified()).ok()
    }

    /// One file, there or not.
    pub fn model(&self, file: &str) -> LocalModel {
        let (context_tokens, problem) = match self.header(file) {
            Ok(header) => (header.context_tokens, header.problem(file, &self.0.limits)),
            Err(problem) => (self.0.limits.context_tokens, Some(problem)),
        };
        LocalModel { file: file.to_owned(), context_tokens: u32::try_from(context_tokens).unwrap_or(u32::MAX), problem }
    }

    fn header(&self, file: &str) -> Result<Header, String> {
        let path = self.0.folder.join(file);
        let stamp = Stamp::of(&path).ok_or_else(|| format!("There is no `{file}` in the server's models folder. Put it there, or choose another model."))?;
        if let Some((known, header)) = self.0.headers.lock().get(file)
            && *known == stamp
        {
            return header.clone();
        }
        let header = guarded(file, || Header::read(&path, file, &self.0.limits));
        self.0.headers.lock().insert(file.to_owned(), (stamp, header.clone()));
        header
    }

    /// Whether a model speaks now, and how many requests wait for their turn.
    pub fn load(&self) -> (bool, usize) {
        let queue = self.0.queue.lock();
        (queue.is_speaking, queue.waiting.len())
    }

    /// Asks `request` of a file. Nothing happens before the stream is first polled; dropping it stops the model at the next
    /// token.
    pub fn stream(&self, request: Request, seed: u64) -> impl Stream<Item = Result<Event, Failure>> + Send + Unpin + use<> {
        enum State {
            Unasked(Engine, Box<Request>, u64),
            Reading(mpsc::Receiver<Result<Event, Failure>>),
            Ended,
        }
        Box::pin(stream::unfold(State::Unasked(self.clone(), Box::new(request), seed), async |state| {
            let mut reading = match state {
                State::Unasked(engine, request, seed) => match engine.submit(*request, seed) {
                    Ok(reading) => reading,
                    Err(failure) => return Some((Err(failure), State::Ended)),
                },
                State::Reading(reading) => reading,
                State::Ended => return None,
            };
            match reading.recv().await? {
                Ok(event) => Some((Ok(event), State::Reading(reading))),
                Err(failure) => Some((Err(failure), State::Ended)),
            }
        }))
    }

    fn submit(&self, request: Request, seed: u64) -> Result<mpsc::Receiver<Result<Event, Failure>>, Failure> {
        let (out, reading) = mpsc::channel(AHEAD);
        let mut queue = self.0.queue.lock();
        queue.waiting.retain(|job| !job.out.is_closed());
        if queue.waiting.len() >= self.0.most_waiting && (queue.is_speaking || !queue.waiting.is_empty()) {
            return Err(Failure::Busy);
        }
        queue.waiting.push_back(Job { file: request.model.clone(), request, seed, out });
        if queue.has_worker {
            self.0.called.notify_one();
        } else {
            let engine = self.clone();
            let started = thread::Builder::new().name("local model".to_owned()).spawn(move || engine.work());
            queue.has_worker = started.is_ok();
            if let Err(error) = started {
                queue.waiting.pop_back();
                return Err(Failure::Local(format!("The server could not start a thread for the model: {error}.")));
            }
        }
        Ok(reading)
    }

    /// Takes one request after the other, until there are none for a while.
    fn work(&self) {
        let mut loaded: Option<Loaded> = None;
        while let Some(job) = self.next_job() {
            let mut said = Ok(());
            let outcome = guarded(&job.file, || {
                said = self.serve(&mut loaded, &job);
                Ok(())
            });
            if let Err(why) = outcome {
                // Whatever state it is in, it is not asked again.
                loaded = None;
                said = Err(Failure::Local(why));
            }
            if let Err(failure) = said {
                tracing::warn!(file = %job.file, %failure, "a local model failed");
                let _ = job.out.blocking_send(Err(failure));
            }
            self.0.queue.lock().is_speaking = false;
        }
    }

    fn next_job(&self) -> Option<Job> {
        let mut queue = self.0.queue.lock();
        loop {
            while let Some(job) = queue.waiting.pop_front() {
                if !job.out.is_closed() {
                    queue.is_speaking = true;
                    return Some(job);
                }
            }
            if self.0.called.wait_for(&mut queue, REST).timed_out() && queue.waiting.is_empty() {
                queue.has_worker = false;
                return None;
            }
        }
    }

    fn serve(&self, loaded: &mut Option<Loaded>, job: &Job) -> Result<(), Failure> {
        let header = self.header(&job.file).map_err(Failure::Local)?;
        if let Some(problem) = header.problem(&job.file, &self.0.limits) {
            return Err(Failure::Local(problem));
        }
        let path = self.0.folder.join(&job.file);
        if !loaded.as_ref().is_some_and(|model| model.is_of(&path)) {
            // The one before goes first, so that there are never two.
            *loaded = None;
            *loaded = Some(Loaded::open(&path, &job.file, &header).map_err(Failure::Local)?);
        }
        let Some(model) = loaded else { return Ok(()) };
        model.speak(&job.request, job.seed, &job.out)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("folder", &self.0.folder).finish_non_exhaustive()
    }
}

/// A broken file may make the library that reads it panic; that is the file's problem and nobody else's.
fn guarded<T>(file: &str, act: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| Err(format!("`{file}` cannot be run: it is broken, or made in a way that this server does not know. Download it again, or choose another file.")))
}
