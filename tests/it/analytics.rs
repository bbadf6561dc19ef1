//! `/api/workspaces/{ws}/analytics`, with the questions and the gaps.

use illumichat::access::Role;
use serde_json::json;

use super::{
    assistants::create_assistant,
    chat::{QUESTION, help_desk, question},
};
use crate::support::{TestApp, llm_server::LlmServer, spawn_app};

#[tokio::test]
async fn what_goes_on_is_counted_by_day() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let path = owner.path("/analytics");
    app.nobody().get(&path).await.expect_error(401, "unauthorized:api");
    app.colleague(&owner, Role::Guest).await.get(&path).await.expect_error(403, "forbidden:api");
    owner.get(&format!("{path}?period=1y")).await.expect_error(400, "bad_request:api");
    let empty = owner.get(&path).await.expect(200);
    assert_eq!((&empty["totals"]["conversations"], &empty["resolutionRate"], empty["days"].as_array().unwrap().len()), (&json!(0), &json!(null), 31));
    let assistant = help_desk(&app, &owner, json!({})).await;
    let other = create_assistant(&owner, json!({})).await;
    owner.patch(&owner.path(""), json!({"settings": {"timeZone": "Europe/Berlin", "region": "DE"}})).await.expect(200);
    for text in [QUESTION, QUESTION, "Which wombat won the chess tournament of Antarctica?"] {
        owner.ask("/api/chat", question(&assistant, text)).await;
    }
    let ticket = owner.post(&owner.path("/tickets"), json!({"subject": "x"})).await.expect(201);
    owner.patch(&owner.path(&format!("/tickets/{}", ticket["id"].as_str().unwrap())), json!({"status": "resolved"})).await.expect(200);
    let figures = owner.get(&format!("{path}?period=7d")).await.expect(200);
    let totals = &figures["totals"];
    assert_eq!(
        (&totals["conversations"], &totals["messages"], &totals["visitors"], &totals["answered"], &totals["notAnswered"], &totals["ticketsCreated"], &totals["ticketsResolved"]),
        (&json!(3), &json!(6), &json!(1), &json!(2), &json!(1), &json!(1), &json!(1)),
        "{figures}"
    );
    assert_eq!((&figures["ticketsByStatus"], &figures["timeZone"]), (&json!({"resolved": 1}), &json!("Europe/Berlin")));
    assert!((figures["resolutionRate"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-9);
    assert!(figures["firstResponse"]["medianSeconds"].is_f64());
    let days = figures["days"].as_array().unwrap();
    assert_eq!(days.len(), 8);
    assert_eq!(days.iter().map(|day| day["conversations"].as_i64().unwrap()).sum::<i64>(), 3);
    assert_eq!(owner.get(&format!("{path}?assistantId={}", other["id"].as_str().unwrap())).await.expect(200)["totals"]["conversations"], 0);
    assert_eq!(owner.get(&format!("{path}?channel=sms")).await.expect(200)["totals"]["conversations"], 0);
    let csv = owner.get(&format!("{path}?period=7d&format=csv")).await;
    assert!(csv.header("content-type").starts_with("text/csv") && csv.text.starts_with("date,conversations,") && csv.text.lines().count() == 9, "{}", csv.text);
    let stranger = app.owner().await;
    assert_eq!(stranger.get(&stranger.path("/analytics")).await.expect(200)["totals"]["conversations"], 0);
}

#[tokio::test]
async fn questions_are_grouped_and_gaps_come_with_what_a_person_replied() {
    let app = spawn_app().await;
    let owner = app.owner().await;
    let assistant = help_desk(&app, &owner, json!({})).await;
    for _ in 0..3 {
        owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    }
    let unknown = "Which wombat won the chess tournament of Antarctica?";
    let mut last = String::new();
    for _ in 0..2 {
        last = owner.ask("/api/chat", question(&assistant, unknown)).await.chat_id().to_owned();
    }
    let ticket = owner.post(&owner.path("/tickets"), json!({"conversationId": last})).await.expect(201);
    owner.post(&owner.path(&format!("/tickets/{}/comments", ticket["id"].as_str().unwrap())), json!({"body": "Wilma did, in 2024."})).await.expect(201);
    let questions = owner.get(&owner.path("/analytics/questions")).await.expect(200);
    let groups = questions["data"].as_array().unwrap();
    assert_eq!((&questions["questions"], groups.len()), (&json!(5), 2), "{questions}");
    assert_eq!((&groups[0]["question"], &groups[0]["count"], &groups[0]["answered"]), (&json!(QUESTION), &json!(3), &json!(3)));
    assert_eq!(groups[0]["cost"], json!(null), "no price is set");
    let gaps = owner.get(&owner.path("/analytics/gaps?period=7d")).await.expect(200);
    let gap = &gaps["data"][0];
    assert_eq!((gaps["data"].as_array().unwrap().len(), &gap["question"], &gap["notAnswered"]), (1, &json!(unknown), &json!(2)));
    assert_eq!((&gap["draft"]["answer"], &gap["draft"]["question"]), (&json!("Wilma did, in 2024."), &json!(unknown)));
    assert_eq!(gap["examples"].as_array().unwrap().len(), 2);
    let csv = owner.get(&owner.path("/analytics/gaps?format=csv")).await.text;
    assert!(csv.contains(unknown) && csv.contains("Wilma"), "{csv}");
}

#[tokio::test]
async fn what_is_asked_has_a_cost_where_the_model_has_a_price() {
    let llm = LlmServer::start().await;
    let app = TestApp::with(|config| {
        let provider = illumichat::config::Provider { kind: Some("openai-compatible".into()), base_url: Some(llm.base_url()), models: vec!["scripted".into()], ..Default::default() };
        config.providers.insert("scripted".into(), provider);
    })
    .await;
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({})).await;
    for _ in 0..2 {
        owner.ask("/api/chat", question(&assistant, "Which lamp is the brightest of all?")).await;
    }
    let group = async || owner.get(&owner.path("/analytics/questions")).await.expect(200)["data"][0].clone();
    let free = group().await;
    assert!(free["tokens"].as_f64().unwrap() > 0.0 && free["cost"].is_null(), "{free}");
    // A million for a million tokens: as many as there are.
    owner.patch(&owner.path(""), json!({"settings": {"modelPrices": {"scripted": {"input": 1_000_000, "output": 1_000_000}}}})).await.expect(200);
    let paid = group().await;
    assert_eq!((paid["count"].as_i64(), paid["cost"].as_f64()), (Some(2), paid["tokens"].as_f64()), "{paid}");
    let csv = owner.get(&owner.path("/analytics/questions?format=csv")).await.text;
    assert!(csv.starts_with("question,count,answered,notAnswered,averageConfidence,tokens,cost,lastAskedAt,draftAnswer"), "{csv}");
}
