//! `/api/workspaces/{ws}/projects/{id}/sources`: pages of a site that the test serves, and addresses that must never be
//! reached.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use illumichat::access::Role;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::projects::create_project;
use crate::support::{Client, TestApp, spawn_app};

/// A page: status, headers, body.
type Page = (u16, Vec<(String, String)>, String);

/// A web server of a few pages, by path.
#[derive(Clone)]
pub(super) struct Site {
    host: &'static str,
    port: u16,
    pages: Arc<Mutex<HashMap<String, Page>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    async fn start() -> Site {
        Site::start_at("127.0.0.1", 0).await
    }

    pub(super) async fn start_at(host: &'static str, port: u16) -> Site {
        let listener = TcpListener::bind((host, port)).await.unwrap();
        let site = Site { host, port: listener.local_addr().unwrap().port(), pages: Arc::default(), asked: Arc::default() };
        let serving = site.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let site = serving.clone();
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    let mut buffer = [0; 4096];
                    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                        match stream.read(&mut buffer).await {
                            Ok(0) | Err(_) => return,
                            Ok(count) => request.extend_from_slice(&buffer[..count]),
                        }
                    }
                    let request = String::from_utf8_lossy(&request).into_owned();
                    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
                    site.asked.lock().push(path.clone());
                    let (mut status, headers, mut body) = site.pages.lock().get(&path).cloned().unwrap_or((404, Vec::new(), "gone".to_owned()));
                    let etag = headers.iter().find(|(name, _)| name == "etag").map(|(_, value)| value.clone());
                    if etag.is_some_and(|etag| request.to_lowercase().contains(&format!("if-none-match: {etag}"))) {
                        (status, body) = (304, String::new());
                    }
                    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
                    for (name, value) in headers {
                        head.push_str(&format!("{name}: {value}\r\n"));
                    }
                    let _ = stream.write_all(format!("{head}\r\n{body}").as_bytes()).await;
                });
            }
        });
        site
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}:{}{path}", self.host, self.port)
    }

    pub(super) fn put(&self, path: &str, status: u16, headers: &[(&str, &str)], body: &str) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.pages.lock().insert(path.to_owned(), (status, headers, body.to_owned()));
    }

    pub(super) fn page(&self, path: &str, title: &str, body: &str) {
        let html = format!("<html><head><title>{title}</title></head><body><nav><a href='/'>Home</a></nav><main><h1>{title}</h1>{body}</main></body></html>");
        self.put(path, 200, &[("content-type", "text/html")], &html);
    }

    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock())
    }

    /// The product, allowed to reach this site and nothing else that is private.
    async fn app(&self) -> TestApp {
        let allowed = format!("127.0.0.1:{}", self.port);
        TestApp::with(|config| config.egress.allow = vec![allowed]).await
    }
}

async fn sources(client: &Client) -> String {
    let id = create_project(client, "Web").await;
    client.path(&format!("/projects/{id}/sources"))
}

/// The source once its run is over.
pub(super) async fn synced(app: &TestApp, client: &Client, path: &str, source: &Value) -> Value {
    app.drain().await;
    client.get(&format!("{path}/{}", source["id"].as_str().unwrap())).await.expect(200)
}

pub(super) async fn titles(client: &Client, path: &str) -> Vec<String> {
    let documents = client.get(&path.replace("/sources", "/documents")).await.expect(200);
    let mut titles: Vec<String> = documents["data"].as_array().unwrap().iter().map(|document| document["title"].as_str().unwrap().to_owned()).collect();
    titles.sort();
    titles
}

#[tokio::test]
async fn create_source_names_what_is_wrong() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = sources(&owner).await;
    let good = json!({"url": "https://example.com/", "kind": "page"});
    app.nobody().post(&path, good.clone()).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Member).await.post(&path, good.clone()).await.expect_error(403, "forbidden:api");
    app.owner().await.post(&path, good).await.expect_error(404, "not_found:api");
    for (body, field) in [
        (json!({"kind": "page"}), "url"),
        (json!({"url": "example.com", "kind": "page"}), "url"),
        (json!({"url": "ftp://example.com/", "kind": "page"}), "url"),
        (json!({"url": "https://me:secret@example.com/", "kind": "page"}), "url"),
        (json!({"url": "https://example.com/", "kind": "book"}), "kind"),
        (json!({"url": "https://example.com/", "kind": "crawl", "maxPages": 0}), "maxPages"),
        (json!({"url": "https://example.com/", "kind": "crawl", "maxPages": 10_001}), "maxPages"),
        (json!({"url": "https://example.com/", "kind": "crawl", "include": ["docs"]}), "include"),
        (json!({"url": "https://example.com/", "kind": "crawl", "schedule": "monthly"}), "schedule"),
    ] {
        let error = owner.post(&path, body).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{error}");
    }
    assert_eq!(owner.get(&path).await.expect(200)["total"], 0);
}

