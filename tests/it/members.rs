//! Members, invitations, who owns a workspace, and its end.

use std::time::Duration;

use illumichat::{
    access::Role,
    clock::{Clock, Timestamp},
};
use serde_json::{Value, json};

use super::chat::{help_desk, question};
use crate::support::{Client, TestApp, app::{Credentials, PASSWORD}, spawn_app};

#[tokio::test]
async fn list_members_is_for_admins() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let member = app.colleague(&owner, Role::Member).await;
    app.nobody().get(&owner.path("/members")).await.expect_error(401, "unauthorized:api");
    member.get(&owner.path("/members")).await.expect_error(403, "forbidden:api");
    app.owner().await.get(&owner.path("/members")).await.expect_error(404, "not_found:api");
    let list = owner.get(&owner.path("/members?limit=1")).await.expect(200);
    assert_eq!((&list["total"], list["data"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!((&list["data"][0]["userId"], &list["data"][0]["role"]), (&json!(member.user_id), &json!("member")));
    assert_eq!(owner.get(&owner.path("")).await.expect(200)["memberCount"], 2);
}

#[tokio::test]
async fn update_member_changes_a_role_and_its_tokens_with_it() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (admin, member) = (app.colleague(&owner, Role::Admin).await, app.colleague(&owner, Role::Member).await);
    let change = async |who: &Client, of: &Client, role: &str| who.patch(&owner.path(&format!("/members/{}", of.user_id)), json!({"role": role})).await;
    change(&member, &member, "admin").await.expect_error(403, "forbidden:api");
    change(&admin, &member, "owner").await.expect_error(403, "forbidden:api");
    change(&admin, &owner, "member").await.expect_error(403, "forbidden:api");
    change(&owner, &app.owner().await, "member").await.expect_error(404, "not_found:api");
    change(&owner, &member, "king").await.expect_error(400, "bad_request:api");
    change(&owner, &owner, "admin").await.expect_error(409, "conflict:api");
    assert_eq!(change(&admin, &member, "admin").await.expect(200)["role"], "admin");
    member.get(&owner.path("/members")).await.expect(200);
    change(&admin, &member, "guest").await.expect(200);
    member.get(&owner.path("/members")).await.expect_error(403, "forbidden:api");
    let log = owner.get(&owner.path(&format!("/audit?action=member.role_changed&resourceId={}", member.user_id))).await.expect(200);
    assert_eq!((&log["total"], &log["data"][0]["details"]), (&json!(2), &json!({"from": "admin", "to": "guest"})));
    assert_eq!(log["data"][0]["userId"], admin.user_id.as_str());
    // With a second owner the first may step down.
    change(&owner, &member, "owner").await.expect(200);
    change(&owner, &owner, "member").await.expect(200);
}

#[tokio::test]
async fn remove_member_ends_tokens_and_the_last_owner_stays() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (admin, member, guest) = (app.colleague(&owner, Role::Admin).await, app.colleague(&owner, Role::Member).await, app.colleague(&owner, Role::Guest).await);
    let browser = app.signed_in(&member).await;
    let remove = async |who: &Client, of: &Client| who.delete(&owner.path(&format!("/members/{}", of.user_id))).await;
    remove(&member, &guest).await.expect_error(403, "forbidden:api");
    remove(&admin, &owner).await.expect_error(403, "forbidden:api");
    remove(&owner, &owner).await.expect_error(409, "conflict:api");
    owner.delete(&owner.path("/members/usr_none")).await.expect_error(404, "not_found:api");
    remove(&guest, &guest).await.expect(204);
    remove(&admin, &member).await.expect(204);
    member.get("/api/workspaces").await.expect_error(401, "unauthorized:api");
    browser.get("/api/me").await.expect_error(401, "unauthorized:api");
    let events = app.app.db.read(|connection| illumichat::events::list_after(connection, Some(&owner.workspace_id), 0, 100)).unwrap();
    assert_eq!(events.iter().filter(|event| event.kind == "member.left").count(), 2);
}

