//! Projects, documents, chunks and what a search answers, as the API shows them, with the rules of their fields.

use poem_openapi::{Enum, Object};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::{Deserialize, Serialize};

use crate::{
    access::model::check_name,
    clock::Timestamp,
    error::{Error, Result},
};

/// A shelf of documents that assistants can be connected to.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Project {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    pub visibility: Visibility,
    pub document_count: i64,
    /// Question and answer pairs; they are no documents.
    pub qa_count: i64,
    pub chunk_count: i64,
    /// Of the original files.
    pub bytes: i64,
    pub status: ProjectStatus,
    /// Whether the caller may change its documents: admins, and the editors of a private one.
    pub can_edit: bool,
    /// What the caller was made in a private project; null for admins, who need no role in it.
    pub my_role: Option<ProjectRole>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Who sees a project: the whole workspace, or its admins and the project's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename = "ProjectVisibility", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    Workspace,
    Private,
}

/// Whether a project's documents can all be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ProjectStatus {
    Empty,
    /// Some documents are still being read.
    Processing,
    Ready,
}

#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Document {
    pub id: String,
    pub project_id: String,
    pub title: String,
    pub source: Source,
    pub filename: Option<String>,
    pub mime_type: String,
    pub bytes: i64,
    pub sha256: String,
    pub status: Status,
    /// What went wrong and what to do about it, where the status is `failed`.
    pub error: Option<String>,
    /// From 0 to 1.
    pub progress: f64,
    pub chunk_count: i64,
    pub token_count: i64,
    pub url: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Where a document came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename = "DocumentSource", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Source {
    Upload,
    Text,
    Url,
    Crawl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename = "DocumentStatus", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Its bytes are safe; it waits to be read.
    Pending,
    Processing,
    Completed,
    Failed,
}

/// A stretch of a document that a search can find.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct DocumentChunk {
    pub ordinal: i64,
    /// The headings that it stands under, the outermost first.
    pub headings: Vec<String>,
    pub text: String,
    /// Where the text stands in the extracted text, in characters.
    pub start: i64,
    pub end: i64,
    pub page: Option<i64>,
    pub tokens: i64,
}

/// A question with its exact answer. It is found before prose that says the same.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct QaPair {
    pub id: String,
    pub project_id: String,
    /// As citations name it.
    pub document_id: String,
    pub question: String,
    pub answer: String,
    /// The same question in other words.
    pub alternatives: Vec<String>,
    pub status: Status,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Somebody who sees a private project.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ProjectMember {
    pub user_id: String,
    pub name: String,
    pub email: String,
    pub role: ProjectRole,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ProjectRole {
    /// Reads the project.
    Viewer,
    /// Changes its documents too.
    Editor,
}

/// A place on the web that fills a project.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename = "WebSource", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct WebSource {
    pub id: String,
    pub project_id: String,
    pub url: String,
    pub kind: SourceKind,
    /// 1 to 10,000.
    pub max_pages: i64,
    /// Patterns of paths to read, `*` for anything; all where there is none.
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    pub schedule: Schedule,
    pub status: SourceStatus,
    /// Why the last run failed, and what to do about it.
    pub error: Option<String>,
    pub page_count: i64,
    /// Pages that could not be read the last time.
    pub failed_count: i64,
    pub last_run_at: Option<Timestamp>,
    pub next_run_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// This page alone.
    Page,
    /// Every page that a sitemap lists.
    Sitemap,
    /// This page and what it links to on the same host.
    Crawl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    Off,
    Hourly,
    Daily,
    Weekly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum SourceStatus {
    /// It waits for its turn.
    Pending,
    Running,
    Completed,
    Failed,
}

/// A chunk that a search found, and why.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Hit {
    pub document_id: String,
    pub project_id: String,
    /// The document's title.
    pub title: String,
    pub url: Option<String>,
    pub ordinal: i64,
    pub headings: Vec<String>,
    pub text: String,
    pub start: i64,
    pub end: i64,
    pub page: Option<i64>,
    /// Both signals together; from 0 to 1 for prose and a question without a history, more for an exact answer.
    pub score: f64,
    /// BM25 and its rank, where the words of the question are in the chunk.
    pub keyword: Option<Signal>,
    /// The cosine and its rank.
    pub vector: Option<Signal>,
    /// What the reranker said of question and passage together, and the rank by it. Where there is one, it decides the order.
    pub rerank: Option<Signal>,
}

