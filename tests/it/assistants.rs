//! `/api/workspaces/{ws}/assistants`, `/api/assistants`, and the projects that an assistant answers from.

mod access;
mod versions;

use illumichat::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use super::projects::create_project;
use crate::support::{Client, TestApp, spawn_app};

/// An assistant of the client's workspace, named "Support Bot" unless `fields` says otherwise.
pub async fn create_assistant(client: &Client, fields: Value) -> Value {
    let mut body = json!({"name": "Support Bot"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    client.post(&client.path("/assistants"), body).await.expect(201)
}

/// Where an assistant is found.
pub fn address(client: &Client, assistant: &Value) -> String {
    client.path(&format!("/assistants/{}", assistant["id"].as_str().unwrap()))
}

#[tokio::test]
async fn create_assistant_refuses_who_may_not() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (path, body) = (owner.path("/assistants"), json!({"name": "Support Bot"}));
    app.nobody().post(&path, body.clone()).await.expect_error(401, "unauthorized:api");
    for role in [Role::Guest, Role::Member] {
        app.colleague(&owner, role).await.post(&path, body.clone()).await.expect_error(403, "forbidden:api");
    }
    app.owner().await.post(&path, body.clone()).await.expect_error(404, "not_found:api");
    app.colleague(&owner, Role::Admin).await.post(&path, body).await.expect(201);
}

#[tokio::test]
async fn create_assistant_fills_in_the_defaults() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let reply = owner.post(&owner.path("/assistants"), json!({"name": "  Support Bot ", "id": "ast_mine", "unknown": {"a": 1}})).await;
    assert_eq!((reply.status, reply.header("etag").is_empty()), (201, false));
    let assistant = reply.json();
    for (field, value) in [
        ("name", json!("Support Bot")),
        ("instructions", json!("")),
        ("model", json!("builtin/extractive")),
        ("modelInherited", json!(true)),
        ("visibility", json!("workspace")),
        ("temperature", json!(0.7)),
        ("maxTokens", json!(4096)),
        ("welcomeMessage", json!(null)),
        ("widgetEnabled", json!(false)),
        ("projectCount", json!(0)),
        ("createdBy", json!(owner.user_id)),
        ("description", json!(null)),
        ("avatarUrl", json!(null)),
        ("webSearchEnabled", json!(false)),
        ("answerMode", json!(null)),
        ("fallbackMessage", json!(null)),
        ("suggestedQuestions", json!([])),
    ] {
        assert_eq!(assistant[field], value, "{field}");
    }
    let id = assistant["id"].as_str().unwrap();
    assert!(id.starts_with("ast_") && id.len() >= 24 && id != "ast_mine", "{id}");
    assert!(assistant.get("unknown").is_none() && assistant.get("modelStatus").is_none(), "{assistant}");
    assert_eq!((&assistant["widget"]["domains"], &assistant["handoff"]["enabled"], &assistant["retrieval"]["topK"]), (&json!([]), &json!(false), &json!(null)));
    assert_eq!(assistant["createdAt"], assistant["updatedAt"]);
    assert!(assistant["createdAt"].as_str().unwrap().ends_with('Z') && assistant["createdAt"].as_str().unwrap().len() == 24);
    // Two may share a name.
    create_assistant(&owner, json!({})).await;
}

