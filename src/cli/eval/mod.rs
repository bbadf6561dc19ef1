//! `illumichat eval`: how good retrieval is on given questions, through the product's own path and in a database that is
//! thrown away.

mod answers;
mod baseline;
mod dataset;
mod metrics;
mod tune;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::{
    dataset::{Dataset, Question},
    metrics::{Figures, Holes, Outcome},
};
use super::{Common, print_json, print_line, start_log};
use crate::{
    access::Role,
    app::App,
    clock::Clock,
    error::{Code, Error, Result},
    ids::Ids,
    jobs,
    knowledge::{
        self, NewFile,
        model::{Mode, Source},
        retrieve::{self, Ranking, Scope, Turn, Weights},
        store,
    },
    server::handlers,
    workspaces::service,
};

#[derive(Debug, Subcommand)]
pub(super) enum EvalCommand {
    /// Rank the documents of a folder for its questions: nDCG, recall, MRR, latency
    Retrieval(Retrieval),
    /// Ask an assistant: right pages, expected facts, honest refusals, citations that hold
    Answers(answers::Options),
}

#[derive(Debug, Args)]
pub(super) struct Retrieval {
    /// A folder with `queries.jsonl`, `qrels.tsv`, and `corpus.jsonl` or documents
    folder: PathBuf,
    #[arg(long, value_enum, default_value = "all")]
    mode: Modes,
    /// How many ranks count
    #[arg(long, default_value_t = 10)]
    k: usize,
    /// Use the turns before each question
    #[arg(long)]
    history: bool,
    /// Also measure how well questions without an answer are told apart
    #[arg(long)]
    holes: bool,
    /// Keep the database in this folder, and use it again the next time
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
    /// Compare with a report that `--json` printed before: the difference of nDCG, question by question
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Look for better weights on one half of the questions, and measure them on the other
    #[arg(long)]
    tune: bool,
    /// Print the questions whose first document is a wrong one
    #[arg(long)]
    misses: bool,
    /// End with 1 where a figure of hybrid, or of hybrid+rerank where it was measured, is lower: `ndcg10=0.80`
    #[arg(long, value_name = "FIGURE=VALUE")]
    fail_under: Option<String>,
    /// Try other weights: `vector=0.6,page=1,phrase=0.3,header=3,history=0.5`
    #[arg(long, value_name = "NAME=VALUE,…")]
    weights: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Modes {
    Keyword,
    Vector,
    Hybrid,
    /// Hybrid, with its best passages ranked once more by the reranker of the models folder
    #[value(name = "hybrid+rerank")]
    Reranked,
    All,
}

impl Modes {
    /// Each with whether it is reranked. All of them are also reranked where there is a model for it.
    fn list(self, has_reranker: bool) -> Vec<(Mode, bool)> {
        match self {
            Modes::Keyword => vec![(Mode::Keyword, false)],
            Modes::Vector => vec![(Mode::Vector, false)],
            Modes::Hybrid => vec![(Mode::Hybrid, false)],
            Modes::Reranked => vec![(Mode::Hybrid, false), (Mode::Hybrid, true)],
            Modes::All if has_reranker => vec![(Mode::Keyword, false), (Mode::Vector, false), (Mode::Hybrid, false), (Mode::Hybrid, true)],
            Modes::All => vec![(Mode::Keyword, false), (Mode::Vector, false), (Mode::Hybrid, false)],
        }
    }
}

/// What `--json` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    dataset: String,
    model: String,
    settings: Value,
    questions: usize,
    modes: HashMap<&'static str, Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holes: Option<Holes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<baseline::Difference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tuned: Option<tune::Tuned>,
    /// nDCG of each question in the last mode, hybrid where it was measured: what `--baseline` compares.
    ndcg_by_question: BTreeMap<String, f64>,
    index: Index,
}

