//! OpenAI's chat completions, the wire format of nearly everyone: <https://platform.openai.com/docs/api-reference/chat>.
//!
//! Read as widely as it is written: usage beside the last choice, after it or in Groq's own field, tool calls whole or
//! in pieces, content as words or as parts, an answer that is not streamed, an error in place of a chunk.

use http::Method;
use serde_json::{Value, json};

use super::{
    Endpoint, Event, Failure, Finish, Kind, Message, Request, Tool,
    exchange::{self, Decoder, Progress},
    tool_calls::ToolCalls,
};
use crate::http::Client;

/// The request, ready to be sent.
pub(super) fn prepare(
    client: &Client,
    endpoint: &Endpoint,
    request: &Request,
) -> Result<reqwest::RequestBuilder, Failure> {
    let url = endpoint.url("chat/completions")?;
    // OpenAI's own newer models take another name for the limit, and no temperature; others know the old name only.
    let own = url.host_str().is_some_and(|host| host.ends_with("openai.com") || host.ends_with("openai.azure.com"));
    let builder = authorize(exchange::request(client, Method::POST, url)?, endpoint)?;
    Ok(builder.json(&body(endpoint.kind, own, request)))
}

/// Puts the key where this format wants it.
pub(super) fn authorize(
    builder: reqwest::RequestBuilder,
    endpoint: &Endpoint,
) -> Result<reqwest::RequestBuilder, Failure> {
    let Some(key) = endpoint.key() else { return Ok(builder) };
    let mut value = http::HeaderValue::try_from(format!("Bearer {key}"))
        .map_err(|_| Failure::Misconfigured("API key contains characters that no key has"))?;
    value.set_sensitive(true);
    Ok(builder.header(http::header::AUTHORIZATION, value))
}

fn body(kind: Kind, own: bool, request: &Request) -> Value {
    let mut body = json!({
        "model": request.model,
        "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
        "stream": true,
    });
    // Mistral counts without being asked and refuses the question.
    if kind != Kind::Mistral {
        body["stream_options"] = json!({ "include_usage": true });
    }
    if let Some(temperature) = request.temperature.filter(|_| !(own && is_reasoning(&request.model))) {
        body["temperature"] = json!(temperature);
    }
    if let Some(limit) = request.max_tokens {
        body[if own { "max_completion_tokens" } else { "max_tokens" }] = json!(limit);
    }
    if !request.tools.is_empty() {
        body["tools"] = request.tools.iter().map(tool).collect();
    }
    body
}

/// OpenAI's models that refuse every temperature but their own.
fn is_reasoning(model: &str) -> bool {
    ["o1", "o3", "o4", "gpt-5"].iter().any(|family| model.starts_with(family))
}

fn message(message: &Message) -> Value {
    match message {
        Message::System(text) => json!({ "role": "system", "content": text }),
        Message::User(text) => json!({ "role": "user", "content": text }),
        Message::Assistant { text, tool_calls } if tool_calls.is_empty() => {
            json!({ "role": "assistant", "content": text })
        }
        Message::Assistant { text, tool_calls } => {
            let calls = tool_calls.iter().map(|call| {
                // The format wants the arguments as a text with JSON in it.
                let arguments = match &call.arguments {
                    Value::String(words) => words.clone(),
                    arguments => arguments.to_string(),
                };
                json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": arguments } })
            });
            let content = if text.is_empty() { Value::Null } else { json!(text) };
            json!({ "role": "assistant", "content": content, "tool_calls": calls.collect::<Vec<_>>() })
        }
        Message::Tool { call_id, content } => json!({ "role": "tool", "tool_call_id": call_id, "content": content }),
    }
}

fn tool(tool: &Tool) -> Value {
    json!({
        "type": "function",
        "function": { "name": tool.name, "description": tool.description, "parameters": tool.parameters },
    })
}

/// An answer as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Answer {
    said_something: bool,
    tool_calls: ToolCalls,
    finish: Option<Finish>,
    usage: Option<(u32, u32)>,
}

