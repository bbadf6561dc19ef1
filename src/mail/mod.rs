//! Mail: written down with the change that it tells of, sent by a durable job. A letter may hold a one-time link, so it
//! waits sealed. Without `smtp.url` nothing is sent, and whoever would send a letter says so to their caller.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use lettre::{
    Message, SmtpTransport, Transport,
    message::{Mailbox, header::ContentType},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    app::App,
    clock::Timestamp,
    config,
    db::Tx,
    error::{Error, Result},
    jobs::{self, Job, NewJob},
};

/// The kind of job that sends a letter.
pub const SEND_JOB: &str = "mail.send";

/// What a waiting letter is sealed for.
const PURPOSE: &str = "jobs.mail";

/// A letter of plain text to one person.
#[derive(Debug, Serialize, Deserialize)]
pub struct Letter {
    pub to: String,
    pub subject: String,
    pub text: String,
}

/// Whether this server sends mail at all.
pub fn is_configured(app: &App) -> bool {
    app.config.smtp.url.is_some()
}

/// The job's payload, made before the transaction.
///
/// # Errors
/// Where sealing fails.
pub fn seal(app: &App, letter: &Letter) -> Result<String> {
    Ok(BASE64.encode(app.key.seal(&serde_json::to_string(letter)?, PURPOSE, &app.ids)?))
}

/// Leaves the job that sends a letter from [`seal`].
///
/// # Errors
/// Those of the database.
pub fn enqueue(tx: &Tx<'_>, ids: &crate::ids::Ids, now: Timestamp, workspace_id: Option<&str>, sealed: &str) -> Result<()> {
    let job = NewJob { kind: SEND_JOB, workspace_id: workspace_id.map(str::to_owned), payload: json!({"sealed": sealed}), lane: None, run_at: now };
    jobs::enqueue(tx, ids, now, &job).map(|_| ())
}

/// Leaves the job of this kind that writes letters, where this server sends any: it looks up what they say when it runs.
///
/// # Errors
/// Those of the database.
pub fn write_later(app: &App, tx: &Tx<'_>, kind: &'static str, workspace_id: &str, payload: Value, now: Timestamp) -> Result<()> {
    if !is_configured(app) {
        return Ok(());
    }
    jobs::enqueue(tx, &app.ids, now, &NewJob { kind, workspace_id: Some(workspace_id.to_owned()), payload, lane: None, run_at: now }).map(drop)
}

/// Leaves what such a job has written to be sent, each letter by itself, and ends the job in the same transaction, so that
/// nobody gets one twice.
///
/// # Errors
/// Those of the database.
pub async fn hand_in(app: &App, job: Job, letters: Vec<Letter>) -> Result<()> {
    let sealed: Vec<String> = letters.iter().map(|letter| seal(app, letter)).collect::<Result<_>>()?;
    let (ids, now) = (app.ids.clone(), app.now());
    app.db
        .write(move |tx| {
            sealed.iter().try_for_each(|sealed| enqueue(tx, &ids, now, job.workspace_id.as_deref(), sealed))?;
            jobs::finish(tx, &job.id)
        })
        .await?;
    app.jobs.wake();
    Ok(())
}

/// The handler of [`SEND_JOB`].
///
/// # Errors
/// Where the mail server cannot be reached or does not take it now: the queue tries again. A letter that it will never take
/// is logged and given up.
pub async fn send_job(app: App, job: Job) -> Result<()> {
    let sealed = job.payload["sealed"].as_str().and_then(|text| BASE64.decode(text).ok()).ok_or_else(|| Error::internal("a letter without its text"))?;
    let letter: Letter = serde_json::from_str(app.key.open(&sealed, PURPOSE)?.reveal())?;
    send(&app.config.smtp, letter).await
}

/// Hands a letter to the mail server.
///
/// # Errors
/// As of [`send_job`].
pub async fn send(smtp: &config::Smtp, letter: Letter) -> Result<()> {
    let Some(url) = &smtp.url else { return Ok(()) };
    let message = message(smtp, letter)?;
    let transport = SmtpTransport::from_url(url.reveal())
        .map_err(|_| Error::bad_request("The setting `smtp.url` is not valid: it is no address like smtps://user:password@mail.example.com."))?
        .timeout(Some(Duration::from_secs(20)))
        .build();
    // A conversation of a few lines now and then: a thread that waits is all that it needs.
    match tokio::task::spawn_blocking(move || transport.send(&message)).await.map_err(Error::internal)? {
        Ok(_) => Ok(()),
        Err(error) if error.is_permanent() => {
            // The server's words may repeat the recipient, and nothing more of ours.
            tracing::error!(%error, "the mail server refused a letter for good");
            Ok(())
        }
        Err(error) => Err(Error::unavailable("The mail server cannot be reached.").source(error)),
    }
}

fn message(smtp: &config::Smtp, letter: Letter) -> Result<Message> {
    let mailbox = |what: &str, text: &str| text.parse::<Mailbox>().map_err(|_| Error::bad_request(format!("{what} is no address that mail can go to.")));
    let from = smtp.from.as_deref().ok_or_else(|| Error::bad_request("The setting `smtp.from` is missing: whom shall letters come from?"))?;
    Message::builder()
        .from(mailbox("The setting `smtp.from`", from)?)
        .to(mailbox("The recipient", &letter.to)?)
        .subject(letter.subject)
        .header(ContentType::TEXT_PLAIN)
        .body(letter.text)
        .map_err(Error::internal)
}
