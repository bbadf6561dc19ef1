//! `POST /api/chat` and its kin, answered by the built-in model.

use illumichat::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use super::{assistants::create_assistant, projects::create_project};
use crate::support::{Client, TestApp, spawn_app, stream::Live};

pub const REFUNDS: &str = "# Refunds\n\nWe refund every purchase within 30 days of the delivery. The money goes back to the card that you paid with.\n\n## Gift cards\n\nA gift card cannot be refunded or exchanged for money.";
pub const DELIVERY: &str = "# Delivery\n\nParcels arrive within three working days. Express parcels arrive on the next working day.";
pub const PASSWORDS: &str = "# Passwords\n\nTo reset your password, open the settings, choose Security and press Reset password. The link in the mail is valid for one hour.";

/// An assistant that answers from three short documents.
pub async fn help_desk(app: &TestApp, owner: &Client, fields: Value) -> Value {
    let assistant = create_assistant(owner, fields).await;
    let project = create_project(owner, "Help centre").await;
    for (title, text) in [("Refunds", REFUNDS), ("Delivery", DELIVERY), ("Passwords", PASSWORDS)] {
        owner.post(&owner.path(&format!("/projects/{project}/documents")), json!({"title": title, "text": text})).await.expect(201);
    }
    app.drain().await;
    let id = assistant["id"].as_str().unwrap();
    owner.post(&owner.path(&format!("/assistants/{id}/projects")), json!({"projectId": project})).await.expect(201);
    assistant
}

pub const QUESTION: &str = "Within how many days do you refund a purchase?";

/// The body of a first question.
pub fn question(assistant: &Value, text: &str) -> Value {
    json!({"assistantId": assistant["id"], "messages": [{"role": "user", "content": text}]})
}

/// The same, in a conversation, answered as one object.
fn in_chat(assistant: &Value, chat_id: &Value, text: &str) -> Value {
    json!({"assistantId": assistant["id"], "chatId": chat_id, "messages": [{"role": "user", "content": text}], "stream": false})
}

fn whole(mut body: Value) -> Value {
    body["stream"] = json!(false);
    body
}

/// What a conversation holds, as roles and texts.
pub async fn told(client: &Client, chat_id: &str) -> Vec<(String, String)> {
    let messages = client.get(&client.path(&format!("/conversations/{chat_id}/messages?limit=100"))).await.expect(200);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    messages["data"].as_array().unwrap().iter().map(|message| (text(&message["role"]), text(&message["content"]))).collect()
}

#[tokio::test]
async fn chat_refuses_who_may_not() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (public, private) = (create_assistant(&owner, json!({"visibility": "public"})).await, create_assistant(&owner, json!({"visibility": "private"})).await);
    let body = question(&public, "Hello");
    app.nobody().post("/api/chat", body.clone()).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Guest).await.post("/api/chat", body.clone()).await.expect_error(403, "forbidden:api");
    app.owner().await.post("/api/chat", body).await.expect_error(404, "not_found:chat");
    let member = app.colleague(&owner, Role::Member).await;
    member.post("/api/chat", question(&private, "Hello")).await.expect_error(403, "forbidden:chat");
    owner.post("/api/chat", json!({"assistantId": "ast_none", "messages": [{"role": "user", "content": "Hello"}]})).await.expect_error(404, "not_found:chat");
    assert_eq!(owner.get(&owner.path("/conversations")).await.expect(200)["total"], 0);
}

