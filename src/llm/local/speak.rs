//! One loaded model, and the loop over the tokens of an answer.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use candle_core::{
    Tensor,
    quantized::{gguf_file::Content, tokenizer::TokenizerFromGguf},
};
use candle_transformers::{
    generation::{LogitsProcessor, Sampling},
    utils::apply_repeat_penalty,
};
use tokenizers::Tokenizer;
use tokio::sync::mpsc;

use super::{
    file::{self, Header, Stamp},
    template::Template,
    weights::Weights,
};
use crate::llm::{Event, Failure, Finish, Request};

pub(super) struct Loaded {
    path: PathBuf,
    stamp: Option<Stamp>,
    weights: Weights,
    tokenizer: Tokenizer,
    template: Template,
    context_tokens: usize,
    /// What stands before everything, where the model wants it and its template does not write it.
    begin: Option<u32>,
    /// The texts of the first and the last mark, for the template.
    marks: [String; 2],
    /// After one of these it has said all.
    stops: HashSet<u32>,
    /// Between these two it thinks aloud, which is not for the one who asked.
    thoughts: Option<(u32, u32)>,
    /// What the tokenizer takes for more than text.
    special: Vec<String>,
}

/// As they are called in the files that are about; each file names at least one of its own too.
const STOPS: [&str; 9] = ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|end|>", "<end_of_turn>", "<eos>", "</s>"];
/// Small models fall into loops; a token of the last few is made a little less likely.
const REPEAT_PENALTY: f32 = 1.1;
const REPEAT_WITHIN: usize = 64;
const USUAL_TEMPERATURE: f64 = 0.7;

type Out = mpsc::Sender<Result<Event, Failure>>;

impl Loaded {
    pub(super) fn open(path: &Path, file: &str, header: &Header) -> Result<Loaded, String> {
        let stamp = Stamp::of(path);
        let (content, reader) = file::open(path, file)?;
        let tokenizer = tokenizer(&content, path, file)?;
        let template = Template::parse(&header.template, file)?;
        let token = |key: &str| file::number(&content, &format!("tokenizer.ggml.{key}_token_id")).and_then(|id| u32::try_from(id).ok());
        let begin = token("bos").filter(|_| content.metadata.get("tokenizer.ggml.add_bos_token").is_some_and(|value| value.to_bool().unwrap_or(false)));
        let named = ["eos", "eot", "eom"].into_iter().filter_map(token);
        let stops: HashSet<u32> = named.chain(STOPS.iter().filter_map(|stop| tokenizer.token_to_id(stop))).collect();
        let text_of = |id: Option<u32>| id.and_then(|id| tokenizer.id_to_token(id)).unwrap_or_default();
        let marks = [text_of(token("bos")), text_of(token("eos"))];
        let thoughts = tokenizer.token_to_id("<think>").zip(tokenizer.token_to_id("</think>"));
        let special = tokenizer.get_added_tokens_decoder().into_values().map(|token| token.content).filter(|text| !text.trim().is_empty()).collect();
        let context_tokens = header.context_tokens;
        let weights = Weights::load(header.architecture, content, reader, context_tokens)
            .map_err(|error| format!("`{file}` cannot be loaded: {}. Download it again, or choose another file.", one_line(&error)))?;
        Ok(Loaded { path: path.to_owned(), stamp, weights, tokenizer, template, context_tokens, begin, marks, stops, thoughts, special })
    }

    /// Whether this is still what the file holds.
    pub(super) fn is_of(&self, path: &Path) -> bool {
        self.path == path && self.stamp == Stamp::of(path)
    }

