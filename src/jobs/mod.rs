//! A durable queue. A job is a row, enqueued by the transaction that makes it necessary, run at least once, retried with
//! growing waits. It knows no kind of job: `server` says who handles which.

mod store;
mod worker;

pub use store::{Job, NewJob, cancel, count_due, counts, enqueue, finish};
pub use worker::{Handler, Handlers, Queue};
