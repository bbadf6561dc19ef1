//! Signing in with OpenID Connect, against an issuer that holds the server to the protocol.

use illumichat::{
    access::Role,
    config::{Config, Oidc},
    secrets::SecretText,
};
use reqwest::Method;
use serde_json::json;

use crate::support::{
    Client, Reply, TestApp,
    app::Credentials,
    issuer::{CLIENT, Issuer, SECRET, Shape},
};

fn settings(issuer: &Issuer, domains: &[&str]) -> Oidc {
    Oidc {
        issuer: issuer.configured(),
        client_id: CLIENT.to_owned(),
        client_secret: Some(SecretText::new(SECRET)),
        domains: domains.iter().map(|&domain| domain.to_owned()).collect(),
        role: None,
    }
}

async fn with(issuer: &Issuer, domains: &[&str], change: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::with(|config| {
        config.oidc.insert("sso".to_owned(), settings(issuer, domains));
        config.limits.signin_address = 1000;
        change(config);
    })
    .await
}

fn cookies(reply: &Reply) -> Vec<String> {
    reply.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap().to_owned()).collect()
}

/// The browser's way to the issuer and back: the cookie that waits, and where the issuer sends it.
async fn to_the_issuer(app: &TestApp) -> (String, String) {
    let reply = app.nobody().get("/api/auth/signin/sso?callbackUrl=/inbox").await;
    assert_eq!(reply.status, 302, "{}", reply.text);
    let cookie = cookies(&reply).remove(0);
    assert!(cookie.contains("HttpOnly; SameSite=Lax") && cookie.contains("Path=/api/auth/callback"), "{cookie}");
    let answer = app.nobody().http.get(reply.header("location")).send().await.unwrap();
    let back = answer.headers()["location"].to_str().unwrap().to_owned();
    (cookie.split(';').next().unwrap().to_owned(), back.strip_prefix(&app.url).unwrap().to_owned())
}

async fn come_back(app: &TestApp, cookie: &str, path: &str) -> Reply {
    let nobody = app.nobody();
    nobody.send(nobody.request(Method::GET, path).header("cookie", cookie)).await
}

async fn sign_in(app: &TestApp) -> Reply {
    let (cookie, back) = to_the_issuer(app).await;
    come_back(app, &cookie, &back).await
}

fn browser(app: &TestApp, reply: &Reply) -> Client {
    assert_eq!((reply.status, reply.header("location")), (302, "/inbox"), "{}", reply.text);
    let session = cookies(reply).into_iter().find(|cookie| cookie.starts_with("authjs.session-token=")).unwrap();
    Client { credentials: Credentials::Cookie(session.split(';').next().unwrap().to_owned()), ..app.nobody() }
}

#[tokio::test]
async fn somebody_of_an_allowed_domain_comes_in_and_comes_again() {
    for shape in [Shape::Auth0, Shape::Keycloak] {
        let issuer = Issuer::start(shape).await;
        let app = with(&issuer, &["acme.example"], |_| {}).await;
        let owner = app.owner().await;
        assert_eq!(app.nobody().get("/api/auth/providers").await.expect(200)["data"][0]["signinUrl"], "/api/auth/signin/sso");
        let first = browser(&app, &sign_in(&app).await);
        let me = first.get("/api/me").await.expect(200);
        assert_eq!((&me["email"], &me["name"]), (&json!("ann@acme.example"), &json!("Ann Example")));
        let workspace = first.get("/api/workspaces").await.expect(200)["data"][0].clone();
        assert_eq!((&workspace["id"], &workspace["role"]), (&json!(owner.workspace_id), &json!("member")));
        // Known by what the issuer calls her, whatever her email has become; and the issuer has a new key.
        issuer.claims(json!({"email": "ann.new@acme.example"}));
        issuer.rotate();
        let again = browser(&app, &sign_in(&app).await);
        assert_eq!(again.get("/api/me").await.expect(200)["id"], me["id"]);
    }
}

