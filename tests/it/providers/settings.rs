//! `/api/workspaces/{ws}/providers` and `/models`: a workspace's own providers over the instance's.

use illumichat::{access::Role, config::Config};
use serde_json::{Value, json};

use super::{QUESTION, assistants_model, provide};
use crate::{
    assistants::create_assistant,
    chat::question,
    support::{
        Client, TestApp,
        llm_server::{LlmServer, Script},
    },
};

const KEY: &str = "sk-own-planted-0123456789";

/// The test's servers are on loopback, which a workspace reaches only where the operator says so.
fn allow_loopback(config: &mut Config) {
    config.egress.allow.push("127.0.0.1".to_owned());
}

fn provider(client: &Client, name: &str) -> String {
    client.path(&format!("/providers/{name}"))
}

async fn models(client: &Client) -> Vec<Value> {
    client.get(&client.path("/models")).await.expect(200)["data"].as_array().unwrap().clone()
}

fn find<'a>(models: &'a [Value], id: &str) -> Option<&'a Value> {
    models.iter().find(|model| model["id"] == id)
}

#[tokio::test]
async fn providers_are_for_admins_of_their_workspace() {
    let app = TestApp::with(allow_loopback).await;
    let owner = app.owner().await;
    owner.put(&provider(&owner, "groq"), json!({"apiKey": KEY})).await.expect(200);
    let member = app.colleague(&owner, Role::Member).await;
    for (client, status, code) in [(app.nobody(), 401, "unauthorized:api"), (member, 403, "forbidden:api"), (app.owner().await, 404, "not_found:api")] {
        client.get(&owner.path("/providers")).await.expect_error(status, code);
        client.get(&provider(&owner, "groq")).await.expect_error(status, code);
        client.put(&provider(&owner, "groq"), json!({"apiKey": "other"})).await.expect_error(status, code);
        client.post(&format!("{}/test", provider(&owner, "groq")), json!({})).await.expect_error(status, code);
        client.delete(&provider(&owner, "groq")).await.expect_error(status, code);
    }
    // Another workspace has none of it.
    let stranger = app.owner().await;
    assert_eq!(stranger.get(&stranger.path("/providers")).await.expect(200)["total"], 0);
    stranger.get(&provider(&stranger, "groq")).await.expect_error(404, "not_found:api");
    app.colleague(&owner, Role::Admin).await.get(&provider(&owner, "groq")).await.expect(200);
}

#[tokio::test]
async fn put_provider_says_what_is_wrong_with_each_field() {
    let app = TestApp::with(|_| {}).await;
    let owner = app.owner().await;
    for (name, body, field) in [
        ("Mine", json!({"kind": "openai"}), "name"),
        ("builtin", json!({"kind": "openai"}), "name"),
        ("local", json!({"kind": "openai"}), "name"),
        ("mine", json!({}), "kind"),
        ("mine", json!({"kind": "clippy"}), "kind"),
        ("mine", json!({"kind": "openai-compatible"}), "baseUrl"),
        ("openai", json!({"baseUrl": "ftp://example.com"}), "baseUrl"),
        ("openai", json!({"baseUrl": "example.com/v1"}), "baseUrl"),
        ("openai", json!({"baseUrl": "https://user:word@example.com/v1"}), "baseUrl"),
        ("openai", json!({"baseUrl": "http://127.0.0.1:1/v1"}), "baseUrl"),
        ("openai", json!({"baseUrl": "http://[::1]/v1"}), "baseUrl"),
        ("openai", json!({"baseUrl": "http://169.254.169.254/latest"}), "baseUrl"),
        ("openai", json!({"baseUrl": "http://2130706433/"}), "baseUrl"),
        ("ollama", json!({}), "baseUrl"),
        ("openai", json!({"apiKey": "two words"}), "apiKey"),
        ("openai", json!({"apiKey": 7}), "apiKey"),
        ("openai", json!({"apiKey": "x".repeat(1001)}), "apiKey"),
        ("openai", json!({"models": ["a", " "]}), "models[1]"),
        ("openai", json!({"models": "a"}), "models"),
        ("openai", json!({"enabled": "yes"}), "enabled"),
        ("openai", json!({"fallbackModel": "no-such-model"}), "fallbackModel"),
        ("openai", json!({"retries": 6}), "retries"),
        ("openai", json!({"idleSeconds": 0}), "idleSeconds"),
        ("openai", json!({"firstByteSeconds": 301}), "firstByteSeconds"),
    ] {
        let error = owner.put(&provider(&owner, name), body.clone()).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{name} {body}: {error}");
    }
    assert_eq!(owner.get(&owner.path("/providers")).await.expect(200)["data"], json!([]), "nothing was kept of what was wrong");
}

