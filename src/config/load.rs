//! Reads the settings from where they may stand, and remembers where each came from.

use std::{collections::BTreeMap, path::Path};

use figment::{
    Figment, Profile,
    providers::{Env, Format, Serialized, Toml},
    value::{Dict, Value},
};

use super::{Config, ollama};
use crate::{
    error::{Error, Result},
    secrets::SecretText,
};

const PREFIX: &str = "ILLUMICHAT_";

/// The kinds of providers that `llm` can ask; a test holds the two lists together.
pub const PROVIDER_KINDS: [&str; 10] =
    ["openai", "anthropic", "xai", "gemini", "mistral", "groq", "deepseek", "openrouter", "ollama", "openai-compatible"];

/// Variables of the same prefix that are read elsewhere, or belong to clients: no warning for these.
const OTHER_VARIABLES: [&str; 6] =
    ["ILLUMICHAT_CONFIG", "ILLUMICHAT_API_TOKEN", "ILLUMICHAT_ADMIN_EMAIL", "ILLUMICHAT_ADMIN_PASSWORD", "ILLUMICHAT_WEB_DIST", "ILLUMICHAT_MODEL_DIR"];

/// One line of `illumichat config`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Setting {
    pub key: String,
    pub value: String,
    pub origin: String,
}

pub struct Loaded {
    pub config: Config,
    pub settings: Vec<Setting>,
    /// Sentences about what was set but is not known.
    pub warnings: Vec<String>,
}

/// Reads everything. `file` is `--config`; without one, `illumichat.toml` in the working folder is read where there is one.
/// `flags` are the command line's, by their key.
pub fn load(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Loaded> {
    let mut figment = Figment::from(Serialized::defaults(Config::default()));
    figment = match file {
        Some(path) if !path.is_file() => {
            return Err(Error::bad_request(format!("There is no configuration file at {}. Check `--config`.", path.display())));
        }
        Some(path) => figment.merge(Toml::file_exact(path)),
        None if Path::new("illumichat.toml").is_file() => figment.merge(Toml::file_exact("illumichat.toml")),
        None => figment,
    };
    let known = known_keys();
    let warnings = std::env::vars()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with(PREFIX) && !name.starts_with("ILLUMICHAT_TEST_") && !OTHER_VARIABLES.contains(&name.as_str()))
        .filter(|name| !known.contains(&first_key(&name[PREFIX.len()..])))
        .map(|name| format!("The variable {name} is set, but there is no such setting; it is ignored."))
        .collect();
    let names = known.clone();
    let own = Env::prefixed(PREFIX).split("__").filter(move |key| names.iter().any(|name| *name == first_key(key.as_str()))).lowercase(true);
    figment = figment.merge(own);
    for (key, value) in flags {
        figment = figment.merge(Serialized::default(key, value).profile(Profile::Default));
    }
    let mut config: Config = figment.extract().map_err(|error| explain(&error))?;
    add_provider_variables(&mut config);
    check(&config)?;
    let settings = settings(&figment, &config);
    Ok(Loaded { config, settings, warnings })
}

fn first_key(key: &str) -> String {
    let key = key.to_ascii_lowercase();
    key.split_once("__").map_or(key.as_str(), |(first, _)| first).split('.').next().unwrap_or_default().to_owned()
}