#[derive(Serialize)]
struct Index {
    documents: usize,
    chunks: i64,
    /// Reading, cutting, embedding and writing all of them; nothing where `--keep` had them already.
    seconds: f64,
    bytes: u64,
}

pub(super) async fn run(common: &Common, command: EvalCommand) -> Result<()> {
    match command {
        EvalCommand::Retrieval(options) => retrieval(common, options).await,
        EvalCommand::Answers(options) => answers::run(common, options).await,
    }
}

/// Documents of the dataset as the database knows them.
struct Indexed {
    app: App,
    project: i64,
    /// The dataset's id of each document's row; the same content under two ids is one document.
    ids: HashMap<i64, Vec<String>>,
    index: Index,
}

async fn retrieval(common: &Common, options: Retrieval) -> Result<()> {
    let weights = parse_weights(options.weights.as_deref())?;
    let dataset = Dataset::read(&options.folder)?;
    let mut config = common.load(&[])?.config;
    start_log(&config, "warn")?;
    let scratch = tempfile::tempdir()?;
    config.models = Some(config.models_dir());
    config.data_dir = options.keep.clone().unwrap_or_else(|| scratch.path().join("data"));
    let app = App::open(config, Clock::system(), Ids::system())?;
    if let Some(reranker) = &app.reranker {
        reranker.load().await?;
    } else if options.mode == Modes::Reranked {
        return Err(Error::bad_request("There is no reranker to measure. `illumichat models add` adds one, and `rerank.model` names it where there are several."));
    }
    let indexed = index(app, &dataset).await?;
    let model_id = indexed.app.embedder().info().id.clone();
    let model = indexed.app.db.read(|connection| store::model_row(connection, &model_id))?.unwrap_or_default();

    let mut modes = HashMap::new();
    let mut all_turns = Vec::new();
    let mut ndcg_by_question = BTreeMap::new();
    for question in &dataset.questions {
        all_turns.push(embed(&indexed.app, question, options.history, &weights).await?);
    }
    for (mode, is_reranked) in options.mode.list(indexed.app.reranker.is_some()) {
        let mut outcomes = Vec::new();
        for (question, (turns, embedding_time)) in dataset.questions.iter().zip(&all_turns) {
            let started = now();
            let scope = Scope { projects: &[indexed.project], model, codes: &indexed.app.codes, without: None };
            let mut ranking = indexed.app.db.read(|connection| retrieve::rank(connection, scope, turns, mode, &weights))?;
            if is_reranked {
                rerank(&indexed.app, question, options.history, &mut ranking).await?;
            }
            let time = started.elapsed() + if mode == Mode::Keyword { Duration::ZERO } else { *embedding_time };
            let ranked: Vec<&str> = ranking.documents.iter().filter_map(|(row, _)| indexed.name_of(*row, question)).collect();
            let outcome = Outcome::of(&ranked, &question.relevant, options.k, time);
            if options.misses && mode == Mode::Hybrid && outcome.hit1 == 0.0 {
                print_line(&format!("miss {:.2} {} {:?}\n  wanted {:?}\n  got    {:?}", outcome.ndcg, question.id, question.text, question.relevant.keys(), &ranked[..ranked.len().min(3)]))?;
            }
            outcomes.push(outcome);
        }
        ndcg_by_question = dataset.questions.iter().zip(&outcomes).map(|(question, outcome)| (question.id.clone(), outcome.ndcg)).collect();
        modes.insert(name(mode, is_reranked), Figures::of(&outcomes));
    }
    let baseline = options.baseline.as_deref().map(|file| baseline::compare(file, &dataset.name, &ndcg_by_question)).transpose()?;
    let tuned = if options.tune { Some(tune::tune(&indexed, &dataset, &all_turns, model, &weights, options.k)?) } else { None };
    let holes = if options.holes { Some(holes(&indexed, &dataset, &all_turns, model, &weights).await?) } else { None };
    let settings = json!({
        "k": options.k, "history": options.history,
        "rerank": indexed.app.reranker.as_ref().map(|reranker| json!({"model": reranker.id(), "passages": indexed.app.config.rerank.passages, "timeoutMs": indexed.app.config.rerank.timeout_ms})),
        "weights": {"vector": weights.vector, "keyword": weights.keyword, "header": weights.header, "phrase": weights.phrase, "page": weights.page, "history": weights.history, "coverage": weights.coverage},
    });
    let report = Report { dataset: dataset.name, model: model_id, settings, questions: dataset.questions.len(), modes, holes, baseline, tuned, ndcg_by_question, index: indexed.index };
    if common.json { print_json(&report)? } else { print_table(&report)? }
    check(&report, options.fail_under.as_deref())
}

