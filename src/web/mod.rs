//! The pages and scripts that the executable carries: the dashboard under `/`, the widget's script and what it loads, the
//! full-page chat under `/chat/…`. They were built and compressed when the executable was (`web/build.rs`); nothing is
//! compressed here. An address that is no file and looks like a page is the dashboard's, which has its own idea of addresses.
//!
//! What a page may do in a browser is said here too: its Content-Security-Policy, who may frame it, who may load it.

use poem::{
    Endpoint, Request, Response, Result,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::error::{Code, Error};

/// What `web/build.rs` made.
#[derive(RustEmbed)]
#[folder = "$OUT_DIR/web"]
struct Files;

/// No inline script or style, no `eval`, nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
    connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Answers GET and HEAD of every address that is not the API's.
pub struct Pages;

impl Endpoint for Pages {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if *request.method() != Method::GET && *request.method() != Method::HEAD {
            return Err(Error::new(Code::MethodNotAllowed, "A page can only be read.").into());
        }
        let Some((path, kind)) = find(request.uri().path()) else {
            return Err(Error::new(Code::NotFound, "There is nothing at this address.").into());
        };
        answer(path, kind, request.headers())
    }
}

/// How a file is treated by browsers and caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A page: asked for anew each time, and held to the policy.
    Page,
    /// Its name changes with its content: kept for good. `shared` where pages of other origins load it too.
    Hashed { shared: bool },
    /// `widget.js`, whose name stands in other people's pages: looked at again after some minutes.
    Loader,
    /// A file of a fixed name.
    Plain,
}

/// The file behind an address.
fn find(address: &str) -> Option<(&str, Kind)> {
    let path = address.trim_start_matches('/');
    // The compressed forms are chosen by what the client accepts, not by name.
    if path.ends_with(".br") || path.ends_with(".gz") {
        return None;
    }
    match path {
        "" | "index.html" => return Some(("index.html", Kind::Page)),
        "widget.js" => return Files::get(path).map(|_| (path, Kind::Loader)),
        _ => {}
    }
    if Files::get(path).is_some() {
        let kind = match path.split('/').next() {
            Some("assets") => Kind::Hashed { shared: false },
            Some("widget") => Kind::Hashed { shared: true },
            _ if path.ends_with(".html") => Kind::Page,
            _ => Kind::Plain,
        };
        return Some((path, kind));
    }
    if path.starts_with("chat/") {
        return Files::get("chat.html").map(|_| ("chat.html", Kind::Page));
    }
    // What has an ending is a file that is not there: a page in its place would only be parsed as a script and fail.
    let is_page = !path.starts_with("api/") && path != "api" && !path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    is_page.then_some(("index.html", Kind::Page))
}

fn answer(path: &str, kind: Kind, headers: &HeaderMap) -> Result<Response> {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (file, encoding) = choose(path, accepted);
    let Some(file) = file else {
        return Err(Error::new(Code::NotFound, "There is nothing at this address.").into());
    };
    let tag = entity_tag(&file, encoding);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let fresh = known.split(',').any(|each| matches!(each.trim(), "*") || each.trim().trim_start_matches("W/") == tag);

    let mut response = Response::builder()
        .header(header::ETAG, tag)
        .header(header::VARY, "Accept-Encoding")
        .header(header::CACHE_CONTROL, cache_control(kind))
        .header(header::REFERRER_POLICY, "strict-origin-when-cross-origin");
    response = match kind {
        Kind::Page => response.header(header::CONTENT_SECURITY_POLICY, POLICY).header("cross-origin-opener-policy", "same-origin"),
        Kind::Loader | Kind::Hashed { shared: true } => {
            response.header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*").header("cross-origin-resource-policy", "cross-origin")
        }
        Kind::Plain | Kind::Hashed { shared: false } => response.header("cross-origin-resource-policy", "same-origin"),
    };
    if fresh {
        return Ok(response.status(StatusCode::NOT_MODIFIED).finish());
    }
    if let Some(encoding) = encoding {
        response = response.header(header::CONTENT_ENCODING, encoding.name());
    }
    Ok(response.header(header::CONTENT_TYPE, content_type(path)).body(file.data.into_owned()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Encoding::Brotli => "br",
            Encoding::Gzip => "gzip",
        }
    }
}

/// The smallest form of a file that the client takes, and how it is encoded.
fn choose(path: &str, accepted: &str) -> (Option<EmbeddedFile>, Option<Encoding>) {
    for (encoding, ending) in [(Encoding::Brotli, "br"), (Encoding::Gzip, "gz")] {
        if accepts(accepted, encoding.name())
            && let Some(file) = Files::get(&format!("{path}.{ending}"))
        {
            return (Some(file), Some(encoding));
        }
    }
    (Files::get(path), None)
}

/// Whether `Accept-Encoding` names an encoding and does not refuse it.
fn accepts(header: &str, name: &str) -> bool {
    header.split(',').any(|entry| {
        let (coding, parameters) = entry.split_once(';').unwrap_or((entry, ""));
        let refused = parameters.trim().strip_prefix("q=").and_then(|q| q.trim().parse::<f32>().ok()).is_some_and(|q| q <= 0.0);
        coding.trim().eq_ignore_ascii_case(name) && !refused
    })
}

fn entity_tag(file: &EmbeddedFile, encoding: Option<Encoding>) -> String {
    let digest: String = file.metadata.sha256_hash().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digest}{}\"", encoding.map_or("", |encoding| match encoding {
        Encoding::Brotli => "-br",
        Encoding::Gzip => "-gz",
    }))
}

fn cache_control(kind: Kind) -> HeaderValue {
    HeaderValue::from_static(match kind {
        Kind::Page => "no-cache",
        Kind::Hashed { .. } => "public, max-age=31536000, immutable",
        Kind::Loader => "public, max-age=300, stale-while-revalidate=86400",
        Kind::Plain => "public, max-age=3600",
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json; charset=utf-8",
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_read_as_the_header_means_them() {
        assert!(accepts("gzip, deflate, br;q=0.8", "br"));
        assert!(accepts("GZIP", "gzip"));
        assert!(!accepts("br;q=0, gzip", "br"));
        assert!(!accepts("", "br"));
        assert!(!accepts("brotli", "br"));
    }

    #[test]
    fn an_unknown_page_is_the_dashboards_and_an_unknown_file_is_not() {
        assert_eq!(find("/"), Some(("index.html", Kind::Page)));
        assert_eq!(find("/assistants/ast_1"), Some(("index.html", Kind::Page)));
        assert_eq!(find("/assets/gone-12345678.js"), None);
        assert_eq!(find("/index.html.br"), None);
        assert_eq!(find("/api/nothing"), None);
        assert_eq!(find("/../Cargo.toml"), None);
    }
}
