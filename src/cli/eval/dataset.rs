//! What is evaluated: documents, questions, and which documents answer them, as the BEIR benchmarks lay them out.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
};

use serde::Deserialize;

use crate::error::{Error, Result};

pub struct Dataset {
    pub name: String,
    pub documents: Vec<Text>,
    /// Those that have a judgement.
    pub questions: Vec<Question>,
}

pub struct Text {
    pub id: String,
    pub title: Option<String>,
    pub filename: Option<String>,
    pub bytes: Vec<u8>,
}

pub struct Question {
    pub id: String,
    pub text: String,
    /// What the same person said before, the oldest first.
    pub earlier: Vec<String>,
    /// The documents that answer it, with their gain.
    pub relevant: HashMap<String, f64>,
}

#[derive(Deserialize)]
struct CorpusLine {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    text: String,
}

#[derive(Deserialize)]
struct QueryLine {
    #[serde(rename = "_id")]
    id: String,
    text: String,
    #[serde(default)]
    history: Vec<Turn>,
}

#[derive(Deserialize)]
struct Turn {
    speaker: String,
    text: String,
}

impl Dataset {
    /// Reads a folder with `queries.jsonl`, `qrels.tsv`, and `corpus.jsonl` or the documents themselves, whose ids then are
    /// their paths in the folder.
    pub fn read(folder: &Path) -> Result<Dataset> {
        let documents = if folder.join("corpus.jsonl").exists() { corpus(folder)? } else { files(folder)? };
        if documents.is_empty() {
            return Err(Error::bad_request(format!("There are no documents in {}: neither `corpus.jsonl` nor files that are read.", folder.display())));
        }
        let known: HashSet<&str> = documents.iter().map(|document| document.id.as_str()).collect();
        let mut relevant: HashMap<String, HashMap<String, f64>> = HashMap::new();
        for line in text(folder, "qrels.tsv")?.lines().skip(1) {
            let mut fields = line.split('\t');
            let (Some(question), Some(document), Some(gain)) = (fields.next(), fields.next(), fields.next()) else { continue };
            let gain = gain.trim().parse::<f64>().unwrap_or_default();
            if gain > 0.0 && known.contains(document) {
                relevant.entry(question.to_owned()).or_default().insert(document.to_owned(), gain);
            }
        }
        let mut questions = Vec::new();
        for line in lines::<QueryLine>(folder, "queries.jsonl")? {
            let Some(relevant) = relevant.remove(&line.id) else { continue };
            let earlier = line.history.into_iter().filter(|turn| turn.speaker == "user").map(|turn| turn.text).collect();
            questions.push(Question { id: line.id, text: line.text, earlier, relevant });
        }
        if questions.is_empty() {
            return Err(Error::bad_request(format!("No question in {} has a document that answers it, by `qrels.tsv`.", folder.display())));
        }
        let name = folder.file_name().map_or_else(|| "data".to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(Dataset { name, documents, questions })
    }
}

fn corpus(folder: &Path) -> Result<Vec<Text>> {
    let lines = lines::<CorpusLine>(folder, "corpus.jsonl")?;
    Ok(lines
        .into_iter()
        .map(|line| Text { id: line.id, title: Some(line.title).filter(|title| !title.trim().is_empty()), filename: None, bytes: line.text.into_bytes() })
        .collect())
}

/// The files of a folder that are taken for documents.
const ENDINGS: &[&str] =
    &["md", "mdx", "markdown", "html", "htm", "txt", "pdf", "docx", "pptx", "xlsx", "odt", "ods", "odp", "epub", "csv", "tsv", "json", "jsonl", "eml"];

pub(super) fn files(folder: &Path) -> Result<Vec<Text>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
            if ENDINGS.contains(&ending.as_str()) && !["queries.jsonl", "qrels.tsv"].iter().any(|own| path.ends_with(own)) {
                let id = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
                found.push(Text { filename: Some(id.clone()), id, title: None, bytes: fs::read(&path)? });
            }
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

fn text(folder: &Path, name: &str) -> Result<String> {
    let path = folder.join(name);
    fs::read_to_string(&path).map_err(|error| Error::bad_request(format!("{} cannot be read: {error}.", path.display())))
}

pub(super) fn lines<T: serde::de::DeserializeOwned>(folder: &Path, name: &str) -> Result<Vec<T>> {
    let mut lines = Vec::new();
    for (number, line) in text(folder, name)?.lines().enumerate() {
        if !line.trim().is_empty() {
            let value = serde_json::from_str(line).map_err(|error| Error::bad_request(format!("Line {} of {name} is not as expected: {error}.", number + 1)))?;
            lines.push(value);
        }
    }
    Ok(lines)
}
