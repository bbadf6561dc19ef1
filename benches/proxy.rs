//! What the product adds to a provider's answer, how many messages it takes, how many reads and how many open streams:
//! `cargo bench --bench proxy`.
//!
//! A scripted provider on loopback answers at once. In one run, in turns, the same question is asked of it directly and
//! through `/api/chat` (retrieval off), by the same client, with 1, 10 and 100 streams **begun at the same moment**; the
//! time to the first token is taken at the client. The difference of the medians, and of the 99th percentiles, is what the
//! product adds: with all begun at once it is mostly the wait for the others' turn on the processor. Then 100 streams are
//! kept open whose provider takes a second for its eight words, which is how streams meet in use. 64 clients send messages
//! to the built-in answerer as fast as they can: each is on the disk before its answer begins. 64 clients read a resource
//! with a token. 5,000 event streams are opened and left open.
//!
//! The server is a process of its own, so that its processor time is told apart from the client's and the provider's, which
//! share the machine with it.
//!
//! LiteLLM is measured beside it, in the same turns, where it is installed and named:
//!
//! ```sh
//! python3 -m venv /tmp/litellm && /tmp/litellm/bin/pip install 'litellm[proxy]==1.106.2'
//! ILLUMICHAT_BENCH_LITELLM=/tmp/litellm/bin/litellm cargo bench --bench proxy
//! ```

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark measures real time, and may end where something is missing")]

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use illumichat::{
    access::{self, Role},
    app::App,
    clock::Clock,
    config::{Config, Provider},
    embed::Model,
    ids::Ids,
    secrets::SecretText,
    server::{Server, bind},
    workspaces::service,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

const ROUNDS: usize = 40;
const CLIENTS: usize = 64;
const OPEN_STREAMS: usize = 5000;
/// Names the provider's address in the process that is the server.
const SERVE: &str = "ILLUMICHAT_BENCH_SERVE";

#[tokio::main]
async fn main() {
    match std::env::var(SERVE) {
        Ok(provider) => serve(provider).await,
        Err(_) => measure().await,
    }
}

/// The product, with what is measured in it. It tells its address on one line, and ends with its input.
async fn serve(provider: String) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { data_dir: folder.path().join("data"), listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() };
    config.limits.enabled = false;
    // One request to the provider for one to us, as the others make it.
    (config.chat.titles, config.chat.rewrite_questions) = (false, false);
    let models = vec!["scripted".to_owned(), "paced".to_owned()];
    config.providers.insert(
        "openai".to_owned(),
        Provider { api_key: Some(SecretText::new("sk-bench")), base_url: Some(provider), models, ..Provider::default() },
    );
    let listener = bind(config.listen).await.unwrap();
    config.listen = listener.local_addr().unwrap();
    let app = App::open_with_model(config, Clock::system(), Ids::system(), Model::deterministic()).unwrap();
    let server = Server::start(&app, listener).unwrap();
    let new = service::prepare_user(&app, "bench@example.com", "Bench", Some("correct horse battery".to_owned())).await.unwrap();
    let (user, workspace) = service::add_user(&app, new, "Bench", Role::Owner).await.unwrap();
    let token = access::new_token(&app, &workspace, &user, "bench", None).await.unwrap().secret().to_owned();
    println!("{}", json!({"address": server.address.to_string(), "workspace": workspace, "token": token}));
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await.unwrap().unwrap();
    server.stop(&app).await;
}

struct Product {
    process: std::process::Child,
    address: String,
    workspace: String,
    token: String,
}

impl Product {
    fn start(provider: &str) -> Product {
        let mut process = std::process::Command::new(std::env::current_exe().unwrap()).env(SERVE, provider).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        Product { process, address: text("address"), workspace: text("workspace"), token: text("token") }
    }

    async fn assistant(&self, model: &str) -> String {
        let (url, body) = (format!("http://{}/api/assistants", self.address), json!({"name": "Bench", "model": model}));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let made: Value = http.post(url).bearer_auth(&self.token).json(&body).send().await.unwrap().json().await.unwrap();
        made["id"].as_str().unwrap().to_owned()
    }

    fn chat(&self, assistant: &str, mark: &'static str) -> Target {
        Target::post(&self.address, "/api/chat", &self.token, &json!({"assistantId": assistant, "messages": [{"role": "user", "content": "How large may a file be?"}]}), mark)
    }

