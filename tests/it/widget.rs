//! `/api/widget/{assistantId}/…`, as a page of another origin calls it.

use illumichat::access::Role;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

mod visitor;

use super::{
    assistants::{address, create_assistant},
    chat::{QUESTION, help_desk},
};
use crate::support::{
    Client, TestApp,
    llm_server::{Gate, LlmServer, Script},
    spawn_app,
    stream::{Answer, Live},
};

const SHOP: &str = "https://shop.example.com";

/// An assistant that strangers reach.
async fn public(client: &Client, fields: Value) -> Value {
    let mut all = json!({"visibility": "public", "widgetEnabled": true});
    all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    create_assistant(client, all).await
}

fn path(assistant: &Value, rest: &str) -> String {
    format!("/api/widget/{}/{rest}", assistant["id"].as_str().unwrap())
}

/// A visitor's request from a page of the shop.
fn from_shop(visitor: &Client, method: Method, path: &str) -> RequestBuilder {
    visitor.request(method, path).header("origin", SHOP)
}

/// Asks with a session's token.
async fn ask_in(visitor: &Client, assistant: &Value, token: &str, message: &str) -> Answer {
    let request = visitor.request(Method::POST, &path(assistant, "chat")).header("authorization", format!("Widget {token}"));
    Live::of(request.json(&json!({"message": message}))).await.rest().await
}

fn with_token(visitor: &Client, method: Method, path: &str, token: &str) -> RequestBuilder {
    visitor.request(method, path).header("authorization", format!("Widget {token}"))
}

#[tokio::test]
async fn an_unknown_widget_and_one_that_is_off_are_not_found() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let off = create_assistant(&owner, json!({"visibility": "public"})).await;
    let visitor = app.nobody();
    for assistant in [&off, &json!({"id": "ast_none"}), &json!({"id": "tickets"})] {
        visitor.get(&path(assistant, "config")).await.expect_error(404, "not_found:widget");
        visitor.post(&path(assistant, "session"), json!({})).await.expect_error(404, "not_found:widget");
        visitor.post(&path(assistant, "init"), json!({})).await.expect_error(404, "not_found:widget");
        visitor.post(&path(assistant, "chat"), json!({"message": "Hi"})).await.expect_error(404, "not_found:widget");
        visitor.get(&path(assistant, "history")).await.expect_error(404, "not_found:widget");
        visitor.get(&path(assistant, "messages/msg_none/stream")).await.expect_error(404, "not_found:widget");
        visitor.post(&path(assistant, "messages/msg_none/stop"), json!({})).await.expect_error(404, "not_found:widget");
    }
    // The owner's own credentials open nothing more.
    owner.get(&path(&off, "config")).await.expect_error(404, "not_found:widget");
    // It goes off at once, for those too who are in a conversation.
    let on = public(&owner, json!({})).await;
    let session = visitor.post(&path(&on, "session"), json!({})).await.expect(201);
    owner.patch(&address(&owner, &on), json!({"widgetEnabled": false})).await.expect(200);
    let history = with_token(&visitor, Method::GET, &path(&on, "history"), session["sessionToken"].as_str().unwrap());
    visitor.send(history).await.expect_error(404, "not_found:widget");
}

#[tokio::test]
async fn a_page_that_is_not_on_the_list_is_refused() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = public(&owner, json!({"widget": {"domains": ["shop.example.com", "*.acme.test", "localhost"]}})).await;
    let visitor = app.nobody();
    let config = path(&assistant, "config");
    visitor.get(&config).await.expect_error(403, "forbidden:widget");
    for origin in ["https://evil.example", "https://example.com", "https://acme.test", "https://shop.example.com.evil.net", "null"] {
        let reply = visitor.send(visitor.request(Method::GET, &config).header("origin", origin)).await;
        assert_eq!((reply.header("access-control-allow-origin"), reply.header("vary").contains("Origin")), ("", true), "{origin}");
        reply.expect_error(403, "forbidden:widget");
        let chat = visitor.request(Method::POST, &path(&assistant, "chat")).header("origin", origin).json(&json!({"message": "Hi"}));
        visitor.send(chat).await.expect_error(403, "forbidden:widget");
    }
    for origin in [SHOP, "http://shop.example.com:8080", "https://www.acme.test", "http://localhost:3000"] {
        let reply = visitor.send(visitor.request(Method::GET, &config).header("origin", origin)).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, origin));
        assert!(reply.header("vary").contains("Origin") && reply.header("access-control-expose-headers").contains("X-Chat-Id"));
        assert_eq!(reply.header("access-control-allow-credentials"), "");
    }
    visitor.send(visitor.request(Method::GET, &config).header("referer", "https://shop.example.com/cart?x=1")).await.expect(200);
    visitor.send(visitor.request(Method::GET, &config).header("origin", "https://evil.example").header("referer", SHOP)).await.expect_error(403, "forbidden:widget");
    // An empty list lets every page in, and no page too.
    let open = public(&owner, json!({})).await;
    visitor.get(&path(&open, "config")).await.expect(200);
    let reply = visitor.send(from_shop(&visitor, Method::GET, &path(&open, "config"))).await;
    assert_eq!(reply.header("access-control-allow-origin"), SHOP);
}