fn known_keys() -> Vec<String> {
    match serde_json::to_value(Config::default()) {
        Ok(serde_json::Value::Object(fields)) => fields.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

/// figment's error as one sentence that names the key, what is wrong, and where it stands.
fn explain(error: &figment::Error) -> Error {
    use figment::error::Kind;
    let key = error.path.join(".");
    let place = error
        .metadata
        .as_ref()
        .map(|metadata| match metadata.source.as_ref() {
            Some(figment::Source::File(path)) => format!(" in {}", path.display()),
            _ if metadata.name.contains("environment") => {
                format!(" in the environment ({PREFIX}{})", key.to_ascii_uppercase().replace('.', "__"))
            }
            _ => String::new(),
        })
        .unwrap_or_default();
    Error::bad_request(match &error.kind {
        Kind::UnknownField(field, _) => {
            let field = if key.is_empty() { field.clone() } else if key.ends_with(field.as_str()) { key } else { format!("{key}.{field}") };
            format!("There is no setting `{field}`{place}. `illumichat config` lists the settings.")
        }
        _ if key.is_empty() => format!("The configuration{place} cannot be read: {}.", error.kind),
        kind => format!("The setting `{key}`{place} is not valid: {kind}."),
    })
}

/// The providers' own customary variables: `OPENAI_API_KEY`, `OPENAI_BASE_URL` and so on, and `OLLAMA_HOST`. They fill in
/// what the settings leave out.
fn add_provider_variables(config: &mut Config) {
    let variable = |name: &str| std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    for name in ["openai", "anthropic", "xai", "gemini", "mistral", "groq", "deepseek", "openrouter"] {
        let upper = name.to_ascii_uppercase();
        let (key, base) = (variable(&format!("{upper}_API_KEY")), variable(&format!("{upper}_BASE_URL")));
        if key.is_some() || base.is_some() {
            let provider = config.providers.entry(name.to_owned()).or_default();
            provider.api_key = provider.api_key.take().or(key.map(SecretText::new));
            provider.base_url = provider.base_url.take().or(base);
        }
    }
    config.twilio.api_base = config.twilio.api_base.take().or(variable("TWILIO_API_BASE"));
    if let Some(host) = variable("OLLAMA_HOST") {
        config.providers.entry("ollama".to_owned()).or_default().base_url.get_or_insert_with(|| ollama::base_url(&host));
    }
    for name in SEARCH_ENGINES {
        let upper = name.to_ascii_uppercase();
        let (key, base) = (variable(&format!("{upper}_API_KEY")), variable(&format!("{upper}_BASE_URL")));
        if key.is_some() || base.is_some() {
            let search = config.search.entry(name.to_owned()).or_default();
            search.api_key = search.api_key.take().or(key.map(SecretText::new));
            search.base_url = search.base_url.take().or(base);
        }
    }
    // Said here and not only where it is asked, because the guarded client lets through what the settings name.
    for (name, provider) in &mut config.providers {
        if provider.kind.as_deref().unwrap_or(name) == "ollama" {
            provider.base_url.get_or_insert_with(|| ollama::DEFAULT.to_owned());
        }
    }
}

/// In the order in which they are taken, where the operator names several.
pub const SEARCH_ENGINES: [&str; 4] = ["exa", "brave", "tavily", "searxng"];

const LOG_LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What the types cannot say.
fn check(config: &Config) -> Result<()> {
    if let Some(url) = &config.public_url {
        let parsed = url::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if parsed.is_none() {
            return Err(Error::bad_request(format!("The setting `public_url` is not valid: `{url}` is no address like https://chat.example.com.")));
        }
    }
    for (name, provider) in &config.providers {
        if let Some(kind) = &provider.kind
            && !PROVIDER_KINDS.contains(&kind.as_str())
        {
            return Err(Error::bad_request(format!(
                "The setting `providers.{name}.kind` is not valid: `{kind}` is none of {}.",
                PROVIDER_KINDS.join(", ")
            )));
        }
    }
    if config.smtp.url.is_some() != config.smtp.from.is_some() {
        return Err(Error::bad_request("The settings `smtp.url` and `smtp.from` belong together: set both, or neither."));
    }
    if config.smtp.url.as_ref().is_some_and(|url| !["smtp://", "smtps://"].iter().any(|scheme| url.reveal().starts_with(scheme))) {
        return Err(Error::bad_request("The setting `smtp.url` is not valid: it begins with smtp:// or smtps://."));
    }
    for (name, provider) in &config.oidc {
        let known = url::Url::parse(&provider.issuer).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if known.is_none() || provider.client_id.is_empty() {
            return Err(Error::bad_request(format!("The settings `oidc.{name}.issuer` and `oidc.{name}.client_id` are needed: an address like https://login.example.com/ and what the issuer calls this server.")));
        }
        if matches!(name.as_str(), "credentials" | "link") || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-') {
            return Err(Error::bad_request(format!("The setting `oidc.{name}` is not valid: choose another name, of small letters, digits and hyphens.")));
        }
        if provider.role.as_deref().is_some_and(|role| !["guest", "member", "admin"].contains(&role)) {
            return Err(Error::bad_request(format!("The setting `oidc.{name}.role` is not valid: it is guest, member or admin.")));
        }
    }
    if !LOG_LEVELS.contains(&config.log.level.as_str()) {
        return Err(Error::bad_request(format!("The setting `log.level` is not valid: `{}` is none of {}.", config.log.level, LOG_LEVELS.join(", "))));
    }
    let limits = &config.limits;
    for (key, value, least, most) in [
        ("embed.workers", config.embed.workers.unwrap_or(1) as u64, 1, 256),
        ("rerank.passages", config.rerank.passages as u64, 2, 100),
        ("rerank.timeout_ms", config.rerank.timeout_ms, 1, 60_000),
        ("local.context_tokens", config.local.context_tokens as u64, 256, 8_192),
        ("local.queue", config.local.queue as u64, 0, 100),
        ("chat.timeout_seconds", config.chat.timeout_seconds, 1, 3_600),
        ("chat.linger_seconds", config.chat.linger_seconds, 0, 3_600),
        ("limits.api", limits.api.into(), 1, 1_000_000),
        ("limits.chat", limits.chat.into(), 1, 1_000_000),
        ("limits.widget_read", limits.widget_read.into(), 1, 1_000_000),
        ("limits.widget_session", limits.widget_session.into(), 1, 1_000_000),
        ("limits.widget_chat_session", limits.widget_chat_session.into(), 1, 1_000_000),
        ("limits.widget_chat_address", limits.widget_chat_address.into(), 1, 1_000_000),
        ("limits.signin_account", limits.signin_account.into(), 1, 1_000_000),
        ("limits.signin_address", limits.signin_address.into(), 1, 1_000_000),
    ] {
        if !(least..=most).contains(&value) {
            return Err(Error::bad_request(format!("The setting `{key}` is not valid: {value} does not lie between {least} and {most}.")));
        }
    }
    for (name, provider) in &config.providers {
        let url = provider.base_url.as_deref();
        if let Some(url) = url.filter(|url| !url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())) {
            return Err(Error::bad_request(format!("The setting `providers.{name}.base_url` is not valid: `{url}` is no address like https://api.example.com/v1.")));
        }
    }
    for (name, search) in &config.search {
        if !SEARCH_ENGINES.contains(&name.as_str()) {
            return Err(Error::bad_request(format!("The setting `search.{name}` is not valid: `{name}` is none of {}.", SEARCH_ENGINES.join(", "))));
        }
        let url = search.base_url.as_deref();
        if let Some(url) = url.filter(|url| !url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())) {
            return Err(Error::bad_request(format!("The setting `search.{name}.base_url` is not valid: `{url}` is no address like https://search.example.com.")));
        }
        if search.base_url.is_none() && (name == "searxng" || search.api_key.is_none()) {
            let missing = if name == "searxng" { "base_url" } else { "api_key" };
            return Err(Error::bad_request(format!("The setting `search.{name}.{missing}` is needed.")));
        }
    }
    for entry in &config.egress.allow {
        if entry.trim().is_empty() || entry.contains("://") || (entry.contains('/') && entry.parse::<ipnet::IpNet>().is_err()) {
            return Err(Error::bad_request(format!(
                "The setting `egress.allow` is not valid: `{entry}` is neither a network like 10.0.0.0/8 nor a host like intranet.example."
            )));
        }
    }
    if let Some(key) = &config.secret_key {
        crate::secrets::SealKey::parse(key.reveal())?;
    }
    Ok(())
}

