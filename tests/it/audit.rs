//! The audit log.

use illumichat::access::Role;
use serde_json::json;

use crate::support::{app::PASSWORD, spawn_app};

#[tokio::test]
async fn the_log_tells_who_did_what_from_where_to_admins_alone() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (member, stranger) = (app.colleague(&owner, Role::Member).await, app.owner().await);
    app.nobody().get(&owner.path("/audit")).await.expect_error(401, "unauthorized:api");
    member.get(&owner.path("/audit")).await.expect_error(403, "forbidden:api");
    stranger.get(&owner.path("/audit")).await.expect_error(404, "not_found:api");
    app.nobody().post("/api/auth/signin/credentials", json!({"email": app.email_of(&owner), "password": "wrong password"})).await.expect_error(401, "unauthorized:auth");
    let browser = app.signed_in(&owner).await;
    let made = browser.post(&owner.path("/tokens"), json!({"name": "shop"})).await.expect(201);
    browser.delete(&owner.path(&format!("/tokens/{}", made["id"].as_str().unwrap()))).await.expect(204);
    browser.post("/api/auth/signout", json!({})).await.expect(204);
    let log = owner.get(&owner.path(&format!("/audit?userId={}&limit=5", owner.user_id))).await.expect(200);
    let actions: Vec<&str> = log["data"].as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["session.ended", "token.revoked", "token.created", "session.created", "session.refused"]);
    let line = &log["data"][1];
    assert_eq!((&line["resourceId"], &line["address"], &line["userId"]), (&made["id"], &json!("127.0.0.1"), &json!(owner.user_id)));
    assert!(line["userName"].as_str().unwrap().starts_with("Person") && line["createdAt"].as_str().unwrap().ends_with('Z'));
    assert!(!log.to_string().contains(PASSWORD) && !log.to_string().contains(made["token"].as_str().unwrap()));
    let error = owner.get(&owner.path("/audit?action=made.up")).await.expect_error(400, "bad_request:api");
    assert!(error["details"]["action"].is_string());
    assert_eq!(owner.get(&owner.path("/audit?to=2020-01-01T00:00:00Z")).await.expect(200)["total"], 0);
    assert_eq!(owner.get(&owner.path("/audit?limit=1&offset=1")).await.expect(200)["data"].as_array().unwrap().len(), 1);
    assert_eq!(stranger.get(&stranger.path(&format!("/audit?userId={}", owner.user_id))).await.expect(200)["total"], 0);
}

#[tokio::test]
async fn the_log_takes_no_change_and_no_deletion() {
    let app = spawn_app().await;
    app.owner().await;
    for statement in ["update audit_log set action = 'x'", "delete from audit_log"] {
        let result = app.app.db.write(move |tx| Ok(tx.execute(statement, [])?)).await;
        assert!(format!("{:?}", result.unwrap_err()).contains("append-only"), "{statement}");
    }
}
