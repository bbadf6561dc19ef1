//! What `illumichat demo` fills a new data folder with: a workspace, an owner, the product's own user guide, and a public
//! assistant that answers from it.

use std::collections::HashMap;

use crate::{
    access::{self, Role},
    app::App,
    assistants::{self, Visibility},
    clock::Timestamp,
    error::{Code, Error, Result},
    guide,
    knowledge::{self, NewFile, model::Source, store as documents},
    secrets::sha256_hex,
    workspaces::service,
};

/// The demo's ids.
#[derive(Debug, Clone)]
pub struct Demo {
    pub workspace_id: String,
    pub user_id: String,
    pub assistant_id: String,
    pub project_id: String,
}

const EMAIL: &str = "demo@illumichat.example";
const WORKSPACE: &str = "IllumiChat demo";
const PROJECT: &str = "User guide";
const ASSISTANT: &str = "Illumi";

/// Makes what is missing of the demo, and leaves the rest as people have changed it. Documents are read by jobs.
pub async fn fill(app: &App) -> Result<Demo> {
    let (workspace_id, user_id) = match find_owner(app)? {
        Some(ids) => ids,
        None => {
            let new = service::prepare_user(app, EMAIL, "Demo owner", None).await?;
            let (user_id, workspace_id) = service::add_user(app, new, WORKSPACE, Role::Owner).await?;
            (workspace_id, user_id)
        }
    };
    let project_id = match app.db.read(|connection| documents::find_project_by_name(connection, &workspace_id, PROJECT))? {
        Some(id) => id,
        None => {
            let project = knowledge::new_project(app, PROJECT, Some("The pages of the product's own user guide.".to_owned()), None)?;
            let (id, workspace_id, user_id) = (project.id.clone(), workspace_id.clone(), user_id.clone());
            app.db.write(move |tx| documents::insert_project(tx, &workspace_id, &user_id, &project)).await?;
            id
        }
    };
    let old = known_pages(app, &workspace_id, &project_id)?;
    for (filename, bytes) in pages(app) {
        // A page of another version, or with the address of another port, makes room for this one.
        if let Some((project, id, _)) = old.get(&filename).filter(|(_, _, sha256)| *sha256 != sha256_hex(&bytes)) {
            knowledge::service::delete_document(app, &workspace_id, *project, id, None).await?;
        }
        let file = NewFile { source: Source::Upload, title: None, filename: Some(filename), url: None, bytes };
        match knowledge::add_document(app, &workspace_id, &project_id, file).await {
            Err(error) if error.code() != Code::Conflict => return Err(error),
            _ => {}
        }
    }
    let assistant_id = make_assistant(app, &workspace_id, &user_id, &project_id).await?;
    Ok(Demo { workspace_id, user_id, assistant_id, project_id })
}

/// The pages that the project holds already: their project's row, id and hash, by file name.
fn known_pages(app: &App, workspace_id: &str, project_id: &str) -> Result<HashMap<String, (i64, String, String)>> {
    app.db.read(|connection| {
        let project = documents::find_project_row(connection, workspace_id, project_id, documents::Sees::All)?.ok_or_else(|| Error::not_found("project"))?;
        let mut pages = HashMap::new();
        for (_, id) in documents::document_rows(connection, workspace_id, project)? {
            if let Some(document) = documents::find_document(connection, workspace_id, project, &id)?
                && let Some(filename) = document.filename
            {
                pages.insert(filename, (project, document.id, document.sha256));
            }
        }
        Ok(pages)
    })
}

fn find_owner(app: &App) -> Result<Option<(String, String)>> {
    app.db.read(|connection| {
        let Some(user) = access::store::find_user_by_email(connection, EMAIL)? else { return Ok(None) };
        let workspace_id = access::store::find_first_workspace(connection, &user.id)?.ok_or_else(|| Error::not_found("demo workspace"))?;
        Ok(Some((workspace_id, user.id)))
    })
}

/// The guide's pages as files, each told the address that it is served under.
fn pages(app: &App) -> impl Iterator<Item = (String, Vec<u8>)> {
    let base = app.config.public_url();
    guide::pages().iter().map(move |page| {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let text = format!("---\ntitle: {}\nurl: {base}/guide/{}\n---\n\n{}", quoted(&page.title), page.slug, page.markdown);
        (format!("{}.md", page.slug), text.into_bytes())
    })
}

async fn make_assistant(app: &App, workspace_id: &str, user_id: &str, project_id: &str) -> Result<String> {
    let found = app.db.read(|connection| assistants::store::find_by_name(connection, workspace_id, ASSISTANT))?;
    if let Some(id) = found {
        return Ok(id);
    }
    let mut assistant = assistants::service::new_assistant(app, user_id, ASSISTANT.to_owned());
    assistant.description = Some("Answers questions about IllumiChat from its user guide.".to_owned());
    "You are Illumi, the friendly assistant of IllumiChat. You answer questions about installing, configuring and using IllumiChat, self-hosted.".clone_into(&mut assistant.instructions);
    assistant.visibility = Visibility::Public;
    assistant.widget_enabled = true;
    assistant.welcome_message = Some("Hello! I know IllumiChat's user guide. What would you like to know?".to_owned());
    assistant.suggested_questions =
        ["How do I put the chat on my website?", "Does it work without the internet?", "Which models can I use?"].map(str::to_owned).into();
    assistant.widget.domains = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    assistant.check()?;
    let (id, workspace_id, project_id, now): (String, String, String, Timestamp) = (assistant.id.clone(), workspace_id.to_owned(), project_id.to_owned(), app.now());
    app.db
        .write(move |tx| {
            assistants::store::insert_assistant(tx, &workspace_id, &assistant)?;
            assistants::store::connect(tx, &workspace_id, &assistant.id, &project_id, now)
        })
        .await?;
    Ok(id)
}