#[tokio::test]
async fn a_preflight_is_answered_for_the_origins_on_the_list() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = public(&owner, json!({"widget": {"domains": ["shop.example.com"]}})).await;
    let visitor = app.nobody();
    let preflight = |origin: &str| {
        let request = visitor.request(Method::OPTIONS, &path(&assistant, "chat")).header("origin", origin.to_owned());
        visitor.send(request.header("access-control-request-method", "POST").header("access-control-request-headers", "authorization, content-type"))
    };
    let reply = preflight(SHOP).await;
    assert_eq!(reply.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", SHOP),
        ("access-control-allow-methods", "GET, POST, OPTIONS"),
        ("access-control-allow-headers", "Content-Type, Authorization, Last-Event-ID"),
        ("access-control-max-age", "86400"),
    ] {
        assert_eq!(reply.header(name), value);
    }
    assert!(reply.header("vary").contains("Origin"));
    assert_eq!(preflight("https://evil.example").await.header("access-control-allow-origin"), "");
    // No other address answers other origins.
    let elsewhere = owner.send(owner.request(Method::GET, "/api/assistants").header("origin", SHOP)).await;
    assert_eq!((elsewhere.status, elsewhere.header("access-control-allow-origin")), (200, ""));
}

#[tokio::test]
async fn config_is_what_the_widget_draws_itself_with() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let fields = json!({
        "name": "Ada", "instructions": "A secret of the house.", "welcomeMessage": "Welcome!", "suggestedQuestions": ["What does it cost?"],
        "widget": {"theme": {"primaryColor": "#112233", "position": "left"}, "locale": "de", "strings": {"send": "Los"}}
    });
    let assistant = public(&owner, fields).await;
    let visitor = app.nobody();
    let reply = visitor.get(&path(&assistant, "config")).await;
    let etag = reply.header("etag").to_owned();
    assert!(reply.header("cache-control").contains("max-age"), "{}", reply.header("cache-control"));
    assert!(!reply.text.contains("secret") && !reply.text.contains("domains"), "{}", reply.text);
    let config = reply.expect(200);
    for (field, value) in [
        ("assistantId", assistant["id"].clone()),
        ("name", json!("Ada")),
        ("avatarUrl", json!(null)),
        ("welcomeMessage", json!("Welcome!")),
        ("suggestedQuestions", json!(["What does it cost?"])),
        ("locale", json!("de")),
        ("strings", json!({"send": "Los"})),
    ] {
        assert_eq!(config[field], value, "{field}");
    }
    assert_eq!((&config["theme"]["primaryColor"], &config["theme"]["position"]), (&json!("#112233"), &json!("left")));
    for object in ["leadForm", "tickets", "handoff", "uploads"] {
        assert_eq!(config[object]["enabled"], false, "{object}");
    }
    let same = visitor.send(visitor.request(Method::GET, &path(&assistant, "config")).header("if-none-match", &etag)).await;
    assert_eq!((same.status, same.text.as_str(), same.header("etag")), (304, "", etag.as_str()));
    owner.patch(&address(&owner, &assistant), json!({"name": "Bea"})).await.expect(200);
    let changed = visitor.send(visitor.request(Method::GET, &path(&assistant, "config")).header("if-none-match", &etag)).await;
    assert_eq!((changed.status, &changed.json()["name"]), (200, &json!("Bea")));
}

