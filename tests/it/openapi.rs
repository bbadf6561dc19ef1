//! The OpenAPI document: kept in step with the code, and walked through by every kind of caller.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
    time::Duration,
};

use illumichat::{
    access::Role,
    clock::{Clock, Timestamp},
};
use reqwest::Method;
use serde_json::{Value, json};

mod table;

use table::{Least, OPERATIONS};

use super::{
    assistants::create_assistant,
    chat::{help_desk, question},
    contacts::create_contact,
};
use crate::support::{Client, TestApp, app::Credentials};

/// The web's client is generated from this file.
const FILE: &str = "web/api/openapi.json";

#[test]
fn the_document_is_the_one_that_the_web_is_written_against() {
    let text = format!("{}\n", serde_json::to_string_pretty(&illumichat::server::openapi().unwrap()).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        known == text,
        "{FILE} is not what the code says. Run `UPDATE=1 cargo test --test it openapi` and then `npm run generate` in `web`, and look at what has changed."
    );
}

struct Operation {
    name: String,
    least: Least,
    method: Method,
    /// With its parameters in braces.
    path: String,
}

fn operations() -> Vec<Operation> {
    let document = illumichat::server::openapi().unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no operation id")).to_owned();
            let base = name.strip_suffix("_flat").unwrap_or(&name);
            let least = OPERATIONS.iter().find(|(known, _)| *known == base).unwrap_or_else(|| panic!("say in OPERATIONS who may {base}: {method} {path}")).1;
            operations.push(Operation { name, least, method: method.to_uppercase().parse().unwrap(), path: path.clone() });
        }
    }
    operations
}

#[test]
fn every_operation_is_in_the_table_once_and_every_line_is_an_operation() {
    let operations = operations();
    let names: BTreeSet<&str> = operations.iter().map(|operation| operation.name.as_str()).collect();
    assert_eq!(names.len(), operations.len(), "operation ids are unique");
    for (name, _) in OPERATIONS {
        assert!(names.contains(name), "{name} is no operation any more");
    }
}

#[test]
fn every_operation_promises_its_errors_and_its_credentials() {
    let document = illumichat::server::openapi().unwrap();
    for operation in operations() {
        let described = &document["paths"][&operation.path][operation.method.as_str().to_lowercase()];
        for status in ["400", "401", "403", "404", "429", "500"] {
            assert!(described["responses"][status].is_object(), "{} says nothing of {status}", operation.name);
        }
        let asks = described["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
        assert_eq!(asks, operation.least != Least::Anyone, "{}", operation.name);
        for name in operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let parameters = described["parameters"].as_array().unwrap();
            assert!(parameters.iter().any(|parameter| parameter["name"] == name && parameter["in"] == "path"), "{} does not describe {name}", operation.name);
        }
    }
}

/// Things that exist in one workspace, each under the collection that its id follows in an address.
struct Things {
    workspace_id: String,
    assistant: String,
    project: String,
    document: String,
    chat: String,
    message: String,
    token: String,
    contact: String,
    ticket: String,
    webhook: String,
    member: String,
}

impl Things {
    async fn of(app: &TestApp, owner: &Client) -> Things {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let assistant = help_desk(app, owner, json!({"visibility": "public"})).await;
        let project = text(&owner.get("/api/projects").await.expect(200)[0]["id"]);
        let documents = owner.get(&owner.path(&format!("/projects/{project}/documents"))).await.expect(200);
        let answer = owner.ask("/api/chat", question(&assistant, "Hello")).await;
        let tokens = owner.get(&owner.path("/tokens")).await.expect(200);
        Things {
            workspace_id: owner.workspace_id.clone(),
            member: owner.user_id.clone(),
            assistant: text(&assistant["id"]),
            project,
            document: text(&documents["data"][0]["id"]),
            chat: answer.chat_id().to_owned(),
            message: answer.message_id().to_owned(),
            token: text(&tokens["data"][0]["id"]),
            ticket: text(&owner.post(&owner.path("/tickets"), json!({"subject": "Broken"})).await.expect(201)["id"]),
            webhook: text(&owner.post(&owner.path("/webhooks"), json!({"url": "https://example.com/hook", "events": ["ticket.resolved"]})).await.expect(201)["id"]),
            contact: text(&create_contact(owner, json!({"email": "visitor@example.com"})).await["id"]),
        }
    }

