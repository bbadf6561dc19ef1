//! Lists of contacts on their way in. A dry run says what would happen, row by row; the import itself runs as a job, some
//! hundred rows a transaction, which has their effect and notes how far it has come: it goes on there after a crash.

use std::collections::BTreeMap;

use poem::{FromRequest, Request, RequestBody, web::{Data, Multipart}};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions, Object, OpenApi,
    param::Path,
    payload::Json,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef},
};
use rusqlite::{Connection, OptionalExtension, named_params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    csv::{self, Bad, Parsed, blame},
    model::ContactSource,
    service,
};
use crate::{
    access::Editor,
    app::App,
    clock::Timestamp,
    db::{Tx, words},
    error::{Code, Error, Result},
    http::{Created, Tag},
    ids::prefix,
    jobs::{self, Job, NewJob},
    workspaces,
};

/// The job that takes a list in: its payload is `{importId}`.
pub const IMPORT_JOB: &str = "contacts.import";
/// How many rows one transaction takes.
const CHUNK: usize = 250;

words! {
    ImportStatus { Pending "pending", Running "running", Completed "completed", Failed "failed" }
    /// What becomes of a row whose contact is there already.
    Duplicates { Update "update", Skip "skip" }
}

/// A row that was not taken.
#[derive(Debug, Clone, Object, Serialize, Deserialize)]
pub struct BadRow {
    /// As a spreadsheet counts: the line that names the columns is 1.
    row: i64,
    field: Option<String>,
    error: String,
}

#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase")]
pub struct ContactImport {
    id: String,
    status: ImportStatus,
    /// Whether it only says what would happen.
    dry_run: bool,
    /// Which column is which field.
    mapping: BTreeMap<String, String>,
    duplicates: Duplicates,
    rows: i64,
    processed: i64,
    created: i64,
    updated: i64,
    skipped: i64,
    failed: i64,
    /// Every row that was not taken.
    errors: Vec<BadRow>,
    error: Option<String>,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
}

pub struct ImportsApi;

/// `multipart/form-data`: the file, and how it is to be read.
pub struct NewImport(Box<Multipart>);

impl<'a> ApiExtractor<'a> for NewImport {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let mut form = MetaSchema::new("object");
        let inline = |schema: MetaSchema| MetaSchemaRef::Inline(Box::new(schema));
        form.properties.push(("file", inline(MetaSchema::new_with_format("string", "binary"))));
        form.properties.push(("mapping", inline(MetaSchema { description: Some("JSON: an object from the columns' names to fields; by their names where it is left out."), ..MetaSchema::new("string") })));
        form.properties.push(("dryRun", inline(MetaSchema::new("boolean"))));
        form.properties.push(("duplicates", inline(MetaSchema { description: Some("`update` or `skip`."), ..MetaSchema::new("string") })));
        form.required = vec!["file"];
        Some(MetaRequest { description: Some("A CSV file."), content: vec![MetaMediaType { content_type: "multipart/form-data", schema: inline(form) }], required: true })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        if !request.content_type().unwrap_or_default().to_ascii_lowercase().starts_with("multipart/form-data") {
            return Err(Error::new(Code::UnsupportedMediaType, "Send the list as `multipart/form-data`, with the CSV as its `file`.").into());
        }
        let multipart = <Multipart as FromRequest>::from_request(request, body).await;
        Ok(NewImport(Box::new(multipart.map_err(|_| Error::bad_request("The multipart body has no boundary in its `Content-Type`."))?)))
    }
}

struct Form {
    file: Vec<u8>,
    mapping: Option<BTreeMap<String, Option<String>>>,
    dry_run: bool,
    duplicates: Duplicates,
}

