//! `/api/workspaces/{ws}/contacts` and `/api/contacts`: one by one, in lists, and in files.

use illumichat::{access::Role, clock::Clock, events};
use reqwest::{Method, multipart};
use serde_json::{Value, json};

use crate::support::{Client, TestApp, spawn_app};

pub async fn create_contact(client: &Client, fields: Value) -> Value {
    client.post(&client.path("/contacts"), fields).await.expect(201)
}

/// The names of what has happened to this thing, in order.
pub fn events_of(app: &TestApp, id: &str) -> Vec<String> {
    let all = app.app.db.read(|connection| events::list_after(connection, None, 0, 100_000)).unwrap();
    all.into_iter().filter(|event| event.resource_id == id).map(|event| event.kind).collect()
}

#[tokio::test]
async fn a_contact_is_made_read_changed_and_told_of() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let member = app.colleague(&owner, Role::Member).await;
    let path = owner.path("/contacts");
    app.nobody().post(&path, json!({"name": "Ada"})).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Guest).await.post(&path, json!({"name": "Ada"})).await.expect_error(403, "forbidden:api");
    for (body, field) in [
        (json!({}), "name"),
        (json!({"company": "Acme"}), "name"),
        (json!({"email": "no address"}), "email"),
        (json!({"name": "A", "phone": "seven"}), "phone"),
        (json!({"name": "A", "avatarUrl": "javascript:alert(1)"}), "avatarUrl"),
        (json!({"name": 7}), "name"),
        (json!({"name": "A", "tags": "vip"}), "tags"),
    ] {
        let error = member.post(&path, body).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{error}");
    }
    let made = member
        .post(&path, json!({"name": " Ada ", "email": "Ada@Example.com", "phone": "(415) 867-5309", "externalId": "c-1", "company": "Acme", "tags": ["vip", "vip"], "attributes": {"plan": "pro", "seats": 3}, "id": "con_mine", "verified": true}))
        .await
        .expect(201);
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("con_") && id != "con_mine");
    assert_eq!(
        (&made["name"], &made["email"], &made["phone"], &made["tags"], &made["attributes"], &made["source"], &made["verified"], &made["conversationCount"]),
        (&json!("Ada"), &json!("Ada@Example.com"), &json!("+14158675309"), &json!(["vip"]), &json!({"plan": "pro", "seats": 3}), &json!("api"), &json!(false), &json!(0))
    );
    assert_eq!(member.get(&format!("{path}/{id}")).await.expect(200), made);
    let stranger = app.owner().await;
    stranger.get(&stranger.path(&format!("/contacts/{id}"))).await.expect_error(404, "not_found:api");
    stranger.patch(&stranger.path(&format!("/contacts/{id}")), json!({"name": "Eve"})).await.expect_error(404, "not_found:api");

    // Nobody is there twice: neither by another spelling of the email nor by another form of the number.
    for (body, field) in [(json!({"email": "ADA@example.COM"}), "email"), (json!({"phone": "+1 415 867 5309"}), "phone"), (json!({"name": "B", "externalId": "c-1"}), "externalId")] {
        let error = member.post(&path, body).await.expect_error(409, "conflict:api");
        assert_eq!((&error["details"]["id"], &error["details"][field]), (&json!(id), &json!("is taken")));
    }
    create_contact(&stranger, json!({"email": "ada@example.com"})).await;

    let changed = member.patch(&format!("{path}/{id}"), json!({"company": null, "attributes": {"plan": null, "city": "Paris"}, "phone": "+33612345678"})).await.expect(200);
    assert_eq!((&changed["company"], &changed["attributes"], &changed["phone"], &changed["name"]), (&json!(null), &json!({"seats": 3, "city": "Paris"}), &json!("+33612345678"), &json!("Ada")));
    let error = member.patch(&format!("{path}/{id}"), json!({"name": null, "email": null, "phone": null})).await.expect_error(400, "bad_request:api");
    assert!(error["details"]["name"].is_string());
    // A change that changes nothing is no event.
    member.patch(&format!("{path}/{id}"), json!({"name": "Ada"})).await.expect(200);
    assert_eq!(events_of(&app, id), ["contact.created", "contact.updated"]);
}

