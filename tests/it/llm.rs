//! `llm` against a scripted provider: its answers here, its faults in `failures`.

mod failures;
mod kinds;

use std::time::Duration;

use futures_util::StreamExt;
use illumichat::llm::{
    Endpoint, Event, Failure, Finish, Kind, ListedModel, Message, Request, Timeouts, Tool, ToolCall, Unreachable,
    list_models, stream,
};
use illumichat::{config::Config, http::Client, secrets::SecretText};
use proptest::prelude::*;
use serde_json::json;
use tokio::time::timeout;

use crate::support::llm_server::{Gate, LlmServer, Outcome, Script};

const KEY: &str = "sk-planted-0123456789";

fn client() -> Client {
    let mut config = Config::default();
    config.egress.allow = vec!["127.0.0.1".into(), "nowhere.invalid".into()];
    Client::new(&config).unwrap()
}

/// Long enough for a busy machine; tests that wait for a timeout set their own.
fn endpoint(base_url: String) -> Endpoint {
    let mut endpoint = Endpoint::new(Kind::OpenaiCompatible, Some(&base_url), Some(SecretText::new(KEY)));
    endpoint.timeouts = Timeouts { first_byte: Duration::from_secs(10), idle: Duration::from_secs(10) };
    endpoint
}

fn impatient(server: &LlmServer) -> Endpoint {
    let mut endpoint = endpoint(server.base_url());
    endpoint.timeouts = Timeouts { first_byte: Duration::from_millis(500), idle: Duration::from_millis(500) };
    endpoint
}

fn request() -> Request {
    Request {
        model: "scripted".into(),
        messages: vec![Message::System("Be brief.".into()), Message::User("How are you?".into())],
        temperature: Some(0.2),
        max_tokens: Some(200),
        tools: Vec::new(),
    }
}

type Events = Vec<Result<Event, Failure>>;

async fn ask_at(endpoint: &Endpoint) -> Events {
    stream(&client(), endpoint, request()).collect().await
}

async fn ask(server: &LlmServer) -> Events {
    ask_at(&endpoint(server.base_url())).await
}

async fn answer_to(script: Script) -> Events {
    let server = LlmServer::start().await;
    server.next(script);
    ask(&server).await
}

fn text(text: &str) -> Result<Event, Failure> {
    Ok(Event::Text(text.into()))
}

fn usage(output_tokens: u32) -> Result<Event, Failure> {
    Ok(Event::Usage { input_tokens: 7, output_tokens })
}

const STOP: Result<Event, Failure> = Ok(Event::Finish(Finish::Stop));

/// The text before a failure, and the failure.
fn broken(events: &Events) -> (String, Failure) {
    let (last, before) = events.split_last().expect("a stream says something");
    let text = before.iter().map(|event| match event {
        Ok(Event::Text(text)) => text.as_str(),
        other => panic!("{other:?} before a failure"),
    });
    (text.collect(), last.clone().expect_err("a failure"))
}

#[tokio::test]
async fn streams_texts_usage_and_the_end() {
    let events = answer_to(Script::says(["I am", " fine", "."])).await;
    assert_eq!(events, [text("I am"), text(" fine"), text("."), usage(3), STOP]);
}

#[tokio::test]
async fn gives_each_text_as_soon_as_it_comes() {
    let (server, gate) = (LlmServer::start().await, Gate::closed());
    server.next(Script::says(["I am", " fine"]).held_after(1, &gate));
    let mut events = stream(&client(), &endpoint(server.base_url()), request());
    assert_eq!(events.next().await, Some(text("I am")));
    gate.open();
    assert_eq!(events.collect::<Events>().await, [text(" fine"), usage(2), STOP]);
}

