//! The table `documents`.

use rusqlite::{Connection, OptionalExtension, Row, named_params};

use crate::{
    clock::Timestamp,
    db::Tx,
    error::Result,
    http::Paging,
    knowledge::model::{Document, Source, Status},
};

const COLUMNS: &str = "
    documents.id, projects.id, documents.title, source, filename, mime_type, bytes, sha256, status, error, chunk_count, token_count, url,
    documents.created_at, documents.updated_at, chunks_expected";
const FROM: &str = "from documents join projects on projects.row = documents.project";

fn read(row: &Row<'_>) -> rusqlite::Result<Document> {
    let (status, chunk_count) = (row.get(8)?, row.get(10)?);
    Ok(Document {
        id: row.get(0)?,
        project_id: row.get(1)?,
        title: row.get(2)?,
        source: row.get(3)?,
        filename: row.get(4)?,
        mime_type: row.get(5)?,
        bytes: row.get(6)?,
        sha256: row.get(7)?,
        status,
        error: row.get(9)?,
        progress: progress(status, chunk_count, row.get(15)?),
        chunk_count,
        token_count: row.get(11)?,
        url: row.get(12)?,
        created_at: row.get(13)?,
        updated_at: row.get(14)?,
    })
}

/// Reading the file is the first twentieth, embedding its chunks the rest.
fn progress(status: Status, done: i64, expected: Option<i64>) -> f64 {
    match (status, expected) {
        (Status::Completed, _) => 1.0,
        (Status::Processing, Some(expected)) if expected > 0 => 0.05 + 0.95 * (done as f64 / expected as f64).min(1.0),
        _ => 0.0,
    }
}

/// What is known of a document before it is read.
#[derive(Debug, Clone)]
pub struct NewDocument {
    pub id: String,
    pub title: String,
    pub title_is_given: bool,
    pub source: Source,
    pub filename: Option<String>,
    pub mime_type: String,
    pub bytes: u64,
    pub sha256: String,
    pub url: Option<String>,
}

pub fn insert_document(tx: &Tx<'_>, workspace_id: &str, project: i64, document: &NewDocument, now: Timestamp) -> Result<()> {
    tx.prepare_cached(
        "insert into documents (id, workspace_id, project, title, title_is_given, source, filename, mime_type, bytes, sha256, url, status, chunk_count, token_count, created_at, updated_at)
         values (:id, :workspace_id, :project, :title, :title_is_given, :source, :filename, :mime_type, :bytes, :sha256, :url, 'pending', 0, 0, :now, :now)",
    )?
    .execute(named_params! {
        ":id": document.id, ":workspace_id": workspace_id, ":project": project, ":title": document.title,
        ":title_is_given": document.title_is_given, ":source": document.source, ":filename": document.filename,
        ":mime_type": document.mime_type, ":bytes": i64::try_from(document.bytes).unwrap_or(i64::MAX), ":sha256": document.sha256, ":url": document.url, ":now": now,
    })?;
    Ok(())
}

/// The id of the project's document with exactly these bytes.
pub fn find_by_bytes(connection: &Connection, project: i64, sha256: &str) -> Result<Option<String>> {
    Ok(connection
        .prepare_cached("select id from documents where project = ?1 and sha256 = ?2")?
        .query_row((project, sha256), |row| row.get(0))
        .optional()?)
}

pub fn find_document(connection: &Connection, workspace_id: &str, project: i64, id: &str) -> Result<Option<Document>> {
    Ok(connection
        .prepare_cached(&format!("select {COLUMNS} {FROM} where documents.workspace_id = ?1 and documents.project = ?2 and documents.id = ?3"))?
        .query_row((workspace_id, project, id), read)
        .optional()?)
}

/// Which documents a list shows.
#[derive(Debug, Clone, Default)]
pub struct DocumentFilter {
    pub status: Option<Status>,
    /// A part of the title or of the file's name.
    pub q: Option<String>,
}

