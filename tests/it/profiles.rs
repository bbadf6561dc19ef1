//! All that is known of a person: the timeline, the export, and the erasure, after which no byte of them is found.

use illumichat::access::Role;
use serde_json::{Value, json};

use super::{
    chat::{QUESTION, help_desk, question},
    contacts::{create_contact, events_of},
};
use crate::support::{
    TestApp,
    receiver::{Answer, Receiver},
};

/// The files below the data folder that hold this text, in any of the forms that the database or a queue would keep.
fn holding(app: &TestApp, text: &str) -> Vec<String> {
    fn walk(folder: &std::path::Path, into: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, into) } else { into.push(path) }
        }
    }
    let mut files = Vec::new();
    walk(&app.app.config.data_dir, &mut files);
    let found = files.into_iter().filter(|path| {
        let bytes = std::fs::read(path).unwrap().to_ascii_lowercase();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    });
    found.map(|path| path.display().to_string()).collect()
}

#[tokio::test]
async fn an_erased_person_leaves_no_trace() {
    let receiver = Receiver::start().await;
    receiver.answers(|_, hit| Answer::json(500, json!({"echo": hit.body})));
    let app = TestApp::with(|config| config.egress.allow = vec!["127.0.0.1".to_owned()]).await;
    let owner = app.owner().await;
    let webhook = owner.post(&owner.path("/webhooks"), json!({"url": receiver.url, "events": ["*"]})).await.expect(201);
    let contact = create_contact(&owner, json!({"name": "Zebrafink", "email": "Zebrafink@example.com", "phone": "+4917099887766", "company": "Okapiwerke", "attributes": {"pet": "Quokkatier"}})).await;
    let id = contact["id"].as_str().unwrap();
    let other = create_contact(&owner, json!({"name": "Other", "email": "other@example.com"})).await;
    owner.post(&owner.path(&format!("/contacts/{id}/notes")), json!({"body": "Likes Wombatkekse."})).await.expect(201);
    let assistant = help_desk(&app, &owner, json!({})).await;
    let answer = owner.ask("/api/chat", question(&assistant, "My Narwalsofa is broken, what now?")).await;
    let ticket = owner.post(&owner.path("/tickets"), json!({"conversationId": answer.chat_id(), "contactId": id, "description": "The Narwalsofa."})).await.expect(201);
    let one = owner.path(&format!("/tickets/{}", ticket["id"].as_str().unwrap()));
    owner.post(&format!("{one}/comments"), json!({"body": "A Lemurenbett instead?", "internal": true})).await.expect(201);
    let (ws, chat, contact_id) = (owner.workspace_id.clone(), answer.chat_id().to_owned(), id.to_owned());
    app.app.db.write(move |tx| illumichat::conversations::store::set_contact(tx, &ws, &chat, &contact_id)).await.unwrap();
    receiver.wait_for(4).await;

    let timeline = owner.get(&owner.path(&format!("/contacts/{id}/timeline"))).await.expect(200);
    let mut kinds: Vec<&str> = timeline["data"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["conversation", "note", "ticket"]);
    let member = app.colleague(&owner, Role::Member).await;
    member.get(&owner.path(&format!("/contacts/{id}/export"))).await.expect_error(403, "forbidden:api");
    member.delete(&owner.path(&format!("/contacts/{id}"))).await.expect_error(403, "forbidden:api");
    let stranger = app.owner().await;
    for rest in ["/timeline", "/export"] {
        stranger.get(&stranger.path(&format!("/contacts/{id}{rest}"))).await.expect_error(404, "not_found:api");
    }
    stranger.delete(&stranger.path(&format!("/contacts/{id}"))).await.expect_error(404, "not_found:api");
    let export = owner.get(&owner.path(&format!("/contacts/{id}/export"))).await;
    assert!(export.header("content-disposition").contains(id));
    for word in ["Zebrafink", "Okapiwerke", "Quokkatier", "Wombatkekse", "Narwalsofa", "Lemurenbett"] {
        assert!(export.text.contains(word), "the export has {word}");
        app.app.db.checkpoint().await.unwrap();
        assert!(!holding(&app, &word.to_lowercase()).is_empty(), "{word} is there before");
    }

    let erased = owner.delete(&owner.path(&format!("/contacts/{id}"))).await;
    assert_eq!((erased.status, erased.text.as_str()), (204, ""));
    assert!(erased.header("x-backups").contains("retention"));
    app.drain().await;
    app.app.db.checkpoint().await.unwrap();
    for word in ["zebrafink", "okapiwerke", "quokkatier", "wombatkekse", "narwalsofa", "lemurenbett", "17099887766"] {
        assert_eq!(holding(&app, word), Vec::<String>::new(), "{word}");
    }
    owner.get(&owner.path(&format!("/contacts/{id}"))).await.expect_error(404, "not_found:api");
    owner.get(&one).await.expect_error(404, "not_found:api");
    assert_eq!(owner.get(&owner.path("/contacts")).await.expect(200)["total"], 1);
    owner.get(&owner.path(&format!("/contacts/{}", other["id"].as_str().unwrap()))).await.expect(200);
    assert_eq!(events_of(&app, id).last().unwrap(), "contact.deleted");
    // Everything else is where it was, vectors too.
    let after = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    assert!(after.text().contains("30 days"), "{}", after.text());
    // The deliveries are there, without what they said.
    let deliveries = owner.get(&owner.path(&format!("/webhooks/{}/deliveries?limit=100", webhook["id"].as_str().unwrap()))).await.expect(200);
    let mut empty = 0;
    for delivery in deliveries["data"].as_array().unwrap() {
        let delivery: Value = owner.get(&owner.path(&format!("/webhooks/deliveries/{}", delivery["id"].as_str().unwrap()))).await.expect(200);
        empty += i32::from(delivery["request"]["body"].is_null());
    }
    assert!(empty >= 3, "{empty}");
}
