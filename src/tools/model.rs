//! MCP servers, actions, the web search and an assistant's tools, as the API shows them, and the rules of their fields.

use std::collections::BTreeMap;

use poem_openapi::{Enum, Object, types::MaybeUndefined};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::schema;
use crate::{
    app::App,
    clock::Timestamp,
    config::{Config, SEARCH_ENGINES},
    error::{Error, Result},
    secrets::SecretText,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Streamable HTTP.
    Http,
    /// A program on the server's machine; only where the operator's file has `mcp.allow_stdio`.
    Stdio,
}

impl Transport {
    pub const fn word(self) -> &'static str {
        match self {
            Transport::Http => "http",
            Transport::Stdio => "stdio",
        }
    }
}

#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct McpServer {
    pub id: String,
    pub name: String,
    pub transport: Transport,
    pub url: Option<String>,
    pub command: Option<Vec<String>>,
    /// Of each header the last characters alone.
    pub headers: BTreeMap<String, String>,
    pub enabled: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[oai(skip)]
    pub secret: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
pub struct McpServerFields {
    pub name: Option<String>,
    pub transport: Option<Transport>,
    pub url: MaybeUndefined<String>,
    /// The program and its arguments.
    pub command: MaybeUndefined<Vec<String>>,
    /// They replace all headers; a value as it was shown keeps what is stored.
    pub headers: Option<BTreeMap<String, String>>,
    pub enabled: Option<bool>,
}

/// A tool as an MCP server lists it.
#[derive(Debug, Clone, Object, Serialize, Deserialize)]
pub struct ListedTool {
    pub name: String,
    pub description: String,
    pub parameters: Value,
}

#[derive(Debug, Clone, Object)]
pub struct McpTest {
    pub tools: Vec<ListedTool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename = "ActionMethod", rename_all = "UPPERCASE")]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub const fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// A request that a model may have sent, with the arguments that it fills in.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct Action {
    pub id: String,
    pub name: String,
    pub description: String,
    /// A JSON Schema of type `object`.
    pub parameters: Value,
    pub method: Method,
    /// `{name}` stands for an argument; the others go into the query, or into the JSON body.
    pub url: String,
    pub headers: BTreeMap<String, String>,
    /// Of each the last characters alone.
    pub secret_headers: BTreeMap<String, String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[oai(skip)]
    pub secret: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
pub struct ActionFields {
    /// Letters, digits and `_`: what the model calls it by.
    pub name: Option<String>,
    /// What it does and when to use it, for the model.
    pub description: Option<String>,
    pub parameters: Option<Value>,
    pub method: Option<Method>,
    pub url: Option<String>,
    pub headers: Option<BTreeMap<String, String>>,
    /// They replace all secret headers; a value as it was shown keeps what is stored.
    pub secret_headers: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum SearchProvider {
    Exa,
    Brave,
    Tavily,
    Searxng,
}

impl SearchProvider {
    pub const fn word(self) -> &'static str {
        match self {
            SearchProvider::Exa => "exa",
            SearchProvider::Brave => "brave",
            SearchProvider::Tavily => "tavily",
            SearchProvider::Searxng => "searxng",
        }
    }

    pub const fn base_url(self) -> &'static str {
        match self {
            SearchProvider::Exa => "https://api.exa.ai",
            SearchProvider::Brave => "https://api.search.brave.com",
            SearchProvider::Tavily => "https://api.tavily.com",
            SearchProvider::Searxng => "",
        }
    }
}

/// Who said where the web is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "WebSearchSource", rename_all = "lowercase")]
pub enum SearchSource {
    Workspace,
    /// The operator, for every workspace that does not say.
    Instance,
}

/// Where the workspace's assistants search the web.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct WebSearch {
    pub provider: SearchProvider,
    pub source: SearchSource,
    /// The key's last characters.
    pub api_key: Option<String>,
    /// Needed for SearXNG; for the others their own address where it is null.
    pub base_url: Option<String>,
    #[oai(skip)]
    pub secret: Option<SecretText>,
}

