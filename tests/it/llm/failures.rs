//! A provider that misbehaves in every way that providers do: each has its own failure, told after what was really said.

use std::time::Duration;

use futures_util::StreamExt;
use illumichat::config::Config;
use illumichat::http::Client;
use illumichat::llm::{Event, Failure, Timeouts, Unreachable, Wait, stream};
use illumichat::secrets::SecretText;
use proptest::prelude::*;
use serde_json::json;

use super::{Events, KEY, STOP, answer_to, ask_at, broken, endpoint, impatient, request, text};
use crate::support::llm_server::{LlmServer, Script};

#[tokio::test]
async fn a_refused_connection_is_told_at_once() {
    let events = ask_at(&endpoint(LlmServer::refusing().await)).await;
    assert_eq!(events, [Err(Failure::Unreachable(Unreachable::Refused))]);
}

#[tokio::test]
async fn an_unknown_host_is_told() {
    let events = ask_at(&endpoint("http://nowhere.invalid/v1".into())).await;
    assert_eq!(events, [Err(Failure::Unreachable(Unreachable::UnknownHost))]);
}

#[tokio::test]
async fn a_provider_without_tls_is_told() {
    let server = LlmServer::start().await;
    let events = ask_at(&endpoint(server.base_url().replace("http:", "https:"))).await;
    assert_eq!(events, [Err(Failure::Unreachable(Unreachable::Tls))]);
}

#[tokio::test]
async fn an_address_that_is_none_is_told() {
    let events = ask_at(&endpoint("llm.example/v1".into())).await;
    assert!(matches!(events[..], [Err(Failure::Misconfigured(_))]), "{events:?}");
    let mut endpoint = endpoint("http://127.0.0.1:1/v1".into());
    endpoint.api_key = Some(SecretText::new("with a\nline break"));
    let events = ask_at(&endpoint).await;
    assert!(matches!(events[..], [Err(Failure::Misconfigured(_))]), "{events:?}");
}