/// Puts the documents in as the product does: files, jobs, chunks, vectors.
async fn index(app: App, dataset: &Dataset) -> Result<Indexed> {
    let started = now();
    let known = app.db.read(crate::access::store::any_user)?;
    let (workspace_id, project_id) = if known { find_kept(&app)? } else { make_project(&app).await? };
    let project = app.db.read(|connection| store::find_project_row(connection, &workspace_id, &project_id, store::Sees::All))?.ok_or_else(|| Error::not_found("project"))?;
    let stop = CancellationToken::new();
    let (queue, handling, stopped) = (app.jobs.clone(), handlers(&app, &crate::answering::Answers::default()), stop.clone());
    let workers = tokio::spawn(async move { queue.run(handling, 4, stopped).await });
    let mut ids: HashMap<i64, Vec<String>> = HashMap::new();
    let progress = indicatif::ProgressBar::new(dataset.documents.len() as u64);
    for text in &dataset.documents {
        let file = NewFile { source: Source::Upload, title: text.title.clone(), filename: text.filename.clone(), url: None, bytes: text.bytes.clone() };
        let id = match knowledge::add_document(&app, &workspace_id, &project_id, file).await {
            Ok(document) => document.id,
            Err(error) if error.code() == Code::Conflict => error.details().get("id").cloned().unwrap_or_default(),
            Err(error) if error.code() == Code::BadRequest => continue,
            Err(error) => return Err(error),
        };
        if let Some(row) = app.db.read(|connection| store::find_ingest(connection, &workspace_id, &id))? {
            ids.entry(row.row).or_default().push(text.id.clone());
        }
    }
    loop {
        let open: i64 = app.db.read(jobs::counts)?.iter().filter(|(state, _)| state != "failed").map(|(_, count)| count).sum();
        progress.set_position((dataset.documents.len() as u64).saturating_sub(u64::try_from(open).unwrap_or_default()));
        if open == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    progress.finish_and_clear();
    stop.cancel();
    let _ = workers.await;
    app.db.checkpoint().await?;
    let project_now = app.db.read(|connection| store::find_project(connection, &workspace_id, &project_id, store::Sees::All))?;
    let bytes = std::fs::metadata(app.config.database_path())?.len();
    let index = Index { documents: ids.len(), chunks: project_now.map_or(0, |project| project.chunk_count), seconds: started.elapsed().as_secs_f64(), bytes };
    Ok(Indexed { app, project, ids, index })
}

fn find_kept(app: &App) -> Result<(String, String)> {
    app.db.read(store::first_project)?.ok_or_else(|| Error::conflict("The folder to keep the database in holds something else. Choose an empty one."))
}

async fn make_project(app: &App) -> Result<(String, String)> {
    let new = service::prepare_user(app, "eval@localhost", "Evaluation", None).await?;
    let (user_id, workspace_id) = service::add_user(app, new, "Evaluation", Role::Owner).await?;
    let project = knowledge::new_project(app, "Evaluation", None, None)?;
    let (id, in_workspace) = (project.id.clone(), workspace_id.clone());
    app.db.write(move |tx| store::insert_project(tx, &in_workspace, &user_id, &project)).await?;
    Ok((workspace_id, id))
}

impl Indexed {
    /// Of the ids of one document, the one that this question wants.
    fn name_of(&self, row: i64, question: &Question) -> Option<&str> {
        let ids = self.ids.get(&row)?;
        ids.iter().find(|id| question.relevant.contains_key(*id)).or(ids.first()).map(String::as_str)
    }
}

async fn embed(app: &App, question: &Question, history: bool, weights: &Weights) -> Result<(Vec<Turn>, Duration)> {
    let earlier: &[String] = if history { &question.earlier } else { &[] };
    let mut turns = Vec::new();
    let mut time = Duration::ZERO;
    for (text, weight) in retrieve::turns(&question.text, earlier, weights) {
        let started = now();
        let vector = Some(app.embedder().query(&text).await?);
        time += started.elapsed();
        turns.push(Turn { text, vector, weight });
    }
    Ok((turns, time))
}

/// Puts the documents in the order of their passages, ranked once more; without a limit on time, so that the same question gives
/// the same figure on every machine.
async fn rerank(app: &App, question: &Question, history: bool, ranking: &mut Ranking) -> Result<()> {
    let Some(reranker) = &app.reranker else { return Ok(()) };
    let mut found = app.db.read(|connection| {
        let best = ranking.chunks.iter().take(app.config.rerank.passages);
        best.filter_map(|chunk| store::show_chunk(connection, chunk).transpose().map(|hit| Ok((*chunk, hit?)))).collect::<Result<Vec<_>>>()
    })?;
    let earlier = if history { question.earlier.clone() } else { Vec::new() };
    let asked = knowledge::rerank::asked(&knowledge::Question { text: question.text.clone(), earlier, resolved: None });
    let done = knowledge::rerank::rerank(app, reranker, &asked, &mut found, Duration::from_secs(600)).await;
    if let Some(problem) = done.problem {
        return Err(Error::unavailable(problem));
    }
    // What was reranked comes first, then the rest as it was.
    let first: Vec<i64> = found.iter().map(|(chunk, _)| chunk.document).collect();
    let place = |document: i64| first.iter().position(|first| *first == document).unwrap_or(first.len());
    ranking.documents.sort_by_key(|(document, _)| place(*document));
    Ok(())
}

/// Asks every question twice: with its documents there, and with them taken out.
async fn holes(indexed: &Indexed, dataset: &Dataset, all_turns: &[(Vec<Turn>, Duration)], model: i64, weights: &Weights) -> Result<Holes> {
    let (mut answered, mut unanswered) = (Vec::new(), Vec::new());
    for (question, (turns, _)) in dataset.questions.iter().zip(all_turns) {
        let right: HashSet<i64> = indexed.ids.iter().filter(|(_, ids)| ids.iter().any(|id| question.relevant.contains_key(id))).map(|(row, _)| *row).collect();
        for (without, into) in [(None, &mut answered), (Some(&right), &mut unanswered)] {
            let scope = Scope { projects: &[indexed.project], model, codes: &indexed.app.codes, without };
            into.push(indexed.app.db.read(|connection| retrieve::rank(connection, scope, turns, Mode::Hybrid, weights))?.confidence);
        }
    }
    let samples = knowledge::calibrate::samples(&indexed.app, indexed.project).await?;
    let threshold = knowledge::calibrate::threshold(&samples).or(indexed.app.db.read(|connection| store::calibration(connection, indexed.project))?).unwrap_or(knowledge::UNCALIBRATED);
    Ok(Holes::of(&answered, &unanswered, threshold))
}

#[expect(clippy::disallowed_methods, reason = "what is measured here is real time")]
fn now() -> Instant {
    Instant::now()
}

fn name(mode: Mode, is_reranked: bool) -> &'static str {
    match mode {
        Mode::Hybrid if is_reranked => RERANKED,
        Mode::Hybrid => "hybrid",
        Mode::Keyword => "keyword",
        Mode::Vector => "vector",
    }
}

