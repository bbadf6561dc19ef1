//! What the operator has set: flag, then environment, then file, then default. What people set in the dashboard is
//! product data and lives in the database.

mod list;
mod load;
mod ollama;
mod size;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use load::{Loaded, SEARCH_ENGINES, Setting, load};
pub use size::ByteSize;

use crate::secrets::SecretText;

/// The whole of it, with the defaults of `Default`. Field names are the keys of `illumichat.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub listen: SocketAddr,
    /// How the world reaches this server; from `listen` where it is not set.
    pub public_url: Option<String>,
    pub data_dir: PathBuf,
    pub log: Log,
    pub secret_key: Option<SecretText>,
    #[serde(deserialize_with = "list::deserialize")]
    pub trusted_proxies: Vec<IpNet>,
    pub egress: Egress,
    /// Refuses every outgoing connection but to loopback and what `egress.allow` names.
    pub airgap: bool,
    pub signup: Signup,
    pub workspaces: Workspaces,
    pub default_model: Option<String>,
    pub limits: Limits,
    pub uploads: Uploads,
    /// How much memory the server may plan with.
    pub memory: ByteSize,
    pub embed: Embed,
    pub rerank: Rerank,
    pub chat: Chat,
    pub providers: BTreeMap<String, Provider>,
    pub twilio: Twilio,
    /// The program that reads documents; this executable where it is not set. No setting: tests run in another one.
    #[serde(skip)]
    pub reader: Option<PathBuf>,
    /// Where models lie; in the data folder where it is not set. No setting: `eval` has a data folder of its own.
    #[serde(skip)]
    pub models: Option<PathBuf>,
    pub smtp: Smtp,
    /// After how many days conversations are deleted, where a workspace does not say; `None` keeps them.
    pub retention_days: Option<std::num::NonZeroU16>,
    /// OpenID Connect providers that people may sign in with, by the name in their address.
    pub oidc: BTreeMap<String, Oidc>,
    pub mcp: Mcp,
    pub local: Local,
    /// Where the web is searched for workspaces that do not say: `exa`, `brave`, `tavily` or `searxng`.
    pub search: BTreeMap<String, Search>,
}

/// The models that run inside the process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Local {
    /// How many tokens prompt and answer may have together. Without a graphics card a thousand take most of a minute.
    pub context_tokens: usize,
    /// How many questions may wait for the one that is answered.
    pub queue: usize,
}

