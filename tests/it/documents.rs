//! `/api/workspaces/{ws}/projects/{id}/documents`.

use std::time::Duration;

use illumichat::{access::Role, clock::Clock};
use reqwest::Method;
use serde_json::{Value, json};

use super::projects::create_project;
use crate::support::{Client, Reply, TestApp, spawn_app};

async fn documents(client: &Client) -> String {
    let id = create_project(client, "Docs").await;
    client.path(&format!("/projects/{id}/documents"))
}

fn file(name: &str, bytes: impl Into<Vec<u8>>) -> (String, Vec<u8>) {
    (name.to_owned(), bytes.into())
}

async fn upload(client: &Client, path: &str, files: Vec<(String, Vec<u8>)>) -> Reply {
    let mut body = Vec::new();
    for (name, bytes) in files {
        body.extend(format!("--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/plain\r\n\r\n").into_bytes());
        body.extend(bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--part--\r\n");
    client.send(client.request(Method::POST, path).header("content-type", "multipart/form-data; boundary=part").body(body)).await
}

/// The document, once the queue is empty.
async fn done(app: &TestApp, client: &Client, path: &str, document: &Value) -> Value {
    app.drain().await;
    client.get(&format!("{path}/{}", document["id"].as_str().unwrap())).await.expect(200)
}

const GUIDE: &str = "---\ntitle: Refund policy\n---\n# Refund policy\n\nWe pay back within 30 days.\n\n## Exceptions\n\n- Gift cards\n- Opened software\n";

#[tokio::test]
async fn create_documents_refuses_who_may_not() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = documents(&owner).await;
    let body = json!({"title": "A", "text": "Some words."});
    app.nobody().post(&path, body.clone()).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Guest).await.post(&path, body.clone()).await.expect_error(403, "forbidden:api");
    app.colleague(&owner, Role::Member).await.post(&path, body.clone()).await.expect_error(403, "forbidden:api");
    app.owner().await.post(&path, body.clone()).await.expect_error(404, "not_found:api");
    owner.post(&owner.path("/projects/proj_none/documents"), body.clone()).await.expect_error(404, "not_found:api");
    app.colleague(&owner, Role::Admin).await.post(&path, body).await.expect(201);
}

#[tokio::test]
async fn create_documents_names_what_is_wrong_with_a_body() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = documents(&owner).await;
    for (body, field) in [(json!({}), "text"), (json!({"text": " "}), "text"), (json!({"text": 1}), "text"), (json!({"title": "", "text": "x"}), "title"), (json!({"url": "https://example.com"}), "url")] {
        let error = owner.post(&path, body).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{error}");
    }
    owner.send(owner.request(Method::POST, &path).header("content-type", "text/plain").body("x")).await.expect_error(415, "unsupported_media_type:api");
    owner.send(owner.request(Method::POST, &path).header("content-type", "multipart/form-data").body("x")).await.expect_error(400, "bad_request:api");
    let broken = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.md\"\r\n\r\nhalf";
    owner.send(owner.request(Method::POST, &path).header("content-type", "multipart/form-data; boundary=b").body(broken)).await.expect_error(400, "bad_request:api");
    upload(&owner, &path, vec![]).await.expect_error(400, "bad_request:api");
    let error = upload(&owner, &path, vec![file("empty.md", "")]).await.expect_error(400, "bad_request:api");
    assert!(error["error"].as_str().unwrap().contains("empty"), "{error}");
    assert_eq!(owner.get(&path).await.expect(200)["total"], 0);
}

#[tokio::test]
async fn a_text_becomes_a_completed_document_with_chunks() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = documents(&owner).await;
    let document = owner.post(&path, json!({"title": "Refunds", "text": GUIDE})).await.expect(201);
    assert_eq!((&document["status"], &document["source"], &document["progress"]), (&json!("pending"), &json!("text"), &json!(0.0)));
    let document = done(&app, &owner, &path, &document).await;
    let told = app.app.db.read(|connection| illumichat::events::list_after(connection, Some(&owner.workspace_id), 0, 100)).unwrap();
    let told: Vec<&illumichat::events::Event> = told.iter().filter(|event| event.resource_id == document["id"].as_str().unwrap()).collect();
    assert_eq!((told.len(), told[0].kind.as_str(), &told[0].data["status"]), (1, "document.completed", &json!("completed")));
    assert_eq!((&document["status"], &document["title"], &document["progress"], &document["error"]), (&json!("completed"), &json!("Refunds"), &json!(1.0), &json!(null)));
    assert_eq!((&document["mimeType"], &document["chunkCount"]), (&json!("text/markdown"), &json!(2)));
    let id = document["id"].as_str().unwrap();
    let chunks = owner.get(&format!("{path}/{id}/chunks")).await.expect(200);
    assert_eq!(chunks["total"], 2);
    assert_eq!(chunks["data"][1]["headings"], json!(["Refund policy", "Exceptions"]));
    assert_eq!(chunks["data"][1]["text"], "- Gift cards\n- Opened software");
    assert!(chunks["data"][1]["start"].as_i64() > chunks["data"][0]["end"].as_i64());
    let project = owner.get(path.trim_end_matches("/documents")).await.expect(200);
    assert_eq!((&project["status"], &project["documentCount"], &project["chunkCount"]), (&json!("ready"), &json!(1), &json!(2)));
}

