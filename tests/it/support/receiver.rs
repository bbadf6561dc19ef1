//! Somebody else's server on a port of its own: keeps every request, and answers as it is told. Webhook receivers and
//! Twilio's REST API are made of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use poem::{Request, Response, endpoint::make, http::StatusCode, listener::TcpAcceptor};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

#[derive(Debug, Clone)]
pub struct Hit {
    pub method: String,
    /// With the query.
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Hit {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// A field of a form.
    pub fn field(&self, name: &str) -> String {
        url::form_urlencoded::parse(self.body.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    }
}

/// What is answered, after how long.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    pub after: Duration,
}

impl Answer {
    pub fn of(status: u16) -> Self {
        Answer { status, body: String::new(), after: Duration::ZERO }
    }

    pub fn json(status: u16, body: Value) -> Self {
        Answer { status, body: body.to_string(), after: Duration::ZERO }
    }
}

/// Decides on an answer; the number counts the requests from 0.
type Decide = Box<dyn FnMut(usize, &Hit) -> Answer + Send>;

pub struct Receiver {
    pub url: String,
    hits: Arc<Mutex<Vec<Hit>>>,
    decide: Arc<Mutex<Decide>>,
    serving: JoinHandle<()>,
}

impl Receiver {
    /// Answers 200 to everything until it is told otherwise.
    pub async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let hits: Arc<Mutex<Vec<Hit>>> = Arc::default();
        let decide: Arc<Mutex<Decide>> = Arc::new(Mutex::new(Box::new(|_, _| Answer::of(200))));
        let (kept, deciding) = (Arc::clone(&hits), Arc::clone(&decide));
        let endpoint = make(move |mut request: Request| {
            let (kept, deciding) = (Arc::clone(&kept), Arc::clone(&deciding));
            async move {
                let hit = Hit {
                    method: request.method().to_string(),
                    path: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
                    headers: request.headers().iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect(),
                    body: String::from_utf8_lossy(&request.take_body().into_bytes().await.unwrap_or_default()).into_owned(),
                };
                let number = {
                    let mut kept = kept.lock().unwrap();
                    kept.push(hit.clone());
                    kept.len() - 1
                };
                let answer = deciding.lock().unwrap()(number, &hit);
                tokio::time::sleep(answer.after).await;
                let mut response = Response::builder().status(StatusCode::from_u16(answer.status).unwrap()).content_type("application/json");
                if (300..400).contains(&answer.status) {
                    response = response.header("location", "/elsewhere");
                }
                Ok::<Response, poem::Error>(response.body(answer.body))
            }
        });
        let acceptor = TcpAcceptor::from_tokio(listener).unwrap();
        let serving = tokio::spawn(async move {
            let _ = poem::Server::new_with_acceptor(acceptor).run(endpoint).await;
        });
        Receiver { url, hits, decide, serving }
    }

    pub fn answers(&self, decide: impl FnMut(usize, &Hit) -> Answer + Send + 'static) -> &Self {
        *self.decide.lock().unwrap() = Box::new(decide);
        self
    }

    pub fn hits(&self) -> Vec<Hit> {
        self.hits.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.hits.lock().unwrap().len()
    }

    pub fn forget(&self) {
        self.hits.lock().unwrap().clear();
    }

    /// Waits until there are so many requests.
    pub async fn wait_for(&self, count: usize) -> Vec<Hit> {
        for _ in 0..1_000 {
            let hits = self.hits();
            if hits.len() >= count {
                return hits;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("only {} of {count} requests came", self.hits().len());
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
