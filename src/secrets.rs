//! Hash, compare in constant time, seal and open. What holds a secret in memory says so in its type.

use std::fmt;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::{
    error::{Error, Result},
    ids::Ids,
};

/// Text that must not be shown: printed as dots, wiped when dropped, written out by no serializer.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    pub fn new(text: impl Into<String>) -> Self {
        SecretText(text.into())
    }

    /// The one way to the text itself; every call is a place to review.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What may be shown of it: the last four characters of a long one.
    pub fn hint(&self) -> String {
        let count = self.0.chars().count();
        if count < 12 { "…".to_owned() } else { format!("…{}", self.0.chars().skip(count - 4).collect::<String>()) }
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("••••")
    }
}

impl Serialize for SecretText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0.is_empty() { "" } else { "••••" })
    }
}

/// SHA-256 in lower-case hexadecimal: how tokens are stored and files are named.
pub fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes.as_ref()))
}

pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Equality that takes the same time wherever the two first differ.
pub fn same(left: impl AsRef<[u8]>, right: impl AsRef<[u8]>) -> bool {
    left.as_ref().ct_eq(right.as_ref()).into()
}

/// Argon2id with 19 MiB, two passes, one lane: the first choice of OWASP's password storage cheat sheet.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

/// A PHC string. Takes some tens of milliseconds on purpose: never call it on an async worker.
pub fn hash_password(password: &str, ids: &Ids) -> Result<String> {
    let mut salt = [0u8; 16];
    ids.fill(&mut salt);
    Ok(argon2().hash_password_with_salt(password.as_bytes(), &salt).map_err(|error| Error::internal(error.to_string()))?.to_string())
}

/// Whether `password` is the one that `stored` was made from. As slow as hashing; with no `stored` hash it works as
/// long on a dummy, so that the time does not tell whether an account exists.
pub fn verify_password(password: &str, stored: Option<&str>) -> bool {
    const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let matches = PasswordHash::new(stored.unwrap_or(DUMMY)).is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok());
    matches && stored.is_some()
}

/// The instance's key, with which secrets are sealed before they reach the database.
#[derive(Clone)]
pub struct SealKey(Key);

impl SealKey {
    /// From 32 bytes in hexadecimal or Base64.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let from_hex = (text.len() == 64)
            .then(|| (0..32).map(|i| u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()).collect::<Option<Vec<u8>>>())
            .flatten();
        let bytes = from_hex.or_else(|| BASE64.decode(text).ok()).filter(|bytes| bytes.len() == 32).ok_or_else(|| {
            Error::bad_request("The secret key is not 32 bytes in hexadecimal or Base64. `openssl rand -hex 32` makes one.")
        })?;
        let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| Error::internal("a key of 32 bytes"))?;
        Ok(SealKey(Key::from(key)))
    }

    /// A new key in hexadecimal, as it is written to `secret.key`.
    pub fn generate(ids: &Ids) -> String {
        let mut bytes = [0u8; 32];
        ids.fill(&mut bytes);
        hex(&bytes)
    }

    /// A short mark by which a database recognises the key it belongs to.
    pub fn fingerprint(&self) -> String {
        sha256_hex([b"illumichat key fingerprint".as_slice(), self.0.as_slice()].concat())[..16].to_owned()
    }

    /// Encrypts with XChaCha20-Poly1305: 24 bytes of nonce, then the sealed text. `purpose` (a table and column, say) is
    /// bound in, so that a sealed value moved elsewhere does not open.
    pub fn seal(&self, text: &str, purpose: &str, ids: &Ids) -> Result<Vec<u8>> {
        let mut nonce = [0u8; 24];
        ids.fill(&mut nonce);
        let sealed = XChaCha20Poly1305::new(&self.0)
            .encrypt(&XNonce::from(nonce), Payload { msg: text.as_bytes(), aad: purpose.as_bytes() })
            .map_err(|_| Error::internal("sealing a secret failed"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    pub fn open(&self, sealed: &[u8], purpose: &str) -> Result<SecretText> {
        let broken = || Error::internal("a sealed secret does not open: it was damaged, or sealed with another secret.key");
        let (nonce, text) = sealed.split_at_checked(24).ok_or_else(broken)?;
        let nonce = <[u8; 24]>::try_from(nonce).map_err(|_| broken())?;
        let text = XChaCha20Poly1305::new(&self.0)
            .decrypt(&XNonce::from(nonce), Payload { msg: text, aad: purpose.as_bytes() })
            .map_err(|_| broken())?;
        Ok(SecretText(String::from_utf8(text).map_err(|_| broken())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_verifies_and_another_does_not() {
        let hash = hash_password("correct horse", &Ids::seeded(1)).unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(verify_password("correct horse", Some(&hash)));
        assert!(!verify_password("correct house", Some(&hash)));
        assert!(!verify_password("correct horse", None));
    }

    #[test]
    fn a_sealed_secret_opens_for_its_purpose_alone() {
        let ids = Ids::seeded(2);
        let key = SealKey::parse(&SealKey::generate(&ids)).unwrap();
        let sealed = key.seal("sk-live", "providers.api_key", &ids).unwrap();
        assert_eq!(key.open(&sealed, "providers.api_key").unwrap().reveal(), "sk-live");
        assert!(key.open(&sealed, "sms.auth_token").is_err());
        assert!(key.open(&sealed[..10], "providers.api_key").is_err());
    }

    #[test]
    fn a_secret_text_does_not_print_itself() {
        assert_eq!(format!("{:?}", SecretText::new("sk-live-0123456789")), "••••");
        assert_eq!(SecretText::new("sk-live-0123456789").hint(), "…6789");
    }
}
