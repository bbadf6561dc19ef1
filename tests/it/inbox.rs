//! People in the conversation: taking over, replying, handing off.

use std::time::{Duration, Instant};

use illumichat::{
    access::Role,
    clock::{Clock, Timestamp},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    assistants::create_assistant,
    chat::{QUESTION, help_desk},
};
use crate::support::{
    Client, TestApp,
    llm_server::{Gate, LlmServer, Script},
    spawn_app,
    stream::Live,
};

/// What a visitor has: the assistant's address and a token.
pub struct Talk {
    pub visitor: Client,
    pub assistant_id: String,
    pub token: String,
    pub chat_id: String,
}

impl Talk {
    /// A visitor who has asked once.
    pub async fn begin(app: &TestApp, assistant: &Value, question: &str) -> Talk {
        let visitor = app.nobody();
        let assistant_id = assistant["id"].as_str().unwrap().to_owned();
        let answer = visitor.ask(&format!("/api/widget/{assistant_id}/chat"), json!({"message": question})).await;
        let token = answer.events[0]["sessionToken"].as_str().unwrap().to_owned();
        Talk { visitor, assistant_id, token, chat_id: answer.chat_id().to_owned() }
    }

    pub fn request(&self, method: Method, rest: &str) -> reqwest::RequestBuilder {
        self.visitor.request(method, &format!("/api/widget/{}/{rest}", self.assistant_id)).header("authorization", format!("Widget {}", self.token))
    }

    pub async fn post(&self, rest: &str, body: Value) -> crate::support::app::Reply {
        self.visitor.send(self.request(Method::POST, rest).json(&body)).await
    }

    pub async fn history(&self) -> Vec<(String, String)> {
        let history = self.visitor.send(self.request(Method::GET, "history?limit=100")).await.expect(200);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        history["data"].as_array().unwrap().iter().map(|message| (text(&message["role"]), text(&message["content"]))).collect()
    }
}

pub fn at(client: &Client, chat_id: &str, rest: &str) -> String {
    client.path(&format!("/conversations/{chat_id}{rest}"))
}

pub async fn public_desk(app: &TestApp, owner: &Client) -> Value {
    help_desk(app, owner, json!({"visibility": "public", "widgetEnabled": true, "handoff": {"enabled": true, "escalateMinutes": 5}})).await
}

#[tokio::test]
async fn taking_over_refuses_who_may_not() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let talk = Talk::begin(&app, &public_desk(&app, &owner).await, QUESTION).await;
    let path = at(&owner, &talk.chat_id, "/takeover");
    app.nobody().post(&path, json!({})).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Guest).await.post(&path, json!({})).await.expect_error(403, "forbidden:api");
    app.owner().await.post(&path, json!({})).await.expect_error(404, "not_found:api");
    owner.post(&at(&owner, "chat_none", "/takeover"), json!({})).await.expect_error(404, "not_found:api");
    // Somebody's own conversation is not the inbox's.
    let own = owner.ask("/api/chat", super::chat::question(&create_assistant(&owner, json!({})).await, "Hello")).await;
    owner.post(&at(&owner, own.chat_id(), "/takeover"), json!({})).await.expect_error(409, "conflict:api");
    owner.post(&at(&owner, &talk.chat_id, "/replies"), json!({"content": " "})).await.expect_error(400, "bad_request:api");
    owner.post(&at(&owner, &talk.chat_id, "/snooze"), json!({"until": "2001-01-01T00:00:00Z"})).await.expect_error(400, "bad_request:api");
    owner.post(&at(&owner, &talk.chat_id, "/assign"), json!({"userId": "usr_none"})).await.expect_error(400, "bad_request:api");
}

