//! The ways in which a provider fails, each with a sentence for a person and an answer to "is another try worth it?".
//!
//! A failure never carries a key, an address or a header. A provider's own words are kept where they help (a wrong
//! model name, say), shortened, without control characters and without the key, should the provider repeat it.

use std::{fmt, time::Duration};

use serde_json::Value;

use crate::error::{Code, Error};

/// Why there is no answer, or no more of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// No connection could be made; nothing was asked.
    Unreachable(Unreachable),
    /// The connection stood, but nothing came for too long.
    Timeout(Wait),
    /// 401: the key is missing or wrong.
    Unauthorized,
    /// 429. `retry_after` as far as the provider tells it.
    RateLimited { retry_after: Option<Duration> },
    /// 402, or a 429 that says that the account's credit is spent: waiting does not help.
    OutOfCredit,
    /// Any other status but success, with what the provider says about it (may be empty).
    Status { status: u16, message: String },
    /// An error in place of the rest of an answer that had begun with a success.
    Reported { message: String },
    /// The connection ended before the answer did.
    CutOff,
    /// What came is not the wire format; the words say what it was instead.
    Invalid(&'static str),
    /// A well-formed answer that says nothing and calls nothing.
    Empty,
    /// The provider's content filter stopped the answer.
    Filtered,
    /// It has failed too often lately and was not asked.
    Resting { left: Duration },
    /// A model inside the process cannot be used; the words are a whole sentence, with how to mend it.
    Local(String),
    /// A model inside the process has as many questions waiting as may wait.
    Busy,
    /// The endpoint's own settings cannot be used; the words complete "The provider's …".
    Misconfigured(&'static str),
}

/// What stood in the way of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    UnknownHost,
    Refused,
    TimedOut,
    /// The other end is not trusted, or does not speak TLS.
    Tls,
    /// The server does not go there: a private address, or no network at all is wanted.
    Forbidden,
    Other,
}

/// What was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The first byte of the answer.
    FirstByte,
    /// The next byte of it.
    NextByte,
}

impl Failure {
    /// Whether the same request, sent again in a moment, has a fair chance. Only for a stream that has said nothing
    /// yet: after the first token a second try would say it twice. A timeout is not worth it although it may pass: the
    /// one who asked has waited long enough for the fallback to be the better answer.
    pub fn is_retryable_before_first_token(&self) -> bool {
        match self {
            Failure::Unreachable(why) => matches!(why, Unreachable::Refused | Unreachable::Other),
            Failure::RateLimited { .. } | Failure::Reported { .. } | Failure::CutOff | Failure::Empty => true,
            Failure::Status { status, .. } => matches!(status, 408 | 409 | 425 | 500..=599),
            Failure::Timeout(_)
            | Failure::Unauthorized
            | Failure::OutOfCredit
            | Failure::Invalid(_)
            | Failure::Filtered
            | Failure::Resting { .. }
            | Failure::Local(_)
            | Failure::Busy
            | Failure::Misconfigured(_) => false,
        }
    }

