//! Which model there is, whether its files are whole, and how it is brought to life.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

use super::Engine;
use super::deterministic::{self, Deterministic};
use super::encoder::Encoder;
use super::tokenizer::{Tokenizer, WordPiece};

/// What is kept beside an index: vectors of different models never mix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    pub id: String,
    /// Length of a vector.
    pub dimensions: usize,
    /// What a text may have, special tokens included; the rest is cut off.
    pub max_tokens: usize,
    /// How token vectors become one: `mean`.
    pub pooling: String,
    /// What the weights are kept in: `f16`. How they are computed with (`Precision`) is no part of it: the vectors are the same
    /// for all that search can tell.
    pub precision: &'static str,
}

/// `model.json`, which `models/build.rs` writes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    pub id: String,
    pub dimensions: usize,
    pub max_tokens: usize,
    pub pooling: String,
    pub layers: usize,
    pub heads: usize,
    pub intermediate: usize,
    pub layer_norm_epsilon: f32,
    weights_sha256: String,
    tokenizer_sha256: String,
}

/// How the model computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// In the fastest way that this processor has among those whose vectors stay within a cosine of 0.9999 of the exact ones.
    #[default]
    Fastest,
    /// In 32 bits throughout.
    Single,
}

/// A model that can be loaded.
#[derive(Clone)]
pub struct Model {
    source: Source,
    precision: Precision,
}

#[derive(Clone)]
enum Source {
    Builtin,
    Folder(PathBuf),
    Deterministic,
}

impl From<Source> for Model {
    fn from(source: Source) -> Self {
        Model { source, precision: Precision::default() }
    }
}

/// The model inside the executable. A debug build reads the same files from where the build left them: linking 45 MB into every
/// test would cost more time than it saves.
#[cfg(not(debug_assertions))]
const BUILTIN: [&[u8]; 3] = [
    include_bytes!(concat!(env!("OUT_DIR"), "/model/model.json")),
    include_bytes!(concat!(env!("OUT_DIR"), "/model/tokenizer.json")),
    include_bytes!(concat!(env!("OUT_DIR"), "/model/weights.safetensors")),
];

#[derive(Clone, Copy)]
enum File {
    Description,
    Tokenizer,
    Weights,
}

impl File {
    const fn name(self) -> &'static str {
        match self {
            File::Description => "model.json",
            File::Tokenizer => "tokenizer.json",
            File::Weights => "weights.safetensors",
        }
    }
}

impl Model {
    /// all-MiniLM-L6-v2, which the executable carries.
    pub fn builtin() -> Self {
        Source::Builtin.into()
    }

    /// A BERT model in a folder of `model.json`, `tokenizer.json` and `weights.safetensors`, as `models/build.rs` writes them.
    pub fn from_folder(folder: impl Into<PathBuf>) -> Self {
        Source::Folder(folder.into()).into()
    }

    /// No model at all, but vectors good enough for tests: see `deterministic`.
    pub fn deterministic() -> Self {
        Source::Deterministic.into()
    }

    /// The same model, computed in another way.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Model { precision, ..self }
    }

    /// Whether all files are there and whole. Reads them, which takes some tens of milliseconds.
    ///
    /// # Errors
    /// `unavailable`, with a sentence that says which file is to blame and what to do.
    pub fn verify(&self) -> Result<()> {
        if matches!(self.source, Source::Deterministic) {
            return Ok(());
        }
        let description = self.description()?;
        self.checked(File::Tokenizer, &description.tokenizer_sha256)?;
        self.checked(File::Weights, &description.weights_sha256).map(drop)
    }

    pub(super) fn info(&self) -> Result<ModelInfo> {
        if matches!(self.source, Source::Deterministic) {
            return Ok(ModelInfo {
                id: "deterministic".into(),
                dimensions: deterministic::DIMENSIONS,
                max_tokens: 256,
                pooling: "mean".into(),
                precision: "f32",
            });
        }
        let Description { id, dimensions, max_tokens, pooling, .. } = self.description()?;
        Ok(ModelInfo { id, dimensions, max_tokens, pooling, precision: "f16" })
    }

    pub(super) fn tokenizer(&self) -> Result<Tokenizer> {
        if matches!(self.source, Source::Deterministic) {
            return Ok(Tokenizer::Words);
        }
        let bytes = self.checked(File::Tokenizer, &self.description()?.tokenizer_sha256)?;
        Ok(Tokenizer::WordPiece(Box::new(WordPiece::from_bytes(&bytes)?)))
    }

    pub(super) fn engine(&self) -> Result<Arc<dyn Engine>> {
        if matches!(self.source, Source::Deterministic) {
            return Ok(Arc::new(Deterministic));
        }
        let description = self.description()?;
        let weights = self.checked(File::Weights, &description.weights_sha256)?;
        let encoder = Encoder::load(&description, self.precision, weights).map_err(|why| self.damaged(File::Weights, &why))?;
        Ok(Arc::new(encoder))
    }

    fn description(&self) -> Result<Description> {
        let bytes = self.bytes(File::Description)?;
        serde_json::from_slice(&bytes).map_err(|error| self.damaged(File::Description, &error.to_string()))
    }

    fn checked(&self, file: File, sha256: &str) -> Result<Cow<'static, [u8]>> {
        let bytes = self.bytes(file)?;
        let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if digest == sha256 { Ok(bytes) } else { Err(self.damaged(file, "its SHA-256 is not the one in model.json")) }
    }

    fn bytes(&self, file: File) -> Result<Cow<'static, [u8]>> {
        #[cfg(not(debug_assertions))]
        if matches!(self.source, Source::Builtin) {
            return Ok(Cow::Borrowed(BUILTIN[file as usize]));
        }
        std::fs::read(self.folder().join(file.name())).map(Cow::Owned).map_err(|error| self.damaged(file, &error.to_string()))
    }

    fn folder(&self) -> &Path {
        match &self.source {
            Source::Folder(folder) => folder,
            _ => Path::new(concat!(env!("OUT_DIR"), "/model")),
        }
    }

    fn damaged(&self, file: File, why: &str) -> Error {
        let name = file.name();
        Error::unavailable(match &self.source {
            Source::Folder(folder) => {
                format!("The embedding model in {} is damaged or missing ({name}: {why}). Put it there again.", folder.display())
            }
            _ => format!("The embedding model in this executable is damaged ({name}: {why}). Install IllumiChat again."),
        })
    }
}
