//! `/api/auth`, `/api/me` and API tokens.

use std::time::Duration;

use illumichat::{
    access::{self, Role, store::LinkKind},
    clock::{Clock, Timestamp},
};
use serde_json::json;

use crate::support::{TestApp, app::PASSWORD, spawn_app};

#[tokio::test]
async fn set_up_makes_the_first_owner_once() {
    let app = spawn_app().await;
    let nobody = app.nobody();
    let body = |token: &str| json!({"token": token, "name": "Ann", "email": "Ann@Example.com", "password": PASSWORD, "workspace": "Acme"});
    nobody.post("/api/auth/setup", body("wrong")).await.expect_error(401, "unauthorized:auth");
    let token = access::new_link(&app.app, LinkKind::Setup, None, Duration::from_secs(60)).await.unwrap();
    let mut short = body(&token);
    short["password"] = json!("short");
    let error = nobody.post("/api/auth/setup", short).await.expect_error(400, "bad_request:auth");
    assert!(error["details"]["password"].as_str().unwrap().contains("10 characters"));
    let reply = nobody.post("/api/auth/setup", body(&token)).await;
    assert!(reply.header("set-cookie").contains("authjs.session-token="));
    assert!(reply.header("set-cookie").contains("HttpOnly; SameSite=Lax"));
    assert_eq!(reply.expect(200)["user"]["email"], "Ann@Example.com");
    nobody.post("/api/auth/setup", body(&token)).await.expect_error(401, "unauthorized:auth");
    nobody.post("/api/auth/signin/credentials", json!({"email": "ann@example.COM", "password": PASSWORD})).await.expect(200);
}

#[tokio::test]
async fn sign_in_tells_the_same_of_a_wrong_password_and_an_unknown_email() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let email = app.email_of(&owner);
    let nobody = app.nobody();
    let sign_in = async |email: &str, password: &str| nobody.post("/api/auth/signin/credentials", json!({"email": email, "password": password})).await;
    let wrong = sign_in(&email, "wrong password").await;
    let unknown = sign_in("nobody@example.com", "wrong password").await;
    assert_eq!((wrong.status, &wrong.text), (401, &unknown.text));
}

