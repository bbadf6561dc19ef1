//! `/api/v1/chat`, held to its contract letter by letter, and the sites whose keys open it.

use illumichat::access::Role;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{
    chat::{QUESTION, help_desk},
    inbox::at,
};
use crate::support::{Client, TestApp, app::Reply, spawn_app};

pub async fn site(owner: &Client, fields: Value) -> Value {
    let mut all = json!({"name": "Shop"});
    all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    owner.post(&owner.path("/sites"), all).await.expect(201)
}

fn with_key(app: &TestApp, site: &Value, method: Method, rest: &str) -> RequestBuilder {
    app.nobody().request(method, &format!("/api/v1/chat{rest}")).header("x-api-key", site["siteKey"].as_str().unwrap())
}

async fn send(app: &TestApp, request: RequestBuilder) -> Reply {
    app.nobody().send(request).await
}

pub async fn post(app: &TestApp, site: &Value, rest: &str, body: Value) -> Reply {
    send(app, with_key(app, site, Method::POST, rest).json(&body)).await
}

pub async fn get(app: &TestApp, site: &Value, rest: &str) -> Reply {
    send(app, with_key(app, site, Method::GET, rest)).await
}

pub fn first(token: &str) -> Value {
    json!({"name": "Jane Doe", "email": "jane@example.com", "message": "Hi, I need help with billing.", "visitor_token": token})
}

/// An error is its sentence and nothing else.
#[track_caller]
fn refused(reply: Reply, status: u16, text: &str) {
    assert_eq!((reply.status, reply.json()), (status, json!({"error": text})));
}

#[tokio::test]
async fn the_key_opens_and_nothing_else_does() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let site = site(&owner, json!({"greeting": "Hi there! How can we help?", "allowedOrigins": ["https://shop.example.com/"]})).await;
    let key = site["siteKey"].as_str().unwrap();
    assert!(key.starts_with("site_") && key.len() == 37);
    let config = get(&app, &site, "/config").await;
    assert_eq!((config.status, config.json()), (200, json!({"greeting": "Hi there! How can we help?"})));
    let bare = || app.nobody().request(Method::GET, "/api/v1/chat/config");
    for request in [bare(), bare().header("x-api-key", "site_wrong"), bare().header("x-api-key", ""), bare().bearer_auth("x"), app.nobody().request(Method::GET, &format!("/api/v1/chat/config?site_key={key}"))] {
        refused(send(&app, request).await, 401, "Invalid API key");
    }
    assert_eq!(send(&app, bare().bearer_auth(key)).await.status, 200);
    let from = |origin: &str| with_key(&app, &site, Method::GET, "/config").header("origin", origin.to_owned());
    let allowed = send(&app, from("https://shop.example.com")).await;
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (200, "https://shop.example.com"));
    for origin in ["https://evil.example", "http://shop.example.com", "https://shop.example.com.evil.net", "null"] {
        let reply = send(&app, from(origin)).await;
        assert_eq!(reply.header("access-control-allow-origin"), "");
        refused(reply, 403, "Origin not allowed");
    }
    let preflight = send(&app, app.nobody().request(Method::OPTIONS, "/api/v1/chat/conversations").header("origin", "https://anywhere.example")).await;
    assert_eq!((preflight.status, preflight.header("access-control-allow-headers")), (204, "Content-Type, X-Api-Key, Authorization"));
    // A new key shuts the old one out.
    let rotated = owner.post(&owner.path(&format!("/sites/{}/rotate-key", site["id"].as_str().unwrap())), json!({})).await.expect(200);
    refused(get(&app, &site, "/config").await, 401, "Invalid API key");
    assert_eq!(get(&app, &rotated, "/config").await.status, 200);
}