#[tokio::test]
async fn chat_holds_messages_to_the_contract() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({})).await;
    let user = |content: Value| json!([{"role": "user", "content": content}]);
    for (messages, field) in [
        (user(json!("x".repeat(32_001))), "messages[0].content"),
        (user(json!("é".repeat(40_000))), "messages[0].content"),
        (user(json!("")), "messages[0].content"),
        (user(json!(" \n\t")), "messages[0].content"),
        (user(json!(7)), "messages[0].content"),
        (user(json!(null)), "messages[0].content"),
        (json!([]), "messages"),
        (json!("Hello"), "messages"),
        (json!([{"role": "system", "content": "Obey."}, {"role": "user", "content": "Hi"}]), "messages[0].role"),
        (json!([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]), "messages"),
        (json!([{"content": "Hi"}]), "messages[0].role"),
        (json!([{"role": "user"}]), "messages[0].content"),
    ] {
        let error = owner.post("/api/chat", json!({"assistantId": assistant["id"], "messages": messages})).await;
        assert_eq!(error.status, 400, "{}", error.text);
        assert!(error.json()["details"][field].is_string(), "{field}: {}", error.text);
    }
    for (body, field) in [(json!({"messages": user(json!("Hi"))}), "assistantId"), (json!({"assistantId": assistant["id"]}), "messages"), (json!({"assistantId": 7, "messages": []}), "assistantId")] {
        let error = owner.post("/api/chat", body).await;
        assert_eq!(error.status, 400);
        assert!(error.json()["details"][field].is_string(), "{}", error.text);
    }
    for broken in ["{\"assistantId\": \"ast", "", "[]", "not JSON", "{} {}"] {
        let reply = owner.send(owner.request(Method::POST, "/api/chat").header("content-type", "application/json").body(broken)).await;
        assert_eq!(reply.status, 400, "{broken}: {}", reply.text);
    }
    owner.send(owner.request(Method::POST, "/api/chat").header("content-type", "text/plain").body("{}")).await.expect_error(415, "unsupported_media_type:chat");
    let large = owner.send(owner.request(Method::POST, "/api/chat").header("content-type", "application/json").body(" ".repeat((8 << 20) + 1))).await;
    assert_eq!(large.status, 413, "{}", large.text);
    assert_eq!(owner.get(&owner.path("/conversations")).await.expect(200)["total"], 0, "nothing was stored of them");
    // The longest that is allowed.
    owner.post("/api/chat", whole(question(&assistant, &"é".repeat(32_000)))).await.expect(200);
}

#[tokio::test]
async fn of_more_than_200_messages_the_newest_count() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({})).await;
    let mut messages: Vec<Value> = (0..250).map(|number| json!({"role": if number % 2 == 0 { "user" } else { "assistant" }, "content": format!("line {number}")})).collect();
    messages.push(json!({"role": "user", "content": "Hello"}));
    // What is not counted is not judged either.
    messages[0]["content"] = json!("");
    let answer = owner.post("/api/chat", json!({"assistantId": assistant["id"], "messages": messages, "stream": false})).await.expect(200);
    let conversation = owner.get(&owner.path(&format!("/conversations/{}", answer["chatId"].as_str().unwrap()))).await.expect(200);
    assert_eq!(conversation["messageCount"], 201);
}

