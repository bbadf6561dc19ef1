//! The operations on assistants.

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
    types::MaybeUndefined,
};
use serde::Deserialize;

use super::{
    model::{AnswerMode, Assistant, Visibility},
    service,
    settings::{Budget, Handoff, Retrieval, Widget},
    store,
};
use crate::{
    access::{Editor, Viewer},
    app::App,
    audit::{self, Action},
    error::{Error, Result},
    http::{Body, Listing, Merge, NoContent, Paging, Tag, patch},
    providers,
};

pub struct AssistantsApi;

/// The fields that can be written; in a PATCH, what is left out stays as it is.
#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub struct AssistantFields {
    /// Required when an assistant is made.
    #[serde(deserialize_with = "crate::http::not_null")]
    name: Option<String>,
    description: MaybeUndefined<String>,
    #[serde(deserialize_with = "crate::http::not_null")]
    instructions: Option<String>,
    /// `provider/model`, or a name that a provider lists; null follows the workspace's default.
    model: MaybeUndefined<String>,
    #[serde(deserialize_with = "crate::http::not_null")]
    visibility: Option<Visibility>,
    #[serde(deserialize_with = "crate::http::not_null")]
    temperature: Option<f64>,
    #[serde(deserialize_with = "crate::http::not_null")]
    max_tokens: Option<i64>,
    welcome_message: MaybeUndefined<String>,
    fallback_message: MaybeUndefined<String>,
    avatar_url: MaybeUndefined<String>,
    #[serde(deserialize_with = "crate::http::not_null")]
    widget_enabled: Option<bool>,
    #[serde(deserialize_with = "crate::http::not_null")]
    web_search_enabled: Option<bool>,
    answer_mode: MaybeUndefined<AnswerMode>,
    #[serde(deserialize_with = "crate::http::not_null")]
    suggested_questions: Option<Vec<String>>,
    #[serde(deserialize_with = "crate::http::not_null")]
    widget: Option<Merge<Widget>>,
    #[serde(deserialize_with = "crate::http::not_null")]
    handoff: Option<Merge<Handoff>>,
    #[serde(deserialize_with = "crate::http::not_null")]
    retrieval: Option<Merge<Retrieval>>,
    #[serde(deserialize_with = "crate::http::not_null")]
    budget: Option<Merge<Budget>>,
}

