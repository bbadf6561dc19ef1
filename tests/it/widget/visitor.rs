//! What a visitor does besides asking: leaving an address, opening a ticket, sending files, being somebody.

use std::time::Duration;

use illumichat::clock::{Clock, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use super::{ask_in, from_shop, path, public, with_token};
use crate::support::{Client, TestApp, spawn_app, stream::Live};

/// An assistant with everything that a visitor can do switched on.
async fn generous(client: &Client) -> Value {
    let on = json!({"enabled": true});
    public(client, json!({"handoff": on, "widget": {"leadForm": on, "tickets": on, "uploads": on}})).await
}

async fn session_of(visitor: &Client, assistant: &Value, body: Value) -> (Value, String) {
    let session = visitor.post(&path(assistant, "session"), body).await.expect(201);
    let token = session["sessionToken"].as_str().unwrap().to_owned();
    (session, token)
}

#[tokio::test]
async fn what_is_off_is_refused_and_what_is_on_is_in_the_config() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (on, off) = (generous(&owner).await, public(&owner, json!({})).await);
    let visitor = app.nobody();
    let config = visitor.get(&path(&on, "config")).await.expect(200);
    for object in ["leadForm", "tickets", "handoff", "uploads"] {
        assert_eq!(config[object]["enabled"], true, "{object}");
    }
    assert_eq!(config["handoff"]["online"], false);
    let (_, token) = session_of(&visitor, &off, json!({})).await;
    visitor.send(with_token(&visitor, Method::POST, &path(&off, "handoff"), &token).json(&json!({}))).await.expect_error(403, "forbidden:widget");
    let ticket = json!({"assistantId": off["id"], "subject": "Broken", "description": "It is."});
    visitor.post("/api/widget/tickets/create", ticket).await.expect_error(403, "forbidden:widget");
    let form = reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::bytes(b"words".to_vec()).file_name("a.txt"));
    visitor.send(with_token(&visitor, Method::POST, &path(&off, "uploads"), &token).multipart(form)).await.expect_error(403, "forbidden:widget");
    for rest in ["lead", "feedback", "handoff", "typing", "read"] {
        visitor.post(&path(&on, rest), json!({"rating": 1})).await.expect_error(401, "unauthorized:widget");
    }
}

#[tokio::test]
async fn a_lead_becomes_a_contact_of_which_nothing_is_shown() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = generous(&owner).await;
    let known = owner.post(&owner.path("/contacts"), json!({"name": "Jane Doe", "email": "jane@example.com", "company": "Acme"})).await.expect(201);
    let visitor = app.nobody();
    let (session, token) = session_of(&visitor, &assistant, json!({})).await;
    let answer = ask_in(&visitor, &assistant, &token, "Hello").await;
    let lead = |body: Value| visitor.send(with_token(&visitor, Method::POST, &path(&assistant, "lead"), &token).json(&body));
    for wrong in [json!({}), json!({"name": "Jane"}), json!({"email": "nowhere"}), json!({"email": 1})] {
        assert_eq!(lead(wrong).await.status, 400);
    }
    let taken = lead(json!({"name": "Somebody else", "email": "Jane@Example.com", "fields": {"size": "L"}})).await.expect(201);
    assert!(taken["leadId"].as_str().unwrap().starts_with("lead_"));
    let contact = owner.get(&owner.path(&format!("/contacts/{}", known["id"].as_str().unwrap()))).await.expect(200);
    assert_eq!((&contact["name"], &contact["verified"]), (&json!("Jane Doe"), &json!(false)), "no filled field is overwritten");
    let conversation = owner.get(&owner.path(&format!("/conversations/{}", answer.chat_id()))).await.expect(200);
    assert_eq!(conversation["contactId"], known["id"]);
    let body = json!({"sessionId": session["sessionId"], "sessionToken": token});
    let resumed = visitor.post(&path(&assistant, "session"), body).await;
    assert!(!resumed.text.contains("Jane") && !resumed.text.contains("Acme"), "{}", resumed.text);
    // Whoever is kept out by now is kept out here.
    owner.post(&owner.path(&format!("/contacts/{}/block", known["id"].as_str().unwrap())), json!({})).await;
    let chat = with_token(&visitor, Method::POST, &path(&assistant, "chat"), &token).json(&json!({"message": "Hello?"}));
    visitor.send(chat).await.expect_error(403, "forbidden:widget");
}