fn token_of(invitation: &Value) -> String {
    invitation["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn an_invitation_brings_somebody_new_once() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (admin, member) = (app.colleague(&owner, Role::Admin).await, app.colleague(&owner, Role::Member).await);
    let invite = async |who: &Client, email: &str, role: &str| who.post(&owner.path("/invitations"), json!({"email": email, "role": role})).await;
    invite(&member, "new@example.com", "member").await.expect_error(403, "forbidden:api");
    invite(&admin, "new@example.com", "owner").await.expect_error(403, "forbidden:api");
    invite(&admin, "no email", "member").await.expect_error(400, "bad_request:api");
    invite(&admin, &app.email_of(&member), "member").await.expect_error(409, "conflict:api");
    let made = invite(&admin, "New@example.com", "member").await.expect(201);
    invite(&admin, "new@example.com", "admin").await.expect_error(409, "conflict:api");
    let token = token_of(&made);
    let listed = admin.get(&owner.path("/invitations")).await.expect(200);
    assert!(listed["total"] == 1 && !listed.to_string().contains(&token), "{listed}");
    let nobody = app.nobody();
    let address = format!("/api/invitations/{token}");
    let open = nobody.get(&address).await.expect(200);
    assert_eq!((&open["role"], &open["email"], &open["accountExists"]), (&json!("member"), &json!("New@example.com"), &json!(false)));
    nobody.get("/api/invitations/wrong").await.expect_error(404, "not_found:api");
    let accept = format!("{address}/accept");
    nobody.post(&accept, json!({})).await.expect_error(400, "bad_request:api");
    nobody.post(&accept, json!({"name": "New", "password": "short"})).await.expect_error(400, "bad_request:api");
    app.signed_in(&member).await.post(&accept, json!({})).await.expect_error(403, "forbidden:api");
    let reply = nobody.post(&accept, json!({"name": "New", "password": PASSWORD})).await;
    let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
    let done = reply.expect(200);
    assert_eq!((&done["workspaceId"], &done["role"], &done["user"]["email"]), (&json!(owner.workspace_id), &json!("member"), &json!("New@example.com")));
    let browser = Client { credentials: Credentials::Cookie(cookie), ..nobody.clone() };
    assert_eq!(browser.get("/api/workspaces").await.expect(200)["total"], 1);
    nobody.post(&accept, json!({"name": "New", "password": PASSWORD})).await.expect_error(404, "not_found:api");
    assert_eq!(owner.get(&owner.path("/audit?action=member.joined")).await.expect(200)["total"], 1);
}

#[tokio::test]
async fn an_invitation_brings_somebody_who_has_an_account() {
    let app = spawn_app().await;
    let (owner, other) = (app.owner().await, app.owner().await);
    let made = owner.post(&owner.path("/invitations"), json!({"email": app.email_of(&other), "role": "admin"})).await.expect(201);
    let accept = format!("/api/invitations/{}/accept", token_of(&made));
    // Whoever has the link alone is not that person.
    app.nobody().post(&accept, json!({"name": "Thief", "password": PASSWORD})).await.expect_error(401, "unauthorized:auth");
    let browser = app.signed_in(&other).await;
    browser.post(&accept, json!({})).await.expect(200);
    assert_eq!(browser.get("/api/workspaces").await.expect(200)["total"], 2);
    // The token of the other workspace does not reach this one.
    other.get(&owner.path("")).await.expect_error(404, "not_found:api");
}

#[tokio::test]
async fn an_invitation_ends_after_seven_days_or_when_it_is_taken_back() {
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), Clock::held(Timestamp::from_millis(1_800_000_000_000)), |_| {}).await;
    let owner = app.owner().await;
    let invite = async || owner.post(&owner.path("/invitations"), json!({"email": "new@example.com", "role": "member"})).await.expect(201);
    let first = invite().await;
    let stranger = app.owner().await;
    stranger.delete(&stranger.path(&format!("/invitations/{}", first["id"].as_str().unwrap()))).await.expect_error(404, "not_found:api");
    owner.delete(&owner.path(&format!("/invitations/{}", first["id"].as_str().unwrap()))).await.expect(204);
    app.nobody().get(&format!("/api/invitations/{}", token_of(&first))).await.expect_error(404, "not_found:api");
    let second = invite().await;
    app.app.clock.advance(Duration::from_secs(7 * 24 * 3600 - 1));
    app.nobody().get(&format!("/api/invitations/{}", token_of(&second))).await.expect(200);
    app.app.clock.advance(Duration::from_secs(1));
    app.nobody().get(&format!("/api/invitations/{}", token_of(&second))).await.expect_error(404, "not_found:api");
    invite().await;
}