/// The seed's own samples, in their order.
#[tokio::test]
async fn the_documented_samples_work_as_they_stand() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let sample = json!({
        "name": "Support Bot",
        "instructions": "You are a helpful customer support assistant for Acme Corp.",
        "model": "grok-2",
        "visibility": "public",
        "temperature": 0.5,
        "maxTokens": 2048,
        "welcomeMessage": "Hello! How can I help you today?"
    });
    let made = owner.post(&owner.path("/assistants"), sample.clone()).await.expect(201);
    for (field, value) in sample.as_object().unwrap() {
        assert_eq!(&made[field], value, "{field}");
    }
    // Its provider has no key yet: that is no reason to refuse it.
    assert_eq!((&made["modelStatus"], &made["modelInherited"]), (&json!("unconfigured"), &json!(false)));
    let path = address(&owner, &made);
    let list = owner.get(&owner.path("/assistants?limit=10")).await.expect(200);
    assert_eq!((&list["total"], &list["limit"], &list["offset"], &list["data"][0]["id"]), (&json!(1), &json!(10), &json!(0), &made["id"]));
    assert_eq!(owner.get(&path).await.expect(200), made);
    let change = json!({"instructions": "You are a technical support specialist. Always ask clarifying questions.", "temperature": 0.3});
    let changed = owner.patch(&path, change.clone()).await.expect(200);
    assert_eq!((&changed["instructions"], &changed["temperature"]), (&change["instructions"], &change["temperature"]));
    let project = create_project(&owner, "Product Documentation").await;
    owner.post(&format!("{path}/projects"), json!({"projectId": project})).await.expect(201);
    let connected = owner.get(&format!("{path}/projects")).await.expect(200);
    assert_eq!((&connected["data"][0]["id"], &connected["data"][0]["name"], &connected["data"][0]["documentCount"]), (&json!(project), &json!("Product Documentation"), &json!(0)));
    owner.delete(&format!("{path}/projects/{project}")).await.expect(204);
    let gone = owner.delete(&path).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    owner.get(&path).await.expect_error(404, "not_found:api");
}

/// Bodies that are wrong, each with the field that is to blame.
fn wrong_fields() -> Vec<(Value, &'static str)> {
    vec![
        (json!({"name": null}), "name"),
        (json!({"name": "  "}), "name"),
        (json!({"name": "x".repeat(121)}), "name"),
        (json!({"name": 7}), "name"),
        (json!({"instructions": "x".repeat(32_001)}), "instructions"),
        (json!({"temperature": 2.01}), "temperature"),
        (json!({"temperature": -0.1}), "temperature"),
        (json!({"temperature": "hot"}), "temperature"),
        (json!({"maxTokens": 0}), "maxTokens"),
        (json!({"maxTokens": 32_769}), "maxTokens"),
        (json!({"maxTokens": 1.5}), "maxTokens"),
        (json!({"visibility": "secret"}), "visibility"),
        (json!({"widgetEnabled": true}), "visibility"),
        (json!({"widgetEnabled": true, "visibility": "private"}), "visibility"),
        (json!({"widgetEnabled": "yes"}), "widgetEnabled"),
        (json!({"model": "no-such-model"}), "model"),
        (json!({"model": ""}), "model"),
        (json!({"answerMode": "guess"}), "answerMode"),
        (json!({"welcomeMessage": "x".repeat(2_001)}), "welcomeMessage"),
        (json!({"avatarUrl": "javascript:alert(1)"}), "avatarUrl"),
        (json!({"suggestedQuestions": vec!["q"; 13]}), "suggestedQuestions"),
        (json!({"suggestedQuestions": ["ok", " "]}), "suggestedQuestions[1]"),
        (json!({"widget": []}), "widget"),
        (json!({"widget": {"domains": ["https://example.com/"]}}), "widget.domains[0]"),
        (json!({"widget": {"theme": {"primaryColor": "red"}}}), "widget.theme.primaryColor"),
        (json!({"widget": {"theme": {"radius": 33}}}), "widget.theme.radius"),
        (json!({"widget": {"theme": {"position": "middle"}}}), "widget.theme.position"),
        (json!({"handoff": {"enabled": 1}}), "handoff.enabled"),
        (json!({"retrieval": {"minScore": 1.1}}), "retrieval.minScore"),
        (json!({"retrieval": {"topK": 21}}), "retrieval.topK"),
        (json!({"retrieval": {"weights": {"vector": -1}}}), "retrieval.weights.vector"),
        (json!({"budget": {"answersPerDay": -1}}), "budget.answersPerDay"),
        (json!({"budget": {"tokensPerDay": "many"}}), "budget.tokensPerDay"),
    ]
}

