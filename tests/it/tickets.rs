//! `/api/workspaces/{ws}/tickets` and `/api/tickets`.

use std::time::Duration;

use illumichat::{
    access::Role,
    clock::{Clock, Timestamp},
};
use serde_json::{Value, json};

use super::{
    assistants::create_assistant,
    chat::question,
    contacts::{create_contact, events_of},
};
use crate::support::{Client, TestApp, spawn_app};

pub async fn create_ticket(client: &Client, fields: Value) -> Value {
    client.post(&client.path("/tickets"), fields).await.expect(201)
}

#[tokio::test]
async fn a_ticket_is_made_moved_and_every_change_is_kept() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let member = app.colleague(&owner, Role::Member).await;
    let path = owner.path("/tickets");
    app.nobody().get(&path).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Guest).await.get(&path).await.expect_error(403, "forbidden:api");
    let contact = create_contact(&owner, json!({"email": "ada@example.com"})).await;
    for (body, field) in [
        (json!({}), "subject"),
        (json!({"subject": " "}), "subject"),
        (json!({"subject": "x", "priority": "huge"}), "priority"),
        (json!({"subject": "x", "contactId": "con_none"}), "contactId"),
        (json!({"subject": "x", "conversationId": "chat_none"}), "conversationId"),
        (json!({"subject": "x", "assigneeId": "usr_none"}), "assigneeId"),
        (json!({"subject": "x", "assistantId": "ast_none"}), "assistantId"),
    ] {
        let error = member.post(&path, body).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{error}");
    }
    let made = member.post(&path, json!({"subject": "Broken\nlamp", "description": "It is dark.", "priority": "medium", "contactId": contact["id"], "tags": ["lamp"], "number": 99})).await.expect(201);
    assert_eq!(
        (&made["number"], &made["subject"], &made["status"], &made["priority"], &made["source"], &made["contactId"]),
        (&json!(1), &json!("Broken lamp"), &json!("new"), &json!("normal"), &json!("api"), &contact["id"])
    );
    assert!(made["dueAt"].is_string() && made["firstResponseAt"].is_null());
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!(member.get(&one).await.expect(200), made);
    let stranger = app.owner().await;
    stranger.get(&stranger.path(&format!("/tickets/{}", made["id"].as_str().unwrap()))).await.expect_error(404, "not_found:api");
    assert_eq!(create_ticket(&stranger, json!({"subject": "Ours"})).await["number"], 1);

    let changed = member.patch(&one, json!({"status": "in_progress", "priority": "high", "assigneeId": member.user_id})).await.expect(200);
    assert_eq!((&changed["status"], &changed["assigneeId"]), (&json!("in_progress"), &json!(member.user_id)));
    let resolved = member.patch(&one, json!({"status": "resolved"})).await.expect(200);
    assert!(resolved["resolvedAt"].is_string() && resolved["dueAt"].is_null());
    assert!(member.patch(&one, json!({"status": "open"})).await.expect(200)["resolvedAt"].is_null());
    // Out of spam, a ticket can only become open.
    member.patch(&one, json!({"status": "spam"})).await.expect(200);
    assert_eq!(member.get(&path).await.expect(200)["total"], 0);
    assert_eq!(member.get(&format!("{path}?status=spam,new")).await.expect(200)["total"], 1);
    let error = member.patch(&one, json!({"status": "resolved"})).await.expect_error(400, "bad_request:api");
    assert!(error["details"]["status"].is_string());
    member.patch(&one, json!({"status": "open", "tags": []})).await.expect(200);

    let activity = member.get(&format!("{one}/activity?limit=100")).await.expect(200);
    let told: Vec<String> = activity["data"].as_array().unwrap().iter().map(|change| format!("{} {} {}", change["field"].as_str().unwrap(), change["from"], change["to"])).collect();
    assert_eq!(
        told,
        [
            "status null \"new\"".to_owned(),
            "status \"new\" \"in_progress\"".to_owned(),
            "priority \"normal\" \"high\"".to_owned(),
            format!("assigneeId null \"{}\"", member.user_id),
            "status \"in_progress\" \"resolved\"".to_owned(),
            "status \"resolved\" \"open\"".to_owned(),
            "status \"open\" \"spam\"".to_owned(),
            "status \"spam\" \"open\"".to_owned(),
            "tags [\"lamp\"] []".to_owned(),
        ]
    );
    assert!(activity["data"].as_array().unwrap().iter().all(|change| change["actorId"] == member.user_id.as_str() && change["createdAt"].is_string()));
    assert_eq!(
        events_of(&app, made["id"].as_str().unwrap()),
        ["ticket.created", "ticket.updated", "ticket.updated", "ticket.resolved", "ticket.updated", "ticket.updated", "ticket.updated"]
    );
    member.delete(&one).await.expect_error(403, "forbidden:api");
    owner.delete(&one).await.expect(204);
    owner.get(&one).await.expect_error(404, "not_found:api");
    // Its number is not given again.
    assert_eq!(create_ticket(&owner, json!({"subject": "Next"})).await["number"], 2);
}

