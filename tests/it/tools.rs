//! What a model may do besides talking: MCP servers, HTTP actions, the web search, and the bounds of all of them.

use illumichat::{
    access::Role,
    config::{Config, Provider},
    secrets::SecretText,
};
use serde_json::{Value, json};

use super::{
    assistants::address,
    chat::{QUESTION, help_desk, question},
};
use crate::support::{
    Client, TestApp,
    llm_server::{LlmServer, Script},
    spawn_app,
    stream::Answer,
    web_server::WebServer,
};

/// The product with the scripted server as its provider, and loopback open for tools.
pub async fn desk(llm: &LlmServer, fields: Value, change: impl FnOnce(&mut Config)) -> (TestApp, Client, Value) {
    let app = TestApp::with(|config| {
        let provider = Provider { api_key: Some(SecretText::new("sk-scripted")), base_url: Some(llm.base_url()), models: vec!["scripted".to_owned()], ..Provider::default() };
        config.providers.insert("openai".to_owned(), provider);
        config.egress.allow = vec!["127.0.0.1".to_owned()];
        change(config);
    })
    .await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, fields).await;
    (app, owner, assistant)
}

fn order_action(server: &WebServer) -> Value {
    json!({
        "name": "find_order", "description": "Finds an order by its number.", "method": "GET", "url": server.url("/orders/{number}"),
        "secretHeaders": {"x-key": "very secret value"},
        "parameters": {"type": "object", "required": ["number"], "additionalProperties": false, "properties": {"number": {"type": "string", "minLength": 2}, "full": {"type": "boolean"}}},
    })
}

async fn grant(owner: &Client, assistant: &Value, tools: Value) {
    owner.send(owner.request(reqwest::Method::PUT, &format!("{}/tools", address(owner, assistant))).json(&json!({"tools": tools}))).await.expect(200);
}

fn results(answer: &Answer) -> Vec<Value> {
    answer.events.iter().filter(|event| event["type"] == "tool-result").cloned().collect()
}

#[tokio::test]
async fn actions_are_the_admins() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = owner.path("/actions");
    let body = json!({"name": "find_order", "description": "Finds.", "method": "GET", "url": "https://shop.example/orders"});
    app.nobody().post(&path, body.clone()).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Member).await.post(&path, body.clone()).await.expect_error(403, "forbidden:api");
    app.owner().await.get(&path).await.expect_error(404, "not_found:api");
    for (change, field) in [
        (json!({"name": ""}), "name"),
        (json!({"name": "two words"}), "name"),
        (json!({"name": "search_knowledge"}), "name"),
        (json!({"description": ""}), "description"),
        (json!({"url": "nowhere"}), "url"),
        (json!({"url": "http://127.0.0.1/x"}), "url"),
        (json!({"url": "https://{host}/x"}), "url"),
        (json!({"url": "https://shop.example/{unknown}"}), "url"),
        (json!({"parameters": {"type": "string"}}), "parameters"),
        (json!({"headers": {"host": "x"}}), "headers.host"),
    ] {
        let mut wrong = body.clone();
        wrong.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let error = owner.post(&path, wrong).await.expect_error(400, "bad_request:api");
        assert!(error["details"][field].is_string(), "{field}: {error}");
    }
    let mut named = body.clone();
    named["secretHeaders"] = json!({"x-key": "a very secret value"});
    let made = owner.post(&path, named).await.expect(201);
    assert_eq!(made["secretHeaders"]["x-key"], "…alue");
    owner.post(&path, body).await.expect_error(409, "conflict:api");
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    // What was shown of a secret stands for the secret.
    let changed = owner.patch(&one, json!({"description": "Finds an order.", "secretHeaders": made["secretHeaders"]})).await.expect(200);
    assert_eq!((&changed["description"], &changed["secretHeaders"]), (&json!("Finds an order."), &made["secretHeaders"]));
    assert_eq!(owner.get(&path).await.expect(200)["total"], 1);
    app.owner().await.get(&one).await.expect_error(404, "not_found:api");
    owner.delete(&one).await.expect(204);
    owner.get(&one).await.expect_error(404, "not_found:api");
}

