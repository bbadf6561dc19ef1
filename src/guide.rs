//! The user guide's pages, `web/guide/*.md`, inside the executable: `web` shows them, the demo answers from them.

use std::sync::LazyLock;

use rust_embed::Embed;

#[derive(Embed)]
#[folder = "web/guide"]
struct Files;

/// One page, with the front matter taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuidePage {
    /// The file's name without `.md`, and the page's address under `/guide/`.
    pub slug: String,
    pub title: String,
    pub description: String,
    /// Its place in the guide.
    pub order: u32,
    /// The text in Markdown, without the title.
    pub markdown: String,
}

static PAGES: LazyLock<Vec<GuidePage>> = LazyLock::new(|| {
    let mut pages: Vec<GuidePage> = Files::iter()
        .filter_map(|name| {
            let slug = name.strip_suffix(".md").filter(|slug| *slug != "README")?;
            let file = Files::get(&name)?;
            Some(parse(slug, &String::from_utf8_lossy(&file.data)))
        })
        .collect();
    pages.sort_by(|a, b| (a.order, &a.slug).cmp(&(b.order, &b.slug)));
    pages
});

/// Every page, in the guide's order.
pub fn pages() -> &'static [GuidePage] {
    &PAGES
}

/// Splits a file into the fields between its two `---` lines and the text below them. A file without them is all text.
fn parse(slug: &str, text: &str) -> GuidePage {
    let mut page = GuidePage { slug: slug.to_owned(), title: slug.to_owned(), description: String::new(), order: u32::MAX, markdown: text.to_owned() };
    let Some((front, body)) = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")) else { return page };
    for (key, value) in front.lines().filter_map(|line| line.split_once(':')) {
        let value = value.trim().trim_matches('"');
        match key.trim() {
            "title" => page.title = value.to_owned(),
            "description" => page.description = value.to_owned(),
            "order" => page.order = value.parse().unwrap_or(u32::MAX),
            _ => {}
        }
    }
    page.markdown = body.trim_start().to_owned();
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_a_title_a_description_and_a_place_of_its_own() {
        let pages = pages();
        assert!(pages.len() >= 15, "only {} pages", pages.len());
        for page in pages {
            assert!(page.title != page.slug && !page.description.is_empty() && page.order < u32::MAX, "{}", page.slug);
            assert!(!page.markdown.starts_with("---"), "{}", page.slug);
        }
        assert!(pages.is_sorted_by(|a, b| a.order < b.order), "two pages have the same place");
    }

    #[test]
    fn a_file_without_front_matter_is_all_text() {
        assert_eq!(parse("a", "# A\n").markdown, "# A\n");
        let page = parse("a", "---\ntitle: \"A: b\"\norder: 3\n---\n\nText\n");
        assert_eq!((page.title.as_str(), page.order, page.markdown.as_str()), ("A: b", 3, "Text\n"));
    }
}
