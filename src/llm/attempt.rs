//! Asking with patience: a request that fails before its first token is sent again, a provider that keeps failing is left
//! in peace for a while. What was said once is never said twice.

use std::{sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt, stream};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::{Endpoint, Event, Failure, Request, local, stream as stream_once};
use crate::{http::Client, ids::Ids};

/// The way to one model.
#[derive(Debug, Clone)]
pub struct Route {
    /// `provider/model`, for receipts.
    pub name: String,
    pub endpoint: Endpoint,
    /// The provider's own name of it.
    pub model: String,
    /// How many tokens prompt and answer may have together.
    pub context_tokens: u32,
    /// How often a request is sent again before the first token.
    pub retries: u32,
    pub breaker: Arc<Breaker>,
    /// Who runs it, where it runs inside the process.
    pub local: Option<local::Engine>,
}

impl Route {
    /// Whether it can be given tools. The small models that run inside the process call them wrongly more often than not,
    /// and a description costs a part of their short prompt.
    pub fn takes_tools(&self) -> bool {
        self.local.is_none()
    }
}

/// Remembers how a provider fared: after several failures in a row nobody asks it for a while, then one request tries
/// whether it is back. (The circuit breaker of Nygard's *Release It!*.)
#[derive(Debug, Default)]
pub struct Breaker(Mutex<Fared>);

#[derive(Debug, Default)]
struct Fared {
    /// In a row.
    failures: u32,
    rests_until: Option<Instant>,
}

impl Breaker {
    /// How many failures in a row are taken for more than bad luck.
    pub const FAILURES: u32 = 5;
    /// How long a provider is left in peace after them.
    pub const REST: Duration = Duration::from_secs(30);
    /// A provider that asks for a longer rest is tried again after this one.
    const LONGEST_REST: Duration = Duration::from_secs(60);

