//! Searching the web with Exa, Brave, Tavily or a SearXNG of one's own.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{
    action::{failure, with_query},
    model::{SearchProvider, WebSearch},
    store,
    toolbox::{Found, MOST_BYTES, cut},
};
use crate::{app::App, error::Result};

const RESULTS: usize = 5;
const SNIPPET: usize = 1_200;

/// Where this workspace searches: where it says itself, else where the operator says.
pub(super) fn of(app: &App, connection: &Connection, workspace_id: &str) -> Result<Option<WebSearch>> {
    Ok(store::find_web_search(connection, &app.key, workspace_id)?.or_else(|| WebSearch::of_instance(&app.config)))
}

/// The best pages for `query`, with their beginnings.
pub(super) async fn search(app: &App, search: &WebSearch, query: &str) -> std::result::Result<Vec<Found>, String> {
    let base = search.base_url.as_deref().unwrap_or(search.provider.base_url()).trim_end_matches('/');
    let key = search.secret.as_ref().map(|key| key.reveal().to_owned()).unwrap_or_default();
    let request = |method, path: &str| app.client.request_directly(method, &format!("{base}{path}")).map_err(|error| error.message().to_owned());
    let query = cut(query, 400);
    let request = match search.provider {
        SearchProvider::Exa => request(reqwest::Method::POST, "/search")?
            .header("x-api-key", key)
            .json(&json!({ "query": query, "numResults": RESULTS, "contents": { "text": { "maxCharacters": SNIPPET } } })),
        SearchProvider::Tavily => {
            request(reqwest::Method::POST, "/search")?.bearer_auth(key).json(&json!({ "query": query, "max_results": RESULTS, "search_depth": "basic" }))
        }
        SearchProvider::Brave => request(reqwest::Method::GET, &with_query("/res/v1/web/search", [("q", query), ("count", "5".to_owned())].into_iter()))?
            .header("x-subscription-token", key)
            .header("accept", "application/json"),
        SearchProvider::Searxng => {
            let request = request(reqwest::Method::GET, &with_query("/search", [("q", query), ("format", "json".to_owned())].into_iter()))?;
            if key.is_empty() { request } else { request.bearer_auth(key) }
        }
    };
    let mut response = request.send().await.map_err(|error| failure(&error))?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| failure(&error))? {
        body.extend_from_slice(&piece);
        if body.len() > 16 * MOST_BYTES {
            return Err("the web search answered more than can be read".to_owned());
        }
    }
    if !status.is_success() {
        return Err(format!("the web search answered {status}"));
    }
    let answer: Value = serde_json::from_slice(&body).map_err(|_| "the web search answered something that is not JSON".to_owned())?;
    let list = if search.provider == SearchProvider::Brave { &answer["web"]["results"] } else { &answer["results"] };
    let found = list.as_array().into_iter().flatten().filter_map(|entry| {
        let url = entry["url"].as_str().filter(|url| url.starts_with("https://") || url.starts_with("http://"))?;
        let text = ["text", "content", "description"].iter().find_map(|field| entry[*field].as_str()).unwrap_or_default();
        let title = entry["title"].as_str().filter(|title| !title.trim().is_empty()).unwrap_or(url);
        Some(Found { document_id: String::new(), title: cut(&without_tags(title), 200), url: Some(url.to_owned()), page: None, text: cut(&without_tags(text), SNIPPET), score: entry["score"].as_f64().unwrap_or(0.0) })
    });
    Ok(found.take(RESULTS).collect())
}

/// Brave marks the words that it found with `<strong>`.
fn without_tags(text: &str) -> String {
    ["<strong>", "</strong>", "<b>", "</b>", "<em>", "</em>"].iter().fold(text.to_owned(), |text, tag| text.replace(tag, ""))
}
