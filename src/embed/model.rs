//! Which model there is, whether its files are whole, and how it is brought to life.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

use super::Engine;
use super::cross_encoder::CrossEncoder;
use super::description::{Description, Pooling, Scale};
use super::deterministic::{self, Deterministic};
use super::encoder::Encoder;
use super::general::General;
use super::tokenizer::{Pieces, Tokenizer};

/// What is kept beside an index: vectors of different models never mix.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    pub id: String,
    /// Length of a vector.
    pub dimensions: usize,
    /// What a text may have, special tokens and prefix included; the rest is cut off.
    pub max_tokens: usize,
    pub pooling: Pooling,
    /// What is put before a question, and before a passage.
    pub query_prefix: String,
    pub passage_prefix: String,
    /// How cosines of these vectors are to be read.
    pub scale: Scale,
    /// The beginning of the tokenizer's SHA-256: what counts tokens.
    pub tokenizer: String,
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

/// What describes a model, beside its files.
pub const DESCRIPTION: &str = "model.json";
const TOKENIZER: &str = "tokenizer.json";

impl Model {
    /// all-MiniLM-L6-v2, which the executable carries.
    pub fn builtin() -> Self {
        Source::Builtin.into()
    }

    /// A model in a folder of `model.json`, `tokenizer.json` and weights, as `models/build.rs` and `models add` write them.
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
        self.checked(TOKENIZER, &description.tokenizer_sha256)?;
        self.checked(&description.weights_file, &description.weights_sha256)?;
        for file in &description.files {
            self.checked(&file.path, &file.sha256)?;
        }
        Ok(())
    }

    pub(super) fn is_in_folder(&self) -> bool {
        matches!(self.source, Source::Folder(_))
    }

    pub fn info(&self) -> Result<ModelInfo> {
        if matches!(self.source, Source::Deterministic) {
            return Ok(ModelInfo {
                id: "deterministic".into(),
                dimensions: deterministic::DIMENSIONS,
                max_tokens: 256,
                pooling: Pooling::Mean,
                query_prefix: String::new(),
                passage_prefix: String::new(),
                scale: Scale::default(),
                tokenizer: "words".into(),
            });
        }
        let Description { id, dimensions, max_tokens, pooling, query_prefix, passage_prefix, scale, tokenizer_sha256, .. } = self.description()?;
        let tokenizer = tokenizer_sha256.chars().take(8).collect();
        Ok(ModelInfo { id, dimensions, max_tokens, pooling, query_prefix, passage_prefix, scale, tokenizer })
    }

    pub(super) fn tokenizer(&self) -> Result<Tokenizer> {
        if matches!(self.source, Source::Deterministic) {
            return Ok(Tokenizer::Words);
        }
        let bytes = self.checked(TOKENIZER, &self.description()?.tokenizer_sha256)?;
        Ok(Tokenizer::Pieces(Box::new(Pieces::from_bytes(&bytes)?)))
    }

    pub(super) fn engine(&self) -> Result<Arc<dyn Engine>> {
        if matches!(self.source, Source::Deterministic) {
            return Ok(Arc::new(Deterministic));
        }
        let description = self.description()?;
        let weights = self.checked(&description.weights_file, &description.weights_sha256)?;
        let damaged = |why: String| self.damaged(&description.weights_file, &why);
        if description.is_for_encoder() {
            Ok(Arc::new(Encoder::load(&description, self.precision, weights).map_err(damaged)?))
        } else {
            Ok(Arc::new(General::load(&description, weights).map_err(damaged)?))
        }
    }

    /// The model as one that reads pairs.
    pub(super) fn cross_encoder(&self) -> Result<CrossEncoder> {
        let description = self.description()?;
        let weights = self.checked(&description.weights_file, &description.weights_sha256)?;
        CrossEncoder::load(&description, self.precision, weights).map_err(|why| self.damaged(&description.weights_file, &why))
    }

    pub(super) fn description(&self) -> Result<Description> {
        let bytes = self.bytes(DESCRIPTION)?;
        serde_json::from_slice(&bytes).map_err(|error| self.damaged(DESCRIPTION, &error.to_string()))
    }

    fn checked(&self, file: &str, sha256: &str) -> Result<Cow<'static, [u8]>> {
        let bytes = self.bytes(file)?;
        if sha256_hex(&bytes) == sha256 { Ok(bytes) } else { Err(self.damaged(file, "its SHA-256 is not the one in model.json")) }
    }

    fn bytes(&self, file: &str) -> Result<Cow<'static, [u8]>> {
        #[cfg(not(debug_assertions))]
        if matches!(self.source, Source::Builtin) {
            let place = [DESCRIPTION, TOKENIZER].iter().position(|name| *name == file).unwrap_or(2);
            return Ok(Cow::Borrowed(BUILTIN[place]));
        }
        std::fs::read(self.folder().join(file)).map(Cow::Owned).map_err(|error| self.damaged(file, &error.to_string()))
    }

    fn folder(&self) -> &Path {
        match &self.source {
            Source::Folder(folder) => folder,
            _ => Path::new(concat!(env!("OUT_DIR"), "/model")),
        }
    }

    fn damaged(&self, name: &str, why: &str) -> Error {
        Error::unavailable(match &self.source {
            Source::Folder(folder) => {
                format!("The model in {} is damaged or missing ({name}: {why}). Put it there again.", folder.display())
            }
            _ => format!("The embedding model in this executable is damaged ({name}: {why}). Install IllumiChat again."),
        })
    }
}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
