//! Anthropic's Messages API: <https://docs.anthropic.com/en/api/messages> and its streaming events.

use http::Method;
use serde_json::{Value, json};

use super::{
    Endpoint, Event, Failure, Finish, Message, Request,
    exchange::{self, Decoder, Progress},
    tool_calls::ToolCalls,
};
use crate::http::Client;

const VERSION: &str = "2023-06-01";
/// The format asks for a limit; this is ours where nobody set one.
const MAX_TOKENS: u32 = 4096;

/// The request, ready to be sent.
pub(super) fn prepare(
    client: &Client,
    endpoint: &Endpoint,
    request: &Request,
) -> Result<reqwest::RequestBuilder, Failure> {
    let builder = authorize(exchange::request(client, Method::POST, endpoint.url("messages")?)?, endpoint)?;
    Ok(builder.json(&body(request)))
}

/// Puts the key and the version where this format wants them.
pub(super) fn authorize(
    builder: reqwest::RequestBuilder,
    endpoint: &Endpoint,
) -> Result<reqwest::RequestBuilder, Failure> {
    let builder = builder.header("anthropic-version", VERSION);
    let Some(key) = endpoint.key() else { return Ok(builder) };
    let mut value = http::HeaderValue::try_from(key)
        .map_err(|_| Failure::Misconfigured("API key contains characters that no key has"))?;
    value.set_sensitive(true);
    Ok(builder.header("x-api-key", value))
}

