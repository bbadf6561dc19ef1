//! The embedding model against candle's `BertModel`, and what callers rely on.

use std::fs;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use illumichat::embed::{Embedder, Model, Precision};

/// Where the build leaves what the executable carries.
const BUILT: &str = concat!(env!("OUT_DIR"), "/model");
/// The model as its authors publish it.
const PUBLISHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/all-minilm-l6-v2");

/// From no token to far more than the model reads, in several scripts.
fn texts() -> Vec<String> {
    let guide = "Our help centre explains billing, shipping, account security, refunds and integrations, so that customers find answers quickly. ";
    let of_words = |count: usize| guide.repeat(20).split_inclusive(' ').take(count).collect();
    let mut texts: Vec<String> = [1, 2, 5, 13, 34, 89, 180, 230].map(of_words).into();
    texts.extend(
        [
            "",
            " \n\t",
            "?",
            "How do I reset my password?",
            "Crème brûlée à l'été, naïve façade: coöperate, señor",
            "🚀🔥 shipped! 👩‍👩‍👧‍👦",
            "退款政策是什么？我可以退货吗",
            "Привет, где мой заказ?",
            "مرحبا، أين طلبي؟",
            "ignore [SEP] and [CLS] and [MASK]",
            "zero\u{200b}width\u{0} and \u{feff}marks",
        ]
        .map(String::from),
    );
    texts.push("x".repeat(300));
    texts.push(guide.repeat(100)[..10_000].into());
    texts
}

/// candle's vectors of token ids, from the published weights in 32 bits.
fn oracle() -> impl Fn(&[u32]) -> Vec<f32> {
    let read = |name: &str| fs::read(Path::new(PUBLISHED).join(name)).unwrap();
    let config: Config = serde_json::from_slice(&read("config.json")).unwrap();
    let weights = VarBuilder::from_buffered_safetensors(read("model.safetensors"), DType::F32, &Device::Cpu).unwrap();
    let model = BertModel::load(weights, &config).unwrap();
    move |ids| {
        let ids = Tensor::new(ids, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let hidden = model.forward(&ids, &ids.zeros_like().unwrap(), None).unwrap();
        hidden.mean(1).unwrap().squeeze(0).unwrap().to_vec1().unwrap()
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[tokio::test]
async fn vectors_are_those_of_the_reference() {
    let mut tokenizer = tokenizers::Tokenizer::from_file(Path::new(PUBLISHED).join("tokenizer.json")).unwrap();
    tokenizer.with_padding(None).with_truncation(Some(tokenizers::TruncationParams { max_length: 256, ..Default::default() })).unwrap();
    let ids: Vec<Vec<u32>> = texts().iter().map(|text| tokenizer.encode(text.as_str(), true).unwrap().get_ids().to_vec()).collect();
    assert_eq!(ids.iter().map(Vec::len).max(), Some(256));
    let oracle = oracle();
    let expected: Vec<Vec<f32>> = ids.iter().map(|ids| oracle(ids)).collect();
    for (precision, least) in [(Precision::Single, 0.999_99), (Precision::Fastest, 0.9999)] {
        let embedder = Embedder::start(Model::builtin().with_precision(precision), 1).unwrap();
        for ((text, vector), expected) in texts().iter().zip(embedder.passages(texts()).await.unwrap()).zip(&expected) {
            let cosine = cosine(&vector, expected);
            assert!(cosine >= least, "{precision:?}: {cosine} for {text:.40}");
            let length: f32 = vector.iter().map(|x| x * x).sum();
            assert!((length - 1.0).abs() < 1e-5, "{length}");
        }
    }
}

#[tokio::test]
async fn a_batch_equals_its_singles_to_the_last_bit() {
    for precision in [Precision::Single, Precision::Fastest] {
        let embedder = Embedder::start(Model::builtin().with_precision(precision), 2).unwrap();
        let together = embedder.passages(texts()).await.unwrap();
        for (text, vector) in texts().iter().zip(together) {
            assert_eq!(embedder.query(text).await.unwrap(), vector, "{precision:?}: {text:.40}");
        }
    }
}

#[test]
fn tokens_are_counted_and_placed() {
    let embedder = Embedder::start(Model::builtin(), 1).unwrap();
    assert_eq!((embedder.info().id.as_str(), embedder.info().dimensions, embedder.info().max_tokens), ("all-minilm-l6-v2", 384, 256));
    let text = "Où est Zoë? Unbelievably far.";
    let tokens: Vec<&str> = embedder.token_offsets(text).into_iter().map(|(start, end)| &text[start..end]).collect();
    assert_eq!(tokens.concat(), text.replace(' ', ""));
    assert_eq!(tokens[..4], ["Où", "est", "Zoë", "?"]);
    assert_eq!(embedder.count_tokens(text), tokens.len());
    assert_eq!(embedder.count_tokens(""), 0);
    assert_eq!(embedder.count_tokens(&"word ".repeat(5000)), 5000, "nothing is cut off or filled up");
}

#[tokio::test]
async fn a_damaged_or_missing_model_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Embedder::start(Model::from_folder(folder.path()), 1).err().unwrap();
    assert_eq!(missing.code().status(), 503);
    assert!(missing.message().contains("model.json") && missing.message().contains("Put it there again"), "{}", missing.message());

    for name in ["model.json", "tokenizer.json", "weights.safetensors"] {
        fs::copy(Path::new(BUILT).join(name), folder.path().join(name)).unwrap();
    }
    let model = Model::from_folder(folder.path());
    model.verify().unwrap();

    let weights = folder.path().join("weights.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&weights, bytes).unwrap();
    let damaged = model.verify().unwrap_err();
    assert!(damaged.message().contains("weights.safetensors") && damaged.message().contains("damaged"), "{}", damaged.message());

    // The weights are read at the first text, not at the start, and the workers live on.
    let embedder = Embedder::start(model, 1).unwrap();
    for _ in 0..2 {
        assert_eq!(embedder.query("hello").await.unwrap_err().message(), damaged.message());
    }
    assert_eq!(embedder.passages(vec!["hello".into()]).await.unwrap_err().code().status(), 503);
    assert_eq!(embedder.load().await.unwrap_err().code().status(), 503);
}

#[tokio::test]
async fn the_deterministic_stand_in_knows_related_texts() {
    let embedder = Embedder::start(Model::deterministic(), 1).unwrap();
    let passages = ["Refunds are paid within 14 days.", "Parcels are shipped from Porto.", "", "the of and"].map(String::from).to_vec();
    let vectors = embedder.passages(passages).await.unwrap();
    let question = embedder.query("When is my refund paid?").await.unwrap();
    assert_eq!(question.len(), embedder.info().dimensions);
    assert!(cosine(&question, &vectors[0]) > 0.4, "{}", cosine(&question, &vectors[0]));
    assert!(cosine(&question, &vectors[1]) < 0.2, "{}", cosine(&question, &vectors[1]));
    assert!(vectors.iter().all(|vector| (cosine(vector, vector) - 1.0).abs() < 1e-6), "none is empty");
    assert_eq!(embedder.query("When is my refund paid?").await.unwrap(), question);
}
