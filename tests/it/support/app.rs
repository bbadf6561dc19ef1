//! The real server on a port of its own, with a real database file in a temporary folder, and clients for each kind of
//! caller. Tests reach the product through HTTP and the command line's services; they never write to the database.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use illumichat::{
    access::{self, Role},
    app::App,
    clock::Clock,
    config::Config,
    embed::Model,
    http::{self, client::Lookup},
    ids::Ids,
    server::{Server, bind, handlers},
    workspaces::service,
};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

pub const PASSWORD: &str = "correct horse battery";

pub struct TestApp {
    pub app: App,
    pub url: String,
    folder: Option<tempfile::TempDir>,
    server: Option<Server>,
    http: reqwest::Client,
}

/// The product with settings that suit most tests: limits off, the model asked for nothing but answers, the small deterministic embedder, a short linger.
pub async fn spawn_app() -> TestApp {
    TestApp::with(|_| {}).await
}

impl TestApp {
    pub async fn with(change: impl FnOnce(&mut Config)) -> TestApp {
        Self::in_folder(tempfile::tempdir().unwrap(), Clock::system(), change).await
    }

    /// For tests that start a server again on a folder that another one has used.
    pub async fn in_folder(folder: tempfile::TempDir, clock: Clock, change: impl FnOnce(&mut Config)) -> TestApp {
        Self::open(folder, clock, Model::deterministic(), change, |_| {}).await
    }

    /// With other addresses behind the names than the system's.
    pub async fn resolving(lookup: Lookup, change: impl FnOnce(&mut Config)) -> TestApp {
        let adjust = |app: &mut App| app.client = http::Client::resolving_with(&app.config, lookup).unwrap();
        Self::open(tempfile::tempdir().unwrap(), Clock::system(), Model::deterministic(), change, adjust).await
    }

    /// With another embedding model than the small deterministic one.
    pub async fn with_model(model: Model, clock: Clock, change: impl FnOnce(&mut Config)) -> TestApp {
        Self::open(tempfile::tempdir().unwrap(), clock, model, change, |_| {}).await
    }

    async fn open(folder: tempfile::TempDir, clock: Clock, model: Model, change: impl FnOnce(&mut Config), adjust: impl FnOnce(&mut App)) -> TestApp {
        let mut config = Config { data_dir: folder.path().join("data"), listen: "127.0.0.1:0".parse().unwrap(), ..Config::default() };
        config.limits.enabled = false;
        (config.chat.titles, config.chat.rewrite_questions) = (false, false);
        config.reader = Some(env!("CARGO_BIN_EXE_illumichat").into());
        change(&mut config);
        let listener = bind(config.listen).await.unwrap();
        config.listen = listener.local_addr().unwrap();
        let mut app = App::open_with_model(config, clock, Ids::system(), model).unwrap();
        adjust(&mut app);
        let server = Server::start(&app, listener).unwrap();
        let url = format!("http://{}", server.address);
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(Duration::from_secs(60)).build().unwrap();
        TestApp { app, url, folder: Some(folder), server: Some(server), http }
    }

    /// Stops the server as a signal would, and hands the folder on.
    pub async fn stop(mut self) -> tempfile::TempDir {
        if let Some(server) = self.server.take() {
            server.stop(&self.app).await;
        }
        self.folder.take().unwrap()
    }

    /// Ends the server as a crash does, in the middle of whatever it does, and hands the folder on.
    pub fn crash(mut self) -> tempfile::TempDir {
        if let Some(server) = self.server.take() {
            server.abandon();
        }
        self.folder.take().unwrap()
    }