impl Decoder for Answer {
    fn payload(&mut self, mut payload: Value, out: &mut Vec<Event>) -> Result<Progress, Failure> {
        if !payload.is_object() {
            // Google sends its errors as a list of one.
            return match payload.pointer("/0/error") {
                Some(error) => Err(Failure::from_error(error)),
                None => Err(NOT_A_CHUNK),
            };
        }
        let choice = payload.get_mut("choices").and_then(|choices| choices.get_mut(0)).map(Value::take);
        if let Some(mut choice) = choice {
            // A chunk has a `delta`, a whole answer a `message`; some send both, one of them null.
            for part in ["delta", "message"] {
                if let Some(delta) = choice.get_mut(part) {
                    self.delta(delta, out)?;
                }
            }
            if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
                self.finish = Some(match reason {
                    "length" | "max_tokens" | "model_length" => Finish::Length,
                    "tool_calls" | "function_call" => Finish::ToolCalls,
                    "content_filter" => return Err(Failure::Filtered),
                    "error" => return Err(Failure::from_error(payload.get("error").unwrap_or(&Value::Null))),
                    _ => Finish::Stop,
                });
            }
        }
        if let Some(error) = payload.get("error").filter(|error| !error.is_null()) {
            return Err(Failure::from_error(error));
        }
        let usage = payload.get("usage").filter(|usage| usage.is_object()).or_else(|| payload.pointer("/x_groq/usage"));
        if let Some(usage) = usage {
            let count =
                |field| usage.get(field).and_then(Value::as_u64).map_or(0, |n| n.try_into().unwrap_or(u32::MAX));
            self.usage = Some((count("prompt_tokens"), count("completion_tokens")));
        }
        Ok(match (self.finish, self.usage) {
            (Some(_), Some(_)) => Progress::Over,
            (Some(_), None) => Progress::Complete,
            _ => Progress::More,
        })
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), Failure> {
        // Some say "stop" although they call.
        let finish = match self.finish.unwrap_or(Finish::Stop) {
            Finish::Length => Finish::Length,
            _ if !self.tool_calls.is_empty() => Finish::ToolCalls,
            _ => Finish::Stop,
        };
        if !self.said_something && self.tool_calls.is_empty() {
            return Err(Failure::Empty);
        }
        out.extend(self.tool_calls.finish());
        if let Some((input_tokens, output_tokens)) = self.usage {
            out.push(Event::Usage { input_tokens, output_tokens });
        }
        out.push(Event::Finish(finish));
        Ok(())
    }
}

impl Answer {
    fn delta(&mut self, delta: &mut Value, out: &mut Vec<Event>) -> Result<(), Failure> {
        // A refusal is what the model has to say; its reasoning is not.
        for field in ["content", "refusal"] {
            match delta.get_mut(field).map(Value::take) {
                Some(Value::String(text)) => self.text(text, out),
                Some(Value::Array(parts)) => {
                    for mut part in parts {
                        if let Some(Value::String(text)) = part.get_mut("text").map(Value::take) {
                            self.text(text, out);
                        }
                    }
                }
                _ => {}
            }
        }
        let Some(Value::Array(calls)) = delta.get("tool_calls") else { return Ok(()) };
        for call in calls {
            let text = |pointer| call.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            // Arguments that are an object already come from servers that do not stream them.
            let arguments = match call.pointer("/function/arguments") {
                Some(arguments @ Value::Object(_)) => arguments.to_string(),
                _ => text("/function/arguments").to_owned(),
            };
            let index = call.get("index").and_then(Value::as_u64);
            self.tool_calls.add(index, text("/id"), text("/function/name"), &arguments)?;
        }
        Ok(())
    }

    fn text(&mut self, text: String, out: &mut Vec<Event>) {
        if !text.is_empty() {
            self.said_something |= !text.trim().is_empty();
            out.push(Event::Text(text));
        }
    }
}

