//! A reranker in the models folder: what computes it, how it is taken in, and what it does to searches and answers.

use std::{fs, path::Path, time::Duration};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{bert, xlm_roberta};
use illumichat::{
    clock::Clock,
    config::Config,
    embed::{Embedder, Library, Model, Precision, Wishes},
};
use serde_json::{Value, json};
use tokenizers::processors::{bert::BertProcessing, roberta::RobertaProcessing};

use super::{
    assistants::create_assistant,
    chat::question,
    crash::{failure, run},
    models::{add, json_of},
    projects::create_project,
};
use crate::support::{Client, TestApp, tiny_model::Tiny};

/// The tokenizer of the model inside.
const REAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/all-minilm-l6-v2/tokenizer.json");
const LONG: Duration = Duration::from_secs(60);

/// The score of a pair as the papers and transformers have it: the tokenizer's own template for pairs, candle's model, the pooler,
/// the classifier.
fn oracle(folder: &Path, tiny: &Tiny) -> impl Fn(&str, &str) -> f32 + use<> {
    let mut tokenizer = tokenizers::Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
    tokenizer.with_truncation(None).unwrap();
    tokenizer.with_padding(None);
    let mark = |text: &str| (text.to_owned(), tokenizer.token_to_id(text).unwrap());
    let is_bert = tiny.kind == "bert";
    if is_bert {
        let template = BertProcessing::new(mark("[SEP]"), mark("[CLS]"));
        tokenizer.with_post_processor(Some(template));
    } else {
        let template = RobertaProcessing::new(mark("</s>"), mark("<s>"));
        tokenizer.with_post_processor(Some(template));
    }
    let weights = VarBuilder::from_buffered_safetensors(fs::read(folder.join("model.safetensors")).unwrap(), DType::F32, &Device::Cpu).unwrap();
    let mut config = tiny.config();
    if config["hidden_act"] == "gelu_new" {
        config["hidden_act"] = json!("geluapproximate");
    }
    let inner = if tiny.prefix.is_empty() { weights.clone() } else { weights.pp(tiny.prefix.trim_end_matches('.')) };
    let bert = is_bert.then(|| bert::BertModel::load(inner.clone(), &serde_json::from_value(config.clone()).unwrap()).unwrap());
    let roberta = (!is_bert).then(|| xlm_roberta::XLMRobertaModel::new(&serde_json::from_value(config).unwrap(), inner.clone()).unwrap());
    let (dense, out) = if is_bert {
        (candle_nn::linear(tiny.width, tiny.width, inner.pp("pooler.dense")).unwrap(), candle_nn::linear(tiny.width, 1, weights.pp("classifier")).unwrap())
    } else {
        (candle_nn::linear(tiny.width, tiny.width, weights.pp("classifier.dense")).unwrap(), candle_nn::linear(tiny.width, 1, weights.pp("classifier.out_proj")).unwrap())
    };
    move |question, passage| {
        let encoding = tokenizer.encode((question, passage), true).unwrap();
        let tensor = |ids: &[u32]| Tensor::new(ids, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let ids = tensor(encoding.get_ids());
        let hidden = match (&bert, &roberta) {
            (Some(model), _) => model.forward(&ids, &tensor(encoding.get_type_ids()), None),
            (_, Some(model)) => model.forward(&ids, &ids.ones_like().unwrap(), &ids.zeros_like().unwrap(), None, None, None),
            _ => unreachable!(),
        };
        let first = hidden.unwrap().get(0).unwrap().narrow(0, 0, 1).unwrap();
        let pooled = candle_nn::Module::forward(&dense, &first).unwrap().tanh().unwrap();
        candle_nn::Module::forward(&out, &pooled).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()[0]
    }
}

#[tokio::test]
async fn every_shape_has_the_scores_of_the_reference() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::new(home.path().join("models"));
    let bert = Tiny { reranker: true, prefix: "bert.", ..Tiny::bert(32, 2) };
    let roberta = Tiny { reranker: true, ..Tiny::xlm_roberta(32, 4) };
    let shapes = [
        ("plain", bert.clone()),
        ("half", Tiny { half: true, ..Tiny { reranker: true, prefix: "bert.", ..Tiny::bert(64, 4) } }),
        // As many words as the real tokenizer has.
        ("real", Tiny { words: Some(30_522), layers: 3, ..Tiny { reranker: true, prefix: "bert.", ..Tiny::bert(48, 3) } }),
        ("roberta", roberta.clone()),
        // What the packed encoder does not take.
        ("odd", Tiny { reranker: true, prefix: "bert.", ..Tiny::bert(24, 3) }),
        ("tanh", Tiny { activation: "gelu_new", ..bert }),
        ("odd-roberta", Tiny { reranker: true, ..Tiny::xlm_roberta(40, 5) }),
    ];
    let question = "Can I send it back?";
    let passages = ["", "Refunds are paid within 30 days.", "Zoë — 退款 is not in the vocabulary", "[SEP] no mark of a text counts [CLS]", "Pets are welcome."];
    let workers = Embedder::start(Model::deterministic(), 2).unwrap();
    for (name, tiny) in shapes {
        let folder = home.path().join(name);
        tiny.write(&folder);
        if tiny.words.is_some() {
            fs::copy(REAL, folder.join("tokenizer.json")).unwrap();
        }
        library.add(name, &folder, "a test", &Wishes::default()).unwrap();
        let oracle = oracle(&folder, &tiny);
        let expected: Vec<f32> = passages.iter().map(|passage| oracle(question, passage)).collect();
        let spread = expected.iter().copied().fold(f32::MIN, f32::max) - expected.iter().copied().fold(f32::MAX, f32::min);
        assert!(spread > 0.02, "{name}: {expected:?} tells nothing");
        // In 32 bits to a thousandth; in the fastest way that this processor has, near enough to keep an order.
        for (precision, tolerance) in [(Precision::Single, 1e-3), (Precision::Fastest, 5e-2)] {
            let reranker = workers.reranker(library.model(name).unwrap().with_precision(precision)).unwrap();
            let scores = reranker.scores(question, passages.map(String::from).to_vec(), LONG).await.unwrap();
            for (score, expected) in scores.iter().zip(&expected) {
                assert!((score - expected).abs() < tolerance, "{name}: {scores:?} instead of {expected:?}");
            }
            assert_eq!(scores.len(), passages.len());
        }
        // What is too long is cut, the passage first.
        let reranker = workers.reranker(library.model(name).unwrap()).unwrap();
        let long = reranker.scores(&"why ".repeat(500), vec!["so ".repeat(500), "so ".repeat(1000)], LONG).await.unwrap();
        assert_eq!(long[0], long[1], "{name}");
    }
}

