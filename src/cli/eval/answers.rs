//! `illumichat eval answers`: what the built-in answerer says to given questions, and whether its citations hold.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    super::{Common, print_json, print_line, start_log},
    dataset::{self, Dataset, Text},
    index,
};
use crate::{
    answering::{self, Answers, Asker, ChatAnswer, ChatMessage, ChatRole},
    app::App,
    assistants,
    clock::Clock,
    conversations::{self, Channel},
    error::{Error, Result},
    ids::Ids,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// A file of questions, one JSON object a line: `{"question": "…", "page": "name"}`, where `page` is the file beside it
    /// (with or without its ending) that answers, or null where none does; `"earlier": ["…"]` are questions asked before.
    /// Or a folder in the form of `eval retrieval`.
    file: PathBuf,
    /// Only the first so many questions
    #[arg(long)]
    limit: Option<usize>,
    /// Print every answer
    #[arg(long)]
    show: bool,
    /// End with 1 where less than this share of the cited sentences is supported
    #[arg(long, value_name = "SHARE")]
    fail_under: Option<f64>,
}

#[derive(Deserialize)]
struct Line {
    question: String,
    page: Option<String>,
    #[serde(default)]
    earlier: Vec<String>,
}

struct Asked {
    text: String,
    earlier: Vec<String>,
    /// The documents that answer; none where it should be refused.
    pages: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    questions: usize,
    answerable: usize,
    /// Of the answerable: answered at all, and from a right page.
    answered: usize,
    right_page: usize,
    off_topic: usize,
    refused: usize,
    /// Of the built-in answerer's answers.
    cited_sentences: usize,
    supported_sentences: usize,
    repeated_sentences: usize,
    fragments: usize,
    longest_words: usize,
    /// A text that cites wrongly on purpose: sentences of the passages under wrong numbers, and invented ones.
    scripted: Scripted,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Scripted {
    sentences: usize,
    cited: usize,
    supported: usize,
    invented: usize,
    invented_cited: usize,
}

pub(super) async fn run(common: &Common, options: Options) -> Result<()> {
    let (documents, mut questions) = read(&options.file)?;
    questions.truncate(options.limit.unwrap_or(usize::MAX));
    let mut config = common.load(&[])?.config;
    start_log(&config, "warn")?;
    let scratch = tempfile::tempdir()?;
    config.data_dir = scratch.path().join("data");
    let app = App::open(config, Clock::system(), Ids::system())?;
    let dataset = Dataset { name: options.file.display().to_string(), documents, questions: Vec::new() };
    let indexed = index(app, &dataset).await?;
    let bench = Bench::new(&indexed.app).await?;
    let mut figures = Figures { questions: questions.len(), ..Figures::default() };
    let mut before: Option<String> = None;
    for question in &questions {
        let (answer, passages) = bench.ask(question).await?;
        let pages: Vec<String> = answer.sources.iter().filter_map(|source| bench.name_of(&indexed, &source.document_id)).collect();
        let right = pages.iter().any(|page| question.pages.iter().any(|wanted| same_page(page, wanted)));
        if options.show {
            print_line(&format!("## {}\n{}\n   {:?} {}\n", question.text, answer.content, pages, if right || question.pages.is_empty() { "" } else { "WRONG PAGE" }))?;
        }
        figures.count(question, &answer, &passages, right);
        figures.scripted.count(&passages, before.as_deref());
        before = passages.first().map(|(_, text)| text.clone());
    }
    if common.json { print_json(&figures)? } else { print_table(&figures)? }
    let share = figures.supported_sentences as f64 / figures.cited_sentences.max(1) as f64;
    match options.fail_under {
        Some(least) if share < least => Err(Error::conflict(format!("{share:.3} of the cited sentences are supported, less than {least}."))),
        _ => Ok(()),
    }
}

fn read(file: &Path) -> Result<(Vec<Text>, Vec<Asked>)> {
    if file.is_dir() {
        let dataset = Dataset::read(file)?;
        let questions = dataset.questions.into_iter().map(|question| Asked { text: question.text, earlier: question.earlier, pages: question.relevant.into_keys().collect() });
        return Ok((dataset.documents, questions.collect()));
    }
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let lines: Vec<Line> = dataset::lines(folder, &name)?;
    let questions = lines.into_iter().map(|line| Asked { text: line.question, earlier: line.earlier, pages: line.page.into_iter().collect() });
    // The questions are no document, although they lie among them.
    let documents = dataset::files(folder)?.into_iter().filter(|document| document.id != name).collect();
    Ok((documents, questions.collect()))
}

fn same_page(page: &str, wanted: &str) -> bool {
    page == wanted || page.rsplit_once('.').is_some_and(|(stem, _)| stem == wanted)
}

/// A workspace with one assistant that answers by itself.
struct Bench {
    app: App,
    answers: Answers,
    workspace_id: String,
    assistant_id: String,
}

impl Bench {
    async fn new(app: &App) -> Result<Bench> {
        let (workspace_id, project_id) = super::find_kept(app)?;
        let mut assistant = assistants::service::new_assistant(app, "usr_eval", "Evaluation".to_owned());
        assistant.model = "builtin/extractive".to_owned();
        assistant.model_inherited = false;
        let (id, in_workspace, now) = (assistant.id.clone(), workspace_id.clone(), app.now());
        app.db
            .write(move |tx| {
                assistants::store::insert_assistant(tx, &in_workspace, &assistant)?;
                assistants::store::connect(tx, &in_workspace, &assistant.id, &project_id, now)
            })
            .await?;
        Ok(Bench { app: app.clone(), answers: Answers::default(), workspace_id, assistant_id: id })
    }

