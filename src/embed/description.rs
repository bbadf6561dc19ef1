//! What a model's folder says of the model: `model.json`, written by `models/build.rs` for the one in the executable and by
//! [`super::import`] for those that are added.

use serde::{Deserialize, Serialize};

/// What a model makes of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A vector of each text.
    #[default]
    Embedding,
    /// One score of a question and a passage read together (a cross-encoder).
    Reranker,
}

/// How the hidden layers are laid out and named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    #[default]
    Bert,
    /// RoBERTa and XLM-RoBERTa: the same layers, with positions that begin after the padding's.
    XlmRoberta,
}

impl Family {
    /// How many marks stand between the two texts of a pair.
    pub fn marks_between(self) -> usize {
        match self {
            Family::Bert => 1,
            Family::XlmRoberta => 2,
        }
    }
}

/// How a text's token vectors become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    #[default]
    Mean,
    /// The first token's, which stands for all.
    Cls,
}

impl Pooling {
    pub fn name(self) -> &'static str {
        match self {
            Pooling::Mean => "mean",
            Pooling::Cls => "cls",
        }
    }
}

/// The function inside the feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    #[default]
    Gelu,
    /// By the hyperbolic tangent.
    GeluTanh,
    Relu,
}

/// Where a model's cosines stand, and what brings them to the scale of the model in the executable.
///
/// Some models place every two texts near each other: with E5, .7 is the cosine of texts that have nothing in common. What
/// is decided by a cosine (does this answer the question? is it the pair's own wording?) has its limits on one scale; where a
/// model stands on it is measured when the model is added, by questions with answers that everybody can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// The mean cosine of a question to its own answer, and to other ones.
    pub related: f32,
    pub unrelated: f32,
}

impl Default for Scale {
    /// That of the model in the executable.
    fn default() -> Self {
        Scale { related: 0.543, unrelated: 0.042 }
    }
}

impl Scale {
    /// A straight line through both means, and another one from the upper to 1, so that an order stays what it is.
    pub fn apply(self, cosine: f32) -> f32 {
        let ours = Scale::default();
        if self == ours {
            cosine
        } else if cosine > self.related {
            ours.related + (cosine - self.related) * (1.0 - ours.related) / (1.0 - self.related)
        } else {
            ours.unrelated + (cosine - self.unrelated) * (ours.related - ours.unrelated) / (self.related - self.unrelated)
        }
    }
}

/// A file of the model, as it has to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSum {
    pub path: String,
    pub bytes: u64,
    pub sha256: String,
}

/// `model.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    #[serde(default)]
    pub kind: Kind,
    /// What stands beside the vectors: other weights, another pooling or other prefixes are another id.
    pub id: String,
    pub dimensions: usize,
    /// What a text may have, special tokens and prefix included.
    pub max_tokens: usize,
    pub pooling: Pooling,
    pub layers: usize,
    pub heads: usize,
    pub intermediate: usize,
    pub layer_norm_epsilon: f32,
    #[serde(default)]
    pub family: Family,
    #[serde(default)]
    pub activation: Activation,
    /// The position of a text's first token.
    #[serde(default)]
    pub first_position: usize,
    /// What is put before a question, and before a passage.
    #[serde(default)]
    pub query_prefix: String,
    #[serde(default)]
    pub passage_prefix: String,
    #[serde(default)]
    pub scale: Scale,
    #[serde(default = "weights_of_the_build")]
    pub weights_file: String,
    pub weights_sha256: String,
    pub tokenizer_sha256: String,
    /// All files beside this one; none are named where the build wrote it.
    #[serde(default)]
    pub files: Vec<FileSum>,
    #[serde(default)]
    pub license: Option<String>,
    /// Where the model was taken from.
    #[serde(default)]
    pub source: Option<String>,
}

fn weights_of_the_build() -> String {
    "weights.safetensors".to_owned()
}

impl Description {
    /// What the loaded model takes in memory, about, and what it takes while it is loaded: the word vectors are kept in 16 bits,
    /// the layers in 32, and the file is there beside them until all is read.
    pub fn memory(&self) -> u64 {
        let file = self.files.iter().find(|file| file.path == self.weights_file).map_or(0, |file| file.bytes);
        let (width, inner) = (self.dimensions as u64, self.intermediate as u64);
        let layers = self.layers as u64 * (4 * width * width + 2 * width * inner) * 4;
        file + layers + file.saturating_sub(layers) / 2
    }

    /// Whether the packed encoder computes this model; candle computes every other one.
    pub fn is_for_encoder(&self) -> bool {
        self.activation == Activation::Gelu && self.dimensions.is_multiple_of(16)
    }
}
