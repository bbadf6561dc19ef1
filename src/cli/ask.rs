//! `illumichat ask`: a question to an assistant, streamed, with sources; without a question, a conversation.

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;

use super::{Common, print_json, print_line};
use crate::{
    answering::{self, Answers, Asker, ChatMessage, ChatRole, Event, Question, check_messages},
    app::App,
    assistants,
    conversations::{Channel, Source},
    providers,
    error::{Code, Error, Result},
};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The assistant's id, or its name
    assistant: String,
    /// The question; without one, questions are read from the terminal
    question: Option<String>,
}

pub(super) async fn run(common: &Common, options: Options) -> Result<()> {
    let app = common.open()?;
    let (workspace_id, assistant_id) = find_assistant(&app, &options.assistant)?;
    let answers = Answers::default();
    let mut talk = Talk { app: &app, answers: &answers, workspace_id, assistant_id, conversation_id: None, json: common.json };
    if let Some(question) = options.question {
        return talk.ask(question).await;
    }
    let stdin = std::io::stdin();
    let is_terminal = stdin.is_terminal();
    if is_terminal {
        eprintln!("Ask; an empty line or Ctrl-D ends.");
    }
    loop {
        if is_terminal {
            eprint!("\n> ");
        }
        let mut line = String::new();
        if stdin.lock().read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok(());
        }
        talk.ask(line.trim().to_owned()).await?;
    }
}

struct Talk<'a> {
    app: &'a App,
    answers: &'a Answers,
    workspace_id: String,
    assistant_id: String,
    conversation_id: Option<String>,
    json: bool,
}

impl Talk<'_> {
    async fn ask(&mut self, question: String) -> Result<()> {
        let app = self.app;
        providers::ready(app, &self.workspace_id).await?;
        let assistant = app.db.read(|connection| {
            let assistant = assistants::store::find_assistant(connection, &self.workspace_id, &self.assistant_id)?.ok_or_else(|| Error::not_found("assistant"))?;
            assistants::service::present(app, connection, &self.workspace_id, assistant)
        })?;
        let messages = check_messages(vec![ChatMessage { role: ChatRole::User, content: question }])?;
        let asker = Asker::new(self.workspace_id.clone(), None, Channel::Api);
        let question = Question { conversation_id: self.conversation_id.clone(), messages, idempotency: None, session_token: None };
        let answering = answering::start(app, self.answers, assistant, asker, question).await?;
        self.conversation_id = Some(answering.conversation_id.clone());
        if self.json {
            let answer = answering::reply_whole(&answering).await;
            return print_json(&poem_openapi::types::ToJSON::to_json(&answer));
        }
        let mut listener = answering.log.listen(0);
        let mut sources: Vec<Source> = Vec::new();
        let mut failure = None;
        while let Some((_, event)) = listener.next().await {
            match event {
                Event::TextDelta { text_delta } => {
                    print!("{text_delta}");
                    std::io::stdout().flush()?;
                }
                Event::Sources { sources: more } => sources.extend(more),
                Event::Finish { error, .. } => failure = error,
                Event::Start { .. } | Event::Citations { .. } => {}
            }
        }
        println!();
        if !sources.is_empty() {
            println!();
        }
        for source in sources {
            let place = source.url.map(|url| format!("  {url}")).unwrap_or_default();
            print_line(&format!("[{}] {}{place}", source.index, source.title))?;
        }
        failure.map_or(Ok(()), |error| Err(Error::upstream(error)))
    }
}

fn find_assistant(app: &App, text: &str) -> Result<(String, String)> {
    let found = app.db.read(|connection| assistants::store::find_by_id_or_name(connection, text))?;
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Error::new(Code::NotFound, format!("There is no assistant `{text}`."))),
        several => {
            let ids: Vec<&str> = several.iter().map(|(_, id)| id.as_str()).collect();
            Err(Error::conflict(format!("Several assistants are called `{text}`. Name one by its id: {}.", ids.join(", "))))
        }
    }
}
