//! An answer's whole origin, kept beside it for people to look into.

use serde::Serialize;

use super::{events::Usage, passages::Passage};
use crate::{
    clock::Timestamp,
    knowledge::model::{Reranking, Signal},
};

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Receipt {
    pub question: String,
    /// The question as the model put it for the search, where it did.
    pub resolved: Option<String>,
    /// What was said before and counted for the search.
    pub earlier: Vec<String>,
    pub passages: Vec<ReceiptPassage>,
    /// How the passages were ranked once more, and how long that took.
    pub reranking: Option<Reranking>,
    pub decision: Decision,
    /// What the model was told, as roles and texts.
    pub prompt: Vec<(String, String)>,
    /// The model that the assistant names.
    pub model: String,
    /// Who served it in the end.
    pub served_by: String,
    pub fallbacks: Vec<Fallback>,
    /// Every tool that was called, in order, with all of its arguments and results.
    pub tools: Vec<ToolUse>,
    pub usage: Usage,
    /// What the tokens cost, where the workspace has set the model's price.
    pub cost: Option<f64>,
    /// In which pieces it was told, so that it can be told again in the same: `t13` is a text of 13 characters, `s2` two
    /// sources, `c0` and `r0` the first tool's call and result.
    pub tape: String,
    /// Why it failed, as the visitor was told.
    pub error: Option<(String, String)>,
    /// How it ended: `stop`, `length` or `error`.
    pub finish_reason: &'static str,
    /// Milliseconds since the question was taken, step by step.
    pub timings_ms: Vec<(String, i64)>,
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Decision {
    pub grounded: bool,
    pub answered: bool,
    pub confidence: Option<f64>,
    pub min_confidence: Option<f64>,
    pub why: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolUse {
    pub tool_call_id: String,
    pub tool_name: String,
    pub args: serde_json::Value,
    pub result: serde_json::Value,
    pub ms: i64,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Fallback {
    pub from: String,
    pub failure: String,
    pub message: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReceiptPassage {
    source: i64,
    document_id: String,
    title: String,
    headings: Vec<String>,
    text: String,
    start: i64,
    end: i64,
    score: f64,
    keyword_rank: Option<i64>,
    vector_rank: Option<i64>,
    rerank: Option<Signal>,
}

impl From<&Passage> for ReceiptPassage {
    fn from(passage: &Passage) -> Self {
        ReceiptPassage {
            source: passage.source,
            document_id: passage.document_id.clone(),
            title: passage.title.clone(),
            headings: passage.headings.clone(),
            text: passage.text.clone(),
            start: passage.start,
            end: passage.end,
            score: passage.score,
            keyword_rank: passage.keyword_rank,
            vector_rank: passage.vector_rank,
            rerank: passage.rerank,
        }
    }
}

impl Receipt {
    pub(super) fn record(&mut self, kind: char, number: usize) {
        if !self.tape.is_empty() {
            self.tape.push(' ');
        }
        self.tape.push(kind);
        self.tape.push_str(&number.to_string());
    }

    pub(super) fn mark(&mut self, step: &str, since: Timestamp, now: Timestamp) {
        self.timings_ms.push((step.to_owned(), now.millis() - since.millis()));
    }
}
