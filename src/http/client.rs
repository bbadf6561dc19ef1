//! The one client for outgoing requests. It resolves a name once, checks every address it got, connects to a checked one,
//! and checks each redirect again, so that neither a name nor a redirect leads into a private network.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use ipnet::IpNet;
use reqwest::{
    Method, RequestBuilder,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use url::{Host, Url};

use crate::{
    config::Config,
    error::{Error, Result},
};

/// Cheap to clone; connections are pooled.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    /// Follows no redirects.
    direct: reqwest::Client,
    policy: Arc<Policy>,
}

/// Which addresses may be reached.
#[derive(Debug, Default)]
pub struct Policy {
    networks: Vec<IpNet>,
    /// Host names, in lower case, with a port where the operator named one.
    hosts: Vec<(String, Option<u16>)>,
    airgap: bool,
}

/// From a name to its addresses, of which the port does not count.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

fn system_lookup() -> Lookup {
    Arc::new(|host| async move { Ok(tokio::net::lookup_host((host.as_str(), 0)).await?.collect()) }.boxed())
}

impl Client {
    pub fn new(config: &Config) -> Result<Self> {
        Self::resolving_with(config, system_lookup())
    }

    /// The same with another way to resolve names than the system's.
    pub fn resolving_with(config: &Config, lookup: Lookup) -> Result<Self> {
        let mut policy = Policy::new(&config.egress.allow, config.airgap);
        // A base address that the operator's own file or environment names is allowed, private or not.
        let bases = config.providers.values().map(|provider| provider.base_url.as_deref()).chain([config.twilio.api_base.as_deref()]).chain(config.search.values().map(|search| search.base_url.as_deref()));
        for base in bases {
            if let Some(url) = base.and_then(|url| Url::parse(url).ok())
                && let Some(host) = url.host_str()
                && !config.airgap
            {
                policy.hosts.push((host.trim_matches(['[', ']']).to_ascii_lowercase(), url.port_or_known_default()));
            }
        }
        for provider in config.oidc.values() {
            if let Some(url) = Url::parse(&provider.issuer).ok()
                && let Some(host) = url.host_str()
                && !config.airgap
            {
                policy.hosts.push((host.trim_matches(['[', ']']).to_ascii_lowercase(), url.port_or_known_default()));
            }
        }
        let policy = Arc::new(policy);
        let redirects = Arc::clone(&policy);
        let checked = redirect::Policy::custom(move |attempt| {
            if attempt.previous().len() > 5 {
                return attempt.error("more than five redirects");
            }
            match redirects.check(attempt.url()) {
                Ok(()) => attempt.follow(),
                Err(error) => attempt.error(error.to_string()),
            }
        });
        let build = |redirects| {
            reqwest::Client::builder()
                .user_agent(concat!("IllumiChat/", env!("CARGO_PKG_VERSION")))
                .dns_resolver(Arc::new(Guard { policy: Arc::clone(&policy), lookup: Arc::clone(&lookup) }))
                .redirect(redirects)
                .connect_timeout(Duration::from_secs(5))
                .pool_idle_timeout(Duration::from_secs(90))
                .tcp_nodelay(true)
                // A proxy from the environment would resolve names itself, unchecked.
                .no_proxy()
                .build()
                .map_err(Error::internal)
        };
        let (http, direct) = (build(checked)?, build(redirect::Policy::none())?);
        Ok(Client { http, direct, policy })
    }

    /// A request to `url`, refused here where its address is a forbidden one as it stands. A name is judged when it is used.
    pub fn request(&self, method: Method, url: &str) -> Result<RequestBuilder> {
        Ok(self.http.request(method, self.checked(url)?))
    }

    /// The same for a request whose key and words are for this one host: a redirect is not followed but answered. (Only
    /// `Authorization` is taken off on the way to another host, not the key headers that some APIs have instead.)
    pub fn request_directly(&self, method: Method, url: &str) -> Result<RequestBuilder> {
        Ok(self.direct.request(method, self.checked(url)?))
    }

