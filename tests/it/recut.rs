//! Documents that another embedding model reads otherwise are cut anew for it, while the old chunks are found.

use std::{fs, time::Duration};

use illumichat::clock::Clock;
use serde_json::{Value, json};

use super::{
    models::{add_tiny, embedded, is_sound},
    projects::create_project,
};
use crate::support::{Client, TestApp, tiny_model::Tiny};

/// What the tiny model reads of a passage: it counts letters, and has 130 positions with its two marks.
const MOST: i64 = 128;

/// One section with more letters than the tiny model reads, and one with fewer.
fn manual(number: usize) -> String {
    let long: String = (0..12).map(|line| format!("Machine {number} of hall {line} is serviced by crew {line} on day {line}. ")).collect();
    format!("# Service\n\n{long}\n\n# Hours\n\nOpen at {number} o'clock.\n")
}

/// The documents with their chunks: title, status, time of the last change, and each chunk's text and tokens.
async fn documents(owner: &Client, path: &str) -> Vec<(String, Value, Vec<(String, i64)>)> {
    let mut all = Vec::new();
    for document in owner.get(&format!("{path}/documents")).await.expect(200)["data"].as_array().unwrap() {
        let chunks = owner.get(&format!("{path}/documents/{}/chunks?limit=100", document["id"].as_str().unwrap())).await.expect(200);
        assert_eq!(chunks["total"], document["chunkCount"]);
        let texts: Vec<(String, i64)> = chunks["data"].as_array().unwrap().iter().map(|chunk| (chunk["text"].as_str().unwrap().to_owned(), chunk["tokens"].as_i64().unwrap())).collect();
        assert_eq!(texts.iter().map(|(_, tokens)| tokens).sum::<i64>(), document["tokenCount"].as_i64().unwrap());
        let about = json!([document["status"], document["updatedAt"], document["error"]]);
        all.push((document["title"].as_str().unwrap().to_owned(), about, texts));
    }
    all.sort_by(|left, right| left.0.cmp(&right.0));
    all
}

fn words(chunks: &[(String, i64)]) -> Vec<String> {
    chunks.iter().flat_map(|(text, _)| text.split_whitespace()).map(str::to_owned).collect()
}

async fn filled(app: &TestApp, manuals: usize) -> (Client, String) {
    let owner = app.owner().await;
    let path = owner.path(&format!("/projects/{}", create_project(&owner, "Long").await));
    for number in 0..manuals {
        owner.post(&format!("{path}/documents"), json!({"title": format!("Manual {number}"), "text": manual(number)})).await.expect(201);
    }
    owner.post(&format!("{path}/qa"), json!({"question": "Who pays for postage?", "answer": "You do."})).await.expect(201);
    app.drain_now().await;
    (owner, path)
}

async fn with(folder: tempfile::TempDir, model: Option<&str>) -> TestApp {
    let model = model.map(str::to_owned);
    TestApp::in_folder(folder, Clock::system(), |config| config.embed.model = model).await
}