#[tokio::test]
async fn what_is_wrong_with_a_field_is_said_of_that_field() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({})).await;
    for (wrong, field) in wrong_fields() {
        let mut body = json!({"name": "Bot"});
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let error = owner.post(&owner.path("/assistants"), body).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{wrong}: {error}");
        if wrong["name"] != json!(null) || wrong.get("name").is_none() {
            let error = owner.patch(&address(&owner, &assistant), wrong.clone()).await.expect_error(400, "bad_request:api");
            assert!(error["details"][field].is_string(), "{wrong}: {error}");
        }
    }
    let error = owner.post(&owner.path("/assistants"), json!({})).await.expect_error(400, "bad_request:api");
    assert_eq!(error["details"]["name"], "is required");
    owner.send(owner.request(Method::POST, &owner.path("/assistants")).header("content-type", "application/json").body("{\"name\": ")).await.expect_error(400, "bad_request:api");
    owner.send(owner.request(Method::POST, &owner.path("/assistants")).body("name=Bot")).await.expect_error(415, "unsupported_media_type:api");
    assert_eq!(owner.get(&owner.path("/assistants")).await.expect(200)["total"], 1, "nothing was made of a wrong body");
    assert_eq!(owner.get(&address(&owner, &assistant)).await.expect(200), assistant, "and nothing was changed");
}

#[tokio::test]
async fn the_limits_of_each_field_are_inside() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({})).await;
    for change in [
        json!({"name": "é".repeat(120)}),
        json!({"instructions": "é".repeat(32_000)}),
        json!({"temperature": 0}),
        json!({"temperature": 2}),
        json!({"maxTokens": 1}),
        json!({"maxTokens": 32_768}),
        json!({"answerMode": "open"}),
        json!({"model": "openai/gpt-4o", "avatarUrl": "https://example.com/a.png"}),
        json!({"visibility": "public", "widgetEnabled": true}),
        json!({"suggestedQuestions": ["What does it cost?"]}),
    ] {
        let changed = owner.patch(&address(&owner, &assistant), change.clone()).await.expect(200);
        for (field, value) in change.as_object().unwrap() {
            let same = match value.as_f64() {
                Some(number) => changed[field].as_f64() == Some(number),
                None => changed[field] == *value,
            };
            assert!(same, "{field} is {}", changed[field]);
        }
    }
    // What strangers reach stays public.
    let error = owner.patch(&address(&owner, &assistant), json!({"visibility": "workspace"})).await.expect_error(400, "bad_request:api");
    assert!(error["details"]["visibility"].is_string(), "{error}");
    owner.patch(&address(&owner, &assistant), json!({"visibility": "workspace", "widgetEnabled": false})).await.expect(200);
}

#[tokio::test]
async fn update_assistant_refuses_who_may_not() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({})).await;
    let (path, change) = (address(&owner, &assistant), json!({"name": "Mine"}));
    app.nobody().patch(&path, change.clone()).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Guest).await.patch(&path, change.clone()).await.expect_error(403, "forbidden:api");
    app.colleague(&owner, Role::Member).await.patch(&path, change.clone()).await.expect_error(403, "forbidden:api");
    let stranger = app.owner().await;
    stranger.patch(&path, change.clone()).await.expect_error(404, "not_found:api");
    stranger.patch(&address(&stranger, &assistant), change.clone()).await.expect_error(404, "not_found:api");
    owner.patch(&owner.path("/assistants/ast_none"), change.clone()).await.expect_error(404, "not_found:api");
    assert_eq!(app.colleague(&owner, Role::Admin).await.patch(&path, change).await.expect(200)["name"], "Mine");
}

