//! `/api/assistants/{id}/access`: who else may use a private assistant.

use illumichat::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use super::{address, create_assistant};
use crate::{
    chat::question,
    support::{Client, spawn_app},
};

/// What somebody is answered on every route that reads or uses one assistant: 200s, or only 403s.
async fn may_use(client: &Client, assistant: &Value) -> bool {
    let path = address(client, assistant);
    let listed = client.get(&client.path("/assistants")).await.expect(200);
    let is_listed = listed["data"].as_array().unwrap().iter().any(|one| one["id"] == assistant["id"]);
    assert_eq!(listed["total"], listed["data"].as_array().unwrap().len());
    let mut statuses = vec![
        client.get(&path).await.status,
        client.get(&format!("{path}/projects")).await.status,
        client.get(&path.replace(&client.path(""), "/api")).await.status,
    ];
    if client.get(&client.path("/models")).await.status == 200 {
        // At least a member, who may ask and search too.
        statuses.push(client.post(&format!("{path}/search"), json!({"query": "refund"})).await.status);
        statuses.push(client.post("/api/chat", question(assistant, "Hello")).await.status);
    }
    let allowed = statuses.iter().all(|status| *status == 200);
    assert!(allowed || statuses.iter().all(|status| *status == 403), "{statuses:?}");
    assert_eq!(allowed, is_listed);
    allowed
}

#[tokio::test]
async fn a_private_assistant_is_for_its_creator_owners_admins_and_whom_they_let() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let admin = app.colleague(&owner, Role::Admin).await;
    let member = app.colleague(&owner, Role::Member).await;
    let guest = app.colleague(&owner, Role::Guest).await;
    let assistant = create_assistant(&admin, json!({"visibility": "private"})).await;
    let path = format!("{}/access", address(&owner, &assistant));
    for (client, allowed) in [(&owner, true), (&admin, true), (&member, false), (&guest, false)] {
        assert_eq!(may_use(client, &assistant).await, allowed);
    }
    for client in [&member, &guest] {
        let granted = owner.put(&format!("{path}/{}", client.user_id), json!({})).await.expect(200);
        assert_eq!((&granted["userId"], &granted["grantedBy"]), (&json!(client.user_id), &json!(owner.user_id)));
        assert!(may_use(client, &assistant).await);
    }
    // Granting again changes nothing.
    owner.put(&format!("{path}/{}", member.user_id), json!({})).await.expect(200);
    let list = owner.get(&path).await.expect(200);
    assert_eq!((&list["total"], &list["data"][0]["userId"], &list["data"][0]["role"]), (&json!(2), &json!(guest.user_id), &json!("guest")));
    assert!(list["data"][1]["email"].as_str().unwrap().contains('@'));
    assert_eq!(owner.get(&format!("{path}?limit=1&offset=1")).await.expect(200)["data"][0]["userId"], json!(member.user_id));
    owner.delete(&format!("{path}/{}", member.user_id)).await.expect(204);
    assert!(!may_use(&member, &assistant).await && may_use(&guest, &assistant).await);
    owner.delete(&format!("{path}/{}", member.user_id)).await.expect_error(404, "not_found:api");
    // A grant is for the time that it is private; it lets a guest into nothing else.
    owner.patch(&address(&owner, &assistant), json!({"visibility": "workspace"})).await.expect(200);
    assert!(!may_use(&guest, &assistant).await && may_use(&member, &assistant).await);
}

#[tokio::test]
async fn access_is_given_by_those_who_may_to_those_who_are_here() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (member, stranger) = (app.colleague(&owner, Role::Member).await, app.owner().await);
    let assistant = create_assistant(&owner, json!({"visibility": "private"})).await;
    let list = format!("{}/access", address(&owner, &assistant));
    let own = format!("{list}/{}", member.user_id);
    for (client, status, code) in [(app.nobody(), 401, "unauthorized:api"), (member.clone(), 403, "forbidden:api"), (stranger.clone(), 404, "not_found:api")] {
        client.get(&list).await.expect_error(status, code);
        client.put(&own, json!({})).await.expect_error(status, code);
        client.delete(&own).await.expect_error(status, code);
    }
    owner.put(&format!("{list}/{}", stranger.user_id), json!({})).await.expect_error(404, "not_found:api");
    owner.put(&format!("{list}/usr_none"), json!({})).await.expect_error(404, "not_found:api");
    owner.put(&own.replace(assistant["id"].as_str().unwrap(), "ast_none"), json!({})).await.expect_error(404, "not_found:api");
    owner.get(&list.replace(assistant["id"].as_str().unwrap(), "ast_none")).await.expect_error(404, "not_found:api");
    stranger.get(&list.replace(&owner.workspace_id, &stranger.workspace_id)).await.expect_error(404, "not_found:api");
    // It takes no body.
    owner.send(owner.request(Method::PUT, &own)).await.expect(200);
    owner.delete(&address(&owner, &assistant)).await.expect(204);
    owner.get(&list).await.expect_error(404, "not_found:api");
}

fn sign(secret: &str, text: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Taken, kept sealed and never shown: not where it was sent, not in versions, not by the address of its own.
#[tokio::test]
async fn an_identity_secret_is_written_and_never_read() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    const SECRET: &str = "a secret of the page's server";
    let made = create_assistant(&owner, json!({"visibility": "public", "widgetEnabled": true, "widget": {"identitySecret": SECRET}})).await;
    let at = address(&owner, &made);
    let set = async |secret: Value| owner.patch(&at, json!({"widget": {"identitySecret": secret}})).await;
    for wrong in [json!("short"), json!("x".repeat(201)), json!(7)] {
        let error = set(wrong).await.expect_error(400, "bad_request:api");
        assert!(error["details"]["widget.identitySecret"].is_string(), "{error}");
    }
    let verified = async |secret: &str| {
        let identity = json!({"externalId": "u1", "email": "ann@example.com", "hash": sign(secret, "u1")});
        let session = app.nobody().post(&format!("/api/widget/{}/session", made["id"].as_str().unwrap()), json!({ "identity": identity })).await.expect(201);
        session["contact"]["verified"].clone()
    };
    assert_eq!(verified(SECRET).await, true);
    let changed = set(json!("another secret of the server")).await.expect(200);
    assert_eq!(changed["updatedAt"], made["updatedAt"], "a secret alone is no version: it cannot be brought back");
    assert_ne!(verified(SECRET).await, true);
    assert_eq!(verified("another secret of the server").await, true);
    // A change of something else leaves it.
    owner.patch(&at, json!({"widget": {"locale": "de"}})).await.expect(200);
    assert_eq!(verified("another secret of the server").await, true);
    let shown = owner.get(&format!("{at}/widget-secret")).await.expect(200);
    assert_eq!(shown, json!({"hint": "…rver"}));
    for text in [made.to_string(), changed.to_string(), owner.get(&at).await.text, owner.get(&format!("{at}/versions")).await.text] {
        assert!(!text.contains("identitySecret") && !text.contains("secret of the"), "{text}");
    }
    let other = create_assistant(&owner, json!({})).await;
    assert_eq!(owner.get(&format!("{}/widget-secret", address(&owner, &other))).await.expect(200)["hint"], Value::Null);
}
