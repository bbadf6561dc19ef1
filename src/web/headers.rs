//! The security headers of pages. Scripts and styles come from files of our own, never from the page's text, so that
//! whatever a document, a visitor or a model has written can at worst be read.

use std::net::IpAddr;

use poem::{
    Response,
    http::{HeaderName, HeaderValue, header},
};

/// Who may show a page in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framed<'a> {
    Never,
    /// By our own pages and by those on these hosts (`example.com`, `*.example.com`); by every page where there are none.
    By(&'a [String]),
}

/// The policy of a page that loads nothing but from this server, and for scripts and requests from `also`, an origin.
fn policy(framed: &Framed<'_>, also: Option<&str>) -> String {
    let sources = also.map_or_else(|| "'self'".to_owned(), |origin| format!("'self' {origin}"));
    format!(
        "default-src 'none'; script-src {sources}; style-src 'self'; img-src 'self' data: blob: https:; font-src 'self'; media-src 'self'; \
         connect-src {sources}; frame-src 'self'; manifest-src 'self'; form-action 'self'; object-src 'none'; base-uri 'none'; \
         frame-ancestors {}",
        ancestors(framed),
    )
}

fn ancestors(framed: &Framed<'_>) -> String {
    match framed {
        Framed::Never => "'none'".to_owned(),
        Framed::By([]) => "*".to_owned(),
        Framed::By(hosts) => {
            let mut sources = String::from("'self'");
            for host in *hosts {
                // Without a scheme a host on https is not matched by its page on http: rightly, but for one's own machine.
                if host == "localhost" || host.parse::<IpAddr>().is_ok() {
                    sources.push_str(&format!(" http://{host}:*"));
                }
                sources.push_str(&format!(" {host}:*"));
            }
            sources
        }
    }
}

/// Makes a response a page. `also` is another origin that its scripts come from.
pub fn page(mut response: Response, framed: &Framed<'_>, also: Option<&str>) -> Response {
    let referrer = match framed {
        Framed::Never => "same-origin",
        // The widget's requests are judged by where they come from.
        Framed::By(_) => "strict-origin-when-cross-origin",
    };
    let policy = HeaderValue::from_str(&policy(framed, also)).unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static(referrer));
    headers.insert(HeaderName::from_static("permissions-policy"), HeaderValue::from_static("camera=(), geolocation=(), microphone=()"));
    if *framed == Framed::Never {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    }
    response
}

/// Lets pages of every origin load a response: the widget's script and what it asks for.
pub fn anywhere(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_runs_nothing_that_is_written_into_it() {
        let policy = policy(&Framed::Never, None);
        assert!(!policy.contains("unsafe") && policy.contains("script-src 'self';") && policy.contains("object-src 'none'"), "{policy}");
        assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
    }

    #[test]
    fn the_widgets_page_is_framed_by_its_assistants_sites() {
        let hosts = ["example.com", "*.example.com", "localhost"].map(str::to_owned);
        assert_eq!(ancestors(&Framed::By(&hosts)), "'self' example.com:* *.example.com:* http://localhost:* localhost:*");
        assert_eq!(ancestors(&Framed::By(&[])), "*");
    }
}