#[tokio::test]
async fn an_identity_is_a_claim_unless_it_is_signed() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = generous(&owner).await;
    let visitor = app.nobody();
    let secret = owner.get(&owner.path(&format!("/assistants/{}/widget-secret", assistant["id"].as_str().unwrap()))).await.expect(200);
    let sign = |text: &str| {
        use hmac::{Hmac, KeyInit, Mac};
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret["secret"].as_str().unwrap().as_bytes()).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let signed = json!({"identity": {"externalId": "u1", "email": "ann@example.com", "name": "Ann", "hash": sign("u1")}});
    let (first, token) = session_of(&visitor, &assistant, signed.clone()).await;
    assert_eq!((&first["contact"]["email"], &first["contact"]["verified"]), (&json!("ann@example.com"), &json!(true)));
    let answer = ask_in(&visitor, &assistant, &token, "Hello").await;
    // The same person elsewhere goes on.
    let (second, _) = session_of(&visitor, &assistant, signed).await;
    assert_eq!((&second["conversationId"], second["messages"].as_array().unwrap().len()), (&json!(answer.chat_id()), 2));
    // Whoever only says so does not, nor who signs another's number, nor who adds another's address to their own number.
    for identity in [
        json!({"externalId": "u1", "email": "ann@example.com"}),
        json!({"externalId": "u1", "email": "ann@example.com", "hash": sign("u2")}),
        json!({"externalId": "u1", "hash": ""}),
        json!({"externalId": "u3", "email": "ann@example.com", "hash": sign("u3")}),
    ] {
        let (other, _) = session_of(&visitor, &assistant, json!({"identity": identity})).await;
        assert_eq!((&other["conversationId"], &other["messages"]), (&json!(null), &json!([])));
        assert!(other["contact"]["email"] != "ann@example.com", "{other}");
    }
    let member = app.colleague(&owner, illumichat::access::Role::Member).await;
    member.get(&owner.path(&format!("/assistants/{}/widget-secret", assistant["id"].as_str().unwrap()))).await.expect_error(403, "forbidden:api");
}

#[tokio::test]
async fn a_ticket_is_opened_with_a_session_or_an_assistant() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = generous(&owner).await;
    let visitor = app.nobody();
    let create = "/api/widget/tickets/create";
    let ticket = json!({"subject": "Broken", "description": "It is.", "priority": "high", "name": "Ann", "email": "ann@example.com"});
    visitor.post(create, ticket.clone()).await.expect_error(401, "unauthorized:widget");
    let mut bare = ticket.clone();
    bare["assistantId"] = assistant["id"].clone();
    let made = visitor.post(create, bare.clone()).await.expect(201);
    assert_eq!((&made["ticket"]["number"], &made["ticket"]["status"], &made["ticket"]["priority"]), (&json!(1), &json!("new"), &json!("high")));
    let (_, token) = session_of(&visitor, &assistant, json!({})).await;
    let answer = ask_in(&visitor, &assistant, &token, "Hello").await;
    visitor.send(with_token(&visitor, Method::POST, create, &token).json(&ticket)).await.expect(201);
    let tickets = owner.get(&owner.path("/tickets")).await.expect(200);
    assert_eq!((&tickets["total"], &tickets["data"][0]["conversationId"], &tickets["data"][0]["source"]), (&json!(2), &json!(answer.chat_id()), &json!("widget")));
    bare["assistantId"] = json!("ast_none");
    visitor.post(create, bare).await.expect_error(404, "not_found:widget");
}

