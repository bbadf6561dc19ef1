//! One question in, one stream of answer events out.
//!
//! 1. Resolve the question against the conversation.
//! 2. Retrieve from the connected projects.
//! 3. Decide whether they answer it.
//! 4. Generate.
//! 5. Align the answer's sentences with the passages, in code.
//! 6. Store it with its receipt.
//!
//! An answer runs on a task of its own and writes its events to a log (`log`); whoever listens reads from there, so that
//! a client may leave and come back while the model goes on.

mod align;
mod api;
mod builtin;
mod events;
mod extractive;
mod filter;
mod guard;
mod judge;
mod log;
mod meaning;
mod passages;
mod prompt;
mod receipt;
mod resolve;
mod retell;
mod rounds;
mod run;
mod sentences;
mod small_talk;
mod start;
mod titles;

pub use api::{ChatAnswer, ChatApi, MessagesApi, ChatMessage, ChatReply, ChatRole, check_messages, delivered, reply_stream, reply_whole, resume};
pub use events::Event;
pub use judge::{shown_and_cited, supports, told_sentences};
pub use log::{Answers, Log};
pub use titles::{TITLE_JOB, make_title};
pub use start::{Answering, Asked, Asker, Question, ask, rehearse, start, suggest};