#[tokio::test]
async fn a_key_is_kept_sealed_and_shown_by_its_end() {
    let app = TestApp::with(|_| {}).await;
    let owner = app.owner().await;
    let path = provider(&owner, "openai");
    let put = owner.put(&path, json!({"apiKey": format!(" {KEY}\n")})).await;
    assert!(!put.text.contains(KEY));
    let put = put.expect(200);
    assert_eq!((&put["kind"], &put["baseUrl"], &put["keyHint"]), (&json!("openai"), &json!("https://api.openai.com/v1"), &json!("…6789")));
    assert_eq!((&put["source"], &put["enabled"], &put["retries"], &put["firstByteSeconds"], &put["idleSeconds"]), (&json!("workspace"), &json!(true), &json!(2), &json!(20), &json!(30)));
    // Left out it stays, null takes it away, and it does not follow a change of address.
    assert_eq!(owner.put(&path, json!({"models": ["gpt-4o"]})).await.expect(200)["keyHint"], "…6789");
    for change in [json!({"baseUrl": "https://elsewhere.example/v1"}), json!({"kind": "xai"})] {
        let error = owner.put(&path, change).await.expect_error(400, "bad_request:api");
        assert!(error["details"]["apiKey"].is_string(), "{error}");
    }
    let folder = app.app.config.data_dir.clone();
    let everything: Vec<u8> = std::fs::read_dir(folder).unwrap().filter_map(|file| std::fs::read(file.unwrap().path()).ok()).flatten().collect();
    assert!(everything.len() > 10_000 && !everything.windows(KEY.len()).any(|bytes| bytes == KEY.as_bytes()), "the key lies open in the data folder");
    let cleared = owner.put(&path, json!({"apiKey": null})).await.expect(200);
    assert_eq!((&cleared["keyHint"], &cleared["models"]), (&json!(null), &json!([])));
    assert!(cleared["reason"].as_str().unwrap().contains("key"));
    owner.delete(&path).await.expect(204);
    owner.delete(&path).await.expect_error(404, "not_found:api");
    owner.get(&path).await.expect_error(404, "not_found:api");
}

#[tokio::test]
async fn a_workspaces_provider_lists_its_models_and_answers() {
    let llm = LlmServer::start().await;
    llm.lists(json!({"data": [{"id": "small", "context_length": 4096}, {"id": "text-embedding-3"}]}));
    llm.next(Script::says(["From our own."]));
    let app = TestApp::with(allow_loopback).await;
    let owner = app.owner().await;
    let put = owner.put(&provider(&owner, "house"), json!({"kind": "openai-compatible", "baseUrl": llm.base_url(), "apiKey": KEY})).await.expect(200);
    assert_eq!(put["name"], "house");
    let known = models(&owner).await;
    let small = find(&known, "house/small").expect("its models are asked for");
    assert_eq!((&small["contextTokens"], &small["available"], &small["default"]), (&json!(4096), &json!(true), &json!(true)));
    assert!(find(&known, "house/text-embedding-3").is_none() && find(&known, "builtin/extractive").is_some());
    let assistant = create_assistant(&owner, json!({"answerMode": "open"})).await;
    assert_eq!(assistant["model"], "house/small");
    assert_eq!(owner.ask("/api/chat", question(&assistant, QUESTION)).await.text(), "From our own.");
    assert_eq!(llm.question(0).await.headers["authorization"], format!("Bearer {KEY}"));
    // Nobody else's.
    let stranger = app.owner().await;
    assert!(find(&models(&stranger).await, "house/small").is_none());
    assert_eq!(create_assistant(&stranger, json!({})).await["model"], "builtin/extractive");
    let error = stranger.post(&stranger.path("/assistants"), json!({"name": "Bot", "model": "house/small"})).await.expect_error(400, "bad_request:api");
    assert!(error["details"]["model"].is_string());
}

#[tokio::test]
async fn a_workspaces_provider_goes_before_the_instances_of_its_name() {
    let (instance, own) = (LlmServer::start().await, LlmServer::start().await);
    instance.always(Script::says(["From the instance."]));
    own.always(Script::says(["From our own."]));
    let app = TestApp::with(|config| {
        allow_loopback(config);
        provide(config, instance.base_url());
    })
    .await;
    let owner = app.owner().await;
    let shown = owner.get(&provider(&owner, "openai")).await.expect(200);
    assert_eq!((&shown["source"], &shown["models"], &shown["updatedAt"]), (&json!("instance"), &json!(["scripted"]), &json!(null)));
    let assistant = create_assistant(&owner, json!({"answerMode": "open"})).await;
    assert_eq!(assistants_model(&owner, &assistant).await, "openai/scripted");
    let ask = async || owner.ask("/api/chat", question(&assistant, QUESTION)).await.text();
    assert_eq!(ask().await, "From the instance.");
    owner.put(&provider(&owner, "openai"), json!({"apiKey": KEY, "baseUrl": own.base_url(), "models": ["scripted"]})).await.expect(200);
    assert_eq!(owner.get(&owner.path("/providers")).await.expect(200)["total"], 1);
    assert_eq!(ask().await, "From our own.");
    assert_eq!(own.question(0).await.headers["authorization"], format!("Bearer {KEY}"));
    // Switched off it hides the instance's; taken away it does not.
    owner.put(&provider(&owner, "openai"), json!({"enabled": false, "apiKey": null})).await.expect(200);
    let unused = owner.get(&crate::assistants::address(&owner, &assistant)).await.expect(200);
    assert_eq!((&unused["model"], unused.get("modelStatus")), (&json!("builtin/extractive"), None));
    owner.delete(&provider(&owner, "openai")).await.expect(204);
    assert_eq!(ask().await, "From the instance.");
    let error = owner.delete(&provider(&owner, "openai")).await.expect_error(409, "conflict:api");
    assert!(error["error"].as_str().unwrap().contains("enabled"), "{error}");
}

