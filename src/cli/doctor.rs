//! `illumichat doctor`: checks the data, and says what is wrong and what to do.

use std::{fs, io::Read};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Common, print_json, print_line};
use crate::{
    app::App,
    db,
    config::Rerank,
    embed::{
        Library,
        registry::{self, State},
    },
    error::{Error, Result},
    knowledge::store::VectorSet,
    secrets::hex,
};

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    message: String,
}

pub(super) async fn run(common: &Common) -> Result<()> {
    let app = common.open()?;
    let (model, reranker) = (model(&app).await, reranker(&app).await);
    let data = move || -> Result<Vec<Check>> {
        Ok(vec![sqlite(), integrity(&app)?, foreign_keys(&app)?, keywords(&app)?, vectors(&app)?, files(&app)?, jobs(&app)?, disk(&app)])
    };
    let mut checks = tokio::task::spawn_blocking(data).await.map_err(Error::internal)??;
    checks.push(model);
    checks.push(reranker);
    let bad = checks.iter().filter(|check| !check.ok).count();
    if common.json {
        print_json(&checks)?;
    } else {
        for check in &checks {
            print_line(&format!("{} {:12} {}", if check.ok { "ok  " } else { "BAD " }, check.name, check.message))?;
        }
    }
    if bad == 0 { Ok(()) } else { Err(Error::unavailable(format!("{bad} of {} checks failed.", checks.len()))) }
}

fn check(name: &'static str, problem: Option<String>, good: impl Into<String>) -> Check {
    Check { name, ok: problem.is_none(), message: problem.unwrap_or_else(|| good.into()) }
}

fn sqlite() -> Check {
    check("sqlite", None, format!("version {}", db::sqlite_version()))
}

fn integrity(app: &App) -> Result<Check> {
    let found: Vec<String> = app.db.read(|connection| {
        let mut statement = connection.prepare("pragma integrity_check(10)")?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    })?;
    let problem = (found != ["ok"]).then(|| format!("the database is damaged: {}. Restore it from a backup.", found.join("; ")));
    Ok(check("integrity", problem, "the database file is sound"))
}

fn foreign_keys(app: &App) -> Result<Check> {
    let broken: i64 = app.db.read(|connection| Ok(connection.query_row("select count(*) from pragma_foreign_key_check", [], |row| row.get(0))?))?;
    Ok(check("references", (broken > 0).then(|| format!("{broken} rows refer to something that is gone")), "every reference leads somewhere"))
}

/// FTS5's own comparison of an index with the text that it was made of.
fn keywords(app: &App) -> Result<Check> {
    let problem = app
        .db
        .write_now(|tx| {
            for table in ["chunks_fts", "messages_fts"] {
                tx.execute_batch(&format!("insert into {table} ({table}, rank) values ('integrity-check', 1)"))?;
            }
            Ok(())
        })
        .err()
        .map(|error| format!("a keyword index is out of step with its text: {error:?}. Reprocess the documents."));
    Ok(check("keywords", problem, "the keyword indexes match their text"))
}

/// Every chunk has its vector of the model that serves, and no table has one that the other lacks.
fn vectors(app: &App) -> Result<Check> {
    let count = |sql: String| app.db.read(|connection| Ok(connection.query_row(&sql, [], |row| row.get::<_, i64>(0))?));
    let chunks = count("select count(*) from chunks".to_owned())?;
    let (mut problems, mut good) = (Vec::new(), Vec::new());
    for model in app.db.read(registry::list)? {
        let VectorSet { exact, coarse, .. } = VectorSet::of(&model);
        let without = count(format!("select count(*) from chunks where row not in (select row from {exact} where model = {})", model.row))?;
        let (vectors, coarse_vectors) = (count(format!("select count(*) from {exact}"))?, count(format!("select count(*) from {coarse}"))?);
        let alone = count(format!("select count(*) from {coarse} where rowid not in (select row from {exact})"))?;
        let strange = count(format!("select count(*) from {exact} where length(embedding) <> {}", model.dimensions * 4))?;
        if vectors != coarse_vectors || alone > 0 || strange > 0 {
            problems.push(format!("{}: {vectors} vectors, {coarse_vectors} coarse ones, {alone} of them alone, {strange} of a wrong length. Reprocess the documents.", model.id));
        }
        match model.state {
            State::Serving if without > 0 => problems.push(format!("{}: {without} of {chunks} chunks have no vector. The server makes them at its next start.", model.id)),
            State::Serving => good.push(format!("{chunks} chunks, each with its vector of {}", model.id)),
            State::Coming => good.push(format!("{} is to follow and has {} of them", model.id, chunks - without)),
            State::Going => good.push(format!("{} has {vectors} left, which are being taken out", model.id)),
        }
    }
    if good.is_empty() && problems.is_empty() && chunks > 0 {
        problems.push(format!("{chunks} chunks, and none has a vector. The server makes them at its next start."));
    }
    let problem = (!problems.is_empty()).then(|| problems.join(" "));
    Ok(check("vectors", problem, if good.is_empty() { "no chunks yet".to_owned() } else { good.join("; ") }))
}

