//! Twilio's signatures (twilio.com/docs/usage/webhooks/webhooks-security): an HMAC, keyed with the account's token, over the
//! public address and the sorted form fields. SHA-1 as ever, SHA-256 where `X-Twilio-Webhooks-Signature-Settings` says so.
//! Two things are stricter than Twilio's own library: an unsupported scheme never passes, and a body that is no form needs
//! its hash in the address.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use url::Url;

use crate::secrets::{same, sha256_hex};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Sha1,
    Sha256,
}

/// The scheme that the settings header names; nothing for one that is not known.
pub fn scheme(settings: Option<&str>) -> Option<Scheme> {
    for part in settings.unwrap_or_default().split(',') {
        if let Some((name, value)) = part.split_once('=')
            && name.trim() == "algorithm"
            && !value.trim().is_empty()
        {
            return match value.trim().to_ascii_uppercase().as_str() {
                "HMAC_SHA1" => Some(Scheme::Sha1),
                "HMAC_SHA256" => Some(Scheme::Sha256),
                _ => None,
            };
        }
    }
    Some(Scheme::Sha1)
}

/// What a request was sent with.
pub struct Signed<'a> {
    /// As Twilio knows it: the public address, path and query as they came.
    pub url: &'a str,
    /// The body's fields, where it is a form.
    pub form: Option<&'a [(String, String)]>,
    pub body: &'a [u8],
    pub signature: &'a str,
    pub scheme: Scheme,
}

pub fn sign(scheme: Scheme, token: &str, url: &str, form: &[(String, String)]) -> String {
    let fields: BTreeSet<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut text = url.to_owned();
    for (name, value) in fields {
        text.push_str(name);
        text.push_str(value);
    }
    match scheme {
        Scheme::Sha1 => {
            let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).expect("HMAC takes keys of any length");
            mac.update(text.as_bytes());
            BASE64.encode(mac.finalize().into_bytes())
        }
        Scheme::Sha256 => {
            let mut mac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).expect("HMAC takes keys of any length");
            mac.update(text.as_bytes());
            BASE64.encode(mac.finalize().into_bytes())
        }
    }
}

/// Whether the request was signed with this token, with or without the port in its address.
pub fn is_valid(token: &str, signed: &Signed<'_>) -> bool {
    let body_hash = Url::parse(signed.url).ok().and_then(|url| url.query_pairs().find(|(name, _)| name == "bodySHA256").map(|(_, value)| value.into_owned()));
    let form = match (signed.form, body_hash) {
        (Some(form), _) => form,
        (None, Some(hash)) if same(sha256_hex(signed.body), hash.to_ascii_lowercase()) => &[],
        (None, _) => return false,
    };
    let mut valid = false;
    for url in spellings(signed.url) {
        valid |= same(sign(signed.scheme, token, &url, form), signed.signature);
    }
    valid
}

/// The address with its port and without, its other parts exactly as they came.
fn spellings(url: &str) -> [String; 2] {
    let Some((scheme, rest)) = url.split_once("://") else { return [url.to_owned(), url.to_owned()] };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    // An IPv6 address has colons of its own.
    let port_at = authority.rfind(':').filter(|at| authority[at + 1..].bytes().all(|byte| byte.is_ascii_digit()) && !authority[at + 1..].is_empty());
    let bare = port_at.map_or(authority, |at| &authority[..at]);
    let with_port = match port_at {
        Some(_) => authority.to_owned(),
        None => format!("{authority}:{}", if scheme == "https" { 443 } else { 80 }),
    };
    [format!("{scheme}://{bare}{tail}"), format!("{scheme}://{with_port}{tail}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(from: &str) -> Vec<(String, String)> {
        [("CallSid", "CA1234567890ABCDE"), ("Caller", from), ("Digits", "1234"), ("From", from), ("To", "+18005551212")].map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    #[test]
    fn the_vectors_of_twilios_own_tests() {
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        for (from, signature) in [("+14158675309", "RSOYDt4T1cUTdK1PDd93/VVr8B8="), ("+12349013030", "0/KCTR6DLpKmkAf8muzZqo1nDgQ=")] {
            let fields = form(from);
            assert_eq!(sign(Scheme::Sha1, "12345", url, &fields), signature);
            for url in [url, "https://mycompany.com:443/myapp.php?foo=1&bar=2"] {
                assert!(is_valid("12345", &Signed { url, form: Some(&fields), body: b"", signature, scheme: Scheme::Sha1 }), "{url}");
            }
            assert!(!is_valid("12346", &Signed { url, form: Some(&fields), body: b"", signature, scheme: Scheme::Sha1 }));
            assert!(!is_valid("12345", &Signed { url, form: Some(&fields), body: b"", signature, scheme: Scheme::Sha256 }));
        }
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
        let body = br#"{"property": "value", "boolean": true}"#;
        let signed = |body| Signed { url, form: None, body, signature: "a9nBmqA0ju/hNViExpshrM61xv4=", scheme: Scheme::Sha1 };
        assert!(is_valid("12345", &signed(body)) && !is_valid("12345", &signed(b"{}")));
    }

    #[test]
    fn a_body_that_nothing_vouches_for_does_not_pass() {
        let url = "https://mycompany.com/hook";
        let signature = sign(Scheme::Sha1, "12345", url, &[]);
        assert!(!is_valid("12345", &Signed { url, form: None, body: b"{}", signature: &signature, scheme: Scheme::Sha1 }));
    }

    #[test]
    fn the_header_names_the_scheme() {
        assert_eq!(scheme(None), Some(Scheme::Sha1));
        assert_eq!(scheme(Some("key=webhooks_sharedkey_1,algorithm=HMAC_SHA256")), Some(Scheme::Sha256));
        assert_eq!(scheme(Some("key=x")), Some(Scheme::Sha1));
        assert_eq!(scheme(Some("algorithm=HMAC_MD5")), None);
    }
}
