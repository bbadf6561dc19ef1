//! Rate limits, one limiter a group of routes: exactly the figure passes in a burst, then 429, refilled evenly.
//!
//! governor's own algorithm (GCRA) in the house's error, because `tower_governor` asks for a tower service over
//! `http::Request` and does not compile through poem's compatibility layer.

use std::{hash::Hash, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    state::keyed::DashMapStateStore,
};

use crate::{
    config,
    error::{Code, Error, Result},
};

/// One group's limiter; `None` where limits are switched off.
pub struct Limiter<K: Hash + Eq + Clone>(Option<(u32, RateLimiter<K, DashMapStateStore<K>, DefaultClock>)>);

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// `count` requests in `period`.
    pub fn new(count: u32, period: Duration, enabled: bool) -> Self {
        let quota = NonZeroU32::new(count).filter(|_| enabled).and_then(|count| {
            Quota::with_period(period / count.get()).map(|quota| quota.allow_burst(count))
        });
        Limiter(quota.map(|quota| (count, RateLimiter::dashmap(quota))))
    }

    pub fn per_minute(count: u32, enabled: bool) -> Self {
        Self::new(count, Duration::from_secs(60), enabled)
    }

    /// Takes one request from the key's budget, or says when there is one again.
    pub fn check(&self, key: &K) -> Result<()> {
        let Some((count, limiter)) = &self.0 else { return Ok(()) };
        limiter.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Error::new(Code::RateLimit, format!("Too many requests. Try again in {} s.", seconds.max(1))).retry_after(seconds.max(1)).limit(*count)
        })
    }

    /// Forgets keys whose budget is whole again. Called now and then, so that memory is bounded by the keys in use.
    pub fn sweep(&self) {
        if let Some((_, limiter)) = &self.0 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
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
    pub signin_account: Limiter<(std::net::IpAddr, String)>,
    pub signin_address: Limiter<std::net::IpAddr>,
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
            signin_account: Limiter::new(config.signin_account, quarter, true),
            signin_address: Limiter::new(config.signin_address, quarter, true),
        }
    }

    pub fn sweep(&self) {
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
        self.signin_account.sweep();
        self.signin_address.sweep();
    }
}
