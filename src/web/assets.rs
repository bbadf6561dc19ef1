//! Files that the build has put into the executable, and how one is answered: in the smallest form that the client takes,
//! with an ETag of exactly those bytes, and with 304 where the client has them already.

use std::{borrow::Cow, collections::HashMap, fmt::Write as _, sync::LazyLock};

use bytes::Bytes;
use poem::{
    Request, Response,
    http::{HeaderValue, StatusCode, header},
};
use rust_embed::Embed;
use sha2::{Digest, Sha256};

#[derive(Embed)]
#[folder = "$OUT_DIR/web"]
struct Files;

/// How long a client may keep what it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// The name has a hash of the content in it, so the content never changes.
    Immutable,
    /// A fixed name that other sites link: fresh for five minutes, and shown for a day more while it is asked for again.
    Briefly,
    /// Asked for each time, and answered with 304 while it is the same.
    Revalidate,
}

impl Cache {
    const fn header(self) -> &'static str {
        match self {
            Cache::Immutable => "public, max-age=31536000, immutable",
            Cache::Briefly => "public, max-age=300, stale-while-revalidate=86400",
            Cache::Revalidate => "no-cache",
        }
    }
}

/// One form of a file: its bytes and their strong ETag.
struct Form {
    body: Bytes,
    etag: String,
}

impl Form {
    fn new(body: Bytes) -> Self {
        let digest = Sha256::digest(&body);
        let mut etag = String::from("\"");
        for byte in &digest[..16] {
            // Writing to a String cannot fail.
            let _ = write!(etag, "{byte:02x}");
        }
        etag.push('"');
        Form { body, etag }
    }
}

/// A file in the forms that there are of it.
pub struct Asset {
    content_type: HeaderValue,
    plain: Form,
    brotli: Option<Form>,
    gzip: Option<Form>,
}

static ASSETS: LazyLock<HashMap<String, Asset>> = LazyLock::new(|| {
    Files::iter()
        .filter(|name| !is_compressed(name))
        .filter_map(|name| {
            let form = |suffix: &str| {
                Files::get(&format!("{name}{suffix}")).map(|file| {
                    Form::new(match file.data {
                        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                        Cow::Owned(bytes) => Bytes::from(bytes),
                    })
                })
            };
            let asset = Asset { content_type: content_type(&name), plain: form("")?, brotli: form(".br"), gzip: form(".gz") };
            Some((name.into_owned(), asset))
        })
        .collect()
});

fn is_compressed(name: &str) -> bool {
    name.ends_with(".br") || name.ends_with(".gz")
}

fn content_type(name: &str) -> HeaderValue {
    let guess = mime_guess::from_path(name).first_or_octet_stream();
    let text = guess.type_() == "text" || guess.subtype() == "javascript" || guess.subtype() == "json";
    let value = if text { format!("{guess}; charset=utf-8") } else { guess.to_string() };
    HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// The file of this name, if the build has made it.
pub fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.get(name)
}

impl Asset {
    /// A page that is made here and not by the build.
    pub fn made(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Asset { content_type: HeaderValue::from_static(content_type), plain: Form::new(body.into()), brotli: None, gzip: None }
    }

    pub fn respond(&self, request: &Request, cache: Cache) -> Response {
        let accepted = request.header(header::ACCEPT_ENCODING).unwrap_or_default();
        let (form, coding) = self.choose(accepted);
        let mut response = Response::default();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache.header()));
        if self.brotli.is_some() || self.gzip.is_some() {
            headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        if let Ok(etag) = HeaderValue::from_str(&form.etag) {
            headers.insert(header::ETAG, etag);
        }
        if request.header(header::IF_NONE_MATCH).is_some_and(|known| matches(known, &form.etag)) {
            response.set_status(StatusCode::NOT_MODIFIED);
            return response;
        }
        headers.insert(header::CONTENT_TYPE, self.content_type.clone());
        if let Some(coding) = coding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        response.set_body(form.body.clone());
        response
    }

    /// The form that the client likes best; of two that it likes equally, the smaller.
    fn choose(&self, accepted: &str) -> (&Form, Option<&'static str>) {
        let forms = [("br", &self.brotli), ("gzip", &self.gzip)];
        let mut best = (0.0, &self.plain, None);
        for (coding, form) in forms {
            if let Some(form) = form {
                let quality = quality(accepted, coding);
                if quality > best.0 {
                    best = (quality, form, Some(coding));
                }
            }
        }
        (best.1, best.2)
    }
}

/// How much an `Accept-Encoding` header wants a coding, 0 to 1 (RFC 9110, 12.5.3).
fn quality(accepted: &str, coding: &str) -> f32 {
    let mut any = 0.0;
    for item in accepted.split(',') {
        let mut parts = item.split(';');
        let name = parts.next().unwrap_or_default().trim();
        let weight = parts.find_map(|part| part.trim().strip_prefix("q=").map(|q| q.parse().unwrap_or(0.0))).unwrap_or(1.0);
        if name.eq_ignore_ascii_case(coding) {
            return weight;
        }
        if name == "*" {
            any = weight;
        }
    }
    any
}

/// Whether an `If-None-Match` header names this ETag; weak ones count too, as the RFC has it for GET.
fn matches(known: &str, etag: &str) -> bool {
    known.split(',').map(str::trim).any(|each| each == "*" || each.strip_prefix("W/").unwrap_or(each) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset() -> Asset {
        Asset { brotli: Some(Form::new(Bytes::from_static(b"b"))), gzip: Some(Form::new(Bytes::from_static(b"g"))), ..Asset::made("text/plain", "plain") }
    }

    #[test]
    fn the_client_gets_the_smallest_form_that_it_takes() {
        let asset = asset();
        for (accepted, expected) in [
            ("gzip, deflate, br", Some("br")),
            ("gzip", Some("gzip")),
            ("br;q=0.2, gzip;q=0.8", Some("gzip")),
            ("br;q=0, *", Some("gzip")),
            ("BR", Some("br")),
            ("identity", None),
            ("", None),
            ("gzip;q=nonsense", None),
        ] {
            assert_eq!(asset.choose(accepted).1, expected, "{accepted}");
        }
    }

    #[test]
    fn each_form_has_an_etag_of_its_own_and_is_sent_only_once() {
        let asset = asset();
        let first = asset.respond(&Request::builder().header("accept-encoding", "br").finish(), Cache::Immutable);
        assert_eq!(first.header("content-encoding"), Some("br"));
        assert_eq!(first.header("vary"), Some("Accept-Encoding"));
        let etag = first.header("etag").unwrap().to_owned();
        assert!(etag.starts_with('"') && etag.ends_with('"') && etag != asset.plain.etag);
        let again = |known: String| asset.respond(&Request::builder().header("accept-encoding", "br").header("if-none-match", known).finish(), Cache::Immutable).status();
        assert_eq!(again(format!("\"other\", W/{etag}")), StatusCode::NOT_MODIFIED);
        assert_eq!(again(asset.plain.etag.clone()), StatusCode::OK);
    }

    #[test]
    fn the_build_has_made_a_first_page() {
        assert!(find("index.html").is_some());
        assert!(ASSETS.keys().all(|name| !is_compressed(name)));
    }
}
