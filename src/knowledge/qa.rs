//! Questions with their exact answers. Each pair stands as a document of its own that lists do not show, so that it is
//! embedded by the same queue, found by the same search, cited and deleted like any other.

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde::Deserialize;

use super::{
    members::{editable, seen},
    model::{QaPair, Source, Status, clean_title},
    service::{self, file_store},
    store::{self, NewDocument},
};
use crate::{
    access::{Caller, Member},
    app::App,
    audit::Action,
    error::{Code, Error, Result},
    files,
    http::{Body, Created, Listing, NoContent, Paging, Tag},
    ids::prefix,
};

pub struct QaApi;

const QUESTION_CHARACTERS: usize = 1000;
const ANSWER_CHARACTERS: usize = 20_000;
const MOST_ALTERNATIVES: usize = 50;
/// Rows of one import at the most.
const MOST_ROWS: usize = 5000;

#[derive(Object, Deserialize)]
pub struct CreateQa {
    question: String,
    answer: String,
    /// The same question in other words; at most 50.
    #[oai(default)]
    #[serde(default)]
    alternatives: Vec<String>,
}

#[derive(Object, Deserialize, Default)]
#[serde(default)]
pub struct UpdateQa {
    question: Option<String>,
    answer: Option<String>,
    alternatives: Option<Vec<String>>,
}

#[derive(Object, Deserialize)]
pub struct ImportQa {
    /// The file's text. Its first row names the columns: `question`, `answer`, and, where there are any, `alternatives`
    /// with `|` or line ends between them.
    csv: String,
}

/// What became of the rows of an import.
#[derive(Object)]
pub struct ImportedQa {
    created: i64,
    /// Pairs whose question was there already, and now have this answer.
    updated: i64,
    errors: Vec<QaImportError>,
}

#[derive(Object)]
pub struct QaImportError {
    /// From 1, the first after the columns' names.
    row: i64,
    error: String,
}

/// A pair's three fields, within their limits.
fn check(question: &str, answer: &str, alternatives: &[String]) -> Result<(String, String, Vec<String>)> {
    let line = |field: &str, text: &str| -> Result<String> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return Err(Error::invalid(field, "must not be empty"));
        }
        if text.chars().count() > QUESTION_CHARACTERS {
            return Err(Error::invalid(field, "must have at most 1,000 characters"));
        }
        Ok(text)
    };
    let question = line("question", question)?;
    let answer = answer.trim().to_owned();
    if answer.is_empty() {
        return Err(Error::invalid("answer", "must not be empty"));
    }
    if answer.chars().count() > ANSWER_CHARACTERS {
        return Err(Error::invalid("answer", "must have at most 20,000 characters"));
    }
    if alternatives.len() > MOST_ALTERNATIVES {
        return Err(Error::invalid("alternatives", "must be at most 50"));
    }
    let alternatives = alternatives.iter().map(|text| line("alternatives", text)).collect::<Result<Vec<_>>>()?;
    Ok((question, answer, alternatives))
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/projects", tag = "Tag::Knowledge")]
impl QaApi {
    /// A project's question and answer pairs, the newest first
    #[oai(path = "/:id/qa", method = "get", operation_id = "list_qa")]
    async fn list_qa(&self, app: Data<&App>, who: Member, id: Path<String>, q: Query<Option<String>>, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<QaPair>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        let project = seen(&app, &who, &id)?;
        let q = q.0.filter(|q| !q.is_empty());
        let (data, total) = app.db.read(|connection| store::list_qa(connection, &who.workspace_id, project, q.as_deref(), paging))?;
        Ok(Listing { data, total, paging, flat: false })
    }

    /// Add a question with its exact answer
    #[oai(path = "/:id/qa", method = "post", operation_id = "create_qa")]
    async fn create_qa(&self, app: Data<&App>, who: Member, id: Path<String>, body: Body<CreateQa>) -> Result<Created<QaPair>> {
        let project = editable(&app, &who, &id)?;
        let fields = check(&body.0.question, &body.0.answer, &body.0.alternatives)?;
        create(&app, &who.workspace_id, project, &id, fields).await.map(Created)
    }

    /// Add many pairs from a CSV file; a question that is there already gets the new answer
    #[oai(path = "/:id/qa/import", method = "post", operation_id = "import_qa")]
    async fn import_qa(&self, app: Data<&App>, who: Member, id: Path<String>, body: Body<ImportQa>) -> Result<Json<ImportedQa>> {
        let project = editable(&app, &who, &id)?;
        import(&app, &who, project, &id, &body.0.csv).await.map(Json)
    }

    /// One pair
    #[oai(path = "/:id/qa/:qa", method = "get", operation_id = "get_qa")]
    async fn get_qa(&self, app: Data<&App>, who: Member, id: Path<String>, qa: Path<String>) -> Result<Json<QaPair>> {
        find(&app, &who, seen(&app, &who, &id)?, &qa).map(Json)
    }

    /// Change a pair
    #[oai(path = "/:id/qa/:qa", method = "patch", operation_id = "update_qa")]
    async fn update_qa(&self, app: Data<&App>, who: Member, id: Path<String>, qa: Path<String>, body: Body<UpdateQa>) -> Result<Json<QaPair>> {
        let project = editable(&app, &who, &id)?;
        let old = find(&app, &who, project, &qa)?;
        let change = body.0;
        let fields = check(&change.question.unwrap_or(old.question), &change.answer.unwrap_or(old.answer), &change.alternatives.unwrap_or(old.alternatives))?;
        update(&app, &who.workspace_id, project, &qa, fields).await?;
        find(&app, &who, project, &qa).map(Json)
    }

