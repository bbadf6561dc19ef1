//! A forgotten password, by mail that a real SMTP exchange delivers.

use std::{sync::atomic::Ordering, time::Duration};

use illumichat::{
    access::Role,
    clock::{Clock, Timestamp},
    secrets::SecretText,
};
use serde_json::json;

use crate::support::{TestApp, app::PASSWORD, smtp_server::SmtpServer, spawn_app};

pub async fn with_mail(mail: &SmtpServer) -> TestApp {
    TestApp::in_folder(tempfile::tempdir().unwrap(), Clock::held(Timestamp::from_millis(1_800_000_000_000)), |config| {
        config.smtp.url = Some(SecretText::new(&mail.url));
        config.smtp.from = Some("IllumiChat <support@example.com>".to_owned());
    })
    .await
}

fn link(text: &str, before: &str) -> String {
    let at = text.find(before).unwrap_or_else(|| panic!("no {before} in {text}")) + before.len();
    text[at..].chars().take_while(char::is_ascii_alphanumeric).collect()
}

#[tokio::test]
async fn a_letter_brings_a_link_that_sets_a_new_password_once() {
    let mail = SmtpServer::start().await;
    let app = with_mail(&mail).await;
    let person = app.owner().await;
    let browser = app.signed_in(&person).await;
    let nobody = app.nobody();
    let known = nobody.post("/api/auth/password/forgot", json!({"email": app.email_of(&person).to_uppercase()})).await;
    let unknown = nobody.post("/api/auth/password/forgot", json!({"email": "nobody@example.com"})).await;
    assert_eq!((known.status, &known.text), (204, &unknown.text));
    assert_eq!(unknown.status, 204);
    app.drain().await;
    let letters = mail.letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(letters[0].to.contains(&app.email_of(&person)) && letters[0].from.contains("support@example.com") && letters[0].credentials.is_some());
    let token = link(&letters[0].text, "/reset-password?token=");
    let reset = async |token: &str, password: &str| nobody.post("/api/auth/password/reset", json!({"token": token, "password": password})).await;
    reset("wrong", "a new good password").await.expect_error(401, "unauthorized:auth");
    reset(&token, "short").await.expect_error(400, "bad_request:auth");
    reset(&token, "a new good password").await.expect(204);
    reset(&token, "a new good password").await.expect_error(401, "unauthorized:auth");
    browser.get("/api/me").await.expect_error(401, "unauthorized:api");
    let sign_in = async |password: &str| nobody.post("/api/auth/signin/credentials", json!({"email": app.email_of(&person), "password": password})).await.status;
    assert_eq!((sign_in(PASSWORD).await, sign_in("a new good password").await), (401, 200));
    let log = person.get(&person.path("/audit?action=password.reset")).await.expect(200);
    assert_eq!(log["total"], 1);
}

#[tokio::test]
async fn a_link_ends_with_the_hour_and_with_the_next_one() {
    let mail = SmtpServer::start().await;
    let app = with_mail(&mail).await;
    let person = app.owner().await;
    let nobody = app.nobody();
    for _ in 0..2 {
        nobody.post("/api/auth/password/forgot", json!({"email": app.email_of(&person)})).await.expect(204);
        app.drain().await;
    }
    let tokens: Vec<String> = mail.letters().iter().map(|letter| link(&letter.text, "token=")).collect();
    let reset = async |token: &str| nobody.post("/api/auth/password/reset", json!({"token": token, "password": "a new good password"})).await;
    reset(&tokens[0]).await.expect_error(401, "unauthorized:auth");
    app.app.clock.advance(Duration::from_secs(3600));
    reset(&tokens[1]).await.expect_error(401, "unauthorized:auth");
}

#[tokio::test]
async fn a_mail_server_that_is_busy_is_asked_again() {
    let mail = SmtpServer::start().await;
    let app = with_mail(&mail).await;
    let owner = app.owner().await;
    mail.refuse.store(1, Ordering::SeqCst);
    let made = owner.post(&owner.path("/invitations"), json!({"email": "new@example.com", "role": "member"})).await.expect(201);
    assert_eq!(made["mailed"], true);
    for _ in 0..200 {
        if !mail.letters().is_empty() {
            break;
        }
        app.app.clock.advance(Duration::from_secs(30));
        app.app.jobs.wake();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let letters = mail.letters();
    let token = link(&letters[0].text, "/invitations/");
    assert_eq!(made["link"], format!("{}/invitations/{token}", app.app.config.public_url()));
}

#[tokio::test]
async fn without_mail_everybody_is_told_the_same() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let ask = async |email: &str| app.nobody().post("/api/auth/password/forgot", json!({"email": email})).await;
    let (known, unknown) = (ask(&app.email_of(&owner)).await, ask("nobody@example.com").await);
    assert_eq!((known.status, &known.text), (409, &unknown.text));
    known.expect_error(409, "conflict:auth");
    ask("no email").await.expect_error(400, "bad_request:auth");
    let made = owner.post(&owner.path("/invitations"), json!({"email": "x@example.com", "role": "guest"})).await.expect(201);
    assert_eq!(made["mailed"], false);
    assert_eq!(Role::parse(made["role"].as_str().unwrap()), Some(Role::Guest));
}
