//! The answers that are being written: their events in order, for any number of listeners, and the way to stop one.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::events::Event;

/// One answer's events. It grows until its `finish`.
pub struct Log {
    pub message_id: String,
    pub conversation_id: String,
    events: Mutex<Vec<Event>>,
    /// How many events there are, and whether that is all.
    length: watch::Sender<(usize, bool)>,
    listeners: AtomicUsize,
    /// Counts up whenever the last listener leaves or a first one comes, so that a linger can see that it is outdated.
    epoch: watch::Sender<usize>,
    stop: CancellationToken,
}

impl Log {
    fn new(message_id: String, conversation_id: String) -> Arc<Self> {
        Arc::new(Log {
            message_id,
            conversation_id,
            events: Mutex::new(Vec::new()),
            length: watch::Sender::new((0, false)),
            listeners: AtomicUsize::new(0),
            epoch: watch::Sender::new(0),
            stop: CancellationToken::new(),
        })
    }

    /// The log of an answer that is over.
    pub(super) fn told(message_id: &str, conversation_id: &str, events: Vec<Event>) -> Arc<Self> {
        let log = Self::new(message_id.to_owned(), conversation_id.to_owned());
        log.extend(events);
        log
    }

    pub fn push(&self, event: Event) {
        let is_last = matches!(event, Event::Finish { .. });
        let length = {
            let mut events = self.events.lock();
            events.push(event);
            events.len()
        };
        self.length.send_replace((length, is_last));
    }

    pub fn extend(&self, events: impl IntoIterator<Item = Event>) {
        events.into_iter().for_each(|event| self.push(event));
    }

    /// Ends the answer where it is. One that is over has nothing left that could be stopped, but whoever watches over it.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    pub(super) fn stopped(&self) -> &CancellationToken {
        &self.stop
    }

    /// Waits until it is complete, and hands out everything.
    pub async fn whole(&self) -> Vec<Event> {
        // The sender lives in `self`, so that waiting cannot fail.
        let _ = self.length.subscribe().wait_for(|(_, done)| *done).await;
        self.events.lock().clone()
    }

    /// Listens from the event `from` on.
    pub fn listen(self: &Arc<Self>, from: usize) -> Listener {
        if self.listeners.fetch_add(1, Ordering::SeqCst) == 0 {
            self.epoch.send_modify(|epoch| *epoch += 1);
        }
        Listener { length: self.length.subscribe(), log: Arc::clone(self), next: from }
    }

    /// Stops the answer once nobody has listened for `linger`.
    pub(super) async fn stop_when_deserted(self: Arc<Self>, linger: Duration) {
        let mut epoch = self.epoch.subscribe();
        loop {
            let is_deserted = self.listeners.load(Ordering::SeqCst) == 0;
            tokio::select! {
                () = tokio::time::sleep(linger), if is_deserted => {
                    if self.listeners.load(Ordering::SeqCst) == 0 {
                        self.stop();
                    }
                }
                changed = epoch.changed() => if changed.is_err() { return },
                // Stopped, or over.
                () = self.stop.cancelled() => return,
            }
        }
    }
}

/// Reads a log from somewhere to its end.
pub struct Listener {
    log: Arc<Log>,
    length: watch::Receiver<(usize, bool)>,
    next: usize,
}

impl Listener {
    /// The next event with its number, from 0; nothing after the last.
    pub async fn next(&mut self) -> Option<(usize, Event)> {
        loop {
            let (length, done) = *self.length.borrow_and_update();
            if self.next < length {
                let event = self.log.events.lock().get(self.next).cloned();
                self.next += 1;
                return event.map(|event| (self.next - 1, event));
            }
            if done || self.length.changed().await.is_err() {
                return None;
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.log.listeners.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.log.epoch.send_modify(|epoch| *epoch += 1);
        }
    }
}

/// All answers that are being written, and for a while the ones that were. Cheap to clone.
#[derive(Clone, Default)]
pub struct Answers(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    by_message: HashMap<String, Arc<Log>>,
    /// Those of a conversation that are being written; more than one only with a draft.
    by_conversation: HashMap<String, Vec<Arc<Log>>>,
    /// Those that have ended, with the moment; the first one is forgotten first.
    ended: VecDeque<(Instant, String)>,
    /// One question of a conversation at a time.
    turns: HashMap<String, Arc<tokio::sync::Mutex<()>>>,
}

/// How long a finished answer can still be read from memory, and how many of them; the others are told again from what was
/// stored.
const KEEP: Duration = Duration::from_secs(60);
const MOST_KEPT: usize = 2_000;

impl Answers {
    /// Waits until no other answer runs in the conversation.
    pub async fn turn(&self, conversation_id: &str) -> Turn {
        let lock = Arc::clone(self.0.lock().turns.entry(conversation_id.to_owned()).or_default());
        Turn { _guard: lock.lock_owned().await, answers: self.clone(), conversation_id: conversation_id.to_owned() }
    }