fn body(request: &Request) -> Value {
    let mut body = json!({
        "model": request.model,
        "messages": messages(&request.messages),
        "max_tokens": request.max_tokens.unwrap_or(MAX_TOKENS),
        "stream": true,
    });
    let system = |message: &Message| match message {
        Message::System(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    let system: Vec<String> = request.messages.iter().filter_map(system).collect();
    if !system.is_empty() {
        body["system"] = json!(system.join("\n\n"));
    }
    if let Some(temperature) = request.temperature {
        body["temperature"] = json!(temperature.min(1.0));
    }
    if !request.tools.is_empty() {
        let tools = request
            .tools
            .iter()
            .map(|tool| json!({ "name": tool.name, "description": tool.description, "input_schema": tool.parameters }));
        body["tools"] = tools.collect();
    }
    body
}

/// The turns in this format's two roles: neighbours of one role are one turn, no block of text is empty, and the first
/// turn is a user's, for the API refuses anything else.
fn messages(messages: &[Message]) -> Vec<Value> {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages {
        let (role, blocks) = match message {
            Message::System(_) => continue,
            Message::User(text) => ("user", text_block(text).into_iter().collect()),
            Message::Assistant { text, tool_calls } => {
                let calls = tool_calls.iter().map(|call| {
                    let input = if call.arguments.is_object() { call.arguments.clone() } else { json!({}) };
                    json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": input })
                });
                ("assistant", text_block(text).into_iter().chain(calls).collect::<Vec<_>>())
            }
            Message::Tool { call_id, content } => {
                ("user", vec![json!({ "type": "tool_result", "tool_use_id": call_id, "content": content })])
            }
        };
        match turns.last_mut() {
            _ if blocks.is_empty() => {}
            None if role == "assistant" => {}
            Some((last, all)) if *last == role => all.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    turns.into_iter().map(|(role, content)| json!({ "role": role, "content": content })).collect()
}

fn text_block(text: &str) -> Option<Value> {
    (!text.trim().is_empty()).then(|| json!({ "type": "text", "text": text }))
}

/// An answer as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Answer {
    said_something: bool,
    tool_calls: ToolCalls,
    finish: Option<Finish>,
    input_tokens: u32,
    output_tokens: u32,
}

impl Decoder for Answer {
    fn payload(&mut self, mut payload: Value, out: &mut Vec<Event>) -> Result<Progress, Failure> {
        if let Some(error) = payload.get("error").filter(|error| !error.is_null()) {
            return Err(Failure::from_error(error));
        }
        let index = payload.get("index").and_then(Value::as_u64);
        let kind = payload.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let part = match kind.as_str() {
            "message_start" => "message",
            "content_block_start" => "content_block",
            "content_block_delta" | "message_delta" => "delta",
            "message" | "message_stop" | "ping" | "content_block_stop" => "",
            _ if payload.is_object() => return Ok(self.progress()),
            _ => return Err(Failure::Invalid("JSON that is no message")),
        };
        self.usage(payload.get("usage"));
        let part = match part {
            "" => payload,
            name => payload.get_mut(name).map(Value::take).unwrap_or_default(),
        };
        match kind.as_str() {
            "message_start" => self.usage(part.get("usage")),
            "content_block_start" | "content_block_delta" => self.block(index, part, out)?,
            "message_delta" => self.stop(&part)?,
            "message_stop" => return Ok(Progress::Over),
            // An answer that is not streamed.
            "message" => {
                let blocks = part.get("content").and_then(Value::as_array).cloned().unwrap_or_default();
                for (index, block) in blocks.into_iter().enumerate() {
                    self.block(Some(index as u64), block, out)?;
                }
                self.stop(&part)?;
            }
            _ => {}
        }
        Ok(self.progress())
    }

    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), Failure> {
        if !self.said_something && self.tool_calls.is_empty() {
            return Err(Failure::Empty);
        }
        let finish = match self.finish.unwrap_or(Finish::Stop) {
            Finish::Length => Finish::Length,
            _ if !self.tool_calls.is_empty() => Finish::ToolCalls,
            _ => Finish::Stop,
        };
        out.extend(self.tool_calls.finish());
        if self.input_tokens + self.output_tokens > 0 {
            out.push(Event::Usage { input_tokens: self.input_tokens, output_tokens: self.output_tokens });
        }
        out.push(Event::Finish(finish));
        Ok(())
    }
}

impl Answer {
    fn progress(&self) -> Progress {
        if self.finish.is_some() { Progress::Complete } else { Progress::More }
    }

    /// A content block, its start or a piece of it; thinking is passed over.
    fn block(&mut self, index: Option<u64>, mut block: Value, out: &mut Vec<Event>) -> Result<(), Failure> {
        let text = |block: &Value, field| block.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        match block.get("type").and_then(Value::as_str) {
            Some("text" | "text_delta") => {
                if let Some(Value::String(words)) = block.get_mut("text").map(Value::take)
                    && !words.is_empty()
                {
                    self.said_something |= !words.trim().is_empty();
                    out.push(Event::Text(words));
                }
                Ok(())
            }
            Some("tool_use") => {
                // At the start of a stream the input is an empty object, and its pieces follow.
                let input = block.get("input").filter(|input| input.as_object().is_some_and(|map| !map.is_empty()));
                let input = input.map(Value::to_string).unwrap_or_default();
                self.tool_calls.add(index, &text(&block, "id"), &text(&block, "name"), &input)
            }
            Some("input_json_delta") => self.tool_calls.add(index, "", "", &text(&block, "partial_json")),
            _ => Ok(()),
        }
    }

    fn stop(&mut self, part: &Value) -> Result<(), Failure> {
        if let Some(reason) = part.get("stop_reason").and_then(Value::as_str) {
            self.finish = Some(match reason {
                "max_tokens" | "model_context_window_exceeded" => Finish::Length,
                "tool_use" => Finish::ToolCalls,
                "refusal" => return Err(Failure::Filtered),
                _ => Finish::Stop,
            });
        }
        Ok(())
    }

    /// Counts are of the whole answer so far; what came from or went into the provider's cache was read too.
    fn usage(&mut self, usage: Option<&Value>) {
        let Some(usage) = usage.filter(|usage| usage.is_object()) else { return };
        let count = |field| {
            usage.get(field).and_then(Value::as_u64).map_or(0, |tokens| u32::try_from(tokens).unwrap_or(u32::MAX))
        };
        let input = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"]
            .into_iter()
            .fold(0u32, |sum, field| sum.saturating_add(count(field)));
        self.input_tokens = self.input_tokens.max(input);
        self.output_tokens = self.output_tokens.max(count("output_tokens"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::{Tool, ToolCall};

    fn decode(payloads: &[Value]) -> Result<Vec<Event>, Failure> {
        let (mut answer, mut out) = (Answer::default(), Vec::new());
        for payload in payloads {
            answer.payload(payload.clone(), &mut out)?;
        }
        answer.finish(&mut out)?;
        Ok(out)
    }

    #[test]
    fn writes_two_roles_and_a_system_text() {
        let call = ToolCall { id: "1".into(), name: "find".into(), arguments: json!({"q": "x"}) };
        let request = Request {
            model: "claude".into(),
            messages: vec![
                Message::System("Be kind.".into()),
                Message::assistant("Welcome!"),
                Message::User("a".into()),
                Message::User("b".into()),
                Message::Assistant { text: String::new(), tool_calls: vec![call] },
                Message::Tool { call_id: "1".into(), content: "found".into() },
                Message::System("Be brief.".into()),
            ],
            temperature: Some(1.5),
            max_tokens: None,
            tools: vec![Tool {
                name: "find".into(),
                description: "Finds.".into(),
                parameters: json!({"type": "object"}),
            }],
        };
        assert_eq!(
            body(&request),
            json!({
                "model": "claude", "max_tokens": 4096, "stream": true, "temperature": 1.0,
                "system": "Be kind.\n\nBe brief.",
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                    {"role": "assistant", "content": [
                        {"type": "tool_use", "id": "1", "name": "find", "input": {"q": "x"}}]},
                    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "found"}]},
                ],
                "tools": [{"name": "find", "description": "Finds.", "input_schema": {"type": "object"}}],
            })
        );
    }

    #[test]
    fn reads_a_stream() {
        let usage = json!({"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 1});
        let call = json!({"type": "tool_use", "id": "t", "name": "find", "input": {}});
        let input = |json: &str| json!({"type": "input_json_delta", "partial_json": json});
        let events = decode(&[
            json!({"type": "message_start", "message": {"usage": usage}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}}),
            json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "ping"}),
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "hi"}}),
            json!({"type": "content_block_start", "index": 2, "content_block": call}),
            json!({"type": "content_block_delta", "index": 2, "delta": input("{\"q\":")}),
            json!({"type": "content_block_delta", "index": 2, "delta": input("1}")}),
            json!({"type": "content_block_stop", "index": 2}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}}),
            json!({"type": "message_stop"}),
        ]);
        let call = ToolCall { id: "t".into(), name: "find".into(), arguments: json!({"q": 1}) };
        let expected = vec![
            Event::Text("hi".into()),
            Event::ToolCall(call),
            Event::Usage { input_tokens: 7, output_tokens: 9 },
            Event::Finish(Finish::ToolCalls),
        ];
        assert_eq!(events, Ok(expected));
    }

    #[test]
    fn reads_an_answer_that_is_not_streamed() {
        let answer = json!({
            "type": "message", "stop_reason": "max_tokens", "usage": {"input_tokens": 1, "output_tokens": 2},
            "content": [{"type": "text", "text": "hi"}],
        });
        let expected = vec![
            Event::Text("hi".into()),
            Event::Usage { input_tokens: 1, output_tokens: 2 },
            Event::Finish(Finish::Length),
        ];
        assert_eq!(decode(&[answer]), Ok(expected));
    }

    #[test]
    fn tells_failures() {
        let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
        assert_eq!(decode(&[error]), Err(Failure::Reported { message: "Overloaded".into() }));
        assert_eq!(
            decode(&[json!({"type": "message_delta", "delta": {"stop_reason": "refusal"}})]),
            Err(Failure::Filtered)
        );
        assert_eq!(decode(&[json!({"type": "message_stop"})]), Err(Failure::Empty));
        assert!(matches!(decode(&[json!(["rubbish"])]), Err(Failure::Invalid(_))));
    }
}
