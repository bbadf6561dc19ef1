//! `/healthz` says that the process is alive, `/readyz` whether it can do its work. Details are for the machine itself.

use poem::{IntoResponse, Response, handler, http::StatusCode, web::{Data, Json}};
use serde_json::json;

use crate::{app::App, http::ClientAddress, knowledge};

#[handler]
pub(super) fn healthz() -> Json<serde_json::Value> {
    Json(json!({"status": "ok"}))
}

#[handler]
pub(super) async fn readyz(app: Data<&App>, address: Data<&ClientAddress>) -> Response {
    let checks = [("database", database(&app).await), ("disk", disk(&app)), ("model", model(&app).await)];
    let ready = checks.iter().all(|(_, outcome)| outcome.is_ok());
    let mut body = json!({"status": if ready { "ready" } else { "not ready" }});
    if address.is_loopback() {
        for (name, outcome) in checks {
            body["checks"][name] = json!(outcome.err().unwrap_or_else(|| "ok".to_owned()));
        }
        // Which models have embedded how much: the change from one to another takes its time.
        if let Ok(models) = app.db.read_slowly(knowledge::reembed::progress).await {
            body["embedding"] = json!(models);
        }
    }
    Json(body).with_status(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }).into_response()
}

/// A write that changes nothing, all the way to the disk.
async fn database(app: &App) -> Result<(), String> {
    app.db.write(|_| Ok(())).await.map_err(|error| error.message().to_owned())
}

/// What is known of the embedding model that serves. It is not loaded for this.
async fn model(app: &App) -> Result<(), String> {
    let embedder = app.embedder();
    match tokio::task::spawn_blocking(move || embedder.fault()).await {
        Ok(None) => Ok(()),
        Ok(Some(fault)) => Err(fault),
        Err(error) => Err(error.to_string()),
    }
}

fn disk(app: &App) -> Result<(), String> {
    tempfile::tempfile_in(&app.config.data_dir).map(|_| ()).map_err(|error| format!("the data folder cannot be written to: {error}"))
}
