//! What a model's name means: pure rules over the configured providers. Which providers there are, and which models an
//! assistant may use, is for `workspaces` to say.

use super::Kind;

/// The answerer that needs no provider.
pub const EXTRACTIVE: &str = "builtin/extractive";

/// A provider as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name in the settings; `openai` for one that the environment configured.
    pub name: String,
    pub kind: Kind,
    /// Whether it can be asked: it is enabled, and has a key if it needs one.
    pub ready: bool,
    /// The models that it lists, or that the settings name; the first is its default.
    pub models: Vec<String>,
}

/// Who answers under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved<'a> {
    /// The extractive answerer.
    Builtin,
    /// A model file of this name in the models folder.
    Local { file: &'a str },
    /// `model`, the provider's own name of it.
    Provider { provider: &'a Provider, model: &'a str },
    /// A known provider, that has no key yet or is switched off.
    Unconfigured { provider: &'a str, model: &'a str },
}

/// Resolves `name` over the providers in their order: as `provider/model`, else by the first ready provider that lists
/// it, else by its family. `None` for a name that no rule knows.
///
/// A provider's own model names may have a slash (`meta-llama/llama-3.1-8b`), so a listed name goes before a prefix that
/// is a known kind but not a configured provider.
pub fn resolve<'a>(name: &'a str, providers: &'a [Provider]) -> Option<Resolved<'a>> {
    if name == EXTRACTIVE {
        return Some(Resolved::Builtin);
    }
    let prefixed = name.split_once('/').filter(|(_, model)| !model.is_empty());
    match prefixed {
        Some(("builtin", _)) => return None,
        Some(("local", file)) => return is_file_name(file).then_some(Resolved::Local { file }),
        _ => {}
    }
    if let Some((prefix, model)) = prefixed
        && let Some(provider) = providers.iter().find(|provider| provider.name == prefix)
    {
        return Some(of(provider, model));
    }
    let lists = |provider: &&Provider| provider.ready && provider.models.iter().any(|model| model == name);
    if let Some(provider) = providers.iter().find(lists) {
        return Some(of(provider, name));
    }
    if let Some((prefix, model)) = prefixed {
        let kind: Kind = prefix.parse().ok().filter(|&kind| kind != Kind::OpenaiCompatible)?;
        return Some(of_kind(kind, model, providers));
    }
    Some(of_kind(family(name)?, name, providers))
}

/// The model of a workspace that chose none: its own default, the instance's, the first ready provider's first model,
/// the extractive answerer.
pub fn default_model<'a>(workspace: Option<&'a str>, instance: Option<&'a str>, providers: &'a [Provider]) -> String {
    if let Some(chosen) = workspace.or(instance) {
        return chosen.to_owned();
    }
    let first = |provider: &Provider| provider.models.iter().find(|model| is_chat_model(model)).cloned();
    let of = |provider: &Provider| first(provider).map(|model| format!("{}/{model}", provider.name));
    providers.iter().filter(|provider| provider.ready).find_map(of).unwrap_or_else(|| EXTRACTIVE.to_owned())
}

/// Whether a listed model can hold a conversation, as far as its name tells: providers list what hears, draws, embeds
/// and moderates among what talks.
pub fn is_chat_model(name: &str) -> bool {
    const OTHERS: [&str; 16] = [
        "embed",
        "whisper",
        "tts",
        "dall-e",
        "gpt-image",
        "moderation",
        "transcribe",
        "realtime",
        "audio",
        "sora",
        "rerank",
        "imagen",
        "veo-",
        "guard",
        "babbage",
        "davinci",
    ];
    !OTHERS.iter().any(|other| name.contains(other))
}

/// How many tokens a model takes where nobody says.
pub const DEFAULT_CONTEXT_TOKENS: u32 = 8192;

