//! The operations on providers, and the list of models.

use std::time::Duration;

use futures_util::StreamExt;
use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use serde::Deserialize;

use super::{
    model::{Own, Provider, check_provider_name},
    service, store,
};
use crate::{
    access::{Editor, Member},
    app::App,
    audit::{self, Action},
    error::{Error, Result},
    http::{Body, Listing, NoContent, Paging, Tag},
    llm::{self, Configured, Kind},
    secrets::SecretText,
    workspaces,
};

pub struct ProvidersApi;
pub struct ModelsApi;

/// A provider's settings, whole: what is left out has its default. Only the key stays when it is left out, as long as it
/// goes to the same address.
#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub struct PutProvider {
    /// The provider's name where that is one of the kinds; required otherwise.
    kind: Option<Kind>,
    /// Null takes it away.
    #[oai(validator(max_length = 1000))]
    api_key: MaybeUndefined<String>,
    /// What the format's paths are appended to, with its version; the kind's own address where it is left out.
    #[oai(validator(max_length = 2000))]
    base_url: Option<String>,
    /// The models that it has; where none is named, it is asked.
    #[oai(validator(max_items = 500))]
    models: Option<Vec<String>>,
    enabled: Option<bool>,
    /// A model that takes the turns that this provider fails.
    #[oai(validator(max_length = 200))]
    fallback_model: Option<String>,
    #[oai(validator(minimum(value = "0"), maximum(value = "5")))]
    retries: Option<u32>,
    #[oai(validator(minimum(value = "1"), maximum(value = "300")))]
    first_byte_seconds: Option<u64>,
    #[oai(validator(minimum(value = "1"), maximum(value = "300")))]
    idle_seconds: Option<u64>,
}

/// What became of asking a provider.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct ProviderTest {
    ok: bool,
    /// What is wrong and how to mend it; null where all is well.
    reason: Option<String>,
    /// The failure's stable name: `unauthorized`, `unreachable`, `timeout`, …
    failure: Option<String>,
    /// The models that it lists.
    models: Vec<String>,
    elapsed_ms: u64,
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/providers", tag = "Tag::Models")]
impl ProvidersApi {
    /// The workspace's providers and the instance's; keys are never shown
    #[oai(path = "/", method = "get", operation_id = "list_providers")]
    async fn list_providers(&self, app: Data<&App>, who: Editor, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<Provider>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        let all = app.db.read(|connection| service::list(&app, connection, &who.workspace_id))?;
        let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
        let (offset, limit) = (usize::try_from(paging.offset).unwrap_or(usize::MAX), usize::try_from(paging.limit).unwrap_or(100));
        Ok(Listing { data: all.into_iter().skip(offset).take(limit).collect(), total, paging, flat: false })
    }

    /// One provider
    #[oai(path = "/:name", method = "get", operation_id = "get_provider")]
    async fn get_provider(&self, app: Data<&App>, who: Editor, name: Path<String>) -> Result<Json<Provider>> {
        Ok(Json(app.db.read(|connection| service::get(&app, connection, &who.workspace_id, &name))?))
    }

    /// Set up a provider for the workspace, or change it; it goes before the instance's of the same name
    #[oai(path = "/:name", method = "put", operation_id = "put_provider")]
    async fn put_provider(&self, app: Data<&App>, who: Editor, name: Path<String>, body: Body<PutProvider>) -> Result<Json<Provider>> {
        check_provider_name(&name)?;
        let (inner, workspace_id) = (app.0.clone(), who.workspace_id.clone());
        let now = app.now();
        let provider = app
            .db
            .write(move |tx| {
                let before = store::find_provider(&inner, tx, &workspace_id, &name)?;
                let mut own = body.0.over(&name, before.as_ref())?;
                own.updated_at = now;
                own.created_at = before.map_or(now, |before| before.created_at);
                own.check(&inner)?;
                store::put_provider(&inner, tx, &workspace_id, &own)?;
                audit::record(tx, &inner.ids, now, &who.entry(Action::ProviderSaved).on(&name.0))?;
                service::check_fallback(&inner, tx, &workspace_id, &own)?;
                service::get(&inner, tx, &workspace_id, &name)
            })
            .await?;
        Ok(Json(provider))
    }

    /// Take a provider of the workspace away; the instance's of the same name serves again
    #[oai(path = "/:name", method = "delete", operation_id = "delete_provider")]
    async fn delete_provider(&self, app: Data<&App>, who: Editor, name: Path<String>) -> Result<NoContent> {
        let (entry, ids, now, provider) = (who.entry(Action::ProviderDeleted).on(&name.0), app.ids.clone(), app.now(), name.0.clone());
        let deleted = app.db.write(move |tx| {
            let found = store::delete_provider(tx, &who.workspace_id, &provider)?;
            if found {
                audit::record(tx, &ids, now, &entry)?;
            }
            Ok(found)
        });
        if deleted.await? {
            return Ok(NoContent);
        }
        if app.models.instance().iter().any(|configured| configured.endpoint.name == name.0) {
            return Err(Error::conflict("The operator has set this provider up for the whole server. Switch it off for this workspace with PUT and `enabled: false`."));
        }
        Err(Error::not_found("provider"))
    }