#[tokio::test]
async fn a_guesser_is_slowed_down_and_the_owner_elsewhere_is_not_locked_out() {
    let app = TestApp::with(|config| config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()]).await;
    let owner = app.owner().await;
    let email = app.email_of(&owner);
    let nobody = app.nobody();
    let sign_in = async |from: &str, password: &str| {
        let request = nobody.request(reqwest::Method::POST, "/api/auth/signin/credentials").header("x-forwarded-for", from);
        nobody.send(request.json(&json!({"email": email, "password": password}))).await
    };
    for _ in 0..10 {
        assert_eq!(sign_in("198.51.100.7", "wrong password").await.status, 401);
    }
    let reply = sign_in("198.51.100.7", PASSWORD).await;
    assert!(reply.header("retry-after").parse::<u64>().unwrap() > 0);
    reply.expect_error(429, "rate_limit:auth");
    assert_eq!(sign_in("198.51.100.8", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn waits_grow_with_every_ten_that_fail_and_a_right_password_counts_for_nothing() {
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), Clock::held(Timestamp::from_millis(1_800_000_000_000)), |config| config.limits.signin_address = 1000).await;
    let email = app.email_of(&app.owner().await);
    let sign_in = async |password: &str| app.nobody().post("/api/auth/signin/credentials", json!({"email": email, "password": password})).await;
    let minute = Duration::from_secs(60);
    // A house where everybody signs in each morning, and somebody mistypes now and then.
    for _ in 0..3 {
        for _ in 0..9 {
            assert_eq!(sign_in("wrong password").await.status, 401);
        }
        for _ in 0..4 {
            assert_eq!(sign_in(PASSWORD).await.status, 200);
        }
    }
    for wait in [15, 30, 60] {
        for _ in 0..10 {
            let reply = sign_in("wrong password").await;
            assert_eq!(reply.header("ratelimit-limit"), "10");
            reply.expect_error(401, "unauthorized:auth");
        }
        let refused = sign_in(PASSWORD).await;
        assert_eq!(refused.header("retry-after"), (wait * 60).to_string(), "after {wait} minutes");
        assert_eq!((refused.header("ratelimit-limit"), refused.header("ratelimit-remaining"), refused.header("ratelimit-reset")), ("10", "0", refused.header("retry-after")));
        refused.expect_error(429, "rate_limit:auth");
        app.app.clock.advance(minute * wait - Duration::from_secs(1));
        assert_eq!(sign_in(PASSWORD).await.header("retry-after"), "1");
        app.app.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(sign_in(PASSWORD).await.status, 200);
}

#[tokio::test]
async fn thirty_may_fail_from_one_address_whatever_they_try() {
    let app = TestApp::with(|_| {}).await;
    let email = app.email_of(&app.owner().await);
    let nobody = app.nobody();
    let guess = async |number: usize| nobody.post("/api/auth/signin/credentials", json!({"email": format!("nobody{number}@example.com"), "password": "wrong password"})).await;
    for number in 0..10 {
        guess(number).await.expect_error(401, "unauthorized:auth");
        nobody.post("/api/auth/signin/link", json!({"token": "wrong"})).await.expect_error(401, "unauthorized:auth");
        nobody.post("/api/invitations/wrong/accept", json!({})).await.expect_error(404, "not_found:api");
        // What is right is free.
        if number < 8 {
            nobody.post("/api/auth/signin/credentials", json!({"email": email, "password": PASSWORD})).await.expect(200);
        }
    }
    let refused = guess(30).await;
    assert_eq!(refused.header("ratelimit-limit"), "30");
    refused.expect_error(429, "rate_limit:auth");
    nobody.post("/api/auth/signin/link", json!({"token": "wrong"})).await.expect_error(429, "rate_limit:auth");
    nobody.post("/api/auth/password/reset", json!({"token": "wrong", "password": "long enough"})).await.expect_error(429, "rate_limit:auth");
    nobody.post("/api/auth/setup", json!({"token": "wrong", "name": "A", "email": "a@example.com", "password": "long enough", "workspace": "A"})).await.expect_error(429, "rate_limit:auth");
}

#[tokio::test]
async fn a_session_shows_who_is_signed_in_and_ends_with_sign_out() {
    let app = spawn_app().await;
    let person = app.owner().await;
    let browser = app.signed_in(&person).await;
    assert_eq!(app.nobody().get("/api/auth/session").await.expect(200), json!({}));
    let session = browser.get("/api/auth/session").await.expect(200);
    assert_eq!(session["user"]["id"], person.user_id.as_str());
    assert!(session["expires"].as_str().unwrap().ends_with('Z'));
    // The cookie slides with the session: 12 hours from the last use.
    let reply = browser.get("/api/auth/session").await;
    assert!(reply.header("set-cookie").contains("Max-Age=43200") && reply.header("cache-control") == "no-store", "{}", reply.header("set-cookie"));
    browser.post("/api/auth/signout", json!({})).await.expect(204);
    assert_eq!(browser.get("/api/auth/session").await.expect(200), json!({}));
    browser.get("/api/me").await.expect_error(401, "unauthorized:api");
}

#[tokio::test]
async fn a_write_with_a_cookie_from_another_site_is_refused() {
    let app = spawn_app().await;
    let browser = app.signed_in(&app.owner().await).await;
    let patch = async |name: &'static str, value: &str| {
        let request = browser.request(reqwest::Method::PATCH, "/api/me").header(name, value).json(&json!({"name": "New"}));
        browser.send(request).await.status
    };
    assert_eq!(patch("sec-fetch-site", "cross-site").await, 403);
    assert_eq!(patch("sec-fetch-site", "same-site").await, 403);
    assert_eq!(patch("origin", "https://evil.example").await, 403);
    assert_eq!(patch("sec-fetch-site", "same-origin").await, 200);
    assert_eq!(patch("origin", &app.url).await, 200);
}

