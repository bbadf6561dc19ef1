//! `/api/workspaces/{ws}/conversations`.

use std::time::Duration;

use illumichat::{
    access::Role,
    clock::{Clock, Timestamp},
};
use serde_json::{Value, json};

use super::{
    assistants::create_assistant,
    chat::{QUESTION, help_desk, question, told},
};
use crate::support::{Client, TestApp, spawn_app};

/// Has a conversation of one question, and returns its id.
async fn converse(client: &Client, assistant: &Value, text: &str) -> String {
    client.ask("/api/chat", question(assistant, text)).await.chat_id().to_owned()
}

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn list_conversations_refuses_who_may_not_and_what_is_wrong() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = owner.path("/conversations");
    app.nobody().get(&path).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Guest).await.get(&path).await.expect_error(403, "forbidden:api");
    app.owner().await.get(&path).await.expect_error(404, "not_found:api");
    for wrong in ["limit=0", "limit=101", "offset=-1", "status=lost", "channel=fax", "handler=robot"] {
        let error = owner.get(&format!("{path}?{wrong}")).await.expect_error(400, "bad_request:api");
        assert!(error["details"][wrong.split('=').next().unwrap()].is_string(), "{error}");
    }
    assert_eq!(owner.get(&path).await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn list_conversations_filters_and_searches_what_was_said() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (first, second) = (create_assistant(&owner, json!({})).await, create_assistant(&owner, json!({})).await);
    let zeppelin = converse(&owner, &first, "Where is my Zeppelin ticket?").await;
    let balloon = converse(&owner, &second, "Where is my balloon ticket?").await;
    let list = |query: &str| {
        let path = owner.path(&format!("/conversations{query}"));
        let owner = owner.clone();
        async move { owner.get(&path).await.expect(200) }
    };
    let all = list("").await;
    assert_eq!((ids(&all), &all["total"], &all["limit"]), (vec![balloon.as_str(), zeppelin.as_str()], &json!(2), &json!(25)));
    let one = &all["data"][1];
    for (field, value) in [
        ("title", json!("Where is my Zeppelin ticket?")),
        ("assistantId", first["id"].clone()),
        ("channel", json!("api")),
        ("status", json!("open")),
        ("handler", json!("ai")),
        ("assigneeId", json!(null)),
        ("contactId", json!(null)),
        ("messageCount", json!(2)),
        ("tags", json!([])),
        ("rating", json!(null)),
    ] {
        assert_eq!(one[field], value, "{field}");
    }
    for (query, expected) in [
        (format!("?assistantId={}", first["id"].as_str().unwrap()), vec![&zeppelin]),
        ("?q=zeppelin".to_owned(), vec![&zeppelin]),
        ("?q=zepp".to_owned(), vec![&zeppelin]),
        ("?q=ticket".to_owned(), vec![&balloon, &zeppelin]),
        ("?q=submarine".to_owned(), vec![]),
        ("?q=%22)%20OR%20*".to_owned(), vec![]),
        ("?channel=api&status=open&handler=ai".to_owned(), vec![&balloon, &zeppelin]),
        ("?channel=widget".to_owned(), vec![]),
        ("?status=closed".to_owned(), vec![]),
        ("?assigneeId=usr_none".to_owned(), vec![]),
        ("?limit=1&offset=1".to_owned(), vec![&zeppelin]),
    ] {
        assert_eq!(ids(&list(&query).await), expected, "{query}");
    }
    // The one that goes on comes first again.
    owner.post(&owner.path(&format!("/conversations/{zeppelin}/messages")), json!({"content": "Thanks", "stream": false})).await.expect(200);
    assert_eq!(ids(&list("").await), [zeppelin, balloon]);
}

#[tokio::test]
async fn members_see_their_own_and_the_inboxs() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({"visibility": "public", "widgetEnabled": true})).await;
    let member = app.colleague(&owner, Role::Member).await;
    let owners = converse(&owner, &assistant, "Hello").await;
    let members = converse(&member, &assistant, "Hello").await;
    let visitors = app.nobody().ask(&format!("/api/widget/{}/chat", assistant["id"].as_str().unwrap()), json!({"message": "Hello"})).await;
    let visitors = visitors.chat_id().to_owned();
    let colleague = app.colleague(&owner, Role::Member).await;
    for (client, expected) in [(&owner, vec![&visitors, &members, &owners]), (&member, vec![&visitors, &members]), (&colleague, vec![&visitors])] {
        let list = client.get(&owner.path("/conversations")).await.expect(200);
        assert_eq!((ids(&list), &list["total"]), (expected.iter().map(|id| id.as_str()).collect(), &json!(expected.len())));
    }
    for rest in ["", "/messages", "/export"] {
        let path = owner.path(&format!("/conversations/{members}{rest}"));
        app.nobody().get(&path).await.expect_error(401, "unauthorized:api");
        app.colleague(&owner, Role::Guest).await.get(&path).await.expect_error(403, "forbidden:api");
        colleague.get(&path).await.expect_error(404, "not_found:api");
        let stranger = app.owner().await;
        stranger.get(&path).await.expect_error(404, "not_found:api");
        stranger.get(&stranger.path(&format!("/conversations/{members}{rest}"))).await.expect_error(404, "not_found:api");
        assert_eq!(member.get(&path).await.status, 200);
        assert_eq!(owner.get(&path).await.status, 200);
        owner.get(&owner.path(&format!("/conversations/chat_none{rest}"))).await.expect_error(404, "not_found:api");
    }
    assert_eq!(colleague.get(&owner.path(&format!("/conversations/{visitors}"))).await.expect(200)["channel"], "widget");
}

