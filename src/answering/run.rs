//! The numbered steps, for one question.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::{
    align, builtin, events,
    events::{Event, FinishReason},
    filter::Filter,
    guard::Guard,
    log::Log,
    meaning,
    passages::{Passage, retrieve, sources_of},
    prompt,
    receipt::{Fallback, Receipt},
    rounds::Rounds,
    small_talk, titles,
};
use crate::{
    app::App,
    assistants::{self, AnswerMode, Assistant},
    clock::Timestamp,
    conversations::{Citation, HandoffReason, MessageStatus, Source, handoff, service, store as conversations},
    error::{Error, Result},
    llm::{self, Answerer, Failure, catalog::EXTRACTIVE},
    providers,
    tools::{self, Toolbox},
    workspaces,
};

/// Everything that an answer needs to know, gathered before it begins.
pub(super) struct Work {
    pub app: App,
    pub workspace_id: String,
    pub assistant: Assistant,
    pub project_ids: Vec<String>,
    pub conversation_id: String,
    pub message_id: String,
    pub question: String,
    /// What the same person said before, the oldest first.
    pub earlier: Vec<String>,
    pub history: Vec<llm::Message>,
    pub log: Arc<Log>,
    pub began: Timestamp,
    /// Until when a model may be silent; then the built-in answerer takes the turn, while there is time for it.
    pub patience: Instant,
    /// Whether a stranger asks.
    pub is_visitor: bool,
    /// Whether nothing of it is stored, nor anything changed.
    pub is_draft: bool,
    /// Whether the web may be searched for this message; what the assistant says where it is not set.
    pub web_search: Option<bool>,
}

impl Work {
    fn tool_context(&self) -> tools::Context {
        tools::Context {
            app: self.app.clone(),
            workspace_id: self.workspace_id.clone(),
            assistant_id: self.assistant.id.clone(),
            conversation_id: self.conversation_id.clone(),
            project_ids: self.project_ids.clone(),
            is_visitor: self.is_visitor,
            is_draft: self.is_draft,
        }
    }
}

/// What there is of an answer at any moment; it survives the one who writes it.
#[derive(Default)]
pub(super) struct Draft {
    pub text: String,
    pub sources: Vec<Source>,
    pub citations: Vec<Citation>,
    pub answered: bool,
    pub receipt: Receipt,
}

pub(super) enum End {
    Stop,
    Length,
    Failed(Error),
}

/// Answers, and writes the answer down, however it ends.
pub(super) async fn run(work: Work) {
    let mut draft = Draft::default();
    draft.receipt.question.clone_from(&work.question);
    draft.receipt.earlier.clone_from(&work.earlier);
    draft.receipt.model.clone_from(&work.assistant.model);
    let limit = Duration::from_secs(work.app.config.chat.timeout_seconds);
    let (end, status) = tokio::select! {
        biased;
        () = work.log.stopped().cancelled() => (End::Stop, MessageStatus::Stopped),
        outcome = tokio::time::timeout(limit, steps(&work, &mut draft)) => match outcome {
            Ok(Ok(end)) => (end, MessageStatus::Complete),
            Ok(Err(error)) => (End::Failed(error), MessageStatus::Failed),
            Err(_) if draft.text.is_empty() => {
                let error = Error::upstream(format!("No answer came within {} s. Try again.", limit.as_secs())).context("chat");
                (End::Failed(error), MessageStatus::Failed)
            }
            Err(_) => (End::Length, MessageStatus::Complete),
        },
    };
    finish(&work, draft, end, status).await;
}

/// The same without writing anything down.
pub(super) async fn suggest(work: Work) {
    let mut draft = Draft::default();
    let limit = Duration::from_secs(work.app.config.chat.timeout_seconds);
    let failure = tokio::select! {
        biased;
        () = work.log.stopped().cancelled() => None,
        outcome = tokio::time::timeout(limit, steps(&work, &mut draft)) => match outcome {
            Ok(Ok(End::Failed(error)) | Err(error)) => Some(error.context("chat")),
            _ => None,
        },
    };
    work.log.extend(events::citations_events(&draft.citations));
    work.log.push(Event::Finish {
        finish_reason: if failure.is_some() { FinishReason::Error } else { FinishReason::Stop },
        chat_id: work.conversation_id.clone(),
        message_id: work.message_id.clone(),
        usage: draft.receipt.usage,
        answered: draft.answered,
        error: failure.as_ref().map(|error| events::shorten(error.message(), 200)),
        code: failure.as_ref().map(Error::wire_code),
    });
}