fn settings(folder: &Path, text: &str) -> String {
    let path = folder.join("settings.toml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_reranker_is_recognised_listed_verified_and_removed() {
    let home = tempfile::tempdir().unwrap();
    let (data, folder, embedding) = (home.path().join("data"), home.path().join("counting"), home.path().join("tiny"));
    Tiny::write_counting(&folder, 'x');
    Tiny::bert(32, 2).write(&embedding);
    let added = add(&data, "counting", &folder);
    let said = String::from_utf8_lossy(&added.stdout).into_owned();
    assert!(added.status.success() && said.contains("a reranker, 130 tokens") && said.contains("does not tell right answers from wrong ones"), "{said}{}", String::from_utf8_lossy(&added.stderr));
    assert!(add(&data, "tiny", &embedding).status.success());
    let list = json_of(&data, &["--json", "models", "list"]);
    assert_eq!((&list[0]["kind"], &list[0]["chosen"]), (&json!("embedding"), &json!(true)));
    assert_eq!((&list[1]["name"], &list[1]["kind"], &list[1]["chosen"]), (&json!("counting"), &json!("reranker"), &json!(true)));
    assert_eq!((&list[2]["name"], &list[2]["kind"], &list[2]["chosen"]), (&json!("tiny"), &json!("embedding"), &json!(false)));
    assert_eq!(json_of(&data, &["--json", "models", "verify", "counting"]), json!([{"name": "counting", "ok": true, "problem": null}]));

    // Each is for one purpose, and a name that is none stops the start with a sentence.
    let serve = |text: &str| failure(&run(&data, &["--config", &settings(home.path(), text), "serve", "--listen", "127.0.0.1:0"], ""), 2);
    let sentence = serve("[embed]\nmodel = \"counting\"\n");
    assert!(sentence.contains("`embed.model`") && sentence.contains("is a reranker") && sentence.contains("rerank.model"), "{sentence}");
    let sentence = serve("[rerank]\nmodel = \"tiny\"\n");
    assert!(sentence.contains("`rerank.model`") && sentence.contains("is an embedding model"), "{sentence}");
    let sentence = serve("[rerank]\nmodel = \"none\"\n");
    assert!(sentence.contains("`rerank.model`") && sentence.contains("models add"), "{sentence}");
    let sentence = serve("memory = \"1KiB\"\n[rerank]\nmodel = \"counting\"\n");
    assert!(sentence.contains("of memory") && sentence.contains("1KiB"), "{sentence}");
    let sentence = serve("[rerank]\npassages = 1\n");
    assert!(sentence.contains("`rerank.passages`"), "{sentence}");

    // Two of them, and none is taken by itself.
    assert!(add(&data, "counting-2", &folder).status.success());
    let list = json_of(&data, &["--json", "models", "list"]);
    assert!(list.as_array().unwrap().iter().all(|model| model["kind"] == "embedding" || model["chosen"] == false), "{list}");
    let named = settings(home.path(), "[rerank]\nmodel = \"counting-2\"\n");
    assert_eq!(json_of(&data, &["--config", &named, "--json", "models", "list"])[2]["chosen"], true);
    assert!(failure(&run(&data, &["--config", &named, "models", "remove", "counting-2"], ""), 1).contains("`rerank.model` names it"));
    assert!(run(&data, &["models", "remove", "counting-2"], "").status.success());

    // Damaged, it is told of by whoever looks, and left out where nobody named it.
    super::crash::set_up(&data);
    let doctor = || {
        let output = run(&data, &["--json", "doctor"], "");
        let checks: Value = serde_json::from_slice(&output.stdout).unwrap();
        checks.as_array().unwrap().iter().find(|check| check["name"] == "reranker").unwrap().clone()
    };
    assert!(doctor()["message"].as_str().unwrap().contains("does not tell right answers"), "{}", doctor());
    let weights = data.join("models/counting/model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();
    assert!(doctor()["ok"] == false && doctor()["message"].as_str().unwrap().contains("model.safetensors"), "{}", doctor());
    let bad = run(&data, &["models", "verify", "counting"], "");
    assert!(String::from_utf8_lossy(&bad.stdout).contains("model.safetensors") && bad.status.code() == Some(1), "{bad:?}");
    assert!(run(&data, &["models", "remove", "counting"], "").status.success());
    assert_eq!((doctor()["ok"].clone(), doctor()["message"].clone()), (json!(true), json!("none in the models folder")));
}

#[test]
fn a_classifier_that_cannot_rank_is_refused_with_the_reason() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let tiny = Tiny { reranker: true, prefix: "bert.", ..Tiny::bert(32, 2) };
    type Change = Box<dyn Fn(&Path)>;
    let config = |change: fn(&mut Value)| -> Change {
        let tiny = tiny.clone();
        Box::new(move |folder| {
            let mut config = tiny.config();
            change(&mut config);
            fs::write(folder.join("config.json"), config.to_string()).unwrap();
        })
    };
    let weights = |of: Tiny| -> Change { Box::new(move |folder| fs::write(folder.join("model.safetensors"), of.weights()).unwrap()) };
    let cases: Vec<(Change, &str)> = vec![
        (config(|config| config["num_labels"] = json!(3)), "3 classes"),
        (config(|config| config["id2label"] = json!({"0": "no", "1": "yes"})), "2 classes"),
        (config(|config| config["id2label"] = Value::Null), "2 classes"),
        (weights(Tiny { prefix: "bert.", ..Tiny::bert(32, 2) }), "pooler.dense.weight is missing"),
        (weights(Tiny { reranker: true, prefix: "bert.", layers: 1, ..Tiny::bert(32, 2) }), "is missing"),
        (weights(Tiny { reranker: true, prefix: "bert.", ..Tiny::bert(48, 3) }), "not the 32"),
        (
            Box::new(|folder| {
                let path = folder.join("model.safetensors");
                let mut bytes = fs::read(&path).unwrap();
                // The last tensor by name is the classifier's or a layer's; a score of no number is told of all the same.
                let end = bytes.len();
                for place in (end - 4096..end).step_by(4) {
                    bytes[place..place + 4].copy_from_slice(&f32::NAN.to_le_bytes());
                }
                fs::write(path, bytes).unwrap();
            }),
            "not a finite number",
        ),
    ];
    for (change, reason) in cases {
        let folder = home.path().join("folder");
        let _ = fs::remove_dir_all(&folder);
        tiny.write(&folder);
        change(&folder);
        let sentence = failure(&add(&data, "bad", &folder), 2);
        assert!(sentence.contains(reason) && !sentence.contains(".adding"), "{reason}: {sentence}");
        assert!(!data.join("models/bad").exists(), "{reason}: something is left");
    }
}

/// Passages that the first search and the reranker, who counts the letter x, see otherwise.
const TEXTS: [(&str, &str); 4] = [
    ("Delivery", "Parcels arrive in three days."),
    ("Boxes", "Parcels arrive. Xxxx xxxxx xxxx."),
    ("Express", "Express parcels, extra fast."),
    ("Returns", "We return your money."),
];
const ASKED: &str = "When do parcels arrive in days?";

async fn help_centre(app: &TestApp) -> (Client, Value, String) {
    let owner = app.owner().await;
    let assistant = create_assistant(&owner, json!({})).await;
    let project = create_project(&owner, "Help centre").await;
    for (title, text) in TEXTS {
        owner.post(&owner.path(&format!("/projects/{project}/documents")), json!({"title": title, "text": text})).await.expect(201);
    }
    owner.post(&owner.path(&format!("/assistants/{}/projects", assistant["id"].as_str().unwrap())), json!({"projectId": project})).await.expect(201);
    app.drain().await;
    (owner, assistant, project)
}

fn titles(found: &Value) -> Vec<&str> {
    found["data"].as_array().unwrap().iter().map(|hit| hit["title"].as_str().unwrap()).collect()
}

fn put(folder: &tempfile::TempDir, name: &str, write: impl FnOnce(&Path)) {
    let from = folder.path().join(format!("from-{name}"));
    write(&from);
    Library::new(folder.path().join("data/models")).add(name, &from, "a test", &Wishes::default()).unwrap();
}

async fn receipt(owner: &Client, assistant: &Value) -> Value {
    let answer = owner.ask("/api/chat", question(assistant, ASKED)).await;
    owner.get(&owner.path(&format!("/conversations/{}/messages/{}/receipt", answer.chat_id(), answer.message_id()))).await.expect(200)
}

/// A second start on the same folder, with time enough, and the model loaded.
async fn again(folder: tempfile::TempDir, change: impl FnOnce(&mut Config)) -> TestApp {
    let app = TestApp::in_folder(folder, Clock::system(), |config| {
        config.rerank.timeout_ms = 60_000;
        change(config);
    })
    .await;
    if let Some(reranker) = &app.app.reranker {
        reranker.load().await.unwrap();
    }
    app
}

#[tokio::test]
async fn a_reranker_puts_searches_and_answers_in_its_order_as_long_as_it_is_there() {
    let app = TestApp::with(|_| {}).await;
    let (owner, assistant, project) = help_centre(&app).await;
    let search = owner.path(&format!("/projects/{project}/search"));
    let (token, workspace) = (owner.credentials.clone(), owner.workspace_id.clone());
    let before = owner.post(&search, json!({"query": ASKED})).await.expect(200);
    assert_eq!((titles(&before)[0], &before["reranking"], &before["data"][0]["rerank"]), ("Delivery", &Value::Null, &Value::Null));
    let told = receipt(&owner, &assistant).await;
    assert_eq!((&told["reranking"], &told["passages"][0]["title"]), (&Value::Null, &json!("Delivery")));

    let folder = app.stop().await;
    put(&folder, "counting", |folder| Tiny::write_counting(folder, 'x'));
    let app = again(folder, |_| {}).await;
    let owner = Client { credentials: token.clone(), workspace_id: workspace.clone(), ..app.nobody() };
    let after = owner.post(&search, json!({"query": ASKED})).await.expect(200);
    assert_eq!(titles(&after)[..2], ["Boxes", "Express"], "{after}");
    let reranking = &after["reranking"];
    assert!(reranking["model"].as_str().unwrap().starts_with("counting@") && reranking["passages"] == 4 && reranking["scored"] == 4 && reranking["ms"].is_i64(), "{reranking}");
    let hits = after["data"].as_array().unwrap();
    for (place, hit) in hits.iter().enumerate() {
        assert_eq!(hit["rerank"]["rank"], place + 1);
    }
    assert!(hits.is_sorted_by(|left, right| left["rerank"]["score"].as_f64() >= right["rerank"]["score"].as_f64()));
    // The other figures are what they were, so that one can see why; and so is the decision.
    for hit in hits {
        let old = before["data"].as_array().unwrap().iter().find(|old| old["documentId"] == hit["documentId"]).unwrap();
        assert_eq!((&hit["score"], &hit["keyword"], &hit["vector"]), (&old["score"], &old["keyword"], &old["vector"]));
    }
    assert_eq!((&after["confidence"], &after["minConfidence"], &after["answerable"]), (&before["confidence"], &before["minConfidence"], &before["answerable"]));
    // What it reads goes beyond what is shown.
    let first = owner.post(&search, json!({"query": ASKED, "limit": 1})).await.expect(200);
    assert_eq!((titles(&first), &first["reranking"]["scored"]), (vec!["Boxes"], &json!(4)));
    // One signal alone is shown as it is.
    for mode in ["keyword", "vector"] {
        let one = owner.post(&search, json!({"query": ASKED, "mode": mode})).await.expect(200);
        assert_eq!((&one["reranking"], &one["data"][0]["rerank"]), (&Value::Null, &Value::Null), "{mode}");
    }
    let told = receipt(&owner, &assistant).await;
    assert_eq!((&told["passages"][0]["title"], &told["passages"][0]["rerank"]["rank"]), (&json!("Boxes"), &json!(1)), "{told}");
    assert!(told["reranking"]["model"].as_str().unwrap().starts_with("counting@") && told["reranking"]["scored"] == 4 && told["reranking"]["ms"].is_i64(), "{told}");
    // An exact answer comes before prose, whatever the model says of either.
    owner.post(&owner.path(&format!("/projects/{project}/qa")), json!({"question": ASKED, "answer": "On the day of the fair."})).await.expect(201);
    app.drain().await;
    let exact = owner.post(&search, json!({"query": ASKED})).await.expect(200);
    assert_eq!((titles(&exact)[..2].to_vec(), &exact["data"][0]["rerank"]), (vec![ASKED, "Boxes"], &Value::Null), "{exact}");

    // Switched off, and taken out: as before.
    let folder = app.stop().await;
    let app = again(folder, |config| config.rerank.model = "off".into()).await;
    assert!(app.app.reranker.is_none());
    let folder = app.stop().await;
    Library::new(folder.path().join("data/models")).remove("counting").unwrap();
    let app = again(folder, |_| {}).await;
    let owner = Client { credentials: token, workspace_id: workspace, ..app.nobody() };
    let last = owner.post(&search, json!({"query": ASKED})).await.expect(200);
    assert_eq!((titles(&last)[..2].to_vec(), &last["reranking"]), (vec![ASKED, "Delivery"], &Value::Null));
}

#[tokio::test]
async fn what_is_not_read_in_time_stays_as_it_was_found() {
    let app = TestApp::with(|_| {}).await;
    let (owner, assistant, project) = help_centre(&app).await;
    let search = owner.path(&format!("/projects/{project}/search"));
    let (token, workspace) = (owner.credentials.clone(), owner.workspace_id.clone());
    let before = owner.post(&search, json!({"query": ASKED})).await.expect(200);
    let folder = app.stop().await;
    // A file that does not come to an end, as on a disk that hangs.
    put(&folder, "slow", |folder| Tiny { reranker: true, prefix: "bert.", ..Tiny::bert(32, 2) }.write(folder));
    let pipe = Pipe(folder.path().join("data/models/slow/model.safetensors"));
    fs::remove_file(&pipe.0).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe.0).status().unwrap().success());
    let app = TestApp::in_folder(folder, Clock::system(), |config| config.rerank.timeout_ms = 50).await;
    let owner = Client { credentials: token.clone(), workspace_id: workspace.clone(), ..app.nobody() };
    let after = owner.post(&search, json!({"query": ASKED})).await.expect(200);
    assert_eq!((titles(&after), &after["reranking"]["scored"], &after["reranking"]["problem"]), (titles(&before), &json!(0), &Value::Null), "{after}");
    let told = receipt(&owner, &assistant).await;
    assert_eq!((&told["passages"][0]["title"], &told["reranking"]["passages"], &told["reranking"]["scored"]), (&json!("Delivery"), &json!(4), &json!(0)), "{told}");

    // Then it ends, and is not what it was: the answer comes, and the search says why nothing was reranked.
    drop(pipe);
    assert!(app.app.reranker.as_ref().unwrap().load().await.is_err());
    let after = owner.post(&search, json!({"query": ASKED})).await.expect(200);
    assert_eq!(titles(&after), titles(&before));
    assert!(after["reranking"]["problem"].as_str().unwrap().contains("model.safetensors"), "{after}");
    let told = receipt(&owner, &assistant).await;
    assert_eq!((&told["decision"]["answered"], &told["passages"][0]["title"]), (&json!(true), &json!("Delivery")), "{told}");
}

