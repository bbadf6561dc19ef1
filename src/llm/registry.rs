//! The providers that can be asked, and what is known of them: the models that they list, and how they have fared lately.
//!
//! The [`Registry`] holds what is shared: the instance's own providers, as the operator configured them, the lists and
//! the breakers. A [`Models`] is one workspace's view: its own providers first, then the instance's, without those of the
//! same name. Lists are kept by the endpoint and not by the provider's name, so that a changed address or key asks anew,
//! and a provider that does not answer keeps the last list that it gave.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::{
    Breaker, Endpoint, Kind, ListedModel, Route,
    catalog::{self, Provider, Resolved},
    list_models, local,
};
use crate::{config::Config, http::Client, secrets::sha256_hex};

/// Cheap to clone.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    instance: Vec<Configured>,
    default_model: Option<String>,
    /// By [`Configured::key`]; the least used is forgotten when there are too many.
    known: moka::sync::Cache<String, Known>,
    breakers: moka::sync::Cache<String, Arc<Breaker>>,
    local: local::Engine,
    /// Held while first lists are asked for, so that those who wait for the same ones do not ask again.
    asking: tokio::sync::Mutex<()>,
}

/// How many endpoints are remembered.
const KNOWN: u64 = 4096;
/// How long somebody waits for the first lists.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an endpoint said when it was last asked for its models.
#[derive(Debug, Clone, Default)]
struct Known {
    listed: Option<Arc<Vec<ListedModel>>>,
    /// Why the list could not be had.
    reason: Option<String>,
}

/// A provider as somebody has configured it: the operator for the instance, or an admin for a workspace.
#[derive(Debug, Clone)]
pub struct Configured {
    pub endpoint: Endpoint,
    /// The models that the settings name; empty where the provider is asked.
    pub models: Vec<String>,
    pub enabled: bool,
    /// Who takes a turn that this provider fails.
    pub fallback_model: Option<String>,
    /// How often a request is sent again before the first token.
    pub retries: u32,
}

impl Configured {
    pub const DEFAULT_RETRIES: u32 = 2;

    pub fn new(endpoint: Endpoint) -> Self {
        Configured { endpoint, models: Vec::new(), enabled: true, fallback_model: None, retries: Self::DEFAULT_RETRIES }
    }

    /// Whether it can be asked. A key is for the provider's own address; a server of one's own may well take none.
    pub fn is_ready(&self) -> bool {
        let endpoint = &self.endpoint;
        let may_do_without = !endpoint.kind.needs_key() || Some(endpoint.base_url.as_str()) != endpoint.kind.default_base_url();
        self.enabled && (endpoint.api_key.is_some() || may_do_without)
    }

    /// What lists and breakers are kept by.
    fn key(&self) -> String {
        let endpoint = &self.endpoint;
        sha256_hex([endpoint.kind.name(), &endpoint.base_url, endpoint.key().unwrap_or_default()].join("\n"))
    }

    fn is_asked_for_models(&self) -> bool {
        self.is_ready() && self.models.is_empty()
    }
}

impl Registry {
    pub fn new(config: &Config) -> Self {
        let instance = config.providers.iter().map(|(name, provider)| {
            // A name of one's own without a kind is an address that speaks OpenAI's format; `config` has refused unknown kinds.
            let kind = provider.kind.as_deref().unwrap_or(name).parse().unwrap_or(Kind::OpenaiCompatible);
            let mut endpoint = Endpoint::new(kind, provider.base_url.as_deref(), provider.api_key.clone());
            endpoint.name.clone_from(name);
            let seconds = |seconds: Option<u64>, usual| seconds.map_or(usual, Duration::from_secs);
            endpoint.timeouts.first_byte = seconds(provider.first_byte_seconds, endpoint.timeouts.first_byte);
            endpoint.timeouts.idle = seconds(provider.idle_seconds, endpoint.timeouts.idle);
            Configured {
                models: provider.models.clone(),
                fallback_model: provider.fallback_model.clone(),
                retries: provider.retries.unwrap_or(Configured::DEFAULT_RETRIES),
                ..Configured::new(endpoint)
            }
        });
        Registry(Arc::new(Inner {
            instance: instance.collect(),
            default_model: config.default_model.clone(),
            known: moka::sync::Cache::new(KNOWN),
            breakers: moka::sync::Cache::new(KNOWN),
            local: local::Engine::new(config),
            asking: tokio::sync::Mutex::default(),
        }))
    }

    /// The operator's providers, by name.
    pub fn instance(&self) -> &[Configured] {
        &self.0.instance
    }

    /// What runs inside the process.
    pub fn local(&self) -> &local::Engine {
        &self.0.local
    }