#[tokio::test]
async fn a_visitor_sends_a_file() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = generous(&owner).await;
    let visitor = app.nobody();
    let (_, token) = session_of(&visitor, &assistant, json!({})).await;
    let form = |content: &[u8]| reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::bytes(content.to_vec()).file_name("a.png"));
    let upload = |content: &[u8]| visitor.send(with_token(&visitor, Method::POST, &path(&assistant, "uploads"), &token).multipart(form(content)));
    upload(b"MZ\x00\x01").await.expect_error(415, "unsupported_media_type:widget");
    let made = upload(b"\x89PNG\r\n\x1a\n1234").await.expect(201);
    assert_eq!((&made["mimeType"], &made["bytes"]), (&json!("image/png"), &json!(12)));
    let chat = with_token(&visitor, Method::POST, &path(&assistant, "chat"), &token).json(&json!({"message": "Look", "attachments": [made["id"]]}));
    let answer = Live::of(chat).await.rest().await;
    let messages = owner.get(&owner.path(&format!("/conversations/{}/messages", answer.chat_id()))).await.expect(200);
    assert_eq!(messages["data"][0]["attachments"][0]["filename"], "a.png");
    let got = visitor.http.get(format!("{}{}", app.url, made["url"].as_str().unwrap())).send().await.unwrap();
    assert_eq!((got.status().as_u16(), got.headers()["content-type"].to_str().unwrap()), (200, "image/png"));
    // Once, and nobody else's.
    let again = with_token(&visitor, Method::POST, &path(&assistant, "chat"), &token).json(&json!({"message": "Again", "attachments": [made["id"]]}));
    visitor.send(again).await.expect_error(400, "bad_request:widget");
    owner.delete(&owner.path(&format!("/conversations/{}", answer.chat_id()))).await.expect(204);
    app.drain().await;
    visitor.get(made["url"].as_str().unwrap()).await.expect_error(404, "not_found:api");
    assert!(app.files_on_disk().is_empty());
}

#[tokio::test]
async fn a_form_may_be_required_and_every_setting_reaches_the_widget() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let widget = json!({
        "theme": {"launcher": "Ask us", "radius": 8}, "leadForm": {"enabled": true, "required": true, "fields": ["name", " size "]}, "tickets": {"enabled": true},
        "uploads": {"enabled": true, "maxBytes": 1000}, "proactive": {"enabled": true, "message": "Can I help?", "delaySeconds": 20}, "branding": false
    });
    let assistant = public(&owner, json!({"avatarUrl": "/api/files/file_a", "widget": widget})).await;
    let visitor = app.nobody();
    let config = path(&assistant, "config");
    let told = visitor.get(&config).await;
    let etag = told.header("etag").to_owned();
    let told = told.expect(200);
    assert_eq!(told["leadForm"], json!({"enabled": true, "required": true, "fields": ["name", "size"]}));
    assert_eq!(told["proactive"], json!({"enabled": true, "message": "Can I help?", "delaySeconds": 20}));
    assert_eq!((&told["branding"], &told["uploads"]), (&json!(false), &json!({"enabled": true, "maxBytes": 1000})));
    assert_eq!((&told["theme"]["launcher"], &told["theme"]["radius"], &told["theme"]["primaryColor"]), (&json!("Ask us"), &json!(8), &json!(null)));
    assert_eq!((&told["tickets"], &told["avatarUrl"]), (&json!({"enabled": true, "contactRequired": false}), &json!("/api/files/file_a")));
    // What the workspace says is told too, under another ETag.
    owner.patch(&owner.path(""), json!({"settings": {"ticketContactRequired": true, "branding": {"color": "#1a2b3c"}}})).await.expect(200);
    let told = visitor.send(visitor.request(Method::GET, &config).header("if-none-match", etag)).await.expect(200);
    assert_eq!((&told["tickets"]["contactRequired"], &told["theme"]["primaryColor"]), (&json!(true), &json!("#1a2b3c")));
    let plain = visitor.get(&path(&public(&owner, json!({})).await, "config")).await.expect(200);
    assert_eq!((&plain["branding"], &plain["uploads"]["maxBytes"], &plain["proactive"]["enabled"]), (&json!(true), &json!(10 << 20), &json!(false)));
    // A ticket then needs a name and an email, of whoever is not known.
    let create = |body: Value| visitor.post("/api/widget/tickets/create", body);
    let ticket = json!({"assistantId": assistant["id"], "subject": "Broken", "description": "It is."});
    for (more, field) in [(json!({}), "name"), (json!({"name": "Ann"}), "email"), (json!({"name": " ", "email": "ann@example.com"}), "name")] {
        let mut body = ticket.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let error = create(body).await.expect_error(400, "bad_request:widget");
        assert!(error["details"][field].is_string(), "{error}");
    }
    let (_, token) = session_of(&visitor, &assistant, json!({})).await;
    visitor.send(with_token(&visitor, Method::POST, &path(&assistant, "lead"), &token).json(&json!({"email": "ann@example.com"}))).await.expect(201);
    visitor.send(with_token(&visitor, Method::POST, "/api/widget/tickets/create", &token).json(&json!({"subject": "Broken", "description": "It is."}))).await.expect(201);
}