#[tokio::test]
async fn a_session_is_made_and_resumed_with_its_token() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (assistant, other) = (help_desk(&app, &owner, json!({"visibility": "public", "widgetEnabled": true})).await, public(&owner, json!({})).await);
    let visitor = app.nobody();
    let made = visitor.post(&path(&assistant, "session"), json!({"metadata": {"page": "https://shop.example.com/", "locale": "de", "other": 1}})).await.expect(201);
    let (id, token) = (made["sessionId"].as_str().unwrap(), made["sessionToken"].as_str().unwrap());
    assert!(id.starts_with("sess_") && token.len() >= 32, "{made}");
    assert_eq!((&made["conversationId"], &made["messages"]), (&json!(null), &json!([])));
    assert!(made["expiresAt"].as_str().unwrap() > made["createdAt"].as_str().unwrap_or(""));
    let answer = ask_in(&visitor, &assistant, token, QUESTION).await;
    assert!(answer.events[0].get("sessionToken").is_none(), "the visitor has it already");
    let body = json!({"sessionId": id, "sessionToken": token});
    let resumed = visitor.post(&path(&assistant, "session"), body.clone()).await.expect(200);
    assert_eq!((&resumed["sessionId"], &resumed["conversationId"]), (&json!(id), &json!(answer.chat_id())));
    assert_eq!((&resumed["messages"][0]["content"], &resumed["messages"][1]["content"]), (&json!(QUESTION), &json!(answer.text())));
    visitor.post(&path(&assistant, "init"), body.clone()).await.expect(200);
    for wrong in [
        json!({"sessionId": id}),
        json!({"sessionId": id, "sessionToken": "wrong"}),
        json!({"sessionId": "sess_none", "sessionToken": token}),
    ] {
        visitor.post(&path(&assistant, "session"), wrong).await.expect_error(401, "unauthorized:widget");
    }
    visitor.post(&path(&other, "session"), body).await.expect_error(401, "unauthorized:widget");
    for wrong in [json!({"sessionId": 1}), json!({"metadata": "page"})] {
        assert_eq!(visitor.post(&path(&assistant, "session"), wrong).await.status, 400);
    }
}

#[tokio::test]
async fn chat_without_a_session_makes_one_and_with_one_goes_on() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({"visibility": "public", "widgetEnabled": true})).await;
    let visitor = app.nobody();
    let first = Live::of(from_shop(&visitor, Method::POST, &path(&assistant, "chat")).json(&json!({"message": QUESTION}))).await.rest().await;
    assert_eq!(first.headers["access-control-allow-origin"], SHOP);
    assert!(first.text().contains("30 days") && first.all("sources")[0]["title"] == "Refunds");
    let token = first.events[0]["sessionToken"].as_str().expect("a new session's token").to_owned();
    let second = ask_in(&visitor, &assistant, &token, "Thanks").await;
    assert_eq!(second.chat_id(), first.chat_id());
    let history = visitor.send(with_token(&visitor, Method::GET, &path(&assistant, "history"), &token)).await.expect(200);
    assert_eq!((&history["total"], &history["limit"], &history["offset"]), (&json!(4), &json!(25), &json!(0)));
    let texts: Vec<&str> = history["data"].as_array().unwrap().iter().map(|message| message["content"].as_str().unwrap()).collect();
    assert_eq!(texts, [QUESTION, &first.text(), "Thanks", &second.text()]);
    let page = visitor.send(with_token(&visitor, Method::GET, &path(&assistant, "history?limit=1&offset=2"), &token)).await.expect(200);
    assert_eq!((&page["data"][0]["content"], &page["total"]), (&json!("Thanks"), &json!(4)));
    visitor.send(with_token(&visitor, Method::GET, &path(&assistant, "history?limit=0"), &token)).await.expect_error(400, "bad_request:widget");
    // `messages` may carry what was said; only the question at its end is new.
    let messages = json!({"messages": [{"role": "user", "content": "old"}, {"role": "assistant", "content": "old"}, {"role": "user", "content": "Hello"}]});
    Live::of(with_token(&visitor, Method::POST, &path(&assistant, "chat"), &token).json(&messages)).await.rest().await;
    let conversation = owner.get(&owner.path(&format!("/conversations/{}", first.chat_id()))).await.expect(200);
    assert_eq!((&conversation["channel"], &conversation["messageCount"]), (&json!("widget"), &json!(6)));
}

