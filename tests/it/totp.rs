//! The second factor, from both sides: the codes are made here by another implementation.

use std::time::Duration;

use aws_lc_rs::hmac;
use illumichat::clock::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::support::{Client, Reply, TestApp, app::PASSWORD};

pub fn code(secret: &str, at: Timestamp) -> String {
    let bits: String = secret.bytes().map(|c| format!("{:05b}", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".iter().position(|known| *known == c).unwrap())).collect();
    let key: Vec<u8> = bits.as_bytes().chunks_exact(8).map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap()).collect();
    let counter = u64::try_from(at.millis() / 30_000).unwrap().to_be_bytes();
    let digest = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key), &counter);
    let digest = digest.as_ref();
    let offset = usize::from(digest[19] & 15);
    let number = u32::from_be_bytes(digest[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

async fn spawn() -> TestApp {
    TestApp::in_folder(tempfile::tempdir().unwrap(), Clock::held(Timestamp::from_millis(1_800_000_000_000)), |config| config.limits.signin_account = 12).await
}

async fn sign_in(app: &TestApp, person: &Client, code: Option<&str>) -> Reply {
    let mut body = json!({"email": app.email_of(person), "password": PASSWORD});
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    app.nobody().post("/api/auth/signin/credentials", body).await
}

pub async fn enable(app: &TestApp, browser: &Client) -> (String, Vec<String>) {
    let begun = browser.post("/api/me/totp", json!({})).await.expect(200);
    let secret = begun["secret"].as_str().unwrap().to_owned();
    assert!(begun["uri"].as_str().unwrap().starts_with("otpauth://totp/IllumiChat:person"), "{begun}");
    browser.post("/api/me/totp", json!({"code": "000000"})).await.expect_error(400, "bad_request:api");
    assert_eq!(browser.get("/api/me").await.expect(200)["totpEnabled"], false);
    let done = browser.post("/api/me/totp", json!({"code": code(&secret, app.app.now())})).await.expect(200);
    assert_eq!((&done["enabled"], &done["secret"]), (&json!(true), &Value::Null));
    let codes = done["recoveryCodes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(codes.len(), 10);
    (secret, codes)
}

#[tokio::test]
async fn signing_in_takes_two_steps_and_a_code_works_once() {
    let app = spawn().await;
    let person = app.owner().await;
    app.nobody().post("/api/me/totp", json!({})).await.expect_error(401, "unauthorized:api");
    person.post("/api/me/totp", json!({})).await.expect_error(403, "forbidden:api");
    let browser = app.signed_in(&person).await;
    let (secret, recovery) = enable(&app, &browser).await;
    assert_eq!(browser.get("/api/me").await.expect(200)["totpEnabled"], true);
    browser.post("/api/me/totp", json!({})).await.expect_error(409, "conflict:api");
    sign_in(&app, &person, None).await.expect_error(401, "unauthorized:totp");
    // The password is judged first: a wrong one does not tell that there is a second factor.
    app.nobody().post("/api/auth/signin/credentials", json!({"email": app.email_of(&person), "password": "wrong password"})).await.expect_error(401, "unauthorized:auth");
    // The code that switched it on is used up.
    sign_in(&app, &person, Some(&code(&secret, app.app.now()))).await.expect_error(401, "unauthorized:totp");
    app.app.clock.advance(Duration::from_secs(30));
    let now = code(&secret, app.app.now());
    assert_eq!(sign_in(&app, &person, Some(&now)).await.status, 200);
    sign_in(&app, &person, Some(&now)).await.expect_error(401, "unauthorized:totp");
    assert_eq!(sign_in(&app, &person, Some(&recovery[0].to_uppercase())).await.status, 200);
    sign_in(&app, &person, Some(&recovery[0])).await.expect_error(401, "unauthorized:totp");
    let browser = &browser;
    browser.delete("/api/me/totp").await.expect_error(400, "bad_request:api");
    browser.delete("/api/me/totp?code=111111").await.expect_error(400, "bad_request:api");
    browser.delete(&format!("/api/me/totp?code={}", recovery[1])).await.expect(204);
    browser.delete("/api/me/totp?code=111111").await.expect_error(409, "conflict:api");
    assert_eq!(sign_in(&app, &person, None).await.status, 200);
}

#[tokio::test]
async fn guessing_codes_is_slowed_down_wherever_the_guesses_come_from() {
    let app = TestApp::with(|config| config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()]).await;
    let person = app.owner().await;
    let browser = app.signed_in(&person).await;
    let secret = browser.post("/api/me/totp", json!({})).await.expect(200)["secret"].as_str().unwrap().to_owned();
    browser.post("/api/me/totp", json!({"code": code(&secret, app.app.now())})).await.expect(200);
    let mut slowed = 0;
    for guess in 0..12 {
        let nobody = app.nobody();
        let request = nobody.request(reqwest::Method::POST, "/api/auth/signin/credentials").header("x-forwarded-for", format!("198.51.100.{guess}"));
        let reply = nobody.send(request.json(&json!({"email": app.email_of(&person), "password": PASSWORD, "code": "123456"}))).await;
        slowed += usize::from(reply.status == 429);
    }
    assert!(slowed >= 2, "ten codes in a quarter of an hour, and no more: {slowed}");
}
