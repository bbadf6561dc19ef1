//! The audit log.

use illumichat::{access::Role, clock::{Clock, Timestamp}};
use serde_json::{Value, json};
use std::time::Duration;

use super::{
    chat::{help_desk, question},
    contacts::create_contact,
};
use crate::support::{TestApp, app::PASSWORD, spawn_app};

#[tokio::test]
async fn the_log_tells_who_did_what_from_where_to_admins_alone() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (member, stranger) = (app.colleague(&owner, Role::Member).await, app.owner().await);
    app.nobody().get(&owner.path("/audit")).await.expect_error(401, "unauthorized:api");
    member.get(&owner.path("/audit")).await.expect_error(403, "forbidden:api");
    stranger.get(&owner.path("/audit")).await.expect_error(404, "not_found:api");
    app.nobody().post("/api/auth/signin/credentials", json!({"email": app.email_of(&owner), "password": "wrong password"})).await.expect_error(401, "unauthorized:auth");
    let browser = app.signed_in(&owner).await;
    let made = browser.post(&owner.path("/tokens"), json!({"name": "shop"})).await.expect(201);
    browser.delete(&owner.path(&format!("/tokens/{}", made["id"].as_str().unwrap()))).await.expect(204);
    browser.post("/api/auth/signout", json!({})).await.expect(204);
    let log = owner.get(&owner.path(&format!("/audit?userId={}&limit=5", owner.user_id))).await.expect(200);
    let actions: Vec<&str> = log["data"].as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["session.ended", "token.revoked", "token.created", "session.created", "session.refused"]);
    let line = &log["data"][1];
    assert_eq!((&line["resourceId"], &line["address"], &line["userId"]), (&made["id"], &json!("127.0.0.1"), &json!(owner.user_id)));
    assert!(line["userName"].as_str().unwrap().starts_with("Person") && line["createdAt"].as_str().unwrap().ends_with('Z'));
    assert!(!log.to_string().contains(PASSWORD) && !log.to_string().contains(made["token"].as_str().unwrap()));
    let error = owner.get(&owner.path("/audit?action=made.up")).await.expect_error(400, "bad_request:api");
    assert!(error["details"]["action"].is_string());
    assert_eq!(owner.get(&owner.path("/audit?to=2020-01-01T00:00:00Z")).await.expect(200)["total"], 0);
    assert_eq!(owner.get(&owner.path("/audit?limit=1&offset=1")).await.expect(200)["data"].as_array().unwrap().len(), 1);
    assert_eq!(stranger.get(&stranger.path(&format!("/audit?userId={}", owner.user_id))).await.expect(200)["total"], 0);
}

#[tokio::test]
async fn the_log_takes_no_change_and_no_deletion() {
    let app = spawn_app().await;
    app.owner().await;
    for statement in ["update audit_log set action = 'x'", "delete from audit_log"] {
        let result = app.app.db.write(move |tx| Ok(tx.execute(statement, [])?)).await;
        assert!(format!("{:?}", result.unwrap_err()).contains("append-only"), "{statement}");
    }
}