#[tokio::test]
async fn settings_out_of_range_are_named() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = public(&owner, json!({})).await;
    let address = owner.path(&format!("/assistants/{}", assistant["id"].as_str().unwrap()));
    for (change, field) in [
        (json!({"widget": {"theme": {"launcher": "x".repeat(41)}}}), "widget.theme.launcher"),
        (json!({"widget": {"theme": {"radius": 33}}}), "widget.theme.radius"),
        (json!({"widget": {"locale": "German!"}}), "widget.locale"),
        (json!({"widget": {"locale": ""}}), "widget.locale"),
        (json!({"widget": {"strings": {"send": "x".repeat(501)}}}), "widget.strings"),
        (json!({"widget": {"leadForm": {"fields": ["a", " a"]}}}), "widget.leadForm.fields[1]"),
        (json!({"widget": {"leadForm": {"fields": [" "]}}}), "widget.leadForm.fields[0]"),
        (json!({"widget": {"leadForm": {"fields": vec!["a"; 31]}}}), "widget.leadForm.fields"),
        (json!({"widget": {"uploads": {"maxBytes": 0}}}), "widget.uploads.maxBytes"),
        (json!({"widget": {"uploads": {"maxBytes": 10_485_761}}}), "widget.uploads.maxBytes"),
        (json!({"widget": {"proactive": {"message": "x".repeat(501)}}}), "widget.proactive.message"),
        (json!({"widget": {"proactive": {"delaySeconds": -1}}}), "widget.proactive.delaySeconds"),
        (json!({"handoff": {"escalateMinutes": 0}}), "handoff.escalateMinutes"),
        (json!({"handoff": {"escalateMinutes": 10_081}}), "handoff.escalateMinutes"),
        (json!({"handoff": {"offlineMessage": "x".repeat(2_001)}}), "handoff.offlineMessage"),
        (json!({"handoff": {"notify": ["desk@example.com", "nobody"]}}), "handoff.notify[1]"),
        (json!({"avatarUrl": "http://example.com/a.png"}), "avatarUrl"),
        (json!({"avatarUrl": "//example.com/a.png"}), "avatarUrl"),
    ] {
        let error = owner.patch(&address, change).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{field}: {error}");
    }
    assert_eq!(owner.get(&address).await.expect(200)["widget"], assistant["widget"]);
}

#[tokio::test]
async fn a_session_lasts_thirty_days_from_its_last_use() {
    let clock = Clock::held(Timestamp::parse("2026-03-02T09:00:00Z").unwrap());
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), clock.clone(), |_| {}).await;
    let owner = app.owner().await;
    let assistant = public(&owner, json!({})).await;
    let visitor = app.nobody();
    let (session, token) = session_of(&visitor, &assistant, json!({})).await;
    assert_eq!(session["expiresAt"], "2026-04-01T09:00:00.000Z");
    let address = path(&assistant, "session");
    let resume = || visitor.post(&address, json!({"sessionId": session["sessionId"], "sessionToken": token}));
    for expires_at in ["2026-04-30T09:00:00.000Z", "2026-05-29T09:00:00.000Z", "2026-06-27T09:00:00.000Z"] {
        clock.advance(Duration::from_secs(29 * 24 * 3600));
        assert_eq!(resume().await.expect(200)["expiresAt"], expires_at);
    }
    clock.advance(Duration::from_secs(30 * 24 * 3600));
    resume().await.expect_error(401, "unauthorized:widget");
    visitor.send(with_token(&visitor, Method::GET, &path(&assistant, "history"), &token)).await.expect_error(401, "unauthorized:widget");
}