    /// Lets a request through, or says how long the provider rests yet. Whoever comes first after a rest tries for all:
    /// the others wait for what becomes of it.
    fn enter(&self, now: Instant) -> Result<(), Failure> {
        let mut fared = self.0.lock();
        match fared.rests_until {
            Some(until) if now < until => Err(Failure::Resting { left: until - now }),
            Some(_) => {
                fared.rests_until = Some(now + Self::REST);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn succeeded(&self) {
        *self.0.lock() = Fared::default();
    }

    fn failed(&self, failure: &Failure, now: Instant) {
        let mut fared = self.0.lock();
        if !failure.is_the_providers() {
            // It answered, only not as we should like: it is there.
            fared.rests_until = None;
            return;
        }
        fared.failures += 1;
        if let Failure::RateLimited { retry_after: Some(wait) } = failure {
            fared.rests_until = Some(now + (*wait).min(Self::LONGEST_REST));
        } else if fared.failures >= Self::FAILURES {
            fared.rests_until = Some(now + Self::REST);
        }
    }

    /// One that tried for all and was called off: the next one may try.
    fn left(&self, now: Instant) {
        let mut fared = self.0.lock();
        if fared.rests_until.is_some() {
            fared.rests_until = Some(now);
        }
    }
}

/// The first pause; each further one is twice as long, and each is made longer or shorter by up to a half, so that those
/// who failed together do not come back together.
const PAUSE: Duration = Duration::from_millis(250);

/// After the first failure a provider is asked again for so long, its own wish for a pause included: whoever stands in for it
/// should begin within two seconds.
const AGAIN_WITHIN: Duration = Duration::from_millis(1500);

/// Asks `request` by `route`, again if it fails before its first token and there is time for it until `patience` ends. The
/// request's model is the route's.
pub fn ask(client: &Client, ids: &Ids, route: &Route, request: Request, patience: Instant) -> impl Stream<Item = Result<Event, Failure>> + Send + Unpin + use<> {
    let request = Request { model: route.model.clone(), ..request };
    let attempt = Attempt { client: client.clone(), ids: ids.clone(), route: route.clone(), request, patience, tries: 0, failed_at: None, said: false, events: None };
    Box::pin(stream::unfold(attempt, |mut attempt| async move {
        let next = attempt.next().await?;
        Some((next, attempt))
    }))
}

type Events = Box<dyn Stream<Item = Result<Event, Failure>> + Send + Unpin>;

struct Attempt {
    client: Client,
    ids: Ids,
    route: Route,
    request: Request,
    patience: Instant,
    tries: u32,
    /// When it failed for the first time.
    failed_at: Option<Instant>,
    /// Whether something came that cannot be taken back.
    said: bool,
    /// What is being read, once the breaker has let it through.
    events: Option<Events>,
}

impl Attempt {
    async fn next(&mut self) -> Option<Result<Event, Failure>> {
        loop {
            let Some(events) = &mut self.events else {
                if self.tries > self.route.retries {
                    return None;
                }
                if self.tries == 0
                    && let Err(failure) = self.route.breaker.enter(Instant::now())
                {
                    self.tries = u32::MAX;
                    return Some(Err(failure));
                }
                self.tries += 1;
                self.events = Some(match &self.route.local {
                    Some(engine) => {
                        let mut seed = [0u8; 8];
                        self.ids.fill(&mut seed);
                        Box::new(engine.stream(self.request.clone(), u64::from_le_bytes(seed)))
                    }
                    None => Box::new(stream_once(&self.client, &self.route.endpoint, self.request.clone())),
                });
                continue;
            };
            match events.next().await {
                Some(Ok(event)) => {
                    if !self.said {
                        self.said = true;
                        self.route.breaker.succeeded();
                    }
                    return Some(Ok(event));
                }
                Some(Err(failure)) => {
                    self.events = None;
                    match self.pause(&failure) {
                        Some(pause) => {
                            tracing::warn!(provider = %self.route.endpoint.name, %failure, ?pause, "a provider failed and is asked once more");
                            sleep(pause).await;
                        }
                        None => {
                            // However often it was tried, for the breaker it is one failure.
                            self.route.breaker.failed(&failure, Instant::now());
                            self.tries = u32::MAX;
                            return Some(Err(failure));
                        }
                    }
                }
                None => {
                    self.events = None;
                    self.tries = u32::MAX;
                    return None;
                }
            }
        }
    }

    /// How long to wait before another try; nothing where there is to be none.
    fn pause(&mut self, failure: &Failure) -> Option<Duration> {
        let now = Instant::now();
        let until = *self.failed_at.get_or_insert(now) + AGAIN_WITHIN;
        if self.said || self.tries > self.route.retries || !failure.is_retryable_before_first_token() {
            return None;
        }
        let pause = match failure {
            Failure::RateLimited { retry_after: Some(wait) } => *wait,
            _ => {
                let mut random = [0u8];
                self.ids.fill(&mut random);
                PAUSE * 2u32.saturating_pow(self.tries.saturating_sub(1)).min(16) * (128 + u32::from(random[0])) / 256
            }
        };
        (now + pause < self.patience.min(until)).then_some(pause)
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        // `u32::MAX` is one that has ended by itself.
        if !self.said && (1..u32::MAX).contains(&self.tries) {
            self.route.breaker.left(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::Unreachable;

    const DOWN: Failure = Failure::Unreachable(Unreachable::Refused);

    #[test]
    fn a_breaker_opens_tries_and_closes() {
        let breaker = Breaker::default();
        let at = Instant::now();
        for _ in 0..Breaker::FAILURES {
            assert_eq!(breaker.enter(at), Ok(()));
            breaker.failed(&DOWN, at);
        }
        assert!(matches!(breaker.enter(at), Err(Failure::Resting { .. })));
        let later = at + Breaker::REST;
        assert_eq!(breaker.enter(later), Ok(()), "one tries");
        assert!(breaker.enter(later).is_err(), "the others wait for it");
        breaker.failed(&DOWN, later);
        assert!(breaker.enter(later + Breaker::REST / 2).is_err());
        let again = later + Breaker::REST;
        assert_eq!(breaker.enter(again), Ok(()));
        breaker.left(again);
        assert_eq!(breaker.enter(again), Ok(()), "the one who tried was called off");
        breaker.succeeded();
        assert_eq!(breaker.enter(again), Ok(()));
        assert_eq!(breaker.enter(again), Ok(()));
    }

    #[test]
    fn a_breaker_heeds_the_wish_for_a_rest_and_not_our_own_mistakes() {
        let (breaker, at) = (Breaker::default(), Instant::now());
        for _ in 0..20 {
            breaker.failed(&Failure::Unauthorized, at);
        }
        assert_eq!(breaker.enter(at), Ok(()));
        breaker.failed(&Failure::RateLimited { retry_after: Some(Duration::from_secs(7)) }, at);
        assert!(breaker.enter(at + Duration::from_secs(6)).is_err());
        assert_eq!(breaker.enter(at + Duration::from_secs(7)), Ok(()));
    }
}