/// Every setting with its value and where it came from, secrets hidden.
fn settings(figment: &Figment, config: &Config) -> Vec<Setting> {
    let mut flat = BTreeMap::new();
    if let Ok(value) = Value::serialize(config) {
        flatten(String::new(), &value, &mut flat);
    }
    flat.into_iter()
        .map(|(key, value)| {
            let origin = match figment.find_metadata(&key) {
                Some(metadata) => match metadata.source.as_ref() {
                    Some(figment::Source::File(path)) => path.display().to_string(),
                    _ if metadata.name.contains("environment") => "environment".to_owned(),
                    _ if figment.find_value(&key).is_ok_and(|value| from_flag(figment, &key, &value)) => "command line".to_owned(),
                    _ => "default".to_owned(),
                },
                None if key.starts_with("providers.") => "environment".to_owned(),
                None => "default".to_owned(),
            };
            Setting { key, value, origin }
        })
        .collect()
}

/// A value that came through `Serialized` is the default, or a flag: it differs, then.
fn from_flag(_figment: &Figment, key: &str, value: &Value) -> bool {
    Value::serialize(Config::default()).ok().and_then(|defaults| defaults.find(key)).is_none_or(|default| &default != value)
}

fn flatten(prefix: String, value: &Value, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Dict(_, dict) if !dict.is_empty() => {
            let dict: &Dict = dict;
            for (key, value) in dict {
                flatten(if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") }, value, into);
            }
        }
        Value::Dict(..) => {}
        Value::Empty(..) => {
            into.insert(prefix, "none".to_owned());
        }
        Value::String(_, text) => {
            into.insert(prefix, text.clone());
        }
        other => {
            let text = serde_json::to_string(other).unwrap_or_default();
            into.insert(prefix, if text == "[]" { "none".to_owned() } else { text });
        }
    }
}
