//! The operations on projects, documents and search.

use poem::web::Data;
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::{Binary, Json, Response},
    types::MaybeUndefined,
};
use serde::Deserialize;

use super::{
    members::{editable, seen},
    model::{
        Document, DocumentChunk, Mode, Project, QUERY_CHARACTERS, SearchResult, Status, Visibility, check_description, check_limit,
        check_project_name, check_title,
    },
    service::{self, Question, SearchOptions},
    store::{self, DocumentFilter, Sees},
    upload::{self, NewDocuments, Uploaded},
};
use crate::{
    access::{Caller, Editor, Member},
    app::App,
    audit::Action,
    error::{Error, Result},
    http::{Body, Created, Listing, NoContent, Paging, Tag, patch},
};

pub struct ProjectsApi;
pub struct DocumentsApi;

#[derive(Object, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateProject {
    name: String,
    description: Option<String>,
    visibility: Option<Visibility>,
}

#[derive(Object, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateProject {
    #[serde(deserialize_with = "crate::http::not_null")]
    name: Option<String>,
    description: MaybeUndefined<String>,
    #[serde(deserialize_with = "crate::http::not_null")]
    visibility: Option<Visibility>,
}

#[derive(Object, Deserialize)]
pub struct UpdateDocument {
    #[serde(default, deserialize_with = "crate::http::not_null")]
    title: Option<String>,
}

/// What to search for.
#[derive(Object, Deserialize)]
pub struct Search {
    pub query: String,
    /// 1 to 50; 10 if left out.
    pub limit: Option<i64>,
    pub mode: Option<Mode>,
}

impl Search {
    /// The question and the options, where they are within their ranges.
    pub fn check(self) -> Result<(Question, SearchOptions)> {
        if self.query.trim().is_empty() {
            return Err(Error::invalid("query", "must not be empty"));
        }
        if self.query.chars().count() > QUERY_CHARACTERS {
            return Err(Error::invalid("query", "must have at most 4,000 characters"));
        }
        let options = SearchOptions { mode: self.mode.unwrap_or_default(), limit: check_limit(self.limit)?, ..SearchOptions::default() };
        Ok((Question { text: self.query, earlier: Vec::new(), resolved: None }, options))
    }
}

fn find_project(app: &App, who: &Caller, id: &str) -> Result<Project> {
    app.db.read(|connection| store::find_project(connection, &who.workspace_id, id, Sees::from(who)))?.ok_or_else(|| Error::not_found("project"))
}

