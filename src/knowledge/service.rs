//! What takes several steps: taking a file in, taking documents and projects out, and searching.

use serde_json::json;

use super::{
    ingest::INGEST_JOB,
    model::{Document, Hit, Mode, Project, ProjectStatus, SearchResult, Source, Visibility, check_description, check_project_name, clean_title, title_from_filename},
    rerank,
    retrieve::{self, FoundChunk, Scope, Turn, Weights},
    store::{self, NewDocument},
};
use crate::{
    app::App,
    audit::{self, NewEntry},
    clock::Timestamp,
    db::Tx,
    error::{Error, Result},
    files::{self, FileStore},
    ids::{Ids, prefix},
    jobs::{self, NewJob},
};

/// The confidence that a question needs where a project has no measure of its own yet.
pub const UNCALIBRATED: f64 = 0.45;

pub fn file_store(app: &App) -> FileStore {
    FileStore::new(app.config.files_dir())
}

/// Does the job that takes a file off the disk once nobody needs it; see `files`.
pub async fn remove_file(app: App, job: jobs::Job) -> Result<()> {
    let (files, sha256) = (file_store(&app), job.payload["sha256"].as_str().unwrap_or_default().to_owned());
    app.db.write(move |tx| files::remove_unused(tx, &files, &sha256)).await
}

/// A project that is not written down yet.
pub fn new_project(app: &App, name: &str, description: Option<String>, visibility: Option<Visibility>) -> Result<Project> {
    check_description(description.as_deref().unwrap_or_default())?;
    Ok(Project {
        id: app.new_id(prefix::PROJECT),
        name: check_project_name(name)?,
        description,
        visibility: visibility.unwrap_or(Visibility::Workspace),
        document_count: 0,
        qa_count: 0,
        chunk_count: 0,
        bytes: 0,
        status: ProjectStatus::Empty,
        // Whoever makes one is an admin.
        can_edit: true,
        my_role: None,
        created_at: app.now(),
        updated_at: app.now(),
    })
}

/// A document as it comes in.
#[derive(Debug, Clone)]
pub struct NewFile {
    pub source: Source,
    pub title: Option<String>,
    pub filename: Option<String>,
    pub url: Option<String>,
    pub bytes: Vec<u8>,
}

/// Puts a document into a project. Its bytes are safe on the disk when this answers, and a job will read them.
///
/// # Errors
/// `conflict` with the existing document's id in `details.id` where the project has the same bytes already, and
/// `bad_request` for an empty file.
pub async fn add_document(app: &App, workspace_id: &str, project_id: &str, file: NewFile) -> Result<Document> {
    if file.bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::bad_request("The file is empty. Send one with text in it."));
    }
    let files = file_store(app);
    let put = files.clone();
    let (stored, bytes) = tokio::task::spawn_blocking(move || put.put(&file.bytes).map(|stored| (stored, file.bytes))).await.map_err(Error::internal)??;
    let title = match (&file.title, &file.filename) {
        (Some(title), _) => title.clone(),
        (None, Some(filename)) => title_from_filename(filename),
        (None, None) => first_words(&bytes),
    };
    drop(bytes);
    let new = NewDocument {
        id: app.new_id(prefix::DOCUMENT),
        title_is_given: file.title.is_some(),
        title,
        source: file.source,
        filename: file.filename,
        // Told by the content, once it is read.
        mime_type: "application/octet-stream".to_owned(),
        bytes: stored.bytes,
        sha256: stored.sha256.clone(),
        url: file.url,
    };
    let (now, ids) = (app.now(), app.ids.clone());
    let (workspace_id, project_id) = (workspace_id.to_owned(), project_id.to_owned());
    let document = app
        .db
        .write(move |tx| {
            let project = store::find_project_row(tx, &workspace_id, &project_id, store::Sees::All)?.ok_or_else(|| Error::not_found("project"))?;
            if let Some(existing) = store::find_by_bytes(tx, project, &stored.sha256)? {
                return Err(Error::conflict("This project has a document with exactly this content already.").detail("id", existing));
            }
            files::retain(tx, &files, &stored, now)?;
            store::insert_document(tx, &workspace_id, project, &new, now)?;
            store::touch_project(tx, project, now)?;
            enqueue_ingest(tx, &ids, &workspace_id, &new.id, now)?;
            store::find_document(tx, &workspace_id, project, &new.id)?.ok_or_else(|| Error::not_found("document"))
        })
        .await?;
    app.jobs.wake();
    Ok(document)
}