/// A pipe that somebody waits to read from, and that ends with this.
struct Pipe(std::path::PathBuf);

impl Drop for Pipe {
    fn drop(&mut self) {
        let path = self.0.clone();
        // It waits for the reader, whenever that comes.
        std::thread::spawn(move || fs::OpenOptions::new().write(true).open(path));
    }
}

#[test]
fn the_evaluation_measures_it_beside_the_others() {
    let home = tempfile::tempdir().unwrap();
    let (data, set) = (home.path().join("data"), home.path().join("set"));
    fs::create_dir_all(&set).unwrap();
    let corpus: String = TEXTS.iter().map(|(title, text)| format!("{}\n", json!({"_id": title, "title": title, "text": text}))).collect();
    fs::write(set.join("corpus.jsonl"), corpus).unwrap();
    fs::write(set.join("queries.jsonl"), format!("{}\n", json!({"_id": "q", "text": ASKED}))).unwrap();
    fs::write(set.join("qrels.tsv"), "query-id\tcorpus-id\tscore\nq\tBoxes\t1\n").unwrap();
    let eval = |more: &[&str]| run(&data, &[&["eval", "retrieval", set.to_str().unwrap()], more].concat(), "");
    assert!(failure(&eval(&["--mode", "hybrid+rerank"]), 2).contains("models add"));
    let folder = home.path().join("counting");
    Tiny::write_counting(&folder, 'x');
    assert!(add(&data, "counting", &folder).status.success());
    let report: Value = serde_json::from_slice(&eval(&["--json"]).stdout).unwrap();
    assert_eq!((&report["modes"]["hybrid"]["hit1"], &report["modes"]["hybrid+rerank"]["hit1"]), (&json!(0.0), &json!(1.0)), "{report}");
    assert!(report["settings"]["rerank"]["model"].as_str().unwrap().starts_with("counting@"), "{report}");
    let table = eval(&["--mode", "hybrid+rerank"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("\nhybrid  ") && table.contains("\nhybrid+rerank "), "{table}");
}
