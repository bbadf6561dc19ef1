//! Each kind of provider in its own words: transcripts of what their servers send, with what is particular to each (where
//! usage stands, how tools are called, what keeps a line open, how an error is written), whole, in single bytes, cut off,
//! slow, and refused.

use std::time::Duration;

use futures_util::StreamExt;
use illumichat::llm::{Endpoint, Event, Failure, Finish, Kind, Timeouts, ToolCall, stream};
use illumichat::secrets::SecretText;
use serde_json::{Value, json};

use super::{Events, KEY, client, request};
use crate::support::llm_server::{LlmServer, Script};

/// One provider's way to say "Hello there.", to call a tool, and to refuse.
struct Speech {
    kind: Kind,
    /// An answer of two texts, with 7 tokens in and 3 out.
    answer: &'static str,
    /// The same, cut by the limit of its length.
    too_long: &'static str,
    /// A call of `find` with `{"q":"x"}`.
    call: &'static str,
    /// Status and body of a wrong key.
    wrong_key: (u16, &'static str),
    /// Status and body of too many requests.
    too_many: &'static str,
    /// Status and body of its own fault, with a word of it.
    fault: (u16, &'static str, &'static str),
}

const OPENAI_TOO_LONG: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hello there.\"},\"finish_reason\":null}],\"usage\":null}\n\ndata: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}],\"usage\":null}\n\ndata: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n\ndata: [DONE]\n\n";
const OPENAI_CALL: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"find\",\"arguments\":\"\"}}],\"refusal\":null},\"finish_reason\":null}]}\n\ndata: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"q\\\":\"}}]},\"finish_reason\":null}]}\n\ndata: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\"x\\\"}\"}}]},\"finish_reason\":null}]}\n\ndata: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\ndata: [DONE]\n\n";
const OPENAI_TOO_MANY: &str = "{\"error\":{\"message\":\"Rate limit reached for requests\",\"type\":\"requests\",\"param\":null,\"code\":\"rate_limit_exceeded\"}}";
/// A whole call in one piece, as those send it who do not stream arguments.
const WHOLE_CALL: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"id\":\"call_1\",\"index\":0,\"type\":\"function\",\"function\":{\"name\":\"find\",\"arguments\":\"{\\\"q\\\":\\\"x\\\"}\"}}]},\"finish_reason\":null}]}\n\ndata: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":\"tool_calls\"}]}\n\ndata: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n\ndata: [DONE]\n\n";

const SPEECHES: [Speech; 10] = [
    Speech {
        kind: Kind::Openai,
        answer: "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o-2024-08-06\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"aB3\"}\n\ndata: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"x\"}\n\ndata: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" there.\"},\"finish_reason\":null}],\"usage\":null}\n\ndata: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\n\ndata: {\"id\":\"chatcmpl-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10,\"prompt_tokens_details\":{\"cached_tokens\":0}}}\n\ndata: [DONE]\n\n",
        too_long: OPENAI_TOO_LONG,
        call: OPENAI_CALL,
        wrong_key: (401, "{\"error\":{\"message\":\"Incorrect API key provided: sk-plan***6789.\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"invalid_api_key\"}}"),
        too_many: OPENAI_TOO_MANY,
        fault: (500, "{\"error\":{\"message\":\"The server had an error while processing your request.\",\"type\":\"server_error\",\"param\":null,\"code\":null}}", "processing"),
    },
    Speech {
        kind: Kind::Anthropic,
        answer: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" there.\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":3}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        too_long: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello there.\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":3}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        call: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"call_1\",\"name\":\"find\",\"input\":{}}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"q\\\": \\\"x\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\\\"}\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":3}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        wrong_key: (401, "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"invalid x-api-key\"},\"request_id\":\"req_1\"}"),
        too_many: "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"This request would exceed your organization's rate limit.\"}}",
        fault: (529, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", "Overloaded"),
    },
    Speech {
        kind: Kind::Xai,
        // Reasoning first, and usage beside every chunk, counting up.
        answer: "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"model\":\"grok-4\",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"Thinking\",\"role\":\"assistant\"}}],\"system_fingerprint\":\"fp\"}\n\ndata: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\",\"role\":\"assistant\"}}]}\n\ndata: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" there.\"}}]}\n\ndata: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"stop\"}]}\n\ndata: {\"id\":\"1\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10,\"completion_tokens_details\":{\"reasoning_tokens\":0},\"num_sources_used\":0}}\n\ndata: [DONE]\n\n",
        too_long: OPENAI_TOO_LONG,
        call: WHOLE_CALL,
        wrong_key: (400, "{\"code\":\"Client specified an invalid argument\",\"error\":\"Incorrect API key provided: xa***89. You can obtain an API key from https://console.x.ai.\"}"),
        too_many: "{\"code\":\"Some resource has been exhausted\",\"error\":\"Too many requests for team\"}",
        fault: (503, "{\"code\":\"The service is currently unavailable\",\"error\":\"The model is at capacity\"}", "capacity"),
    },
    Speech {
        kind: Kind::Gemini,
        // The OpenAI-compatible address: usage beside each choice, the finish beside the last text.
        answer: "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\",\"role\":\"assistant\"},\"index\":0}],\"created\":1,\"id\":\"g\",\"model\":\"gemini-2.5-flash\",\"object\":\"chat.completion.chunk\",\"usage\":{\"completion_tokens\":1,\"prompt_tokens\":7,\"total_tokens\":8}}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\" there.\",\"role\":\"assistant\"},\"finish_reason\":\"stop\",\"index\":0}],\"created\":1,\"id\":\"g\",\"model\":\"gemini-2.5-flash\",\"object\":\"chat.completion.chunk\",\"usage\":{\"completion_tokens\":3,\"prompt_tokens\":7,\"total_tokens\":10}}\n\ndata: [DONE]\n\n",
        too_long: "data: {\"choices\":[{\"delta\":{\"content\":\"Hello there.\",\"role\":\"assistant\"},\"finish_reason\":\"length\",\"index\":0}],\"id\":\"g\",\"usage\":{\"completion_tokens\":3,\"prompt_tokens\":7,\"total_tokens\":10}}\n\ndata: [DONE]\n\n",
        // Neither index nor pieces; and it says "stop".
        call: "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"tool_calls\":[{\"extra_content\":{\"google\":{\"thought_signature\":\"c2ln\"}},\"function\":{\"arguments\":\"{\\\"q\\\":\\\"x\\\"}\",\"name\":\"find\"},\"id\":\"call_1\",\"type\":\"function\"}]},\"finish_reason\":\"stop\",\"index\":0}],\"id\":\"g\",\"usage\":{\"completion_tokens\":3,\"prompt_tokens\":7,\"total_tokens\":10}}\n\ndata: [DONE]\n\n",
        wrong_key: (400, "[{\"error\":{\"code\":400,\"message\":\"API key not valid. Please pass a valid API key.\",\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"API_KEY_INVALID\",\"domain\":\"googleapis.com\"}]}}]"),
        too_many: "[{\"error\":{\"code\":429,\"message\":\"Resource has been exhausted (e.g. check quota).\",\"status\":\"RESOURCE_EXHAUSTED\"}}]",
        fault: (503, "[{\"error\":{\"code\":503,\"message\":\"The model is overloaded. Please try again later.\",\"status\":\"UNAVAILABLE\"}}]", "overloaded"),
    },
    Speech {
        kind: Kind::Mistral,
        answer: "data: {\"id\":\"m\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"mistral-small-latest\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"p\":\"abc\"}\n\ndata: {\"id\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" there.\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":7,\"total_tokens\":10,\"completion_tokens\":3}}\n\ndata: [DONE]\n\n",
        too_long: "data: {\"id\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello there.\"},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":7,\"total_tokens\":10,\"completion_tokens\":3}}\n\ndata: [DONE]\n\n",
        call: "data: {\"id\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\",\"tool_calls\":[{\"id\":\"call_1\",\"function\":{\"name\":\"find\",\"arguments\":\"{\\\"q\\\": \\\"x\\\"}\"},\"index\":0}]},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":7,\"total_tokens\":10,\"completion_tokens\":3}}\n\ndata: [DONE]\n\n",
        wrong_key: (401, "{\"detail\":\"Unauthorized\"}"),
        too_many: "{\"object\":\"error\",\"message\":\"Requests rate limit exceeded\",\"type\":\"rate_limited\",\"param\":null,\"code\":\"1300\"}",
        fault: (500, "{\"object\":\"error\",\"message\":\"Service unavailable.\",\"type\":\"internal_server_error\",\"param\":null,\"code\":\"3700\"}", "unavailable"),
    },
    Speech {
        kind: Kind::Groq,
        answer: "data: {\"id\":\"chatcmpl-g\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"llama-3.1-8b-instant\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}],\"x_groq\":{\"id\":\"req_1\"}}\n\ndata: {\"id\":\"chatcmpl-g\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"chatcmpl-g\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" there.\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"chatcmpl-g\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"x_groq\":{\"id\":\"req_1\",\"usage\":{\"queue_time\":0.01,\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}}\n\ndata: [DONE]\n\n",
        too_long: "data: {\"id\":\"chatcmpl-g\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello there.\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"chatcmpl-g\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}],\"x_groq\":{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}}\n\ndata: [DONE]\n\n",
        call: WHOLE_CALL,
        wrong_key: (401, "{\"error\":{\"message\":\"Invalid API Key\",\"type\":\"invalid_request_error\",\"code\":\"invalid_api_key\"}}"),
        too_many: "{\"error\":{\"message\":\"Rate limit reached for model in organization on tokens per minute\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\"}}",
        fault: (503, "{\"error\":{\"message\":\"Service Unavailable\",\"type\":\"internal_server_error\"}}", "Unavailable"),
    },
    Speech {
        kind: Kind::Deepseek,
        // A busy server keeps the line open with comments; reasoning comes in a field of its own.
        answer: ": keep-alive\n\n: keep-alive\n\ndata: {\"id\":\"d\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"deepseek-reasoner\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"Hm\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\ndata: {\"id\":\"d\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\",\"reasoning_content\":null},\"finish_reason\":null}],\"usage\":null}\n\ndata: {\"id\":\"d\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" there.\"},\"finish_reason\":null}],\"usage\":null}\n\ndata: {\"id\":\"d\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10,\"prompt_cache_hit_tokens\":0,\"prompt_cache_miss_tokens\":7}}\n\ndata: [DONE]\n\n",
        too_long: OPENAI_TOO_LONG,
        call: OPENAI_CALL,
        wrong_key: (401, "{\"error\":{\"message\":\"Authentication Fails, Your api key: ****6789 is invalid\",\"type\":\"authentication_error\",\"param\":null,\"code\":\"invalid_request_error\"}}"),
        too_many: "{\"error\":{\"message\":\"Rate limit reached\",\"type\":\"rate_limit\",\"code\":null}}",
        fault: (503, "{\"error\":{\"message\":\"Service is too busy.\",\"type\":\"service_unavailable_error\",\"code\":null}}", "busy"),
    },
    Speech {
        kind: Kind::Openrouter,
        answer: ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\ndata: {\"id\":\"gen-1\",\"provider\":\"OpenAI\",\"model\":\"openai/gpt-4o\",\"object\":\"chat.completion.chunk\",\"created\":1,\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hello\"},\"finish_reason\":null,\"native_finish_reason\":null,\"logprobs\":null}]}\n\ndata: {\"id\":\"gen-1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\" there.\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"gen-1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":\"stop\",\"native_finish_reason\":\"stop\"}]}\n\ndata: {\"id\":\"gen-1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10,\"cost\":0.0001}}\n\ndata: [DONE]\n\n",
        too_long: OPENAI_TOO_LONG,
        call: OPENAI_CALL,
        wrong_key: (401, "{\"error\":{\"message\":\"No auth credentials found\",\"code\":401}}"),
        too_many: "{\"error\":{\"message\":\"Provider returned error\",\"code\":429,\"metadata\":{\"raw\":\"openai/gpt-4o is temporarily rate-limited upstream.\",\"provider_name\":\"OpenAI\"}}}",
        fault: (502, "{\"error\":{\"message\":\"Provider returned error\",\"code\":502,\"metadata\":{\"raw\":\"upstream connect error\",\"provider_name\":\"X\"}}}", "upstream connect"),
    },
    Speech {
        kind: Kind::Ollama,
        answer: "data: {\"id\":\"chatcmpl-9\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"llama3.2\",\"system_fingerprint\":\"fp_ollama\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hello\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"chatcmpl-9\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\" there.\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"chatcmpl-9\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":\"stop\"}]}\n\ndata: {\"id\":\"chatcmpl-9\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n\ndata: [DONE]\n\n",
        too_long: OPENAI_TOO_LONG,
        call: WHOLE_CALL,
        wrong_key: (401, "{\"error\":{\"message\":\"unauthorized\",\"type\":\"api_error\",\"param\":null,\"code\":null}}"),
        too_many: "{\"error\":{\"message\":\"server busy, please try again.  maximum pending requests exceeded\",\"type\":\"api_error\",\"param\":null,\"code\":null}}",
        fault: (500, "{\"error\":{\"message\":\"llama runner process has terminated\",\"type\":\"api_error\",\"param\":null,\"code\":null}}", "runner"),
    },
    Speech {
        kind: Kind::OpenaiCompatible,
        // llama.cpp's server: timings beside the last chunk, and CRLF is nobody's business.
        answer: "data: {\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null}}],\"created\":1,\"id\":\"c\",\"model\":\"qwen\",\"system_fingerprint\":\"b1\",\"object\":\"chat.completion.chunk\"}\n\ndata: {\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\"Hello\"}}],\"id\":\"c\"}\n\ndata: {\"choices\":[{\"finish_reason\":null,\"index\":0,\"delta\":{\"content\":\" there.\"}}],\"id\":\"c\"}\n\ndata: {\"choices\":[{\"finish_reason\":\"stop\",\"index\":0,\"delta\":{}}],\"id\":\"c\"}\n\ndata: {\"choices\":[],\"id\":\"c\",\"usage\":{\"completion_tokens\":3,\"prompt_tokens\":7,\"total_tokens\":10},\"timings\":{\"prompt_n\":7,\"predicted_n\":3}}\n\ndata: [DONE]\n\n",
        too_long: OPENAI_TOO_LONG,
        call: OPENAI_CALL,
        wrong_key: (401, "{\"error\":{\"code\":401,\"message\":\"Invalid API Key\",\"type\":\"authentication_error\"}}"),
        too_many: OPENAI_TOO_MANY,
        fault: (500, "{\"error\":{\"code\":500,\"message\":\"context shift is disabled\",\"type\":\"server_error\"}}", "context shift"),
    },
];

