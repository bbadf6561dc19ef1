//! `/demo`: a page of another site, as far as a browser can tell, with the widget on it. It is the demo's shop window: served
//! under `localhost`, it embeds the widget from `127.0.0.1` on the same port, and the other way round.

use poem::{
    Request, Response, handler,
    http::header,
    web::{Data, Query},
};
use serde::Deserialize;

use super::{
    assets::{Asset, Cache},
    headers::{Framed, page},
    html::{escape, missing},
};
use crate::{app::App, assistants, error::Result};

#[derive(Deserialize)]
struct Parameters {
    assistant: Option<String>,
}

/// Where the page for one assistant is, to be put behind `http://localhost:PORT`.
pub fn path(assistant_id: &str) -> String {
    format!("/demo?assistant={assistant_id}")
}

#[handler]
pub(super) fn demo_page(request: &Request, app: Data<&App>, Query(parameters): Query<Parameters>) -> Result<Response> {
    let id = parameters.assistant.unwrap_or_default();
    let assistant = app.db.read(|connection| assistants::store::find_anywhere(connection, &id))?;
    let Some((_, assistant)) = assistant.filter(|(_, assistant)| assistant.widget_enabled) else {
        return Ok(missing(request, "This page shows an assistant whose widget is on: give its id, as in /demo?assistant=ast_…"));
    };
    let origin = other_origin(request.header(header::HOST).unwrap_or_default(), &app.config.public_url());
    let html = include_str!("demo.html").replace("{{origin}}", &escape(&origin)).replace("{{assistant}}", &escape(&assistant.id));
    let response = Asset::made("text/html; charset=utf-8", html).respond(request, Cache::Revalidate);
    // By no other page, but with a referrer: a site that embeds the widget sends one.
    let mut response = page(response, &Framed::Never, Some(&origin));
    response.headers_mut().insert(header::REFERRER_POLICY, header::HeaderValue::from_static("strict-origin-when-cross-origin"));
    Ok(response)
}

/// The same server under its other name, so that the browser sees two sites; else the server's public address.
fn other_origin(host: &str, public_url: &str) -> String {
    let (name, port) = host.rsplit_once(':').map_or((host, ""), |(name, port)| (name, port));
    let other = match name {
        "localhost" => "127.0.0.1",
        "127.0.0.1" => "localhost",
        _ => return public_url.to_owned(),
    };
    match port.parse::<u16>() {
        Ok(port) => format!("http://{other}:{port}"),
        Err(_) => format!("http://{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::other_origin;

    #[test]
    fn the_widget_comes_from_another_origin() {
        assert_eq!(other_origin("localhost:8080", "http://127.0.0.1:8080"), "http://127.0.0.1:8080");
        assert_eq!(other_origin("127.0.0.1:9", "http://127.0.0.1:9"), "http://localhost:9");
        assert_eq!(other_origin("localhost:1\" onload=", "x"), "http://127.0.0.1");
        assert_eq!(other_origin("evil.example:8080", "https://chat.example.com"), "https://chat.example.com");
    }
}
