//! How long a session and a token are good for, and from where a session may be used.

use std::time::Duration;

use illumichat::clock::{Clock, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Client, Reply, TestApp, app::{Credentials, PASSWORD}, spawn_app};

const HOUR: Duration = Duration::from_secs(3600);

async fn held() -> TestApp {
    TestApp::in_folder(tempfile::tempdir().unwrap(), Clock::held(Timestamp::from_millis(1_800_000_000_000)), |_| {}).await
}

async fn sign_in(app: &TestApp, person: &Client, remember: Value) -> Reply {
    let mut body = json!({"email": app.email_of(person), "password": PASSWORD});
    if !remember.is_null() {
        body["remember"] = remember;
    }
    app.nobody().post("/api/auth/signin/credentials", body).await
}

fn browser(app: &TestApp, reply: &Reply) -> Client {
    assert_eq!(reply.status, 200, "{}", reply.text);
    Client { credentials: Credentials::Cookie(reply.header("set-cookie").split(';').next().unwrap().to_owned()), ..app.nobody() }
}

#[tokio::test]
async fn a_session_slides_with_its_use_for_twelve_hours_or_thirty_days() {
    let app = held().await;
    let person = app.owner().await;
    for (remember, hours) in [(json!(null), 12), (json!(false), 12), (json!(true), 30 * 24)] {
        let reply = sign_in(&app, &person, remember).await;
        let cookie = reply.header("set-cookie").to_owned();
        assert!(cookie.starts_with("authjs.session-token=") && cookie.contains(&format!("; Path=/; Max-Age={}; HttpOnly; SameSite=Lax", hours * 3600)), "{cookie}");
        assert!(!cookie.contains("Domain") && !cookie.contains("Secure"), "host-only, and by http not Secure: {cookie}");
        assert_eq!(reply.json()["expires"], app.app.now().plus(HOUR * hours).to_string());
        let browser = browser(&app, &reply);
        for _ in 0..2 {
            app.app.clock.advance(HOUR * (hours - 1));
            let session = browser.get("/api/auth/session").await.expect(200);
            assert_eq!(session["expires"], app.app.now().plus(HOUR * hours).to_string());
        }
        app.app.clock.advance(HOUR * hours - Duration::from_secs(1));
        browser.get("/api/me").await.expect(200);
        app.app.clock.advance(HOUR * hours);
        browser.get("/api/me").await.expect_error(401, "unauthorized:api");
        assert_eq!(browser.get("/api/auth/session").await.expect(200), json!({}));
    }
}

#[tokio::test]
async fn by_https_the_cookie_is_secure_and_pages_of_the_public_address_may_write() {
    let app = TestApp::with(|config| config.public_url = Some("https://chat.acme.example".to_owned())).await;
    let reply = sign_in(&app, &app.owner().await, json!(null)).await;
    assert!(reply.header("set-cookie").ends_with("; Secure"), "{}", reply.header("set-cookie"));
    let browser = browser(&app, &reply);
    let write = async |headers: &[(&str, &str)]| {
        let request = headers.iter().fold(browser.request(Method::PATCH, "/api/me"), |request, (name, value)| request.header(*name, *value));
        browser.send(request.json(&json!({"name": "New"}))).await
    };
    let host = app.url.strip_prefix("http://").unwrap();
    for (headers, status) in [
        (vec![], 200),
        (vec![("origin", "https://chat.acme.example")], 200),
        (vec![("origin", app.url.as_str())], 200),
        (vec![("sec-fetch-site", "none")], 200),
        // What the browser itself says goes before what a header says.
        (vec![("sec-fetch-site", "cross-site"), ("origin", app.url.as_str())], 403),
        (vec![("sec-fetch-site", "same-site"), ("origin", "https://chat.acme.example")], 403),
        (vec![("origin", "null")], 403),
        (vec![("origin", "http://chat.acme.example")], 403),
        (vec![("origin", "https://chat.acme.example.evil.example")], 403),
        (vec![("origin", "https://chat.acme.example:8443")], 403),
        (vec![("origin", "https://evil.example"), ("x-forwarded-host", "evil.example")], 403),
        (vec![("origin", host)], 403),
        (vec![("origin", "")], 403),
    ] {
        let reply = write(&headers).await;
        assert_eq!(reply.status, status, "{headers:?}: {}", reply.text);
        if status == 403 {
            reply.expect_error(403, "forbidden:auth");
        }
    }
    // Reading is everybody's: there is no CORS, so that no page of another site sees the answer.
    let read = browser.send(browser.request(Method::GET, "/api/me").header("sec-fetch-site", "cross-site").header("origin", "https://evil.example")).await;
    assert!(read.header("access-control-allow-origin").is_empty());
    read.expect(200);
}