/// An endpoint of the kind at the server, as its own programs would write its address.
fn endpoint(kind: Kind, server: &LlmServer) -> Endpoint {
    let mut endpoint = Endpoint::new(kind, Some(&server.base_url()), Some(SecretText::new(KEY)));
    endpoint.timeouts = Timeouts { first_byte: Duration::from_secs(10), idle: Duration::from_secs(10) };
    endpoint
}

async fn ask(endpoint: &Endpoint) -> Events {
    stream(&client(), endpoint, request()).collect().await
}

fn streamed(body: &str) -> Script {
    Script::unframed(200, "text/event-stream; charset=utf-8", body)
}

const USAGE: Event = Event::Usage { input_tokens: 7, output_tokens: 3 };

fn hello() -> Events {
    vec![Ok(Event::Text("Hello".into())), Ok(Event::Text(" there.".into())), Ok(USAGE), Ok(Event::Finish(Finish::Stop))]
}

#[test]
fn every_kind_speaks() {
    let spoken: Vec<Kind> = SPEECHES.iter().map(|speech| speech.kind).collect();
    assert_eq!(spoken, Kind::ALL);
}

#[tokio::test]
async fn every_kind_is_understood_whole_in_bytes_and_slow() {
    for speech in &SPEECHES {
        let server = LlmServer::start().await;
        let endpoint = endpoint(speech.kind, &server);
        for script in [streamed(speech.answer), streamed(speech.answer).byte_by_byte(), streamed(speech.answer).in_pieces_of(97).paced(Duration::from_millis(5))] {
            server.next(script);
            assert_eq!(ask(&endpoint).await, hello(), "{}", speech.kind);
        }
        let asked = server.question(0).await;
        let (path, key) = match speech.kind {
            Kind::Anthropic => ("/v1/messages", asked.headers.get("x-api-key").cloned()),
            _ => ("/v1/chat/completions", asked.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned)),
        };
        assert_eq!((asked.path.as_str(), key.as_deref()), (path, Some(KEY)), "{}", speech.kind);
        assert_eq!((&asked.body["model"], &asked.body["stream"], &asked.body["max_tokens"]), (&json!("scripted"), &json!(true), &json!(200)), "{}", speech.kind);
        // Mistral counts without being asked and refuses the question; Anthropic counts always.
        let asks_for_usage = !matches!(speech.kind, Kind::Mistral | Kind::Anthropic);
        assert_eq!(asked.body.get("stream_options").is_some(), asks_for_usage, "{}", speech.kind);
    }
}

