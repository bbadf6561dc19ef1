//! Other embedding models than the one in the executable: `illumichat models`, what computes them, and the change to one.

use std::{fs, path::Path, time::Duration};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{bert, xlm_roberta};
use illumichat::{
    clock::Clock,
    embed::{Embedder, Library, Pooling, Wishes, registry},
    knowledge::{reembed, store::VectorSet},
};
use serde_json::{Value, json};

use super::{
    crash::{Running, client, failure, run, set_up},
    projects::create_project,
};
use crate::support::{
    Client, TestApp,
    hub::Hub,
    tiny_model::{Tiny, write_pooling},
};

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// candle's vector of a text, by the tokenizer's own ids.
fn oracle(folder: &Path, tiny: &Tiny, pooling: Pooling, limit: usize) -> impl Fn(&str) -> Vec<f32> + use<> {
    let mut tokenizer = tokenizers::Tokenizer::from_file(folder.join("tokenizer.json")).unwrap();
    tokenizer.with_truncation(None).unwrap();
    let marks = if tiny.kind == "bert" { ["[CLS]", "[SEP]"] } else { ["<s>", "</s>"] }.map(|mark| tokenizer.token_to_id(mark).unwrap());
    let weights = VarBuilder::from_buffered_safetensors(fs::read(folder.join("model.safetensors")).unwrap(), DType::F32, &Device::Cpu).unwrap();
    let mut config = tiny.config();
    if config["hidden_act"] == "gelu_new" {
        config["hidden_act"] = json!("geluapproximate");
    }
    let weights = if tiny.prefix.is_empty() { weights } else { weights.pp(tiny.prefix.trim_end_matches('.')) };
    let bert = (tiny.kind == "bert").then(|| bert::BertModel::load(weights.clone(), &serde_json::from_value(config.clone()).unwrap()).unwrap());
    let roberta = (tiny.kind != "bert").then(|| xlm_roberta::XLMRobertaModel::new(&serde_json::from_value(config).unwrap(), weights).unwrap());
    move |text| {
        let encoding = tokenizer.encode(text, false).unwrap();
        let ids = &encoding.get_ids()[..encoding.len().min(limit - 2)];
        let ids = Tensor::new([&marks[..1], ids, &marks[1..]].concat(), &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let kinds = ids.zeros_like().unwrap();
        let hidden = match (&bert, &roberta) {
            (Some(model), _) => model.forward(&ids, &kinds, None),
            (_, Some(model)) => model.forward(&ids, &ids.ones_like().unwrap(), &kinds, None, None, None),
            _ => unreachable!(),
        };
        let hidden = hidden.unwrap().squeeze(0).unwrap();
        match pooling {
            Pooling::Mean => hidden.mean(0).unwrap().to_vec1().unwrap(),
            Pooling::Cls => hidden.get(0).unwrap().to_vec1().unwrap(),
        }
    }
}

#[tokio::test]
async fn every_shape_has_the_vectors_of_the_reference() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::new(home.path().join("models"));
    let shapes = [
        ("plain", Tiny::bert(32, 2)),
        ("prefixed", Tiny { prefix: "bert.", ..Tiny::bert(48, 3) }),
        ("half", Tiny { half: true, ..Tiny::bert(64, 4) }),
        ("roberta", Tiny::xlm_roberta(32, 4)),
        ("bare-roberta", Tiny { prefix: "", layers: 3, ..Tiny::xlm_roberta(80, 5) }),
        // What the packed encoder does not take.
        ("odd", Tiny::bert(24, 3)),
        ("odd-roberta", Tiny::xlm_roberta(40, 5)),
        ("tanh", Tiny { activation: "gelu_new", ..Tiny::bert(32, 2) }),
        ("relu", Tiny { activation: "relu", ..Tiny::bert(32, 2) }),
    ];
    let texts = ["", "refund", "How do I get my money back?", "Zoë — 退款 is not in the vocabulary", &"a parcel for every house ".repeat(60)];
    for (name, tiny) in shapes {
        for pooling in [Pooling::Mean, Pooling::Cls] {
            let (folder, name) = (home.path().join(name), format!("{name}-{}", pooling.name()));
            tiny.write(&folder);
            let wishes = Wishes { pooling: Some(pooling), query_prefix: Some("query: ".into()), passage_prefix: Some("text: ".into()), ..Wishes::default() };
            let (about, _) = library.add(&name, &folder, "a test", &wishes).unwrap();
            assert_eq!((about.dimensions, about.max_tokens, about.first_position), (tiny.width, Tiny::POSITIONS - tiny.first_position(), tiny.first_position()), "{name}");
            let oracle = oracle(&folder, &tiny, pooling, about.max_tokens);
            let embedder = Embedder::start(library.model(&name).unwrap(), 1).unwrap();
            let together = embedder.passages(texts.map(String::from).to_vec()).await.unwrap();
            for (text, vector) in texts.iter().zip(&together) {
                let expected = oracle(&format!("text: {text}"));
                assert!(cosine(vector, &expected) > 0.9999, "{name}: {} for {text:.30}", cosine(vector, &expected));
                let length: f32 = vector.iter().map(|x| x * x).sum();
                assert!((length - 1.0).abs() < 1e-4, "{name}: {length}");
                let question = embedder.query(text).await.unwrap();
                assert!(cosine(&question, &oracle(&format!("query: {text}"))) > 0.9999, "{name}: the question's prefix");
            }
            let alone = embedder.passages(vec![texts[2].to_owned()]).await.unwrap();
            assert_eq!(alone[0], together[2], "{name}: a text's vector does not depend on its neighbours");
        }
    }
}