#[tokio::test]
async fn of_many_who_take_over_at_once_one_has_it_and_the_others_are_told_who() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let talk = Talk::begin(&app, &public_desk(&app, &owner).await, QUESTION).await;
    let mut agents = Vec::new();
    for _ in 0..8 {
        agents.push(app.colleague(&owner, Role::Member).await);
    }
    let path = at(&owner, &talk.chat_id, "/takeover");
    let replies = futures_util::future::join_all(agents.iter().map(|agent| agent.post(&path, json!({})))).await;
    let winners: Vec<usize> = replies.iter().enumerate().filter(|(_, reply)| reply.status == 200).map(|(place, _)| place).collect();
    assert_eq!(winners.len(), 1);
    let winner = &agents[winners[0]];
    for (place, reply) in replies.into_iter().enumerate().filter(|(place, _)| *place != winners[0]) {
        let error = reply.expect_error(409, "conflict:api");
        assert_eq!(error["details"]["assigneeId"], winner.user_id, "{place}: {error}");
    }
    // Once more by the one who has it is fine.
    let taken = winner.post(&path, json!({})).await.expect(200);
    assert_eq!((&taken["handler"], &taken["assigneeId"]), (&json!("human"), &json!(winner.user_id)));
    let released = winner.post(&at(&owner, &talk.chat_id, "/release"), json!({})).await.expect(200);
    assert_eq!((&released["handler"], &released["assigneeId"]), (&json!("ai"), &json!(null)));
}

#[tokio::test]
async fn a_takeover_stops_the_assistant_in_mid_answer_within_a_second() {
    let llm = LlmServer::start().await;
    let gate = Gate::closed();
    llm.next(Script::says(["One ", "two."]).held_after(1, &gate));
    let app = TestApp::with(|config| {
        let provider = illumichat::config::Provider { kind: Some("openai-compatible".into()), base_url: Some(llm.base_url()), models: vec!["scripted".into()], ..Default::default() };
        config.providers.insert("scripted".into(), provider);
    })
    .await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({"visibility": "public", "widgetEnabled": true})).await;
    let visitor = app.nobody();
    let path = format!("/api/widget/{}/chat", assistant["id"].as_str().unwrap());
    let mut live = visitor.ask_live(&path, json!({"message": "Count to two, please"})).await;
    let start = live.next().await.unwrap();
    live.until("text-delta").await;
    let began = Instant::now();
    let chat_id = start["chatId"].as_str().unwrap();
    owner.post(&at(&owner, chat_id, "/takeover"), json!({})).await.expect(200);
    assert_eq!(live.rest().await.text(), "One ");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    llm.dropped(0).await;
    // From here on a person answers, and nobody else.
    let token = start["sessionToken"].as_str().unwrap();
    let more = visitor.request(Method::POST, &path).header("authorization", format!("Widget {token}")).json(&json!({"message": "Are you there?"}));
    let reply = visitor.send(more).await.expect(202);
    assert_eq!((&reply["status"], &reply["chatId"]), (&json!("delivered"), &json!(chat_id)));
    let said = owner.post(&at(&owner, chat_id, "/replies"), json!({"content": "Yes, I am."})).await.expect(201);
    assert_eq!((&said["role"], said["author"].as_str().is_some()), (&json!("agent"), true));
    assert_eq!(llm.received().len(), 1);
}

#[tokio::test]
async fn an_agents_reply_reaches_the_visitor_and_a_note_does_not() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let talk = Talk::begin(&app, &public_desk(&app, &owner).await, QUESTION).await;
    owner.post(&at(&owner, &talk.chat_id, "/replies"), json!({"content": "They look angry.", "note": true})).await.expect(201);
    let still = owner.get(&at(&owner, &talk.chat_id, "")).await.expect(200);
    assert_eq!(still["handler"], "ai", "a note takes nothing over");
    owner.post(&at(&owner, &talk.chat_id, "/replies"), json!({"content": "I am here to help."})).await.expect(201);
    let history = talk.history().await;
    assert!(history.contains(&("agent".to_owned(), "I am here to help.".to_owned())), "{history:?}");
    assert!(history.iter().all(|(role, content)| role != "note" && role != "event" && !content.contains("angry")), "{history:?}");
    let now = owner.get(&at(&owner, &talk.chat_id, "")).await.expect(200);
    assert_eq!((&now["handler"], &now["assigneeId"]), (&json!("human"), &json!(owner.user_id)));
}