#[tokio::test]
async fn every_kind_calls_tools_and_reaches_its_limit() {
    for speech in &SPEECHES {
        let server = LlmServer::start().await;
        let endpoint = endpoint(speech.kind, &server);
        server.next(streamed(speech.call)).next(streamed(speech.call).byte_by_byte()).next(streamed(speech.too_long));
        for _ in 0..2 {
            let call = ToolCall { id: "call_1".into(), name: "find".into(), arguments: json!({"q": "x"}) };
            assert_eq!(ask(&endpoint).await, [Ok(Event::ToolCall(call)), Ok(USAGE), Ok(Event::Finish(Finish::ToolCalls))], "{}", speech.kind);
        }
        assert_eq!(ask(&endpoint).await, [Ok(Event::Text("Hello there.".into())), Ok(USAGE), Ok(Event::Finish(Finish::Length))], "{}", speech.kind);
    }
}

/// Whatever was said before a cut was said; an end that the model did not announce is never taken for one.
#[tokio::test]
async fn every_kind_may_be_cut_off_anywhere() {
    for speech in &SPEECHES {
        let server = LlmServer::start().await;
        let endpoint = endpoint(speech.kind, &server);
        let finish = speech.answer.find("\"stop\"").or_else(|| speech.answer.find("\"end_turn\"")).expect("an answer ends");
        // From here on the model has said that it is done.
        let announced = finish + speech.answer[finish..].find("\n\n").expect("an event ends");
        // Before the first line says what it is, it is nothing.
        for end in (20..announced).step_by(41).filter(|end| speech.answer.is_char_boundary(*end)) {
            server.next(streamed(&speech.answer[..end]));
            let events = ask(&endpoint).await;
            let (last, before) = events.split_last().expect("something is told");
            // What ends in good order before its first event is whole is taken for something else than a stream.
            let is_told = *last == Err(Failure::CutOff) || before.is_empty() && matches!(last, Err(Failure::Invalid(_)));
            assert!(is_told, "{} at {end}: {events:?}", speech.kind);
            let whole = hello();
            assert_eq!(before, &whole[..before.len()], "{} at {end}", speech.kind);
        }
        // A line that is no JSON, in mid-answer.
        let middle = speech.answer.find(" there.").expect("two texts");
        let line = speech.answer[..middle].rfind("data: ").expect("a line begins");
        server.next(streamed(&format!("{}data: {{\"choices\":[{{rubbish\n\n", &speech.answer[..line])));
        let events = ask(&endpoint).await;
        assert!(matches!(events.last(), Some(Err(Failure::Invalid(_)))), "{}: {events:?}", speech.kind);
    }
}

