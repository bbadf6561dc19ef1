//! `/api/workspaces/{ws}/projects/{id}/qa` and `…/members`.

use illumichat::access::Role;
use serde_json::json;

use super::projects::create_project;
use crate::support::spawn_app;

#[tokio::test]
async fn create_qa_names_what_is_wrong() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let id = create_project(&owner, "Docs").await;
    let path = owner.path(&format!("/projects/{id}/qa"));
    let good = json!({"question": "When do you open?", "answer": "At nine."});
    app.nobody().post(&path, good.clone()).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Member).await.post(&path, good.clone()).await.expect_error(403, "forbidden:api");
    app.owner().await.post(&path, good.clone()).await.expect_error(404, "not_found:api");
    for (body, field) in [
        (json!({"answer": "x"}), "question"),
        (json!({"question": " ", "answer": "x"}), "question"),
        (json!({"question": "x", "answer": ""}), "answer"),
        (json!({"question": "x".repeat(1001), "answer": "x"}), "question"),
        (json!({"question": "x", "answer": "x", "alternatives": ["", "y"]}), "alternatives"),
        (json!({"question": "x", "answer": "x", "alternatives": vec!["y"; 51]}), "alternatives"),
    ] {
        let error = owner.post(&path, body).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{error}");
    }
    let pair = owner.post(&path, good).await.expect(201);
    assert!(pair["id"].as_str().unwrap().starts_with("qa_"));
    let error = owner.post(&path, json!({"question": "WHEN do  you open?", "answer": "Later."})).await.expect_error(409, "conflict:api");
    assert!(error["details"]["question"].is_string());
}

#[tokio::test]
async fn a_pair_is_found_before_prose_in_each_of_its_wordings() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let id = create_project(&owner, "Docs").await;
    let path = owner.path(&format!("/projects/{id}"));
    owner.post(&format!("{path}/documents"), json!({"title": "Opening hours", "text": "When do you open? Our shop's opening hours are printed on the door. When do you open on Sundays is often asked."})).await.expect(201);
    let pair = owner.post(&format!("{path}/qa"), json!({"question": "When do you open?", "answer": "At nine, every day.", "alternatives": ["What time does the shop start?"]})).await.expect(201);
    app.drain().await;
    for question in ["When do you open?", "What time does the shop start?"] {
        let found = owner.post(&format!("{path}/search"), json!({"query": question})).await.expect(200);
        assert_eq!((&found["data"][0]["text"], &found["data"][0]["documentId"]), (&json!("At nine, every day."), &pair["documentId"]), "{found}");
        assert_eq!(found["data"][0]["title"], "When do you open?");
        let times = found["data"].as_array().unwrap().iter().filter(|hit| hit["documentId"] == pair["documentId"]).count();
        assert_eq!(times, 1, "its wordings are one result");
    }
    // It is no document of the list, but can be read like one.
    let documents = owner.get(&format!("{path}/documents")).await.expect(200);
    assert_eq!(documents["total"], 1);
    let project = owner.get(&path).await.expect(200);
    assert_eq!((&project["documentCount"], &project["qaCount"]), (&json!(1), &json!(1)));
    owner.get(&format!("{path}/documents/{}", pair["documentId"].as_str().unwrap())).await.expect(200);
    // Changed, it answers the new question; deleted, none.
    let one = format!("{path}/qa/{}", pair["id"].as_str().unwrap());
    let changed = owner.patch(&one, json!({"answer": "At ten.", "alternatives": []})).await.expect(200);
    assert_eq!((&changed["question"], &changed["answer"]), (&json!("When do you open?"), &json!("At ten.")));
    app.drain().await;
    let found = owner.post(&format!("{path}/search"), json!({"query": "When do you open?"})).await.expect(200);
    assert_eq!(found["data"][0]["text"], "At ten.");
    owner.delete(&one).await.expect(204);
    owner.get(&one).await.expect_error(404, "not_found:api");
    app.drain().await;
    assert_eq!(owner.get(&format!("{path}/qa")).await.expect(200)["total"], 0);
    let found = owner.post(&format!("{path}/search"), json!({"query": "When do you open?"})).await.expect(200);
    assert!(found["data"].as_array().unwrap().iter().all(|hit| hit["text"] != "At ten."));
    owner.post(&format!("{path}/qa"), json!({"question": "Again?", "answer": "Yes."})).await.expect(201);
    owner.delete(&path).await.expect(204);
}