#[tokio::test]
async fn a_crawl_reads_a_host_and_keeps_to_its_rules() {
    let site = Site::start().await;
    let app = site.app().await;
    let owner = app.owner().await;
    let path = sources(&owner).await;
    site.put("/robots.txt", 200, &[], "User-agent: *\nDisallow: /private\n");
    site.page("/docs/", "Start", "<a href='one?utm_source=x#a'>1</a> <a href='/docs/two'>2</a> <a href='/blog/x'>blog</a> <a href='/private/x'>no</a> <a href='https://elsewhere.example/'>out</a> <a href='/docs/logo.png'>p</a>");
    site.page("/docs/one", "One", "<p>The first page is about walruses.</p><a href='/docs/three'>3</a>");
    site.put("/docs/two", 200, &[("content-type", "text/html")], "<link rel=canonical href='/docs/one'><main><h1>Two</h1>The same again.</main>");
    site.put("/docs/three", 200, &[("content-type", "text/html")], "<meta name=robots content=noindex><main><h1>Three</h1>Not for keeping.</main>");
    site.page("/blog/x", "Blog", "<p>News.</p>");
    let source = owner.post(&path, json!({"url": site.url("/docs/"), "kind": "crawl", "include": ["/docs"], "maxPages": 20})).await.expect(201);
    assert_eq!((&source["status"], &source["schedule"]), (&json!("pending"), &json!("off")));
    owner.post(&path, json!({"url": site.url("/docs/"), "kind": "page"})).await.expect_error(409, "conflict:api");
    let source = synced(&app, &owner, &path, &source).await;
    assert_eq!((&source["status"], &source["pageCount"], &source["error"]), (&json!("completed"), &json!(2), &json!(null)), "{source}");
    assert_eq!(titles(&owner, &path).await, ["One", "Start"]);
    let asked = site.asked();
    assert!(asked.iter().all(|path| !path.starts_with("/private") && !path.starts_with("/blog") && !path.contains("utm_") && !path.ends_with(".png")), "{asked:?}");
    let found = owner.post(&path.replace("/sources", "/search"), json!({"query": "walruses"})).await.expect(200);
    assert_eq!(found["data"][0]["url"], site.url("/docs/one"), "{found}");
    assert!(!found["data"][0]["text"].as_str().unwrap().contains("Home"), "navigation is no content");
    owner.delete(&format!("{path}/{}", source["id"].as_str().unwrap())).await.expect(204);
    app.drain().await;
    assert!(titles(&owner, &path).await.is_empty() && app.files_on_disk().is_empty());
}