#[tokio::test]
async fn every_kind_refuses_in_its_own_words() {
    for speech in &SPEECHES {
        let server = LlmServer::start().await;
        let endpoint = endpoint(speech.kind, &server);
        let refusal = async |script| {
            server.next(script);
            let events: Events = ask(&endpoint).await;
            assert_eq!(events.len(), 1, "{}", speech.kind);
            events[0].clone().expect_err("a refusal")
        };
        let json = "application/json";
        assert_eq!(refusal(Script::unframed(speech.wrong_key.0, json, speech.wrong_key.1)).await, Failure::Unauthorized, "{}", speech.kind);
        let limited = Script::unframed(429, json, speech.too_many).header("retry-after", "7");
        assert_eq!(refusal(limited).await, Failure::RateLimited { retry_after: Some(Duration::from_secs(7)) }, "{}", speech.kind);
        match refusal(Script::unframed(speech.fault.0, json, speech.fault.1)).await {
            failure @ Failure::Status { status, .. } => {
                assert_eq!(status, speech.fault.0);
                assert!(failure.is_retryable_before_first_token() && failure.is_the_providers());
                assert!(failure.to_string().contains(speech.fault.2), "{failure}");
            }
            other => panic!("{}: {other:?}", speech.kind),
        }
        assert!(matches!(refusal(Script::rubbish()).await, Failure::Invalid(_)), "{}", speech.kind);
    }
}