    /// An address with everything filled in. Without `real`, only the workspace is a real one, so that whoever is let in
    /// destroys nothing.
    fn fill(&self, path: &str, real: bool) -> String {
        let mut before = "";
        let parts: Vec<&str> = path
            .split('/')
            .map(|part| {
                let filled: &str = match (part, before) {
                    ("{ws}", _) => &self.workspace_id,
                    (part, _) if !part.starts_with('{') => part,
                    _ if !real => "none",
                    (_, "assistants" | "widget") => &self.assistant,
                    (_, "projects") => &self.project,
                    (_, "documents") => &self.document,
                    (_, "conversations" | "chat") => &self.chat,
                    (_, "messages") => &self.message,
                    (_, "tokens") => &self.token,
                    (_, "contacts") => &self.contact,
                    (_, "tickets") => &self.ticket,
                    (_, "webhooks") => &self.webhook,
                    (_, "members") => &self.member,
                    _ => "none",
                };
                before = part;
                filled
            })
            .collect();
        parts.join("/")
    }
}

/// A body that says enough to be looked at, and names nothing that is there unless it is `real`.
fn body(things: &Things, operation: &Operation, real: bool) -> Value {
    match operation.name.trim_end_matches("_flat") {
        "chat" => json!({"assistantId": if real { things.assistant.as_str() } else { "ast_none" }, "messages": [{"role": "user", "content": "Hello"}]}),
        "send_message" => json!({"content": "Hello"}),
        "connect_project" => json!({"projectId": if real { things.project.as_str() } else { "proj_none" }}),
        "search_project" | "search_assistant" => json!({"query": "refund"}),
        "merge_contact" => json!({"intoId": "con_none"}),
        "create_contact_note" | "create_ticket_comment" => json!({"body": "Words."}),
        "put_sms_config" | "test_sms" => {
            json!({"enabled": true, "twilioAccountSid": format!("AC{}", "0".repeat(32)), "twilioAuthToken": "token", "phoneNumber": "+15551234567"})
        }
        "snooze_conversation" => json!({"until": "2999-01-01T00:00:00Z"}),
        "reply_to_conversation" | "create_macro" => json!({"content": "Hello", "name": "Mine"}),
        "add_project_member" => json!({"userId": "usr_none", "role": "viewer"}),
        "update_project_member" => json!({"role": "viewer"}),
        "create_source" => json!({"url": "https://docs.example.com/", "kind": "page"}),
        "put_assistant_tools" => json!({"tools": []}),
        "create_qa" => json!({"question": "When?", "answer": "Now."}),
        "import_qa" => json!({"csv": "question,answer\n"}),
        name if real && name.starts_with("create_") => json!({"name": "Mine", "title": "Mine", "text": "Words."}),
        name if real && name.starts_with("update_") => json!({"name": "Mine", "title": "Mine"}),
        _ => json!({}),
    }
}

async fn status(client: &Client, things: &Things, operation: &Operation, real: bool) -> u16 {
    let request = client.request(operation.method.clone(), &things.fill(&operation.path, real));
    let request = if operation.method == Method::GET || operation.method == Method::DELETE { request } else { request.json(&body(things, operation, real)) };
    if operation.name == "stream_events" {
        // Its answer has no end.
        return request.send().await.unwrap().status().as_u16();
    }
    client.send(request).await.status
}

