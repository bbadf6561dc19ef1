//! `POST /api/workspaces/{ws}/projects/{id}/search`.

use illumichat::access::Role;
use serde_json::{Value, json};

use super::projects::create_project;
use crate::support::{Client, TestApp, spawn_app};

/// A project with a few documents, and the address to search it.
async fn help_centre(app: &TestApp, client: &Client) -> String {
    let id = create_project(client, "Help centre").await;
    let path = client.path(&format!("/projects/{id}"));
    for (title, text) in [
        ("Refunds", "# Refunds\n\nWe return your money within thirty days.\n\n## Gift cards\n\nA gift card cannot be returned for money."),
        ("Delivery", "# Delivery\n\nParcels arrive in three days.\n\n## Express delivery\n\nExpress parcels arrive the next day."),
        ("Accounts", "# Accounts\n\nChange the password of your account in the settings."),
    ] {
        client.post(&format!("{path}/documents"), json!({"title": title, "text": text})).await.expect(201);
    }
    app.drain().await;
    format!("{path}/search")
}

fn titles(result: &Value) -> Vec<&str> {
    result["data"].as_array().unwrap().iter().map(|hit| hit["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn search_project_refuses_who_may_not_and_what_is_wrong() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = help_centre(&app, &owner).await;
    let body = json!({"query": "password"});
    app.nobody().post(&path, body.clone()).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Guest).await.post(&path, body.clone()).await.expect_error(403, "forbidden:api");
    app.owner().await.post(&path, body.clone()).await.expect_error(404, "not_found:api");
    owner.post(&owner.path("/projects/proj_none/search"), body).await.expect_error(404, "not_found:api");
    for (body, field) in [
        (json!({}), "query"),
        (json!({"query": " "}), "query"),
        (json!({"query": "x".repeat(4001)}), "query"),
        (json!({"query": "x", "limit": 0}), "limit"),
        (json!({"query": "x", "limit": 51}), "limit"),
        (json!({"query": "x", "mode": "magic"}), "mode"),
    ] {
        let error = owner.post(&path, body).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{error}");
    }
}

#[tokio::test]
async fn search_project_ranks_chunks_and_says_why() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = help_centre(&app, &owner).await;
    let member = app.colleague(&owner, Role::Member).await;
    let result = member.post(&path, json!({"query": "How do I change my password?", "limit": 2})).await.expect(200);
    let first = &result["data"][0];
    assert_eq!((&first["title"], &first["text"]), (&json!("Accounts"), &json!("Change the password of your account in the settings.")));
    assert_eq!(first["keyword"]["rank"], 1);
    assert!(first["vector"]["score"].as_f64().unwrap() > 0.0 && first["score"].as_f64().unwrap() <= 1.0);
    assert!(first["documentId"].as_str().unwrap().starts_with("doc_") && first["projectId"].as_str().unwrap().starts_with("proj_"));
    assert_eq!(result["data"].as_array().unwrap().len(), 2);
    // A heading counts as its text does.
    let express = owner.post(&path, json!({"query": "express delivery", "mode": "keyword"})).await.expect(200);
    assert_eq!(express["data"][0]["headings"], json!(["Express delivery"]));
    assert_eq!((&express["data"][0]["vector"], &express["data"][0]["keyword"]["rank"]), (&json!(null), &json!(1)));
    let vector = owner.post(&path, json!({"query": "express delivery", "mode": "vector"})).await.expect(200);
    assert_eq!((&vector["data"][0]["keyword"], vector["data"].as_array().unwrap().len()), (&json!(null), 5));
}

#[tokio::test]
async fn search_never_leaves_its_project() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    help_centre(&app, &owner).await;
    let other = create_project(&owner, "Other").await;
    let path = owner.path(&format!("/projects/{other}"));
    for mode in ["hybrid", "keyword", "vector"] {
        let found = owner.post(&format!("{path}/search"), json!({"query": "password refunds delivery", "mode": mode})).await.expect(200);
        assert_eq!((&found["data"], &found["answerable"]), (&json!([]), &json!(false)), "{mode}");
    }
    owner.post(&format!("{path}/documents"), json!({"title": "Passwords", "text": "Another password."})).await.expect(201);
    app.drain().await;
    let found = owner.post(&format!("{path}/search"), json!({"query": "password", "limit": 50})).await.expect(200);
    assert_eq!(titles(&found), ["Passwords"]);
    // A number in a question is a word, not a project's number.
    let found = owner.post(&format!("{path}/search"), json!({"query": "1 2 3 4", "mode": "keyword"})).await.expect(200);
    assert_eq!(found["data"], json!([]));
}

#[tokio::test]
async fn any_question_is_answered() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = help_centre(&app, &owner).await;
    for query in ["\"", "AND OR NOT NEAR(", "body:x", "password*", "{header} : ^a", "?!", "日本語", "🙂", "a\u{0}b", &"why ".repeat(1000), "'; drop table chunks; --"] {
        owner.post(&path, json!({"query": query})).await.expect(200);
    }
}