#[tokio::test]
async fn a_token_ends_when_it_was_said_to_and_tells_when_it_was_used() {
    let app = held().await;
    let owner = app.owner().await;
    let browser = app.signed_in(&owner).await;
    let make = async |body: Value| browser.post(&owner.path("/tokens"), body).await;
    for (wrong, field) in [
        (json!({"name": ""}), "name"),
        (json!({"name": "x".repeat(121)}), "name"),
        (json!({}), "name"),
        (json!({"name": "x", "expiresAt": app.app.now().to_string()}), "expiresAt"),
        (json!({"name": "x", "expiresAt": "tomorrow"}), "expiresAt"),
    ] {
        let error = make(wrong).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{error}");
    }
    let until = app.app.now().plus(HOUR);
    let made = make(json!({"name": "until tomorrow", "expiresAt": until.to_string()})).await.expect(201);
    let secret = made["token"].as_str().unwrap();
    assert!(secret[3..].bytes().all(|byte| byte.is_ascii_alphanumeric()) && secret.ends_with(made["lastFour"].as_str().unwrap()));
    assert_eq!(made["expiresAt"], until.to_string());
    let caller = Client { credentials: Credentials::Token(secret.to_owned()), ..owner.clone() };
    let one = async || browser.get(&owner.path("/tokens")).await.expect(200)["data"].as_array().unwrap().iter().find(|token| token["id"] == made["id"]).unwrap().clone();
    assert_eq!(one().await["lastUsedAt"], Value::Null);
    caller.get("/api/workspaces").await.expect(200);
    let noted = async || {
        // It is noted beside the answer, which does not wait for it.
        while one().await["lastUsedAt"].is_null() {
            tokio::task::yield_now().await;
        }
        one().await["lastUsedAt"].clone()
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(30), noted()).await.unwrap(), app.app.now().to_string());
    app.app.clock.advance(HOUR - Duration::from_secs(1));
    caller.get("/api/workspaces").await.expect(200);
    app.app.clock.advance(Duration::from_secs(1));
    caller.get("/api/workspaces").await.expect_error(401, "unauthorized:api");
    // Whoever is gone takes their tokens along.
    let mut hand = app.nobody();
    for wrong in ["Bearer", "Bearer ", "Bearer ic_", "ic_x", "Basic aWM6", "bearer nonsense"] {
        hand.credentials = Credentials::None;
        let reply = hand.send(hand.request(Method::GET, "/api/workspaces").header("authorization", wrong)).await;
        reply.expect_error(401, "unauthorized:api");
    }
}

#[tokio::test]
async fn what_the_api_answers_is_kept_by_nobody() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    for path in ["/api/workspaces", "/api/auth/session", "/api/nothing", "/api/me", "/api/auth/providers"] {
        assert_eq!(owner.get(path).await.header("cache-control"), "no-store", "{path}");
    }
    let assistant = crate::assistants::create_assistant(&owner, json!({"visibility": "public", "widgetEnabled": true})).await;
    let config = app.nobody().get(&format!("/api/widget/{}/config", assistant["id"].as_str().unwrap())).await;
    assert_eq!(config.header("cache-control"), "private, max-age=60", "what says how long it is good for is left alone");
}
