//! The architectures that can be run, and their forward pass, piece by piece.

use std::io::{Read, Seek};

use candle_core::{
    DType, Device, Result, Tensor,
    quantized::gguf_file::{Content, Value},
};
use candle_transformers::models::{quantized_gemma3, quantized_llama, quantized_qwen2, quantized_qwen3};

use super::quicken::Quickened;

/// What `general.architecture` names. Mistral's files call themselves llama.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Architecture {
    Llama,
    Qwen2,
    Qwen3,
    Gemma3,
}

impl Architecture {
    pub(super) const NAMES: [&str; 4] = ["llama", "qwen2", "qwen3", "gemma3"];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "llama" => Architecture::Llama,
            "qwen2" => Architecture::Qwen2,
            "qwen3" => Architecture::Qwen3,
            "gemma3" => Architecture::Gemma3,
            _ => return None,
        })
    }

    /// How many positions candle has tables for; all of these are more than is bearable without a graphics card.
    pub(super) fn most_context(self) -> usize {
        match self {
            Architecture::Llama => quantized_llama::MAX_SEQ_LEN,
            // One prompt is one step there, so that a long one could not be given up.
            Architecture::Gemma3 => 2048,
            Architecture::Qwen2 | Architecture::Qwen3 => 8192,
        }
    }

    /// How many rows all tables of positions have together: Gemma's layers have one each, for all that the model could do.
    pub(super) fn position_tables(self, layers: u64) -> u64 {
        match self {
            Architecture::Gemma3 => layers * quantized_gemma3::MAX_SEQ_LEN as u64,
            _ => 2 * self.most_context() as u64,
        }
    }
}

pub(super) enum Weights {
    Llama(quantized_llama::ModelWeights),
    Qwen2(quantized_qwen2::ModelWeights),
    Qwen3(quantized_qwen3::ModelWeights),
    Gemma3(quantized_gemma3::ModelWeights),
}

/// A prompt is read in pieces of these lengths, so that it can be given up in between, and so that the masks that llama and
/// qwen2 keep for each length they have met stay few. Single tokens come last: after them qwen3 reads no more at once.
const PIECES: [usize; 3] = [64, 8, 1];

impl Weights {
    pub(super) fn load<R: Read + Seek>(architecture: Architecture, mut content: Content, file: R, context_tokens: usize) -> Result<Self> {
        let device = Device::Cpu;
        let reader = &mut Quickened::new(file, &mut content)?;
        // Tables of positions are made for the whole window that a file claims; here it is the one that is used.
        let window = u32::try_from(context_tokens).unwrap_or(u32::MAX);
        for name in Architecture::NAMES {
            if let Some(length) = content.metadata.get_mut(&format!("{name}.context_length")) {
                *length = Value::U32(window);
            }
        }
        // qwen3 makes its tables in this precision; half of it cannot tell position 2,049 from 2,048.
        content.metadata.insert("general.dtype".to_owned(), Value::U32(0));
        Ok(match architecture {
            Architecture::Llama => Weights::Llama(quantized_llama::ModelWeights::from_gguf(content, reader, &device)?),
            Architecture::Qwen2 => Weights::Qwen2(quantized_qwen2::ModelWeights::from_gguf(content, reader, &device)?),
            Architecture::Qwen3 => Weights::Qwen3(quantized_qwen3::ModelWeights::from_gguf(content, reader, &device)?),
            Architecture::Gemma3 => Weights::Gemma3(quantized_gemma3::ModelWeights::from_gguf(content, reader, &device)?),
        })
    }

    /// Forgets the conversation before.
    pub(super) fn clear(&mut self) {
        match self {
            Weights::Llama(model) => model.clear_kv_cache(),
            Weights::Qwen2(model) => model.clear_kv_cache(),
            Weights::Qwen3(model) => model.clear_kv_cache(),
            // It forgets at position 0 by itself.
            Weights::Gemma3(_) => {}
        }
    }

    /// What comes after `tokens`, the first of which stands at `position`: a number for each token of the vocabulary.
    pub(super) fn forward(&mut self, tokens: &[u32], position: usize) -> Result<Tensor> {
        let input = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?;
        let logits = match self {
            Weights::Llama(model) => model.forward(&input, position)?,
            Weights::Qwen2(model) => model.forward(&input, position)?,
            Weights::Qwen3(model) => model.forward(&input, position)?,
            Weights::Gemma3(model) => model.forward(&input, position)?,
        };
        logits.flatten_all()?.to_dtype(DType::F32)
    }

    /// Reads a prompt; `None` once `is_wanted` says no. `tokens` is not empty.
    pub(super) fn read(&mut self, tokens: &[u32], is_wanted: &dyn Fn() -> bool) -> Result<Option<Tensor>> {
        self.clear();
        let mut logits = None;
        let mut at = 0;
        while at < tokens.len() {
            if !is_wanted() {
                return Ok(None);
            }
            let left = tokens.len() - at;
            let length = match self {
                // Its mask would hide what was read before.
                Weights::Gemma3(_) => left,
                _ => PIECES.into_iter().find(|piece| *piece <= left).unwrap_or(1),
            };
            logits = Some(self.forward(&tokens[at..at + length], at)?);
            at += length;
        }
        Ok(logits)
    }
}
