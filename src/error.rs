//! The one `Error` that every module returns, and its closed list of codes.
//!
//! An error is written for the person who reads it: what happened, and what to do. How it looks on the wire is the
//! business of `http`; the cause inside (`source`) goes to the log and never to a client.

use std::{borrow::Cow, collections::BTreeMap, fmt};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong; each kind has one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    TooLarge,
    UnsupportedMediaType,
    RateLimit,
    Internal,
    Upstream,
    Unavailable,
}

impl Code {
    pub const ALL: [Code; 12] = [
        Code::BadRequest,
        Code::Unauthorized,
        Code::Forbidden,
        Code::NotFound,
        Code::MethodNotAllowed,
        Code::Conflict,
        Code::TooLarge,
        Code::UnsupportedMediaType,
        Code::RateLimit,
        Code::Internal,
        Code::Upstream,
        Code::Unavailable,
    ];

    /// The `type` half of the wire's `type:context`.
    pub const fn name(self) -> &'static str {
        match self {
            Code::BadRequest => "bad_request",
            Code::Unauthorized => "unauthorized",
            Code::Forbidden => "forbidden",
            Code::NotFound => "not_found",
            Code::MethodNotAllowed => "method_not_allowed",
            Code::Conflict => "conflict",
            Code::TooLarge => "too_large",
            Code::UnsupportedMediaType => "unsupported_media_type",
            Code::RateLimit => "rate_limit",
            Code::Internal => "internal",
            Code::Upstream => "upstream",
            Code::Unavailable => "unavailable",
        }
    }

    pub const fn status(self) -> u16 {
        match self {
            Code::BadRequest => 400,
            Code::Unauthorized => 401,
            Code::Forbidden => 403,
            Code::NotFound => 404,
            Code::MethodNotAllowed => 405,
            Code::Conflict => 409,
            Code::TooLarge => 413,
            Code::UnsupportedMediaType => 415,
            Code::RateLimit => 429,
            Code::Internal => 500,
            Code::Upstream => 502,
            Code::Unavailable => 503,
        }
    }
}

/// A failure, told to a person in `message` and to a program in `code` and `details`.
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    context: &'static str,
    message: Cow<'static, str>,
    details: BTreeMap<String, String>,
    retry_after_seconds: Option<u64>,
    limit: Option<u32>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Error(Box::new(Inner {
            code,
            context: Self::DEFAULT_CONTEXT,
            message: message.into(),
            details: BTreeMap::new(),
            retry_after_seconds: None,
            limit: None,
            source: None,
        }))
    }

    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    /// A field of the request is to blame; `why` completes "`field` …".
    pub fn invalid(field: impl Into<String>, why: impl Into<String>) -> Self {
        let (field, why) = (field.into(), why.into());
        Self::bad_request(format!("`{field}` {why}.")).detail(field, why)
    }

    /// Nothing with this id, as far as the caller may know.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}."))
    }

    pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Unauthorized, message)
    }

    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Forbidden, message)
    }

    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Conflict, message)
    }

    pub fn too_large(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::TooLarge, message)
    }

    pub fn upstream(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Upstream, message)
    }

    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Unavailable, message)
    }

    /// Our own fault. The client sees a sentence and the request id, the log sees `source`.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(Code::Internal, "Something went wrong on the server. Its log has the details under this request's id.")
            .source(source)
    }

    /// Where nobody has said otherwise.
    pub const DEFAULT_CONTEXT: &'static str = "api";

    /// The context, where it is the default one and what was asked for is to blame, and not who asked.
    #[must_use]
    pub fn on_surface(&self, surface: &'static str) -> &'static str {
        let blames_the_request = matches!(
            self.0.code,
            Code::BadRequest | Code::TooLarge | Code::UnsupportedMediaType | Code::RateLimit
        );
        if blames_the_request && self.0.context == Self::DEFAULT_CONTEXT { surface } else { self.0.context }
    }

    #[must_use]
    pub fn context(mut self, context: &'static str) -> Self {
        self.0.context = context;
        self
    }

    #[must_use]
    pub fn detail(mut self, field: impl Into<String>, why: impl Into<String>) -> Self {
        self.0.details.insert(field.into(), why.into());
        self
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_seconds = Some(seconds);
        self
    }

    /// The requests a period that were used up.
    #[must_use]
    pub fn limit(mut self, requests: u32) -> Self {
        self.0.limit = Some(requests);
        self
    }

    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub fn code(&self) -> Code {
        self.0.code
    }

    /// `type:context`, as the wire has it.
    pub fn wire_code(&self) -> String {
        format!("{}:{}", self.0.code.name(), self.0.context)
    }

    /// The same on the surface that was asked.
    pub fn wire_code_on(&self, surface: &'static str) -> String {
        format!("{}:{}", self.0.code.name(), self.on_surface(surface))
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn details(&self) -> &BTreeMap<String, String> {
        &self.0.details
    }

    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.0.retry_after_seconds
    }

    pub fn used_up_limit(&self) -> Option<u32> {
        self.0.limit
    }

    pub fn is_not_found(&self) -> bool {
        self.0.code == Code::NotFound
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// For the log: the message with its chain of causes.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.wire_code(), self.0.message)?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, " <- {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// SQLite's own failures. A full disk is the operator's to mend and is told; everything else is ours.
impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => {
                Error::unavailable("The server's disk is full, so nothing can be saved. Free some space; it goes on by itself.")
                    .retry_after(10)
                    .source(error)
            }
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Error::unavailable("The database is busy. Try again in a moment.").retry_after(1).source(error)
            }
            _ => Error::internal(error),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Error::internal(error)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Error::unavailable("The server's disk is full, so nothing can be saved. Free some space; it goes on by itself.")
                .retry_after(10)
                .source(error);
        }
        Error::internal(error)
    }
}
