//! What a browser is served besides the API.

use reqwest::Method;
use serde_json::json;

use crate::support::{
    app::{Client, Reply},
    spawn_app,
};

fn policy(reply: &Reply) -> &str {
    reply.header("content-security-policy")
}

async fn widget(owner: &Client, domains: &[&str]) -> String {
    let body = json!({"name": "Help", "visibility": "public", "widgetEnabled": true, "widget": {"domains": domains}});
    owner.post(&owner.path("/assistants"), body).await.expect(201)["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_dashboard_answers_its_own_addresses_and_no_others() {
    let app = spawn_app().await;
    let nobody = app.nobody();
    for path in ["/", "/signin", "/assistants/ast_00000000000000000000", "/setup?token=abc"] {
        let reply = nobody.get(path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.header("content-type").starts_with("text/html"), "{path}");
        assert!(policy(&reply).contains("script-src 'self';") && policy(&reply).contains("frame-ancestors 'none'"), "{}", policy(&reply));
        assert!(!policy(&reply).contains("unsafe"));
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("referrer-policy"), "same-origin");
        assert_eq!(reply.header("cache-control"), "no-cache");
        assert!(reply.header("access-control-allow-origin").is_empty());
    }
    for path in ["/assets/none.js", "/widget/none.js", "/none.txt", "/metrics/x", "/api/none", "/api/workspaces/ws_1/none"] {
        nobody.get(path).await.expect_error(404, "not_found:api");
    }
    nobody.post("/signin", json!({})).await.expect_error(405, "method_not_allowed:api");
}

#[tokio::test]
async fn a_page_that_the_browser_has_is_not_sent_again() {
    let app = spawn_app().await;
    let nobody = app.nobody();
    let first = nobody.get("/").await;
    let etag = first.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.len() > 30, "{etag}");
    let again = nobody.send(nobody.request(Method::GET, "/").header("if-none-match", &etag)).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert_eq!(again.header("etag"), etag);
    let head = nobody.send(nobody.request(Method::HEAD, "/")).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn the_widgets_page_may_be_framed_by_its_assistants_sites_only() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let nobody = app.nobody();
    // A build without Node has no widget.
    if nobody.get("/widget.js").await.status == 404 {
        return;
    }
    let id = widget(&owner, &["example.com", "*.example.com"]).await;
    let reply = nobody.get(&format!("/chat/{id}")).await;
    assert_eq!(reply.status, 200);
    assert!(policy(&reply).ends_with("frame-ancestors 'self' example.com:* *.example.com:*"), "{}", policy(&reply));
    let reply = nobody.get("/chat/ast_00000000000000000000").await;
    assert_eq!(reply.status, 404);
    assert!(policy(&reply).ends_with("frame-ancestors 'none'"), "{}", policy(&reply));

    let script = nobody.get("/widget.js").await;
    assert_eq!(script.header("access-control-allow-origin"), "*");
    assert_eq!(script.header("cross-origin-resource-policy"), "cross-origin");
    assert_eq!(script.header("cache-control"), "public, max-age=300, stale-while-revalidate=86400");
    let at = script.text.find("widget/panel-").expect("the loader knows the panel's name");
    let panel: String = script.text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || "/-_.".contains(*c)).collect();
    let reply = nobody.get(&format!("/{panel}")).await;
    assert_eq!(reply.status, 200, "{panel}");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert_eq!(reply.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(reply.header("vary"), "Accept-Encoding");
}

#[tokio::test]
async fn the_demos_page_takes_the_widget_from_another_origin() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let nobody = app.nobody();
    let id = widget(&owner, &["localhost"]).await;
    let port = app.url.rsplit(':').next().unwrap();
    let path = illumichat::web::demo_path(&id);
    let reply = nobody.send(nobody.request(Method::GET, &path).header("host", format!("localhost:{port}"))).await;
    assert_eq!(reply.status, 200);
    assert!(reply.text.contains(&format!("src=\"http://127.0.0.1:{port}/widget.js\" data-assistant-id=\"{id}\"")), "{}", reply.text);
    assert!(policy(&reply).contains(&format!("script-src 'self' http://127.0.0.1:{port};")), "{}", policy(&reply));
    for path in ["/demo", "/demo?assistant=ast_00000000000000000000"] {
        assert_eq!(nobody.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_guide_and_the_apis_description_need_no_script() {
    let app = spawn_app().await;
    let nobody = app.nobody();
    let index = nobody.get("/guide").await;
    assert!(index.status == 200 && index.text.contains("href=\"/guide/the-demo\""), "{}", index.text);
    for path in ["/guide", "/guide/the-demo", "/api/docs"] {
        let reply = nobody.get(path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(!reply.text.contains("<script"), "{path}");
        assert!(policy(&reply).contains("default-src 'none'"), "{path}");
    }
    assert!(nobody.get("/api/docs").await.text.contains("/api/workspaces/{ws}"));
    assert_eq!(nobody.get("/guide/none").await.status, 404);
    assert!(nobody.get("/pages.css").await.header("content-type").starts_with("text/css"));
}
