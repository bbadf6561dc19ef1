//! `illumichat doctor`: checks the data, and says what is wrong and what to do.

use std::{fs, io::Read};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Common, print_json, print_line};
use crate::{
    app::App,
    db,
    error::{Error, Result},
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
    let model = model(&app).await;
    let data = move || -> Result<Vec<Check>> {
        Ok(vec![sqlite(), integrity(&app)?, foreign_keys(&app)?, keywords(&app)?, vectors(&app)?, files(&app)?, jobs(&app)?, disk(&app)])
    };
    let mut checks = tokio::task::spawn_blocking(data).await.map_err(Error::internal)??;
    checks.push(model);
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

fn vectors(app: &App) -> Result<Check> {
    let count = |sql: &str| app.db.read(|connection| Ok(connection.query_row(sql, [], |row| row.get::<_, i64>(0))?));
    let chunks = count("select count(*) from chunks")?;
    let without = count("select count(*) from chunks where row not in (select row from vectors)")?;
    let exact = count("select count(*) from vectors")?;
    let coarse = count("select count(*) from vectors_coarse")?;
    let alone = count("select count(*) from vectors_coarse where rowid not in (select row from vectors)")?;
    let problem = (without > 0 || exact != coarse || alone > 0)
        .then(|| format!("{chunks} chunks, {exact} vectors, {coarse} coarse vectors, {without} chunks without one. Reprocess the documents."));
    Ok(check("vectors", problem, format!("{chunks} chunks, each with its vectors")))
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
    let problem = app.embedder.load().await.err().map(|error| error.message().to_owned());
    check("model", problem, format!("{} is sound", app.embedder.info().id))
}