#[tokio::test]
async fn update_assistant_changes_what_it_names_and_clears_with_null() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let fields = json!({
        "description": "Answers", "instructions": "Be kind.", "model": "grok-2", "welcomeMessage": "Hi", "fallbackMessage": "Sorry", "answerMode": "grounded",
        "widget": {"domains": ["example.com"], "theme": {"primaryColor": "#112233", "radius": 8}, "strings": {"send": "Go"}},
        "handoff": {"enabled": true, "offlineMessage": "Later"}, "retrieval": {"topK": 4, "weights": {"vector": 1.5}}
    });
    let before = create_assistant(&owner, fields).await;
    let path = address(&owner, &before);
    let after = owner
        .patch(&path, json!({"widget": {"theme": {"radius": 0}}, "handoff": {"escalateMinutes": 5}, "retrieval": {"weights": {"vector": null, "keyword": 2.0}}}))
        .await
        .expect(200);
    assert_eq!(after["widget"]["theme"]["radius"], 0);
    assert_eq!(after["widget"]["theme"]["primaryColor"], "#112233");
    assert_eq!((&after["widget"]["domains"], &after["widget"]["strings"]), (&json!(["example.com"]), &json!({"send": "Go"})));
    assert_eq!((&after["handoff"]["enabled"], &after["handoff"]["escalateMinutes"], &after["handoff"]["offlineMessage"]), (&json!(true), &json!(5), &json!("Later")));
    assert_eq!((&after["retrieval"]["topK"], &after["retrieval"]["weights"]), (&json!(4), &json!({"vector": null, "keyword": 2.0})));
    for field in ["name", "description", "instructions", "model", "welcomeMessage", "fallbackMessage", "answerMode", "createdAt"] {
        assert_eq!(after[field], before[field], "{field} was left out and stays");
    }
    let cleared = owner
        .patch(&path, json!({"description": null, "welcomeMessage": null, "fallbackMessage": null, "answerMode": null, "model": null, "widget": {"theme": {"primaryColor": null}}}))
        .await
        .expect(200);
    for field in ["description", "welcomeMessage", "fallbackMessage", "answerMode"] {
        assert_eq!(cleared[field], json!(null), "{field}");
    }
    assert_eq!((&cleared["model"], &cleared["modelInherited"], cleared.get("modelStatus")), (&json!("builtin/extractive"), &json!(true), None));
    assert_eq!((&cleared["widget"]["theme"]["primaryColor"], &cleared["widget"]["domains"]), (&json!(null), &json!(["example.com"])));
    assert_eq!(owner.patch(&path, json!({})).await.expect(200)["instructions"], "Be kind.");
}

#[tokio::test]
async fn update_assistant_with_if_match_loses_a_race_with_409() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = address(&owner, &create_assistant(&owner, json!({})).await);
    let seen = owner.get(&path).await.header("etag").to_owned();
    let patch = |tag: &str, name: &str| owner.request(Method::PATCH, &path).header("if-match", tag).json(&json!({"name": name}));
    let first = owner.send(patch(&seen, "First")).await;
    assert_eq!((first.status, first.header("etag") == seen), (200, false));
    owner.send(patch(&seen, "Second")).await.expect_error(409, "conflict:api");
    assert_eq!(owner.get(&path).await.expect(200)["name"], "First");
    owner.send(patch(first.header("etag"), "Third")).await.expect(200);
    owner.send(patch("*", "Fourth")).await.expect(200);
    owner.send(patch(&format!("{seen}, W/{}", owner.get(&path).await.header("etag")), "Fifth")).await.expect(200);
}

#[tokio::test]
async fn an_assistant_follows_the_workspaces_models() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({})).await;
    owner.patch(&owner.path(""), json!({"defaultModel": "gpt-4o", "allowedModels": ["gpt-4o", "builtin/extractive"]})).await.expect(200);
    let now = owner.get(&address(&owner, &assistant)).await.expect(200);
    assert_eq!((&now["model"], &now["modelInherited"], &now["modelStatus"]), (&json!("gpt-4o"), &json!(true), &json!("unconfigured")));
    let error = owner.patch(&address(&owner, &assistant), json!({"model": "grok-2"})).await.expect_error(400, "bad_request:api");
    assert!(error["details"]["model"].as_str().unwrap().contains("gpt-4o"), "{error}");
    let error = owner.post(&owner.path("/assistants"), json!({"name": "Bot", "model": "grok-2"})).await.expect_error(400, "bad_request:api");
    assert!(error["details"]["model"].is_string());
    let own = owner.patch(&address(&owner, &assistant), json!({"model": "builtin/extractive"})).await.expect(200);
    assert_eq!((&own["model"], &own["modelInherited"], own.get("modelStatus")), (&json!("builtin/extractive"), &json!(false), None));
    owner.patch(&owner.path(""), json!({"defaultModel": null, "allowedModels": []})).await.expect(200);
    assert_eq!(create_assistant(&owner, json!({"model": "grok-2"})).await["model"], "grok-2");
}