async fn read_form(app: &App, mut multipart: Multipart) -> Result<Form> {
    use tokio::io::AsyncReadExt;
    let most = app.config.uploads.max_bytes.bytes();
    let (mut file, mut mapping, mut dry_run, mut duplicates) = (None, None, false, Duplicates::Update);
    let broken = || Error::bad_request("The multipart body breaks off.");
    while let Some(field) = multipart.next_field().await.map_err(|_| broken())? {
        let name = field.name().unwrap_or_default().to_owned();
        let mut bytes = Vec::new();
        Box::pin(field.into_async_read().take(most + 1)).read_to_end(&mut bytes).await.map_err(|_| broken())?;
        if bytes.len() as u64 > most {
            return Err(Error::too_large(format!("The file is larger than {}, which is the most that is taken.", app.config.uploads.max_bytes)));
        }
        let text = || String::from_utf8_lossy(&bytes).trim().to_owned();
        match name.as_str() {
            "file" => file = Some(bytes),
            "mapping" => mapping = Some(serde_json::from_slice(&bytes).map_err(|_| Error::invalid("mapping", "must be a JSON object from columns to fields"))?),
            "dryRun" => dry_run = match text().as_str() {
                "true" | "1" => true,
                "false" | "0" | "" => false,
                _ => return Err(Error::invalid("dryRun", "must be true or false")),
            },
            "duplicates" => duplicates = match text().as_str() {
                "update" => Duplicates::Update,
                "skip" => Duplicates::Skip,
                _ => return Err(Error::invalid("duplicates", "must be update or skip")),
            },
            _ => {}
        }
    }
    Ok(Form { file: file.ok_or_else(|| Error::invalid("file", "is required"))?, mapping, dry_run, duplicates })
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/contacts/imports", tag = "Tag::Contacts")]
impl ImportsApi {
    /// Take in a list of contacts, or with `dryRun` say what would become of each row
    #[oai(path = "/", method = "post", operation_id = "import_contacts")]
    async fn import_contacts(&self, app: Data<&App>, who: Editor, body: NewImport) -> Result<Created<ContactImport>> {
        let form = read_form(&app, *body.0).await?;
        start(&app, &who.workspace_id, &who.user_id, form).await.map(Created)
    }

    /// How far an import has come
    #[oai(path = "/:id", method = "get", operation_id = "get_contact_import")]
    async fn get_contact_import(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<Json<ContactImport>> {
        app.db.read(|connection| find(connection, &who.workspace_id, &id))?.map(Json).ok_or_else(|| Error::not_found("import"))
    }
}

/// What rows have come to.
#[derive(Default)]
struct Tally {
    created: i64,
    updated: i64,
    skipped: i64,
    errors: Vec<BadRow>,
}

impl Tally {
    fn bad(&mut self, row: i64, bad: Bad) {
        self.errors.push(BadRow { row, field: Some(bad.field).filter(|field| !field.is_empty()), error: bad.why });
    }
}

async fn start(app: &App, workspace_id: &str, user_id: &str, form: Form) -> Result<ContactImport> {
    let mapping = csv::mapping(&form.file, form.mapping)?;
    let (ws, columns, bytes, app_) = (workspace_id.to_owned(), mapping.clone(), form.file, app.clone());
    let duplicates = form.duplicates;
    let dry_run = form.dry_run;
    let (bytes, rows, tally) = app
        .db
        .read_slowly(move |connection| {
            let region = workspaces::store::find_settings(connection, &ws)?.region;
            let rows = csv::parse(&bytes, &columns, &region)?;
            let tally = if dry_run { Some(rehearse(&app_, connection, &ws, &region, &rows, duplicates)?) } else { None };
            Ok((bytes, i64::try_from(rows.len()).unwrap_or(i64::MAX), tally))
        })
        .await?;
    let now = app.now();
    let (id, workspace_id, user_id) = (app.new_id(prefix::IMPORT), workspace_id.to_owned(), user_id.to_owned());
    let (app_, wake) = (app.clone(), app.jobs.clone());
    let import = app
        .db
        .write(move |tx| {
            let is_over = tally.is_some();
            let tally = tally.unwrap_or_default();
            tx.prepare_cached(
                "insert into contact_imports (id, workspace_id, status, dry_run, mapping, duplicates, content, rows, processed, created, updated, skipped, errors,
                     created_by, created_at, finished_at)
                 values (:id, :ws, :status, :dry_run, :mapping, :duplicates, :content, :rows, :processed, :created, :updated, :skipped, :errors, :by, :now, :finished_at)",
            )?
            .execute(named_params! {
                ":id": id, ":ws": workspace_id, ":status": if is_over { ImportStatus::Completed } else { ImportStatus::Pending }, ":dry_run": is_over,
                ":mapping": serde_json::to_string(&mapping)?, ":duplicates": duplicates, ":content": (!is_over).then_some(bytes), ":rows": rows,
                ":processed": if is_over { rows } else { 0 }, ":created": tally.created, ":updated": tally.updated, ":skipped": tally.skipped,
                ":errors": serde_json::to_string(&tally.errors)?, ":by": user_id, ":now": now, ":finished_at": is_over.then_some(now),
            })?;
            if !is_over {
                let lane = Some(format!("contacts.import:{workspace_id}"));
                jobs::enqueue(tx, &app_.ids, now, &NewJob { kind: IMPORT_JOB, workspace_id: Some(workspace_id.clone()), payload: json!({"importId": id}), lane, run_at: now })?;
            }
            find(tx, &workspace_id, &id)?.ok_or_else(|| Error::not_found("import"))
        })
        .await?;
    wake.wake();
    Ok(import)
}

/// What taking the rows in would do.
fn rehearse(app: &App, connection: &Connection, workspace_id: &str, region: &str, rows: &[Parsed], duplicates: Duplicates) -> Result<Tally> {
    let mut tally = Tally::default();
    for (number, row) in rows {
        let outcome = row.clone().and_then(|fields| {
            let mut wanted = service::new_contact(app, ContactSource::Import, Timestamp::from_millis(0));
            fields.clone().over(&mut wanted, region).map_err(blame)?;
            match service::find_match(connection, workspace_id, &wanted).map_err(blame)? {
                None => service::check_unique(connection, workspace_id, &wanted).map_err(blame).map(|()| &mut tally.created),
                Some(_) if duplicates == Duplicates::Skip => Ok(&mut tally.skipped),
                Some(mut found) => {
                    fields.over(&mut found, region).map_err(blame)?;
                    service::check_unique(connection, workspace_id, &found).map_err(blame).map(|()| &mut tally.updated)
                }
            }
        });
        match outcome {
            Ok(count) => *count += 1,
            Err(bad) => tally.bad(*number, bad),
        }
    }
    Ok(tally)
}

fn find(connection: &Connection, workspace_id: &str, id: &str) -> Result<Option<ContactImport>> {
    Ok(connection
        .prepare_cached(
            "select id, status, dry_run, mapping, duplicates, rows, processed, created, updated, skipped, errors, error, created_at, finished_at
             from contact_imports where workspace_id = ?1 and id = ?2",
        )?
        .query_row((workspace_id, id), |row| {
            let errors: Vec<BadRow> = serde_json::from_str(&row.get::<_, String>(10)?).unwrap_or_default();
            Ok(ContactImport {
                id: row.get(0)?,
                status: row.get(1)?,
                dry_run: row.get(2)?,
                mapping: serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default(),
                duplicates: row.get(4)?,
                rows: row.get(5)?,
                processed: row.get(6)?,
                created: row.get(7)?,
                updated: row.get(8)?,
                skipped: row.get(9)?,
                failed: i64::try_from(errors.len()).unwrap_or(i64::MAX),
                errors,
                error: row.get(11)?,
                created_at: row.get(12)?,
                finished_at: row.get(13)?,
            })
        })
        .optional()?)
}

/// Does the job.
///
/// # Errors
/// Those of the database; the queue tries again, and goes on where it stopped.
pub async fn run(app: App, job: Job) -> Result<()> {
    let workspace_id = job.workspace_id.unwrap_or_default();
    let id = job.payload["importId"].as_str().unwrap_or_default();
    while !take_rest(&app, &workspace_id, id).await? {}
    Ok(())
}

/// Takes in what is still to come. Whether that was all: no, where another run of the job took rows in meanwhile, and this
/// one has to look again how far the import is.
async fn take_rest(app: &App, workspace_id: &str, id: &str) -> Result<bool> {
    let (ws, import_id) = (workspace_id.to_owned(), id.to_owned());
    let prepared = app
        .db
        .read_slowly(move |connection| {
            let content: Option<Vec<u8>> = connection
                .prepare_cached("select content from contact_imports where workspace_id = ?1 and id = ?2")?
                .query_row((&ws, &import_id), |row| row.get(0))
                .optional()?
                .flatten();
            let (Some(content), Some(import)) = (content, find(connection, &ws, &import_id)?) else { return Ok(None) };
            let region = workspaces::store::find_settings(connection, &ws)?.region;
            Ok(Some((csv::parse(&content, &import.mapping, &region)?, import)))
        })
        .await?;
    let Some((rows, import)) = prepared else { return Ok(true) };
    let from = usize::try_from(import.processed).unwrap_or(0).min(rows.len());
    let mut chunks: Vec<Vec<Parsed>> = rows[from..].chunks(CHUNK).map(<[Parsed]>::to_vec).collect();
    if chunks.is_empty() {
        chunks.push(Vec::new());
    }
    let last = chunks.len() - 1;
    for (place, chunk) in chunks.into_iter().enumerate() {
        let (app_, workspace_id, id, now) = (app.clone(), workspace_id.to_owned(), id.to_owned(), app.now());
        let duplicates = import.duplicates;
        let done = i64::try_from(from + place * CHUNK).unwrap_or(i64::MAX);
        if !app.db.write(move |tx| take(&app_, tx, &workspace_id, &id, done, chunk, duplicates, (place == last).then_some(now), now)).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes the rows after `done` in and notes it, in one transaction. Whether they were still to be taken: another run of the
/// job may have done so.
#[expect(clippy::too_many_arguments, reason = "one place calls it")]
fn take(app: &App, tx: &Tx<'_>, workspace_id: &str, id: &str, done: i64, rows: Vec<Parsed>, duplicates: Duplicates, finished_at: Option<Timestamp>, now: Timestamp) -> Result<bool> {
    let Some(import) = find(tx, workspace_id, id)?.filter(|import| import.processed == done && import.finished_at.is_none()) else { return Ok(false) };
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let region = workspaces::store::find_settings(tx, workspace_id)?.region;
    let mut tally = Tally { errors: import.errors, ..Tally::default() };
    for (number, row) in rows {
        let fields = match row {
            Ok(fields) => fields,
            Err(bad) => {
                tally.bad(number, bad);
                continue;
            }
        };
        if duplicates == Duplicates::Skip {
            let mut wanted = service::new_contact(app, ContactSource::Import, now);
            fields.clone().over(&mut wanted, &region)?;
            if matches!(service::find_match(tx, workspace_id, &wanted), Ok(Some(_))) {
                tally.skipped += 1;
                continue;
            }
        }
        // A refused row has written nothing: everything is judged before the first write.
        match service::upsert(app, tx, workspace_id, fields, ContactSource::Import, now) {
            Ok((_, true)) => tally.created += 1,
            Ok((_, false)) => tally.updated += 1,
            Err(error) if matches!(error.code(), Code::BadRequest | Code::Conflict) => tally.bad(number, blame(error)),
            Err(error) => return Err(error),
        }
    }
    tx.prepare_cached(
        "update contact_imports set status = :status, processed = processed + :count, created = created + :created, updated = updated + :updated,
             skipped = skipped + :skipped, errors = :errors, finished_at = :finished_at, content = case when :finished_at is null then content end
         where workspace_id = :ws and id = :id",
    )?
    .execute(named_params! {
        ":ws": workspace_id, ":id": id, ":status": if finished_at.is_some() { ImportStatus::Completed } else { ImportStatus::Running }, ":count": count,
        ":created": tally.created, ":updated": tally.updated, ":skipped": tally.skipped, ":errors": serde_json::to_string(&tally.errors)?,
        ":finished_at": finished_at,
    })?;
    Ok(true)
}
