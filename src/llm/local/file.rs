//! What a GGUF file says of itself, read without its weights: whether it can be run, and what that would cost.

use std::{
    fs::{self, File},
    io::BufReader,
    path::Path,
    time::SystemTime,
};

use candle_core::quantized::gguf_file::{Content, Value};

use super::{Limits, quicken, weights::Architecture};
use crate::config::ByteSize;

/// A file as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Option<Stamp> {
        let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some(Stamp { bytes: metadata.len(), modified: metadata.modified().ok() })
    }
}

#[derive(Debug, Clone)]
pub(super) struct Header {
    pub architecture: Architecture,
    /// What the file can do, or what the settings allow, whichever is less.
    pub context_tokens: usize,
    /// The model's own chat template.
    pub template: String,
    /// An estimate of what it takes in memory when it speaks.
    memory: u64,
}

/// A window below this has no room for a question and its answer.
const LEAST_CONTEXT: usize = 64;

impl Header {
    pub(super) fn read(path: &Path, file: &str, limits: &Limits) -> Result<Header, String> {
        let (content, bytes) = open(path, file).map(|(content, reader)| {
            let bytes = reader.get_ref().metadata().map_or(0, |metadata| metadata.len());
            (content, bytes)
        })?;
        let name = text(&content, "general.architecture").unwrap_or_default();
        let architecture = Architecture::parse(&name).ok_or_else(|| {
            format!("`{file}` is of the architecture `{name}`, which is not run here: {} are. Choose a model of one of these, or run this one with Ollama or llama-server.", Architecture::NAMES.join(", "))
        })?;
        let end = content.tensor_infos.values().map(|tensor| tensor.offset.saturating_add(quicken::bytes_as(tensor, tensor.ggml_dtype))).max().unwrap_or(0);
        if content.tensor_infos.is_empty() || content.tensor_data_offset.saturating_add(end) > bytes {
            return Err(format!("`{file}` is not whole: its weights end before they should. Download it again."));
        }
        let template = text(&content, "tokenizer.chat_template")
            .filter(|template| !template.trim().is_empty())
            .ok_or_else(|| format!("`{file}` has no chat template, so that nobody knows how to talk to it. Take the `instruct` or `chat` version of the model."))?;
        let own = number(&content, &format!("{name}.context_length")).unwrap_or(0);
        let context_tokens = own.min(architecture.most_context()).min(limits.context_tokens);
        if context_tokens < LEAST_CONTEXT {
            return Err(format!("`{file}` has room for {own} tokens, which is too few for a question and its answer. Choose another file."));
        }
        let memory = memory(&content, architecture, &name, context_tokens);
        Ok(Header { architecture, context_tokens, template, memory })
    }

    /// Why a file that could be run is not.
    pub(super) fn problem(&self, file: &str, limits: &Limits) -> Option<String> {
        (self.memory > limits.memory).then(|| {
            let needed = ByteSize::mib(self.memory.div_ceil(1 << 20));
            format!("`{file}` needs about {needed} of memory, and the server may plan with {}. Raise `memory` in illumichat.toml, or choose a smaller file.", ByteSize::mib(limits.memory >> 20))
        })
    }
}

/// Everything in a file but its weights, and the reader that these are read from.
pub(super) fn open(path: &Path, file: &str) -> Result<(Content, BufReader<File>), String> {
    let opened = File::open(path).map_err(|error| format!("`{file}` cannot be opened: {error}."))?;
    let mut reader = BufReader::with_capacity(1 << 20, opened);
    let content = Content::read(&mut reader).map_err(|_| format!("`{file}` is not a GGUF file, or is broken. Download it again."))?;
    Ok((content, reader))
}

pub(super) fn text(content: &Content, key: &str) -> Option<String> {
    content.metadata.get(key)?.to_string().ok().cloned()
}

pub(super) fn number(content: &Content, key: &str) -> Option<usize> {
    match content.metadata.get(key)? {
        Value::I32(value) => usize::try_from(*value).ok(),
        Value::I64(value) => usize::try_from(*value).ok(),
        other => usize::try_from(other.to_u64().ok()?).ok(),
    }
}

/// What a model takes when it speaks: its weights, a second time as they are packed for the processor; the table of its
/// tokens in full precision; what attention remembers, with the copy that is made when it grows; the tables of its positions.
/// A 0.6 B model in 409 MB comes out at 2.0 GB with a window of 1,024 tokens; 2.1 GB were measured, with 576 tokens of one of 4,096.
fn memory(content: &Content, architecture: Architecture, name: &str, context_tokens: usize) -> u64 {
    const FLOAT: u64 = 4;
    const REST: u64 = 64 << 20;
    let weights: u64 = content.tensor_infos.values().map(quicken::bytes).fold(0, u64::saturating_add);
    let tokens = content.tensor_infos.get("token_embd.weight").map_or(0, |tensor| tensor.shape.elem_count() as u64 * FLOAT);
    let of = |key: &str| number(content, &format!("{name}.{key}")).unwrap_or(0) as u64;
    let (layers, heads, width) = (of("block_count"), of("attention.head_count").max(1), of("embedding_length"));
    let key_heads = match of("attention.head_count_kv") {
        0 => heads,
        count => count,
    };
    let head = match of("attention.key_length") {
        0 => width / heads,
        length => length,
    };
    let remembered = layers.saturating_mul(2 * key_heads * head * FLOAT).saturating_mul(context_tokens as u64).saturating_mul(2);
    let positions = architecture.position_tables(layers).saturating_mul(head * FLOAT);
    [weights, weights, tokens, remembered, positions, REST].into_iter().fold(0, u64::saturating_add)
}