#[tokio::test]
async fn transfer_workspace_makes_another_the_owner() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (admin, heir) = (app.colleague(&owner, Role::Admin).await, app.colleague(&owner, Role::Member).await);
    let transfer = async |who: &Client, to: &str| who.post(&owner.path("/transfer"), json!({"userId": to})).await;
    transfer(&admin, &admin.user_id).await.expect_error(403, "forbidden:api");
    transfer(&owner, &owner.user_id).await.expect_error(400, "bad_request:api");
    transfer(&owner, &app.owner().await.user_id).await.expect_error(400, "bad_request:api");
    assert_eq!(transfer(&owner, &heir.user_id).await.expect(200)["role"], "admin");
    assert_eq!(heir.get(&owner.path("")).await.expect(200)["role"], "owner");
    transfer(&owner, &owner.user_id).await.expect_error(403, "forbidden:api");
}

#[tokio::test]
async fn delete_workspace_takes_everything_with_it() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (admin, neighbour) = (app.colleague(&owner, Role::Admin).await, app.owner().await);
    let assistant = help_desk(&app, &owner, json!({"visibility": "public"})).await;
    owner.ask("/api/chat", question(&assistant, "Hello")).await;
    help_desk(&app, &neighbour, json!({})).await;
    let rows = |table: &str| -> i64 { app.app.db.read(|connection| Ok(connection.query_row(&format!("select count(*) from {table}"), [], |row| row.get(0))?)).unwrap() };
    let vectors = rows("vectors");
    let name = owner.get(&owner.path("")).await.expect(200)["name"].as_str().unwrap().replace(' ', "%20");
    admin.delete(&owner.path(&format!("?confirm={name}"))).await.expect_error(403, "forbidden:api");
    let error = owner.delete(&owner.path("")).await.expect_error(400, "bad_request:api");
    assert!(error["details"]["confirm"].is_string());
    owner.delete(&owner.path("?confirm=Wrong")).await.expect_error(400, "bad_request:api");
    let browser = app.signed_in(&owner).await;
    browser.delete(&owner.path(&format!("?confirm={name}"))).await.expect(204);
    browser.get(&owner.path("")).await.expect_error(404, "not_found:api");
    owner.get("/api/workspaces").await.expect_error(401, "unauthorized:api");
    app.drain().await;
    // Nothing is left in any table that knows of workspaces, and half of what there was of those that do not.
    let tables: Vec<String> = app
        .app
        .db
        .read(|connection| {
            let mut statement = connection.prepare("select m.name from sqlite_schema m join pragma_table_info(m.name) c where m.type = 'table' and c.name = 'workspace_id'")?;
            Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
        .unwrap();
    assert!(tables.len() > 8, "{tables:?}");
    for table in tables {
        let left = app.app.db.read(|connection| Ok(connection.query_row(&format!("select count(*) from \"{table}\" where workspace_id = ?1"), [&owner.workspace_id], |row| row.get::<_, i64>(0))?)).unwrap();
        assert_eq!(left, 0, "{table}");
    }
    assert_eq!(rows("vectors") * 2, vectors);
    assert_eq!((rows("vectors"), rows("workspaces")), (rows("chunks"), 1));
    neighbour.get(&neighbour.path("")).await.expect(200);
}

#[tokio::test]
async fn settings_are_complete_and_checked() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let set = async |settings: Value| owner.patch(&owner.path(""), json!({"settings": settings})).await;
    for (wrong, field) in [
        (json!({"retentionDays": 0}), "settings.retentionDays"),
        (json!({"branding": {"color": "red"}}), "settings.branding.color"),
        (json!({"branding": {"logoUrl": "javascript:alert(1)"}}), "settings.branding.logoUrl"),
        (json!({"region": "Germany"}), "settings.region"),
    ] {
        let error = set(wrong).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{error}");
    }
    let good = json!({"retentionDays": 365, "notify": {"email": true, "browser": false}, "branding": {"name": "Acme", "logoUrl": "https://acme.example/logo.png", "color": "#1a2b3c"}});
    let changed = set(good.clone()).await.expect(200);
    for field in ["retentionDays", "notify", "branding"] {
        assert_eq!(changed["settings"][field], good[field]);
    }
}

