//! The providers that the operator configured, in the order of their names: who answers under a model's name, and what
//! each provider lists. The rules are `catalog`'s; this adds the settings, the keys and what the network says.

use std::{sync::Arc, time::Duration};

use futures_util::{Stream, future};
use parking_lot::RwLock;

use super::{
    Endpoint, Event, Failure, Kind, ListedModel, Request,
    catalog::{self, Resolved},
    list_models, stream,
};
use crate::{
    clock::{Clock, Timestamp},
    config::{self, Config},
    error::{Error, Result},
    http::Client,
};

/// How long a provider's list counts as what it has.
const LIST_AGE: Duration = Duration::from_secs(5 * 60);
/// How long a provider that did not give its list is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// Cheap to clone.
#[derive(Clone)]
pub struct Providers(Arc<Inner>);

struct Inner {
    client: Client,
    clock: Clock,
    configured: Vec<Configured>,
    /// Held while lists are asked for, so that they are asked for once.
    asking: tokio::sync::Mutex<()>,
}

struct Configured {
    endpoint: Endpoint,
    ready: bool,
    /// The models that the settings name; where they name any, the provider is not asked.
    named: Vec<ListedModel>,
    listed: RwLock<Listed>,
}

#[derive(Default, Clone)]
struct Listed {
    models: Vec<ListedModel>,
    failure: Option<Failure>,
    at: Option<Timestamp>,
}

/// A provider as the list of models shows it.
#[derive(Debug, Clone)]
pub struct Provider {
    pub name: String,
    pub kind: Kind,
    /// Whether it can be asked at all: it has a key, or needs none.
    pub ready: bool,
    pub models: Vec<ListedModel>,
    /// Why its list is missing or old.
    pub failure: Option<Failure>,
}

/// Who answers under a name.
#[derive(Debug, Clone)]
pub enum Model {
    /// The extractive answerer.
    Extractive,
    /// A model file of this name in the models folder.
    Local {
        file: String,
    },
    Remote(Remote),
    /// A provider that is known, but has no key yet.
    Unconfigured {
        provider: String,
    },
}

/// A model at a provider, ready to be asked.
#[derive(Debug, Clone)]
pub struct Remote {
    pub endpoint: Endpoint,
    /// The provider's own name of the model.
    pub model: String,
    /// How many tokens prompt and answer may have together.
    pub context_tokens: u32,
}

impl Providers {
    /// Those of the settings; nothing is asked yet.
    pub fn new(config: &Config, client: Client, clock: Clock) -> Result<Self> {
        let configured = config.providers.iter().map(|(name, provider)| configured(name, provider));
        let configured = configured.collect::<Result<_>>()?;
        Ok(Providers(Arc::new(Inner { client, clock, configured, asking: tokio::sync::Mutex::default() })))
    }

    /// What there is, as far as it is known without asking.
    pub fn known(&self) -> Vec<Provider> {
        let known = |configured: &Configured| {
            let listed = configured.listed.read().clone();
            Provider {
                name: configured.endpoint.name.clone(),
                kind: configured.endpoint.kind,
                ready: configured.ready,
                models: if configured.named.is_empty() { listed.models } else { configured.named.clone() },
                failure: listed.failure,
            }
        };
        self.0.configured.iter().map(known).collect()
    }

    /// Asks every provider whose list is not known or too old; all at once, each within its own timeout.
    pub async fn refresh(&self) {
        let _asking = self.0.asking.lock().await;
        let now = self.0.clock.now();
        let due = self.0.configured.iter().filter(|configured| configured.is_due(now));
        future::join_all(due.map(|configured| async {
            let result = list_models(&self.0.client, &configured.endpoint).await;
            let mut listed = configured.listed.write();
            listed.at = Some(now);
            match result {
                Ok(models) => *listed = Listed { models, failure: None, at: Some(now) },
                Err(failure) => {
                    let provider = &configured.endpoint.name;
                    tracing::warn!(%provider, failure = failure.name(), "the provider did not list its models: {failure}");
                    listed.failure = Some(failure);
                }
            }
        }))
        .await;
    }

