//! Who is asked: an assistant made for it, with the documents that belong to the questions, or one of the data folder.

use serde_json::Value;

use super::questions::Asked;
use crate::{
    answering::{self, Answers, Asker, ChatAnswer, ChatMessage, ChatRole},
    app::App,
    assistants::{self, Assistant},
    cli::eval::{Indexed, find_kept},
    conversations::{self, Channel},
    error::{Error, Result},
    knowledge, providers,
};

/// An assistant to ask.
pub(super) struct Bench {
    pub app: App,
    answers: Answers,
    workspace_id: String,
    assistant_id: String,
}

impl Bench {
    /// One that answers by itself from the documents of the evaluation.
    pub(super) async fn new(app: &App) -> Result<Bench> {
        let (workspace_id, project_id) = find_kept(app)?;
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

    /// One of the data folder.
    pub(super) fn of(app: App, workspace_id: String, assistant_id: String) -> Bench {
        Bench { app, answers: Answers::default(), workspace_id, assistant_id }
    }

    /// What an assistant of the data folder says now; nothing of it is stored.
    pub(super) async fn rehearse(&self, question: &Asked) -> Result<ChatAnswer> {
        providers::ready(&self.app, &self.workspace_id).await?;
        let answering = answering::rehearse(&self.app, &self.answers, self.assistant()?, &self.workspace_id, messages(question))?;
        let answer = answering::reply_whole(&answering).await;
        match &answer.error {
            Some(error) => Err(Error::upstream(format!("`{}` was not answered: {error}", question.text))),
            None => Ok(answer),
        }
    }

    /// The names under which the sources of an answer may be meant.
    pub(super) fn pages(&self, answer: &ChatAnswer) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for source in &answer.sources {
            names.push(source.title.clone());
            names.extend(source.url.clone());
            let document = self.app.db.read(|connection| knowledge::store::find_ingest(connection, &self.workspace_id, &source.document_id))?;
            names.extend(document.and_then(|document| document.filename));
        }
        Ok(names)
    }

    fn assistant(&self) -> Result<Assistant> {
        self.app.db.read(|connection| {
            let assistant = assistants::store::find_assistant(connection, &self.workspace_id, &self.assistant_id)?.ok_or_else(|| Error::not_found("assistant"))?;
            assistants::service::present(&self.app, connection, &self.workspace_id, assistant)
        })
    }

    /// The answer, and the numbered passages that it was made from.
    pub(super) async fn ask(&self, question: &Asked) -> Result<(ChatAnswer, Vec<(String, String)>)> {
        let app = &self.app;
        let assistant = self.assistant()?;
        let asker = Asker::new(self.workspace_id.clone(), None, Channel::Api);
        let question = answering::Question { conversation_id: None, messages: messages(question), idempotency: None, session_token: None, replaces: None, web_search: None };
        let answering = answering::start(app, &self.answers, assistant, asker, question).await?;
        let answer = answering::reply_whole(&answering).await;
        let receipt = app.db.read(|connection| conversations::store::find_receipt(connection, &self.workspace_id, &answer.chat_id, &answer.message_id))?;
        let receipt: Value = receipt.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let passages = receipt["passages"].as_array().into_iter().flatten().map(|passage| (text(&passage["documentId"]), text(&passage["text"])));
        Ok((answer, passages.collect()))
    }

    /// The dataset's name of a document.
    pub(super) fn name_of(&self, indexed: &Indexed, document_id: &str) -> Option<String> {
        let row = self.app.db.read(|connection| knowledge::store::find_ingest(connection, &self.workspace_id, document_id)).ok()??;
        indexed.ids.get(&row.row)?.first().cloned()
    }
}

fn messages(question: &Asked) -> Vec<ChatMessage> {
    question.earlier.iter().chain([&question.text]).map(|text| ChatMessage { role: ChatRole::User, content: text.clone() }).collect()
}