fn first_words(bytes: &[u8]) -> String {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(400)]).into_owned();
    let line = head.lines().map(|line| line.trim_start_matches(['#', ' '])).find(|line| !line.trim().is_empty()).unwrap_or_default();
    clean_title(&line.split_whitespace().take(10).collect::<Vec<_>>().join(" "))
}

/// One lane a document, so that it is never read twice at a time.
pub fn enqueue_ingest(tx: &Tx<'_>, ids: &Ids, workspace_id: &str, document_id: &str, now: Timestamp) -> Result<()> {
    let job = NewJob {
        kind: INGEST_JOB,
        workspace_id: Some(workspace_id.to_owned()),
        payload: json!({ "documentId": document_id }),
        lane: Some(document_id.to_owned()),
        run_at: now,
    };
    jobs::enqueue(tx, ids, now, &job)?;
    Ok(())
}

/// Reads a document anew, from its original bytes.
pub async fn reprocess_document(app: &App, workspace_id: &str, project: i64, id: &str, title: Option<String>) -> Result<Document> {
    let (workspace_id, id, now, ids) = (workspace_id.to_owned(), id.to_owned(), app.now(), app.ids.clone());
    let document = app
        .db
        .write(move |tx| {
            let found = store::find_ingest(tx, &workspace_id, &id)?.filter(|row| row.project == project).ok_or_else(|| Error::not_found("document"))?;
            if let Some(title) = title {
                store::rename_document(tx, found.row, &title, now)?;
            }
            store::reset_document(tx, found.row, now)?;
            jobs::cancel(tx, &id)?;
            enqueue_ingest(tx, &ids, &workspace_id, &id, now)?;
            store::find_document(tx, &workspace_id, project, &id)?.ok_or_else(|| Error::not_found("document"))
        })
        .await?;
    app.jobs.wake();
    Ok(document)
}

/// Takes out a document with its passages and, where nobody else has it, its file. `entry` is the audit log's line, where a
/// person did it.
///
/// # Errors
/// Where there is no such document in the project.
pub async fn delete_document(app: &App, workspace_id: &str, project: i64, id: &str, entry: Option<NewEntry>) -> Result<()> {
    let (workspace_id, id, now, ids) = (workspace_id.to_owned(), id.to_owned(), app.now(), app.ids.clone());
    app.db
        .write(move |tx| {
            let found = store::find_ingest(tx, &workspace_id, &id)?.filter(|row| row.project == project).ok_or_else(|| Error::not_found("document"))?;
            jobs::cancel(tx, &id)?;
            if let Some(sha256) = store::delete_document(tx, &workspace_id, found.row)? {
                files::release(tx, &ids, &sha256, now)?;
            }
            if let Some(entry) = entry {
                audit::record(tx, &ids, now, &entry)?;
            }
            store::touch_project(tx, project, now)
        })
        .await?;
    app.jobs.wake();
    Ok(())
}

