//! What the scripted provider does with one request, written as a sentence: `Script::says(["Hel", "lo"]).cut_after(1)`.

use std::{fmt, io, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{net::tcp::OwnedWriteHalf, sync::watch};

use super::{
    After, Received, send,
    wire::{Answer, Format, Frame},
};

#[derive(Clone)]
pub struct Script {
    reply: Reply,
    headers: Vec<(String, String)>,
    style: Style,
    /// At most so many bytes are sent at a time.
    piece: usize,
    pause: Duration,
    /// In the order in which they come.
    turns: Vec<Turn>,
    /// Holds the headers back.
    silence: Option<Gate>,
    /// Ended by closing the connection and not by the framing.
    until_close: bool,
}

#[derive(Clone)]
enum Reply {
    Answer(Answer),
    /// Made from the request.
    Made(Arc<dyn Fn(&Received) -> String + Send + Sync>),
    /// One document, although a stream was asked for.
    Unstreamed(Answer),
    /// Anything, with a status and a content type.
    Raw(u16, String, Vec<u8>),
}

/// How an event is written down.
#[derive(Debug, Clone, Copy)]
pub(super) enum Style {
    Usual,
    CrLf,
    /// No space after the colon.
    Tight,
    /// A comment before each.
    Commented,
}

/// What happens after so many texts; after none, it is before the first byte of the body.
#[derive(Clone)]
struct Turn {
    texts: usize,
    event: Happening,
}

#[derive(Clone)]
enum Happening {
    /// Nothing more, until the client leaves or the gate opens.
    Silence(Gate),
    /// Half of the next event, then the end of the connection.
    Cut,
    /// These bytes, and then the rest.
    Insert(Vec<u8>),
    /// The stream's end, although more was to come.
    End,
}

/// Holds a script back until it is opened.
#[derive(Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    pub fn closed() -> Self {
        Gate(Arc::new(watch::Sender::new(false)))
    }

    pub fn open(&self) {
        self.0.send_replace(true);
    }

    async fn passed(&self) {
        // The sender lives as long as `self`, so this ends only by an open gate.
        let _ = self.0.subscribe().wait_for(|&open| open).await;
    }
}

impl Script {
    fn new(reply: Reply) -> Self {
        Script {
            reply,
            headers: Vec::new(),
            style: Style::Usual,
            piece: usize::MAX,
            pause: Duration::ZERO,
            turns: Vec::new(),
            silence: None,
            until_close: false,
        }
    }