impl AssistantFields {
    /// Lays the fields over an assistant, and says whether the model was named.
    fn over(self, assistant: &mut Assistant) -> Result<bool> {
        set(&mut assistant.name, self.name);
        patch(&mut assistant.description, self.description);
        set(&mut assistant.instructions, self.instructions);
        let named = matches!(self.model, MaybeUndefined::Value(_));
        match self.model {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => assistant.model_inherited = true,
            MaybeUndefined::Value(model) => (assistant.model, assistant.model_inherited) = (model, false),
        }
        set(&mut assistant.visibility, self.visibility);
        set(&mut assistant.temperature, self.temperature);
        set(&mut assistant.max_tokens, self.max_tokens);
        patch(&mut assistant.welcome_message, self.welcome_message);
        patch(&mut assistant.fallback_message, self.fallback_message);
        patch(&mut assistant.avatar_url, self.avatar_url);
        set(&mut assistant.widget_enabled, self.widget_enabled);
        set(&mut assistant.web_search_enabled, self.web_search_enabled);
        patch(&mut assistant.answer_mode, self.answer_mode);
        set(&mut assistant.suggested_questions, self.suggested_questions);
        if let Some(widget) = self.widget {
            assistant.widget = widget.over("widget", &assistant.widget)?;
        }
        if let Some(handoff) = self.handoff {
            assistant.handoff = handoff.over("handoff", &assistant.handoff)?;
        }
        if let Some(retrieval) = self.retrieval {
            assistant.retrieval = retrieval.over("retrieval", &assistant.retrieval)?;
        }
        if let Some(budget) = self.budget {
            assistant.budget = budget.over("budget", &assistant.budget)?;
        }
        assistant.check()?;
        Ok(named)
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// An assistant and its ETag.
#[derive(poem_openapi::ApiResponse)]
pub enum Versioned {
    #[oai(status = 200)]
    Ok(Json<Assistant>, #[oai(header = "ETag")] String),
}

pub(super) fn versioned(assistant: Assistant) -> Versioned {
    let etag = assistant.etag();
    Versioned::Ok(Json(assistant), etag)
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/assistants", tag = "Tag::Assistants")]
impl AssistantsApi {
    /// The assistants that the caller may use
    #[oai(path = "/", method = "get", operation_id = "list_assistants")]
    async fn list_assistants(&self, app: Data<&App>, who: Viewer, q: Query<Option<String>>, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<Assistant>> {
        let paging = Paging::new(limit.0, offset.0, who.flat)?;
        providers::ready(&app, &who.workspace_id).await?;
        app.db.read(|connection| {
            let (data, total) = store::list_assistants(connection, &who, q.0.as_deref(), paging.limit, paging.offset)?;
            let presenter = service::Presenter::new(&app, connection, &who.workspace_id)?;
            let data = data.into_iter().map(|assistant| presenter.present(assistant)).collect();
            Ok(Listing { data, total, paging, flat: who.flat })
        })
    }

    /// Make an assistant
    #[oai(path = "/", method = "post", operation_id = "create_assistant")]
    async fn create_assistant(&self, app: Data<&App>, who: Editor, body: Body<AssistantFields>) -> Result<AssistantCreated> {
        let name = body.0.name.clone().ok_or_else(|| Error::invalid("name", "is required"))?;
        let mut assistant = service::new_assistant(&app, &who.user_id, name);
        let named = body.0.over(&mut assistant)?;
        providers::ready(&app, &who.workspace_id).await?;
        let write = app.db.clone();
        let (app, workspace_id, who) = (app.0.clone(), who.workspace_id.clone(), who.user_id.clone());
        let assistant = write.write(move |tx| service::save(&app, tx, &workspace_id, &who, None, &assistant, named)).await?;
        let etag = assistant.etag();
        Ok(AssistantCreated::Created(Json(assistant), etag))
    }

    /// One assistant
    #[oai(path = "/:id", method = "get", operation_id = "get_assistant")]
    async fn get_assistant(&self, app: Data<&App>, who: Viewer, id: Path<String>) -> Result<Versioned> {
        providers::ready(&app, &who.workspace_id).await?;
        Ok(versioned(app.db.read(|connection| service::get_usable(&app, connection, &who, &id))?))
    }

    /// Change an assistant; with `If-Match`, only if nobody else has since
    #[oai(path = "/:id", method = "patch", operation_id = "update_assistant")]
    async fn update_assistant(
        &self,
        app: Data<&App>,
        who: Editor,
        id: Path<String>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<AssistantFields>,
    ) -> Result<Versioned> {
        providers::ready(&app, &who.workspace_id).await?;
        let (app, who) = (app.0.clone(), who.0);
        let write = app.db.clone();
        let assistant = write
            .write(move |tx| {
                let mut assistant = service::get_usable(&app, tx, &who, &id)?;
                check_if_match(if_match.0.as_deref(), &assistant)?;
                let before = assistant.clone();
                let model_named = body.0.over(&mut assistant)?;
                service::save(&app, tx, &who.workspace_id, &who.user_id, Some(&before), &assistant, model_named)
            })
            .await?;
        Ok(versioned(assistant))
    }

    /// Delete an assistant with its conversations
    #[oai(path = "/:id", method = "delete", operation_id = "delete_assistant")]
    async fn delete_assistant(&self, app: Data<&App>, who: Editor, id: Path<String>, #[oai(name = "If-Match")] if_match: Header<Option<String>>) -> Result<NoContent> {
        let (workspace_id, ids, now) = (who.workspace_id.clone(), app.ids.clone(), app.now());
        app.db
            .write(move |tx| {
                let assistant = store::find_assistant(tx, &workspace_id, &id)?.ok_or_else(|| Error::not_found("assistant"))?;
                check_if_match(if_match.0.as_deref(), &assistant)?;
                store::delete_assistant(tx, &workspace_id, &id)?;
                audit::record(tx, &ids, now, &who.entry(Action::AssistantDeleted).on(id.0).with(serde_json::json!({"name": assistant.name})))
            })
            .await?;
        Ok(NoContent)
    }
}

/// 201 with the assistant and its ETag.
#[derive(poem_openapi::ApiResponse)]
pub enum AssistantCreated {
    #[oai(status = 201)]
    Created(Json<Assistant>, #[oai(header = "ETag")] String),
}

/// Refuses a change of what somebody else has changed since it was read.
pub(super) fn check_if_match(header: Option<&str>, assistant: &Assistant) -> Result<()> {
    if header.is_some_and(|tags| !names(tags, &assistant.etag())) {
        return Err(Error::conflict("Somebody else has changed this assistant since you read it. Read it again and repeat your change."));
    }
    Ok(())
}

/// Whether an `If-Match` header names this ETag.
fn names(header: &str, etag: &str) -> bool {
    header.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}