    fn checked(&self, url: &str) -> Result<Url> {
        let url = Url::parse(url).map_err(|_| Error::bad_request(format!("`{}` is not an address.", url.chars().take(200).collect::<String>())))?;
        self.policy.check(&url)?;
        Ok(url)
    }

    /// For what is sent to other people's servers: https alone, unless the operator has named the host or its network.
    pub fn check_secure(&self, url: &Url) -> Result<()> {
        self.policy.check(url)?;
        if url.scheme() == "https" || self.policy.is_named(url) {
            return Ok(());
        }
        Err(Error::bad_request("It must begin with https://. The operator can allow a host with `egress.allow`."))
    }

    /// The same judgement for an address that is to be saved.
    pub fn check(&self, url: &Url) -> Result<()> {
        self.policy.check(url)
    }
}

impl Policy {
    pub fn new(allow: &[String], airgap: bool) -> Self {
        let mut policy = Policy { airgap, ..Policy::default() };
        for entry in allow {
            let entry = entry.trim().to_ascii_lowercase();
            if let Ok(network) = entry.parse::<IpNet>() {
                policy.networks.push(network);
            } else if let Ok(address) = entry.trim_matches(['[', ']']).parse::<IpAddr>() {
                policy.networks.push(IpNet::from(address));
            } else if let Ok(address) = entry.parse::<SocketAddr>() {
                policy.hosts.push((address.ip().to_string(), Some(address.port())));
            } else {
                match entry.rsplit_once(':').and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?))) {
                    Some((host, port)) => policy.hosts.push((host, Some(port))),
                    None => policy.hosts.push((entry, None)),
                }
            }
        }
        policy
    }

    /// What can be said of an address without resolving it.
    fn check(&self, url: &Url) -> Result<()> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::bad_request("Only http and https addresses can be reached."));
        }
        let Some(host) = url.host() else { return Err(Error::bad_request("The address names no host.")) };
        let port = url.port_or_known_default().unwrap_or(443);
        if self.names(&host.to_string(), port) {
            return Ok(());
        }
        match host {
            Host::Ipv4(address) if !self.allows(IpAddr::V4(address)) => Err(refused(&address.to_string())),
            Host::Ipv6(address) if !self.allows(IpAddr::V6(address)) => Err(refused(&address.to_string())),
            // A resolver does not know the port: where the operator names one of a host, the others are refused here.
            Host::Domain(name) if self.names_host(name) => Err(refused(&format!("port {port} of {name}"))),
            Host::Domain(name) if self.airgap && !is_localhost(name) => Err(refused(name)),
            // The operator named it for another port, and whoever resolves the name cannot see the port any more.
            Host::Domain(name) if self.names_host(name) => Err(refused(name)),
            _ => Ok(()),
        }
    }

    /// Whether the operator has named this host, or the network of this address.
    fn is_named(&self, url: &Url) -> bool {
        let by_network = match url.host() {
            Some(Host::Ipv4(address)) => self.networks.iter().any(|network| network.contains(&IpAddr::V4(address))),
            Some(Host::Ipv6(address)) => self.networks.iter().any(|network| network.contains(&IpAddr::V6(address).to_canonical())),
            _ => false,
        };
        by_network || url.host().is_some_and(|host| self.names(&host.to_string(), url.port_or_known_default().unwrap_or(443)))
    }

    fn names(&self, host: &str, port: u16) -> bool {
        let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        self.hosts.iter().any(|(name, only)| *name == host && only.is_none_or(|only| only == port))
    }

    /// Whether any port of `host` is named: what a resolver can know.
    fn names_host(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.hosts.iter().any(|(name, _)| *name == host)
    }

    fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if self.networks.iter().any(|network| network.contains(&address)) {
            return true;
        }
        if self.airgap { address.is_loopback() } else { is_global(address) }
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

