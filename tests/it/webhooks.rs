//! `/api/workspaces/{ws}/webhooks`: what is told to other people's servers, and how.

use std::{collections::HashMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use illumichat::{
    access::Role,
    clock::{Clock, Timestamp},
    config::Config,
    secrets::SecretText,
    webhooks::sign::signature,
};
use serde_json::{Value, json};

use super::contacts::create_contact;
use crate::support::{
    Client, TestApp,
    receiver::{Answer, Hit, Receiver},
    smtp_server::SmtpServer,
    spawn_app,
};

fn reaching_loopback(config: &mut Config) {
    config.egress.allow = vec!["127.0.0.1".to_owned()];
}

async fn create_webhook(client: &Client, url: &str, events: &[&str]) -> Value {
    client.post(&client.path("/webhooks"), json!({"url": url, "events": events})).await.expect(201)
}

/// Waits until nothing of a webhook is pending.
async fn settled(client: &Client, webhook: &Value, status: &str, count: i64) -> Value {
    let path = client.path(&format!("/webhooks/{}/deliveries?status={status}&limit=100", webhook["id"].as_str().unwrap()));
    for _ in 0..1_000 {
        let list = client.get(&path).await.expect(200);
        if list["total"].as_i64().unwrap() >= count {
            return list;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not {count} {status}: {}", client.get(&path).await.text);
}

fn is_signed(hit: &Hit, secret: &str) -> bool {
    let expected = signature(secret, hit.header("webhook-id"), hit.header("webhook-timestamp").parse().unwrap(), &hit.body);
    hit.header("webhook-signature").split(' ').any(|signature| signature == expected)
}

#[tokio::test]
async fn a_webhook_is_made_read_changed_and_deleted() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = owner.path("/webhooks");
    app.nobody().get(&path).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Member).await.get(&path).await.expect_error(403, "forbidden:api");
    for (body, field) in [
        (json!({"events": ["*"]}), "url"),
        (json!({"url": "https://example.com/"}), "events"),
        (json!({"url": "https://example.com/", "events": []}), "events"),
        (json!({"url": "https://example.com/", "events": ["ticket.imagined"]}), "events"),
        (json!({"url": "https://example.com/", "events": ["message.updated"]}), "events"),
        (json!({"url": "http://example.com/", "events": ["*"]}), "url"),
        (json!({"url": "ftp://example.com/", "events": ["*"]}), "url"),
        (json!({"url": "https://127.0.0.1/", "events": ["*"]}), "url"),
        (json!({"url": "https://[::ffff:a9fe:a9fe]/", "events": ["*"]}), "url"),
        (json!({"url": "https://10.0.0.7/", "events": ["*"]}), "url"),
        (json!({"url": "https://0x7f.1/", "events": ["*"]}), "url"),
        (json!({"url": "https://user:pass@example.com/", "events": ["*"]}), "url"),
        (json!({"url": "nonsense", "events": ["*"]}), "url"),
    ] {
        let error = owner.post(&path, body.clone()).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{body} {error}");
    }
    let made = owner.post(&path, json!({"url": "https://example.com/hooks", "events": ["ticket.created", "chat.message.created"], "description": "Ours"})).await.expect(201);
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && BASE64.decode(&secret[6..]).unwrap().len() == 32);
    assert!(made["id"].as_str().unwrap().starts_with("wh_"));
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    let read = owner.get(&one).await.expect(200);
    assert_eq!((&read["secret"], &read["active"], &read["failureCount"], &read["events"]), (&json!(null), &json!(true), &json!(0), &json!(["ticket.created", "chat.message.created"])));
    assert!(owner.get("/api/webhooks").await.expect(200)[0]["secret"].is_null());
    let rotated = owner.post(&format!("{one}/rotate-secret"), json!({})).await.expect(200);
    assert!(rotated["secret"].as_str().unwrap().starts_with("whsec_") && rotated["secret"] != made["secret"]);
    let changed = owner.patch(&one, json!({"events": ["*"], "active": false, "description": null})).await.expect(200);
    assert_eq!((&changed["events"], &changed["active"], &changed["description"]), (&json!(["*"]), &json!(false), &json!(null)));
    let stranger = app.owner().await;
    for rest in ["", "/deliveries"] {
        stranger.get(&stranger.path(&format!("/webhooks/{}{rest}", made["id"].as_str().unwrap()))).await.expect_error(404, "not_found:api");
    }
    // The secret is nowhere in the clear.
    app.app.db.checkpoint().await.unwrap();
    let file = std::fs::read(app.app.config.database_path()).unwrap();
    assert!(!file.windows(secret.len()).any(|window| window == secret.as_bytes()));
    owner.delete(&one).await.expect(204);
    owner.get(&one).await.expect_error(404, "not_found:api");
}