async fn finish(work: &Work, mut draft: Draft, end: End, status: MessageStatus) {
    draft.receipt.mark("done", work.began, work.app.now());
    draft.receipt.decision.answered = draft.answered;
    draft.receipt.finish_reason = match &end {
        End::Stop => FinishReason::Stop,
        End::Length => FinishReason::Length,
        End::Failed(_) => FinishReason::Error,
    }
    .word();
    let end = match end {
        End::Failed(error) => End::Failed(error.context("chat")),
        end => end,
    };
    if let End::Failed(error) = &end {
        draft.receipt.error = Some((events::shorten(error.message(), 200), error.wire_code()));
    }
    let usage = draft.receipt.usage;
    draft.receipt.cost = cost_of(work, &draft.receipt);
    let (content, sources, citations) = (draft.text.clone(), draft.sources.clone(), draft.citations.clone());
    let receipt = serde_json::to_string(&draft.receipt).ok();
    let by_provider = !draft.receipt.served_by.is_empty() && draft.receipt.served_by != EXTRACTIVE;
    let (workspace_id, message_id, assistant_id) = (work.workspace_id.clone(), work.message_id.clone(), work.assistant.id.clone());
    let began = work.began;
    let (app, conversation_id, now) = (work.app.clone(), work.conversation_id.clone(), work.app.now());
    // What it could not answer, a person is asked.
    let handing_off = work.assistant.handoff.clone();
    let unanswered = match status {
        MessageStatus::Complete if !draft.answered => Some(HandoffReason::MissingKnowledge),
        MessageStatus::Failed => Some(HandoffReason::ToolFailure),
        _ => None,
    };
    let gets_title = by_provider && status == MessageStatus::Complete && draft.answered && work.history.is_empty() && work.app.config.chat.titles;
    let stored = work
        .app
        .db
        .write(move |tx| {
            let outcome = conversations::Outcome { content: &content, sources: &sources, citations: &citations, status, receipt: receipt.as_deref() };
            service::finish_answer(&app, tx, &workspace_id, &conversation_id, &message_id, &outcome, now)?;
            if by_provider || usage.input_tokens > 0 {
                assistants::store::add_used(tx, &workspace_id, &assistant_id, began, i64::from(by_provider), usage.input_tokens, usage.output_tokens)?;
            }
            if gets_title {
                titles::order(&app, tx, &workspace_id, &conversation_id, now)?;
            }
            handoff::after_answer(&app, tx, &workspace_id, &conversation_id, &handing_off, unanswered, now)
        })
        .await;
    if gets_title {
        work.app.jobs.wake();
    }
    let end = match (stored, end) {
        (Err(error), _) => End::Failed(error),
        (Ok(()), end) => end,
    };
    if !draft.citations.is_empty() {
        work.log.extend(events::citations_events(&draft.citations));
    }
    let (finish_reason, error) = match end {
        End::Stop => (FinishReason::Stop, None),
        End::Length => (FinishReason::Length, None),
        End::Failed(error) => {
            tracing::warn!(?error, conversation = %work.conversation_id, "an answer failed");
            (FinishReason::Error, Some(error.context("chat")))
        }
    };
    work.log.push(Event::Finish {
        finish_reason,
        chat_id: work.conversation_id.clone(),
        message_id: work.message_id.clone(),
        usage,
        answered: draft.answered,
        error: error.as_ref().map(|error| events::shorten(error.message(), 200)),
        code: error.as_ref().map(Error::wire_code),
    });
}

fn cost_of(work: &Work, receipt: &Receipt) -> Option<f64> {
    let settings = work.app.db.read(|connection| workspaces::store::find_settings(connection, &work.workspace_id)).ok()?;
    settings.cost_of(&receipt.served_by, receipt.usage.input_tokens, receipt.usage.output_tokens)
}

