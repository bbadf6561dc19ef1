//! `illumichat eval answers`: what an assistant says to given questions, whether it is what was expected, whether its
//! citations hold, and whether something got worse.

mod figures;
mod questions;
mod replay;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use self::{
    figures::{Figures, Outcome, print_table},
    questions::{Asked, same_page},
    replay::Bench,
};
use super::{
    super::{Common, ask::find_assistant, print_json, print_line, start_log},
    dataset::Dataset,
    index,
};
use crate::{
    app::App,
    clock::Clock,
    error::{Error, Result},
    ids::Ids,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// A file of questions, one JSON object a line: `{"question": "…", "page": "name", "facts": ["…"]}`. `page` is the document
    /// that answers (several in a list), by file name with or without its ending, and null where none does; `facts` are what
    /// the answer has to say; `"earlier": ["…"]` are questions asked before. The documents are the files beside it.
    /// Or a folder in the form of `eval retrieval`.
    file: PathBuf,
    /// Ask this assistant of the data folder, by its id or name, with its own documents and model; nothing of it is stored.
    /// A `page` may then also be a source's title or address
    #[arg(long, value_name = "ASSISTANT")]
    assistant: Option<String>,
    /// Only the first so many questions
    #[arg(long)]
    limit: Option<usize>,
    /// Print every answer
    #[arg(long)]
    show: bool,
    /// End with 1 where less than this share of the cited sentences is supported
    #[arg(long, value_name = "SHARE")]
    fail_under: Option<f64>,
    /// Compare with a report that `--json` printed before, and end with 1 where a question got worse
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
}

pub(super) async fn run(common: &Common, options: Options) -> Result<()> {
    let mut questions = questions::read(&options.file)?;
    questions.truncate(options.limit.unwrap_or(usize::MAX));
    let before = options.baseline.as_deref().map(read_report).transpose()?;
    let figures = match &options.assistant {
        Some(assistant) => replay(common, &options, assistant, &questions).await?,
        None => measure(common, &options, &questions).await?,
    };
    if common.json { print_json(&figures)? } else { print_table(&figures)? }
    if let Some(least) = options.fail_under.filter(|least| figures.supported_share() < *least) {
        return Err(Error::conflict(format!("{:.3} of the cited sentences are supported, less than {least}.", figures.supported_share())));
    }
    let worse = before.map(|before| figures.worse_than(&before)).unwrap_or_default();
    if worse.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = worse.iter().map(|(question, how)| format!("\n  {question} {how}")).collect();
    Err(Error::conflict(format!("{} of {} questions got worse:{}", worse.len(), questions.len(), list.concat())))
}

/// Asks the built-in answerer, in a database that is thrown away.
async fn measure(common: &Common, options: &Options, questions: &[Asked]) -> Result<Figures> {
    let mut config = common.load(&[])?.config;
    start_log(&config, "warn")?;
    let scratch = tempfile::tempdir()?;
    config.data_dir = scratch.path().join("data");
    let app = App::open(config, Clock::system(), Ids::system())?;
    let dataset = Dataset { name: options.file.display().to_string(), documents: questions::documents(&options.file)?, questions: Vec::new() };
    let indexed = index(app, &dataset).await?;
    let bench = Bench::new(&indexed.app).await?;
    let mut figures = Figures::of(questions.len());
    let mut before: Option<String> = None;
    for question in questions {
        let (answer, passages) = bench.ask(question).await?;
        let pages: Vec<String> = answer.sources.iter().filter_map(|source| bench.name_of(&indexed, &source.document_id)).collect();
        figures.count(question, &answer, &passages, is_right(options, question, &pages, &answer.content)?);
        figures.scripted.count(&indexed.app.embedder(), &passages, before.as_deref()).await;
        before = passages.first().map(|(_, text)| text.clone());
    }
    Ok(figures)
}

/// Asks an assistant that there is.
async fn replay(common: &Common, options: &Options, assistant: &str, questions: &[Asked]) -> Result<Figures> {
    let app = common.open()?;
    let (workspace_id, assistant_id) = find_assistant(&app, assistant)?;
    let bench = Bench::of(app, workspace_id, assistant_id);
    let mut figures = Figures::of(questions.len());
    for question in questions {
        let answer = bench.rehearse(question).await?;
        let pages = bench.pages(&answer)?;
        figures.count(question, &answer, &[], is_right(options, question, &pages, &answer.content)?);
    }
    Ok(figures)
}

fn is_right(options: &Options, question: &Asked, pages: &[String], content: &str) -> Result<bool> {
    let right = pages.iter().any(|page| question.pages.iter().any(|wanted| same_page(page, wanted)));
    if options.show {
        print_line(&format!("## {}\n{content}\n   {pages:?} {}\n", question.text, if right || question.pages.is_empty() { "" } else { "WRONG PAGE" }))?;
    }
    Ok(right)
}

fn read_report(file: &Path) -> Result<Vec<Outcome>> {
    let text = std::fs::read_to_string(file).map_err(|error| Error::bad_request(format!("{} cannot be read: {error}.", file.display())))?;
    let report: Option<Value> = serde_json::from_str(&text).ok();
    let outcomes = report.and_then(|mut report| serde_json::from_value(report["perQuestion"].take()).ok());
    outcomes.ok_or_else(|| Error::bad_request(format!("{} is no report of `eval answers --json`.", file.display())))
}