#[tokio::test]
async fn writing_is_limited_by_session_and_tickets_by_address() {
    let app = TestApp::with(|config| {
        config.limits.enabled = true;
        config.limits.widget_write = 2;
        config.limits.widget_tickets = 2;
    })
    .await;
    let owner = app.owner().await;
    let assistant = generous(&owner).await;
    let visitor = app.nobody();
    let (_, token) = session_of(&visitor, &assistant, json!({})).await;
    let lead = |token: &str| visitor.send(with_token(&visitor, Method::POST, &path(&assistant, "lead"), token).json(&json!({"email": "ann@example.com"})));
    lead(&token).await.expect(201);
    visitor.send(with_token(&visitor, Method::POST, &path(&assistant, "handoff"), &token).json(&json!({}))).await.expect(202);
    for rest in ["lead", "feedback", "handoff"] {
        let refused = visitor.send(with_token(&visitor, Method::POST, &path(&assistant, rest), &token).json(&json!({"rating": "up"}))).await;
        assert!(refused.header("retry-after").parse::<u64>().is_ok(), "{rest}");
        refused.expect_error(429, "rate_limit:widget");
    }
    let (_, other) = session_of(&visitor, &assistant, json!({})).await;
    lead(&other).await.expect(201);
    let ticket = json!({"assistantId": assistant["id"], "subject": "Broken", "description": "It is."});
    for status in [201, 201, 429] {
        assert_eq!(visitor.post("/api/widget/tickets/create", ticket.clone()).await.status, status);
    }
}

#[tokio::test]
async fn a_ticket_by_an_assistant_alone_keeps_to_its_origins() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let on = json!({"enabled": true});
    let assistant = public(&owner, json!({"widget": {"domains": ["shop.example.com"], "tickets": on}})).await;
    let visitor = app.nobody();
    let ticket = json!({"assistantId": assistant["id"], "subject": "Broken", "description": "It is."});
    let create = "/api/widget/tickets/create";
    visitor.post(create, ticket.clone()).await.expect_error(403, "forbidden:widget");
    visitor.send(visitor.request(Method::POST, create).header("origin", "https://evil.example").json(&ticket)).await.expect_error(403, "forbidden:widget");
    visitor.send(from_shop(&visitor, Method::POST, create).json(&ticket)).await.expect(201);
}

#[tokio::test]
async fn a_rating_takes_the_place_of_an_earlier_one() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = public(&owner, json!({})).await;
    let visitor = app.nobody();
    let (_, token) = session_of(&visitor, &assistant, json!({})).await;
    let answer = ask_in(&visitor, &assistant, &token, "Hello").await;
    let rate = |body: Value| visitor.send(with_token(&visitor, Method::POST, &path(&assistant, "feedback"), &token).json(&body));
    let chat = owner.path(&format!("/conversations/{}", answer.chat_id()));
    for (rating, kept) in [(json!("down"), 1), (json!("up"), 5), (json!(3), 3)] {
        assert_eq!(rate(json!({"messageId": answer.message_id(), "rating": rating})).await.expect(201), json!({"status": "ok"}));
        assert_eq!(owner.get(&format!("{chat}/messages")).await.expect(200)["data"][1]["feedback"], kept);
        rate(json!({"rating": rating})).await.expect(201);
        assert_eq!(owner.get(&chat).await.expect(200)["rating"], kept);
    }
    let figures = owner.get(&owner.path("/analytics")).await.expect(200);
    assert_eq!((&figures["ratings"]["count"], &figures["ratings"]["average"]), (&json!(2), &json!(3.0)));
    rate(json!({"messageId": "msg_none", "rating": "up"})).await.expect_error(404, "not_found:widget");
}

