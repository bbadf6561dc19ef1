//! Time-based one-time passwords, RFC 6238 over RFC 4226: HMAC-SHA-1, steps of 30 seconds, six digits, as every
//! authenticator app reads them; and the recovery codes for when the device is gone.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::{
    clock::Timestamp,
    ids::Ids,
    secrets::{same, sha256_hex},
};

const STEP_MS: i64 = 30_000;
const DIGITS: u32 = 6;
/// How many recovery codes there are.
pub const RECOVERY_CODES: usize = 10;

/// A new secret of 160 bits, as RFC 4226 advises, in Base32.
pub fn new_secret(ids: &Ids) -> String {
    let mut bytes = [0u8; 20];
    ids.fill(&mut bytes);
    base32(&bytes)
}

/// The address that authenticator apps read from a QR code.
pub fn uri(secret: &str, email: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    format!("otpauth://totp/IllumiChat:{}?secret={secret}&issuer=IllumiChat&algorithm=SHA1&digits=6&period=30", encode(email))
}

/// The time step whose code this is: the present one, or the one before or after for clocks that differ. None at or before
/// `last_step` counts, so that a code that was seen is worth nothing.
pub fn matching_step(secret: &str, code: &str, now: Timestamp, last_step: Option<i64>) -> Option<i64> {
    let key = from_base32(secret)?;
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let present = now.millis().div_euclid(STEP_MS);
    // All three are compared, so that the time does not tell which one it was.
    let mut found = None;
    for step in [present - 1, present, present + 1] {
        let expected = u64::try_from(step).map(|step| code_at(&key, step)).unwrap_or_default();
        if same(&expected, &code) && last_step.is_none_or(|last| step > last) {
            found = Some(step);
        }
    }
    found
}

/// Ten codes of 80 random bits, each good once.
pub fn new_recovery_codes(ids: &Ids) -> Vec<String> {
    (0..RECOVERY_CODES)
        .map(|_| {
            let mut bytes = [0u8; 10];
            ids.fill(&mut bytes);
            let text = base32(&bytes).to_lowercase();
            [&text[..4], &text[4..8], &text[8..12], &text[12..]].join("-")
        })
        .collect()
}

/// What is stored of a recovery code, however it was typed.
pub fn recovery_hash(code: &str) -> String {
    sha256_hex(code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect::<String>())
}

fn code_at(key: &[u8], counter: u64) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key) else { return String::new() };
    mac.update(&counter.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    // RFC 4226, 5.3: the last four bits say where the 31 bits of the number begin.
    let offset = usize::from(digest[19] & 0xf);
    let number = digest[offset..offset + 4].iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
    format!("{:0width$}", number % 10u32.pow(DIGITS), width = DIGITS as usize)
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut buffer, mut bits) = (0u32, 0);
    for byte in bytes {
        buffer = buffer << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(BASE32[((buffer >> bits) & 31) as usize] as char);
        }
        buffer &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(BASE32[((buffer << (5 - bits)) & 31) as usize] as char);
    }
    text
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0u32, 0);
    for c in text.bytes() {
        buffer = buffer << 5 | u32::try_from(BASE32.iter().position(|known| *known == c)?).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(buffer >> bits & 0xff).ok()?);
            buffer &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, SHA-1; the last six of its eight digits.
        let secret = base32(b"12345678901234567890");
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_111_111_111, "050471"), (1_234_567_890, "005924"), (2_000_000_000, "279037"), (20_000_000_000, "353130")] {
            let now = Timestamp::from_millis(seconds * 1000);
            assert_eq!(matching_step(&secret, code, now, None), Some(seconds / 30), "at {seconds}");
            assert_eq!(matching_step(&secret, code, now, Some(seconds / 30)), None, "a code works once");
            assert_eq!(matching_step(&secret, code, now.plus(std::time::Duration::from_secs(90)), None), None);
        }
        assert_eq!(matching_step(&secret, "", Timestamp::from_millis(59_000), None), None);
    }

    #[test]
    fn base32_is_the_rfcs_and_reads_itself() {
        for (bytes, text) in [(&b"f"[..], "MY"), (b"fo", "MZXQ"), (b"foo", "MZXW6"), (b"foob", "MZXW6YQ"), (b"fooba", "MZXW6YTB"), (b"foobar", "MZXW6YTBOI")] {
            assert_eq!(base32(bytes), text);
            assert_eq!(from_base32(text).unwrap(), bytes);
        }
        assert_eq!(from_base32("not base32!"), None);
    }

    #[test]
    fn a_recovery_code_is_known_however_it_is_typed() {
        let codes = new_recovery_codes(&Ids::seeded(3));
        assert_eq!(codes.len(), RECOVERY_CODES);
        assert_eq!(recovery_hash(&codes[0]), recovery_hash(&codes[0].to_uppercase().replace('-', " ")));
        assert_ne!(recovery_hash(&codes[0]), recovery_hash(&codes[1]));
    }
}
