//! What is asked of an issuer: its discovery document, its keys, and the exchange of a code.

use std::time::Duration;

use poem::http::Method;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use crate::{
    app::App,
    config::Oidc,
    error::{Error, Result},
};

const TIMEOUT: Duration = Duration::from_secs(10);
/// A discovery document or a key set is a few kilobytes.
const MOST_BYTES: usize = 1 << 20;

/// OpenID Connect Discovery 1.0, section 3, as far as it is used.
#[derive(Debug, Deserialize)]
pub(super) struct Discovery {
    pub issuer: String,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

fn failed(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::upstream("The sign-in service did not answer as expected. Try again, or sign in with your password.").context("auth").source(why)
}

async fn fetch<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T> {
    let mut response = request.timeout(TIMEOUT).header("accept", "application/json").send().await.map_err(failed)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_BYTES {
            return Err(failed("the answer is too long"));
        }
    }
    if !status.is_success() {
        // The issuer's own error code (RFC 6749, 5.2) helps the operator; its other words are not ours to log.
        let code = serde_json::from_slice::<Value>(&body).ok().and_then(|body| body["error"].as_str().map(|code| code.chars().take(60).collect::<String>()));
        return Err(failed(format!("status {status}, error {}", code.unwrap_or_else(|| "none".to_owned()))));
    }
    serde_json::from_slice(&body).map_err(failed)
}

/// The issuer's own description. It must name itself as it is configured (but for a slash at the end, which Auth0 has and
/// people leave out): else one issuer could speak for another.
pub(super) async fn discover(app: &App, provider: &Oidc) -> Result<Discovery> {
    let base = provider.issuer.trim_end_matches('/');
    let found: Discovery = fetch(app.client.request_directly(Method::GET, &format!("{base}/.well-known/openid-configuration"))?).await?;
    if found.issuer.trim_end_matches('/') != base {
        return Err(failed(format!("the issuer calls itself {}", found.issuer.chars().take(200).collect::<String>())));
    }
    // An issuer that is reached by https does not send secrets on by http.
    let secure = base.starts_with("https://");
    for address in [&found.authorization_endpoint, &found.token_endpoint, &found.jwks_uri] {
        if !Url::parse(address).is_ok_and(|url| url.scheme() == "https" || (!secure && url.scheme() == "http")) {
            return Err(failed("an endpoint is not an https address"));
        }
    }
    Ok(found)
}

/// The issuer's present keys.
pub(super) async fn keys(app: &App, discovery: &Discovery) -> Result<Vec<Value>> {
    #[derive(Deserialize)]
    struct Keys {
        keys: Vec<Value>,
    }
    Ok(fetch::<Keys>(app.client.request_directly(Method::GET, &discovery.jwks_uri)?).await?.keys)
}

/// Exchanges the code for an ID token.
pub(super) async fn exchange(app: &App, provider: &Oidc, discovery: &Discovery, code: &str, verifier: &str, redirect_uri: &str) -> Result<String> {
    #[derive(Deserialize)]
    struct Tokens {
        id_token: String,
    }
    let mut form = vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri), ("code_verifier", verifier)];
    let mut request = app.client.request_directly(Method::POST, &discovery.token_endpoint)?;
    let methods = &discovery.token_endpoint_auth_methods_supported;
    match &provider.client_secret {
        // Basic is what every issuer must know and the default where it says nothing; some know only the form.
        Some(secret) if methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic") => {
            // RFC 6749, 2.3.1: both are form-encoded first.
            let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            request = request.basic_auth(encode(&provider.client_id), Some(encode(secret.reveal())));
        }
        Some(secret) => form.extend([("client_id", provider.client_id.as_str()), ("client_secret", secret.reveal())]),
        None => form.push(("client_id", &provider.client_id)),
    }
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    Ok(fetch::<Tokens>(request).await?.id_token)
}