#[tokio::test]
async fn numbers_have_no_gaps_however_many_come_at_once() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = owner.path("/tickets");
    let requests = (0..200).map(|number| {
        let (owner, path) = (&owner, &path);
        // Every fifth is refused inside of its transaction.
        async move { owner.post(path, if number % 5 == 0 { json!({"subject": "x", "contactId": "con_none"}) } else { json!({"subject": "x"}) }).await }
    });
    let replies = futures_util::future::join_all(requests).await;
    let mut numbers: Vec<i64> = replies.iter().filter(|reply| reply.status == 201).map(|reply| reply.json()["number"].as_i64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=160).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_list_is_narrowed_and_sorted() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    for (subject, priority) in [("Alpha", "low"), ("Beta", "critical"), ("Gamma", "normal")] {
        create_ticket(&owner, json!({"subject": subject, "priority": priority})).await;
    }
    let subjects = async |query: &str| -> Vec<String> {
        let list = owner.get(&owner.path(&format!("/tickets{query}"))).await.expect(200);
        list["data"].as_array().unwrap().iter().map(|ticket| ticket["subject"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(subjects("").await, ["Gamma", "Beta", "Alpha"]);
    assert_eq!(subjects("?sort=priority").await, ["Beta", "Gamma", "Alpha"]);
    assert_eq!(subjects("?sort=dueAt").await, ["Beta", "Gamma", "Alpha"]);
    assert_eq!(subjects("?priority=low,medium&sort=number").await, ["Alpha", "Gamma"]);
    assert_eq!(subjects("?q=ETA").await, ["Beta"]);
    assert_eq!(subjects("?q=%233").await, ["Gamma"]);
    assert_eq!(subjects("?assigneeId=none&sort=number&limit=1&offset=1").await, ["Beta"]);
    assert!(subjects("?assigneeId=me").await.is_empty());
    for wrong in ["?status=odd", "?priority=odd", "?sort=odd"] {
        owner.get(&owner.path(&format!("/tickets{wrong}"))).await.expect_error(400, "bad_request:api");
    }
    assert_eq!(owner.get("/api/tickets").await.expect(200).as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn comments_stay_inside_or_go_to_the_customer() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({})).await;
    let answer = owner.ask("/api/chat", question(&assistant, "My lamp is broken. What now?")).await;
    let ticket = create_ticket(&owner, json!({"conversationId": answer.chat_id()})).await;
    assert_eq!((&ticket["subject"], &ticket["source"], &ticket["assistantId"]), (&json!("My lamp is broken. What now?"), &json!("conversation"), &assistant["id"]));
    assert!(ticket["description"].as_str().unwrap().contains("lamp"));
    let one = owner.path(&format!("/tickets/{}", ticket["id"].as_str().unwrap()));
    owner.post(&format!("{one}/comments"), json!({"body": " "})).await.expect_error(400, "bad_request:api");
    owner.post(&format!("{one}/comments"), json!({"body": "Looks like the fuse.", "internal": true})).await.expect(201);
    let messages = owner.path(&format!("/conversations/{}/messages", answer.chat_id()));
    assert_eq!(owner.get(&messages).await.expect(200)["total"], 2);
    assert!(owner.get(&one).await.expect(200)["firstResponseAt"].is_null());
    owner.post(&format!("{one}/comments"), json!({"body": "Please change the fuse."})).await.expect(201);
    let said = owner.get(&messages).await.expect(200);
    assert_eq!((&said["total"], &said["data"][2]["role"], &said["data"][2]["content"]), (&json!(3), &json!("agent"), &json!("Please change the fuse.")));
    assert!(owner.get(&one).await.expect(200)["firstResponseAt"].is_string());
    let comments = owner.get(&format!("{one}/comments")).await.expect(200);
    assert_eq!((&comments["total"], &comments["data"][0]["internal"], &comments["data"][1]["internal"]), (&json!(2), &json!(true), &json!(false)));
    // What waits for the customer is open again once they write.
    owner.patch(&one, json!({"status": "waiting_on_customer"})).await.expect(200);
    let (inner, ws, chat, now) = (app.app.clone(), owner.workspace_id.clone(), answer.chat_id().to_owned(), app.app.now());
    app.app.db.write(move |tx| illumichat::tickets::customer_wrote(&inner, tx, &ws, &chat, now)).await.unwrap();
    assert_eq!(owner.get(&one).await.expect(200)["status"], "open");
    let last = owner.get(&format!("{one}/activity?limit=100")).await.expect(200)["data"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["from"], &last["to"], &last["actor"], &last["actorId"]), (&json!("waiting_on_customer"), &json!("open"), &json!("Customer"), &json!(null)));
}

#[tokio::test]
async fn targets_are_kept_in_opening_hours_across_a_change_of_the_clocks() {
    // Friday, 27 March 2026, 16:30 in Berlin; the clocks go forward that Sunday.
    let clock = Clock::held(Timestamp::parse("2026-03-27T15:30:00Z").unwrap());
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), clock.clone(), |_| {}).await;
    let owner = app.owner().await;
    let day = json!([{"from": "09:00", "to": "17:00"}]);
    let hours = json!({"monday": day, "tuesday": day, "wednesday": day, "thursday": day, "friday": day});
    let settings = |hours: Value| json!({"settings": {"timeZone": "Europe/Berlin", "region": "DE", "openingHours": hours, "tickets": {"normal": {"firstResponseMinutes": 60, "resolutionMinutes": 600}}}});
    let error = owner.patch(&owner.path(""), settings(json!({"monday": [{"from": "17:00", "to": "09:00"}]}))).await.expect_error(400, "bad_request:api");
    assert!(error["details"]["settings.openingHours.monday"].is_string());
    owner.patch(&owner.path(""), settings(hours)).await.expect(200);
    let ticket = create_ticket(&owner, json!({"subject": "x"})).await;
    // Half an hour on Friday, half an hour on Monday, which is 07:30 UTC by then.
    assert_eq!(ticket["dueAt"], "2026-03-30T07:30:00.000Z");
    let one = owner.path(&format!("/tickets/{}", ticket["id"].as_str().unwrap()));
    owner.post(&format!("{one}/comments"), json!({"body": "On it."})).await.expect(201);
    // Ten hours: half on Friday, eight on Monday, one and a half on Tuesday.
    assert_eq!(owner.get(&one).await.expect(200)["dueAt"], "2026-03-31T08:30:00.000Z");

    let late = create_ticket(&owner, json!({"subject": "y"})).await;
    clock.advance(Duration::from_secs(4 * 24 * 3600));
    app.drain().await;
    let late = owner.get(&owner.path(&format!("/tickets/{}", late["id"].as_str().unwrap()))).await.expect(200);
    assert_eq!(late["breaches"], json!(["first_response", "resolution"]));
    assert_eq!(owner.get(&one).await.expect(200)["breaches"], json!(["resolution"]));
    assert!(events_of(&app, late["id"].as_str().unwrap()).contains(&"ticket.updated".to_owned()));
}