#[tokio::test]
async fn a_conversation_is_made_as_the_contract_says() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let site = site(&owner, json!({"autoReply": "Thanks for reaching out!"})).await;
    let required = "Name, email, message, and visitor_token are required";
    for field in ["name", "email", "message", "visitor_token"] {
        for value in [json!(null), json!(""), json!("  \n"), json!(7)] {
            let mut body = first("v1");
            body[field] = value;
            refused(post(&app, &site, "/conversations", body).await, 422, required);
        }
    }
    refused(send(&app, with_key(&app, &site, Method::POST, "/conversations").body("{broken")).await, 422, required);
    let mut body = first("v1");
    body["email"] = json!("not an address");
    body["message"] = json!("x".repeat(10_001));
    refused(post(&app, &site, "/conversations", body.clone()).await, 422, "Invalid email address");
    body["email"] = json!("jane@example.com");
    refused(post(&app, &site, "/conversations", body.clone()).await, 422, "Message is too long (maximum 10000 characters)");
    // Characters count, not bytes.
    body["message"] = json!("ü".repeat(10_000));
    let made = post(&app, &site, "/conversations", body).await.expect(201);
    assert_eq!(made["auto_reply"], "Thanks for reaching out!");
    assert_eq!(made.as_object().unwrap().len(), 2);
    refused(post(&app, &site, "/conversations", first("v1")).await, 409, "A conversation with this visitor token already exists");
    // Another site's visitors are others.
    let other = site_of(&owner).await;
    post(&app, &other, "/conversations", first("v1")).await.expect(201);
    let list = owner.get(&owner.path("/conversations?channel=site")).await.expect(200);
    assert_eq!((&list["total"], &list["data"][0]["assistantId"], &list["data"][0]["handler"]), (&json!(2), &json!(null), &json!("human")));
    let contacts = owner.get(&owner.path("/contacts")).await.expect(200);
    assert_eq!((&contacts["total"], &contacts["data"][0]["email"]), (&json!(1), &json!("jane@example.com")), "found again by email");
}

async fn site_of(owner: &Client) -> Value {
    site(owner, json!({})).await
}

#[tokio::test]
async fn messages_go_both_ways_and_since_is_strict() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let site = site_of(&owner).await;
    let made = post(&app, &site, "/conversations", first("v1")).await.expect(201);
    let chat_id = owner.get(&owner.path("/conversations?channel=site")).await.expect(200)["data"][0]["id"].as_str().unwrap().to_owned();
    let all = get(&app, &site, "/conversations/v1/messages").await.expect(200);
    let one = &all[0];
    assert_eq!((&one["direction"], &one["body"], &one["author"]), (&json!("inbound"), &json!("Hi, I need help with billing."), &json!("Jane Doe")));
    assert!(one["id"].is_i64() && one["attachments"] == json!([]) && all.as_array().unwrap().len() == 1, "the auto-reply is not stored: {all}");
    // The conversation's own token opens it as well.
    let by_token = format!("/conversations/{}/messages", made["conversation_token"].as_str().unwrap());
    assert_eq!(get(&app, &site, &by_token).await.expect(200)[0]["id"], one["id"]);
    owner.post(&at(&owner, &chat_id, "/replies"), json!({"content": "Inside.", "note": true})).await.expect(201);
    owner.post(&at(&owner, &chat_id, "/replies"), json!({"content": "Let me look."})).await.expect(201);
    let since = one["timestamp"].as_str().unwrap();
    let newer = get(&app, &site, &format!("/conversations/v1/messages?since={since}")).await.expect(200);
    assert_eq!((newer.as_array().unwrap().len(), &newer[0]["direction"], &newer[0]["body"]), (1, &json!("outbound"), &json!("Let me look.")));
    assert!(newer[0]["author"].as_str().unwrap().starts_with("Person"));
    let last = newer[0]["timestamp"].as_str().unwrap();
    assert_eq!(get(&app, &site, &format!("/conversations/v1/messages?since={last}")).await.expect(200), json!([]));
    refused(get(&app, &site, "/conversations/v1/messages?since=yesterday").await, 422, "Invalid since parameter");
    refused(get(&app, &site, "/conversations/none/messages").await, 404, "Conversation not found");
    refused(post(&app, &site, "/conversations/none/messages", json!({"message": "x"})).await, 404, "Conversation not found");
    for empty in [json!({}), json!({"message": " \t"}), json!({"message": 1})] {
        refused(post(&app, &site, "/conversations/v1/messages", empty).await, 422, "Message is required");
    }
    refused(post(&app, &site, "/conversations/v1/messages", json!({"message": "x".repeat(10_001)})).await, 422, "Message is too long (maximum 10000 characters)");
    owner.post(&at(&owner, &chat_id, "/close"), json!({})).await.expect(200);
    let sent = post(&app, &site, "/conversations/v1/messages", json!({"message": "Thanks"})).await;
    assert_eq!((sent.status, sent.json()), (201, json!({"status": "ok"})));
    assert_eq!(owner.get(&at(&owner, &chat_id, "")).await.expect(200)["status"], "open", "a reply opens it again");
}