    /// Whether the provider itself is to blame, so that others would not fare better just now: not a wrong key, a wrong
    /// name or an answer that cannot be used.
    pub fn is_the_providers(&self) -> bool {
        match self {
            Failure::Unreachable(why) => *why != Unreachable::Forbidden,
            Failure::Timeout(_) | Failure::RateLimited { .. } | Failure::CutOff => true,
            Failure::Status { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// A stable name for logs, receipts and figures.
    pub fn name(&self) -> &'static str {
        match self {
            Failure::Unreachable(_) => "unreachable",
            Failure::Timeout(_) => "timeout",
            Failure::Unauthorized => "unauthorized",
            Failure::RateLimited { .. } => "rate_limited",
            Failure::OutOfCredit => "out_of_credit",
            Failure::Status { .. } => "status",
            Failure::Reported { .. } => "reported",
            Failure::CutOff => "cut_off",
            Failure::Invalid(_) => "invalid",
            Failure::Empty => "empty",
            Failure::Filtered => "filtered",
            Failure::Resting { .. } => "resting",
            Failure::Local(_) => "local",
            Failure::Busy => "busy",
            Failure::Misconfigured(_) => "misconfigured",
        }
    }

    /// What a status other than success means. `body` is the start of what came with it.
    pub(super) fn from_status(status: u16, body: &[u8], retry_after: Option<Duration>) -> Self {
        let json: Option<Value> = serde_json::from_slice(body).ok();
        // Google wraps its error objects into a list of one.
        let json = json.as_ref().map(|value| value.get(0).unwrap_or(value));
        let error = json.map(|value| value.get("error").unwrap_or(value));
        match status {
            // Following would hand the key and the conversation to another host.
            300..=399 => Failure::Misconfigured("base address leads elsewhere; it must be the one that answers"),
            401 => Failure::Unauthorized,
            // Google and xAI call a wrong key a bad request.
            400 | 403 if error.is_some_and(says_bad_key) => Failure::Unauthorized,
            402 => Failure::OutOfCredit,
            429 if error.is_some_and(says_out_of_credit) => Failure::OutOfCredit,
            429 => Failure::RateLimited { retry_after },
            _ => {
                let words = match error {
                    Some(error) => message_of(error),
                    // Plain words may help; a page of HTML does not.
                    None if body.trim_ascii_start().starts_with(b"<") => String::new(),
                    None => String::from_utf8_lossy(body).into_owned(),
                };
                Failure::Status { status, message: words }
            }
        }
    }

    /// What an `error` inside an answer means: an object with `message` and perhaps `code` or `type`, or only words.
    pub(super) fn from_error(error: &Value) -> Self {
        let code = error.get("code").and_then(|code| match code {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        });
        let kind = error.get("type").and_then(Value::as_str).unwrap_or_default();
        if says_out_of_credit(error) {
            return Failure::OutOfCredit;
        }
        match (code, kind) {
            (Some(401), _) | (_, "authentication_error") => Failure::Unauthorized,
            (Some(402), _) => Failure::OutOfCredit,
            (Some(429), _) | (_, "rate_limit_error" | "rate_limit_exceeded") => {
                Failure::RateLimited { retry_after: None }
            }
            _ => Failure::Reported { message: message_of(error) },
        }
    }

    /// The failure without the key and fit to be shown: one line, at most 300 characters of the provider's words.
    pub(super) fn tidied(mut self, key: Option<&str>) -> Self {
        if let Failure::Status { message, .. } | Failure::Reported { message } = &mut self {
            if let Some(key) = key.filter(|key| !key.is_empty()) {
                *message = message.replace(key, "[key]");
            }
            *message = one_line(message);
        }
        self
    }
}

fn says_bad_key(error: &Value) -> bool {
    let words = message_of(error).to_lowercase();
    words.contains("api key") && ["incorrect", "invalid", "not valid"].iter().any(|word| words.contains(word))
}

/// OpenAI says `insufficient_quota` in `code` and in `type`.
fn says_out_of_credit(error: &Value) -> bool {
    ["code", "type"].iter().any(|field| error.get(field).and_then(Value::as_str) == Some("insufficient_quota"))
}

/// The words in an error, in the places where providers put them. `metadata.raw` is OpenRouter's, with what the
/// provider behind it said.
fn message_of(error: &Value) -> String {
    let text = |pointer| error.pointer(pointer).and_then(Value::as_str);
    let words = error.as_str().or_else(|| text("/message")).or_else(|| text("/detail")).or_else(|| text("/error"));
    let words = words.unwrap_or_default();
    match text("/metadata/raw") {
        Some(raw) => format!("{words}: {raw}"),
        None => words.to_owned(),
    }
}

const MESSAGE_CHARS: usize = 300;

fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(4 * MESSAGE_CHARS));
    let mut words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let mut left = MESSAGE_CHARS;
    if let Some(first) = words.next() {
        let rest = words.flat_map(|word| std::iter::once(' ').chain(word.chars()));
        for c in first.chars().chain(rest) {
            if left == 0 {
                line.push('…');
                break;
            }
            line.push(c);
            left -= 1;
        }
    }
    line
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unreachable(why) => write!(f, "{why}"),
            Failure::Timeout(Wait::FirstByte) => f.write_str("The model's provider took too long to begin its answer."),
            Failure::Timeout(Wait::NextByte) => f.write_str("The model's provider fell silent in mid-answer."),
            Failure::Unauthorized => f.write_str("The model's provider did not accept the API key. Check the key."),
            Failure::RateLimited { retry_after: Some(wait) } => {
                let seconds = wait.as_secs_f64().ceil();
                write!(f, "The model's provider has had too many requests from this account. Try again in {seconds} s.")
            }
            Failure::RateLimited { retry_after: None } => {
                f.write_str("The model's provider has had too many requests from this account. Try again in a moment.")
            }
            Failure::OutOfCredit => f.write_str(
                "The account at the model's provider has no credit left. Add some there, or choose another model.",
            ),
            Failure::Status { status, message } => {
                write!(f, "The model's provider answered with an error ({status})")?;
                match message.as_str() {
                    "" => f.write_str(".")?,
                    words => write!(f, ": {words}")?,
                }
                match status {
                    404 => f.write_str(" Check the model's name, and the base address: many end in /v1."),
                    _ => Ok(()),
                }
            }
            Failure::Reported { message } if message.is_empty() => {
                f.write_str("The model's provider broke its answer off with an error.")
            }
            Failure::Reported { message } => {
                write!(f, "The model's provider broke its answer off with an error: {message}")
            }
            Failure::CutOff => {
                f.write_str("The connection to the model's provider broke off before the answer was complete.")
            }
            Failure::Invalid(what) => {
                write!(f, "The model's provider sent {what}. Check its kind and its base address.")
            }
            Failure::Empty => f.write_str("The model gave an empty answer."),
            Failure::Filtered => f.write_str("The content filter of the model's provider stopped the answer."),
            Failure::Resting { left } => {
                let seconds = left.as_secs_f64().ceil();
                write!(f, "The model's provider has failed several times in a row. It is asked again in {seconds} s.")
            }
            Failure::Local(what) => f.write_str(what),
            Failure::Busy => f.write_str("The model on this server has as many questions waiting as it can answer in time. Try again in a moment, or choose a provider's model."),
            Failure::Misconfigured(what) => write!(f, "The provider's {what}."),
        }
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unreachable::UnknownHost => {
                "The model's provider was not found: its host name is unknown. Check its base address."
            }
            Unreachable::Refused => {
                "The model's provider refused the connection. Check that it runs, and its base address and port."
            }
            Unreachable::TimedOut => {
                "No connection to the model's provider came about in time. Check its base address and the network."
            }
            Unreachable::Tls => {
                "No secure connection to the model's provider came about. Check its certificate, and whether its base \
                 address should begin with http or https."
            }
            Unreachable::Forbidden => {
                "The server does not reach the model's provider: its address is a private one, or outgoing connections \
                 are switched off. The operator can allow it with `egress.allow`."
            }
            Unreachable::Other => {
                "No connection to the model's provider came about. Check its base address and the network."
            }
        })
    }
}