/// How many tokens prompt and answer may have together: what the provider lists, else what is known of the model's
/// name, else a careful default. Ollama cuts a prompt silently to the window that it was started with, whatever the
/// model can do, so there only its own default counts.
pub fn context_tokens(kind: Kind, model: &str, listed: Option<u32>) -> u32 {
    if let Some(listed) = listed {
        return listed;
    }
    if kind == Kind::Ollama {
        return 4096;
    }
    // OpenRouter writes the maker in front.
    let model = model.rsplit('/').next().unwrap_or(model);
    let known = WINDOWS.iter().filter(|(start, _)| model.starts_with(start)).max_by_key(|(start, _)| start.len());
    known.map_or(DEFAULT_CONTEXT_TOKENS, |&(_, tokens)| tokens)
}

/// The start of a name and the window of the models that are called so; the longest start counts.
const WINDOWS: [(&str, u32); 31] = [
    ("chatgpt-4o", 128_000),
    ("claude-", 200_000),
    ("codestral", 32_000),
    ("deepseek-", 64_000),
    ("gemini-", 1_000_000),
    ("gemini-1.0", 32_000),
    ("gemma-3", 128_000),
    ("gpt-3.5-turbo", 16_385),
    ("gpt-4", 8192),
    ("gpt-4-32k", 32_768),
    ("gpt-4-turbo", 128_000),
    ("gpt-4.1", 1_000_000),
    ("gpt-4o", 128_000),
    ("gpt-5", 272_000),
    ("gpt-oss", 128_000),
    ("grok-", 128_000),
    ("grok-4", 256_000),
    ("llama-3.1", 128_000),
    ("llama-3.2", 128_000),
    ("llama-3.3", 128_000),
    ("meta-llama-3.1", 128_000),
    ("ministral", 128_000),
    ("mistral-large", 128_000),
    ("mistral-medium", 128_000),
    ("mistral-small", 32_000),
    ("mixtral-8x7b", 32_000),
    ("o1", 128_000),
    ("o3", 200_000),
    ("o4-mini", 200_000),
    ("qwen2.5", 32_000),
    ("qwen3", 32_000),
];

/// The families whose names say who makes them.
fn family(name: &str) -> Option<Kind> {
    [("gpt-", Kind::Openai), ("grok-", Kind::Xai), ("claude-", Kind::Anthropic), ("gemini-", Kind::Gemini)]
        .into_iter()
        .find(|(start, _)| name.strip_prefix(start).is_some_and(|rest| !rest.is_empty()))
        .map(|(_, kind)| kind)
}

/// The provider that is named like the kind, else the first one of the kind; a ready one before others.
fn of_kind<'a>(kind: Kind, model: &'a str, providers: &'a [Provider]) -> Resolved<'a> {
    let rank = |provider: &&Provider| (!provider.ready, provider.name != kind.name());
    match providers.iter().filter(|provider| provider.kind == kind).min_by_key(rank) {
        Some(provider) => of(provider, model),
        None => Resolved::Unconfigured { provider: kind.name(), model },
    }
}

fn of<'a>(provider: &'a Provider, model: &'a str) -> Resolved<'a> {
    match provider.ready {
        true => Resolved::Provider { provider, model },
        false => Resolved::Unconfigured { provider: &provider.name, model },
    }
}

