//! Reading a document in: a durable job that goes on where it stopped.
//!
//! The chunks come out the same each time, and each batch is written only where the one before it ended; so a process that
//! is killed half-way loses a batch of work and writes nothing twice.

use std::sync::Arc;

use super::{
    calibrate::enqueue_calibration,
    chunk::{Chunk, chunk, chunk_pair},
    extract::{self, Extracted, child::extract_apart},
    model::{Status, clean_title},
    reembed,
    service::file_store,
    store::{self, Append, IngestRow, QaPhrases},
};
use crate::{
    app::App,
    clock::Timestamp,
    db::Tx,
    embed::{Embedder, ModelInfo},
    error::{Error, Result},
    events::{self, Kind, NewEvent},
    ids::Ids,
    jobs::Job,
};

/// The kind of the job; its payload is `{documentId}`.
pub const INGEST_JOB: &str = "knowledge.ingest";

/// The kind of the job that measures a project once its documents are read; its payload is `{project}`.
pub const CALIBRATE_JOB: &str = "knowledge.calibrate";

/// Chunks that are embedded and written together.
pub(super) const BATCH: usize = 32;
/// After this many failures a document is given up, with a sentence for its owner.
const MOST_ATTEMPTS: i64 = 5;

/// A document read and cut.
pub struct Prepared {
    pub title: Title,
    pub extracted: Extracted,
    pub chunks: Vec<Chunk>,
}

/// What a document is called, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Title {
    /// By a person, or by the document itself.
    Given(String),
    Filename(String),
    /// Made of its first words, because there was nothing else.
    FirstWords(String),
}

impl Title {
    pub fn text(&self) -> &str {
        match self {
            Title::Given(text) | Title::Filename(text) | Title::FirstWords(text) => text,
        }
    }

    /// What goes in front of the chunks. A title that is only the text's own first words says nothing more about it.
    fn indexed(&self) -> &str {
        if let Title::FirstWords(_) = self { "" } else { self.text() }
    }

    fn of(document: &IngestRow) -> Title {
        let text = document.title.clone();
        match (document.title_is_given, &document.filename) {
            (true, _) => Title::Given(text),
            (false, Some(_)) => Title::Filename(text),
            (false, None) => Title::FirstWords(text),
        }
    }
}

/// How a text is measured: by the model that takes the fewest of its tokens, while one is to follow another.
#[derive(Clone)]
pub(super) struct Measure {
    models: Vec<Embedder>,
}

impl Measure {
    pub(super) fn of(models: Vec<Embedder>) -> Self {
        Measure { models }
    }

    /// What is written beside what was cut by it.
    pub(super) fn name(&self) -> String {
        let mut names: Vec<String> = self.models.iter().map(Embedder::measure).collect();
        names.sort();
        names.dedup();
        names.join(" + ")
    }

    fn most(&self) -> usize {
        self.models.iter().map(Embedder::passage_tokens).min().unwrap_or_default()
    }

    fn count(&self, text: &str) -> usize {
        self.models.iter().map(|model| model.count_tokens(text)).max().unwrap_or_default()
    }
}

/// Cuts a document's text. It computes, so it belongs on a thread that may block.
fn prepare(extracted: Extracted, title: &Title, max_tokens: usize, count: &dyn Fn(&str) -> usize) -> Prepared {
    let title = match (title, &extracted.title) {
        (Title::Given(title), _) => Title::Given(title.clone()),
        (_, Some(own)) => Title::Given(clean_title(own)),
        (title, None) => title.clone(),
    };
    let chunks = chunk(title.indexed(), &extracted, max_tokens, count);
    Prepared { title, extracted, chunks }
}

fn prepare_pair(measure: &Measure, pair: QaPhrases) -> Prepared {
    let chunks = chunk_pair(&pair.question, &pair.alternatives, &pair.answer, measure.most(), &|text| measure.count(text));
    let extracted = Extracted { kind: extract::Kind::Json, title: None, url: None, text: pair.answer, blocks: Vec::new() };
    Prepared { title: Title::Given(clean_title(&pair.question)), extracted, chunks }
}

/// Does one job.
pub async fn ingest(app: App, job: Job) -> Result<()> {
    let id = job.payload["documentId"].as_str().unwrap_or_default().to_owned();
    let workspace_id = job.workspace_id.clone().unwrap_or_default();
    let Some(document) = app.db.read(|connection| store::find_ingest(connection, &workspace_id, &id))? else { return Ok(()) };
    if !matches!(document.status, Status::Pending | Status::Processing) {
        return Ok(());
    }
    let outcome = read_in(&app, &document).await;
    match outcome {
        Ok(()) => Ok(()),
        Err(error) if error.code() == crate::error::Code::BadRequest => fail(&app, &document, error.message()).await,
        Err(error) if job.attempts >= MOST_ATTEMPTS => {
            tracing::error!(document = %id, ?error, "a document was given up");
            fail(&app, &document, "The document could not be read, although its file is there. Choose “reprocess” to try again; the server's log has the details.").await
        }
        Err(error) => Err(error),
    }
}

