//! The one rendering of every error, ours and the framework's.

use poem::{
    IntoResponse, Response,
    error::{MethodNotAllowedError, NotFoundError, ReadBodyError, ResponseError, SizedLimitError},
    http::{HeaderValue, Method, StatusCode, header},
};
use poem_openapi::{
    ApiResponse, Object,
    error::{ContentTypeError, ParseMultipartError, ParseParamError, ParsePathError, ParseRequestPayloadError},
    payload::{Json, Payload},
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};

use crate::error::{Code, Error};

/// An error as it looks on the wire.
#[derive(Debug, Object)]
pub struct ErrorBody {
    /// What happened, for a person.
    pub error: String,
    /// `type:context`, for a program.
    pub code: String,
    /// Which field is to blame, and why.
    #[oai(skip_serializing_if_is_none)]
    pub details: Option<std::collections::HashMap<String, String>>,
}

impl ResponseError for Error {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        respond(self)
    }
}

/// Which of the contract's surfaces an address belongs to: what a client reads after the colon of a code.
pub(super) fn surface(method: &Method, path: &str) -> &'static str {
    let Some(rest) = path.strip_prefix("/api/") else { return Error::DEFAULT_CONTEXT };
    let mut parts = rest.split('/');
    match (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default()) {
        ("chat", _) => "chat",
        ("widget", _) => "widget",
        ("auth", _) => "auth",
        ("sms", _) => "sms",
        ("assistants", "sms") => "sms",
        // Asking in a conversation's own address is chat too; reading there is not.
        ("workspaces", "conversations") if method == Method::POST && rest.ends_with("/messages") => "chat",
        ("workspaces", "assistants") if rest.split('/').nth(4) == Some("sms") => "sms",
        _ => Error::DEFAULT_CONTEXT,
    }
}

pub fn respond(error: &Error) -> Response {
    respond_on(error, Error::DEFAULT_CONTEXT)
}

