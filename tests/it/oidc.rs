//! Signing in with OpenID Connect, against an issuer that holds the server to the protocol.

use std::time::Duration;

use illumichat::{
    access::Role,
    clock::Clock,
    config::{Config, Oidc, Signup, WhoMayCreate},
    secrets::SecretText,
};
use reqwest::Method;
use serde_json::json;

use crate::support::{
    Client, Reply, TestApp,
    app::{Credentials, PASSWORD},
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

/// What a browser asks for.
async fn as_browser(app: &TestApp, cookie: &str, path: &str) -> Reply {
    let nobody = app.nobody();
    nobody.send(nobody.request(Method::GET, path).header("accept", "text/html,application/xhtml+xml").header("cookie", cookie)).await
}

#[tokio::test]
async fn a_browser_is_led_back_to_the_signin_page_with_what_went_wrong() {
    let issuer = Issuer::start(Shape::Auth0).await;
    let app = with(&issuer, &["acme.example"], |_| {}).await;
    app.owner().await;
    let (cookie, back) = to_the_issuer(&app).await;
    let broken_off = format!("{}&error=access_denied&error_description=%3Cb%3Eno", back.split("code=").next().unwrap().to_owned() + "state=" + back.split("state=").nth(1).unwrap());
    for (cookie, path, code) in [
        // Begun elsewhere, broken off by the person, a code of nobody's.
        ("", back.as_str(), "unauthorized"),
        (cookie.as_str(), broken_off.as_str(), "unauthorized"),
        (cookie.as_str(), &back.replace("code=", "code=x"), "upstream"),
    ] {
        let reply = as_browser(&app, cookie, path).await;
        assert_eq!(reply.status, 302, "{path}: {}", reply.text);
        let location = reply.header("location");
        assert!(location.starts_with(&format!("/signin?error={code}&message=")) && !location.contains("%3Cb%3E"), "{location}");
        assert!(cookies(&reply).iter().all(|cookie| !cookie.starts_with("authjs.session-token=")));
    }
    issuer.claims(json!({"email_verified": false}));
    let (cookie, back) = to_the_issuer(&app).await;
    let reply = as_browser(&app, &cookie, &back).await;
    assert!(reply.header("location").starts_with("/signin?error=forbidden&message=Your+email+is+not+verified"), "{}", reply.header("location"));
    // An issuer that cannot be asked.
    issuer.describe(json!({"issuer": "https://login.bank.example/"}));
    let reply = as_browser(&app, "", "/api/auth/signin/sso").await;
    assert!(reply.status == 302 && reply.header("location").starts_with("/signin?error=upstream"), "{}", reply.header("location"));
}

/// What an issuer says stands in for the password, and not for the second factor.
#[tokio::test]
async fn whoever_has_a_second_factor_is_asked_for_it_here_too() {
    let issuer = Issuer::start(Shape::Keycloak).await;
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), Clock::system(), |config| {
        config.oidc.insert("sso".to_owned(), settings(&issuer, &[]));
    })
    .await;
    let person = app.owner().await;
    let own = app.signed_in(&person).await;
    let (secret, recovery) = super::totp::enable(&app, &own).await;
    issuer.claims(json!({"email": app.email_of(&person), "sub": "known"}));
    let reply = sign_in(&app).await;
    assert_eq!((reply.status, reply.header("location")), (302, "/signin?code=needed&next=%2Finbox"));
    let waiting = cookies(&reply).into_iter().find(|cookie| cookie.starts_with("authjs.second-step=")).unwrap();
    assert!(waiting.contains("HttpOnly; SameSite=Lax") && waiting.contains("Path=/api/auth/signin"), "{waiting}");
    assert!(cookies(&reply).iter().all(|cookie| !cookie.starts_with("authjs.session-token=")), "nobody is signed in yet");
    let waiting = waiting.split(';').next().unwrap().to_owned();
    let give = async |cookie: &str, code: &str| {
        let nobody = app.nobody();
        nobody.send(nobody.request(Method::POST, "/api/auth/signin/code").header("cookie", cookie).json(&json!({ "code": code }))).await
    };
    give("", &recovery[0]).await.expect_error(401, "unauthorized:auth");
    give("authjs.second-step=AAAA", &recovery[0]).await.expect_error(401, "unauthorized:auth");
    give(&waiting, "000000").await.expect_error(401, "unauthorized:totp");
    give(&waiting, " ").await.expect_error(401, "unauthorized:totp");
    // The code that switched it on is used up; the next one is good, once.
    give(&waiting, &super::totp::code(&secret, app.app.now())).await.expect_error(401, "unauthorized:totp");
    let done = give(&waiting, &recovery[0]).await;
    let session = cookies(&done).into_iter().find(|cookie| cookie.starts_with("authjs.session-token=")).unwrap();
    assert!(cookies(&done).iter().any(|cookie| cookie.starts_with("authjs.second-step=;")), "nothing waits any more");
    assert_eq!(done.expect(200)["user"]["id"], person.user_id.as_str());
    let signed_in = Client { credentials: Credentials::Cookie(session.split(';').next().unwrap().to_owned()), ..app.nobody() };
    assert_eq!(signed_in.get("/api/me").await.expect(200)["id"], person.user_id.as_str());
    give(&waiting, &recovery[0]).await.expect_error(401, "unauthorized:totp");
    // Without a second factor there is nothing between.
    own.delete(&format!("/api/me/totp?code={}", recovery[1])).await.expect(204);
    browser(&app, &sign_in(&app).await);
}