#[tokio::test]
async fn an_answer_streams_with_its_sources_and_citations() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({})).await;
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    let kinds: Vec<&str> = answer.events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let first = |kind: &str| kinds.iter().position(|one| *one == kind).unwrap_or_else(|| panic!("no {kind} in {kinds:?}"));
    assert_eq!(kinds[0], "start");
    assert!(first("sources") < first("text-delta") && first("text-delta") < first("citations") && first("citations") < first("finish"), "{kinds:?}");
    let start = &answer.events[0];
    assert_eq!((&start["chatId"], &start["model"]), (&json!(answer.chat_id()), &json!("builtin/extractive")));
    assert_eq!(start["messageId"], answer.message_id());
    assert_eq!(answer.headers["x-chat-id"], answer.chat_id());
    assert!(start.get("sessionToken").is_none());
    let finish = answer.finish();
    assert_eq!((&finish["finishReason"], &finish["answered"]), (&json!("stop"), &json!(true)));
    assert!(finish["usage"]["inputTokens"].is_i64() && finish["usage"]["outputTokens"].is_i64() && finish.get("error").is_none());
    assert!(answer.text().contains("within 30 days"), "{}", answer.text());
    let sources = answer.all("sources");
    assert_eq!(sources[0]["index"], 1);
    assert_eq!(sources[0]["title"], "Refunds");
    assert!(sources[0]["documentId"].as_str().unwrap().starts_with("doc_") && sources[0]["score"].is_f64() && !sources[0]["snippet"].as_str().unwrap().is_empty());
    for field in ["url", "page"] {
        assert!(sources[0].as_object().unwrap().contains_key(field), "{field}");
    }
    // What is cited stands in the source, word for word.
    let citations = answer.all("citations");
    assert!(!citations.is_empty());
    for citation in &citations {
        let source = sources.iter().find(|source| source["index"] == citation["index"]).expect("a citation names a source");
        let text = match source["title"].as_str().unwrap() {
            "Refunds" => REFUNDS,
            "Delivery" => DELIVERY,
            _ => PASSWORDS,
        };
        for sentence in answer.cited(citation).split_inclusive(". ") {
            assert!(text.contains(sentence.trim()), "{sentence:?} is not in {text:?}");
        }
    }
    // The same is stored.
    let messages = owner.get(&owner.path(&format!("/conversations/{}/messages", answer.chat_id()))).await.expect(200);
    let stored = &messages["data"][1];
    assert_eq!((&stored["content"], &stored["status"], &stored["id"]), (&json!(answer.text()), &json!("complete"), &json!(answer.message_id())));
    assert_eq!((&stored["sources"], &stored["citations"]), (&json!(sources), &json!(citations)));
}

/// The documented page parses each network read by itself and forgets what is left over.
#[tokio::test]
async fn the_documented_reader_gets_the_whole_answer() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({})).await;
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    let mut reply = String::new();
    let mut finished = false;
    for piece in &answer.pieces {
        for line in piece.split('\n').filter(|line| line.starts_with("data: ")) {
            let data: Value = serde_json::from_str(&line[6..]).expect("no event is cut in two");
            match data["type"].as_str().unwrap() {
                "text-delta" => reply.push_str(data["textDelta"].as_str().unwrap()),
                "finish" => finished = true,
                _ => {}
            }
        }
    }
    assert!(finished);
    assert_eq!(reply, answer.text());
}

#[tokio::test]
async fn without_a_stream_the_answer_is_one_object() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({})).await;
    let reply = owner.post("/api/chat", whole(question(&assistant, QUESTION))).await;
    assert!(reply.header("content-type").starts_with("application/json"));
    let answer = reply.expect(200);
    assert!(answer["content"].as_str().unwrap().contains("within 30 days"), "{answer}");
    assert_eq!((&answer["finishReason"], &answer["answered"], &answer["model"]), (&json!("stop"), &json!(true), &json!("builtin/extractive")));
    assert_eq!(answer["sources"][0]["title"], "Refunds");
    assert_eq!(answer["citations"][0]["index"], 1);
    assert!(answer["chatId"].as_str().unwrap().starts_with("chat_") && answer["messageId"].as_str().unwrap().starts_with("msg_"));
}

#[tokio::test]
async fn where_the_documents_are_silent_it_says_so() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let plain = help_desk(&app, &owner, json!({})).await;
    let silent = "Who won the football championship of 1954?";
    let answer = owner.ask("/api/chat", question(&plain, silent)).await;
    assert_eq!((&answer.finish()["answered"], &answer.finish()["finishReason"]), (&json!(false), &json!("stop")));
    assert!(answer.all("sources").is_empty() && answer.all("citations").is_empty());
    assert!(answer.text().contains("could not find"), "{}", answer.text());
    let path = owner.path(&format!("/assistants/{}", plain["id"].as_str().unwrap()));
    owner.patch(&path, json!({"fallbackMessage": "Please call 555-0100."})).await.expect(200);
    assert_eq!(owner.ask("/api/chat", question(&plain, silent)).await.text(), "Please call 555-0100.");
}

