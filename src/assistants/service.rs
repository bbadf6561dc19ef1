//! What spans an assistant, its workspace and the providers: which model answers, and who may use it.

use rusqlite::Connection;

use super::{
    model::{Assistant, Visibility},
    settings::{Handoff, Retrieval, Widget},
    store,
};
use crate::{
    access::Caller,
    app::App,
    error::{Error, Result},
    ids::prefix,
    llm::ModelStatus,
    workspaces,
};

/// The assistant, for somebody who may use it: 404 where there is none in the workspace, 403 where it is not theirs to use.
pub fn get_usable(app: &App, connection: &Connection, who: &Caller, id: &str) -> Result<Assistant> {
    let assistant = store::find_assistant(connection, &who.workspace_id, id)?.ok_or_else(|| Error::not_found("assistant"))?;
    if !assistant.may_be_used_by(who) {
        return Err(Error::forbidden("This assistant is private, or for members only."));
    }
    present(app, connection, &who.workspace_id, assistant)
}

/// Fills in what follows from the workspace and the providers.
pub fn present(app: &App, connection: &Connection, workspace_id: &str, mut assistant: Assistant) -> Result<Assistant> {
    if assistant.model_inherited {
        let (default, _) = workspaces::store::find_models(connection, workspace_id)?;
        assistant.model = app.models.default_model(default.as_deref());
    }
    assistant.model_status = (app.models.status(&assistant.model) != Some(ModelStatus::Ready)).then(|| "unconfigured".to_owned());
    Ok(assistant)
}

/// Holds a model that was named to what the workspace allows and the rules can resolve.
pub fn check_model(app: &App, connection: &Connection, workspace_id: &str, model: &str) -> Result<()> {
    let (_, allowed) = workspaces::store::find_models(connection, workspace_id)?;
    if !allowed.is_empty() && !allowed.iter().any(|name| name == model) {
        return Err(Error::invalid("model", format!("is not one that this workspace allows: {}", allowed.join(", "))));
    }
    if app.models.status(model).is_none() {
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
        project_count: 0,
        created_by: Some(user_id.to_owned()),
        created_at: now,
        updated_at: now,
        version: 1,
    }
}