async fn steps(work: &Work, draft: &mut Draft) -> Result<End> {
    let (answerers, used) = work.app.db.read(|connection| {
        let models = providers::models(&work.app, connection, &work.workspace_id)?;
        let used = assistants::store::find_used(connection, &work.workspace_id, &work.assistant.id, work.began)?;
        Ok((models.answerers(&work.assistant.model), used))
    })?;
    let polite = small_talk::reply(&work.question);
    // 1 and 2. The question with what was said before it, and the passages for it.
    let is_spent = work.assistant.budget.is_spent(used.answers, used.tokens);
    let found = if polite.is_some() || work.project_ids.is_empty() {
        None
    } else {
        let model = answerers.first().filter(|_| !is_spent);
        Some(retrieve(work, draft, model).await?)
    };
    draft.receipt.mark("retrieved", work.began, work.app.now());
    // 3. Whether the documents answer it.
    let grounded = polite.is_none()
        && match work.assistant.answer_mode {
            Some(mode) => mode == AnswerMode::Grounded,
            None => !work.project_ids.is_empty(),
        };
    let answerable = match &found {
        Some(found) => found.answerable || grounded && builtin::second_look(work, draft, &found.passages).await,
        None => false,
    };
    let passages = found.map(|found| found.passages).unwrap_or_default();
    draft.receipt.decision.grounded = grounded;
    draft.receipt.passages = passages.iter().map(Into::into).collect();
    let asks_model = !is_spent && answerers.iter().take_while(|answerer| !matches!(answerer, Answerer::Builtin)).any(|answerer| matches!(answerer, Answerer::Provider(route) if route.takes_tools()));
    let mut toolbox = if asks_model && polite.is_none() { Toolbox::open(work.tool_context(), &work.assistant, work.web_search).await? } else { Toolbox::none(work.tool_context()) };
    // What the documents do not say a tool may find.
    if grounded && !answerable && toolbox.is_empty() {
        draft.receipt.decision.why = "the documents do not answer the question".to_owned();
        EXTRACTIVE.clone_into(&mut draft.receipt.served_by);
        builtin::refuse(work, draft);
        return Ok(End::Stop);
    }
    let passages = if answerable { passages } else { Vec::new() };
    // 4 and 5. The answer, with its citations.
    for answerer in answerers {
        let stood_in = match answerer {
            Answerer::Builtin => break,
            Answerer::Unconfigured { name } => Fallback { from: name, failure: "unconfigured".to_owned(), message: "The model's provider has no key yet.".to_owned() },
            Answerer::Provider(route) if is_spent => {
                Fallback { from: route.name, failure: "budget".to_owned(), message: "The assistant's budget for the day is spent.".to_owned() }
            }
            Answerer::Provider(route) => match ask_model(work, draft, &route, passages.clone(), grounded, &mut toolbox).await {
                Ok(Asked::Answered(end)) => {
                    toolbox.close().await;
                    return Ok(end);
                }
                Ok(Asked::Unanswered(failure)) => Fallback { from: route.name, failure: failure.name().to_owned(), message: failure.to_string() },
                Err(error) => {
                    toolbox.close().await;
                    return Err(error);
                }
            },
        };
        draft.receipt.fallbacks.push(stood_in);
    }
    toolbox.close().await;
    builtin::answer(work, draft, &passages, polite).await
}

/// Shows those that have not been shown.
pub(super) fn show_sources(work: &Work, draft: &mut Draft, mut sources: Vec<Source>) {
    sources.retain(|source| draft.sources.iter().all(|shown| shown.index != source.index));
    if !sources.is_empty() {
        draft.receipt.record('s', sources.len());
        work.log.extend(events::sources_events(&sources));
        draft.sources.extend(sources);
    }
}

pub(super) fn say(work: &Work, draft: &mut Draft, text: &str) {
    if draft.text.is_empty() && !text.is_empty() {
        draft.receipt.mark("first text", work.began, work.app.now());
    }
    draft.text.push_str(text);
    let pieces = events::text_deltas(text);
    for piece in &pieces {
        if let Event::TextDelta { text_delta } = piece {
            draft.receipt.record('t', text_delta.chars().count());
        }
    }
    work.log.extend(pieces);
}

enum Asked {
    Answered(End),
    /// Nothing was said; the next one may take the turn.
    Unanswered(Failure),
}

async fn ask_model(work: &Work, draft: &mut Draft, route: &llm::Route, passages: Vec<Passage>, grounded: bool, toolbox: &mut Toolbox) -> Result<Asked> {
    let answer_tokens = u32::try_from(work.assistant.max_tokens).unwrap_or(4096).min(route.context_tokens / 2).max(1);
    let window = usize::try_from(route.context_tokens.saturating_sub(answer_tokens)).unwrap_or(0);
    let has_tools = route.takes_tools() && !toolbox.is_empty();
    let messages = prompt::messages(&work.assistant.instructions, &passages, grounded, has_tools, &work.history, &work.question, window);
    draft.receipt.prompt = messages.iter().map(|message| (role(message).to_owned(), message.text().to_owned())).collect();
    let mut rounds = Rounds::new(passages, messages);
    let mut request = llm::Request { model: route.model.clone(), messages: Vec::new(), temperature: Some(work.assistant.temperature), max_tokens: Some(answer_tokens), tools: Vec::new() };
    // Said before it is true, because an answer that is stopped ends in the middle of this.
    draft.receipt.served_by.clone_from(&route.name);
    loop {
        request.messages.clone_from(&rounds.messages);
        request.tools = if has_tools { rounds.tools(toolbox, window) } else { Vec::new() };
        match stream_model(work, draft, route, request.clone(), &rounds, grounded).await {
            Ok(Spoken { calls, text, .. }) if !calls.is_empty() && rounds.may_go_on() => rounds.run(work, draft, toolbox, text, calls).await,
            Ok(Spoken { end, .. }) => {
                if draft.text.is_empty() {
                    builtin::refuse(work, draft);
                }
                let known: Vec<(i64, &str)> = rounds.passages.iter().map(|passage| (passage.source, passage.text.as_str())).collect();
                draft.citations = meaning::citations(&work.app.embedder(), &draft.text, &known).await;
                // Tools say things that are no passage.
                if grounded && draft.answered && draft.citations.is_empty() && rounds.results.is_empty() && align::is_unsupported(&draft.text, &known) {
                    draft.answered = false;
                    "nothing that the model said stands in the passages".clone_into(&mut draft.receipt.decision.why);
                }
                return Ok(Asked::Answered(end));
            }
            Err(failure) if !draft.text.is_empty() => {
                tracing::warn!(provider = %route.endpoint.name, %failure, "a provider failed in mid-answer");
                draft.answered = true;
                return Err(Error::upstream("The answer broke off, because the model's provider failed. Ask again to get the whole of it."));
            }
            Err(failure) => {
                tracing::warn!(provider = %route.endpoint.name, %failure, "a provider failed; the next one takes the turn");
                draft.receipt.served_by.clear();
                return Ok(Asked::Unanswered(failure));
            }
        }
    }
}