    /// A whole answer in these pieces, with usage (7 in, a token a piece out) and a proper end.
    pub fn says<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::new(Reply::Answer(Answer::of_texts(texts.into_iter().map(Into::into).collect())))
    }

    /// An answer made from the request, in pieces of a word.
    pub fn replies(make: impl Fn(&Received) -> String + Send + Sync + 'static) -> Self {
        Self::new(Reply::Made(Arc::new(make)))
    }

    /// A model that does what its documents say: it repeats what stands between `<source …>` and `</source>` in its
    /// prompt, and without any the last thing the user said.
    pub fn obeys() -> Self {
        Self::replies(|request| {
            let prompt = request.prompt();
            let passages: Vec<&str> = prompt
                .split("<source ")
                .skip(1)
                .filter_map(|rest| rest.split_once('>')?.1.split_once("</source>"))
                .map(|(passage, _)| passage.trim())
                .collect();
            if passages.is_empty() { request.last("user") } else { passages.join("\n") }
        })
    }

    /// Wants a tool called.
    pub fn calls(tool: &str, arguments: Value) -> Self {
        Self::new(Reply::Answer(Answer::of_call(tool, arguments)))
    }

    /// Ignores that a stream was asked for.
    pub fn unstreamed(text: &str) -> Self {
        Self::new(Reply::Unstreamed(Answer::of_texts(vec![text.to_owned()])))
    }

    /// An error in the way the format has it.
    pub fn fails(status: u16, message: &str) -> Self {
        let body = serde_json::json!({ "error": { "message": message, "type": "scripted", "code": null } });
        Self::unframed(status, "application/json", body.to_string())
    }

    /// These bytes as a body of known length.
    pub fn unframed(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new(Reply::Raw(status, content_type.to_owned(), body.into()))
    }

    /// A success that is a page of something else.
    pub fn rubbish() -> Self {
        Self::unframed(200, "text/html", "<html><body>It works!</body></html>\n")
    }

    /// Takes the request and says nothing at all.
    pub fn silent() -> Self {
        let mut script = Self::says([""; 0]);
        script.silence = Some(Gate::closed());
        script
    }

    /// The model's length limit was reached.
    pub fn cut_short(mut self) -> Self {
        if let Reply::Answer(answer) = &mut self.reply {
            answer.stopped_by_length = true;
        }
        self
    }

    /// No count of tokens.
    pub fn without_usage(mut self) -> Self {
        if let Reply::Answer(answer) = &mut self.reply {
            answer.usage = None;
        }
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Waits so long before each event.
    pub fn paced(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    pub fn byte_by_byte(self) -> Self {
        self.in_pieces_of(1)
    }

    pub fn in_pieces_of(mut self, bytes: usize) -> Self {
        self.piece = bytes;
        self
    }

    pub fn with_crlf(mut self) -> Self {
        self.style = Style::CrLf;
        self
    }

    pub fn without_space(mut self) -> Self {
        self.style = Style::Tight;
        self
    }

    pub fn with_comments(mut self) -> Self {
        self.style = Style::Commented;
        self
    }

    /// Says nothing more after so many texts. 0 leaves the headers.
    pub fn silent_after(self, texts: usize) -> Self {
        self.held_after(texts, &Gate::closed())
    }

    /// Waits for the gate after so many texts.
    pub fn held_after(mut self, texts: usize, gate: &Gate) -> Self {
        self.turns.push(Turn { texts, event: Happening::Silence(gate.clone()) });
        self
    }

    /// The connection ends in the middle of the text after so many.
    pub fn cut_after(mut self, texts: usize) -> Self {
        self.turns.push(Turn { texts, event: Happening::Cut });
        self
    }

    /// The same, in a way that HTTP takes for a proper end.
    pub fn closed_after(mut self, texts: usize) -> Self {
        self.until_close = true;
        self.cut_after(texts)
    }

    /// These bytes among the events, after so many texts.
    pub fn inserting(mut self, texts: usize, bytes: impl Into<Vec<u8>>) -> Self {
        self.turns.push(Turn { texts, event: Happening::Insert(bytes.into()) });
        self
    }

    /// The stream ends after so many texts, as if it were complete.
    pub fn ended_after(mut self, texts: usize) -> Self {
        self.turns.push(Turn { texts, event: Happening::End });
        self
    }

    fn frames(&self, format: Format, request: &Received) -> Vec<Frame> {
        match &self.reply {
            Reply::Answer(answer) => format.frames(answer, self.style),
            Reply::Made(make) => format.frames(&Answer::of_words(&make(request)), self.style),
            Reply::Unstreamed(answer) => vec![Frame::other(format.document(answer).to_string().into_bytes())],
            Reply::Raw(_, _, bytes) => vec![Frame::other(bytes.clone())],
        }
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

/// Plays the script; an error means that the client has left.
pub(super) async fn play(
    script: &Script,
    format: Format,
    request: &Received,
    writer: &mut OwnedWriteHalf,
) -> io::Result<After> {
    let (status, content_type) = match &script.reply {
        Reply::Answer(_) | Reply::Made(_) => (200, "text/event-stream; charset=utf-8"),
        Reply::Unstreamed(_) => (200, "application/json"),
        Reply::Raw(status, content_type, _) => (*status, content_type.as_str()),
    };
    if let Some(gate) = &script.silence {
        gate.passed().await;
    }
    let mut head = format!("HTTP/1.1 {status} Scripted\r\ncontent-type: {content_type}\r\n");
    head.push_str(if script.until_close { "connection: close\r\n" } else { "transfer-encoding: chunked\r\n" });
    for (name, value) in &script.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    send(writer, head.as_bytes()).await?;

    let mut texts = 0;
    let mut turns = script.turns.iter().peekable();
    for frame in script.frames(format, request) {
        while let Some(Turn { event, .. }) = turns.next_if(|turn| texts >= turn.texts) {
            match event {
                Happening::Silence(gate) => gate.passed().await,
                Happening::Cut => {
                    write(script, &frame.bytes[..frame.bytes.len() / 2], writer).await?;
                    return Ok(After::Close);
                }
                Happening::Insert(bytes) => write(script, bytes, writer).await?,
                Happening::End => return end(script, writer).await,
            }
        }
        if !script.pause.is_zero() {
            tokio::time::sleep(script.pause).await;
        }
        write(script, &frame.bytes, writer).await?;
        texts += usize::from(frame.is_text);
    }
    end(script, writer).await
}

async fn end(script: &Script, writer: &mut OwnedWriteHalf) -> io::Result<After> {
    if script.until_close {
        return Ok(After::Close);
    }
    send(writer, b"0\r\n\r\n").await?;
    Ok(After::KeepOpen)
}

/// One frame in pieces, each a chunk of its own so that it arrives as one.
async fn write(script: &Script, bytes: &[u8], writer: &mut OwnedWriteHalf) -> io::Result<()> {
    for piece in bytes.chunks(script.piece) {
        if script.until_close {
            send(writer, piece).await?;
        } else {
            let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
            send(writer, &chunk).await?;
        }
    }
    Ok(())
}
