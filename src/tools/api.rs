//! The operations on MCP servers, actions, the web search and an assistant's tools.

use poem::web::Data;
use poem_openapi::{OpenApi, param::Path, payload::Json};

use super::{
    action, builtin,
    mcp::Session,
    model::{
        Action, ActionFields, ActionTest, ActionTestFields, AssistantTool, AssistantTools, FoundPage, McpServer, McpServerFields, McpTest, Method, SearchSource, Transport, WebSearch, WebSearchFields,
        WebSearchTest, WebSearchTestFields, check_url, hints, keep,
    },
    store,
    toolbox::{Outcome, TIMEOUT, bounded},
    web_search,
};
use crate::{
    access::Editor,
    app::App,
    assistants,
    error::{Error, Result},
    http::{Body, Created, Listing, NoContent, Paging, Tag, patch},
    ids::prefix,
    secrets::SecretText,
};

pub struct McpServersApi;
pub struct ActionsApi;
pub struct WebSearchApi;
pub struct AssistantToolsApi;

/// How long a test may take.
const TEST: std::time::Duration = std::time::Duration::from_secs(15);

impl McpServerFields {
    fn over(self, app: &App, server: &mut McpServer) -> Result<()> {
        if let Some(name) = self.name {
            server.name = name.trim().to_owned();
        }
        if let Some(transport) = self.transport {
            server.transport = transport;
        }
        patch(&mut server.url, self.url);
        patch(&mut server.command, self.command);
        if let Some(headers) = self.headers {
            server.secret = keep(headers, &server.secret);
            server.headers = hints(&server.secret);
        }
        if let Some(enabled) = self.enabled {
            server.enabled = enabled;
        }
        server.updated_at = app.now();
        server.check(app)
    }
}

impl ActionFields {
    fn over(self, app: &App, action: &mut Action) -> Result<()> {
        let ActionFields { name, description, parameters, method, url, headers, secret_headers } = self;
        fn set<T>(field: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *field = value;
            }
        }
        set(&mut action.name, name);
        set(&mut action.description, description);
        set(&mut action.parameters, parameters);
        set(&mut action.method, method);
        set(&mut action.url, url);
        set(&mut action.headers, headers);
        if let Some(headers) = secret_headers {
            action.secret = keep(headers, &action.secret);
            action.secret_headers = hints(&action.secret);
        }
        action.updated_at = app.now();
        action.check(app)
    }
}