/// Takes out a project with everything in it. Document by document, so that a large one does not hold up every other write.
pub async fn delete_project(app: &App, workspace_id: &str, project: i64, entry: Option<NewEntry>) -> Result<()> {
    let documents = app.db.read(|connection| store::document_rows(connection, workspace_id, project))?;
    for (_, id) in documents {
        match delete_document(app, workspace_id, project, &id, None).await {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
    let (workspace_id, ids, now) = (workspace_id.to_owned(), app.ids.clone(), app.now());
    app.db
        .write(move |tx| {
            if !store::document_rows(tx, &workspace_id, project)?.is_empty() {
                return Err(Error::conflict("A document was added while the project was being deleted. Delete it once more."));
            }
            if let Some(entry) = entry {
                audit::record(tx, &ids, now, &entry)?;
            }
            store::delete_project(tx, &workspace_id, project)
        })
        .await
}

/// A question as somebody asks it.
#[derive(Debug, Clone, Default)]
pub struct Question {
    pub text: String,
    /// What the same person said before in the conversation, the oldest first.
    pub earlier: Vec<String>,
    /// The question as a model put it, so that it can be understood without what was said before.
    pub resolved: Option<String>,
}

#[derive(Debug, Clone)]
pub struct SearchOptions {
    pub mode: Mode,
    pub limit: usize,
    pub weights: Weights,
    /// From which confidence on the question counts as answered; the projects' own measure where it is not set.
    pub min_confidence: Option<f64>,
}

impl Default for SearchOptions {
    fn default() -> Self {
        SearchOptions { mode: Mode::Hybrid, limit: 10, weights: Weights::default(), min_confidence: None }
    }
}

/// Searches these projects of a workspace, and no others. Projects that are not the workspace's are not searched.
///
/// # Errors
/// `unavailable` where the embedding model cannot be loaded.
pub async fn search(app: &App, workspace_id: &str, project_ids: &[String], question: &Question, options: &SearchOptions) -> Result<SearchResult> {
    let mut turns = Vec::new();
    // One model for the whole question, whatever changes meanwhile.
    let embedder = app.embedder();
    let resolved = question.resolved.clone().map(|text| (text, 1.0));
    for (text, weight) in retrieve::turns(&question.text, &question.earlier, &options.weights).into_iter().chain(resolved) {
        let vector = if options.mode == Mode::Keyword { None } else { Some(embedder.query(&text).await?) };
        turns.push(Turn { text, vector, weight });
    }
    let reranker = app.reranker.as_ref().filter(|_| options.mode == Mode::Hybrid);
    let candidates = reranker.map_or(options.limit, |_| options.limit.max(app.config.rerank.passages));
    let (workspace_id, project_ids, searched, model_id) = (workspace_id.to_owned(), project_ids.to_vec(), options.clone(), embedder.info().id.clone());
    let codes = app.codes.clone();
    let (mut found, mut result) = app
        .db
        .read_slowly(move |connection| {
            let projects = store::project_rows(connection, &workspace_id, &project_ids)?;
            // No document has been read with this model yet: then there are no vectors, and no row has this number.
            let model = store::model_row(connection, &model_id)?.unwrap_or_default();
            let scope = Scope { projects: &projects, model, codes: &codes, without: None };
            let ranking = retrieve::rank(connection, scope, &turns, searched.mode, &searched.weights)?;
            let mut found: Vec<(FoundChunk, Hit)> = Vec::with_capacity(candidates);
            for chunk in ranking.chunks.iter().take(candidates) {
                found.extend(store::show_chunk(connection, chunk)?.map(|hit| (*chunk, hit)));
            }
            let min_confidence = match searched.min_confidence {
                Some(given) => given,
                None => calibrated(connection, &projects)?,
            };
            let answerable = !found.is_empty() && ranking.confidence >= min_confidence;
            Ok((found, SearchResult { data: Vec::new(), confidence: ranking.confidence, min_confidence, answerable, reranking: None }))
        })
        .await?;
    if let Some(reranker) = reranker
        && found.len() > 1
    {
        result.reranking = Some(rerank::rerank(app, reranker, &rerank::asked(question), &mut found, rerank::limit(app)).await);
    }
    result.data = found.into_iter().map(|(_, hit)| hit).take(options.limit).collect();
    Ok(result)
}

/// Of several projects the most permissive: what one of them answers is answered.
fn calibrated(connection: &rusqlite::Connection, projects: &[i64]) -> Result<f64> {
    let mut lowest: Option<f64> = None;
    for project in projects {
        if let Some(value) = store::calibration(connection, *project)? {
            lowest = Some(lowest.map_or(value, |lowest| lowest.min(value)));
        }
    }
    Ok(lowest.unwrap_or(UNCALIBRATED))
}
