//! The encoder of BERT (Devlin et al., 2018) and of XLM-RoBERTa, which is the same with other positions, for sentence
//! embeddings, on any number of texts at once.
//!
//! Texts are packed one after another: no token is spent on filling up, so neither length nor company of a text changes
//! what it costs. Only attention looks at texts one by one. candle's models are the oracle that the tests hold this to.

use std::borrow::Cow;

use pulp::Arch;
use safetensors::tensor::{Dtype, SafeTensors};

use super::Engine;
use super::bfloat16::Converted;
use super::description::{Description, Pooling};
use super::elementwise::{Norm, mean_of_unit_length, scale_to_unit_length, softmax};
use super::linear::Linear;
use super::matrix::{Right, Rows, Then, multiply};
use super::model::Precision;

/// A BERT model, ready to run.
pub struct Encoder {
    arch: Arch,
    width: usize,
    heads: usize,
    intermediate: usize,
    /// One row a token of the vocabulary, in 16-bit floats as they are in the file.
    words: Cow<'static, [u8]>,
    /// One row a position, with the one token type's vector added.
    positions: Vec<f32>,
    /// What is added to a token of the second kind, of which a pair's passage is; nothing where there is one kind only.
    second_kind: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    pooling: Pooling,
}

struct Layer {
    query_key_value: Linear,
    output: Linear,
    attention_norm: Norm,
    up: Linear,
    down: Linear,
    norm: Norm,
}

/// What a worker needs to compute in; grows to its largest batch.
#[derive(Default)]
pub struct Scratch {
    /// One row a token: what goes through the layers.
    hidden: Vec<f32>,
    /// Queries, keys and values; then the inside of the feed-forward part.
    wide: Vec<f32>,
    /// What attention gathered.
    gathered: Vec<f32>,
    /// What is added to `hidden`.
    more: Vec<f32>,
    scores: Vec<f32>,
    /// Keys, then values of one head; two registers wide, because a head is.
    head: Right<2>,
    converted: Converted,
}

impl Encoder {
    /// Brings the weights into the form in which they are multiplied. The error completes "the file is damaged: …".
    pub fn load(description: &Description, precision: Precision, bytes: Cow<'static, [u8]>) -> Result<Self, String> {
        let arch = Arch::new();
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| error.to_string())?;
        let width = description.dimensions;
        let norm = |name: &str| -> Result<Norm, String> {
            let scale = values(&tensors, &format!("{name}.weight"), width)?;
            let shift = values(&tensors, &format!("{name}.bias"), width)?;
            Ok(Norm { scale, shift, epsilon: description.layer_norm_epsilon })
        };
        let linear = |name: &str, inner: usize, columns: usize| -> Result<(Vec<f32>, Vec<f32>), String> {
            Ok((values(&tensors, &format!("{name}.weight"), inner * columns)?, values(&tensors, &format!("{name}.bias"), columns)?))
        };
        let layer_of = |(weight, bias): (Vec<f32>, Vec<f32>)| Linear::new(arch, precision, &weight, &bias);

        let mut layers = Vec::with_capacity(description.layers);
        for layer in 0..description.layers {
            let name = |part: &str| format!("encoder.layer.{layer}.{part}");
            let (mut weight, mut bias) = linear(&name("attention.self.query"), width, width)?;
            // Attention divides each score by the root of a head's width: done here once, on the queries.
            let scale = 1.0 / ((width / description.heads) as f32).sqrt();
            weight.iter_mut().chain(&mut bias).for_each(|value| *value *= scale);
            for part in ["attention.self.key", "attention.self.value"] {
                let (more, more_bias) = linear(&name(part), width, width)?;
                weight.extend(more);
                bias.extend(more_bias);
            }
            layers.push(Layer {
                query_key_value: layer_of((weight, bias)),
                output: layer_of(linear(&name("attention.output.dense"), width, width)?),
                attention_norm: norm(&name("attention.output.LayerNorm"))?,
                up: layer_of(linear(&name("intermediate.dense"), width, description.intermediate)?),
                down: layer_of(linear(&name("output.dense"), description.intermediate, width)?),
                norm: norm(&name("output.LayerNorm"))?,
            });
        }

