//! What must never be seen, seen to be so; and the limits, to the request.

use std::{
    io,
    sync::{Arc, OnceLock},
};

use illumichat::{config::{Oidc, Provider, Signup}, secrets::SecretText};
use parking_lot::Mutex;
use reqwest::Method;
use serde_json::json;

use crate::support::{TestApp, app::PASSWORD, smtp_server::SmtpServer};

/// Everything that this process logs, at every level.
#[derive(Clone)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn log() -> Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log(Arc::default());
        let writer = log.clone();
        // Another test may have a subscriber already; then there is nothing to read, and the responses are still judged.
        let _ = tracing_subscriber::fmt().with_env_filter("illumichat=trace").with_writer(move || writer.clone()).with_ansi(false).try_init();
        log
    })
    .clone()
}

#[tokio::test]
async fn planted_secrets_show_up_nowhere() {
    let log = log();
    let mail = SmtpServer::start().await;
    let planted = [
        "planted-provider-key-1111", "planted-client-secret-2222", "planted-password-3333", "planted-new-password-4444", "mail-password-7531",
        "planted-own-key-5555", "abcdef0123456789abcdef0123456789", "planted-header-6666", "planted-search-key-7777",
        "planted-action-header-8888", "planted-identity-secret-9999", "planted-signup-password-1010",
    ];
    let app = TestApp::with(|config| {
        config.providers.insert("openai".to_owned(), Provider { api_key: Some(SecretText::new(planted[0])), base_url: Some("http://127.0.0.1:9/v1".to_owned()), ..Provider::default() });
        config.oidc.insert("sso".to_owned(), Oidc { issuer: "http://127.0.0.1:9".to_owned(), client_id: "c".to_owned(), client_secret: Some(SecretText::new(planted[1])), ..Oidc::default() });
        config.smtp.url = Some(SecretText::new(&mail.url));
        config.smtp.from = Some("support@example.com".to_owned());
        config.signup = Signup::Open;
    })
    .await;
    let owner = app.owner().await;
    let email = app.email_of(&owner);
    let mut seen = Vec::new();
    let nobody = app.nobody();
    seen.push(nobody.post("/api/auth/signin/credentials", json!({"email": email, "password": planted[2], "code": "123456"})).await.text);
    seen.push(nobody.get("/api/auth/signin/sso").await.text);
    let browser = app.signed_in(&owner).await;
    let crate::support::app::Credentials::Cookie(cookie) = &browser.credentials else { panic!() };
    let session = cookie.split_once('=').unwrap().1.to_owned();
    let token = browser.post(&owner.path("/tokens"), json!({"name": "shop"})).await.expect(201)["token"].as_str().unwrap().to_owned();
    let totp = browser.post("/api/me/totp", json!({})).await.expect(200)["secret"].as_str().unwrap().to_owned();
    let link = owner.post(&owner.path("/invitations"), json!({"email": "new@example.com", "role": "member"})).await.expect(201)["link"].as_str().unwrap().to_owned();
    let invitation = link.rsplit('/').next().unwrap().to_owned();
    nobody.post("/api/auth/password/forgot", json!({"email": email})).await.expect(204);
    app.drain().await;
    let reset = mail.letters().iter().find_map(|letter| Some(letter.text.split_once("reset-password?token=")?.1.chars().take_while(char::is_ascii_alphanumeric).collect::<String>())).unwrap();
    seen.push(browser.post("/api/me/password", json!({"currentPassword": PASSWORD, "newPassword": planted[3]})).await.text);
    // What the people of a workspace plant themselves.
    let assistant = super::assistants::create_assistant(&owner, json!({"visibility": "public", "widgetEnabled": true})).await;
    let assistant = assistant["id"].as_str().unwrap();
    seen.push(browser.put(&owner.path("/providers/anthropic"), json!({"apiKey": planted[5]})).await.text);
    seen.push(browser.post(&owner.path("/providers/anthropic/test"), json!({})).await.text);
    let sms = json!({"enabled": true, "twilioAccountSid": format!("AC{}", "0".repeat(32)), "twilioAuthToken": planted[6], "phoneNumber": "+15551234567"});
    seen.push(browser.put(&owner.path(&format!("/assistants/{assistant}/sms")), sms).await.text);
    seen.push(browser.post(&owner.path("/mcp-servers"), json!({"name": "tools", "url": "https://mcp.example.com/mcp", "headers": {"Authorization": planted[7]}})).await.text);
    seen.push(browser.put(&owner.path("/web-search"), json!({"provider": "brave", "apiKey": planted[8]})).await.text);
    let mcp = browser.get(&owner.path("/mcp-servers")).await.expect(200)["data"][0]["id"].as_str().unwrap().to_owned();
    seen.push(browser.post(&owner.path(&format!("/mcp-servers/{mcp}/test")), json!({})).await.text);
    seen.push(browser.patch(&owner.path(&format!("/mcp-servers/{mcp}")), json!({"name": "renamed"})).await.text);
    let action = json!({"name": "find_order", "description": "Finds.", "method": "GET", "url": "https://shop.example/orders", "secretHeaders": {"x-key": planted[9]}});
    let action = browser.post(&owner.path("/actions"), action).await;
    seen.push(action.text.clone());
    let action = owner.path(&format!("/actions/{}", action.expect(201)["id"].as_str().unwrap()));
    seen.push(browser.get(&action).await.text);
    seen.push(browser.patch(&action, json!({"description": "Finds an order."})).await.text);
    let at = owner.path(&format!("/assistants/{assistant}"));
    let set = browser.patch(&at, json!({"name": "Renamed", "widget": {"identitySecret": planted[10]}})).await;
    assert_eq!(set.status, 200, "{}", set.text);
    seen.push(set.text);
    assert_eq!(browser.get(&format!("{at}/widget-secret")).await.expect(200)["hint"], "…9999");
    seen.push(browser.post(&format!("{at}/sms/test"), json!({"twilioAccountSid": format!("AC{}", "0".repeat(32)), "twilioAuthToken": planted[6], "phoneNumber": "+15551234567"})).await.text);
    seen.push(browser.post(&format!("{at}/duplicate"), json!({})).await.text);
    seen.push(nobody.post("/api/auth/signup", json!({"name": "Ann", "email": "ann@example.com", "password": planted[11]})).await.text);
    seen.push(nobody.get(&format!("/api/widget/{assistant}/config")).await.text);
    app.drain().await;
    let webhook = browser.post(&owner.path("/webhooks"), json!({"url": "https://example.com/hook", "events": ["ticket.resolved"]})).await.expect(201);
    let webhook_path = owner.path(&format!("/webhooks/{}", webhook["id"].as_str().unwrap()));
    let rotated = browser.post(&format!("{webhook_path}/rotate-secret"), json!({})).await.expect(200)["secret"].as_str().unwrap().to_owned();
    let identity = browser.post(&format!("{at}/widget-secret"), json!({})).await.expect(200)["secret"].as_str().unwrap().to_owned();
    for path in [webhook_path.clone(), format!("{webhook_path}/deliveries"), format!("{at}/widget-secret"), "/readyz".to_owned(), "/healthz".to_owned()] {
        seen.push(browser.get(&path).await.text);
    }
    // A site's key is no secret: it stands in pages.
    browser.post(&owner.path("/sites"), json!({"name": "Shop", "assistantId": assistant})).await.expect(201);
    let chat = owner.ask("/api/chat", super::chat::question(&json!({"id": assistant}), "Hello")).await.chat_id().to_owned();
    seen.push(browser.get(&owner.path(&format!("/conversations/{chat}/export"))).await.text);
    seen.push(browser.get(&owner.path(&format!("/conversations/{chat}/export?format=markdown"))).await.text);
    let contact = super::contacts::create_contact(&owner, json!({"email": "visitor@example.com"})).await;
    seen.push(browser.get(&owner.path(&format!("/contacts/{}/export", contact["id"].as_str().unwrap()))).await.text);
    for path in ["/providers", "/providers/anthropic", "/mcp-servers", "/web-search", "/webhooks", "/sites", "/contacts/export", "/analytics", "/actions"] {
        seen.push(browser.get(&owner.path(path)).await.text);
    }
    for path in ["", "/sms", "/versions", "/tools", "/access"] {
        seen.push(browser.get(&owner.path(&format!("/assistants/{assistant}{path}"))).await.text);
    }
    for path in ["", "/members", "/invitations", "/tokens", "/audit?limit=100", "/models", "/assistants"] {
        seen.push(browser.get(&owner.path(path)).await.text);
    }
    for path in ["/api/me", "/api/me/sessions", "/api/auth/session", "/api/auth/providers", "/api/workspaces"] {
        seen.push(browser.get(path).await.text);
    }
    let mut secrets: Vec<String> = planted.iter().map(|&secret| secret.to_owned()).collect();
    secrets.extend([session, token, totp, invitation, reset, PASSWORD.to_owned(), webhook["secret"].as_str().unwrap().to_owned()]);
    secrets.extend([rotated, identity]);
    // What `config show` is made of.
    seen.extend([serde_json::to_string(&*app.app.config).unwrap(), format!("{:?}", app.app.config)]);
    // What a backup would list: the names of the files.
    seen.push(app.files_on_disk().join("\n"));
    let logged = String::from_utf8_lossy(&log.0.lock()).into_owned();
    let told = app.app.db.read(|connection| illumichat::events::list_after(connection, None, 0, 1000)).unwrap();
    let told = told.iter().map(|event| event.data.to_string()).collect::<String>();
    // The database has hashes and sealed values: not one of these in plain.
    app.app.db.checkpoint().await.unwrap();
    let database = std::fs::read(app.app.config.database_path()).unwrap();
    for secret in secrets {
        assert!(secret.len() >= 10);
        assert!(!seen.iter().any(|text| text.contains(&secret)), "{secret} was answered");
        assert!(!logged.contains(&secret), "{secret} was logged");
        assert!(!told.contains(&secret), "{secret} is in an event");
        assert!(!database.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "{secret} lies in the database");
    }
}

