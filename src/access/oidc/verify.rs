//! The ID token: its signature, and everything that OpenID Connect Core 1.0, section 3.1.3.7, has a client check.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::Jwk};
use serde::Deserialize;
use serde_json::Value;

use crate::{clock::Timestamp, secrets::same};

/// Signatures by public key alone. What a token says of its own algorithm is held to this list and to its key, so that
/// neither `none` nor a public key used as a shared secret opens anything.
const ALGORITHMS: [Algorithm; 7] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];
/// How far clocks may differ.
const LEEWAY_SECONDS: i64 = 60;

#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    pub sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: Option<i64>,
    nbf: Option<i64>,
    nonce: Option<String>,
    pub email: Option<String>,
    email_verified: Option<Value>,
    pub name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Claims {
    /// Some issuers send the word instead of the value.
    pub fn email_is_verified(&self) -> bool {
        matches!(&self.email_verified, Some(Value::Bool(true))) || self.email_verified.as_ref().and_then(Value::as_str) == Some("true")
    }
}

/// What a token must have been made for.
pub(super) struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    pub now: Timestamp,
}

/// The token's claims, or why they are not believed.
pub(super) fn verify(token: &str, keys: &[Value], expected: &Expected<'_>) -> Result<Claims, String> {
    let header = decode_header(token).map_err(|error| format!("no readable header: {error}"))?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(format!("the algorithm {:?} is not taken", header.alg));
    }
    // A key set may hold keys of kinds that we cannot read (for encryption, say): those are passed over.
    let keys = keys.iter().filter(|key| key["use"].as_str().is_none_or(|r#use| r#use == "sig")).filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
    let mut candidates: Vec<Jwk> = keys
        .filter(|key| header.kid.is_none() || key.common.key_id == header.kid)
        .filter(|key| key.common.key_algorithm.is_none_or(|algorithm| algorithm.to_string() == format!("{:?}", header.alg)))
        .collect();
    if header.kid.is_none() && candidates.len() > 1 {
        return Err("it does not say which of several keys it was signed with".to_owned());
    }
    let key = candidates.pop().ok_or("it was signed with a key that the issuer does not have")?;
    let key = DecodingKey::from_jwk(&key).map_err(|error| format!("the key cannot be read: {error}"))?;
    let mut validation = Validation::new(header.alg);
    // The times are checked below, by our own clock.
    validation.validate_exp = false;
    validation.set_audience(&[expected.client_id]);
    validation.set_issuer(&[expected.issuer]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let claims = decode::<Claims>(token, &key, &validation).map_err(|error| error.to_string())?.claims;
    let seconds = expected.now.millis().div_euclid(1000);
    if claims.iss != expected.issuer {
        return Err("it is another issuer's".to_owned());
    }
    if claims.exp <= seconds - LEEWAY_SECONDS {
        return Err("it has expired".to_owned());
    }
    if claims.nbf.or(claims.iat).is_some_and(|from| from > seconds + LEEWAY_SECONDS) {
        return Err("it is not valid yet".to_owned());
    }
    let for_others = match &claims.aud {
        Audience::One(audience) => audience != expected.client_id,
        Audience::Several(audiences) => !audiences.iter().any(|audience| audience == expected.client_id) || (audiences.len() > 1 && claims.azp.is_none()),
    };
    if for_others || claims.azp.as_ref().is_some_and(|party| party != expected.client_id) {
        return Err("it was made for another client".to_owned());
    }
    if !claims.nonce.as_ref().is_some_and(|nonce| same(nonce, expected.nonce)) {
        return Err("it does not answer this sign-in".to_owned());
    }
    Ok(claims)
}
