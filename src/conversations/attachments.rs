//! Files in messages: uploaded first, then used once in a message. Whoever has a file's id may read it, because an `<img>` can
//! send no credentials; the id cannot be guessed.

use poem::{
    Body as PoemBody, IntoResponse, Request, RequestBody, Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
    web::{Data, Multipart},
    FromRequest,
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions, OpenApi,
    param::{Header, Path, Query},
    registry::{MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
};
use rusqlite::{Connection, OptionalExtension, named_params};

use super::model::Attachment;
use crate::{
    access::{Anyone, Member},
    app::App,
    clock::Timestamp,
    db::Tx,
    error::{Code, Error, Result},
    files::{self, FileStore, Stored},
    http::{Created, Tag},
    ids::prefix,
};

/// A file on its way in, in memory.
pub struct UploadedFile {
    pub filename: String,
    pub mime_type: String,
    pub content: Vec<u8>,
}

/// A multipart body with one file.
pub struct OneFile(Multipart);

impl<'a> ApiExtractor<'a> for OneFile {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut Registry) {}

    fn request_meta() -> Option<MetaRequest> {
        let mut schema = MetaSchema::new("object");
        schema.properties.push(("file", MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")))));
        Some(MetaRequest {
            description: Some("One file."),
            content: vec![MetaMediaType { content_type: "multipart/form-data", schema: MetaSchemaRef::Inline(Box::new(schema)) }],
            required: true,
        })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        if !request.content_type().unwrap_or_default().to_ascii_lowercase().starts_with("multipart/form-data") {
            return Err(Error::new(Code::UnsupportedMediaType, "Send the file as `multipart/form-data`.").into());
        }
        <Multipart as FromRequest>::from_request(request, body)
            .await
            .map(OneFile)
            .map_err(|_| Error::bad_request("The multipart body has no boundary in its `Content-Type`.").into())
    }
}

impl OneFile {
    /// Reads the file, up to `most` bytes. What it is, is told by its content; of what a browser would run nothing is kept.
    pub async fn read(mut self, most: usize) -> Result<UploadedFile> {
        use tokio::io::AsyncReadExt;
        while let Some(field) = self.0.next_field().await.map_err(|error| Error::bad_request(format!("The multipart body cannot be read: {error}.")))? {
            let Some(filename) = field.file_name().map(clean_name) else { continue };
            let mut content = Vec::new();
            let mut reader = field.into_async_read().take(most as u64 + 1);
            reader.read_to_end(&mut content).await.map_err(|_| Error::bad_request("The body ended before all of the file was there."))?;
            if content.len() > most {
                return Err(Error::too_large(format!("The file is larger than {} MiB, which is the most that this address takes.", most >> 20)));
            }
            if content.is_empty() {
                return Err(Error::invalid("file", "is empty"));
            }
            let mime_type = sniff(&content).to_owned();
            return Ok(UploadedFile { filename, mime_type, content });
        }
        Err(Error::invalid("file", "is required: one part with a file name"))
    }
}

/// The last part of a path, without control characters.
fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).take(200).collect();
    let clean = clean.trim().trim_start_matches('.').to_owned();
    if clean.is_empty() { "file".to_owned() } else { clean }
}

/// The type by the first bytes; text where it is text, and bytes where it is anything else.
pub fn sniff(content: &[u8]) -> &'static str {
    let starts = |magic: &[u8]| content.starts_with(magic);
    if starts(b"\x89PNG\r\n\x1a\n") {
        "image/png"
    } else if starts(b"\xff\xd8\xff") {
        "image/jpeg"
    } else if starts(b"GIF87a") || starts(b"GIF89a") {
        "image/gif"
    } else if starts(b"RIFF") && content.get(8..12) == Some(b"WEBP") {
        "image/webp"
    } else if starts(b"%PDF-") {
        "application/pdf"
    } else if std::str::from_utf8(content).is_ok_and(|text| !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))) {
        "text/plain"
    } else {
        "application/octet-stream"
    }
}

