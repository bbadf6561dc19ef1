//! The operations on a project's web sources.

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde::Deserialize;
use url::Url;

use super::{address, run};
use crate::{
    access::{Caller, Editor, Member},
    app::App,
    audit::Action,
    error::{Error, Result},
    http::{Body, Created, Listing, NoContent, Paging, Tag},
    ids::prefix,
    knowledge::{
        members::seen,
        model::{Schedule, SourceKind, SourceStatus, WebSource},
        service, store,
    },
};

pub struct SourcesApi;

/// Patterns of one list at the most.
const MOST_PATTERNS: usize = 50;

#[derive(Object, Deserialize)]
#[oai(rename = "CreateWebSource", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct CreateSource {
    url: String,
    kind: SourceKind,
    /// 1 to 10,000; 100 if left out.
    max_pages: Option<i64>,
    include: Option<Vec<String>>,
    exclude: Option<Vec<String>>,
    schedule: Option<Schedule>,
}

#[derive(Object, Deserialize, Default)]
#[oai(rename = "UpdateWebSource", rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateSource {
    max_pages: Option<i64>,
    include: Option<Vec<String>>,
    exclude: Option<Vec<String>>,
    schedule: Option<Schedule>,
}

/// A page that a source has read, or could not.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct WebSourcePage {
    url: String,
    document_id: Option<String>,
    error: Option<String>,
}

fn check_max_pages(most: i64) -> Result<i64> {
    if (1..=10_000).contains(&most) { Ok(most) } else { Err(Error::invalid("maxPages", "must be a number from 1 to 10,000")) }
}

fn check_patterns(field: &str, patterns: Vec<String>) -> Result<Vec<String>> {
    if patterns.len() > MOST_PATTERNS {
        return Err(Error::invalid(field, "must have at most 50 patterns"));
    }
    if patterns.iter().any(|pattern| pattern.chars().count() > 500 || !pattern.starts_with(['/', '*'])) {
        return Err(Error::invalid(field, "must be paths that begin with `/` or `*`, of at most 500 characters"));
    }
    Ok(patterns)
}