impl WebSearch {
    /// The operator's: the first of the engines that the settings name.
    pub fn of_instance(config: &Config) -> Option<WebSearch> {
        let (name, search) = SEARCH_ENGINES.iter().find_map(|name| config.search.get(*name).map(|search| (*name, search)))?;
        let provider = [SearchProvider::Exa, SearchProvider::Brave, SearchProvider::Tavily, SearchProvider::Searxng].into_iter().find(|provider| provider.word() == name)?;
        let secret = search.api_key.clone();
        Some(WebSearch { provider, source: SearchSource::Instance, api_key: secret.as_ref().map(SecretText::hint), base_url: search.base_url.clone(), secret })
    }
}

/// What to try an action with.
#[derive(Debug, Clone, Default, Object, Deserialize)]
#[serde(default)]
pub struct ActionTestFields {
    /// As a model would fill them in.
    pub arguments: Option<Value>,
}

/// What became of trying an action: what a model would be told.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct ActionTest {
    pub ok: bool,
    /// `{status, body}` as it came back; null where nothing did.
    pub result: Option<Value>,
    /// What went wrong; null where nothing did.
    pub error: Option<String>,
    pub elapsed_ms: u64,
}

/// What to try the web search with.
#[derive(Debug, Clone, Default, Object, Deserialize)]
#[serde(default)]
pub struct WebSearchTestFields {
    #[oai(validator(min_length = 1, max_length = 400))]
    pub query: String,
}

/// A page that a web search found.
#[derive(Debug, Clone, Object)]
pub struct FoundPage {
    pub title: String,
    pub url: String,
    /// Its beginning, or the passage that was found.
    pub text: String,
}

/// What became of trying the web search.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct WebSearchTest {
    pub ok: bool,
    pub results: Vec<FoundPage>,
    /// What went wrong; null where nothing did.
    pub error: Option<String>,
    pub elapsed_ms: u64,
}

#[derive(Debug, Clone, Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct WebSearchFields {
    pub provider: SearchProvider,
    /// Left out, the stored one is kept.
    pub api_key: Option<String>,
    pub base_url: Option<String>,
}

/// Something that an assistant may use.
#[derive(Debug, Clone, PartialEq, Eq, Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct AssistantTool {
    /// `search_knowledge`, `hand_off_to_human`, `create_ticket`, an action's id, an MCP server's id for all of its tools, or `{server's id}/{tool}`.
    pub tool: String,
    /// Whether visitors' questions may lead to it too, or only those of the workspace's people.
    #[oai(default = "yes")]
    #[serde(default = "yes")]
    pub visitors: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Object, Deserialize)]
pub struct AssistantTools {
    pub tools: Vec<AssistantTool>,
}

/// What is shown of a secret.
pub fn hint(secret: &str) -> String {
    SecretText::new(secret).hint()
}

pub fn hints(secrets: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    secrets.iter().map(|(name, value)| (name.clone(), hint(value))).collect()
}

/// New secrets over the stored ones: a value that is a stored one's hint means that one.
pub fn keep(new: BTreeMap<String, String>, stored: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    new.into_iter()
        .map(|(name, value)| {
            let kept = stored.get(&name).filter(|secret| hint(secret) == value).cloned();
            (name, kept.unwrap_or(value))
        })
        .collect()
}

