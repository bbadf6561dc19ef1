//! The bytes of an answer, as they arrive, to the JSON payloads in it: an event stream, or one JSON document from a
//! server that ignores `stream: true`. Which of the two is read off the first byte, since content types are often wrong.
//!
//! The event stream is the HTML standard's (section "Server-sent events"): lines ended by CR, LF or both, comments,
//! `data:` with or without a space. It is read line by line and not event by event, because each `data:` line of every
//! provider is one whole payload: nothing waits for a blank line that may come late or never. What does not fit into
//! a line is joined with the lines after it, as the standard has it.

use serde_json::{Value, error::Category};

use super::Failure;

/// Something a body is made of.
#[derive(Debug, PartialEq)]
pub(super) enum Payload {
    Json(Value),
    /// `[DONE]`: nothing follows.
    Done,
}

/// One line, and one payload over several of them.
const LINE_BYTES: usize = 1 << 20;
/// An answer that is not streamed.
const DOCUMENT_BYTES: usize = 4 << 20;
/// All that one answer may send; far beyond what any model writes.
const TOTAL_BYTES: usize = 64 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Debug, Default)]
pub(super) struct Body {
    form: Form,
    /// The unfinished line, or the document so far.
    buffer: Vec<u8>,
    /// `data:` lines that are not whole JSON yet.
    joined: Vec<u8>,
    after_cr: bool,
    any_payload: bool,
    total: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Form {
    #[default]
    Unknown,
    Lines,
    Document,
}

impl Body {
    /// Takes the next read and appends the payloads that it completes to `out`. After a failure the body is not to be
    /// used again; payloads that came before it are in `out`.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<Payload>) -> Result<(), Failure> {
        self.total += bytes.len();
        if self.total > TOTAL_BYTES {
            return Err(Failure::Invalid("an answer that does not end"));
        }
        match self.form {
            Form::Lines => self.push_lines(bytes, out),
            Form::Document => self.push_document(bytes),
            Form::Unknown => {
                self.buffer.extend_from_slice(bytes);
                let head = self.buffer.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.buffer).trim_ascii_start();
                match head.first() {
                    None => {
                        self.buffer.clear();
                        return Ok(());
                    }
                    Some(_) if BYTE_ORDER_MARK.starts_with(head) => return Ok(()),
                    Some(b'{' | b'[') => self.form = Form::Document,
                    Some(_) => self.form = Form::Lines,
                }
                let head = head.to_vec();
                self.buffer.clear();
                match self.form {
                    Form::Document => self.push_document(&head),
                    _ => self.push_lines(&head, out),
                }
            }
        }
    }

    /// The end of the body, `clean` where the connection says so itself. Whether the answer was complete is for the
    /// format to judge; a failure here is one that it could not know of.
    pub(super) fn end(&mut self, clean: bool, out: &mut Vec<Payload>) -> Result<(), Failure> {
        match self.form {
            Form::Unknown if clean => Err(Failure::Empty),
            Form::Unknown => Err(Failure::CutOff),
            Form::Document => match serde_json::from_slice(&self.buffer) {
                Ok(json) => {
                    self.any_payload = true;
                    out.push(Payload::Json(json));
                    Ok(())
                }
                Err(error) if error.classify() == Category::Eof => Err(Failure::CutOff),
                Err(_) => Err(Failure::Invalid("something that is not JSON")),
            },
            Form::Lines => {
                // The last line may lack its end; if it is not whole, it is part of what was cut off.
                let line = std::mem::take(&mut self.buffer);
                if !line.is_empty() && self.line(&line, out).is_err() && clean && !self.any_payload {
                    return Err(NOT_A_STREAM);
                }
                if clean && !self.any_payload { Err(NOT_A_STREAM) } else { Ok(()) }
            }
        }
    }

    /// Whether the body is one document, which is complete by its own end and not by a word of the model's.
    pub(super) fn is_document(&self) -> bool {
        self.form == Form::Document
    }

    fn push_document(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.buffer.len() + bytes.len() > DOCUMENT_BYTES {
            return Err(Failure::Invalid("an answer that is too large"));
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn push_lines(&mut self, mut bytes: &[u8], out: &mut Vec<Payload>) -> Result<(), Failure> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                if self.buffer.len() + bytes.len() > LINE_BYTES {
                    return Err(Failure::Invalid("a line without an end"));
                }
                self.buffer.extend_from_slice(bytes);
                return Ok(());
            };
            self.after_cr = bytes[end] == b'\r';
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.buffer.is_empty() {
                self.line(line, out)?;
            } else {
                let mut whole = std::mem::take(&mut self.buffer);
                whole.extend_from_slice(line);
                self.line(&whole, out)?;
                whole.clear();
                self.buffer = whole;
            }
            bytes = rest;
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<Payload>) -> Result<(), Failure> {
        if line.len() > LINE_BYTES {
            return Err(Failure::Invalid("a line that is too long"));
        }
        if line.is_empty() {
            return if self.joined.is_empty() { Ok(()) } else { Err(NOT_JSON) };
        }
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
        let (field, value) = (&line[..colon], line.get(colon + 1..).unwrap_or_default().trim_ascii());
        match field {
            b"data" => self.data(value, out),
            // Not of the standard; llama.cpp's server reports its errors so.
            b"error" => {
                let mut error: Value = serde_json::from_slice(value).map_err(|_| NOT_JSON)?;
                if error.get("error").is_none() {
                    error = serde_json::json!({ "error": error });
                }
                self.any_payload = true;
                out.push(Payload::Json(error));
                Ok(())
            }
            // `event`, `id`, `retry`, a comment, and fields that someone may invent.
            word if word.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) => Ok(()),
            _ => Err(NOT_A_STREAM),
        }
    }

    fn data(&mut self, value: &[u8], out: &mut Vec<Payload>) -> Result<(), Failure> {
        if value.is_empty() {
            return Ok(());
        }
        let payload = if self.joined.is_empty() {
            if value == b"[DONE]" {
                self.any_payload = true;
                out.push(Payload::Done);
                return Ok(());
            }
            value
        } else {
            if self.joined.len() + value.len() > LINE_BYTES {
                return Err(Failure::Invalid("an event that is too long"));
            }
            self.joined.push(b'\n');
            self.joined.extend_from_slice(value);
            &self.joined
        };
        match serde_json::from_slice::<Value>(payload) {
            Ok(json) => {
                self.joined.clear();
                self.any_payload = true;
                out.push(Payload::Json(json));
                Ok(())
            }
            Err(error) if error.classify() == Category::Eof => {
                if self.joined.is_empty() {
                    self.joined = value.to_vec();
                }
                Ok(())
            }
            Err(_) => Err(NOT_JSON),
        }
    }
}