const RERANKED: &str = "hybrid+rerank";

fn parse_weights(text: Option<&str>) -> Result<Weights> {
    let mut weights = Weights::default();
    for pair in text.unwrap_or_default().split(',').filter(|pair| !pair.is_empty()) {
        let value = pair.split_once('=').and_then(|(name, value)| Some((name, value.parse::<f64>().ok()?)));
        match value {
            Some(("vector", value)) => (weights.vector, weights.keyword) = (value, 1.0 - value),
            Some(("page", value)) => weights.page = value,
            Some(("phrase", value)) => weights.phrase = value,
            Some(("header", value)) => weights.header = value,
            Some(("history", value)) => weights.history = value,
            Some(("coverage", value)) => weights.coverage = value,
            _ => return Err(Error::bad_request(format!("`{pair}` is not a weight; there are vector, page, phrase, header, history and coverage, each as `name=number`."))),
        }
    }
    Ok(weights)
}

fn print_table(report: &Report) -> Result<()> {
    print_line(&format!(
        "{}: {} questions, {} documents, {} chunks, indexed in {:.1} s, {:.1} MB",
        report.dataset,
        report.questions,
        report.index.documents,
        report.index.chunks,
        report.index.seconds,
        report.index.bytes as f64 / 1e6
    ))?;
    print_line("mode           nDCG@10  95 %           recall@1  @5     @10    MRR@10  hit@1   p50 ms  p95 ms")?;
    for mode in ["keyword", "vector", "hybrid", RERANKED] {
        if let Some(f) = report.modes.get(mode) {
            print_line(&format!(
                "{mode:<14} {:.4}   {:.3} – {:.3}  {:.3}     {:.3}  {:.3}  {:.3}   {:.3}  {:>6.1}  {:>6.1}",
                f.ndcg10, f.ci95[0], f.ci95[1], f.recall1, f.recall5, f.recall10, f.mrr10, f.hit1, f.p50_ms, f.p95_ms
            ))?;
        }
    }
    if let Some(holes) = &report.holes {
        print_line(&format!(
            "no answer AUROC {:.3}, caught {:.0} % at 6 % false refusals; at the calibrated {:.3}: caught {:.0} %, false refusals {:.1} %",
            holes.auroc,
            holes.caught_at6 * 100.0,
            holes.threshold,
            holes.caught * 100.0,
            holes.false_refusals * 100.0
        ))?;
    }
    if let Some(difference) = &report.baseline {
        print_line(&format!(
            "against the baseline: nDCG {:+.4}, 95 % {:+.4} to {:+.4}; {} questions better, {} worse",
            difference.mean, difference.ci95[0], difference.ci95[1], difference.better, difference.worse
        ))?;
    }
    if let Some(tuned) = &report.tuned {
        print_line(&format!(
            "tuned: {}; nDCG on the other half {:.4} instead of {:.4}, 95 % of the difference {:+.4} to {:+.4}",
            tuned.weights, tuned.held_out, tuned.held_out_before, tuned.ci95[0], tuned.ci95[1]
        ))?;
    }
    Ok(())
}

fn check(report: &Report, fail_under: Option<&str>) -> Result<()> {
    let Some(text) = fail_under else { return Ok(()) };
    let wrong = || Error::bad_request(format!("`{text}` is not of the form `ndcg10=0.80`."));
    let (figure, least) = text.split_once('=').ok_or_else(wrong)?;
    let least: f64 = least.parse().map_err(|_| wrong())?;
    let figures = report.modes.get(RERANKED).or_else(|| report.modes.get("hybrid")).or_else(|| report.modes.values().next()).ok_or_else(wrong)?;
    let figure = figure.replace('@', "");
    let value = serde_json::to_value(figures)?.get(&figure).and_then(Value::as_f64).ok_or_else(wrong)?;
    if value < least { Err(Error::conflict(format!("{figure} is {value:.4}, less than {least}."))) } else { Ok(()) }
}