    /// The answer, and the numbered passages that it was made from.
    async fn ask(&self, question: &Asked) -> Result<(ChatAnswer, Vec<(String, String)>)> {
        let app = &self.app;
        let assistant = app.db.read(|connection| {
            let assistant = assistants::store::find_assistant(connection, &self.workspace_id, &self.assistant_id)?.ok_or_else(|| Error::not_found("assistant"))?;
            assistants::service::present(app, connection, &self.workspace_id, assistant)
        })?;
        let asked = question.earlier.iter().chain([&question.text]);
        let messages = asked.map(|text| ChatMessage { role: ChatRole::User, content: text.clone() }).collect();
        let asker = Asker::new(self.workspace_id.clone(), None, Channel::Api);
        let question = answering::Question { conversation_id: None, messages, idempotency: None, session_token: None, replaces: None, web_search: None };
        let answering = answering::start(app, &self.answers, assistant, asker, question).await?;
        let answer = answering::reply_whole(&answering).await;
        let receipt = app.db.read(|connection| conversations::store::find_receipt(connection, &self.workspace_id, &answer.chat_id, &answer.message_id))?;
        let receipt: Value = receipt.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let passages = receipt["passages"].as_array().into_iter().flatten().map(|passage| (text(&passage["documentId"]), text(&passage["text"])));
        Ok((answer, passages.collect()))
    }