#[tokio::test]
async fn an_action_is_called_with_checked_arguments() {
    let shop = WebServer::start(|got| if got.path.starts_with("/orders/A%2F17") { (200, json!({"state": "sent"}).to_string()) } else { (500, "{}".into()) }).await;
    let llm = LlmServer::start().await;
    let (_app, owner, assistant) = desk(&llm, json!({}), |_| {}).await;
    let action = owner.post(&owner.path("/actions"), order_action(&shop)).await.expect(201);
    grant(&owner, &assistant, json!([{"tool": action["id"]}])).await;
    llm.next(Script::calls("find_order", json!({"number": "A/17", "full": true})))
        .next(Script::calls("find_order", json!({"number": 17})))
        .next(Script::calls("find_order", json!({"number": "99"})))
        .next(Script::calls("delete_everything", json!({})))
        .next(Script::says(["Your order was sent."]));
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    let told = results(&answer);
    assert_eq!(told[0]["result"], json!({"status": 200, "body": {"state": "sent"}}), "{told:?}");
    assert_eq!(told[1]["result"]["error"], "arguments.number must be string; nothing was sent");
    assert!(told[2]["result"]["error"].as_str().unwrap().contains("500"), "{}", told[2]);
    assert_eq!(told[3]["result"]["error"], "there is no tool `delete_everything`");
    assert_eq!(answer.text(), "Your order was sent.");
    let call = answer.events.iter().find(|event| event["type"] == "tool-call").unwrap();
    assert_eq!((&call["toolName"], &call["args"]), (&json!("find_order"), &json!({"number": "A/17", "full": true})));
    assert!(call["toolCallId"].is_string());
    let got = shop.got();
    assert_eq!((got.len(), got[0].path.as_str()), (2, "/orders/A%2F17?full=true"));
    assert!(got[0].head.contains("x-key: very secret value"));
    // The model is told what it may call, and of its own calls.
    let asked = llm.question(1).await;
    assert_eq!(asked.body["tools"][0]["function"]["name"], "find_order");
    assert!(asked.body["messages"].to_string().contains("sent") && !asked.body.to_string().contains("very secret"));
    let receipt = owner.get(&owner.path(&format!("/conversations/{}/messages/{}/receipt", answer.chat_id(), answer.message_id()))).await.expect(200);
    assert_eq!((receipt["tools"].as_array().unwrap().len(), &receipt["tools"][0]["toolName"]), (4, &json!("find_order")));
}

#[tokio::test]
async fn a_model_that_never_stops_calling_is_stopped() {
    let shop = WebServer::start(|_| (200, json!({"state": "sent"}).to_string())).await;
    let llm = LlmServer::start().await;
    let (_app, owner, assistant) = desk(&llm, json!({}), |_| {}).await;
    let action = owner.post(&owner.path("/actions"), order_action(&shop)).await.expect(201);
    grant(&owner, &assistant, json!([{"tool": action["id"]}])).await;
    for _ in 0..8 {
        llm.next(Script::calls("find_order", json!({"number": "17"})));
    }
    llm.next(Script::says(["That is all I know."]));
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    assert_eq!((results(&answer).len(), shop.got().len(), answer.text().as_str()), (8, 8, "That is all I know."));
    assert!(llm.question(8).await.body.get("tools").is_none_or(|tools| tools.as_array().unwrap().is_empty()));
}

#[tokio::test]
async fn long_arguments_and_results_are_cut_to_fit_and_a_redirect_is_not_followed() {
    let shop = WebServer::start(|got| if got.path.contains("away") { (302, "{}".into()) } else { (200, json!({"text": "word ".repeat(9_000)}).to_string()) }).await;
    let llm = LlmServer::start().await;
    let (_app, owner, assistant) = desk(&llm, json!({}), |_| {}).await;
    let action = owner.post(&owner.path("/actions"), order_action(&shop)).await.expect(201);
    grant(&owner, &assistant, json!([{"tool": action["id"]}])).await;
    llm.next(Script::calls("find_order", json!({"number": "x".repeat(5_000)}))).next(Script::calls("find_order", json!({"number": "away"}))).next(Script::says(["Done."]));
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    assert!(results(&answer)[1]["result"]["error"].as_str().unwrap().contains("302"));
    assert!(shop.got().iter().all(|got| !got.path.contains("elsewhere")));
    // Byte by byte the same, told again from the disk: see `chat`.
    assert_eq!(answer.text(), "Done.");
}