    /// The processor time that it has used, in the system's hundredths of a second.
    fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap_or_default();
        let ticks = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
        Duration::from_millis(ticks * 10)
    }

    fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        let _ = self.process.stdin.take().map(|mut input| input.write_all(b"\n"));
        let _ = self.process.wait();
    }
}

async fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let provider = provider().await;
    let product = Product::start(&format!("http://{provider}/v1"));
    let asked = |model: &str| Target::post(&provider, "/v1/chat/completions", "sk-bench", &json!({"model": model, "stream": true, "messages": [{"role": "user", "content": "Hello"}]}), "\"content\":\"word");
    let through = |assistant: &str| product.chat(assistant, "text-delta");
    let (scripted, paced, builtin) = (product.assistant("openai/scripted").await, product.assistant("openai/paced").await, product.assistant("builtin/extractive").await);
    let other = match std::env::var("ILLUMICHAT_BENCH_LITELLM") {
        Ok(program) => Some(LiteLlm::start(&program, &provider, folder.path()).await),
        Err(_) => None,
    };
    println!("begun at once  direct p50 ms  p99 ms   through p50 ms  p99 ms   added p50 ms  p99 ms   server ms of CPU a chat{}", if other.is_some() { "   LiteLLM p50 ms  p99 ms   added p50 ms  p99 ms" } else { "" });
    for streams in [1, 10, 100] {
        let (mut direct, mut ours) = (Clients::connect(streams, &asked("scripted")).await, Clients::connect(streams, &through(&scripted)).await);
        let mut theirs = match &other {
            Some(other) => Some(Clients::connect(streams, &other.target).await),
            None => None,
        };
        let (mut straight, mut around, mut beside, mut cpu) = (Vec::new(), Vec::new(), Vec::new(), Duration::ZERO);
        // The first round warms: connections to the provider are made in it.
        for round in 0..=ROUNDS {
            let direct = direct.at_once().await;
            let before = product.cpu();
            let ours = ours.at_once().await;
            let theirs = match &mut theirs {
                Some(theirs) => theirs.at_once().await,
                None => Vec::new(),
            };
            if round > 0 {
                straight.extend(direct);
                around.extend(ours);
                beside.extend(theirs);
                cpu += product.cpu().saturating_sub(before);
            }
        }
        let per_chat = cpu.as_secs_f64() * 1000.0 / around.len() as f64;
        let (a, b) = (figures(straight), figures(around));
        print!("{streams:>13}  {:>13.2}  {:>6.2}   {:>14.2}  {:>6.2}   {:>12.2}  {:>6.2}   {per_chat:>23.2}", a.0, a.1, b.0, b.1, b.0 - a.0, b.1 - a.1);
        if other.is_some() {
            let c = figures(beside);
            print!("   {:>14.2}  {:>6.2}   {:>12.2}  {:>6.2}", c.0, c.1, c.0 - a.0, c.1 - a.1);
        }
        println!();
    }
    drop(other);

    let (a, _, _) = Clients::connect(100, &asked("paced")).await.each(5, Duration::from_millis(10)).await;
    let (b, _, _) = Clients::connect(100, &through(&paced)).await.each(5, Duration::from_millis(10)).await;
    println!("100 streams open, about 100 begun a second: direct p50 {:.2} ms, p99 {:.2} ms; added p50 {:.2} ms, p99 {:.2} ms", a.0, a.1, b.0 - a.0, b.1 - a.1);

    let before = product.cpu();
    let ((p50, p99), rate, count) = Clients::connect(CLIENTS, &product.chat(&builtin, "\"start\"")).await.each(150, Duration::ZERO).await;
    let per_chat = (product.cpu() - before).as_secs_f64() * 1000.0 / count as f64;
    println!("{CLIENTS} clients: {rate:.0} messages accepted and answered a second, each durable before its answer begins; p50 {p50:.1} ms, p99 {p99:.1} ms; the server spends {per_chat:.2} ms of CPU on each");

    let before = product.cpu();
    let target = Target::get(&product.address, &format!("/api/workspaces/{}/assistants/{builtin}", product.workspace), &product.token);
    let ((p50, p99), rate, count) = Clients::connect(CLIENTS, &target).await.each(1000, Duration::ZERO).await;
    let micros = (product.cpu() - before).as_secs_f64() * 1e6 / count as f64;
    println!("{CLIENTS} clients: {rate:.0} reads of one assistant a second, with a token; p50 {p50:.2} ms, p99 {p99:.2} ms; the server spends {micros:.0} µs of CPU on each");

    if rustix::process::getrlimit(rustix::process::Resource::Nofile).current.is_none_or(|most| most > 2 * OPEN_STREAMS as u64) {
        let before = product.resident_kib();
        let target = Target::get(&product.address, &format!("/api/workspaces/{}/events", product.workspace), &product.token);
        let mut open = Clients::connect(OPEN_STREAMS, &target).await;
        open.begin().await;
        let after = product.resident_kib();
        println!("{OPEN_STREAMS} event streams open: {:.1} KiB each, {} MiB before and {} MiB with them", (after.saturating_sub(before)) as f64 / OPEN_STREAMS as f64, before >> 10, after >> 10);
    }
}

