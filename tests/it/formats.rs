//! Real files of every format, read by the product in a process of its own: words that stand in each are found, on the page
//! where they stand, and files without text say why.

use std::path::{Path, PathBuf};

use illumichat::knowledge::extract::child::extract_apart;
use reqwest::Method;
use serde_json::{Value, json};

use super::projects::create_project;
use crate::support::{Client, spawn_app};

/// The folder of test data, or nothing where it is absent; that is said loudly.
fn data() -> Option<PathBuf> {
    let named = std::env::var_os("ILLUMICHAT_TEST_DATA").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data")).join("documents");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: there is no test data in {}; set ILLUMICHAT_TEST_DATA", folder.display());
    None
}

/// Words that stand together in the file, and their page; or, of a file without text, part of the reason.
enum Golden {
    On(i64, &'static str),
    Anywhere(&'static str),
    Fails(&'static str),
}
use Golden::{Anywhere, Fails, On};

const FILES: &[(&str, &[Golden])] = &[
    ("docx/blk-containing-table.docx", &[Fails("no text")]),
    ("docx/comments-rich-para.docx", &[Anywhere("Some text worthy of note.")]),
    ("docx/doc-access-sections.docx", &[Anywhere("Section three (sentinel section) paragraph.")]),
    ("docx/having-images.docx", &[Fails("no text")]),
    ("docx/hdr-header-footer.docx", &[Anywhere("section without header of its own"), Anywhere("Header for section-1")]),
    ("docx/num-having-numbering-part.docx", &[Anywhere("- Paragraph having List Number style.")]),
    ("docx/par-hyperlinks.docx", &[Anywhere("One awesome hyperlink.")]),
    ("docx/tbl-having-tables.docx", &[Fails("no text")]),
    ("pdf/ArabicCIDTrueType.pdf", &[On(1, "العربية")]),
    ("pdf/REDHAT-1531897-0.pdf", &[Fails("The PDF is damaged")]),
    ("pdf/TAMReview.pdf", &[On(1, "Technology Acceptance Model")]),
    ("pdf/ThuluthFeatures.pdf", &[Fails("no text")]),
    ("pdf/annotation-link-text-popup.pdf", &[On(1, "mozilla.org")]),
    ("pdf/annotation-tx.pdf", &[On(1, "tx annotation")]),
    ("pdf/aws-pinpoint-dg.pdf", &[On(2, "Copyright © 2019 Amazon Web Services")]),
    ("pdf/basicapi.pdf", &[On(1, "Table Of Content"), On(2, "Chapter 1")]),
    ("pdf/bug1132849.pdf", &[Anywhere("2345678")]),
    ("pdf/bug1782186.pdf", &[Fails("password")]),
    ("pdf/cid_cff.pdf", &[On(1, "processor reference chart")]),
    ("pdf/copy_paste_ligatures.pdf", &[On(1, "abcdeffffiflffifflststghijklmno")]),
    ("pdf/empty.pdf", &[Fails("no text")]),
    ("pdf/encrypted-attachment.pdf", &[Fails("password")]),
    ("pdf/hello_world_rotated.pdf", &[On(1, "Hello world"), On(5, "Hello world")]),
    ("pdf/issue15893_reduced.pdf", &[Fails("password")]),
    ("pdf/issue6010_1.pdf", &[Fails("password")]),
    ("pdf/issue918.pdf", &[On(1, "Ideology as ritual")]),
    ("pdf/openoffice.pdf", &[On(1, "A Company Profile")]),
    ("pdf/poppler-67295-0.pdf", &[On(1, "TestString123")]),
    ("pdf/pr6531_1.pdf", &[Fails("password")]),
    ("pdf/pr6531_2.pdf", &[On(1, "Bluebeam should be encrypting this.")]),
    ("pdf/rotated.pdf", &[On(1, "Rotated text")]),
    ("pdf/rotation.pdf", &[On(1, "first page with normal layout"), On(2, "landscape layout")]),
    ("pdf/sec-2022Q3-AAPL.pdf", &[On(1, "For the quarterly period ended June 25, 2022"), On(4, "Products | $ | 63,355")]),
    ("pdf/sizes.pdf", &[On(1, "Normal"), On(2, "Envelope")]),
    ("pdf/tracemonkey.pdf", &[On(1, "Trace-based Just-in-Time Type Specialization"), On(2, "Every compiled trace contains all the guards"), On(3, "LIR snippet for sample program")]),
    ("pdf/vertical.pdf", &[Fails("no text")]),
    ("xlsx/1904.xlsx", &[Anywhere("1904-01-12")]),
    ("xlsx/DPI120C11.xlsx", &[Anywhere("150px")]),
    ("xlsx/DPI96C48.xlsx", &[Anywhere("529px")]),
    ("xlsx/ErrorTypes.xlsx", &[Anywhere("Bang: #NULL!")]),
    ("xlsx/cell_style_simple.xlsx", &[Anywhere("2 | 3 | 4 | 5")]),
    ("xlsx/freeze.xlsx", &[Anywhere("B2")]),
    ("xlsx/hyperlink_stress_test_2011.xlsx", &[Anywhere("dev at sheetjs dot com")]),
    ("xlsx/issue2717.xlsx", &[Anywhere("end-of-year thousandths rounding")]),
    ("xlsx/merge_cells.xlsx", &[Anywhere("are merged separately")]),
    ("xlsx/metadata_2019.xlsx", &[Anywhere("Dynamic Array")]),
    ("xlsx/mixed_sheets.xlsx", &[Anywhere("SANITARY SURVEY")]),
    ("xlsx/write.xlsx", &[Anywhere("sheetjs")]),
];

async fn upload(client: &Client, path: &str, file: &Path) -> Value {
    let name = file.file_name().unwrap().to_string_lossy();
    let mut body = format!("--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n").into_bytes();
    body.extend(std::fs::read(file).unwrap());
    body.extend(b"\r\n--part--\r\n");
    client.send(client.request(Method::POST, path).header("content-type", "multipart/form-data; boundary=part").body(body)).await.expect(201)["data"][0].clone()
}

#[tokio::test]
async fn every_real_file_gives_its_words_or_its_reason() {
    let Some(folder) = data() else { return };
    let app = spawn_app().await;
    let owner = app.owner().await;
    let mut wrong = Vec::new();
    let mut listed = Vec::new();
    for kind in ["pdf", "docx", "xlsx"] {
        for entry in std::fs::read_dir(folder.join("formats").join(kind)).unwrap() {
            listed.push(format!("{kind}/{}", entry.unwrap().file_name().to_string_lossy()));
        }
    }
    for name in &listed {
        assert!(FILES.iter().any(|(known, _)| known == name), "say what is in {name}");
    }
    let mut expected = Vec::new();
    for (name, golden) in FILES {
        // Each in a project of its own, so that what is found is this file's.
        let project = create_project(&owner, name).await;
        let path = owner.path(&format!("/projects/{project}"));
        let document = upload(&owner, &format!("{path}/documents"), &folder.join("formats").join(name)).await;
        expected.push((name, golden, path, document));
    }
    app.drain().await;
    for (name, golden, path, document) in expected {
        let document = owner.get(&format!("{path}/documents/{}", document["id"].as_str().unwrap())).await.expect(200);
        for golden in *golden {
            let (words, page) = match golden {
                Fails(reason) => {
                    if document["status"] != "failed" || !document["error"].as_str().unwrap_or_default().contains(reason) {
                        wrong.push(format!("{name}: {} {} instead of {reason:?}", document["status"], document["error"]));
                    }
                    continue;
                }
                On(page, words) => (words, Some(*page)),
                Anywhere(words) => (words, None),
            };
            let found = owner.post(&format!("{path}/search"), json!({"query": words, "mode": "keyword", "limit": 50})).await.expect(200);
            let hit = found["data"].as_array().unwrap().iter().find(|hit| {
                let text = format!("{} {}", hit["headings"].as_array().unwrap().iter().map(|heading| heading.as_str().unwrap()).collect::<Vec<_>>().join(" "), hit["text"].as_str().unwrap());
                let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
                (text.contains(words) || hit["title"].as_str().unwrap().contains(words)) && page.is_none_or(|page| hit["page"] == page)
            });
            if hit.is_none() {
                wrong.push(format!("{name}: {words:?} is not found on page {page:?}: {} {}", document["status"], document["error"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_whole_help_centre_is_read() {
    let Some(folder) = data() else { return };
    let app = spawn_app().await;
    let owner = app.owner().await;
    let project = create_project(&owner, "Help").await;
    let path = owner.path(&format!("/projects/{project}/documents"));
    let mut folders = vec![folder.join("help-centre")];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            if file.is_dir() {
                folders.push(file);
            } else {
                upload(&owner, &path, &file).await;
                count += 1;
            }
        }
    }
    assert_eq!(count, 132);
    app.drain().await;
    let failed = owner.get(&format!("{path}?status=failed")).await.expect(200);
    assert_eq!((&failed["total"], owner.get(&format!("{path}?status=completed")).await.expect(200)["total"].clone()), (&json!(0), json!(132)), "{failed}");
}

/// A file that would harm the server harms a process that is made for it, and is answered in time.
#[tokio::test]
async fn hostile_files_fail_with_a_reason() {
    let reader = Some(PathBuf::from(env!("CARGO_BIN_EXE_illumichat")));
    // References that lead in a circle, objects nested past any stack, a stream that says it is endless.
    let nested = format!("%PDF-1.4\n1 0 obj\n{}{}\nendobj\ntrailer<</Root 1 0 R>>\n", "[".repeat(400_000), "]".repeat(400_000));
    let circle = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[2 0 R]/Count 1>>endobj\nxref\n0 3\n0000000000 65535 f \n0000000009 00000 n \n0000000054 00000 n \ntrailer<</Root 1 0 R/Size 3>>\nstartxref\n107\n%%EOF";
    let deep_html = "<div>".repeat(3_000_000);
    let files: Vec<(&str, Vec<u8>)> = vec![("nested", nested.into_bytes()), ("circle", circle.into()), ("deep", deep_html.into_bytes())];
    for (name, bytes) in files {
        #[expect(clippy::disallowed_methods, reason = "a bound on the real time that it takes")]
        let started = std::time::Instant::now();
        let outcome = extract_apart(reader.clone(), bytes).await.unwrap();
        let reason = outcome.expect_err(name).0;
        assert!(reason.len() > 20 && started.elapsed().as_secs() < 30, "{name}: {reason} after {:?}", started.elapsed());
    }
    // A reader that is no reader.
    let outcome = extract_apart(Some("/bin/false".into()), b"words".to_vec()).await.unwrap();
    assert!(outcome.is_err());
    let fine = extract_apart(reader, b"# Title\n\nSome *words*.\n".to_vec()).await.unwrap().unwrap();
    assert_eq!((fine.title.as_deref(), fine.blocks.len()), (Some("Title"), 2));
}
