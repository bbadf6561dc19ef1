//! Answers as they come over the wire, held to what every stream has to keep.

use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::Value;

use super::app::Client;

/// An answer that is still coming.
pub struct Live {
    pub headers: HeaderMap,
    response: reqwest::Response,
    /// As the network delivered them.
    pieces: Vec<String>,
    /// The part of the last piece that is no whole event yet.
    held: String,
    read: Vec<Value>,
    told: usize,
}

/// A whole answer.
pub struct Answer {
    pub headers: HeaderMap,
    pub pieces: Vec<String>,
    pub events: Vec<Value>,
}

impl Client {
    /// Asks, and leaves the answer to be read.
    pub async fn ask_live(&self, path: &str, body: Value) -> Live {
        Live::of(self.request(Method::POST, path).json(&body)).await
    }

    /// Asks, and reads the answer to its end.
    pub async fn ask(&self, path: &str, body: Value) -> Answer {
        self.ask_live(path, body).await.rest().await
    }
}

impl Live {
    pub async fn of(request: RequestBuilder) -> Live {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        if status != 200 {
            panic!("{status} {}", response.text().await.unwrap());
        }
        for (name, value) in [("content-type", "text/event-stream"), ("x-accel-buffering", "no")] {
            assert_eq!(headers.get(name).unwrap(), value, "{name}");
        }
        assert!(headers["cache-control"].to_str().unwrap().starts_with("no-cache"));
        assert!(headers["x-chat-id"].to_str().unwrap().starts_with("chat_"));
        assert!(!headers.contains_key("content-encoding") && headers.contains_key("x-request-id"));
        Live { headers, response, pieces: Vec::new(), held: String::new(), read: Vec::new(), told: 0 }
    }

    /// The next event; nothing after the last.
    pub async fn next(&mut self) -> Option<Value> {
        while self.told == self.read.len() {
            let piece = String::from_utf8(self.response.chunk().await.unwrap()?.to_vec()).expect("a piece is whole characters");
            assert!(piece.len() <= 1024, "a piece of {} bytes: {piece}", piece.len());
            self.held.push_str(&piece);
            self.pieces.push(piece);
            while let Some((event, rest)) = self.held.split_once("\n\n") {
                if !event.starts_with(':') {
                    let (id, data) = event.split_once('\n').expect("a number and a line of data");
                    assert!(id.starts_with("id: "), "{event}");
                    self.read.push(serde_json::from_str(data.strip_prefix("data: ").expect("the seed's prefix")).expect("one line of JSON"));
                }
                self.held = rest.to_owned();
            }
        }
        self.told += 1;
        Some(self.read[self.told - 1].clone())
    }

    /// How many events have been read.
    pub fn seen(&self) -> usize {
        self.told
    }

    /// Reads on to the next event of this kind.
    pub async fn until(&mut self, kind: &str) -> Value {
        while let Some(event) = self.next().await {
            if event["type"] == kind {
                return event;
            }
        }
        panic!("the stream has no {kind}: {:?}", self.read);
    }

    /// Reads to the end: exactly one `finish`, and it is the last.
    pub async fn rest(mut self) -> Answer {
        while self.next().await.is_some() {}
        assert!(self.held.is_empty(), "the stream ended in mid-event: {}", self.held);
        let finishes = self.read.iter().filter(|event| event["type"] == "finish").count();
        assert_eq!((finishes, &self.read.last().unwrap()["type"]), (1, &Value::from("finish")), "{:?}", self.read);
        Answer { headers: self.headers, pieces: self.pieces, events: self.read }
    }
}

impl Answer {
    pub fn text(&self) -> String {
        self.events.iter().filter_map(|event| event["textDelta"].as_str()).collect()
    }

    pub fn finish(&self) -> &Value {
        self.events.last().unwrap()
    }

    pub fn chat_id(&self) -> &str {
        self.finish()["chatId"].as_str().unwrap()
    }

    pub fn message_id(&self) -> &str {
        self.finish()["messageId"].as_str().unwrap()
    }

    /// The members of all events that list something: `sources` or `citations`.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        self.events.iter().filter(|event| event["type"] == kind).flat_map(|event| event[kind].as_array().unwrap().clone()).collect()
    }

    /// The characters that a citation names.
    pub fn cited(&self, citation: &Value) -> String {
        let (start, end) = (citation["start"].as_u64().unwrap() as usize, citation["end"].as_u64().unwrap() as usize);
        assert!(start < end);
        self.text().chars().skip(start).take(end - start).collect()
    }
}
