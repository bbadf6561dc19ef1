//! An OpenID Connect issuer with real signatures: discovery, authorization, token and keys, in the shapes of Auth0 and of
//! Keycloak. It holds its client to the protocol: the exchange is refused without the right verifier, client and address.

use std::{collections::HashMap, sync::Arc};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa,
    signature::{self, EcdsaKeyPair, KeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64},
};
use parking_lot::Mutex;
use poem::{
    EndpointExt, Request, Response, Route, Server, get, handler,
    http::StatusCode,
    listener::{Acceptor, Listener, TcpListener},
    post,
    web::{Data, Form, Query},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const CLIENT: &str = "illumichat-client";
pub const SECRET: &str = "issuer-client-secret-8642";

enum Key {
    Rsa(Box<rsa::KeyPair>),
    Ec(EcdsaKeyPair),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Auth0,
    Keycloak,
}

struct State {
    shape: Shape,
    issuer: String,
    base: String,
    keys: Vec<(String, Key)>,
    /// Code → what the authorization request said.
    codes: HashMap<String, HashMap<String, String>>,
    /// Put over the token's claims; null takes one out.
    claims: Value,
    /// Put over the token's header.
    header: Value,
    /// Of the discovery document.
    discovery: Value,
    now: i64,
}

#[derive(Clone)]
pub struct Issuer(Arc<Mutex<State>>);

impl Issuer {
    pub async fn start(shape: Shape) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = listener.local_addr()[0].to_string().replace("socket://", "").replace("http://", "");
        let base = match shape {
            Shape::Auth0 => format!("http://{address}"),
            Shape::Keycloak => format!("http://{address}/realms/acme"),
        };
        let issuer = if shape == Shape::Auth0 { format!("{base}/") } else { base.clone() };
        let key = Key::Rsa(Box::new(rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap()));
        let now = illumichat::clock::Clock::system().now().millis() / 1000;
        let own = Issuer(Arc::new(Mutex::new(State {
            shape, issuer, base: base.clone(), keys: vec![("first".to_owned(), key)], codes: HashMap::new(), claims: json!({}), header: json!({}), discovery: json!({}), now,
        })));
        let prefix = if shape == Shape::Auth0 { "/" } else { "/realms/acme" };
        let inner = Route::new()
            .at("/.well-known/openid-configuration", get(discovery))
            .at("/authorize", get(authorize))
            .at("/token", post(token))
            .at("/keys", get(keys))
            .data(own.clone());
        tokio::spawn(Server::new_with_acceptor(listener).run(Route::new().nest(prefix, inner)));
        own
    }

    /// What an operator would write: without the slash that Auth0 has.
    pub fn configured(&self) -> String {
        self.0.lock().base.clone()
    }

    pub fn claims(&self, claims: Value) {
        self.0.lock().claims = claims;
    }

    pub fn header(&self, header: Value) {
        self.0.lock().header = header;
    }

    pub fn describe(&self, document: Value) {
        self.0.lock().discovery = document;
    }

    /// Another key, and the old one is gone.
    pub fn rotate(&self) {
        let key = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        self.0.lock().keys = vec![("second".to_owned(), Key::Ec(key))];
    }

    /// A key that signs and is not shown.
    pub fn sign_with_a_strange_key(&self) {
        let key = Key::Rsa(Box::new(rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap()));
        self.0.lock().keys.push(("first".to_owned(), key));
    }
}

#[handler]
fn discovery(issuer: Data<&Issuer>) -> Response {
    let state = issuer.0.0.lock();
    let base = &state.base;
    let mut document = json!({
        "issuer": state.issuer, "authorization_endpoint": format!("{base}/authorize?audience=x"), "token_endpoint": format!("{base}/token"),
        "jwks_uri": format!("{base}/keys"), "response_types_supported": ["code"], "id_token_signing_alg_values_supported": ["RS256", "HS256"],
    });
    if state.shape == Shape::Keycloak {
        document["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt", "client_secret_post"]);
    }
    over(&mut document, &state.discovery);
    answer(&document)
}

fn over(value: &mut Value, changes: &Value) {
    for (name, change) in changes.as_object().unwrap() {
        if change.is_null() {
            value.as_object_mut().unwrap().remove(name);
        } else {
            value[name] = change.clone();
        }
    }
}

fn answer(value: &Value) -> Response {
    Response::builder().content_type("application/json").body(value.to_string())
}

