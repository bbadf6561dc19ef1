//! One request to a provider and its answer: the deadlines, the limits, what a status means, when an answer counts as
//! complete. Knows HTTP, and no provider's format.

use std::{collections::VecDeque, error::Error as _, io, time::Duration};

use futures_util::{FutureExt, Stream, stream};
use http::{Method, header};
use serde_json::Value;
use tokio::time::timeout;

use super::{
    Endpoint, Event, Failure, Unreachable, Wait,
    body::{Body, Payload},
};
use crate::{error::Error, http::Client};

/// What a wire format makes of the payloads of one answer.
pub(super) trait Decoder: Send {
    /// The next payload. What it says is appended to `out`, also before a failure.
    fn payload(&mut self, payload: Value, out: &mut Vec<Event>) -> Result<Progress, Failure>;

    /// The answer has ended as it should: whatever was held back, then `Finish`.
    fn finish(&mut self, out: &mut Vec<Event>) -> Result<(), Failure>;
}

/// How far an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    /// The model has said that it is done; figures may follow, and their lack is no failure.
    Complete,
    /// Nothing follows that matters.
    Over,
}

/// How long figures may follow the model's last word.
const TRAILER: Duration = Duration::from_secs(2);
/// How long the words that come with an error status may take.
const ERROR_BODY: Duration = Duration::from_secs(2);
const ERROR_BODY_BYTES: usize = 16 << 10;
/// A provider that asks for a longer pause is taken to ask for this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// The events of the answer to a prepared request.
pub(super) fn events(
    prepared: Result<reqwest::RequestBuilder, Failure>,
    decoder: Box<dyn Decoder>,
    endpoint: &Endpoint,
) -> impl Stream<Item = Result<Event, Failure>> + Send + Unpin + use<> {
    let exchange = Exchange {
        state: State::Unsent(prepared),
        body: Body::default(),
        decoder,
        progress: Progress::More,
        ready: VecDeque::new(),
        endpoint: endpoint.clone(),
    };
    let events = stream::unfold(exchange, |mut exchange| async move {
        let next = exchange.next().await?;
        Some((next, exchange))
    });
    Box::pin(events)
}

struct Exchange {
    state: State,
    body: Body,
    decoder: Box<dyn Decoder>,
    progress: Progress,
    /// What the last read gave, not yet taken.
    ready: VecDeque<Result<Event, Failure>>,
    endpoint: Endpoint,
}

enum State {
    Unsent(Result<reqwest::RequestBuilder, Failure>),
    Reading(reqwest::Response),
    Ended,
}

impl Exchange {
    async fn next(&mut self) -> Option<Result<Event, Failure>> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Some(next);
            }
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return None,
                State::Unsent(prepared) => {
                    // The first byte is awaited together with the status: some send their headers at once and then
                    // think, others think first.
                    let first = async {
                        let mut response = open(prepared?).await?;
                        let read = response.chunk().await;
                        Ok((response, read))
                    };
                    match timeout(self.endpoint.timeouts.first_byte, first).await {
                        Ok(Ok((response, read))) => self.take(response, read),
                        Ok(Err(failure)) => self.fail(failure),
                        Err(_) => self.fail(Failure::Timeout(Wait::FirstByte)),
                    }
                }
                State::Reading(mut response) => {
                    let idle = self.endpoint.timeouts.idle;
                    let wait = if self.progress == Progress::Complete { idle.min(TRAILER) } else { idle };
                    match timeout(wait, response.chunk()).await {
                        Ok(read) => self.take(response, read),
                        Err(_) if self.progress == Progress::Complete => self.finish(),
                        Err(_) => self.fail(Failure::Timeout(Wait::NextByte)),
                    }
                }
            }
        }
    }

    /// One read of the body: bytes, its clean end, or its unclean one.
    fn take(&mut self, response: reqwest::Response, read: reqwest::Result<Option<bytes::Bytes>>) {
        let mut payloads = Vec::new();
        let (result, ended) = match &read {
            Ok(Some(bytes)) => (self.body.push(bytes, &mut payloads), false),
            Ok(None) => (self.body.end(true, &mut payloads), true),
            Err(_) => (self.body.end(false, &mut payloads), true),
        };
        for payload in payloads {
            if let Err(failure) = self.payload(payload) {
                return self.fail(failure);
            }
            if self.progress == Progress::Over {
                drain(response);
                return self.finish();
            }
        }
        // What the model said in full is not taken back for what went wrong after it.
        let complete = self.progress == Progress::Complete || (ended && self.body.is_document());
        match result {
            Err(failure) if self.progress != Progress::Complete => self.fail(failure),
            Err(_) => self.finish(),
            Ok(()) if !ended => self.state = State::Reading(response),
            Ok(()) if complete => self.finish(),
            Ok(()) => self.fail(Failure::CutOff),
        }
    }

    fn payload(&mut self, payload: Payload) -> Result<(), Failure> {
        let json = match payload {
            Payload::Json(json) => json,
            Payload::Done => {
                self.progress = Progress::Over;
                return Ok(());
            }
        };
        let mut events = Vec::new();
        let result = self.decoder.payload(json, &mut events);
        self.ready.extend(events.into_iter().map(Ok));
        self.progress = result?;
        Ok(())
    }

    fn finish(&mut self) {
        let mut events = Vec::new();
        let result = self.decoder.finish(&mut events);
        self.ready.extend(events.into_iter().map(Ok));
        if let Err(failure) = result {
            self.fail(failure);
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.ready.push_back(Err(failure.tidied(self.endpoint.key())));
    }
}