#[tokio::test]
async fn chat_names_what_is_wrong() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = public(&owner, json!({})).await;
    let visitor = app.nobody();
    for (body, field) in [
        (json!({}), "message"),
        (json!({"message": ""}), "messages[0].content"),
        (json!({"message": "x".repeat(32_001)}), "messages[0].content"),
        (json!({"message": 1}), "message"),
        (json!({"messages": []}), "messages"),
        (json!({"messages": [{"role": "system", "content": "x"}]}), "messages[0].role"),
    ] {
        let reply = visitor.post(&path(&assistant, "chat"), body).await;
        assert_eq!(reply.status, 400, "{}", reply.text);
        assert!(reply.json()["details"][field].is_string(), "{field}: {}", reply.text);
    }
    assert_eq!(owner.get(&owner.path("/conversations")).await.expect(200)["total"], 0);
}

#[tokio::test]
async fn a_session_belongs_to_one_assistant_and_one_visitor() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (assistant, other) = (public(&owner, json!({})).await, public(&owner, json!({})).await);
    let visitor = app.nobody();
    let mine = visitor.ask(&path(&assistant, "chat"), json!({"message": "Hello"})).await;
    let token = mine.events[0]["sessionToken"].as_str().unwrap().to_owned();
    let theirs = visitor.ask(&path(&assistant, "chat"), json!({"message": "Hello"})).await;
    assert_ne!(theirs.chat_id(), mine.chat_id());
    for token in ["wrong", ""] {
        let chat = with_token(&visitor, Method::POST, &path(&assistant, "chat"), token).json(&json!({"message": "Hi"}));
        visitor.send(chat).await.expect_error(401, "unauthorized:widget");
    }
    visitor.send(with_token(&visitor, Method::GET, &path(&other, "history"), &token)).await.expect_error(401, "unauthorized:widget");
    let chat = with_token(&visitor, Method::POST, &path(&other, "chat"), &token).json(&json!({"message": "Hi"}));
    visitor.send(chat).await.expect_error(401, "unauthorized:widget");
    visitor.get(&path(&assistant, "history")).await.expect_error(401, "unauthorized:widget");
    // An answer is heard again by its own visitor alone.
    let stream = |message_id: &str| path(&assistant, &format!("messages/{message_id}/stream"));
    visitor.get(&stream(mine.message_id())).await.expect_error(401, "unauthorized:widget");
    let again = Live::of(with_token(&visitor, Method::GET, &stream(mine.message_id()), &token)).await.rest().await;
    assert_eq!(again.pieces.concat(), mine.pieces.concat());
    for message_id in [theirs.message_id(), "msg_none"] {
        visitor.send(with_token(&visitor, Method::GET, &stream(message_id), &token)).await.expect_error(404, "not_found:widget");
        let stop = path(&assistant, &format!("messages/{message_id}/stop"));
        visitor.send(with_token(&visitor, Method::POST, &stop, &token)).await.expect_error(404, "not_found:widget");
    }
    // A member's token is no session, and a session no token.
    app.colleague(&owner, Role::Member).await.get(&path(&assistant, "history")).await.expect_error(401, "unauthorized:widget");
    let workspace = visitor.request(Method::GET, "/api/workspaces").header("authorization", format!("Bearer {token}"));
    visitor.send(workspace).await.expect_error(401, "unauthorized:api");
}

#[tokio::test]
async fn two_first_questions_at_once_are_one_conversation() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = public(&owner, json!({})).await;
    let visitor = app.nobody();
    let session = visitor.post(&path(&assistant, "session"), json!({})).await.expect(201);
    let token = session["sessionToken"].as_str().unwrap();
    let answers = futures_util::future::join_all((0..4).map(|number| ask_in(&visitor, &assistant, token, if number % 2 == 0 { "Hello" } else { "Thanks" }))).await;
    assert!(answers.iter().all(|answer| answer.chat_id() == answers[0].chat_id()));
    assert_eq!(owner.get(&owner.path("/conversations")).await.expect(200)["total"], 1);
}

#[tokio::test]
async fn a_long_history_is_all_there() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = public(&owner, json!({})).await;
    let visitor = app.nobody();
    let session = visitor.post(&path(&assistant, "session"), json!({})).await.expect(201);
    let token = session["sessionToken"].as_str().unwrap();
    let many: Vec<Value> = (0..120).map(|number| json!({"role": "user", "content": format!("line {number}")})).collect();
    Live::of(with_token(&visitor, Method::POST, &path(&assistant, "chat"), token).json(&json!({"messages": many}))).await.rest().await;
    let history = visitor.send(with_token(&visitor, Method::GET, &path(&assistant, "history?limit=100&offset=100"), token)).await.expect(200);
    assert_eq!((&history["total"], history["data"].as_array().unwrap().len()), (&json!(121), 21));
    let first = visitor.send(with_token(&visitor, Method::GET, &path(&assistant, "history?limit=1"), token)).await.expect(200);
    assert_eq!(first["data"][0]["content"], "line 0");
}