#[test]
fn the_folder_says_how_it_is_to_be_read() {
    let home = tempfile::tempdir().unwrap();
    let library = Library::new(home.path().join("models"));
    let folder = home.path().join("given");
    Tiny::xlm_roberta(32, 2).write(&folder);
    write_pooling(&folder, "cls", json!({"query": "query: ", "document": "passage: "}));
    let (about, _) = library.add("given", &folder, "a test", &Wishes::default()).unwrap();
    assert_eq!((about.pooling, about.max_tokens, about.query_prefix.as_str(), about.passage_prefix.as_str()), (Pooling::Cls, 96, "query: ", "passage: "));
    assert_eq!(about.license.as_deref(), Some("mit"));
    let paths: Vec<&str> = about.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["config.json", "tokenizer.json", "model.safetensors", "modules.json", "1_Pooling/config.json", "sentence_bert_config.json", "config_sentence_transformers.json", "README.md"]);
    // Another way to read the same weights makes other vectors, and so has another id.
    let (other, _) = library.add("given-2", &folder, "a test", &Wishes { query_prefix: Some(String::new()), ..Wishes::default() }).unwrap();
    assert_ne!(about.id.split('@').nth(1), other.id.split('@').nth(1));
    // What a passage may have is counted with its prefix.
    let embedder = Embedder::start(library.model("given").unwrap(), 1).unwrap();
    assert_eq!(embedder.passage_tokens(), 96 - 2 - embedder.count_tokens("passage: "));
    assert!(embedder.count_tokens("passage: ") > 4);
}

pub(super) fn add(data: &Path, name: &str, folder: &Path) -> std::process::Output {
    run(data, &["models", "add", name, "--from", folder.to_str().unwrap()], "")
}

