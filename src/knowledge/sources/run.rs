//! Reading a source: in slices of a few seconds, each a job that hands the rest to the next, so that a long crawl neither
//! holds up the server's stop nor begins anew after a crash. What has changed is read in again, what is gone is taken out.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::{
    address::{canonical, is_same_host, is_wanted, may_have_text},
    fetch::{Fetched, fetch},
    robots::Robots,
};
use crate::{
    app::App,
    clock::Timestamp,
    db::Tx,
    error::{Code, Error, Result},
    files,
    ids::Ids,
    jobs::{self, Job, NewJob},
    knowledge::{
        extract::{child::extract_apart, links::links},
        model::{Schedule, Source, SourceKind, SourceStatus, WebSource},
        service::{self, NewFile, file_store},
        store::{self, SourcePage},
    },
    secrets::sha256_hex,
};

/// The kind of the job; its payload is `{sourceId, crawl}`.
pub const CRAWL_JOB: &str = "knowledge.crawl";

/// How long one job reads pages before it hands on.
const SLICE: Duration = Duration::from_secs(15);
/// Sitemaps that one may lead to.
const MOST_SITEMAPS: usize = 50;
/// Addresses that a crawl remembers.
const MOST_KNOWN: usize = 50_000;

/// How far a run has come.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Crawl {
    queue: VecDeque<String>,
    seen: BTreeSet<String>,
    /// Addresses whose pages are still there.
    kept: BTreeSet<String>,
    read: i64,
    has_begun: bool,
}

fn lane(source_id: &str) -> String {
    format!("crawl:{source_id}")
}

pub fn cancel(tx: &Tx<'_>, source_id: &str) -> Result<()> {
    jobs::cancel(tx, &lane(source_id)).map(|_| ())
}

/// The next run, in place of any that waits.
pub fn enqueue(tx: &Tx<'_>, ids: &Ids, workspace_id: &str, source_id: &str, run_at: Timestamp, now: Timestamp) -> Result<()> {
    cancel(tx, source_id)?;
    add_job(tx, ids, workspace_id, source_id, &Crawl::default(), run_at, now)
}

fn add_job(tx: &Tx<'_>, ids: &Ids, workspace_id: &str, source_id: &str, crawl: &Crawl, run_at: Timestamp, now: Timestamp) -> Result<()> {
    let payload = json!({ "sourceId": source_id, "crawl": crawl });
    jobs::enqueue(tx, ids, now, &NewJob { kind: CRAWL_JOB, workspace_id: Some(workspace_id.to_owned()), payload, lane: Some(lane(source_id)), run_at })?;
    Ok(())
}

/// Sets when the source is read next, counted from its last change.
pub fn schedule(tx: &Tx<'_>, ids: &Ids, workspace_id: &str, source: &mut WebSource) -> Result<()> {
    let hours = match source.schedule {
        Schedule::Off => None,
        Schedule::Hourly => Some(1),
        Schedule::Daily => Some(24),
        Schedule::Weekly => Some(24 * 7),
    };
    let now = source.updated_at;
    source.next_run_at = hours.map(|hours| now.plus(Duration::from_secs(hours * 3600)));
    match source.next_run_at {
        Some(at) => enqueue(tx, ids, workspace_id, &source.id, at, now),
        None => cancel(tx, &source.id),
    }
}

/// Does one job.
pub async fn crawl(app: App, job: Job) -> Result<()> {
    let id = job.payload["sourceId"].as_str().unwrap_or_default().to_owned();
    let workspace_id = job.workspace_id.clone().unwrap_or_default();
    let Some((mut source, project)) = app.db.read(|connection| store::source_of_job(connection, &workspace_id, &id))? else { return Ok(()) };
    let crawl: Crawl = serde_json::from_value(job.payload["crawl"].clone()).unwrap_or_default();
    (source.status, source.updated_at) = (SourceStatus::Running, app.now());
    let running = source.clone();
    let ws = workspace_id.clone();
    let row = app
        .db
        .write(move |tx| {
            store::update_source(tx, &ws, &running)?;
            store::source_row(tx, &ws, &running.id)
        })
        .await?;
    let Some(row) = row else { return Ok(()) };
    let run = Run { app: &app, workspace_id: &workspace_id, source: &source, row, project };
    let outcome = run.slice(crawl).await;
    let rest = match outcome {
        Ok(rest) => rest,
        Err(error) if error.code() == Code::BadRequest => {
            source.error = Some(error.message().to_owned());
            source.status = SourceStatus::Failed;
            None
        }
        Err(error) => return Err(error),
    };
    let (now, ids) = (app.now(), app.ids.clone());
    app.db
        .write(move |tx| {
            // Somebody may have deleted or changed it meanwhile.
            let Some((latest, _)) = store::source_of_job(tx, &workspace_id, &id)? else { return Ok(()) };
            let mut done = WebSource { updated_at: now, ..latest };
            if let Some(rest) = rest {
                // Behind this job in its lane; it runs when this one is done.
                return add_job(tx, &ids, &workspace_id, &id, &rest, now, now);
            }
            done.last_run_at = Some(now);
            (done.status, done.error) = if source.status == SourceStatus::Failed { (SourceStatus::Failed, source.error) } else { (SourceStatus::Completed, None) };
            schedule(tx, &ids, &workspace_id, &mut done)?;
            store::update_source(tx, &workspace_id, &done)
        })
        .await?;
    app.jobs.wake();
    Ok(())
}

