//! Request bodies, read to a limit, and the two answers that are not 200.

use poem::{IntoResponse, Request, RequestBody, Response, error::ReadBodyError, http::StatusCode};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    payload::{Json, Payload},
    registry::{MetaMediaType, MetaRequest, MetaResponse, MetaResponses, Registry},
    types::{MaybeUndefined, ToJSON, Type},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned},
};
use serde_json::Value;

use crate::error::{Code, Error, Result};

/// A JSON body of at most `KIB` kibibytes. It is read with serde, so that an error names the field that is to blame by its
/// path; unknown fields are ignored.
#[derive(Debug)]
pub struct Body<T, const KIB: usize = 1024>(pub T);

impl<'a, T: Type + DeserializeOwned + Send, const KIB: usize> ApiExtractor<'a> for Body<T, KIB> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }],
            required: true,
        })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        Ok(Body(read_json(request, body, KIB << 10).await?))
    }
}

/// A [`Body`] whose faults are told only when it is asked for, so that a limit has counted the request before.
pub struct Counted<T, const KIB: usize = 1024>(Result<T>);

impl<T, const KIB: usize> Counted<T, KIB> {
    /// What was sent; to be called once the limits have been asked.
    ///
    /// # Errors
    /// Those of reading it.
    pub fn read(self) -> Result<T> {
        self.0
    }
}

impl<'a, T: Type + DeserializeOwned + Send, const KIB: usize> ApiExtractor<'a> for Counted<T, KIB> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        <Body<T, KIB> as ApiExtractor<'a>>::request_meta()
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        Ok(Counted(read_json(request, body, KIB << 10).await))
    }
}

async fn read_json<T: DeserializeOwned>(request: &Request, body: &mut RequestBody, limit: usize) -> Result<T> {
    expect_json(request)?;
    parse_json(&read_limited(body, limit).await?)
}

/// For a field that may be left out but not taken away: `null` is refused.
///
/// # Errors
/// Where it is `null`, or not of its type.
pub fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> std::result::Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn expect_json(request: &Request) -> Result<()> {
    let content_type = request.content_type().unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    Err(Error::new(Code::UnsupportedMediaType, "Send the body as JSON, with `Content-Type: application/json`."))
}

/// Reads the whole body, or refuses it once it is over `limit` bytes.
pub async fn read_limited(body: &mut RequestBody, limit: usize) -> Result<Vec<u8>> {
    let body = body.take().map_err(|error| Error::internal(error.to_string()))?;
    body.into_bytes_limit(limit).await.map(|bytes| bytes.to_vec()).map_err(|error| match error {
        ReadBodyError::PayloadTooLarge => Error::too_large(format!("The body is larger than {}, which is the most that this address takes.", size(limit))),
        _ => Error::bad_request("The body ended before all of it was there."),
    })
}

fn size(limit: usize) -> String {
    if limit >= 1 << 20 { format!("{} MiB", limit >> 20) } else { format!("{} KiB", limit >> 10) }
}

/// Reads JSON so that an error names the field that is to blame.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::bad_request("The body is empty; this address needs a JSON object."));
    }
    // serde would read an array's elements into a struct's fields by their places.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Error::bad_request("The body is a JSON array; this address needs a JSON object."));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| blame(&error))?;
    reader.end().map_err(|_| Error::bad_request("The body holds more than one JSON value."))?;
    Ok(value)
}

/// Turns serde's message into one that names the field.
fn blame(error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let inner = error.inner();
    if inner.is_syntax() || inner.is_eof() {
        return Error::bad_request(format!("The body is not JSON: it breaks off at line {}, column {}.", inner.line(), inner.column()));
    }
    // serde_json adds where it stood; the field says that better.
    let message = inner.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(text, _)| text);
    let path = error.path().to_string();
    let inside = if path == "." { String::new() } else { path };
    if let Some(field) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        let field = if inside.is_empty() { field.to_owned() } else { format!("{inside}.{field}") };
        return Error::invalid(field, "is required");
    }
    let message = &in_plain_words(message);
    if inside.is_empty() {
        return Error::bad_request(format!("The body is not as expected: {message}."));
    }
    let why = message.strip_prefix("invalid type: ").map_or_else(|| format!("is not valid: {message}"), |rest| format!("has the wrong type: {rest}"));
    Error::invalid(inside, why)
}

/// serde names Rust's types; whoever sent the body knows JSON's.
fn in_plain_words(message: &str) -> String {
    let (what, expected) = message.rsplit_once(", expected ").unwrap_or((message, ""));
    let what = what.replace("floating point `", "number `").replace("integer `", "number `").replace("map", "object").replace("sequence", "array");
    let what = match what.strip_prefix("unknown variant ") {
        Some(variant) => format!("{variant} is none of the values"),
        None => what,
    };
    let number = |name: &str| matches!(name, "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize");
    match expected {
        "" => what,
        name if number(name) => format!("{what}, expected a whole number"),
        "f32" | "f64" => format!("{what}, expected a number"),
        name if name.starts_with("struct ") || name == "a map" => format!("{what}, expected an object"),
        "a sequence" => format!("{what}, expected an array"),
        "a boolean" => format!("{what}, expected true or false"),
        name => format!("{what}, expected {}", name.trim_start_matches("one of ")),
    }
}

/// For a field that holds an object: serde would take a list for it, field by field.
pub fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> std::result::Result<Option<T>, D::Error> {
    let fields = Option::<serde_json::Map<String, Value>>::deserialize(deserializer)?;
    fields.map(|fields| T::deserialize(Value::Object(fields)).map_err(de::Error::custom)).transpose()
}

/// 201 with the new resource.
pub struct Created<T>(pub T);

impl<T: ToJSON> IntoResponse for Created<T>
where
    T: Send,
{
    fn into_response(self) -> Response {
        Json(self.0).into_response().with_status(StatusCode::CREATED).into_response()
    }
}

impl<T: ToJSON> ApiResponse for Created<T> {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![MetaResponse {
                description: "It was made.",
                status: Some(201),
                status_range: None,
                content: vec![MetaMediaType { content_type: Json::<T>::CONTENT_TYPE, schema: T::schema_ref() }],
                headers: vec![],
            }],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// 204: done, and nothing to say.
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl ApiResponse for NoContent {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![MetaResponse { description: "Done.", status: Some(204), status_range: None, content: vec![], headers: vec![] }] }
    }

    fn register(_: &mut Registry) {}
}

/// 302 to another address, with cookies for the way.
pub struct Found {
    pub location: String,
    pub cookies: Vec<String>,
}

impl IntoResponse for Found {
    fn into_response(self) -> Response {
        let mut response = Response::builder().status(StatusCode::FOUND).header("location", self.location).header("cache-control", "no-store");
        for cookie in self.cookies {
            response = response.header("set-cookie", cookie);
        }
        response.finish()
    }
}

impl ApiResponse for Found {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![MetaResponse { description: "Go on at `Location`.", status: Some(302), status_range: None, content: vec![], headers: vec![] }] }
    }

    fn register(_: &mut Registry) {}
}

/// One field of a PATCH: `null` clears it, a value sets it, left out it stays.
pub fn patch<T>(field: &mut Option<T>, change: MaybeUndefined<T>) {
    match change {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => *field = None,
        MaybeUndefined::Value(value) => *field = Some(value),
    }
}
