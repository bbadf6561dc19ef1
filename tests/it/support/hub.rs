//! A server that speaks as the Hugging Face hub does: a revision's commit and card, the list of its files with their sums, and
//! the files, the large ones by a redirect to where they lie.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use sha2::Digest;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

pub struct Hub {
    address: std::net::SocketAddr,
    faults: Arc<Mutex<HashMap<String, Fault>>>,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Copy)]
enum Fault {
    Spoilt,
    CutOff,
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Hub {
    pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    /// With one model, whose files are in the folder, and another that needs a token.
    pub async fn start(id: &str, folder: &Path) -> Hub {
        let mut files = HashMap::new();
        for path in ["config.json", "tokenizer.json", "model.safetensors", "modules.json", "1_Pooling/config.json", "config_sentence_transformers.json", "README.md"] {
            if let Ok(bytes) = fs::read(folder.join(path)) {
                files.insert(path.to_owned(), bytes);
            }
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let faults: Arc<Mutex<HashMap<String, Fault>>> = Arc::default();
        let (known, id, files) = (Arc::clone(&faults), id.to_owned(), Arc::new(files));
        let accepting = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (faults, id, files) = (Arc::clone(&known), id.clone(), Arc::clone(&files));
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let mut byte = [0u8];
                        let Ok(1) = socket.read(&mut byte).await else { return };
                        head.push(byte[0]);
                    }
                    let head = String::from_utf8(head).unwrap();
                    let path = head.split(' ').nth(1).unwrap().to_owned();
                    let (status, more, body, length) = answer(&path, &id, &files, &faults);
                    let reply = format!("HTTP/1.1 {status} X\r\n{more}content-length: {length}\r\nconnection: close\r\n\r\n");
                    let _ = socket.write_all(reply.as_bytes()).await;
                    let _ = socket.write_all(&body).await;
                });
            }
        });
        Hub { address, faults, accepting }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on this file arrives with a changed byte.
    pub fn spoil(&self, path: &str) {
        *self.faults.lock().unwrap() = HashMap::from([(path.to_owned(), Fault::Spoilt)]);
    }

    /// From now on this file's connection breaks half-way.
    pub fn cut_off(&self, path: &str) {
        *self.faults.lock().unwrap() = HashMap::from([(path.to_owned(), Fault::CutOff)]);
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

type Answer = (u16, String, Vec<u8>, usize);

fn answer(path: &str, id: &str, files: &HashMap<String, Vec<u8>>, faults: &Mutex<HashMap<String, Fault>>) -> Answer {
    let commit = Hub::COMMIT;
    let of_json = |value: Value| {
        let body = value.to_string().into_bytes();
        let length = body.len();
        (200, "content-type: application/json\r\n".to_owned(), body, length)
    };
    if path.starts_with("/api/models/acme/secret/") {
        return (401, String::new(), Vec::new(), 0);
    }
    if path == format!("/api/models/{id}/revision/main") {
        return of_json(json!({"id": id, "sha": commit, "cardData": {"license": "mit"}, "siblings": []}));
    }
    if path == format!("/api/models/{id}/tree/{commit}?recursive=true") {
        let mut entries = vec![json!({"type": "directory", "oid": "0", "size": 0, "path": "1_Pooling"})];
        for (path, bytes) in files {
            let git = |bytes: &[u8]| hexadecimal(&sha1::Sha1::digest([format!("blob {}\0", bytes.len()).as_bytes(), bytes].concat()));
            let mut entry = json!({"type": "file", "oid": git(bytes), "size": bytes.len(), "path": path});
            if path.ends_with(".safetensors") {
                entry["oid"] = json!(git(b"a pointer"));
                entry["lfs"] = json!({"oid": hexadecimal(&sha2::Sha256::digest(bytes)), "size": bytes.len(), "pointerSize": 134});
            }
            entries.push(entry);
        }
        return of_json(json!(entries));
    }
    let file = path.strip_prefix(&format!("/{id}/resolve/{commit}/"));
    if let Some(file) = file.filter(|file| file.ends_with(".safetensors")) {
        return (302, format!("location: /where-large-files-lie/{file}\r\n"), Vec::new(), 0);
    }
    match file.or(path.strip_prefix("/where-large-files-lie/")).and_then(|file| Some((file, files.get(file)?))) {
        Some((file, bytes)) => {
            let (mut bytes, length) = (bytes.clone(), bytes.len());
            match faults.lock().unwrap().get(file) {
                Some(Fault::Spoilt) => bytes[length / 2] ^= 1,
                Some(Fault::CutOff) => bytes.truncate(length / 2),
                None => {}
            }
            (200, String::new(), bytes, length)
        }
        None => (404, String::new(), Vec::new(), 0),
    }
}
