//! Answers told again: byte by byte the same, after a cut at any point, also by another start of the server; and given anew.

use illumichat::clock::Clock;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    chat::{QUESTION, help_desk, question, told},
    tools::desk,
};
use crate::support::{
    Client, TestApp,
    app::Credentials,
    llm_server::{Gate, LlmServer, Script},
    spawn_app,
};

/// The stream as it came, in whole events.
async fn raw(client: &Client, method: Method, path: &str, body: Option<Value>, last: Option<usize>) -> Vec<String> {
    let mut request = client.request(method, path);
    if let Some(body) = body {
        request = request.json(&body);
    }
    if let Some(last) = last {
        request = request.header("last-event-id", last.to_string());
    }
    let reply = client.send(request).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.text.split_inclusive("\n\n").map(str::to_owned).collect()
}

fn ids(events: &[String]) -> (String, String) {
    let start: Value = serde_json::from_str(events[0].split_once("data: ").unwrap().1.trim()).unwrap();
    (start["chatId"].as_str().unwrap().to_owned(), start["messageId"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_cut_anywhere_loses_nothing_also_across_a_restart() {
    let llm = LlmServer::start().await;
    let (app, owner, assistant) = desk(&llm, json!({}), |_| {}).await;
    owner.send(owner.request(Method::PUT, &format!("{}/tools", super::assistants::address(&owner, &assistant))).json(&json!({"tools": [{"tool": "search_knowledge"}]}))).await.expect(200);
    llm.next(Script::calls("search_knowledge", json!({"query": "express parcels"})))
        .next(Script::says(["We refund ", "every purchase within ", "30 days, ", "naïvely 🙂. ", "Express parcels arrive on the next working day."]));
    let by_model = raw(&owner, Method::POST, "/api/chat", Some(question(&assistant, QUESTION)), None).await;
    llm.next(Script::fails(500, "no")).next(Script::fails(500, "no"));
    let by_builtin = raw(&owner, Method::POST, "/api/chat", Some(question(&assistant, "How do I reset my password?")), None).await;
    assert!(by_model.iter().any(|event| event.contains("tool-result")) && by_model.len() > 8, "{by_model:?}");
    let check = async |client: &Client| {
        for events in [&by_model, &by_builtin] {
            let (chat, message) = ids(events);
            let path = format!("/api/chat/{chat}/messages/{message}/stream");
            assert_eq!(raw(client, Method::GET, &path, None, None).await, **events);
            for seen in 0..events.len() {
                assert_eq!(raw(client, Method::GET, &path, None, Some(seen)).await, events[seen + 1..], "after {seen}");
            }
        }
    };
    check(&owner).await;
    let folder = app.stop().await;
    let again = TestApp::in_folder(folder, Clock::system(), |_| {}).await;
    let Credentials::Token(token) = &owner.credentials else { panic!("a token") };
    check(&Client::with_token(&again.url, token, &owner.workspace_id)).await;
}

#[tokio::test]
async fn the_last_answer_can_be_given_anew() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({})).await;
    let first = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    let anew = |message: &str| format!("/api/chat/{}/messages/{message}/regenerate", first.chat_id());
    app.nobody().post(&anew(first.message_id()), json!({})).await.expect_error(401, "unauthorized:api");
    app.owner().await.post(&anew(first.message_id()), json!({})).await.expect_error(404, "not_found:chat");
    owner.post(&anew("msg_none"), json!({})).await.expect_error(404, "not_found:chat");
    let second = owner.ask(&anew(first.message_id()), json!({})).await;
    assert!(second.message_id() != first.message_id() && second.chat_id() == first.chat_id());
    assert_eq!(told(&owner, first.chat_id()).await, [("user".to_owned(), QUESTION.to_owned()), ("assistant".to_owned(), second.text())]);
    owner.post(&anew(first.message_id()), json!({})).await.expect_error(404, "not_found:chat");
    let whole = owner.post(&anew(second.message_id()), json!({"stream": false})).await.expect(200);
    assert_eq!((&whole["content"], owner.get(&owner.path(&format!("/conversations/{}", first.chat_id()))).await.expect(200)["messageCount"].as_i64()), (&json!(second.text()), Some(2)));
    let more = json!({"assistantId": assistant["id"], "chatId": first.chat_id(), "messages": [{"role": "user", "content": "How do I reset my password?"}]});
    owner.ask("/api/chat", more).await;
    owner.post(&anew(whole["messageId"].as_str().unwrap()), json!({})).await.expect_error(409, "conflict:chat");
}

#[tokio::test]
async fn a_question_that_is_sent_again_while_it_is_answered_is_one_question() {
    let llm = LlmServer::start().await;
    let gate = Gate::closed();
    llm.next(Script::says(["Within ", "30 days."]).held_after(1, &gate));
    let (_app, owner, assistant) = desk(&llm, json!({}), |_| {}).await;
    let mut live = owner.ask_live("/api/chat", question(&assistant, QUESTION)).await;
    let start = live.next().await.unwrap();
    live.until("text-delta").await;
    let mut again = question(&assistant, QUESTION);
    again["chatId"] = start["chatId"].clone();
    let mut second = owner.ask_live("/api/chat", again).await;
    assert_eq!(second.next().await.unwrap()["messageId"], start["messageId"]);
    gate.open();
    assert_eq!(second.rest().await.text(), "Within 30 days.");
    live.rest().await;
    assert_eq!((told(&owner, start["chatId"].as_str().unwrap()).await.len(), llm.received().len()), (2, 1));
}

#[tokio::test]
async fn chat_errors_say_that_they_are_the_chats() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    for body in [json!({}), json!({"assistantId": "ast_x", "messages": []}), json!({"assistantId": "ast_x", "messages": [{"role": "user", "content": ""}]}), json!({"assistantId": "ast_x", "messages": [{"role": "system", "content": "x"}]})] {
        owner.post("/api/chat", body).await.expect_error(400, "bad_request:chat");
    }
    owner.post("/api/chat", json!({"assistantId": "ast_x", "messages": [{"role": "user", "content": "x"}]})).await.expect_error(404, "not_found:chat");
}