/// Deletions, exports, and whatever changes a credential: each leaves its line, with who, what and from where.
#[tokio::test]
async fn every_deletion_export_and_credential_leaves_a_line() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let assistant = id(&help_desk(&app, &owner, json!({"visibility": "public"})).await);
    let project = id(&owner.get("/api/projects").await.expect(200)[0]);
    let document = id(&owner.get(&owner.path(&format!("/projects/{project}/documents"))).await.expect(200)["data"][0]);
    let chat = owner.ask("/api/chat", question(&owner.get(&format!("/api/assistants/{assistant}")).await.expect(200), "Hello")).await.chat_id().to_owned();
    let contact = id(&create_contact(&owner, json!({"email": "visitor@example.com"})).await);
    let ticket = id(&owner.post("/api/tickets", json!({"subject": "Broken"})).await.expect(201));
    owner.get(&owner.path(&format!("/conversations/{chat}/export"))).await;
    owner.get("/api/contacts/export").await;
    owner.get(&format!("/api/contacts/{contact}/export")).await;
    let webhook = id(&owner.post("/api/webhooks", json!({"url": "https://example.com/hook", "events": ["ticket.resolved"]})).await.expect(201));
    owner.patch(&format!("/api/webhooks/{webhook}"), json!({"active": false})).await.expect(200);
    owner.post(&format!("/api/webhooks/{webhook}/rotate-secret"), json!({})).await.expect(200);
    owner.delete(&format!("/api/webhooks/{webhook}")).await.expect(204);
    owner.put(&owner.path("/providers/openai"), json!({"apiKey": "sk-not-a-real-key"})).await.expect(200);
    owner.delete(&owner.path("/providers/openai")).await.expect(204);
    let sms = json!({"enabled": true, "twilioAccountSid": format!("AC{}", "0".repeat(32)), "twilioAuthToken": "f".repeat(32), "phoneNumber": "+15551234567"});
    owner.put(&format!("/api/assistants/{assistant}/sms"), sms).await.expect(200);
    owner.delete(&format!("/api/assistants/{assistant}/sms")).await.expect(204);
    owner.delete(&format!("/api/tickets/{ticket}")).await.expect(204);
    owner.delete(&format!("/api/contacts/{contact}")).await;
    owner.delete(&owner.path(&format!("/conversations/{chat}"))).await.expect(204);
    owner.delete(&format!("/api/projects/{project}/documents/{document}")).await.expect(204);
    owner.delete(&format!("/api/projects/{project}")).await.expect(204);
    owner.delete(&format!("/api/assistants/{assistant}")).await.expect(204);
    let log = owner.get(&owner.path(&format!("/audit?limit=100&userId={}", owner.user_id))).await.expect(200);
    let lines = log["data"].as_array().unwrap();
    for (action, resource) in [
        ("conversation.exported", Some(&chat)),
        ("contact.exported", None),
        ("contact.exported", Some(&contact)),
        ("webhook.saved", Some(&webhook)),
        ("webhook.deleted", Some(&webhook)),
        ("provider.saved", Some(&"openai".to_owned())),
        ("provider.deleted", Some(&"openai".to_owned())),
        ("sms.saved", Some(&assistant)),
        ("sms.deleted", Some(&assistant)),
        ("ticket.deleted", Some(&ticket)),
        ("contact.deleted", Some(&contact)),
        ("conversation.deleted", Some(&chat)),
        ("document.deleted", Some(&document)),
        ("project.deleted", Some(&project)),
        ("assistant.deleted", Some(&assistant)),
    ] {
        let line = lines.iter().find(|line| line["action"] == action && line["resourceId"] == json!(resource));
        let line = line.unwrap_or_else(|| panic!("no {action} of {resource:?} in {log}"));
        assert!(line["address"] == "127.0.0.1" && line["tokenId"].is_string(), "{line}");
    }
    assert_eq!(lines.iter().filter(|line| line["action"] == "webhook.saved").count(), 3);
    for secret in ["sk-not-a-real-key", &"f".repeat(32), "visitor@example.com"] {
        assert!(!log.to_string().contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn what_is_older_than_is_kept_goes_by_the_clock() {
    let clock = Clock::held(Timestamp::parse("2026-03-02T20:00:00Z").unwrap());
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), clock.clone(), |_| {}).await;
    let (owner, keeper) = (app.owner().await, app.owner().await);
    let mut chats = Vec::new();
    for client in [&owner, &keeper] {
        let assistant = help_desk(&app, client, json!({})).await;
        chats.push(client.ask("/api/chat", question(&assistant, "Hello")).await.chat_id().to_owned());
    }
    owner.patch(&owner.path(""), json!({"settings": {"retentionDays": 0}})).await.expect_error(400, "bad_request:api");
    owner.patch(&owner.path(""), json!({"settings": {"retentionDays": 10}})).await.expect(200);
    clock.advance(Duration::from_secs(10 * 24 * 3600 - 60));
    illumichat::server::tidy(&app.app).await.unwrap();
    owner.get(&owner.path(&format!("/conversations/{}", chats[0]))).await.expect(200);
    clock.advance(Duration::from_secs(3600));
    illumichat::server::tidy(&app.app).await.unwrap();
    owner.get(&owner.path(&format!("/conversations/{}", chats[0]))).await.expect_error(404, "not_found:api");
    keeper.get(&keeper.path(&format!("/conversations/{}", chats[1]))).await.expect(200);
    let line = owner.get(&owner.path("/audit?action=conversation.deleted")).await.expect(200)["data"][0].clone();
    assert_eq!((&line["userId"], &line["details"]), (&Value::Null, &json!({"why": "retention", "count": 1})));
    // Events are told of for thirty days, and then forgotten.
    let kept = || app.app.db.read(|connection| illumichat::events::list_after(connection, None, 0, 1000)).unwrap().len();
    assert!(kept() > 0);
    clock.advance(Duration::from_secs(31 * 24 * 3600));
    illumichat::server::tidy(&app.app).await.unwrap();
    assert_eq!(kept(), 0);
}
