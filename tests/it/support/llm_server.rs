//! A scripted LLM provider on a port of its own: speaks the providers' wire formats and misbehaves on request.
//!
//! A test queues a [`Script`] for each request it expects (`next`), or one for all (`always`); the server plays it byte
//! by byte over a plain socket, so that it can stop anywhere. It keeps every request, and knows when a client left
//! before its answer's end: `dropped` waits for that, so that no test has to sleep. Which format is spoken follows from
//! the path of the request; a new one is a new variant in `wire`.

mod script;
mod wire;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::timeout,
};

pub use script::{Gate, Script};
use wire::Format;

/// How long a test waits for the server to see something before it gives up.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct LlmServer {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Null where there was none.
    pub body: Value,
    /// Which connection it came over, counted from 0.
    pub connection: usize,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Answering,
    /// The script was played to its end.
    Played,
    /// The client left before that.
    Dropped,
}

impl Received {
    /// What the last turn of `role` says, in any format.
    pub fn last(&self, role: &str) -> String {
        let turns = self.body["messages"].as_array().cloned().unwrap_or_default();
        let turn = turns.iter().rev().find(|turn| turn["role"] == role);
        match turn.map(|turn| &turn["content"]) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(blocks)) => blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
            _ if role == "system" => self.body["system"].as_str().unwrap_or_default().to_owned(),
            _ => String::new(),
        }
    }

    /// All that the model is told, of every role.
    pub fn prompt(&self) -> String {
        let turns = self.body["messages"].as_array().cloned().unwrap_or_default();
        let mut texts: Vec<String> = self.body["system"].as_str().map(str::to_owned).into_iter().collect();
        for turn in turns {
            match &turn["content"] {
                Value::String(text) => texts.push(text.clone()),
                Value::Array(blocks) => {
                    texts.extend(blocks.iter().filter_map(|b| b["text"].as_str().map(str::to_owned)))
                }
                _ => {}
            }
        }
        texts.join("\n")
    }
}

struct State {
    queue: Mutex<VecDeque<Script>>,
    otherwise: Mutex<Script>,
    models: Mutex<Value>,
    received: watch::Sender<Vec<Received>>,
    connections: AtomicUsize,
    listings: AtomicUsize,
}

impl LlmServer {
    /// A server on loopback that answers "Hello there." to everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State {
            queue: Mutex::default(),
            otherwise: Mutex::new(Script::says(["Hello", " there", "."])),
            models: Mutex::new(json!({ "object": "list", "data": [{ "id": "scripted", "object": "model" }] })),
            received: watch::Sender::new(Vec::new()),
            connections: AtomicUsize::new(0),
            listings: AtomicUsize::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state)));
        LlmServer { address, state, accepting }
    }

    /// An address at which nobody listens.
    pub async fn refusing() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        format!("http://{}/v1", listener.local_addr().expect("a bound socket has an address"))
    }

    /// What an OpenAI-compatible provider is configured with.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The answer to the next request that has none yet; queued behind those before it.
    pub fn next(&self, script: Script) -> &Self {
        self.state.queue.lock().unwrap().push_back(script);
        self
    }

    /// The answer to every request for which none is queued.
    pub fn always(&self, script: Script) -> &Self {
        *self.state.otherwise.lock().unwrap() = script;
        self
    }

    /// What `GET …/models` answers, whole.
    pub fn lists(&self, models: Value) -> &Self {
        *self.state.models.lock().unwrap() = models;
        self
    }

    /// Every question so far (not the requests for the list of models), oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.state.received.borrow().clone()
    }

    /// How many connections have been accepted.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How often the list of models was asked for.
    pub fn listings(&self) -> usize {
        self.state.listings.load(Ordering::SeqCst)
    }

    /// Waits for the `n`th question, counted from 0.
    pub async fn question(&self, n: usize) -> Received {
        self.wait(n, "no such question came", |_| true).await
    }

    /// Waits until the client has left the `n`th question before the end of its answer.
    pub async fn dropped(&self, n: usize) -> Received {
        self.wait(n, "the client did not leave", |question| question.outcome == Outcome::Dropped).await
    }

    /// Waits until the `n`th question's script has been played.
    pub async fn played(&self, n: usize) -> Received {
        self.wait(n, "the script was not played", |question| question.outcome == Outcome::Played).await
    }

    async fn wait(&self, n: usize, why: &str, is_met: impl Fn(&Received) -> bool) -> Received {
        let mut changes = self.state.received.subscribe();
        let met = timeout(PATIENCE, changes.wait_for(|all| all.get(n).is_some_and(&is_met))).await;
        met.unwrap_or_else(|_| panic!("{why}: question {n}")).expect("the server lives")[n].clone()
    }
}