    /// What a workspace with these providers of its own can name.
    pub fn view(&self, own: Vec<Configured>) -> Models {
        let names: Vec<String> = own.iter().map(|configured| configured.endpoint.name.clone()).collect();
        let instance = self.0.instance.iter().filter(|configured| !names.contains(&configured.endpoint.name)).cloned();
        let configured: Vec<Configured> = own.into_iter().chain(instance).collect();
        let known: Vec<Known> = configured.iter().map(|configured| self.0.known.get(&configured.key()).unwrap_or_default()).collect();
        let providers = configured
            .iter()
            .zip(&known)
            .map(|(configured, known)| {
                let listed = || known.listed.iter().flat_map(|models| models.iter().map(|model| model.id.clone())).collect();
                let models = if configured.models.is_empty() { listed() } else { configured.models.clone() };
                Provider { name: configured.endpoint.name.clone(), kind: configured.endpoint.kind, ready: configured.is_ready(), models }
            })
            .collect();
        Models { registry: self.clone(), configured, known, providers, default_model: self.0.default_model.clone() }
    }

    /// Asks these and the instance's for their lists, all at once.
    pub async fn refresh(&self, client: &Client, own: &[Configured]) {
        join_all(self.0.instance.iter().chain(own).filter(|configured| configured.is_asked_for_models()).map(async |configured| {
            let _ = self.ask_list(client, configured).await;
        }))
        .await;
    }

    /// Sees that each of these and of the instance's has been asked once, for a few seconds at the most.
    pub async fn ready(&self, client: &Client, own: &[Configured]) {
        // A file's beginning may take a moment to read, and that is no work for a thread that serves.
        if self.0.local.has_news() {
            let local = self.0.local.clone();
            let _ = tokio::task::spawn_blocking(move || local.list()).await;
        }
        let unknown = || self.0.instance.iter().chain(own).filter(|configured| configured.is_asked_for_models() && !self.0.known.contains_key(&configured.key()));
        if unknown().next().is_none() {
            return;
        }
        let _one_at_a_time = self.0.asking.lock().await;
        join_all(unknown().map(async |configured| {
            if tokio::time::timeout(PATIENCE, self.ask_list(client, configured)).await.is_err() {
                self.note(configured, Err("The provider did not list its models in time.".to_owned()));
            }
        }))
        .await;
    }

    /// Asks a provider for its list and remembers what it said.
    pub async fn ask_list(&self, client: &Client, configured: &Configured) -> Result<Vec<ListedModel>, super::Failure> {
        let listed = list_models(client, &configured.endpoint).await;
        match &listed {
            Ok(models) => self.note(configured, Ok(models.clone())),
            Err(failure) => {
                tracing::warn!(provider = %configured.endpoint.name, %failure, "the provider did not list its models");
                self.note(configured, Err(failure.to_string()));
            }
        }
        listed
    }

    fn note(&self, configured: &Configured, said: Result<Vec<ListedModel>, String>) {
        let key = configured.key();
        let known = match said {
            Ok(models) => Known { listed: Some(Arc::new(models)), reason: None },
            Err(reason) => Known { reason: Some(reason), ..self.0.known.get(&key).unwrap_or_default() },
        };
        self.0.known.insert(key, known);
    }
}

/// What one workspace can name, as it is known at this moment.
pub struct Models {
    registry: Registry,
    configured: Vec<Configured>,
    /// In the same order.
    known: Vec<Known>,
    /// In the same order, as the rules of `catalog` see them.
    providers: Vec<Provider>,
    default_model: Option<String>,
}

/// One model that can be named, for `GET …/models`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownModel {
    /// `provider/model`.
    pub id: String,
    pub name: String,
    pub provider: String,
    pub offline: bool,
    pub context_tokens: u32,
    pub available: bool,
    pub reason: Option<String>,
}

/// Who answers under a name, ready to be asked.
#[derive(Debug, Clone)]
pub enum Answerer {
    Builtin,
    Provider(Box<Route>),
    /// The named provider has no key, or is switched off.
    Unconfigured { name: String },
}

/// Whether a model that was named can be asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelStatus {
    Ready,
    Unconfigured,
}

/// How many stand in for one model, one after the other.
const FALLBACKS: usize = 3;

impl Models {
    /// The model of an assistant that names none.
    pub fn default_model(&self, workspace: Option<&str>) -> String {
        catalog::default_model(workspace, self.default_model.as_deref(), &self.providers)
    }

    /// Whether any rule knows the name, and whether its provider can be asked.
    pub fn status(&self, name: &str) -> Option<ModelStatus> {
        Some(match catalog::resolve(name, &self.providers)? {
            Resolved::Builtin => ModelStatus::Ready,
            Resolved::Provider { provider, .. } if provider.ready => ModelStatus::Ready,
            Resolved::Local { file } if self.registry.local().model(file).problem.is_none() => ModelStatus::Ready,
            _ => ModelStatus::Unconfigured,
        })
    }