/// What a provider does in the middle of an answer that began well.
#[tokio::test]
async fn errors_inside_a_stream_are_told() {
    let cases: [(Kind, &str); 3] = [
        (Kind::Anthropic, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"),
        (Kind::Openrouter, "data: {\"id\":\"gen-1\",\"error\":{\"code\":502,\"message\":\"Overloaded\"},\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}]}\n\n"),
        (Kind::Gemini, "data: [{\"error\":{\"code\":503,\"message\":\"Overloaded\",\"status\":\"UNAVAILABLE\"}}]\n\n"),
    ];
    for (kind, error) in cases {
        let server = LlmServer::start().await;
        server.next(streamed(error));
        let events = ask(&endpoint(kind, &server)).await;
        assert_eq!(events, [Err(Failure::Reported { message: "Overloaded".into() })], "{kind}");
    }
}

#[tokio::test]
async fn every_kind_lists_its_models() {
    let lists: [(Kind, Value); 5] = [
        (Kind::Openai, json!({"object": "list", "data": [{"id": "a", "object": "model", "created": 1, "owned_by": "system"}]})),
        (Kind::Anthropic, json!({"data": [{"type": "model", "id": "a", "display_name": "A", "created_at": "2025-01-01T00:00:00Z"}], "has_more": false, "first_id": "a", "last_id": "a"})),
        (Kind::Gemini, json!({"object": "list", "data": [{"id": "models/a", "object": "model", "owned_by": "google"}]})),
        (Kind::Openrouter, json!({"data": [{"id": "a", "name": "A", "context_length": 8, "pricing": {"prompt": "0"}}]})),
        (Kind::Ollama, json!({"object": "list", "data": [{"id": "a", "object": "model", "created": 1, "owned_by": "library"}]})),
    ];
    for (kind, list) in lists {
        let server = LlmServer::start().await;
        server.lists(list);
        let listed = illumichat::llm::list_models(&client(), &endpoint(kind, &server)).await.unwrap();
        assert_eq!(listed.iter().map(|model| model.id.as_str()).collect::<Vec<_>>(), ["a"], "{kind}");
    }
}