    /// The hashes of the files that are kept.
    pub fn files_on_disk(&self) -> Vec<String> {
        let files = self.app.config.files_dir();
        let folders = std::fs::read_dir(files).into_iter().flatten();
        folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap()).map(|file| file.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    /// Runs every job that is due, so that a test need not wait for the workers.
    pub async fn drain(&self) {
        let handlers = handlers(&self.app, self.server.as_ref().unwrap().answers());
        while self.app.jobs.drain(&handlers).await.unwrap() > 0 {}
        // A worker may have taken a job just before; it is done when nothing is due or runs.
        for _ in 0..600 {
            let now = self.app.now();
            let open = self.app.db.read(|connection| illumichat::jobs::count_due(connection, now)).unwrap();
            if open == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the queue did not run dry");
    }

    /// The same without what waits for a later time.
    pub async fn drain_now(&self) {
        let handlers = handlers(&self.app, self.server.as_ref().unwrap().answers());
        for _ in 0..600 {
            while self.app.jobs.drain(&handlers).await.unwrap() > 0 {}
            let counts = self.app.db.read(illumichat::jobs::counts).unwrap();
            if counts.iter().all(|(state, _)| state != "running") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("a job does not end");
    }

    /// Nobody: a client without credentials.
    pub fn nobody(&self) -> Client {
        Client { http: self.http.clone(), url: self.url.clone(), workspace_id: String::new(), user_id: String::new(), credentials: Credentials::None }
    }

    /// A new workspace with its owner, who calls with a token.
    pub async fn owner(&self) -> Client {
        self.person("New workspace", Role::Owner).await
    }

    /// Another person in the same workspace as `of`.
    pub async fn colleague(&self, of: &Client, role: Role) -> Client {
        self.person(&of.workspace_id, role).await
    }

    async fn person(&self, workspace: &str, role: Role) -> Client {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let workspace = if workspace == "New workspace" { format!("Workspace {number}") } else { workspace.to_owned() };
        let email = format!("person{number}@example.com");
        let new = service::prepare_user(&self.app, &email, &format!("Person {number}"), Some(PASSWORD.to_owned())).await.unwrap();
        let (user_id, workspace_id) = service::add_user(&self.app, new, &workspace, role).await.unwrap();
        let token = access::new_token(&self.app, &workspace_id, &user_id, "test", None).await.unwrap().secret().to_owned();
        Client { http: self.http.clone(), url: self.url.clone(), workspace_id, user_id, credentials: Credentials::Token(token) }
    }

    /// The email of somebody that `person` made.
    pub fn email_of(&self, client: &Client) -> String {
        self.app.db.read(|connection| access::store::find_user(connection, &client.user_id)).unwrap().unwrap().email
    }

    /// The same person, signed in with a cookie as a browser is.
    pub async fn signed_in(&self, client: &Client) -> Client {
        let reply = self.nobody().post("/api/auth/signin/credentials", json!({"email": self.email_of(client), "password": PASSWORD})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
        Client { credentials: Credentials::Cookie(cookie), ..client.clone() }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abandon();
        }
    }
}

#[derive(Clone)]
pub enum Credentials {
    None,
    Token(String),
    Cookie(String),
}

/// Somebody who calls the API.
#[derive(Clone)]
pub struct Client {
    pub http: reqwest::Client,
    pub url: String,
    pub workspace_id: String,
    pub user_id: String,
    pub credentials: Credentials,
}

pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {} {}", self.status, self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body, once the status is the expected one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// Holds an error to its status and code, and returns its sentence.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert!(body["error"].as_str().is_some_and(|text| text.len() > 8), "an error says what happened: {body}");
        assert!(self.headers.contains_key("x-request-id"));
        body
    }
}

impl Client {
    /// Somebody who calls a server that this process did not start.
    pub fn with_token(url: &str, token: &str, workspace_id: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        Client { http, url: url.to_owned(), workspace_id: workspace_id.to_owned(), user_id: String::new(), credentials: Credentials::Token(token.to_owned()) }
    }

    /// `/api/workspaces/{own}` and `rest`.
    pub fn path(&self, rest: &str) -> String {
        format!("/api/workspaces/{}{rest}", self.workspace_id)
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.credentials {
            Credentials::None => request,
            Credentials::Token(token) => request.bearer_auth(token),
            Credentials::Cookie(cookie) => request.header("cookie", cookie),
        }
    }

    pub async fn send(&self, request: RequestBuilder) -> Reply {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        assert!(headers.contains_key("x-request-id"), "every response carries its request's id");
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{text}");
        Reply { status: status.as_u16(), headers, text }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(self.request(Method::PUT, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(self.request(Method::DELETE, path)).await
    }
}