#[tokio::test]
async fn resend_invitation_makes_another_link_in_place_of_the_one_before() {
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), Clock::held(Timestamp::from_millis(1_800_000_000_000)), |_| {}).await;
    let owner = app.owner().await;
    let (admin, member) = (app.colleague(&owner, Role::Admin).await, app.colleague(&owner, Role::Member).await);
    let first = owner.post(&owner.path("/invitations"), json!({"email": "new@example.com", "role": "member"})).await.expect(201);
    let resend = async |who: &Client, id: &Value| who.post(&owner.path(&format!("/invitations/{}/resend", id.as_str().unwrap())), json!({})).await;
    app.nobody().post(&owner.path("/invitations/inv_none/resend"), json!({})).await.expect_error(401, "unauthorized:api");
    resend(&member, &first["id"]).await.expect_error(403, "forbidden:api");
    let stranger = app.owner().await;
    stranger.post(&stranger.path(&format!("/invitations/{}/resend", first["id"].as_str().unwrap())), json!({})).await.expect_error(404, "not_found:api");
    app.app.clock.advance(Duration::from_secs(6 * 24 * 3600));
    let second = resend(&admin, &first["id"]).await.expect(200);
    assert_eq!((&second["id"], &second["email"], &second["role"], &second["mailed"]), (&first["id"], &first["email"], &first["role"], &json!(false)));
    let open = async |invitation: &Value| app.nobody().get(&format!("/api/invitations/{}", token_of(invitation))).await.status;
    assert_eq!((open(&first).await, open(&second).await), (404, 200));
    app.app.clock.advance(Duration::from_secs(6 * 24 * 3600));
    assert_eq!(open(&second).await, 200);
    assert_eq!(owner.get(&owner.path("/invitations")).await.expect(200)["total"], 1);
    // The link of an owner's invitation is none of an admin's business: they could come in by it themselves.
    let owners = owner.post(&owner.path("/invitations"), json!({"email": "boss@example.com", "role": "owner"})).await.expect(201);
    resend(&admin, &owners["id"]).await.expect_error(403, "forbidden:api");
    resend(&owner, &owners["id"]).await.expect(200);
    app.app.clock.advance(Duration::from_secs(7 * 24 * 3600));
    resend(&owner, &owners["id"]).await.expect_error(404, "not_found:api");
}

/// Whoever sent an invitation knows its link, and could come back by it.
#[tokio::test]
async fn an_invitation_ends_with_the_right_to_send_it() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (admin, other, second) = (app.colleague(&owner, Role::Admin).await, app.colleague(&owner, Role::Admin).await, app.colleague(&owner, Role::Owner).await);
    let invite = async |who: &Client, email: &str, role: &str| who.post(&owner.path("/invitations"), json!({"email": email, "role": role})).await.expect(201);
    let open = async |invitation: &Value| app.nobody().get(&format!("/api/invitations/{}", token_of(invitation))).await.status;
    let (of_admin, of_other, of_owner) = (invite(&admin, "a@example.com", "admin").await, invite(&other, "b@example.com", "member").await, invite(&owner, "c@example.com", "member").await);
    let (owners, admins) = (invite(&second, "d@example.com", "owner").await, invite(&second, "e@example.com", "admin").await);
    let member = |who: &Client| owner.path(&format!("/members/{}", who.user_id));
    owner.delete(&member(&admin)).await.expect(204);
    owner.patch(&member(&other), json!({"role": "member"})).await.expect(200);
    owner.patch(&member(&second), json!({"role": "admin"})).await.expect(200);
    assert_eq!((open(&of_admin).await, open(&of_other).await, open(&owners).await), (404, 404, 404));
    assert_eq!((open(&of_owner).await, open(&admins).await), (200, 200));
    app.nobody().post(&format!("/api/invitations/{}/accept", token_of(&of_admin)), json!({"name": "Back", "password": PASSWORD})).await.expect_error(404, "not_found:api");
    // Whoever was invited can be invited again, by somebody who may.
    invite(&owner, "a@example.com", "member").await;
}

#[tokio::test]
async fn list_colleagues_tells_members_to_whom_work_can_be_given() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (member, guest) = (app.colleague(&owner, Role::Member).await, app.colleague(&owner, Role::Guest).await);
    let path = owner.path("/colleagues");
    app.nobody().get(&path).await.expect_error(401, "unauthorized:api");
    guest.get(&path).await.expect_error(403, "forbidden:api");
    app.owner().await.get(&path).await.expect_error(404, "not_found:api");
    let list = member.get(&path).await.expect(200);
    let ids: Vec<&str> = list["data"].as_array().unwrap().iter().map(|one| one["userId"].as_str().unwrap()).collect();
    assert_eq!((&list["total"], ids.len()), (&json!(2), 2));
    assert!(ids.contains(&owner.user_id.as_str()) && ids.contains(&member.user_id.as_str()), "{list}");
    // Names and ids, and nothing that is the admins' to see.
    assert_eq!(list["data"][0].as_object().unwrap().keys().collect::<Vec<_>>(), ["userId", "name"]);
    assert_eq!(member.get(&format!("{path}?limit=1")).await.expect(200)["data"].as_array().unwrap().len(), 1);
}