#[tokio::test]
async fn exactly_the_figure_passes_whatever_is_forwarded() {
    let app = TestApp::with(|config| {
        config.limits.enabled = true;
        config.limits.api = 5;
    })
    .await;
    let owner = app.owner().await;
    let call = async |number: usize| {
        let request = owner.request(Method::GET, "/api/workspaces").header("x-forwarded-for", format!("203.0.113.{number}"));
        owner.send(request).await
    };
    for number in 0..5 {
        assert_eq!(call(number).await.status, 200, "request {number}");
    }
    let refused = call(5).await;
    let wait = refused.header("retry-after").parse::<u64>().unwrap();
    assert!((1..=12).contains(&wait), "{wait}");
    assert_eq!((refused.header("ratelimit-limit"), refused.header("ratelimit-remaining")), ("5", "0"));
    assert_eq!(refused.header("ratelimit-reset").parse::<u64>().unwrap(), wait);
    refused.expect_error(429, "rate_limit:api");
    // Another's budget is another's.
    app.owner().await.get("/api/workspaces").await.expect(200);
}

/// What cannot be read costs the same as what can: a flood of rubbish is a flood.
#[tokio::test]
async fn broken_bodies_are_counted() {
    let app = TestApp::with(|config| {
        config.limits.enabled = true;
        (config.limits.chat, config.limits.widget_chat_address, config.limits.widget_session, config.limits.widget_tickets) = (3, 3, 3, 3);
    })
    .await;
    let owner = app.owner().await;
    let assistant = super::assistants::create_assistant(&owner, json!({"visibility": "public", "widgetEnabled": true})).await;
    let id = assistant["id"].as_str().unwrap();
    let nobody = app.nobody();
    for (client, path, surface) in [
        (&owner, "/api/chat".to_owned(), "chat"),
        (&nobody, format!("/api/widget/{id}/session"), "widget"),
        (&nobody, "/api/widget/tickets/create".to_owned(), "widget"),
    ] {
        let send = async |number: usize| {
            let request = client.request(Method::POST, &path).header("content-type", "application/json").header("x-forwarded-for", format!("203.0.113.{number}"));
            client.send(request.body("{")).await
        };
        for number in 0..3 {
            send(number).await.expect_error(400, &format!("bad_request:{surface}"));
        }
        let refused = send(3).await;
        assert_eq!((refused.header("ratelimit-limit"), refused.header("ratelimit-remaining")), ("3", "0"), "{path}");
        assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
        refused.expect_error(429, &format!("rate_limit:{surface}"));
    }
}