/// What strangers may send: images, PDF and text.
pub fn check_public(file: &UploadedFile) -> Result<()> {
    if file.mime_type == "application/octet-stream" {
        return Err(Error::new(Code::UnsupportedMediaType, "Only images (PNG, JPEG, GIF, WebP), PDF and plain text can be sent here."));
    }
    Ok(())
}

/// A file that lies on the disk and is nobody's yet.
pub struct OnDisk {
    stored: Stored,
    filename: String,
    mime_type: String,
}

/// Writes a file to the disk.
pub async fn store(app: &App, file: UploadedFile) -> Result<OnDisk> {
    let disk = FileStore::new(app.config.files_dir());
    let stored = tokio::task::spawn_blocking(move || disk.put(&file.content)).await.map_err(Error::internal)??;
    Ok(OnDisk { stored, filename: file.filename, mime_type: file.mime_type })
}

/// Puts such a file into a message that is there already.
pub fn attach(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, message_id: &str, file: OnDisk, now: Timestamp) -> Result<()> {
    let id = format!("{}_{}", prefix::FILE, app.ids.secret(32));
    files::retain(tx, &FileStore::new(app.config.files_dir()), &file.stored, now)?;
    insert(tx, workspace_id, &id, conversation_id, &file.stored, &file.filename, &file.mime_type, now)?;
    take(tx, workspace_id, &id, conversation_id, conversation_id, message_id, 0)
}

/// Keeps a file for whoever has sent it.
pub async fn add(app: &App, workspace_id: &str, owner_id: &str, file: UploadedFile) -> Result<Attachment> {
    let store = FileStore::new(app.config.files_dir());
    let (disk, content) = (store.clone(), file.content);
    let stored = tokio::task::spawn_blocking(move || disk.put(&content)).await.map_err(Error::internal)??;
    let (id, now) = (format!("{}_{}", prefix::FILE, app.ids.secret(32)), app.now());
    let (workspace_id, owner_id) = (workspace_id.to_owned(), owner_id.to_owned());
    app.db
        .write(move |tx| {
            files::retain(tx, &store, &stored, now)?;
            insert(tx, &workspace_id, &id, &owner_id, &stored, &file.filename, &file.mime_type, now)
        })
        .await
}

#[expect(clippy::too_many_arguments, reason = "the columns of one row")]
fn insert(tx: &Tx<'_>, workspace_id: &str, id: &str, owner_id: &str, stored: &Stored, filename: &str, mime_type: &str, now: Timestamp) -> Result<Attachment> {
    let bytes = i64::try_from(stored.bytes).unwrap_or(i64::MAX);
    let number = tx
        .prepare_cached(
            "insert into attachments (id, workspace_id, owner_id, sha256, filename, mime_type, bytes, created_at)
             values (:id, :ws, :owner_id, :sha256, :filename, :mime_type, :bytes, :now) returning row",
        )?
        .query_row(
            named_params! {
                ":id": id, ":ws": workspace_id, ":owner_id": owner_id, ":sha256": stored.sha256, ":filename": filename, ":mime_type": mime_type,
                ":bytes": bytes, ":now": now,
            },
            |row| row.get(0),
        )?;
    Ok(Attachment { id: id.to_owned(), filename: filename.to_owned(), mime_type: mime_type.to_owned(), bytes, url: format!("/api/files/{id}"), number })
}

/// Puts an unused file of somebody's into their message, at its place among the others.
pub fn take(tx: &Tx<'_>, workspace_id: &str, id: &str, owner_id: &str, conversation_id: &str, message_id: &str, place: usize) -> Result<()> {
    let taken = tx
        .prepare_cached(
            "update attachments set conversation_id = ?4, message_id = ?5, place = ?6 where workspace_id = ?1 and id = ?2 and owner_id = ?3 and message_id is null",
        )?
        .execute((workspace_id, id, owner_id, conversation_id, message_id, i64::try_from(place).unwrap_or(i64::MAX)))?;
    if taken == 0 { Err(Error::invalid("attachments", format!("names {id}, which is no unused upload of yours"))) } else { Ok(()) }
}

