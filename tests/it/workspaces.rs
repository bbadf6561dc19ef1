//! `/api/workspaces`, and what holds for every address.

use illumichat::{access::Role, config::WhoMayCreate};
use reqwest::Method;
use serde_json::json;

use crate::support::{TestApp, spawn_app};

#[tokio::test]
async fn list_workspaces_pages_and_refuses_what_is_out_of_range() {
    let app = spawn_app().await;
    app.nobody().get("/api/workspaces").await.expect_error(401, "unauthorized:api");
    let owner = app.owner().await;
    let list = owner.get("/api/workspaces").await.expect(200);
    assert_eq!((&list["total"], &list["limit"], &list["offset"]), (&json!(1), &json!(25), &json!(0)));
    assert_eq!(list["data"][0]["role"], "owner");
    for wrong in ["limit=0", "limit=101", "offset=-1", "limit=ten"] {
        let error = owner.get(&format!("/api/workspaces?{wrong}")).await.expect_error(400, "bad_request:api");
        assert!(error["details"].as_object().unwrap().contains_key(wrong.split('=').next().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn update_workspace_takes_an_admin_and_names_what_is_wrong() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let member = app.colleague(&owner, Role::Member).await;
    member.patch(&owner.path(""), json!({"name": "Mine"})).await.expect_error(403, "forbidden:api");
    app.owner().await.patch(&owner.path(""), json!({"name": "Mine"})).await.expect_error(404, "not_found:api");
    let error = owner.patch(&owner.path(""), json!({"settings": {"timeZone": "Mars/Olympus"}})).await.expect_error(400, "bad_request:api");
    assert!(error["details"]["settings.timeZone"].is_string());
    let changed = owner.patch(&owner.path(""), json!({"name": "Acme", "description": "Tools", "unknown": 1})).await.expect(200);
    assert_eq!((&changed["name"], &changed["description"]), (&json!("Acme"), &json!("Tools")));
    assert_eq!(owner.patch(&owner.path(""), json!({"description": null})).await.expect(200)["description"], json!(null));
}

#[tokio::test]
async fn every_error_comes_in_the_products_body() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    owner.get("/api/nothing").await.expect_error(404, "not_found:api");
    owner.delete("/api/workspaces").await.expect_error(405, "method_not_allowed:api");
    let send = async |content_type: &'static str, body: &'static str| {
        owner.send(owner.request(Method::PATCH, &owner.path("")).header("content-type", content_type).body(body)).await
    };
    send("application/json", "{\"name\": ").await.expect_error(400, "bad_request:api");
    send("application/json", "").await.expect_error(400, "bad_request:api");
    send("text/plain", "{}").await.expect_error(415, "unsupported_media_type:api");
    let error = send("application/json", "{\"name\": 7}").await.expect_error(400, "bad_request:api");
    assert!(error["details"]["name"].is_string(), "{error}");
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(2 << 20));
    owner.send(owner.request(Method::PATCH, &owner.path("")).header("content-type", "application/json").body(large)).await.expect_error(413, "too_large:api");
}

#[tokio::test]
async fn the_api_has_no_cors_headers() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let reply = owner.send(owner.request(Method::GET, "/api/workspaces").header("origin", "https://shop.example")).await;
    assert_eq!(reply.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn update_workspace_changes_the_settings_that_it_names() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    owner.patch(&owner.path(""), json!({"settings": {"timeZone": "Europe/Vienna", "region": "AT"}})).await.expect(200);
    let changed = owner.patch(&owner.path(""), json!({"settings": {"locale": "de"}})).await.expect(200);
    assert_eq!((&changed["settings"]["timeZone"], &changed["settings"]["region"], &changed["settings"]["locale"]), (&json!("Europe/Vienna"), &json!("AT"), &json!("de")));
    let error = owner.patch(&owner.path(""), json!({"settings": {"region": "Austria"}})).await.expect_error(400, "bad_request:api");
    assert!(error["details"]["settings.region"].is_string(), "{error}");
}

#[tokio::test]
async fn settings_are_answered_in_the_contracts_form_and_taken_in_both() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let fresh = owner.get(&owner.path("")).await.expect(200)["settings"].clone();
    assert_eq!((&fresh["openingHours"], &fresh["ticketContactRequired"], &fresh["slaTargets"]["high"]["firstResponseMinutes"]), (&json!([]), &json!(false), &json!(240)));
    let set = async |settings: serde_json::Value| owner.patch(&owner.path(""), json!({ "settings": settings })).await;
    let hours = json!([{"days": ["monday", "friday"], "from": "09:00", "to": "17:00"}, {"days": ["saturday"], "from": "10:00", "to": "24:00"}]);
    let sent = json!({"openingHours": hours, "closedOn": ["2026-12-25"], "ticketContactRequired": true, "slaTargets": {"high": {"firstResponseMinutes": 5}}});
    let changed = set(sent).await.expect(200)["settings"].clone();
    assert_eq!((&changed["openingHours"], &changed["closedOn"], &changed["ticketContactRequired"]), (&hours, &json!(["2026-12-25"]), &json!(true)));
    // What was not named stays.
    assert_eq!(changed["slaTargets"]["high"], json!({"firstResponseMinutes": 5, "resolutionMinutes": 1440}));
    assert_eq!(owner.get(&owner.path("")).await.expect(200)["settings"], changed);
    let other = json!({"openingHours": {"monday": [{"from": "09:00", "to": "17:00"}]}, "tickets": {"contactRequired": false}});
    let changed = set(other).await.expect(200)["settings"].clone();
    assert_eq!((&changed["openingHours"], &changed["ticketContactRequired"]), (&json!([{"days": ["monday"], "from": "09:00", "to": "17:00"}]), &json!(false)));
    assert_eq!(set(json!({"openingHours": null})).await.expect(200)["settings"]["openingHours"], json!([]));
    for (wrong, field) in [
        (json!({"openingHours": [{"days": ["monday"], "from": "17:00", "to": "09:00"}]}), "settings.openingHours.monday"),
        (json!({"openingHours": [{"days": ["monday"], "from": "09:00", "to": "17:00"}, {"days": ["monday"], "from": "16:00", "to": "18:00"}]}), "settings.openingHours.monday"),
        (json!({"openingHours": [{"days": [], "from": "09:00", "to": "17:00"}]}), "settings.openingHours"),
        (json!({"openingHours": {"monday": []}}), "settings.openingHours"),
        (json!({"openingHours": [{"days": ["someday"], "from": "09:00", "to": "17:00"}]}), "settings.openingHours[0].days[0]"),
        (json!({"closedOn": ["Christmas"]}), "settings.closedOn"),
        (json!({"slaTargets": {"low": {"resolutionMinutes": 0}}}), "settings.slaTargets.low"),
    ] {
        let error = set(wrong).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{error}");
    }
}

#[tokio::test]
async fn who_may_make_a_workspace_is_a_setting() {
    for (setting, expected) in [(WhoMayCreate::Admins, 403), (WhoMayCreate::Everyone, 201)] {
        let app = TestApp::with(|config| config.workspaces.create = setting).await;
        let owner = app.owner().await;
        let member = app.signed_in(&app.colleague(&owner, Role::Member).await).await;
        assert_eq!(member.post("/api/workspaces", json!({"name": "Mine"})).await.status, expected);
        let browser = app.signed_in(&owner).await;
        let made = browser.post("/api/workspaces", json!({"name": "Second", "description": "Ours too."})).await.expect(201);
        assert_eq!((&made["role"], &made["slug"], &made["memberCount"], &made["assistantCount"]), (&json!("owner"), &json!("second"), &json!(1), &json!(0)));
        // A name is unique among those of one person.
        browser.post("/api/workspaces", json!({"name": "second"})).await.expect_error(409, "conflict:api");
        owner.post("/api/workspaces", json!({"name": "Third"})).await.expect_error(403, "forbidden:api");
    }
}
