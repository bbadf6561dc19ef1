//! Puts the embedding model that the executable carries into `$OUT_DIR/model`. A module of the package's `build.rs`.
//!
//! The files come from `models/<id>/`, where `fetch.py` puts them; when they are missing it is run here. Each file's SHA-256 must be
//! the one in `manifest.toml`. Out come `weights.safetensors` (16-bit floats, half the size, and the vectors' cosine to
//! those of the original stays above 0.99999), `tokenizer.json` as it was, and `model.json`, which describes the two.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use half::f16;
use half::slice::HalfFloatSliceExt as _;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// `manifest.toml`, as far as it is needed here.
#[derive(Deserialize)]
struct Manifest {
    id: String,
    dimensions: usize,
    max_tokens: usize,
    pooling: String,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    path: String,
    bytes: u64,
    sha256: String,
}

/// The model's own `config.json`, as far as it is needed here.
#[derive(Deserialize)]
struct Config {
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    layer_norm_eps: f64,
}

/// `model.json`: `embed::model::Description` reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Description<'a> {
    id: &'a str,
    dimensions: usize,
    max_tokens: usize,
    pooling: &'a str,
    layers: usize,
    heads: usize,
    intermediate: usize,
    layer_norm_epsilon: f64,
    weights_sha256: String,
    tokenizer_sha256: String,
}

/// Fills `$OUT_DIR/model`, or ends the build with a sentence that says what to do.
pub fn build() {
    if let Err(message) = fill() {
        eprintln!("\nThe embedding model could not be prepared.\n\n{message}\n");
        std::process::exit(1);
    }
}

fn fill() -> Result<(), String> {
    let models = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("models");
    let out = PathBuf::from(variable("OUT_DIR")?).join("model");
    println!("cargo:rerun-if-env-changed=ILLUMICHAT_MODEL_DIR");
    for path in ["manifest.toml", "fetch.py", "build.rs"] {
        println!("cargo:rerun-if-changed={}", models.join(path).display());
    }
    let manifest: Manifest =
        toml::from_str(&read_text(&models.join("manifest.toml"))?).map_err(|error| format!("models/manifest.toml: {error}"))?;
    let folder = models.join(&manifest.id);
    for file in &manifest.files {
        println!("cargo:rerun-if-changed={}", folder.join(&file.path).display());
    }
    if manifest.files.iter().any(|file| !folder.join(&file.path).is_file()) {
        fetch(&models)?;
    }
    if is_up_to_date(&out, &models, &folder, &manifest) {
        return Ok(());
    }

    let weights = narrow(&checked(&folder, &manifest, "model.safetensors")?)?;
    let tokenizer = checked(&folder, &manifest, "tokenizer.json")?;
    let config: Config = serde_json::from_slice(&checked(&folder, &manifest, "config.json")?)
        .map_err(|error| format!("config.json of the model: {error}"))?;
    let description = Description {
        id: &manifest.id,
        dimensions: manifest.dimensions,
        max_tokens: manifest.max_tokens,
        pooling: &manifest.pooling,
        layers: config.num_hidden_layers,
        heads: config.num_attention_heads,
        intermediate: config.intermediate_size,
        layer_norm_epsilon: config.layer_norm_eps,
        weights_sha256: hexadecimal(&Sha256::digest(&weights)),
        tokenizer_sha256: hexadecimal(&Sha256::digest(&tokenizer)),
    };
    let description = serde_json::to_vec_pretty(&description).map_err(|error| error.to_string())?;
    write(&out.join("weights.safetensors"), &weights)?;
    write(&out.join("tokenizer.json"), &tokenizer)?;
    // Last, because `is_up_to_date` takes it for the proof that the others are whole.
    write(&out.join("model.json"), &description)
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set: run this through cargo."))
}

fn fetch(models: &Path) -> Result<(), String> {
    let script = models.join("fetch.py");
    let advice = "Its files can be fetched with `python3 models/fetch.py`; without a network, name a folder that has them in ILLUMICHAT_MODEL_DIR.";
    let output = Command::new(if cfg!(windows) { "python" } else { "python3" })
        .arg(&script)
        .output()
        .map_err(|error| format!("Python 3 did not start ({error}). Install it (Debian: apt-get install python3 python3-pip).\n{advice}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{}\n{advice}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// Whether an earlier run already made the files from what is there now: reading 90 MB again at each change of a web page would be a waste.
fn is_up_to_date(out: &Path, models: &Path, folder: &Path, manifest: &Manifest) -> bool {
    let modified = |path: PathBuf| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let Some(made) = modified(out.join("model.json")) else { return false };
    let sources = manifest.files.iter().map(|file| folder.join(&file.path));
    sources.chain([models.join("manifest.toml"), models.join("build.rs")]).all(|source| modified(source).is_some_and(|time| time <= made))
}

fn checked(folder: &Path, manifest: &Manifest, path: &str) -> Result<Vec<u8>, String> {
    let expected = manifest.files.iter().find(|file| file.path == path).ok_or(format!("models/manifest.toml does not list {path}."))?;
    let whole = folder.join(path);
    let bytes = fs::read(&whole).map_err(|error| format!("{} could not be read: {error}.", whole.display()))?;
    if bytes.len() as u64 == expected.bytes && hexadecimal(&Sha256::digest(&bytes)) == expected.sha256 {
        return Ok(bytes);
    }
    Err(format!("{} is damaged or another file than expected: delete it and build again to have it fetched anew.", whole.display()))
}

/// The same tensors in 16 bits, without those that sentence embeddings do not use.
fn narrow(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let wrong = |error: safetensors::SafeTensorError| format!("model.safetensors: {error}");
    let tensors = SafeTensors::deserialize(bytes).map_err(wrong)?;
    let mut narrowed = Vec::new();
    for (name, tensor) in tensors.tensors() {
        if name.starts_with("pooler.") || name.ends_with("position_ids") {
            continue;
        }
        if tensor.dtype() != Dtype::F32 {
            return Err(format!("model.safetensors: {name} is not in 32-bit floats."));
        }
        let wide: Vec<f32> = tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let mut short = vec![f16::ZERO; wide.len()];
        short.convert_from_f32_slice(&wide);
        let data: Vec<u8> = short.iter().flat_map(|value| value.to_le_bytes()).collect();
        narrowed.push((name, tensor.shape().to_vec(), data));
    }
    let mut views = HashMap::new();
    for (name, shape, data) in &narrowed {
        views.insert(name.clone(), TensorView::new(Dtype::F16, shape.clone(), data).map_err(wrong)?);
    }
    safetensors::serialize(views, None).map_err(wrong)
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{} could not be read: {error}.", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, bytes))
        .map_err(|error| format!("{} could not be written: {error}.", path.display()))
}