#[tokio::test]
async fn an_assistant_answers_until_a_person_has_it() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({})).await;
    let site = site(&owner, json!({"assistantId": assistant["id"]})).await;
    let mut body = first("v1");
    body["message"] = json!(QUESTION);
    post(&app, &site, "/conversations", body).await.expect(201);
    app.drain().await;
    let all = get(&app, &site, "/conversations/v1/messages").await.expect(200);
    assert_eq!((all.as_array().unwrap().len(), &all[1]["direction"], &all[1]["author"]), (2, &json!("outbound"), &assistant["name"]));
    assert!(all[1]["body"].as_str().unwrap().contains("30 days"), "{all}");
    let chat_id = owner.get(&owner.path("/conversations?channel=site")).await.expect(200)["data"][0]["id"].as_str().unwrap().to_owned();
    owner.post(&at(&owner, &chat_id, "/takeover"), json!({})).await.expect(200);
    post(&app, &site, "/conversations/v1/messages", json!({"message": "And parcels?"})).await.expect(201);
    app.drain().await;
    assert_eq!(get(&app, &site, "/conversations/v1/messages").await.expect(200).as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn files_go_both_ways_and_none_is_run() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let site = site_of(&owner).await;
    post(&app, &site, "/conversations", first("v1")).await.expect(201);
    let chat_id = owner.get(&owner.path("/conversations?channel=site")).await.expect(200)["data"][0]["id"].as_str().unwrap().to_owned();
    let form = |name: &str, content: &[u8]| reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::bytes(content.to_vec()).file_name(name.to_owned()));
    let upload = |form| with_key(&app, &site, Method::POST, "/conversations/v1/files").multipart(form);
    let sent = send(&app, upload(form("../../bill.html", b"<script>alert(1)</script>"))).await.expect(201);
    assert!(sent["activity_id"].is_i64() && sent["id"].is_i64());
    assert_eq!(send(&app, upload(form("x.exe", b"MZ\x00\x01\x02"))).await.status, 415);
    // An agent's file.
    let path = owner.path("/uploads");
    let made = owner.send(owner.request(Method::POST, &path).multipart(form("photo.png", b"\x89PNG\r\n\x1a\n1234"))).await.expect(201);
    let reply = json!({"content": "Here it is.", "attachments": [made["id"]]});
    owner.post(&at(&owner, &chat_id, "/replies"), reply.clone()).await.expect(201);
    owner.post(&at(&owner, &chat_id, "/replies"), reply).await.expect_error(400, "bad_request:api");
    let all = get(&app, &site, "/conversations/v1/messages").await.expect(200);
    let (page, photo) = (&all[1]["attachments"][0], &all[2]["attachments"][0]);
    assert_eq!((&page["filename"], &page["content_type"], &page["byte_size"]), (&json!("bill.html"), &json!("text/plain"), &json!(25)));
    let address = |file: &Value| file["url"].as_str().unwrap().trim_start_matches("/api/v1/chat").to_owned();
    let got = get(&app, &site, &address(page)).await;
    assert_eq!((got.status, got.text.as_str()), (200, "<script>alert(1)</script>"));
    assert!(got.header("content-disposition").starts_with("attachment") && got.header("content-type").starts_with("text/plain"));
    assert_eq!((got.header("x-content-type-options"), got.header("content-security-policy").contains("sandbox")), ("nosniff", true));
    // By a link, with the key in the address.
    let link = format!("{}?site_key={}&disposition=inline", photo["url"].as_str().unwrap(), site["siteKey"].as_str().unwrap());
    let link = app.nobody().request(Method::GET, &link);
    let shown = link.send().await.unwrap();
    assert!(shown.headers()["content-disposition"].to_str().unwrap().starts_with("inline") && shown.headers()["content-type"] == "image/png");
    let part = send(&app, with_key(&app, &site, Method::GET, &address(page)).header("range", "bytes=0-6")).await;
    assert_eq!((part.status, part.text.as_str(), part.header("content-range")), (206, "<script", "bytes 0-6/25"));
    // Of nobody else's conversation.
    post(&app, &site, "/conversations", first("v2")).await.expect(201);
    refused(get(&app, &site, &address(page).replace("/v1/", "/v2/")).await, 404, "File not found");
    refused(get(&app, &site, "/conversations/v1/files/1/none").await, 404, "File not found");
}

