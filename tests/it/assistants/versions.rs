//! `/api/assistants/{id}/versions` and `/duplicate`: what an assistant was, brought back and copied.

use illumichat::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use super::{address, create_assistant};
use crate::{projects::create_project, support::spawn_app};

/// The changed fields of a version, in their order.
fn fields(version: &Value) -> Vec<&str> {
    version["changes"].as_array().unwrap().iter().map(|change| change["field"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_change_is_a_version_that_says_what_when_and_by_whom() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let admin = app.colleague(&owner, Role::Admin).await;
    let assistant = create_assistant(&owner, json!({"welcomeMessage": "Hi"})).await;
    let (path, versions) = (address(&owner, &assistant), format!("{}/versions", address(&owner, &assistant)));
    let first = owner.get(&versions).await.expect(200);
    assert_eq!((&first["total"], &first["data"][0]["number"], &first["data"][0]["current"]), (&json!(1), &json!(1), &json!(true)));
    assert_eq!((fields(&first["data"][0]).len(), &first["data"][0]["changedBy"]), (0, &json!(owner.user_id)));
    let tag = owner.get(&path).await.header("etag").to_owned();
    admin.patch(&path, json!({"temperature": 0.1, "welcomeMessage": null, "widget": {"theme": {"radius": 4}}, "model": "grok-2"})).await.expect(200);
    // What changes nothing is no version, and no new ETag.
    let tag_after = owner.get(&path).await.header("etag").to_owned();
    let same = owner.patch(&path, json!({"temperature": 0.1})).await;
    assert_eq!(same.header("etag"), tag_after);
    assert_ne!(tag, tag_after);
    let list = owner.get(&versions).await.expect(200);
    assert_eq!(list["total"], 2);
    let newest = &list["data"][0];
    assert_eq!((&newest["number"], &newest["current"], &newest["changedBy"]), (&json!(2), &json!(true), &json!(admin.user_id)));
    assert_eq!(fields(newest), ["model", "temperature", "welcomeMessage", "widget.theme.radius"]);
    assert_eq!(newest["changes"][2], json!({"field": "welcomeMessage", "before": "Hi", "after": null}));
    assert_eq!(newest["changes"][0], json!({"field": "model", "before": null, "after": "grok-2"}));
    // It has been told of.
    let events = app.app.db.read(|connection| illumichat::events::list_after(connection, Some(&owner.workspace_id), 0, 10)).unwrap();
    let told: Vec<(&str, &Value)> = events.iter().filter(|event| event.kind.starts_with("assistant.")).map(|event| (event.kind.as_str(), &event.data["temperature"])).collect();
    assert_eq!(told, [("assistant.updated", &json!(0.1))]);
    // A page knows what the first version of the next one was.
    let page = owner.get(&format!("{versions}?limit=1")).await.expect(200);
    assert_eq!((&page["data"][0]["changes"], page["data"].as_array().unwrap().len()), (&newest["changes"], 1));
}

#[tokio::test]
async fn a_version_is_brought_back_as_the_newest() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let before = create_assistant(&owner, json!({"instructions": "Be kind.", "suggestedQuestions": ["Why?"]})).await;
    let path = address(&owner, &before);
    owner.patch(&path, json!({"instructions": "Be curt.", "suggestedQuestions": [], "model": "grok-2"})).await.expect(200);
    let restore = |number: &str| format!("{path}/versions/{number}/restore");
    let reply = owner.post(&restore("1"), json!({})).await;
    let (status, tag, restored) = (reply.status, reply.header("etag").to_owned(), reply.json());
    assert_eq!((status, tag.as_str()), (200, "\"v3\""));
    for field in ["name", "instructions", "suggestedQuestions", "model", "modelInherited", "temperature", "widget", "handoff", "retrieval", "createdAt"] {
        assert_eq!(restored[field], before[field], "{field}");
    }
    let versions = owner.get(&format!("{path}/versions")).await.expect(200);
    assert_eq!(versions["total"], 3);
    assert_eq!(fields(&versions["data"][0]), fields(&versions["data"][1]));
    // A race is lost here too, and what is not there is not found.
    owner.send(owner.request(Method::POST, &restore("2")).header("if-match", "\"v2\"")).await.expect_error(409, "conflict:api");
    owner.post(&restore("9"), json!({})).await.expect_error(404, "not_found:api");
    owner.post(&restore("x"), json!({})).await.expect_error(404, "not_found:api");
    // What the workspace has come to forbid does not come back by the way.
    owner.patch(&owner.path(""), json!({"allowedModels": ["builtin/extractive"]})).await.expect(200);
    let refused = owner.post(&restore("2"), json!({})).await.expect_error(400, "bad_request:api");
    assert!(refused["details"]["model"].is_string(), "{refused}");
}

#[tokio::test]
async fn versions_and_copies_are_for_those_who_may_change() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({"visibility": "public"})).await;
    let path = address(&owner, &assistant);
    let member = app.colleague(&owner, Role::Member).await;
    for (client, status, code) in [(app.nobody(), 401, "unauthorized:api"), (member, 403, "forbidden:api"), (app.owner().await, 404, "not_found:api")] {
        client.get(&format!("{path}/versions")).await.expect_error(status, code);
        client.post(&format!("{path}/versions/1/restore"), json!({})).await.expect_error(status, code);
        client.post(&format!("{path}/duplicate"), json!({})).await.expect_error(status, code);
    }
    for rest in ["versions/1/restore", "duplicate"] {
        owner.post(&owner.path(&format!("/assistants/ast_none/{rest}")), json!({})).await.expect_error(404, "not_found:api");
    }
    owner.get(&owner.path("/assistants/ast_none/versions")).await.expect_error(404, "not_found:api");
}

