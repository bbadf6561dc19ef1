//! Rate limits, one limiter a group of routes: exactly the figure passes in a burst, then 429, refilled evenly.
//!
//! governor's own algorithm (GCRA) in the house's error, because `tower_governor` asks for a tower service over
//! `http::Request` and does not compile through poem's compatibility layer.

use std::{cell::Cell, future::Future, hash::Hash, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};
use poem::http::{HeaderMap, HeaderValue};

use super::tries::Tries;
use crate::{
    clock::Timestamp,
    config,
    error::{Code, Error, Result},
};

/// One group's limiter; `None` where limits are switched off.
pub struct Limiter<K: Hash + Eq + Clone>(Option<Limit<K>>);

struct Limit<K: Hash + Eq + Clone> {
    count: u32,
    period: Duration,
    limiter: RateLimiter<K, DashMapStateStore<K>, DefaultClock, StateInformationMiddleware>,
}

/// What is left of a budget after a request, as `RateLimit-Limit`, `-Remaining` and `-Reset` tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    pub limit: u32,
    pub remaining: u32,
    /// Seconds until the budget is whole again; for a refused request, until there is room for one.
    pub reset: u64,
}

tokio::task_local! {
    /// The tightest of the budgets that the request which is being answered has been counted in.
    static TIGHTEST: Cell<Option<Left>>;
}

/// Runs what answers a request, and puts what it left of its budgets on the answer.
pub(super) async fn told<T>(answering: impl Future<Output = T>, headers: impl FnOnce(&mut T) -> &mut HeaderMap) -> T {
    TIGHTEST
        .scope(Cell::new(None), async move {
            let mut answer = answering.await;
            if let Some(left) = TIGHTEST.with(Cell::get) {
                let headers = headers(&mut answer);
                for (name, value) in [("ratelimit-limit", u64::from(left.limit)), ("ratelimit-remaining", u64::from(left.remaining)), ("ratelimit-reset", left.reset)] {
                    headers.insert(name, HeaderValue::from(value));
                }
            }
            answer
        })
        .await
}

pub(super) fn note(left: Left) {
    // Outside of a request (the command line) nobody is to be told.
    let _ = TIGHTEST.try_with(|tightest| {
        if tightest.get().is_none_or(|known| left.remaining <= known.remaining) {
            tightest.set(Some(left));
        }
    });
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// `count` requests in `period`.
    pub fn new(count: u32, period: Duration, enabled: bool) -> Self {
        let quota = NonZeroU32::new(count).filter(|_| enabled).and_then(|count| {
            Quota::with_period(period / count.get()).map(|quota| quota.allow_burst(count))
        });
        Limiter(quota.map(|quota| Limit { count, period, limiter: RateLimiter::dashmap(quota).with_middleware() }))
    }

    pub fn per_minute(count: u32, enabled: bool) -> Self {
        Self::new(count, Duration::from_secs(60), enabled)
    }

    /// Takes one request from the key's budget, or says when there is one again.
    pub fn check(&self, key: &K) -> Result<()> {
        let Some(Limit { count, period, limiter }) = &self.0 else { return Ok(()) };
        match limiter.check_key(key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let refill = *period / *count * count.saturating_sub(remaining);
                note(Left { limit: *count, remaining, reset: whole_seconds(refill) });
                Ok(())
            }
            Err(until) => {
                let seconds = whole_seconds(until.wait_time_from(DefaultClock::default().now())).max(1);
                note(Left { limit: *count, remaining: 0, reset: seconds });
                Err(Error::new(Code::RateLimit, format!("Too many requests. Try again in {seconds} s.")).retry_after(seconds).limit(*count))
            }
        }
    }

    /// Forgets keys whose budget is whole again. Called now and then, so that memory is bounded by the keys in use.
    pub fn sweep(&self) {
        if let Some(Limit { limiter, .. }) = &self.0 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// All groups of the product.
pub struct Limits {
    pub api: Limiter<String>,
    pub chat: Limiter<String>,
    pub widget_read: Limiter<(std::net::IpAddr, String)>,
    pub widget_session: Limiter<(std::net::IpAddr, String)>,
    pub widget_chat_session: Limiter<String>,
    pub widget_chat_address: Limiter<std::net::IpAddr>,
    pub widget_write: Limiter<String>,
    pub widget_tickets: Limiter<std::net::IpAddr>,
    pub site_config: Limiter<(std::net::IpAddr, String)>,
    pub site_create: Limiter<(std::net::IpAddr, String)>,
    pub site_messages: Limiter<(std::net::IpAddr, String)>,
    pub site_reply: Limiter<(std::net::IpAddr, String)>,
    pub site_files: Limiter<(std::net::IpAddr, String)>,
    pub sms: Limiter<String>,
    pub signin_account: Tries<(std::net::IpAddr, String)>,
    pub signin_address: Tries<std::net::IpAddr>,
    /// Codes of one user's second factor, wherever they come from: who gets that far knows the password. No growing waits, with
    /// which a thief could keep the owner out.
    pub signin_codes: Limiter<String>,
    /// Ways to an OpenID Connect provider that one address begins: nothing is guessed there.
    pub signin_begun: Limiter<std::net::IpAddr>,
}

impl Limits {
    pub fn new(config: &config::Limits) -> Self {
        let on = config.enabled;
        let quarter = Duration::from_secs(15 * 60);
        Limits {
            api: Limiter::per_minute(config.api, on),
            chat: Limiter::per_minute(config.chat, on),
            widget_read: Limiter::per_minute(config.widget_read, on),
            widget_session: Limiter::per_minute(config.widget_session, on),
            widget_chat_session: Limiter::per_minute(config.widget_chat_session, on),
            widget_chat_address: Limiter::per_minute(config.widget_chat_address, on),
            widget_write: Limiter::per_minute(config.widget_write, on),
            widget_tickets: Limiter::per_minute(config.widget_tickets, on),
            site_config: Limiter::per_minute(config.site_read, on),
            site_create: Limiter::per_minute(config.site_create, on),
            site_messages: Limiter::per_minute(config.site_read, on),
            site_reply: Limiter::per_minute(config.site_reply, on),
            site_files: Limiter::per_minute(config.site_read, on),
            sms: Limiter::per_minute(config.sms, on),
            // Guessing a password stays slow also where the other limits are switched off.
            signin_account: Tries::new(config.signin_account, quarter),
            signin_address: Tries::new(config.signin_address, quarter),
            signin_codes: Limiter::new(config.signin_account, quarter, true),
            signin_begun: Limiter::new(config.signin_address.saturating_mul(10), quarter, true),
        }
    }

    pub fn sweep(&self, now: Timestamp) {
        self.api.sweep();
        self.chat.sweep();
        self.widget_read.sweep();
        self.widget_session.sweep();
        self.widget_chat_session.sweep();
        self.widget_chat_address.sweep();
        self.widget_write.sweep();
        self.widget_tickets.sweep();
        self.site_config.sweep();
        self.site_create.sweep();
        self.site_messages.sweep();
        self.site_reply.sweep();
        self.site_files.sweep();
        self.sms.sweep();
        self.signin_account.sweep(now);
        self.signin_address.sweep(now);
        self.signin_codes.sweep();
        self.signin_begun.sweep();
    }
}