fn respond_on(error: &Error, surface: &'static str) -> Response {
    if error.code() == Code::Internal {
        tracing::error!(?error, "a request failed");
    } else if std::error::Error::source(error).is_some() {
        tracing::warn!(?error, "a request was refused");
    }
    let body = ErrorBody {
        error: error.message().to_owned(),
        code: error.wire_code_on(surface),
        details: (!error.details().is_empty()).then(|| error.details().clone().into_iter().collect()),
    };
    let mut response = Json(body).into_response();
    response.set_status(error.status());
    if let Some(seconds) = error.retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Every status that an operation may answer instead of its own, so that the document promises what happens.
impl ApiResponse for Error {
    fn meta() -> MetaResponses {
        const DESCRIPTIONS: [(Code, &str); 12] = [
            (Code::BadRequest, "The request is malformed; `details` names the field that is to blame."),
            (Code::Unauthorized, "No credentials, or they have expired or been revoked."),
            (Code::Forbidden, "Known, but not allowed."),
            (Code::NotFound, "There is no such thing in the caller's reach."),
            (Code::MethodNotAllowed, "The address does not take this method."),
            (Code::Conflict, "A duplicate, or an edit that lost a race."),
            (Code::TooLarge, "The body is larger than the limit."),
            (Code::UnsupportedMediaType, "The body's content type is not taken here."),
            (Code::RateLimit, "Too many requests; `Retry-After` says when to try again."),
            (Code::Internal, "The server's own fault; its log has the request's id."),
            (Code::Upstream, "A service that this needs did not answer well."),
            (Code::Unavailable, "Not possible just now; `Retry-After` says when to try again."),
        ];
        MetaResponses {
            responses: DESCRIPTIONS
                .into_iter()
                .map(|(code, description)| MetaResponse {
                    description,
                    status: Some(code.status()),
                    status_range: None,
                    content: vec![MetaMediaType { content_type: Json::<ErrorBody>::CONTENT_TYPE, schema: ErrorBody::schema_ref() }],
                    headers: if matches!(code, Code::RateLimit | Code::Unavailable) {
                        vec![MetaHeader {
                            name: "Retry-After".to_owned(),
                            description: Some("Seconds to wait.".to_owned()),
                            required: false,
                            deprecated: false,
                            schema: u64::schema_ref(),
                        }]
                    } else {
                        vec![]
                    },
                })
                .collect(),
        }
    }

    fn register(registry: &mut Registry) {
        ErrorBody::register(registry);
    }
}

/// Reads what the framework objects to as one of our errors.
pub fn from_poem(error: poem::Error, method: &Method, path: &str) -> Response {
    let surface = surface(method, path);
    if let Some(error) = error.downcast_ref::<Error>() {
        return respond_on(error, surface);
    }
    if error.is_from_response() {
        return error.into_response();
    }
    respond_on(&translate(&error), surface)
}

fn translate(error: &poem::Error) -> Error {
    if let Some(error) = error.downcast_ref::<ParseParamError>() {
        return Error::invalid(error.name, why_not(&error.reason));
    }
    if error.is::<ParsePathError>() {
        return Error::not_found("address");
    }
    if let Some(error) = error.downcast_ref::<ParseRequestPayloadError>() {
        return Error::bad_request(format!("The body cannot be read: {}.", plain(&error.reason)));
    }
    if let Some(error) = error.downcast_ref::<ParseMultipartError>() {
        return Error::bad_request(format!("The form cannot be read: {}.", plain(&error.reason)));
    }
    if let Some(error) = error.downcast_ref::<ContentTypeError>() {
        return Error::new(
            Code::UnsupportedMediaType,
            match error {
                ContentTypeError::NotSupported { content_type } => {
                    format!("A body of type `{}` is not taken here.", content_type.chars().take(80).collect::<String>())
                }
                ContentTypeError::ExpectContentType => "The request has no `Content-Type` header; send `application/json`.".to_owned(),
            },
        );
    }
    if let Some(ReadBodyError::PayloadTooLarge) = error.downcast_ref::<ReadBodyError>() {
        return Error::too_large("The body is larger than this address takes.");
    }
    if let Some(SizedLimitError::PayloadTooLarge) = error.downcast_ref::<SizedLimitError>() {
        return Error::too_large("The body is larger than this address takes.");
    }
    if error.is::<NotFoundError>() {
        return Error::new(Code::NotFound, "There is nothing at this address.");
    }
    if error.is::<MethodNotAllowedError>() {
        return Error::new(Code::MethodNotAllowed, "This address does not take that method.");
    }
    match error.status() {
        StatusCode::NOT_FOUND => Error::new(Code::NotFound, "There is nothing at this address."),
        StatusCode::METHOD_NOT_ALLOWED => Error::new(Code::MethodNotAllowed, "This address does not take that method."),
        StatusCode::PAYLOAD_TOO_LARGE => Error::too_large("The body is larger than this address takes."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Error::new(Code::UnsupportedMediaType, "A body of this type is not taken here."),
        StatusCode::UNAUTHORIZED => Error::unauthorized("Sign in, or send an API token."),
        status if status.is_client_error() => Error::bad_request(format!("{}.", plain(&error.to_string()))),
        _ => Error::internal(error.to_string()),
    }
}

/// What the framework says of a parameter (`failed to parse "integer_int64": … (occurred while parsing "…")`), for a person.
fn why_not(reason: &str) -> String {
    let parsed = reason.strip_prefix("failed to parse \"").and_then(|rest| rest.split_once("\": "));
    let Some((kind, why)) = parsed else { return plain(reason) };
    let why = why.split(" (occurred while parsing").next().unwrap_or(why);
    match kind {
        kind if kind.contains("integer") => "must be a whole number".to_owned(),
        kind if kind.contains("number") => "must be a number".to_owned(),
        kind if kind.contains("boolean") => "must be true or false".to_owned(),
        _ => plain(why),
    }
}

/// A framework's message as the rest of a sentence.
fn plain(reason: &str) -> String {
    let text: String = reason.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
    text.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_surface() {
        for (method, path, expected) in [
            (Method::POST, "/api/chat", "chat"),
            (Method::POST, "/api/chat/chat_1/messages/msg_1/stop", "chat"),
            (Method::POST, "/api/workspaces/ws_1/conversations/chat_1/messages", "chat"),
            (Method::GET, "/api/workspaces/ws_1/conversations/chat_1/messages", "api"),
            (Method::POST, "/api/widget/ast_1/feedback", "widget"),
            (Method::POST, "/api/auth/signin/credentials", "auth"),
            (Method::PUT, "/api/workspaces/ws_1/assistants/ast_1/sms", "sms"),
            (Method::PUT, "/api/assistants/ast_1/sms/test", "sms"),
            (Method::POST, "/api/assistants", "api"),
            (Method::GET, "/healthz", "api"),
        ] {
            assert_eq!(surface(&method, path), expected, "{path}");
        }
    }
}
