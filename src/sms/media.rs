//! Pictures of an MMS: fetched from Twilio with the account's credentials by a durable job, and kept as files of the message
//! that they came with.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;
use url::Url;

use super::{model::Account, outbound::SEAL_PURPOSE, store, twilio::Twilio};
use crate::{
    app::App,
    clock::Timestamp,
    conversations::{
        model::{EventKind, MessageEvent},
        attachments::{self, UploadedFile, check_public, sniff},
        outgoing, service,
    },
    db::Tx,
    error::{Error, Result},
    jobs::{self, Job, NewJob},
};

/// The job that fetches a message's pictures: its payload is `{assistantId, conversationId, messageId, urls}`.
pub const MEDIA_JOB: &str = "sms.media";
/// Twilio takes up to 5 MB.
const MOST_BYTES: usize = 10 << 20;
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn enqueue(app: &App, tx: &Tx<'_>, account: &Account, conversation_id: &str, message_id: &str, media: &[(String, String)], now: Timestamp) -> Result<()> {
    let urls: Vec<&str> = media.iter().map(|(_, url)| url.as_str()).filter(|url| !url.is_empty()).collect();
    if urls.is_empty() {
        return Ok(());
    }
    let payload = json!({"assistantId": account.assistant_id, "conversationId": conversation_id, "messageId": message_id, "urls": urls});
    jobs::enqueue(tx, &app.ids, now, &NewJob { kind: MEDIA_JOB, workspace_id: Some(account.workspace_id.clone()), payload, lane: None, run_at: now }).map(drop)
}

/// The handler of [`MEDIA_JOB`].
///
/// # Errors
/// Where Twilio is out of reach; the queue tries again.
pub async fn fetch(app: App, job: Job) -> Result<()> {
    let text = |name: &str| job.payload[name].as_str().unwrap_or_default().to_owned();
    let (workspace_id, conversation_id, message_id, now) = (job.workspace_id.clone().unwrap_or_default(), text("conversationId"), text("messageId"), app.now());
    let Some(account) = app.db.read(|connection| store::find_account(connection, &workspace_id, &text("assistantId")))? else { return Ok(()) };
    let token = app.key.open(&account.auth_token, SEAL_PURPOSE)?;
    let twilio = Twilio { app: &app, account_sid: &account.account_sid, auth_token: &token };
    let (mut files, mut lost) = (Vec::new(), 0);
    for url in job.payload["urls"].as_array().into_iter().flatten().filter_map(|url| url.as_str()) {
        match fetch_one(&twilio, url).await? {
            Some(file) => files.push(attachments::store(&app, file).await?),
            None => lost += 1,
        }
    }
    let app_ = app.clone();
    app.db
        .write(move |tx| {
            if is_gone(tx, &workspace_id, &conversation_id, &message_id)? {
                return jobs::finish(tx, &job.id);
            }
            for file in files {
                attachments::attach(&app_, tx, &workspace_id, &conversation_id, &message_id, file, now)?;
            }
            outgoing::tell_changed(&app_, tx, &workspace_id, &conversation_id, &message_id, now)?;
            if lost > 0 {
                let line = format!("{lost} of the files that came with a message could not be kept: Twilio has them no more, or they are no picture, PDF or text.");
                let event = MessageEvent { count: Some(lost), ..MessageEvent::of(EventKind::FilesLost) };
                service::note_event(&app_, tx, &workspace_id, &conversation_id, &line, &event, now)?;
            }
            jobs::finish(tx, &job.id)
        })
        .await
}

fn is_gone(tx: &Tx<'_>, workspace_id: &str, conversation_id: &str, message_id: &str) -> Result<bool> {
    Ok(crate::conversations::store::find_message(tx, workspace_id, conversation_id, message_id)?.is_none())
}

/// A file, or nothing where there is none to be had.
async fn fetch_one(twilio: &Twilio<'_>, url: &str) -> Result<Option<UploadedFile>> {
    let Some(request) = twilio.media(url)? else { return Ok(None) };
    let out_of_reach = |error: reqwest::Error| Error::upstream("A picture could not be fetched from Twilio.").source(error.without_url());
    let response = request.timeout(TIMEOUT).send().await.map_err(out_of_reach)?;
    let status = response.status().as_u16();
    if status == 429 || status >= 500 {
        return Err(Error::upstream(format!("Twilio answered {status} to a picture.")));
    }
    if !(200..300).contains(&status) {
        return Ok(None);
    }
    let mut content = Vec::new();
    let mut body = response.bytes_stream();
    while let Some(part) = body.next().await {
        let part = part.map_err(out_of_reach)?;
        if content.len() + part.len() > MOST_BYTES {
            return Ok(None);
        }
        content.extend_from_slice(&part);
    }
    let mime_type = sniff(&content).to_owned();
    let ending = match mime_type.as_str() {
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "application/pdf" => "pdf",
        _ => "txt",
    };
    let name = Url::parse(url).ok().and_then(|url| url.path_segments()?.next_back().map(str::to_owned)).unwrap_or_default();
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    let file = UploadedFile { filename: format!("{}.{ending}", if name.is_empty() { "picture" } else { &name }), mime_type, content };
    Ok((!file.content.is_empty() && check_public(&file).is_ok()).then_some(file))
}