const NOT_JSON: Failure = Failure::Invalid("something that is not JSON in its event stream");
const NOT_A_STREAM: Failure = Failure::Invalid("something that is not an event stream");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(pieces: &[&[u8]]) -> (Vec<Payload>, Result<(), Failure>) {
        let (mut body, mut out) = (Body::default(), Vec::new());
        for piece in pieces {
            if let Err(failure) = body.push(piece, &mut out) {
                return (out, Err(failure));
            }
        }
        let end = body.end(true, &mut out);
        (out, end)
    }

    fn payloads(text: &str) -> Vec<Payload> {
        let (out, end) = read(&[text.as_bytes()]);
        assert_eq!(end, Ok(()), "{text:?}");
        out
    }

    #[test]
    fn reads_every_way_to_write_an_event() {
        let one = || vec![Payload::Json(json!({"a": 1})), Payload::Done];
        for text in [
            "data: {\"a\":1}\n\ndata: [DONE]\n\n",
            "data:{\"a\":1}\n\ndata:[DONE]\n\n",
            "data: {\"a\":1}\r\n\r\ndata: [DONE]\r\n\r\n",
            "data: {\"a\":1}\r\rdata: [DONE]\r\r",
            "data: {\"a\":1}\ndata: [DONE]\n",
            "data: {\"a\":1}\n\ndata: [DONE]",
            ": a comment\n\nevent: x\nid: 1\nretry: 5\ndata: {\"a\":1}\n\n:\n\ndata: [DONE]\n\n",
            "data: {\ndata: \"a\":1\ndata: }\n\ndata: [DONE]\n\n",
            "data:\n\ndata: {\"a\":1}\n\ndata: [DONE] \n\n",
            "\u{feff}data: {\"a\":1}\n\ndata: [DONE]\n\n",
            "\n\n  data: {\"a\":1}\n\ndata: [DONE]\n\n",
        ] {
            assert_eq!(payloads(text), one(), "{text:?}");
        }
    }

    #[test]
    fn reads_a_document() {
        assert_eq!(payloads(" {\"a\":\n1}\n"), [Payload::Json(json!({"a": 1}))]);
        assert_eq!(payloads("[]"), [Payload::Json(json!([]))]);
        assert_eq!(read(&[b"{\"a\":"]).1, Err(Failure::CutOff));
        assert!(matches!(read(&[b"{rubbish}"]).1, Err(Failure::Invalid(_))));
        assert!(matches!(read(&[b"{\"a\":1}\n{\"a\":2}"]).1, Err(Failure::Invalid(_))));
    }

    #[test]
    fn an_error_field_is_an_error() {
        let expected = Payload::Json(json!({"error": {"message": "no slot"}}));
        assert_eq!(payloads("error: {\"message\":\"no slot\"}\n\n"), [expected]);
    }

    #[test]
    fn refuses_rubbish_as_soon_as_it_is_seen() {
        for text in
            ["<html>\n", "502 Bad Gateway\n", "data: rubbish\n\n", "data: {\"a\": rubbish}\n", "data: {\n\n", "\0\0:\n"]
        {
            let mut out = Vec::new();
            let result = Body::default().push(text.as_bytes(), &mut out);
            assert!(matches!(result, Err(Failure::Invalid(_))), "{text:?}: {result:?}");
        }
        assert!(matches!(read(&[b"<html>"]).1, Err(Failure::Invalid(_))));
        assert!(matches!(read(&[b"rubbish"]).1, Err(Failure::Invalid(_))));
        assert_eq!(read(&[]).1, Err(Failure::Empty));
    }

    #[test]
    fn keeps_what_came_before_a_failure() {
        let (out, end) = read(&[b"data: {\"a\":1}\n\ndata: <rubbish>\n\n"]);
        assert_eq!(out, [Payload::Json(json!({"a": 1}))]);
        assert!(end.is_err());
    }

    #[test]
    fn a_torn_last_line_is_no_payload() {
        let (out, end) = read(&[b"data: {\"a\":1}\n\ndata: {\"a\": \"mid-wo"]);
        assert_eq!((out, end), (vec![Payload::Json(json!({"a": 1}))], Ok(())));
    }

    #[test]
    fn bounds_what_it_keeps() {
        let long = vec![b'x'; LINE_BYTES + 1];
        assert!(matches!(read(&[b"data: ", &long]).1, Err(Failure::Invalid(_))));
        let quoted = [b"data: [\"", &long[..], b"\"]\n"].concat();
        assert!(matches!(read(&[&quoted]).1, Err(Failure::Invalid(_))));
        let line = [b"data: [\"", &long[..LINE_BYTES / 2], b"\",\n"].concat();
        assert!(matches!(read(&[&line, &line, &line]).1, Err(Failure::Invalid(_))));
        let document = [b"[\"", &long[..]].concat();
        assert!(matches!(read(&[&document, &long, &long, &long]).1, Err(Failure::Invalid(_))));
    }

    proptest! {
        #[test]
        fn any_split_reads_the_same(
            texts in prop::collection::vec("\\PC{0,12}", 0..8),
            ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\r"]), 1..4),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let end = |i: usize| ends[i % ends.len()];
            let mut bytes = b": hello\n\n".to_vec();
            for (i, text) in texts.iter().enumerate() {
                bytes.extend(format!("data: {}{1}{1}", json!({ "text": text }), end(i)).bytes());
            }
            bytes.extend_from_slice(b"data: [DONE]\n\n");
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            let (out, end) = read(&pieces);
            prop_assert_eq!(end, Ok(()));
            let expected: Vec<Payload> =
                texts.iter().map(|text| Payload::Json(json!({ "text": text }))).chain([Payload::Done]).collect();
            prop_assert_eq!(out, expected);
        }

        #[test]
        fn any_bytes_are_survived(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8)) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let _ = read(&pieces);
        }
    }
}