#[tokio::test]
async fn an_agent_is_shown_with_their_picture_and_a_visitor_with_their_page() {
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), Clock::held(Timestamp::parse("2026-03-02T09:00:00Z").unwrap()), |_| {}).await;
    let owner = app.owner().await;
    let assistant = generous(&owner).await;
    let person = app.signed_in(&owner).await;
    for wrong in ["http://example.com/a.png", "//example.com/a.png", "javascript:alert(1)"] {
        let error = person.patch("/api/me", json!({"avatarUrl": wrong})).await.expect(400);
        assert!(error["details"]["avatarUrl"].is_string(), "{error}");
    }
    let form = reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::bytes(b"\x89PNG\r\n\x1a\n1234".to_vec()).file_name("me.png"));
    let picture = owner.send(owner.request(Method::POST, &owner.path("/uploads")).multipart(form)).await.expect(201)["url"].clone();
    assert_eq!(person.patch("/api/me", json!({"avatarUrl": picture})).await.expect(200)["avatarUrl"], picture);
    let visitor = app.nobody();
    let metadata = json!({"page": "https://shop.example.com/cart", "referrer": "https://search.example/", "locale": "de-AT"});
    let (session, token) = session_of(&visitor, &assistant, json!({"metadata": metadata})).await;
    let answer = ask_in(&visitor, &assistant, &token, "Hello").await;
    let taken = owner.post(&owner.path(&format!("/conversations/{}/takeover", answer.chat_id())), json!({})).await.expect(200);
    assert_eq!(taken["metadata"], metadata);
    let resumed = visitor.post(&path(&assistant, "session"), json!({"sessionId": session["sessionId"], "sessionToken": token})).await.expect(200);
    assert_eq!(resumed["agent"]["avatarUrl"], picture);
    // An upload that is somebody's picture is kept, and one that nobody uses goes after a day.
    let form = reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::bytes(b"unused".to_vec()).file_name("unused.txt"));
    let unused = owner.send(owner.request(Method::POST, &owner.path("/uploads")).multipart(form)).await.expect(201)["url"].clone();
    app.app.clock.advance(Duration::from_secs(25 * 3600));
    illumichat::server::tidy(&app.app).await.unwrap();
    visitor.get(unused.as_str().unwrap()).await.expect_error(404, "not_found:api");
    assert_eq!(visitor.http.get(format!("{}{}", app.url, picture.as_str().unwrap())).send().await.unwrap().status(), 200);
    let person = app.signed_in(&owner).await;
    assert_eq!(person.patch("/api/me", json!({"avatarUrl": null, "name": "Ada"})).await.expect(200)["avatarUrl"], json!(null));
}

#[tokio::test]
async fn files_stay_in_the_order_in_which_they_were_sent() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = generous(&owner).await;
    let visitor = app.nobody();
    let (_, token) = session_of(&visitor, &assistant, json!({})).await;
    let mut ids = Vec::new();
    for name in ["a.txt", "b.txt", "c.txt", "d.txt"] {
        let form = reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::bytes(name.as_bytes().to_vec()).file_name(name));
        ids.push(visitor.send(with_token(&visitor, Method::POST, &path(&assistant, "uploads"), &token).multipart(form)).await.expect(201)["id"].clone());
    }
    // Uploads end in another order than they were chosen in.
    let sent = json!({"message": "Look", "attachments": [ids[2], ids[0], ids[3], ids[1]]});
    Live::of(with_token(&visitor, Method::POST, &path(&assistant, "chat"), &token).json(&sent)).await.rest().await;
    let history = visitor.send(with_token(&visitor, Method::GET, &path(&assistant, "history"), &token)).await.expect(200);
    let names: Vec<&str> = history["data"][0]["attachments"].as_array().unwrap().iter().map(|file| file["filename"].as_str().unwrap()).collect();
    assert_eq!(names, ["c.txt", "a.txt", "d.txt", "b.txt"]);
}