#[tokio::test]
async fn list_messages_pages_backwards_and_tells_oldest_first() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({})).await;
    let id = converse(&owner, &assistant, "Hello").await;
    let path = owner.path(&format!("/conversations/{id}/messages"));
    for text in ["Hi", "Hey", "Thanks"] {
        owner.post(&path, json!({"content": text, "stream": false})).await.expect(200);
    }
    let all = owner.get(&path).await.expect(200);
    let times: Vec<&str> = all["data"].as_array().unwrap().iter().map(|message| message["createdAt"].as_str().unwrap()).collect();
    assert_eq!((times.len(), &all["total"]), (8, &json!(8)));
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "times strictly increase: {times:?}");
    let last = owner.get(&format!("{path}?limit=3")).await.expect(200);
    assert_eq!(last["data"].as_array().unwrap()[..], all["data"].as_array().unwrap()[5..]);
    assert_eq!((&last["offset"], &last["limit"], &last["total"]), (&json!(5), &json!(3), &json!(8)));
    let before = owner.get(&format!("{path}?limit=3&before={}", times[5])).await.expect(200);
    assert_eq!(before["data"].as_array().unwrap()[..], all["data"].as_array().unwrap()[2..5]);
    assert_eq!((&before["offset"], &all["offset"]), (&json!(2), &json!(0)), "how many there are before these");
    let first = owner.get(&format!("{path}?before={}", times[2])).await.expect(200);
    assert_eq!(first["data"].as_array().unwrap()[..], all["data"].as_array().unwrap()[..2]);
    assert_eq!(owner.get(&format!("{path}?before={}", times[0])).await.expect(200)["data"], json!([]));
    for wrong in ["before=yesterday", "limit=0", "limit=101"] {
        owner.get(&format!("{path}?{wrong}")).await.expect_error(400, "bad_request:api");
    }
}

#[tokio::test]
async fn a_receipt_shows_where_an_answer_came_from() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({})).await;
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    let path = owner.path(&format!("/conversations/{}/messages/{}/receipt", answer.chat_id(), answer.message_id()));
    app.nobody().get(&path).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Guest).await.get(&path).await.expect_error(403, "forbidden:api");
    app.colleague(&owner, Role::Member).await.get(&path).await.expect_error(404, "not_found:api");
    app.owner().await.get(&path).await.expect_error(404, "not_found:api");
    owner.get(&owner.path(&format!("/conversations/{}/messages/msg_none/receipt", answer.chat_id()))).await.expect_error(404, "not_found:api");
    let receipt = owner.get(&path).await.expect(200);
    assert_eq!((&receipt["question"], &receipt["model"], &receipt["servedBy"]), (&json!(QUESTION), &json!("builtin/extractive"), &json!("builtin/extractive")));
    assert_eq!((&receipt["decision"]["grounded"], &receipt["decision"]["answered"]), (&json!(true), &json!(true)));
    let passage = &receipt["passages"][0];
    assert_eq!(passage["title"], "Refunds");
    assert!(passage["keywordRank"].is_i64() && passage["vectorRank"].is_i64() && passage["score"].is_f64());
    let (start, end) = (passage["start"].as_u64().unwrap() as usize, passage["end"].as_u64().unwrap() as usize);
    assert!(start < end);
    assert!(receipt["timingsMs"].as_array().unwrap().len() >= 3, "{receipt}");
    // The user's own message has none.
    let messages = owner.get(&owner.path(&format!("/conversations/{}/messages", answer.chat_id()))).await.expect(200);
    let own = messages["data"][0]["id"].as_str().unwrap();
    owner.get(&owner.path(&format!("/conversations/{}/messages/{own}/receipt", answer.chat_id()))).await.expect_error(404, "not_found:api");
}

