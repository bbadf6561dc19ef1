//! Documents on their way in: several files as multipart, or one text as JSON.

use poem::{FromRequest, Request, RequestBody, web::Multipart};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions, Object, Union,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};
use serde::Deserialize;
use tokio::io::AsyncReadExt;

use super::{
    model::{Document, Source, check_title},
    service::{self, NewFile},
    sources,
};
use crate::{
    app::App,
    error::{Code, Error, Result},
    http::{parse_json, read_limited},
};

/// The body of a request for new documents.
pub enum NewDocuments {
    Text(NewText),
    Files(Box<Multipart>),
}

/// A text, or the address of a page.
#[derive(Object, Deserialize)]
pub struct NewText {
    title: Option<String>,
    text: Option<String>,
    url: Option<String>,
}

/// One document, or what became of each file.
#[derive(Union)]
pub enum Uploaded {
    One(Document),
    Many(UploadedFiles),
}

#[derive(Object)]
pub struct UploadedFiles {
    data: Vec<Document>,
    /// The files that were not taken; the others were.
    errors: Vec<UploadError>,
}

#[derive(Object)]
pub struct UploadError {
    filename: String,
    /// As in the body of an error: `type:context`.
    code: String,
    error: String,
    /// Of the document that has the same content, where there is one.
    #[oai(skip_serializing_if_is_none)]
    id: Option<String>,
}

impl<'a> ApiExtractor<'a> for NewDocuments {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        NewText::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let mut files = MetaSchema::new("object");
        let file = MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
        let list = MetaSchema { items: Some(Box::new(file)), ..MetaSchema::new("array") };
        files.properties.push(("file", MetaSchemaRef::Inline(Box::new(list))));
        Some(MetaRequest {
            description: Some("Files, each a part of its own, or a text."),
            content: vec![
                MetaMediaType { content_type: "application/json", schema: NewText::schema_ref() },
                MetaMediaType { content_type: "multipart/form-data", schema: MetaSchemaRef::Inline(Box::new(files)) },
            ],
            required: true,
        })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        let content_type = request.content_type().unwrap_or_default().to_ascii_lowercase();
        if content_type.starts_with("multipart/form-data") {
            let multipart = <Multipart as FromRequest>::from_request(request, body)
                .await
                .map_err(|_| Error::bad_request("The multipart body has no boundary in its `Content-Type`."))?;
            return Ok(NewDocuments::Files(Box::new(multipart)));
        }
        if content_type.starts_with("application/json") {
            let app = request.data::<App>().ok_or_else(|| Error::internal("the server hands every request its App"))?;
            let bytes = read_limited(body, most_bytes(app)).await?;
            return Ok(NewDocuments::Text(parse_json(&bytes)?));
        }
        Err(Error::new(Code::UnsupportedMediaType, "Send files as `multipart/form-data`, or a text as `application/json`.").into())
    }
}

fn most_bytes(app: &App) -> usize {
    usize::try_from(app.config.uploads.max_bytes.bytes()).unwrap_or(usize::MAX)
}

/// Takes the documents in, one after the other, so that no more than one file is in memory.
pub async fn add(app: &App, workspace_id: &str, project_id: &str, new: NewDocuments) -> Result<Uploaded> {
    match new {
        NewDocuments::Text(text) => add_text(app, workspace_id, project_id, text).await.map(Uploaded::One),
        NewDocuments::Files(multipart) => add_files(app, workspace_id, project_id, *multipart).await.map(Uploaded::Many),
    }
}

async fn add_text(app: &App, workspace_id: &str, project_id: &str, new: NewText) -> Result<Document> {
    if let Some(url) = &new.url {
        return add_page(app, workspace_id, project_id, url, new.title.as_deref()).await;
    }
    let text = new.text.ok_or_else(|| Error::invalid("text", "is required"))?;
    if text.trim().is_empty() {
        return Err(Error::invalid("text", "must not be empty"));
    }
    let title = new.title.as_deref().map(check_title).transpose()?;
    let file = NewFile { source: Source::Text, title, filename: None, url: None, bytes: text.into_bytes() };
    service::add_document(app, workspace_id, project_id, file).await
}