/// Lets go of the files of a conversation that is about to be deleted.
pub fn release_all(app: &App, tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, now: Timestamp) -> Result<()> {
    let mut statement = tx.prepare_cached("delete from attachments where workspace_id = ?1 and conversation_id = ?2 returning sha256")?;
    let hashes: Vec<String> = statement.query_map((workspace_id, conversation_id), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    hashes.iter().try_for_each(|hash| files::release(tx, &app.ids, hash, now))
}

/// Lets go of uploads that nobody has used: in no message, and as nobody's picture.
pub fn release_unused(app: &App, tx: &Tx<'_>, before: Timestamp, now: Timestamp) -> Result<()> {
    let mut statement = tx.prepare_cached(
        "delete from attachments where message_id is null and created_at < ?1 and not exists (
             select 1 from users where avatar_url = '/api/files/' || attachments.id
             union all select 1 from assistants where avatar_url = '/api/files/' || attachments.id
             union all select 1 from workspaces where settings ->> '$.branding.logoUrl' = '/api/files/' || attachments.id)
         returning sha256",
    )?;
    let hashes: Vec<String> = statement.query_map([before], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    hashes.iter().try_for_each(|hash| files::release(tx, &app.ids, hash, now))
}

/// A file as it lies on the disk.
pub struct Kept {
    pub sha256: String,
    pub filename: String,
    pub mime_type: String,
}

fn kept(row: &rusqlite::Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept { sha256: row.get(0)?, filename: row.get(1)?, mime_type: row.get(2)? })
}

pub fn find(connection: &Connection, id: &str) -> Result<Option<Kept>> {
    Ok(connection.prepare_cached("select sha256, filename, mime_type from attachments where id = ?1")?.query_row([id], kept).optional()?)
}

/// A file by the numbers of its message and its own, as the site-key API names it.
pub fn find_in(connection: &Connection, workspace_id: &str, conversation_id: &str, message: i64, number: i64) -> Result<Option<Kept>> {
    Ok(connection
        .prepare_cached(
            "select a.sha256, a.filename, a.mime_type from attachments a join messages m on m.id = a.message_id
             where a.workspace_id = ?1 and a.conversation_id = ?2 and m.row = ?3 and a.row = ?4 and m.role <> 'note'",
        )?
        .query_row((workspace_id, conversation_id, message, number), kept)
        .optional()?)
}

