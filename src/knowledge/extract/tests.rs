use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Extracted {
    extract(text.as_bytes()).unwrap()
}

/// Each block as `path: text`.
fn blocks(document: &Extracted) -> Vec<String> {
    document
        .blocks
        .iter()
        .filter(|block| !matches!(block.kind, BlockKind::Heading(_)))
        .map(|block| format!("{}: {}", block.headings.join(" > "), &document.text[block.start..block.end]))
        .collect()
}

fn refusal(bytes: &[u8]) -> String {
    extract(bytes).unwrap_err().0
}

#[test]
fn markdown_becomes_blocks_under_their_headings() {
    let document = read(
        "---\ntitle: \"Refunds\"\nurl: https://example.com/refunds\nsidebar: 3\n---\nimport Tabs from '@theme/Tabs';\n\n# Money back\n\nSee the [form](form.md) and `code`.\nSecond line.\n\n## How\n\n1. Open **it**\n2. Send it\n   - with a photo\n\n| Plan | Days |\n|---|---|\n| Free | 3 |\n| Pro | 30 |\n\n```sh\ncurl x\n\ncurl y\n```\n\n:::note\nOnly once.\n:::\n\n<p align=\"center\">In <b>HTML</b><br>too</p>\n",
    );
    assert_eq!(document.kind, Kind::Markdown);
    assert_eq!(document.title.as_deref(), Some("Refunds"));
    assert_eq!(document.url.as_deref(), Some("https://example.com/refunds"));
    assert_eq!(
        blocks(&document),
        [
            "Money back: See the form and code.\nSecond line.",
            "Money back > How: 1. Open it\n2. Send it\n  - with a photo",
            "Money back > How: Plan | Days\nFree | 3\nPro | 30",
            "Money back > How: curl x\n\ncurl y",
            "Money back > How: Only once.",
            "Money back > How: In HTML\ntoo",
        ]
    );
}

#[test]
fn a_first_heading_is_the_title_where_there_is_no_other() {
    assert_eq!(read("# Hello\n\nSome **text**.").title.as_deref(), Some("Hello"));
    assert_eq!(read("Just words.\n\nAnd more.").title, None);
}

#[test]
fn html_keeps_the_main_content_only() {
    let document = read(
        "<!doctype html><html><head><title>Delivery &ndash; Shop</title><link rel=canonical href=https://shop.example/d><style>p{}</style></head>
         <body><header>Banner</header><nav><a href=/>Home</a></nav><main><h1>Delivery</h1><p>We ship on <b>Mondays</b> &amp; Fridays.</p>
         <p hidden>secret</p><div style='display: none'>also</div><h2>Costs</h2><ul><li>EU: 5&nbsp;&euro;<li>World: <i>12</i></ul>
         <table><tr><th>Kg<th>Price<tr><td>1<td>5</table><pre>a  b\n c</pre><script>var x = '<p>no</p>'</script></main><footer>Imprint</footer></body></html>",
    );
    assert_eq!(document.title.as_deref(), Some("Delivery"));
    assert_eq!(document.url.as_deref(), Some("https://shop.example/d"));
    assert_eq!(
        blocks(&document),
        [
            "Delivery: We ship on Mondays & Fridays.",
            "Delivery > Costs: - EU: 5 €\n- World: 12",
            "Delivery > Costs: Kg | Price\n1 | 5",
            "Delivery > Costs: a  b\n c",
        ]
    );
}

#[test]
fn a_page_without_main_content_is_read_without_its_margins() {
    let document = read("<html><body><div class='sidebar x'>Side</div><nav>Menu</nav><p>One.<p>Two.</p><div>Three</div></body></html>");
    assert_eq!(blocks(&document), [": One.", ": Two.", ": Three"]);
    let only_navigation = read("<html><body><nav><p>All there is.</p></nav></body></html>");
    assert_eq!(blocks(&only_navigation), [": All there is."]);
}

#[test]
fn plain_text_is_cut_at_empty_lines() {
    let document = read("First line\nsecond line\n\n- a\n- b\n\n\nLast");
    assert_eq!(document.kind, Kind::Plain);
    assert_eq!(blocks(&document), [": First line\nsecond line", ": - a\n- b", ": Last"]);
}

#[test]
fn the_type_is_told_by_the_content() {
    for (text, kind) in [
        ("<!DOCTYPE html><p>x", Kind::Html),
        ("\n<div><p>Hello</p><p>there</p></div>", Kind::Html),
        ("Use <b> for bold and </b> to end it.", Kind::Plain),
        ("## Part\n\ntext", Kind::Markdown),
        ("See [one](a) and [two](b).", Kind::Markdown),
        ("# a comment\nkey = 1", Kind::Plain),
        ("1. first\n2. second", Kind::Plain),
    ] {
        assert_eq!(Kind::of(text), kind, "{text}");
    }
}