#[tokio::test]
async fn limits_are_the_contracts_and_trusted_addresses_are_free_of_them() {
    let app = TestApp::with(|config| {
        config.limits.enabled = true;
    })
    .await;
    let owner = app.owner().await;
    let site = site_of(&owner).await;
    for number in 0..5 {
        post(&app, &site, "/conversations", first(&format!("v{number}"))).await.expect(201);
    }
    let reply = post(&app, &site, "/conversations", first("v6")).await;
    assert!(reply.header("retry-after").parse::<u64>().is_ok() && reply.header("ratelimit-limit") == "5");
    refused(reply, 429, "Rate limit exceeded");
    for _ in 0..20 {
        post(&app, &site, "/conversations/v0/messages", json!({"message": "x"})).await.expect(201);
    }
    refused(post(&app, &site, "/conversations/v0/messages", json!({"message": "x"})).await, 429, "Rate limit exceeded");
    for _ in 0..60 {
        assert_eq!(get(&app, &site, "/config").await.status, 200);
    }
    refused(get(&app, &site, "/config").await, 429, "Rate limit exceeded");
    let one = owner.path(&format!("/sites/{}", site["id"].as_str().unwrap()));
    owner.patch(&one, json!({"trustedAddresses": ["127.0.0.0/8"]})).await.expect(200);
    assert_eq!(get(&app, &site, "/config").await.status, 200);
}

#[tokio::test]
async fn sites_are_made_by_admins_and_checked() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let member = app.colleague(&owner, Role::Member).await;
    let path = owner.path("/sites");
    member.post(&path, json!({"name": "Mine"})).await.expect_error(403, "forbidden:api");
    for (body, field) in [
        (json!({"name": ""}), "name"),
        (json!({"name": "x", "allowedOrigins": ["shop.example.com"]}), "allowedOrigins[0]"),
        (json!({"name": "x", "trustedAddresses": ["home"]}), "trustedAddresses[0]"),
        (json!({"name": "x", "assistantId": "ast_none"}), "assistantId"),
    ] {
        let error = owner.post(&path, body).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{error}");
    }
    let made = site_of(&owner).await;
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!(member.get(&path).await.expect(200)["total"], 1);
    app.owner().await.patch(&one, json!({"name": "Theirs"})).await.expect_error(404, "not_found:api");
    assert_eq!(owner.patch(&one, json!({"greeting": "Hello!"})).await.expect(200)["greeting"], "Hello!");
    owner.delete(&one).await.expect(204);
    refused(get(&app, &made, "/config").await, 401, "Invalid API key");
    // Errors of the server's own are in the contract's form as well.
    let lost = get(&app, &made, "/nowhere").await;
    assert_eq!((lost.status, lost.json().as_object().unwrap().len()), (404, 1));
}