#[tokio::test]
async fn a_conversation_that_was_deleted_is_begun_anew() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = public(&owner, json!({})).await;
    let visitor = app.nobody();
    let first = visitor.ask(&path(&assistant, "chat"), json!({"message": "Hello"})).await;
    let token = first.events[0]["sessionToken"].as_str().unwrap();
    owner.delete(&owner.path(&format!("/conversations/{}", first.chat_id()))).await.expect(204);
    let history = visitor.send(with_token(&visitor, Method::GET, &path(&assistant, "history"), token)).await.expect(200);
    assert_eq!(history["data"], json!([]));
    assert_ne!(ask_in(&visitor, &assistant, token, "Hello").await.chat_id(), first.chat_id());
}

#[tokio::test]
async fn a_visitor_stops_an_answer() {
    let llm = LlmServer::start().await;
    let gate = Gate::closed();
    llm.next(Script::says(["One ", "two."]).held_after(1, &gate));
    let app = TestApp::with(|config| {
        let provider = illumichat::config::Provider { kind: Some("openai-compatible".into()), base_url: Some(llm.base_url()), models: vec!["scripted".into()], ..Default::default() };
        config.providers.insert("scripted".into(), provider);
    })
    .await;
    let owner = app.owner().await;
    let assistant = public(&owner, json!({})).await;
    let visitor = app.nobody();
    let mut live = visitor.ask_live(&path(&assistant, "chat"), json!({"message": "Count to two, please"})).await;
    let start = live.next().await.unwrap();
    live.until("text-delta").await;
    let stop = path(&assistant, &format!("messages/{}/stop", start["messageId"].as_str().unwrap()));
    visitor.post(&stop, json!({})).await.expect_error(401, "unauthorized:widget");
    visitor.send(with_token(&visitor, Method::POST, &stop, start["sessionToken"].as_str().unwrap())).await.expect(204);
    assert_eq!(live.rest().await.text(), "One ");
    llm.dropped(0).await;
}

#[tokio::test]
async fn each_group_has_its_own_limit() {
    let app = TestApp::with(|config| {
        config.limits.enabled = true;
        config.limits.widget_read = 2;
        config.limits.widget_session = 2;
        config.limits.widget_chat_session = 2;
        config.limits.widget_chat_address = 5;
    })
    .await;
    let owner = app.owner().await;
    let (assistant, other) = (public(&owner, json!({})).await, public(&owner, json!({})).await);
    let visitor = app.nobody();
    for _ in 0..2 {
        visitor.get(&path(&assistant, "config")).await.expect(200);
    }
    let refused = visitor.send(from_shop(&visitor, Method::GET, &path(&assistant, "config"))).await;
    assert!(refused.header("retry-after").parse::<u64>().is_ok());
    assert_eq!((refused.header("access-control-allow-origin"), refused.header("ratelimit-limit")), (SHOP, "2"));
    refused.expect_error(429, "rate_limit:widget");
    visitor.get(&path(&other, "config")).await.expect(200);
    let session = visitor.post(&path(&assistant, "session"), json!({})).await.expect(201);
    let token = session["sessionToken"].as_str().unwrap();
    // The second session of the minute, and none is left for a third.
    visitor.ask(&path(&assistant, "chat"), json!({"message": "Hello"})).await;
    visitor.post(&path(&assistant, "session"), json!({})).await.expect_error(429, "rate_limit:widget");
    visitor.post(&path(&assistant, "chat"), json!({"message": "Hello"})).await.expect_error(429, "rate_limit:widget");
    for _ in 0..2 {
        ask_in(&visitor, &assistant, token, "Hello").await;
    }
    // The session's budget is spent with this, and the address's with the next.
    let ask = |assistant: &Value| with_token(&visitor, Method::POST, &path(assistant, "chat"), token).json(&json!({"message": "Hello"}));
    visitor.send(ask(&assistant)).await.expect_error(429, "rate_limit:widget");
    visitor.post(&path(&other, "chat"), json!({"message": "Hello"})).await.expect_error(429, "rate_limit:widget");
}