/// Every operation, every caller: who may is let in, and nobody else is.
#[tokio::test]
async fn every_caller_gets_what_the_table_says() {
    let clock = Clock::held(Timestamp::parse("2026-03-02T20:00:00Z").unwrap());
    let app = TestApp::in_folder(tempfile::tempdir().unwrap(), clock.clone(), |config| config.limits.signin_address = 1000).await;
    let owner = app.owner().await;
    let things = Things::of(&app, &owner).await;
    // A session that was a good one, twelve hours ago.
    let expired = app.signed_in(&owner).await;
    expired.get("/api/me").await.expect(200);
    clock.advance(Duration::from_secs(12 * 3600 + 60));
    let stranger = app.owner().await;
    create_assistant(&stranger, json!({})).await;
    let mut colleagues = Vec::new();
    for role in [Role::Guest, Role::Member, Role::Admin, Role::Owner] {
        colleagues.push((role, app.colleague(&owner, role).await));
    }
    // A token is worth what its creator is worth now.
    let demoted = app.colleague(&owner, Role::Admin).await;
    demoted.get(&owner.path("/members")).await.expect(200);
    owner.patch(&owner.path(&format!("/members/{}", demoted.user_id)), json!({"role": "guest"})).await.expect(200);
    colleagues.push((Role::Guest, demoted));
    let removed = app.colleague(&owner, Role::Admin).await;
    let removed_in_person = app.signed_in(&removed).await;
    owner.delete(&owner.path(&format!("/members/{}", removed.user_id))).await.expect(204);
    // Signing in is throttled, so each signs in once.
    let in_person = HashMap::<String, Client>::from_iter(futures_util::future::join_all(
        colleagues.iter().map(|(_, client)| client).chain([&owner, &stranger]).map(async |client| (client.user_id.clone(), app.signed_in(client).await)),
    ).await);
    let in_person = |client: &Client| -> &Client { &in_person[&client.user_id] };
    let revoked = {
        let person = in_person(&owner);
        let made = person.post(&owner.path("/tokens"), json!({"name": "revoked"})).await.expect(201);
        person.delete(&owner.path(&format!("/tokens/{}", made["id"].as_str().unwrap()))).await.expect(204);
        Client { credentials: Credentials::Token(made["token"].as_str().unwrap().to_owned()), ..owner.clone() }
    };
    let mut wrong = Vec::new();
    for operation in &operations() {
        let name = &operation.name;
        let mut expect = |caller: &str, got: u16, is_right: bool| {
            if !is_right {
                wrong.push(format!("{caller} gets {got} for {name}: {} {}", operation.method, operation.path));
            }
        };
        // 405 would mean that the document names what is not there; 500 never happens.
        let let_in = |got: u16| !matches!(got, 401 | 403 | 405 | 500..);
        let out = [("a revoked token", &revoked), ("an expired session", &expired), ("a removed member", &removed), ("a removed member in person", &removed_in_person)];
        if operation.least == Least::Anyone {
            // Who they are does not matter: what they send does.
            let tokens = colleagues.iter().map(|(role, client)| (role.name(), client)).chain([("another workspace's owner", &stranger)]).chain(out);
            for (caller, client) in tokens {
                let got = status(client, &things, operation, false).await;
                expect(caller, got, got != 405 && got < 500);
            }
            let got = status(&app.nobody(), &things, operation, false).await;
            expect("nobody", got, got != 405 && got < 500);
            continue;
        }
        let got = status(&app.nobody(), &things, operation, true).await;
        expect("nobody", got, got == 401);
        for (caller, client) in out {
            let got = status(client, &things, operation, true).await;
            expect(caller, got, got == 401);
        }
        let names_workspace = operation.path.contains("{ws}");
        let names_thing = operation.path.replace("{ws}", "").contains('{') || operation.name == "chat";
        match operation.least {
            Least::Anyone => {}
            Least::Known => {
                let got = status(&stranger, &things, operation, true).await;
                expect("a stranger", got, let_in(got));
            }
            Least::Person => {
                let got = status(&owner, &things, operation, true).await;
                expect("an owner's token", got, got == 403);
                let got = status(in_person(&colleagues[0].1), &things, operation, operation.name == "create_workspace").await;
                expect("a guest in person", got, if operation.name == "create_workspace" { got == 403 } else { let_in(got) });
                let got = status(in_person(&owner), &things, operation, false).await;
                expect("an owner in person", got, let_in(got));
            }
            Least::Role(least) | Least::RoleInPerson(least) => {
                let takes_a_person = operation.least == Least::RoleInPerson(least);
                if names_workspace || names_thing {
                    let got = status(&stranger, &things, operation, true).await;
                    expect("another workspace's owner", got, got == 404);
                    let got = status(in_person(&stranger), &things, operation, true).await;
                    expect("another workspace's owner in person", got, got == 404);
                }
                for (role, client) in &colleagues {
                    if *role < least {
                        let got = status(client, &things, operation, true).await;
                        expect(role.name(), got, got == 403);
                        continue;
                    }
                    if takes_a_person {
                        let got = status(client, &things, operation, true).await;
                        expect(&format!("{}'s token", role.name()), got, got == 403);
                        let got = status(in_person(client), &things, operation, false).await;
                        expect(role.name(), got, let_in(got));
                    } else {
                        let got = status(client, &things, operation, false).await;
                        expect(role.name(), got, let_in(got));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Nobody of them has changed or taken anything.
    let list = owner.get(&owner.path("/assistants")).await.expect(200);
    assert!(list["data"].as_array().unwrap().iter().any(|assistant| assistant["id"] == things.assistant.as_str() && assistant["name"] == "Support Bot"), "{list}");
    let conversation = owner.get(&owner.path(&format!("/conversations/{}", things.chat))).await.expect(200);
    assert_eq!(conversation["messageCount"], 2);
    owner.get(&owner.path(&format!("/projects/{}/documents/{}", things.project, things.document))).await.expect(200);
}
