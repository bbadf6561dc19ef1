//! The outermost step of every request: its id, the client's address, the flat addresses of the seeds, the rendering of
//! whatever error comes back, and one line in the log.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use ipnet::IpNet;
use poem::{
    Endpoint, IntoResponse, Middleware, Request, Response, Result,
    http::{HeaderName, HeaderValue, StatusCode, Uri, header, uri::PathAndQuery},
};

use super::{
    address::client_address,
    limits,
    methods::Methods,
    render::{from_poem, respond},
};
use crate::{clock::Clock, error::Error, ids::Ids};

/// The id that a response carries and the log has too.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Which workspace the address names. The flat addresses (`/api/assistants`, …) name none: they mean the caller's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    pub workspace_id: Option<String>,
    pub flat: bool,
}

/// The collections that have a flat address besides the one in their workspace.
pub(super) const FLAT: [&str; 5] = ["assistants", "projects", "contacts", "tickets", "webhooks"];

/// What stands for the workspace in the address that a flat one is served under.
const OWN: &str = "-";

#[derive(Clone)]
pub struct Front {
    pub clock: Clock,
    pub ids: Ids,
    pub trusted_proxies: Arc<Vec<IpNet>>,
    /// What each address takes, for `Allow`.
    pub methods: Arc<Methods>,
}

impl<E: Endpoint> Middleware<E> for Front {
    type Output = FrontEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        FrontEndpoint { inner, front: self.clone() }
    }
}

pub struct FrontEndpoint<E> {
    inner: E,
    front: Front,
}

impl<E: Endpoint> Endpoint for FrontEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let started = self.front.clock.now();
        let id = self.front.ids.new_id("req", started);
        let address = client_address(&request, &self.front.trusted_proxies);
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let scope = scope(&mut request);
        request.extensions_mut().insert(RequestId(id.clone()));
        request.extensions_mut().insert(address);
        request.extensions_mut().insert(scope);
        let span = tracing::info_span!("request", id = %id);
        // A panic is one request's misfortune: it is answered like any fault of ours, and no lock of ours is poisoned by it.
        let answering = async {
            let outcome = AssertUnwindSafe(self.inner.call(request)).catch_unwind().await;
            match outcome {
                Ok(Ok(response)) => response.into_response(),
                Ok(Err(error)) => from_poem(error, &method, &path),
                Err(panic) => respond(&Error::internal(format!("a handler panicked: {}", said(panic.as_ref())))),
            }
        };
        let answering = limits::told(answering, |response: &mut Response| response.headers_mut());
        let mut response = tracing::Instrument::instrument(answering, span.clone()).await;
        let _in_span = span.enter();
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, self.front.methods.allowed(&path));
        }
        // On errors too, which are made here; a page or a file may have said it already.
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        // What the API answers is one caller's, and of this moment; files and streams say themselves what may be kept.
        if path.starts_with("/api/") && !response.headers().contains_key(header::CACHE_CONTROL) {
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(HeaderName::from_static("x-request-id"), value);
        }
        let elapsed_ms = self.front.clock.now().since(started).as_millis();
        tracing::debug!(%method, %path, status = response.status().as_u16(), elapsed_ms, "answered");
        Ok(response)
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("nothing")
}

/// Reads the workspace from the address, and leads a flat address to the handlers of the full one.
fn scope(request: &mut Request) -> Scope {
    let path = request.uri().path();
    let Some(rest) = path.strip_prefix("/api/") else { return Scope::default() };
    if let Some(rest) = rest.strip_prefix("workspaces/") {
        let id = rest.split('/').next().unwrap_or_default();
        return Scope { workspace_id: (!id.is_empty() && id != OWN).then(|| id.to_owned()), flat: id == OWN };
    }
    if !FLAT.contains(&rest.split('/').next().unwrap_or_default()) {
        return Scope::default();
    }
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("/api/workspaces/{OWN}/{rest}{query}");
    if let Ok(path_and_query) = target.parse::<PathAndQuery>() {
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(path_and_query);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    Scope { workspace_id: None, flat: true }
}

#[cfg(test)]
mod tests {
    use poem::{EndpointExt, endpoint::make_sync};

    use super::*;

    #[tokio::test]
    async fn a_panic_is_answered_as_a_fault_of_ours() {
        let front = Front { clock: Clock::system(), ids: Ids::system(), trusted_proxies: Arc::default(), methods: Arc::default() };
        let broken = make_sync(|_| -> Response { panic!("the secret plan") }).with(front);
        let response = broken.call(Request::default()).await.unwrap();
        assert_eq!(response.status(), 500);
        assert!(response.header("x-request-id").is_some());
        let body = response.into_body().into_string().await.unwrap();
        assert!(body.contains("internal") && !body.contains("secret"), "{body}");
    }
}
