//! `illumichat search`: what retrieval finds in a project, with both ranks.

use clap::{Args, ValueEnum};

use super::{Common, ingest::find_project, print_json, print_line};
use crate::{
    error::{Error, Result},
    knowledge::{self, model::Mode},
};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The project's id, or its name
    project: String,
    query: String,
    /// How many passages, 1 to 50
    #[arg(long, default_value_t = 5)]
    limit: usize,
    #[arg(long, value_enum, default_value = "hybrid")]
    mode: SearchMode,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SearchMode {
    Hybrid,
    Keyword,
    Vector,
}

pub(super) async fn run(common: &Common, options: Options) -> Result<()> {
    if !(1..=50).contains(&options.limit) {
        return Err(Error::bad_request("`--limit` takes a number from 1 to 50."));
    }
    let app = common.open()?;
    let (workspace_id, project_id) = find_project(&app, &options.project)?;
    let mode = match options.mode {
        SearchMode::Hybrid => Mode::Hybrid,
        SearchMode::Keyword => Mode::Keyword,
        SearchMode::Vector => Mode::Vector,
    };
    let question = knowledge::Question { text: options.query, earlier: Vec::new(), resolved: None };
    let settings = knowledge::SearchOptions { mode, limit: options.limit, ..knowledge::SearchOptions::default() };
    // A server has it loaded already; this command waits for it.
    if let Some(reranker) = &app.reranker {
        reranker.load().await?;
    }
    let result = knowledge::search(&app, &workspace_id, &[project_id], &question, &settings).await?;
    if common.json {
        return print_json(&result);
    }
    if result.data.is_empty() {
        return print_line("Nothing was found.");
    }
    for (place, hit) in result.data.iter().enumerate() {
        let rank = |signal: &Option<knowledge::model::Signal>| signal.map_or_else(|| "–".to_owned(), |signal| format!("#{} ({:.3})", signal.rank, signal.score));
        let path = std::iter::once(&hit.title).chain(&hit.headings).map(String::as_str).collect::<Vec<_>>().join(" › ");
        let reranked = if hit.rerank.is_some() { format!(", read with the question {}", rank(&hit.rerank)) } else { String::new() };
        print_line(&format!("{}. {path}\n   score {:.3}, words {}, meaning {}{reranked}", place + 1, hit.score, rank(&hit.keyword), rank(&hit.vector)))?;
        let text: String = hit.text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(220).collect();
        print_line(&format!("   {text}\n"))?;
    }
    print_line(&format!(
        "The documents {} this question: confidence {:.2}, {:.2} is needed.",
        if result.answerable { "answer" } else { "do not answer" },
        result.confidence,
        result.min_confidence
    ))
}
