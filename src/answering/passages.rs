//! The passages that an answer is made from: searched for, numbered by their documents, shown as sources.

use super::{
    events,
    resolve::resolve,
    run::{Draft, Work},
};
use crate::{
    conversations::Source,
    error::{Code, Result},
    knowledge::{
        self,
        model::{Mode, Signal},
    },
    llm::Answerer,
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
    /// What the reranker said of it, where it did: rank and score.
    pub rerank: Option<Signal>,
    /// How much it counts against the others; follows the order, as `score` does where nothing was reranked.
    pub weight: f64,
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

/// What the question finds, and whether that answers it. `model` is the one that will answer, where it may be asked.
pub(super) async fn retrieve(work: &Work, draft: &mut Draft, model: Option<&Answerer>) -> Result<Found> {
    draft.receipt.resolved = resolve(work, draft, model).await;
    let settings = &work.assistant.retrieval;
    let mut options = knowledge::SearchOptions {
        limit: settings.top_k.and_then(|count| usize::try_from(count).ok()).unwrap_or(PASSAGES),
        min_confidence: settings.min_score,
        ..knowledge::SearchOptions::default()
    };
    options.weights.vector = settings.weights.vector.unwrap_or(options.weights.vector);
    options.weights.keyword = settings.weights.keyword.unwrap_or(options.weights.keyword);
    let question = knowledge::Question { text: work.question.clone(), earlier: work.earlier.clone(), resolved: draft.receipt.resolved.clone() };
    let result = match knowledge::search(&work.app, &work.workspace_id, &work.project_ids, &question, &options).await {
        // Without the embedding model the words alone still find something.
        Err(error) if error.code() == Code::Unavailable => {
            tracing::warn!(?error, "searching by keywords alone");
            options.mode = Mode::Keyword;
            knowledge::search(&work.app, &work.workspace_id, &work.project_ids, &question, &options).await?
        }
        other => other?,
    };
    draft.receipt.decision.confidence = Some(result.confidence);
    draft.receipt.decision.min_confidence = Some(result.min_confidence);
    draft.receipt.reranking = result.reranking;
    let mut documents: Vec<String> = Vec::new();
    // Where the order is a reranker's, the first counts as much as the best found did, and so on.
    let mut weights: Vec<f64> = result.data.iter().map(|hit| hit.score).collect();
    if draft.receipt.reranking.as_ref().is_some_and(|reranking| reranking.scored > 1) {
        weights.sort_by(|a, b| b.total_cmp(a));
    }
    let passages = result
        .data
        .into_iter()
        .zip(weights)
        .map(|(hit, weight)| {
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
                rerank: hit.rerank,
                weight,
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