/// A request as it goes over the wire, and where.
#[derive(Clone)]
struct Target {
    address: String,
    request: Arc<[u8]>,
    /// What the first token's event has in it; nothing where the whole answer is waited for.
    mark: &'static str,
}

impl Target {
    fn post(address: &str, path: &str, token: &str, body: &Value, mark: &'static str) -> Target {
        let body = body.to_string();
        let request = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        Target { address: address.to_owned(), request: request.into_bytes().into(), mark }
    }

    fn get(address: &str, path: &str, token: &str) -> Target {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n");
        Target { address: address.to_owned(), request: request.into_bytes().into(), mark: "" }
    }
}

/// One connection that asks one thing after the other: as little client as there can be, because it runs beside the server.
struct Connection {
    socket: TcpStream,
    target: Target,
    heard: Vec<u8>,
}

impl Connection {
    /// The time to the first token, or to the end where there is no mark; the answer is read to its end.
    async fn ask(&mut self) -> Duration {
        self.heard.clear();
        let began = Instant::now();
        self.socket.write_all(&self.target.request).await.unwrap();
        let mut first = None;
        while !self.is_whole() {
            let from = self.heard.len().saturating_sub(self.target.mark.len());
            assert!(self.socket.read_buf(&mut self.heard).await.unwrap() > 0, "the connection was closed");
            if first.is_none() && !self.target.mark.is_empty() && self.heard[from..].windows(self.target.mark.len()).any(|window| window == self.target.mark.as_bytes()) {
                first = Some(began.elapsed());
            }
        }
        assert!(self.heard.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&self.heard));
        if self.target.mark.is_empty() { began.elapsed() } else { first.unwrap_or_else(|| panic!("no token in {}", String::from_utf8_lossy(&self.heard))) }
    }

    fn is_whole(&self) -> bool {
        let Some(end) = self.heard.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
        let head = String::from_utf8_lossy(&self.heard[..end]).to_ascii_lowercase();
        match head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok()) {
            Some(length) => self.heard.len() >= end + 4 + length,
            None => self.heard.ends_with(b"\r\n0\r\n\r\n"),
        }
    }
}

struct Clients(Vec<Connection>);

impl Clients {
    async fn connect(count: usize, target: &Target) -> Clients {
        let mut connections = Vec::new();
        for _ in 0..count {
            let socket = TcpStream::connect(&target.address).await.unwrap();
            socket.set_nodelay(true).unwrap();
            connections.push(Connection { socket, target: target.clone(), heard: Vec::with_capacity(8192) });
        }
        Clients(connections)
    }

    /// All ask at the same moment, once.
    async fn at_once(&mut self) -> Vec<Duration> {
        let running: Vec<_> = self
            .0
            .drain(..)
            .map(|mut connection| {
                tokio::spawn(async move {
                    let time = connection.ask().await;
                    (connection, time)
                })
            })
            .collect();
        let mut times = Vec::new();
        for one in running {
            let (connection, time) = one.await.unwrap();
            self.0.push(connection);
            times.push(time);
        }
        times
    }

