//! Places on the web that fill a project: a page, a sitemap, or a host's pages as they link to each other. All requests go
//! through the guarded client; what a page's text is, is the business of `extract`.

mod address;
mod api;
mod fetch;
mod robots;
mod run;

pub use api::{SourcesApi, check_url};
pub use fetch::fetch;
pub use run::{CRAWL_JOB, crawl};
