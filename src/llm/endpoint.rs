//! Where a model is reached: the kind of provider, its address, its key, and how long to wait for it.

use std::{fmt, str::FromStr, time::Duration};

use poem_openapi::Enum;
use serde::{Deserialize, Serialize};
use url::Url;

use super::Failure;
use crate::secrets::SecretText;

/// One provider, ready to be asked.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The provider's name in the settings, the `provider` of `provider/model`.
    pub name: String,
    pub kind: Kind,
    /// What the format's paths are appended to, with its version if it has one: `https://api.openai.com/v1`.
    pub base_url: String,
    pub api_key: Option<SecretText>,
    pub timeouts: Timeouts,
}

impl Endpoint {
    /// An endpoint at the kind's own address, or at `base_url`, with the usual timeouts.
    pub fn new(kind: Kind, base_url: Option<&str>, api_key: Option<SecretText>) -> Self {
        let base_url = base_url.or(kind.default_base_url()).unwrap_or_default().to_owned();
        // Keys are pasted, and bring white space along.
        let api_key = api_key.map(|key| SecretText::new(key.reveal().trim())).filter(|key| !key.is_empty());
        Endpoint { name: kind.name().to_owned(), kind, base_url, api_key, timeouts: Timeouts::default() }
    }

    /// The address of one of the format's paths (`chat/completions`). Someone who pastes the whole address of an
    /// operation means its base.
    pub(super) fn url(&self, path: &str) -> Result<Url, Failure> {
        let base = self.base_url.trim().trim_end_matches('/');
        let base = base.strip_suffix("/chat/completions").or_else(|| base.strip_suffix("/messages")).unwrap_or(base);
        let mut url = Url::parse(base).map_err(|_| Failure::Misconfigured("base address is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(Failure::Misconfigured("base address must begin with http:// or https://"));
        }
        // Anthropic's own programs take the address without the version.
        let version = if self.kind == Kind::Anthropic && url.path() == "/" { "v1/" } else { "" };
        let path = format!("{}/{version}{path}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(url)
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.api_key.as_ref().map(SecretText::reveal)
    }
}

/// How long to wait. The time for making the connection is the HTTP client's own, and counts into `first_byte` too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From sending the request to the first byte of the answer's body.
    pub first_byte: Duration,
    /// Between two reads of the body. A provider's keep-alive comments count as signs of life.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { first_byte: Duration::from_secs(20), idle: Duration::from_secs(30) }
    }
}

/// What a provider is, and so which wire format it speaks and where it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
#[oai(rename_all = "kebab-case", rename = "ProviderKind")]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Openai,
    Anthropic,
    Xai,
    Gemini,
    Mistral,
    Groq,
    Deepseek,
    Openrouter,
    Ollama,
    /// Any other address that speaks OpenAI's chat completions.
    OpenaiCompatible,
    /// A file in the models folder, run inside the process; nobody can be configured to be one.
    Local,
}

impl Kind {
    /// Those that are asked over a network, and so can be configured.
    pub const ALL: [Kind; 10] = [
        Kind::Openai,
        Kind::Anthropic,
        Kind::Xai,
        Kind::Gemini,
        Kind::Mistral,
        Kind::Groq,
        Kind::Deepseek,
        Kind::Openrouter,
        Kind::Ollama,
        Kind::OpenaiCompatible,
    ];

    /// As the settings and the API write it.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Openai => "openai",
            Kind::Anthropic => "anthropic",
            Kind::Xai => "xai",
            Kind::Gemini => "gemini",
            Kind::Mistral => "mistral",
            Kind::Groq => "groq",
            Kind::Deepseek => "deepseek",
            Kind::Openrouter => "openrouter",
            Kind::Ollama => "ollama",
            Kind::OpenaiCompatible => "openai-compatible",
            Kind::Local => "local",
        }
    }

    /// Where it is found unless the settings say otherwise. Gemini is asked at its OpenAI-compatible address and not in its
    /// native format, because all that is asked of it here (streams, tools, usage, both ends) is had there, in the format that
    /// nine of ten kinds share and that is tried against every fault.
    pub const fn default_base_url(self) -> Option<&'static str> {
        Some(match self {
            Kind::Openai => "https://api.openai.com/v1",
            Kind::Anthropic => "https://api.anthropic.com/v1",
            Kind::Xai => "https://api.x.ai/v1",
            Kind::Gemini => "https://generativelanguage.googleapis.com/v1beta/openai",
            Kind::Mistral => "https://api.mistral.ai/v1",
            Kind::Groq => "https://api.groq.com/openai/v1",
            Kind::Deepseek => "https://api.deepseek.com/v1",
            Kind::Openrouter => "https://openrouter.ai/api/v1",
            Kind::Ollama => "http://127.0.0.1:11434/v1",
            Kind::OpenaiCompatible | Kind::Local => return None,
        })
    }

    /// Whether it answers nobody without a key. Someone who names another base address decides for himself.
    pub const fn needs_key(self) -> bool {
        !matches!(self, Kind::Ollama | Kind::OpenaiCompatible | Kind::Local)
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or(())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(kind: Kind, base_url: &str, path: &str) -> Result<String, Failure> {
        Endpoint::new(kind, Some(base_url), None).url(path).map(String::from)
    }

    #[test]
    fn appends_the_path_to_the_base() {
        let cases = [
            ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
            (" http://127.0.0.1:8080/v1/ ", "http://127.0.0.1:8080/v1/chat/completions"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/chat/completions"),
            ("https://x.example/v1/chat/completions", "https://x.example/v1/chat/completions"),
            ("https://x.example/v1?api-version=1", "https://x.example/v1/chat/completions?api-version=1"),
        ];
        for (base, expected) in cases {
            assert_eq!(url(Kind::Openai, base, "chat/completions").as_deref(), Ok(expected));
        }
        for base in
            ["https://api.anthropic.com", "https://api.anthropic.com/v1", "https://api.anthropic.com/v1/messages"]
        {
            assert_eq!(url(Kind::Anthropic, base, "messages").as_deref(), Ok("https://api.anthropic.com/v1/messages"));
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_base() {
        for base in ["", "api.openai.com/v1", "file:///etc/passwd", "localhost:11434"] {
            assert!(matches!(url(Kind::Openai, base, "models"), Err(Failure::Misconfigured(_))), "{base}");
        }
    }

    #[test]
    fn a_key_is_trimmed_and_not_shown() {
        let key = |text: &str| Endpoint::new(Kind::Openai, None, Some(SecretText::new(text)));
        assert_eq!(key(" sk-secret\n").key(), Some("sk-secret"));
        assert_eq!(key("  ").key(), None);
        assert!(!format!("{:?}", key("sk-secret")).contains("secret"));
    }

    #[test]
    fn kinds_have_names() {
        for kind in Kind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert!("nobody".parse::<Kind>().is_err());
    }
}
