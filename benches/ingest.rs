//! What an import asks of a server, and of the people who ask it something meanwhile: `cargo bench --bench ingest`.
//!
//! The executable serves a help centre of 232 pages. Questions are put to its built-in answerer, first while nothing else
//! happens, then while 1,839 pages of documentation are read (`ILLUMICHAT_TEST_DATA`, else `../shared/data`). Printed are the
//! times to the first word of an answer in both cases, how many passages were read a second, and the most memory that the
//! server held.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark measures real time, and may end where something is missing")]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_illumichat");
const QUESTIONS: usize = 300;
/// Between two questions, as people leave it.
const PAUSE: Duration = Duration::from_millis(100);

struct Page {
    title: String,
    text: String,
}

#[tokio::main]
async fn main() {
    let data = std::env::var_os("ILLUMICHAT_TEST_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from).join("eval");
    let (Some(kept), Some(imported)) = (pages(&data.join("claudedocs/corpus.jsonl")), pages(&data.join("awsdocs/corpus.jsonl"))) else {
        println!("no documentation to read: set ILLUMICHAT_TEST_DATA to a folder with eval/claudedocs and eval/awsdocs");
        return;
    };
    let questions: Vec<String> = lines(&data.join("claudedocs/queries.jsonl")).unwrap().iter().map(|line| line["text"].as_str().unwrap().to_owned()).collect();
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::start(folder.path()).await;
    let (help, pile) = (desk.project("Help centre").await, desk.project("Pile").await);
    let made = desk.post("/api/assistants", &json!({"name": "Bench", "model": "builtin/extractive"})).await;
    let assistant = made["id"].as_str().unwrap().to_owned();
    desk.post(&format!("/api/workspaces/{}/assistants/{assistant}/projects", desk.workspace_id), &json!({"projectId": help})).await;
    desk.add(&help, &kept).await;
    desk.read(&help).await;

    desk.ask_all(&assistant, &questions, 20).await;
    let quiet = desk.ask_all(&assistant, &questions, QUESTIONS).await;
    print("nothing else", quiet);

    let began = Instant::now();
    let cpu = desk.cpu_seconds();
    let reading = async {
        desk.add(&pile, &imported).await;
        let accepted = began.elapsed();
        desk.read(&pile).await;
        (accepted, began.elapsed())
    };
    tokio::pin!(reading);
    let mut times = Vec::new();
    let (accepted, whole) = loop {
        let one = desk.ask_all(&assistant, &questions[times.len() % questions.len()..], 1);
        tokio::select! {
            biased;
            done = &mut reading => break done,
            one = one => times.extend(one),
        }
    };
    print("an import", times);
    let project = desk.get(&format!("/api/workspaces/{}/projects/{pile}", desk.workspace_id)).await;
    let (chunks, seconds) = (project["chunkCount"].as_f64().unwrap(), whole.as_secs_f64());
    println!("{} documents accepted in {:.1} s, read in {seconds:.0} s: {chunks} passages, {:.0} a second, {:.1} ms of CPU each", imported.len(), accepted.as_secs_f64(), chunks / seconds, (desk.cpu_seconds() - cpu) * 1000.0 / chunks);
    println!("most memory of the server {} MB", desk.most_memory() / 1024);
}

fn lines(path: &Path) -> Option<Vec<Value>> {
    Some(fs::read_to_string(path).ok()?.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn pages(path: &Path) -> Option<Vec<Page>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Some(lines(path)?.iter().map(|line| Page { title: text(&line["title"]), text: text(&line["text"]) }).collect())
}

fn print(beside: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!("first word of an answer beside {beside:<12} p50 {:>6.1} ms  p95 {:>6.1} ms  p99 {:>6.1} ms, {} questions", at(0.5), at(0.95), at(0.99), times.len());
}

/// A running server and one who may do everything there. It ends with this.
struct Desk {
    process: Child,
    http: reqwest::Client,
    url: String,
    token: String,
    workspace_id: String,
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Desk {
    async fn start(folder: &Path) -> Desk {
        let data = folder.join("data");
        let command = |arguments: &[&str]| {
            let mut command = Command::new(PROGRAM);
            command.args(arguments).arg("--data-dir").arg(&data).env("ILLUMICHAT_LIMITS__ENABLED", "false");
            command
        };
        let person = ["--email", "bench@example.com", "--workspace", "Bench"];
        let mut create = command(&[&["user", "create", "--name", "Bench", "--role", "owner", "--password-stdin"][..], &person[..]].concat()).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        create.stdin.take().unwrap().write_all(b"correct horse battery\n").unwrap();
        assert!(create.wait().unwrap().success());
        let token = command(&[&["token", "create", "--name", "bench"][..], &person[..]].concat()).output().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://127.0.0.1:{port}");
        let process = command(&["serve", "--listen", &format!("127.0.0.1:{port}")]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        while !http.get(format!("{url}/readyz")).send().await.is_ok_and(|response| response.status().is_success()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut desk = Desk { process, http, url, token: String::from_utf8(token.stdout).unwrap().trim().to_owned(), workspace_id: String::new() };
        desk.workspace_id = desk.get("/api/workspaces").await["data"][0]["id"].as_str().unwrap().to_owned();
        desk
    }

    async fn get(&self, path: &str) -> Value {
        self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().await.unwrap().json().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let response = self.http.post(format!("{}{path}", self.url)).bearer_auth(&self.token).json(body).send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success() || status == 409, "{status}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn project(&self, name: &str) -> String {
        self.post(&format!("/api/workspaces/{}/projects", self.workspace_id), &json!({"name": name})).await["id"].as_str().unwrap().to_owned()
    }

    /// The same text twice is refused, as it should be.
    async fn add(&self, project: &str, pages: &[Page]) {
        let path = format!("/api/workspaces/{}/projects/{project}/documents", self.workspace_id);
        stream::iter(pages).for_each_concurrent(4, async |page| drop(self.post(&path, &json!({"title": page.title, "text": page.text})).await)).await;
    }

    /// Waits until all documents are read.
    async fn read(&self, project: &str) {
        let path = format!("/api/workspaces/{}/projects/{project}/documents?limit=1&status=", self.workspace_id);
        for status in ["pending", "processing"] {
            while !self.get(&format!("{path}{status}")).await["data"].as_array().unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }

    /// The time to the first word of each answer.
    async fn ask_all(&self, assistant: &str, questions: &[String], count: usize) -> Vec<Duration> {
        let mut times = Vec::new();
        for question in questions.iter().cycle().take(count) {
            let body = json!({"assistantId": assistant, "messages": [{"role": "user", "content": question}]});
            let began = Instant::now();
            let mut answer = self.http.post(format!("{}/api/chat", self.url)).bearer_auth(&self.token).json(&body).send().await.unwrap();
            let (mut text, mut first) = (String::new(), None);
            while let Some(piece) = answer.chunk().await.unwrap() {
                text.push_str(&String::from_utf8_lossy(&piece));
                if first.is_none() && text.contains("text-delta") {
                    first = Some(began.elapsed());
                }
            }
            times.push(first.unwrap_or_else(|| panic!("no answer in {text}")));
            tokio::time::sleep(PAUSE).await;
        }
        times
    }

    /// Of the server itself, without the children that read files.
    fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap_or_default();
        let fields: Vec<f64> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().filter_map(|field| field.parse().ok()).collect();
        // User and system time, in hundredths; the state before them is no number.
        fields.get(10..12).map_or(f64::NAN, |times| times.iter().sum::<f64>() / 100.0)
    }

    /// In KiB.
    fn most_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
    }
}