#[tokio::test]
async fn closing_reopening_tags_and_unread_messages() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let colleague = app.colleague(&owner, Role::Member).await;
    let talk = Talk::begin(&app, &public_desk(&app, &owner).await, QUESTION).await;
    let chat = at(&owner, &talk.chat_id, "");
    let counts = |client: Client| async move { client.get(&client.path("/inbox")).await.expect(200) };
    assert_eq!((owner.get(&chat).await.expect(200)["unread"].clone(), counts(owner.clone()).await["unread"].clone()), (json!(1), json!(1)));
    owner.post(&at(&owner, &talk.chat_id, "/read"), json!({})).await.expect(204);
    assert_eq!(owner.get(&chat).await.expect(200)["unread"], 0);
    assert_eq!(colleague.get(&chat).await.expect(200)["unread"], 1, "each has their own");
    let changed = owner.patch(&chat, json!({"tags": ["urgent", "billing", "urgent"], "title": "Refund"})).await.expect(200);
    assert_eq!((&changed["tags"], &changed["title"]), (&json!(["billing", "urgent"]), &json!("Refund")));
    assert_eq!(owner.get(&owner.path("/conversations?tag=urgent&inbox=true")).await.expect(200)["total"], 1);
    assert_eq!(owner.get(&owner.path("/conversations?tag=other")).await.expect(200)["total"], 0);
    owner.patch(&chat, json!({"contactId": "con_none"})).await.expect_error(400, "bad_request:api");
    assert_eq!(owner.post(&at(&owner, &talk.chat_id, "/close"), json!({})).await.expect(200)["status"], "closed");
    // What the visitor writes opens it again.
    Live::of(talk.request(Method::POST, "chat").json(&json!({"message": "One more thing"}))).await.rest().await;
    assert_eq!(owner.get(&chat).await.expect(200)["status"], "open");
    let summary = owner.post(&at(&owner, &talk.chat_id, "/summary"), json!({})).await.expect(200);
    assert!(summary["summary"].as_str().unwrap().contains("One more thing"), "{summary}");
    let draft = owner.ask(&at(&owner, &talk.chat_id, "/draft"), json!({})).await;
    assert!(!draft.text().is_empty());
    let messages = owner.get(&at(&owner, &talk.chat_id, "/messages")).await.expect(200);
    assert!(!messages.to_string().contains(&format!("\"id\":\"{}\"", draft.message_id())), "a draft is not stored");
}

#[tokio::test]
async fn a_snoozed_conversation_wakes_by_itself_or_when_the_customer_writes() {
    let clock = Clock::held(Timestamp::parse("2026-03-02T09:00:00Z").unwrap());
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), clock.clone(), |_| {}).await;
    let owner = app.owner().await;
    let talk = Talk::begin(&app, &public_desk(&app, &owner).await, QUESTION).await;
    let snooze = at(&owner, &talk.chat_id, "/snooze");
    let asleep = owner.post(&snooze, json!({"until": "2026-03-02T10:00:00Z"})).await.expect(200);
    assert_eq!(asleep["snoozedUntil"], "2026-03-02T10:00:00.000Z");
    clock.advance(Duration::from_secs(3599));
    app.drain().await;
    assert!(owner.get(&at(&owner, &talk.chat_id, "")).await.expect(200)["snoozedUntil"].is_string());
    clock.advance(Duration::from_secs(1));
    app.drain().await;
    assert_eq!(owner.get(&at(&owner, &talk.chat_id, "")).await.expect(200)["snoozedUntil"], json!(null));
    owner.post(&snooze, json!({"until": "2026-03-03T10:00:00Z"})).await.expect(200);
    Live::of(talk.request(Method::POST, "chat").json(&json!({"message": "Hello"}))).await.rest().await;
    assert_eq!(owner.get(&at(&owner, &talk.chat_id, "")).await.expect(200)["snoozedUntil"], json!(null));
}