    /// Delete a pair
    #[oai(path = "/:id/qa/:qa", method = "delete", operation_id = "delete_qa")]
    async fn delete_qa(&self, app: Data<&App>, who: Member, id: Path<String>, qa: Path<String>) -> Result<NoContent> {
        let project = editable(&app, &who, &id)?;
        let pair = find(&app, &who, project, &qa)?;
        service::delete_document(&app, &who.workspace_id, project, &pair.document_id, Some(who.entry(Action::DocumentDeleted).on(&qa.0))).await?;
        Ok(NoContent)
    }
}

fn find(app: &App, who: &Caller, project: i64, id: &str) -> Result<QaPair> {
    app.db.read(|connection| store::find_qa(connection, &who.workspace_id, project, id))?.ok_or_else(|| Error::not_found("question"))
}

async fn create(app: &App, workspace_id: &str, project: i64, project_id: &str, fields: (String, String, Vec<String>)) -> Result<QaPair> {
    let (question, answer, alternatives) = fields;
    let (now, ids, files) = (app.now(), app.ids.clone(), file_store(app));
    let (id, document_id) = (app.new_id(prefix::QA_PAIR), app.new_id(prefix::DOCUMENT));
    // A document has a file; this one's says only whose it is, so that a change of words is no other file.
    let put = files.clone();
    let content = format!("{{\"qa\":\"{id}\"}}\n");
    let stored = tokio::task::spawn_blocking(move || put.put(content.as_bytes())).await.map_err(Error::internal)??;
    let document = NewDocument {
        id: document_id.clone(),
        title: clean_title(&question),
        title_is_given: true,
        source: Source::Text,
        filename: None,
        mime_type: "application/json".to_owned(),
        bytes: stored.bytes,
        sha256: stored.sha256.clone(),
        url: None,
    };
    let pair = QaPair { id, project_id: project_id.to_owned(), document_id, question, answer, alternatives, status: Status::Pending, created_at: now, updated_at: now };
    let (new, workspace_id) = (pair.clone(), workspace_id.to_owned());
    app.db
        .write(move |tx| {
            files::retain(tx, &files, &stored, now)?;
            store::insert_document(tx, &workspace_id, project, &document, now)?;
            store::insert_qa(tx, &workspace_id, project, &document.id, &new)?;
            store::touch_project(tx, project, now)?;
            service::enqueue_ingest(tx, &ids, &workspace_id, &document.id, now)
        })
        .await?;
    app.jobs.wake();
    Ok(pair)
}

async fn update(app: &App, workspace_id: &str, project: i64, id: &str, fields: (String, String, Vec<String>)) -> Result<()> {
    let (question, answer, alternatives) = fields;
    let (ws, id, now) = (workspace_id.to_owned(), id.to_owned(), app.now());
    let title = clean_title(&question);
    let document = app
        .db
        .write(move |tx| {
            let mut pair = store::find_qa(tx, &ws, project, &id)?.ok_or_else(|| Error::not_found("question"))?;
            (pair.question, pair.answer, pair.alternatives) = (question, answer, alternatives);
            store::update_qa(tx, &ws, &pair, now)?;
            Ok(pair.document_id)
        })
        .await?;
    service::reprocess_document(app, workspace_id, project, &document, Some(title)).await?;
    Ok(())
}

async fn import(app: &App, who: &Caller, project: i64, project_id: &str, csv: &str) -> Result<ImportedQa> {
    let text = csv.trim_start_matches('\u{feff}');
    let first = text.lines().next().unwrap_or_default();
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|delimiter| first.bytes().filter(|byte| byte == delimiter).count()).unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let heads: Vec<String> = reader.headers().map_err(|_| Error::invalid("csv", "is not a table"))?.iter().map(str::to_lowercase).collect();
    let column = |name: &str| heads.iter().position(|head| head == name);
    let (Some(question), Some(answer)) = (column("question"), column("answer")) else {
        return Err(Error::invalid("csv", "needs a first row with the columns `question` and `answer`"));
    };
    let alternatives = column("alternatives");
    let mut outcome = ImportedQa { created: 0, updated: 0, errors: Vec::new() };
    for (number, record) in reader.records().enumerate() {
        let row = i64::try_from(number + 1).unwrap_or(i64::MAX);
        if number >= MOST_ROWS {
            outcome.errors.push(QaImportError { row, error: format!("An import has at most {MOST_ROWS} rows; the rest was left out.") });
            break;
        }
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                outcome.errors.push(QaImportError { row, error: error.to_string() });
                continue;
            }
        };
        let cell = |column: usize| record.get(column).unwrap_or_default();
        let others: Vec<String> = alternatives.map(cell).unwrap_or_default().split(['|', '\n']).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect();
        let done = match check(cell(question), cell(answer), &others) {
            Err(error) => Err(error),
            Ok(fields) => match app.db.read(|connection| store::find_qa_by_question(connection, &who.workspace_id, project, &fields.0))? {
                Some(known) => update(app, &who.workspace_id, project, &known.id, fields).await.map(|()| outcome.updated += 1),
                None => create(app, &who.workspace_id, project, project_id, fields).await.map(|_| outcome.created += 1),
            },
        };
        match done {
            Ok(()) => {}
            Err(error) if matches!(error.code(), Code::BadRequest | Code::Conflict) => {
                let details: Vec<String> = error.details().iter().map(|(field, why)| format!("{field} {why}")).collect();
                outcome.errors.push(QaImportError { row, error: if details.is_empty() { error.message().to_owned() } else { details.join("; ") } });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(outcome)
}