/// An engine that searches the web, as the operator configures it once for the instance.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Search {
    pub api_key: Option<SecretText>,
    /// Needed for SearXNG; the others' own address where it is not set.
    pub base_url: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mcp {
    /// Whether admins may name programs that the server then runs.
    pub allow_stdio: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    pub format: LogFormat,
    pub level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Egress {
    /// Networks in CIDR and hosts by name (`name` or `name:port`) that outgoing requests may reach although they are private.
    #[serde(deserialize_with = "list::deserialize")]
    pub allow: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signup {
    Invite,
    Open,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Workspaces {
    pub create: WhoMayCreate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhoMayCreate {
    /// Owners and admins of any workspace.
    Admins,
    Everyone,
}

/// Requests a minute for each group of routes, as `spec` names them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub enabled: bool,
    pub api: u32,
    pub chat: u32,
    pub widget_read: u32,
    pub widget_session: u32,
    pub widget_chat_session: u32,
    pub widget_chat_address: u32,
    /// Leads, feedback and uploads of one session.
    pub widget_write: u32,
    pub widget_tickets: u32,
    /// A site's configuration, messages and files, each by site and address.
    pub site_read: u32,
    pub site_create: u32,
    pub site_reply: u32,
    /// Twilio's requests for one assistant.
    pub sms: u32,
    /// Wrong sign-ins for one account and address in 15 minutes.
    pub signin_account: u32,
    /// Wrong sign-ins from one address in 15 minutes.
    pub signin_address: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Uploads {
    pub max_bytes: ByteSize,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Embed {
    /// Threads that embed; one a core where it is not set.
    pub workers: Option<usize>,
    /// The model that embeds, by its name below `models/`; the one in the executable where it is not set.
    pub model: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rerank {
    /// The model that ranks what was found once more, by its name below `models/`; `auto` takes the one that there is, `off` none.
    pub model: String,
    /// How many passages it reads.
    pub passages: usize,
    /// How long it may take; what it has not read by then stays in the order that it was found in.
    pub timeout_ms: u64,
}

impl Rerank {
    pub const AUTO: &str = "auto";
    pub const OFF: &str = "off";

    /// The one that is used of those that there are.
    pub fn choose<'a>(&'a self, there: &'a [String]) -> Option<&'a str> {
        match (self.model.as_str(), there) {
            (Rerank::AUTO, [only]) => Some(only),
            _ => self.named(),
        }
    }

    /// The model, where the settings name one.
    pub fn named(&self) -> Option<&str> {
        Some(self.model.as_str()).filter(|name| ![Rerank::AUTO, Rerank::OFF].contains(name))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Chat {
    pub timeout_seconds: u64,
    pub linger_seconds: u64,
    /// Whether a provider's model, where one answers, gives conversations their titles.
    pub titles: bool,
    /// Whether it puts follow-up questions anew for the search.
    pub rewrite_questions: bool,
}

/// Where Twilio's REST API is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Twilio {
    /// Twilio's own address where it is not set.
    pub api_base: Option<String>,
}

/// A provider of models, as the operator configures it once for the instance.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Provider {
    /// `openai`, `openai-compatible`, …; the provider's own name where it is not set.
    pub kind: Option<String>,
    pub api_key: Option<SecretText>,
    pub base_url: Option<String>,
    #[serde(deserialize_with = "list::deserialize")]
    /// The models that it has; where none is named, it is asked.
    pub models: Vec<String>,
    /// Who takes a turn that it fails, before the built-in answerer does.
    pub fallback_model: Option<String>,
    /// How often a request is sent again before the first token; 2 where it is not set.
    pub retries: Option<u32>,
    /// How long the beginning of an answer is waited for; 20 where it is not set.
    pub first_byte_seconds: Option<u64>,
    /// How long an answer may pause; 30 where it is not set.
    pub idle_seconds: Option<u64>,
}

/// The mail server that letters go out by.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Smtp {
    /// `smtps://user:password@mail.example.com`, or `smtp://…:587?tls=required`. A secret, for the password in it.
    pub url: Option<SecretText>,
    /// Whom letters come from, as `Acme <support@example.com>`.
    pub from: Option<String>,
}

/// An OpenID Connect provider.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Oidc {
    /// Its address, under which `/.well-known/openid-configuration` stands.
    pub issuer: String,
    pub client_id: String,
    pub client_secret: Option<SecretText>,
    /// Whose emails may sign in, by the part after the @. People of these domains who are new get an account; without any
    /// domain, only those who have one or are invited come in, or everyone where `signup` is open.
    pub domains: Vec<String>,
    /// What new people of these domains are in the first workspace; `member` where it is not set.
    pub role: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            data_dir: dirs::data_dir().unwrap_or_else(|| PathBuf::from(".")).join("illumichat"),
            log: Log::default(),
            secret_key: None,
            trusted_proxies: Vec::new(),
            egress: Egress::default(),
            airgap: false,
            retention_days: None,
            signup: Signup::Invite,
            workspaces: Workspaces::default(),
            default_model: None,
            limits: Limits::default(),
            uploads: Uploads::default(),
            memory: ByteSize::mib(512),
            embed: Embed::default(),
            rerank: Rerank::default(),
            chat: Chat::default(),
            providers: BTreeMap::new(),
            twilio: Twilio::default(),
            reader: None,
            models: None,
            mcp: Mcp::default(),
            smtp: Smtp::default(),
            oidc: BTreeMap::new(),
            local: Local::default(),
            search: BTreeMap::new(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Log { format: LogFormat::Text, level: "info".to_owned() }
    }
}

impl Default for Workspaces {
    fn default() -> Self {
        Workspaces { create: WhoMayCreate::Admins }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            enabled: true,
            api: 600,
            chat: 60,
            widget_read: 60,
            widget_session: 30,
            widget_chat_session: 20,
            widget_chat_address: 60,
            widget_write: 10,
            widget_tickets: 5,
            site_read: 60,
            site_create: 5,
            site_reply: 20,
            sms: 300,
            signin_account: 10,
            signin_address: 30,
        }
    }
}

impl Default for Uploads {
    fn default() -> Self {
        Uploads { max_bytes: ByteSize::mib(50) }
    }
}

impl Default for Rerank {
    fn default() -> Self {
        Rerank { model: Rerank::AUTO.to_owned(), passages: 20, timeout_ms: 300 }
    }
}

impl Default for Local {
    fn default() -> Self {
        Local { context_tokens: 1024, queue: 4 }
    }
}

impl Default for Chat {
    fn default() -> Self {
        Chat { timeout_seconds: 60, linger_seconds: 15, titles: true, rewrite_questions: true }
    }
}

impl Config {
    /// The address that links are made with, without a slash at its end.
    pub fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => {
                let host = if self.listen.ip().is_unspecified() { "localhost".to_owned() } else { self.listen.ip().to_string() };
                if self.listen.ip().is_ipv6() && !self.listen.ip().is_unspecified() {
                    format!("http://[{host}]:{}", self.listen.port())
                } else {
                    format!("http://{host}:{}", self.listen.port())
                }
            }
        }
    }

    pub fn database_path(&self) -> PathBuf {
        self.data_dir.join("illumichat.db")
    }

    /// Where models lie that are not in the executable: folders to embed with, files to answer with.
    pub fn models_dir(&self) -> PathBuf {
        self.models.clone().unwrap_or_else(|| self.data_dir.join("models"))
    }

    pub fn files_dir(&self) -> PathBuf {
        self.data_dir.join("files")
    }
}