#[tokio::test]
async fn one_bad_file_does_not_fail_the_others() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = documents(&owner).await;
    let reply = upload(&owner, &path, vec![file("dir/guide.md", GUIDE), file("empty.txt", ""), file("again.md", GUIDE), file("page.html", "<html><title>Hours</title><p>Open from nine.</p></html>")])
        .await
        .expect(201);
    assert_eq!(reply["data"].as_array().unwrap().len(), 2);
    assert_eq!((&reply["errors"][0]["filename"], &reply["errors"][0]["code"]), (&json!("empty.txt"), &json!("bad_request:api")));
    assert_eq!((&reply["errors"][1]["code"], &reply["errors"][1]["id"]), (&json!("conflict:api"), &reply["data"][0]["id"]));
    let guide = done(&app, &owner, &path, &reply["data"][0]).await;
    assert_eq!((&guide["title"], &guide["filename"], &guide["source"]), (&json!("Refund policy"), &json!("guide.md"), &json!("upload")));
    let page = done(&app, &owner, &path, &reply["data"][1]).await;
    assert_eq!((&page["title"], &page["mimeType"]), (&json!("Hours"), &json!("text/html")));
    // All of them known already.
    let error = upload(&owner, &path, vec![file("guide.md", GUIDE)]).await.expect_error(409, "conflict:api");
    assert_eq!(error["details"]["id"], guide["id"]);
}

#[tokio::test]
async fn what_cannot_be_read_ends_failed_with_a_reason() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = documents(&owner).await;
    for (name, bytes, reason) in [
        ("a.md", b"%PDF-1.7 ...".to_vec(), "The PDF is damaged"),
        ("b.txt", (0..=255u8).cycle().take(4096).collect(), "binary data"),
        ("c.html", b"<html><head><title>x</title></head><body><script>var a = 1</script></body></html>".to_vec(), "no text in the file"),
        ("d.docx", [b"PK\x03\x04".as_slice(), &[0; 40], b"word/document.xml"].concat(), "The file is damaged"),
    ] {
        let reply = upload(&owner, &path, vec![file(name, bytes)]).await.expect(201);
        let document = done(&app, &owner, &path, &reply["data"][0]).await;
        assert_eq!(document["status"], "failed", "{document}");
        assert!(document["error"].as_str().unwrap().contains(reason), "{document}");
    }
    assert_eq!(owner.get(&format!("{path}?status=failed")).await.expect(200)["total"], 4);
    assert_eq!(owner.get(&format!("{path}?status=completed")).await.expect(200)["total"], 0);
}

#[tokio::test]
async fn a_file_over_the_limit_is_too_large() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = documents(&owner).await;
    let large = vec![b'a'; 60 << 20];
    let error = upload(&owner, &path, vec![file("large.txt", large)]).await.expect_error(413, "too_large:api");
    assert!(error["error"].as_str().unwrap().contains("50MiB"), "{error}");
    let app = TestApp::with(|config| config.uploads.max_bytes = "1KiB".parse().unwrap()).await;
    let owner = app.owner().await;
    let path = documents(&owner).await;
    owner.post(&path, json!({"text": "word ".repeat(400)})).await.expect_error(413, "too_large:api");
    let reply = upload(&owner, &path, vec![file("large.txt", "word ".repeat(400)), file("small.txt", "word")]).await.expect(201);
    assert_eq!(reply["errors"][0]["code"], "too_large:api");
}

