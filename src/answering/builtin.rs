//! The built-in answerer's turn: from passages to an answer with its sources and citations.

use futures_util::future::join_all;

use super::{
    align,
    extractive::{self, Asked, Composed, From, Nearness, Unit},
    passages::{Passage, sources_of},
    run::{Draft, End, Work, say, show_sources},
};
use crate::{conversations::{Citation, phrases}, embed::Embedder, error::Result, llm::catalog::EXTRACTIVE};

/// How many units of the best passages are compared with the question by their vectors.
const EMBEDDED_UNITS: usize = 20;
/// How many units a passage gives.
const UNITS: usize = 40;

/// What it says where the documents are silent: the assistant's own message, else one in the visitor's language.
fn not_found(work: &Work) -> String {
    work.assistant.fallback_message.clone().unwrap_or_else(|| phrases::of(&work.question).not_found.to_owned())
}

/// Says so. A draft for an agent says nothing then: that the documents are silent is no reply to send.
pub(super) fn refuse(work: &Work, draft: &mut Draft) {
    if !work.is_draft {
        say(work, draft, &not_found(work));
    }
}

/// Writes the answer.
pub(super) async fn answer(work: &Work, draft: &mut Draft, passages: &[Passage], polite: Option<&str>) -> Result<End> {
    EXTRACTIVE.clone_into(&mut draft.receipt.served_by);
    if let Some(reply) = polite {
        draft.answered = true;
        "politeness".clone_into(&mut draft.receipt.decision.why);
        say(work, draft, reply);
        return Ok(End::Stop);
    }
    let parts = compose(work, passages).await.parts;
    if parts.is_empty() {
        refuse(work, draft);
        return Ok(End::Stop);
    }
    // Sources are numbered in the order in which the answer uses them.
    let mut used: Vec<i64> = Vec::new();
    for part in &parts {
        let source = passages[part.passage].source;
        if !used.contains(&source) {
            used.push(source);
        }
    }
    let number = |source: i64| used.iter().position(|one| *one == source).map_or(0, |place| i64::try_from(place).unwrap_or(0) + 1);
    let in_order: Vec<Passage> = used
        .iter()
        .filter_map(|source| parts.iter().map(|part| &passages[part.passage]).find(|passage| passage.source == *source))
        .map(|passage| Passage { source: number(passage.source), ..passage.clone() })
        .collect();
    show_sources(work, draft, sources_of(&in_order));
    draft.answered = true;
    if draft.receipt.decision.why.is_empty() {
        "the documents answer it".clone_into(&mut draft.receipt.decision.why);
    }
    for part in &parts {
        let glue = part.text.len() - part.text.trim_start().len();
        let start = count(&draft.text) + count(&part.text[..glue]);
        say(work, draft, &part.text);
        let citation = Citation { index: number(passages[part.passage].source), start, end: count(&draft.text) };
        align::add(&mut draft.citations, citation, &draft.text);
    }
    Ok(End::Stop)
}

/// How far below the threshold a question may be, and what one unit must then have of it.
const NEARLY: f64 = 0.8;
const COVERAGE: f64 = 0.55;
const COSINE: f64 = 0.35;

/// Whether passages that fall just short as wholes have one unit that answers after all: a row of a table, a sentence in
/// a long section.
pub(super) async fn second_look(work: &Work, draft: &mut Draft, passages: &[Passage]) -> bool {
    let decision = &draft.receipt.decision;
    let (Some(confidence), Some(least)) = (decision.confidence, decision.min_confidence) else { return false };
    if passages.is_empty() || confidence < NEARLY * least || work.assistant.retrieval.min_score.is_some() {
        return false;
    }
    let best = compose(work, passages).await;
    let answers = !best.parts.is_empty() && best.coverage >= COVERAGE && best.cosine >= COSINE;
    if answers {
        "one passage falls short as a whole, but has what is asked".clone_into(&mut draft.receipt.decision.why);
    }
    answers
}

async fn compose(work: &Work, passages: &[Passage]) -> Composed {
    let asked = Asked::new(&work.question, &work.earlier);
    let headings: Vec<Vec<&str>> =
        passages.iter().map(|passage| std::iter::once(passage.title.as_str()).chain(passage.headings.iter().map(String::as_str)).collect()).collect();
    let from: Vec<From<'_>> = passages.iter().zip(&headings).map(|(passage, headings)| From { text: &passage.text, headings, score: passage.weight }).collect();
    let units = extractive::units(&from, &asked, UNITS);
    let near = nearness(work, &from, &units).await.unwrap_or_default();
    extractive::compose(&asked, &from, &units, &near)
}

/// How near the units and headings are to the question; nothing where the embedding model is not there.
async fn nearness(work: &Work, from: &[From<'_>], units: &[Unit]) -> Option<Nearness> {
    let embedder = &work.app.embedder();
    let alone = embedder.query(&work.question).await.ok()?;
    // A heading is compared with what is asked now: the one of the question before would fit better, and is answered.
    let question = match work.earlier.last() {
        Some(last) if extractive::is_follow_up(&work.question) => embedder.query(&format!("{last}\n{}", work.question)).await.ok()?,
        _ => alone.clone(),
    };
    let headings = join_all(from.iter().map(|from| cosine(embedder, &alone, from.headings.last().copied().unwrap_or_default().to_owned()))).await;
    let mut cosines = join_all(units.iter().take(EMBEDDED_UNITS).map(|unit| cosine(embedder, &question, unit.gist()))).await;
    // The rest come from weaker passages, and count by their words.
    cosines.resize(units.len(), None);
    Some(Nearness { units: cosines, headings })
}

async fn cosine(embedder: &Embedder, to: &[f32], text: String) -> Option<f64> {
    let vector = embedder.query(&text).await.ok()?;
    let cosine: f32 = to.iter().zip(&vector).map(|(a, b)| a * b).sum();
    Some(f64::from(embedder.info().scale.apply(cosine)))
}

fn count(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}