    /// Ask a provider for its models with the key as it is kept, and say what came of it
    #[oai(path = "/:name/test", method = "post", operation_id = "test_provider")]
    async fn test_provider(&self, app: Data<&App>, who: Editor, name: Path<String>) -> Result<Json<ProviderTest>> {
        let began = app.now();
        let tried = if name.as_str() == Kind::Local.name() {
            look_at_files(&app)?
        } else {
            let configured = app.db.read(|connection| service::get_configured(&app, connection, &who.workspace_id, &name))?;
            try_out(&app, &configured).await
        };
        let elapsed_ms = u64::try_from(app.now().since(began).as_millis()).unwrap_or(u64::MAX);
        Ok(Json(match tried {
            Ok(models) => ProviderTest { ok: true, reason: None, failure: None, models, elapsed_ms },
            Err(failure) => ProviderTest { ok: false, reason: Some(failure.to_string()), failure: Some(failure.name().to_owned()), models: Vec::new(), elapsed_ms },
        }))
    }
}

impl PutProvider {
    fn over(self, name: &str, before: Option<&Own>) -> Result<Own> {
        let kind = self.kind.or_else(|| name.parse().ok()).or(before.map(|before| before.kind));
        let kind = kind.ok_or_else(|| Error::invalid("kind", "is required where the name is not itself a kind"))?;
        let base_url = self.base_url.map(|url| url.trim().to_owned()).filter(|url| !url.is_empty());
        let api_key = match self.api_key {
            MaybeUndefined::Value(key) => Some(SecretText::new(key.trim())).filter(|key| !key.is_empty()),
            MaybeUndefined::Null => None,
            MaybeUndefined::Undefined => match before {
                // Whoever may change the address must not thereby have a key sent to it that they never saw.
                Some(before) if before.api_key.is_some() && (before.kind != kind || before.base_url != base_url) => {
                    return Err(Error::invalid("apiKey", "must be given again when the kind or the address changes, or null to take it away"));
                }
                Some(before) => before.api_key.clone(),
                None => None,
            },
        };
        let now = crate::clock::Timestamp::from_millis(0);
        Ok(Own {
            name: name.to_owned(),
            kind,
            base_url,
            api_key,
            models: self.models.unwrap_or_default(),
            enabled: self.enabled.unwrap_or(true),
            fallback_model: self.fallback_model.filter(|model| !model.is_empty()),
            retries: self.retries.unwrap_or(Configured::DEFAULT_RETRIES),
            first_byte_seconds: self.first_byte_seconds.unwrap_or(20),
            idle_seconds: self.idle_seconds.unwrap_or(30),
            created_at: now,
            updated_at: now,
        })
    }
}

/// Asks for the list, and, where the settings name models instead, the first of them for a word: a list may be had without
/// a key that works.
async fn try_out(app: &App, configured: &Configured) -> std::result::Result<Vec<String>, llm::Failure> {
    let names = |listed: Vec<llm::ListedModel>| listed.into_iter().map(|model| model.id).collect();
    let Some(model) = configured.models.first() else {
        llm::check_key(&app.client, &configured.endpoint).await?;
        return app.models.ask_list(&app.client, configured).await.map(names);
    };
    let request = llm::Request {
        model: model.clone(),
        messages: vec![llm::Message::User("Say OK.".to_owned())],
        temperature: None,
        max_tokens: Some(16),
        tools: Vec::new(),
    };
    let mut answer = llm::stream(&app.client, &configured.endpoint, request);
    let first = tokio::time::timeout(Duration::from_secs(30), answer.next()).await;
    match first {
        Ok(Some(Ok(_)) | None) | Ok(Some(Err(llm::Failure::Empty))) => Ok(configured.models.clone()),
        Ok(Some(Err(failure))) => Err(failure),
        Err(_) => Err(llm::Failure::Timeout(llm::Wait::FirstByte)),
    }
}

/// The files of the models folder that can be used; what is wrong with the first one where none can.
fn look_at_files(app: &App) -> Result<std::result::Result<Vec<String>, llm::Failure>> {
    let files = app.models.local().list();
    if files.is_empty() {
        return Err(Error::not_found("provider"));
    }
    let problem = files.iter().find_map(|file| file.problem.clone());
    let usable: Vec<String> = files.into_iter().filter(|file| file.problem.is_none()).map(|local| local.file).collect();
    Ok(match problem {
        Some(problem) if usable.is_empty() => Err(llm::Failure::Local(problem)),
        _ => Ok(usable),
    })
}

/// A model that an assistant can be given.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct Model {
    id: String,
    name: String,
    provider: String,
    /// Whether it works without the internet.
    offline: bool,
    context_tokens: i64,
    /// Whether the workspace allows it.
    allowed: bool,
    /// Whether its provider answers and has a key; advice, not a gate.
    available: bool,
    #[oai(skip_serializing_if_is_none)]
    reason: Option<String>,
    /// Whether assistants that name no model get this one.
    default: bool,
}

#[derive(Object)]
pub struct Models {
    data: Vec<Model>,
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/models", tag = "Tag::Models")]
impl ModelsApi {
    /// The models that can be named
    #[oai(path = "/", method = "get", operation_id = "list_models")]
    async fn list_models(&self, app: Data<&App>, who: Member) -> Result<Json<Models>> {
        service::ready(&app, &who.workspace_id).await?;
        let (models, (default, allowed)) = app.db.read(|connection| {
            Ok((service::models(&app, connection, &who.workspace_id)?, workspaces::store::find_models(connection, &who.workspace_id)?))
        })?;
        let default = models.default_model(default.as_deref());
        let data = models
            .models()
            .into_iter()
            .map(|model| Model {
                allowed: allowed.is_empty() || allowed.iter().any(|name| *name == model.id || *name == model.name),
                default: model.id == default || model.name == default,
                id: model.id,
                name: model.name,
                provider: model.provider,
                offline: model.offline,
                context_tokens: i64::from(model.context_tokens),
                available: model.available,
                reason: model.reason,
            })
            .collect();
        Ok(Json(Models { data }))
    }
}
