//! Tries at a secret: so many in a period, and then a wait that is longer each time somebody hurries on. Only tries that
//! failed count, so that a house full of people who sign in from one address is not kept out by their own success.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    time::Duration,
};

use parking_lot::Mutex;

use super::limits::{self, Left};
use crate::{
    clock::Timestamp,
    error::{Code, Error, Result},
};

/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(4 * 3600);
/// Whoever had to wait and has tried nothing for so long since begins anew.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// By the clock that the caller hands in, so that a test need not wait.
pub struct Tries<K> {
    most: u32,
    period: Duration,
    known: Mutex<HashMap<K, Known>>,
}

#[derive(Default)]
struct Known {
    /// Of the last period, the oldest first; never more than the figure.
    times: VecDeque<Timestamp>,
    /// Until when nothing more is tried.
    until: Option<Timestamp>,
    /// How often it came to a wait.
    waits: u32,
}

impl Known {
    fn is_forgotten(&self, now: Timestamp, period: Duration) -> bool {
        let last = self.times.back().copied().max(self.until);
        let after = if self.waits == 0 { period } else { FORGOTTEN_AFTER };
        last.is_none_or(|last| now.since(last) >= after)
    }
}

impl<K: Hash + Eq + Clone> Tries<K> {
    pub fn new(most: u32, period: Duration) -> Self {
        Tries { most, period, known: Mutex::default() }
    }

    /// Counts a try before it is judged, so that many at once are no way around.
    ///
    /// # Errors
    /// `rate_limit` while there is a wait, with its rest; being refused makes no wait longer.
    pub fn take(&self, key: &K, now: Timestamp) -> Result<()> {
        let mut all = self.known.lock();
        let known = all.entry(key.clone()).or_default();
        if known.is_forgotten(now, self.period) {
            *known = Known::default();
        }
        while known.times.front().is_some_and(|time| now.since(*time) >= self.period) {
            known.times.pop_front();
        }
        if known.times.len() >= self.most as usize {
            let last = known.times.back().copied().unwrap_or(now);
            let wait = self.period.saturating_mul(2u32.saturating_pow(known.waits)).min(LONGEST_WAIT.max(self.period));
            known.waits = known.waits.saturating_add(1);
            known.until = Some(last.plus(wait));
            // The wait pays for these.
            known.times.clear();
        }
        if let Some(until) = known.until
            && until > now
        {
            let seconds = until.since(now).as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1);
            limits::note(Left { limit: self.most, remaining: 0, reset: seconds });
            return Err(Error::new(Code::RateLimit, format!("Too many tries. Try again in {}.", in_words(seconds))).retry_after(seconds).limit(self.most));
        }
        known.times.push_back(now);
        let count = u32::try_from(known.times.len()).unwrap_or(u32::MAX);
        let reset = known.times.front().map_or(0, |first| self.period.saturating_sub(now.since(*first)).as_secs());
        limits::note(Left { limit: self.most, remaining: self.most.saturating_sub(count), reset });
        Ok(())
    }

    /// The try that was counted last was a right one.
    pub fn give_back(&self, key: &K) {
        if let Some(known) = self.known.lock().get_mut(key) {
            known.times.pop_back();
        }
    }

    /// Whoever this is has shown that they may: what they mistyped before is forgotten.
    pub fn forget(&self, key: &K) {
        self.known.lock().remove(key);
    }

    /// Forgets whoever has tried nothing for a while.
    pub fn sweep(&self, now: Timestamp) {
        let mut all = self.known.lock();
        all.retain(|_, known| !known.is_forgotten(now, self.period));
        all.shrink_to_fit();
    }
}

fn in_words(seconds: u64) -> String {
    if seconds < 120 { format!("{seconds} s") } else { format!("{} minutes", seconds.div_ceil(60)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn wait(tries: &Tries<&str>, now: Timestamp) -> Option<u64> {
        tries.take(&"ann", now).err().and_then(|error| error.retry_after_seconds())
    }

    #[test]
    fn exactly_the_figure_passes_and_each_wait_is_longer() {
        let tries = Tries::new(3, 15 * MINUTE);
        let mut now = Timestamp::from_millis(1_800_000_000_000);
        for wait_minutes in [15, 30, 60, 120, 240, 240] {
            for _ in 0..3 {
                assert_eq!(wait(&tries, now), None, "before {wait_minutes} minutes");
            }
            assert_eq!(wait(&tries, now), Some(wait_minutes * 60));
            // Asking in between makes nothing longer.
            assert_eq!(wait(&tries, now.plus(MINUTE)), Some((wait_minutes - 1) * 60));
            now = now.plus(MINUTE * u32::try_from(wait_minutes).unwrap());
        }
        now = now.plus(FORGOTTEN_AFTER);
        (0..3).for_each(|_| assert_eq!(wait(&tries, now), None));
        assert_eq!(wait(&tries, now), Some(15 * 60));
        // Another has nothing to do with it.
        assert!(tries.take(&"bob", now).is_ok());
        tries.sweep(now.plus(FORGOTTEN_AFTER + 15 * MINUTE));
        assert!(tries.known.lock().is_empty());
    }

    #[test]
    fn the_period_slides_and_right_tries_do_not_count() {
        let tries = Tries::new(3, 15 * MINUTE);
        let start = Timestamp::from_millis(1_800_000_000_000);
        for step in 0..20 {
            // One in six minutes is never too many.
            assert_eq!(wait(&tries, start.plus(MINUTE * 6 * step)), None, "{step}");
        }
        let now = start.plus(1440 * MINUTE);
        for _ in 0..20 {
            assert_eq!(wait(&tries, now), None);
            tries.give_back(&"ann");
        }
        (0..3).for_each(|_| assert_eq!(wait(&tries, now), None));
        tries.forget(&"ann");
        assert_eq!(wait(&tries, now), None);
    }
}