struct Run<'a> {
    app: &'a App,
    workspace_id: &'a str,
    source: &'a WebSource,
    row: i64,
    project: i64,
}

/// What became of one page.
enum Page {
    Kept,
    Gone,
}

#[expect(clippy::disallowed_methods, reason = "how long a slice takes is real time")]
fn instant() -> std::time::Instant {
    std::time::Instant::now()
}

impl Run<'_> {
    /// Reads pages for a while. What is left to read comes back; nothing when the run is over.
    async fn slice(&self, mut crawl: Crawl) -> Result<Option<Crawl>> {
        let started = instant();
        let root = Url::parse(&self.source.url).map_err(|_| Error::bad_request("The source's address is not valid."))?;
        let robots = self.robots(&root).await?;
        if !crawl.has_begun {
            self.begin(&root, &mut crawl).await?;
        }
        let known: HashMap<String, SourcePage> = self.app.db.read(|connection| store::list_pages(connection, self.row))?.into_iter().map(|page| (page.url.clone(), page)).collect();
        while crawl.read < self.source.max_pages
            && let Some(address) = crawl.queue.pop_front()
        {
            let Ok(url) = Url::parse(&address) else { continue };
            if !robots.allows(&path_of(&url)) {
                if self.source.kind == SourceKind::Page || url == root {
                    return Err(Error::bad_request(format!("The robots.txt of {} does not allow this page to be read.", url.host_str().unwrap_or_default())));
                }
                continue;
            }
            crawl.read += 1;
            let outcome = self.page(&url, &root, known.get(&address), &mut crawl).await;
            match outcome {
                Ok(Page::Kept) => {
                    crawl.kept.insert(address.clone());
                }
                Ok(Page::Gone) if url == root && self.source.kind != SourceKind::Sitemap => {
                    self.remove(&known, &BTreeSet::new()).await?;
                    return Err(Error::bad_request(format!("{address} is not there any more.")));
                }
                Ok(Page::Gone) => {}
                Err(error) if error.code() == Code::BadRequest => {
                    // What was read of it before stays.
                    crawl.kept.insert(address.clone());
                    let page = SourcePage { error: Some(error.message().to_owned()), url: address.clone(), ..known.get(&address).cloned().unwrap_or_default() };
                    self.put(page).await?;
                    if url == root && self.source.kind != SourceKind::Sitemap {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
            if let Some(delay) = robots.delay {
                tokio::time::sleep(delay).await;
            }
            if started.elapsed() > SLICE && !crawl.queue.is_empty() {
                return Ok(Some(crawl));
            }
        }
        // Where the limit has cut the run off, what was not reached may still be there.
        if crawl.queue.is_empty() {
            self.remove(&known, &crawl.kept).await?;
        }
        Ok(None)
    }

    async fn robots(&self, root: &Url) -> Result<Robots> {
        let Ok(address) = root.join("/robots.txt") else { return Ok(Robots::default()) };
        Ok(match fetch(self.app, &address, None, None).await {
            Ok(found) if found.status.is_success() => Robots::parse(&String::from_utf8_lossy(&found.bytes)),
            // RFC 9309, 2.3.1: without the file everything is allowed; while the host is ill, nothing.
            Ok(found) if found.status.is_server_error() => Robots::closed(),
            Ok(_) => Robots::default(),
            Err(error) => return Err(error),
        })
    }

    async fn begin(&self, root: &Url, crawl: &mut Crawl) -> Result<()> {
        crawl.has_begun = true;
        if self.source.kind != SourceKind::Sitemap {
            crawl.seen.insert(root.to_string());
            crawl.queue.push_back(root.to_string());
            return Ok(());
        }
        let mut maps = VecDeque::from([root.clone()]);
        let mut read = BTreeSet::new();
        while let Some(map) = maps.pop_front() {
            if read.len() >= MOST_SITEMAPS || !read.insert(map.to_string()) {
                continue;
            }
            let found = fetch(self.app, &map, None, None).await?;
            if !found.status.is_success() {
                return Err(Error::bad_request(format!("{map} answered {}. Check the sitemap's address.", found.status.as_u16())));
            }
            let (pages, more) = sitemap(&String::from_utf8_lossy(&found.bytes));
            if pages.is_empty() && more.is_empty() && map == *root {
                return Err(Error::bad_request(format!("{map} is no sitemap: it lists no pages.")));
            }
            maps.extend(more.iter().filter_map(|text| Url::parse(text).ok()).filter(|url| is_same_host(root, url)));
            for url in pages.iter().filter_map(|text| Url::parse(text).ok()) {
                self.add(url, root, crawl);
            }
        }
        Ok(())
    }

    /// Puts an address into the queue where it belongs to the source and is new.
    fn add(&self, url: Url, root: &Url, crawl: &mut Crawl) {
        let url = canonical(url);
        if crawl.seen.len() < MOST_KNOWN
            && is_same_host(root, &url)
            && may_have_text(&url)
            && is_wanted(&url, &self.source.include, &self.source.exclude)
            && crawl.seen.insert(url.to_string())
        {
            crawl.queue.push_back(url.to_string());
        }
    }

    async fn page(&self, url: &Url, root: &Url, known: Option<&SourcePage>, crawl: &mut Crawl) -> Result<Page> {
        let document = match known.and_then(|page| page.document_id.as_deref()) {
            Some(id) => self.app.db.read(|connection| store::find_ingest(connection, self.workspace_id, id))?,
            None => None,
        };
        // Only a page that is here still can be unchanged.
        let (etag, time) = known.filter(|_| document.is_some()).map_or((None, None), |page| (page.etag.as_deref(), page.last_modified.as_deref()));
        let found = fetch(self.app, url, etag, time).await?;
        match found.status.as_u16() {
            304 => {
                if self.source.kind == SourceKind::Crawl
                    && let Some(document) = document
                {
                    let files = file_store(self.app);
                    let bytes = tokio::task::spawn_blocking(move || files.read(&document.sha256)).await.map_err(Error::internal)??;
                    self.follow(url, root, &bytes, crawl);
                }
                return Ok(Page::Kept);
            }
            404 | 410 => return Ok(Page::Gone),
            200..300 => {}
            status => return Err(Error::bad_request(format!("{url} answered {status}."))),
        }
        if self.source.kind != SourceKind::Page && !is_same_host(root, &found.url) {
            return Err(Error::bad_request(format!("{url} leads to another host, {}.", found.url.host_str().unwrap_or_default())));
        }
        let mut noindex = found.noindex;
        if found.is_html {
            let said = links(&String::from_utf8_lossy(&found.bytes));
            noindex |= said.noindex;
            self.follow(&found.url, root, &found.bytes, crawl);
            let own = said.canonical.and_then(|href| found.url.join(&href).ok()).map(canonical).filter(|own| is_same_host(root, own) && own != url);
            if let Some(own) = own.filter(|_| self.source.kind != SourceKind::Page) {
                // The page's own address: read there, if anywhere.
                self.add(own.clone(), root, crawl);
                if crawl.seen.contains(own.as_str()) && is_wanted(&own, &self.source.include, &self.source.exclude) {
                    return Ok(Page::Gone);
                }
            }
        }
        if noindex && self.source.kind != SourceKind::Page {
            return Ok(Page::Gone);
        }
        self.take_in(url, found, known, document).await?;
        Ok(Page::Kept)
    }

    fn follow(&self, at: &Url, root: &Url, bytes: &[u8], crawl: &mut Crawl) {
        if self.source.kind != SourceKind::Crawl {
            return;
        }
        let found = links(&String::from_utf8_lossy(bytes));
        if found.nofollow {
            return;
        }
        let base = found.base.and_then(|base| at.join(&base).ok()).unwrap_or_else(|| at.clone());
        for url in found.hrefs.iter().filter_map(|href| base.join(href).ok()) {
            self.add(url, root, crawl);
        }
    }

    /// Reads the page in where its text is new.
    async fn take_in(&self, url: &Url, found: Fetched, known: Option<&SourcePage>, document: Option<store::IngestRow>) -> Result<()> {
        let extracted = extract_apart(self.app.config.reader.clone(), found.bytes.clone()).await?.map_err(|unreadable| Error::bad_request(unreadable.0))?;
        let text_hash = sha256_hex(format!("{}\n{}", extracted.title.as_deref().unwrap_or_default(), extracted.text).as_bytes());
        let mut page = SourcePage {
            url: url.to_string(),
            document_id: known.and_then(|page| page.document_id.clone()),
            etag: found.etag,
            last_modified: found.last_modified,
            text_hash: Some(text_hash),
            error: None,
        };
        let is_same = known.is_some_and(|known| known.document_id.is_some() && known.text_hash == page.text_hash);
        match document {
            // Also where a person has deleted the document: the same text does not come back.
            _ if is_same => {}
            Some(document) => self.replace(&document, found.bytes).await?,
            None => {
                let source = if self.source.kind == SourceKind::Page { Source::Url } else { Source::Crawl };
                let file = NewFile { source, title: None, filename: None, url: Some(url.to_string()), bytes: found.bytes };
                match service::add_document(self.app, self.workspace_id, &self.source.project_id, file).await {
                    Ok(document) => page.document_id = Some(document.id),
                    Err(error) if error.code() == Code::Conflict => page.error = Some("Another document of the project has exactly this content.".to_owned()),
                    Err(error) => return Err(error),
                }
            }
        }
        self.put(page).await
    }

    async fn replace(&self, document: &store::IngestRow, bytes: Vec<u8>) -> Result<()> {
        let files = file_store(self.app);
        let put = files.clone();
        let stored = tokio::task::spawn_blocking(move || put.put(&bytes)).await.map_err(Error::internal)??;
        let (row, id, project, old_hash) = (document.row, document.id.clone(), self.project, document.sha256.clone());
        let (now, ids, workspace_id) = (self.app.now(), self.app.ids.clone(), self.workspace_id.to_owned());
        self.app
            .db
            .write(move |tx| {
                // The same bytes may have come in another way; then there is nothing to replace.
                if stored.sha256 != old_hash && store::find_by_bytes(tx, project, &stored.sha256)?.is_some() {
                    return Ok(());
                }
                files::retain(tx, &files, &stored, now)?;
                let old = store::replace_bytes(tx, row, &stored.sha256, stored.bytes, now)?;
                files::release(tx, &ids, &old, now)?;
                jobs::cancel(tx, &id)?;
                service::enqueue_ingest(tx, &ids, &workspace_id, &id, now)
            })
            .await?;
        self.app.jobs.wake();
        Ok(())
    }

    async fn put(&self, page: SourcePage) -> Result<()> {
        let (row, now) = (self.row, self.app.now());
        self.app
            .db
            .write(move |tx| {
                store::put_page(tx, row, &page, now)
            })
            .await
    }

    /// Takes out the pages that are gone, with their documents.
    async fn remove(&self, known: &HashMap<String, SourcePage>, kept: &BTreeSet<String>) -> Result<()> {
        for page in known.values().filter(|page| !kept.contains(&page.url)) {
            if let Some(id) = &page.document_id {
                match service::delete_document(self.app, self.workspace_id, self.project, id, None).await {
                    Err(error) if !error.is_not_found() => return Err(error),
                    _ => {}
                }
            }
            let (row, url) = (self.row, page.url.clone());
            self.app.db.write(move |tx| store::delete_page(tx, row, &url)).await?;
        }
        Ok(())
    }
}

fn path_of(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

/// The pages and the further sitemaps that a sitemap lists; a plain list of addresses is one too.
fn sitemap(text: &str) -> (Vec<String>, Vec<String>) {
    if !text.trim_start().starts_with('<') {
        return (text.lines().map(str::trim).filter(|line| line.starts_with("http")).map(str::to_owned).collect(), Vec::new());
    }
    let is_index = text.contains("<sitemapindex");
    let mut found = Vec::new();
    for part in text.split("<loc>").skip(1).take(MOST_KNOWN) {
        let raw = part.split('<').next().unwrap_or_default().trim();
        found.push(raw.replace("&amp;", "&"));
    }
    if is_index { (Vec::new(), found) } else { (found, Vec::new()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sitemap_lists_pages_or_sitemaps() {
        let (pages, more) = sitemap("<?xml version=\"1.0\"?><urlset><url><loc> https://a.example/?a=1&amp;b=2 </loc></url></urlset>");
        assert_eq!((pages.as_slice(), more.len()), (["https://a.example/?a=1&b=2".to_owned()].as_slice(), 0));
        let (pages, more) = sitemap("<sitemapindex><sitemap><loc>https://a.example/s1.xml</loc></sitemap></sitemapindex>");
        assert_eq!((pages.len(), more.len()), (0, 1));
    }
}
