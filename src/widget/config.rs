//! What the widget is told of itself, and of the person who answers.

use poem_openapi::{Object, types::ToJSON};
use rusqlite::Connection;

use super::guard::Opened;
use crate::{
    access,
    app::App,
    assistants::settings::{LeadForm, MOST_UPLOAD, Proactive, Theme},
    conversations::handoff,
    error::Result,
    secrets::sha256_hex,
    workspaces,
};

/// What the widget needs to draw itself.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct WidgetConfig {
    assistant_id: String,
    name: String,
    avatar_url: Option<String>,
    welcome_message: Option<String>,
    suggested_questions: Vec<String>,
    /// Where it names no colour, the workspace's own.
    theme: Theme,
    locale: Option<String>,
    strings: std::collections::BTreeMap<String, String>,
    lead_form: LeadForm,
    tickets: WidgetTickets,
    handoff: WidgetHandoff,
    uploads: WidgetUploadLimits,
    /// What the widget says by itself to somebody who has been on the page for a while.
    proactive: Proactive,
    /// Whether the widget says what it was made with.
    branding: bool,
}

#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct WidgetTickets {
    enabled: bool,
    /// Whether a ticket needs a name and an email.
    contact_required: bool,
}

#[derive(Debug, Object)]
pub struct WidgetHandoff {
    enabled: bool,
    /// Whether somebody is there.
    online: bool,
}

#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct WidgetUploadLimits {
    enabled: bool,
    /// The most bytes that a file may have.
    max_bytes: i64,
}

/// The person who answers.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase")]
pub struct WidgetAgent {
    name: String,
    /// Relative to this server's address where it has no host.
    avatar_url: Option<String>,
}

impl WidgetConfig {
    pub(super) fn of(app: &App, opened: Opened) -> Result<Self> {
        let Opened { assistant, workspace_id } = opened;
        let (online, settings) = app
            .db
            .read(|connection| Ok((handoff::is_online(connection, &workspace_id, app.now())?, workspaces::store::find_settings(connection, &workspace_id)?)))?;
        let widget = assistant.widget;
        Ok(WidgetConfig {
            assistant_id: assistant.id,
            name: assistant.name,
            avatar_url: assistant.avatar_url,
            welcome_message: assistant.welcome_message,
            suggested_questions: assistant.suggested_questions,
            theme: Theme { primary_color: widget.theme.primary_color.or(settings.branding.color), ..widget.theme },
            locale: widget.locale,
            strings: widget.strings,
            lead_form: widget.lead_form,
            tickets: WidgetTickets { enabled: widget.tickets.enabled, contact_required: settings.ticket_contact_required },
            handoff: WidgetHandoff { enabled: assistant.handoff.enabled, online },
            uploads: WidgetUploadLimits { enabled: widget.uploads.enabled, max_bytes: widget.uploads.max_bytes.unwrap_or(MOST_UPLOAD).min(MOST_UPLOAD) },
            proactive: widget.proactive,
            branding: widget.branding.unwrap_or(true),
        })
    }

    /// Changes with whatever the widget is told.
    pub fn etag(&self) -> String {
        format!("\"{}\"", &sha256_hex(self.to_json_string())[..32])
    }
}

impl WidgetAgent {
    pub fn find(connection: &Connection, user_id: Option<&str>) -> Result<Option<Self>> {
        let Some(id) = user_id else { return Ok(None) };
        Ok(access::store::find_user(connection, id)?.map(|user| WidgetAgent { name: user.name, avatar_url: user.avatar_url }))
    }
}
