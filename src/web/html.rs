//! The frame of the pages that are made here: the guide, the API's description, sentences about what is not there.

use poem::{Request, Response, http::StatusCode};

use super::{
    assets::{Asset, Cache},
    headers::{Framed, page},
};

/// Text as it may stand in HTML, in an attribute too.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A whole page. `side` and `body` are HTML; the rest is text.
pub fn layout(title: &str, description: &str, side: &str, body: &str) -> String {
    let (title, description) = (escape(title), escape(description));
    format!(
        r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="{description}">
<title>{title} · IllumiChat</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/pages.css">
</head>
<body>
<a class="skip" href="#content">Skip to the text</a>
<header><a class="brand" href="/"><img src="/favicon.svg" alt="" width="24" height="24">IllumiChat</a>
<nav aria-label="Pages"><a href="/guide">Guide</a><a href="/api/docs">API</a><a href="/">Dashboard</a></nav></header>
<div class="columns">
<nav class="side" aria-label="Contents">{side}</nav>
<main id="content">{body}</main>
</div>
</body>
</html>
"##
    )
}

/// Answers with a page that was made here.
pub fn respond(request: &Request, html: String) -> Response {
    page(Asset::made("text/html; charset=utf-8", html).respond(request, Cache::Revalidate), &Framed::Never, None)
}

/// Answers that there is no such page, with a way on.
pub fn missing(request: &Request, sentence: &str) -> Response {
    let body = format!("<h1>Not found</h1><p>{}</p><p><a href=\"/guide\">To the guide</a></p>", escape(sentence));
    let mut response = respond(request, layout("Not found", sentence, "", &body));
    if response.status() == StatusCode::OK {
        response.set_status(StatusCode::NOT_FOUND);
    }
    response
}