/// Names that a model can call: letters, digits and `_`, not one of our own.
pub fn check_tool_name(name: &str) -> Result<()> {
    let good = name.len() <= 48 && name.chars().next().is_some_and(|c| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !good || name.contains("__") {
        return Err(Error::invalid("name", "must begin with a letter and have at most 48 letters, digits and single `_`"));
    }
    if super::builtin::NAMES.contains(&name) {
        return Err(Error::invalid("name", "is the name of a built-in tool"));
    }
    Ok(())
}

pub fn check_headers(field: &str, headers: &BTreeMap<String, String>) -> Result<()> {
    const OURS: [&str; 7] = ["host", "content-length", "connection", "transfer-encoding", "upgrade", "te", "trailer"];
    if headers.len() > 20 {
        return Err(Error::invalid(field, "must have at most 20 headers"));
    }
    for (name, value) in headers {
        let known = http::HeaderName::from_bytes(name.as_bytes()).is_ok() && http::HeaderValue::from_str(value).is_ok() && value.len() <= 4_000;
        if !known || OURS.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(Error::invalid(format!("{field}.{name}"), "is not a header that can be sent"));
        }
    }
    Ok(())
}

/// An address that requests are to go to: judged as far as it can be without resolving it.
pub fn check_url(app: &App, field: &str, url: &str) -> Result<()> {
    if url.len() > 2_000 {
        return Err(Error::invalid(field, "must have at most 2,000 characters"));
    }
    let url = Url::parse(url).map_err(|_| Error::invalid(field, "must be an address that begins with https:// or http://"))?;
    if url.host_str().is_some_and(|host| host.contains(['{', '}', '%'])) || !url.username().is_empty() || url.password().is_some() {
        return Err(Error::invalid(field, "must have a fixed host and no name or password in it"));
    }
    app.client.check(&url).map_err(|error| Error::invalid(field, error.message().to_owned()))
}

impl McpServer {
    pub fn check(&self, app: &App) -> Result<()> {
        let named = !self.name.trim().is_empty() && self.name.chars().count() <= 60;
        if !named {
            return Err(Error::invalid("name", "must have 1 to 60 characters"));
        }
        check_headers("headers", &self.secret)?;
        match (self.transport, &self.url, &self.command) {
            (Transport::Http, Some(url), None) => check_url(app, "url", url),
            (Transport::Http, _, _) => Err(Error::invalid("url", "is required for the transport http, and command must be left out")),
            (Transport::Stdio, _, _) if !app.config.mcp.allow_stdio => {
                Err(Error::invalid("transport", "stdio runs programs on the server; the operator has to allow it with `mcp.allow_stdio = true` in illumichat.toml"))
            }
            (Transport::Stdio, None, Some(command)) if command.first().is_some_and(|program| !program.trim().is_empty()) && command.len() <= 50 => Ok(()),
            (Transport::Stdio, _, _) => Err(Error::invalid("command", "must name a program and its arguments, and url must be left out")),
        }
    }
}

impl Action {
    pub fn check(&self, app: &App) -> Result<()> {
        check_tool_name(&self.name)?;
        if self.description.trim().is_empty() || self.description.chars().count() > 1_000 {
            return Err(Error::invalid("description", "must have 1 to 1,000 characters: the model decides by it"));
        }
        schema::check("parameters", &self.parameters)?;
        check_headers("headers", &self.headers)?;
        check_headers("secretHeaders", &self.secret)?;
        let names: Vec<&str> = placeholders(&self.url);
        if let Some(unknown) = names.iter().find(|name| self.parameters["properties"].get(**name).is_none()) {
            return Err(Error::invalid("url", format!("names {{{unknown}}}, which is not among the parameters' properties")));
        }
        check_url(app, "url", &names.iter().fold(self.url.clone(), |url, name| url.replace(&format!("{{{name}}}"), "x")))?;
        // A host that an argument could choose would let a model send secrets anywhere.
        let host_end = self.url.find("://").map_or(0, |at| self.url[at + 3..].find(['/', '?', '#']).map_or(self.url.len(), |end| at + 3 + end));
        if self.url[..host_end].contains('{') { Err(Error::invalid("url", "must have a fixed host")) } else { Ok(()) }
    }
}

/// The `{names}` in an address.
pub fn placeholders(url: &str) -> Vec<&str> {
    url.match_indices('{').filter_map(|(at, _)| url[at + 1..].find('}').map(|end| &url[at + 1..at + 1 + end])).collect()
}
