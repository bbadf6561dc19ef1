//! An HTTP action: the arguments into its address, its query or its body, and what comes back as a result.

use serde_json::{Value, json};

use super::{
    model::{Action, Method, placeholders},
    schema,
    toolbox::{MOST_BYTES, cut},
};
use crate::app::App;

/// Sends the request, once the arguments are what the schema says.
pub(super) async fn call(app: &App, action: &Action, arguments: &Value) -> Result<Value, String> {
    schema::validate(&action.parameters, arguments)?;
    let fields = arguments.as_object().cloned().unwrap_or_default();
    let mut address = action.url.clone();
    let in_path = placeholders(&action.url);
    for name in &in_path {
        let value = fields.get(*name).map(plain).unwrap_or_default();
        // Dots alone would climb out of the path that the address names.
        if value.is_empty() || value.chars().all(|c| c == '.') {
            return Err(format!("arguments.{name} must not be empty"));
        }
        address = address.replace(&format!("{{{name}}}"), &encode(&value));
    }
    let rest: serde_json::Map<String, Value> = fields.into_iter().filter(|(name, _)| !in_path.contains(&name.as_str())).collect();
    let method = match action.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    };
    if matches!(action.method, Method::Get | Method::Delete) {
        address = with_query(&address, rest.iter().map(|(name, value)| (name.as_str(), plain(value))));
    }
    // Straight to the host that the secrets are for: a redirect is an answer.
    let mut request = app.client.request_directly(method, &address).map_err(|error| error.message().to_owned())?;
    for (name, value) in action.headers.iter().chain(&action.secret) {
        request = request.header(name, value);
    }
    request = match action.method {
        Method::Get | Method::Delete => request,
        _ => request.json(&rest),
    };
    let mut response = request.send().await.map_err(|error| failure(&error))?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| failure(&error))? {
        body.extend_from_slice(&piece);
        if body.len() > MOST_BYTES {
            break;
        }
    }
    let text = String::from_utf8_lossy(&body).into_owned();
    let content = serde_json::from_str::<Value>(&text).unwrap_or_else(|_| Value::String(cut(&text, MOST_BYTES)));
    if status.is_success() { Ok(json!({ "status": status.as_u16(), "body": content })) } else { Err(format!("the address answered {status}: {}", cut(&text, 500))) }
}

/// Without the address, whose query may have secrets in it.
pub(super) fn failure(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "the address did not answer in time".to_owned()
    } else if error.is_connect() {
        "the address could not be reached, or must not be".to_owned()
    } else {
        "the address broke off its answer".to_owned()
    }
}

/// The address with these pairs after what its query has already.
pub(super) fn with_query<'a>(address: &str, pairs: impl Iterator<Item = (&'a str, String)>) -> String {
    let (base, fragment) = address.split_once('#').map_or((address, None), |(base, fragment)| (base, Some(fragment)));
    let mut whole = base.to_owned();
    for (name, value) in pairs {
        whole.push(if whole.contains('?') { '&' } else { '?' });
        whole.push_str(&format!("{}={}", encode(name), encode(&value)));
    }
    fragment.map_or(whole.clone(), |fragment| format!("{whole}#{fragment}"))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Everything but unreserved characters (RFC 3986), so that an argument stays one segment.
fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(byte as char);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}
