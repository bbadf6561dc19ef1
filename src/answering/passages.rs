//! The passages that an answer is made from: searched for, numbered by their documents, shown as sources.

use super::{events, receipt::Receipt, run::Work};
use crate::{
    conversations::Source,
    error::{Code, Result},
    knowledge::{self, model::Mode},
};

/// A passage that was found, and the number of its source. Passages of one document are one source.
#[derive(Debug, Clone, Default)]
pub(super) struct Passage {
    pub source: i64,
    pub document_id: String,
    pub title: String,
    pub headings: Vec<String>,
    pub text: String,
    pub url: Option<String>,
    pub page: Option<i64>,
    pub start: i64,
    pub end: i64,
    pub score: f64,
    pub keyword_rank: Option<i64>,
    pub vector_rank: Option<i64>,
}

impl Passage {
    /// Title and headings, for the model.
    pub(super) fn heading(&self) -> String {
        std::iter::once(self.title.as_str()).chain(self.headings.iter().map(String::as_str)).collect::<Vec<_>>().join(" › ")
    }
}

/// How many passages an answer is made from, where the assistant does not say.
const PASSAGES: usize = 6;

pub(super) struct Found {
    pub passages: Vec<Passage>,
    pub answerable: bool,
}

/// What the question finds, and whether that answers it.
pub(super) async fn retrieve(work: &Work, receipt: &mut Receipt) -> Result<Found> {
    let settings = &work.assistant.retrieval;
    let mut options = knowledge::SearchOptions {
        limit: settings.top_k.and_then(|count| usize::try_from(count).ok()).unwrap_or(PASSAGES),
        min_confidence: settings.min_score,
        ..knowledge::SearchOptions::default()
    };
    options.weights.vector = settings.weights.vector.unwrap_or(options.weights.vector);
    options.weights.keyword = settings.weights.keyword.unwrap_or(options.weights.keyword);
    let question = knowledge::Question { text: work.question.clone(), earlier: work.earlier.clone() };
    let result = match knowledge::search(&work.app, &work.workspace_id, &work.project_ids, &question, &options).await {
        // Without the embedding model the words alone still find something.
        Err(error) if error.code() == Code::Unavailable => {
            tracing::warn!(?error, "searching by keywords alone");
            options.mode = Mode::Keyword;
            knowledge::search(&work.app, &work.workspace_id, &work.project_ids, &question, &options).await?
        }
        other => other?,
    };
    receipt.decision.confidence = Some(result.confidence);
    receipt.decision.min_confidence = Some(result.min_confidence);
    let mut documents: Vec<String> = Vec::new();
    let passages = result
        .data
        .into_iter()
        .map(|hit| {
            let place = documents.iter().position(|id| *id == hit.document_id).unwrap_or_else(|| {
                documents.push(hit.document_id.clone());
                documents.len() - 1
            });
            Passage {
                source: i64::try_from(place).unwrap_or(0) + 1,
                document_id: hit.document_id,
                title: hit.title,
                headings: hit.headings,
                text: hit.text,
                url: hit.url,
                page: hit.page,
                start: hit.start,
                end: hit.end,
                score: hit.score,
                keyword_rank: hit.keyword.map(|signal| signal.rank),
                vector_rank: hit.vector.map(|signal| signal.rank),
            }
        })
        .collect();
    Ok(Found { passages, answerable: result.answerable })
}

/// The sources that these passages belong to, each with its best passage's beginning.
pub(super) fn sources_of(passages: &[Passage]) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    for passage in passages {
        if sources.iter().all(|source| source.index != passage.source) {
            sources.push(Source {
                index: passage.source,
                document_id: passage.document_id.clone(),
                title: passage.title.clone(),
                url: passage.url.clone(),
                page: passage.page,
                snippet: events::shorten(&passage.text.split_whitespace().collect::<Vec<_>>().join(" "), 240),
                score: (passage.score * 10_000.0).round() / 10_000.0,
            });
        }
    }
    sources
}