#[tokio::test]
async fn an_upsert_finds_by_external_id_else_email_else_phone() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = owner.path("/contacts");
    let put = async |body: Value| owner.send(owner.request(Method::PUT, &path).json(&body)).await;
    let first = put(json!({"externalId": "7", "email": "a@example.com", "name": "A"})).await.expect(201);
    let again = put(json!({"externalId": "7", "email": "b@example.com"})).await.expect(200);
    assert_eq!((&again["id"], &again["email"], &again["name"]), (&first["id"], &json!("b@example.com"), &json!("A")));
    let by_email = put(json!({"email": "B@example.com", "phone": "+491701234567"})).await.expect(200);
    assert_eq!(by_email["id"], first["id"]);
    assert_eq!(put(json!({"phone": "+49 170 1234567", "name": "A. Adams"})).await.expect(200)["id"], first["id"]);
    put(json!({"externalId": "8", "email": "b@example.com"})).await.expect_error(409, "conflict:api");
    let second = put(json!({"email": "c@example.com"})).await.expect(201);
    assert_eq!(put(json!({"externalId": "9", "email": "c@example.com"})).await.expect(200)["id"], second["id"]);
    // Twenty at once make one.
    let statuses = futures_util::future::join_all((0..20).map(|_| put(json!({"email": "d@example.com"})))).await;
    assert_eq!(statuses.iter().filter(|reply| reply.status == 201).count(), 1);
    assert!(statuses.iter().all(|reply| reply.status < 300));
}