    pub(super) fn open(&self, message_id: &str, conversation_id: &str) -> Arc<Log> {
        let log = Log::new(message_id.to_owned(), conversation_id.to_owned());
        let mut state = self.0.lock();
        state.by_message.insert(message_id.to_owned(), Arc::clone(&log));
        state.by_conversation.entry(conversation_id.to_owned()).or_default().push(Arc::clone(&log));
        log
    }

    pub fn find(&self, message_id: &str) -> Option<Arc<Log>> {
        self.0.lock().by_message.get(message_id).cloned()
    }

    /// The answer that a conversation waits for.
    pub(super) fn running(&self, conversation_id: &str) -> Option<Arc<Log>> {
        self.0.lock().by_conversation.get(conversation_id)?.iter().find(|log| !log.length.borrow().1).cloned()
    }

    /// Forgets an answer that came to nothing.
    pub(super) fn forget(&self, message_id: &str) {
        let mut state = self.0.lock();
        state.end(message_id);
        state.by_message.remove(message_id);
    }

    /// Forgets an answer some time after its end.
    pub(super) fn close_later(&self, message_id: String) {
        let mut state = self.0.lock();
        state.end(&message_id);
        state.ended.push_back((Instant::now(), message_id));
        if state.ended.len() > MOST_KEPT
            && let Some((_, oldest)) = state.ended.pop_front()
        {
            state.by_message.remove(&oldest);
        }
        // One task for all of them, as long as there are any.
        if state.ended.len() == 1 {
            let answers = self.clone();
            tokio::spawn(async move {
                while let Some(until) = answers.forget_old() {
                    tokio::time::sleep_until(until).await;
                }
            });
        }
    }

    /// Forgets those whose time is over. When the next one's is.
    fn forget_old(&self) -> Option<Instant> {
        let mut state = self.0.lock();
        let now = Instant::now();
        loop {
            let until = state.ended.front()?.0 + KEEP;
            if until > now {
                return Some(until);
            }
            if let Some((_, id)) = state.ended.pop_front() {
                state.by_message.remove(&id);
            }
        }
    }

    /// Stops whatever is being written in a conversation: a person has it now.
    pub fn stop_conversation(&self, conversation_id: &str) {
        self.0.lock().by_conversation.get(conversation_id).into_iter().flatten().for_each(|log| log.stop());
    }

    /// Stops all of them, at the server's end.
    pub fn stop_all(&self) {
        self.0.lock().by_message.values().for_each(|log| log.stop());
    }
}

impl State {
    /// It is not being written any more.
    fn end(&mut self, message_id: &str) {
        let Some(log) = self.by_message.get(message_id) else { return };
        if let Some(running) = self.by_conversation.get_mut(&log.conversation_id) {
            running.retain(|running| running.message_id != message_id);
            if running.is_empty() {
                self.by_conversation.remove(&log.conversation_id);
            }
        }
    }
}

/// The right to answer in a conversation.
pub struct Turn {
    _guard: tokio::sync::OwnedMutexGuard<()>,
    answers: Answers,
    conversation_id: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.answers.0.lock();
        // Two: the map's and the guard's own. With more, somebody waits.
        if state.turns.get(&self.conversation_id).is_some_and(|lock| Arc::strong_count(lock) <= 2) {
            state.turns.remove(&self.conversation_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn so_many_answers_are_kept_and_one_that_runs_is_found_by_its_conversation() {
        let answers = Answers::default();
        for number in 0..MOST_KEPT + 10 {
            answers.open(&format!("old{number}"), "chat");
            answers.close_later(format!("old{number}"));
        }
        assert!(answers.find("old9").is_none() && answers.find("old10").is_some());
        assert!(answers.running("chat").is_none());

        let log = answers.open("new", "chat");
        assert_eq!(answers.running("chat").map(|log| log.message_id.clone()).as_deref(), Some("new"));
        answers.stop_conversation("another");
        assert!(!log.stopped().is_cancelled());
        answers.stop_conversation("chat");
        assert!(log.stopped().is_cancelled());
        answers.forget("new");
        assert!(answers.running("chat").is_none() && answers.find("new").is_none());
    }
}
