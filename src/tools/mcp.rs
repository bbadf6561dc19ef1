//! A small client of the Model Context Protocol (revision 2025-06-18) over streamable HTTP: initialize, list tools, call
//! one. A server's answer is JSON or a stream of events; what else a server sends meanwhile is passed over.

use serde_json::{Value, json};

use super::{
    action::failure,
    model::{ListedTool, McpServer, Transport},
    stdio,
    toolbox::{MOST_BYTES, cut},
};
use crate::app::App;

const PROTOCOL: &str = "2025-06-18";
/// Of one answer.
const MOST_ANSWER: usize = 2 << 20;
const MOST_TOOLS: usize = 64;
const MOST_PAGES: usize = 8;

/// A session with a server.
pub(super) enum Session {
    Http(Http),
    Stdio(stdio::Process),
}

pub(super) struct Http {
    app: App,
    server: McpServer,
    session: Option<String>,
    version: String,
    next: u64,
}

impl Session {
    pub(super) async fn open(app: &App, server: &McpServer) -> Result<Session, String> {
        let mut session = match server.transport {
            Transport::Http => Session::Http(Http { app: app.clone(), server: server.clone(), session: None, version: PROTOCOL.to_owned(), next: 0 }),
            // Judged again when it is used: the operator may have taken the permission back.
            Transport::Stdio if !app.config.mcp.allow_stdio => return Err("the operator does not allow MCP over stdio".to_owned()),
            Transport::Stdio => Session::Stdio(stdio::Process::start(server)?),
        };
        let client = json!({ "name": "IllumiChat", "version": env!("CARGO_PKG_VERSION") });
        let answer = session.ask("initialize", json!({ "protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": client })).await?;
        if let (Session::Http(http), Some(version)) = (&mut session, answer["protocolVersion"].as_str()) {
            http.version = cut(version, 40);
        }
        session.tell("notifications/initialized").await?;
        Ok(session)
    }

    pub(super) async fn tools(&mut self) -> Result<Vec<ListedTool>, String> {
        let mut tools = Vec::new();
        let mut cursor = Value::Null;
        for _ in 0..MOST_PAGES {
            let answer = self.ask("tools/list", if cursor.is_null() { json!({}) } else { json!({ "cursor": cursor }) }).await?;
            for tool in answer["tools"].as_array().into_iter().flatten() {
                let parameters = if tool["inputSchema"].is_object() { tool["inputSchema"].clone() } else { json!({ "type": "object" }) };
                if let Some(name) = tool["name"].as_str() {
                    tools.push(ListedTool { name: name.to_owned(), description: cut(tool["description"].as_str().unwrap_or_default(), 1_000), parameters });
                }
            }
            cursor = answer["nextCursor"].clone();
            if cursor.is_null() || tools.len() >= MOST_TOOLS {
                break;
            }
        }
        tools.truncate(MOST_TOOLS);
        Ok(tools)
    }

    pub(super) async fn call(&mut self, name: &str, arguments: &Value) -> Result<Value, String> {
        let answer = self.ask("tools/call", json!({ "name": name, "arguments": arguments })).await?;
        let texts: Vec<&str> = answer["content"].as_array().into_iter().flatten().filter_map(|part| part["text"].as_str().or_else(|| part["resource"]["text"].as_str())).collect();
        let text = cut(&texts.join("\n"), MOST_BYTES);
        if answer["isError"] == true {
            return Err(if text.is_empty() { "the tool failed".to_owned() } else { text });
        }
        match (&answer["structuredContent"], text.is_empty()) {
            (structured @ Value::Object(_), true) => Ok(structured.clone()),
            _ => Ok(Value::String(text)),
        }
    }

    /// Says goodbye; a server that does not hear it forgets the session by itself.
    pub(super) async fn close(self) {
        if let Session::Http(http) = self
            && http.session.is_some()
            && let Ok(request) = http.request(reqwest::Method::DELETE)
        {
            let _ = tokio::time::timeout(std::time::Duration::from_secs(1), request.send()).await;
        }
    }

