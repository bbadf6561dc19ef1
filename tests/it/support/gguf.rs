//! Tiny GGUF models, made for a test: each says one sentence, word for word, and then stops or begins anew.
//!
//! Attention and the layers between are all zero, so that what comes next hangs on the last token alone: its embedding is
//! a one in a place of its own, and the output has a weight from there to the next word's row. All the rest (the file, the
//! vocabulary, the template, the arithmetic) is as in a large model.

use std::{fs::File, io::BufWriter, path::Path};

use candle_core::{
    Device, Tensor,
    quantized::{GgmlDType, QTensor, gguf_file::{self, Value}},
};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

pub const TEMPLATE: &str = "{%- for message in messages %}\n{{- '<|' + message.role + '|>' + message['content'].strip() + '<|end|>' }}\n{%- endfor %}\n{%- if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

pub struct Tiny<'a> {
    pub architecture: &'a str,
    /// No word twice.
    pub says: &'a str,
    /// Whether it goes on for ever.
    pub endless: bool,
    pub template: Option<&'a str>,
    /// The kind of vocabulary; only `gpt2` is read from the file.
    pub vocabulary: &'a str,
}

impl Default for Tiny<'_> {
    fn default() -> Self {
        Tiny { architecture: "llama", says: "We refund every purchase within 30 days of the delivery.", endless: false, template: Some(TEMPLATE), vocabulary: "gpt2" }
    }
}

const HEAD: usize = 16;
const INNER: usize = 32;

impl Tiny<'_> {
    pub fn write(&self, path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut tokens: Vec<String> = ByteLevel::alphabet().into_iter().map(String::from).collect();
        tokens.sort_unstable();
        let letters = tokens.len();
        tokens.extend(["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"].map(str::to_owned));
        let marks = tokens.len();
        tokens.extend(self.says.split(' ').enumerate().map(|(place, word)| if place == 0 { word.to_owned() } else { format!("Ġ{word}") }));
        let last = tokens.len() - 1;
        // Heads of one size for all architectures.
        let width = tokens.len().div_ceil(2 * HEAD) * 2 * HEAD;
        let heads = width / HEAD;
        while tokens.len() < width {
            tokens.push(format!("<|unused{}|>", tokens.len()));
        }
        let end = letters + 3;
        let next = |token: usize| match token {
            token if token == letters + 2 => marks,
            token if token == last && self.endless => marks,
            token if (marks..last).contains(&token) => token + 1,
            _ => end,
        };
        let mut embedding = vec![0f32; width * width];
        let mut output = vec![0f32; width * width];
        for token in 0..width {
            embedding[token * width + token] = 1.0;
            output[next(token) * width + token] = 3.0;
        }
        let tensor = |values: Vec<f32>, shape: &[usize]| QTensor::quantize(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap(), GgmlDType::F32).unwrap();
        let filled = |value: f32, shape: &[usize]| tensor(vec![value; shape.iter().product()], shape);
        let mut tensors = vec![("token_embd.weight".to_owned(), tensor(embedding, &[width, width])), ("output.weight".to_owned(), tensor(output, &[width, width])), ("output_norm.weight".to_owned(), filled(1.0, &[width]))];
        let keys = width / 2;
        for (name, value, shape) in [
            ("attn_norm", 1.0, vec![width]), ("ffn_norm", 1.0, vec![width]), ("attn_q", 0.0, vec![width, width]), ("attn_k", 0.0, vec![keys, width]), ("attn_v", 0.0, vec![keys, width]),
            ("attn_output", 0.0, vec![width, width]), ("ffn_gate", 0.0, vec![INNER, width]), ("ffn_up", 0.0, vec![INNER, width]), ("ffn_down", 0.0, vec![width, INNER]),
            ("attn_q_norm", 1.0, vec![HEAD]), ("attn_k_norm", 1.0, vec![HEAD]), ("post_attention_norm", 1.0, vec![width]), ("post_ffw_norm", 1.0, vec![width]),
        ] {
            tensors.push((format!("blk.0.{name}.weight"), filled(value, &shape)));
        }
        for (name, length) in [("attn_q", width), ("attn_k", keys), ("attn_v", keys)] {
            tensors.push((format!("blk.0.{name}.bias"), filled(0.0, &[length])));
        }
        let texts = |texts: &[String]| Value::Array(texts.iter().cloned().map(Value::String).collect());
        let kinds = (0..width).map(|token| Value::I32(if (letters..marks).contains(&token) { 3 } else { 1 })).collect();
        let number = |value: usize| Value::U32(value as u32);
        let own = |key: &str| format!("{}.{key}", self.architecture);
        let mut metadata = vec![
            ("general.architecture".to_owned(), Value::String(self.architecture.to_owned())),
            (own("block_count"), number(1)),
            (own("context_length"), number(8192)),
            (own("embedding_length"), number(width)),
            (own("feed_forward_length"), number(INNER)),
            (own("attention.head_count"), number(heads)),
            (own("attention.head_count_kv"), number(heads / 2)),
            (own("attention.key_length"), number(HEAD)),
            (own("attention.value_length"), number(HEAD)),
            (own("attention.sliding_window"), number(512)),
            (own("attention.layer_norm_rms_epsilon"), Value::F32(1e-6)),
            (own("rope.dimension_count"), number(HEAD)),
            (own("rope.freq_base"), Value::F32(10_000.0)),
            ("tokenizer.ggml.model".to_owned(), Value::String(self.vocabulary.to_owned())),
            ("tokenizer.ggml.pre".to_owned(), Value::String("qwen2".to_owned())),
            ("tokenizer.ggml.tokens".to_owned(), texts(&tokens)),
            ("tokenizer.ggml.merges".to_owned(), Value::Array(Vec::new())),
            ("tokenizer.ggml.token_type".to_owned(), Value::Array(kinds)),
            ("tokenizer.ggml.eos_token_id".to_owned(), number(end)),
        ];
        metadata.extend(self.template.map(|template| ("tokenizer.chat_template".to_owned(), Value::String(template.to_owned()))));
        let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
        let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        gguf_file::write(&mut BufWriter::new(File::create(path).unwrap()), &metadata, &tensors).unwrap();
    }
}
