//! `/guide`: the user guide, rendered once.

use std::{collections::HashMap, sync::LazyLock};

use poem::{Request, Response, handler, web::Path};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, html::push_html};

use super::html::{escape, layout, missing, respond};
use crate::guide::{GuidePage, pages};

static INDEX: LazyLock<String> = LazyLock::new(|| {
    let mut body = String::from("<h1>User guide</h1><p class=\"lead\">How to install IllumiChat, fill it, put it on a website and look after it.</p><ul class=\"cards\">");
    for page in pages() {
        body.push_str(&format!(
            "<li><a href=\"/guide/{}\">{}</a><p>{}</p></li>",
            escape(&page.slug),
            escape(&page.title),
            escape(&page.description)
        ));
    }
    body.push_str("</ul>");
    layout("User guide", "How to install IllumiChat, fill it, put it on a website and look after it.", &contents(""), &body)
});

static RENDERED: LazyLock<HashMap<&'static str, String>> = LazyLock::new(|| {
    let all = pages();
    let link = |page: Option<&GuidePage>, label: &str, rel: &str| {
        page.map(|page| format!("<a rel=\"{rel}\" href=\"/guide/{}\"><small>{label}</small>{}</a>", escape(&page.slug), escape(&page.title))).unwrap_or_default()
    };
    all.iter()
        .enumerate()
        .map(|(place, page)| {
            let before = place.checked_sub(1).and_then(|place| all.get(place));
            let body = format!(
                "<article><h1>{}</h1><p class=\"lead\">{}</p>{}</article><nav class=\"turn\" aria-label=\"Other pages\">{}{}</nav>",
                escape(&page.title),
                escape(&page.description),
                render(&page.markdown),
                link(before, "Before", "prev"),
                link(all.get(place + 1), "Next", "next"),
            );
            (page.slug.as_str(), layout(&page.title, &page.description, &contents(&page.slug), &body))
        })
        .collect()
});

fn contents(current: &str) -> String {
    let items = pages().iter().map(|page| {
        let here = if page.slug == current { " aria-current=\"page\"" } else { "" };
        format!("<li><a href=\"/guide/{}\"{here}>{}</a></li>", escape(&page.slug), escape(&page.title))
    });
    format!("<ol>{}</ol>", items.collect::<String>())
}

/// Markdown to HTML. HTML in the text is shown and not followed; tables can be scrolled; headings can be linked to.
fn render(markdown: &str) -> String {
    let parser = Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let mut events: Vec<Event<'_>> = parser
        .map(|event| match event {
            Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
            event => event,
        })
        .collect();
    for place in 0..events.len() {
        if !matches!(events[place], Event::Start(Tag::Heading { .. })) {
            continue;
        }
        let words: String = events[place + 1..]
            .iter()
            .take_while(|event| !matches!(event, Event::End(_)))
            .filter_map(|event| match event {
                Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
                _ => None,
            })
            .collect();
        if let Event::Start(Tag::Heading { id, .. }) = &mut events[place] {
            *id = Some(CowStr::from(anchor(&words)));
        }
    }
    let mut html = String::with_capacity(markdown.len() * 2);
    push_html(&mut html, events.into_iter());
    html.replace("<table>", "<div class=\"scroll\" tabindex=\"0\"><table>").replace("</table>", "</table></div>")
}

fn anchor(heading: &str) -> String {
    let words: Vec<String> =
        heading.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    words.join("-")
}

#[handler]
pub(super) fn guide_index(request: &Request) -> Response {
    respond(request, INDEX.clone())
}

#[handler]
pub(super) fn guide_page(request: &Request, Path(slug): Path<String>) -> Response {
    match RENDERED.get(slug.trim_end_matches(".md")) {
        Some(html) => respond(request, html.clone()),
        None => missing(request, "The guide has no such page."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_in_a_page_is_shown_and_not_followed() {
        let html = render("## What is *this*?\n\n<script>alert(1)</script> and <b>bold</b>\n\n| a |\n|---|\n| b |\n");
        assert!(html.contains("<h2 id=\"what-is-this\">") || html.contains("<h2 id=\"what-is\">"), "{html}");
        assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
        assert!(html.contains("tabindex=\"0\"><table>"), "{html}");
    }

    #[test]
    fn every_page_is_rendered() {
        assert_eq!(RENDERED.len(), pages().len());
        for page in pages() {
            assert!(INDEX.contains(&format!("/guide/{}", page.slug)));
        }
    }
}
