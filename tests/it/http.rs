//! What every address has in common: errors, methods, lists, limits.

use reqwest::Method;
use serde_json::json;

use crate::support::{TestApp, spawn_app};

#[tokio::test]
async fn a_method_that_an_address_does_not_take_is_told_those_that_it_takes() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    for (method, path, allowed) in [
        (Method::DELETE, owner.path("/assistants"), "GET, POST"),
        (Method::DELETE, "/api/assistants".to_owned(), "GET, POST"),
        (Method::PUT, owner.path("/assistants/ast_none"), "DELETE, GET, PATCH"),
        (Method::PATCH, owner.path("/providers/openai"), "DELETE, GET, PUT"),
        (Method::TRACE, owner.path("/models"), "GET"),
        (Method::GET, "/api/chat".to_owned(), "POST"),
    ] {
        let reply = owner.send(owner.request(method.clone(), &path)).await;
        assert_eq!(reply.header("allow"), allowed, "{method} {path}");
        reply.expect_error(405, "method_not_allowed:api");
    }
}

#[tokio::test]
async fn every_error_has_the_same_body_and_headers() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let body = |text: &'static str| owner.request(Method::POST, "/api/assistants").header("content-type", "application/json").body(text);
    for (request, status, code) in [
        (owner.request(Method::GET, "/api/nothing"), 404, "not_found:api"),
        (owner.request(Method::GET, "/api/assistants/x/y/z"), 404, "not_found:api"),
        (owner.request(Method::GET, "/api/assistants?limit=many"), 400, "bad_request:api"),
        (owner.request(Method::GET, "/api/assistants?limit=101"), 400, "bad_request:api"),
        (owner.request(Method::GET, "/api/assistants?offset=-1"), 400, "bad_request:api"),
        (body(""), 400, "bad_request:api"),
        (body("{"), 400, "bad_request:api"),
        (body("[\"Bot\"]"), 400, "bad_request:api"),
        (body("{} {}"), 400, "bad_request:api"),
        (body("7"), 400, "bad_request:api"),
        (owner.request(Method::POST, "/api/assistants").body("name=Bot"), 415, "unsupported_media_type:api"),
        (app.nobody().request(Method::GET, "/api/assistants"), 401, "unauthorized:api"),
        (app.nobody().request(Method::GET, "/api/assistants").header("authorization", "Basic YTpi"), 401, "unauthorized:api"),
    ] {
        let reply = owner.send(request).await;
        assert_eq!((reply.header("x-content-type-options"), reply.header("content-type")), ("nosniff", "application/json; charset=utf-8"));
        reply.expect_error(status, code);
    }
    let many = "x".repeat(1 << 20);
    owner.post("/api/assistants", json!({ "name": many })).await.expect_error(413, "too_large:api");
    let error = owner.get("/api/assistants?limit=many").await.expect_error(400, "bad_request:api");
    assert_eq!(error["details"]["limit"], "must be a whole number");
}

#[tokio::test]
async fn the_figure_passes_and_the_next_is_told_to_wait() {
    let app = TestApp::with(|config| {
        config.limits.enabled = true;
        config.limits.api = 3;
    })
    .await;
    let owner = app.owner().await;
    for remaining in ["2", "1", "0"] {
        // What is refused for another reason counts as well.
        let reply = owner.get(if remaining == "1" { "/api/assistants/ast_none" } else { "/api/assistants" }).await;
        assert_eq!((reply.header("ratelimit-limit"), reply.header("ratelimit-remaining")), ("3", remaining));
        assert!((1..=60).contains(&reply.header("ratelimit-reset").parse::<u32>().unwrap()));
    }
    for forwarded in ["203.0.113.7", "198.51.100.1"] {
        let reply = owner.send(owner.request(Method::GET, "/api/assistants").header("x-forwarded-for", forwarded)).await;
        let wait: u32 = reply.header("retry-after").parse().unwrap();
        assert!((1..=20).contains(&wait), "refilled evenly over the minute: {wait}");
        assert_eq!((reply.header("ratelimit-limit"), reply.header("ratelimit-remaining"), reply.header("ratelimit-reset")), ("3", "0", wait.to_string().as_str()));
        reply.expect_error(429, "rate_limit:api");
    }
    // Another token has a budget of its own; who is not known is not counted.
    app.owner().await.get("/api/assistants").await.expect(200);
    assert_eq!(app.nobody().get("/api/assistants").await.header("ratelimit-limit"), "");
}

#[tokio::test]
async fn lists_have_two_shapes() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    for name in ["One", "Two", "Three"] {
        crate::assistants::create_assistant(&owner, json!({ "name": name })).await;
    }
    let page = owner.get(&owner.path("/assistants?limit=2&offset=1")).await;
    assert_eq!(page.header("x-total-count"), "3");
    let page = page.expect(200);
    assert_eq!((&page["total"], &page["limit"], &page["offset"]), (&json!(3), &json!(2), &json!(1)));
    let names = |list: &serde_json::Value| list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&page["data"]), ["Two", "One"]);
    let flat = owner.get("/api/assistants").await;
    assert_eq!(flat.header("x-total-count"), "3");
    assert_eq!(names(&flat.expect(200)), ["Three", "Two", "One"]);
    assert_eq!(names(&owner.get("/api/assistants?limit=1&offset=9").await.expect(200)).len(), 0);
    assert_eq!(owner.get("/api/workspaces").await.expect(200)["limit"], 25);
}
