//! The providers' wire formats, from their side: one answer written down in each.

use serde_json::{Value, json};

use super::script::Style;

/// What a model says, whatever the format.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub texts: Vec<String>,
    pub calls: Vec<(String, Value)>,
    pub stopped_by_length: bool,
    /// Tokens in and out.
    pub usage: Option<(u32, u32)>,
}

impl Answer {
    pub fn of_texts(texts: Vec<String>) -> Self {
        let usage = Some((7, texts.len() as u32));
        Answer { texts, calls: Vec::new(), stopped_by_length: false, usage }
    }

    pub fn of_words(text: &str) -> Self {
        Self::of_texts(text.split_inclusive(' ').map(str::to_owned).collect())
    }

    pub fn of_call(tool: &str, arguments: Value) -> Self {
        Answer { calls: vec![(tool.to_owned(), arguments)], usage: Some((7, 5)), ..Self::of_texts(Vec::new()) }
    }
}

/// One event, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub bytes: Vec<u8>,
    /// Whether it carries a piece of the answer's text.
    pub is_text: bool,
}

impl Frame {
    pub fn other(bytes: Vec<u8>) -> Self {
        Frame { bytes, is_text: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    OpenAi,
    Anthropic,
}

impl Format {
    pub fn of(path: &str) -> Self {
        if path.ends_with("/messages") { Format::Anthropic } else { Format::OpenAi }
    }

    pub fn frames(self, answer: &Answer, style: Style) -> Vec<Frame> {
        let payloads = match self {
            Format::OpenAi => openai_payloads(answer),
            Format::Anthropic => anthropic_payloads(answer),
        };
        payloads.into_iter().map(|(payload, is_text)| Frame { bytes: event(&payload, style), is_text }).collect()
    }

    pub fn document(self, answer: &Answer) -> Value {
        let text = answer.texts.concat();
        let (input, output) = answer.usage.unwrap_or_default();
        match self {
            Format::OpenAi => json!({
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "scripted",
                "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
                "usage": { "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output },
            }),
            Format::Anthropic => json!({
                "id": "msg_1", "type": "message", "role": "assistant", "model": "scripted",
                "content": [{ "type": "text", "text": text }], "stop_reason": "end_turn", "stop_sequence": null,
                "usage": { "input_tokens": input, "output_tokens": output },
            }),
        }
    }
}

/// A payload as an event. Anthropic's events have names too, which repeat the payload's type.
fn event(payload: &str, style: Style) -> Vec<u8> {
    let name =
        serde_json::from_str::<Value>(payload).ok().and_then(|json| Some(json.get("type")?.as_str()?.to_owned()));
    let name = name.map(|name| format!("event: {name}\n")).unwrap_or_default();
    match style {
        Style::Usual => format!("{name}data: {payload}\n\n"),
        Style::CrLf => format!("{}data: {payload}\r\n\r\n", name.replace('\n', "\r\n")),
        Style::Tight => format!("{name}data:{payload}\n\n"),
        Style::Commented => format!(": still here\n\n{name}data: {payload}\n\n"),
    }
    .into_bytes()
}

fn openai_payloads(answer: &Answer) -> Vec<(String, bool)> {
    let chunk = |delta: Value, reason: Option<&str>| {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": reason }], "usage": null,
        })
        .to_string()
    };
    let mut payloads = vec![(chunk(json!({ "role": "assistant", "content": "" }), None), false)];
    for text in &answer.texts {
        payloads.push((chunk(json!({ "content": text }), None), true));
    }
    for (index, (name, arguments)) in answer.calls.iter().enumerate() {
        let id = format!("call_{index}");
        let start =
            json!({ "index": index, "id": id, "type": "function", "function": { "name": name, "arguments": "" } });
        payloads.push((chunk(json!({ "tool_calls": [start] }), None), false));
        for piece in halves(&arguments.to_string()) {
            let more = json!({ "index": index, "function": { "arguments": piece } });
            payloads.push((chunk(json!({ "tool_calls": [more] }), None), false));
        }
    }
    let reason = match answer {
        Answer { stopped_by_length: true, .. } => "length",
        Answer { calls, .. } if !calls.is_empty() => "tool_calls",
        _ => "stop",
    };
    payloads.push((chunk(json!({}), Some(reason)), false));
    if let Some((input, output)) = answer.usage {
        let usage = json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output });
        let last = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
            "choices": [], "usage": usage,
        });
        payloads.push((last.to_string(), false));
    }
    payloads.push(("[DONE]".to_owned(), false));
    payloads
}

fn anthropic_payloads(answer: &Answer) -> Vec<(String, bool)> {
    let (input, output) = answer.usage.unwrap_or_default();
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "scripted", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": { "input_tokens": input, "output_tokens": 1 },
    });
    let mut payloads = vec![(json!({ "type": "message_start", "message": message }), false)];
    let mut index = 0;
    let block = |payloads: &mut Vec<(Value, bool)>, index: usize, start: Value, deltas: Vec<Value>, is_text: bool| {
        payloads.push((json!({ "type": "content_block_start", "index": index, "content_block": start }), false));
        for delta in deltas {
            payloads.push((json!({ "type": "content_block_delta", "index": index, "delta": delta }), is_text));
        }
        payloads.push((json!({ "type": "content_block_stop", "index": index }), false));
    };
    if !answer.texts.is_empty() {
        let deltas = answer.texts.iter().map(|text| json!({ "type": "text_delta", "text": text })).collect();
        block(&mut payloads, index, json!({ "type": "text", "text": "" }), deltas, true);
        index += 1;
    }
    for (name, arguments) in &answer.calls {
        let start = json!({ "type": "tool_use", "id": format!("call_{index}"), "name": name, "input": {} });
        let pieces = halves(&arguments.to_string());
        let deltas = pieces.iter().map(|piece| json!({ "type": "input_json_delta", "partial_json": piece })).collect();
        block(&mut payloads, index, start, deltas, false);
        index += 1;
    }
    let reason = match answer {
        Answer { stopped_by_length: true, .. } => "max_tokens",
        Answer { calls, .. } if !calls.is_empty() => "tool_use",
        _ => "end_turn",
    };
    let delta = json!({ "stop_reason": reason, "stop_sequence": null });
    payloads.push((json!({ "type": "message_delta", "delta": delta, "usage": { "output_tokens": output } }), false));
    payloads.push((json!({ "type": "message_stop" }), false));
    payloads.into_iter().map(|(payload, is_text)| (payload.to_string(), is_text)).collect()
}

/// A text in two, to be streamed.
fn halves(text: &str) -> [String; 2] {
    let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    [text[..middle].to_owned(), text[middle..].to_owned()]
}