#[tokio::test]
async fn who_may_use_an_assistant_follows_from_its_visibility() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let mut assistants = Vec::new();
    for visibility in ["public", "workspace", "private"] {
        assistants.push(create_assistant(&owner, json!({"name": visibility, "visibility": visibility})).await);
    }
    for (role, seen) in [(Role::Owner, 3), (Role::Admin, 3), (Role::Member, 2), (Role::Guest, 1)] {
        let client = app.colleague(&owner, role).await;
        let list = client.get(&owner.path("/assistants")).await.expect(200);
        assert_eq!((&list["total"], list["data"].as_array().unwrap().len()), (&json!(seen), seen), "{}", role.name());
        for (place, assistant) in assistants.iter().enumerate() {
            for rest in ["", "/projects"] {
                let reply = client.get(&format!("{}{rest}", address(&owner, assistant))).await;
                if place < seen {
                    reply.expect(200);
                } else {
                    reply.expect_error(403, "forbidden:api");
                }
            }
        }
    }
    let stranger = app.owner().await;
    for assistant in &assistants {
        app.nobody().get(&address(&owner, assistant)).await.expect_error(401, "unauthorized:api");
        stranger.get(&address(&owner, assistant)).await.expect_error(404, "not_found:api");
        stranger.get(&address(&stranger, assistant)).await.expect_error(404, "not_found:api");
        stranger.get(&format!("/api/assistants/{}", assistant["id"].as_str().unwrap())).await.expect_error(404, "not_found:api");
    }
    assert_eq!(stranger.get(&stranger.path("/assistants")).await.expect(200)["total"], 0);
}

#[tokio::test]
async fn list_assistants_pages_newest_first() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    app.nobody().get(&owner.path("/assistants")).await.expect_error(401, "unauthorized:api");
    for name in ["One", "Two", "Three"] {
        create_assistant(&owner, json!({"name": name})).await;
    }
    let names = |list: &Value| list["data"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let list = owner.get(&owner.path("/assistants")).await.expect(200);
    assert_eq!((names(&list), &list["limit"]), (vec!["Three".to_owned(), "Two".into(), "One".into()], &json!(25)));
    let page = owner.get(&owner.path("/assistants?limit=1&offset=1")).await.expect(200);
    assert_eq!((names(&page), &page["total"], &page["offset"]), (vec!["Two".to_owned()], &json!(3), &json!(1)));
    assert_eq!(names(&owner.get(&owner.path("/assistants?offset=9")).await.expect(200)), Vec::<String>::new());
    assert_eq!(names(&owner.get(&owner.path("/assistants?q=TWO")).await.expect(200)), ["Two"]);
    for wrong in ["limit=0", "limit=101", "limit=ten", "offset=-1"] {
        owner.get(&owner.path(&format!("/assistants?{wrong}"))).await.expect_error(400, "bad_request:api");
    }
}

#[tokio::test]
async fn the_flat_address_means_the_callers_own_workspace() {
    let app = spawn_app().await;
    let (owner, stranger) = (app.owner().await, app.owner().await);
    app.nobody().get("/api/assistants").await.expect_error(401, "unauthorized:api");
    let made = owner.post("/api/assistants", json!({"name": "Flat"})).await.expect(201);
    let list = owner.get("/api/assistants").await;
    assert_eq!(list.header("x-total-count"), "1");
    assert_eq!(list.json(), json!([made]));
    let path = format!("/api/assistants/{}", made["id"].as_str().unwrap());
    assert_eq!(owner.patch(&path, json!({"name": "Flatter"})).await.expect(200)["name"], "Flatter");
    assert_eq!(stranger.get("/api/assistants").await.expect(200), json!([]));
    stranger.delete(&path).await.expect_error(404, "not_found:api");
    // A person in two workspaces says which.
    let person = app.signed_in(&owner).await;
    assert_eq!(person.get("/api/assistants").await.expect(200)[0]["id"], made["id"]);
    let other = person.post("/api/workspaces", json!({"name": "Second"})).await.expect(201);
    let other = other["id"].as_str().unwrap();
    let there = person.send(person.request(Method::GET, "/api/assistants").header("x-workspace-id", other)).await.expect(200);
    assert_eq!(there, json!([]));
    person.send(person.request(Method::GET, "/api/assistants").header("x-workspace-id", &stranger.workspace_id)).await.expect_error(404, "not_found:api");
    owner.delete(&path).await.expect(204);
}

