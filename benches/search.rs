//! How fast a search is in a project of 10,000 and of 100,000 chunks, and how many of the true ten nearest vectors the
//! two-step scan keeps: `cargo bench --bench search [-- 10000 100000]`.
//!
//! The text is real documentation (`ILLUMICHAT_TEST_DATA`, else `../shared/data`), repeated with other words where it is
//! too short. Embedding a hundred thousand chunks would take an hour, so the vectors are made by arithmetic: a few
//! thousand directions, and each chunk near some of them. That is harder for the scan than real text, whose vectors lie
//! further apart.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark measures real time, and may end where something is missing")]

use std::{path::PathBuf, time::Instant};

use illumichat::{
    access::Role,
    app::App,
    clock::Clock,
    config::Config,
    embed::{Model, ModelInfo},
    ids::Ids,
    knowledge::{
        self,
        chunk::{Chunk, chunk},
        extract::extract,
        model::{Mode, Source},
        retrieve::{self, Scope, Turn, Weights},
        scan,
        service::NewFile,
        store::{self, Append},
    },
    workspaces::service,
};
use serde_json::Value;

const DIMENSIONS: usize = 384;

fn arithmetic() -> ModelInfo {
    ModelInfo { id: "arithmetic".into(), dimensions: DIMENSIONS, ..Model::deterministic().info().expect("it is always there") }
}

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![10_000, 100_000] } else { sizes };
    let Some(corpus) = Corpus::read() else {
        println!("no documentation to search: set ILLUMICHAT_TEST_DATA to a folder with eval/awsdocs");
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for size in sizes {
        runtime.block_on(measure(&corpus, size));
    }
}

/// Real chunks and real questions.
struct Corpus {
    chunks: Vec<Chunk>,
    questions: Vec<String>,
}

impl Corpus {
    fn read() -> Option<Corpus> {
        let data = std::env::var_os("ILLUMICHAT_TEST_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from).join("eval/awsdocs");
        let field = |line: &str, name: &str| serde_json::from_str::<Value>(line).unwrap()[name].as_str().unwrap_or_default().to_owned();
        let count = |text: &str| text.len().div_ceil(4);
        let mut chunks = Vec::new();
        for line in std::fs::read_to_string(data.join("corpus.jsonl")).ok()?.lines() {
            if let Ok(document) = extract(field(line, "text").as_bytes()) {
                chunks.extend(chunk(&field(line, "title"), &document, 254, &count));
            }
        }
        let questions = std::fs::read_to_string(data.join("queries.jsonl")).ok()?.lines().map(|line| field(line, "text")).collect();
        Some(Corpus { chunks, questions })
    }
}

/// A repeatable stream of numbers from -1 to 1 (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z >> 40) as f32 / (1 << 23) as f32) - 1.0
    }

    fn direction(&mut self) -> Vec<f32> {
        unit((0..DIMENSIONS).map(|_| (0..4).map(|_| self.next()).sum()).collect())
    }
}

fn unit(vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.into_iter().map(|value| value / length).collect()
}

/// A vector of three topics and its own remainder.
fn vector(topics: &[Vec<f32>], numbers: &mut Numbers) -> Vec<f32> {
    let own = numbers.direction();
    let mut sum: Vec<f32> = own.iter().map(|value| value * 0.7).collect();
    for weight in [0.6, 0.4, 0.3] {
        let topic = &topics[(((numbers.next() + 1.0) / 2.0 * topics.len() as f32) as usize).min(topics.len() - 1)];
        sum.iter_mut().zip(topic).for_each(|(value, part)| *value += weight * part);
    }
    unit(sum)
}

