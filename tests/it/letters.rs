//! Mail for those who are not looking: a reply for a customer who has left, a handoff and a missed target for those who answer.

use std::time::Duration;

use illumichat::access::Role;
use serde_json::{Value, json};

use super::{
    chat::QUESTION,
    contacts::create_contact,
    inbox::{Talk, at, public_desk},
    password::with_mail,
    site_chat::{first, get, post, site},
    tickets::create_ticket,
};
use crate::support::{Client, TestApp, smtp_server::SmtpServer, spawn_app};

async fn reply(owner: &Client, chat_id: &str, content: &str) {
    owner.post(&at(owner, chat_id, "/replies"), json!({"content": content})).await.expect(201);
}

/// Lets some minutes go by and does what is due then.
async fn minutes(app: &TestApp, count: u64) {
    app.app.clock.advance(Duration::from_secs(60 * count));
    app.drain().await;
}

/// What stands in a conversation for the people of the workspace alone.
async fn lines(owner: &Client, chat_id: &str) -> Vec<String> {
    let messages = owner.get(&at(owner, chat_id, "/messages?limit=100")).await.expect(200);
    let lines = messages["data"].as_array().unwrap().iter().filter(|message| message["role"] == "event");
    lines.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_reply_that_a_visitor_has_not_read_is_mailed_once() {
    let mail = SmtpServer::start().await;
    let app = with_mail(&mail).await;
    let owner = app.owner().await;
    let assistant = public_desk(&app, &owner).await;
    let talk = Talk::begin(&app, &assistant, QUESTION).await;
    talk.post("lead", json!({"name": "Ada", "email": "ada@example.com"})).await.expect(201);
    // Whoever reads it, or writes on, gets no letter.
    reply(&owner, &talk.chat_id, "Hello Ada, I am looking.").await;
    talk.post("read", json!({})).await.expect(204);
    minutes(&app, 5).await;
    reply(&owner, &talk.chat_id, "Which card was it?").await;
    talk.post("chat", json!({"message": "The blue one."})).await.expect(202);
    minutes(&app, 5).await;
    assert!(mail.letters().is_empty(), "{:?}", mail.letters());
    // Two replies one after the other are one letter.
    reply(&owner, &talk.chat_id, "The money is on its way.").await;
    minutes(&app, 1).await;
    reply(&owner, &talk.chat_id, "It takes three days.").await;
    owner.post(&at(&owner, &talk.chat_id, "/replies"), json!({"content": "They were friendly.", "note": true})).await.expect(201);
    minutes(&app, 1).await;
    assert!(mail.letters().is_empty());
    minutes(&app, 5).await;
    let letters = mail.letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    let text = &letters[0].text;
    assert!(letters[0].to.contains("ada@example.com") && text.contains("Hello Ada,"), "{text}");
    assert!(text.contains("The money is on its way.") && text.contains("It takes three days.") && !text.contains("friendly") && !text.contains("blue"), "{text}");
    assert!(lines(&owner, &talk.chat_id).await.iter().any(|line| line.contains("mailed to ada@example.com")));
    minutes(&app, 60).await;
    assert_eq!(mail.letters().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_mailed_is_said_to_the_agent() {
    let mail = SmtpServer::start().await;
    let app = with_mail(&mail).await;
    let owner = app.owner().await;
    let talk = Talk::begin(&app, &public_desk(&app, &owner).await, QUESTION).await;
    reply(&owner, &talk.chat_id, "Are you there?").await;
    minutes(&app, 5).await;
    assert!(mail.letters().is_empty());
    let waits = |lines: &[String]| lines.iter().filter(|line| line.contains("waits for them")).count();
    assert_eq!(waits(&lines(&owner, &talk.chat_id).await), 1);
    // A server without mail says the same.
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), illumichat::clock::Clock::held(app.app.now()), |_| {}).await;
    let owner = app.owner().await;
    let talk = Talk::begin(&app, &public_desk(&app, &owner).await, QUESTION).await;
    talk.post("lead", json!({"email": "ada@example.com"})).await.expect(201);
    reply(&owner, &talk.chat_id, "Are you there?").await;
    minutes(&app, 5).await;
    let lines = lines(&owner, &talk.chat_id).await;
    assert_eq!((waits(&lines), lines.iter().any(|line| line.contains("sends no mail"))), (1, true), "{lines:?}");
}

#[tokio::test]
async fn a_sites_visitor_who_asks_for_messages_gets_no_mail_and_one_who_left_does() {
    let mail = SmtpServer::start().await;
    let app = with_mail(&mail).await;
    let owner = app.owner().await;
    let site = site(&owner, json!({})).await;
    for token in ["polls", "left"] {
        post(&app, &site, "/conversations", first(token)).await.expect(201);
        app.app.clock.advance(Duration::from_secs(1));
    }
    let list = owner.get(&owner.path("/conversations?channel=site")).await.expect(200);
    for (place, text) in [(1, "Your bill is on its way."), (0, "Your bill was paid.")] {
        reply(&owner, list["data"][place]["id"].as_str().unwrap(), text).await;
    }
    assert!(get(&app, &site, "/conversations/polls/messages").await.text.contains("on its way"));
    minutes(&app, 5).await;
    let letters = mail.letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(letters[0].to.contains("jane@example.com") && letters[0].text.contains("Your bill was paid."));
}

#[tokio::test]
async fn each_reason_is_mailed_to_those_who_answer_where_the_settings_say_so() {
    let mail = SmtpServer::start().await;
    let app = with_mail(&mail).await;
    let owner = app.owner().await;
    let colleague = app.colleague(&owner, Role::Member).await;
    app.colleague(&owner, Role::Guest).await;
    let assistant = public_desk(&app, &owner).await;
    let told = async |reason: &str| -> Vec<String> {
        let before = mail.letters().len();
        let talk = Talk::begin(&app, &assistant, "Hello").await;
        talk.post("handoff", json!({"reason": reason})).await.expect(202);
        app.drain().await;
        let new = mail.letters().split_off(before);
        assert!(new.iter().all(|letter| letter.text.contains(&format!("/conversations/{}", talk.chat_id)) && letter.text.contains(&reason.replace('_', " "))), "{new:?}");
        let mut to: Vec<String> = new.into_iter().map(|letter| letter.to.trim_matches(['<', '>']).to_owned()).collect();
        owner.post(&at(&owner, &talk.chat_id, "/takeover"), json!({})).await.expect(200);
        to.sort();
        to
    };
    assert!(told("policy").await.is_empty(), "mail is off until somebody switches it on");
    owner.patch(&owner.path(""), json!({"settings": {"notify": {"email": true}}})).await.expect(200);
    let mut everyone = vec![app.email_of(&owner), app.email_of(&colleague)];
    everyone.sort();
    for reason in ["customer_request", "missing_knowledge", "unsupported_request", "policy", "tool_failure", "low_rating"] {
        assert_eq!(told(reason).await, everyone, "{reason}");
    }
    // Nobody comes: they are told once more, and not again.
    let before = mail.letters().len();
    let talk = Talk::begin(&app, &assistant, "Hello").await;
    talk.post("handoff", json!({})).await.expect(202);
    app.drain().await;
    minutes(&app, 6).await;
    let letters = mail.letters().split_off(before);
    assert_eq!(letters.iter().filter(|letter| letter.text.contains("Subject: Still waiting")).count(), 2, "{letters:?}");
    minutes(&app, 60).await;
    assert_eq!(mail.letters().len(), before + 4);
    // Whom the assistant names is told whatever the workspace says.
    owner.patch(&owner.path(""), json!({"settings": {"notify": {"email": false}}})).await.expect(200);
    let path = owner.path(&format!("/assistants/{}", assistant["id"].as_str().unwrap()));
    owner.patch(&path, json!({"handoff": {"enabled": true, "notify": [colleague.user_id, "desk@example.com"]}})).await.expect(200);
    let mut named = vec![app.email_of(&colleague), "desk@example.com".to_owned()];
    named.sort();
    assert_eq!(told("customer_request").await, named);
}

#[tokio::test]
async fn a_comment_reaches_a_contact_by_mail_and_a_missed_target_whoever_has_the_ticket() {
    let mail = SmtpServer::start().await;
    let app = with_mail(&mail).await;
    let owner = app.owner().await;
    let colleague = app.colleague(&owner, Role::Member).await;
    let contact = create_contact(&owner, json!({"name": "Ada", "email": "ada@example.com"})).await;
    let ticket = create_ticket(&owner, json!({"subject": "Broken lamp", "contactId": contact["id"], "assigneeId": colleague.user_id, "priority": "critical"})).await;
    let one = owner.path(&format!("/tickets/{}", ticket["id"].as_str().unwrap()));
    owner.post(&format!("{one}/comments"), json!({"body": "It is the fuse.", "internal": true})).await.expect(201);
    owner.post(&format!("{one}/comments"), json!({"body": "A new fuse is on its way."})).await.expect(201);
    app.drain().await;
    let letters = mail.letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(letters[0].to.contains("ada@example.com") && letters[0].text.contains("Subject: [#1] Broken lamp") && letters[0].text.contains("A new fuse is on its way."));
    minutes(&app, 9 * 60).await;
    let letters = mail.letters();
    assert_eq!(letters.len(), 2, "{letters:?}");
    assert!(letters[1].to.contains(&app.email_of(&colleague)) && letters[1].text.contains("target for the resolution"), "{}", letters[1].text);
}

#[tokio::test]
async fn a_ticket_that_waits_is_open_again_when_the_customer_writes_by_widget_or_site() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let talk = Talk::begin(&app, &public_desk(&app, &owner).await, QUESTION).await;
    let site = site(&owner, json!({})).await;
    post(&app, &site, "/conversations", first("tok")).await.expect(201);
    let by_site = owner.get(&owner.path("/conversations?channel=site")).await.expect(200)["data"][0]["id"].clone();
    let mut tickets: Vec<String> = Vec::new();
    for chat in [json!(talk.chat_id), by_site] {
        let ticket = create_ticket(&owner, json!({"subject": "x", "conversationId": chat})).await;
        let one = owner.path(&format!("/tickets/{}", ticket["id"].as_str().unwrap()));
        owner.patch(&one, json!({"status": "waiting_on_customer"})).await.expect(200);
        tickets.push(one);
    }
    let status = async |one: &str| -> Value { owner.get(one).await.expect(200)["status"].clone() };
    // Until each is open: what reads the events is its own task.
    let opens = async |one: &str| {
        for _ in 0..300 {
            if status(one).await == "open" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it stays {}", status(one).await);
    };
    crate::support::stream::Live::of(talk.request(reqwest::Method::POST, "chat").json(&json!({"message": "It still does not work."}))).await.rest().await;
    opens(&tickets[0]).await;
    assert_eq!(status(&tickets[1]).await, "waiting_on_customer");
    post(&app, &site, "/conversations/tok/messages", json!({"message": "Here it is."})).await.expect(201);
    opens(&tickets[1]).await;
}

#[tokio::test]
async fn letters_are_in_the_language_of_whom_they_are_for() {
    let mail = SmtpServer::start().await;
    let app = with_mail(&mail).await;
    let owner = app.owner().await;
    let settings = json!({"settings": {"locale": "de-DE", "notify": {"email": true}, "branding": {"name": "Lampen & Co"}}});
    owner.patch(&owner.path(""), settings).await.expect(200);
    let talk = Talk::begin(&app, &public_desk(&app, &owner).await, "Hallo").await;
    talk.post("lead", json!({"name": "Ada", "email": "ada@example.com"})).await.expect(201);
    talk.post("handoff", json!({"reason": "policy"})).await.expect(202);
    app.drain().await;
    let letter = mail.letters().pop().unwrap();
    assert!(letter.to.contains(&app.email_of(&owner)) && letter.text.contains("Subject: Ein Mensch wird gebraucht: Hallo"), "{}", letter.text);
    assert!(letter.text.contains("eine Regel verlangt es") && letter.text.contains("Der Kunde schrieb:"), "{}", letter.text);
    let summary = owner.post(&at(&owner, &talk.chat_id, "/summary"), json!({})).await.expect(200);
    assert!(summary["summary"].as_str().unwrap().contains("Ein Mensch wird gebraucht: eine Regel verlangt es."), "{summary}");
    reply(&owner, &talk.chat_id, "Das Geld ist unterwegs.").await;
    minutes(&app, 5).await;
    let letter = mail.letters().pop().unwrap();
    assert!(letter.to.contains("ada@example.com") && letter.text.contains("Subject: Lampen & Co hat Ihnen geantwortet") && letter.text.contains("Guten Tag Ada,"), "{}", letter.text);
    // A ticket that nobody made of a conversation: by what stands in it.
    let contact = create_contact(&owner, json!({"name": "Jan", "email": "jan@example.com"})).await;
    let ticket = create_ticket(&owner, json!({"subject": "De lamp is kapot", "description": "Hoe kan ik mijn geld terug krijgen?", "contactId": contact["id"], "priority": "critical"})).await;
    let one = owner.path(&format!("/tickets/{}", ticket["id"].as_str().unwrap()));
    owner.post(&format!("{one}/comments"), json!({"body": "We betalen terug."})).await.expect(201);
    app.drain().await;
    let letter = mail.letters().pop().unwrap();
    assert!(letter.to.contains("jan@example.com") && letter.text.contains("Hallo Jan,") && letter.text.contains("heeft geschreven over uw ticket #1 (De lamp is kapot):"), "{}", letter.text);
    minutes(&app, 9 * 60).await;
    let letter = mail.letters().pop().unwrap();
    assert!(letter.to.contains(&app.email_of(&owner)) && letter.text.contains("Subject: [#1] Ziel verfehlt: De lamp is kapot"), "{}", letter.text);
}

#[tokio::test]
async fn a_comment_says_which_way_it_went() {
    let mail = SmtpServer::start().await;
    let app = with_mail(&mail).await;
    let owner = app.owner().await;
    let assistant = public_desk(&app, &owner).await;
    let talk = Talk::begin(&app, &assistant, QUESTION).await;
    let own = owner.ask("/api/chat", super::chat::question(&assistant, QUESTION)).await;
    let reachable = create_contact(&owner, json!({"name": "Ada", "email": "ada@example.com"})).await;
    let unreachable = create_contact(&owner, json!({"name": "Bob"})).await;
    for (fields, internal, way, letters) in [
        (json!({"contactId": reachable["id"]}), false, json!("email"), 1),
        (json!({"contactId": reachable["id"]}), true, json!(null), 0),
        (json!({"contactId": unreachable["id"]}), false, json!(null), 0),
        (json!({}), false, json!(null), 0),
        (json!({"conversationId": talk.chat_id}), false, json!("widget"), 0),
        // A colleague's own conversation is none that the customer reads.
        (json!({"conversationId": own.chat_id(), "contactId": reachable["id"]}), false, json!("email"), 1),
        (json!({"conversationId": own.chat_id()}), false, json!("api"), 0),
    ] {
        let before = mail.letters().len();
        let mut body = json!({"subject": "Broken lamp"});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let ticket = create_ticket(&owner, body).await;
        let comments = owner.path(&format!("/tickets/{}/comments", ticket["id"].as_str().unwrap()));
        let comment = owner.post(&comments, json!({"body": "It is the fuse.", "internal": internal})).await.expect(201);
        assert_eq!((&comment["sentBy"], &owner.get(&comments).await.expect(200)["data"][0]["sentBy"]), (&way, &way), "{fields}");
        app.drain().await;
        assert_eq!(mail.letters().len() - before, letters, "{fields}");
    }
}