fn refused(host: &str) -> Error {
    Error::bad_request(format!(
        "The server does not reach {host}: it is a private address, or outgoing connections are switched off. The operator can allow it with `egress.allow`."
    ))
}

/// Resolves names and passes on only what may be reached. The connection is made to what was judged here: nobody asks again.
struct Guard {
    policy: Arc<Policy>,
    lookup: Lookup,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, host) = (Arc::clone(&self.policy), name.as_str().to_owned());
        let found = (self.lookup)(host.clone());
        Box::pin(async move {
            let found = found.await?;
            // One forbidden address spoils the name: an attacker's server could answer with both kinds.
            if !policy.names_host(&host) && let Some(bad) = found.iter().find(|address| !policy.allows(address.ip())) {
                tracing::warn!(%host, address = %bad.ip(), "an outgoing request was refused");
                return Err(refused(&host).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the public internet's. The lists are IANA's special-purpose registries for IPv4 and IPv6.
fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && (c == 0 || c == 2))
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b))
        || (a == 198 && b == 51 && c == 100)
        || (a == 203 && b == 0 && c == 113)
        || a >= 224)
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Addresses that carry an IPv4 address are judged by it: NAT64 and 6to4.
    if segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [.., a, b, c, d] = address.octets();
        return is_global_v4(Ipv4Addr::new(a, b, c, d));
    }
    if segments[0] == 0x2002 {
        let [_, _, a, b, c, d, ..] = address.octets();
        return is_global_v4(Ipv4Addr::new(a, b, c, d));
    }
    // Only 2000::/3 is given out for the public internet; of it, documentation and the special 2001::/23 are not.
    segments[0] & 0xe000 == 0x2000
        && !(segments[0] == 0x2001 && segments[1] < 0x200)
        && !(segments[0] == 0x2001 && segments[1] == 0xdb8)
        && !(segments[0] == 0x3fff && segments[1] < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: &Policy, url: &str) -> bool {
        policy.check(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn a_private_address_is_refused_in_every_spelling() {
        let policy = Policy::default();
        for url in [
            "http://127.0.0.1/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/", "http://[::1]/",
            "http://[::ffff:127.0.0.1]/", "http://[::ffff:a9fe:a9fe]/", "http://169.254.169.254/", "http://10.0.0.1/", "http://192.168.1.1/",
            "http://172.16.0.1/", "http://100.64.0.1/", "http://0.0.0.0/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
            "http://[fc00::1]/", "http://[fe80::1]/", "http://224.0.0.1/", "http://255.255.255.255/", "http://[::]/", "ftp://example.com/",
            "http://user@127.0.0.1/", "http://127.0.0.1.:80/",
        ] {
            assert!(!check(&policy, url), "{url} must not be reached");
        }
        assert!(check(&policy, "https://93.184.216.34/") && check(&policy, "https://example.com/"));
    }

    #[test]
    fn the_operator_can_allow_a_host_a_port_or_a_network() {
        let policy = Policy::new(&["10.1.0.0/16".into(), "127.0.0.1:9000".into(), "ollama.internal".into()], false);
        assert!(check(&policy, "http://10.1.2.3/") && !check(&policy, "http://10.2.0.1/"));
        assert!(check(&policy, "http://127.0.0.1:9000/") && !check(&policy, "http://127.0.0.1:9001/"));
        assert!(policy.names_host("Ollama.internal."));
        let policy = Policy::new(&["ollama.internal:11434".into()], false);
        assert!(check(&policy, "http://ollama.internal:11434/") && !check(&policy, "http://ollama.internal:22/"));
    }

    #[test]
    fn an_air_gapped_server_reaches_loopback_alone() {
        let policy = Policy::new(&[], true);
        assert!(check(&policy, "http://127.0.0.1:11434/") && !check(&policy, "https://example.com/") && !check(&policy, "https://93.184.216.34/"));
    }
}
