//! What one assistant may use for one asker, and the way to use it.

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};

use super::{
    action, builtin,
    mcp::Session,
    model::{Action, AssistantTool, McpServer, Method, WebSearch},
    schema, store, web_search,
};
use crate::{app::App, assistants::Assistant, error::Result, llm};

/// Of a result, as the model reads it.
pub(super) const MOST_BYTES: usize = 16_000;
/// How long one call may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(15);
/// How long the servers may take to say what they have.
const LISTING: Duration = Duration::from_secs(5);
const MOST_TOOLS: usize = 64;

/// Whose question it is, and in which conversation.
#[derive(Clone)]
pub struct Context {
    pub app: App,
    pub workspace_id: String,
    pub assistant_id: String,
    pub conversation_id: String,
    pub project_ids: Vec<String>,
    /// Whether a stranger asks: then only what is meant for them can be used.
    pub is_visitor: bool,
    /// Whether nothing may be changed by it: what only reads is there, and nothing else.
    pub is_draft: bool,
}

/// A passage that a tool brought: of a document, or of a page of the web.
#[derive(Debug, Clone)]
pub struct Found {
    /// Empty for a page of the web.
    pub document_id: String,
    pub title: String,
    pub url: Option<String>,
    pub page: Option<i64>,
    pub text: String,
    pub score: f64,
}

/// What a call came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub result: Value,
    pub found: Vec<Found>,
}

impl Outcome {
    pub(super) fn of(result: Value) -> Self {
        Outcome { result, found: Vec::new() }
    }

    pub(super) fn found(found: Vec<Found>) -> Self {
        let results: Vec<Value> = found.iter().map(|found| json!({ "title": found.title, "url": found.url, "text": found.text })).collect();
        Outcome { result: json!({ "results": results }), found }
    }

    fn failed(error: impl Into<String>) -> Self {
        Outcome::of(json!({ "error": error.into() }))
    }
}

enum Means {
    Search,
    HandOff,
    Ticket,
    Web(WebSearch),
    Action(Box<Action>),
    /// The server, and the tool's own name there.
    Mcp(usize, String),
}

/// Closed by dropping it; sessions with servers end with [`Toolbox::close`].
pub struct Toolbox {
    context: Context,
    tools: Vec<llm::Tool>,
    means: HashMap<String, Means>,
    servers: Vec<McpServer>,
    sessions: HashMap<usize, Session>,
}

impl Toolbox {
    /// With nothing in it.
    pub fn none(context: Context) -> Toolbox {
        Toolbox { context, tools: Vec::new(), means: HashMap::new(), servers: Vec::new(), sessions: HashMap::new() }
    }