/// A page of what is never much.
fn page<T>(all: Vec<T>, paging: Paging) -> Listing<T>
where
    T: Send + Sync + poem_openapi::types::Type + poem_openapi::types::ToJSON + poem_openapi::types::ParseFromJSON,
{
    let total = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let skip = usize::try_from(paging.offset).unwrap_or(usize::MAX);
    let data = all.into_iter().skip(skip).take(usize::try_from(paging.limit).unwrap_or(0)).collect();
    Listing { data, total, paging, flat: false }
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/mcp-servers", tag = "Tag::Tools")]
impl McpServersApi {
    /// The workspace's MCP servers
    #[oai(path = "/", method = "get", operation_id = "list_mcp_servers")]
    async fn list_mcp_servers(
        &self,
        app: Data<&App>,
        who: Editor,
        limit: poem_openapi::param::Query<Option<i64>>,
        offset: poem_openapi::param::Query<Option<i64>>,
    ) -> Result<Listing<McpServer>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        Ok(page(app.db.read(|connection| store::list_servers(connection, &app.key, &who.workspace_id))?, paging))
    }

    /// Add an MCP server
    #[oai(path = "/", method = "post", operation_id = "create_mcp_server")]
    async fn create_mcp_server(&self, app: Data<&App>, who: Editor, body: Body<McpServerFields>) -> Result<Created<McpServer>> {
        let now = app.now();
        let mut server = McpServer {
            id: app.new_id(prefix::MCP_SERVER),
            name: String::new(),
            transport: Transport::Http,
            url: None,
            command: None,
            headers: Default::default(),
            enabled: true,
            created_at: now,
            updated_at: now,
            secret: Default::default(),
        };
        body.0.over(&app, &mut server)?;
        let (inner, workspace_id, saved) = (app.0.clone(), who.workspace_id.clone(), server.clone());
        app.db.write(move |tx| store::put_server(&inner, tx, &workspace_id, &saved, true)).await?;
        Ok(Created(server))
    }

    /// One MCP server
    #[oai(path = "/:id", method = "get", operation_id = "get_mcp_server")]
    async fn get_mcp_server(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<Json<McpServer>> {
        Ok(Json(app.db.read(|connection| store::get_server(connection, &app.key, &who.workspace_id, &id))?))
    }

    /// Change an MCP server
    #[oai(path = "/:id", method = "patch", operation_id = "update_mcp_server")]
    async fn update_mcp_server(&self, app: Data<&App>, who: Editor, id: Path<String>, body: Body<McpServerFields>) -> Result<Json<McpServer>> {
        let (inner, workspace_id) = (app.0.clone(), who.workspace_id.clone());
        let server = app.db.write(move |tx| {
            let mut server = store::get_server(tx, &inner.key, &workspace_id, &id)?;
            body.0.over(&inner, &mut server)?;
            store::put_server(&inner, tx, &workspace_id, &server, false)?;
            Ok(server)
        });
        Ok(Json(server.await?))
    }

    /// Take an MCP server out
    #[oai(path = "/:id", method = "delete", operation_id = "delete_mcp_server")]
    async fn delete_mcp_server(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<NoContent> {
        let workspace_id = who.workspace_id.clone();
        let found = app.db.write(move |tx| store::delete_server(tx, &workspace_id, &id)).await?;
        if found { Ok(NoContent) } else { Err(Error::not_found("MCP server")) }
    }

    /// Ask an MCP server for its tools
    #[oai(path = "/:id/test", method = "post", operation_id = "test_mcp_server")]
    async fn test_mcp_server(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<Json<McpTest>> {
        let server = app.db.read(|connection| store::get_server(connection, &app.key, &who.workspace_id, &id))?;
        let test = async {
            let mut session = Session::open(&app, &server).await?;
            let tools = session.tools().await?;
            session.close().await;
            Ok::<_, String>(tools)
        };
        match tokio::time::timeout(TEST, test).await {
            Ok(Ok(tools)) => Ok(Json(McpTest { tools })),
            Ok(Err(why)) => Err(Error::upstream(format!("The MCP server cannot be used: {why}."))),
            Err(_) => Err(Error::upstream(format!("The MCP server did not answer within {} s.", TEST.as_secs()))),
        }
    }
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/actions", tag = "Tag::Tools")]
impl ActionsApi {
    /// The workspace's HTTP actions
    #[oai(path = "/", method = "get", operation_id = "list_actions")]
    async fn list_actions(
        &self,
        app: Data<&App>,
        who: Editor,
        limit: poem_openapi::param::Query<Option<i64>>,
        offset: poem_openapi::param::Query<Option<i64>>,
    ) -> Result<Listing<Action>> {
        let paging = Paging::new(limit.0, offset.0, false)?;
        Ok(page(app.db.read(|connection| store::list_actions(connection, &app.key, &who.workspace_id))?, paging))
    }

    /// Make an HTTP action
    #[oai(path = "/", method = "post", operation_id = "create_action")]
    async fn create_action(&self, app: Data<&App>, who: Editor, body: Body<ActionFields>) -> Result<Created<Action>> {
        let now = app.now();
        let mut action = Action {
            id: app.new_id(prefix::ACTION),
            name: String::new(),
            description: String::new(),
            parameters: serde_json::json!({ "type": "object", "properties": {} }),
            method: Method::Get,
            url: String::new(),
            headers: Default::default(),
            secret_headers: Default::default(),
            created_at: now,
            updated_at: now,
            secret: Default::default(),
        };
        body.0.over(&app, &mut action)?;
        let (inner, workspace_id, saved) = (app.0.clone(), who.workspace_id.clone(), action.clone());
        app.db.write(move |tx| store::put_action(&inner, tx, &workspace_id, &saved, true)).await?;
        Ok(Created(action))
    }

    /// One HTTP action
    #[oai(path = "/:id", method = "get", operation_id = "get_action")]
    async fn get_action(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<Json<Action>> {
        Ok(Json(app.db.read(|connection| store::get_action(connection, &app.key, &who.workspace_id, &id))?))
    }

    /// Change an HTTP action
    #[oai(path = "/:id", method = "patch", operation_id = "update_action")]
    async fn update_action(&self, app: Data<&App>, who: Editor, id: Path<String>, body: Body<ActionFields>) -> Result<Json<Action>> {
        let (inner, workspace_id) = (app.0.clone(), who.workspace_id.clone());
        let action = app.db.write(move |tx| {
            let mut action = store::get_action(tx, &inner.key, &workspace_id, &id)?;
            body.0.over(&inner, &mut action)?;
            store::put_action(&inner, tx, &workspace_id, &action, false)?;
            Ok(action)
        });
        Ok(Json(action.await?))
    }

    /// Take an HTTP action out
    #[oai(path = "/:id", method = "delete", operation_id = "delete_action")]
    async fn delete_action(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<NoContent> {
        let workspace_id = who.workspace_id.clone();
        let found = app.db.write(move |tx| store::delete_action(tx, &workspace_id, &id)).await?;
        if found { Ok(NoContent) } else { Err(Error::not_found("action")) }
    }

    /// Try an HTTP action with arguments of one's own; the request is really sent
    #[oai(path = "/:id/test", method = "post", operation_id = "test_action")]
    async fn test_action(&self, app: Data<&App>, who: Editor, id: Path<String>, body: Body<ActionTestFields>) -> Result<Json<ActionTest>> {
        let action = app.db.read(|connection| store::get_action(connection, &app.key, &who.workspace_id, &id))?;
        let arguments = body.0.arguments.unwrap_or_else(|| serde_json::json!({}));
        let (outcome, elapsed_ms) = tried(&app, action::call(&app, &action, &arguments)).await;
        let outcome = outcome.map(|result| bounded(Outcome::of(result)).result);
        Ok(Json(ActionTest { ok: outcome.is_ok(), error: outcome.as_ref().err().cloned(), result: outcome.ok(), elapsed_ms }))
    }
}

/// What a tool came to within the time that it has in an answer, and how long it took.
async fn tried<T>(app: &App, act: impl Future<Output = std::result::Result<T, String>>) -> (std::result::Result<T, String>, u64) {
    let began = app.now();
    let outcome = tokio::time::timeout(TIMEOUT, act).await.unwrap_or_else(|_| Err(format!("no result came within {} s", TIMEOUT.as_secs())));
    (outcome, u64::try_from(app.now().since(began).as_millis()).unwrap_or(u64::MAX))
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/web-search", tag = "Tag::Tools")]
impl WebSearchApi {
    /// Where assistants search the web
    #[oai(path = "/", method = "get", operation_id = "get_web_search")]
    async fn get_web_search(&self, app: Data<&App>, who: Editor) -> Result<Json<WebSearch>> {
        let found = app.db.read(|connection| web_search::of(&app, connection, &who.workspace_id))?;
        Ok(Json(found.ok_or_else(|| Error::not_found("web search"))?))
    }

    /// Say where assistants search the web
    #[oai(path = "/", method = "put", operation_id = "put_web_search")]
    async fn put_web_search(&self, app: Data<&App>, who: Editor, body: Body<WebSearchFields>) -> Result<Json<WebSearch>> {
        let fields = body.0;
        match &fields.base_url {
            Some(url) => check_url(&app, "baseUrl", url)?,
            None if fields.provider.base_url().is_empty() => return Err(Error::invalid("baseUrl", "is required: the address of your SearXNG")),
            None => {}
        }
        let (inner, workspace_id, now) = (app.0.clone(), who.workspace_id.clone(), app.now());
        let saved = app.db.write(move |tx| {
            let stored = store::find_web_search(tx, &inner.key, &workspace_id)?.filter(|stored| stored.provider == fields.provider && stored.base_url == fields.base_url);
            let secret = match fields.api_key {
                Some(key) => Some(SecretText::new(key.trim())).filter(|key| !key.is_empty()),
                None => stored.and_then(|stored| stored.secret),
            };
            if secret.is_none() && fields.base_url.is_none() {
                return Err(Error::invalid("apiKey", "is required for this provider"));
            }
            let search = WebSearch { provider: fields.provider, source: SearchSource::Workspace, api_key: secret.as_ref().map(SecretText::hint), base_url: fields.base_url, secret };
            store::put_web_search(&inner, tx, &workspace_id, &search, now)?;
            Ok(search)
        });
        Ok(Json(saved.await?))
    }

    /// Try the web search with a question of one's own
    #[oai(path = "/test", method = "post", operation_id = "test_web_search")]
    async fn test_web_search(&self, app: Data<&App>, who: Editor, body: Body<WebSearchTestFields>) -> Result<Json<WebSearchTest>> {
        let query = body.0.query.trim().to_owned();
        if query.is_empty() {
            return Err(Error::invalid("query", "must have 1 to 400 characters"));
        }
        let found = app.db.read(|connection| web_search::of(&app, connection, &who.workspace_id))?.ok_or_else(|| Error::not_found("web search"))?;
        let (outcome, elapsed_ms) = tried(&app, web_search::search(&app, &found, &query)).await;
        let error = outcome.as_ref().err().cloned();
        let pages = outcome.unwrap_or_default().into_iter().map(|page| FoundPage { title: page.title, url: page.url.unwrap_or_default(), text: page.text });
        Ok(Json(WebSearchTest { ok: error.is_none(), results: pages.collect(), error, elapsed_ms }))
    }

    /// Stop searching the web
    #[oai(path = "/", method = "delete", operation_id = "delete_web_search")]
    async fn delete_web_search(&self, app: Data<&App>, who: Editor) -> Result<NoContent> {
        let workspace_id = who.workspace_id.clone();
        let found = app.db.write(move |tx| store::delete_web_search(tx, &workspace_id)).await?;
        match (found, WebSearch::of_instance(&app.config)) {
            (true, _) => Ok(NoContent),
            (false, Some(_)) => Err(Error::conflict("The operator has set the web search up for the whole server. Switch it off for an assistant with `webSearchEnabled: false`.")),
            (false, None) => Err(Error::not_found("web search")),
        }
    }
}

#[OpenApi(prefix_path = "/api/workspaces/:ws/assistants", tag = "Tag::Tools")]
impl AssistantToolsApi {
    /// The tools that an assistant may use
    #[oai(path = "/:id/tools", method = "get", operation_id = "get_assistant_tools")]
    async fn get_assistant_tools(&self, app: Data<&App>, who: Editor, id: Path<String>) -> Result<Json<AssistantTools>> {
        app.db.read(|connection| {
            assistants::store::find_assistant(connection, &who.workspace_id, &id)?.ok_or_else(|| Error::not_found("assistant"))?;
            Ok(Json(AssistantTools { tools: store::list_assistant_tools(connection, &who.workspace_id, &id)? }))
        })
    }

    /// Say which tools an assistant may use
    #[oai(path = "/:id/tools", method = "put", operation_id = "put_assistant_tools")]
    async fn put_assistant_tools(&self, app: Data<&App>, who: Editor, id: Path<String>, body: Body<AssistantTools>) -> Result<Json<AssistantTools>> {
        let tools = body.0.tools;
        if tools.len() > 64 {
            return Err(Error::invalid("tools", "must have at most 64 entries"));
        }
        let (inner, workspace_id) = (app.0.clone(), who.workspace_id.clone());
        let saved = app.db.write(move |tx| {
            assistants::store::find_assistant(tx, &workspace_id, &id)?.ok_or_else(|| Error::not_found("assistant"))?;
            for (place, AssistantTool { tool, .. }) in tools.iter().enumerate() {
                if tools[..place].iter().any(|other| other.tool == *tool) {
                    return Err(Error::invalid(format!("tools[{place}].tool"), "is named twice"));
                }
                let server = tool.split_once('/').map_or(tool.as_str(), |(server, _)| server);
                let known = [builtin::SEARCH, builtin::HAND_OFF, builtin::TICKET].contains(&tool.as_str())
                    || store::get_action(tx, &inner.key, &workspace_id, tool).is_ok()
                    || store::get_server(tx, &inner.key, &workspace_id, server).is_ok();
                if !known || tool.len() > 200 {
                    return Err(Error::invalid(format!("tools[{place}].tool"), "is no tool of this workspace"));
                }
            }
            store::set_assistant_tools(tx, &workspace_id, &id, &tools)?;
            Ok(AssistantTools { tools })
        });
        Ok(Json(saved.await?))
    }
}
