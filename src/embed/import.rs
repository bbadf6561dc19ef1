//! A folder as people have it (`config.json`, `tokenizer.json`, `model.safetensors`, and what sentence-transformers puts beside
//! them) read into our own description. Every folder that cannot be used gets a sentence that says why.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};

use super::description::{Activation, Description, Family, FileSum, Kind, Pooling, Scale};
use super::general::Shape;
use super::model::sha256_hex;
use super::tokenizer::Pieces;

/// What a model must have.
pub const NEEDED: [&str; 3] = ["config.json", "tokenizer.json", WEIGHTS];
/// What may stand beside it and says more.
pub const OPTIONAL: [&str; 6] =
    ["modules.json", "1_Pooling/config.json", "sentence_bert_config.json", "config_sentence_transformers.json", "tokenizer_config.json", "README.md"];
const WEIGHTS: &str = "model.safetensors";

/// Passages are never near as long, and attention costs the square.
const MOST_TOKENS: usize = 512;

/// `config.json`, as far as it is needed here.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    model_type: String,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    #[serde(default = "gelu")]
    hidden_act: String,
    #[serde(default = "twelfth")]
    layer_norm_eps: f32,
    #[serde(default)]
    pad_token_id: Option<usize>,
    #[serde(default)]
    position_embedding_type: Option<String>,
    #[serde(default)]
    architectures: Option<Vec<String>>,
    /// How many numbers a classifier ends in, said in one of two ways.
    #[serde(default)]
    num_labels: Option<usize>,
    #[serde(default)]
    id2label: Option<serde_json::Map<String, Value>>,
}

impl Config {
    /// A classifier of one number is a cross-encoder; one of several sorts texts into classes, and is of no use here.
    fn kind(&self) -> std::result::Result<Kind, String> {
        let is_classifier = self.architectures.iter().flatten().any(|name| name.ends_with("ForSequenceClassification"));
        // transformers leaves out what it takes for granted: two.
        match self.num_labels.or(self.id2label.as_ref().map(serde_json::Map::len)).unwrap_or(2) {
            _ if !is_classifier => Ok(Kind::Embedding),
            1 => Ok(Kind::Reranker),
            labels => Err(format!("it sorts texts into {labels} classes; a model that ranks passages ends in one number")),
        }
    }
}

fn gelu() -> String {
    "gelu".into()
}

fn twelfth() -> f32 {
    1e-12
}

/// What the caller wants otherwise than the folder says.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    pub pooling: Option<Pooling>,
    pub query_prefix: Option<String>,
    pub passage_prefix: Option<String>,
    pub max_tokens: Option<usize>,
    pub license: Option<String>,
}