#[tokio::test]
async fn test_provider_says_what_came_of_it() {
    let llm = LlmServer::start().await;
    let app = TestApp::with(allow_loopback).await;
    let owner = app.owner().await;
    let path = provider(&owner, "house");
    let test = async || owner.post(&format!("{path}/test"), json!({})).await.expect(200);
    owner.post(&format!("{path}/test"), json!({})).await.expect_error(404, "not_found:api");
    let settings = |models: Value| json!({"kind": "openai-compatible", "baseUrl": llm.base_url(), "apiKey": KEY, "models": models});
    owner.put(&path, settings(json!([]))).await.expect(200);
    let good = test().await;
    assert_eq!((&good["ok"], &good["models"], &good["failure"]), (&json!(true), &json!(["scripted"]), &json!(null)));
    // Where the settings name models, one of them is asked for a word.
    owner.put(&path, settings(json!(["named"]))).await.expect(200);
    assert_eq!(test().await["models"], json!(["named"]));
    assert_eq!(llm.question(0).await.body["model"], "named");
    llm.next(Script::fails(401, &format!("Incorrect API key provided: {KEY}")));
    let bad = test().await;
    assert_eq!((&bad["ok"], &bad["failure"]), (&json!(false), &json!("unauthorized")));
    assert!(bad["reason"].as_str().unwrap().contains("key") && !bad.to_string().contains(KEY), "{bad}");
    owner.put(&path, json!({"kind": "openai-compatible", "baseUrl": LlmServer::refusing().await})).await.expect_error(400, "bad_request:api");
    owner.put(&path, json!({"kind": "openai-compatible", "baseUrl": LlmServer::refusing().await, "apiKey": null})).await.expect(200);
    let down = test().await;
    assert_eq!((&down["failure"], down["reason"].as_str().unwrap().contains("refused")), (&json!("unreachable"), true));
    let shown = owner.get(&path).await.expect(200);
    assert!(shown["reason"].as_str().unwrap().contains("refused"), "{shown}");
}

/// A name is judged when it is used, whatever it looked like when it was saved.
#[tokio::test]
async fn a_name_that_leads_inside_is_not_followed() {
    let llm = LlmServer::start().await;
    let app = TestApp::with(|_| {}).await;
    let owner = app.owner().await;
    let inside = llm.base_url().replace("127.0.0.1", "localhost");
    owner.put(&provider(&owner, "sly"), json!({"kind": "openai-compatible", "baseUrl": inside, "models": ["m"]})).await.expect(200);
    let tried = owner.post(&format!("{}/test", provider(&owner, "sly")), json!({})).await.expect(200);
    assert_eq!((&tried["ok"], &tried["failure"]), (&json!(false), &json!("unreachable")));
    assert!(tried["reason"].as_str().unwrap().contains("egress.allow"), "{tried}");
    assert_eq!(llm.connections(), 0);
}

/// OpenRouter shows its models to everyone: a list says nothing of the key there.
#[tokio::test]
async fn test_provider_tries_the_key_where_a_list_needs_none() {
    let llm = LlmServer::start().await;
    let app = TestApp::with(allow_loopback).await;
    let owner = app.owner().await;
    let path = provider(&owner, "openrouter");
    owner.put(&path, json!({"baseUrl": llm.base_url(), "apiKey": KEY})).await.expect(200);
    llm.next(Script::fails(401, "User not found.")).next(Script::unframed(200, "application/json", "{\"data\":{\"label\":\"key\"}}"));
    let test = async || owner.post(&format!("{path}/test"), json!({})).await.expect(200);
    assert_eq!(test().await["failure"], "unauthorized");
    let good = test().await;
    assert_eq!((&good["ok"], &good["models"]), (&json!(true), &json!(["scripted"])));
    assert_eq!((llm.question(1).await.path.as_str(), llm.received().len()), ("/v1/key", 2));
}
