//! MCP over the standard input and output of a program, which lives as long as the session. Only where the operator
//! allows it: it runs programs with the server's rights.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::model::McpServer;

const MOST_LINE: u64 = 2 << 20;

pub(super) struct Process {
    /// Killed when it is dropped.
    _child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    next: u64,
}

impl Process {
    pub(super) fn start(server: &McpServer) -> Result<Process, String> {
        let command = server.command.as_deref().unwrap_or_default();
        let (program, arguments) = command.split_first().ok_or("the MCP server names no program")?;
        // Its environment is what it needs to run, and what `headers` gives it: not the server's own keys.
        let kept = ["PATH", "HOME", "LANG", "TMPDIR"].iter().filter_map(|name| std::env::var_os(name).map(|value| (*name, value)));
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(kept)
            .envs(&server.secret)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("the program `{program}` cannot be started: {error}"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = (input, output) else { return Err("the program has no standard input".to_owned()) };
        Ok(Process { _child: child, input, output: BufReader::new(output), next: 0 })
    }

    pub(super) async fn send(&mut self, message: &Value) -> Result<(), String> {
        self.input.write_all(format!("{message}\n").as_bytes()).await.map_err(|_| "the program has ended".to_owned())?;
        self.input.flush().await.map_err(|_| "the program has ended".to_owned())
    }

    pub(super) async fn ask(&mut self, method: &str, parameters: Value) -> Result<Value, String> {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": parameters })).await?;
        loop {
            let mut line = String::new();
            let read = (&mut self.output).take(MOST_LINE).read_line(&mut line).await.map_err(|_| "the program wrote something that is no text".to_owned())?;
            if read == 0 {
                return Err("the program has ended".to_owned());
            }
            if let Ok(message) = serde_json::from_str::<Value>(&line)
                && message["id"] == id
                && message.get("method").is_none()
            {
                return Ok(message);
            }
        }
    }
}
