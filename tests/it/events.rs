//! `GET /api/workspaces/{ws}/events` and the widget's stream: nothing missed, nothing twice, nothing of others.

use std::time::Duration;

use illumichat::{access::Role, events::Kind};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    assistants::create_assistant,
    chat::{QUESTION, question},
    inbox::{Talk, at, public_desk},
    projects::create_project,
};
use crate::support::{Client, spawn_app};

/// An event stream as a client reads it, which remembers the last id that it has wholly received.
struct Stream {
    response: reqwest::Response,
    held: String,
    told: Vec<(Option<String>, Value)>,
}

impl Stream {
    async fn open(client: &Client, path: &str, last: Option<&str>) -> Stream {
        let request = client.request(Method::GET, path);
        Self::of(match last {
            Some(last) => request.header("last-event-id", last),
            None => request,
        })
        .await
    }

    async fn of(request: reqwest::RequestBuilder) -> Stream {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream { response, held: String::new(), told: Vec::new() }
    }

    /// Reads one piece of the network's; false when nothing comes for a while.
    async fn read(&mut self, patience: Duration) -> bool {
        let Ok(piece) = tokio::time::timeout(patience, self.response.chunk()).await else { return false };
        let Some(piece) = piece.unwrap() else { return false };
        self.held.push_str(std::str::from_utf8(&piece).unwrap());
        while let Some((event, rest)) = self.held.clone().split_once("\n\n") {
            self.held = rest.to_owned();
            if event.starts_with(':') {
                continue;
            }
            let (id, data) = match event.strip_prefix("id: ") {
                Some(rest) => rest.split_once('\n').map(|(id, data)| (Some(id.to_owned()), data)).unwrap(),
                None => (None, event),
            };
            self.told.push((id, serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap()));
        }
        true
    }

    /// Reads until an event of this kind.
    async fn until(&mut self, kind: &str) -> Value {
        for _ in 0..200 {
            if let Some(place) = self.told.iter().position(|(_, value)| value["type"] == kind) {
                let found = self.told[place].1.clone();
                self.told.drain(..=place);
                return found;
            }
            assert!(self.read(Duration::from_secs(5)).await, "no {kind} came: {:?}", self.told);
        }
        panic!("no {kind} came: {:?}", self.told);
    }
}

#[tokio::test]
async fn over_a_thousand_cuts_nothing_is_missed_and_nothing_told_twice() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = public_desk(&app, &owner).await;
    let talk = Talk::begin(&app, &assistant, QUESTION).await;
    let path = owner.path("/events");
    // The first stream begins now, and a change marks the place.
    let mut first = Stream::open(&owner, &path, None).await;
    first.until("presence").await;
    let tag = |number: usize| json!({"tags": [format!("n{number}")]});
    owner.patch(&at(&owner, &talk.chat_id, ""), tag(0)).await.expect(200);
    first.until("conversation.updated").await;
    let writer = {
        let (owner, path) = (owner.clone(), at(&owner, &talk.chat_id, ""));
        tokio::spawn(async move {
            for number in 1..=400 {
                owner.patch(&path, json!({"tags": [format!("n{number}")]})).await.expect(200);
            }
        })
    };
    let mut last: Option<String> = None;
    let mut seen: Vec<String> = Vec::new();
    let mut cuts = 0;
    // Every connection is cut after a few pieces, wherever that is.
    while cuts < 1_000 || !writer.is_finished() || seen.last().is_none_or(|tag| tag != "n400") {
        let place = last.clone();
        if place.is_none() {
            while first.told.iter().all(|(id, _)| id.is_none()) {
                first.read(Duration::from_secs(5)).await;
            }
            let (id, value) = first.told.iter().find(|(id, _)| id.is_some()).cloned().unwrap();
            seen.push(value["data"]["tags"][0].as_str().unwrap().to_owned());
            last = id;
            continue;
        }
        let mut stream = Stream::open(&owner, &path, place.as_deref()).await;
        for _ in 0..1 + cuts % 4 {
            stream.read(Duration::from_millis(20)).await;
        }
        cuts += 1;
        for (id, value) in stream.told {
            if let Some(id) = id {
                seen.push(value["data"]["tags"][0].as_str().unwrap().to_owned());
                last = Some(id);
            }
        }
        assert!(cuts < 6_000, "the end did not come: {:?}", seen.last());
    }
    let expected: Vec<String> = (1..=400).map(|number| format!("n{number}")).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn another_workspaces_stream_and_cursor_give_nothing() {
    let app = spawn_app().await;
    let (owner, stranger) = (app.owner().await, app.owner().await);
    let assistant = public_desk(&app, &owner).await;
    let mut own = Stream::open(&owner, &owner.path("/events"), None).await;
    own.until("presence").await;
    let talk = Talk::begin(&app, &assistant, QUESTION).await;
    while own.told.iter().all(|(id, _)| id.is_none()) {
        own.read(Duration::from_secs(5)).await;
    }
    let cursor = own.told.iter().find_map(|(id, _)| id.clone()).unwrap();
    stranger.get(&owner.path("/events")).await.expect_error(404, "not_found:api");
    app.nobody().get(&owner.path("/events")).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Guest).await.get(&owner.path("/events")).await.expect_error(403, "forbidden:api");
    let mut foreign = Stream::open(&stranger, &stranger.path("/events"), Some(&cursor)).await;
    owner.patch(&at(&owner, &talk.chat_id, ""), json!({"title": "Secret"})).await.expect(200);
    while foreign.read(Duration::from_millis(500)).await {}
    assert!(foreign.told.iter().all(|(id, value)| id.is_none() && value["type"] == "presence"), "{:?}", foreign.told);
    // A visitor of another workspace is told nothing by the same cursor, and nothing of another's conversation.
    let other = Talk::begin(&app, &public_desk(&app, &stranger).await, QUESTION).await;
    let mut visitor = Stream::of(other.request(Method::GET, "events").header("last-event-id", &cursor)).await;
    let crossed = talk.visitor.request(Method::GET, &format!("/api/widget/{}/events", talk.assistant_id)).header("authorization", format!("Widget {}", other.token));
    talk.visitor.send(crossed).await.expect_error(401, "unauthorized:widget");
    owner.post(&at(&owner, &talk.chat_id, "/replies"), json!({"content": "Between us."})).await.expect(201);
    while visitor.read(Duration::from_millis(500)).await {}
    assert!(visitor.told.iter().all(|(id, value)| id.is_none() && (value["type"] == "reset" || value["type"] == "unread" && value["count"] == 0)), "{:?}", visitor.told);
}