    /// Answers into `out`, until all is said, the window is full or nobody listens.
    pub(super) fn speak(&mut self, request: &Request, seed: u64, out: &Out) -> Result<(), Failure> {
        let prompt = self.prompt(request)?;
        let room = self.context_tokens.saturating_sub(prompt.len());
        if prompt.is_empty() || room == 0 {
            return Err(Failure::Local(format!(
                "The question has {} tokens with what belongs to it, and the model takes {}. Ask a shorter one, shorten the assistant's instructions, or raise `local.context_tokens`.",
                prompt.len(),
                self.context_tokens
            )));
        }
        let most = request.max_tokens.map_or(room, |most| room.min(most as usize));
        let broken = |error: candle_core::Error| Failure::Local(format!("The model could not be run: {}. Choose another file.", one_line(&error)));
        let is_wanted = || !out.is_closed();
        let Some(mut logits) = self.weights.read(&prompt, &is_wanted).map_err(broken)? else { return Ok(()) };
        let mut choose = LogitsProcessor::from_sampling(seed, sampling(request.temperature));
        let mut words = self.tokenizer.decode_stream(true);
        let (mut said, mut thinking, mut has_said) = (Vec::<u32>::new(), false, false);
        let mut finish = Finish::Length;
        loop {
            let recent = &said[said.len().saturating_sub(REPEAT_WITHIN)..];
            let next = choose_from(&mut choose, &logits, recent).map_err(broken)?;
            if self.stops.contains(&next) {
                finish = Finish::Stop;
                break;
            }
            said.push(next);
            match self.thoughts {
                Some((begin, _)) if next == begin => thinking = true,
                Some((_, end)) if next == end => thinking = false,
                _ if thinking => {}
                _ => {
                    let text = words.step(next).map_err(|_| Failure::Invalid("tokens that are no text"))?;
                    // A line's end before the first word is the template's and not the answer's.
                    let text = text.map(|text| if has_said { text } else { text.trim_start().to_owned() });
                    if let Some(text) = text.filter(|text| !text.is_empty()) {
                        has_said = true;
                        if out.blocking_send(Ok(Event::Text(text))).is_err() {
                            return Ok(());
                        }
                    }
                }
            }
            if said.len() >= most {
                break;
            }
            if !is_wanted() {
                return Ok(());
            }
            logits = self.weights.forward(&[next], prompt.len() + said.len() - 1).map_err(broken)?;
        }
        if !has_said {
            return Err(Failure::Empty);
        }
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let _ = out.blocking_send(Ok(Event::Usage { input_tokens: count(prompt.len()), output_tokens: count(said.len()) }));
        let _ = out.blocking_send(Ok(Event::Finish(finish)));
        Ok(())
    }

    fn prompt(&self, request: &Request) -> Result<Vec<u32>, Failure> {
        // What people and documents write is text, and never the end of a turn.
        let clean = |text: &str| {
            self.special.iter().filter(|mark| text.contains(mark.as_str())).fold(text.to_owned(), |text, mark| {
                let first = mark.chars().next().map_or(0, char::len_utf8);
                text.replace(mark.as_str(), &format!("{} {}", &mark[..first], &mark[first..]))
            })
        };
        let [begin, end] = &self.marks;
        let text = self.template.prompt(&request.messages, [begin, end], &clean).map_err(Failure::Local)?;
        let encoded = self.tokenizer.encode(text, false).map_err(|_| Failure::Local("The model's tokenizer does not take the question. Choose another file.".to_owned()))?;
        let mut tokens = encoded.get_ids().to_vec();
        if let Some(begin) = self.begin.filter(|begin| tokens.first() != Some(begin)) {
            tokens.insert(0, begin);
        }
        Ok(tokens)
    }
}

fn sampling(temperature: Option<f64>) -> Sampling {
    match temperature.unwrap_or(USUAL_TEMPERATURE) {
        none if none < 0.01 => Sampling::ArgMax,
        temperature => Sampling::TopKThenTopP { k: 40, p: 0.95, temperature },
    }
}

fn choose_from(choose: &mut LogitsProcessor, logits: &Tensor, recent: &[u32]) -> candle_core::Result<u32> {
    if recent.is_empty() { choose.sample(logits) } else { choose.sample(&apply_repeat_penalty(logits, REPEAT_PENALTY, recent)?) }
}

/// The file's own, where it is of a kind that can be read there; else `{name}.tokenizer.json` or `tokenizer.json` beside it.
fn tokenizer(content: &Content, path: &Path, file: &str) -> Result<Tokenizer, String> {
    let beside = [path.with_extension("tokenizer.json"), path.with_file_name("tokenizer.json")];
    let own = || Tokenizer::from_gguf(content);
    let mut tokenizer = match beside.iter().find(|path| path.is_file()) {
        // One for all files serves only those that have none.
        Some(found) if *found == beside[0] || file::text(content, "tokenizer.ggml.model").as_deref() != Some("gpt2") => {
            Tokenizer::from_file(found).map_err(|_| format!("`{}` cannot be read. Download it again.", found.file_name().unwrap_or_default().to_string_lossy()))?
        }
        _ => own().map_err(|_| {
            let stem = file.trim_end_matches(super::EXTENSION);
            format!("`{file}` has a vocabulary of a kind that is not read here. Put the model's `tokenizer.json` beside it, as `{stem}.tokenizer.json`.")
        })?,
    };
    // Such files cut and pad to what their makers trained with.
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|_| format!("The tokenizer of `{file}` cannot be used."))?;
    Ok(tokenizer)
}

fn one_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().trim_end_matches('.').chars().take(200).collect()
}
