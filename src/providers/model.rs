//! A provider, as the API shows it, and the rules that its settings keep.

use poem_openapi::{Enum, Object};
use serde::Serialize;
use url::Url;

use crate::{
    app::App,
    clock::Timestamp,
    error::{Error, Result},
    llm::{Configured, Endpoint, Kind},
    secrets::SecretText,
};

/// A provider of models. Its key is shown as its last four characters and no more.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    /// The `provider` of `provider/model`.
    pub name: String,
    pub kind: Kind,
    /// Where it is asked.
    pub base_url: String,
    /// The end of its key; null where it has none.
    pub key_hint: Option<String>,
    /// The models that the settings name; empty where the provider is asked for them.
    pub models: Vec<String>,
    pub enabled: bool,
    /// Who takes a turn that it fails, before the built-in answerer does.
    pub fallback_model: Option<String>,
    /// How often a request is sent again before the first token.
    pub retries: u32,
    /// How long the beginning of an answer is waited for.
    pub first_byte_seconds: u64,
    /// How long an answer may pause.
    pub idle_seconds: u64,
    /// Who set it up: the workspace, or the operator for the whole instance.
    pub source: Source,
    /// How many models it has, as far as is known.
    pub model_count: u64,
    /// Why it cannot be used now; null where it can.
    pub reason: Option<String>,
    /// Null for the instance's.
    pub updated_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase", rename = "ProviderSource")]
#[serde(rename_all = "lowercase")]
pub enum Source {
    Workspace,
    Instance,
}

/// A workspace's own provider, as it is kept.
#[derive(Debug, Clone)]
pub struct Own {
    pub name: String,
    pub kind: Kind,
    pub base_url: Option<String>,
    pub api_key: Option<SecretText>,
    pub models: Vec<String>,
    pub enabled: bool,
    pub fallback_model: Option<String>,
    pub retries: u32,
    pub first_byte_seconds: u64,
    pub idle_seconds: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The ranges of what can be set.
const MOST_RETRIES: u32 = 5;
const MOST_SECONDS: u64 = 300;
const MOST_MODELS: usize = 500;

impl Own {
    /// What every write must leave true.
    pub fn check(&self, app: &App) -> Result<()> {
        if self.kind == Kind::Local {
            return Err(Error::invalid("kind", "needs no setting up: put a GGUF file into the server's models folder, and name it as local/{file}"));
        }
        if let Some(url) = &self.base_url {
            let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            let url = url.ok_or_else(|| Error::invalid("baseUrl", "must be an address like https://llm.example.com/v1"))?;
            if !url.username().is_empty() || url.password().is_some() {
                return Err(Error::invalid("baseUrl", "must not hold a user or a password; give the key in apiKey"));
            }
        }
        let base_url = self.base_url.as_deref().or(self.kind.default_base_url());
        let base_url = base_url.ok_or_else(|| Error::invalid("baseUrl", "is required for this kind, which has no address of its own"))?;
        let url = Url::parse(base_url).map_err(|_| Error::invalid("baseUrl", "is not an address"))?;
        app.client.check(&url).map_err(|_| {
            Error::invalid("baseUrl", "is a private address, or outgoing connections are switched off; the operator can allow it with `egress.allow`")
        })?;
        if let Some(key) = &self.api_key
            && (key.reveal().chars().count() > 1000 || !key.reveal().bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(Error::invalid("apiKey", "must have at most 1000 characters, and no spaces"));
        }
        if self.models.len() > MOST_MODELS {
            return Err(Error::invalid("models", format!("must have at most {MOST_MODELS} names")));
        }
        for (place, model) in self.models.iter().enumerate() {
            if model.is_empty() || model.chars().count() > 200 || model.chars().any(|c| c.is_control() || c.is_whitespace()) {
                return Err(Error::invalid(format!("models[{place}]"), "must be a model's name of 1 to 200 characters without spaces"));
            }
        }
        if self.retries > MOST_RETRIES {
            return Err(Error::invalid("retries", format!("must be a number from 0 to {MOST_RETRIES}")));
        }
        for (field, seconds) in [("firstByteSeconds", self.first_byte_seconds), ("idleSeconds", self.idle_seconds)] {
            if !(1..=MOST_SECONDS).contains(&seconds) {
                return Err(Error::invalid(field, format!("must be a number from 1 to {MOST_SECONDS}")));
            }
        }
        Ok(())
    }

    pub fn configured(&self) -> Configured {
        let mut endpoint = Endpoint::new(self.kind, self.base_url.as_deref(), self.api_key.clone());
        endpoint.name.clone_from(&self.name);
        endpoint.timeouts.first_byte = std::time::Duration::from_secs(self.first_byte_seconds);
        endpoint.timeouts.idle = std::time::Duration::from_secs(self.idle_seconds);
        Configured {
            models: self.models.clone(),
            enabled: self.enabled,
            fallback_model: self.fallback_model.clone(),
            retries: self.retries,
            ..Configured::new(endpoint)
        }
    }
}

/// A name that can stand before the slash of `provider/model`, and in an address.
pub fn check_provider_name(name: &str) -> Result<()> {
    let well_formed = (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
        && name.as_bytes()[0].is_ascii_alphanumeric();
    if !well_formed {
        return Err(Error::invalid("name", "must have 1 to 64 small letters, digits, hyphens, underscores or dots, a letter or digit first"));
    }
    if matches!(name, "builtin" | "local") {
        return Err(Error::invalid("name", "is one that the server has for itself; take another"));
    }
    Ok(())
}