    async fn ask(&mut self, method: &str, parameters: Value) -> Result<Value, String> {
        let answer = match self {
            Session::Http(http) => http.ask(method, parameters).await?,
            Session::Stdio(process) => process.ask(method, parameters).await?,
        };
        match answer.get("error").filter(|error| !error.is_null()) {
            Some(error) => Err(format!("the MCP server refused: {}", cut(error["message"].as_str().unwrap_or("no reason given"), 300))),
            None => Ok(answer["result"].clone()),
        }
    }

    async fn tell(&mut self, method: &str) -> Result<(), String> {
        let message = json!({ "jsonrpc": "2.0", "method": method });
        match self {
            Session::Http(http) => http.send(&message).await.map(drop),
            Session::Stdio(process) => process.send(&message).await,
        }
    }
}

impl Http {
    fn request(&self, method: reqwest::Method) -> Result<reqwest::RequestBuilder, String> {
        let url = self.server.url.as_deref().unwrap_or_default();
        let mut request = self.app.client.request_directly(method, url).map_err(|error| error.message().to_owned())?;
        for (name, value) in &self.server.secret {
            request = request.header(name, value);
        }
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session).header("mcp-protocol-version", &self.version);
        }
        Ok(request.header("accept", "application/json, text/event-stream"))
    }

    async fn send(&mut self, message: &Value) -> Result<reqwest::Response, String> {
        let response = self.request(reqwest::Method::POST)?.json(message).send().await.map_err(|error| failure(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("the MCP server answered {status}"));
        }
        if let Some(session) = response.headers().get("mcp-session-id").and_then(|id| id.to_str().ok()) {
            self.session = Some(session.to_owned());
        }
        Ok(response)
    }

    async fn ask(&mut self, method: &str, parameters: Value) -> Result<Value, String> {
        self.next += 1;
        let id = self.next;
        let mut response = self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": parameters })).await?;
        let is_stream = response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).is_some_and(|kind| kind.starts_with("text/event-stream"));
        let mut body: Vec<u8> = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| failure(&error))? {
            body.extend_from_slice(&piece);
            if body.len() > MOST_ANSWER {
                return Err("the MCP server answered more than can be read".to_owned());
            }
            // A stream may stay open after the answer.
            if is_stream && let Some(answer) = in_stream(&body, id) {
                return Ok(answer);
            }
        }
        let found = if is_stream { in_stream(&[&body, b"\n\n".as_slice()].concat(), id) } else { serde_json::from_slice::<Value>(&body).ok().and_then(|answer| answer_to(answer, id)) };
        found.ok_or_else(|| "the MCP server did not answer the request".to_owned())
    }
}

/// The answer with this number: alone, or in a batch.
fn answer_to(message: Value, id: u64) -> Option<Value> {
    match message {
        Value::Array(batch) => batch.into_iter().find(|message| message["id"] == id && message.get("method").is_none()),
        message if message["id"] == id && message.get("method").is_none() => Some(message),
        _ => None,
    }
}

fn in_stream(body: &[u8], id: u64) -> Option<Value> {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    let whole = &text[..text.rfind("\n\n")?];
    whole.split("\n\n").find_map(|event| {
        let data: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data:").map(|data| data.strip_prefix(' ').unwrap_or(data))).collect();
        serde_json::from_str(&data.join("\n")).ok().and_then(|message| answer_to(message, id))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_found_among_what_else_is_streamed() {
        let body = "event: message\r\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\r\n\r\nid: 7\r\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"id\":2,\"result\":{\"a\":1}}\r\n\r\n";
        assert_eq!(in_stream(body.as_bytes(), 2).unwrap()["result"]["a"], 1);
        assert!(in_stream(body.as_bytes(), 3).is_none() && in_stream(b"data: {\"id\":1", 1).is_none());
        assert!(answer_to(json!([{"id": 1, "method": "ping"}, {"id": 1, "result": {}}]), 1).unwrap().get("result").is_some());
    }
}
