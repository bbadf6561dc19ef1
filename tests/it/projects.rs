//! `/api/workspaces/{ws}/projects`.

use illumichat::access::Role;
use reqwest::Method;
use serde_json::json;

use crate::support::{Client, spawn_app};

/// A project of the client's workspace.
pub async fn create_project(client: &Client, name: &str) -> String {
    let project = client.post(&client.path("/projects"), json!({"name": name})).await.expect(201);
    project["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn create_project_makes_an_empty_one() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    app.nobody().post(&owner.path("/projects"), json!({"name": "Docs"})).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Member).await.post(&owner.path("/projects"), json!({"name": "Docs"})).await.expect_error(403, "forbidden:api");
    app.owner().await.post(&owner.path("/projects"), json!({"name": "Docs"})).await.expect_error(404, "not_found:api");
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": "  "}), "name"),
        (json!({"name": "x".repeat(121)}), "name"),
        (json!({"name": 7}), "name"),
        (json!({"name": "Docs", "visibility": "public"}), "visibility"),
        (json!({"name": "Docs", "description": "x".repeat(2001)}), "description"),
    ] {
        let error = owner.post(&owner.path("/projects"), body).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{error}");
    }
    let project = owner.post(&owner.path("/projects"), json!({"name": " Docs ", "description": "All of it", "unknown": 1})).await.expect(201);
    assert!(project["id"].as_str().unwrap().starts_with("proj_"));
    for (field, value) in [
        ("name", json!("Docs")),
        ("description", json!("All of it")),
        ("visibility", json!("workspace")),
        ("status", json!("empty")),
        ("documentCount", json!(0)),
        ("chunkCount", json!(0)),
        ("bytes", json!(0)),
    ] {
        assert_eq!(project[field], value, "{field}");
    }
    let error = owner.post(&owner.path("/projects"), json!({"name": "docs"})).await.expect_error(409, "conflict:api");
    assert_eq!(error["details"]["name"], "is taken");
    // The flat address is the same list, as a bare array.
    let flat = owner.get("/api/projects").await.expect(200);
    assert_eq!(flat[0]["id"], project["id"]);
}

#[tokio::test]
async fn list_projects_pages_newest_first_and_keeps_private_ones_from_members() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (member, guest) = (app.colleague(&owner, Role::Member).await, app.colleague(&owner, Role::Guest).await);
    for name in ["One", "Two", "Three"] {
        create_project(&owner, name).await;
    }
    let private = owner.post(&owner.path("/projects"), json!({"name": "Secret", "visibility": "private"})).await.expect(201);
    guest.get(&owner.path("/projects")).await.expect_error(403, "forbidden:api");
    app.owner().await.get(&owner.path("/projects")).await.expect_error(404, "not_found:api");
    owner.get(&owner.path("/projects?limit=0")).await.expect_error(400, "bad_request:api");
    let page = owner.get(&owner.path("/projects?limit=2&offset=1")).await.expect(200);
    assert_eq!((page["total"].clone(), page["data"].as_array().unwrap().len()), (json!(4), 2));
    assert_eq!(page["data"][0]["name"], "Three");
    assert_eq!(member.get(&owner.path("/projects")).await.expect(200)["total"], 3);
    let path = owner.path(&format!("/projects/{}", private["id"].as_str().unwrap()));
    member.get(&path).await.expect_error(404, "not_found:api");
    member.post(&format!("{path}/search"), json!({"query": "x"})).await.expect_error(404, "not_found:api");
    assert_eq!(owner.get(&path).await.expect(200)["visibility"], "private");
}

#[tokio::test]
async fn update_project_changes_what_is_given() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (id, other) = (create_project(&owner, "Docs").await, create_project(&owner, "Other").await);
    let path = owner.path(&format!("/projects/{id}"));
    app.nobody().patch(&path, json!({})).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Member).await.patch(&path, json!({"name": "x"})).await.expect_error(403, "forbidden:api");
    let stranger = app.owner().await;
    stranger.patch(&stranger.path(&format!("/projects/{id}")), json!({"name": "x"})).await.expect_error(404, "not_found:api");
    owner.patch(&path, json!({"name": "OTHER"})).await.expect_error(409, "conflict:api");
    owner.patch(&owner.path("/projects/proj_none"), json!({"name": "x"})).await.expect_error(404, "not_found:api");
    let changed = owner.patch(&path, json!({"name": "Guide", "description": "d", "visibility": "private"})).await.expect(200);
    assert_eq!((&changed["name"], &changed["visibility"]), (&json!("Guide"), &json!("private")));
    assert_eq!(owner.patch(&path, json!({"description": null})).await.expect(200)["description"], json!(null));
    let _ = other;
}

#[tokio::test]
async fn delete_project_takes_everything_with_it() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let id = create_project(&owner, "Docs").await;
    let path = owner.path(&format!("/projects/{id}"));
    owner.post(&format!("{path}/documents"), json!({"title": "Refunds", "text": "Money back within thirty days."})).await.expect(201);
    app.drain().await;
    app.colleague(&owner, Role::Member).await.delete(&path).await.expect_error(403, "forbidden:api");
    let stranger = app.owner().await;
    stranger.delete(&stranger.path(&format!("/projects/{id}"))).await.expect_error(404, "not_found:api");
    owner.delete(&path).await.expect(204);
    owner.get(&path).await.expect_error(404, "not_found:api");
    owner.delete(&path).await.expect_error(404, "not_found:api");
    app.drain().await;
    assert!(app.files_on_disk().is_empty(), "the original is gone too");
    owner.send(owner.request(Method::GET, &format!("{path}/documents"))).await.expect_error(404, "not_found:api");
    // The name is free again.
    create_project(&owner, "Docs").await;
}