        let mut positions = values(&tensors, "embeddings.position_embeddings.weight", 0)?;
        if positions.len() < (description.first_position + description.max_tokens) * width {
            return Err("it has too few positions".into());
        }
        positions.drain(..description.first_position * width);
        positions.truncate(description.max_tokens * width);
        let kinds = values(&tensors, "embeddings.token_type_embeddings.weight", 0)?;
        for row in positions.chunks_exact_mut(width) {
            row.iter_mut().zip(&kinds).for_each(|(position, kind)| *position += kind);
        }
        let second_kind = match kinds.chunks_exact(width).take(2).collect::<Vec<_>>().as_slice() {
            [first, second] => second.iter().zip(*first).map(|(second, first)| second - first).collect(),
            _ => Vec::new(),
        };
        let norm = norm("embeddings.LayerNorm")?;
        let words = match (range_of_words(&tensors, &bytes, width)?, bytes) {
            (Some(words), Cow::Borrowed(bytes)) => Cow::Borrowed(&bytes[words]),
            (Some(words), Cow::Owned(bytes)) => Cow::Owned(bytes[words].to_vec()),
            (None, bytes) => Cow::Owned(narrowed_words(&SafeTensors::deserialize(&bytes).map_err(|error| error.to_string())?)?),
        };
        let Description { heads, intermediate, pooling, .. } = *description;
        Ok(Encoder { arch, width, heads, intermediate, words, positions, second_kind, norm, layers, pooling })
    }

    /// `hidden`, one row a token: word, position and type added up, then normed. `second` is where the second kind of tokens
    /// begins in each text.
    fn look_up(&self, texts: &[Vec<u32>], second: usize, scratch: &mut Scratch) {
        let Scratch { hidden, more, .. } = scratch;
        let row_bytes = 2 * self.width;
        for (ids, text) in texts.iter().zip(rows_of(texts, hidden, self.width)) {
            for (id, row) in ids.iter().zip(text.chunks_exact_mut(self.width)) {
                let word = &self.words[*id as usize * row_bytes..][..row_bytes];
                for (place, bits) in row.iter_mut().zip(word.as_chunks::<2>().0) {
                    *place = half::f16::from_le_bytes(*bits).to_f32();
                }
            }
        }
        for (ids, text) in texts.iter().zip(rows_of(texts, more, self.width)) {
            text.copy_from_slice(&self.positions[..ids.len() * self.width]);
            if !self.second_kind.is_empty() {
                for row in text.chunks_exact_mut(self.width).skip(second) {
                    row.iter_mut().zip(&self.second_kind).for_each(|(value, kind)| *value += kind);
                }
            }
        }
        self.norm.add(self.arch, hidden, more);
    }

    /// Self-attention of each text by itself, from queries, keys and values in `wide` to `gathered`.
    fn attend(&self, texts: &[Vec<u32>], scratch: &mut Scratch) {
        let Scratch { wide, gathered, scores, head: right, .. } = scratch;
        let (arch, width) = (self.arch, self.width);
        let (stride, head_width) = (3 * width, width / self.heads);
        let mut first = 0;
        for ids in texts {
            let count = ids.len();
            // A whole number of registers, for softmax.
            let row = count.next_multiple_of(16);
            scores.resize(count * row, 0.0);
            for head in 0..self.heads {
                let queries = &wide[first * stride + head * head_width..];
                right.pack_transposed(arch, &queries[width..], stride, count, head_width);
                let queries = Rows { values: queries, stride, rows: count, inner: head_width };
                multiply(arch, queries, right, Then::Nothing, scores, row);
                softmax(arch, scores, row, count);
                right.pack(arch, &wide[first * stride + 2 * width + head * head_width..], stride, count, head_width);
                let weights = Rows { values: scores, stride: row, rows: count, inner: count };
                multiply(arch, weights, right, Then::Nothing, &mut gathered[first * width + head * head_width..], width);
            }
            first += count;
        }
    }

    fn layer(&self, layer: &Layer, texts: &[Vec<u32>], scratch: &mut Scratch) {
        let arch = self.arch;
        let rows = scratch.hidden.len() / self.width;
        layer.query_key_value.apply(arch, &scratch.hidden, rows, Then::Nothing, &mut scratch.converted, &mut scratch.wide);
        self.attend(texts, scratch);
        let Scratch { hidden, wide, gathered, more, converted, .. } = scratch;
        layer.output.apply(arch, gathered, rows, Then::Nothing, converted, more);
        layer.attention_norm.add(arch, hidden, more);
        layer.up.apply(arch, hidden, rows, Then::Gelu, converted, wide);
        layer.down.apply(arch, wide, rows, Then::Nothing, converted, more);
        layer.norm.add(arch, hidden, more);
    }

    /// From token ids to `scratch.hidden`, one row a token.
    fn run(&self, texts: &[Vec<u32>], second: usize, scratch: &mut Scratch, between: &mut dyn FnMut()) {
        let tokens: usize = texts.iter().map(Vec::len).sum();
        scratch.hidden.resize(tokens * self.width, 0.0);
        scratch.gathered.resize(tokens * self.width, 0.0);
        scratch.more.resize(tokens * self.width, 0.0);
        scratch.wide.resize(tokens * self.intermediate.max(3 * self.width), 0.0);
        self.look_up(texts, second, scratch);
        for layer in &self.layers {
            between();
            self.layer(layer, texts, scratch);
        }
    }

    /// The first token's row of a pair whose passage begins at `second`, as it comes out of the last layer.
    pub fn first_row(&self, ids: Vec<u32>, second: usize, scratch: &mut Scratch, between: &mut dyn FnMut()) -> Vec<f32> {
        self.run(&[ids], second, scratch, between);
        scratch.hidden[..self.width].to_vec()
    }
}

