//! The tables `sources` and `source_pages`.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use crate::{
    clock::Timestamp,
    db::{Tx, on_unique},
    error::{Error, Result},
    http::Paging,
    knowledge::model::WebSource,
};

const SELECT: &str = "select s.id, p.id, s.url, s.kind, s.max_pages, s.include, s.exclude, s.schedule, s.status, s.error,
    (select count(*) from source_pages g where g.source = s.row and g.document_id is not null),
    (select count(*) from source_pages g where g.source = s.row and g.error is not null),
    s.last_run_at, s.next_run_at, s.created_at, s.updated_at
    from sources s join projects p on p.row = s.project";

fn read(row: &Row<'_>) -> rusqlite::Result<WebSource> {
    let list = |column: usize| -> rusqlite::Result<Vec<String>> { Ok(serde_json::from_str(&row.get::<_, String>(column)?).unwrap_or_default()) };
    Ok(WebSource {
        id: row.get(0)?,
        project_id: row.get(1)?,
        url: row.get(2)?,
        kind: row.get(3)?,
        max_pages: row.get(4)?,
        include: list(5)?,
        exclude: list(6)?,
        schedule: row.get(7)?,
        status: row.get(8)?,
        error: row.get(9)?,
        page_count: row.get(10)?,
        failed_count: row.get(11)?,
        last_run_at: row.get(12)?,
        next_run_at: row.get(13)?,
        created_at: row.get(14)?,
        updated_at: row.get(15)?,
    })
}

fn is_taken() -> Error {
    Error::conflict("This project has a source with this address already.").detail("url", "is there already")
}

pub fn insert_source(tx: &Tx<'_>, workspace_id: &str, project: i64, source: &WebSource) -> Result<()> {
    tx.prepare_cached(
        "insert into sources (id, workspace_id, project, url, kind, max_pages, include, exclude, schedule, status, created_at, updated_at)
         values (:id, :ws, :project, :url, :kind, :max_pages, :include, :exclude, :schedule, :status, :now, :now)",
    )?
    .execute(named_params! {
        ":id": source.id, ":ws": workspace_id, ":project": project, ":url": source.url, ":kind": source.kind, ":max_pages": source.max_pages,
        ":include": serde_json::to_string(&source.include)?, ":exclude": serde_json::to_string(&source.exclude)?, ":schedule": source.schedule,
        ":status": source.status, ":now": source.created_at,
    })
    .map_err(on_unique("sources.url", is_taken))?;
    Ok(())
}

pub fn update_source(tx: &Tx<'_>, workspace_id: &str, source: &WebSource) -> Result<()> {
    tx.prepare_cached(
        "update sources set max_pages = :max_pages, include = :include, exclude = :exclude, schedule = :schedule, status = :status, error = :error,
             last_run_at = :last_run_at, next_run_at = :next_run_at, updated_at = :now
         where workspace_id = :ws and id = :id",
    )?
    .execute(named_params! {
        ":ws": workspace_id, ":id": source.id, ":max_pages": source.max_pages, ":include": serde_json::to_string(&source.include)?,
        ":exclude": serde_json::to_string(&source.exclude)?, ":schedule": source.schedule, ":status": source.status, ":error": source.error,
        ":last_run_at": source.last_run_at, ":next_run_at": source.next_run_at, ":now": source.updated_at,
    })?;
    Ok(())
}

pub fn find_source(connection: &Connection, workspace_id: &str, project: i64, id: &str) -> Result<Option<WebSource>> {
    Ok(connection
        .prepare_cached(&format!("{SELECT} where s.workspace_id = ?1 and s.project = ?2 and s.id = ?3"))?
        .query_row((workspace_id, project, id), read)
        .optional()?)
}

/// The source that a job is about, with its project's row.
pub fn source_of_job(connection: &Connection, workspace_id: &str, id: &str) -> Result<Option<(WebSource, i64)>> {
    let source = connection.prepare_cached(&format!("{SELECT} where s.workspace_id = ?1 and s.id = ?2"))?.query_row((workspace_id, id), read).optional()?;
    let Some(source) = source else { return Ok(None) };
    let project = connection.prepare_cached("select project from sources where id = ?1")?.query_row([id], |row| row.get(0))?;
    Ok(Some((source, project)))
}

pub fn source_row(connection: &Connection, workspace_id: &str, id: &str) -> Result<Option<i64>> {
    Ok(connection.prepare_cached("select row from sources where workspace_id = ?1 and id = ?2")?.query_row((workspace_id, id), |row| row.get(0)).optional()?)
}

pub fn list_sources(connection: &Connection, workspace_id: &str, project: i64, paging: Paging) -> Result<(Vec<WebSource>, i64)> {
    let data = connection
        .prepare_cached(&format!("{SELECT} where s.workspace_id = ?1 and s.project = ?2 order by s.created_at desc, s.row desc limit ?3 offset ?4"))?
        .query_map((workspace_id, project, paging.limit, paging.offset), read)?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection.prepare_cached("select count(*) from sources where workspace_id = ?1 and project = ?2")?.query_row((workspace_id, project), |row| row.get(0))?;
    Ok((data, total))
}

/// Its pages' documents are the caller's to delete before.
pub fn delete_source(tx: &Tx<'_>, workspace_id: &str, id: &str) -> Result<bool> {
    Ok(tx.prepare_cached("delete from sources where workspace_id = ?1 and id = ?2")?.execute((workspace_id, id))? > 0)
}

/// What is known of a page that a source has read.
#[derive(Debug, Clone, Default)]
pub struct SourcePage {
    pub url: String,
    pub document_id: Option<String>,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub text_hash: Option<String>,
    pub error: Option<String>,
}

pub fn list_pages(connection: &Connection, source: i64) -> Result<Vec<SourcePage>> {
    let mut statement = connection.prepare_cached("select url, document_id, etag, last_modified, text_hash, error from source_pages where source = ?1 order by url")?;
    let pages = statement.query_map([source], |row| {
        Ok(SourcePage { url: row.get(0)?, document_id: row.get(1)?, etag: row.get(2)?, last_modified: row.get(3)?, text_hash: row.get(4)?, error: row.get(5)? })
    })?;
    Ok(pages.collect::<rusqlite::Result<_>>()?)
}

/// Nothing where the source was deleted meanwhile.
pub fn put_page(tx: &Tx<'_>, source: i64, page: &SourcePage, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "insert into source_pages (source, url, document_id, etag, last_modified, text_hash, error, checked_at)
         select :source, :url, :document_id, :etag, :last_modified, :text_hash, :error, :now where exists (select 1 from sources where row = :source)
         on conflict (source, url) do update set document_id = excluded.document_id, etag = excluded.etag, last_modified = excluded.last_modified,
             text_hash = excluded.text_hash, error = excluded.error, checked_at = excluded.checked_at",
    )?
    .execute(named_params! {
        ":source": source, ":url": page.url, ":document_id": page.document_id, ":etag": page.etag, ":last_modified": page.last_modified,
        ":text_hash": page.text_hash, ":error": page.error, ":now": now,
    })?;
    Ok(())
}

pub fn delete_page(tx: &Tx<'_>, source: i64, url: &str) -> Result<()> {
    tx.prepare_cached("delete from source_pages where source = ?1 and url = ?2")?.execute((source, url))?;
    Ok(())
}