#[tokio::test]
async fn what_happens_is_told_once_signed_and_under_the_name_that_was_subscribed_to() {
    let receiver = Receiver::start().await;
    let app = TestApp::with(reaching_loopback).await;
    let owner = app.owner().await;
    create_contact(&owner, json!({"email": "before@example.com"})).await;
    let webhook = create_webhook(&owner, &format!("{}/hook?x=1", receiver.url), &["contact.created", "contact.updated"]).await;
    let secret = webhook["secret"].as_str().unwrap();
    let contact = create_contact(&owner, json!({"email": "ada@example.com"})).await;
    owner.patch(&owner.path(&format!("/contacts/{}", contact["id"].as_str().unwrap())), json!({"name": "Ada"})).await.expect(200);
    owner.post(&owner.path("/tickets"), json!({"subject": "not subscribed to"})).await.expect(201);
    let hits = receiver.wait_for(2).await;
    let list = settled(&owner, &webhook, "delivered", 2).await;
    assert_eq!(receiver.hits().len(), 2);
    let first = hits[0].json();
    assert_eq!((&first["event"], &first["data"], &first["workspaceId"]), (&json!("contact.created"), &contact, &json!(owner.workspace_id)));
    assert_eq!((hits[1].json()["event"].as_str(), hits[0].path.as_str(), hits[0].header("content-type")), (Some("contact.updated"), "/hook?x=1", "application/json"));
    for hit in &hits {
        assert!(is_signed(hit, secret) && !is_signed(hit, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        assert_eq!(hit.header("webhook-id"), hit.json()["id"]);
    }
    // As sent and as answered.
    let delivery = owner.get(&owner.path(&format!("/webhooks/deliveries/{}", list["data"][1]["id"].as_str().unwrap()))).await.expect(200);
    assert_eq!((&delivery["request"]["body"], &delivery["responseStatus"], &delivery["attempts"]), (&json!(hits[0].body), &json!(200), &json!(1)));
    assert_eq!(delivery["request"]["headers"]["webhook-id"], hits[0].header("webhook-id"));
    // Again by hand: under the same id.
    owner.post(&owner.path(&format!("/webhooks/deliveries/{}/retry", list["data"][1]["id"].as_str().unwrap())), json!({})).await.expect(202);
    assert_eq!(receiver.wait_for(3).await[2].header("webhook-id"), hits[0].header("webhook-id"));
    // For a day after a rotation both secrets sign.
    let rotated = owner.post(&owner.path(&format!("/webhooks/{}/rotate-secret", webhook["id"].as_str().unwrap())), json!({})).await.expect(200);
    create_contact(&owner, json!({"email": "bob@example.com"})).await;
    let hit = receiver.wait_for(4).await[3].clone();
    assert!(is_signed(&hit, secret) && is_signed(&hit, rotated["secret"].as_str().unwrap()));
    let tested = owner.post(&owner.path(&format!("/webhooks/{}/test", webhook["id"].as_str().unwrap())), json!({})).await.expect(200);
    assert_eq!((&tested["status"], &tested["event"]), (&json!("delivered"), &json!("webhook.test")));
}

#[tokio::test]
async fn a_failed_delivery_is_tried_again_by_the_schedule_and_given_up_at_its_end() {
    let clock = Clock::held(Timestamp::from_millis(1_770_000_000_000));
    let receiver = Receiver::start().await;
    receiver.answers(|_, _| Answer::json(500, json!({"oops": true})));
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), clock.clone(), reaching_loopback).await;
    let owner = app.owner().await;
    let webhook = create_webhook(&owner, &receiver.url, &["contact.created"]).await;
    create_contact(&owner, json!({"email": "ada@example.com"})).await;
    let one = owner.path(&format!("/webhooks/{}", webhook["id"].as_str().unwrap()));
    let mut waits = Vec::new();
    for attempt in 1..=11 {
        receiver.wait_for(attempt).await;
        let delivery = loop {
            let list = owner.get(&format!("{one}/deliveries")).await.expect(200);
            if list["data"][0]["attempts"] == attempt {
                break list["data"][0].clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let Some(next) = delivery["nextAttemptAt"].as_str() else {
            assert_eq!((attempt, &delivery["status"]), (11, &json!("failed")), "{delivery}");
            break;
        };
        let next = Timestamp::parse(next).unwrap();
        let wait = next.since(clock.now());
        waits.push(wait.as_secs());
        clock.advance(wait.saturating_sub(Duration::from_secs(1)));
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(receiver.hits().len(), attempt, "not before its time");
        clock.advance(Duration::from_secs(1));
    }
    let promised = [5, 60, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
    assert!(waits.len() == promised.len() && waits.iter().zip(promised).all(|(wait, least)| *wait >= least && *wait <= least + least / 10 + 1), "{waits:?}");
    let ids: Vec<String> = receiver.hits().iter().map(|hit| hit.header("webhook-id").to_owned()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(owner.get(&one).await.expect(200)["failureCount"], receiver.hits().len());
}

#[tokio::test]
async fn gone_and_four_days_of_failure_switch_a_webhook_off_and_say_so() {
    let clock = Clock::held(Timestamp::from_millis(1_770_000_000_000));
    let (gone, dead) = (Receiver::start().await, Receiver::start().await);
    gone.answers(|_, _| Answer::of(410));
    dead.answers(|_, _| Answer::of(503));
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), clock.clone(), reaching_loopback).await;
    let owner = app.owner().await;
    let first = create_webhook(&owner, &gone.url, &["*"]).await;
    let second = create_webhook(&owner, &dead.url, &["contact.created"]).await;
    create_contact(&owner, json!({"email": "a@example.com"})).await;
    gone.wait_for(1).await;
    dead.wait_for(1).await;
    settled(&owner, &first, "failed", 1).await;
    let off = owner.get(&owner.path(&format!("/webhooks/{}", first["id"].as_str().unwrap()))).await.expect(200);
    assert!(off["active"] == false && off["disabledReason"].as_str().unwrap().contains("410"), "{off}");
    clock.advance(Duration::from_secs(4 * 24 * 3600 + 60));
    settled(&owner, &second, "failed", 1).await;
    let off = owner.get(&owner.path(&format!("/webhooks/{}", second["id"].as_str().unwrap()))).await.expect(200);
    assert!(off["active"] == false && off["disabledReason"].as_str().unwrap().contains("four days"), "{off}");
    // Switched on again, it has a clean slate.
    dead.answers(|_, _| Answer::of(204));
    let on = owner.patch(&owner.path(&format!("/webhooks/{}", second["id"].as_str().unwrap())), json!({"active": true})).await.expect(200);
    assert_eq!((&on["disabledReason"], &on["failureCount"]), (&json!(null), &json!(0)));
    create_contact(&owner, json!({"email": "b@example.com"})).await;
    settled(&owner, &second, "delivered", 1).await;
}

#[tokio::test]
async fn first_attempts_keep_their_order_and_a_slow_receiver_holds_up_no_other() {
    let (slow, quick) = (Receiver::start().await, Receiver::start().await);
    slow.answers(|_, _| Answer { after: Duration::from_secs(30), ..Answer::of(200) });
    // The second of each resource fails at first: what comes after it does not wait.
    let mut failed = HashMap::new();
    quick.answers(move |_, hit| {
        let id = hit.json()["data"]["id"].as_str().unwrap().to_owned();
        let seen = failed.entry(id).or_insert(0);
        *seen += 1;
        Answer::of(if *seen == 2 { 500 } else { 200 })
    });
    let app = TestApp::with(reaching_loopback).await;
    let owner = app.owner().await;
    create_webhook(&owner, &slow.url, &["*"]).await;
    create_webhook(&owner, &quick.url, &["*"]).await;
    let started = std::time::Instant::now();
    for person in 0..5 {
        let contact = create_contact(&owner, json!({"name": format!("P{person}")})).await;
        for change in 0..6 {
            owner.patch(&owner.path(&format!("/contacts/{}", contact["id"].as_str().unwrap())), json!({"company": change.to_string()})).await.expect(200);
        }
    }
    let hits = quick.wait_for(35).await;
    assert!(started.elapsed() < Duration::from_secs(10), "held up for {:?}", started.elapsed());
    let mut seen: HashMap<String, Vec<Option<String>>> = HashMap::new();
    let mut first_time = std::collections::HashSet::new();
    for hit in &hits {
        if first_time.insert(hit.header("webhook-id").to_owned()) {
            let body = hit.json();
            seen.entry(body["data"]["id"].as_str().unwrap().to_owned()).or_default().push(body["data"]["company"].as_str().map(str::to_owned));
        }
    }
    for companies in seen.values() {
        let expected: Vec<Option<String>> = std::iter::once(None).chain((0..6).map(|change| Some(change.to_string()))).collect();
        assert_eq!(*companies, expected);
    }
}

#[tokio::test]
async fn no_redirect_is_followed_and_no_private_address_reached() {
    let (redirecting, canary) = (Receiver::start().await, Receiver::start().await);
    redirecting.answers(|_, _| Answer::of(302));
    let port: u16 = redirecting.url.rsplit(':').next().unwrap().parse().unwrap();
    let app = TestApp::with(move |config| config.egress.allow = vec![format!("127.0.0.1:{port}")]).await;
    let owner = app.owner().await;
    let webhook = create_webhook(&owner, &redirecting.url, &["*"]).await;
    let error = owner.post(&owner.path("/webhooks"), json!({"url": canary.url, "events": ["*"]})).await.expect_error(400, "bad_request:api");
    assert!(error["details"]["url"].as_str().unwrap().contains("egress.allow"));
    // A name is judged when it is used.
    let named = create_webhook(&owner, "https://localhost:1/", &["*"]).await;
    let tested = owner.post(&owner.path(&format!("/webhooks/{}/test", webhook["id"].as_str().unwrap())), json!({})).await.expect(200);
    assert!(tested["status"] == "failed" && tested["error"].as_str().unwrap().contains("redirect"), "{tested}");
    assert!(redirecting.hits().iter().all(|hit| hit.path == "/"));
    let tested = owner.post(&owner.path(&format!("/webhooks/{}/test", named["id"].as_str().unwrap())), json!({})).await.expect(200);
    assert!(tested["status"] == "failed" && tested["error"].as_str().unwrap().contains("private"), "{tested}");
    assert!(canary.hits().is_empty());
}

#[tokio::test]
async fn the_admins_are_mailed_once_when_a_webhook_was_switched_off() {
    let (mail, gone) = (SmtpServer::start().await, Receiver::start().await);
    gone.answers(|_, _| Answer::of(410));
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), Clock::held(Timestamp::from_millis(1_770_000_000_000)), |config| {
        reaching_loopback(config);
        config.smtp.url = Some(SecretText::new(&mail.url));
        config.smtp.from = Some("support@example.com".to_owned());
    })
    .await;
    let owner = app.owner().await;
    let admin = app.colleague(&owner, Role::Admin).await;
    app.colleague(&owner, Role::Member).await;
    let webhook = create_webhook(&owner, &format!("{}/?token=secret", gone.url), &["contact.created"]).await;
    for number in 0..5 {
        create_contact(&owner, json!({"name": format!("P{number}")})).await;
    }
    settled(&owner, &webhook, "failed", 1).await;
    for _ in 0..500 {
        app.drain().await;
        if mail.letters().len() >= 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app.drain().await;
    let letters = mail.letters();
    let mut to: Vec<String> = letters.iter().map(|letter| letter.to.trim_matches(['<', '>']).to_owned()).collect();
    to.sort();
    let mut admins = vec![app.email_of(&owner), app.email_of(&admin)];
    admins.sort();
    assert_eq!(to, admins, "{letters:?}");
    let text = &letters[0].text;
    assert!(text.contains("Subject: Webhook switched off: 127.0.0.1") && text.contains("410") && text.contains("/settings/webhooks") && !text.contains("secret"), "{text}");
}