fn role(message: &llm::Message) -> &'static str {
    match message {
        llm::Message::System(_) => "system",
        llm::Message::User(_) => "user",
        llm::Message::Assistant { .. } => "assistant",
        llm::Message::Tool { .. } => "tool",
    }
}

/// What one round of a model came to.
struct Spoken {
    end: End,
    calls: Vec<llm::ToolCall>,
    text: String,
}

/// Passes one round of a model's answer on as it comes.
async fn stream_model(work: &Work, draft: &mut Draft, route: &llm::Route, request: llm::Request, rounds: &Rounds, grounded: bool) -> std::result::Result<Spoken, Failure> {
    let passages = &rounds.passages;
    let addresses = passages.iter().flat_map(|passage| [passage.text.as_str(), passage.url.as_deref().unwrap_or_default()]);
    let mut filter = Filter::new(addresses.chain(rounds.results.iter().map(String::as_str)).chain([work.assistant.instructions.as_str()]));
    let mut guard = Guard::new(&[&work.assistant.instructions, &prompt::rules(grounded, true, true)]);
    let mut stream = llm::ask(&work.app.client, &work.app.ids, route, request, work.patience);
    let mut opening = String::new();
    let mut is_open = !grounded || !draft.text.is_empty();
    let mut spoken = Spoken { end: End::Stop, calls: Vec::new(), text: String::new() };
    loop {
        let next = if draft.text.is_empty() {
            timeout_at(work.patience, stream.next()).await.map_err(|_| Failure::Timeout(llm::Wait::FirstByte))?
        } else {
            stream.next().await
        };
        let Some(event) = next else { break };
        match event? {
            llm::Event::Text(text) => {
                spoken.text.push_str(&text);
                let text = if is_open {
                    text
                } else {
                    // A grounded model may say that the sources are silent; until that is ruled out, nothing is shown.
                    opening.push_str(&text);
                    let heard = opening.trim_start();
                    if prompt::NOT_IN_SOURCES.starts_with(heard) || heard.starts_with(prompt::NOT_IN_SOURCES) {
                        continue;
                    }
                    is_open = true;
                    std::mem::take(&mut opening)
                };
                pass_on(work, draft, &filter.push(&guard.push(&text)), passages);
            }
            llm::Event::Usage { input_tokens, output_tokens } => {
                // Of several rounds, all of them.
                draft.receipt.usage.input_tokens += i64::from(input_tokens);
                draft.receipt.usage.output_tokens += i64::from(output_tokens);
            }
            llm::Event::Finish(llm::Finish::Length) => spoken.end = End::Length,
            llm::Event::Finish(_) => {}
            llm::Event::ToolCall(call) => spoken.calls.push(call),
        }
    }
    if !is_open && opening.trim_start().starts_with(prompt::NOT_IN_SOURCES) {
        if spoken.calls.is_empty() {
            "the model found no answer in the passages".clone_into(&mut draft.receipt.decision.why);
            builtin::refuse(work, draft);
        }
        return Ok(spoken);
    }
    pass_on(work, draft, &filter.push(&guard.push(&opening)), passages);
    pass_on(work, draft, &filter.push(&guard.finish()), passages);
    pass_on(work, draft, &filter.finish(), passages);
    if spoken.calls.is_empty() {
        draft.answered = true;
        "the model answered".clone_into(&mut draft.receipt.decision.why);
    }
    Ok(spoken)
}

/// Shows a piece of the model's text, after the sources that it was given.
fn pass_on(work: &Work, draft: &mut Draft, text: &str, passages: &[Passage]) {
    if text.is_empty() {
        return;
    }
    show_sources(work, draft, sources_of(passages));
    say(work, draft, text);
}
