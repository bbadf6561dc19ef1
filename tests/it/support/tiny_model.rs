//! Embedding models of a few kilobytes, in folders as people have them: random weights, and a tokenizer of a few pieces. A
//! text's vector is little more than the bag of its letters, which is enough to find a text again by its own words.

use std::{collections::HashMap, fs, path::Path};

use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

/// What a tiny model is to look like.
#[derive(Debug, Clone)]
pub struct Tiny {
    /// `bert` or `xlm-roberta`.
    pub kind: &'static str,
    pub width: usize,
    pub heads: usize,
    pub layers: usize,
    pub activation: &'static str,
    /// What the tensors' names begin with.
    pub prefix: &'static str,
    pub seed: u64,
    pub half: bool,
    /// Whether it reads pairs and ends in one number.
    pub reranker: bool,
    /// How many words it has, where that is not as many as its tokenizer of letters.
    pub words: Option<usize>,
}

impl Tiny {
    pub fn bert(width: usize, heads: usize) -> Tiny {
        Tiny { kind: "bert", width, heads, layers: 2, activation: "gelu", prefix: "", seed: 7, half: false, reranker: false, words: None }
    }

    pub fn xlm_roberta(width: usize, heads: usize) -> Tiny {
        Tiny { kind: "xlm-roberta", prefix: "roberta.", ..Tiny::bert(width, heads) }
    }

    /// Positions of RoBERTa begin after the padding's.
    pub fn first_position(&self) -> usize {
        if self.kind == "bert" { 0 } else { 2 }
    }

    pub fn intermediate(&self) -> usize {
        self.width * 2
    }

    pub const POSITIONS: usize = 130;

    fn words(&self) -> usize {
        self.words.unwrap_or_else(|| vocabulary(self.kind).len())
    }

    pub fn config(&self) -> Value {
        let mut config = json!({
            "model_type": self.kind, "hidden_size": self.width, "num_hidden_layers": self.layers, "num_attention_heads": self.heads,
            "intermediate_size": self.intermediate(), "hidden_act": self.activation, "layer_norm_eps": 1e-5, "vocab_size": self.words(),
            "max_position_embeddings": Self::POSITIONS, "type_vocab_size": 2, "pad_token_id": if self.kind == "bert" { 0 } else { 1 },
            "position_embedding_type": "absolute", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02,
        });
        if self.reranker {
            config["architectures"] = json!([if self.kind == "bert" { "BertForSequenceClassification" } else { "XLMRobertaForSequenceClassification" }]);
            config["id2label"] = json!({"0": "LABEL_0"});
        }
        config
    }

