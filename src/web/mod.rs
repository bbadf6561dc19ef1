//! What a browser is served besides the API: the dashboard, the widget, the user guide, the API's description, and the
//! demo's page of another origin. It knows how these are delivered (compression, caches, security headers), not what the
//! API does.

mod api_docs;
mod assets;
mod demo_page;
mod guide_pages;
mod headers;
mod html;
mod pages;

use poem::{Endpoint, EndpointExt, Response, Route, get};

pub use api_docs::ApiDocs;
pub use demo_page::path as demo_path;

/// Every address outside `/api`. To be nested under `/`: what nothing else answers is taken for one of the dashboard's own
/// addresses.
pub fn routes() -> impl Endpoint<Output = Response> + 'static {
    Route::new()
        .at("/widget.js", get(pages::widget_script))
        .at("/widget/*path", get(pages::widget_asset))
        .at("/chat/:assistant_id", get(pages::chat))
        .at("/demo", get(demo_page::demo_page))
        .at("/guide", get(guide_pages::guide_index))
        .at("/guide/:slug", get(guide_pages::guide_page))
        .at("/pages.css", get(pages::style))
        .at("/", get(pages::dashboard))
        .at("/*path", get(pages::dashboard))
        .map_to_response()
}