#[tokio::test]
async fn a_ticket_shows_its_targets_and_its_contacts_name() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (ada, bob) = (create_contact(&owner, json!({"name": "Ada", "email": "ada@example.com"})).await, create_contact(&owner, json!({"email": "bob@example.com"})).await);
    let made = create_ticket(&owner, json!({"subject": "x", "contactId": ada["id"], "priority": "critical"})).await;
    assert_eq!((&made["contactName"], &made["dueAt"]), (&json!("Ada"), &made["firstResponseDueAt"]));
    assert!(made["firstResponseDueAt"].as_str().unwrap() < made["resolutionDueAt"].as_str().unwrap());
    let one = owner.path(&format!("/tickets/{}", made["id"].as_str().unwrap()));
    assert_eq!(owner.get(&one).await.expect(200), made);
    // What was met still shows by when it had to be.
    owner.post(&format!("{one}/comments"), json!({"body": "On it."})).await.expect(201);
    let answered = owner.get(&one).await.expect(200);
    assert_eq!((&answered["firstResponseDueAt"], &answered["dueAt"]), (&made["firstResponseDueAt"], &made["resolutionDueAt"]));
    let changed = owner.patch(&one, json!({"contactId": bob["id"]})).await.expect(200);
    assert_eq!(changed["contactName"], "bob@example.com");
    assert_eq!(owner.get(&owner.path("/tickets")).await.expect(200)["data"][0]["contactName"], "bob@example.com");
    let told = app.app.db.read(|connection| illumichat::events::list_after(connection, Some(&owner.workspace_id), 0, 1_000)).unwrap();
    assert_eq!(told.iter().rfind(|event| event.kind == "ticket.updated").unwrap().data["contactName"], "bob@example.com");
    assert_eq!(owner.patch(&one, json!({"contactId": null})).await.expect(200)["contactName"], json!(null));
}
