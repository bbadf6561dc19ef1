//! What a visitor's page is told as it happens: messages, who has the conversation, who types.

use poem_openapi::types::ToJSON;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{config::WidgetAgent, store};
use crate::{
    app::App,
    error::Result,
    events::Event,
    inbox::{Audience, Live, Signal, read_resource},
};

pub struct VisitorPage {
    pub workspace_id: String,
    pub session_id: String,
    pub conversation_id: Option<String>,
    /// Whether the conversation's bell is listened to.
    pub hears: bool,
}

impl Audience for VisitorPage {
    fn greeting(&mut self, app: &App) -> Result<Vec<Value>> {
        let count = app.db.read(|connection| store::count_unread(connection, &self.workspace_id, &self.session_id))?;
        Ok(vec![json!({"type": "unread", "count": count})])
    }

    fn read(&mut self, app: &App, after: i64) -> Result<Vec<Event>> {
        if self.conversation_id.is_none() {
            self.conversation_id = app.db.read(|connection| store::find_conversation_id(connection, &self.workspace_id, &self.session_id))?;
        }
        match &self.conversation_id {
            Some(id) => read_resource(app, &self.workspace_id, id, after),
            None => Ok(Vec::new()),
        }
    }

    fn tell(&mut self, app: &App, event: &Event) -> Result<Option<Value>> {
        let data = &event.data;
        Ok(match event.kind.as_str() {
            "message.created" if matches!(data["role"].as_str(), Some("user" | "assistant" | "agent")) => {
                let unread = app.db.read(|connection| store::count_unread(connection, &self.workspace_id, &self.session_id))?;
                Some(json!({"type": "message", "message": data, "unread": unread}))
            }
            "conversation.updated" if data["changed"].as_array().is_some_and(|changed| changed.iter().any(|field| field == "handler" || field == "assigneeId")) => {
                let agent = app.db.read(|connection| WidgetAgent::find(connection, data["assigneeId"].as_str()))?;
                Some(json!({"type": "handler", "handler": data["handler"], "agent": agent.and_then(|agent| agent.to_json())}))
            }
            "conversation.closed" => Some(json!({"type": "closed"})),
            "conversation.deleted" => {
                // What the visitor writes next begins another one.
                (self.conversation_id, self.hears) = (None, false);
                Some(json!({"type": "closed"}))
            }
            _ => None,
        })
    }

    fn tell_signal(&mut self, _app: &App, signal: &Signal) -> Result<Option<Value>> {
        let concerns = signal.to_customer && signal.workspace_id == self.workspace_id && self.conversation_id.is_some() && signal.conversation_id == self.conversation_id;
        // What the visitor types is not told back.
        let is_agent = signal.data["userId"].is_string();
        Ok((concerns && is_agent).then(|| json!({"type": "typing", "name": signal.data["name"], "typing": signal.data["state"] == "typing"})))
    }

    fn may_listen(&mut self, app: &App) -> Result<bool> {
        app.db.read(|connection| store::exists(connection, &self.workspace_id, &self.session_id))
    }

    fn new_bell(&mut self, live: &Live) -> Option<watch::Receiver<u64>> {
        let id = self.conversation_id.as_ref().filter(|_| !self.hears)?;
        self.hears = true;
        Some(live.bell(id))
    }

    fn leave(&mut self, _app: &App) {}
}