    /// Who answers under `name`; `None` where no rule knows it. Asks for the lists first where only they could tell.
    pub async fn resolve(&self, name: &str) -> Option<Model> {
        match self.resolve_known(name) {
            None => {
                self.refresh().await;
                self.resolve_known(name)
            }
            known => known,
        }
    }

    /// The same, from what is known without asking.
    pub fn resolve_known(&self, name: &str) -> Option<Model> {
        let known = self.catalog();
        Some(match catalog::resolve(name, &known)? {
            Resolved::Builtin => Model::Extractive,
            Resolved::Local { file } => Model::Local { file: file.to_owned() },
            Resolved::Unconfigured { provider, .. } => Model::Unconfigured { provider: provider.to_owned() },
            Resolved::Provider { provider, model } => {
                let configured = self.0.configured.iter().find(|c| c.endpoint.name == provider.name)?;
                Model::Remote(Remote {
                    endpoint: configured.endpoint.clone(),
                    model: model.to_owned(),
                    context_tokens: configured.context_tokens(model),
                })
            }
        })
    }

    /// The model of a workspace that chose none, from what is known without asking.
    pub fn default_model(&self, workspace: Option<&str>, instance: Option<&str>) -> String {
        catalog::default_model(workspace, instance, &self.catalog())
    }

    /// Asks a model; see [`stream`]. `request.model` is filled in.
    pub fn stream(
        &self,
        remote: &Remote,
        request: Request,
    ) -> impl Stream<Item = Result<Event, Failure>> + Send + Unpin + use<> {
        stream(&self.0.client, &remote.endpoint, Request { model: remote.model.clone(), ..request })
    }

    fn catalog(&self) -> Vec<catalog::Provider> {
        let names = |models: Vec<ListedModel>| models.into_iter().map(|model| model.id).collect();
        let entry = |provider: Provider| catalog::Provider {
            name: provider.name,
            kind: provider.kind,
            ready: provider.ready,
            models: names(provider.models),
        };
        self.known().into_iter().map(entry).collect()
    }
}

impl Configured {
    fn is_due(&self, now: Timestamp) -> bool {
        if !self.ready || !self.named.is_empty() {
            return false;
        }
        let listed = self.listed.read();
        let age = if listed.failure.is_some() { RETRY_AFTER } else { LIST_AGE };
        listed.at.is_none_or(|at| now.since(at) >= age)
    }

    fn context_tokens(&self, model: &str) -> u32 {
        let listed = self.listed.read();
        let listed = listed.models.iter().find(|listed| listed.id == model).and_then(|listed| listed.context_tokens);
        catalog::context_tokens(self.endpoint.kind, model, listed)
    }
}

fn configured(name: &str, provider: &config::Provider) -> Result<Configured> {
    let written = provider.kind.as_deref().unwrap_or(name);
    let Ok(kind) = written.parse::<Kind>() else {
        let kinds = Kind::ALL.map(Kind::name).join(", ");
        let message = format!("The provider `{name}` has the kind `{written}`, which is not one of: {kinds}.");
        return Err(Error::bad_request(message));
    };
    let base_url = provider.base_url.as_deref();
    if base_url.or(kind.default_base_url()).is_none() {
        return Err(Error::bad_request(format!(
            "The provider `{name}` needs a `base_url`: its kind has none of its own."
        )));
    }
    let mut endpoint = Endpoint::new(kind, base_url, provider.api_key.clone());
    endpoint.name = name.to_owned();
    // Who names another address than the kind's own knows whether it wants a key.
    let ready = endpoint.api_key.is_some() || !kind.needs_key() || base_url.is_some();
    let named = provider.models.iter().map(|id| ListedModel { id: id.clone(), context_tokens: None }).collect();
    Ok(Configured { endpoint, ready, named, listed: RwLock::default() })
}
