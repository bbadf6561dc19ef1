//! Reading a document in a process of its own, which is this executable once more: the file on its standard input, the
//! text as JSON on its standard output. The process limits its own memory and time before it looks at the first byte, and
//! its parent limits the clock and what it listens to. So the worst that a file can do is to fail.

use std::{
    io::{Read, Write},
    path::PathBuf,
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Block, BlockKind, Extracted, Kind, Unreadable, extract};
use crate::error::{Error, Result};

/// The command line that begins such a process.
pub const COMMAND: &str = "read-document";

/// What the reader may allocate, in bytes.
const MOST_MEMORY: u64 = 240 << 20;
/// All addresses of the process: its own code and model, its stack, and what it allocates.
const MOST_ADDRESSES: u64 = 640 << 20;
/// The answer's size at the most; text, as JSON, with its blocks.
const MOST_OUTPUT: u64 = 96 << 20;
/// Seconds of computing for any file, and for each MiB of it.
const SECONDS: u64 = 4;
const SECONDS_PER_MIB: u64 = 2;

#[derive(Serialize, Deserialize)]
enum Answer {
    Read(Written),
    Unreadable(String),
}

#[derive(Serialize, Deserialize)]
struct Written {
    kind: Kind,
    title: Option<String>,
    url: Option<String>,
    text: String,
    /// The paths of headings, each once.
    paths: Vec<Vec<String>>,
    /// Kind, level, place in `paths`, start, end, page.
    blocks: Vec<(u8, u8, usize, usize, usize, Option<u32>)>,
}

/// What the process does: the whole of it. It answers whether it could answer.
pub fn main() -> bool {
    limit_memory();
    let mut input = Vec::new();
    if std::io::stdin().lock().read_to_end(&mut input).is_err() {
        return false;
    }
    limit_seconds(seconds(input.len()));
    std::panic::set_hook(Box::new(|_| {}));
    let answer = match std::panic::catch_unwind(|| extract(&input)) {
        Ok(Ok(extracted)) => Answer::Read(write(extracted)),
        Ok(Err(reason)) => Answer::Unreadable(reason.0),
        Err(_) => Answer::Unreadable(BROKEN.to_owned()),
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    serde_json::to_writer(&mut out, &answer).is_ok() && out.flush().is_ok()
}

const BROKEN: &str = "The file is broken in a way that its reader does not understand. Save it anew, or send its text.";

#[cfg(unix)]
fn limit_memory() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let both = |value| Rlimit { current: Some(value), maximum: Some(value) };
    let _ = setrlimit(Resource::Data, both(MOST_MEMORY));
    #[cfg(not(target_os = "macos"))]
    let _ = setrlimit(Resource::As, both(MOST_ADDRESSES));
    let _ = setrlimit(Resource::Core, both(0));
    // It makes no file.
    let _ = setrlimit(Resource::Fsize, both(0));
}

#[cfg(unix)]
fn limit_seconds(seconds: u64) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Cpu, Rlimit { current: Some(seconds), maximum: Some(seconds + 1) });
}

#[cfg(not(unix))]
fn limit_memory() {}

#[cfg(not(unix))]
fn limit_seconds(_: u64) {}

fn seconds(bytes: usize) -> u64 {
    SECONDS + SECONDS_PER_MIB * (bytes as u64 >> 20)
}

fn write(extracted: Extracted) -> Written {
    let mut paths: Vec<Vec<String>> = Vec::new();
    let blocks = extracted
        .blocks
        .into_iter()
        .map(|block| {
            if paths.last().is_none_or(|last| **last != *block.headings) {
                paths.push(block.headings.to_vec());
            }
            let (kind, level) = match block.kind {
                BlockKind::Heading(level) => (0, level),
                BlockKind::Paragraph => (1, 0),
                BlockKind::List => (2, 0),
                BlockKind::Table => (3, 0),
                BlockKind::Code => (4, 0),
            };
            (kind, level, paths.len() - 1, block.start, block.end, block.page)
        })
        .collect();
    Written { kind: extracted.kind, title: extracted.title, url: extracted.url, text: extracted.text, paths, blocks }
}