#[tokio::test]
async fn visitors_do_not_reach_what_is_for_the_house() {
    let shop = WebServer::start(|_| (200, "{}".into())).await;
    let llm = LlmServer::start().await;
    let (app, owner, assistant) = desk(&llm, json!({"visibility": "public", "widgetEnabled": true}), |_| {}).await;
    let action = owner.post(&owner.path("/actions"), order_action(&shop)).await.expect(201);
    grant(&owner, &assistant, json!([{"tool": action["id"], "visitors": false}, {"tool": "hand_off_to_human"}])).await;
    llm.next(Script::calls("find_order", json!({"number": "17"}))).next(Script::calls("hand_off_to_human", json!({"reason": "customer_request"}))).next(Script::says(["A person will answer."]));
    let id = assistant["id"].as_str().unwrap();
    let visitor = app.nobody();
    let request = visitor.request(reqwest::Method::POST, &format!("/api/widget/{id}/chat")).header("origin", "https://shop.example").json(&json!({"message": QUESTION}));
    let answer = crate::support::stream::Live::of(request).await.rest().await;
    assert_eq!(results(&answer)[0]["result"]["error"], "there is no tool `find_order`");
    assert!(shop.got().is_empty());
    let offered: Vec<String> = llm.question(0).await.body["tools"].as_array().unwrap().iter().map(|tool| tool["function"]["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(offered, ["hand_off_to_human"]);
    let conversation = owner.get(&owner.path(&format!("/conversations/{}", answer.chat_id()))).await.expect(200);
    assert_eq!(conversation["status"], "pending");
}

#[tokio::test]
async fn the_assistant_opens_a_ticket_and_hands_over() {
    let llm = LlmServer::start().await;
    let (app, owner, assistant) = desk(&llm, json!({"visibility": "public", "widgetEnabled": true}), |_| {}).await;
    grant(&owner, &assistant, json!([{"tool": "create_ticket"}, {"tool": "hand_off_to_human"}])).await;
    owner.patch(&owner.path(""), json!({"settings": {"tickets": {"contactRequired": true}}})).await.expect(200);
    let wanted = json!({"subject": "Broken lamp", "description": "The lamp of order 17 is broken.", "priority": "high"});
    let mut known = wanted.clone();
    known["name"] = json!("Ada");
    known["email"] = json!("ada@example.com");
    llm.next(Script::calls("create_ticket", wanted)).next(Script::calls("create_ticket", known)).next(Script::calls("hand_off_to_human", json!({"reason": "policy", "summary": "Wants a new lamp."}))).next(Script::says(["It is done."]));
    let visitor = app.nobody();
    let request = visitor.request(reqwest::Method::POST, &format!("/api/widget/{}/chat", assistant["id"].as_str().unwrap())).json(&json!({"message": QUESTION}));
    let answer = crate::support::stream::Live::of(request).await.rest().await;
    let results = results(&answer);
    assert!(results[0]["result"]["error"].as_str().unwrap().contains("email"), "{results:?}");
    assert_eq!(results[1]["result"]["ticket"], json!({"number": 1, "subject": "Broken lamp", "status": "new"}));
    assert_eq!((&results[2]["result"]["done"], &results[2]["result"]["online"]), (&json!(true), &json!(false)));
    let tickets = owner.get(&owner.path("/tickets")).await.expect(200);
    let ticket = &tickets["data"][0];
    assert_eq!((&tickets["total"], &ticket["source"], &ticket["priority"], &ticket["conversationId"], &ticket["assistantId"]), (&json!(1), &json!("assistant"), &json!("high"), &json!(answer.chat_id()), &assistant["id"]));
    let conversation = owner.get(&owner.path(&format!("/conversations/{}", answer.chat_id()))).await.expect(200);
    assert_eq!((&conversation["status"], &conversation["handoffReason"], &conversation["contactId"]), (&json!("pending"), &json!("policy"), &ticket["contactId"]));
    let said = owner.get(&owner.path(&format!("/conversations/{}/messages?limit=100", answer.chat_id()))).await.expect(200);
    let has = |role: &str, text: &str| said["data"].as_array().unwrap().iter().any(|message| message["role"] == role && message["content"].as_str().unwrap().contains(text));
    assert!(has("note", "new lamp") && has("assistant", "Nobody is here right now"), "{said}");
    // A draft for an agent does neither.
    llm.next(Script::says(["Hello!"]));
    let before = llm.received().len();
    owner.ask(&owner.path(&format!("/conversations/{}/draft", answer.chat_id())), json!({})).await;
    assert!(llm.received()[before].body["tools"].as_array().is_none_or(Vec::is_empty), "{}", llm.received()[before].body);
    // Nobody can take over what is no customer's conversation.
    llm.next(Script::calls("hand_off_to_human", json!({"reason": "policy"}))).next(Script::says(["No."]));
    let own = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    assert!(self::results(&own)[0]["result"]["error"].is_string());
}

#[tokio::test]
async fn the_web_is_searched_where_the_assistant_may() {
    let web = WebServer::start(|got| {
        assert!(got.path.starts_with("/search?q=lamps%20in%20Graz"), "{}", got.path);
        (200, json!({"results": [{"title": "Lamps of Graz", "url": "https://lamps.example/graz", "content": "Every lamp in Graz costs nine euros."}, {"title": "x", "url": "javascript:alert(1)", "content": ""}]}).to_string())
    })
    .await;
    let llm = LlmServer::start().await;
    let (_app, owner, assistant) = desk(&llm, json!({"webSearchEnabled": true}), |_| {}).await;
    let put = async |body: Value| owner.send(owner.request(reqwest::Method::PUT, &owner.path("/web-search")).json(&body)).await;
    put(json!({"provider": "searxng"})).await.expect_error(400, "bad_request:api");
    put(json!({"provider": "exa"})).await.expect_error(400, "bad_request:api");
    put(json!({"provider": "searxng", "baseUrl": web.url("")})).await.expect(200);
    llm.next(Script::calls("web_search", json!({"query": "lamps in Graz"}))).next(Script::says(["Every lamp in Graz costs nine euros, see https://lamps.example/graz or https://evil.example/."]));
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    assert_eq!(answer.text(), "Every lamp in Graz costs nine euros, see https://lamps.example/graz or .");
    let sources = answer.all("sources");
    let page = sources.iter().find(|source| source["url"] == "https://lamps.example/graz").unwrap_or_else(|| panic!("{sources:?}"));
    assert!(answer.all("citations").iter().any(|citation| citation["index"] == page["index"]));
    // Not for this message.
    let mut without = question(&assistant, QUESTION);
    without["webSearch"] = json!(false);
    owner.ask("/api/chat", without).await;
    assert!(llm.question(2).await.body.get("tools").is_none_or(|tools| tools.as_array().unwrap().is_empty()));
}

#[tokio::test]
async fn actions_can_be_tried_out() {
    let shop = WebServer::start(|got| if got.path == "/orders/A%201" { (200, json!({"state": "sent"}).to_string()) } else { (503, "closed".into()) }).await;
    let llm = LlmServer::start().await;
    let (app, owner, _) = desk(&llm, json!({}), |_| {}).await;
    let made = owner.post(&owner.path("/actions"), order_action(&shop)).await.expect(201);
    let path = owner.path(&format!("/actions/{}/test", made["id"].as_str().unwrap()));
    let arguments = json!({"arguments": {"number": "A 1"}});
    app.nobody().post(&path, arguments.clone()).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Member).await.post(&path, arguments.clone()).await.expect_error(403, "forbidden:api");
    app.owner().await.post(&path, arguments.clone()).await.expect_error(404, "not_found:api");
    owner.post(&owner.path("/actions/act_none/test"), arguments.clone()).await.expect_error(404, "not_found:api");
    let tried = owner.post(&path, arguments).await.expect(200);
    assert_eq!((&tried["ok"], &tried["result"], &tried["error"]), (&json!(true), &json!({"status": 200, "body": {"state": "sent"}}), &Value::Null));
    assert!(tried["elapsedMs"].is_u64() && shop.got()[0].head.contains("very secret value") && !tried.to_string().contains("very secret"));
    // What a model would be told of a failure; of wrong arguments nothing is sent.
    for (body, says) in [(json!({"arguments": {"number": "B2"}}), "the address answered 503"), (json!({"arguments": {"number": "x"}}), "number"), (json!({}), "number")] {
        let tried = owner.post(&path, body).await.expect(200);
        assert_eq!((&tried["ok"], &tried["result"]), (&json!(false), &Value::Null));
        assert!(tried["error"].as_str().unwrap().contains(says), "{tried}");
    }
    assert_eq!(shop.got().len(), 2);
}

#[tokio::test]
async fn the_operators_web_search_serves_who_has_none_and_can_be_tried() {
    let web = WebServer::start(|got| {
        assert!(got.head.contains("operators-key"), "{}", got.head);
        (200, json!({"results": [{"title": "Lamps of Graz", "url": "https://lamps.example/graz", "content": "Nine euros."}]}).to_string())
    })
    .await;
    let own = WebServer::start(|_| (500, "out of order".into())).await;
    let llm = LlmServer::start().await;
    let search = illumichat::config::Search { api_key: Some(SecretText::new("operators-key-1")), base_url: Some(web.url("")) };
    let (app, owner, assistant) = desk(&llm, json!({"webSearchEnabled": true}), |config| drop(config.search.insert("tavily".to_owned(), search))).await;
    let (path, test) = (owner.path("/web-search"), owner.path("/web-search/test"));
    let shown = owner.get(&path).await.expect(200);
    assert_eq!((&shown["provider"], &shown["source"], &shown["apiKey"]), (&json!("tavily"), &json!("instance"), &json!("…ey-1")));
    llm.next(Script::calls("web_search", json!({"query": "lamps"}))).next(Script::says(["Nine euros."]));
    assert!(owner.ask("/api/chat", question(&assistant, QUESTION)).await.all("sources").iter().any(|source| source["url"] == "https://lamps.example/graz"));
    owner.send(owner.request(reqwest::Method::DELETE, &path)).await.expect_error(409, "conflict:api");
    app.nobody().post(&test, json!({"query": "lamps"})).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Member).await.post(&test, json!({"query": "lamps"})).await.expect_error(403, "forbidden:api");
    owner.post(&test, json!({"query": " "})).await.expect_error(400, "bad_request:api");
    let tried = owner.post(&test, json!({"query": "lamps"})).await.expect(200);
    assert_eq!((&tried["ok"], &tried["error"], &tried["results"]), (&json!(true), &Value::Null, &json!([{"title": "Lamps of Graz", "url": "https://lamps.example/graz", "text": "Nine euros."}])));
    // The workspace's own goes before it, and its failure is told.
    owner.put(&path, json!({"provider": "searxng", "baseUrl": own.url("")})).await.expect(200);
    let tried = owner.post(&test, json!({"query": "lamps"})).await.expect(200);
    assert_eq!((&tried["ok"], &tried["results"]), (&json!(false), &json!([])));
    assert!(tried["error"].as_str().unwrap().contains("500"), "{tried}");
    assert_eq!(owner.get(&path).await.expect(200)["source"], "workspace");
    owner.send(owner.request(reqwest::Method::DELETE, &path)).await.expect(204);
    assert_eq!(owner.get(&path).await.expect(200)["source"], "instance");
    // Where nobody says anything there is nothing to try.
    let plain = spawn_app().await;
    let nobody = plain.owner().await;
    nobody.post(&nobody.path("/web-search/test"), json!({"query": "lamps"})).await.expect_error(404, "not_found:api");
}

