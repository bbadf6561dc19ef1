//! Who calls with a site's key, what they sent, and how they are answered: in the contract's own form, `{"error": "…"}`.

use poem::{
    Endpoint, IntoResponse, Middleware, Request, RequestBody, Response,
    http::{HeaderValue, Method, StatusCode, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
};
use serde_json::{Value, json};

use super::{model::Site, store};
use crate::{
    app::App,
    error::{Code, Error},
    http::{ClientAddress, Limiter, from_poem, read_limited},
};

/// An answer in the contract's form.
#[derive(Debug)]
pub struct Answer(Response);

impl Answer {
    pub fn ok(status: u16, body: &Value) -> Self {
        Answer(Response::builder().status(StatusCode::from_u16(status).unwrap_or(StatusCode::OK)).content_type("application/json; charset=utf-8").body(body.to_string()))
    }

    pub fn refuse(status: u16, text: &str) -> Self {
        Self::ok(status, &json!({ "error": text }))
    }

    pub fn of(response: impl IntoResponse) -> Self {
        Answer(response.into_response())
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        if error.code() == Code::Internal {
            tracing::error!(?error, "a request failed");
        }
        let text = match error.code() {
            Code::RateLimit => "Rate limit exceeded",
            _ => error.message(),
        };
        let mut answer = Self::refuse(error.code().status(), text);
        if let Some(seconds) = error.retry_after_seconds() {
            let headers = answer.0.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            if let Some(limit) = error.used_up_limit() {
                for (name, value) in [("ratelimit-limit", u64::from(limit)), ("ratelimit-remaining", 0), ("ratelimit-reset", seconds)] {
                    headers.insert(name, HeaderValue::from(value));
                }
            }
        }
        answer
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Answer {
    fn meta() -> MetaResponses {
        let schema = || MetaSchemaRef::Inline(Box::new(MetaSchema::ANY));
        let reply = |status, description| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType { content_type: "application/json", schema: schema() }],
            headers: vec![],
        };
        let said = [
            (200, "As the contract shows it."),
            (201, "It was taken."),
            (400, "The request cannot be read."),
            (401, "`{\"error\": \"Invalid API key\"}`"),
            (403, "`{\"error\": \"Origin not allowed\"}`"),
            (404, "`{\"error\": \"Conversation not found\"}`"),
            (405, "The address does not take this method."),
            (409, "`{\"error\": \"…\"}`: there is a conversation already."),
            (413, "The body is larger than the limit."),
            (415, "The body's content type is not taken here."),
            (416, "The file has no such range."),
            (422, "`{\"error\": \"…\"}`: what is missing or wrong."),
            (429, "`{\"error\": \"Rate limit exceeded\"}`, with `Retry-After`."),
            (500, "The server's own fault."),
            (503, "Not possible just now."),
        ];
        MetaResponses { responses: said.into_iter().map(|(status, description)| reply(status, description)).collect() }
    }

    fn register(_: &mut Registry) {}
}

/// Somebody with a site's key, or the refusal of who has none.
pub struct Caller(std::result::Result<(Site, ClientAddress), Answer>);

impl Caller {
    /// The site, once the key, the origin and the limit let the caller in.
    pub fn enter(self, limiter: &Limiter<(std::net::IpAddr, String)>) -> std::result::Result<Site, Answer> {
        let (site, address) = self.0?;
        if !site.trusts(address.0) {
            limiter.check(&(address.limit_key(), site.id.clone()))?;
        }
        Ok(site)
    }
}

fn identify(request: &Request) -> std::result::Result<(Site, ClientAddress), Answer> {
    let app = request.data::<App>().ok_or_else(|| Error::internal("the server hands every request its App"))?;
    let address = request.data::<ClientAddress>().copied().ok_or_else(|| Error::internal("Front gives every request an address"))?;
    let bearer = || request.header(header::AUTHORIZATION).and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, key)| key.trim().to_owned());
    // A link to a file cannot send headers.
    let in_address = || {
        let is_file = request.method() == Method::GET && request.uri().path().contains("/files/");
        let query = request.uri().query().filter(|_| is_file)?;
        url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "site_key").map(|(_, key)| key.into_owned())
    };
    let key = request.header("x-api-key").map(|key| key.trim().to_owned()).or_else(bearer).or_else(in_address);
    let invalid = || Answer::refuse(401, "Invalid API key");
    let key = key.filter(|key| !key.is_empty()).ok_or_else(invalid)?;
    let site = app.db.read(|connection| store::find_by_key(connection, &key))?.ok_or_else(invalid)?;
    if !site.allows(request.header(header::ORIGIN)) {
        return Err(Answer::refuse(403, "Origin not allowed"));
    }
    Ok((site, address))
}

impl<'a> ApiExtractor<'a> for Caller {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];

    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        Ok(Caller(identify(request)))
    }
}

/// The fields that were sent, as JSON or as a form. What cannot be read has no fields.
pub struct Fields(Value);

impl Fields {
    /// A field's text, unless it is missing, blank or no text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0[name].as_str().filter(|text| !text.trim().is_empty())
    }
}

impl<'a> ApiExtractor<'a> for Fields {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut Registry) {}

    fn request_meta() -> Option<MetaRequest> {
        let mut schema = MetaSchema::new("object");
        for name in ["name", "email", "message", "visitor_token"] {
            schema.properties.push((name, MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")))));
        }
        Some(MetaRequest { description: None, content: vec![MetaMediaType { content_type: "application/json", schema: MetaSchemaRef::Inline(Box::new(schema)) }], required: true })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let bytes = read_limited(body, 1 << 20).await?;
        let is_form = request.content_type().is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded"));
        let value = if is_form {
            Value::Object(url::form_urlencoded::parse(&bytes).map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
        } else {
            serde_json::from_slice(&bytes).unwrap_or(Value::Null)
        };
        Ok(Fields(value))
    }
}

/// Every preflight is answered, because it carries no key; errors of the framework take the contract's form.
#[derive(Clone)]
pub struct SiteCors;

impl<E: Endpoint> Middleware<E> for SiteCors {
    type Output = SiteCorsEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        SiteCorsEndpoint(inner)
    }
}

pub struct SiteCorsEndpoint<E>(E);

impl<E: Endpoint> Endpoint for SiteCorsEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        if path != "/api/v1/chat" && !path.starts_with("/api/v1/chat/") {
            return self.0.call(request).await.map(IntoResponse::into_response);
        }
        let origin = request.headers().get(header::ORIGIN).cloned();
        let is_preflight = request.method() == Method::OPTIONS;
        let mut response = if is_preflight {
            StatusCode::NO_CONTENT.into_response()
        } else {
            match self.0.call(request).await {
                Ok(response) => response.into_response(),
                Err(error) => plain(from_poem(error, &method, &path)).await,
            }
        };
        let refused = response.status() == StatusCode::FORBIDDEN;
        let headers = response.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = origin.filter(|_| !refused) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("X-Chat-Id, X-Request-Id, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"));
            if is_preflight {
                headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
                headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Content-Type, X-Api-Key, Authorization"));
                headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
            }
        }
        Ok(response)
    }
}

/// Of an error's body only the sentence.
async fn plain(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let bytes = body.into_bytes().await.unwrap_or_default();
    let error = serde_json::from_slice::<Value>(&bytes).map_or_else(|_| json!("Something is wrong with this request."), |body| body["error"].clone());
    Response::from_parts(parts, json!({ "error": error }).to_string().into())
}