#[tokio::test]
async fn a_sitemap_s_changes_are_read_again_and_what_is_gone_goes() {
    let site = Site::start().await;
    let app = site.app().await;
    let owner = app.owner().await;
    let path = sources(&owner).await;
    let map = |paths: &[&str]| format!("<urlset>{}</urlset>", paths.iter().map(|path| format!("<url><loc>{}</loc></url>", site.url(path))).collect::<String>());
    site.put("/index.xml", 200, &[], &format!("<sitemapindex><sitemap><loc>{}</loc></sitemap></sitemapindex>", site.url("/map.xml")));
    site.put("/map.xml", 200, &[], &map(&["/a", "/b", "/c", "/missing"]));
    site.put("/a", 200, &[("etag", "\"1\""), ("content-type", "text/html")], "<title>A</title><main>Alpha is here.</main>");
    site.page("/b", "B", "Beta is here.");
    site.page("/c", "C", "Gamma is here.");
    let source = owner.post(&path, json!({"url": site.url("/index.xml"), "kind": "sitemap"})).await.expect(201);
    let source = synced(&app, &owner, &path, &source).await;
    assert_eq!((&source["status"], &source["pageCount"]), (&json!("completed"), &json!(3)), "{source}");
    let before = owner.get(&path.replace("/sources", "/documents")).await.expect(200);
    // B's frame alone changes, C changes, A has its ETag, and the sitemap loses B in the end.
    site.put("/b", 200, &[("content-type", "text/html")], "<html><head><title>B</title><meta name=build content=77></head><body><nav>New menu</nav><main><h1>B</h1>Beta is here.</main></body></html>");
    site.page("/c", "C", "Delta is here now.");
    site.asked();
    owner.post(&format!("{path}/{}/sync", source["id"].as_str().unwrap()), json!({})).await.expect(200);
    let source = synced(&app, &owner, &path, &source).await;
    assert_eq!(source["status"], "completed", "{source}");
    let after = owner.get(&path.replace("/sources", "/documents")).await.expect(200);
    for (old, new) in before["data"].as_array().unwrap().iter().zip(after["data"].as_array().unwrap()) {
        assert_eq!(old["id"], new["id"]);
        assert_eq!(old["sha256"] != new["sha256"], new["title"] == "C", "only what changed is read again: {new}");
    }
    let found = owner.post(&path.replace("/sources", "/search"), json!({"query": "delta", "mode": "keyword"})).await.expect(200);
    assert_eq!(found["data"][0]["title"], "C");
    site.put("/map.xml", 200, &[], &map(&["/a", "/c"]));
    site.put("/c", 503, &[], "");
    owner.post(&format!("{path}/{}/sync", source["id"].as_str().unwrap()), json!({})).await.expect(200);
    let source = synced(&app, &owner, &path, &source).await;
    assert_eq!(titles(&owner, &path).await, ["A", "C"], "a page that is ill stays, one that is gone goes");
    assert_eq!(source["failedCount"], 1);
    let pages = owner.get(&format!("{path}/{}/pages", source["id"].as_str().unwrap())).await.expect(200);
    assert!(pages["data"].as_array().unwrap().iter().any(|page| page["error"].as_str().is_some_and(|error| error.contains("503"))), "{pages}");
    assert_eq!((&pages["total"], &pages["limit"], &pages["offset"]), (&json!(2), &json!(25), &json!(0)));
    let failed = owner.get(&format!("{path}/{}/pages?failed=true&limit=1", source["id"].as_str().unwrap())).await.expect(200);
    assert_eq!((&failed["total"], failed["data"].as_array().unwrap().len()), (&json!(1), 1));
}

#[tokio::test]
async fn a_page_is_fetched_once_or_followed() {
    let site = Site::start().await;
    let app = site.app().await;
    let owner = app.owner().await;
    let path = sources(&owner).await;
    site.page("/help", "Help", "Press the green button.");
    let documents = path.replace("/sources", "/documents");
    let document = owner.post(&documents, json!({"url": site.url("/help")})).await.expect(201);
    assert_eq!((&document["source"], &document["url"]), (&json!("url"), &json!(site.url("/help"))));
    owner.post(&documents, json!({"url": site.url("/nothing")})).await.expect_error(400, "bad_request:api");
    app.drain().await;
    assert_eq!(titles(&owner, &path).await, ["Help"]);
    // A followed page: a run that fails says why, and says when it tries again.
    site.put("/ill", 500, &[], "");
    let source = owner.post(&path, json!({"url": site.url("/ill"), "kind": "page"})).await.expect(201);
    let source = synced(&app, &owner, &path, &source).await;
    assert_eq!(source["status"], "failed");
    assert!(source["error"].as_str().unwrap().contains("500"), "{source}");
    let changed = owner.patch(&format!("{path}/{}", source["id"].as_str().unwrap()), json!({"schedule": "daily"})).await.expect(200);
    assert!(changed["nextRunAt"].is_string(), "{changed}");
    owner.delete(&format!("{path}/{}", source["id"].as_str().unwrap())).await.expect(204);
    site.put("/robots.txt", 200, &[], "User-agent: IllumiChat\nDisallow: /\n");
    let source = owner.post(&path, json!({"url": site.url("/help"), "kind": "page"})).await.expect(201);
    let source = synced(&app, &owner, &path, &source).await;
    assert!(source["error"].as_str().unwrap().contains("robots.txt"), "{source}");
}

/// A port that counts who connects.
async fn canary() -> (u16, Arc<AtomicUsize>) {
    canary_at("0.0.0.0").await
}