    /// The dataset's name of a document.
    fn name_of(&self, indexed: &super::Indexed, document_id: &str) -> Option<String> {
        let row = self.app.db.read(|connection| crate::knowledge::store::find_ingest(connection, &self.workspace_id, document_id)).ok()??;
        indexed.ids.get(&row.row)?.first().cloned()
    }
}

impl Figures {
    fn count(&mut self, question: &Asked, answer: &ChatAnswer, passages: &[(String, String)], right: bool) {
        if question.pages.is_empty() {
            self.off_topic += 1;
            self.refused += usize::from(!answer.answered);
        } else {
            self.answerable += 1;
            self.answered += usize::from(answer.answered);
            self.right_page += usize::from(answer.answered && right);
        }
        if !answer.answered {
            return;
        }
        self.longest_words = self.longest_words.max(answer.content.split_whitespace().count());
        let mut told: Vec<&str> = Vec::new();
        let mut in_code = false;
        for (sentence, start, end) in answering::told_sentences(&answer.content) {
            let Some(citation) = answer.citations.iter().find(|citation| citation.start <= start && end <= citation.end) else { continue };
            let fence = sentence.starts_with("```");
            in_code ^= fence;
            let is_prose = !in_code && !fence && !sentence.starts_with('|');
            self.cited_sentences += 1;
            let source = answer.sources.iter().find(|source| source.index == citation.index);
            let supported = source.is_some_and(|source| passages.iter().any(|(id, text)| *id == source.document_id && answering::supports(sentence, text)));
            self.supported_sentences += usize::from(supported);
            self.repeated_sentences += usize::from(is_prose && told.contains(&sentence));
            let begins = sentence.trim_start_matches(['"', '(', '“', '-', '*', ' ', '`', '\'']).chars().next().is_some_and(|c| !c.is_lowercase());
            self.fragments += usize::from(is_prose && told.is_empty() && !begins);
            told.push(sentence);
        }
    }
}

impl Scripted {
    /// The first sentences of three passages under each other's numbers, and one of somewhere else.
    fn count(&mut self, passages: &[(String, String)], elsewhere: Option<&str>) {
        let numbered: Vec<(i64, &str)> = (1..).zip(passages.iter().map(|(_, text)| text.as_str())).take(6).collect();
        let first = |text: &'_ str| answering::told_sentences(text).first().map(|(sentence, ..)| (*sentence).to_owned());
        let mut written: Vec<(String, Option<i64>)> = numbered.iter().take(3).filter_map(|(index, text)| Some((first(text)?, Some(*index)))).collect();
        if let Some(sentence) = elsewhere.and_then(first).filter(|sentence| numbered.iter().all(|(_, text)| !text.contains(sentence.as_str()))) {
            written.push((sentence, None));
        }
        let text: String = written.iter().map(|(sentence, source)| format!("{sentence} [{}]\n\n", source.map_or(1, |source| source % 3 + 1))).collect();
        let (shown, citations) = answering::shown_and_cited(&text, &numbered);
        for (sentence, start, end) in answering::told_sentences(&shown) {
            let truth = written.iter().find(|(written, _)| written.contains(sentence)).and_then(|(_, source)| *source);
            let cited = citations.iter().find(|citation| citation.start <= start && end <= citation.end).map(|citation| citation.index);
            self.sentences += 1;
            self.invented += usize::from(truth.is_none());
            if let Some(index) = cited {
                self.cited += 1;
                let holds = numbered.iter().any(|(number, text)| *number == index && answering::supports(sentence, text));
                self.supported += usize::from(holds);
                self.invented_cited += usize::from(truth.is_none() && !holds);
            }
        }
    }
}

fn print_table(figures: &Figures) -> Result<()> {
    let share = |part: usize, of: usize| format!("{part} of {of} ({:.1} %)", 100.0 * part as f64 / of.max(1) as f64);
    print_line(&format!("questions            {}", figures.questions))?;
    print_line(&format!("answered             {}", share(figures.answered, figures.answerable)))?;
    print_line(&format!("from a right page    {}", share(figures.right_page, figures.answerable)))?;
    if figures.off_topic > 0 {
        print_line(&format!("off topic, refused   {}", share(figures.refused, figures.off_topic)))?;
    }
    print_line(&format!("cited and supported  {}", share(figures.supported_sentences, figures.cited_sentences)))?;
    print_line(&format!("repeated sentences   {}, fragments {}, longest answer {} words", figures.repeated_sentences, figures.fragments, figures.longest_words))?;
    let scripted = &figures.scripted;
    print_line(&format!("a text that cites wrongly: {} sentences, cited {}, of these supported {}", scripted.sentences, scripted.cited, share(scripted.supported, scripted.cited)))?;
    print_line(&format!("invented sentences that were cited  {}", share(scripted.invented_cited, scripted.invented)))
}