#[tokio::test]
async fn import_qa_adds_updates_and_tells_what_it_could_not() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let id = create_project(&owner, "Docs").await;
    let path = owner.path(&format!("/projects/{id}/qa"));
    owner.post(&path, json!({"question": "Do you ship?", "answer": "No."})).await.expect(201);
    let csv = "Question;Answer;Alternatives\r\nDo you ship?;\"Yes, everywhere.\";\r\n\"How much; all in?\";Ten euro;What is the price?|Costs?\r\n;nothing;\r\n";
    let outcome = owner.post(&format!("{path}/import"), json!({"csv": csv})).await.expect(200);
    assert_eq!((&outcome["created"], &outcome["updated"], &outcome["errors"][0]["row"]), (&json!(1), &json!(1), &json!(3)), "{outcome}");
    let list = owner.get(&path).await.expect(200);
    assert_eq!((&list["data"][0]["question"], &list["data"][0]["alternatives"]), (&json!("How much; all in?"), &json!(["What is the price?", "Costs?"])));
    assert_eq!(owner.get(&format!("{path}?q=EVERYWHERE")).await.expect(200)["total"], 1);
    owner.post(&format!("{path}/import"), json!({"csv": "a,b\n1,2\n"})).await.expect_error(400, "bad_request:api");
}

#[tokio::test]
async fn a_private_project_is_its_members() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let (viewer, editor, other) = (app.colleague(&owner, Role::Member).await, app.colleague(&owner, Role::Member).await, app.colleague(&owner, Role::Member).await);
    let project = owner.post(&owner.path("/projects"), json!({"name": "Secret", "visibility": "private"})).await.expect(201);
    let path = owner.path(&format!("/projects/{}", project["id"].as_str().unwrap()));
    for (person, role) in [(&viewer, "viewer"), (&editor, "viewer")] {
        let member = owner.post(&format!("{path}/members"), json!({"userId": person.user_id, "role": role})).await.expect(201);
        assert_eq!((&member["userId"], &member["role"]), (&json!(person.user_id), &json!(role)));
    }
    owner.patch(&format!("{path}/members/{}", editor.user_id), json!({"role": "editor"})).await.expect(200);
    owner.post(&format!("{path}/members"), json!({"userId": app.owner().await.user_id, "role": "viewer"})).await.expect_error(404, "not_found:api");
    owner.post(&format!("{path}/members"), json!({"userId": viewer.user_id, "role": "boss"})).await.expect_error(400, "bad_request:api");
    assert_eq!(viewer.get(&format!("{path}/members")).await.expect(200)["data"].as_array().unwrap().len(), 2);
    viewer.post(&format!("{path}/members"), json!({"userId": other.user_id, "role": "viewer"})).await.expect_error(403, "forbidden:api");
    let text = json!({"title": "Plans", "text": "Quiet words."});
    viewer.get(&path).await.expect(200);
    viewer.post(&format!("{path}/documents"), text.clone()).await.expect_error(403, "forbidden:api");
    // Each is told what they may do, alone and in the list.
    for (person, can_edit, role) in [(&owner, true, json!(null)), (&viewer, false, json!("viewer")), (&editor, true, json!("editor"))] {
        let project = person.get(&path).await.expect(200);
        assert_eq!((&project["canEdit"], &project["myRole"]), (&json!(can_edit), &role));
        assert_eq!(person.get(&person.path("/projects")).await.expect(200)["data"][0]["canEdit"], can_edit);
    }
    let document = editor.post(&format!("{path}/documents"), text.clone()).await.expect(201);
    editor.post(&format!("{path}/qa"), json!({"question": "Who?", "answer": "We."})).await.expect(201);
    other.get(&path).await.expect_error(404, "not_found:api");
    other.post(&format!("{path}/documents"), text).await.expect_error(403, "forbidden:api");
    assert_eq!(other.get(&owner.path("/projects")).await.expect(200)["total"], 0);
    assert_eq!(viewer.get(&owner.path("/projects")).await.expect(200)["total"], 1);
    app.drain().await;
    let one = format!("{path}/documents/{}", document["id"].as_str().unwrap());
    viewer.delete(&one).await.expect_error(403, "forbidden:api");
    editor.delete(&one).await.expect(204);
    // Settings of the project stay with the admins.
    editor.patch(&path, json!({"name": "Open"})).await.expect_error(403, "forbidden:api");
    owner.delete(&format!("{path}/members/{}", viewer.user_id)).await.expect(204);
    owner.delete(&format!("{path}/members/{}", viewer.user_id)).await.expect_error(404, "not_found:api");
    viewer.get(&path).await.expect_error(404, "not_found:api");
    // In a project of the whole workspace an editor is a member like any other.
    owner.patch(&path, json!({"visibility": "workspace"})).await.expect(200);
    editor.post(&format!("{path}/documents"), json!({"text": "More."})).await.expect_error(403, "forbidden:api");
    let open = editor.get(&path).await.expect(200);
    assert_eq!((&open["canEdit"], &open["myRole"]), (&json!(false), &json!(null)));
}
