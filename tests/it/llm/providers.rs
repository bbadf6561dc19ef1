//! Who answers under a model's name, from the settings and from what the providers list.

use std::time::Duration;

use futures_util::StreamExt;
use illumichat::{
    clock::{Clock, Timestamp},
    config::{self, Config},
    http::Client,
    llm::{Failure, Model, Providers, Remote, Unreachable},
    secrets::SecretText,
};
use serde_json::json;

use super::{Events, STOP, request};
use crate::support::llm_server::LlmServer;

fn provider(kind: &str, base_url: Option<String>, key: Option<&str>, models: &[&str]) -> config::Provider {
    config::Provider {
        kind: Some(kind.into()),
        api_key: key.map(SecretText::new),
        base_url,
        models: models.iter().map(|model| (*model).to_owned()).collect(),
    }
}

fn providers(all: Vec<(&str, config::Provider)>) -> (Providers, Clock) {
    let providers = all.into_iter().map(|(name, provider)| (name.to_owned(), provider)).collect();
    let config = Config { providers, ..Config::default() };
    let clock = Clock::held(Timestamp::from_millis(0));
    (Providers::new(&config, Client::new(&config).unwrap(), clock.clone()).unwrap(), clock)
}

async fn remote(providers: &Providers, name: &str) -> Remote {
    match providers.resolve(name).await {
        Some(Model::Remote(remote)) => remote,
        other => panic!("{name} is {other:?}"),
    }
}

#[tokio::test]
async fn a_listed_model_is_found_and_asked() {
    let server = LlmServer::start().await;
    server.lists(json!({"data": [{"id": "tiny", "context_length": 2048}, {"id": "other"}]}));
    let (providers, _) = providers(vec![("house", provider("openai-compatible", Some(server.base_url()), None, &[]))]);
    let found = remote(&providers, "tiny").await;
    assert_eq!((found.endpoint.name.as_str(), found.model.as_str(), found.context_tokens), ("house", "tiny", 2048));
    let events: Events = providers.stream(&found, request()).collect().await;
    assert_eq!(events.last(), Some(&STOP));
    assert_eq!(server.question(0).await.body["model"], "tiny");
    assert_eq!(remote(&providers, "house/unlisted").await.model, "unlisted");
    assert_eq!(providers.default_model(None, None), "house/tiny");
    assert!(providers.resolve("nobody").await.is_none());
}

#[tokio::test]
async fn a_list_is_asked_for_once_in_five_minutes() {
    let server = LlmServer::start().await;
    let (providers, clock) = providers(vec![("house", provider("openai", Some(server.base_url()), Some("key"), &[]))]);
    for (wait, asked) in [(0, 1), (0, 1), (299, 1), (1, 2)] {
        clock.advance(Duration::from_secs(wait));
        providers.refresh().await;
        assert_eq!(server.listings(), asked);
    }
}

#[tokio::test]
async fn named_models_are_not_asked_for() {
    let server = LlmServer::start().await;
    let settings = provider("openai", Some(server.base_url()), Some("key"), &["mine"]);
    let (providers, _) = providers(vec![("openai", settings)]);
    providers.refresh().await;
    assert_eq!(remote(&providers, "mine").await.endpoint.name, "openai");
    assert_eq!(server.listings(), 0);
}

#[tokio::test]
async fn a_provider_that_does_not_list_is_left_alone_for_a_while() {
    let base_url = LlmServer::refusing().await;
    let (providers, _) = providers(vec![("house", provider("openai-compatible", Some(base_url), None, &[]))]);
    assert!(providers.resolve("tiny").await.is_none());
    assert_eq!(providers.known()[0].failure, Some(Failure::Unreachable(Unreachable::Refused)));
    // Its models may still be named with it in front.
    assert_eq!(remote(&providers, "house/tiny").await.model, "tiny");
}

#[tokio::test]
async fn a_provider_without_a_key_is_unconfigured() {
    let (providers, _) = providers(vec![("openai", provider("openai", None, None, &[]))]);
    for name in ["gpt-4o", "openai/gpt-4o", "grok-2"] {
        assert!(matches!(providers.resolve(name).await, Some(Model::Unconfigured { .. })), "{name}");
    }
    assert!(matches!(providers.resolve("builtin/extractive").await, Some(Model::Extractive)));
    assert!(matches!(providers.resolve("local/a.gguf").await, Some(Model::Local { file }) if file == "a.gguf"));
    assert_eq!(providers.default_model(None, None), "builtin/extractive");
}

#[tokio::test]
async fn settings_that_make_no_provider_are_told() {
    let told = |provider| {
        let config = Config { providers: [("mine".to_owned(), provider)].into(), ..Config::default() };
        let client = Client::new(&config).unwrap();
        Providers::new(&config, client, Clock::held(Timestamp::from_millis(0))).err().expect("an error").to_string()
    };
    let kind = told(provider("chatty", None, None, &[]));
    assert!(kind.contains("`mine`") && kind.contains("`chatty`") && kind.contains("openai-compatible"), "{kind}");
    let base_url = told(provider("openai-compatible", None, None, &[]));
    assert!(base_url.contains("base_url"), "{base_url}");
}