/// One page, as it is now; a source of the kind `page` follows its changes.
async fn add_page(app: &App, workspace_id: &str, project_id: &str, url: &str, title: Option<&str>) -> Result<Document> {
    let url = sources::check_url(app, url)?;
    let title = title.map(check_title).transpose()?;
    let found = sources::fetch(app, &url, None, None).await.map_err(|error| if error.code() == Code::BadRequest { Error::invalid("url", error.message()) } else { error })?;
    if !found.status.is_success() {
        return Err(Error::invalid("url", format!("answered {}", found.status.as_u16())));
    }
    let file = NewFile { source: Source::Url, title, filename: None, url: Some(url.into()), bytes: found.bytes };
    service::add_document(app, workspace_id, project_id, file).await
}

async fn add_files(app: &App, workspace_id: &str, project_id: &str, mut multipart: Multipart) -> Result<UploadedFiles> {
    let (mut data, mut failures) = (Vec::new(), Vec::new());
    let most = most_bytes(app);
    while let Some(field) = multipart.next_field().await.map_err(|_| broken())? {
        // Parts without a file name are fields of a form; there is none that means anything here.
        let Some(filename) = field.file_name().map(base_name) else { continue };
        let mut bytes = Vec::new();
        let mut reader = Box::pin(field.into_async_read().take(most as u64 + 1));
        reader.read_to_end(&mut bytes).await.map_err(|_| broken())?;
        let outcome = if bytes.len() > most {
            Err(Error::too_large(format!("The file is larger than {}, which is the most that is taken.", app.config.uploads.max_bytes)))
        } else {
            let file = NewFile { source: Source::Upload, title: None, filename: Some(filename.clone()), url: None, bytes };
            service::add_document(app, workspace_id, project_id, file).await
        };
        match outcome {
            Ok(document) => data.push(document),
            Err(error) if matches!(error.code(), Code::Internal | Code::Unavailable | Code::NotFound) => return Err(error),
            Err(error) => failures.push((filename, error)),
        }
    }
    if data.is_empty() {
        return Err(all_failed(failures));
    }
    let errors = failures
        .into_iter()
        .map(|(filename, error)| UploadError { filename, code: error.wire_code(), error: error.message().to_owned(), id: error.details().get("id").cloned() })
        .collect();
    Ok(UploadedFiles { data, errors })
}

/// Nothing was taken: the one reason, or, of several, all of them under a common one.
fn all_failed(mut failures: Vec<(String, Error)>) -> Error {
    if failures.len() <= 1 {
        return failures.pop().map_or_else(|| Error::bad_request("There is no file in the body. Send each file as a part with a file name."), |(_, error)| error);
    }
    let all = |code: Code| failures.iter().all(|(_, error)| error.code() == code);
    let code = [Code::Conflict, Code::TooLarge].into_iter().find(|code| all(*code)).unwrap_or(Code::BadRequest);
    let mut error = Error::new(code, "None of the files could be taken; `details` says why for each.");
    for (filename, failure) in &failures {
        error = error.detail(filename.clone(), failure.message());
    }
    error
}

fn broken() -> Error {
    Error::bad_request("The multipart body is broken or ended before all of it was there.")
}

/// Browsers send a bare name; others may send a path.
fn base_name(name: &str) -> String {
    let name: String = name.rsplit(['/', '\\']).next().unwrap_or(name).chars().filter(|c| !c.is_control()).take(255).collect();
    if name.trim().is_empty() { "file".to_owned() } else { name }
}

/// A `Content-Disposition` that any header can hold (RFC 6266, with RFC 5987's form of the name beside an ASCII one).
pub fn attachment(name: &str) -> String {
    use std::fmt::Write;
    let ascii: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || " .-_()".contains(c) { c } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_name_fits_a_header() {
        assert_eq!(attachment("Größe \"x\".md"), "attachment; filename=\"Gr__e _x_.md\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%22x%22.md");
        assert_eq!(base_name("C:\\x\\a\r\n.md"), "a.md");
        assert_eq!(base_name("docs/"), "file");
    }
}