#[tokio::test]
async fn a_token_that_is_not_for_us_now_is_refused() {
    let issuer = Issuer::start(Shape::Auth0).await;
    let app = with(&issuer, &["acme.example"], |_| {}).await;
    app.owner().await;
    for claims in [
        json!({"nonce": "another-nonce-another-nonce-1234"}), json!({"nonce": null}), json!({"aud": "somebody-else"}), json!({"aud": [CLIENT, "other"]}),
        json!({"azp": "somebody-else"}), json!({"iss": "https://evil.example/"}), json!({"exp": 1_000_000_000}), json!({"iat": 9_999_999_999i64}),
        json!({"sub": null}), json!({"exp": null}),
    ] {
        issuer.claims(claims.clone());
        let reply = sign_in(&app).await;
        assert_eq!(reply.status, 401, "{claims}: {}", reply.text);
        reply.expect_error(401, "unauthorized:auth");
    }
    issuer.claims(json!({}));
    for header in [json!({"alg": "none"}), json!({"alg": "HS256"}), json!({"alg": "RS512"}), json!({"kid": "enc"}), json!({"kid": "unknown"})] {
        issuer.header(header.clone());
        let reply = sign_in(&app).await;
        assert_eq!(reply.status, 401, "{header}: {}", reply.text);
    }
    issuer.header(json!({}));
    issuer.sign_with_a_strange_key();
    sign_in(&app).await.expect_error(401, "unauthorized:auth");
}

#[tokio::test]
async fn who_may_come_is_judged_by_the_verified_email() {
    let issuer = Issuer::start(Shape::Auth0).await;
    let app = with(&issuer, &["acme.example"], |_| {}).await;
    app.owner().await;
    for claims in [
        json!({"email_verified": false}), json!({"email_verified": null}), json!({"email_verified": "false"}), json!({"email": null}),
        json!({"email": "ann@evil.example"}), json!({"email": "ann@acme.example.evil.example"}), json!({"email": "ann@sub.acme.example"}),
    ] {
        issuer.claims(claims.clone());
        let reply = sign_in(&app).await;
        assert_eq!(reply.status, 403, "{claims}: {}", reply.text);
    }
    issuer.claims(json!({"email": "Ann@ACME.example", "email_verified": "true"}));
    browser(&app, &sign_in(&app).await);
}

#[tokio::test]
async fn without_domains_only_the_known_and_the_invited_come_in() {
    let issuer = Issuer::start(Shape::Keycloak).await;
    let app = with(&issuer, &[], |_| {}).await;
    let owner = app.owner().await;
    sign_in(&app).await.expect_error(403, "forbidden:auth");
    // Somebody with an account of this email.
    let member = app.colleague(&owner, Role::Member).await;
    issuer.claims(json!({"email": app.email_of(&member), "sub": "known"}));
    let known = browser(&app, &sign_in(&app).await);
    assert_eq!(known.get("/api/me").await.expect(200)["id"], member.user_id.as_str());
    // Somebody invited: an account, and the workspace by the invitation.
    let made = owner.post(&owner.path("/invitations"), json!({"email": "ann@acme.example", "role": "guest"})).await.expect(201);
    let token = made["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    issuer.claims(json!({}));
    let invited = browser(&app, &sign_in(&app).await);
    assert_eq!(invited.get("/api/workspaces").await.expect(200)["total"], 0);
    assert_eq!(invited.post(&format!("/api/invitations/{token}/accept"), json!({})).await.expect(200)["role"], "guest");
}

#[tokio::test]
async fn the_answer_belongs_to_the_browser_that_asked() {
    let issuer = Issuer::start(Shape::Auth0).await;
    let app = with(&issuer, &["acme.example"], |_| {}).await;
    app.owner().await;
    let (cookie, back) = to_the_issuer(&app).await;
    let (_, other) = to_the_issuer(&app).await;
    app.nobody().get(&back).await.expect_error(401, "unauthorized:auth");
    come_back(&app, &cookie, &other).await.expect_error(401, "unauthorized:auth");
    come_back(&app, "authjs.oidc=AAAA", &back).await.expect_error(401, "unauthorized:auth");
    assert_eq!(come_back(&app, &cookie, &back).await.status, 302);
    // A code is good once.
    come_back(&app, &cookie, &back).await.expect_error(502, "upstream:auth");
    app.nobody().get("/api/auth/signin/unknown").await.expect_error(404, "not_found:auth");
    let elsewhere = app.nobody().get("/api/auth/signin/sso?callbackUrl=https://evil.example/").await;
    assert!(!elsewhere.header("location").contains("evil"));
}

#[tokio::test]
async fn an_issuer_speaks_for_itself_alone() {
    let issuer = Issuer::start(Shape::Auth0).await;
    let app = with(&issuer, &["acme.example"], |_| {}).await;
    issuer.describe(json!({"issuer": "https://login.bank.example/"}));
    app.nobody().get("/api/auth/signin/sso").await.expect_error(502, "upstream:auth");
    // What the discovery document names goes through the guard too.
    issuer.describe(json!({"token_endpoint": "http://10.0.0.1/token"}));
    let reply = sign_in(&app).await;
    assert!(reply.status >= 400, "{}", reply.status);
}