impl Drop for LlmServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    for number in 0.. {
        let Ok((socket, _)) = listener.accept().await else { return };
        state.connections.fetch_add(1, Ordering::SeqCst);
        connections.spawn(Connection::new(socket, Arc::clone(&state), number).serve());
        while connections.try_join_next().is_some() {}
    }
}

struct Connection {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    /// Read, and not yet understood.
    buffer: Vec<u8>,
    state: Arc<State>,
    number: usize,
}

/// What becomes of a connection after an answer.
enum After {
    KeepOpen,
    Close,
}

impl Connection {
    fn new(socket: TcpStream, state: Arc<State>, number: usize) -> Self {
        socket.set_nodelay(true).expect("a fresh socket takes options");
        let (reader, writer) = socket.into_split();
        Connection { reader, writer, buffer: Vec::new(), state, number }
    }

    async fn serve(mut self) {
        while let Some(request) = self.read_request().await {
            if request.path.split('?').next().is_some_and(|path| path.ends_with("/models")) {
                self.state.listings.fetch_add(1, Ordering::SeqCst);
                let models = self.state.models.lock().unwrap().clone();
                let answer = Script::unframed(200, "application/json", models.to_string());
                if script::play(&answer, Format::OpenAi, &request, &mut self.writer).await.is_err() {
                    return;
                }
                continue;
            }
            let script = self.state.queue.lock().unwrap().pop_front();
            let script = script.unwrap_or_else(|| self.state.otherwise.lock().unwrap().clone());
            let mut place = 0;
            self.state.received.send_modify(|all| {
                place = all.len();
                all.push(request.clone());
            });
            let format = Format::of(&request.path);
            let (outcome, after) = tokio::select! {
                biased;
                played = script::play(&script, format, &request, &mut self.writer) => match played {
                    Ok(after) => (Outcome::Played, after),
                    Err(_) => (Outcome::Dropped, After::Close),
                },
                () = gone(&mut self.reader, &mut self.buffer) => (Outcome::Dropped, After::Close),
            };
            self.state.received.send_modify(|all| all[place].outcome = outcome);
            if let After::Close = after {
                return;
            }
        }
    }

    /// One request with its body; `None` when the client has closed.
    async fn read_request(&mut self) -> Option<Received> {
        let head_end = loop {
            match self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                Some(end) => break end,
                // TLS, or something else that is not HTTP: as a real server has it.
                None if self.buffer.first().is_some_and(|byte| !byte.is_ascii_uppercase()) => {
                    let _ = send(&mut self.writer, b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
                    return None;
                }
                None => self.read_more().await?,
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..head_end]).into_owned();
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let body_start = head_end + 4;
        while self.buffer.len() < body_start + length {
            self.read_more().await?;
        }
        let body = serde_json::from_slice(&self.buffer[body_start..body_start + length]).unwrap_or_default();
        self.buffer.drain(..body_start + length);
        let (connection, outcome) = (self.number, Outcome::Answering);
        Some(Received { method, path, headers, body, connection, outcome })
    }

    async fn read_more(&mut self) -> Option<()> {
        let read = self.reader.read_buf(&mut self.buffer).await;
        read.ok().filter(|&bytes| bytes > 0).map(|_| ())
    }
}

/// Returns when the client has closed or reset the connection.
async fn gone(reader: &mut OwnedReadHalf, buffer: &mut Vec<u8>) {
    while let Ok(1..) = reader.read_buf(buffer).await {}
}

/// Sends one piece at once.
async fn send(writer: &mut OwnedWriteHalf, bytes: &[u8]) -> std::io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}
