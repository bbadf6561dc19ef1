//! What an assistant was before each change: listed, brought back, and copied.

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
    payload::Json,
    types::Any,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    api::{AssistantCreated, Versioned, check_if_match, versioned},
    model::{AnswerMode, Assistant, Visibility},
    service,
    settings::{Budget, Handoff, Retrieval, Widget},
    store,
};
use crate::{
    access::Editor,
    app::App,
    clock::Timestamp,
    error::{Error, Result},
    http::{Listing, Paging, Tag},
    ids::prefix,
    providers,
};

pub struct HistoryApi;

/// Every field of an assistant that can be written: what a version keeps, and a copy begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fields {
    name: String,
    description: Option<String>,
    instructions: String,
    /// Null follows the workspace's default.
    model: Option<String>,
    visibility: Visibility,
    temperature: f64,
    max_tokens: i64,
    welcome_message: Option<String>,
    fallback_message: Option<String>,
    avatar_url: Option<String>,
    widget_enabled: bool,
    web_search_enabled: bool,
    answer_mode: Option<AnswerMode>,
    suggested_questions: Vec<String>,
    widget: Widget,
    handoff: Handoff,
    retrieval: Retrieval,
    #[serde(default)]
    budget: Budget,
}

impl Fields {
    pub fn of(assistant: &Assistant) -> Result<Self> {
        let a = assistant.clone();
        Ok(Fields {
            name: a.name,
            description: a.description,
            instructions: a.instructions,
            model: (!a.model_inherited).then_some(a.model),
            visibility: a.visibility,
            temperature: a.temperature,
            max_tokens: a.max_tokens,
            welcome_message: a.welcome_message,
            fallback_message: a.fallback_message,
            avatar_url: a.avatar_url,
            widget_enabled: a.widget_enabled,
            web_search_enabled: a.web_search_enabled,
            answer_mode: a.answer_mode,
            suggested_questions: a.suggested_questions,
            widget: a.widget,
            handoff: a.handoff,
            retrieval: a.retrieval,
            budget: a.budget,
        })
    }

    /// The assistant with these fields, and whether they name a model.
    fn over(self, assistant: &Assistant) -> (Assistant, bool) {
        let named = self.model.is_some();
        let changed = Assistant {
            name: self.name,
            description: self.description,
            instructions: self.instructions,
            model_inherited: !named,
            model: self.model.unwrap_or_default(),
            visibility: self.visibility,
            temperature: self.temperature,
            max_tokens: self.max_tokens,
            welcome_message: self.welcome_message,
            fallback_message: self.fallback_message,
            avatar_url: self.avatar_url,
            widget_enabled: self.widget_enabled,
            web_search_enabled: self.web_search_enabled,
            answer_mode: self.answer_mode,
            suggested_questions: self.suggested_questions,
            widget: self.widget,
            handoff: self.handoff,
            retrieval: self.retrieval,
            budget: self.budget,
            ..assistant.clone()
        };
        (changed, named)
    }
}

/// One field, before and after.
#[derive(Object)]
pub struct FieldChange {
    /// `widget.theme.radius`, say.
    field: String,
    before: Option<Any<Value>>,
    after: Option<Any<Value>>,
}

/// An assistant as it was after a change.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct AssistantVersion {
    number: i64,
    /// Whether it is the one that answers now.
    current: bool,
    /// Empty for the first.
    changes: Vec<FieldChange>,
    /// Null where that is not known.
    changed_by: Option<String>,
    created_at: Timestamp,
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/assistants", tag = "Tag::Assistants")]
impl HistoryApi {
    /// What was changed of an assistant, when and by whom; the newest first
    #[oai(path = "/:id/versions", method = "get", operation_id = "list_assistant_versions")]
    async fn list_assistant_versions(&self, app: Data<&App>, who: Editor, id: Path<String>, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<AssistantVersion>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        app.db.read(|connection| {
            let assistant = store::find_assistant(connection, &who.workspace_id, &id)?.ok_or_else(|| Error::not_found("assistant"))?;
            let (mut rows, mut total) = store::list_versions(connection, &who.workspace_id, &id, paging.limit + 1, paging.offset)?;
            if total == 0 {
                // Made before versions were kept, and never changed since.
                let version = store::StoredVersion { number: assistant.version, fields: Fields::of(&assistant)?, changed_by: assistant.created_by.clone(), created_at: assistant.updated_at };
                rows = if paging.offset == 0 { vec![version] } else { Vec::new() };
                total = 1;
            }
            let count = rows.len().min(usize::try_from(paging.limit).unwrap_or(100));
            let mut data = Vec::with_capacity(count);
            for place in 0..count {
                let before = rows.get(place + 1).map(|before| &before.fields);
                let row = &rows[place];
                data.push(AssistantVersion {
                    number: row.number,
                    current: row.number == assistant.version,
                    changes: before.map(|before| changes(before, &row.fields)).transpose()?.unwrap_or_default(),
                    changed_by: row.changed_by.clone(),
                    created_at: row.created_at,
                });
            }
            Ok(Listing { data, total, paging, flat: false })
        })
    }

