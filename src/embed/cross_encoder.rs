//! A cross-encoder (Nogueira and Cho, arXiv 1901.04085): a BERT or XLM-RoBERTa that reads a question and a passage together and
//! ends in one number, the higher the better the passage answers. Both families end alike, in a dense layer with a hyperbolic
//! tangent and one row of weights after it; only the tensors' names differ.

use std::borrow::Cow;

use safetensors::tensor::SafeTensors;

use super::Scratch;
use super::description::{Description, Family};
use super::encoder::{Encoder, values};
use super::general::General;
use super::model::Precision;

pub struct CrossEncoder {
    body: Body,
    dense: Vec<f32>,
    dense_bias: Vec<f32>,
    out: Vec<f32>,
    out_bias: f32,
    /// Of BERT's two kinds of tokens, a passage's are of the second. RoBERTa knows one.
    has_kinds: bool,
}

enum Body {
    Packed(Box<Encoder>),
    General(Box<General>),
}

impl CrossEncoder {
    /// The error completes "the file is damaged: …".
    pub fn load(description: &Description, precision: Precision, bytes: Cow<'static, [u8]>) -> Result<Self, String> {
        let width = description.dimensions;
        let (dense, out) = match description.family {
            Family::Bert => ("pooler.dense", "classifier"),
            Family::XlmRoberta => ("classifier.dense", "classifier.out_proj"),
        };
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| error.to_string())?;
        let read = |name: &str, part: &str, count: usize| values(&tensors, &format!("{name}.{part}"), count);
        let (dense, dense_bias) = (read(dense, "weight", width * width)?, read(dense, "bias", width)?);
        let (out, out_bias) = (read(out, "weight", width)?, read(out, "bias", 1)?[0]);
        let body = if description.is_for_encoder() {
            Body::Packed(Box::new(Encoder::load(description, precision, bytes)?))
        } else {
            Body::General(Box::new(General::load(description, bytes)?))
        };
        Ok(CrossEncoder { body, dense, dense_bias, out, out_bias, has_kinds: description.family == Family::Bert })
    }

    /// The score of a pair whose passage begins at `second`. `between` is called now and then, for what is more urgent.
    ///
    /// # Errors
    /// What the arithmetic says of a pair that it cannot take.
    pub fn score(&self, ids: Vec<u32>, second: usize, scratch: &mut Scratch, between: &mut dyn FnMut()) -> Result<f32, String> {
        let second = if self.has_kinds { second } else { usize::MAX };
        let first = match &self.body {
            Body::Packed(encoder) => encoder.first_row(ids, second, scratch, between),
            Body::General(model) => {
                between();
                model.first_row(&ids, second)?
            }
        };
        let pooled = self.dense.chunks_exact(first.len()).zip(&self.dense_bias).map(|(row, bias)| (dot(row, &first) + bias).tanh());
        let score = self.out_bias + pooled.zip(&self.out).map(|(value, weight)| value * weight).sum::<f32>();
        if score.is_finite() { Ok(score) } else { Err("a score is not a finite number".into()) }
    }
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(x, y)| x * y).sum()
}