#[tokio::test]
async fn export_conversation_writes_both_formats() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({"name": "Ada"})).await;
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    let path = owner.path(&format!("/conversations/{}/export", answer.chat_id()));
    let json_file = owner.get(&path).await;
    assert!(json_file.header("content-disposition").contains(&format!("{}.json", answer.chat_id())), "{}", json_file.header("content-disposition"));
    let json_file = json_file.expect(200);
    assert_eq!((&json_file["conversation"]["id"], &json_file["messages"][1]["content"]), (&json!(answer.chat_id()), &json!(answer.text())));
    let markdown = owner.get(&format!("{path}?format=markdown")).await;
    assert_eq!(markdown.status, 200);
    assert!(markdown.header("content-disposition").contains(".md"));
    assert!(markdown.text.starts_with(&format!("# {QUESTION}\n")) && markdown.text.contains("**Ada**") && markdown.text.contains(answer.text().trim()) && markdown.text.contains("1. Refunds"), "{}", markdown.text);
    owner.get(&format!("{path}?format=pdf")).await.expect_error(400, "bad_request:api");
}

#[tokio::test]
async fn delete_conversation_removes_all_of_it() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({})).await;
    let id = converse(&owner, &assistant, "Where is my zeppelin?").await;
    let path = owner.path(&format!("/conversations/{id}"));
    app.nobody().delete(&path).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Guest).await.delete(&path).await.expect_error(403, "forbidden:api");
    app.colleague(&owner, Role::Member).await.delete(&path).await.expect_error(404, "not_found:api");
    app.owner().await.delete(&path).await.expect_error(404, "not_found:api");
    assert_eq!(told(&owner, &id).await.len(), 2);
    owner.delete(&path).await.expect(204);
    owner.get(&path).await.expect_error(404, "not_found:api");
    owner.delete(&path).await.expect_error(404, "not_found:api");
    assert_eq!(owner.get(&owner.path("/conversations?q=zeppelin")).await.expect(200)["total"], 0);
}

#[tokio::test]
async fn a_greeting_is_a_title_until_something_is_asked_and_files_go_along() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({})).await;
    let id = converse(&owner, &assistant, "Hello").await;
    let path = owner.path(&format!("/conversations/{id}"));
    assert_eq!(owner.get(&path).await.expect(200)["title"], "Hello");
    let form = reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::bytes(b"the log".to_vec()).file_name("log.txt"));
    let file = owner.send(owner.request(reqwest::Method::POST, &owner.path("/uploads")).multipart(form)).await.expect(201);
    owner.post(&format!("{path}/messages"), json!({"content": "Why does my lamp flicker?", "attachments": [file["id"]], "stream": false})).await.expect(200);
    assert_eq!(owner.get(&path).await.expect(200)["title"], "Why does my lamp flicker?");
    let messages = owner.get(&format!("{path}/messages")).await.expect(200);
    assert_eq!((&messages["data"][2]["attachments"][0]["id"], &messages["data"][2]["attachments"][0]["filename"]), (&file["id"], &json!("log.txt")));
    owner.post(&format!("{path}/messages"), json!({"content": "And this?", "attachments": [file["id"]], "stream": false})).await.expect_error(400, "bad_request:chat");
    // What people call it stays.
    owner.patch(&path, json!({"title": "Lamp"})).await.expect(200);
    owner.post(&format!("{path}/messages"), json!({"content": "It flickers in the morning, too.", "stream": false})).await.expect(200);
    assert_eq!(owner.get(&path).await.expect(200)["title"], "Lamp");
}

#[tokio::test]
async fn conversations_go_when_their_workspace_keeps_them_no_longer() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let clock = Clock::held(Timestamp::from_millis(1_800_000_000_000));
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), clock.clone(), |_| {}).await;
    let (owner, keeper) = (app.owner().await, app.owner().await);
    owner.patch(&owner.path(""), json!({"settings": {"retentionDays": 30}})).await.expect(200);
    let (assistant, other) = (create_assistant(&owner, json!({})).await, create_assistant(&keeper, json!({})).await);
    let old = converse(&owner, &assistant, "An old question").await;
    converse(&keeper, &other, "One to be kept").await;
    clock.advance(DAY * 29);
    let new = converse(&owner, &assistant, "A new question").await;
    clock.advance(DAY * 2);
    let app = TestApp::in_folder(app.stop().await, clock, |_| {}).await;
    let (owner, keeper) = (Client { url: app.url.clone(), ..owner }, Client { url: app.url.clone(), ..keeper });
    for _ in 0..200 {
        if owner.get(&owner.path("/conversations")).await.expect(200)["total"] == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    owner.get(&owner.path(&format!("/conversations/{old}"))).await.expect_error(404, "not_found:api");
    owner.get(&owner.path(&format!("/conversations/{new}"))).await.expect(200);
    assert_eq!(keeper.get(&keeper.path("/conversations")).await.expect(200)["total"], 1);
}