pub fn list_documents(connection: &Connection, workspace_id: &str, project: i64, filter: &DocumentFilter, paging: Paging) -> Result<(Vec<Document>, i64)> {
    const WHERE: &str = "
        where documents.workspace_id = :workspace_id and documents.project = :project
          and not exists (select 1 from qa_pairs q where q.document = documents.row)
          and (:status is null or status = :status)
          and (:q is null or instr(lower(documents.title), :q) > 0 or instr(lower(coalesce(filename, '')), :q) > 0)";
    let q = filter.q.as_ref().map(|q| q.to_lowercase());
    let data = connection
        .prepare_cached(&format!("select {COLUMNS} {FROM} {WHERE} order by documents.created_at desc, documents.row desc limit :limit offset :offset"))?
        .query_map(
            named_params! {
                ":workspace_id": workspace_id, ":project": project, ":status": filter.status, ":q": q, ":limit": paging.limit, ":offset": paging.offset,
            },
            read,
        )?
        .collect::<rusqlite::Result<_>>()?;
    let total = connection
        .prepare_cached(&format!("select count(*) {FROM} {WHERE}"))?
        .query_row(named_params! { ":workspace_id": workspace_id, ":project": project, ":status": filter.status, ":q": q }, |row| row.get(0))?;
    Ok((data, total))
}