#[tokio::test]
async fn a_copy_has_everything_but_the_name_the_id_and_the_conversations() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let admin = app.colleague(&owner, Role::Admin).await;
    let fields = json!({
        "instructions": "Be kind.", "model": "grok-2", "visibility": "public", "widgetEnabled": true, "widget": {"domains": ["example.com"]},
        "handoff": {"enabled": true}, "retrieval": {"topK": 3}, "budget": {"answersPerDay": 5}
    });
    let original = create_assistant(&owner, fields).await;
    let path = address(&owner, &original);
    let (one, two) = (create_project(&owner, "One").await, create_project(&owner, "Two").await);
    for project in [&one, &two] {
        owner.post(&format!("{path}/projects"), json!({"projectId": project})).await.expect(201);
    }
    let copy = admin.send(admin.request(Method::POST, &format!("{path}/duplicate"))).await;
    assert_eq!(copy.header("etag"), "\"v1\"");
    let copy = copy.expect(201);
    assert_eq!((&copy["name"], &copy["createdBy"], &copy["projectCount"]), (&json!("Support Bot (copy)"), &json!(admin.user_id), &json!(2)));
    assert_ne!(copy["id"], original["id"]);
    for field in ["instructions", "model", "visibility", "widgetEnabled", "widget", "handoff", "retrieval", "budget", "temperature"] {
        assert_eq!(copy[field], original[field], "{field}");
    }
    let projects = |value: Value| value["data"].as_array().unwrap().iter().map(|project| project["id"].clone()).collect::<Vec<_>>();
    let of_copy = projects(owner.get(&format!("{}/projects", address(&owner, &copy))).await.expect(200));
    assert_eq!(of_copy, [json!(one), json!(two)]);
    // From here on each is its own.
    owner.patch(&address(&owner, &copy), json!({"instructions": "Be curt."})).await.expect(200);
    assert_eq!(owner.get(&path).await.expect(200)["instructions"], "Be kind.");
}

#[tokio::test]
async fn delete_assistant_with_if_match_loses_a_race_too() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = address(&owner, &create_assistant(&owner, json!({})).await);
    owner.patch(&path, json!({"name": "Other"})).await.expect(200);
    owner.send(owner.request(Method::DELETE, &path).header("if-match", "\"v1\"")).await.expect_error(409, "conflict:api");
    owner.send(owner.request(Method::DELETE, &path).header("if-match", "\"v2\"")).await.expect(204);
}
