//! From bytes to characters: UTF-8, UTF-16 with and without a byte order mark, and Latin-1 (as browsers do, read as
//! windows-1252) for the rest.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// The text, with line ends as `\n` and without control characters; nothing where the bytes are not text.
pub fn decode(bytes: &[u8]) -> Option<String> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return as_text(&encoding.decode_without_bom_handling(&bytes[length..]).0);
    }
    if let Some(encoding) = utf16_without_mark(bytes) {
        return as_text(&encoding.decode_without_bom_handling(bytes).0);
    }
    if bytes.contains(&0) {
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => as_text(text),
        Err(_) => {
            let encoding = declared(bytes).unwrap_or(WINDOWS_1252);
            // Mostly good UTF-8 with some damage stays UTF-8; otherwise it was never that.
            let lossy = String::from_utf8_lossy(bytes);
            let damaged = lossy.matches('\u{fffd}').count();
            let intact = lossy.chars().filter(|c| !c.is_ascii()).count() - damaged;
            if intact > damaged { as_text(&lossy) } else { as_text(&encoding.decode_without_bom_handling(bytes).0) }
        }
    }
}

/// Text has nearly no control characters; what has many of them is something else.
fn as_text(text: &str) -> Option<String> {
    let mut clean = String::with_capacity(text.len());
    let (mut characters, mut controls) = (0usize, 0usize);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        characters += 1;
        match c {
            '\r' => {
                if rest.peek() != Some(&'\n') {
                    clean.push('\n');
                }
            }
            '\n' | '\t' => clean.push(c),
            '\u{c}' => clean.push('\n'),
            '\u{feff}' | '\u{ad}' | '\u{200b}' => {}
            // Isolated surrogates and the like have become this: harmless, but a file full of it is not text.
            '\u{fffd}' => {
                controls += 1;
                clean.push(c);
            }
            c if c.is_control() => controls += 1,
            c => clean.push(c),
        }
    }
    (controls * 20 <= characters).then_some(clean)
}

/// Every second byte of Western text in UTF-16 is zero.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(4096) & !1];
    if head.len() < 4 {
        return None;
    }
    let zeros = |offset: usize| head.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, half) = (zeros(0), zeros(1), head.len() / 2);
    if odd * 10 >= half * 7 && even * 20 <= half {
        Some(UTF_16LE)
    } else if even * 10 >= half * 7 && odd * 20 <= half {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// The encoding that a web page names in its first kilobyte.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    let after = head.split_once("charset=")?.1;
    let label: String = after.trim_start_matches(['"', '\'', ' ']).chars().take_while(|c| c.is_ascii_alphanumeric() || "-_:".contains(*c)).collect();
    Encoding::for_label(label.as_bytes())
}
