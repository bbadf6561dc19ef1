//! Signing up by oneself, where the operator lets everybody in.

use std::time::Duration;

use illumichat::{
    access,
    clock::{Clock, Timestamp},
    config::{Signup, WhoMayCreate},
    secrets::SecretText,
};
use serde_json::{Value, json};

use crate::support::{Client, TestApp, app::{Credentials, PASSWORD}, smtp_server::SmtpServer, spawn_app};

fn person(email: &str) -> Value {
    json!({"name": "Ann Example", "email": email, "password": PASSWORD})
}

async fn open(mail: Option<&SmtpServer>) -> TestApp {
    TestApp::in_folder(tempfile::tempdir().unwrap(), Clock::held(Timestamp::from_millis(1_800_000_000_000)), |config| {
        config.signup = Signup::Open;
        config.workspaces.create = WhoMayCreate::Everyone;
        config.smtp.url = mail.map(|mail| SecretText::new(&mail.url));
        config.smtp.from = Some("IllumiChat <support@example.com>".to_owned());
    })
    .await
}

fn browser(app: &TestApp, cookie: &str) -> Client {
    Client { credentials: Credentials::Cookie(cookie.split(';').next().unwrap().to_owned()), ..app.nobody() }
}

#[tokio::test]
async fn nobody_signs_up_where_people_are_invited() {
    let app = spawn_app().await;
    let nobody = app.nobody();
    nobody.post("/api/auth/signup", person("ann@example.com")).await.expect_error(403, "forbidden:auth");
    nobody.post("/api/auth/signup/confirm", json!({"token": "x"})).await.expect_error(403, "forbidden:auth");
    assert_eq!(nobody.get("/api/auth/providers").await.expect(200)["signup"], false);
}

#[tokio::test]
async fn without_mail_an_account_is_made_at_once() {
    let app = open(None).await;
    let nobody = app.nobody();
    assert_eq!(nobody.get("/api/auth/providers").await.expect(200)["signup"], true);
    for (field, value) in [("email", "no email"), ("password", "short"), ("name", " ")] {
        let mut body = person("ann@example.com");
        body[field] = json!(value);
        let error = nobody.post("/api/auth/signup", body).await.expect_error(400, "bad_request:auth");
        assert!(error["details"][field].is_string(), "{error}");
    }
    let reply = nobody.post("/api/auth/signup", person("Ann@example.com")).await;
    let ann = browser(&app, reply.header("set-cookie"));
    let made = reply.expect(200);
    assert_eq!((&made["mailed"], &made["user"]["email"]), (&json!(false), &json!("Ann@example.com")));
    nobody.post("/api/auth/signup", person("ann@EXAMPLE.com")).await.expect_error(409, "conflict:auth");
    nobody.post("/api/auth/signin/credentials", json!({"email": "ann@example.com", "password": PASSWORD})).await.expect(200);
    // Nobody's workspace is open to her; one of her own she may make.
    let owner = app.owner().await;
    ann.get(&owner.path("")).await.expect_error(404, "not_found:api");
    assert_eq!(ann.get("/api/workspaces").await.expect(200)["total"], 0);
    ann.get("/api/assistants").await.expect_error(404, "not_found:api");
    let own = ann.post("/api/workspaces", json!({"name": "Ann's"})).await.expect(201);
    assert_eq!((&own["role"], &own["plan"]), (&json!("owner"), &json!("self-hosted")));
}

#[tokio::test]
async fn with_mail_known_and_unknown_are_answered_alike_and_a_letter_decides() {
    let mail = SmtpServer::start().await;
    let app = open(Some(&mail)).await;
    let nobody = app.nobody();
    let known = app.email_of(&app.owner().await);
    let to_known = nobody.post("/api/auth/signup", person(&known)).await;
    let to_unknown = nobody.post("/api/auth/signup", person("ann@example.com")).await;
    assert_eq!((to_known.status, &to_known.text), (200, &to_unknown.text));
    assert!(to_known.header("set-cookie").is_empty() && to_unknown.header("set-cookie").is_empty());
    app.drain().await;
    let letters = mail.letters();
    let to = |email: &str| letters.iter().find(|letter| letter.to.contains(email)).unwrap_or_else(|| panic!("no letter to {email}"));
    assert!(to(&known).text.contains("You have an account already") && !to(&known).text.contains("token="));
    let token = token_in(&to("ann@example.com").text);
    // There is no account before the link is followed.
    let sign_in = async || nobody.post("/api/auth/signin/credentials", json!({"email": "ann@example.com", "password": PASSWORD})).await;
    sign_in().await.expect_error(401, "unauthorized:auth");
    for wrong in ["wrong", &token[..token.len() - 4]] {
        nobody.post("/api/auth/signup/confirm", json!({ "token": wrong })).await.expect_error(401, "unauthorized:auth");
    }
    let reply = nobody.post("/api/auth/signup/confirm", json!({ "token": token })).await;
    let ann = browser(&app, reply.header("set-cookie"));
    assert_eq!(reply.expect(200)["user"]["name"], "Ann Example");
    assert_eq!(ann.get("/api/me").await.expect(200)["email"], "ann@example.com");
    nobody.post("/api/auth/signup/confirm", json!({ "token": token })).await.expect_error(401, "unauthorized:auth");
    assert_eq!(sign_in().await.status, 200);
}

fn token_in(text: &str) -> String {
    let at = text.find("/signup?token=").unwrap_or_else(|| panic!("no link in {text}")) + "/signup?token=".len();
    text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect()
}

#[tokio::test]
async fn the_link_ends_with_the_day() {
    let mail = SmtpServer::start().await;
    let app = open(Some(&mail)).await;
    app.nobody().post("/api/auth/signup", person("ann@example.com")).await.expect(200);
    app.drain().await;
    let token = token_in(&mail.letters()[0].text);
    app.app.clock.advance(Duration::from_secs(24 * 3600));
    app.nobody().post("/api/auth/signup/confirm", json!({ "token": token })).await.expect_error(401, "unauthorized:auth");
    assert!(app.app.db.read(|connection| access::store::find_user_by_email(connection, "ann@example.com")).unwrap().is_none());
}

#[tokio::test]
async fn accounts_are_not_made_by_the_thousand() {
    let app = TestApp::with(|config| (config.signup, config.limits.signin_address) = (Signup::Open, 3)).await;
    let sign_up = async |number: usize| app.nobody().post("/api/auth/signup", person(&format!("ann{number}@example.com"))).await;
    for number in 0..3 {
        sign_up(number).await.expect(200);
    }
    sign_up(3).await.expect_error(429, "rate_limit:auth");
}