fn find_document(app: &App, who: &Caller, project_id: &str, id: &str) -> Result<Document> {
    let project = seen(app, who, project_id)?;
    app.db.read(|connection| store::find_document(connection, &who.workspace_id, project, id))?.ok_or_else(|| Error::not_found("document"))
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/projects", tag = "Tag::Knowledge")]
impl ProjectsApi {
    /// The workspace's projects
    #[oai(path = "/", method = "get", operation_id = "list_projects")]
    async fn list_projects(&self, app: Data<&App>, who: Member, limit: Query<Option<i64>>, offset: Query<Option<i64>>) -> Result<Listing<Project>> {
        let paging = Paging::new(limit.0, offset.0, who.flat)?;
        let (data, total) = app.db.read(|connection| store::list_projects(connection, &who.workspace_id, Sees::from(&*who), paging))?;
        Ok(Listing { data, total, paging, flat: who.flat })
    }

    /// Make a project
    #[oai(path = "/", method = "post", operation_id = "create_project")]
    async fn create_project(&self, app: Data<&App>, who: Editor, body: Body<CreateProject>) -> Result<Created<Project>> {
        let project = service::new_project(&app, &body.0.name, body.0.description, body.0.visibility)?;
        let new = project.clone();
        app.db.write(move |tx| store::insert_project(tx, &who.workspace_id, &who.user_id, &new)).await?;
        Ok(Created(project))
    }

    /// One project
    #[oai(path = "/:id", method = "get", operation_id = "get_project")]
    async fn get_project(&self, app: Data<&App>, who: Member, id: Path<String>) -> Result<Json<Project>> {
        find_project(&app, &who, &id).map(Json)
    }

    /// Change a project
    #[oai(path = "/:id", method = "patch", operation_id = "update_project")]
    async fn update_project(&self, app: Data<&App>, who: Editor, id: Path<String>, body: Body<UpdateProject>) -> Result<Json<Project>> {
        let (change, now) = (body.0, app.now());
        app.db
            .write(move |tx| {
                let mut project = store::find_project(tx, &who.workspace_id, &id, Sees::All)?.ok_or_else(|| Error::not_found("project"))?;
                project.name = change.name.map_or(Ok(project.name), |name| check_project_name(&name))?;
                patch(&mut project.description, change.description);
                check_description(project.description.as_deref().unwrap_or_default())?;
                project.visibility = change.visibility.unwrap_or(project.visibility);
                project.updated_at = now;
                store::update_project(tx, &who.workspace_id, &project)?;
                Ok(Json(project))
            })
            .await
    }

    /// Delete a project with its documents
    #[oai(path = "/:id", method = "delete", operation_id = "delete_project")]
    async fn delete_project(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<NoContent> {
        let project = seen(&app, &who, &id)?;
        service::delete_project(&app, &who.workspace_id, project, Some(who.entry(Action::ProjectDeleted).on(id.0))).await?;
        Ok(NoContent)
    }

    /// What a question finds in a project, and why
    #[oai(path = "/:id/search", method = "post", operation_id = "search_project")]
    async fn search_project(&self, app: Data<&App>, who: Member, id: Path<String>, body: Body<Search>) -> Result<Json<SearchResult>> {
        seen(&app, &who, &id)?;
        let (question, options) = body.0.check()?;
        service::search(&app, &who.workspace_id, &[id.0], &question, &options).await.map(Json)
    }
}

// A path's parameters are found by their place in the operation's own path: none that is asked for may stand in the prefix.
#[OpenApi(prefix_path = "/api/workspaces/:ws/projects", tag = "Tag::Knowledge")]
impl DocumentsApi {
    /// A project's documents, the newest first
    #[oai(path = "/:id/documents", method = "get", operation_id = "list_documents")]
    #[expect(clippy::too_many_arguments, reason = "each is a parameter of the address")]
    async fn list_documents(
        &self,
        app: Data<&App>,
        who: Member,
        id: Path<String>,
        status: Query<Option<Status>>,
        q: Query<Option<String>>,
        limit: Query<Option<i64>>,
        offset: Query<Option<i64>>,
    ) -> Result<Listing<Document>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        let project = seen(&app, &who, &id)?;
        let filter = DocumentFilter { status: status.0, q: q.0.filter(|q| !q.is_empty()) };
        let (data, total) = app.db.read(|connection| store::list_documents(connection, &who.workspace_id, project, &filter, paging))?;
        Ok(Listing { data, total, paging, flat: false })
    }

    /// Add documents: files as multipart, or a text as JSON
    #[oai(path = "/:id/documents", method = "post", operation_id = "create_documents")]
    async fn create_documents(&self, app: Data<&App>, who: Member, id: Path<String>, body: NewDocuments) -> Result<Created<Uploaded>> {
        editable(&app, &who, &id)?;
        upload::add(&app, &who.workspace_id, &id, body).await.map(Created)
    }

    /// One document
    #[oai(path = "/:id/documents/:document", method = "get", operation_id = "get_document")]
    async fn get_document(&self, app: Data<&App>, who: Member, id: Path<String>, document: Path<String>) -> Result<Json<Document>> {
        find_document(&app, &who, &id, &document).map(Json)
    }

    /// The original file
    #[oai(path = "/:id/documents/:document/content", method = "get", operation_id = "get_document_content")]
    async fn get_document_content(&self, app: Data<&App>, who: Member, id: Path<String>, document: Path<String>) -> Result<Response<Binary<Vec<u8>>>> {
        let document = find_document(&app, &who, &id, &document)?;
        let files = service::file_store(&app);
        let name = document.filename.unwrap_or_else(|| format!("{}.txt", document.title));
        let bytes = tokio::task::spawn_blocking(move || files.read(&document.sha256)).await.map_err(Error::internal)??;
        Ok(Response::new(Binary(bytes)).header("content-disposition", upload::attachment(&name)))
    }

    /// The chunks that a document was cut into
    #[oai(path = "/:id/documents/:document/chunks", method = "get", operation_id = "list_document_chunks")]
    async fn list_document_chunks(
        &self,
        app: Data<&App>,
        who: Member,
        id: Path<String>,
        document: Path<String>,
        limit: Query<Option<i64>>,
        offset: Query<Option<i64>>,
    ) -> Result<Listing<DocumentChunk>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        let document = find_document(&app, &who, &id, &document)?;
        let (data, total) = app.db.read(|connection| store::list_chunks(connection, &who.workspace_id, &document.id, paging.limit, paging.offset))?;
        Ok(Listing { data, total, paging, flat: false })
    }

    /// Change a document's title
    #[oai(path = "/:id/documents/:document", method = "patch", operation_id = "update_document")]
    async fn update_document(&self, app: Data<&App>, who: Member, id: Path<String>, document: Path<String>, body: Body<UpdateDocument>) -> Result<Json<Document>> {
        let project = editable(&app, &who, &id)?;
        let old = find_document(&app, &who, &id, &document)?;
        // The title is part of what is indexed and embedded.
        let Some(title) = body.0.title.map(|title| check_title(&title)).transpose()?.filter(|title| *title != old.title) else { return Ok(Json(old)) };
        service::reprocess_document(&app, &who.workspace_id, project, &document, Some(title)).await.map(Json)
    }

    /// Read a document anew from its original file
    #[oai(path = "/:id/documents/:document/reprocess", method = "post", operation_id = "reprocess_document")]
    async fn reprocess_document(&self, app: Data<&App>, who: Member, id: Path<String>, document: Path<String>) -> Result<Json<Document>> {
        let project = editable(&app, &who, &id)?;
        service::reprocess_document(&app, &who.workspace_id, project, &document, None).await.map(Json)
    }

    /// Delete a document
    #[oai(path = "/:id/documents/:document", method = "delete", operation_id = "delete_document")]
    async fn delete_document(&self, app: Data<&App>, who: Member, id: Path<String>, document: Path<String>) -> Result<NoContent> {
        let project = editable(&app, &who, &id)?;
        service::delete_document(&app, &who.workspace_id, project, &document, Some(who.entry(Action::DocumentDeleted).on(&document.0))).await?;
        Ok(NoContent)
    }
}
