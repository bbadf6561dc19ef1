//! What the product adds to a provider's answer, and how many messages it takes: `cargo bench --bench proxy`.
//!
//! A scripted provider on loopback answers at once. In one run, in turns, the same question is asked of it directly and
//! through `/api/chat` (retrieval off), with 1, 10 and 100 streams at a time; the time to the first token is taken at the
//! client. The difference of the medians, and of the 99th percentiles, is what the product adds. Then 64 clients send
//! messages to the built-in answerer as fast as they can: each is on the disk before its answer begins.
//!
//! LiteLLM is measured beside it, in the same turns, where it is installed and named:
//!
//! ```sh
//! python3 -m venv /tmp/litellm && /tmp/litellm/bin/pip install 'litellm[proxy]==1.106.2'
//! ILLUMICHAT_BENCH_LITELLM=/tmp/litellm/bin/litellm cargo bench --bench proxy
//! ```

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark measures real time, and may end where something is missing")]

use std::{
    path::Path,
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
    net::TcpListener,
    process::{Child, Command},
};

const ROUNDS: usize = 40;

#[tokio::main]
async fn main() {
    let provider = provider().await;
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { data_dir: folder.path().join("data"), listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() };
    config.limits.enabled = false;
    // One request to the provider for one to us, as the others make it.
    (config.chat.titles, config.chat.rewrite_questions) = (false, false);
    config.providers.insert(
        "openai".to_owned(),
        Provider { api_key: Some(SecretText::new("sk-bench")), base_url: Some(provider.clone()), models: vec!["scripted".to_owned()], ..Provider::default() },
    );
    let listener = bind(config.listen).await.unwrap();
    config.listen = listener.local_addr().unwrap();
    let app = App::open_with_model(config, Clock::system(), Ids::system(), Model::deterministic()).unwrap();
    let server = Server::start(&app, listener).unwrap();
    let url = format!("http://{}", server.address);
    let new = service::prepare_user(&app, "bench@example.com", "Bench", Some("correct horse battery".to_owned())).await.unwrap();
    let (user_id, workspace_id) = service::add_user(&app, new, "Bench", Role::Owner).await.unwrap();
    let token = access::new_token(&app, &workspace_id, &user_id, "bench", None).await.unwrap().secret().to_owned();
    let http = reqwest::Client::builder().no_proxy().tcp_nodelay(true).pool_max_idle_per_host(200).build().unwrap();
    let make = async |model: &str| -> String {
        let body = json!({"name": "Bench", "model": model});
        let made: Value = http.post(format!("{url}/api/assistants")).bearer_auth(&token).json(&body).send().await.unwrap().json().await.unwrap();
        made["id"].as_str().unwrap().to_owned()
    };
    let (proxied, builtin) = (make("openai/scripted").await, make("builtin/extractive").await);

    let direct = Target { http: http.clone(), url: format!("{provider}/chat/completions"), token: "sk-bench".into(), body: json!({"model": "scripted", "stream": true, "messages": [{"role": "user", "content": "Hello"}]}), token_mark: "\"content\":\"word" };
    let through = Target { http: http.clone(), url: format!("{url}/api/chat"), token: token.clone(), body: json!({"assistantId": proxied, "messages": [{"role": "user", "content": "How large may a file be?"}]}), token_mark: "text-delta" };
    let other = match std::env::var("ILLUMICHAT_BENCH_LITELLM") {
        Ok(program) => Some(LiteLlm::start(&program, &provider, folder.path(), &http).await),
        Err(_) => None,
    };
    println!("streams  direct p50 ms  p99 ms   through p50 ms  p99 ms   added p50 ms  p99 ms{}", if other.is_some() { "   LiteLLM p50 ms  p99 ms   added p50 ms  p99 ms" } else { "" });
    for streams in [1, 10, 100] {
        // Warm, so that connections stand.
        let _ = (direct.round(streams).await, through.round(streams).await);
        if let Some(other) = &other {
            other.target.round(streams).await;
        }
        let (mut straight, mut around, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            straight.extend(direct.round(streams).await);
            around.extend(through.round(streams).await);
            if let Some(other) = &other {
                theirs.extend(other.target.round(streams).await);
            }
        }
        let (a, b) = (figures(straight), figures(around));
        print!("{streams:>7}  {:>13.2}  {:>6.2}   {:>14.2}  {:>6.2}   {:>12.2}  {:>6.2}", a.0, a.1, b.0, b.1, b.0 - a.0, b.1 - a.1);
        if other.is_some() {
            let c = figures(theirs);
            print!("   {:>14.2}  {:>6.2}   {:>12.2}  {:>6.2}", c.0, c.1, c.0 - a.0, c.1 - a.1);
        }
        println!();
    }
    drop(other);

    const CLIENTS: usize = 64;
    const EACH: usize = 100;
    let began = Instant::now();
    let clients = (0..CLIENTS).map(|_| {
        let target = Target { http: http.clone(), url: format!("{url}/api/chat"), token: token.clone(), body: json!({"assistantId": builtin, "messages": [{"role": "user", "content": "Hello"}]}), token_mark: "\"start\"" };
        tokio::spawn(async move {
            let mut times = Vec::new();
            for _ in 0..EACH {
                times.push(target.first().await);
            }
            times
        })
    });
    let mut times = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        times.extend(client.await.unwrap());
    }
    let seconds = began.elapsed().as_secs_f64();
    let (p50, p99) = figures(times);
    println!("{CLIENTS} clients: {:.0} messages accepted and answered a second, each durable before its answer begins; p50 {p50:.1} ms, p99 {p99:.1} ms", (CLIENTS * EACH) as f64 / seconds);
    server.stop(&app).await;
}

