//! An assistant, as the API shows it, and the rules that its fields keep.

use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

use super::settings::{Budget, Handoff, Retrieval, Widget};
use crate::{
    access::model::{check_avatar, check_name},
    clock::Timestamp,
    error::{Error, Result},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Every member of the workspace, guests too; and the widget where it is on.
    Public,
    /// Every member but guests.
    Workspace,
    /// Its creator, owners, admins, and whoever has been granted access.
    Private,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum AnswerMode {
    /// From the documents only, and it says so when they are silent.
    Grounded,
    /// From what the model knows too.
    Open,
}

#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Assistant {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    pub instructions: String,
    /// The model that answers: the assistant's own, or the workspace's default.
    pub model: String,
    /// Whether `model` is the workspace's default, followed when that changes.
    pub model_inherited: bool,
    /// `unconfigured` while the model's provider has no key; the built-in answerer takes its turns until then.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_status: Option<String>,
    pub visibility: Visibility,
    pub temperature: f64,
    pub max_tokens: i64,
    pub welcome_message: Option<String>,
    /// What it says where the documents are silent, instead of its usual sentence.
    pub fallback_message: Option<String>,
    pub avatar_url: Option<String>,
    pub widget_enabled: bool,
    pub web_search_enabled: bool,
    /// Null: judged per question, grounded while a project is connected.
    pub answer_mode: Option<AnswerMode>,
    pub suggested_questions: Vec<String>,
    pub widget: Widget,
    pub handoff: Handoff,
    pub retrieval: Retrieval,
    pub budget: Budget,
    pub project_count: i64,
    pub created_by: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Counts the changes; the ETag is made of it.
    #[oai(skip)]
    #[serde(skip)]
    pub version: i64,
}

impl Assistant {
    pub fn etag(&self) -> String {
        format!("\"v{}\"", self.version)
    }

    /// What every write must leave true.
    pub fn check(&mut self) -> Result<()> {
        self.name = check_name("name", &self.name, 120)?;
        at_most("instructions", &self.instructions, 32_000)?;
        for (field, text, most) in [
            ("description", &self.description, 2_000),
            ("welcomeMessage", &self.welcome_message, 2_000),
            ("fallbackMessage", &self.fallback_message, 2_000),
        ] {
            if let Some(text) = text {
                at_most(field, text, most)?;
            }
        }
        if let Some(url) = &self.avatar_url {
            check_avatar(url)?;
        }
        if !(0.0..=2.0).contains(&self.temperature) {
            return Err(Error::invalid("temperature", "must be a number from 0 to 2"));
        }
        if !(1..=32_768).contains(&self.max_tokens) {
            return Err(Error::invalid("maxTokens", "must be a number from 1 to 32768"));
        }
        if self.suggested_questions.len() > 12 {
            return Err(Error::invalid("suggestedQuestions", "must have at most 12 questions"));
        }
        for (place, question) in self.suggested_questions.iter_mut().enumerate() {
            *question = check_name(&format!("suggestedQuestions[{place}]"), question, 200)?;
        }
        if self.widget_enabled && self.visibility != Visibility::Public {
            return Err(Error::invalid("visibility", "must be public while the widget is on, because strangers reach it there"));
        }
        self.widget.check()?;
        self.handoff.check()?;
        self.budget.check()?;
        self.retrieval.check()
    }
}

fn at_most(field: &str, text: &str, most: usize) -> Result<()> {
    if text.chars().count() > most { Err(Error::invalid(field, format!("must have at most {most} characters"))) } else { Ok(()) }
}
