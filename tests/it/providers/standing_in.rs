//! Who takes a turn that a provider fails, and when it is asked again.

use illumichat::{config::Provider, llm::Breaker, secrets::SecretText};
use serde_json::json;

use super::{QUESTION, desk, receipt};
use crate::{
    chat::question,
    support::llm_server::{LlmServer, Script},
};

#[tokio::test]
async fn the_fallback_model_takes_the_turn_before_the_built_in_answerer() {
    let (first, second) = (LlmServer::start().await, LlmServer::start().await);
    second.always(Script::says(["Within 30 days, says the second."]));
    let (_app, owner, assistant) = desk(&first, json!({}), |config| {
        let provider = Provider { kind: Some("xai".to_owned()), api_key: Some(SecretText::new("sk-two")), base_url: Some(second.base_url()), models: vec!["spare".to_owned()], ..Provider::default() };
        config.providers.insert("reserve".to_owned(), provider);
        let openai = config.providers.get_mut("openai").unwrap();
        // One that falls back on itself in the end is asked once.
        openai.fallback_model = Some("reserve/spare".to_owned());
    })
    .await;
    first.always(Script::fails(401, "bad key"));
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    assert_eq!(answer.text(), "Within 30 days, says the second.");
    let why = receipt(&owner, &answer).await;
    assert_eq!((&why["servedBy"], &why["model"]), (&json!("reserve/spare"), &json!("openai/scripted")));
    assert_eq!((&why["fallbacks"][0]["from"], &why["fallbacks"][0]["failure"]), (&json!("openai/scripted"), &json!("unauthorized")));
    second.always(Script::fails(400, "no"));
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    let why = receipt(&owner, &answer).await;
    assert_eq!((&why["servedBy"], why["fallbacks"].as_array().unwrap().len()), (&json!("builtin/extractive"), 2));
    assert!(answer.text().contains("within 30 days"));
}

#[tokio::test]
async fn retry_after_is_heeded_where_there_is_time_for_it() {
    let llm = LlmServer::start().await;
    let (_app, owner, assistant) = desk(&llm, json!({}), |_| {}).await;
    llm.next(Script::fails(429, "slow down").header("retry-after-ms", "50")).next(Script::says(["Within 30 days."]));
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    assert_eq!((answer.text().as_str(), llm.received().len()), ("Within 30 days.", 2));
    // Too long a pause is not waited for, because somebody else can begin at once; and nobody knocks before it is over.
    llm.next(Script::fails(429, "slow down").header("retry-after", "10"));
    for failure in ["rate_limited", "resting"] {
        let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
        let why = receipt(&owner, &answer).await;
        assert_eq!((&why["servedBy"], &why["fallbacks"][0]["failure"]), (&json!("builtin/extractive"), &json!(failure)));
    }
    assert_eq!(llm.received().len(), 3);
}

#[tokio::test]
async fn silence_is_borne_as_long_as_the_provider_is_allowed() {
    let usual = illumichat::llm::Timeouts::default();
    assert_eq!((usual.first_byte.as_secs(), usual.idle.as_secs()), (20, 30));
    let llm = LlmServer::start().await;
    let (_app, owner, assistant) = desk(&llm, json!({}), |config| {
        let openai = config.providers.get_mut("openai").unwrap();
        (openai.first_byte_seconds, openai.idle_seconds) = (Some(1), Some(1));
    })
    .await;
    // Before its first word somebody else takes the turn.
    llm.next(Script::silent());
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    let why = receipt(&owner, &answer).await;
    assert_eq!((&why["servedBy"], &why["fallbacks"][0]["failure"]), (&json!("builtin/extractive"), &json!("timeout")));
    // After it nobody can; what was said stays.
    llm.next(Script::says(["Every purchase ", "never said"]).silent_after(1));
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    assert_eq!((&answer.finish()["finishReason"], answer.text().trim()), (&json!("error"), "Every purchase"));
}

#[tokio::test]
async fn a_provider_that_keeps_failing_is_left_in_peace() {
    let llm = LlmServer::start().await;
    let (_app, owner, assistant) = desk(&llm, json!({}), |config| config.providers.get_mut("openai").unwrap().retries = Some(0)).await;
    llm.always(Script::fails(503, "overloaded"));
    for _ in 0..Breaker::FAILURES {
        owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    }
    let asked = llm.received().len();
    assert_eq!(asked, Breaker::FAILURES as usize);
    let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
    assert_eq!(receipt(&owner, &answer).await["fallbacks"][0]["failure"], "resting");
    assert_eq!(llm.received().len(), asked);
}

#[tokio::test]
async fn a_spent_budget_is_answered_by_the_built_in_answerer_until_the_next_day() {
    let llm = LlmServer::start().await;
    llm.always(Script::says(["Within", " 30", " days."]));
    let (_app, owner, assistant) = desk(&llm, json!({"budget": {"answersPerDay": 2}}), |_| {}).await;
    assert_eq!(assistant["budget"], json!({"answersPerDay": 2, "tokensPerDay": null}));
    let path = crate::assistants::address(&owner, &assistant);
    let served = async || {
        let answer = owner.ask("/api/chat", question(&assistant, QUESTION)).await;
        receipt(&owner, &answer).await
    };
    for by in ["openai/scripted", "openai/scripted", "builtin/extractive"] {
        assert_eq!(served().await["servedBy"], by);
    }
    assert_eq!(served().await["fallbacks"][0]["failure"], "budget");
    owner.patch(&path, json!({"budget": {"answersPerDay": null, "tokensPerDay": 21}})).await.expect(200);
    // Seven tokens in and three out each: 20 are spent, and one is left.
    assert_eq!(served().await["servedBy"], "openai/scripted");
    assert_eq!(served().await["servedBy"], "builtin/extractive");
    assert_eq!(llm.received().len(), 3);
    owner.patch(&path, json!({"budget": {"tokensPerDay": null}})).await.expect(200);
    assert_eq!(served().await["servedBy"], "openai/scripted");
}
