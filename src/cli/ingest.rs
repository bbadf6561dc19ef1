//! `illumichat ingest`: files and folders into a project, with a progress bar. It works beside a running server.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{Common, print_json, print_line, working::Working};
use crate::{
    app::App,
    error::{Code, Error, Result},
    knowledge::{
        self, NewFile,
        model::{Source, Status},
        store,
    },
};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Files, or folders that are read with everything in them
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The project's id, or its name
    #[arg(long)]
    project: String,
}

pub(super) async fn run(common: &Common, options: Options) -> Result<()> {
    let files = find_files(&options.paths)?;
    let app = common.open()?;
    let (workspace_id, project_id) = find_project(&app, &options.project)?;
    let working = Working::start(&app)?;
    let bar = progress_bar(common, files.len());
    let mut added = Vec::new();
    let mut known = 0;
    let mut refused = Vec::new();
    for path in &files {
        match add(&app, &workspace_id, &project_id, path).await {
            Ok(id) => added.push((path.clone(), id)),
            Err(error) if error.code() == Code::Conflict => known += 1,
            Err(error) if matches!(error.code(), Code::BadRequest | Code::TooLarge | Code::UnsupportedMediaType) => {
                refused.push((path.display().to_string(), error.message().to_owned()));
            }
            Err(error) => return Err(error),
        }
    }
    let total = files.len() as u64;
    loop {
        let (unread, _) = app.db.read(|connection| store::count_unread(connection, &workspace_id, &project_id))?;
        bar.set_position(total.saturating_sub(u64::try_from(unread).unwrap_or(0)));
        if unread == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    bar.finish_and_clear();
    working.end().await;
    let mut completed = 0;
    app.db.read(|connection| {
        let project = store::find_project_row(connection, &workspace_id, &project_id, store::Sees::All)?.ok_or_else(|| Error::not_found("project"))?;
        for (path, id) in &added {
            match store::find_document(connection, &workspace_id, project, id)? {
                Some(document) if document.status == Status::Completed => completed += 1,
                Some(document) => refused.push((path.display().to_string(), document.error.unwrap_or_else(|| "was not read".to_owned()))),
                None => refused.push((path.display().to_string(), "was deleted meanwhile".to_owned())),
            }
        }
        Ok(())
    })?;
    if common.json {
        let failed: Vec<_> = refused.iter().map(|(path, error)| json!({"path": path, "error": error})).collect();
        print_json(&json!({"added": completed, "alreadyThere": known, "failed": failed}))?;
    } else {
        for (path, error) in &refused {
            eprintln!("{path}: {error}");
        }
        print_line(&format!("{completed} added, {known} already there, {} failed.", refused.len()))?;
    }
    if refused.is_empty() { Ok(()) } else { Err(Error::unavailable("Not every file could be read; the lines above say why.")) }
}

async fn add(app: &App, workspace_id: &str, project_id: &str, path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| Error::bad_request(format!("cannot be read: {error}")))?;
    let most = app.config.uploads.max_bytes;
    if bytes.len() as u64 > most.bytes() {
        return Err(Error::too_large(format!("is larger than {most}, which is the most that a document may have (`uploads.max_bytes`)")));
    }
    let filename = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let document = knowledge::add_document(app, workspace_id, project_id, NewFile { source: Source::Upload, title: None, filename, url: None, bytes }).await?;
    Ok(document.id)
}

/// The workspace and the id of the one project with this id or name.
pub(super) fn find_project(app: &App, text: &str) -> Result<(String, String)> {
    let found = app.db.read(|connection| store::find_by_id_or_name(connection, text))?;
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Error::new(Code::NotFound, format!("There is no project `{text}`. The dashboard shows a project's id on its page."))),
        several => {
            let ids: Vec<&str> = several.iter().map(|(_, id)| id.as_str()).collect();
            Err(Error::conflict(format!("Several projects are called `{text}`. Name one by its id: {}.", ids.join(", "))))
        }
    }
}

/// All files below the paths, hidden ones left out, in the order of their names.
fn find_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = Vec::new();
    for path in paths {
        if path.is_dir() {
            folders.push(path.clone());
        } else if path.is_file() {
            files.push(path.clone());
        } else {
            return Err(Error::bad_request(format!("There is no file or folder at {}.", path.display())));
        }
    }
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let kind = entry.file_type()?;
            // Links are not followed: they could lead round in a circle.
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Error::bad_request("There is no file in what was named."));
    }
    Ok(files)
}

fn progress_bar(common: &Common, files: usize) -> ProgressBar {
    if common.json {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} documents, {elapsed}").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(files as u64).with_style(style)
}
