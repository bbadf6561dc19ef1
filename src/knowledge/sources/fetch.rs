//! One request for a page, within limits on time and size, through the guarded client.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::{Method, StatusCode, header};
use url::Url;

use crate::{
    app::App,
    error::{Error, Result},
};

/// A page with all that it takes to send it.
const TIMEOUT: Duration = Duration::from_secs(20);
const MOST_BYTES: usize = 20 << 20;

/// What came back.
pub struct Fetched {
    pub status: StatusCode,
    /// After redirects.
    pub url: Url,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub is_html: bool,
    /// Whether a header asks not to keep the page.
    pub noindex: bool,
    pub bytes: Vec<u8>,
}

/// Asks for a page; with an ETag or a time, only for one that has changed.
///
/// # Errors
/// `bad_request` with a sentence for the project's owner where the address may not be reached or nothing good came back.
pub async fn fetch(app: &App, url: &Url, etag: Option<&str>, last_modified: Option<&str>) -> Result<Fetched> {
    let mut request = app.client.request(Method::GET, url.as_str())?.timeout(TIMEOUT).header(header::ACCEPT, "text/html,application/xhtml+xml,application/pdf;q=0.9,*/*;q=0.5");
    if let Some(etag) = etag {
        request = request.header(header::IF_NONE_MATCH, etag);
    }
    if let Some(time) = last_modified {
        request = request.header(header::IF_MODIFIED_SINCE, time);
    }
    let response = request.send().await.map_err(|error| unreachable(url, &error))?;
    let text = |name: header::HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let content_type = text(header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    let mut fetched = Fetched {
        status: response.status(),
        url: response.url().clone(),
        etag: text(header::ETAG),
        last_modified: text(header::LAST_MODIFIED),
        is_html: content_type.is_empty() || content_type.contains("html"),
        noindex: text(header::HeaderName::from_static("x-robots-tag")).is_some_and(|value| value.to_ascii_lowercase().contains("noindex")),
        bytes: Vec::new(),
    };
    if !fetched.status.is_success() {
        return Ok(fetched);
    }
    let mut body = response.bytes_stream();
    while let Some(part) = body.next().await {
        let part = part.map_err(|error| unreachable(url, &error))?;
        if fetched.bytes.len() + part.len() > MOST_BYTES {
            return Err(Error::bad_request(format!("{url} is larger than the {} MiB that are read of a page.", MOST_BYTES >> 20)));
        }
        fetched.bytes.extend_from_slice(&part);
    }
    Ok(fetched)
}

/// What went wrong, without what the network's inside looks like.
fn unreachable(url: &Url, error: &reqwest::Error) -> Error {
    let host = url.host_str().unwrap_or_default();
    let mut causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let refused = causes.find_map(|cause| Some(cause.to_string()).filter(|text| text.contains("egress.allow")));
    Error::bad_request(if let Some(refused) = refused {
        refused
    } else if error.is_timeout() {
        format!("{host} did not answer in time. Try again later.")
    } else if error.is_redirect() {
        format!("{url} leads on more than five times, or to an address that may not be reached.")
    } else {
        format!("{host} cannot be reached. Check the address, or try again later.")
    })
}