#[handler]
fn authorize(issuer: Data<&Issuer>, query: Query<HashMap<String, String>>) -> Response {
    let mut state = issuer.0.0.lock();
    assert_eq!((query["response_type"].as_str(), query["client_id"].as_str(), query["code_challenge_method"].as_str()), ("code", CLIENT, "S256"));
    assert!(query["scope"].split(' ').any(|scope| scope == "openid") && query["nonce"].len() >= 20 && query["state"].len() >= 20);
    let code = format!("code{}", state.codes.len());
    state.codes.insert(code.clone(), query.0.clone());
    let location = format!("{}?code={code}&state={}", query["redirect_uri"], query["state"]);
    Response::builder().status(StatusCode::FOUND).header("location", location).finish()
}

#[handler]
fn token(issuer: Data<&Issuer>, request: &Request, form: Form<HashMap<String, String>>) -> Response {
    let mut state = issuer.0.0.lock();
    let refuse = |code: &str| Response::builder().status(StatusCode::BAD_REQUEST).content_type("application/json").body(json!({"error": code}).to_string());
    let is_client = match state.shape {
        Shape::Auth0 => request.header("authorization") == Some(&format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{SECRET}")))),
        Shape::Keycloak => form.get("client_id").is_some_and(|id| id == CLIENT) && form.get("client_secret").is_some_and(|secret| secret == SECRET),
    };
    if !is_client {
        return refuse("invalid_client");
    }
    let Some(asked) = form.get("code").and_then(|code| state.codes.remove(code)) else { return refuse("invalid_grant") };
    let verifier = form.get("code_verifier").cloned().unwrap_or_default();
    if BASE64.encode(Sha256::digest(verifier.as_bytes())) != asked["code_challenge"] || form.get("redirect_uri") != asked.get("redirect_uri") || verifier.len() < 43 {
        return refuse("invalid_grant");
    }
    let mut claims = json!({
        "iss": state.issuer, "sub": "auth0|4711", "aud": CLIENT, "exp": state.now + 300, "iat": state.now, "nonce": asked["nonce"],
        "email": "ann@acme.example", "email_verified": true, "name": "Ann Example",
    });
    if state.shape == Shape::Keycloak {
        over(&mut claims, &json!({"sub": "f3a1-22", "azp": CLIENT, "typ": "ID", "preferred_username": "ann"}));
    }
    over(&mut claims, &state.claims);
    let (kid, key) = state.keys.last().unwrap();
    let mut header = json!({"typ": "JWT", "kid": kid, "alg": if matches!(key, Key::Rsa(_)) { "RS256" } else { "ES256" }});
    over(&mut header, &state.header);
    let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let random = SystemRandom::new();
    let signature = match key {
        _ if header["alg"] == "none" => Vec::new(),
        // The well-known confusion: the public key as a shared secret.
        Key::Rsa(key) if header["alg"] == "HS256" => {
            let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key.public_key().as_ref());
            aws_lc_rs::hmac::sign(&secret, signed.as_bytes()).as_ref().to_vec()
        }
        Key::Rsa(key) => {
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(&signature::RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
            signature
        }
        Key::Ec(key) => key.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
    };
    answer(&json!({"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": format!("{signed}.{}", BASE64.encode(signature))}))
}

#[handler]
fn keys(issuer: Data<&Issuer>) -> Response {
    let state = issuer.0.0.lock();
    let (kid, key) = &state.keys[0];
    let shown = match key {
        Key::Rsa(key) => {
            // DER of an RSAPublicKey of 2048 bits: nine bytes of headers, the modulus, two bytes of headers, 65537.
            let der = key.public_key().as_ref();
            let number = |bytes: &[u8]| BASE64.encode(bytes);
            json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": number(&der[9..265]), "e": number(&der[267..])})
        }
        Key::Ec(key) => {
            let point = key.public_key().as_ref();
            json!({"kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "kid": kid, "x": BASE64.encode(&point[1..33]), "y": BASE64.encode(&point[33..65])})
        }
    };
    // Keycloak shows a key for encryption too, which is none of ours.
    answer(&json!({"keys": [{"kty": "RSA", "use": "enc", "alg": "RSA-OAEP", "kid": "enc", "n": "AQAB", "e": "AQAB"}, {"kty": "new", "kid": "x"}, shown]}))
}