#[tokio::test]
async fn the_second_step_waits_for_ten_minutes() {
    let issuer = Issuer::start(Shape::Auth0).await;
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), Clock::held(Clock::system().now()), |config| {
        config.oidc.insert("sso".to_owned(), settings(&issuer, &[]));
    })
    .await;
    let person = app.owner().await;
    let (_, recovery) = super::totp::enable(&app, &app.signed_in(&person).await).await;
    issuer.claims(json!({"email": app.email_of(&person)}));
    let reply = sign_in(&app).await;
    let waiting = cookies(&reply).into_iter().find(|cookie| cookie.starts_with("authjs.second-step=")).unwrap().split(';').next().unwrap().to_owned();
    app.app.clock.advance(Duration::from_secs(600));
    let nobody = app.nobody();
    let request = nobody.request(Method::POST, "/api/auth/signin/code").header("cookie", &waiting).json(&json!({"code": recovery[0]}));
    nobody.send(request).await.expect_error(401, "unauthorized:auth");
}

/// Somebody made an account with another's email, which nobody had to show to be theirs; then its owner comes by the issuer.
#[tokio::test]
async fn an_account_that_was_made_with_another_ones_email_becomes_theirs() {
    let issuer = Issuer::start(Shape::Auth0).await;
    let app = with(&issuer, &[], |config| (config.signup, config.workspaces.create) = (Signup::Open, WhoMayCreate::Everyone)).await;
    let nobody = app.nobody();
    let made = nobody.post("/api/auth/signup", json!({"name": "Thief", "email": "ann@acme.example", "password": PASSWORD})).await;
    let thief = Client { credentials: Credentials::Cookie(made.header("set-cookie").split(';').next().unwrap().to_owned()), ..app.nobody() };
    let workspace = thief.post("/api/workspaces", json!({"name": "Trap"})).await.expect(201);
    let token = thief.post(&format!("/api/workspaces/{}/tokens", workspace["id"].as_str().unwrap()), json!({"name": "back door"})).await.expect(201);
    thief.post("/api/me/totp", json!({})).await.expect(200);
    let ann = browser(&app, &sign_in(&app).await);
    assert_eq!(ann.get("/api/me").await.expect(200)["email"], "ann@acme.example");
    thief.get("/api/me").await.expect_error(401, "unauthorized:api");
    let back_door = Client { credentials: Credentials::Token(token["token"].as_str().unwrap().to_owned()), ..app.nobody() };
    back_door.get("/api/workspaces").await.expect_error(401, "unauthorized:api");
    nobody.post("/api/auth/signin/credentials", json!({"email": "ann@acme.example", "password": PASSWORD})).await.expect_error(401, "unauthorized:auth");
    // It was handed over once: from now on it is hers, and stays as it is.
    browser(&app, &sign_in(&app).await);
    ann.get("/api/me").await.expect(200);
}

#[tokio::test]
async fn a_house_full_of_people_signs_in_from_one_address() {
    let issuer = Issuer::start(Shape::Auth0).await;
    let app = TestApp::with(|config| {
        config.oidc.insert("sso".to_owned(), settings(&issuer, &["acme.example"]));
    })
    .await;
    app.owner().await;
    for person in 0..40 {
        issuer.claims(json!({"sub": format!("p{person}"), "email": format!("p{person}@acme.example")}));
        browser(&app, &sign_in(&app).await);
    }
}