/// Has somebody's dashboard open.
async fn be_there(person: &Client) -> reqwest::Response {
    let mut response = person.request(Method::GET, &person.path("/events")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.chunk().await.unwrap();
    response
}

#[tokio::test]
async fn each_reason_with_nobody_one_and_several_there_and_none_is_silent() {
    let clock = Clock::held(Timestamp::parse("2026-03-02T09:00:00Z").unwrap());
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), clock.clone(), |_| {}).await;
    let owner = app.owner().await;
    let colleague = app.colleague(&owner, Role::Member).await;
    let assistant = public_desk(&app, &owner).await;
    let everyone = [app.signed_in(&owner).await, app.signed_in(&colleague).await];
    for people in 0..3 {
        for reason in ["customer_request", "missing_knowledge", "unsupported_request", "policy", "tool_failure", "low_rating"] {
            let there = futures_util::future::join_all(everyone.iter().take(people).map(be_there)).await;
            let talk = Talk::begin(&app, &assistant, "Hello").await;
            let state = talk.post("handoff", json!({"reason": reason})).await.expect(202);
            assert_eq!(state["online"], people > 0, "{reason} with {people}: {state}");
            assert_eq!(state["form"], people == 0, "{state}");
            let told = state["message"].as_str().unwrap();
            assert_eq!(told.contains("Someone is here"), people > 0, "{told}");
            let waits = owner.get(&at(&owner, &talk.chat_id, "")).await.expect(200);
            assert_eq!((&waits["status"], &waits["handoffReason"]), (&json!("pending"), &json!(reason)));
            assert!(talk.history().await.iter().any(|(_, content)| content == told), "the visitor was told");
            // Again changes nothing.
            let said = talk.history().await.len();
            talk.post("handoff", json!({})).await.expect(202);
            assert_eq!(talk.history().await.len(), said);
            // Nobody comes: it is told once more, to both sides.
            clock.advance(Duration::from_secs(300));
            app.drain().await;
            let late = owner.get(&at(&owner, &talk.chat_id, "")).await.expect(200);
            assert!(late["escalatedAt"].is_string(), "{reason} with {people}: {late}");
            assert_eq!(talk.history().await.len(), said + 1);
            // Somebody comes.
            let taken = owner.post(&at(&owner, &talk.chat_id, "/takeover"), json!({})).await.expect(200);
            assert_eq!((&taken["status"], &taken["handoffReason"]), (&json!("open"), &json!(null)));
            drop(there);
        }
    }
    let talk = Talk::begin(&app, &assistant, "Hello").await;
    assert_eq!(talk.post("handoff", json!({"reason": "boredom"})).await.status, 400, "the list is closed");
}

#[tokio::test]
async fn an_assistant_that_does_not_know_and_a_low_rating_ask_for_a_person() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = public_desk(&app, &owner).await;
    let talk = Talk::begin(&app, &assistant, "Which zeppelin flies to Saturn on xylophone day?").await;
    let waits = owner.get(&at(&owner, &talk.chat_id, "")).await.expect(200);
    assert_eq!((&waits["status"], &waits["handoffReason"]), (&json!("pending"), &json!("missing_knowledge")));
    let rated = Talk::begin(&app, &assistant, QUESTION).await;
    let answer = rated.visitor.send(rated.request(Method::GET, "history")).await.expect(200)["data"][1]["id"].clone();
    rated.post("feedback", json!({"messageId": answer, "rating": "up"})).await.expect(201);
    assert_eq!(owner.get(&at(&owner, &rated.chat_id, "")).await.expect(200)["status"], "open");
    rated.post("feedback", json!({"messageId": answer, "rating": "down", "comment": "No."})).await.expect(201);
    let waits = owner.get(&at(&owner, &rated.chat_id, "")).await.expect(200);
    assert_eq!((&waits["status"], &waits["handoffReason"]), (&json!("pending"), &json!("low_rating")));
    for wrong in [json!({"comment": "No rating."}), json!({"rating": 0}), json!({"rating": "sideways"}), json!({"rating": 6})] {
        rated.post("feedback", wrong).await.expect_error(400, "bad_request:widget");
    }
}

#[tokio::test]
async fn the_closed_are_told_when_it_opens() {
    let clock = Clock::held(Timestamp::parse("2026-03-02T20:00:00Z").unwrap());
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), clock, |_| {}).await;
    let owner = app.owner().await;
    let assistant = public_desk(&app, &owner).await;
    let hours: Value = ["monday", "tuesday"].iter().map(|day| ((*day).to_owned(), json!([{"from": "09:00", "to": "17:00"}]))).collect::<serde_json::Map<_, _>>().into();
    owner.patch(&owner.path(""), json!({"settings": {"timeZone": "Europe/Berlin", "openingHours": hours}})).await.expect(200);
    let _there = be_there(&app.signed_in(&owner).await).await;
    let talk = Talk::begin(&app, &assistant, "Hello").await;
    let state = talk.post("handoff", json!({})).await.expect(202);
    assert_eq!((&state["online"], &state["opensAt"]), (&json!(false), &json!("2026-03-03T08:00:00.000Z")));
    assert!(state["message"].as_str().unwrap().contains("Tuesday, 3 March, 09:00"), "{state}");
}