    /// Each asks one thing after the other, the first one so much after the client before it. The figures, how many a second,
    /// and how many in all.
    async fn each(self, times: usize, apart: Duration) -> ((f64, f64), f64, usize) {
        let began = Instant::now();
        let running: Vec<_> = (0u32..)
            .zip(self.0)
            .map(|(place, mut connection)| {
                tokio::spawn(async move {
                    tokio::time::sleep(apart * place).await;
                    let mut all = Vec::with_capacity(times);
                    for _ in 0..times {
                        all.push(connection.ask().await);
                    }
                    all
                })
            })
            .collect();
        let mut all = Vec::new();
        for one in running {
            all.extend(one.await.unwrap());
        }
        let (count, seconds) = (all.len(), began.elapsed().as_secs_f64());
        (figures(all), count as f64 / seconds, count)
    }

    /// Asks for what does not end, and waits until it has begun.
    async fn begin(&mut self) {
        for connection in &mut self.0 {
            connection.socket.write_all(&connection.target.request).await.unwrap();
        }
        for connection in &mut self.0 {
            while !connection.heard.windows(11).any(|window| window == b": connected") {
                assert!(connection.socket.read_buf(&mut connection.heard).await.unwrap() > 0, "the connection was closed");
            }
        }
    }
}

/// Another proxy, before the same provider. It ends with this.
struct LiteLlm {
    target: Target,
    _process: Child,
}

impl LiteLlm {
    /// How long it may take to start; on a busy machine it takes most of a minute.
    const START: Duration = Duration::from_secs(300);

    async fn start(program: &str, provider: &str, folder: &Path) -> LiteLlm {
        const KEY: &str = "sk-8f1d5c0b7a2e49d3b6c4f0a19e7d2c53";
        let config = folder.join("litellm.yaml");
        let model = format!("  - model_name: scripted\n    litellm_params:\n      model: openai/scripted\n      api_base: http://{provider}/v1\n      api_key: sk-bench\n");
        std::fs::write(&config, format!("model_list:\n{model}general_settings:\n  master_key: {KEY}\n")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let process = Command::new(program)
            .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--num_workers", "1", "--telemetry", "False", "--config"])
            .arg(&config)
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .env("LITELLM_LOG", "ERROR")
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
        let (address, http) = (format!("127.0.0.1:{port}"), reqwest::Client::builder().no_proxy().build().unwrap());
        let began = Instant::now();
        while !http.get(format!("http://{address}/health/liveliness")).send().await.is_ok_and(|response| response.status().is_success()) {
            assert!(began.elapsed() < Self::START, "LiteLLM does not start");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        println!("LiteLLM started in {:.0} s", began.elapsed().as_secs_f64());
        let body = json!({"model": "scripted", "stream": true, "messages": [{"role": "user", "content": "Hello"}]});
        let target = Target::post(&address, "/chat/completions", KEY, &body, "\"content\":\"word");
        LiteLlm { target, _process: process }
    }
}

fn figures(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    (at(0.5), at(0.99))
}

/// Answers every request with eight words: at once, or in a second where the model is the paced one.
async fn provider() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            socket.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                loop {
                    let mut piece = [0u8; 8192];
                    match socket.read(&mut piece).await {
                        Ok(read @ 1..) => bytes.extend_from_slice(&piece[..read]),
                        _ => return,
                    }
                    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
                    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
                    let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
                    if bytes.len() < end + 4 + length {
                        continue;
                    }
                    let pause = bytes.windows(7).any(|seven| seven == b"\"paced\"").then_some(Duration::from_millis(125));
                    bytes.drain(..end + 4 + length);
                    let chunk = |data: &str| format!("{:x}\r\ndata: {data}\n\n\r\n", data.len() + 8);
                    let mut reply = String::from("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
                    for _ in 0..8 {
                        reply.push_str(&chunk(r#"{"choices":[{"index":0,"delta":{"content":"word "}}]}"#));
                        if let Some(pause) = pause {
                            if socket.write_all(std::mem::take(&mut reply).as_bytes()).await.is_err() {
                                return;
                            }
                            tokio::time::sleep(pause).await;
                        }
                    }
                    reply.push_str(&chunk(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#));
                    reply.push_str(&chunk("[DONE]"));
                    reply.push_str("0\r\n\r\n");
                    if socket.write_all(reply.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address.to_string()
}
