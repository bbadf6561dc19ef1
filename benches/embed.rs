//! How fast texts become vectors, beside ONNX Runtime with the same weights and the same texts in the same run.
//!
//! `cargo bench --bench embed`. For the comparison, `python3` (or what `PYTHON` names) must have the packages that `onnx_runtime.py`
//! lists; without them only our own rows are printed. The last texts are passages of real documentation as they are embedded,
//! where there is some (`ILLUMICHAT_TEST_DATA`, else `../shared/data`). On a machine that does other work too, the column per CPU second is the one
//! to compare.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use illumichat::embed::{Embedder, Model, Precision};
use illumichat::knowledge::{chunk::chunk, extract::extract};
use serde_json::{Value, json};

/// Each measurement is taken this often, in turns with the other engines; the best counts.
const ROUNDS: usize = 3;
const QUESTIONS: usize = 100;

const WORDS: &[&str] = &[
    "the", "customer", "asked", "how", "to", "reset", "a", "password", "and", "update", "billing", "details", "before", "their", "annual",
    "subscription", "renews", "next", "month", "refunds", "are", "paid", "within", "fourteen", "days", "of", "return", "parcels", "from", "abroad",
];

/// What one engine reached, the best of all rounds.
#[derive(Default)]
struct Row {
    question_p50_ms: f64,
    question_p95_ms: f64,
    /// Texts a second, and a CPU second, for each set of texts.
    rates: Vec<(f64, f64)>,
}

struct Set {
    name: &'static str,
    texts: Vec<String>,
}

#[tokio::main]
async fn main() {
    let counter = Embedder::start(Model::builtin(), 1).expect("the build made the model");
    let of_tokens = |tokens: usize, seed: usize| {
        let mut text = String::new();
        for i in 0.. {
            let word = WORDS[(seed * 7 + i * (1 + seed % 3)) % WORDS.len()];
            // Two tokens are the model's own.
            if counter.count_tokens(&text) + 2 >= tokens {
                break;
            }
            let _ = write!(text, "{word} ");
        }
        text
    };
    let mut sets = vec![
        Set { name: "128 tokens", texts: (0..64).map(|seed| of_tokens(128, seed)).collect() },
        Set { name: "256 tokens", texts: (0..32).map(|seed| of_tokens(256, seed)).collect() },
        // Many short ones, a few long ones, mean 100.
        Set { name: "mixed", texts: (0..96).map(|seed| of_tokens(12 + (seed * 37 % 96) * (seed * 37 % 96) * 244 / 9025, seed)).collect() },
    ];
    let questions: Vec<String> = (0..QUESTIONS).map(|seed| of_tokens(14, seed)).collect();
    let passages = documentation(&counter);
    if !passages.is_empty() {
        sets.push(Set { name: "awsdocs", texts: passages });
    }
    let vectors = counter.passages(sets[sets.len() - 1].texts.clone()).await.expect("the model is whole");

    let input = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    let data = json!({
        "model": Path::new(env!("CARGO_MANIFEST_DIR")).join("models/all-minilm-l6-v2"),
        "questions": questions,
        "sets": sets.iter().map(|set| &set.texts).collect::<Vec<_>>(),
        "vectors": vectors,
    });
    fs::write(input.path(), data.to_string()).expect("the temporary file can be written");

    let mut rows: Vec<(String, Row)> = Vec::new();
    for round in 0..ROUNDS {
        for (precision, name) in [(Precision::Single, "32 bits"), (Precision::Fastest, "default")] {
            for workers in [1, 2] {
                let row = measure(Model::builtin().with_precision(precision), workers, &questions, &sets).await;
                keep_best(&mut rows, format!("IllumiChat {name}, {workers} workers"), row);
            }
        }
        match onnx(input.path()) {
            Ok(found) => found.into_iter().for_each(|(name, row)| keep_best(&mut rows, name, row)),
            Err(why) if round == 0 => println!("No comparison with ONNX Runtime: {why}\n"),
            Err(_) => {}
        }
    }

    println!("texts/s (and per CPU second); a question has 14 tokens\n");
    print!("| engine | question p50 / p95 ms |");
    sets.iter().for_each(|set| print!(" {} |", set.name));
    println!("\n|---|---|{}", "---|".repeat(sets.len()));
    for (name, row) in &rows {
        print!("| {name} | {:.2} / {:.2} |", row.question_p50_ms, row.question_p95_ms);
        row.rates.iter().for_each(|(wall, cpu)| print!(" {wall:.1} ({cpu:.1}) |"));
        println!();
    }
}

/// Passages with their headings, cut as documents are; none where there is no documentation.
fn documentation(counter: &Embedder) -> Vec<String> {
    const PASSAGES: usize = 256;
    let data = std::env::var_os("ILLUMICHAT_TEST_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from).join("eval/awsdocs/corpus.jsonl");
    let text = fs::read_to_string(data).unwrap_or_default();
    let pages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).filter_map(|page| {
        let document = extract(page["text"].as_str()?.as_bytes()).ok()?;
        Some(chunk(page["title"].as_str()?, &document, counter.passage_tokens(), &|text| counter.count_tokens(text)))
    });
    // From everywhere, not from the first few pages.
    pages.flatten().step_by(37).map(|chunk| chunk.embedded()).take(PASSAGES).collect()
}

async fn measure(model: Model, workers: usize, questions: &[String], sets: &[Set]) -> Row {
    let embedder = Embedder::start(model, workers).expect("the build made the model");
    embedder.load().await.expect("the model is whole");
    let mut times = Vec::new();
    for question in questions {
        let start = Instant::now();
        embedder.query(question).await.expect("the model is whole");
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    let mut rates = Vec::new();
    for set in sets {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        embedder.passages(set.texts.clone()).await.expect("the model is whole");
        let count = set.texts.len() as f64;
        rates.push((count / start.elapsed().as_secs_f64(), count / (cpu_seconds() - cpu)));
    }
    Row { question_p50_ms: times[times.len() / 2], question_p95_ms: times[times.len() * 95 / 100], rates }
}

/// CPU time of this process, from Linux' accounts of its threads; NaN elsewhere.
fn cpu_seconds() -> f64 {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return f64::NAN };
    let nanoseconds = threads.flatten().filter_map(|thread| {
        let account = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        account.split(' ').next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}

/// The rows of ONNX Runtime, or why there are none.
fn onnx(input: &Path) -> Result<Vec<(String, Row)>, String> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/onnx_runtime.py");
    let output = Command::new(&python).arg(script).arg(input).output().map_err(|error| format!("{python} did not start: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).map_err(|error| format!("onnx_runtime.py printed no table: {error}"))?;
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let row = |value: &Value| {
        let rates = value["rates"].as_array().into_iter().flatten().map(|rate| (number(&rate[0]), number(&rate[1]))).collect();
        Row { question_p50_ms: number(&value["p50"]), question_p95_ms: number(&value["p95"]), rates }
    };
    Ok(rows.iter().map(|value| (value["name"].as_str().unwrap_or("ONNX Runtime").to_owned(), row(value))).collect())
}

fn keep_best(rows: &mut Vec<(String, Row)>, name: String, row: Row) {
    let Some((_, best)) = rows.iter_mut().find(|(known, _)| *known == name) else { return rows.push((name, row)) };
    if row.question_p50_ms < best.question_p50_ms {
        (best.question_p50_ms, best.question_p95_ms) = (row.question_p50_ms, row.question_p95_ms);
    }
    for (best, rate) in best.rates.iter_mut().zip(row.rates) {
        *best = (best.0.max(rate.0), best.1.max(rate.1));
    }
}