#[tokio::test]
async fn each_search_service_is_spoken_to_in_its_own_way() {
    for (provider, path, list) in [("exa", "/search", "results"), ("tavily", "/search", "results"), ("brave", "/res/v1/web/search", "web")] {
        let web = WebServer::start(move |_| {
            let results = json!([{"title": "Lamps", "url": "https://lamps.example/", "text": "Lamps!", "content": "Lamps!", "description": "<strong>Lamps</strong>!"}]);
            (200, if list == "web" { json!({"web": {"results": results}}) } else { json!({"results": results}) }.to_string())
        })
        .await;
        let llm = LlmServer::start().await;
        let (_app, owner, assistant) = desk(&llm, json!({"webSearchEnabled": true}), |_| {}).await;
        let body = json!({"provider": provider, "baseUrl": web.url(""), "apiKey": "search-key-123"});
        let saved = owner.send(owner.request(reqwest::Method::PUT, &owner.path("/web-search")).json(&body)).await.expect(200);
        assert_eq!(saved["apiKey"], "…-123");
        llm.next(Script::calls("web_search", json!({"query": "lamps"}))).next(Script::says(["Lamps!"]));
        let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
        assert_eq!(results(&answer)[0]["result"]["results"][0]["text"], "Lamps!", "{provider}");
        let got = &web.got()[0];
        assert!(got.path.starts_with(path) && got.head.contains("search-key-123"), "{provider}: {}", got.head);
    }
}