#[tokio::test]
async fn sends_what_it_was_asked_to() {
    let server = LlmServer::start().await;
    ask(&server).await;
    let question = server.question(0).await;
    assert_eq!((question.method.as_str(), question.path.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(question.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(question.headers["content-type"], "application/json");
    assert_eq!(question.headers["accept-encoding"], "identity");
    assert_eq!(question.last("user"), "How are you?");
    assert_eq!(
        question.body,
        json!({
            "model": "scripted", "stream": true, "stream_options": {"include_usage": true},
            "temperature": 0.2, "max_tokens": 200,
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How are you?"}],
        })
    );
}

#[tokio::test]
async fn sends_no_key_where_there_is_none() {
    let server = LlmServer::start().await;
    let mut endpoint = endpoint(server.base_url());
    endpoint.api_key = None;
    assert_eq!(ask_at(&endpoint).await.last(), Some(&STOP));
    assert!(!server.question(0).await.headers.contains_key("authorization"));
}

#[tokio::test]
async fn sends_nothing_before_it_is_polled() {
    let server = LlmServer::start().await;
    drop(stream(&client(), &endpoint(server.base_url()), request()));
    ask(&server).await;
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn uses_a_connection_again() {
    let (server, client) = (LlmServer::start().await, client());
    let endpoint = endpoint(server.base_url());
    for _ in 0..10 {
        // A caller that leaves at the finish, as one may.
        let mut events = stream(&client, &endpoint, request());
        while events.next().await.is_some_and(|event| !matches!(event, Ok(Event::Finish(_)))) {}
        server.played(server.received().len() - 1).await;
        tokio::task::yield_now().await;
    }
    let connections: Vec<usize> = server.received().iter().map(|question| question.connection).collect();
    // A question may overtake the return of the connection to its pool, now and then.
    assert!(connections.iter().max() < Some(&5), "{connections:?}");
}

#[tokio::test]
async fn reads_an_answer_that_comes_byte_by_byte() {
    let events = answer_to(Script::says(["Grüße", " 世界 👍🏽", "."]).byte_by_byte()).await;
    assert_eq!(events, [text("Grüße"), text(" 世界 👍🏽"), text("."), usage(3), STOP]);
}

#[tokio::test]
async fn reads_every_way_to_write_an_event() {
    for script in [
        Script::says(["I am", " fine"]).with_crlf(),
        Script::says(["I am", " fine"]).without_space(),
        Script::says(["I am", " fine"]).with_comments(),
        Script::says(["I am", " fine"]).with_crlf().byte_by_byte(),
        Script::says(["I am", " fine"]).inserting(1, ": OPENROUTER PROCESSING\n\nevent: ping\nretry: 5\n\n"),
    ] {
        assert_eq!(answer_to(script).await, [text("I am"), text(" fine"), usage(2), STOP]);
    }
}

#[tokio::test]
async fn reads_an_answer_that_is_not_streamed() {
    assert_eq!(answer_to(Script::unstreamed("I am fine.")).await, [text("I am fine."), usage(1), STOP]);
    let events = answer_to(Script::unstreamed("I am fine.").byte_by_byte()).await;
    assert_eq!(events, [text("I am fine."), usage(1), STOP]);
}

#[tokio::test]
async fn reads_tool_calls_from_their_pieces() {
    let events = answer_to(Script::calls("find", json!({"q": "résumé"}))).await;
    let call = ToolCall { id: "call_0".into(), name: "find".into(), arguments: json!({"q": "résumé"}) };
    assert_eq!(events, [Ok(Event::ToolCall(call)), usage(5), Ok(Event::Finish(Finish::ToolCalls))]);
}

#[tokio::test]
async fn offers_tools() {
    let server = LlmServer::start().await;
    let tool = Tool { name: "find".into(), description: "Finds.".into(), parameters: json!({"type": "object"}) };
    let request = Request { tools: vec![tool], ..request() };
    stream(&client(), &endpoint(server.base_url()), request).collect::<Events>().await;
    let function = json!({"name": "find", "description": "Finds.", "parameters": {"type": "object"}});
    assert_eq!(server.question(0).await.body["tools"], json!([{"type": "function", "function": function}]));
}

#[tokio::test]
async fn tells_an_answer_that_reached_its_limit() {
    let events = answer_to(Script::says(["I am"]).cut_short()).await;
    assert_eq!(events, [text("I am"), usage(1), Ok(Event::Finish(Finish::Length))]);
}

#[tokio::test]
async fn an_answer_may_come_without_usage() {
    assert_eq!(answer_to(Script::says(["I am"]).without_usage()).await, [text("I am"), STOP]);
}

#[tokio::test]
async fn a_finished_answer_needs_nothing_after_it() {
    let finish = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    // No usage, no `[DONE]`: the stream ends, is cut, falls silent or turns into rubbish.
    let finished = || Script::says(["I am"]).inserting(1, finish);
    for script in [
        finished().ended_after(1),
        finished().cut_after(1),
        finished().closed_after(1),
        finished().silent_after(1),
        finished().inserting(1, "data: rubbish\n\n"),
        Script::says(["I am"]).inserting(1, "data: [DONE]\n\n").silent_after(1),
    ] {
        let server = LlmServer::start().await;
        server.next(script);
        assert_eq!(ask_at(&impatient(&server)).await, [text("I am"), STOP]);
    }
}

// Leaving.

#[tokio::test]
async fn dropping_the_stream_stops_the_provider() {
    for script in [
        Script::silent(),
        Script::says(["I am", " fine"]).silent_after(0),
        Script::says(["I am", " fine"]).silent_after(1),
        Script::says(vec!["word "; 100_000]),
        Script::says(vec!["word "; 100_000]).paced(Duration::from_millis(5)),
    ] {
        let server = LlmServer::start().await;
        server.next(script);
        let mut events = stream(&client(), &endpoint(server.base_url()), request());
        tokio::select! {
            _ = events.next() => {}
            _ = server.question(0) => {}
        }
        drop(events);
        let left = timeout(Duration::from_secs(1), server.dropped(0)).await;
        assert_eq!(left.expect("seen within a second").outcome, Outcome::Dropped);
    }
}

// Anthropic's format, through the same door.

#[tokio::test]
async fn anthropic_streams_too() {
    let server = LlmServer::start().await;
    server.next(Script::says(["I am", " fine"]));
    server.next(Script::calls("find", json!({"q": 1})).byte_by_byte());
    server.next(Script::unstreamed("I am fine"));
    server.next(Script::says(["I am", " fine"]).cut_after(1));
    server.next(Script::fails(529, "Overloaded"));
    let mut endpoint = endpoint(server.base_url());
    endpoint.kind = Kind::Anthropic;
    assert_eq!(ask_at(&endpoint).await, [text("I am"), text(" fine"), usage(2), STOP]);
    let call = ToolCall { id: "call_0".into(), name: "find".into(), arguments: json!({"q": 1}) };
    let finish = Ok(Event::Finish(Finish::ToolCalls));
    assert_eq!(ask_at(&endpoint).await, [Ok(Event::ToolCall(call)), usage(5), finish]);
    assert_eq!(ask_at(&endpoint).await, [text("I am fine"), usage(1), STOP]);
    assert_eq!(broken(&ask_at(&endpoint).await), ("I am".into(), Failure::CutOff));
    let expected = Failure::Status { status: 529, message: "Overloaded".into() };
    assert_eq!(broken(&ask_at(&endpoint).await).1, expected);

    let question = server.question(0).await;
    assert_eq!(question.path, "/v1/messages");
    assert_eq!(question.headers["x-api-key"], KEY);
    assert_eq!(question.headers["anthropic-version"], "2023-06-01");
    assert_eq!((question.last("system").as_str(), question.last("user").as_str()), ("Be brief.", "How are you?"));
}

// The list of models.

#[tokio::test]
async fn lists_models() {
    let server = LlmServer::start().await;
    server.lists(json!({"data": [{"id": "a", "context_window": 4096}, {"id": "b"}]}));
    let models = list_models(&client(), &endpoint(server.base_url())).await;
    let model = |id: &str, context_tokens| ListedModel { id: id.into(), context_tokens };
    assert_eq!(models, Ok(vec![model("a", Some(4096)), model("b", None)]));
    assert_eq!(server.listings(), 1);
    let refused = list_models(&client(), &endpoint(LlmServer::refusing().await)).await;
    assert_eq!(refused, Err(Failure::Unreachable(Unreachable::Refused)));
}

// The scripted provider itself.

#[tokio::test]
async fn the_scripted_model_obeys_its_passages() {
    let server = LlmServer::start().await;
    server.always(Script::obeys());
    let prompt =
        "Use <source> tags.\n<source title=\"1\">First one.</source>\n<source title=\"2\">\nSecond.\n</source>";
    let said = |messages: Vec<Message>| {
        let request = Request { messages, ..request() };
        let events = stream(&client(), &endpoint(server.base_url()), request);
        events.filter_map(async |event| match event {
            Ok(Event::Text(text)) => Some(text),
            _ => None,
        })
    };
    let texts: String = said(vec![Message::System(prompt.into()), Message::User("Well?".into())]).collect().await;
    assert_eq!(texts, "First one.\nSecond.");
    let texts: String = said(vec![Message::User("Say after me.".into())]).collect().await;
    assert_eq!(texts, "Say after me.");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// However an answer is cut into reads, it says the same.
    #[test]
    fn any_split_gives_the_same_events(texts in prop::collection::vec("\\PC{1,12}", 1..6), piece in 1usize..400) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let events = runtime.block_on(answer_to(Script::says(texts.clone()).with_crlf().in_pieces_of(piece)));
        let tokens = texts.len() as u32;
        let blank = texts.concat().trim().is_empty();
        let end = if blank { vec![Err(Failure::Empty)] } else { vec![usage(tokens), STOP] };
        let expected: Events = texts.into_iter().map(|said| text(&said)).chain(end).collect();
        prop_assert_eq!(events, expected);
    }
}