#[derive(Debug, Clone, Copy, PartialEq, Object, Serialize)]
pub struct Signal {
    /// From 1.
    pub rank: i64,
    pub score: f64,
}

/// What a search answers.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct SearchResult {
    pub data: Vec<Hit>,
    /// How well the best passages fit the question: the best cosine plus the share of the words' weight that is found.
    pub confidence: f64,
    /// From which confidence on the question counts as answered by these documents.
    pub min_confidence: f64,
    pub answerable: bool,
    /// How the best passages were ranked once more; nothing where there is no reranker, or only one signal was asked for.
    pub reranking: Option<Reranking>,
}

/// What a reranker did for one question.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Reranking {
    /// The model's id.
    pub model: String,
    /// How many passages it was given, and how many of them, from the first on, it had read in time. The others stay behind
    /// these in the order that they were found in.
    pub passages: i64,
    pub scored: i64,
    pub ms: i64,
    /// Why it read none, where that is not for want of time.
    pub problem: Option<String>,
}

/// Which signals a search uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename = "SearchMode", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Hybrid,
    Keyword,
    Vector,
}

macro_rules! text_column {
    ($($type:ident { $($variant:ident $name:literal),* $(,)? })*) => {$(
        impl $type {
            pub const fn name(self) -> &'static str {
                match self { $($type::$variant => $name),* }
            }
        }

        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(self.name().into())
            }
        }

        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                match value.as_str()? {
                    $($name => Ok($type::$variant),)*
                    _ => Err(FromSqlError::InvalidType),
                }
            }
        }
    )*};
}

text_column! {
    Visibility { Workspace "workspace", Private "private" }
    Source { Upload "upload", Text "text", Url "url", Crawl "crawl" }
    ProjectRole { Viewer "viewer", Editor "editor" }
    SourceKind { Page "page", Sitemap "sitemap", Crawl "crawl" }
    Schedule { Off "off", Hourly "hourly", Daily "daily", Weekly "weekly" }
    SourceStatus { Pending "pending", Running "running", Completed "completed", Failed "failed" }
    Status { Pending "pending", Processing "processing", Completed "completed", Failed "failed" }
}

pub const TITLE_CHARACTERS: usize = 300;
pub const QUERY_CHARACTERS: usize = 4000;

pub fn check_project_name(name: &str) -> Result<String> {
    check_name("name", name, 120)
}

pub fn check_title(title: &str) -> Result<String> {
    check_name("title", title, TITLE_CHARACTERS)
}

pub fn check_description(description: &str) -> Result<()> {
    if description.chars().count() > 2000 {
        return Err(Error::invalid("description", "must have at most 2,000 characters"));
    }
    Ok(())
}

/// The number of results that a search may be asked for.
pub fn check_limit(limit: Option<i64>) -> Result<usize> {
    let limit = limit.unwrap_or(10);
    if !(1..=50).contains(&limit) {
        return Err(Error::invalid("limit", "must be a number from 1 to 50"));
    }
    Ok(usize::try_from(limit).unwrap_or(10))
}

/// A title out of what there is: a file's name without its ending, or the first words of a text.
pub fn title_from_filename(filename: &str) -> String {
    let name = filename.rsplit(['/', '\\']).next().unwrap_or(filename);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem });
    clean_title(&stem.replace(['_', '\t', '\n'], " "))
}

/// A title that a document gives itself, made fit for one line.
pub fn clean_title(title: &str) -> String {
    let words = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let clean: String = words.chars().filter(|c| !c.is_control()).take(TITLE_CHARACTERS).collect();
    if clean.trim().is_empty() { "Untitled".to_owned() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_name_makes_a_title() {
        assert_eq!(title_from_filename("guides/refund_policy.md"), "refund policy");
        assert_eq!(title_from_filename("C:\\docs\\A.B.txt"), "A.B");
        assert_eq!(title_from_filename(".env"), ".env");
        assert_eq!(title_from_filename("  "), "Untitled");
    }
}