/// The file's bytes, so that no browser runs them: inline for images, PDF and plain text alone, and in a sandbox.
pub async fn serve(app: &App, file: Kept, inline: bool, range: Option<&str>) -> Result<FileReply> {
    let store = FileStore::new(app.config.files_dir());
    let hash = file.sha256.clone();
    let content = tokio::task::spawn_blocking(move || store.read(&hash)).await.map_err(Error::internal)??;
    let inline = inline && file.mime_type != "application/octet-stream";
    let kind = if file.mime_type == "text/plain" { "text/plain; charset=utf-8" } else { &file.mime_type };
    let ascii: String = file.filename.chars().map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\') || c == ' ' { c } else { '_' }).collect();
    let encoded: String = file.filename.bytes().map(|b| if b.is_ascii_alphanumeric() || b"-._~".contains(&b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect();
    let disposition = format!("{}; filename=\"{ascii}\"; filename*=UTF-8''{encoded}", if inline { "inline" } else { "attachment" });
    let total = content.len();
    let (status, body, content_range) = match range.and_then(|range| parse_range(range, total)) {
        Some(Ok((from, to))) => (StatusCode::PARTIAL_CONTENT, content[from..=to].to_vec(), Some(format!("bytes {from}-{to}/{total}"))),
        Some(Err(())) => (StatusCode::RANGE_NOT_SATISFIABLE, Vec::new(), Some(format!("bytes */{total}"))),
        None => (StatusCode::OK, content, None),
    };
    let mut response = Response::builder().status(status).content_type(kind).body(PoemBody::from(body));
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_DISPOSITION, &disposition);
    set(header::ACCEPT_RANGES, "bytes");
    set(header::CACHE_CONTROL, "private, max-age=86400");
    set(header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'");
    set(HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
    if let Some(range) = content_range {
        set(header::CONTENT_RANGE, &range);
    }
    Ok(FileReply(response))
}

/// One range of bytes; several, or another unit, are answered with the whole.
fn parse_range(text: &str, total: usize) -> Option<Result<(usize, usize), ()>> {
    let (from, to) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let range = match (from.trim(), to.trim()) {
        ("", last) => {
            let last: usize = last.parse().ok()?;
            (total.saturating_sub(last), total.wrapping_sub(1))
        }
        (from, "") => (from.parse().ok()?, total.wrapping_sub(1)),
        (from, to) => (from.parse().ok()?, to.parse::<usize>().ok()?.min(total.wrapping_sub(1))),
    };
    Some(if total > 0 && range.0 < total && range.0 <= range.1 { Ok(range) } else { Err(()) })
}

/// A file.
pub struct FileReply(Response);

impl IntoResponse for FileReply {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for FileReply {
    fn meta() -> MetaResponses {
        let schema = || MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
        let reply = |status, description| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType { content_type: "application/octet-stream", schema: schema() }],
            headers: vec![],
        };
        MetaResponses { responses: vec![reply(200, "The file."), reply(206, "The part of it that `Range` names.")] }
    }

    fn register(_: &mut Registry) {}
}

pub struct FilesApi;

#[OpenApi(tag = "Tag::Conversations")]
impl FilesApi {
    /// Keep a file for a message: one file as multipart; its id goes into a reply's `attachments`, once, within a day
    #[oai(path = "/api/workspaces/:ws/uploads", method = "post", operation_id = "upload_file")]
    async fn upload_file(&self, app: Data<&App>, who: Member, file: OneFile) -> Result<Created<Attachment>> {
        let most = usize::try_from(app.config.uploads.max_bytes.bytes()).unwrap_or(usize::MAX);
        let file = file.read(most).await?;
        add(&app, &who.workspace_id, &who.user_id, file).await.map(Created)
    }

    /// A file of a message, to whoever has its id; `disposition=attachment` saves it
    #[oai(path = "/api/files/:file_id", method = "get", operation_id = "get_file")]
    async fn get_file(&self, app: Data<&App>, _who: Anyone, file_id: Path<String>, disposition: Query<Option<String>>, #[oai(name = "Range")] range: Header<Option<String>>) -> Result<FileReply> {
        let file = app.db.read(|connection| find(connection, &file_id))?.ok_or_else(|| Error::not_found("file"))?;
        serve(&app, file, disposition.0.as_deref() != Some("attachment"), range.0.as_deref()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_told_by_the_content() {
        assert_eq!(sniff(b"\x89PNG\r\n\x1a\n...."), "image/png");
        assert_eq!(sniff(b"%PDF-1.7"), "application/pdf");
        assert_eq!(sniff("<script>alert(1)</script>".as_bytes()), "text/plain");
        assert_eq!(sniff(b"MZ\x00\x01"), "application/octet-stream");
    }

    #[test]
    fn a_name_is_the_last_part_of_a_path() {
        assert_eq!(clean_name("../../etc/passwd"), "passwd");
        assert_eq!(clean_name("C:\\x\\..\\a\u{0}.txt"), "a.txt");
        assert_eq!(clean_name(".."), "file");
    }

    #[test]
    fn a_range_is_one_of_bytes() {
        assert_eq!(parse_range("bytes=0-3", 10), Some(Ok((0, 3))));
        assert_eq!(parse_range("bytes=-4", 10), Some(Ok((6, 9))));
        assert_eq!(parse_range("bytes=10-", 10), Some(Err(())));
        assert_eq!(parse_range("lines=1-2", 10), None);
    }
}
