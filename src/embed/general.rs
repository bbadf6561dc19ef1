//! Any BERT or XLM-RoBERTa, computed by candle: for models whose shape the packed encoder does not take.
//!
//! One text at a time, so that nothing is filled up and what is urgent waits for one text at most.

use std::borrow::Cow;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{bert, xlm_roberta};
use serde_json::json;

use super::description::{Activation, Description, Family, Pooling};
use super::elementwise::scale_to_unit_length;
use super::{Engine, Scratch};

pub struct General {
    model: Architecture,
    pooling: Pooling,
    /// How many kinds of tokens it tells apart.
    kinds: usize,
}

enum Architecture {
    Bert(Box<bert::BertModel>),
    XlmRoberta(Box<xlm_roberta::XLMRobertaModel>),
}

impl General {
    /// Brings the weights to 32 bits. The error completes "the file is damaged: …".
    pub fn load(description: &Description, bytes: Cow<'static, [u8]>) -> Result<Self, String> {
        let shape = Shape::of(&bytes)?;
        let prefix = shape.prefix;
        let config = json!({
            "vocab_size": shape.words, "hidden_size": description.dimensions, "num_hidden_layers": description.layers,
            "num_attention_heads": description.heads, "intermediate_size": description.intermediate,
            "hidden_act": match (description.activation, description.family) {
                (Activation::Gelu, _) => "gelu",
                (Activation::GeluTanh, Family::Bert) => "geluapproximate",
                (Activation::GeluTanh, Family::XlmRoberta) => "gelu_pytorch_tanh",
                (Activation::Relu, _) => "relu",
            },
            "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "max_position_embeddings": shape.positions,
            "type_vocab_size": shape.kinds, "initializer_range": 0.02, "layer_norm_eps": description.layer_norm_epsilon,
            "pad_token_id": description.first_position.saturating_sub(1), "position_embedding_type": "absolute",
        });
        let weights = VarBuilder::from_buffered_safetensors(bytes.into_owned(), DType::F32, &Device::Cpu).map_err(|error| error.to_string())?;
        let weights = if prefix.is_empty() { weights } else { weights.pp(prefix) };
        let model = match description.family {
            Family::Bert => {
                let config = serde_json::from_value(config).map_err(|error| error.to_string())?;
                Architecture::Bert(Box::new(bert::BertModel::load(weights, &config).map_err(|error| error.to_string())?))
            }
            Family::XlmRoberta => {
                let config = serde_json::from_value(config).map_err(|error| error.to_string())?;
                Architecture::XlmRoberta(Box::new(xlm_roberta::XLMRobertaModel::new(&config, weights).map_err(|error| error.to_string())?))
            }
        };
        Ok(General { model, pooling: description.pooling, kinds: shape.kinds })
    }

    /// One row a token, as they come out of the last layer. From `second` on the tokens are of the second kind.
    fn hidden(&self, ids: &[u32], second: usize) -> candle_core::Result<Tensor> {
        let kinds: Vec<u32> = (0..ids.len()).map(|place| u32::from(place >= second && self.kinds > 1)).collect();
        let (ids, kinds) = (Tensor::new(ids, &Device::Cpu)?.unsqueeze(0)?, Tensor::new(kinds, &Device::Cpu)?.unsqueeze(0)?);
        let hidden = match &self.model {
            Architecture::Bert(model) => model.forward(&ids, &kinds, None)?,
            Architecture::XlmRoberta(model) => model.forward(&ids, &ids.ones_like()?, &kinds, None, None, None)?,
        };
        hidden.squeeze(0)
    }

    /// The first token's row of a pair whose passage begins at `second`.
    pub fn first_row(&self, ids: &[u32], second: usize) -> Result<Vec<f32>, String> {
        self.hidden(ids, second).and_then(|hidden| hidden.get(0)?.to_vec1()).map_err(|error| error.to_string())
    }

    fn vector(&self, ids: &[u32]) -> candle_core::Result<Vec<f32>> {
        let hidden = self.hidden(ids, usize::MAX)?;
        let mut vector: Vec<f32> = match self.pooling {
            Pooling::Mean => hidden.mean(0)?.to_vec1()?,
            Pooling::Cls => hidden.get(0)?.to_vec1()?,
        };
        scale_to_unit_length(&mut vector);
        Ok(vector)
    }
}

impl Engine for General {
    fn encode(&self, texts: &[Vec<u32>], _: &mut Scratch, between: &mut dyn FnMut()) -> Result<Vec<Vec<f32>>, String> {
        texts
            .iter()
            .map(|ids| {
                between();
                self.vector(ids).map_err(|error| error.to_string())
            })
            .collect()
    }
}

/// What the weights say of themselves.
pub struct Shape {
    /// What the tensors' names begin with.
    pub prefix: &'static str,
    pub words: usize,
    pub positions: usize,
    pub kinds: usize,
    pub width: usize,
}

impl Shape {
    /// From the file's header and its embeddings. The error completes "the file cannot be used: …".
    pub fn of(bytes: &[u8]) -> Result<Shape, String> {
        let tensors = safetensors::SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let rows = |prefix: &str, name: &str| -> Option<(usize, usize)> {
            let dot = if prefix.is_empty() { "" } else { "." };
            match tensors.tensor(&format!("{prefix}{dot}embeddings.{name}_embeddings.weight")).ok()?.shape() {
                [rows, width] => Some((*rows, *width)),
                _ => None,
            }
        };
        let prefix = ["", "bert", "roberta"].into_iter().find(|prefix| rows(prefix, "word").is_some()).ok_or("it has no word embeddings of BERT or RoBERTa")?;
        let of = |name: &str| rows(prefix, name).ok_or_else(|| format!("embeddings.{name}_embeddings.weight is missing"));
        let ((words, width), (positions, _), (kinds, _)) = (of("word")?, of("position")?, of("token_type")?);
        Ok(Shape { prefix, words, positions, kinds, width })
    }
}