/// Every file that a document needs is there and is what its name says.
fn files(app: &App) -> Result<Check> {
    let hashes: Vec<String> = app.db.read(|connection| {
        let mut statement = connection.prepare("select sha256 from files where uses > 0")?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    })?;
    let mut bad = Vec::new();
    for hash in &hashes {
        let path = app.config.files_dir().join(&hash[..2]).join(hash);
        match hash_of(&path) {
            Ok(found) if found == *hash => {}
            Ok(_) => bad.push(format!("{} is damaged", path.display())),
            Err(error) => bad.push(format!("{} cannot be read: {error}", path.display())),
        }
    }
    let problem = (!bad.is_empty()).then(|| format!("{} of {} files: {}", bad.len(), hashes.len(), bad.iter().take(3).cloned().collect::<Vec<_>>().join("; ")));
    Ok(check("files", problem, format!("{} files, all as their hashes say", hashes.len())))
}

fn hash_of(path: &std::path::Path) -> std::io::Result<String> {
    let mut file = fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; 64 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}

fn jobs(app: &App) -> Result<Check> {
    let counts = app.db.read(crate::jobs::counts)?;
    let failed = counts.iter().find(|(state, _)| state == "failed").map_or(0, |(_, count)| *count);
    let open: i64 = counts.iter().filter(|(state, _)| state != "failed").map(|(_, count)| count).sum();
    Ok(check("jobs", (failed > 0).then(|| format!("{failed} jobs were given up; the log says why")), format!("{open} to be done, none given up")))
}

fn disk(app: &App) -> Check {
    let problem = tempfile::tempfile_in(&app.config.data_dir).err().map(|error| format!("{} cannot be written to: {error}", app.config.data_dir.display()));
    check("disk", problem, format!("{} can be written to", app.config.data_dir.display()))
}

async fn model(app: &App) -> Check {
    let problem = app.embedder().load().await.err().map(|error| error.message().to_owned());
    check("model", problem, format!("{} is sound", app.embedder().info().id))
}

/// The reranker that is used, whole and working; one that `auto` would use but cannot is told of too.
async fn reranker(app: &App) -> Check {
    let library = Library::new(app.config.models_dir());
    let names = library.rerankers().unwrap_or_default();
    let Some(name) = app.config.rerank.choose(&names).map(str::to_owned) else {
        return match names.len() {
            _ if app.config.rerank.model == Rerank::OFF => check("reranker", None, "switched off"),
            0 => check("reranker", None, "none in the models folder"),
            several => check("reranker", None, format!("none is used, as there are {several}: name one of {} in `rerank.model`", names.join(", "))),
        };
    };
    let (tried, with) = (name.clone(), library.clone());
    let problem = match tokio::task::spawn_blocking(move || with.verify(&tried)).await {
        Ok(Ok(_)) if app.reranker.is_none() => Some(format!("{name} is sound and not used: it needs more memory than the setting `memory` gives. Raise it.")),
        Ok(Ok(trial)) if !trial.tells_apart() => Some(format!("{name} does not tell right answers from wrong ones. Remove it, or set `rerank.model` to \"off\".")),
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.message().to_owned()),
        Err(error) => Some(error.to_string()),
    };
    check("reranker", problem, format!("{name} is sound"))
}