#[tokio::test]
async fn a_list_is_searched_filtered_and_sorted() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    for (name, email, phone, tag) in [("Zoë", "zoe@acme.test", "+491701111111", "vip"), ("Bob", "bob@acme.test", "+491702222222", "new"), ("Ada", "ada@other.test", "+491703333333", "vip")] {
        create_contact(&owner, json!({"name": name, "email": email, "phone": phone, "tags": [tag]})).await;
    }
    let names = async |query: &str| -> Vec<String> {
        let list = owner.get(&owner.path(&format!("/contacts{query}"))).await.expect(200);
        assert_eq!(list["total"], list["data"].as_array().unwrap().len());
        list["data"].as_array().unwrap().iter().map(|contact| contact["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("").await, ["Ada", "Bob", "Zoë"]);
    assert_eq!(names("?sort=name").await, ["Ada", "Bob", "Zoë"]);
    assert_eq!(names("?q=ACME&sort=-name").await, ["Zoë", "Bob"]);
    assert_eq!(names("?q=0170%20222").await, ["Bob"]);
    assert_eq!(names("?tag=vip").await, ["Ada", "Zoë"]);
    assert_eq!(names("?source=import").await, Vec::<String>::new());
    assert_eq!(names("?q=100%25").await, Vec::<String>::new());
    let error = owner.get(&owner.path("/contacts?sort=shoe")).await.expect_error(400, "bad_request:api");
    assert!(error["details"]["sort"].as_str().unwrap().contains("-createdAt"));
    owner.get(&owner.path("/contacts?limit=0")).await.expect_error(400, "bad_request:api");
    assert_eq!(owner.get("/api/contacts").await.expect(200).as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn two_contacts_become_one_with_everything_of_both() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = owner.path("/contacts");
    let from = create_contact(&owner, json!({"name": "Ada L.", "email": "ada@example.com", "tags": ["a"], "attributes": {"x": 1, "y": 1}})).await;
    let into = create_contact(&owner, json!({"name": "Ada", "phone": "+491701234567", "tags": ["b"], "attributes": {"y": 2}})).await;
    let (from_id, into_id) = (from["id"].as_str().unwrap(), into["id"].as_str().unwrap());
    owner.post(&format!("{path}/{from_id}/notes"), json!({"body": "Called about the bill."})).await.expect(201);
    app.colleague(&owner, Role::Member).await.post(&format!("{path}/{from_id}/merge"), json!({"intoId": into_id})).await.expect_error(403, "forbidden:api");
    for wrong in [json!({"intoId": from_id}), json!({"intoId": "con_none"}), json!({})] {
        let error = owner.post(&format!("{path}/{from_id}/merge"), wrong).await.expect_error(400, "bad_request:api");
        assert!(error["details"]["intoId"].is_string());
    }
    let merged = owner.post(&format!("{path}/{from_id}/merge"), json!({"intoId": into_id})).await.expect(200);
    assert_eq!(
        (&merged["id"], &merged["name"], &merged["email"], &merged["phone"], &merged["tags"], &merged["attributes"]),
        (&into["id"], &json!("Ada"), &json!("ada@example.com"), &json!("+491701234567"), &json!(["b", "a"]), &json!({"x": 1, "y": 2}))
    );
    owner.get(&format!("{path}/{from_id}")).await.expect_error(404, "not_found:api");
    let notes = owner.get(&format!("{path}/{into_id}/notes")).await.expect(200);
    assert_eq!((&notes["total"], &notes["data"][0]["body"]), (&json!(1), &json!("Called about the bill.")));
    assert_eq!(events_of(&app, from_id), ["contact.created", "contact.deleted"]);
}

#[tokio::test]
async fn notes_and_blocks_are_set_and_taken_away() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let contact = create_contact(&owner, json!({"email": "spam@bad.test"})).await;
    let other = create_contact(&owner, json!({"email": "other@bad.test"})).await;
    let path = owner.path(&format!("/contacts/{}", contact["id"].as_str().unwrap()));
    owner.post(&format!("{path}/notes"), json!({"body": " "})).await.expect_error(400, "bad_request:api");
    let note = owner.post(&format!("{path}/notes"), json!({"body": "First."})).await.expect(201);
    assert_eq!(note["authorId"], owner.user_id);
    owner.delete(&format!("{path}/notes/{}", note["id"].as_str().unwrap())).await.expect(204);
    owner.delete(&format!("{path}/notes/{}", note["id"].as_str().unwrap())).await.expect_error(404, "not_found:api");

    assert_eq!(owner.post(&format!("{path}/block"), json!({"by": ["domain"]})).await.expect(200)["blocked"], true);
    let other_path = owner.path(&format!("/contacts/{}", other["id"].as_str().unwrap()));
    assert_eq!(owner.get(&other_path).await.expect(200)["blocked"], true);
    owner.delete(&format!("{path}/block")).await.expect(204);
    assert_eq!(owner.get(&other_path).await.expect(200)["blocked"], false);
    owner.post(&format!("{path}/block"), json!({})).await.expect(200);
    let blocked = |id: &Value, email: Option<&str>| {
        app.app.db.read(|connection| illumichat::contacts::is_blocked(connection, &owner.workspace_id, id.as_str(), email)).unwrap()
    };
    assert!(blocked(&contact["id"], None) && !blocked(&other["id"], None) && !blocked(&Value::Null, Some("spam@bad.test")));
    owner.post(&format!("{path}/block"), json!({"by": ["address"]})).await.expect(200);
    assert!(blocked(&Value::Null, Some("Spam@Bad.test")) && !blocked(&Value::Null, Some("other@bad.test")));
}

async fn import(client: &Client, csv: &str, fields: &[(&str, &str)]) -> crate::support::Reply {
    let mut form = multipart::Form::new().part("file", multipart::Part::bytes(csv.as_bytes().to_vec()).file_name("people.csv"));
    for (name, value) in fields {
        form = form.text((*name).to_owned(), (*value).to_owned());
    }
    client.send(client.request(Method::POST, &client.path("/contacts/imports")).multipart(form)).await
}

#[tokio::test]
async fn ten_thousand_rows_come_in_and_every_bad_one_is_named() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let there = create_contact(&owner, json!({"email": "person17@example.com", "name": "Kept name"})).await;
    let mut csv = "Full name,Mail,Tel,City\n".to_owned();
    let mut bad = Vec::new();
    for number in 0..10_000 {
        let row = number + 2;
        csv.push_str(&match number % 1_000 {
            500 => {
                bad.push(row);
                format!("Person {number},nonsense,,Paris\n")
            }
            501 => {
                bad.push(row);
                format!("Person {number},person1@example.com,,Paris\n")
            }
            502 => {
                bad.push(row);
                format!("Person {number},,12,Paris\n")
            }
            _ => format!("\"Person, {number}\",person{number}@example.com,+4917{number:07},Paris\n"),
        });
    }
    let mapping = json!({"Full name": "name", "Mail": "email", "Tel": "phone", "City": "attributes.city"}).to_string();
    app.colleague(&owner, Role::Member).await.post(&owner.path("/contacts/imports"), json!({})).await.expect_error(403, "forbidden:api");
    let error = import(&owner, &csv, &[("mapping", "{\"Surname\": \"name\"}")]).await.expect_error(400, "bad_request:api");
    assert!(error["details"]["mapping.Surname"].as_str().unwrap().contains("Full name"));
    import(&owner, &csv, &[("mapping", "{\"Tel\": \"shoe\"}")]).await.expect_error(400, "bad_request:api");
    import(&owner, "City\nParis\n", &[]).await.expect_error(400, "bad_request:api");

    let dry = import(&owner, &csv, &[("mapping", &mapping), ("dryRun", "true")]).await.expect(201);
    let rows: Vec<i64> = dry["errors"].as_array().unwrap().iter().map(|error| error["row"].as_i64().unwrap()).collect();
    assert_eq!(rows, bad);
    assert_eq!((&dry["status"], &dry["created"], &dry["updated"], &dry["failed"]), (&json!("completed"), &json!(9_969), &json!(1), &json!(30)));
    assert!(dry["errors"][0]["field"] == "email" && dry["errors"][1]["error"].as_str().unwrap().contains("row 3"), "{}", dry["errors"][1]);
    assert_eq!(owner.get(&owner.path("/contacts")).await.expect(200)["total"], 1);

    let started = import(&owner, &csv, &[("mapping", &mapping)]).await.expect(201);
    app.drain().await;
    let done = owner.get(&owner.path(&format!("/contacts/imports/{}", started["id"].as_str().unwrap()))).await.expect(200);
    assert_eq!((&done["status"], &done["processed"], &done["created"], &done["updated"], &done["errors"]), (&json!("completed"), &json!(10_000), &json!(9_969), &json!(1), &dry["errors"]));
    assert_eq!(owner.get(&owner.path("/contacts")).await.expect(200)["total"], 9_970);
    let changed = owner.get(&owner.path(&format!("/contacts/{}", there["id"].as_str().unwrap()))).await.expect(200);
    assert_eq!((&changed["name"], &changed["attributes"]["city"], &changed["source"]), (&json!("Person, 17"), &json!("Paris"), &json!("api")));
    // Again, it changes nothing.
    let again = import(&owner, &csv, &[("mapping", &mapping), ("duplicates", "skip")]).await.expect(201);
    app.drain().await;
    let again = owner.get(&owner.path(&format!("/contacts/imports/{}", again["id"].as_str().unwrap()))).await.expect(200);
    assert_eq!((&again["created"], &again["skipped"]), (&json!(0), &json!(9_970)));

    let exported = owner.get(&owner.path("/contacts/export")).await;
    assert!(exported.header("content-disposition").contains("contacts.csv"));
    assert_eq!(exported.text.lines().count(), 9_971);
    assert!(exported.text.lines().next().unwrap().ends_with("attributes.city"));
    let stranger = app.owner().await;
    stranger.get(&stranger.path(&format!("/contacts/imports/{}", started["id"].as_str().unwrap()))).await.expect_error(404, "not_found:api");
    assert_eq!(stranger.get(&stranger.path("/contacts/export")).await.text.lines().count(), 1);
}

#[tokio::test]
async fn an_import_that_a_crash_cuts_off_goes_on_where_it_was() {
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), Clock::system(), |_| {}).await;
    let owner = app.owner().await;
    let csv: String = std::iter::once("name,email\n".to_owned()).chain((0..3_000).map(|number| format!("P{number},p{number}@example.com\n"))).collect();
    let started = import(&owner, &csv, &[]).await.expect(201);
    let path = owner.path(&format!("/contacts/imports/{}", started["id"].as_str().unwrap()));
    while owner.get(&path).await.expect(200)["processed"] == 0 {
        tokio::task::yield_now().await;
    }
    let folder = app.crash();
    let app = TestApp::in_folder(folder, Clock::system(), |_| {}).await;
    app.app.jobs.recover().await.unwrap();
    let owner = Client { url: app.url.clone(), ..owner };
    app.drain().await;
    let done = owner.get(&path).await.expect(200);
    assert_eq!((&done["status"], &done["processed"], &done["created"], &done["failed"]), (&json!("completed"), &json!(3_000), &json!(3_000), &json!(0)));
    assert_eq!(owner.get(&owner.path("/contacts")).await.expect(200)["total"], 3_000);
}