#[tokio::test]
async fn a_greeting_is_answered_as_one() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({"answerMode": "grounded"})).await;
    for greeting in ["Hello", "Hi there!", "Thank you very much!", "Bye"] {
        let answer = owner.ask("/api/chat", question(&assistant, greeting)).await;
        assert_eq!(answer.finish()["answered"], true, "{greeting}: {}", answer.text());
        assert!(!answer.text().contains("could not find") && answer.all("sources").is_empty());
    }
}

#[tokio::test]
async fn a_conversation_goes_on_by_its_id() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({})).await;
    let first = owner.post("/api/chat", whole(question(&assistant, QUESTION))).await.expect(200);
    let chat_id = first["chatId"].clone();
    let second = owner.post("/api/chat", in_chat(&assistant, &chat_id, "How fast are express parcels?")).await.expect(200);
    assert_eq!(second["chatId"], chat_id);
    assert_ne!(second["messageId"], first["messageId"]);
    // The whole history may be sent along; only what is new is added.
    let history = json!([
        {"role": "user", "content": "something that was never said"}, {"role": "assistant", "content": "nor this"},
        {"role": "user", "content": "Thanks"}
    ]);
    owner.post("/api/chat", json!({"assistantId": assistant["id"], "chatId": chat_id, "messages": history, "stream": false})).await.expect(200);
    let texts: Vec<String> = told(&owner, chat_id.as_str().unwrap()).await.into_iter().filter(|(role, _)| role == "user").map(|(_, text)| text).collect();
    assert_eq!(texts, [QUESTION, "How fast are express parcels?", "Thanks"]);
    let conversation = owner.get(&owner.path(&format!("/conversations/{}", chat_id.as_str().unwrap()))).await.expect(200);
    assert_eq!((&conversation["title"], &conversation["channel"], &conversation["messageCount"]), (&json!(QUESTION), &json!("api"), &json!(6)));
}

#[tokio::test]
async fn a_chat_id_of_somebody_else_is_not_found() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (assistant, other) = (create_assistant(&owner, json!({})).await, create_assistant(&owner, json!({})).await);
    let chat_id = owner.post("/api/chat", whole(question(&assistant, "Hello"))).await.expect(200)["chatId"].clone();
    let colleague = app.colleague(&owner, Role::Admin).await;
    colleague.post("/api/chat", in_chat(&assistant, &chat_id, "Hello")).await.expect_error(404, "not_found:chat");
    owner.post("/api/chat", in_chat(&other, &chat_id, "Hello")).await.expect_error(404, "not_found:chat");
    owner.post("/api/chat", in_chat(&assistant, &json!("chat_none"), "Hello")).await.expect_error(404, "not_found:chat");
    let stranger = app.owner().await;
    let theirs = create_assistant(&stranger, json!({})).await;
    stranger.post("/api/chat", in_chat(&theirs, &chat_id, "Hello")).await.expect_error(404, "not_found:chat");
    assert_eq!(told(&owner, chat_id.as_str().unwrap()).await.len(), 2);
}

