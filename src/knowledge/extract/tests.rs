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
fn html_without_an_end_tag_is_html_and_markdown_that_starts_with_a_tag_is_markdown() {
    let broken = read("<p>unclosed <b>bold <table><tr><td>Kg<td>Price");
    assert_eq!((broken.kind, broken.text.contains('<')), (Kind::Html, false), "{}", broken.text);
    let readme = read("<p align=\"center\"><img src=\"a.png\"><img src=\"b.png\">\n\n# Lamps\n\n## Install\n\nRun `lamps`.");
    assert_eq!(readme.kind, Kind::Markdown);
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
    assert!(refusal(b"%PDF-1.7\n").starts_with("The PDF is damaged"));
    assert!(refusal(b"PK\x03\x04........word/document.xml").contains("damaged"));
    assert!(refusal(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1").starts_with("Old Office files"));
    assert!(refusal(b"{\\rtf1 x}").starts_with("RTF files are not read. What is read: PDF"));
    assert!(refusal(b"\x00\x01\x02\x03\xff\xfe\xfd binary \x00\x00\x07").contains("binary data"));
    assert!(refusal(&(0..=255).cycle().take(4000).collect::<Vec<u8>>()).contains("binary data"));
    assert!(refusal(b"<html><head><title>x</title></head><body><script>1</script></body></html>").contains("no text"));
}

fn zipped(parts: &[(&str, &str)]) -> Vec<u8> {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in parts {
        zip.start_file(*name, zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated)).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn texts(document: &Extracted) -> Vec<(Option<u32>, String)> {
    document.blocks.iter().map(|block| (block.page, format!("{}: {}", block.headings.join(" > "), &document.text[block.start..block.end]))).collect()
}

#[test]
fn slides_have_their_number_as_the_page() {
    let slide = |title: &str, body: &str| {
        format!("<p:sld><p:sp><p:ph type=\"sldNum\"/><a:p><a:r><a:t>7</a:t></a:r></a:p></p:sp><p:sp><p:ph idx=\"1\"/><a:p><a:r><a:t>{body}</a:t></a:r></a:p></p:sp><p:sp><p:ph type=\"title\"/><a:p><a:r><a:t>{title}</a:t></a:r></a:p></p:sp></p:sld>")
    };
    let document = extract(&zipped(&[
        ("ppt/presentation.xml", "<p:presentation><p:sldIdLst><p:sldId id=\"256\" r:id=\"rId3\"/><p:sldId id=\"257\" r:id=\"rId2\"/></p:sldIdLst></p:presentation>"),
        ("ppt/_rels/presentation.xml.rels", "<R><Relationship Id=\"rId2\" Target=\"slides/slide1.xml\"/><Relationship Id=\"rId3\" Target=\"/ppt/slides/slide2.xml\"/></R>"),
        ("ppt/slides/slide1.xml", &slide("Second", "Later &amp; more")),
        ("ppt/slides/slide2.xml", &slide("First", "Begin")),
    ]))
    .unwrap();
    assert_eq!((document.kind, document.title.as_deref()), (Kind::Pptx, Some("First")));
    assert_eq!(texts(&document), [(Some(1), ": First".to_owned()), (Some(1), "First: Begin".to_owned()), (Some(2), ": Second".to_owned()), (Some(2), "Second: Later & more".to_owned())]);
}

#[test]
fn open_documents_keep_headings_lists_and_tables() {
    let content = "<office:text><text:tracked-changes><text:p>deleted</text:p></text:tracked-changes><text:h text:outline-level=\"1\">Guide</text:h><text:p>Hello<text:s/>there</text:p>
        <text:list><text:list-item><text:p>one</text:p></text:list-item><text:list-item><text:p>two</text:p></text:list-item></text:list>
        <table:table table:name=\"T\"><table:table-row><table:table-cell><text:p>Plan</text:p></table:table-cell><table:table-cell><text:p>Days</text:p></table:table-cell></table:table-row>
        <table:table-row><table:table-cell><text:p>Free</text:p></table:table-cell><table:table-cell><text:p>3</text:p></table:table-cell></table:table-row></table:table></office:text>";
    let document = extract(&zipped(&[("mimetype", "application/vnd.oasis.opendocument.text"), ("content.xml", content)])).unwrap();
    assert_eq!(document.kind, Kind::OpenDocumentText);
    assert_eq!(blocks(&document), ["Guide: Hello there", "Guide: - one\n- two", "Guide: Plan: Free | Days: 3"]);
    let sealed = zipped(&[("mimetype", "application/vnd.oasis.opendocument.text"), ("content.xml", "x"), ("META-INF/manifest.xml", "<manifest:encryption-data/>")]);
    assert!(refusal(&sealed).contains("password"));
}

#[test]
fn a_book_is_read_in_the_order_of_its_spine() {
    let document = extract(&zipped(&[
        ("mimetype", "application/epub+zip"),
        ("META-INF/container.xml", "<container><rootfiles><rootfile full-path=\"OEBPS/book.opf\"/></rootfiles></container>"),
        ("OEBPS/book.opf", "<package><metadata><dc:title>The Book</dc:title></metadata><manifest><item id=\"a\" href=\"a%20b.xhtml\"/><item id=\"b\" href=\"b.xhtml\"/></manifest><spine><itemref idref=\"b\"/><itemref idref=\"a\"/></spine></package>"),
        ("OEBPS/a b.xhtml", "<html><body><h1>Two</h1><p>Second part.</p></body></html>"),
        ("OEBPS/b.xhtml", "<html><body><h1>One</h1><p>First part.</p></body></html>"),
    ]))
    .unwrap();
    assert_eq!((document.kind, document.title.as_deref()), (Kind::Epub, Some("The Book")));
    assert_eq!(blocks(&document), ["One: First part.", "Two: Second part."]);
}

#[test]
fn each_row_of_a_table_has_its_heads() {
    let document = read("Plan,Days,Price\nFree,3,0\n\"Pro, yearly\",30,\"99\n\"\n");
    assert_eq!((document.kind, blocks(&document)), (Kind::Csv, vec![": Plan: Free | Days: 3 | Price: 0\nPlan: Pro, yearly | Days: 30 | Price: 99".to_owned()]));
    assert_eq!(read("a;b\n1;2\n3;4\n").kind, Kind::Csv);
    assert_eq!(read("a\tb\n1\t2\n").kind, Kind::Tsv);
    assert_eq!(read("Hello, world.\nThis, too, is prose.\n").kind, Kind::Plain);
}

#[test]
fn json_is_read_record_by_record() {
    let document = read("[{\"title\":\"Refunds\",\"body\":\"<p>Within <b>30</b> days</p>\",\"tags\":[\"a\",\"b\"]},{\"id\":2,\"by\":{\"name\":\"Ann\"}}]");
    assert_eq!(document.kind, Kind::Json);
    assert_eq!(blocks(&document), ["Refunds: title: Refunds\nbody: Within 30 days\ntags: a, b", ": id: 2\nby.name: Ann"]);
    let lines = read("{\"question\":\"When?\",\"answer\":\"Now\"}\n{\"question\":\"Who?\",\"answer\":\"We\"}\n");
    assert_eq!((lines.kind, blocks(&lines).len()), (Kind::JsonLines, 2));
}

#[test]
fn an_email_is_its_people_and_its_text() {
    let document = read(
        "From: Ann <ann@example.com>\r\nTo: help@example.com\r\nSubject: =?utf-8?q?Gr=C3=B6=C3=9Fe?=\r\nDate: Tue, 1 Jul 2025 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nWhich size?\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Which <b>size</b>?</p>\r\n--x--\r\n",
    );
    assert_eq!((document.kind, document.title.as_deref()), (Kind::Mail, Some("Größe")));
    assert_eq!(blocks(&document), [": From: Ann <ann@example.com>\nTo: help@example.com\nDate: 2025-07-01 10:00", ": Which size?"]);
}

#[test]
fn an_archive_that_expands_too_far_is_refused() {
    let bomb = zipped(&[("word/document.xml", &" ".repeat(200 << 20))]);
    assert!(bomb.len() < 1 << 20);
    assert!(refusal(&bomb).contains("Unpacked"), "{}", refusal(&bomb));
    assert!(refusal(&zipped(&[("a.txt", "hello")])).starts_with("ZIP archives are not read"));
    // Nested deeper than any stack.
    let deep = format!("<w:document><w:body>{}<w:p><w:r><w:t>word</w:t></w:r></w:p>", "<w:tbl><w:tr><w:tc>".repeat(200_000));
    let deep = extract(&zipped(&[("word/document.xml", &deep)]));
    assert!(deep.as_ref().is_ok_and(|read| read.text.contains("word")) || deep.as_ref().is_err_and(|unreadable| unreadable.0.len() > 20), "{deep:?}");
    // Entities that expand each other are never expanded.
    let laughs = "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><w:document><w:body><w:p><w:r><w:t>word &b;</w:t></w:r></w:p></w:body></w:document>";
    assert_eq!(extract(&zipped(&[("word/document.xml", laughs)])).unwrap().text, "word");
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