#[tokio::test]
async fn macros_are_made_by_admins_and_read_by_members() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let member = app.colleague(&owner, Role::Member).await;
    let path = owner.path("/macros");
    member.post(&path, json!({"name": "Hi", "content": "Hello!"})).await.expect_error(403, "forbidden:api");
    let made = owner.post(&path, json!({"name": "Hi", "content": "Hello!"})).await.expect(201);
    owner.post(&path, json!({"name": "Hi", "content": "Again"})).await.expect_error(409, "conflict:api");
    owner.post(&path, json!({"name": "Empty", "content": " "})).await.expect_error(400, "bad_request:api");
    assert_eq!(member.get(&path).await.expect(200)["data"][0]["content"], "Hello!");
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!(owner.patch(&one, json!({"content": "Good day!"})).await.expect(200)["content"], "Good day!");
    app.owner().await.delete(&one).await.expect_error(404, "not_found:api");
    owner.delete(&one).await.expect(204);
}

#[tokio::test]
async fn views_are_ones_own_or_everybodys() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (member, other) = (app.colleague(&owner, Role::Member).await, app.colleague(&owner, Role::Member).await);
    let path = owner.path("/views");
    app.nobody().get(&path).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Guest).await.get(&path).await.expect_error(403, "forbidden:api");
    member.post(&path, json!({"name": "All", "shared": true})).await.expect_error(403, "forbidden:api");
    member.post(&path, json!({"name": " "})).await.expect_error(400, "bad_request:api");
    member.post(&path, json!({"name": "Mine", "filter": {"status": "odd"}})).await.expect_error(400, "bad_request:api");
    let own = member.post(&path, json!({"name": "Mine", "filter": {"assigneeId": "me", "status": "pending"}})).await.expect(201);
    assert_eq!((&own["shared"], &own["filter"]["assigneeId"], &own["filter"]["status"], &own["filter"]["tag"]), (&json!(false), &json!("me"), &json!("pending"), &json!(null)));
    member.post(&path, json!({"name": "Mine"})).await.expect_error(409, "conflict:api");
    other.post(&path, json!({"name": "Mine"})).await.expect(201);
    let shared = owner.post(&path, json!({"name": "Unassigned", "shared": true, "filter": {"assigneeId": "none", "inbox": true}})).await.expect(201);
    assert_eq!(member.get(&path).await.expect(200)["total"], 2);
    assert_eq!(owner.get(&path).await.expect(200)["total"], 1);
    let one = |view: &Value| format!("{path}/{}", view["id"].as_str().unwrap());
    other.patch(&one(&own), json!({"name": "Theirs"})).await.expect_error(404, "not_found:api");
    member.patch(&one(&shared), json!({"name": "Ours"})).await.expect_error(403, "forbidden:api");
    app.owner().await.delete(&one(&shared)).await.expect_error(404, "not_found:api");
    let changed = member.patch(&one(&own), json!({"name": "Urgent", "filter": {"tag": "urgent"}})).await.expect(200);
    assert_eq!((&changed["name"], &changed["filter"]["tag"], &changed["filter"]["assigneeId"]), (&json!("Urgent"), &json!("urgent"), &json!(null)));
    member.delete(&one(&own)).await.expect(204);
    // What they name works in the list.
    let talk = Talk::begin(&app, &public_desk(&app, &owner).await, QUESTION).await;
    let count = async |who: &Client, assignee: &str| who.get(&who.path(&format!("/conversations?inbox=true&assigneeId={assignee}"))).await.expect(200)["total"].clone();
    assert_eq!((count(&owner, "none").await, count(&owner, "me").await), (json!(1), json!(0)));
    owner.post(&at(&owner, &talk.chat_id, "/takeover"), json!({})).await.expect(200);
    assert_eq!((count(&owner, "none").await, count(&owner, "me").await, count(&member, "me").await), (json!(0), json!(1), json!(0)));
}

/// What the lines about events tell, as data.
async fn events_in(owner: &Client, chat_id: &str) -> Vec<Value> {
    let messages = owner.get(&at(owner, chat_id, "/messages?limit=100")).await.expect(200);
    messages["data"].as_array().unwrap().iter().filter(|message| message["role"] == "event").map(|message| message["event"].clone()).collect()
}