/// A file directly in the models folder, and no way out of it.
fn is_file_name(file: &str) -> bool {
    !file.starts_with('.') && !file.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(name: &str, kind: Kind, ready: bool, models: &[&str]) -> Provider {
        Provider { name: name.into(), kind, ready, models: models.iter().map(|model| (*model).to_owned()).collect() }
    }

    /// `name → answer`, where the answer is written `provider!model`, or `provider?model` while it is not ready.
    fn told(name: &str, providers: &[Provider]) -> String {
        match resolve(name, providers) {
            None => "none".into(),
            Some(Resolved::Builtin) => "builtin".into(),
            Some(Resolved::Local { file }) => format!("local!{file}"),
            Some(Resolved::Provider { provider, model }) => format!("{}!{model}", provider.name),
            Some(Resolved::Unconfigured { provider, model }) => format!("{provider}?{model}"),
        }
    }

    #[test]
    fn resolves_names() {
        let providers = [
            provider("openrouter", Kind::Openrouter, true, &["openai/gpt-4o", "meta-llama/llama-3.1-8b", "shared"]),
            provider("house", Kind::OpenaiCompatible, true, &["shared", "qwen"]),
            provider("claude", Kind::Anthropic, true, &[]),
            provider("mistral", Kind::Mistral, false, &["mistral-large"]),
        ];
        let cases = [
            ("builtin/extractive", "builtin"),
            ("builtin/other", "none"),
            ("local/tiny.gguf", "local!tiny.gguf"),
            ("local/../secret", "none"),
            ("local/.hidden", "none"),
            ("local/", "none"),
            ("house/anything", "house!anything"),
            ("house/", "none"),
            ("qwen", "house!qwen"),
            ("shared", "openrouter!shared"),
            ("openrouter/shared", "openrouter!shared"),
            ("openrouter/openai/gpt-4o", "openrouter!openai/gpt-4o"),
            ("openai/gpt-4o", "openrouter!openai/gpt-4o"),
            ("openai/gpt-5", "openai?gpt-5"),
            ("meta-llama/llama-3.1-8b", "openrouter!meta-llama/llama-3.1-8b"),
            ("meta-llama/other", "none"),
            ("openai-compatible/x", "none"),
            ("mistral/mistral-large", "mistral?mistral-large"),
            ("mistral-large", "none"),
            ("gpt-4o", "openai?gpt-4o"),
            ("grok-2", "xai?grok-2"),
            ("claude-sonnet-4", "claude!claude-sonnet-4"),
            ("gemini-2.5-flash", "gemini?gemini-2.5-flash"),
            ("gpt-", "none"),
            ("llama", "none"),
            ("", "none"),
            ("/", "none"),
        ];
        for (name, expected) in cases {
            assert_eq!(told(name, &providers), expected, "{name}");
        }
    }

    #[test]
    fn a_family_prefers_a_provider_that_is_ready() {
        let providers = [
            provider("openai", Kind::Openai, false, &[]),
            provider("work", Kind::Openai, true, &[]),
            provider("xai", Kind::Xai, false, &["grok-2"]),
        ];
        assert_eq!(told("gpt-4o", &providers), "work!gpt-4o");
        assert_eq!(told("grok-2", &providers), "xai?grok-2");
    }

    #[test]
    fn chooses_a_default() {
        let providers = [
            provider("off", Kind::Openai, false, &["gpt-4o"]),
            provider("silent", Kind::Groq, true, &[]),
            provider("house", Kind::OpenaiCompatible, true, &["text-embedding-3-small", "qwen"]),
        ];
        assert_eq!(default_model(Some("a"), Some("b"), &providers), "a");
        assert_eq!(default_model(None, Some("b"), &providers), "b");
        assert_eq!(default_model(None, None, &providers), "house/qwen");
        assert_eq!(default_model(None, None, &providers[..2]), EXTRACTIVE);
    }

    #[test]
    fn knows_windows() {
        assert_eq!(context_tokens(Kind::Openai, "gpt-4o-mini", None), 128_000);
        assert_eq!(context_tokens(Kind::Openai, "gpt-4-0613", None), 8192);
        assert_eq!(context_tokens(Kind::Openrouter, "x-ai/grok-4-fast", None), 256_000);
        assert_eq!(context_tokens(Kind::Ollama, "llama-3.1", None), 4096);
        assert_eq!(context_tokens(Kind::OpenaiCompatible, "own", None), DEFAULT_CONTEXT_TOKENS);
        assert_eq!(context_tokens(Kind::OpenaiCompatible, "own", Some(2048)), 2048);
    }
}