impl std::error::Error for Failure {}

/// For operations that exist to reach a provider (a test of its settings, its list of models).
impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let code = match failure {
            Failure::Misconfigured(_) => Code::BadRequest,
            Failure::Busy => Code::Unavailable,
            _ => Code::Upstream,
        };
        let error = Error::new(code, failure.to_string());
        match failure {
            Failure::RateLimited { retry_after: Some(wait) } => error.retry_after(wait.as_secs_f64().ceil() as u64),
            Failure::Busy => error.retry_after(BUSY_SECONDS),
            _ => error,
        }
    }
}

/// About how long a short answer of a small model takes.
const BUSY_SECONDS: u64 = 20;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(error: Value) -> String {
        match Failure::from_error(&error).tidied(Some("sk-secret")) {
            Failure::Reported { message } => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn finds_the_words_where_providers_put_them() {
        assert_eq!(words(json!({"message": "too long"})), "too long");
        assert_eq!(words(json!("plain")), "plain");
        assert_eq!(words(json!({"message": "upstream", "metadata": {"raw": "busy"}})), "upstream: busy");
        assert_eq!(words(json!({"code": null})), "");
        let body = br#"[{"error": {"code": 400, "message": "API key not valid"}}]"#;
        assert_eq!(Failure::from_status(400, body, None), Failure::Unauthorized, "Google says so of a wrong key");
        let body = br#"[{"error": {"code": 400, "message": "too many contents"}}]"#;
        assert_eq!(Failure::from_status(400, body, None), Failure::Status { status: 400, message: "too many contents".into() });
    }

    #[test]
    fn repeats_neither_the_key_nor_control_characters() {
        assert_eq!(
            words(json!({"message": "Incorrect key: sk-secret\r\n\u{1b}[31mred"})),
            "Incorrect key: [key] [31mred"
        );
        assert_eq!(words(json!("x".repeat(1000))).chars().count(), 301);
    }

    #[test]
    fn spent_credit_is_not_a_rate_limit() {
        let body = br#"{"error": {"type": "insufficient_quota", "message": "You exceeded your quota"}}"#;
        assert_eq!(Failure::from_status(429, body, None), Failure::OutOfCredit);
        assert_eq!(Failure::from_status(429, b"{}", None), Failure::RateLimited { retry_after: None });
        assert_eq!(Failure::from_error(&json!({"code": "429"})), Failure::RateLimited { retry_after: None });
    }

    #[test]
    fn every_sentence_is_one() {
        let failures = [
            Failure::Unreachable(Unreachable::Refused),
            Failure::Timeout(Wait::FirstByte),
            Failure::Unauthorized,
            Failure::RateLimited { retry_after: Some(Duration::from_millis(1500)) },
            Failure::OutOfCredit,
            Failure::Status { status: 500, message: String::new() },
            Failure::CutOff,
            Failure::Invalid("something that is no answer"),
            Failure::Empty,
            Failure::Resting { left: Duration::from_secs(9) },
            Failure::Busy,
            Failure::Misconfigured("base address is not a URL"),
        ];
        for failure in failures {
            let sentence = failure.to_string();
            assert!(sentence.ends_with('.') && sentence.starts_with("The "), "{sentence}");
        }
    }
}