pub(super) async fn canary_at(host: &str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((host, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counting = count.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counting.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, count)
}

/// Ways to write an address of this machine or of a private network, for a port.
fn hostile(port: u16) -> Vec<String> {
    let hosts = [
        "127.0.0.1", "127.1", "127.0.1", "127.000.000.001", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "0177.0.0.1", "017700000001", "0177.1", "127.0.0.1.", "127.255.255.254",
        "0.0.0.0", "0", "0x0", "00.0.0.0", "localhost", "LOCALHOST", "localhost.", "app.localhost", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001::7f00:1]", "[fe80::1]", "[fec0::1]", "[fc00::1]",
        "[fd00:ec2::254]", "[ff02::1]", "[2001:db8::1]", "169.254.169.254", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "169.254.170.2", "100.100.100.200", "100.64.0.1",
        "192.0.0.192", "10.0.0.1", "167772161", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.1.1", "198.18.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "user@127.0.0.1", "example.com@127.0.0.1", "example.com%20@127.0.0.1", "①②⑦.⓪.⓪.①", "127。0。0。1",
    ];
    hosts.iter().map(|host| format!("http://{host}:{port}/")).collect()
}

#[tokio::test]
async fn nothing_private_is_ever_reached() {
    let site = Site::start().await;
    let app = site.app().await;
    let owner = app.owner().await;
    let (port, reached) = canary().await;
    let targets = hostile(port);
    assert!(targets.len() >= 60, "{}", targets.len());
    let path = sources(&owner).await;
    let documents = path.replace("/sources", "/documents");
    let mut saved = 0;
    for (number, target) in targets.iter().enumerate() {
        // As it is.
        for kind in ["page", "sitemap", "crawl"] {
            let reply = owner.post(&path, json!({"url": format!("{target}{kind}"), "kind": kind})).await;
            assert!(matches!(reply.status, 400 | 201 | 409), "{target}: {}", reply.text);
            saved += usize::from(reply.status == 201);
        }
        owner.post(&documents, json!({"url": target})).await.expect_error(400, "bad_request:api");
        // By a redirect, out of a sitemap, out of a page, and as the place of the robots.txt.
        site.put(&format!("/r{number}"), 302, &[("location", target)], "");
        owner.post(&documents, json!({"url": site.url(&format!("/r{number}"))})).await.expect_error(400, "bad_request:api");
        site.put(&format!("/m{number}"), 200, &[], &format!("<urlset><url><loc>{target}</loc></url><url><loc>{}</loc></url></urlset>", site.url(&format!("/r{number}"))));
        owner.post(&path, json!({"url": site.url(&format!("/m{number}")), "kind": "sitemap"})).await.expect(201);
        site.page(&format!("/c{number}"), "Page", &format!("<base href='{target}'><a href='{target}'>a</a><a href='/r{number}'>b</a><img src='{target}'><link rel=canonical href='{target}'>"));
        owner.post(&path, json!({"url": site.url(&format!("/c{number}")), "kind": "crawl", "maxPages": 3})).await.expect(201);
        site.put(&format!("/i{number}"), 200, &[], &format!("<sitemapindex><sitemap><loc>{target}</loc></sitemap><sitemap><loc>{}</loc></sitemap></sitemapindex>", site.url(&format!("/r{number}"))));
        owner.post(&path, json!({"url": site.url(&format!("/i{number}")), "kind": "sitemap"})).await.expect(201);
        site.put(&format!("/p{number}"), 308, &[("location", &format!("/r{number}"))], "");
        owner.post(&documents, json!({"url": site.url(&format!("/p{number}"))})).await.expect_error(400, "bad_request:api");
    }
    // A robots.txt may name sitemaps.
    let named: String = targets.iter().map(|target| format!("Sitemap: {target}sitemap.xml\n")).collect();
    site.put("/robots.txt", 200, &[], &format!("User-agent: *\nAllow: /\n{named}"));
    assert!(saved <= 15, "a literal address is refused when it is saved; only names wait until they are used: {saved}");
    app.drain().await;
    // Now the robots.txt itself leads there.
    for target in &targets {
        site.put("/robots.txt", 301, &[("location", target)], "");
        let source = owner.post(&path, json!({"url": site.url(&format!("/robots?{}", site.asked().len())), "kind": "page"})).await;
        if source.status == 201 {
            synced(&app, &owner, &path, &source.json()).await;
        }
    }
    assert_eq!(reached.load(Ordering::SeqCst), 0, "somebody has connected to a forbidden address");
}
