//! `illumichat ask`: a question to an assistant, streamed, with sources; without a question, a conversation.

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;

use super::{Common, print_json, print_line};
use crate::{
    answering::{self, Answers, Asker, ChatMessage, ChatRole, Event, Question, check_messages},
    app::App,
    assistants,
    conversations::{self, Channel, MessageRole, Source},
    providers,
    error::{Code, Error, Result},
};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The assistant's id, or its name
    assistant: String,
    /// The question; without one, questions are read from the terminal
    question: Option<String>,
    /// Go on with this conversation
    #[arg(long, value_name = "CHAT")]
    chat: Option<String>,
}

/// What can be typed instead of a question.
const HELP: &str = "  /new      begin another conversation\n  /history  show what was said in this one\n  /again    have the last question answered anew\n  /quit     leave (so do Ctrl-D and an empty line)";

pub(super) async fn run(common: &Common, options: Options) -> Result<()> {
    let app = common.open()?;
    let (workspace_id, assistant_id) = find_assistant(&app, &options.assistant)?;
    let answers = Answers::default();
    if let Some(id) = &options.chat {
        let found = app.db.read(|connection| conversations::store::find_conversation(connection, &workspace_id, id))?;
        found.filter(|found| found.assistant_id.as_ref() == Some(&assistant_id)).ok_or_else(|| Error::new(Code::NotFound, format!("The assistant has no conversation `{id}`.")))?;
    }
    let is_colored = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut talk = Talk { app: &app, answers: &answers, workspace_id, assistant_id, conversation_id: options.chat, last: None, json: common.json, is_colored };
    if let Some(question) = options.question {
        return talk.ask(question).await;
    }
    let stdin = std::io::stdin();
    let is_terminal = stdin.is_terminal();
    if is_terminal {
        talk.greet()?;
    }
    loop {
        if is_terminal {
            eprint!("\n{} ", talk.bold("You ›"));
        }
        let mut line = String::new();
        if stdin.lock().read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok(());
        }
        match line.trim() {
            "/quit" | "/exit" => return Ok(()),
            "/help" | "/?" => eprintln!("{HELP}"),
            "/new" => (talk.conversation_id, talk.last) = (None, None),
            "/history" => talk.show_history()?,
            "/again" => match talk.last.clone() {
                Some(question) => talk.ask_gently(question, is_terminal).await?,
                None => eprintln!("Nothing was asked yet."),
            },
            question => talk.ask_gently(question.to_owned(), is_terminal).await?,
        }
    }
}

struct Talk<'a> {
    app: &'a App,
    answers: &'a Answers,
    workspace_id: String,
    assistant_id: String,
    conversation_id: Option<String>,
    last: Option<String>,
    json: bool,
    is_colored: bool,
}

impl Talk<'_> {
    fn bold(&self, text: &str) -> String {
        if self.is_colored { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn dim(&self, text: &str) -> String {
        if self.is_colored { format!("\u{1b}[2m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn greet(&self) -> Result<()> {
        let found = self.app.db.read(|connection| assistants::store::find_assistant(connection, &self.workspace_id, &self.assistant_id))?;
        if let Some(assistant) = found {
            eprintln!("{}  {}", self.bold(&assistant.name), self.dim("type /help for what else there is"));
            if let Some(welcome) = assistant.welcome_message {
                eprintln!("{welcome}");
            }
        }
        if self.conversation_id.is_some() {
            self.show_history()?;
        }
        Ok(())
    }

    fn show_history(&self) -> Result<()> {
        const MOST: i64 = 100;
        let Some(id) = &self.conversation_id else {
            eprintln!("Nothing was said yet.");
            return Ok(());
        };
        let messages = self.app.db.read(|connection| conversations::store::list_messages(connection, &self.workspace_id, id, None, MOST))?;
        for message in messages {
            let who = if message.role == MessageRole::User { "You ›" } else { "‹" };
            print_line(&format!("{} {}", self.bold(who), message.content))?;
        }
        print_line(&self.dim(&format!("go on later with --chat {id}")))
    }

    /// On a terminal a failed answer is told, and the conversation goes on.
    async fn ask_gently(&mut self, question: String, is_terminal: bool) -> Result<()> {
        match self.ask(question).await {
            Err(error) if is_terminal && error.code() != Code::Internal => {
                eprintln!("{}", error.message());
                Ok(())
            }
            other => other,
        }
    }

    async fn ask(&mut self, question: String) -> Result<()> {
        let app = self.app;
        providers::ready(app, &self.workspace_id).await?;
        let assistant = app.db.read(|connection| {
            let assistant = assistants::store::find_assistant(connection, &self.workspace_id, &self.assistant_id)?.ok_or_else(|| Error::not_found("assistant"))?;
            assistants::service::present(app, connection, &self.workspace_id, assistant)
        })?;
        self.last = Some(question.clone());
        let messages = check_messages(vec![ChatMessage { role: ChatRole::User, content: question }])?;
        let asker = Asker::new(self.workspace_id.clone(), None, Channel::Api);
        let question = Question { conversation_id: self.conversation_id.clone(), messages, idempotency: None, session_token: None, replaces: None, web_search: None };
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
                Event::ToolCall { tool_name, .. } => eprintln!("{}", self.dim(&format!("… {tool_name}"))),
                Event::Start { .. } | Event::Citations { .. } | Event::ToolResult { .. } => {}
            }
        }
        println!();
        if !sources.is_empty() {
            println!();
        }
        for source in sources {
            let place = source.url.map(|url| format!("  {url}")).unwrap_or_default();
            let page = source.page.map(|page| format!(", page {page}")).unwrap_or_default();
            print_line(&self.dim(&format!("[{}] {}{page}{place}", source.index, source.title)))?;
        }
        failure.map_or(Ok(()), |error| Err(Error::upstream(error)))
    }
}

pub(super) fn find_assistant(app: &App, text: &str) -> Result<(String, String)> {
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