#[derive(Clone)]
struct Target {
    http: reqwest::Client,
    url: String,
    token: String,
    body: Value,
    /// What the first token's event has in it.
    token_mark: &'static str,
}

impl Target {
    /// The time to the first token; the answer is read to its end.
    async fn first(&self) -> Duration {
        let began = Instant::now();
        let mut response = self.http.post(&self.url).bearer_auth(&self.token).json(&self.body).send().await.unwrap();
        assert!(response.status().is_success(), "{}", response.status());
        let (mut first, mut text) = (None, String::new());
        while let Some(piece) = response.chunk().await.unwrap() {
            text.push_str(&String::from_utf8_lossy(&piece));
            if first.is_none() && text.contains(self.token_mark) {
                first = Some(began.elapsed());
            }
        }
        first.unwrap_or_else(|| panic!("no token in {text}"))
    }

    async fn round(&self, streams: usize) -> Vec<Duration> {
        let running: Vec<_> = (0..streams)
            .map(|_| {
                let target = self.clone();
                tokio::spawn(async move { target.first().await })
            })
            .collect();
        let mut times = Vec::new();
        for one in running {
            times.push(one.await.unwrap());
        }
        times
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

    async fn start(program: &str, provider: &str, folder: &Path, http: &reqwest::Client) -> LiteLlm {
        const KEY: &str = "sk-8f1d5c0b7a2e49d3b6c4f0a19e7d2c53";
        let config = folder.join("litellm.yaml");
        let model = format!("  - model_name: scripted\n    litellm_params:\n      model: openai/scripted\n      api_base: {provider}\n      api_key: sk-bench\n");
        std::fs::write(&config, format!("model_list:\n{model}general_settings:\n  master_key: {KEY}\n")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let process = Command::new(program)
            .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--num_workers", "1", "--telemetry", "False", "--config"])
            .arg(&config)
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .env("LITELLM_LOG", "ERROR")
            .current_dir(folder)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
        let url = format!("http://127.0.0.1:{port}");
        let began = Instant::now();
        while !http.get(format!("{url}/health/liveliness")).send().await.is_ok_and(|response| response.status().is_success()) {
            assert!(began.elapsed() < Self::START, "LiteLLM does not start");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        println!("LiteLLM started in {:.0} s", began.elapsed().as_secs_f64());
        let body = json!({"model": "scripted", "stream": true, "messages": [{"role": "user", "content": "Hello"}]});
        let target = Target { http: http.clone(), url: format!("{url}/chat/completions"), token: KEY.into(), body, token_mark: "\"content\":\"word" };
        LiteLlm { target, _process: process }
    }
}

fn figures(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    (at(0.5), at(0.99))
}

/// Answers every request with eight words, at once.
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
                    bytes.drain(..end + 4 + length);
                    let chunk = |data: &str| format!("{:x}\r\ndata: {data}\n\n\r\n", data.len() + 8);
                    let mut reply = String::from("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
                    for _ in 0..8 {
                        reply.push_str(&chunk(r#"{"choices":[{"index":0,"delta":{"content":"word "}}]}"#));
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
    format!("http://{address}/v1")
}