#[tokio::test]
async fn list_documents_filters_and_get_document_keeps_to_its_project() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = documents(&owner).await;
    for title in ["Shipping times", "Shipping costs", "Returns"] {
        owner.post(&path, json!({"title": title, "text": format!("About {title}.")})).await.expect(201);
    }
    let found = owner.get(&format!("{path}?q=SHIPPING&limit=1")).await.expect(200);
    assert_eq!((&found["total"], &found["data"][0]["title"]), (&json!(2), &json!("Shipping costs")));
    owner.get(&format!("{path}?status=lost")).await.expect_error(400, "bad_request:api");
    let id = found["data"][0]["id"].as_str().unwrap();
    let other = create_project(&owner, "Other").await;
    owner.get(&owner.path(&format!("/projects/{other}/documents/{id}"))).await.expect_error(404, "not_found:api");
    app.colleague(&owner, Role::Guest).await.get(&path).await.expect_error(403, "forbidden:api");
    let stranger = app.owner().await;
    for rest in ["", "/chunks", "/content"] {
        stranger.get(&format!("{}{rest}", stranger.path(&format!("/projects/{other}/documents/{id}")))).await.expect_error(404, "not_found:api");
        app.nobody().get(&format!("{path}/{id}{rest}")).await.expect_error(401, "unauthorized:api");
    }
}

#[tokio::test]
async fn the_original_is_an_attachment() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = documents(&owner).await;
    let reply = upload(&owner, &path, vec![file("Größe.html", "<script>alert(1)</script><p>Größe</p>")]).await.expect(201);
    let reply = owner.get(&format!("{path}/{}/content", reply["data"][0]["id"].as_str().unwrap())).await;
    assert_eq!(reply.text, "<script>alert(1)</script><p>Größe</p>");
    assert!(reply.header("content-disposition").starts_with("attachment; filename=\"Gr__e.html\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.html"));
    assert_eq!((reply.header("content-type"), reply.header("x-content-type-options")), ("application/octet-stream", "nosniff"));
}

#[tokio::test]
async fn a_new_title_is_searched_and_a_deleted_document_is_not() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = documents(&owner).await;
    let search = path.replace("/documents", "/search");
    let document = owner.post(&path, json!({"title": "Old", "text": "Nothing but words."})).await.expect(201);
    app.drain().await;
    let one = format!("{path}/{}", document["id"].as_str().unwrap());
    app.colleague(&owner, Role::Member).await.patch(&one, json!({"title": "x"})).await.expect_error(403, "forbidden:api");
    owner.patch(&one, json!({"title": ""})).await.expect_error(400, "bad_request:api");
    let renamed = owner.patch(&one, json!({"title": "Zanzibar"})).await.expect(200);
    assert_eq!((&renamed["title"], &renamed["status"]), (&json!("Zanzibar"), &json!("pending")));
    // What was read before is found until it is read anew.
    assert_ne!(owner.post(&search, json!({"query": "nothing but words"})).await.expect(200)["data"], json!([]));
    app.drain().await;
    let found = owner.post(&search, json!({"query": "zanzibar", "mode": "keyword"})).await.expect(200);
    assert_eq!((found["data"].as_array().unwrap().len(), &found["data"][0]["title"], &found["data"][0]["ordinal"]), (1, &json!("Zanzibar"), &json!(0)));
    let again = owner.post(&format!("{one}/reprocess"), json!({})).await.expect(200);
    assert_eq!(again["status"], "pending");
    app.drain().await;
    assert_eq!(owner.get(&one).await.expect(200)["chunkCount"], 1);
    owner.delete(&one).await.expect(204);
    owner.get(&one).await.expect_error(404, "not_found:api");
    owner.delete(&one).await.expect_error(404, "not_found:api");
    assert_eq!(owner.post(&search, json!({"query": "zanzibar"})).await.expect(200)["data"], json!([]));
    app.drain().await;
    assert!(app.files_on_disk().is_empty());
    // The same bytes may come again.
    owner.post(&path, json!({"title": "Old", "text": "Nothing but words."})).await.expect(201);
}

#[tokio::test]
async fn ingestion_goes_on_after_a_crash_and_does_nothing_twice() {
    let text: String = (0..400).map(|number| format!("## Part {number}\n\nThis is what part number {number} says about its subject.\n\n")).collect();
    let app = spawn_app().await;
    let mut owner = app.owner().await;
    let path = documents(&owner).await;
    let document = owner.post(&path, json!({"title": "Long", "text": text})).await.expect(201);
    tokio::time::sleep(Duration::from_millis(60)).await;
    let folder = app.crash();
    let app = TestApp::in_folder(folder, Clock::system(), |_| {}).await;
    owner.url.clone_from(&app.url);
    let document = done(&app, &owner, &path, &document).await;
    assert_eq!((&document["status"], &document["chunkCount"]), (&json!("completed"), &json!(400)));
    let last = owner.get(&format!("{path}/{}/chunks?limit=1&offset=399", document["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(last["data"][0]["ordinal"], 399);
}
