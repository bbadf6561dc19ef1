//! The built-in answerer on the product's own guide, with the real embedding model: the right page, whole sentences,
//! nothing twice, and an honest word where the guide is silent.

use std::{collections::HashSet, path::Path};

use illumichat::{access, clock::Clock, demo, embed::Model};
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

async fn guide() -> (TestApp, Client, String) {
    let app = TestApp::with_model(Model::builtin(), Clock::system(), |_| {}).await;
    let demo = demo::fill(&app.app).await.unwrap();
    app.drain().await;
    let token = access::new_token(&app.app, &demo.workspace_id, &demo.user_id, "test", None).await.unwrap().secret().to_owned();
    let client = Client::with_token(&app.url, &token, &demo.workspace_id);
    (app, client, demo.assistant_id)
}

fn questions() -> Vec<(String, Option<String>)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/guide/questions.jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).map(|line| (line["question"].as_str().unwrap().to_owned(), line["page"].as_str().map(str::to_owned))).collect()
}

/// The file's name of each page's title.
fn titles() -> std::collections::HashMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/guide");
    let pages = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    pages
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let title = text.lines().find_map(|line| line.strip_prefix("title: ")).unwrap().trim_matches('"').to_owned();
            (title, path.file_stem().unwrap().to_string_lossy().into_owned())
        })
        .collect()
}

/// What is wrong with an answer's form.
fn faults(answer: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut told = HashSet::new();
    let mut in_code = false;
    let prose: Vec<&str> = answer
        .lines()
        .filter(|line| {
            let fence = line.starts_with("```");
            in_code ^= fence;
            !in_code && !fence && !line.starts_with('|') && !line.trim().is_empty()
        })
        .collect();
    if in_code {
        faults.push("an open code block".to_owned());
    }
    for line in prose {
        for sentence in line.split(". ") {
            if sentence.len() > 20 && !told.insert(sentence.trim_end_matches('.')) {
                faults.push(format!("twice: {sentence}"));
            }
        }
        if line.ends_with('?') {
            faults.push(format!("a question: {line}"));
        }
        if line.matches('"').count() % 2 == 1 {
            faults.push(format!("an open quotation: {line}"));
        }
        let first = line.chars().next().unwrap();
        if first.is_lowercase() && ["or ", "and ", "but ", "which ", "that "].iter().any(|word| line.starts_with(word)) || matches!(first, ',' | ')' | ';') {
            faults.push(format!("a fragment: {line}"));
        }
    }
    if answer.split_whitespace().count() > 400 {
        faults.push("too long".to_owned());
    }
    if answer.trim_end().ends_with(':') {
        faults.push("it announces what does not follow".to_owned());
    }
    faults
}

#[tokio::test]
async fn the_guide_answers_questions_about_itself() {
    let (_app, client, assistant) = guide().await;
    let titles = titles();
    let (mut answerable, mut right, mut off_topic, mut refused) = (0, 0, 0, 0);
    let (mut misses, mut wrong) = (Vec::new(), Vec::new());
    for (question, page) in questions() {
        let body = json!({"assistantId": assistant, "messages": [{"role": "user", "content": question}], "stream": false});
        let answer = client.post("/api/chat", body).await.expect(200);
        let content = answer["content"].as_str().unwrap();
        wrong.extend(faults(content).into_iter().map(|fault| format!("{question}: {fault}")));
        match page {
            None => {
                off_topic += 1;
                refused += usize::from(answer["answered"] == false && answer["sources"] == json!([]));
            }
            Some(page) => {
                answerable += 1;
                let sources = answer["sources"].as_array().unwrap();
                let is_right = sources.first().is_some_and(|source| titles.get(source["title"].as_str().unwrap()) == Some(&page));
                right += usize::from(is_right);
                if !is_right {
                    misses.push(format!("{question} -> {} {content:.80}", sources.first().map_or("nothing", |source| source["title"].as_str().unwrap())));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(right * 100 >= answerable * 90, "{right} of {answerable} from the right page:\n{}", misses.join("\n"));
    assert_eq!(refused, off_topic, "off-topic questions are refused");
}

#[tokio::test]
async fn follow_ups_greetings_and_other_languages_are_understood() {
    let (_app, client, assistant) = guide().await;
    let ask = async |chat: Option<&Value>, text: &str| {
        let mut body = json!({"assistantId": assistant, "messages": [{"role": "user", "content": text}], "stream": false});
        if let Some(chat) = chat {
            body["chatId"] = chat.clone();
        }
        client.post("/api/chat", body).await.expect(200)
    };
    let first = ask(None, "How do I get an API token?").await;
    assert!(first["content"].as_str().unwrap().contains("1. Open Settings, then API tokens.\n2. "), "steps stay whole: {}", first["content"]);
    let second = ask(Some(&first["chatId"]), "And how do I revoke it?").await;
    assert!(second["content"].as_str().unwrap().to_lowercase().contains("revoke"), "{}", second["content"]);
    assert_eq!(second["sources"][0]["title"], "API tokens");
    assert_eq!(ask(None, "Guten Tag!").await["content"], "Hallo! Wie kann ich Ihnen helfen?");
    let nowhere = ask(None, "Wie wird das Wetter morgen in Graz?").await;
    assert_eq!((&nowhere["answered"], &nowhere["content"]), (&json!(false), &json!("Leider habe ich dazu in den Unterlagen keine Antwort gefunden.")));
    let file = ask(None, "How large may a file be?").await;
    assert!(file["content"].as_str().unwrap().starts_with("A file for IllumiChat may have up to 50 MiB."), "{}", file["content"]);
    let table = ask(None, "What does status 413 mean?").await;
    assert!(table["content"].as_str().unwrap().contains("413"), "{}", table["content"]);
}
