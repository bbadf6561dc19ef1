//! Cross-origin answers for the widget's addresses: the origins on the assistant's list, and no others.

use poem::{
    Endpoint, IntoResponse, Middleware, Request, Response, Result,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
};

use super::guard::{may_embed, origin};
use crate::{app::App, assistants};

/// The headers that a page of another origin may read.
const EXPOSED: &str = "X-Chat-Id, X-Request-Id, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset";

#[derive(Clone)]
pub struct Cors {
    pub app: App,
}

impl<E: Endpoint> Middleware<E> for Cors {
    type Output = CorsEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        CorsEndpoint { inner, app: self.app.clone() }
    }
}

pub struct CorsEndpoint<E> {
    inner: E,
    app: App,
}

impl<E: Endpoint> Endpoint for CorsEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let Some(assistant_id) = request.uri().path().strip_prefix("/api/widget/").and_then(|rest| rest.split('/').next()).map(str::to_owned) else {
            return self.inner.call(request).await.map(IntoResponse::into_response);
        };
        let allowed = self.allowed_origin(request.headers(), &assistant_id);
        let is_preflight = request.method() == Method::OPTIONS;
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let mut response = if is_preflight {
            StatusCode::NO_CONTENT.into_response()
        } else {
            match self.inner.call(request).await {
                Ok(response) => response.into_response(),
                // Rendered here already, so that a page can read why it was refused.
                Err(error) => crate::http::from_poem(error, &method, &path),
            }
        };
        let headers = response.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
            if is_preflight {
                headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
                headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Content-Type, Authorization, Last-Event-ID"));
                headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
            }
        }
        Ok(response)
    }
}

impl<E> CorsEndpoint<E> {
    /// The request's origin, if it may embed this assistant.
    fn allowed_origin(&self, headers: &HeaderMap, assistant_id: &str) -> Option<HeaderValue> {
        let value = headers.get(header::ORIGIN)?.clone();
        let origin = origin(headers);
        let found = self.app.db.read(|connection| assistants::store::find_anywhere(connection, assistant_id)).ok().flatten();
        // What is not there is told to everyone alike: that a page can read the 404 gives nothing away.
        let may = found.is_none_or(|(_, assistant)| !assistant.widget_enabled || may_embed(&self.app, &assistant, origin.as_ref()));
        may.then_some(value)
    }
}
