//! Addresses as a crawl compares them, and the patterns that choose among them.

use url::Url;

/// Parameters that say where a visitor came from, and not which page this is.
const TRACKING: &[&str] = &["gclid", "fbclid", "msclkid", "mc_cid", "mc_eid", "ref", "sessionid", "phpsessid", "jsessionid"];

/// One form for each page: without a fragment, without tracking parameters.
pub fn canonical(mut url: Url) -> Url {
    url.set_fragment(None);
    if url.query().is_some() {
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| {
                let name = name.to_ascii_lowercase();
                !name.starts_with("utm_") && !TRACKING.contains(&name.as_str())
            })
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if kept.is_empty() {
            url.set_query(None);
        } else {
            url.query_pairs_mut().clear().extend_pairs(kept);
        }
    }
    url
}

/// Whether both are on one host, at one port.
pub fn is_same_host(a: &Url, b: &Url) -> bool {
    a.host_str() == b.host_str() && a.port_or_known_default() == b.port_or_known_default() && matches!(b.scheme(), "http" | "https")
}

/// Files that are no documents; they are not even asked for.
const NO_TEXT: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "ico", "css", "js", "mjs", "woff", "woff2", "ttf", "mp4", "webm", "mp3", "zip", "gz", "tar", "dmg", "exe", "msi", "deb", "rpm", "apk", "iso",
];

pub fn may_have_text(url: &Url) -> bool {
    let name = url.path().rsplit('/').next().unwrap_or_default();
    name.rsplit_once('.').is_none_or(|(_, ending)| !NO_TEXT.contains(&ending.to_ascii_lowercase().as_str()))
}

/// Whether the path, with its query, is one of those that the patterns mean. No pattern includes everything.
pub fn is_wanted(url: &Url, include: &[String], exclude: &[String]) -> bool {
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    (include.is_empty() || include.iter().any(|pattern| matches(pattern, &path))) && !exclude.iter().any(|pattern| matches(pattern, &path))
}

/// `*` stands for anything; the pattern is the whole path, and one without a star also means what stands below it.
fn matches(pattern: &str, path: &str) -> bool {
    if !pattern.contains('*') {
        let folder = pattern.trim_end_matches('/');
        return path == pattern || path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with(['/', '?']));
    }
    glob(pattern, path)
}

/// In time proportional to both lengths: each star takes as little as it can.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn one_page_has_one_address() {
        assert_eq!(canonical(url("https://a.example/x?utm_source=m&id=3#top")).as_str(), "https://a.example/x?id=3");
        assert_eq!(canonical(url("https://A.example:443/x?gclid=1")).as_str(), "https://a.example/x");
    }

    #[test]
    fn patterns_choose_pages() {
        let wanted = |path: &str, include: &[&str], exclude: &[&str]| {
            let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            is_wanted(&url(&format!("https://a.example{path}")), &own(include), &own(exclude))
        };
        assert!(wanted("/docs/a", &["/docs"], &[]) && wanted("/docs", &["/docs/"], &[]) && !wanted("/docs2", &["/docs"], &[]));
        assert!(wanted("/en/docs/a", &["/*/docs/*"], &[]) && !wanted("/en/blog/a", &["/*/docs/*"], &[]));
        assert!(!wanted("/docs/old/a", &[], &["/docs/old/*"]) && !wanted("/a?print=1", &[], &["*print=*"]));
        assert!(!may_have_text(&url("https://a.example/logo.PNG")) && may_have_text(&url("https://a.example/v1.2/guide")));
    }
}