/// Describes the model in a folder. Its scale is not measured yet.
///
/// # Errors
/// `bad_request` with a sentence that names the file and what is wrong with it.
pub fn describe(folder: &Path, name: &str, source: &str, wishes: &Wishes) -> Result<Description> {
    let in_folder = |file: &str, why: &str| Error::bad_request(format!("The model in {} cannot be used: {file}: {why}.", folder.display()));
    for file in NEEDED {
        if !folder.join(file).is_file() {
            return Err(missing(folder, file));
        }
    }
    let read = |file: &str| std::fs::read(folder.join(file)).map_err(|error| in_folder(file, &error.to_string()));
    let optional = |file: &str| -> Result<Value> {
        if !folder.join(file).is_file() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&read(file)?).map_err(|error| in_folder(file, &error.to_string()))
    };
    let config: Config = serde_json::from_slice(&read("config.json")?).map_err(|error| in_folder("config.json", &error.to_string()))?;
    let wrong = |why: &str| in_folder("config.json", why);
    let family = match config.model_type.as_str() {
        "bert" => Family::Bert,
        "xlm-roberta" | "roberta" | "camembert" => Family::XlmRoberta,
        other => return Err(wrong(&format!("it is of the type `{other}`; what can be read is bert, roberta and xlm-roberta"))),
    };
    let activation = match config.hidden_act.as_str() {
        "gelu" => Activation::Gelu,
        "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Activation::GeluTanh,
        "relu" => Activation::Relu,
        other => return Err(wrong(&format!("its activation is `{other}`; what can be computed is gelu, gelu_new and relu"))),
    };
    if config.position_embedding_type.as_deref().is_some_and(|kind| kind != "absolute") {
        return Err(wrong("its positions are relative; only absolute ones can be computed"));
    }
    let kind = config.kind().map_err(|why| wrong(&why))?;
    if config.hidden_size == 0 || config.num_attention_heads == 0 || config.num_hidden_layers == 0 || config.intermediate_size == 0 {
        return Err(wrong("a size is 0"));
    }
    if !config.hidden_size.is_multiple_of(config.num_attention_heads) {
        return Err(wrong("its hidden size is no multiple of its number of attention heads"));
    }
    if !config.hidden_size.is_multiple_of(8) || config.hidden_size > 4096 {
        return Err(wrong(&format!("it has {} dimensions; a multiple of 8 up to 4096 can be stored", config.hidden_size)));
    }
    let weights = read(WEIGHTS)?;
    let shape = Shape::of(&weights).map_err(|why| in_folder(WEIGHTS, &why))?;
    if shape.width != config.hidden_size {
        return Err(in_folder(WEIGHTS, &format!("its vectors have {} numbers and not the {} of config.json", shape.width, config.hidden_size)));
    }
    let tokenizer = read("tokenizer.json")?;
    let pieces = Pieces::from_bytes(&tokenizer).map_err(|error| in_folder("tokenizer.json", error.message()))?;
    if pieces.vocabulary() > shape.words {
        return Err(in_folder("tokenizer.json", &format!("it has {} tokens, and the weights only {}: they are of different models", pieces.vocabulary(), shape.words)));
    }
    // RoBERTa's positions begin after the one that stands for padding.
    let first_position = if family == Family::XlmRoberta { config.pad_token_id.unwrap_or(1) + 1 } else { 0 };
    let positions = shape.positions.saturating_sub(first_position);
    let pooling = match wishes.pooling {
        _ if kind == Kind::Reranker => Pooling::Cls,
        Some(pooling) => pooling,
        None => pooling(&optional("modules.json")?, &optional("1_Pooling/config.json")?).map_err(|(file, why)| in_folder(file, &why))?,
    };
    let said = [&optional("sentence_bert_config.json")?["max_seq_length"], &optional("tokenizer_config.json")?["model_max_length"]]
        .iter()
        .find_map(|value| value.as_u64())
        .map_or(MOST_TOKENS, |tokens| usize::try_from(tokens).unwrap_or(MOST_TOKENS));
    let max_tokens = wishes.max_tokens.unwrap_or(said.min(MOST_TOKENS).min(positions));
    if max_tokens < 32 || max_tokens > positions {
        return Err(wrong(&format!("it would read {max_tokens} tokens; it has {positions} positions, and fewer than 32 are no use")));
    }
    let (query_prefix, passage_prefix) = prefixes(&optional("config_sentence_transformers.json")?["prompts"], &format!("{name} {source}"));
    let (query_prefix, passage_prefix) = if kind == Kind::Reranker { Default::default() } else { (query_prefix, passage_prefix) };
    let (query_prefix, passage_prefix) = (wishes.query_prefix.clone().unwrap_or(query_prefix), wishes.passage_prefix.clone().unwrap_or(passage_prefix));
    let mut files = Vec::new();
    for path in NEEDED.iter().chain(&OPTIONAL).filter(|path| folder.join(path).is_file()) {
        let bytes = if *path == WEIGHTS { &weights } else { &read(path)? };
        files.push(FileSum { path: (*path).to_owned(), bytes: bytes.len() as u64, sha256: sha256_hex(bytes) });
    }
    let sum_of = |path: &str| files.iter().find(|file| file.path == path).map_or_else(String::new, |file| file.sha256.clone());
    let (weights_sha256, tokenizer_sha256) = (sum_of(WEIGHTS), sum_of("tokenizer.json"));
    let all = format!("{weights_sha256} {tokenizer_sha256} {} {max_tokens} {query_prefix:?} {passage_prefix:?}", pooling.name());
    let license = wishes.license.clone().or_else(|| std::fs::read_to_string(folder.join("README.md")).ok().and_then(|text| license(&text)));
    Ok(Description {
        kind,
        id: format!("{name}@{}", &sha256_hex(all.as_bytes())[..8]),
        dimensions: config.hidden_size,
        max_tokens,
        pooling,
        layers: config.num_hidden_layers,
        heads: config.num_attention_heads,
        intermediate: config.intermediate_size,
        layer_norm_epsilon: config.layer_norm_eps,
        family,
        activation,
        first_position,
        query_prefix,
        passage_prefix,
        scale: Scale::default(),
        weights_file: WEIGHTS.to_owned(),
        weights_sha256,
        tokenizer_sha256,
        files,
        license,
        source: Some(source.to_owned()),
    })
}

/// What to say of a file that is not there; other tools leave models in other forms.
fn missing(folder: &Path, file: &str) -> Error {
    let has = |name: &str| folder.join(name).exists();
    let folder_name = folder.display();
    Error::bad_request(if !folder.is_dir() {
        format!("There is no folder {folder_name}.")
    } else if file == WEIGHTS && has("model.safetensors.index.json") {
        format!("The model in {folder_name} cannot be used: its weights are in several files. Put them into one model.safetensors.")
    } else if file == WEIGHTS && has("pytorch_model.bin") {
        format!("The model in {folder_name} cannot be used: its weights are a pytorch_model.bin, which may hold programs. Convert it to model.safetensors.")
    } else if file == "tokenizer.json" && (has("vocab.txt") || has("sentencepiece.bpe.model")) {
        format!("The model in {folder_name} cannot be used: it has no tokenizer.json. `AutoTokenizer.from_pretrained(…).save_pretrained(…)` of transformers writes one.")
    } else {
        format!("The folder {folder_name} is no model: it has no {file}. A model has {}.", NEEDED.join(", "))
    })
}