#[tokio::test]
async fn an_mcp_server_over_http_is_listed_and_called() {
    let server = WebServer::start(|got| {
        let id = &got.body["id"];
        match got.body["method"].as_str() {
            Some("initialize") => (200, json!({"jsonrpc": "2.0", "id": id, "result": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "x", "version": "1"}}}).to_string()),
            Some("tools/list") => (200, json!({"jsonrpc": "2.0", "id": id, "result": {"tools": [{"name": "add", "description": "Adds.", "inputSchema": {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"]}}, {"name": "wipe", "inputSchema": {"type": "object"}}]}}).to_string()),
            Some("tools/call") => (200, format!("event: message\ndata: {}\n\n", json!({"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": "42 it is"}]}}))),
            _ => (202, String::new()),
        }
    })
    .await;
    let llm = LlmServer::start().await;
    let (_app, owner, assistant) = desk(&llm, json!({}), |_| {}).await;
    let path = owner.path("/mcp-servers");
    owner.post(&path, json!({"name": "Sums", "transport": "stdio", "command": ["sh"]})).await.expect_error(400, "bad_request:api");
    owner.post(&path, json!({"name": "Sums", "transport": "http"})).await.expect_error(400, "bad_request:api");
    let made = owner.post(&path, json!({"name": "Sums", "transport": "http", "url": server.url("/mcp"), "headers": {"authorization": "Bearer abcdefghijkl"}})).await.expect(201);
    assert_eq!(made["headers"]["authorization"], "…ijkl");
    let id = made["id"].as_str().unwrap();
    let listed = owner.post(&format!("{path}/{id}/test"), json!({})).await.expect(200);
    assert_eq!((listed["tools"].as_array().unwrap().len(), &listed["tools"][0]["name"]), (2, &json!("add")));
    grant(&owner, &assistant, json!([{"tool": format!("{id}/add")}])).await;
    llm.next(Script::calls("Sums__add", json!({"a": 40}))).next(Script::calls("Sums__wipe", json!({}))).next(Script::says(["42."]));
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    let told = results(&answer);
    assert_eq!(told[0]["result"], json!({"result": "42 it is"}));
    assert!(told[1]["result"]["error"].as_str().unwrap().starts_with("there is no tool"));
    let calls: Vec<_> = server.got().into_iter().filter(|got| got.body["method"] == "tools/call").collect();
    assert_eq!((calls.len(), &calls[0].body["params"]), (1, &json!({"name": "add", "arguments": {"a": 40}})));
    assert!(calls[0].head.contains("mcp-session-id: s1") && calls[0].head.contains("authorization: bearer abcdefghijkl"));
    // Switched off, it is not asked.
    owner.patch(&format!("{path}/{id}"), json!({"enabled": false})).await.expect(200);
    let before = server.got().len();
    owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    assert_eq!(server.got().len(), before);
}

/// A real server of npm or PyPI, where `ILLUMICHAT_TEST_MCP` names its command: see the README.
#[tokio::test]
async fn a_real_mcp_server_over_stdio_is_called() {
    let Ok(command) = std::env::var("ILLUMICHAT_TEST_MCP") else { return };
    let command: Vec<&str> = command.split(' ').collect();
    let llm = LlmServer::start().await;
    let (_app, owner, assistant) = desk(&llm, json!({}), |config| config.mcp.allow_stdio = true).await;
    let made = owner.post(&owner.path("/mcp-servers"), json!({"name": "Real", "transport": "stdio", "command": command})).await.expect(201);
    let id = made["id"].as_str().unwrap();
    let listed = owner.post(&owner.path(&format!("/mcp-servers/{id}/test")), json!({})).await.expect(200);
    let echo = listed["tools"].as_array().unwrap().iter().any(|tool| tool["name"] == "echo");
    assert!(echo, "{listed}");
    grant(&owner, &assistant, json!([{"tool": id}])).await;
    llm.next(Script::calls("Real__echo", json!({"message": "hello there"}))).next(Script::says(["It echoes."]));
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    assert!(results(&answer)[0]["result"]["result"].as_str().unwrap().contains("hello there"), "{:?}", results(&answer));
}