#[test]
fn every_usual_encoding_is_read() {
    let text = "Größe: “naïve” – 5 €";
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16_be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let latin = encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
    for bytes in [
        text.as_bytes().to_vec(),
        [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        [&b"\xff\xfe"[..], &utf16].concat(),
        [&b"\xfe\xff"[..], &utf16_be].concat(),
        utf16,
        utf16_be,
        latin,
    ] {
        assert_eq!(extract(&bytes).unwrap().text, text, "{bytes:?}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_a_sentence() {
    assert_eq!(refusal(b""), "The file is empty. Send one with text in it.");
    assert!(refusal(b" \n\t ").contains("no text in the file"));
    assert!(refusal(b"# \n\n---\n").contains("no text in the file"));
    assert!(refusal(b"%PDF-1.7\n").starts_with("PDF files are not read yet. What is read: Markdown"));
    assert!(refusal(b"PK\x03\x04........word/document.xml").starts_with("Word files"));
    assert!(refusal(b"\x00\x01\x02\x03\xff\xfe\xfd binary \x00\x00\x07").contains("binary data"));
    assert!(refusal(&(0..=255).cycle().take(4000).collect::<Vec<u8>>()).contains("binary data"));
    assert!(refusal(b"<html><head><title>x</title></head><body><script>1</script></body></html>").contains("no text"));
}

/// A megabyte of what parsers find hard. In proportion to the input means far below this time, also without optimisation.
#[test]
fn a_hostile_megabyte_is_read_in_time() {
    let repeated = |piece: &str| piece.repeat((1 << 20) / piece.len());
    let inputs = [
        repeated("<div>"),
        repeated("<b><i><p>"),
        repeated("<li>"),
        repeated("<div><li></li></div></p>"),
        repeated("</p>"),
        repeated("<table><tr><td>"),
        format!("<p {}>text</p>", repeated("a=1 b ")),
        repeated("<a href='"),
        repeated("<!--"),
        repeated("<script>"),
        repeated("</script"),
        repeated("&amp"),
        repeated("&#x41"),
        repeated("<ul><li>x"),
        repeated("< "),
    ];
    for input in inputs.iter().map(|input| format!("<html><body>word {input}")) {
        timely(&input);
    }
    for piece in [
        "> ", ">", "- ", "* * ", "1. ", "[", "![", "[](", "[a](b", "](", "*a **b ", "_", "`", "~~~\n", "<a ", "<!", "# ", "|", "|-", "a|b\n", "\\", "&", "[a]: b\n", "\n- a\n  ",
        "***", "<b>", "*_", "x\n===\n", "- [ ] ",
    ] {
        timely(&format!("# A\n\n## B\n\n{}", repeated(piece)));
    }
    timely(&repeated("- x\n  "));
    timely(&(0..1500).map(|depth| format!("{}- x\n", "  ".repeat(depth % 700))).collect::<String>());
    timely(&repeated("word"));
    timely(&repeated("\n"));
}

fn timely(input: &str) {
    #[expect(clippy::disallowed_methods, reason = "a bound on the real time that it takes")]
    let started = Instant::now();
    let _ = extract(input.as_bytes());
    let head: String = input.chars().take(60).collect();
    assert!(started.elapsed() < Duration::from_secs(4), "{:?} for {head:?}", started.elapsed());
}

fn check(bytes: &[u8]) {
    let Ok(document) = extract(bytes) else { return };
    let mut end = 0;
    for block in &document.blocks {
        assert!(block.start >= end && block.end > block.start, "blocks overlap");
        assert!(document.text[end..block.start].trim().is_empty(), "text between the blocks");
        end = block.end;
    }
    assert_eq!(end, document.text.len());
    assert!(!document.text.contains('\0'));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        check(&bytes);
    }

    #[test]
    fn any_markup_is_read_or_refused(pieces in proptest::collection::vec(prop_oneof![
        Just("<"), Just(">"), Just("</"), Just("<p>"), Just("<ul>"), Just("<li>"), Just("</ul>"), Just("<table>"), Just("<td>"), Just("</table>"), Just("<pre>"), Just("</pre>"),
        Just("<main>"), Just("</main>"), Just("<h2>"), Just("</h2>"), Just("<script>"), Just("</script>"), Just("<!--"), Just("-->"), Just("<br>"), Just("<a href=\"x\">"), Just("&amp;"),
        Just("&#xD800;"), Just("&#0;"), Just("&notit;"), Just("="), Just("\""), Just("é"), Just("word "), Just("\n"), Just("\n\n"), Just("# "), Just("- "), Just("1. "), Just("```\n"), Just("| a | b |\n|--|--|\n"),
        Just("> "), Just("    "), Just("---\n"), Just("title: x\n"), Just("[a](b)"), Just("**"), Just("日本語。"),
    ], 0..60), html in any::<bool>()) {
        let text = pieces.concat();
        check(if html { format!("<!doctype html>{text}") } else { text }.as_bytes());
    }
}