#[tokio::test]
async fn a_private_address_is_not_reached_unless_allowed() {
    let server = LlmServer::start().await;
    let guarded = Client::new(&Config::default()).unwrap();
    for base_url in [server.base_url(), server.base_url().replace("127.0.0.1", "localhost")] {
        let events: Events = stream(&guarded, &endpoint(base_url), request()).collect().await;
        assert_eq!(events, [Err(Failure::Unreachable(Unreachable::Forbidden))]);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (server, other) = (LlmServer::start().await, LlmServer::start().await);
    for status in [301, 302, 303, 307, 308] {
        let script = Script::unframed(status, "text/plain", "")
            .header("location", &format!("{}/chat/completions", other.base_url()));
        server.next(script);
        let (_, failure) = broken(&ask_at(&endpoint(server.base_url())).await);
        assert!(matches!(failure, Failure::Misconfigured(_)), "{status}: {failure:?}");
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn silence_before_the_first_byte_ends() {
    // Without headers, and with headers alone.
    for script in [Script::silent(), Script::says(["I am"]).silent_after(0)] {
        let server = LlmServer::start().await;
        server.next(script);
        assert_eq!(ask_at(&impatient(&server)).await, [Err(Failure::Timeout(Wait::FirstByte))]);
        server.dropped(0).await;
    }
}

#[tokio::test]
async fn silence_in_mid_answer_ends() {
    let server = LlmServer::start().await;
    server.next(Script::says(["I am", " fine"]).silent_after(1));
    let events = ask_at(&impatient(&server)).await;
    assert_eq!(events, [text("I am"), Err(Failure::Timeout(Wait::NextByte))]);
    server.dropped(0).await;
}

#[tokio::test]
async fn a_slow_answer_is_not_silence() {
    let server = LlmServer::start().await;
    let mut endpoint = endpoint(server.base_url());
    endpoint.timeouts = Timeouts { first_byte: Duration::from_secs(1), idle: Duration::from_secs(1) };
    server.next(Script::says(["a"; 8]).paced(Duration::from_millis(200)));
    assert_eq!(ask_at(&endpoint).await.last(), Some(&STOP));
}

#[tokio::test]
async fn a_cut_in_mid_word_is_told_after_what_was_said() {
    for script in [
        Script::says(["I a", "m fine"]).cut_after(1),
        Script::says(["I a", "m fine"]).closed_after(1),
        Script::says(["I a", "m fine"]).ended_after(1),
        Script::says(["I a", "m fine"]).cut_after(1).byte_by_byte(),
    ] {
        assert_eq!(broken(&answer_to(script).await), ("I a".into(), Failure::CutOff));
    }
}

#[tokio::test]
async fn a_cut_before_the_first_word_is_told() {
    for script in [
        Script::says(["I am"]).cut_after(0),
        Script::unstreamed("I am fine.").cut_after(0),
        Script::unstreamed("I am fine.").closed_after(0),
    ] {
        assert_eq!(broken(&answer_to(script).await), (String::new(), Failure::CutOff));
    }
}

#[tokio::test]
async fn a_wrong_key_is_told_without_it() {
    let events = answer_to(Script::fails(401, &format!("Incorrect API key provided: {KEY}"))).await;
    let (_, failure) = broken(&events);
    assert_eq!(failure, Failure::Unauthorized);
    assert!(!failure.is_retryable_before_first_token());
}

#[tokio::test]
async fn a_rate_limit_is_told_with_its_pause() {
    let (_, failure) = broken(&answer_to(Script::fails(429, "slow down").header("retry-after", "7")).await);
    assert_eq!(failure, Failure::RateLimited { retry_after: Some(Duration::from_secs(7)) });
    assert!(failure.is_retryable_before_first_token());
    let (_, failure) = broken(&answer_to(Script::fails(429, "slow down")).await);
    assert_eq!(failure, Failure::RateLimited { retry_after: None });
}

#[tokio::test]
async fn other_statuses_are_told_in_the_providers_words() {
    let (_, failure) = broken(&answer_to(Script::fails(500, &format!("no GPU for {KEY}"))).await);
    assert_eq!(failure, Failure::Status { status: 500, message: "no GPU for [key]".into() });
    assert!(failure.is_retryable_before_first_token());
    let (_, failure) = broken(&answer_to(Script::fails(404, "no such model: scripted")).await);
    assert_eq!(failure, Failure::Status { status: 404, message: "no such model: scripted".into() });
    assert!(!failure.is_retryable_before_first_token());
    let page = Script::unframed(502, "text/html", "<html>Bad Gateway</html>");
    assert_eq!(broken(&answer_to(page).await).1, Failure::Status { status: 502, message: String::new() });
    let plain = Script::unframed(503, "text/plain", "upstream\n is  asleep ");
    assert_eq!(
        broken(&answer_to(plain).await).1,
        Failure::Status { status: 503, message: "upstream is asleep".into() }
    );
}

#[tokio::test]
async fn a_status_counts_even_if_its_words_never_come() {
    let (_, failure) = broken(&answer_to(Script::fails(500, "words").silent_after(0)).await);
    assert_eq!(failure, Failure::Status { status: 500, message: String::new() });
    let (_, failure) = broken(&answer_to(Script::unframed(500, "text/plain", "x".repeat(1 << 20))).await);
    assert!(matches!(failure, Failure::Status { status: 500, message } if message.len() < 400));
}

#[tokio::test]
async fn rubbish_is_told() {
    for (said, script) in [
        ("", Script::rubbish()),
        ("", Script::unframed(200, "application/json", "{rubbish")),
        ("", Script::unframed(200, "text/event-stream", "data: rubbish\n\n")),
        ("", Script::unframed(200, "text/event-stream", vec![0xff, 0xfe, 0x00, b'\n'])),
        ("", Script::unframed(200, "application/json", "[1, 2]")),
        ("", Script::says(["I am"]).inserting(0, format!("data: \"{}\"\n\n", "x".repeat(2 << 20)))),
        ("I am", Script::says(["I am", " fine"]).inserting(1, "data: rub{bish\n\n")),
        ("I am", Script::says(["I am", " fine"]).inserting(1, "data: {\"a\":\n\n")),
        ("I am", Script::says(["I am", " fine"]).inserting(1, b"data: {\"a\": \"\xff\xfe\"}\n\n")),
    ] {
        let (text, failure) = broken(&answer_to(script).await);
        assert_eq!(text, said);
        assert!(matches!(failure, Failure::Invalid(_)), "{failure:?}");
        assert!(!failure.is_retryable_before_first_token());
    }
}

#[tokio::test]
async fn an_error_inside_the_stream_is_told() {
    let error = json!({"error": {"message": format!("overloaded {KEY}"), "type": "server_error"}});
    let script = Script::says(["I am", " fine"]).inserting(1, format!("data: {error}\n\n"));
    let expected = Failure::Reported { message: "overloaded [key]".into() };
    assert_eq!(broken(&answer_to(script).await), ("I am".into(), expected));
    let limit = json!({"error": {"code": 429, "message": "slow down"}});
    let script = Script::says(["I am"]).inserting(0, format!("data: {limit}\n\n"));
    assert_eq!(broken(&answer_to(script).await).1, Failure::RateLimited { retry_after: None });
    let script = Script::unframed(200, "application/json", json!({"error": "no such model"}).to_string());
    assert_eq!(broken(&answer_to(script).await).1, Failure::Reported { message: "no such model".into() });
}

#[tokio::test]
async fn an_empty_answer_is_told() {
    for script in [
        Script::says([""; 0]),
        Script::says(["", ""]),
        Script::unstreamed(""),
        Script::unframed(200, "text/event-stream", ""),
        Script::says([""; 0]).without_usage(),
    ] {
        assert_eq!(answer_to(script).await, [Err(Failure::Empty)]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever bytes come, the stream ends, with one finish or one failure and nothing after it.
    #[test]
    fn any_bytes_end_in_one_way(
        at in 0usize..4,
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            "(data|event|error|: ?)?:? ?[\\[{]?[\"a-z:0-9,{}\\[\\]]{0,30}[\r\n]{0,3}".prop_map(String::into_bytes),
            Just(format!("data: {}\n\n", json!({"choices": [{"delta": 5, "finish_reason": 7}], "usage": -1})).into_bytes()),
            Just(format!("data: {}\n\n", json!({"choices": [{"delta": {"tool_calls": [{}, 5]}}]})).into_bytes()),
        ],
        cut in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let script = Script::says(["I", " am", " fine"]).inserting(at, bytes);
        let events = runtime.block_on(answer_to(if cut { script.cut_after(at + 1) } else { script }));
        let is_end = |event: &Result<Event, Failure>| matches!(event, Err(_) | Ok(Event::Finish(_)));
        prop_assert!(events.last().is_some_and(is_end), "{events:?}");
        prop_assert_eq!(events.iter().filter(|event| is_end(event)).count(), 1);
    }
}