/// Every document of a project: its row and its file.
pub fn document_rows(connection: &Connection, workspace_id: &str, project: i64) -> Result<Vec<(i64, String)>> {
    let mut statement = connection.prepare_cached("select row, id from documents where workspace_id = ?1 and project = ?2")?;
    Ok(statement.query_map((workspace_id, project), |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

/// Whether any document still waits or is being read.
pub fn is_busy(connection: &Connection, workspace_id: &str, project: i64) -> Result<bool> {
    Ok(connection
        .prepare_cached("select exists (select 1 from documents where workspace_id = ?1 and project = ?2 and status in ('pending', 'processing'))")?
        .query_row((workspace_id, project), |row| row.get(0))?)
}

/// What the ingestion of a document needs to know of it.
#[derive(Debug, Clone)]
pub struct IngestRow {
    pub row: i64,
    pub id: String,
    pub workspace_id: String,
    pub project: i64,
    pub title: String,
    pub title_is_given: bool,
    pub filename: Option<String>,
    pub sha256: String,
    pub status: Status,
    /// See the migration 0021.
    pub cut_by: Option<String>,
}

const INGEST: &str = "select row, id, workspace_id, project, title, title_is_given, filename, sha256, status, cut_by from documents";

fn read_ingest(row: &Row<'_>) -> rusqlite::Result<IngestRow> {
    Ok(IngestRow {
        row: row.get(0)?,
        id: row.get(1)?,
        workspace_id: row.get(2)?,
        project: row.get(3)?,
        title: row.get(4)?,
        title_is_given: row.get(5)?,
        filename: row.get(6)?,
        sha256: row.get(7)?,
        status: row.get(8)?,
        cut_by: row.get(9)?,
    })
}

pub fn find_ingest(connection: &Connection, workspace_id: &str, id: &str) -> Result<Option<IngestRow>> {
    Ok(connection.prepare_cached(&format!("{INGEST} where workspace_id = ?1 and id = ?2"))?.query_row((workspace_id, id), read_ingest).optional()?)
}

/// A document that is read whole, by its row.
pub fn find_completed(connection: &Connection, document: i64) -> Result<Option<IngestRow>> {
    Ok(connection.prepare_cached(&format!("{INGEST} where row = ?1 and status = 'completed'"))?.query_row([document], read_ingest).optional()?)
}

/// The next document after `after` that is read whole and was not cut by this measure.
pub fn next_cut_otherwise(connection: &Connection, after: i64, measure: &str) -> Result<Option<IngestRow>> {
    let mut statement = connection.prepare_cached(&format!("{INGEST} where row > ?1 and status = 'completed' and cut_by is not ?2 order by row limit 1"))?;
    Ok(statement.query_row((after, measure), read_ingest).optional()?)
}

/// What was cut before anybody wrote down how was cut by this measure.
pub fn adopt_cuts(tx: &Tx<'_>, measure: &str) -> Result<()> {
    tx.prepare_cached("update documents set cut_by = ?1 where cut_by is null and status = 'completed'")?.execute([measure])?;
    Ok(())
}

/// Writes down by what measure a document is being cut, and answers how many of its chunks are there. Those that another measure cut
/// before the reading was interrupted are no beginning for this one.
pub fn begin_cut(tx: &Tx<'_>, document: i64, measure: &str) -> Result<usize> {
    let (chunks, by): (i64, Option<String>) =
        tx.prepare_cached("select chunk_count, cut_by from documents where row = ?1")?.query_row([document], |row| Ok((row.get(0)?, row.get(1)?))).optional()?.unwrap_or_default();
    if by.as_deref() == Some(measure) || chunks == 0 {
        tx.prepare_cached("update documents set cut_by = ?2 where row = ?1")?.execute((document, measure))?;
        return Ok(usize::try_from(chunks).unwrap_or_default());
    }
    super::remove_read_chunks(tx, document)?;
    tx.prepare_cached("update documents set cut_by = ?2, chunk_count = 0, token_count = 0 where row = ?1 and status = 'processing'")?.execute((document, measure))?;
    Ok(0)
}

/// Writes down that a document stands as this measure cuts it, where nothing else has happened to it.
pub fn set_cut(tx: &Tx<'_>, document: &IngestRow, measure: &str) -> Result<bool> {
    let changed = tx
        .prepare_cached("update documents set cut_by = ?3 where row = ?1 and status = 'completed' and cut_by is ?2")?
        .execute((document.row, &document.cut_by, measure))?;
    Ok(changed > 0)
}

pub fn set_processing(tx: &Tx<'_>, document: i64, now: Timestamp) -> Result<()> {
    tx.prepare_cached("update documents set status = 'processing', updated_at = ?2 where row = ?1 and status = 'pending'")?.execute((document, now))?;
    Ok(())
}

/// What reading the file has told about it.
pub fn set_described(tx: &Tx<'_>, document: i64, title: &str, mime_type: &str, url: Option<&str>, chunks_expected: usize, now: Timestamp) -> Result<()> {
    tx.prepare_cached("update documents set title = ?2, mime_type = ?3, url = coalesce(url, ?4), chunks_expected = ?5, updated_at = ?6 where row = ?1")?
        .execute((document, title, mime_type, url, i64::try_from(chunks_expected).unwrap_or(i64::MAX), now))?;
    Ok(())
}

pub fn set_failed(tx: &Tx<'_>, document: i64, error: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached("update documents set status = 'failed', error = ?2, updated_at = ?3 where row = ?1")?.execute((document, error, now))?;
    Ok(())
}

/// Other bytes for the same document, which is then read anew; answers the hash of the old ones.
pub fn replace_bytes(tx: &Tx<'_>, document: i64, sha256: &str, bytes: u64, now: Timestamp) -> Result<String> {
    let old = tx.prepare_cached("select sha256 from documents where row = ?1")?.query_row([document], |row| row.get(0))?;
    tx.prepare_cached("update documents set sha256 = ?2, bytes = ?3 where row = ?1")?.execute((document, sha256, i64::try_from(bytes).unwrap_or(i64::MAX)))?;
    reset_document(tx, document, now)?;
    Ok(old)
}

/// Back to the beginning, to be read anew; what was read before is found until then.
pub fn reset_document(tx: &Tx<'_>, document: i64, now: Timestamp) -> Result<()> {
    super::supersede_chunks(tx, document)?;
    tx.prepare_cached(
        "update documents set status = 'pending', error = null, chunk_count = 0, chunks_expected = null, token_count = 0, updated_at = ?2 where row = ?1",
    )?
    .execute((document, now))?;
    Ok(())
}

pub fn rename_document(tx: &Tx<'_>, document: i64, title: &str, now: Timestamp) -> Result<()> {
    tx.prepare_cached("update documents set title = ?2, title_is_given = 1, updated_at = ?3 where row = ?1")?.execute((document, title, now))?;
    Ok(())
}

/// With all that was made of it; answers the hash of its file.
pub fn delete_document(tx: &Tx<'_>, workspace_id: &str, document: i64) -> Result<Option<String>> {
    super::delete_chunks(tx, document)?;
    Ok(tx
        .prepare_cached("delete from documents where workspace_id = ?1 and row = ?2 returning sha256")?
        .query_row((workspace_id, document), |row| row.get(0))
        .optional()?)
}
