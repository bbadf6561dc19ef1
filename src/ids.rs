//! New ids and random bytes, as a value that a test can make repeatable. Nothing else in the house draws random numbers.

use std::sync::Arc;

use parking_lot::Mutex;
use rand::{Rng, SeedableRng, rngs::StdRng};

use crate::clock::Timestamp;

/// The prefixes that ids begin with, one a noun.
pub mod prefix {
    pub const WORKSPACE: &str = "ws";
    pub const USER: &str = "usr";
    pub const SESSION: &str = "sess";
    pub const TOKEN: &str = "tok";
    pub const ASSISTANT: &str = "ast";
    pub const PROJECT: &str = "proj";
    pub const DOCUMENT: &str = "doc";
    pub const QA_PAIR: &str = "qa";
    pub const SOURCE: &str = "src";
    pub const CONVERSATION: &str = "chat";
    pub const MESSAGE: &str = "msg";
    pub const JOB: &str = "job";
    pub const VISITOR: &str = "vis";
    pub const EVENT: &str = "evt";
    pub const MACRO: &str = "mac";
    pub const VIEW: &str = "view";
    pub const SITE: &str = "site";
    pub const LEAD: &str = "lead";
    pub const FEEDBACK: &str = "fb";
    pub const PRESENCE: &str = "prs";
    pub const FILE: &str = "file";
    pub const CONTACT: &str = "con";
    pub const NOTE: &str = "note";
    pub const IMPORT: &str = "imp";
    pub const TICKET: &str = "tkt";
    pub const COMMENT: &str = "com";
    pub const CHANGE: &str = "chg";
    pub const WEBHOOK: &str = "wh";
    pub const DELIVERY: &str = "del";
    pub const MCP_SERVER: &str = "mcp";
    pub const ACTION: &str = "act";
    pub const AUDIT: &str = "aud";
    pub const INVITATION: &str = "inv";
}

const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Where ids come from: the system's generator, or a seed.
#[derive(Clone)]
pub struct Ids(Arc<Mutex<StdRng>>);

impl Ids {
    /// Seeded by the operating system; `StdRng` is a cryptographic generator.
    pub fn system() -> Self {
        Ids(Arc::new(Mutex::new(rand::make_rng())))
    }

    /// The same ids in the same order, for tests.
    pub fn seeded(seed: u64) -> Self {
        Ids(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// `prefix_` and 26 characters in the ULID's layout: 48 bits of time, so that ids sort by age, and 80 random bits.
    pub fn new_id(&self, prefix: &str, now: Timestamp) -> String {
        let mut random = [0u8; 10];
        self.fill(&mut random);
        let mut bits = (u128::from(now.millis().unsigned_abs()) & 0xffff_ffff_ffff) << 80;
        for (place, byte) in random.iter().rev().enumerate() {
            bits |= u128::from(*byte) << (8 * place);
        }
        let mut id = String::with_capacity(prefix.len() + 27);
        id.push_str(prefix);
        id.push('_');
        for place in (0..26).rev() {
            id.push(CROCKFORD[((bits >> (5 * place)) & 31) as usize] as char);
        }
        id
    }

    /// `length` characters of `[A-Za-z0-9]`, each equally likely.
    pub fn secret(&self, length: usize) -> String {
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let mut bytes = [0u8; 64];
            self.fill(&mut bytes);
            // 248 is the largest multiple of 62 in a byte: what lies above would favour the first letters.
            text.extend(bytes.iter().filter(|byte| **byte < 248).map(|byte| ALPHANUMERIC[usize::from(byte % 62)] as char).take(length - text.len()));
        }
        text
    }

    pub fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_carry_their_prefix_sort_by_time_and_do_not_repeat() {
        let ids = Ids::seeded(1);
        let early = ids.new_id("ast", Timestamp::from_millis(1_000));
        let late = ids.new_id("ast", Timestamp::from_millis(2_000_000_000_000));
        assert!(early.starts_with("ast_") && early.len() == 30, "{early}");
        assert!(early < late);
        assert_ne!(ids.new_id("ast", Timestamp::from_millis(1_000)), early);
    }

    #[test]
    fn a_secret_has_the_asked_length_and_alphabet() {
        let secret = Ids::system().secret(40);
        assert_eq!(secret.len(), 40);
        assert!(secret.chars().all(|c| c.is_ascii_alphanumeric()));
    }
}
