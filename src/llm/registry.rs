//! The instance's providers, as the operator configured them, with the models that they list.
//!
//! Lists are asked for in the background and kept; a provider that does not answer keeps the last list that it gave.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::future::join_all;
use parking_lot::RwLock;

use super::{
    Endpoint, Kind, ListedModel,
    catalog::{self, Provider, Resolved},
    list_models,
};
use crate::{config::Config, http::Client};

/// Cheap to clone.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    endpoints: Vec<Endpoint>,
    /// The models that the settings name; empty where the provider is asked.
    named: HashMap<String, Vec<String>>,
    default_model: Option<String>,
    state: RwLock<State>,
    first_refresh: tokio::sync::OnceCell<()>,
}

#[derive(Default)]
struct State {
    listed: HashMap<String, Vec<ListedModel>>,
    /// Why a provider's list could not be had.
    reasons: HashMap<String, String>,
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
    Provider { endpoint: Box<Endpoint>, model: String, context_tokens: u32 },
    /// Its provider is known and has no key, or its file is not there.
    Unconfigured,
}

impl Registry {
    pub fn new(config: &Config) -> Self {
        let mut endpoints = Vec::new();
        let mut named = HashMap::new();
        for (name, provider) in &config.providers {
            // A name of one's own without a kind is an address that speaks OpenAI's format; `config` has refused unknown kinds.
            let kind = provider.kind.as_deref().unwrap_or(name).parse().unwrap_or(Kind::OpenaiCompatible);
            let mut endpoint = Endpoint::new(kind, provider.base_url.as_deref(), provider.api_key.clone());
            endpoint.name.clone_from(name);
            endpoints.push(endpoint);
            named.insert(name.clone(), provider.models.clone());
        }
        Registry(Arc::new(Inner {
            endpoints,
            named,
            default_model: config.default_model.clone(),
            state: RwLock::default(),
            first_refresh: tokio::sync::OnceCell::new(),
        }))
    }

    /// Asks every ready provider that the settings name no models of for its list, all at once.
    pub async fn refresh(&self, client: &Client) {
        let unnamed = |endpoint: &&Endpoint| self.0.named.get(&endpoint.name).is_none_or(Vec::is_empty);
        let asked = self.0.endpoints.iter().filter(|endpoint| is_ready(endpoint)).filter(unnamed);
        join_all(asked.map(|endpoint| async move {
            match list_models(client, endpoint).await {
                Ok(models) => {
                    let mut state = self.0.state.write();
                    state.reasons.remove(&endpoint.name);
                    state.listed.insert(endpoint.name.clone(), models);
                }
                Err(failure) => {
                    tracing::warn!(provider = %endpoint.name, %failure, "the provider did not list its models");
                    self.0.state.write().reasons.insert(endpoint.name.clone(), failure.to_string());
                }
            }
        }))
        .await;
    }

    /// Waits for the first lists, for a few seconds at the most.
    pub async fn ready(&self, client: &Client) {
        self.0
            .first_refresh
            .get_or_init(|| async {
                let _ = tokio::time::timeout(Duration::from_secs(5), self.refresh(client)).await;
            })
            .await;
    }

    /// The providers as the rules of `catalog` see them.
    pub fn providers(&self) -> Vec<Provider> {
        let state = self.0.state.read();
        self.0
            .endpoints
            .iter()
            .map(|endpoint| {
                let named = self.0.named.get(&endpoint.name).filter(|models| !models.is_empty()).cloned();
                let listed = || state.listed.get(&endpoint.name).map(|models| models.iter().map(|model| model.id.clone()).collect());
                Provider { name: endpoint.name.clone(), kind: endpoint.kind, ready: is_ready(endpoint), models: named.or_else(listed).unwrap_or_default() }
            })
            .collect()
    }

    /// The model of an assistant that names none.
    pub fn default_model(&self, workspace: Option<&str>) -> String {
        catalog::default_model(workspace, self.0.default_model.as_deref(), &self.providers())
    }

    /// Whether any rule knows the name, and whether its provider can be asked.
    pub fn status(&self, name: &str) -> Option<ModelStatus> {
        let providers = self.providers();
        Some(match catalog::resolve(name, &providers)? {
            Resolved::Builtin => ModelStatus::Ready,
            Resolved::Provider { provider, .. } if provider.ready => ModelStatus::Ready,
            _ => ModelStatus::Unconfigured,
        })
    }

    pub fn answerer(&self, name: &str) -> Answerer {
        let providers = self.providers();
        match catalog::resolve(name, &providers) {
            Some(Resolved::Builtin) => Answerer::Builtin,
            Some(Resolved::Provider { provider, model }) if provider.ready => {
                match self.0.endpoints.iter().find(|endpoint| endpoint.name == provider.name) {
                    Some(endpoint) => Answerer::Provider {
                        endpoint: Box::new(endpoint.clone()),
                        model: model.to_owned(),
                        context_tokens: catalog::context_tokens(endpoint.kind, model, self.listed_context(&endpoint.name, model)),
                    },
                    None => Answerer::Unconfigured,
                }
            }
            _ => Answerer::Unconfigured,
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
        let providers = self.providers();
        let state = self.0.state.read();
        let reasons = &state.reasons;
        for provider in providers {
            let reason = if provider.ready { reasons.get(&provider.name).cloned() } else { Some("There is no key for this provider yet.".to_owned()) };
            for model in provider.models.iter().filter(|model| catalog::is_chat_model(model)) {
                let listed = state.listed.get(&provider.name).and_then(|models| models.iter().find(|listed| listed.id == *model));
                models.push(KnownModel {
                    id: format!("{}/{model}", provider.name),
                    name: model.clone(),
                    provider: provider.name.clone(),
                    offline: provider.kind == Kind::Ollama,
                    context_tokens: catalog::context_tokens(provider.kind, model, listed.and_then(|listed| listed.context_tokens)),
                    available: reason.is_none(),
                    reason: reason.clone(),
                });
            }
        }
        models
    }

    fn listed_context(&self, provider: &str, model: &str) -> Option<u32> {
        self.0.state.read().listed.get(provider)?.iter().find(|listed| listed.id == model)?.context_tokens
    }
}

/// Whether a model that was named can be asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelStatus {
    Ready,
    Unconfigured,
}

fn is_ready(endpoint: &Endpoint) -> bool {
    // A key is for the provider's own address; a server of one's own may well take none.
    endpoint.api_key.is_some() || !endpoint.kind.needs_key() || Some(endpoint.base_url.as_str()) != endpoint.kind.default_base_url()
}
