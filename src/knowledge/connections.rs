//! Which projects an assistant answers from, and a search as the assistant would make it.

use poem::web::Data;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use serde::Deserialize;

use super::{
    api::Search,
    model::SearchResult,
    service::search,
    store,
};
use crate::{
    access::{Editor, Member, Viewer},
    app::App,
    assistants::{self, Assistant},
    clock::Timestamp,
    error::{Error, Result},
    http::{Body, Created, NoContent, Tag},
};

pub struct ConnectionsApi;

/// A project that an assistant answers from.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct ConnectedProject {
    id: String,
    name: String,
    document_count: i64,
    connected_at: Timestamp,
}

#[derive(Object)]
pub struct ConnectedProjects {
    data: Vec<ConnectedProject>,
}

#[derive(Object)]
pub struct Connected {
    data: ConnectedProject,
}

#[derive(Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ConnectProject {
    project_id: String,
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/assistants", tag = "Tag::Assistants")]
impl ConnectionsApi {
    /// The projects that an assistant answers from
    #[oai(path = "/:id/projects", method = "get", operation_id = "list_assistant_projects")]
    async fn list_assistant_projects(&self, app: Data<&App>, who: Viewer, id: Path<String>) -> Result<Json<ConnectedProjects>> {
        app.db.read(|connection| {
            let assistant = assistants::service::get_usable(&app, connection, &who, &id)?;
            let mut data = Vec::new();
            for (project_id, connected_at) in assistants::store::list_connections(connection, &who.workspace_id, &assistant.id)? {
                // A connection is an admin's decision to let answers be read from the project; its name goes with them.
                if let Some(project) = store::find_project(connection, &who.workspace_id, &project_id, store::Sees::All)? {
                    data.push(ConnectedProject { id: project.id, name: project.name, document_count: project.document_count, connected_at });
                }
            }
            Ok(Json(ConnectedProjects { data }))
        })
    }

    /// Let an assistant answer from a project
    #[oai(path = "/:id/projects", method = "post", operation_id = "connect_project")]
    async fn connect_project(&self, app: Data<&App>, who: Editor, id: Path<String>, body: Body<ConnectProject>) -> Result<Created<Connected>> {
        let (now, workspace_id) = (app.now(), who.workspace_id.clone());
        app.db
            .write(move |tx| {
                assistants::store::find_assistant(tx, &workspace_id, &id)?.ok_or_else(|| Error::not_found("assistant"))?;
                let project = store::find_project(tx, &workspace_id, &body.0.project_id, store::Sees::All)?.ok_or_else(|| Error::not_found("project"))?;
                assistants::store::connect(tx, &workspace_id, &id, &project.id, now)?;
                let data = ConnectedProject { id: project.id, name: project.name, document_count: project.document_count, connected_at: now };
                Ok(Created(Connected { data }))
            })
            .await
    }

    /// Take a project away from an assistant
    #[oai(path = "/:id/projects/:project_id", method = "delete", operation_id = "disconnect_project")]
    async fn disconnect_project(&self, app: Data<&App>, who: Editor, id: Path<String>, project_id: Path<String>) -> Result<NoContent> {
        let workspace_id = who.workspace_id.clone();
        let found = app.db.write(move |tx| assistants::store::disconnect(tx, &workspace_id, &id, &project_id)).await?;
        if found { Ok(NoContent) } else { Err(Error::not_found("connection")) }
    }

    /// Search as the assistant would: in its connected projects and no others
    #[oai(path = "/:id/search", method = "post", operation_id = "search_assistant")]
    async fn search_assistant(&self, app: Data<&App>, who: Member, id: Path<String>, body: Body<Search>) -> Result<Json<SearchResult>> {
        let (question, options) = body.0.check()?;
        let projects = app.db.read(|connection| {
            let assistant: Assistant = assistants::service::get_usable(&app, connection, &who, &id)?;
            assistants::store::list_connections(connection, &who.workspace_id, &assistant.id)
        })?;
        let ids: Vec<String> = projects.into_iter().map(|(id, _)| id).collect();
        Ok(Json(search(&app, &who.workspace_id, &ids, &question, &options).await?))
    }
}