impl Written {
    /// The process may have been taken over by the file: what it says is checked.
    fn read(self) -> Option<Extracted> {
        let mut blocks = Vec::with_capacity(self.blocks.len());
        let paths: Vec<Arc<[String]>> = self.paths.into_iter().map(Arc::from).collect();
        let mut last = 0;
        for (kind, level, path, start, end, page) in self.blocks {
            let kind = match kind {
                0 => BlockKind::Heading(level.clamp(1, 9)),
                1 => BlockKind::Paragraph,
                2 => BlockKind::List,
                3 => BlockKind::Table,
                _ => BlockKind::Code,
            };
            if start < last || end < start || self.text.get(start..end).is_none() {
                return None;
            }
            last = end;
            blocks.push(Block { kind, headings: paths.get(path)?.clone(), start, end, page });
        }
        Some(Extracted { kind: self.kind, title: self.title, url: self.url, text: self.text, blocks })
    }
}

/// Reads a file in a process of its own.
///
/// # Errors
/// `Ok(Err(…))` is the file's fault; an error is ours, and trying again may help.
pub async fn extract_apart(program: Option<PathBuf>, bytes: Vec<u8>) -> Result<std::result::Result<Extracted, Unreadable>> {
    let mut command = tokio::process::Command::new(program.unwrap_or_else(own_program));
    command.arg(COMMAND).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| Error::unavailable("The process that reads documents cannot be started.").source(error))?;
    let (Some(mut input), Some(output), Some(complaints)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
        return Err(Error::internal("all three streams are piped"));
    };
    // Other work may have the processors meanwhile; the process counts its own seconds.
    let patience = Duration::from_secs(seconds(bytes.len()) * 5 + 10);
    let talk = async {
        let feed = async move {
            // It may be gone before it has read all.
            let _ = input.write_all(&bytes).await;
            drop(input);
        };
        let (mut answer, mut complaint) = (Vec::new(), Vec::new());
        let (mut output, mut complaints) = (output.take(MOST_OUTPUT + 1), complaints.take(4096));
        let (_, heard, _) = tokio::join!(feed, output.read_to_end(&mut answer), complaints.read_to_end(&mut complaint));
        heard?;
        if answer.len() as u64 > MOST_OUTPUT {
            return Ok((None, complaint, answer));
        }
        drop((output, complaints));
        Ok::<_, std::io::Error>((Some(child.wait().await?), complaint, answer))
    };
    let Ok(outcome) = tokio::time::timeout(patience, talk).await else { return Ok(Err(too_long())) };
    let (status, complaint, answer) = outcome.map_err(Error::internal)?;
    let Some(status) = status else { return Ok(Err(Unreadable("The file holds more text than is read. Split it into several documents.".to_owned()))) };
    if status.success() {
        return Ok(match serde_json::from_slice(&answer) {
            Ok(Answer::Read(written)) => written.read().ok_or_else(|| Unreadable(BROKEN.to_owned())),
            Ok(Answer::Unreadable(reason)) => Err(Unreadable(reason.chars().take(1000).collect())),
            Err(_) => Err(Unreadable(BROKEN.to_owned())),
        });
    }
    let complaint = String::from_utf8_lossy(&complaint);
    tracing::warn!(%status, complaint = %complaint.trim(), "the process that read a document ended early");
    Ok(Err(if complaint.contains("memory allocation") {
        Unreadable(format!("Reading the file takes more than {} MiB of memory. Split it, or send its text.", MOST_MEMORY >> 20))
    } else if was_out_of_time(status) {
        too_long()
    } else {
        Unreadable(BROKEN.to_owned())
    }))
}

/// This executable, also after an upgrade has put another one in its place.
fn own_program() -> PathBuf {
    if cfg!(target_os = "linux") { PathBuf::from("/proc/self/exe") } else { std::env::current_exe().unwrap_or_else(|_| PathBuf::from("illumichat")) }
}

fn too_long() -> Unreadable {
    Unreadable("Reading the file takes too long: it is damaged, or built in an unusual way. Save it anew, or send its text.".to_owned())
}

#[cfg(unix)]
fn was_out_of_time(status: std::process::ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    // SIGXCPU, and SIGKILL a second later.
    matches!(status.signal(), Some(24 | 9))
}

#[cfg(not(unix))]
fn was_out_of_time(_: std::process::ExitStatus) -> bool {
    false
}