#[tokio::test]
async fn connect_project_refuses_who_may_not_and_what_is_wrong() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = format!("{}/projects", address(&owner, &create_assistant(&owner, json!({})).await));
    let project = create_project(&owner, "Docs").await;
    let body = json!({"projectId": project});
    app.nobody().post(&path, body.clone()).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Member).await.post(&path, body.clone()).await.expect_error(403, "forbidden:api");
    let stranger = app.owner().await;
    stranger.post(&path, body.clone()).await.expect_error(404, "not_found:api");
    let theirs = format!("{}/projects", address(&stranger, &create_assistant(&stranger, json!({})).await));
    stranger.post(&theirs, body.clone()).await.expect_error(404, "not_found:api");
    assert_eq!(owner.post(&path, json!({})).await.expect_error(400, "bad_request:api")["details"]["projectId"], "is required");
    owner.post(&path, json!({"projectId": "proj_none"})).await.expect_error(404, "not_found:api");
    owner.post(&owner.path("/assistants/ast_none/projects"), body).await.expect_error(404, "not_found:api");
}

#[tokio::test]
async fn projects_are_connected_once_and_disconnected() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({})).await;
    let path = format!("{}/projects", address(&owner, &assistant));
    let (first, second) = (create_project(&owner, "First").await, create_project(&owner, "Second").await);
    let connected = owner.post(&path, json!({"projectId": first})).await.expect(201);
    assert_eq!((&connected["data"]["id"], &connected["data"]["name"], &connected["data"]["documentCount"]), (&json!(first), &json!("First"), &json!(0)));
    assert!(connected["data"]["connectedAt"].as_str().unwrap().ends_with('Z'));
    owner.post(&path, json!({"projectId": first})).await.expect_error(409, "conflict:api");
    owner.post(&path, json!({"projectId": second})).await.expect(201);
    let list = owner.get(&path).await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect::<Vec<_>>(), ["First", "Second"]);
    assert_eq!(owner.get(&address(&owner, &assistant)).await.expect(200)["projectCount"], 2);
    app.nobody().delete(&format!("{path}/{first}")).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Member).await.delete(&format!("{path}/{first}")).await.expect_error(403, "forbidden:api");
    owner.delete(&format!("{path}/{first}")).await.expect(204);
    owner.delete(&format!("{path}/{first}")).await.expect_error(404, "not_found:api");
    // A project that goes takes its connections with it.
    owner.delete(&owner.path(&format!("/projects/{second}"))).await.expect(204);
    assert_eq!(owner.get(&path).await.expect(200)["data"], json!([]));
    assert_eq!(owner.get(&address(&owner, &assistant)).await.expect(200)["projectCount"], 0);
}

#[tokio::test]
async fn search_assistant_looks_into_its_connected_projects_and_no_others() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({"visibility": "private"})).await;
    let (mine, other) = (create_project(&owner, "Mine").await, create_project(&owner, "Other").await);
    for (project, text) in [(&mine, "The garden opens at nine o'clock."), (&other, "The garden opens at noon.")] {
        owner.post(&owner.path(&format!("/projects/{project}/documents")), json!({"title": "Garden", "text": text})).await.expect(201);
    }
    app.drain().await;
    let path = address(&owner, &assistant);
    let body = json!({"query": "When does the garden open?"});
    assert_eq!(owner.post(&format!("{path}/search"), body.clone()).await.expect(200)["data"], json!([]));
    owner.post(&format!("{path}/projects"), json!({"projectId": mine})).await.expect(201);
    let found = owner.post(&format!("{path}/search"), body.clone()).await.expect(200);
    assert_eq!(found["data"].as_array().unwrap().iter().map(|hit| hit["projectId"].as_str().unwrap()).collect::<Vec<_>>(), [mine.as_str()]);
    app.colleague(&owner, Role::Member).await.post(&format!("{path}/search"), body.clone()).await.expect_error(403, "forbidden:api");
    app.nobody().post(&format!("{path}/search"), body).await.expect_error(401, "unauthorized:api");
}