impl Engine for Encoder {
    fn encode(&self, texts: &[Vec<u32>], scratch: &mut Scratch, between: &mut dyn FnMut()) -> Result<Vec<Vec<f32>>, String> {
        self.run(texts, usize::MAX, scratch, between);
        let rows = rows_of(texts, &mut scratch.hidden, self.width);
        Ok(match self.pooling {
            Pooling::Mean => rows.map(|rows| mean_of_unit_length(rows, self.width)).collect(),
            Pooling::Cls => rows
                .map(|rows| {
                    let mut first = rows[..self.width].to_vec();
                    scale_to_unit_length(&mut first);
                    first
                })
                .collect(),
        })
    }
}

/// The rows of each text in turn.
fn rows_of<'a>(texts: &'a [Vec<u32>], mut rows: &'a mut [f32], width: usize) -> impl Iterator<Item = &'a mut [f32]> {
    texts.iter().map(move |ids| rows.split_off_mut(..ids.len() * width).expect("there is a row for each token"))
}

/// A tensor's name is as given, or after `bert.` or `roberta.`: all are in use.
fn find<'a>(tensors: &SafeTensors<'a>, name: &str) -> Result<safetensors::tensor::TensorView<'a>, String> {
    ["", "bert.", "roberta."].iter().find_map(|prefix| tensors.tensor(&format!("{prefix}{name}")).ok()).ok_or_else(|| format!("{name} is missing"))
}

/// The tensor's values in 32 bits; `expected` of them, unless that is 0.
pub fn values(tensors: &SafeTensors<'_>, name: &str, expected: usize) -> Result<Vec<f32>, String> {
    let tensor = find(tensors, name)?;
    let data = tensor.data();
    let values: Vec<f32> = match tensor.dtype() {
        Dtype::F32 => data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|bytes| half::f16::from_le_bytes(*bytes).to_f32()).collect(),
        Dtype::BF16 => data.as_chunks().0.iter().map(|bytes| half::bf16::from_le_bytes(*bytes).to_f32()).collect(),
        other => return Err(format!("{name} is in {other:?}")),
    };
    if expected != 0 && values.len() != expected {
        return Err(format!("{name} has {} values instead of {expected}", values.len()));
    }
    Ok(values)
}

/// Where in the file the word vectors are, if they are there in 16 bits already.
fn range_of_words(tensors: &SafeTensors<'_>, bytes: &[u8], width: usize) -> Result<Option<std::ops::Range<usize>>, String> {
    let tensor = find(tensors, "embeddings.word_embeddings.weight")?;
    if tensor.shape().last() != Some(&width) {
        return Err("its word vectors are not as described".into());
    }
    let start = tensor.data().as_ptr() as usize - bytes.as_ptr() as usize;
    Ok((tensor.dtype() == Dtype::F16).then(|| start..start + tensor.data().len()))
}

/// The word vectors in 16 bits: half the memory, and the vectors of texts stay within a cosine of 0.99999.
fn narrowed_words(tensors: &SafeTensors<'_>) -> Result<Vec<u8>, String> {
    let words = values(tensors, "embeddings.word_embeddings.weight", 0)?;
    Ok(words.iter().flat_map(|value| half::f16::from_f32(*value).to_le_bytes()).collect())
}