/// A request to an address that the endpoint's settings name, if the server may go there.
pub(super) fn request(client: &Client, method: Method, url: url::Url) -> Result<reqwest::RequestBuilder, Failure> {
    client.request_directly(method, url.as_str()).map_err(|_| Failure::Unreachable(Unreachable::Forbidden))
}

/// Sends the request; an answer that is not a success is a failure, told from its status and the start of its body.
pub(super) async fn open(builder: reqwest::RequestBuilder) -> Result<reqwest::Response, Failure> {
    // Compression would hold tokens back until a block of it is full.
    let sent = builder.header(header::ACCEPT_ENCODING, "identity").send().await;
    let mut response = sent.map_err(|error| unsent(&error))?;
    if response.status().is_success() {
        return Ok(response);
    }
    let retry_after = retry_after(response.headers());
    let mut body = Vec::new();
    // Whatever happens to the words, the status is what counts.
    let _ = timeout(ERROR_BODY, async {
        while let Ok(Some(bytes)) = response.chunk().await {
            let room = ERROR_BODY_BYTES - body.len();
            body.extend_from_slice(&bytes[..bytes.len().min(room)]);
            if body.len() == ERROR_BODY_BYTES {
                break;
            }
        }
    })
    .await;
    Err(Failure::from_status(response.status().as_u16(), &body, retry_after))
}

/// Reads what is left of a finished answer, so that its connection can serve the next one: a new one would cost that
/// answer's first token two or three round trips. Does not keep anyone waiting.
fn drain(mut response: reqwest::Response) {
    const LONGEST: Duration = Duration::from_secs(1);
    const MOST_READS: usize = 16;
    let rest = async move {
        for _ in 0..MOST_READS {
            match response.chunk().await {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    };
    let mut rest = Box::pin(rest);
    if rest.as_mut().now_or_never().is_none() {
        tokio::spawn(timeout(LONGEST, rest));
    }
}

/// What kept a request from being answered at all.
fn unsent(error: &reqwest::Error) -> Failure {
    if error.is_builder() {
        return Failure::Misconfigured("base address or API key cannot be used in a request");
    }
    if !error.is_connect() {
        // The connection stood, and ended before a status came.
        return if error.is_timeout() { Failure::Timeout(Wait::FirstByte) } else { Failure::CutOff };
    }
    if error.is_timeout() {
        return Failure::Unreachable(Unreachable::TimedOut);
    }
    // The innermost cause that says anything is the one that counts: a refusal of the guarded client, in the house's own
    // words, stands inside a failure to resolve.
    let mut found = Unreachable::Other;
    let mut cause = error.source();
    while let Some(error) = cause {
        let io = error.downcast_ref::<io::Error>();
        match io.map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => found = Unreachable::Refused,
            Some(io::ErrorKind::TimedOut) => found = Unreachable::TimedOut,
            // How rustls reports what it does not like.
            Some(io::ErrorKind::InvalidData) => found = Unreachable::Tls,
            _ if error.is::<Error>() => found = Unreachable::Forbidden,
            _ if error.to_string().contains("dns error") => found = Unreachable::UnknownHost,
            _ => {}
        }
        // An error inside an `io::Error` is not its source: that would be the inner one's source.
        cause = match io.and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    Failure::Unreachable(found)
}

/// The pause that a provider asks for. A date is read against the response's own `Date`, which needs no clock of ours.
fn retry_after(headers: &header::HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(ms) = text(header::HeaderName::from_static("retry-after-ms")).and_then(|ms| ms.parse::<f64>().ok()) {
        return seconds(ms / 1000.0);
    }
    let wish = text(header::RETRY_AFTER)?;
    if let Ok(wish) = wish.parse::<f64>() {
        return seconds(wish);
    }
    let instant = |text| jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp().as_second());
    seconds((instant(wish)? - instant(text(header::DATE)?)?) as f64)
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.max(0.0)).ok().map(|wait| wait.min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_of_retry_after() {
        let read = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = header::HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, header::HeaderValue::from_static(value));
            }
            retry_after(&headers).map(|wait| wait.as_millis())
        };
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("retry-after", "7")]), Some(7000));
        assert_eq!(read(&[("retry-after", "1.5")]), Some(1500));
        assert_eq!(read(&[("retry-after", "1"), ("retry-after-ms", "250")]), Some(250));
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(read(&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT"), date]), Some(60_000));
        assert_eq!(read(&[("retry-after", "Sun, 06 Nov 1994 08:40:00 GMT"), date]), Some(0));
        assert_eq!(read(&[("retry-after", "-5")]), Some(0));
        assert_eq!(read(&[("retry-after", "soon")]), None);
        assert_eq!(read(&[("retry-after", "NaN")]), Some(0));
        assert_eq!(read(&[("retry-after", "1e300")]), None);
        assert_eq!(read(&[("retry-after", "99999999")]), Some(86_400_000));
    }
}
