//! What a page of HTML says of itself and where it leads: for the crawler, which reads its text elsewhere.

use super::html_tokens::{Token, Tokens, attributes, decode_entities};

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// As written, in order, without those that say `nofollow`.
    pub hrefs: Vec<String>,
    pub canonical: Option<String>,
    pub base: Option<String>,
    /// The page asks not to be kept, or its links not to be followed.
    pub noindex: bool,
    pub nofollow: bool,
}

/// Links of one page that are looked at.
const MOST_LINKS: usize = 5000;

pub fn links(html: &str) -> Links {
    let mut found = Links::default();
    for token in Tokens::new(html) {
        let Token::Start { name, attributes: tag } = token else { continue };
        let value = |wanted: &str| {
            attributes(tag).find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, raw)| {
                let mut value = String::new();
                decode_entities(raw.trim(), &mut value);
                value
            })
        };
        let says = |attribute: &str, word: &str| value(attribute).is_some_and(|value| value.to_ascii_lowercase().split([' ', ',']).any(|part| part == word));
        match &*name {
            "a" | "area" if found.hrefs.len() < MOST_LINKS && !says("rel", "nofollow") => found.hrefs.extend(value("href")),
            "base" => found.base = found.base.take().or_else(|| value("href")),
            "link" if says("rel", "canonical") => found.canonical = found.canonical.take().or_else(|| value("href")),
            "meta" if value("name").is_some_and(|name| name.eq_ignore_ascii_case("robots") || name.eq_ignore_ascii_case("illumichat")) => {
                found.noindex |= says("content", "noindex") || says("content", "none");
                found.nofollow |= says("content", "nofollow") || says("content", "none");
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_s_links_are_found() {
        let found = links(
            "<head><base href='/docs/'><link rel=canonical href='https://a.example/x?a=1&amp;b=2'><meta name=robots content='noindex, follow'></head>
             <a href=one.html>1</a><a rel='nofollow' href=two>2</a><!-- <a href=three> --><script>'<a href=four>'</script>",
        );
        assert_eq!(found.hrefs, ["one.html"]);
        assert_eq!((found.base.as_deref(), found.canonical.as_deref()), (Some("/docs/"), Some("https://a.example/x?a=1&b=2")));
        assert!(found.noindex && !found.nofollow);
    }
}
