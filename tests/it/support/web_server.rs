//! A small web server for what tools call: it keeps every request and answers what it was told to.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

#[derive(Debug, Clone)]
pub struct Got {
    /// With its query.
    pub path: String,
    /// Lines, in lower case.
    pub head: String,
    pub body: Value,
}

type Answer = dyn Fn(&Got) -> (u16, String) + Send + Sync;

pub struct WebServer {
    pub address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    accepting: JoinHandle<()>,
}

impl WebServer {
    /// Answers every request with a status and a JSON text.
    pub async fn start(answer: impl Fn(&Got) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let (kept, answer): (_, Arc<Answer>) = (Arc::clone(&got), Arc::new(answer));
        let accepting = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    let (head, length, start) = loop {
                        let mut piece = [0u8; 4096];
                        let Ok(read @ 1..) = socket.read(&mut piece).await else { return };
                        bytes.extend_from_slice(&piece[..read]);
                        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
                            let length: usize = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:").map(|n| n.trim().parse().unwrap())).unwrap_or(0);
                            break (head, length, end + 4);
                        }
                    };
                    while bytes.len() < start + length {
                        let mut piece = [0u8; 4096];
                        let Ok(read @ 1..) = socket.read(&mut piece).await else { return };
                        bytes.extend_from_slice(&piece[..read]);
                    }
                    let got = Got {
                        path: head.split(' ').nth(1).unwrap().to_owned(),
                        head: head.to_lowercase(),
                        body: serde_json::from_slice(&bytes[start..]).unwrap_or(Value::Null),
                    };
                    kept.lock().unwrap().push(got.clone());
                    let (status, text) = answer(&got);
                    let kind = if text.starts_with("event:") || text.starts_with("data:") { "text/event-stream" } else { "application/json" };
                    let reply = format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\nmcp-session-id: s1\r\nlocation: /elsewhere\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}", text.len());
                    let _ = socket.write_all(reply.as_bytes()).await;
                });
            }
        });
        WebServer { address, got, accepting }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