    /// Who answers under this name alone, whatever happens.
    pub fn answerer(&self, name: &str) -> Answerer {
        let unconfigured = || Answerer::Unconfigured { name: name.to_owned() };
        match catalog::resolve(name, &self.providers) {
            Some(Resolved::Builtin) => Answerer::Builtin,
            // What is wrong with the file, it says when it is asked.
            Some(Resolved::Local { file }) => Answerer::Provider(Box::new(self.local_route(file))),
            Some(Resolved::Provider { provider, model }) if provider.ready => self.route(&provider.name, model).map_or_else(unconfigured, Answerer::Provider),
            _ => unconfigured(),
        }
    }

    /// Who answers under this name, then who stands in for them, in order. The built-in answerer stands behind all of them
    /// without being named.
    pub fn answerers(&self, name: &str) -> Vec<Answerer> {
        let mut answerers = vec![self.answerer(name)];
        let mut names = vec![name.to_owned()];
        let mut next = self.fallback_of(name);
        while let Some(name) = next.filter(|name| answerers.len() <= FALLBACKS && !names.contains(name)) {
            answerers.push(self.answerer(&name));
            next = self.fallback_of(&name);
            names.push(name);
        }
        answerers
    }

    fn fallback_of(&self, name: &str) -> Option<String> {
        let provider = match catalog::resolve(name, &self.providers)? {
            Resolved::Provider { provider, .. } => provider.name.as_str(),
            Resolved::Unconfigured { provider, .. } => provider,
            _ => return None,
        };
        self.configured.iter().find(|configured| configured.endpoint.name == provider)?.fallback_model.clone()
    }

    fn local_route(&self, file: &str) -> Route {
        let engine = self.registry.local();
        Route {
            name: format!("{}/{file}", Kind::Local.name()),
            endpoint: Endpoint::new(Kind::Local, None, None),
            model: file.to_owned(),
            context_tokens: engine.model(file).context_tokens,
            retries: 0,
            breaker: Arc::default(),
            local: Some(engine.clone()),
        }
    }

    fn route(&self, provider: &str, model: &str) -> Option<Box<Route>> {
        let place = self.configured.iter().position(|configured| configured.endpoint.name == provider)?;
        let configured = &self.configured[place];
        let listed = self.listed(place, model).and_then(|listed| listed.context_tokens);
        Some(Box::new(Route {
            name: format!("{provider}/{model}"),
            endpoint: configured.endpoint.clone(),
            model: model.to_owned(),
            context_tokens: catalog::context_tokens(configured.endpoint.kind, model, listed),
            retries: configured.retries,
            breaker: self.registry.0.breakers.get_with(configured.key(), Arc::default),
            local: None,
        }))
    }

    fn listed(&self, place: usize, model: &str) -> Option<&ListedModel> {
        self.known[place].listed.as_ref()?.iter().find(|listed| listed.id == model)
    }

    /// What is known of a provider: how many models it has, and why it cannot be used, if so.
    pub fn state_of(&self, name: &str) -> (usize, Option<String>) {
        match self.providers.iter().position(|provider| provider.name == name) {
            Some(place) => (self.providers[place].models.len(), self.reason(place)),
            None => (0, None),
        }
    }

    fn reason(&self, place: usize) -> Option<String> {
        match &self.configured[place] {
            configured if !configured.enabled => Some("This provider is switched off.".to_owned()),
            configured if !configured.is_ready() => Some("There is no key for this provider yet.".to_owned()),
            configured if configured.models.is_empty() => self.known[place].reason.clone(),
            _ => None,
        }
    }

    /// Everything that can be named: the built-in answerer, then each provider's models.
    pub fn models(&self) -> Vec<KnownModel> {
        let mut models = vec![KnownModel {
            id: catalog::EXTRACTIVE.to_owned(),
            name: "Extractive (built in)".to_owned(),
            provider: "builtin".to_owned(),
            offline: true,
            context_tokens: 0,
            available: true,
            reason: None,
        }];
        models.extend(self.registry.local().list().into_iter().map(|local| KnownModel {
            id: format!("{}/{}", Kind::Local.name(), local.file),
            name: local.file,
            provider: Kind::Local.name().to_owned(),
            offline: true,
            context_tokens: local.context_tokens,
            available: local.problem.is_none(),
            reason: local.problem,
        }));
        for (place, provider) in self.providers.iter().enumerate() {
            let reason = self.reason(place);
            for model in provider.models.iter().filter(|model| catalog::is_chat_model(model)) {
                let listed = self.listed(place, model).and_then(|listed| listed.context_tokens);
                models.push(KnownModel {
                    id: format!("{}/{model}", provider.name),
                    name: model.clone(),
                    provider: provider.name.clone(),
                    offline: provider.kind == Kind::Ollama,
                    context_tokens: catalog::context_tokens(provider.kind, model, listed),
                    available: reason.is_none(),
                    reason: reason.clone(),
                });
            }
        }
        models
    }
}
