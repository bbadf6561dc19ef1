//! The same as CSV.

use super::model::{Analytics, QuestionCluster};
use crate::error::{Error, Result};

fn write(rows: impl Iterator<Item = Vec<String>>) -> Result<String> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|cell| guard(cell))).map_err(Error::internal)?;
    }
    let bytes = writer.into_inner().map_err(|error| Error::internal(error.to_string()))?;
    String::from_utf8(bytes).map_err(Error::internal)
}

/// Spreadsheets run what begins like a formula: an apostrophe keeps a stranger's words words.
fn guard(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

fn number(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.4}")).unwrap_or_default()
}

/// A row a day.
pub fn days(analytics: &Analytics) -> Result<String> {
    let head = [
        "date", "conversations", "messages", "visitors", "answered", "notAnswered", "handedOff", "ticketsCreated", "ticketsResolved", "inputTokens", "outputTokens", "cost",
    ];
    let rows = analytics.days.iter().map(|day| {
        let figures = &day.figures;
        let counts = [
            figures.conversations, figures.messages, figures.visitors, figures.answered, figures.not_answered, figures.handed_off, figures.tickets_created,
            figures.tickets_resolved, figures.input_tokens, figures.output_tokens,
        ];
        std::iter::once(day.date.clone()).chain(counts.iter().map(ToString::to_string)).chain([number(figures.cost)]).collect()
    });
    write(std::iter::once(head.map(str::to_owned).to_vec()).chain(rows))
}

/// A row a group of questions.
pub fn questions(clusters: &[QuestionCluster]) -> Result<String> {
    let head = ["question", "count", "answered", "notAnswered", "averageConfidence", "tokens", "cost", "lastAskedAt", "draftAnswer"];
    let rows = clusters.iter().map(|cluster| {
        vec![
            cluster.question.clone(), cluster.count.to_string(), cluster.answered.to_string(), cluster.not_answered.to_string(), number(cluster.average_confidence),
            cluster.tokens.to_string(), number(cluster.cost), cluster.last_asked_at.to_string(), cluster.draft.as_ref().map(|draft| draft.answer.clone()).unwrap_or_default(),
        ]
    });
    write(std::iter::once(head.map(str::to_owned).to_vec()).chain(rows))
}