async fn measure(corpus: &Corpus, size: usize) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { data_dir: folder.path().join("data"), ..Config::default() };
    let app = App::open_with_model(config, Clock::system(), Ids::system(), Model::deterministic()).unwrap();
    let new = service::prepare_user(&app, "bench@localhost", "Bench", None).await.unwrap();
    let (user_id, workspace_id) = service::add_user(&app, new, "Bench", Role::Owner).await.unwrap();
    let project = knowledge::new_project(&app, "Bench", None, None).unwrap();
    let (project_id, in_workspace) = (project.id.clone(), workspace_id.clone());
    app.db.write(move |tx| store::insert_project(tx, &in_workspace, &user_id, &project)).await.unwrap();
    let mut numbers = Numbers(7);
    let topics: Vec<Vec<f32>> = (0..2000).map(|_| numbers.direction()).collect();

    let started = Instant::now();
    let project_row = app.db.read(|connection| store::find_project_row(connection, &workspace_id, &project_id, store::Sees::All)).unwrap().unwrap();
    let model = app.db.write(|tx| store::register_model(tx, &arithmetic())).await.unwrap().row;
    const DOCUMENT: usize = 500;
    for from in (0..size).step_by(DOCUMENT) {
        let file = NewFile { source: Source::Text, title: None, filename: None, url: None, bytes: format!("Part {from}").into_bytes() };
        let document = knowledge::add_document(&app, &workspace_id, &project_id, file).await.unwrap();
        let now = app.now();
        let workspace = workspace_id.clone();
        let row = app
            .db
            .write(move |tx| {
                let row = store::find_ingest(tx, &workspace, &document.id)?.unwrap().row;
                store::set_processing(tx, row, now)?;
                Ok(row)
            })
            .await
            .unwrap();
        let chunks: Vec<Chunk> = (from..(from + DOCUMENT).min(size))
            .map(|number| {
                let mut chunk = corpus.chunks[number % corpus.chunks.len()].clone();
                chunk.ordinal = number - from;
                // From the second round on some words differ, as they do in other documents.
                let round = number / corpus.chunks.len();
                if round > 0 {
                    chunk.text = chunk.text.split(' ').enumerate().map(|(place, word)| if (place * 7 + number).is_multiple_of(11) { format!("{word}{round}") } else { word.to_owned() }).collect::<Vec<_>>().join(" ");
                }
                chunk
            })
            .collect();
        let vectors: Vec<Vec<f32>> = chunks.iter().map(|_| vector(&topics, &mut numbers)).collect();
        app.db
            .write(move |tx| {
                store::append_chunks(tx, &Append { document: row, project: project_row, chunks: &chunks, vectors: &[(model, vectors)] }, now)?;
                let text = chunks.iter().map(|chunk| chunk.text.as_str()).collect::<Vec<_>>().join("\n");
                store::finish_document(tx, row, project_row, "", &text, chunks.len(), now)
            })
            .await
            .unwrap();
    }
    app.db.checkpoint().await.unwrap();
    let bytes = std::fs::metadata(app.config.database_path()).unwrap().len();
    println!("{size} chunks: written in {:.1} s, {:.0} MB", started.elapsed().as_secs_f64(), bytes as f64 / 1e6);

    let scope = Scope { projects: &[project_row], model, codes: &app.codes, without: None };
    let asked: Vec<(String, Vec<f32>)> = (0..100).map(|number| (corpus.questions[number % corpus.questions.len()].clone(), vector(&topics, &mut numbers))).collect();
    for (name, mode) in [("keyword", Mode::Keyword), ("vector", Mode::Vector), ("hybrid", Mode::Hybrid)] {
        let times = asked.iter().map(|(text, vector)| {
            let turns = [Turn { text: text.clone(), vector: Some(vector.clone()), weight: 1.0 }];
            let started = Instant::now();
            app.db.read(|connection| retrieve::rank(connection, scope, &turns, mode, &Weights::default())).unwrap();
            started.elapsed().as_secs_f64() * 1000.0
        });
        print_times(name, times.collect());
    }
    let mut kept = 0;
    let (mut exact_times, mut scan_times) = (Vec::new(), Vec::new());
    for (_, vector) in &asked {
        let started = Instant::now();
        let exact = app.db.read(|connection| scan::nearest_exact(connection, &[project_row], model, vector, 10)).unwrap();
        exact_times.push(started.elapsed().as_secs_f64() * 1000.0);
        let started = Instant::now();
        let found = app.db.read(|connection| scan::nearest(connection, &app.codes, &[project_row], model, vector, 10)).unwrap();
        scan_times.push(started.elapsed().as_secs_f64() * 1000.0);
        kept += exact.iter().filter(|near| found.iter().any(|other| other.chunk == near.chunk)).count();
    }
    print_times("scan", scan_times);
    print_times("exact scan", exact_times);
    println!("  recall@10 of the scan {:.3}", f64::from(u32::try_from(kept).unwrap()) / (asked.len() * 10) as f64);
}

fn print_times(name: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    println!("  {name:<11} p50 {:>7.2} ms  p99 {:>7.2} ms", times[times.len() / 2], times[times.len() * 99 / 100]);
}