#[tokio::test]
async fn a_stream_ends_with_its_token_its_session_and_its_membership() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = public_desk(&app, &owner).await;
    let talk = Talk::begin(&app, &assistant, QUESTION).await;
    let (by_token, removed) = (app.colleague(&owner, Role::Member).await, app.colleague(&owner, Role::Member).await);
    let by_session = app.signed_in(&by_token).await;
    let mut streams = Vec::new();
    for who in [&owner, &by_token, &by_session, &removed] {
        let mut stream = Stream::open(who, &who.path("/events"), None).await;
        stream.until("presence").await;
        streams.push(stream);
    }
    let tokens = by_session.get(&by_session.path("/tokens")).await.expect(200);
    by_session.delete(&by_session.path(&format!("/tokens/{}", tokens["data"][0]["id"].as_str().unwrap()))).await.expect(204);
    by_session.post("/api/auth/signout", json!({})).await.expect(204);
    owner.delete(&owner.path(&format!("/members/{}", removed.user_id))).await.expect(204);
    owner.patch(&at(&owner, &talk.chat_id, ""), json!({"title": "Secret"})).await.expect(200);
    let mut streams = streams.into_iter();
    streams.next().unwrap().until("conversation.updated").await;
    for mut ended in streams {
        // To its end, which comes.
        while let Some(piece) = tokio::time::timeout(Duration::from_secs(5), ended.response.chunk()).await.unwrap().unwrap() {
            assert!(!String::from_utf8_lossy(&piece).contains("Secret"));
        }
    }
}

#[tokio::test]
async fn a_member_is_not_told_of_others_own_conversations() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (member, other) = (app.colleague(&owner, Role::Member).await, app.colleague(&owner, Role::Member).await);
    let assistant = create_assistant(&owner, json!({})).await;
    let mut streams = Vec::new();
    for who in [&owner, &member, &other] {
        let mut stream = Stream::open(who, &owner.path("/events"), None).await;
        stream.until("presence").await;
        streams.push(stream);
    }
    let answer = member.ask("/api/chat", question(&assistant, "Hello")).await;
    let created = streams[1].until("conversation.created").await;
    assert_eq!(created["data"]["id"], answer.chat_id());
    streams[1].until("message.created").await;
    assert_eq!(streams[1].until("message.created").await["data"]["role"], "assistant");
    streams[0].until("conversation.created").await;
    while streams[2].read(Duration::from_millis(500)).await {}
    assert!(streams[2].told.iter().all(|(id, _)| id.is_none()), "{:?}", streams[2].told);
}

