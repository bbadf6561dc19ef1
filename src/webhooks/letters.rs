//! Mail for a workspace's admins: a webhook of theirs was switched off, which nobody would notice by what does not happen.

use serde_json::json;

use super::{model::Webhook, store};
use crate::{
    access::Role,
    app::App,
    clock::Timestamp,
    db::Tx,
    error::Result,
    jobs::Job,
    mail::{self, Letter},
    workspaces,
};

/// The job that tells the admins that a webhook was switched off: its payload is `{webhookId}`.
pub const OFF_JOB: &str = "webhooks.mail_off";

/// Leaves the job, where mail can.
pub(super) fn tell_off(app: &App, tx: &Tx<'_>, workspace_id: &str, webhook_id: &str, now: Timestamp) -> Result<()> {
    mail::write_later(app, tx, OFF_JOB, workspace_id, json!({"webhookId": webhook_id}), now)
}

/// The handler of [`OFF_JOB`].
///
/// # Errors
/// Those of the database.
pub async fn mail_off(app: App, job: Job) -> Result<()> {
    let workspace_id = job.workspace_id.clone().unwrap_or_default();
    let webhook_id = job.payload["webhookId"].as_str().unwrap_or_default();
    let letters = app.db.read(|connection| {
        const MOST: i64 = 1_000;
        // Whoever has switched it on again meanwhile knows.
        let Some(webhook) = store::find_webhook(connection, &workspace_id, webhook_id)?.filter(|webhook| !webhook.active) else { return Ok(Vec::new()) };
        let is_german = workspaces::store::find_settings(connection, &workspace_id)?.is_german();
        let (members, _) = workspaces::store::list_members(connection, &workspace_id, MOST, 0)?;
        let admins = members.into_iter().filter(|member| member.role >= Role::Admin);
        Ok(admins.map(|admin| letter(&app, &webhook, is_german, admin.email)).collect())
    })?;
    mail::hand_in(&app, job, letters).await
}

fn letter(app: &App, webhook: &Webhook, is_german: bool, to: String) -> Letter {
    // An address may carry a password of the receiver's in its query.
    let host = url::Url::parse(&webhook.url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let (page, reason) = (format!("{}/settings/webhooks", app.config.public_url()), webhook.disabled_reason.as_deref().unwrap_or_default());
    let (subject, text) = if is_german {
        (
            format!("Webhook abgeschaltet: {host}"),
            format!("Der Webhook an {host} wurde abgeschaltet und erfährt nichts mehr.\n\n{reason}\n\nWieder einschalten und nachholen, was fehlt: {page}\n"),
        )
    } else {
        (
            format!("Webhook switched off: {host}"),
            format!("The webhook to {host} was switched off and is told of nothing any more.\n\n{reason}\n\nSwitch it on again and send what is missing: {page}\n"),
        )
    };
    Letter { to, subject, text }
}