/// An address that may be reached as far as it can be told without asking for it.
pub fn check_url(app: &App, text: &str) -> Result<Url> {
    let url = Url::parse(text.trim()).map_err(|_| Error::invalid("url", "is not an address; it should look like https://example.com/help"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || text.len() > 2000 {
        return Err(Error::invalid("url", "must be an http or https address"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::invalid("url", "must not carry a name or password"));
    }
    app.client.check(&url).map_err(|error| Error::invalid("url", error.message()))?;
    Ok(address::canonical(url))
}

fn find(app: &App, who: &Caller, project: i64, id: &str) -> Result<WebSource> {
    app.db.read(|connection| store::find_source(connection, &who.workspace_id, project, id))?.ok_or_else(|| Error::not_found("source"))
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/projects", tag = "Tag::Knowledge")]
impl SourcesApi {
    /// The places on the web that fill a project
    #[oai(path = "/:id/sources", method = "get", operation_id = "list_sources")]
    async fn list_sources(&self, app: Data<&App>, who: Member, id: Path<String>, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<WebSource>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        let project = seen(&app, &who, &id)?;
        let (data, total) = app.db.read(|connection| store::list_sources(connection, &who.workspace_id, project, paging))?;
        Ok(Listing { data, total, paging, flat: false })
    }

    /// Fill a project from a page, a sitemap or a whole host
    #[oai(path = "/:id/sources", method = "post", operation_id = "create_source")]
    async fn create_source(&self, app: Data<&App>, who: Editor, id: Path<String>, body: Body<CreateSource>) -> Result<Created<WebSource>> {
        let project = seen(&app, &who, &id)?;
        let (new, now) = (body.0, app.now());
        let source = WebSource {
            id: app.new_id(prefix::SOURCE),
            project_id: id.0,
            url: check_url(&app, &new.url)?.into(),
            kind: new.kind,
            max_pages: if new.kind == SourceKind::Page { 1 } else { check_max_pages(new.max_pages.unwrap_or(100))? },
            include: check_patterns("include", new.include.unwrap_or_default())?,
            exclude: check_patterns("exclude", new.exclude.unwrap_or_default())?,
            schedule: new.schedule.unwrap_or(Schedule::Off),
            status: SourceStatus::Pending,
            error: None,
            page_count: 0,
            failed_count: 0,
            last_run_at: None,
            next_run_at: None,
            created_at: now,
            updated_at: now,
        };
        let (stored, ids) = (source.clone(), app.ids.clone());
        app.db
            .write(move |tx| {
                store::insert_source(tx, &who.workspace_id, project, &stored)?;
                run::enqueue(tx, &ids, &who.workspace_id, &stored.id, now, now)
            })
            .await?;
        app.jobs.wake();
        Ok(Created(source))
    }

    /// One source
    #[oai(path = "/:id/sources/:source", method = "get", operation_id = "get_source")]
    async fn get_source(&self, app: Data<&App>, who: Member, id: Path<String>, source: Path<String>) -> Result<Json<WebSource>> {
        find(&app, &who, seen(&app, &who, &id)?, &source).map(Json)
    }

    /// The pages that a source has read, and those that it could not
    #[oai(path = "/:id/sources/:source/pages", method = "get", operation_id = "list_source_pages")]
    #[expect(clippy::too_many_arguments, reason = "one a parameter")]
    async fn list_source_pages(
        &self,
        app: Data<&App>,
        who: Member,
        id: Path<String>,
        source: Path<String>,
        /// Only those that could not be read.
        failed: Query<Option<bool>>,
        limit: Query<Option<i64>>,
        offset: Query<Option<i64>>,
    ) -> Result<Listing<WebSourcePage>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        let found = find(&app, &who, seen(&app, &who, &id)?, &source)?;
        let pages = app.db.read(|connection| match store::source_row(connection, &who.workspace_id, &found.id)? {
            Some(row) => store::list_pages(connection, row),
            None => Ok(Vec::new()),
        })?;
        let wanted = pages.into_iter().filter(|page| !failed.0.unwrap_or(false) || page.error.is_some());
        Ok(Listing::of(wanted.map(|page| WebSourcePage { url: page.url, document_id: page.document_id, error: page.error }).collect(), paging))
    }

    /// Change how a source is read
    #[oai(path = "/:id/sources/:source", method = "patch", operation_id = "update_source")]
    async fn update_source(&self, app: Data<&App>, who: Editor, id: Path<String>, source: Path<String>, body: Body<UpdateSource>) -> Result<Json<WebSource>> {
        let project = seen(&app, &who, &id)?;
        let mut found = find(&app, &who, project, &source)?;
        let change = body.0;
        found.max_pages = change.max_pages.map_or(Ok(found.max_pages), check_max_pages)?;
        found.include = change.include.map_or(Ok(found.include), |list| check_patterns("include", list))?;
        found.exclude = change.exclude.map_or(Ok(found.exclude), |list| check_patterns("exclude", list))?;
        let rescheduled = change.schedule.is_some_and(|schedule| schedule != found.schedule);
        found.schedule = change.schedule.unwrap_or(found.schedule);
        found.updated_at = app.now();
        let (stored, ids, workspace_id) = (found.clone(), app.ids.clone(), who.workspace_id.clone());
        let found = app
            .db
            .write(move |tx| {
                let mut stored = stored;
                if rescheduled && stored.status != SourceStatus::Running {
                    run::schedule(tx, &ids, &workspace_id, &mut stored)?;
                }
                store::update_source(tx, &workspace_id, &stored)?;
                Ok(stored)
            })
            .await?;
        Ok(Json(found))
    }

    /// Read a source anew, now
    #[oai(path = "/:id/sources/:source/sync", method = "post", operation_id = "sync_source")]
    async fn sync_source(&self, app: Data<&App>, who: Editor, id: Path<String>, source: Path<String>) -> Result<Json<WebSource>> {
        let project = seen(&app, &who, &id)?;
        let mut found = find(&app, &who, project, &source)?;
        if found.status == SourceStatus::Running {
            return Ok(Json(found));
        }
        (found.status, found.updated_at) = (SourceStatus::Pending, app.now());
        let (stored, ids) = (found.clone(), app.ids.clone());
        app.db
            .write(move |tx| {
                store::update_source(tx, &who.workspace_id, &stored)?;
                run::enqueue(tx, &ids, &who.workspace_id, &stored.id, stored.updated_at, stored.updated_at)
            })
            .await?;
        app.jobs.wake();
        Ok(Json(found))
    }

    /// Delete a source with the documents that came from it
    #[oai(path = "/:id/sources/:source", method = "delete", operation_id = "delete_source")]
    async fn delete_source(&self, app: Data<&App>, who: Editor, id: Path<String>, source: Path<String>) -> Result<NoContent> {
        let project = seen(&app, &who, &id)?;
        let found = find(&app, &who, project, &source)?;
        let workspace_id = who.workspace_id.clone();
        let pages = app
            .db
            .write(move |tx| {
                run::cancel(tx, &found.id)?;
                let row = store::source_row(tx, &workspace_id, &found.id)?.unwrap_or_default();
                let pages = store::list_pages(tx, row)?;
                store::delete_source(tx, &workspace_id, &found.id)?;
                Ok(pages)
            })
            .await?;
        for document in pages.into_iter().filter_map(|page| page.document_id) {
            match service::delete_document(&app, &who.workspace_id, project, &document, Some(who.entry(Action::DocumentDeleted).on(&document))).await {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        Ok(NoContent)
    }
}