#[tokio::test]
async fn guesses_are_counted_by_the_socket_and_not_by_what_is_forwarded() {
    let app = TestApp::with(|_| {}).await;
    let owner = app.owner().await;
    let email = app.email_of(&owner);
    let nobody = app.nobody();
    let guess = async |number: usize| {
        let request = nobody.request(Method::POST, "/api/auth/signin/credentials").header("x-forwarded-for", format!("203.0.113.{number}"));
        nobody.send(request.json(&json!({"email": email, "password": "wrong password"}))).await.status
    };
    for number in 0..10 {
        assert_eq!(guess(number).await, 401);
    }
    assert_eq!(guess(10).await, 429);
}

/// The middle of many, of emails that are known and of those that are not, asked in turn; and word for word the same answer.
#[tokio::test]
async fn known_and_unknown_emails_are_answered_alike_and_take_as_long() {
    let mail = SmtpServer::start().await;
    let app = TestApp::with(|config| {
        (config.limits.signin_account, config.limits.signin_address, config.signup) = (1000, 1000, Signup::Open);
        config.smtp.url = Some(SecretText::new(&mail.url));
        config.smtp.from = Some("support@example.com".to_owned());
    })
    .await;
    let owner = app.owner().await;
    let emails = [app.email_of(&owner), "nobody@example.com".to_owned()];
    let nobody = app.nobody();
    for (path, status) in [("signin/credentials", 401), ("password/forgot", 204), ("signup", 200)] {
        let mut times = [Vec::new(), Vec::new()];
        let mut answers = std::collections::BTreeSet::new();
        for round in 0..24 {
            for (which, email) in emails.iter().enumerate() {
                let clock = std::time::Instant::now();
                let reply = nobody.post(&format!("/api/auth/{path}"), json!({"email": email, "password": "wrong password", "name": "Ann"})).await;
                if round > 3 {
                    times[which].push(clock.elapsed());
                }
                assert_eq!(reply.status, status, "{path}: {}", reply.text);
                let names = reply.headers.keys().map(|name| name.as_str().to_owned()).collect::<std::collections::BTreeSet<_>>();
                answers.insert((reply.text, names));
            }
        }
        assert_eq!(answers.len(), 1, "{path} tells them apart: {answers:?}");
        let [known, unknown] = times.map(|mut times| {
            times.sort();
            times[times.len() / 2].as_secs_f64()
        });
        let apart = (known - unknown).abs();
        assert!(apart < 0.03 || (known / unknown < 2.0 && unknown / known < 2.0), "{path}: {known} and {unknown}");
    }
}