/// Rows of the messages' keyword index that belong to no message.
fn orphaned_search_rows(app: &TestApp) -> i64 {
    let count = |connection: &rusqlite::Connection| -> illumichat::error::Result<i64> {
        Ok(connection.query_row("select count(*) from messages_fts_docsize d left join messages m on m.row = d.id where m.row is null", [], |row| row.get(0))?)
    };
    app.app.db.read(count).unwrap()
}

#[tokio::test]
async fn delete_assistant_takes_its_conversations_with_it() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (gone, kept) = (create_assistant(&owner, json!({})).await, create_assistant(&owner, json!({})).await);
    let path = address(&owner, &gone);
    app.nobody().delete(&path).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Member).await.delete(&path).await.expect_error(403, "forbidden:api");
    app.owner().await.delete(&path).await.expect_error(404, "not_found:api");
    let ask = |assistant: &Value| json!({"assistantId": assistant["id"], "messages": [{"role": "user", "content": "Where is my zeppelin?"}], "stream": false});
    let chat = owner.post("/api/chat", ask(&gone)).await.expect(200);
    owner.post("/api/chat", ask(&kept)).await.expect(200);
    assert_eq!(owner.get(&owner.path("/conversations?q=zeppelin")).await.expect(200)["total"], 2);
    owner.delete(&path).await.expect(204);
    let left = owner.get(&owner.path("/conversations?q=zeppelin")).await.expect(200);
    assert_eq!((&left["total"], &left["data"][0]["assistantId"]), (&json!(1), &kept["id"]));
    owner.get(&owner.path(&format!("/conversations/{}", chat["chatId"].as_str().unwrap()))).await.expect_error(404, "not_found:api");
    assert_eq!(orphaned_search_rows(&app), 0);
    owner.post("/api/chat", ask(&gone)).await.expect_error(404, "not_found:chat");
    owner.delete(&path).await.expect_error(404, "not_found:api");
}

#[tokio::test]
async fn list_models_says_what_can_be_named() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    app.nobody().get(&owner.path("/models")).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Guest).await.get(&owner.path("/models")).await.expect_error(403, "forbidden:api");
    app.owner().await.get(&owner.path("/models")).await.expect_error(404, "not_found:api");
    let models = owner.get(&owner.path("/models")).await.expect(200);
    let builtin = models["data"].as_array().unwrap().iter().find(|model| model["id"] == "builtin/extractive").expect("the built-in one is always there");
    assert_eq!((&builtin["offline"], &builtin["available"], &builtin["allowed"], &builtin["default"]), (&json!(true), &json!(true), &json!(true), &json!(true)));
}

/// A field that every one of them has cannot be taken away; one that may be missing can.
#[tokio::test]
async fn null_takes_away_only_what_may_be_missing() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({"welcomeMessage": "Hi"})).await;
    let project = owner.post("/api/projects", json!({"name": "Docs"})).await.expect(201);
    let ticket = owner.post("/api/tickets", json!({"subject": "Broken"})).await.expect(201);
    let one = |kind: &str, value: &serde_json::Value| format!("/api/{kind}/{}", value["id"].as_str().unwrap());
    for (path, field) in [
        (one("assistants", &assistant), "name"),
        (one("assistants", &assistant), "temperature"),
        (one("assistants", &assistant), "widgetEnabled"),
        (one("projects", &project), "name"),
        (one("tickets", &ticket), "subject"),
        (owner.path(""), "name"),
    ] {
        let error = owner.patch(&path, json!({field: null})).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{path} {field}: {error}");
    }
    let cleared = owner.patch(&one("assistants", &assistant), json!({"welcomeMessage": null})).await.expect(200);
    assert_eq!(cleared["welcomeMessage"], json!(null));
}