/// Waits until this model serves and nothing is left to be embedded or cut. A job that was cut off may wait for its next try.
async fn settled(app: &TestApp, model: &str) {
    let mut left = String::new();
    for _ in 0..1500 {
        app.drain_now().await;
        left = app
            .app
            .db
            .read(|connection| {
                let jobs = "select coalesce(group_concat(kind || ' ' || state || ' ' || attempts || ' ' || payload || ' ' || coalesce(last_error, ''), '; '), '') from jobs
                    where kind in ('knowledge.reembed', 'knowledge.recut')";
                Ok(connection.query_row(jobs, [], |row| row.get(0))?)
            })
            .unwrap();
        if left.is_empty() && embedded(app).iter().any(|of| of.0 == model && of.1 == "serving" && of.2 == of.3) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    panic!("{:?}, and left is {left}", embedded(app));
}

#[tokio::test]
async fn a_model_that_reads_less_gets_shorter_chunks_and_one_that_reads_more_longer_ones() {
    let app = TestApp::with(|_| {}).await;
    let (owner, path) = filled(&app, 3).await;
    let before = documents(&owner, &path).await;
    let (token, workspace) = (owner.credentials.clone(), owner.workspace_id.clone());
    let same = |app: &TestApp| Client { credentials: token.clone(), workspace_id: workspace.clone(), ..app.nobody() };
    let events = |app: &TestApp| app.app.db.read(|connection| Ok(connection.query_row("select count(*) from events", [], |row| row.get::<_, i64>(0))?)).unwrap();
    let told = events(&app);
    let folder = app.stop().await;
    add_tiny(&folder, "tiny", &Tiny::bert(32, 2));
    let app = with(folder, Some("tiny")).await;
    settled(&app, "tiny").await;
    let owner = same(&app);
    let after = documents(&owner, &path).await;
    for (old, new) in before.iter().zip(&after) {
        // A person sees that nothing has happened to the document but its cut.
        assert_eq!((&old.0, &old.1), (&new.0, &new.1));
        assert!(new.2.len() > old.2.len() && new.2.iter().all(|(_, tokens)| *tokens <= MOST), "{new:?}");
        assert_eq!(words(&old.2), words(&new.2), "no word is lost, none is there twice");
    }
    assert_eq!(events(&app), told, "nobody is told of a change");
    let models = embedded(&app);
    let tiny = models.iter().find(|of| of.0 == "tiny").unwrap();
    assert_eq!((tiny.1.as_str(), tiny.2), ("serving", tiny.3), "{models:?}");
    assert!(is_sound(&app));
    // What stood beyond the end of what it reads is found by its sense.
    let found = owner.post(&format!("{path}/search"), json!({"query": after[1].2[after[1].2.len() - 2].0, "mode": "vector", "limit": 3})).await.expect(200);
    assert!(found["data"].as_array().unwrap().iter().any(|hit| hit["text"] == after[1].2[after[1].2.len() - 2].0.as_str()), "{found}");

    // And back: the chunks are as long as the larger window lets them be.
    let folder = app.stop().await;
    let app = with(folder, None).await;
    settled(&app, "deterministic").await;
    assert_eq!(documents(&same(&app), &path).await, before);
    assert!(is_sound(&app));
    // A start that finds all as it should be leaves it alone.
    let folder = app.stop().await;
    let app = with(folder, None).await;
    let open: i64 = app.app.db.read(|connection| Ok(connection.query_row("select count(*) from jobs where kind = 'knowledge.recut'", [], |row| row.get(0))?)).unwrap();
    assert_eq!(open, 0);
}

#[tokio::test]
async fn a_document_whose_file_is_gone_keeps_its_chunks() {
    let app = TestApp::with(|_| {}).await;
    let (owner, path) = filled(&app, 2).await;
    let before = documents(&owner, &path).await;
    let (token, workspace) = (owner.credentials.clone(), owner.workspace_id.clone());
    let folder = app.stop().await;
    add_tiny(&folder, "tiny", &Tiny::bert(32, 2));
    fs::remove_dir_all(folder.path().join("data/files")).unwrap();
    let app = with(folder, Some("tiny")).await;
    settled(&app, "tiny").await;
    let owner = Client { credentials: token, workspace_id: workspace, ..app.nobody() };
    assert_eq!(documents(&owner, &path).await, before);
    assert!(embedded(&app).iter().any(|of| of.0 == "tiny" && of.1 == "serving" && of.2 == of.3), "{:?}", embedded(&app));
}

#[tokio::test]
async fn a_server_that_ends_while_it_cuts_goes_on_where_it_was() {
    let app = TestApp::with(|_| {}).await;
    let (owner, path) = filled(&app, 8).await;
    let before = documents(&owner, &path).await;
    let (token, workspace) = (owner.credentials.clone(), owner.workspace_id.clone());
    let mut folder = app.stop().await;
    add_tiny(&folder, "tiny", &Tiny::bert(32, 2));
    // Ended again and again, each time a little later.
    for pause in 0..12 {
        let app = with(folder, Some("tiny")).await;
        tokio::time::sleep(Duration::from_millis(pause * 15)).await;
        assert!(is_sound(&app));
        folder = app.crash();
    }
    let app = with(folder, Some("tiny")).await;
    settled(&app, "tiny").await;
    let owner = Client { credentials: token, workspace_id: workspace, ..app.nobody() };
    let after = documents(&owner, &path).await;
    for (old, new) in before.iter().zip(&after) {
        assert_eq!((&old.0, &old.1, words(&old.2)), (&new.0, &new.1, words(&new.2)));
        assert!(new.2.iter().all(|(_, tokens)| *tokens <= MOST), "{new:?}");
    }
    let models = embedded(&app);
    let tiny = models.iter().find(|of| of.0 == "tiny").unwrap();
    assert_eq!((tiny.1.as_str(), tiny.2), ("serving", tiny.3), "{models:?}");
    assert!(is_sound(&app));
}
