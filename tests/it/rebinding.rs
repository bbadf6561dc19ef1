//! A name whose addresses change between two questions for them: the guarded client asks once, judges what it is told, and
//! connects to exactly that. Whatever it asks anew it judges anew.
//!
//! `127.0.0.2` stands for the public internet here, because the operator allows it; `127.0.0.1` stays private, and a canary listens
//! there on the same port.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::FutureExt;
use illumichat::http::client::Lookup;
use parking_lot::Mutex;
use serde_json::json;

use super::{
    projects::create_project,
    sources::{Site, canary_at, synced, titles},
};
use crate::support::{Client, TestApp};

const GOOD: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const BAD: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A name server whose answers are as told, one after the other; the last one again and again.
#[derive(Clone, Default)]
struct Names {
    answers: Arc<Mutex<Vec<Vec<IpAddr>>>>,
    asked: Arc<AtomicUsize>,
}

impl Names {
    fn tell(&self, answers: Vec<Vec<IpAddr>>) {
        *self.answers.lock() = answers;
        self.asked.store(0, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn lookup(&self) -> Lookup {
        let names = self.clone();
        Arc::new(move |host| {
            assert_eq!(host, "rebind.example");
            let number = names.asked.fetch_add(1, Ordering::SeqCst);
            let answers = names.answers.lock();
            let answer = answers[number.min(answers.len() - 1)].clone();
            async move { Ok(answer.into_iter().map(|address| SocketAddr::new(address, 0)).collect()) }.boxed()
        })
    }
}

/// The address of a new project's sources.
async fn sources(owner: &Client) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let id = create_project(owner, &format!("Web {}", COUNT.fetch_add(1, Ordering::SeqCst))).await;
    owner.path(&format!("/projects/{id}/sources"))
}

#[tokio::test]
async fn a_name_that_turns_private_is_never_followed_there() {
    let (port, reached) = canary_at("127.0.0.1").await;
    let site = Site::start_at("127.0.0.2", port).await;
    let names = Names::default();
    let app = TestApp::resolving(names.lookup(), |config| config.egress.allow = vec!["127.0.0.2/32".into()]).await;
    let owner = app.owner().await;
    let root = format!("http://rebind.example:{port}");
    let pages = ["/start", "/one", "/two", "/three"];
    site.put("/map.xml", 200, &[], &format!("<urlset>{}</urlset>", pages.map(|page| format!("<url><loc>{root}{page}</loc></url>")).concat()));
    site.put("/moved", 302, &[("location", &format!("{root}/one"))], "");
    for page in pages {
        site.page(page, &format!("Page {page}"), &format!("<p>Words of {page}.</p>{}", pages.map(|other| format!("<a href='{other}'>{other}</a>")).concat()));
    }
    let robots = |redirected: bool| match redirected {
        true => site.put("/robots.txt", 301, &[("location", &format!("{root}/rules.txt"))], ""),
        false => site.put("/robots.txt", 200, &[], &format!("User-agent: *\nAllow: /\nSitemap: {root}/map.xml\n")),
    };
    site.put("/rules.txt", 200, &[], "User-agent: *\nAllow: /\n");

    // As long as the name stays where it is, everything is read: what follows is refused for its address alone.
    let read = |kind: &'static str, path: &'static str| {
        let (owner, app, root) = (owner.clone(), &app, root.clone());
        async move {
            let sources = sources(&owner).await;
            let source = owner.post(&sources, json!({"url": format!("{root}{path}"), "kind": kind, "maxPages": 10})).await.expect(201);
            let source = synced(app, &owner, &sources, &source).await;
            (titles(&owner, &sources).await.len(), source)
        }
    };
    let kinds = [("page", "/start"), ("page", "/moved"), ("sitemap", "/map.xml"), ("crawl", "/start")];
    let mut most = 0;
    for redirected in [false, true] {
        robots(redirected);
        for (kind, path) in kinds {
            names.tell(vec![vec![GOOD]]);
            site.asked();
            let (documents, source) = read(kind, path).await;
            assert_eq!(documents, if kind == "page" { 1 } else { 4 }, "{kind} {path}: {source}");
            // One question for each connection: nobody resolves a name to judge it and then again to connect.
            assert_eq!(names.asked(), site.asked().len(), "{kind} {path}");
            most = most.max(names.asked());
        }
    }
    assert!((6..12).contains(&most), "{most}");

    let wrong = [vec![BAD], vec![GOOD, BAD], vec![BAD, GOOD], vec!["::1".parse().unwrap()], vec!["::ffff:127.0.0.1".parse().unwrap()], vec!["169.254.169.254".parse().unwrap()]];
    for redirected in [false, true] {
        robots(redirected);
        for (kind, path) in kinds {
            for good in 0..=most {
                // After so many right answers the name is private: for once, or from then on.
                let bad = wrong[good % wrong.len()].clone();
                let mut answers = vec![vec![GOOD]; good];
                answers.push(bad.clone());
                if good % 2 == 0 {
                    answers.push(vec![GOOD]);
                }
                names.tell(answers.clone());
                site.asked();
                let (_, source) = read(kind, path).await;
                let (told, connected) = (names.asked(), site.asked().len());
                let right = (0..told).filter(|number| answers[(*number).min(answers.len() - 1)] == [GOOD]).count();
                assert_eq!(connected, right, "{kind} {path} after {good}: each right answer is one connection, each wrong one is none; {source}");
                assert_eq!(reached.load(Ordering::SeqCst), 0, "{kind} {path} after {good} went to {bad:?}");
            }
        }
    }

    // A document by its address: the person is told why.
    let documents = sources(&owner).await.replace("/sources", "/documents");
    for (answers, path) in [
        (vec![vec![BAD]], "/start"),
        (vec![vec![GOOD, BAD]], "/start"),
        (vec![vec![GOOD], vec![BAD]], "/moved"),
    ] {
        names.tell(answers);
        let refused = owner.post(&documents, json!({"url": format!("{root}{path}")})).await.expect_error(400, "bad_request:api");
        assert!(refused["error"].as_str().unwrap().contains("egress.allow"), "{refused}");
    }
    names.tell(vec![vec![GOOD], vec![GOOD], vec![BAD]]);
    owner.post(&documents, json!({"url": format!("{root}/moved")})).await.expect(201);
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}