/// The documented page sends the whole history each time and no id.
#[tokio::test]
async fn a_conversation_goes_on_by_its_history() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({})).await;
    let mut history: Vec<Value> = Vec::new();
    let mut chats = Vec::new();
    for text in ["Hello", QUESTION, "How fast are express parcels?"] {
        history.push(json!({"role": "user", "content": text}));
        let answer = owner.ask("/api/chat", json!({"assistantId": assistant["id"], "messages": history})).await;
        history.push(json!({"role": "assistant", "content": answer.text()}));
        chats.push(answer.chat_id().to_owned());
    }
    assert!(chats.iter().all(|chat| *chat == chats[0]), "{chats:?}");
    assert_eq!(told(&owner, &chats[0]).await.len(), 6);
    // Somebody else's conversation is not gone on with, nor is another assistant's.
    history.push(json!({"role": "user", "content": "Thanks"}));
    let body = json!({"assistantId": assistant["id"], "messages": history});
    assert_ne!(app.colleague(&owner, Role::Member).await.ask("/api/chat", body.clone()).await.chat_id(), chats[0]);
    let other = create_assistant(&owner, json!({})).await;
    assert_ne!(owner.ask("/api/chat", json!({"assistantId": other["id"], "messages": history})).await.chat_id(), chats[0]);
    assert_eq!(owner.ask("/api/chat", body).await.chat_id(), chats[0]);
    // A history that differs is another conversation, with all of it stored; an empty answer (after a failure) is part of it.
    let failed = json!([{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ""}, {"role": "user", "content": "Hello?"}]);
    let answer = owner.ask("/api/chat", json!({"assistantId": assistant["id"], "messages": failed})).await;
    assert!(!chats.contains(&answer.chat_id().to_owned()));
    let all = told(&owner, answer.chat_id()).await;
    assert_eq!(all[..3], [("user".to_owned(), QUESTION.to_owned()), ("assistant".into(), String::new()), ("user".into(), "Hello?".into())]);
}

#[tokio::test]
async fn an_idempotency_key_makes_a_retry_answer_the_same_message() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({})).await;
    let send = |client: &Client, key: &str, body: Value| client.request(Method::POST, "/api/chat").header("idempotency-key", key.to_owned()).json(&body);
    let body = whole(question(&assistant, QUESTION));
    let first = owner.send(send(&owner, "one", body.clone())).await.expect(200);
    let again = owner.send(send(&owner, "one", body.clone())).await.expect(200);
    for field in ["chatId", "messageId", "content", "sources", "citations", "answered", "finishReason"] {
        assert_eq!(again[field], first[field], "{field}");
    }
    let stream = Live::of(send(&owner, "one", question(&assistant, QUESTION))).await.rest().await;
    assert_eq!((json!(stream.message_id()), json!(stream.text())), (first["messageId"].clone(), first["content"].clone()));
    assert_eq!(told(&owner, first["chatId"].as_str().unwrap()).await.len(), 2);
    owner.send(send(&owner, "one", whole(question(&assistant, "Hello")))).await.expect_error(409, "conflict:chat");
    owner.send(send(&owner, &"x".repeat(201), body.clone())).await.expect_error(400, "bad_request:chat");
    // Keys are each caller's own.
    let other = app.colleague(&owner, Role::Member).await;
    assert_ne!(other.send(send(&other, "one", body.clone())).await.expect(200)["messageId"], first["messageId"]);
    assert_ne!(owner.send(send(&owner, "two", body)).await.expect(200)["messageId"], first["messageId"]);
}

#[tokio::test]
async fn two_requests_with_one_key_at_once_are_one_question() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({})).await;
    let send = || owner.send(owner.request(Method::POST, "/api/chat").header("idempotency-key", "both").json(&whole(question(&assistant, QUESTION))));
    let replies = futures_util::future::join_all((0..6).map(|_| send())).await;
    let ids: Vec<Value> = replies.into_iter().map(|reply| reply.expect(200)["messageId"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(owner.get(&owner.path("/conversations")).await.expect(200)["total"], 1);
}

#[tokio::test]
async fn send_message_asks_in_a_conversation() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({})).await;
    let chat_id = owner.post("/api/chat", whole(question(&assistant, "Hello"))).await.expect(200)["chatId"].as_str().unwrap().to_owned();
    let path = owner.path(&format!("/conversations/{chat_id}/messages"));
    let body = json!({"content": QUESTION});
    app.nobody().post(&path, body.clone()).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Guest).await.post(&path, body.clone()).await.expect_error(403, "forbidden:api");
    app.colleague(&owner, Role::Member).await.post(&path, body.clone()).await.expect_error(404, "not_found:api");
    app.owner().await.post(&path, body.clone()).await.expect_error(404, "not_found:api");
    for wrong in [json!({}), json!({"content": ""}), json!({"content": "x".repeat(32_001)}), json!({"content": 1})] {
        assert_eq!(owner.post(&path, wrong).await.status, 400);
    }
    let answer = owner.ask(&path, body).await;
    assert_eq!(answer.chat_id(), chat_id);
    assert!(answer.text().contains("30 days"), "{}", answer.text());
    assert_eq!(owner.post(&path, json!({"content": "Thanks", "stream": false})).await.expect(200)["answered"], true);
    assert_eq!(told(&owner, &chat_id).await.len(), 6);
}

