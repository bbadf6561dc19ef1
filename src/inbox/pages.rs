//! What a signed-in page is told: everything of its workspace that the person may see, and who else is there.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{
    live::{Live, Signal},
    stream::{Audience, read_workspace},
};
use crate::{
    access::{self, Caller, Role},
    app::App,
    clock::Timestamp,
    conversations::{self, presence},
    error::Result,
    events::Event,
};

pub struct Page {
    pub who: Caller,
    pub live: Live,
    /// Its row among those that are open; none for a program with a token, which is nobody who could answer.
    pub presence_id: Option<String>,
    pub last_beat: Timestamp,
}

impl Page {
    fn sees_conversation(&self, connection: &Connection, id: &str) -> Result<bool> {
        let found = conversations::store::find_conversation(connection, &self.who.workspace_id, id)?;
        Ok(found.is_some_and(|found| found.may_be_seen_by(&self.who)))
    }

    fn sees(&self, connection: &Connection, event: &Event) -> Result<bool> {
        let text = |name: &str| event.data[name].as_str().unwrap_or_default();
        match event.kind.split('.').next().unwrap_or_default() {
            "conversation" if event.kind == "conversation.deleted" => {
                let is_public = matches!(text("channel"), "widget" | "sms" | "site");
                Ok(is_public || self.who.is_admin() || text("userId") == self.who.user_id)
            }
            "conversation" => self.sees_conversation(connection, &event.resource_id),
            "message" | "feedback" => self.sees_conversation(connection, text("conversationId")),
            _ => Ok(true),
        }
    }

    fn tell_presence(&self, app: &App) -> Result<()> {
        let data = who_is_there(app, &self.who.workspace_id)?;
        self.live.signal(Signal { workspace_id: self.who.workspace_id.clone(), conversation_id: None, kind: "presence", data, to_customer: false });
        Ok(())
    }
}

fn who_is_there(app: &App, workspace_id: &str) -> Result<Value> {
    let people = app.db.read(|connection| presence::list(connection, workspace_id, app.now()))?;
    Ok(json!({"online": people.into_iter().map(|(id, name)| json!({"userId": id, "name": name})).collect::<Vec<_>>()}))
}

impl Audience for Page {
    fn greeting(&mut self, app: &App) -> Result<Vec<Value>> {
        let mut presence = who_is_there(app, &self.who.workspace_id)?;
        presence["type"] = json!("presence");
        if self.presence_id.is_some() {
            self.tell_presence(app)?;
        }
        Ok(vec![presence])
    }

    fn read(&mut self, app: &App, after: i64) -> Result<Vec<Event>> {
        read_workspace(app, &self.who.workspace_id, after)
    }

    fn tell(&mut self, app: &App, event: &Event) -> Result<Option<Value>> {
        if !app.db.read(|connection| self.sees(connection, event))? {
            return Ok(None);
        }
        Ok(Some(json!({"type": event.kind, "id": event.id, "timestamp": event.created_at, "data": event.data})))
    }

    fn tell_signal(&mut self, app: &App, signal: &Signal) -> Result<Option<Value>> {
        if signal.workspace_id != self.who.workspace_id {
            return Ok(None);
        }
        if let Some(id) = &signal.conversation_id
            && !app.db.read(|connection| self.sees_conversation(connection, id))?
        {
            return Ok(None);
        }
        let mut value = signal.data.clone();
        value["type"] = json!(signal.kind);
        Ok(Some(value))
    }

    fn may_listen(&mut self, app: &App) -> Result<bool> {
        let now = app.now();
        let role = app.db.read(|connection| {
            let stands = access::store::still_stands(connection, &self.who.via, now)?;
            Ok(access::store::find_role(connection, &self.who.workspace_id, &self.who.user_id)?.filter(|role| stands && *role >= Role::Member))
        })?;
        let Some(role) = role else { return Ok(false) };
        self.who.role = role;
        Ok(true)
    }

    fn beat(&mut self, app: &App, now: Timestamp) -> Result<bool> {
        if !self.may_listen(app)? {
            return Ok(false);
        }
        if now.since(self.last_beat) >= presence::BEAT
            && let Some(id) = self.presence_id.clone()
        {
            self.last_beat = now;
            let (app, workspace_id, user_id) = (app.clone(), self.who.workspace_id.clone(), self.who.user_id.clone());
            tokio::spawn(async move {
                if let Err(error) = app.db.write(move |tx| presence::touch(tx, &workspace_id, &id, &user_id, now)).await {
                    tracing::warn!(?error, "an open dashboard was not noted");
                }
            });
        }
        Ok(true)
    }

    fn leave(&mut self, app: &App) {
        let Some(id) = self.presence_id.take() else { return };
        let (app, live, workspace_id) = (app.clone(), self.live.clone(), self.who.workspace_id.clone());
        tokio::spawn(async move {
            // A page that is loaded anew is back before anybody is told that it was away.
            tokio::time::sleep(Duration::from_millis(200)).await;
            if app.db.write(move |tx| presence::leave(tx, &id)).await.is_ok()
                && let Ok(data) = who_is_there(&app, &workspace_id)
            {
                live.signal(Signal { workspace_id, conversation_id: None, kind: "presence", data, to_customer: false });
            }
        });
    }
}
