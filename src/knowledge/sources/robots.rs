//! `robots.txt` after RFC 9309: the group that names us, else the one for all; the longest rule that fits decides.

use std::time::Duration;

use super::address::glob;

/// The name that a group may call us by.
const NAME: &str = "illumichat";
/// What is read of the file (RFC 9309, 2.5, asks for 500 KiB at the least).
const MOST_BYTES: usize = 512 << 10;
/// Longer waits between requests than this are not kept.
const LONGEST_DELAY: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Robots {
    /// Allowed or not, with the pattern.
    rules: Vec<(bool, String)>,
    pub delay: Option<Duration>,
    pub sitemaps: Vec<String>,
}

impl Robots {
    /// Nothing is allowed: the file could not be reached.
    pub fn closed() -> Self {
        Robots { rules: vec![(false, "/".to_owned())], ..Robots::default() }
    }

    pub fn parse(text: &str) -> Self {
        let text = &text[..text.floor_char_boundary(MOST_BYTES)];
        let (mut ours, mut all, mut sitemaps) = (None::<Robots>, Robots::default(), Vec::new());
        let (mut names_us, mut names_all, mut in_names) = (false, false, false);
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let Some((field, value)) = line.split_once(':') else { continue };
            let (field, value) = (field.trim().to_ascii_lowercase(), value.trim());
            if field == "user-agent" {
                if !in_names {
                    (names_us, names_all) = (false, false);
                }
                in_names = true;
                let name = value.to_ascii_lowercase();
                names_all |= name == "*";
                if name.split(['/', ' ']).next() == Some(NAME) {
                    names_us = true;
                    ours.get_or_insert_default();
                }
                continue;
            }
            match field.as_str() {
                "sitemap" => sitemaps.push(value.to_owned()),
                "allow" | "disallow" | "crawl-delay" => {
                    in_names = false;
                    let mut groups: Vec<&mut Robots> = Vec::new();
                    if names_us {
                        groups.extend(ours.as_mut());
                    }
                    if names_all {
                        groups.push(&mut all);
                    }
                    for group in groups {
                        if field == "crawl-delay" {
                            group.delay = value.parse::<f64>().ok().filter(|seconds| seconds.is_finite() && *seconds > 0.0).map(|seconds| Duration::from_secs_f64(seconds.min(3600.0)).min(LONGEST_DELAY));
                        } else if !value.is_empty() {
                            group.rules.push((field == "allow", value.to_owned()));
                        }
                    }
                }
                _ => {}
            }
        }
        Robots { sitemaps, ..ours.unwrap_or(all) }
    }

    /// `path` with its query.
    pub fn allows(&self, path: &str) -> bool {
        let longest = self.rules.iter().filter(|(_, pattern)| fits(pattern, path)).max_by_key(|(allow, pattern)| (pattern.len(), *allow));
        longest.is_none_or(|(allow, _)| *allow)
    }
}

/// A pattern is the beginning of a path; `*` stands for anything, `$` for the end.
fn fits(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('$') {
        Some(whole) => glob(whole, path),
        None => glob(&format!("{pattern}*"), path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_rule_decides() {
        let robots = Robots::parse("User-agent: *\nDisallow: /private\nAllow: /private/open\nDisallow: /*.pdf$\nCrawl-delay: 0.5\n\nSitemap: https://a.example/s.xml\n");
        assert!(robots.allows("/") && robots.allows("/private/open/x") && robots.allows("/a.pdf?x"));
        assert!(!robots.allows("/private/x") && !robots.allows("/docs/a.pdf"));
        assert_eq!((robots.delay, robots.sitemaps.len()), (Some(Duration::from_millis(500)), 1));
    }

    #[test]
    fn a_group_of_our_own_is_the_only_one_that_counts() {
        let robots = Robots::parse("User-agent: *\nDisallow: /\n\nUser-agent: other\nUser-agent: IllumiChat/1.0\nDisallow: /no\n");
        assert!(robots.allows("/yes") && !robots.allows("/no"));
        assert!(!Robots::closed().allows("/") && Robots::parse("").allows("/"));
    }
}