pub(super) fn json_of(data: &Path, arguments: &[&str]) -> Value {
    let output = run(data, arguments, "");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn models_are_added_listed_verified_and_removed() {
    let home = tempfile::tempdir().unwrap();
    let (data, folder) = (home.path().join("data"), home.path().join("tiny"));
    Tiny::bert(32, 2).write(&folder);
    let before = json_of(&data, &["--json", "models", "list"]);
    assert_eq!((before.as_array().unwrap().len(), &before[0]["name"], &before[0]["chosen"]), (1, &json!("all-minilm-l6-v2"), &json!(true)));

    let added = add(&data, "tiny", &folder);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let said = String::from_utf8_lossy(&added.stdout).into_owned();
    assert!(said.contains("32 dimensions") && said.contains("embed.model"), "{said}");
    let list = json_of(&data, &["--json", "models", "list"]);
    let tiny = &list[1];
    assert_eq!((&tiny["name"], &tiny["dimensions"], &tiny["maxTokens"], &tiny["pooling"], &tiny["chosen"]), (&json!("tiny"), &json!(32), &json!(130), &json!("mean"), &json!(false)));
    assert!(tiny["bytes"].as_u64().unwrap() > 10_000 && tiny.get("vectors").is_none(), "{tiny}");
    assert_eq!(json_of(&data, &["--json", "models", "verify"]), json!([{"name": "tiny", "ok": true, "problem": null}]));
    assert!(failure(&add(&data, "tiny", &folder), 1).contains("already"));

    // One byte of the weights is enough.
    let weights = data.join("models/tiny/model.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();
    let bad = run(&data, &["models", "verify", "tiny"], "");
    assert!(String::from_utf8_lossy(&bad.stdout).contains("model.safetensors") && bad.status.code() == Some(1), "{bad:?}");

    let removed = run(&data, &["models", "remove", "tiny"], "");
    assert!(removed.status.success() && !data.join("models/tiny").exists());
    assert!(failure(&run(&data, &["models", "remove", "tiny"], ""), 2).contains("none was added"));
    // Nothing half done is left lying about.
    assert_eq!(fs::read_dir(data.join("models")).unwrap().count(), 0);
}

#[test]
fn a_folder_that_is_no_model_is_refused_with_the_reason() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    type Change = Box<dyn Fn(&Path)>;
    let config = |change: fn(&mut Value)| -> Change {
        Box::new(move |folder| {
            let mut config = Tiny::bert(32, 2).config();
            change(&mut config);
            fs::write(folder.join("config.json"), config.to_string()).unwrap();
        })
    };
    let without = |file: &'static str, instead: Option<&'static str>| -> Change {
        Box::new(move |folder| {
            fs::remove_file(folder.join(file)).unwrap();
            if let Some(instead) = instead {
                fs::write(folder.join(instead), b"x").unwrap();
            }
        })
    };
    let with = |file: &'static str, bytes: &'static [u8]| -> Change { Box::new(move |folder| fs::write(folder.join(file), bytes).unwrap()) };
    let cases: Vec<(Change, &str)> = vec![
        (Box::new(|folder| fs::remove_dir_all(folder).unwrap()), "There is no folder"),
        (without("config.json", None), "no config.json"),
        (without("tokenizer.json", None), "no tokenizer.json"),
        (without("tokenizer.json", Some("vocab.txt")), "save_pretrained"),
        (without("model.safetensors", None), "no model.safetensors"),
        (without("model.safetensors", Some("pytorch_model.bin")), "Convert it"),
        (without("model.safetensors", Some("model.safetensors.index.json")), "several files"),
        (with("config.json", b"{"), "config.json"),
        (with("tokenizer.json", b"{}"), "tokenizer.json"),
        (with("model.safetensors", b"not weights"), "model.safetensors"),
        (config(|config| config["model_type"] = json!("mpnet")), "`mpnet`"),
        (config(|config| config["hidden_act"] = json!("swish")), "`swish`"),
        (config(|config| config["position_embedding_type"] = json!("relative_key")), "relative"),
        (config(|config| config["hidden_size"] = json!(0)), "a size is 0"),
        (config(|config| config["num_attention_heads"] = json!(5)), "no multiple"),
        (config(|config| config["hidden_size"] = json!(64)), "not the 64"),
        (config(|config| config["num_hidden_layers"] = json!(3)), "is missing"),
        (config(|config| config["intermediate_size"] = json!(65)), "instead of"),
        (Box::new(|folder| fs::write(folder.join("tokenizer.json"), more_tokens()).unwrap()), "different models"),
        (Box::new(|folder| fs::write(folder.join("model.safetensors"), of_no_numbers()).unwrap()), "not finite"),
        (Box::new(|folder| write_pooling(folder, "max", json!({}))), ""),
        (Box::new(|folder| fs::write(folder.join("modules.json"), r#"[{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]"#).unwrap()), "Dense"),
    ];
    for (change, reason) in cases {
        let folder = home.path().join("folder");
        let _ = fs::remove_dir_all(&folder);
        Tiny::bert(32, 2).write(&folder);
        change(&folder);
        let output = add(&data, "bad", &folder);
        if reason.is_empty() {
            // A pooling that says nothing is the mean.
            assert!(output.status.success());
            assert!(run(&data, &["models", "remove", "bad"], "").status.success());
            continue;
        }
        let sentence = failure(&output, 2);
        assert!(sentence.contains(reason) && !sentence.contains(".adding"), "{reason}: {sentence}");
        assert!(!data.join("models/bad").exists() && !data.join("models/.adding-bad").exists(), "{reason}: something is left");
    }
    for name in ["", "../x", "Big", ".hidden", "a b", "all-minilm-l6-v2"] {
        failure(&add(&data, name, home.path()), 2);
    }
    // A setting that names what is not there stops the start.
    let start = run(&data, &["--config", write_config(home.path(), "[embed]\nmodel = \"none\"\n").to_str().unwrap(), "serve", "--listen", "127.0.0.1:0"], "");
    let sentence = failure(&start, 2);
    assert!(sentence.contains("`embed.model`") && sentence.contains("models add"), "{sentence}");
}

fn write_config(folder: &Path, text: &str) -> std::path::PathBuf {
    let path = folder.join("settings.toml");
    fs::write(&path, text).unwrap();
    path
}

fn more_tokens() -> String {
    let folder = tempfile::tempdir().unwrap();
    Tiny::bert(32, 2).write(folder.path());
    let mut tokenizer: Value = serde_json::from_slice(&fs::read(folder.path().join("tokenizer.json")).unwrap()).unwrap();
    tokenizer["model"]["vocab"]["more"] = json!(50_000);
    tokenizer.to_string()
}

/// Weights of which one number is none.
fn of_no_numbers() -> Vec<u8> {
    let mut weights = Tiny::bert(32, 2).weights();
    let end = weights.len();
    for place in (end - 1024..end).step_by(4) {
        weights[place..place + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    }
    weights
}

#[tokio::test]
async fn a_model_comes_from_a_hub() {
    let home = tempfile::tempdir().unwrap();
    let (data, folder) = (home.path().join("data"), home.path().join("tiny"));
    Tiny::xlm_roberta(32, 2).write(&folder);
    write_pooling(&folder, "mean", json!({}));
    let hub = Hub::start("acme/multilingual-e5-tiny", &folder).await;
    let config = write_config(home.path(), "[egress]\nallow = [\"127.0.0.1\"]\n");
    let fetch = |name: &str, more: &[&str]| {
        let url = hub.url();
        let arguments = [&["--config", config.to_str().unwrap(), "models", "add", name, "--hub", &url], more].concat();
        let (data, arguments) = (data.clone(), arguments.into_iter().map(String::from).collect::<Vec<_>>());
        tokio::task::spawn_blocking(move || run(&data, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), ""))
    };
    let added = fetch("e5", &["--from", "acme/multilingual-e5-tiny"]).await.unwrap();
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let list = json_of(&data, &["--json", "models", "list"]);
    assert_eq!((&list[1]["license"], &list[1]["queryPrefix"], &list[1]["passagePrefix"]), (&json!("mit"), &json!("query: "), &json!("passage: ")));
    assert!(list[1]["source"].as_str().unwrap().ends_with(&format!("acme/multilingual-e5-tiny at {}", Hub::COMMIT)), "{list}");

    assert!(failure(&fetch("x", &["--from", "acme/none"]).await.unwrap(), 2).contains("has no acme/none"));
    assert!(failure(&fetch("x", &["--from", "acme"]).await.unwrap(), 2).contains("no folder acme"));
    assert!(failure(&fetch("x", &["--from", "acme/secret"]).await.unwrap(), 2).contains("HF_TOKEN"));
    hub.spoil("model.safetensors");
    assert!(failure(&fetch("x", &["--from", "acme/multilingual-e5-tiny"]).await.unwrap(), 1).contains("did not arrive whole"));
    hub.spoil("config.json");
    assert!(failure(&fetch("x", &["--from", "acme/multilingual-e5-tiny"]).await.unwrap(), 1).contains("config.json"));
    hub.cut_off("model.safetensors");
    assert!(failure(&fetch("x", &["--from", "acme/multilingual-e5-tiny"]).await.unwrap(), 1).contains("Try again"));
    assert_eq!(fs::read_dir(data.join("models")).unwrap().count(), 1, "only what is whole is there");
    // The guarded client: a private address has to be allowed.
    let guarded = tokio::task::spawn_blocking({
        let (data, url) = (data.clone(), hub.url());
        move || run(&data, &["models", "add", "y", "--hub", &url, "--from", "acme/multilingual-e5-tiny"], "")
    });
    assert!(!guarded.await.unwrap().status.success());
}

/// Three documents and a pair, and the address to search them.
async fn help_centre(app: &TestApp, owner: &Client) -> (String, String) {
    let id = create_project(owner, "Help centre").await;
    let path = owner.path(&format!("/projects/{id}"));
    for (title, text) in [
        ("Refunds", "# Refunds\n\nWe return your money within thirty days."),
        ("Delivery", "# Delivery\n\nParcels arrive in three days.\n\n## Express\n\nExpress parcels arrive the next day."),
    ] {
        owner.post(&format!("{path}/documents"), json!({"title": title, "text": text})).await.expect(201);
    }
    owner.post(&format!("{path}/qa"), json!({"question": "Who pays for postage?", "answer": "You do.", "alternatives": ["Is postage free?"]})).await.expect(201);
    app.drain_now().await;
    (path.clone(), format!("{path}/search"))
}

/// What each model has embedded, by the first part of its id.
pub(super) fn embedded(app: &TestApp) -> Vec<(String, String, i64, i64)> {
    let all = app.app.db.read(reembed::progress).unwrap();
    all.into_iter().map(|of| (of.model.split('@').next().unwrap().to_owned(), serde_json::to_value(of.state).unwrap().as_str().unwrap().to_owned(), of.embedded, of.chunks)).collect()
}

/// The documents by their sense alone; pairs have a rule of their own, which takes a model of random weights too seriously.
async fn documents_by_vector(owner: &Client, search: &str, query: &str) -> Vec<String> {
    by_vector(owner, search, query).await.into_iter().filter(|title| title != "Who pays for postage?").collect()
}

async fn by_vector(owner: &Client, search: &str, query: &str) -> Vec<String> {
    let found = owner.post(search, json!({"query": query, "mode": "vector"})).await.expect(200);
    found["data"].as_array().unwrap().iter().map(|hit| hit["title"].as_str().unwrap().to_owned()).collect()
}

pub(super) fn add_tiny(folder: &tempfile::TempDir, name: &str, tiny: &Tiny) {
    let from = folder.path().join(format!("from-{name}"));
    tiny.write(&from);
    Library::new(folder.path().join("data/models")).add(name, &from, "a test", &Wishes::default()).unwrap();
}

#[tokio::test]
async fn another_model_takes_over_once_everything_is_embedded_with_it() {
    let app = TestApp::with(|_| {}).await;
    let owner = app.owner().await;
    let (path, search) = help_centre(&app, &owner).await;
    let before = embedded(&app);
    let chunks = before[0].3;
    assert!(chunks >= 5, "{before:?}");
    assert_eq!(before, [("deterministic".into(), "serving".into(), chunks, chunks)]);

    // While the model is missing its turn, nothing has changed.
    let (token, workspace) = (owner.credentials.clone(), owner.workspace_id.clone());
    let folder = app.stop().await;
    add_tiny(&folder, "tiny", &Tiny::bert(32, 2));
    let app = TestApp::in_folder(folder, Clock::system(), |config| config.embed.model = Some("tiny".into())).await;
    let owner = Client { credentials: token.clone(), workspace_id: workspace.clone(), ..app.nobody() };
    // A document that comes meanwhile.
    owner.post(&format!("{path}/documents"), json!({"title": "Accounts", "text": "Change the password of your account."})).await.expect(201);
    app.drain_now().await;
    let after = embedded(&app);
    assert_eq!((after[0].0.as_str(), after[0].1.as_str()), ("deterministic", "going"), "{after:?}");
    assert_eq!(after[1], ("tiny".into(), "serving".into(), chunks + 1, chunks + 1));
    assert_eq!(app.app.embedder().info().dimensions, 32);
    assert_eq!(documents_by_vector(&owner, &search, "Accounts\nChange the password of your account.").await[0], "Accounts");
    assert_eq!(by_vector(&owner, &search, "Is postage free?").await[0], "Who pays for postage?");
    let details = owner.get("/readyz").await.json();
    assert!(details["embedding"][1]["model"].as_str().unwrap().starts_with("tiny@"), "{details}");

    // What the old model made goes when its time has come, and its tables are free for another.
    let folder = app.stop().await;
    let clock = Clock::held(Clock::system().now());
    let app = TestApp::in_folder(folder, clock.clone(), |config| config.embed.model = Some("tiny".into())).await;
    clock.advance(Duration::from_secs(3600));
    app.drain().await;
    assert_eq!(embedded(&app), [("tiny".into(), "serving".into(), chunks + 1, chunks + 1)]);
    let left: i64 = app.app.db.read(|connection| Ok(connection.query_row("select (select count(*) from vectors) + (select count(*) from vectors_coarse)", [], |row| row.get(0))?)).unwrap();
    assert_eq!(left, 0);

    // A deleted document takes its vectors along, wherever they are.
    let owner = Client { credentials: token.clone(), workspace_id: workspace.clone(), ..app.nobody() };
    let documents = owner.get(&format!("{path}/documents")).await.expect(200);
    let accounts = documents["data"].as_array().unwrap().iter().find(|document| document["title"] == "Accounts").unwrap();
    owner.delete(&format!("{path}/documents/{}", accounts["id"].as_str().unwrap())).await.expect(204);
    assert_eq!(embedded(&app)[0].2, chunks);

    // And back again, where the setting names nothing.
    let folder = app.stop().await;
    let app = TestApp::in_folder(folder, clock, |_| {}).await;
    app.drain_now().await;
    let now = embedded(&app);
    assert_eq!(now.iter().find(|of| of.1 == "serving"), Some(&("deterministic".into(), "serving".into(), chunks, chunks)), "{now:?}");
    let owner = Client { credentials: token, workspace_id: workspace, ..app.nobody() };
    assert_eq!(by_vector(&owner, &search, "When do parcels arrive?").await[0], "Delivery");
}

#[tokio::test]
async fn a_server_whose_model_is_damaged_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    add_tiny(&folder, "tiny", &Tiny::bert(32, 2));
    let weights = weights_of(&folder);
    let whole = fs::read(&weights).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&weights, damaged).unwrap();

    // Nothing has been embedded yet, so that nobody has tried to load it.
    let app = TestApp::in_folder(folder, Clock::system(), |config| config.embed.model = Some("tiny".into())).await;
    let details = app.nobody().get("/readyz").await.expect(503);
    let said = details["checks"]["model"].as_str().unwrap();
    assert!(said.contains("damaged") && said.contains("model.safetensors"), "{details}");
    assert_eq!((details["status"].as_str(), details["checks"]["database"].as_str()), (Some("not ready"), Some("ok")));
    app.app.embedder().load().await.unwrap_err();
    app.nobody().get("/readyz").await.expect(503);

    // Put there again, as it says.
    let folder = app.stop().await;
    fs::write(weights_of(&folder), whole).unwrap();
    let app = TestApp::in_folder(folder, Clock::system(), |config| config.embed.model = Some("tiny".into())).await;
    let details = app.nobody().get("/readyz").await.expect(200);
    assert_eq!(details["checks"]["model"], "ok", "{details}");
    app.app.embedder().load().await.unwrap();
    app.nobody().get("/readyz").await.expect(200);
}

#[tokio::test]
async fn the_old_vectors_serve_until_the_new_ones_are_whole() {
    let app = TestApp::with(|_| {}).await;
    let owner = app.owner().await;
    let (_, search) = help_centre(&app, &owner).await;
    let (token, workspace) = (owner.credentials.clone(), owner.workspace_id.clone());
    let folder = app.stop().await;
    add_tiny(&folder, "tiny", &Tiny::xlm_roberta(32, 2));
    // The weights are taken away: the model is known, and cannot embed.
    let weights = folder.path().join("data/models/tiny/model.safetensors");
    let aside = folder.path().join("aside");
    fs::rename(&weights, &aside).unwrap();
    let app = TestApp::in_folder(folder, Clock::system(), |config| config.embed.model = Some("tiny".into())).await;
    let owner = Client { credentials: token.clone(), workspace_id: workspace.clone(), ..app.nobody() };
    app.drain_now().await;
    let models = embedded(&app);
    assert_eq!((models[0].1.as_str(), models[1].1.as_str(), models[1].2), ("serving", "coming", 0), "{models:?}");
    assert_eq!(by_vector(&owner, &search, "When do parcels arrive?").await[0], "Delivery");

    // Another wish meanwhile: the coming one is given up, and nothing of it stays.
    let folder = app.crash();
    let clock = Clock::held(Clock::system().now());
    let app = TestApp::in_folder(folder, clock.clone(), |_| {}).await;
    clock.advance(Duration::from_secs(3600));
    app.drain().await;
    assert_eq!(embedded(&app).len(), 1);
    let tables: i64 = app.app.db.read(|connection| Ok(connection.query_row("select count(*) from sqlite_schema where name like 'vectors\\__%' escape '\\' and name not like 'vectors\\_coarse%' escape '\\' and name not like 'vectors\\_by%' escape '\\'", [], |row| row.get(0))?)).unwrap();
    assert_eq!(tables, 0);

    // The model that made the vectors is gone altogether, and another one is chosen: it serves at once, and fills up.
    let folder = app.stop().await;
    fs::rename(&aside, weights_of(&folder)).unwrap();
    let app = TestApp::in_folder(folder, Clock::system(), |config| config.embed.model = Some("tiny".into())).await;
    app.drain_now().await;
    let folder = app.stop().await;
    add_tiny(&folder, "other", &Tiny { seed: 9, ..Tiny::bert(48, 3) });
    fs::remove_dir_all(folder.path().join("data/models/tiny")).unwrap();
    let app = TestApp::in_folder(folder, Clock::system(), |config| config.embed.model = Some("other".into())).await;
    app.drain_now().await;
    let models = embedded(&app);
    let other = models.iter().find(|of| of.0 == "other").unwrap();
    assert_eq!((other.1.as_str(), other.2), ("serving", other.3), "{models:?}");
    let owner = Client { credentials: token, workspace_id: workspace, ..app.nobody() };
    assert_eq!(documents_by_vector(&owner, &search, "Refunds\nWe return your money within thirty days.").await[0], "Refunds");
}

fn weights_of(folder: &tempfile::TempDir) -> std::path::PathBuf {
    folder.path().join("data/models/tiny/model.safetensors")
}

/// Whether every model's tables agree with the chunks and with each other.
pub(super) fn is_sound(app: &TestApp) -> bool {
    app.app
        .db
        .read(|connection| {
            let mut sound = true;
            for model in registry::list(connection)? {
                let VectorSet { exact, coarse, .. } = VectorSet::of(&model);
                let (exact, coarse): (i64, i64) = connection.query_row(&format!("select (select count(*) from {exact}), (select count(*) from {coarse})"), [], |row| Ok((row.get(0)?, row.get(1)?)))?;
                sound &= exact == coarse;
            }
            Ok(sound)
        })
        .unwrap()
}

#[tokio::test]
async fn a_server_that_ends_in_the_middle_goes_on_where_it_was() {
    let app = TestApp::with(|_| {}).await;
    let owner = app.owner().await;
    let id = create_project(&owner, "Long").await;
    let documents = owner.path(&format!("/projects/{id}/documents"));
    for number in 0..4 {
        let text: String = (0..60).map(|section| format!("## Section {section}\n\nMachine {number} of line {section} is serviced every {section} days by the crew of hall {number}.\n\n")).collect();
        owner.post(&documents, json!({"title": format!("Manual {number}"), "text": text})).await.expect(201);
    }
    app.drain_now().await;
    let chunks = embedded(&app)[0].3;
    assert!(chunks > 200, "{chunks}");
    let mut folder = app.stop().await;
    add_tiny(&folder, "tiny", &Tiny::bert(32, 2));
    let mut grown = vec![0];
    for _ in 0..50 {
        let app = TestApp::in_folder(folder, Clock::system(), |config| config.embed.model = Some("tiny".into())).await;
        // Until a little more is done than before.
        let so_far = *grown.last().unwrap();
        let done = loop {
            let models = embedded(&app);
            let tiny = models.iter().find(|of| of.0 == "tiny").unwrap().clone();
            if tiny.2 > so_far || tiny.1 == "serving" {
                break tiny;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        assert!(is_sound(&app));
        grown.push(done.2);
        folder = app.crash();
        if done.1 == "serving" {
            break;
        }
    }
    let app = TestApp::in_folder(folder, Clock::system(), |config| config.embed.model = Some("tiny".into())).await;
    app.drain_now().await;
    let models = embedded(&app);
    assert_eq!(models.iter().find(|of| of.0 == "tiny"), Some(&("tiny".to_owned(), "serving".to_owned(), chunks, chunks)), "{models:?} after {grown:?}");
    assert!(is_sound(&app) && grown.is_sorted(), "{grown:?}");
}

#[tokio::test]
async fn the_real_server_is_killed_while_it_embeds_anew() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let who = set_up(&data);
    let running = Running::start(&data, &[("ILLUMICHAT_LIMITS__ENABLED", "false")]);
    let owner = client(&running, &who);
    let project = owner.post(&owner.path("/projects"), json!({"name": "Docs"})).await.expect(201);
    let documents = owner.path(&format!("/projects/{}/documents", project["id"].as_str().unwrap()));
    let text: String = (0..70).map(|section| format!("## Section {section}\n\nMachine {section} is serviced every {section} days.\n\n")).collect();
    let document = owner.post(&documents, json!({"title": "Manual", "text": text})).await.expect(201);
    let path = format!("{documents}/{}", document["id"].as_str().unwrap());
    while owner.get(&path).await.expect(200)["status"] != "completed" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running.kill();

    let folder = home.path().join("tiny");
    Tiny::bert(64, 4).write(&folder);
    assert!(add(&data, "tiny", &folder).status.success());
    let environment = [("ILLUMICHAT_EMBED__MODEL", "tiny"), ("ILLUMICHAT_LIMITS__ENABLED", "false")];
    let search = format!("/projects/{}/search", project["id"].as_str().unwrap());
    let mut grown = vec![0];
    loop {
        let running = Running::start(&data, &environment);
        let owner = client(&running, &who);
        // Whoever serves, questions find something by their sense.
        if grown.len() == 1 {
            let found = owner.post(&owner.path(&search), json!({"query": "Machine 7 is serviced every 7 days.", "mode": "vector"})).await.expect(200);
            assert!(!found["data"].as_array().unwrap().is_empty(), "{found}");
        }
        // Until a little more is done than before.
        let tiny = loop {
            let details = owner.get("/readyz").await.json();
            let tiny = details["embedding"].as_array().unwrap().iter().find(|of| of["model"].as_str().unwrap().starts_with("tiny@")).unwrap().clone();
            if tiny["state"] == "serving" || tiny["embedded"].as_i64() > grown.last().copied() {
                break tiny;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        grown.push(tiny["embedded"].as_i64().unwrap());
        if tiny["state"] == "serving" {
            assert_eq!(tiny["chunks"], tiny["embedded"]);
            let found = owner.post(&owner.path(&search), json!({"query": "Machine 7 is serviced every 7 days.", "mode": "vector"})).await.expect(200);
            assert!(!found["data"].as_array().unwrap().is_empty(), "{found}");
            // It is in use, whatever this command's settings say.
            let sentence = failure(&run(&data, &["models", "remove", "tiny"], ""), 1);
            assert!(sentence.contains("questions are asked with it"), "{sentence}");
            running.kill();
            break;
        }
        running.kill();
    }
    assert!(grown.is_sorted(), "{grown:?}");
    let doctor = run(&data, &["doctor"], "");
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.status.success() && said.contains("each with its vector of tiny@"), "{said}{}", String::from_utf8_lossy(&doctor.stderr));
}
