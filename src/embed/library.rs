//! The folder `models/` below the data: what was added, one folder a model, each with its `model.json`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

use super::description::{Description, Kind};
use super::import;
use super::model::{DESCRIPTION, Model};
use super::trial::{Trial, try_out};

pub use super::import::{NEEDED, OPTIONAL, Wishes};

/// What is half there while a model is being added; no name begins so.
const UNFINISHED: &str = ".adding-";

/// The models that were added to one data folder.
#[derive(Debug, Clone)]
pub struct Library {
    folder: PathBuf,
}

impl Library {
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Library { folder: folder.into() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The names of all, in order.
    ///
    /// # Errors
    /// Where the folder cannot be read; one that is not there is empty.
    pub fn names(&self) -> Result<Vec<String>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if check_name(&name).is_ok() && self.path(&name).join(DESCRIPTION).is_file() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// # Errors
    /// `not_found` where there is none of this name, `unavailable` where it is damaged.
    pub fn description(&self, name: &str) -> Result<Description> {
        self.model(name)?.description()
    }

    /// # Errors
    /// With a sentence that says what there is, where there is none of this name.
    pub fn model(&self, name: &str) -> Result<Model> {
        let names = self.names()?;
        if names.iter().any(|known| known == name) {
            return Ok(Model::from_folder(self.path(name)));
        }
        let known = if names.is_empty() { "none was added".to_owned() } else { format!("there are {}", names.join(", ")) };
        Err(Error::bad_request(format!("There is no model `{name}` in {}: {known}. `illumichat models add` adds one.", self.folder.display())))
    }

    /// The same, as long as it is of this kind.
    ///
    /// # Errors
    /// With a sentence that says what it is, and which setting is for it.
    pub fn of_kind(&self, name: &str, kind: Kind) -> Result<Model> {
        let model = self.model(name)?;
        match (kind, model.description()?.kind) {
            (Kind::Embedding, Kind::Reranker) => {
                Err(Error::bad_request(format!("`{name}` reads a question and a passage together and makes no vectors: it is a reranker. Name it in `rerank.model`.")))
            }
            (Kind::Reranker, Kind::Embedding) => Err(Error::bad_request(format!("`{name}` makes vectors and cannot rank passages: it is an embedding model. Name it in `embed.model`."))),
            _ => Ok(model),
        }
    }

    /// The names of all rerankers, in order; what is damaged beyond telling is none.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn rerankers(&self) -> Result<Vec<String>> {
        let mut names = self.names()?;
        names.retain(|name| self.description(name).is_ok_and(|about| about.kind == Kind::Reranker));
        Ok(names)
    }

    /// The model that made vectors under this id, as long as it is what it was then.
    pub fn by_id(&self, id: &str) -> Option<Model> {
        let name = id.split_once('@')?.0;
        let model = self.model(name).ok()?;
        model.info().ok().filter(|info| info.id == id).map(|_| model)
    }

    /// Where a model's files may be gathered before `add`. Whatever an earlier attempt left there is taken away.
    ///
    /// # Errors
    /// `conflict` where there is a model of this name, `bad_request` for a name that cannot be one.
    pub fn begin(&self, name: &str) -> Result<PathBuf> {
        check_name(name)?;
        if self.path(name).exists() {
            return Err(Error::conflict(format!("There is a model `{name}` already. Remove it first, or choose another name.")));
        }
        let unfinished = self.folder.join(format!("{UNFINISHED}{name}"));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        fs::create_dir_all(&unfinished)?;
        Ok(unfinished)
    }

    /// Takes in the model in `from`, after it was tried out: until then nothing is there under its name.
    ///
    /// # Errors
    /// With a sentence that says what is wrong with the folder.
    pub fn add(&self, name: &str, from: &Path, source: &str, wishes: &Wishes) -> Result<(Description, Trial)> {
        let unfinished = self.begin(name)?;
        let done = copy(from, &unfinished).and_then(|()| self.finish(name, &unfinished, source, wishes));
        if done.is_err() {
            let _ = fs::remove_dir_all(&unfinished);
        }
        done
    }

    /// The last part of `add`, for files that were gathered in the folder of `begin`.
    ///
    /// # Errors
    /// With a sentence that says what is wrong with the files.
    pub fn finish(&self, name: &str, unfinished: &Path, source: &str, wishes: &Wishes) -> Result<(Description, Trial)> {
        let told_of_source = |error: Error| Error::bad_request(error.message().replace(&unfinished.display().to_string(), source).replace(" Put it there again.", ""));
        let mut description = import::describe(unfinished, name, source, wishes).map_err(told_of_source)?;
        write(&unfinished.join(DESCRIPTION), &serde_json::to_vec_pretty(&description)?)?;
        let model = Model::from_folder(unfinished);
        let trial = try_out(&model, &description).map_err(told_of_source)?;
        description.scale = trial.scale();
        write(&unfinished.join(DESCRIPTION), &serde_json::to_vec_pretty(&description)?)?;
        fs::rename(unfinished, self.path(name))?;
        fs::File::open(&self.folder)?.sync_all()?;
        Ok((description, trial))
    }

    /// Whether all files are what they were when the model was added, and it still works.
    ///
    /// # Errors
    /// With a sentence that says what is wrong.
    pub fn verify(&self, name: &str) -> Result<Trial> {
        let model = self.model(name)?;
        model.verify()?;
        try_out(&model, &model.description()?)
    }

    /// # Errors
    /// Where there is none of this name.
    pub fn remove(&self, name: &str) -> Result<()> {
        self.model(name)?;
        // Out of the way first: what is half removed is no model any more.
        let going = self.folder.join(format!("{UNFINISHED}{name}"));
        if going.exists() {
            fs::remove_dir_all(&going)?;
        }
        fs::rename(self.path(name), &going)?;
        Ok(fs::remove_dir_all(going)?)
    }
}

/// A name is a folder's, and stands in settings, environments and ids.
fn check_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if name.is_empty() || name.len() > 64 || !name.chars().all(fits) || name.starts_with(['.', '-', '_']) {
        return Err(Error::bad_request(format!("`{name}` cannot be a model's name: up to 64 small letters, digits and -_. can, beginning with a letter or digit.")));
    }
    if Model::builtin().info().is_ok_and(|info| info.id == name) {
        return Err(Error::bad_request(format!("`{name}` is the model in the executable. Choose another name.")));
    }
    Ok(())
}

/// The files that a model consists of, and no others.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return Err(Error::bad_request(format!("There is no folder {}.", from.display())));
    }
    // What is missing is told of by `describe`, which needs to see what is there instead.
    let instead = ["pytorch_model.bin", "model.safetensors.index.json", "vocab.txt", "sentencepiece.bpe.model"];
    for path in NEEDED.iter().chain(&OPTIONAL).filter(|path| from.join(path).is_file()) {
        let target = to.join(path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from.join(path), &target)?;
        fs::File::open(&target)?.sync_all()?;
    }
    for path in instead.iter().filter(|path| NEEDED.iter().any(|needed| !from.join(needed).is_file()) && from.join(path).is_file()) {
        fs::write(to.join(path), b"")?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes)?;
    Ok(fs::File::open(path)?.sync_all()?)
}
