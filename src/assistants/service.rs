//! What spans an assistant, its workspace and the providers: which model answers, and who may use it.

use rusqlite::Connection;

use super::{
    history::Fields,
    model::{Assistant, Visibility},
    settings::{Budget, Handoff, Retrieval, Widget},
    store,
};
use crate::{
    access::{Caller, Role},
    app::App,
    db::Tx,
    error::{Error, Result},
    events::{self, Kind, NewEvent},
    ids::prefix,
    llm::{ModelStatus, Models},
    providers, workspaces,
};

/// What the secret is sealed for by which a page's server signs who its visitor is.
pub const WIDGET_SECRET: &str = "widget.identity";

/// The assistant, for somebody who may use it: 404 where there is none in the workspace, 403 where it is not theirs to use.
pub fn get_usable(app: &App, connection: &Connection, who: &Caller, id: &str) -> Result<Assistant> {
    let assistant = store::find_assistant(connection, &who.workspace_id, id)?.ok_or_else(|| Error::not_found("assistant"))?;
    if !may_use(connection, who, &assistant)? {
        return Err(Error::forbidden("This assistant is private, or for members only."));
    }
    present(app, connection, &who.workspace_id, assistant)
}

/// Whether somebody of its workspace may use it: the one place that says so of one assistant, as `store::list_assistants`
/// does of many.
pub fn may_use(connection: &Connection, who: &Caller, assistant: &Assistant) -> Result<bool> {
    Ok(match assistant.visibility {
        Visibility::Public => true,
        Visibility::Workspace => who.role >= Role::Member,
        Visibility::Private => {
            who.is_admin() || assistant.created_by.as_deref() == Some(&who.user_id) || store::is_granted(connection, &who.workspace_id, &assistant.id, &who.user_id)?
        }
    })
}

/// Fills in what follows from the workspace and the providers.
pub fn present(app: &App, connection: &Connection, workspace_id: &str, assistant: Assistant) -> Result<Assistant> {
    Ok(Presenter::new(app, connection, workspace_id)?.present(assistant))
}

/// What assistants of one workspace are shown with.
pub struct Presenter {
    models: Models,
    /// What assistants that name no model get.
    default_model: String,
}

impl Presenter {
    pub fn new(app: &App, connection: &Connection, workspace_id: &str) -> Result<Self> {
        let (default, _) = workspaces::store::find_models(connection, workspace_id)?;
        let models = providers::models(app, connection, workspace_id)?;
        let default_model = models.default_model(default.as_deref());
        Ok(Presenter { models, default_model })
    }

    pub fn present(&self, mut assistant: Assistant) -> Assistant {
        if assistant.model_inherited {
            assistant.model.clone_from(&self.default_model);
        }
        assistant.model_status = (self.models.status(&assistant.model) != Some(ModelStatus::Ready)).then(|| "unconfigured".to_owned());
        assistant
    }
}

/// Holds a model that was named to what the workspace allows and the rules can resolve.
pub fn check_model(app: &App, connection: &Connection, workspace_id: &str, model: &str) -> Result<()> {
    let (_, allowed) = workspaces::store::find_models(connection, workspace_id)?;
    if !allowed.is_empty() && !allowed.iter().any(|name| name == model) {
        return Err(Error::invalid("model", format!("is not one that this workspace allows: {}", allowed.join(", "))));
    }
    if providers::models(app, connection, workspace_id)?.status(model).is_none() {
        return Err(Error::invalid("model", "is not known; name one as provider/model, or see GET …/models"));
    }
    Ok(())
}

/// An assistant with the seed's defaults.
pub fn new_assistant(app: &App, user_id: &str, name: String) -> Assistant {
    let now = app.now();
    Assistant {
        id: app.new_id(prefix::ASSISTANT),
        name,
        description: None,
        instructions: String::new(),
        model: String::new(),
        model_inherited: true,
        model_status: None,
        visibility: Visibility::Workspace,
        temperature: 0.7,
        max_tokens: 4096,
        welcome_message: None,
        fallback_message: None,
        avatar_url: None,
        widget_enabled: false,
        web_search_enabled: false,
        answer_mode: None,
        suggested_questions: Vec::new(),
        widget: Widget::default(),
        handoff: Handoff::default(),
        retrieval: Retrieval::default(),
        budget: Budget::default(),
        project_count: 0,
        created_by: Some(user_id.to_owned()),
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

/// Writes an assistant, new or changed by `user_id`, notes the version and the event, and reads it back as it is shown.
/// What changes nothing is no change: it makes no version.
pub fn save(app: &App, tx: &Tx<'_>, workspace_id: &str, user_id: &str, before: Option<&Assistant>, assistant: &Assistant, model_named: bool) -> Result<Assistant> {
    if model_named {
        check_model(app, tx, workspace_id, &assistant.model)?;
    }
    let now = app.now();
    // Not part of what an assistant is: it is neither shown nor brought back with a version.
    let mut assistant = assistant.clone();
    let secret = assistant.widget.identity_secret.take();
    let assistant = &assistant;
    let fields = Fields::of(assistant)?;
    if before.is_none() {
        store::insert_assistant(tx, workspace_id, assistant)?;
    }
    if let Some(secret) = &secret {
        store::put_widget_secret(tx, workspace_id, &assistant.id, &app.key.seal(secret, WIDGET_SECRET, &app.ids)?, now)?;
    }
    match before {
        None => {}
        Some(before) => {
            let old = Fields::of(before)?;
            if old == fields {
                return present(app, tx, workspace_id, before.clone());
            }
            // One that was made before versions were kept has none of what it was.
            let first = store::Version { number: before.version, changed_by: before.created_by.as_deref(), created_at: before.updated_at };
            store::insert_version(tx, workspace_id, &before.id, &first, &old)?;
            store::update_assistant(tx, workspace_id, &Assistant { updated_at: now, ..assistant.clone() })?;
        }
    }
    let saved = store::find_assistant(tx, workspace_id, &assistant.id)?.ok_or_else(|| Error::not_found("assistant"))?;
    let version = store::Version { number: saved.version, changed_by: Some(user_id), created_at: saved.updated_at };
    store::insert_version(tx, workspace_id, &saved.id, &version, &fields)?;
    let saved = present(app, tx, workspace_id, saved)?;
    if before.is_some() {
        let data = serde_json::to_value(&saved)?;
        events::emit(tx, &app.ids, now, &NewEvent { workspace_id, kind: Kind::AssistantUpdated, resource_id: &saved.id, data })?;
    }
    Ok(saved)
}
