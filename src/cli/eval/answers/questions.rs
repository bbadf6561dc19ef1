//! The questions, and what is expected of their answers.

use std::path::Path;

use serde::Deserialize;

use crate::{
    cli::eval::dataset::{self, Dataset, Text},
    error::Result,
};

pub(super) struct Asked {
    pub text: String,
    pub earlier: Vec<String>,
    /// The documents that answer; none where it should be refused.
    pub pages: Vec<String>,
    /// What the answer has to say.
    pub facts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    question: String,
    #[serde(default, alias = "pages")]
    page: Pages,
    #[serde(default)]
    facts: Vec<String>,
    #[serde(default)]
    earlier: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Pages {
    #[default]
    None,
    One(String),
    Several(Vec<String>),
}

impl Pages {
    fn list(self) -> Vec<String> {
        match self {
            Pages::None => Vec::new(),
            Pages::One(page) => vec![page],
            Pages::Several(pages) => pages,
        }
    }
}

/// The questions of a file, or of a folder in the form of `eval retrieval`.
pub(super) fn read(file: &Path) -> Result<Vec<Asked>> {
    if file.is_dir() {
        let questions = Dataset::read(file)?.questions.into_iter();
        return Ok(questions.map(|question| Asked { text: question.text, earlier: question.earlier, pages: question.relevant.into_keys().collect(), facts: Vec::new() }).collect());
    }
    let lines: Vec<Line> = dataset::lines(folder(file), &name(file))?;
    Ok(lines.into_iter().map(|line| Asked { text: line.question, earlier: line.earlier, pages: line.page.list(), facts: line.facts }).collect())
}

/// The documents beside the file; the questions are none, although they lie among them.
pub(super) fn documents(file: &Path) -> Result<Vec<Text>> {
    if file.is_dir() {
        return Ok(Dataset::read(file)?.documents);
    }
    let name = name(file);
    Ok(dataset::files(folder(file))?.into_iter().filter(|document| document.id != name).collect())
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether a source is a page that was meant: by its name, with or without its ending, its title or its address.
pub(super) fn same_page(source: &str, wanted: &str) -> bool {
    source == wanted || source.rsplit_once('.').is_some_and(|(stem, _)| stem == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_expected() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("questions.jsonl");
        std::fs::write(
            &file,
            "{\"question\": \"How long?\", \"page\": \"refunds\", \"facts\": [\"30 days\"]}\n{\"question\": \"Weather?\", \"page\": null}\n{\"question\": \"Both?\", \"pages\": [\"a\", \"b\"], \"earlier\": [\"Hm?\"]}\n",
        )
        .unwrap();
        let asked = read(&file).unwrap();
        assert_eq!((asked[0].pages.as_slice(), asked[0].facts.as_slice()), (["refunds".to_owned()].as_slice(), ["30 days".to_owned()].as_slice()));
        assert!(asked[1].pages.is_empty());
        assert_eq!((asked[2].pages.len(), asked[2].earlier.len()), (2, 1));
        std::fs::write(&file, "{\"question\": \"How long?\", \"fact\": \"30 days\"}\n").unwrap();
        assert!(read(&file).is_err(), "an unknown field is a mistake");
        assert!(same_page("refunds.md", "refunds") && same_page("refunds", "refunds") && !same_page("refunds.md", "refund"));
    }
}