#[tokio::test]
async fn a_password_change_signs_out_every_other_browser() {
    let app = spawn_app().await;
    let person = app.owner().await;
    let (here, there) = (app.signed_in(&person).await, app.signed_in(&person).await);
    let sessions = here.get("/api/me/sessions?limit=1").await.expect(200);
    assert_eq!((&sessions["total"], sessions["data"].as_array().unwrap().len()), (&json!(2), 1));
    here.post("/api/me/password", json!({"currentPassword": "wrong password", "newPassword": "another good one"})).await.expect_error(400, "bad_request:api");
    here.post("/api/me/password", json!({"currentPassword": PASSWORD, "newPassword": "another good one"})).await.expect(204);
    here.get("/api/me").await.expect(200);
    there.get("/api/me").await.expect_error(401, "unauthorized:api");
}

#[tokio::test]
async fn a_token_is_shown_once_reaches_one_workspace_and_dies_when_revoked() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let browser = app.signed_in(&owner).await;
    owner.post(&owner.path("/tokens"), json!({"name": "from a token"})).await.expect_error(403, "forbidden:api");
    let new = browser.post(&owner.path("/tokens"), json!({"name": "shop"})).await.expect(201);
    let secret = new["token"].as_str().unwrap();
    assert!(secret.starts_with("ic_") && secret.len() == 43, "{secret}");
    let listed = browser.get(&owner.path("/tokens")).await.expect(200);
    assert!(!listed.to_string().contains(secret) && listed["total"] == 2);
    let mut caller = app.nobody();
    caller.credentials = crate::support::app::Credentials::Token(secret.to_owned());
    assert_eq!(caller.get("/api/workspaces").await.expect(200)["data"][0]["id"], owner.workspace_id.as_str());
    let other = app.owner().await;
    caller.get(&other.path("")).await.expect_error(404, "not_found:api");
    browser.delete(&owner.path(&format!("/tokens/{}", new["id"].as_str().unwrap()))).await.expect(204);
    caller.get("/api/workspaces").await.expect_error(401, "unauthorized:api");
}

#[tokio::test]
async fn a_token_that_is_given_is_the_only_credential_that_counts() {
    let app = spawn_app().await;
    let browser = app.signed_in(&app.owner().await).await;
    let request = browser.request(reqwest::Method::GET, "/api/workspaces").bearer_auth("ic_wrong");
    browser.send(request).await.expect_error(401, "unauthorized:api");
}

#[tokio::test]
async fn guests_make_no_tokens() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let guest = app.signed_in(&app.colleague(&owner, Role::Guest).await).await;
    guest.post(&owner.path("/tokens"), json!({"name": "x"})).await.expect_error(403, "forbidden:api");
}

#[tokio::test]
async fn a_workspace_can_leave_tokens_to_its_admins() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let member = app.signed_in(&app.colleague(&owner, Role::Member).await).await;
    member.post(&owner.path("/tokens"), json!({"name": "x"})).await.expect(201);
    owner.patch(&owner.path(""), json!({"settings": {"membersMayCreateTokens": false}})).await.expect(200);
    member.post(&owner.path("/tokens"), json!({"name": "y"})).await.expect_error(403, "forbidden:api");
}

#[tokio::test]
async fn one_may_look_after_ones_own_sessions_alone() {
    let app = spawn_app().await;
    let person = app.owner().await;
    let (here, there) = (app.signed_in(&person).await, app.signed_in(&person).await);
    let stranger = app.signed_in(&app.owner().await).await;
    let list = here.get("/api/me/sessions").await.expect(200);
    let other = list["data"].as_array().unwrap().iter().find(|session| session["current"] == false).unwrap();
    let one = format!("/api/me/sessions/{}", other["id"].as_str().unwrap());
    stranger.delete(&one).await.expect_error(404, "not_found:api");
    here.delete(&one).await.expect(204);
    here.delete(&one).await.expect_error(404, "not_found:api");
    there.get("/api/me").await.expect_error(401, "unauthorized:api");
    let third = app.signed_in(&person).await;
    here.delete("/api/me/sessions").await.expect(204);
    third.get("/api/me").await.expect_error(401, "unauthorized:api");
    here.get("/api/me").await.expect(200);
    stranger.get("/api/me").await.expect(200);
}