/// How sentence-transformers pools, and that it does nothing else with the vectors that is not done here. The error is the
/// file and what is wrong in it.
fn pooling(modules: &Value, config: &Value) -> std::result::Result<Pooling, (&'static str, String)> {
    for module in modules.as_array().into_iter().flatten() {
        let kind = module["type"].as_str().unwrap_or_default();
        let path = module["path"].as_str().unwrap_or_default();
        match kind.rsplit('.').next().unwrap_or_default() {
            "Transformer" if path.is_empty() => {}
            "Pooling" if path.is_empty() || path == "1_Pooling" => {}
            "Normalize" => {}
            "Transformer" | "Pooling" => return Err(("modules.json", format!("a part of the model is in the folder {path}, where it is not looked for"))),
            other => return Err(("modules.json", format!("the model ends in a `{other}`, which cannot be computed"))),
        }
    }
    let modes: Vec<&str> = config.as_object().into_iter().flatten().filter(|(name, on)| name.starts_with("pooling_mode_") && **on == true).map(|(name, _)| name.as_str()).collect();
    match modes.as_slice() {
        [] | ["pooling_mode_mean_tokens"] => Ok(Pooling::Mean),
        ["pooling_mode_cls_token"] => Ok(Pooling::Cls),
        other => Err(("1_Pooling/config.json", format!("it pools by {}; what can be computed is the mean or the first token", other.join(" and ")))),
    }
}

/// The prompts of sentence-transformers; for E5, whose authors only write of them, theirs.
fn prefixes(prompts: &Value, names: &str) -> (String, String) {
    let of = |names: &[&str]| names.iter().find_map(|name| prompts[*name].as_str()).unwrap_or_default().to_owned();
    let (query, passage) = (of(&["query"]), of(&["passage", "document"]));
    let is_e5 = names.to_lowercase().split(|c: char| !c.is_alphanumeric()).any(|word| word == "e5");
    if query.is_empty() && passage.is_empty() && is_e5 { ("query: ".into(), "passage: ".into()) } else { (query, passage) }
}

/// `license: …` in the head of a model card.
fn license(card: &str) -> Option<String> {
    let head = card.strip_prefix("---")?.split("\n---").next()?;
    head.lines().find_map(|line| line.strip_prefix("license:")).map(|value| value.trim().trim_matches('"').to_owned()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cross_encoder_is_told_by_its_architecture_and_its_one_number() {
        let kind = |more: Value| {
            let mut config = json!({"model_type": "bert", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64});
            config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value::<Config>(config).unwrap().kind()
        };
        assert_eq!(kind(json!({})), Ok(Kind::Embedding));
        assert_eq!(kind(json!({"architectures": ["BertForMaskedLM"], "id2label": {"0": "LABEL_0"}})), Ok(Kind::Embedding));
        for name in ["BertForSequenceClassification", "XLMRobertaForSequenceClassification"] {
            // As cross-encoder/ms-marco-MiniLM-L-6-v2 and BAAI/bge-reranker-base have it.
            assert_eq!(kind(json!({"architectures": [name], "id2label": {"0": "LABEL_0"}})), Ok(Kind::Reranker));
            assert_eq!(kind(json!({"architectures": [name], "num_labels": 1})), Ok(Kind::Reranker));
            assert!(kind(json!({"architectures": [name], "num_labels": 3})).unwrap_err().contains("3 classes"));
            assert!(kind(json!({"architectures": [name]})).unwrap_err().contains("2 classes"));
        }
    }

    #[test]
    fn pooling_is_read_and_what_cannot_be_computed_is_refused() {
        let modules = json!([{"type": "sentence_transformers.models.Transformer", "path": ""}, {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]);
        assert_eq!(pooling(&modules, &json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false})), Ok(Pooling::Cls));
        assert_eq!(pooling(&Value::Null, &Value::Null), Ok(Pooling::Mean));
        assert!(pooling(&modules, &json!({"pooling_mode_max_tokens": true})).unwrap_err().1.contains("max"));
        assert!(pooling(&json!([{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]), &Value::Null).unwrap_err().1.contains("Dense"));
    }

    #[test]
    fn prefixes_are_those_of_the_folder_and_e5_has_its_own() {
        assert_eq!(prefixes(&json!({"query": "q: ", "document": "d: "}), "x"), ("q: ".into(), "d: ".into()));
        assert_eq!(prefixes(&Value::Null, "small intfloat/multilingual-e5-small"), ("query: ".into(), "passage: ".into()));
        assert_eq!(prefixes(&Value::Null, "de5k"), (String::new(), String::new()));
    }

    #[test]
    fn the_licence_is_in_the_head_of_the_card() {
        assert_eq!(license("---\ntags: [x]\nlicense: mit\n---\nlicense: none").as_deref(), Some("mit"));
        assert_eq!(license("# A model\nlicense: mit"), None);
    }
}
