//! The figures, as the API shows them.

use std::collections::BTreeMap;

use poem_openapi::Object;

use crate::clock::Timestamp;

#[derive(Debug, Clone, Default, Object)]
#[oai(rename_all = "camelCase")]
pub struct Figures {
    pub conversations: i64,
    pub messages: i64,
    /// People: contacts, users, and conversations of nobody known.
    pub visitors: i64,
    /// Questions that the documents, or the model, answered.
    pub answered: i64,
    pub not_answered: i64,
    /// Conversations that a person was asked into.
    pub handed_off: i64,
    pub tickets_created: i64,
    pub tickets_resolved: i64,
    pub input_tokens: i64,
    pub output_tokens: i64,
    /// In the currency of the prices that the workspace has set; null where a model has none.
    pub cost: Option<f64>,
}

#[derive(Debug, Clone, Object)]
pub struct Day {
    /// In the workspace's time zone.
    pub date: String,
    #[oai(flatten)]
    pub figures: Figures,
}

#[derive(Debug, Clone, Default, Object)]
#[oai(rename_all = "camelCase")]
pub struct ModelFigures {
    pub model: String,
    pub answers: i64,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub cost: Option<f64>,
}

#[derive(Debug, Clone, Default, Object)]
#[oai(rename_all = "camelCase")]
pub struct ResponseTimes {
    /// From a person's question to the first answer, by assistant or person, in seconds.
    pub median_seconds: Option<f64>,
    pub p90_seconds: Option<f64>,
    /// The same until a person answered, where one did.
    pub human_median_seconds: Option<f64>,
    pub human_p90_seconds: Option<f64>,
}

#[derive(Debug, Clone, Default, Object)]
pub struct Ratings {
    pub count: i64,
    pub average: Option<f64>,
    /// How many there are of each, 1 to 5.
    pub distribution: BTreeMap<String, i64>,
}

#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct Analytics {
    pub period: String,
    pub from: Timestamp,
    pub to: Timestamp,
    pub time_zone: String,
    pub totals: Figures,
    /// Of the conversations with an answer, how many ended without a person and without a question left open; 0 to 1.
    pub resolution_rate: Option<f64>,
    pub first_response: ResponseTimes,
    pub ratings: Ratings,
    /// All tickets as they are now, by status.
    pub tickets_by_status: BTreeMap<String, i64>,
    pub models: Vec<ModelFigures>,
    pub days: Vec<Day>,
}

/// Questions that mean the same.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct QuestionCluster {
    /// The one in the middle.
    pub question: String,
    pub count: i64,
    pub answered: i64,
    pub not_answered: i64,
    pub average_confidence: Option<f64>,
    pub tokens: i64,
    /// What its answers cost, in the currency of the prices that the workspace has set; null where no price is set for their
    /// models.
    pub cost: Option<f64>,
    pub last_asked_at: Timestamp,
    pub examples: Vec<Asked>,
    /// For a gap: a pair to make knowledge of, from what a person replied.
    #[oai(skip_serializing_if_is_none)]
    pub draft: Option<DraftPair>,
}

#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct Asked {
    pub question: String,
    pub conversation_id: String,
    pub message_id: String,
    pub answered: bool,
    pub asked_at: Timestamp,
}

#[derive(Debug, Clone, Object)]
pub struct DraftPair {
    pub question: String,
    pub answer: String,
    /// Who replied so.
    pub author: Option<String>,
}

#[derive(Object)]
pub struct QuestionClusters {
    pub data: Vec<QuestionCluster>,
    /// How many questions were looked at, the newest.
    pub questions: i64,
}
