//! The models that a provider says it has.

use http::Method;
use serde_json::Value;
use tokio::time::timeout;

use super::{Endpoint, Failure, Kind, Wait, anthropic, exchange, openai};
use crate::http::Client;

/// One model of a provider's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedModel {
    /// The provider's own name of it.
    pub id: String,
    /// How many tokens prompt and answer may have together, where the provider says so.
    pub context_tokens: Option<u32>,
}

const LIST_BYTES: usize = 4 << 20;
const MODELS: usize = 2000;

/// Asks for the list, in the provider's order, within the endpoint's first-byte timeout.
pub async fn list_models(client: &Client, endpoint: &Endpoint) -> Result<Vec<ListedModel>, Failure> {
    get(client, endpoint, "models", read).await
}

/// Tries the key where the list of models may be had without one: OpenRouter shows its own to everyone, and tells about a
/// key at an address of its own.
pub async fn check_key(client: &Client, endpoint: &Endpoint) -> Result<(), Failure> {
    if endpoint.kind != Kind::Openrouter {
        return Ok(());
    }
    match get(client, endpoint, "key", |_| Ok(())).await {
        // A stand-in for it may not have that address.
        Err(Failure::Status { status: 404 | 405, .. }) => Ok(()),
        tried => tried,
    }
}

async fn get<T>(client: &Client, endpoint: &Endpoint, path: &str, read: impl FnOnce(&[u8]) -> Result<T, Failure>) -> Result<T, Failure> {
    let request = async {
        let mut url = endpoint.url(path)?;
        if endpoint.kind == Kind::Anthropic {
            // It gives twenty at a time to those who do not ask for more.
            url.query_pairs_mut().append_pair("limit", "1000");
        }
        let builder = exchange::request(client, Method::GET, url)?;
        let builder = match endpoint.kind {
            Kind::Anthropic => anthropic::authorize(builder, endpoint)?,
            _ => openai::authorize(builder, endpoint)?,
        };
        let mut response = exchange::open(builder).await?;
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(|_| Failure::CutOff)? {
            body.extend_from_slice(&bytes);
            if body.len() > LIST_BYTES {
                return Err(Failure::Invalid("a list of models that is too long"));
            }
        }
        read(&body)
    };
    match timeout(endpoint.timeouts.first_byte, request).await {
        Ok(result) => result.map_err(|failure| failure.tidied(endpoint.key())),
        Err(_) => Err(Failure::Timeout(Wait::FirstByte)),
    }
}

/// OpenAI's form is `{"data": [{"id"}]}`; some send the list alone. Where the window's size stands is everyone's own.
fn read(body: &[u8]) -> Result<Vec<ListedModel>, Failure> {
    let json: Value = serde_json::from_slice(body).map_err(|_| Failure::Invalid("something that is not JSON"))?;
    if let Some(error) = json.get("error").filter(|error| !error.is_null()) {
        return Err(Failure::from_error(error));
    }
    let list = json.get("data").unwrap_or(&json);
    // Ollama without a model sends null.
    if list.is_null() {
        return Ok(Vec::new());
    }
    let list = list.as_array().ok_or(Failure::Invalid("JSON that is no list of models"))?;
    let model = |entry: &Value| {
        let window = ["context_window", "context_length", "max_context_length", "max_model_len", "max_input_tokens"]
            .iter()
            .find_map(|field| entry.get(field).and_then(Value::as_u64))
            .or_else(|| entry.pointer("/meta/n_ctx_train").and_then(Value::as_u64));
        Some(ListedModel {
            // Google puts a folder in front of its names that its requests do without.
            id: entry.get("id")?.as_str()?.trim_start_matches("models/").to_owned(),
            context_tokens: window.filter(|&tokens| tokens > 0).and_then(|tokens| tokens.try_into().ok()),
        })
    };
    Ok(list.iter().filter_map(model).take(MODELS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_of_list() {
        let read = |text: &str| read(text.as_bytes());
        let expected = vec![
            ListedModel { id: "a".into(), context_tokens: None },
            ListedModel { id: "b".into(), context_tokens: Some(4096) },
        ];
        assert_eq!(
            read(r#"{"object":"list","data":[{"id":"a"},{"id":"models/b","max_model_len":4096}]}"#),
            Ok(expected.clone())
        );
        assert_eq!(read(r#"[{"id":"a"},{"id":"b","context_length":4096},{"name":"c"}]"#), Ok(expected));
        assert_eq!(read(r#"{"data":null}"#), Ok(vec![]));
        assert_eq!(read(r#"{"error":{"message":"no"}}"#), Err(Failure::Reported { message: "no".into() }));
        assert!(matches!(read("<html>"), Err(Failure::Invalid(_))));
        assert!(matches!(read(r#"{"models":[]}"#), Err(Failure::Invalid(_))));
    }
}