    /// The three files that a model must have.
    pub fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("config.json"), self.config().to_string()).unwrap();
        fs::write(folder.join("tokenizer.json"), tokenizer(self.kind).to_string()).unwrap();
        fs::write(folder.join("model.safetensors"), self.weights()).unwrap();
    }

    /// A reranker whose score rises with the share of one letter among all tokens, and with nothing else.
    pub fn write_counting(folder: &Path, letter: char) {
        let tiny = Tiny { layers: 1, prefix: "bert.", reranker: true, ..Tiny::bert(16, 1) };
        tiny.write(folder);
        let all = vocabulary("bert");
        let weights = tiny.serialize(|name, shape, _, _| {
            let count: usize = shape.iter().product();
            let mut values = vec![0.0; count];
            let ends = |end: &str| name.ends_with(end);
            if ends("word_embeddings.weight") {
                for (word, row) in all.iter().zip(values.chunks_exact_mut(16)) {
                    row[usize::from(word.trim_start_matches("##") != letter.to_string())] = 4.0;
                }
            } else if ends("LayerNorm.weight") {
                values.fill(1.0);
            } else if ends("self.value.weight") || ends("attention.output.dense.weight") {
                // Queries and keys are nothing, so that each token looks at all alike and takes in what they are.
                (0..16).for_each(|place| values[place * 17] = 1.0);
            } else if ends("pooler.dense.weight") || ends("classifier.weight") {
                values[0] = 0.5;
            }
            values
        });
        fs::write(folder.join("model.safetensors"), weights).unwrap();
    }

    pub fn weights(&self) -> Vec<u8> {
        let mut state = self.seed;
        let mut random = || {
            // The sum of four even numbers is near enough to a normal one.
            (0..4)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
                })
                .sum::<f32>()
        };
        self.serialize(|_, shape, middle, spread| std::iter::repeat_with(|| middle + spread * random()).take(shape.iter().product()).collect())
    }

    /// The file of all tensors, whose values are made from name, shape, and the mean and spread that random ones have.
    fn serialize(&self, mut make: impl FnMut(&str, &[usize], f32, f32) -> Vec<f32>) -> Vec<u8> {
        let mut tensors: Vec<(String, Vec<usize>, f32, f32)> = Vec::new();
        let (width, inner) = (self.width, self.intermediate());
        let mut add = |name: String, shape: &[usize], middle: f32, spread: f32| tensors.push((format!("{}{name}", self.prefix), shape.to_vec(), middle, spread));
        let kinds = 2;
        add("embeddings.word_embeddings.weight".into(), &[self.words(), width], 0.0, 1.0);
        add("embeddings.position_embeddings.weight".into(), &[Self::POSITIONS, width], 0.0, 0.1);
        add("embeddings.token_type_embeddings.weight".into(), &[kinds, width], 0.0, 0.1);
        #[expect(clippy::type_complexity, reason = "it is named once")]
        let norm = |name: String, tensors: &mut dyn FnMut(String, &[usize], f32, f32)| {
            tensors(format!("{name}.weight"), &[width], 1.0, 0.1);
            tensors(format!("{name}.bias"), &[width], 0.0, 0.1);
        };
        norm("embeddings.LayerNorm".into(), &mut add);
        for layer in 0..self.layers {
            let part = |name: &str| format!("encoder.layer.{layer}.{name}");
            for (name, columns, rows) in [
                ("attention.self.query", width, width),
                ("attention.self.key", width, width),
                ("attention.self.value", width, width),
                ("attention.output.dense", width, width),
                ("intermediate.dense", width, inner),
                ("output.dense", inner, width),
            ] {
                add(format!("{}.weight", part(name)), &[rows, columns], 0.0, 0.2);
                add(format!("{}.bias", part(name)), &[rows], 0.0, 0.1);
            }
            norm(part("attention.output.LayerNorm"), &mut add);
            norm(part("output.LayerNorm"), &mut add);
        }
        if self.reranker {
            let (dense, out) = if self.kind == "bert" { (format!("{}pooler.dense", self.prefix), "classifier") } else { ("classifier.dense".to_owned(), "classifier.out_proj") };
            tensors.extend([(format!("{dense}.weight"), vec![width, width], 0.0, 0.4), (format!("{dense}.bias"), vec![width], 0.0, 0.1)]);
            tensors.extend([(format!("{out}.weight"), vec![1, width], 0.0, 1.0), (format!("{out}.bias"), vec![1], 0.0, 0.1)]);
        }
        let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
            .into_iter()
            .map(|(name, shape, middle, spread)| {
                let mut values = make(&name, &shape, middle, spread);
                if self.reranker && name.ends_with("word_embeddings.weight") {
                    // The product keeps these in 16 bits; with values that fit, its scores are the reference's.
                    values.iter_mut().for_each(|value| *value = half::f16::from_f32(*value).to_f32());
                }
                let bytes = values.iter().flat_map(|value| if self.half { half::f16::from_f32(*value).to_le_bytes().to_vec() } else { value.to_le_bytes().to_vec() }).collect();
                (name, shape, bytes)
            })
            .collect();
        let kind = if self.half { Dtype::F16 } else { Dtype::F32 };
        let views: Vec<(&str, TensorView<'_>)> = bytes.iter().map(|(name, shape, bytes)| (name.as_str(), TensorView::new(kind, shape.clone(), bytes).unwrap())).collect();
        safetensors::serialize(views, None).unwrap()
    }
}

/// The folders that sentence-transformers adds.
pub fn write_pooling(folder: &Path, mode: &str, prompts: Value) {
    fs::create_dir_all(folder.join("1_Pooling")).unwrap();
    let modules = json!([
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]);
    fs::write(folder.join("modules.json"), modules.to_string()).unwrap();
    fs::write(folder.join("1_Pooling/config.json"), json!({"pooling_mode_cls_token": mode == "cls", "pooling_mode_mean_tokens": mode == "mean"}).to_string()).unwrap();
    fs::write(folder.join("sentence_bert_config.json"), json!({"max_seq_length": 96}).to_string()).unwrap();
    fs::write(folder.join("config_sentence_transformers.json"), json!({"prompts": prompts}).to_string()).unwrap();
    fs::write(folder.join("README.md"), "---\nlicense: mit\n---\n# Tiny\n").unwrap();
}

fn vocabulary(kind: &str) -> Vec<String> {
    let letters: Vec<char> = ('a'..='z').chain('0'..='9').chain(".,?!:;-“”’%".chars()).collect();
    let mut all: Vec<String> = Vec::new();
    if kind == "bert" {
        all.extend(["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map(String::from));
        all.extend(letters.iter().map(char::to_string));
        all.extend(letters.iter().map(|letter| format!("##{letter}")));
    } else {
        all.extend(["<s>", "<pad>", "</s>", "<unk>", "▁"].map(String::from));
        all.extend(letters.iter().map(char::to_string));
    }
    all
}

fn tokenizer(kind: &str) -> Value {
    let vocabulary = vocabulary(kind);
    let special = |token: &str| {
        let id = vocabulary.iter().position(|known| known == token).unwrap();
        json!({"id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true})
    };
    if kind == "bert" {
        let ids: HashMap<&String, usize> = vocabulary.iter().enumerate().map(|(id, token)| (token, id)).collect();
        return json!({
            // As in real ones: neither is to be heeded.
            "version": "1.0", "truncation": {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}, "padding": null,
            "added_tokens": (["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map(special)),
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
            "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null, "decoder": null,
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": ids},
        });
    }
    let pieces: Vec<Value> = vocabulary.iter().enumerate().map(|(id, token)| json!([token, if id < 4 { 0.0 } else { -3.0 - id as f64 / 100.0 }])).collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": (["<s>", "<pad>", "</s>", "<unk>"].map(special)),
        "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
        "post_processor": null, "decoder": null, "model": {"type": "Unigram", "unk_id": 3, "vocab": pieces, "byte_fallback": false},
    })
}