#[tokio::test]
async fn a_line_about_an_event_says_as_data_who_did_what() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let colleague = app.colleague(&owner, Role::Member).await;
    let talk = Talk::begin(&app, &public_desk(&app, &owner).await, QUESTION).await;
    talk.post("handoff", json!({"reason": "policy"})).await.expect(202);
    colleague.post(&at(&owner, &talk.chat_id, "/takeover"), json!({})).await.expect(200);
    owner.post(&at(&owner, &talk.chat_id, "/assign"), json!({"userId": colleague.user_id})).await.expect(200);
    owner.post(&at(&owner, &talk.chat_id, "/assign"), json!({"userId": owner.user_id})).await.expect(200);
    colleague.post(&at(&owner, &talk.chat_id, "/assign"), json!({"userId": null})).await.expect(200);
    owner.post(&at(&owner, &talk.chat_id, "/assign"), json!({"userId": colleague.user_id})).await.expect(200);
    owner.post(&at(&owner, &talk.chat_id, "/release"), json!({})).await.expect(200);
    let told: Vec<(String, Value, Value)> = events_in(&owner, &talk.chat_id)
        .await
        .into_iter()
        .map(|event| (event["kind"].as_str().unwrap().to_owned(), event["actor"]["id"].clone(), event["user"]["id"].clone()))
        .collect();
    let (own, other, nobody) = (json!(owner.user_id), json!(colleague.user_id), json!(null));
    let line = |kind: &str, actor: &Value, user: &Value| (kind.to_owned(), actor.clone(), user.clone());
    assert_eq!(
        told,
        [
            line("handed_off", &nobody, &nobody),
            line("joined", &other, &other),
            line("joined", &own, &own),
            line("unassigned", &other, &nobody),
            line("assigned", &own, &other),
            line("released", &own, &nobody),
        ]
    );
    let events = events_in(&owner, &talk.chat_id).await;
    assert_eq!(events[0], json!({"kind": "handed_off", "reason": "policy"}));
    assert!(events[4]["actor"]["name"].as_str().unwrap().starts_with("Person") && events[4]["user"]["name"].is_string());
    // Other messages have none, and the visitor sees no such line.
    let messages = owner.get(&at(&owner, &talk.chat_id, "/messages?limit=100")).await.expect(200);
    assert!(messages["data"].as_array().unwrap().iter().all(|message| (message["role"] == "event") == message.get("event").is_some()));
    assert!(talk.history().await.iter().all(|(role, _)| role != "event"));
}

#[tokio::test]
async fn a_page_is_told_what_a_visitor_has_seen() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let talk = Talk::begin(&app, &public_desk(&app, &owner).await, QUESTION).await;
    let seen = async || owner.get(&at(&owner, &talk.chat_id, "")).await.expect(200)["customerSeenAt"].clone();
    let told = || {
        let events = app.app.db.read(|connection| illumichat::events::list_after(connection, Some(&owner.workspace_id), 0, 10_000)).unwrap();
        events.iter().filter(|event| event.data["changed"] == json!(["customerSeenAt"])).count()
    };
    assert_eq!(seen().await, json!(null));
    let first = owner.post(&at(&owner, &talk.chat_id, "/replies"), json!({"content": "Hello!"})).await.expect(201);
    talk.post("read", json!({})).await.expect(204);
    assert!(seen().await.as_str().unwrap() >= first["createdAt"].as_str().unwrap());
    // Again says nothing new.
    talk.post("read", json!({})).await.expect(204);
    assert_eq!(told(), 1);
    let second = owner.post(&at(&owner, &talk.chat_id, "/replies"), json!({"content": "Still there?"})).await.expect(201);
    assert!(seen().await.as_str().unwrap() < second["createdAt"].as_str().unwrap());
    talk.post("read", json!({})).await.expect(204);
    assert_eq!((seen().await, told()), (second["createdAt"].clone(), 2));
}