#[tokio::test]
async fn a_visitor_sees_a_person_join_type_and_answer_and_catches_up() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let talk = Talk::begin(&app, &public_desk(&app, &owner).await, QUESTION).await;
    talk.visitor.get(&format!("/api/widget/{}/events", talk.assistant_id)).await.expect_error(401, "unauthorized:widget");
    let mut stream = Stream::of(talk.request(Method::GET, "events")).await;
    assert_eq!(stream.until("unread").await["count"], 0);
    owner.post(&at(&owner, &talk.chat_id, "/takeover"), json!({})).await.expect(200);
    let handler = stream.until("handler").await;
    assert_eq!((&handler["handler"], handler["agent"]["name"].is_string()), (&json!("human"), true));
    owner.post(&at(&owner, &talk.chat_id, "/typing"), json!({})).await.expect(204);
    assert_eq!(stream.until("typing").await["typing"], true);
    owner.post(&at(&owner, &talk.chat_id, "/replies"), json!({"content": "Between us.", "note": true})).await.expect(201);
    owner.post(&at(&owner, &talk.chat_id, "/replies"), json!({"content": "Hello!"})).await.expect(201);
    let last = loop {
        if let Some((id, value)) = stream.told.iter().find(|(_, value)| value["type"] == "message").cloned() {
            assert_eq!((&value["message"]["content"], &value["unread"]), (&json!("Hello!"), &json!(1)), "the note stays inside");
            break id.unwrap();
        }
        assert!(stream.read(Duration::from_secs(5)).await);
    };
    drop(stream);
    owner.post(&at(&owner, &talk.chat_id, "/replies"), json!({"content": "Still there?"})).await.expect(201);
    let mut again = Stream::of(talk.request(Method::GET, "events").header("last-event-id", &last)).await;
    assert_eq!(again.until("message").await["message"]["content"], "Still there?");
    talk.post("read", json!({})).await.expect(204);
    owner.post(&at(&owner, &talk.chat_id, "/close"), json!({})).await.expect(200);
    again.until("closed").await;
    // The dashboard is told that the visitor types.
    let mut page = Stream::open(&owner, &owner.path("/events"), None).await;
    page.until("presence").await;
    talk.post("typing", json!({"typing": true})).await.expect(204);
    assert_eq!(page.until("typing").await["conversationId"], talk.chat_id);
}

/// Does everything that can happen in a workspace once, and looks that each kind of the closed list was told.
#[tokio::test]
async fn each_kind_of_the_closed_list_happens() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = public_desk(&app, &owner).await;
    // Members come and go, documents are read, or cannot be.
    let member = app.colleague(&owner, Role::Member).await;
    owner.delete(&owner.path(&format!("/members/{}", member.user_id))).await.expect(204);
    owner.patch(&owner.path(&format!("/assistants/{}", assistant["id"].as_str().unwrap())), json!({"description": "New"})).await.expect(200);
    let project = create_project(&owner, "Broken").await;
    let long: String = (0..120).map(|number| format!("## Section {number}\n\nMachine {number} is serviced every {number} days by the crew of hall {number}, who note it in the book.\n\n")).collect();
    owner.post(&owner.path(&format!("/projects/{project}/documents")), json!({"title": "Manual", "text": long})).await.expect(201);
    let form = reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::bytes(b"%PDF-1.7 and nothing else".to_vec()).file_name("broken.pdf"));
    let _ = owner.send(owner.request(Method::POST, &owner.path(&format!("/projects/{project}/documents"))).multipart(form)).await;
    app.drain().await;
    // A visitor asks, rates, leaves an address, wants a person, who answers and closes.
    let talk = Talk::begin(&app, &assistant, QUESTION).await;
    talk.post("lead", json!({"email": "ada@example.com"})).await.expect(201);
    let answer = talk.visitor.send(talk.request(Method::GET, "history")).await.expect(200)["data"][1]["id"].clone();
    talk.post("feedback", json!({"messageId": answer, "rating": "up"})).await.expect(201);
    talk.post("handoff", json!({})).await.expect(202);
    owner.post(&at(&owner, &talk.chat_id, "/close"), json!({})).await.expect(200);
    let ticket = owner.post(&owner.path("/tickets"), json!({"conversationId": talk.chat_id})).await.expect(201);
    let one = owner.path(&format!("/tickets/{}", ticket["id"].as_str().unwrap()));
    owner.patch(&one, json!({"status": "resolved"})).await.expect(200);
    // Erasing somebody takes all that is theirs along, and says so of each.
    let contact = ticket["contactId"].as_str().unwrap();
    owner.patch(&owner.path(&format!("/contacts/{contact}")), json!({"name": "Ada"})).await.expect(200);
    owner.delete(&owner.path(&format!("/contacts/{contact}"))).await.expect(204);
    let told = app.app.db.read(|connection| illumichat::events::list_after(connection, Some(&owner.workspace_id), 0, 10_000)).unwrap();
    let missing: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).filter(|name| told.iter().all(|event| event.kind != *name)).collect();
    assert!(missing.is_empty(), "never told: {missing:?}");
    for (kind, id) in [("conversation.deleted", talk.chat_id.as_str()), ("ticket.deleted", ticket["id"].as_str().unwrap())] {
        assert!(told.iter().any(|event| event.kind == kind && event.resource_id == id), "{kind}");
    }
    assert!(told.iter().all(|event| !event.data.to_string().contains("ada@example.com")));
    // Those of the contract's list, and no others, can be subscribed to.
    let public: Vec<&str> = Kind::ALL.iter().filter(|kind| kind.is_public()).map(|kind| kind.name()).collect();
    assert_eq!(
        public,
        [
            "conversation.created", "conversation.closed", "conversation.handed_off", "message.created", "lead.captured", "contact.created", "contact.updated", "contact.deleted",
            "ticket.created", "ticket.updated", "ticket.resolved", "feedback.created", "assistant.updated", "document.completed", "document.failed", "member.joined", "member.left",
        ]
    );
}
