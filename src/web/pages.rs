//! The dashboard's files, the widget's, and the widget as a page of its own.

use std::sync::LazyLock;

use poem::{
    Request, Response, handler,
    http::StatusCode,
    web::{Data, Path},
};

use super::{
    assets::{Asset, Cache, find},
    headers::{Framed, anywhere, page},
};
use crate::{
    app::App,
    assistants,
    error::{Code, Error, Result},
};

/// Addresses that are no page of the dashboard, whatever else is or is not behind them.
const NOT_PAGES: [&str; 4] = ["api", "assets", "metrics", "widget"];

fn missing() -> Error {
    Error::new(Code::NotFound, "There is nothing at this address.")
}

/// A file of the build, or, for every other address without a file's ending, the dashboard's one page: its own router
/// reads the address.
#[handler]
pub(super) fn dashboard(request: &Request) -> Result<Response> {
    let path = request.uri().path().trim_start_matches('/');
    let name = if matches!(path, "index.html" | "chat.html") { "" } else { path };
    if let Some(asset) = find(name) {
        let cache = if name.starts_with("assets/") { Cache::Immutable } else { Cache::Revalidate };
        return Ok(asset.respond(request, cache));
    }
    let first = path.split('/').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    if NOT_PAGES.contains(&first) || last.contains('.') && path != "index.html" {
        return Err(missing());
    }
    let index = find("index.html").ok_or_else(missing)?;
    Ok(page(index.respond(request, Cache::Revalidate), &Framed::Never, None))
}

#[handler]
pub(super) fn widget_script(request: &Request) -> Result<Response> {
    let script = find("widget.js").ok_or_else(missing)?;
    Ok(anywhere(script.respond(request, Cache::Briefly)))
}

#[handler]
pub(super) fn widget_asset(request: &Request, Path(path): Path<String>) -> Result<Response> {
    let asset = find(&format!("widget/{path}")).ok_or_else(missing)?;
    Ok(anywhere(asset.respond(request, Cache::Immutable)))
}

/// The chat as a page of its own, for a link or a frame. The sites that may embed the widget may frame it. Where there is no
/// such widget the page is the same, and says so in the visitor's language.
#[handler]
pub(super) fn chat(request: &Request, app: Data<&App>, Path(assistant_id): Path<String>) -> Result<Response> {
    let html = find("chat.html").ok_or_else(missing)?;
    let assistant = app.db.read(|connection| assistants::store::find_anywhere(connection, &assistant_id))?;
    let Some((_, assistant)) = assistant.filter(|(_, assistant)| assistant.widget_enabled) else {
        let mut response = page(html.respond(request, Cache::Revalidate), &Framed::Never, None);
        response.set_status(StatusCode::NOT_FOUND);
        return Ok(response);
    };
    Ok(page(html.respond(request, Cache::Revalidate), &Framed::By(&assistant.widget.domains), None))
}

/// The style of the pages that are made here, on the dashboard's own colours.
#[handler]
pub(super) fn style(request: &Request) -> Response {
    static STYLE: LazyLock<Asset> =
        LazyLock::new(|| Asset::made("text/css; charset=utf-8", concat!(include_str!("../../web/ui/src/tokens.css"), include_str!("pages.css"))));
    STYLE.respond(request, Cache::Revalidate)
}