#[tokio::test]
async fn what_is_not_known_is_no_draft() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({"visibility": "public", "widgetEnabled": true, "fallbackMessage": "Sorry, no idea."})).await;
    let known = Talk::begin(&app, &assistant, QUESTION).await;
    let draft = owner.ask(&at(&owner, &known.chat_id, "/draft"), json!({})).await;
    assert!(draft.text().contains("30 days") && draft.finish()["answered"] == true, "{}", draft.text());
    let unknown = Talk::begin(&app, &assistant, "Which zeppelin flies to Saturn on xylophone day?").await;
    assert!(unknown.history().await.iter().any(|(_, content)| content == "Sorry, no idea."));
    let draft = owner.ask(&at(&owner, &unknown.chat_id, "/draft"), json!({})).await;
    assert_eq!((draft.text().as_str(), &draft.finish()["answered"], &draft.finish()["finishReason"]), ("", &json!(false), &json!("stop")));
}

#[tokio::test]
async fn a_visitor_is_told_of_people_in_their_language() {
    let clock = Clock::held(Timestamp::parse("2026-03-02T20:00:00Z").unwrap());
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), clock.clone(), |_| {}).await;
    let owner = app.owner().await;
    let assistant = public_desk(&app, &owner).await;
    let message = async |talk: &Talk| talk.post("handoff", json!({})).await.expect(202)["message"].as_str().unwrap().to_owned();
    // What they write tells it, not what the operator speaks.
    let german = Talk::begin(&app, &assistant, "Hallo").await;
    assert_eq!(message(&german).await, "Im Moment ist niemand da. Hinterlassen Sie Ihre E-Mail-Adresse, dann antworten wir Ihnen dorthin.");
    assert!(german.history().await.iter().any(|(_, content)| content.starts_with("Im Moment ist niemand da.")));
    clock.advance(Duration::from_secs(300));
    app.drain().await;
    assert!(german.history().await.last().unwrap().1.starts_with("Im Moment ist niemand da."));
    let french = Talk::begin(&app, &assistant, "Bonjour").await;
    assert!(message(&french).await.starts_with("Personne n'est là"));
    // Else their browser does, else the widget, else the workspace.
    let begin = async |metadata: Value| -> Talk {
        let visitor = app.nobody();
        let assistant_id = assistant["id"].as_str().unwrap().to_owned();
        let session = visitor.post(&format!("/api/widget/{assistant_id}/session"), json!({"metadata": metadata})).await.expect(201);
        Talk { visitor, assistant_id, token: session["sessionToken"].as_str().unwrap().to_owned(), chat_id: String::new() }
    };
    assert!(message(&begin(json!({"locale": "es-MX"})).await).await.starts_with("Ahora mismo"));
    assert!(message(&begin(json!({"locale": "tlh"})).await).await.starts_with("Nobody is here"));
    owner.patch(&owner.path(""), json!({"settings": {"locale": "nl"}})).await.expect(200);
    assert!(message(&begin(json!({})).await).await.starts_with("Er is nu niemand."));
    let its_path = owner.path(&format!("/assistants/{}", assistant["id"].as_str().unwrap()));
    owner.patch(&its_path, json!({"widget": {"locale": "it"}})).await.expect(200);
    assert!(message(&begin(json!({})).await).await.starts_with("Al momento"));
    // Words of the operator's own stand as they are.
    let offline = |text: Value| owner.patch(its_path.as_str(), json!({"handoff": {"offlineMessage": text}}));
    offline(json!("Back soon.")).await.expect(200);
    assert_eq!(message(&begin(json!({"locale": "de"})).await).await, "Back soon.");
    offline(json!(null)).await.expect(200);
    // With hours, and with somebody there.
    let day = json!([{"from": "09:00", "to": "17:00"}]);
    owner.patch(&owner.path(""), json!({"settings": {"timeZone": "Europe/Berlin", "openingHours": {"tuesday": day}}})).await.expect(200);
    let closed = message(&begin(json!({"locale": "de"})).await).await;
    assert!(closed.contains("Wir sind wieder da am Dienstag, 3.3., 09:00 Uhr (Europe/Berlin)."), "{closed}");
    let _there = be_there(&app.signed_in(&owner).await).await;
    owner.patch(&owner.path(""), json!({"settings": {"openingHours": null}})).await.expect(200);
    assert!(message(&begin(json!({"locale": "de"})).await).await.starts_with("Ein Mensch wurde dazugebeten."));
}
