//! A workspace's view of the models: its own providers over the instance's.

use rusqlite::Connection;

use super::{
    model::{Own, Provider, Source},
    store,
};
use crate::{
    app::App,
    error::{Error, Result},
    llm::{Configured, Endpoint, Kind, Models},
};

/// What the workspace can name, as it is known at this moment.
pub fn models(app: &App, connection: &Connection, workspace_id: &str) -> Result<Models> {
    Ok(app.models.view(own(app, connection, workspace_id)?))
}

fn own(app: &App, connection: &Connection, workspace_id: &str) -> Result<Vec<Configured>> {
    Ok(store::list_providers(app, connection, workspace_id)?.iter().map(Own::configured).collect())
}

/// Sees that each of the workspace's providers has been asked for its models once, for a few seconds at the most.
pub async fn ready(app: &App, workspace_id: &str) -> Result<()> {
    let own = app.db.read(|connection| own(app, connection, workspace_id))?;
    app.models.ready(&app.client, &own).await;
    Ok(())
}

/// Asks every provider of the instance and of all workspaces for its models again.
pub async fn refresh(app: &App) -> Result<()> {
    let own: Vec<Configured> = app.db.read(|connection| {
        let mut all = Vec::new();
        for workspace_id in store::list_workspaces(connection)? {
            all.extend(own(app, connection, &workspace_id)?);
        }
        Ok(all)
    })?;
    app.models.refresh(&app.client, &own).await;
    Ok(())
}

/// The workspace's own providers, then the instance's that they do not replace.
pub fn list(app: &App, connection: &Connection, workspace_id: &str) -> Result<Vec<Provider>> {
    let own = store::list_providers(app, connection, workspace_id)?;
    let models = app.models.view(own.iter().map(Own::configured).collect());
    let instance = app.models.instance().iter().filter(|configured| own.iter().all(|own| own.name != configured.endpoint.name));
    let mut providers: Vec<Provider> = own.iter().map(|own| shown(&own.configured(), Some(own), &models)).collect();
    providers.extend(instance.map(|configured| shown(configured, None, &models)));
    providers.extend(local(app));
    Ok(providers)
}

pub fn get(app: &App, connection: &Connection, workspace_id: &str, name: &str) -> Result<Provider> {
    list(app, connection, workspace_id)?.into_iter().find(|provider| provider.name == name).ok_or_else(|| Error::not_found("provider"))
}

/// The models folder as a provider, where anything lies in it.
fn local(app: &App) -> Option<Provider> {
    let files = app.models.local().list();
    let usable = files.iter().filter(|file| file.problem.is_none()).count();
    let configured = Configured { retries: 0, ..Configured::new(Endpoint::new(Kind::Local, None, None)) };
    let reason = files.iter().find_map(|file| file.problem.clone()).filter(|_| usable == 0);
    (!files.is_empty()).then(|| Provider { model_count: u64::try_from(usable).unwrap_or(u64::MAX), reason, ..shown(&configured, None, &app.models.view(Vec::new())) })
}

/// The provider that is asked under this name.
pub fn get_configured(app: &App, connection: &Connection, workspace_id: &str, name: &str) -> Result<Configured> {
    match store::find_provider(app, connection, workspace_id, name)? {
        Some(own) => Ok(own.configured()),
        None => app.models.instance().iter().find(|configured| configured.endpoint.name == name).cloned().ok_or_else(|| Error::not_found("provider")),
    }
}

fn shown(configured: &Configured, own: Option<&Own>, models: &Models) -> Provider {
    let endpoint = &configured.endpoint;
    let (count, reason) = models.state_of(&endpoint.name);
    Provider {
        name: endpoint.name.clone(),
        kind: endpoint.kind,
        base_url: endpoint.base_url.clone(),
        key_hint: endpoint.api_key.as_ref().map(crate::secrets::SecretText::hint),
        models: configured.models.clone(),
        enabled: configured.enabled,
        fallback_model: configured.fallback_model.clone(),
        retries: configured.retries,
        first_byte_seconds: endpoint.timeouts.first_byte.as_secs(),
        idle_seconds: endpoint.timeouts.idle.as_secs(),
        source: if own.is_some() { Source::Workspace } else { Source::Instance },
        model_count: u64::try_from(count).unwrap_or(u64::MAX),
        reason,
        updated_at: own.map(|own| own.updated_at),
    }
}

/// Holds a fallback to the rules that an assistant's model is held to. The provider is in place already.
pub fn check_fallback(app: &App, connection: &Connection, workspace_id: &str, own: &Own) -> Result<()> {
    let Some(fallback) = &own.fallback_model else { return Ok(()) };
    if models(app, connection, workspace_id)?.status(fallback).is_none() {
        return Err(Error::invalid("fallbackModel", "is not known; name one as provider/model, or see GET …/models"));
    }
    Ok(())
}