async fn fail(app: &App, document: &IngestRow, message: &str) -> Result<()> {
    let (row, message, now) = (document.row, message.to_owned(), app.now());
    let (ids, told) = (app.ids.clone(), document.clone());
    app.db
        .write(move |tx| {
            store::delete_chunks(tx, row)?;
            store::set_failed(tx, row, &message, now)?;
            tell(tx, &ids, Kind::DocumentFailed, &told, now)
        })
        .await
}

async fn read_in(app: &App, document: &IngestRow) -> Result<()> {
    let (row, project, now) = (document.row, document.project, app.now());
    app.db.write(move |tx| store::set_processing(tx, row, now)).await?;
    // While one model is to follow another, new text is cut for both, and embedded with both.
    let embedders = app.embedders.all();
    let measure = Measure::of(embedders.clone());
    let cut_by = measure.name();
    let prepared = Arc::new(prepare_file(app, document, measure).await?);
    let infos: Vec<ModelInfo> = embedders.iter().map(|embedder| embedder.info().clone()).collect();
    let (described, now) = (prepared.clone(), app.now());
    let (models, done) = app
        .db
        .write(move |tx| {
            let kind = described.extracted.kind.mime_type();
            store::set_described(tx, row, described.title.text(), kind, described.extracted.url.as_deref(), described.chunks.len(), now)?;
            let models = infos.iter().map(|info| Ok(store::register_model(tx, info)?.row)).collect::<Result<Vec<i64>>>()?;
            Ok((models, store::begin_cut(tx, row, &cut_by)?))
        })
        .await?;
    let done = done.min(prepared.chunks.len());
    for from in (done..prepared.chunks.len()).step_by(BATCH) {
        let to = (from + BATCH).min(prepared.chunks.len());
        let texts: Vec<String> = prepared.chunks[from..to].iter().map(Chunk::embedded).collect();
        let mut vectors = Vec::with_capacity(models.len());
        for (model, embedder) in models.iter().zip(&embedders) {
            vectors.push((*model, embedder.passages(texts.clone()).await?));
        }
        let (batch, now, ids, told) = (prepared.clone(), app.now(), app.ids.clone(), document.clone());
        let goes_on = app
            .db
            .write(move |tx| {
                let goes_on = store::append_chunks(tx, &Append { document: row, project, chunks: &batch.chunks[from..to], vectors: &vectors }, now)?;
                if goes_on {
                    reembed::ensure_serving(tx, &ids, vectors.iter().map(|(model, _)| *model), now)?;
                }
                if goes_on && to < batch.chunks.len() {
                    tell(tx, &ids, Kind::DocumentProgress, &told, now)?;
                }
                Ok(goes_on)
            })
            .await?;
        if !goes_on {
            return Ok(());
        }
    }
    let (now, ids, told) = (app.now(), app.ids.clone(), document.clone());
    app.db
        .write(move |tx| {
            if store::finish_document(tx, row, project, prepared.title.indexed(), &prepared.extracted.text, prepared.chunks.len(), now)? {
                tell(tx, &ids, Kind::DocumentCompleted, &told, now)?;
            }
            enqueue_calibration(tx, &ids, &told.workspace_id, project, now)?;
            store::touch_project(tx, project, now)
        })
        .await
}

/// Writes down how the document stands now, for webhooks and pages. A question and answer pair is no document to them.
fn tell(tx: &Tx<'_>, ids: &Ids, kind: Kind, document: &IngestRow, now: Timestamp) -> Result<()> {
    if store::is_qa(tx, document.row)? {
        return Ok(());
    }
    let Some(shown) = store::find_document(tx, &document.workspace_id, document.project, &document.id)? else { return Ok(()) };
    events::emit(tx, ids, now, &NewEvent { workspace_id: &document.workspace_id, kind, resource_id: &document.id, data: serde_json::to_value(shown)? })
}

/// Reads the file in a process of its own, and cuts its text in this one.
///
/// # Errors
/// `bad_request` with a sentence for the document's owner.
pub(super) async fn prepare_file(app: &App, document: &IngestRow, measure: Measure) -> Result<Prepared> {
    let row = document.row;
    if let Some(pair) = app.db.read(|connection| store::qa_phrases(connection, row))? {
        return Ok(prepare_pair(&measure, pair));
    }
    let (files, sha256) = (file_store(app), document.sha256.clone());
    let bytes = tokio::task::spawn_blocking(move || files.read(&sha256)).await.map_err(Error::internal)??;
    let extracted = extract_apart(app.config.reader.clone(), bytes).await?.map_err(|unreadable| Error::bad_request(unreadable.0))?;
    let title = Title::of(document);
    let work = tokio::task::spawn_blocking(move || prepare(extracted, &title, measure.most(), &|text| measure.count(text)));
    work.await.map_err(Error::internal)
}