const NOT_A_CHUNK: Failure = Failure::Invalid("JSON that is no chat completion");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::ToolCall;

    fn request() -> Request {
        Request {
            model: "m".into(),
            messages: vec![Message::System("s".into()), Message::User("u".into())],
            temperature: Some(0.2),
            max_tokens: Some(100),
            tools: vec![],
        }
    }

    fn decode(payloads: &[Value]) -> Result<Vec<Event>, Failure> {
        let (mut answer, mut out) = (Answer::default(), Vec::new());
        for payload in payloads {
            if answer.payload(payload.clone(), &mut out)? == Progress::Over {
                break;
            }
        }
        answer.finish(&mut out)?;
        Ok(out)
    }

    fn said(text: &str) -> Value {
        json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]})
    }

    #[test]
    fn writes_what_every_server_takes() {
        assert_eq!(
            body(Kind::OpenaiCompatible, false, &request()),
            json!({
                "model": "m",
                "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
                "stream": true, "stream_options": {"include_usage": true}, "temperature": 0.2, "max_tokens": 100,
            })
        );
        assert!(body(Kind::Mistral, false, &request()).get("stream_options").is_none());
    }

    #[test]
    fn heeds_what_openai_itself_wants() {
        let request = Request { model: "gpt-5-mini".into(), ..request() };
        let body = body(Kind::Openai, true, &request);
        assert_eq!((&body["max_completion_tokens"], body.get("max_tokens")), (&json!(100), None));
        assert_eq!(body.get("temperature"), None);
    }

    #[test]
    fn writes_tools_and_their_results() {
        let call = ToolCall { id: "1".into(), name: "find".into(), arguments: json!({"q": "x"}) };
        let request = Request {
            messages: vec![
                Message::Assistant { text: String::new(), tool_calls: vec![call] },
                Message::Tool { call_id: "1".into(), content: "found".into() },
            ],
            tools: vec![Tool {
                name: "find".into(),
                description: "Finds.".into(),
                parameters: json!({"type": "object"}),
            }],
            ..request()
        };
        let body = body(Kind::Xai, false, &request);
        assert_eq!(
            body["messages"],
            json!([
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "1", "type": "function", "function": {"name": "find", "arguments": "{\"q\":\"x\"}"}}]},
                {"role": "tool", "tool_call_id": "1", "content": "found"},
            ])
        );
        assert_eq!(body["tools"][0]["function"]["name"], "find");
    }

    #[test]
    fn reads_usage_wherever_it_stands() {
        let usage = json!({"prompt_tokens": 3, "completion_tokens": 2});
        let end = json!({"choices": [{"delta": {}, "finish_reason": "stop"}]});
        let mut beside = end.clone();
        beside["usage"] = usage.clone();
        let mut groq = end.clone();
        groq["x_groq"] = json!({"usage": usage});
        for ending in [vec![beside], vec![groq], vec![end.clone(), json!({"choices": [], "usage": usage})]] {
            let payloads: Vec<Value> = [said("hi")].into_iter().chain(ending).collect();
            let expected = vec![
                Event::Text("hi".into()),
                Event::Usage { input_tokens: 3, output_tokens: 2 },
                Event::Finish(Finish::Stop),
            ];
            assert_eq!(decode(&payloads), Ok(expected));
        }
    }

    #[test]
    fn reads_parts_refusals_and_whole_messages() {
        let texts = |payload| decode(&[payload]).map(|events| events[..events.len() - 1].to_vec());
        let hi = || Ok(vec![Event::Text("hi".into())]);
        let parts = json!([{"type": "thinking", "thinking": [{"text": "hm"}]}, {"type": "text", "text": "hi"}]);
        assert_eq!(texts(json!({"choices": [{"delta": {"content": parts}}]})), hi());
        assert_eq!(texts(json!({"choices": [{"delta": {"refusal": "hi", "content": null}}]})), hi());
        assert_eq!(texts(json!({"choices": [{"message": {"content": "hi"}, "delta": null}]})), hi());
        assert_eq!(texts(json!({"choices": [{"delta": {"reasoning_content": "hm", "content": "hi"}}]})), hi());
    }

    #[test]
    fn tells_the_ends_apart() {
        let end = |reason: &str| json!({"choices": [{"delta": {}, "finish_reason": reason}]});
        assert_eq!(decode(&[said("hi"), end("length")]).unwrap().last(), Some(&Event::Finish(Finish::Length)));
        assert_eq!(decode(&[said("hi"), end("content_filter")]), Err(Failure::Filtered));
        assert_eq!(decode(&[end("stop")]), Err(Failure::Empty));
        assert_eq!(decode(&[said(" \n"), end("stop")]), Err(Failure::Empty));
        assert!(matches!(decode(&[json!("rubbish")]), Err(Failure::Invalid(_))));
        let reported = Failure::Reported { message: "overloaded".into() };
        let error = json!({"message": "overloaded", "type": "server_error"});
        assert_eq!(decode(&[said("hi"), json!({ "error": error })]), Err(reported.clone()));
        let openrouter = json!({"error": error, "choices": [{"delta": {"content": ""}, "finish_reason": "error"}]});
        assert_eq!(decode(&[openrouter]), Err(reported));
        assert_eq!(decode(&[json!({"error": null, "choices": [{"delta": {"content": "hi"}}]})]).unwrap().len(), 2);
    }

    #[test]
    fn a_call_makes_it_the_reason_to_stop() {
        let call = json!({"function": {"name": "find", "arguments": {"q": 1}}});
        let events =
            decode(&[json!({"choices": [{"delta": {"tool_calls": [call]}, "finish_reason": "stop"}]})]).unwrap();
        let call = ToolCall { id: "call_0".into(), name: "find".into(), arguments: json!({"q": 1}) };
        assert_eq!(events, [Event::ToolCall(call), Event::Finish(Finish::ToolCalls)]);
    }
}
