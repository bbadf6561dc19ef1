//! The ID token: its signature, and everything that OpenID Connect Core 1.0, section 3.1.3.7, has a client check.
//!
//! Written here on the library that does our TLS, and not taken from one for JSON Web Tokens: it is a page, and those bring
//! a whole second set of choices of algorithm that would have to be switched off again.

use aws_lc_rs::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::Deserialize;
use serde_json::Value;

use crate::{clock::Timestamp, secrets::same};

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

/// A JWS header (RFC 7515, 4.1), as far as it is looked at.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<Value>,
}

/// The token's claims, or why they are not believed.
pub(super) fn verify(token: &str, keys: &[Value], expected: &Expected<'_>) -> Result<Claims, String> {
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err("it is no signed token of three parts".to_owned());
    };
    let signed = &token[..header.len() + 1 + payload.len()];
    let bytes = |part: &str| BASE64.decode(part).map_err(|_| "it is not Base64".to_owned());
    let header: Header = serde_json::from_slice(&bytes(header)?).map_err(|error| format!("its header cannot be read: {error}"))?;
    if header.crit.is_some() {
        return Err("it has extensions that are not known".to_owned());
    }
    let fits = |key: &&Value| {
        key["use"].as_str().is_none_or(|usage| usage == "sig")
            && key["alg"].as_str().is_none_or(|algorithm| algorithm == header.alg)
            && (header.kid.is_none() || key["kid"].as_str() == header.kid.as_deref())
    };
    // A key set may hold keys for other ends, and of kinds that we cannot read: those are passed over.
    let candidates: Vec<&Value> = keys.iter().filter(fits).collect();
    if !candidates.iter().any(|key| is_signed(&header.alg, key, signed.as_bytes(), &bytes(signature).unwrap_or_default()).unwrap_or(false)) {
        return Err(format!("no key of the issuer's for {} has signed it", header.alg.chars().take(12).collect::<String>()));
    }
    let claims: Claims = serde_json::from_slice(&bytes(payload)?).map_err(|error| format!("its claims cannot be read: {error}"))?;
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

/// Whether this JWK (RFC 7517, RFC 7518) has signed the message; nothing where the two do not fit. Signatures by public key
/// alone: an algorithm is held to this list and to the key's own kind, so that neither `none` nor a public key used as a
/// shared secret opens anything.
fn is_signed(algorithm: &str, key: &Value, message: &[u8], mark: &[u8]) -> Option<bool> {
    let number = |name: &str| BASE64.decode(key[name].as_str()?).ok();
    let rsa = |parameters: &RsaParameters| {
        if key["kty"] != "RSA" {
            return None;
        }
        Some(RsaPublicKeyComponents { n: number("n")?, e: number("e")? }.verify(parameters, message, mark).is_ok())
    };
    let curve = |kind: &str, name: &str, algorithm: &'static dyn VerificationAlgorithm| {
        if key["kty"] != kind || key["crv"] != name {
            return None;
        }
        // An EC point is written uncompressed: 4, x, y; an Edwards point is its x alone.
        let point = if kind == "EC" { [vec![4], number("x")?, number("y")?].concat() } else { number("x")? };
        Some(UnparsedPublicKey::new(algorithm, point).verify(message, mark).is_ok())
    };
    match algorithm {
        "RS256" => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        "PS256" => rsa(&signature::RSA_PSS_2048_8192_SHA256),
        "ES256" => curve("EC", "P-256", &signature::ECDSA_P256_SHA256_FIXED),
        "ES384" => curve("EC", "P-384", &signature::ECDSA_P384_SHA384_FIXED),
        "EdDSA" => curve("OKP", "Ed25519", &signature::ED25519),
        _ => None,
    }
}