#[tokio::test]
async fn an_answer_that_is_over_can_be_heard_again() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({})).await;
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    let path = format!("/api/chat/{}/messages/{}/stream", answer.chat_id(), answer.message_id());
    app.nobody().get(&path).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Member).await.get(&path).await.expect_error(404, "not_found:chat");
    app.owner().await.get(&path).await.expect_error(404, "not_found:chat");
    owner.get(&format!("/api/chat/{}/messages/msg_none/stream", answer.chat_id())).await.expect_error(404, "not_found:chat");
    let again = Live::of(owner.request(Method::GET, &path)).await.rest().await;
    assert_eq!(again.pieces.concat(), answer.pieces.concat());
    for seen in [0, 1, answer.events.len() - 2] {
        let rest = Live::of(owner.request(Method::GET, &path).header("last-event-id", seen.to_string())).await.rest().await;
        assert_eq!(rest.pieces.concat(), answer.pieces.concat().split_once(&format!("id: {}\n", seen + 1)).map(|(_, rest)| format!("id: {}\n{rest}", seen + 1)).unwrap());
    }
    owner.post(&format!("/api/chat/{}/messages/{}/stop", answer.chat_id(), answer.message_id()), json!({})).await.expect(204);
    assert_eq!(told(&owner, answer.chat_id()).await[1].1, answer.text(), "stopping what is over changes nothing");
}

/// After a restart the answer is told from what was stored.
#[tokio::test]
async fn an_answer_survives_a_restart() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({})).await;
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    let folder = app.stop().await;
    let app = TestApp::in_folder(folder, illumichat::clock::Clock::system(), |_| {}).await;
    let owner = Client { url: app.url.clone(), ..owner };
    let path = format!("/api/chat/{}/messages/{}/stream", answer.chat_id(), answer.message_id());
    let again = Live::of(owner.request(Method::GET, &path)).await.rest().await;
    assert_eq!((again.text(), again.all("sources"), again.all("citations")), (answer.text(), answer.all("sources"), answer.all("citations")));
    for field in ["finishReason", "answered", "chatId", "messageId"] {
        assert_eq!(again.finish()[field], answer.finish()[field], "{field}");
    }
    assert_eq!(again.events[0], answer.events[0]);
}

#[tokio::test]
async fn exactly_the_figure_passes_and_the_next_is_429() {
    let app = TestApp::with(|config| {
        config.limits.enabled = true;
        config.limits.chat = 3;
    })
    .await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({})).await;
    let body = whole(question(&assistant, "Hello"));
    // A request counts whatever its answer, also where its body is none.
    let broken = owner.request(Method::POST, "/api/chat").header("content-type", "application/json").body("{");
    owner.send(broken).await.expect_error(400, "bad_request:chat");
    assert_eq!(owner.post("/api/chat", json!({"assistantId": assistant["id"], "messages": []})).await.status, 400);
    owner.post("/api/chat", body.clone()).await.expect(200);
    let refused = owner.post("/api/chat", body.clone()).await;
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=20).contains(&seconds), "{seconds}");
    assert_eq!((refused.header("ratelimit-limit"), refused.header("ratelimit-remaining"), refused.header("ratelimit-reset")), ("3", "0", refused.header("retry-after")));
    refused.expect_error(429, "rate_limit:chat");
    // Other callers and other addresses have budgets of their own.
    owner.get(&owner.path("/assistants")).await.expect(200);
    app.colleague(&owner, Role::Member).await.post("/api/chat", body).await.expect(200);
}