    /// Bring a version back; it becomes the newest
    #[oai(path = "/:id/versions/:number/restore", method = "post", operation_id = "restore_assistant_version")]
    async fn restore_assistant_version(
        &self,
        app: Data<&App>,
        who: Editor,
        id: Path<String>,
        number: Path<i64>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<Versioned> {
        providers::ready(&app, &who.workspace_id).await?;
        let (app, who) = (app.0.clone(), who.0);
        let write = app.db.clone();
        let restored = write
            .write(move |tx| {
                let assistant = store::find_assistant(tx, &who.workspace_id, &id)?.ok_or_else(|| Error::not_found("assistant"))?;
                check_if_match(if_match.0.as_deref(), &assistant)?;
                let version = store::find_version(tx, &who.workspace_id, &id, *number)?.ok_or_else(|| Error::not_found("version"))?;
                let (mut restored, named) = version.over(&assistant);
                restored.check()?;
                service::save(&app, tx, &who.workspace_id, &who.user_id, Some(&assistant), &restored, named)
            })
            .await?;
        Ok(versioned(restored))
    }

    /// Copy an assistant with the projects that it answers from
    #[oai(path = "/:id/duplicate", method = "post", operation_id = "duplicate_assistant")]
    async fn duplicate_assistant(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<AssistantCreated> {
        providers::ready(&app, &who.workspace_id).await?;
        let (app, who) = (app.0.clone(), who.0);
        let (write, copy_id) = (app.db.clone(), app.new_id(prefix::ASSISTANT));
        let copy = write
            .write(move |tx| {
                let original = store::find_assistant(tx, &who.workspace_id, &id)?.ok_or_else(|| Error::not_found("assistant"))?;
                let mut copy = service::new_assistant(&app, &who.user_id, String::new());
                copy.id = copy_id;
                let (mut copy, _) = Fields::of(&original)?.over(&copy);
                copy.name = copy_name(&original.name);
                // What the original may have, its copy may too, whatever the workspace allows to new ones.
                service::save(&app, tx, &who.workspace_id, &who.user_id, None, &copy, false)?;
                for (project_id, _) in store::list_connections(tx, &who.workspace_id, &original.id)? {
                    store::connect(tx, &who.workspace_id, &copy.id, &project_id, app.now())?;
                }
                service::get_usable(&app, tx, &who, &copy.id)
            })
            .await?;
        let etag = copy.etag();
        Ok(AssistantCreated::Created(Json(copy), etag))
    }
}

/// The same name with a mark, no longer than a name may be.
fn copy_name(name: &str) -> String {
    const MARK: &str = " (copy)";
    name.chars().take(120 - MARK.len()).chain(MARK.chars()).collect()
}

fn changes(before: &Fields, after: &Fields) -> Result<Vec<FieldChange>> {
    let mut found = Vec::new();
    differ(String::new(), &serde_json::to_value(before)?, &serde_json::to_value(after)?, &mut found);
    Ok(found)
}

/// Nested objects are compared field by field.
fn differ(field: String, before: &Value, after: &Value, found: &mut Vec<FieldChange>) {
    if before == after {
        return;
    }
    let nothing = Map::new();
    match (before.as_object(), after.as_object()) {
        (None, None) => {
            let shown = |value: &Value| (!value.is_null()).then(|| Any(value.clone()));
            found.push(FieldChange { field, before: shown(before), after: shown(after) });
        }
        (old, new) => {
            let (old, new) = (old.unwrap_or(&nothing), new.unwrap_or(&nothing));
            let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
            for name in names {
                let field = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
                differ(field, old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null), found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_marked_and_fits() {
        assert_eq!(copy_name("Bot"), "Bot (copy)");
        assert_eq!(copy_name(&"é".repeat(120)).chars().count(), 120);
    }
}