    /// What the assistant may use for this asker. A server that does not answer is left out.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn open(context: Context, assistant: &Assistant, web: Option<bool>) -> Result<Toolbox> {
        let (app, workspace_id) = (&context.app, &context.workspace_id);
        let (granted, actions, servers, search) = app.db.read(|connection| {
            let mut granted = store::list_assistant_tools(connection, workspace_id, &assistant.id)?;
            granted.retain(|tool| tool.visitors || !context.is_visitor);
            let search = if assistant.web_search_enabled && web != Some(false) { web_search::of(app, connection, workspace_id)? } else { None };
            if granted.is_empty() {
                return Ok((granted, Vec::new(), Vec::new(), search));
            }
            Ok((granted, store::list_actions(connection, &app.key, workspace_id)?, store::list_servers(connection, &app.key, workspace_id)?, search))
        })?;
        let mut toolbox = Toolbox { context, tools: Vec::new(), means: HashMap::new(), servers, sessions: HashMap::new() };
        if let Some(search) = search {
            toolbox.add(builtin::web_tool(), Means::Web(search));
        }
        let mut actions: HashMap<String, Action> = actions.into_iter().map(|action| (action.id.clone(), action)).collect();
        let mut wanted: Vec<(usize, Option<String>)> = Vec::new();
        for AssistantTool { tool, .. } in granted {
            if tool == builtin::SEARCH {
                toolbox.add(builtin::search_tool(), Means::Search);
            } else if tool == builtin::HAND_OFF || tool == builtin::TICKET {
                match tool.as_str() {
                    _ if toolbox.context.is_draft => {}
                    builtin::TICKET => toolbox.add(builtin::ticket_tool(), Means::Ticket),
                    _ => toolbox.add(builtin::hand_off_tool(), Means::HandOff),
                }
            } else if let Some(action) = actions.remove(&tool) {
                if toolbox.context.is_draft && action.method != Method::Get {
                    continue;
                }
                let described = llm::Tool { name: action.name.clone(), description: action.description.clone(), parameters: action.parameters.clone() };
                toolbox.add(described, Means::Action(Box::new(action)));
            } else {
                let (id, name) = tool.split_once('/').map_or((tool.as_str(), None), |(id, name)| (id, Some(name.to_owned())));
                if let Some(place) = toolbox.servers.iter().position(|server| server.id == id && server.enabled) {
                    wanted.push((place, name));
                }
            }
        }
        toolbox.ask_servers(wanted).await;
        Ok(toolbox)
    }

    async fn ask_servers(&mut self, wanted: Vec<(usize, Option<String>)>) {
        let mut places: Vec<usize> = wanted.iter().map(|(place, _)| *place).collect();
        places.dedup();
        let app = self.context.app.clone();
        let listed = futures_util::future::join_all(places.into_iter().map(|place| {
            let (app, server) = (app.clone(), self.servers[place].clone());
            async move {
                let listed = tokio::time::timeout(LISTING, async {
                    let mut session = Session::open(&app, &server).await?;
                    let tools = session.tools().await?;
                    Ok::<_, String>((session, tools))
                })
                .await;
                match listed {
                    Ok(Ok((session, tools))) => Some((place, session, tools)),
                    Ok(Err(why)) => {
                        tracing::warn!(server = %server.id, %why, "an MCP server is left out of an answer");
                        None
                    }
                    Err(_) => {
                        tracing::warn!(server = %server.id, "an MCP server is left out of an answer: it did not answer in time");
                        None
                    }
                }
            }
        }))
        .await;
        for (place, session, tools) in listed.into_iter().flatten() {
            for tool in tools {
                if wanted.iter().any(|(wanted, name)| *wanted == place && name.as_ref().is_none_or(|name| *name == tool.name)) {
                    let name = mcp_name(&self.servers[place].name, &tool.name);
                    self.add(llm::Tool { name, description: tool.description, parameters: tool.parameters }, Means::Mcp(place, tool.name));
                }
            }
            self.sessions.insert(place, session);
        }
    }

    fn add(&mut self, tool: llm::Tool, means: Means) {
        if self.tools.len() < MOST_TOOLS && !self.means.contains_key(&tool.name) {
            self.means.insert(tool.name.clone(), means);
            self.tools.push(tool);
        }
    }

    pub fn tools(&self) -> &[llm::Tool] {
        &self.tools
    }

    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// Calls a tool by the name that a model gave. Whatever goes wrong is the result.
    pub async fn call(&mut self, name: &str, arguments: &Value) -> Outcome {
        let Some(tool) = self.tools.iter().find(|tool| tool.name == name) else {
            return Outcome::failed(format!("there is no tool `{}`", cut(name, 80)));
        };
        if let Err(why) = schema::validate(&tool.parameters, arguments) {
            return Outcome::failed(format!("{why}; nothing was sent"));
        }
        match tokio::time::timeout(TIMEOUT, self.run(name, arguments)).await {
            Ok(Ok(outcome)) => bounded(outcome),
            Ok(Err(why)) => Outcome::failed(cut(&why, 1_000)),
            Err(_) => Outcome::failed(format!("no result came within {} s", TIMEOUT.as_secs())),
        }
    }

    async fn run(&mut self, name: &str, arguments: &Value) -> std::result::Result<Outcome, String> {
        let plain = |error: crate::error::Error| error.message().to_owned();
        let query = || arguments["query"].as_str().unwrap_or_default();
        match self.means.get(name) {
            Some(Means::Search) => builtin::search(&self.context, query()).await.map_err(plain),
            Some(Means::Ticket) => builtin::create_ticket(&self.context, arguments).await.map_err(plain),
            Some(Means::HandOff) => builtin::hand_off(&self.context, arguments).await.map_err(plain),
            Some(Means::Web(search)) => web_search::search(&self.context.app, search, query()).await.map(Outcome::found),
            Some(Means::Action(action)) => action::call(&self.context.app, action, arguments).await.map(Outcome::of),
            Some(Means::Mcp(place, tool)) => {
                let session = self.sessions.get_mut(place).ok_or("the MCP server is gone")?;
                session.call(tool, arguments).await.map(|result| Outcome::of(json!({ "result": result })))
            }
            None => Err("there is no such tool".to_owned()),
        }
    }

    /// Ends the sessions with servers.
    pub async fn close(self) {
        for session in self.sessions.into_values() {
            session.close().await;
        }
    }
}

/// `server__tool`, in the letters that every provider takes.
fn mcp_name(server: &str, tool: &str) -> String {
    let clean = |text: &str| text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect::<String>();
    format!("{}__{}", clean(server).chars().take(20).collect::<String>(), clean(tool).chars().take(42).collect::<String>())
}

/// What a model is to read must not crowd out everything else.
pub(super) fn bounded(outcome: Outcome) -> Outcome {
    let text = outcome.result.to_string();
    if text.len() <= MOST_BYTES {
        return outcome;
    }
    Outcome { result: json!({ "cut": true, "text": cut(&text, MOST_BYTES) }), ..outcome }
}

/// The first `most` bytes at the most, between characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    text[..text.floor_char_boundary(most)].to_owned()
}
