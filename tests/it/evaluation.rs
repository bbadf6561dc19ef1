//! `illumichat eval answers`, as the executable runs it.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::crash::{Running, client, failure, run, set_up};

const RETURNS: &str = "# Returns\n\nLamps can be sent back within 30 days of the delivery. The money is paid back to the card that was used within 5 days after we have the parcel.\n";
const SHIPPING: &str = "# Shipping\n\nExpress parcels arrive on the next working day. Standard parcels take three to five working days.\n";

/// Two pages and what is asked about them; gives the file of questions.
fn documents(folder: &Path) -> String {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("returns.md"), RETURNS).unwrap();
    fs::write(folder.join("shipping.md"), SHIPPING).unwrap();
    let questions = [
        json!({"question": "How long can I send a lamp back?", "page": "returns", "facts": ["30 days", "a gift voucher for every customer"]}),
        json!({"question": "When does an express parcel arrive?", "page": ["shipping.md", "delivery"], "facts": ["next working day"]}),
        json!({"question": "Who won the football world cup in 1990?", "page": null}),
    ];
    let file = folder.join("questions.jsonl");
    fs::write(&file, questions.map(|line| line.to_string()).join("\n")).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn answers_are_held_to_their_facts_and_to_what_they_were() {
    let home = tempfile::tempdir().unwrap();
    let (data, pages) = (home.path().join("data"), home.path().join("pages"));
    let questions = documents(&pages);
    let output = run(&data, &["--json", "eval", "answers", &questions], "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!((&report["answerable"], &report["answered"], &report["rightPage"], &report["offTopic"], &report["refused"]), (&json!(2), &json!(2), &json!(2), &json!(1), &json!(1)), "{report}");
    assert_eq!((&report["facts"], &report["foundFacts"]), (&json!(3), &json!(2)));
    assert_eq!(report["perQuestion"][0]["missing"], json!(["a gift voucher for every customer"]));
    assert!(report["citedSentences"].as_i64().unwrap() >= 2 && report["citedSentences"] == report["supportedSentences"]);
    assert!(!data.exists(), "the data folder has no part in this");

    let baseline = home.path().join("before.json");
    fs::write(&baseline, output.stdout).unwrap();
    let compare = ["eval", "answers", &questions, "--baseline", baseline.to_str().unwrap()];
    assert!(run(&data, &compare, "").status.success(), "nothing has changed");
    fs::write(pages.join("returns.md"), RETURNS.replace("30 days", "some time")).unwrap();
    let worse = run(&data, &compare, "");
    assert_eq!(failure(&worse, 1), "error: 1 of 3 questions got worse:");
    assert!(String::from_utf8_lossy(&worse.stderr).contains("How long can I send a lamp back? does not say any more: 30 days"));

    fs::write(&baseline, "{}").unwrap();
    assert!(failure(&run(&data, &compare, ""), 2).contains("is no report of `eval answers --json`"));
}

#[tokio::test]
async fn an_assistant_that_there_is_is_asked_and_remembers_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (data, pages) = (home.path().join("data"), home.path().join("pages"));
    let questions = documents(&pages);
    let who = set_up(&data);
    let running = Running::start(&data, &[]);
    let owner = client(&running, &who);
    let project = owner.post(&owner.path("/projects"), json!({"name": "Docs"})).await.expect(201)["id"].as_str().unwrap().to_owned();
    let assistant = owner.post("/api/assistants", json!({"name": "Support", "model": "builtin/extractive"})).await.expect(201);
    owner.post(&owner.path(&format!("/assistants/{}/projects", assistant["id"].as_str().unwrap())), json!({"projectId": project})).await.expect(201);
    let ingested = run(&data, &["ingest", pages.join("returns.md").to_str().unwrap(), pages.join("shipping.md").to_str().unwrap(), "--project", &project], "");
    assert!(ingested.status.success(), "{}", String::from_utf8_lossy(&ingested.stderr));

    let output = run(&data, &["--json", "eval", "answers", &questions, "--assistant", "Support"], "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!((&report["answered"], &report["rightPage"], &report["refused"], &report["foundFacts"]), (&json!(2), &json!(2), &json!(1), &json!(2)), "{report}");
    let conversations = owner.get(&owner.path("/conversations")).await.expect(200);
    assert_eq!(conversations["data"], json!([]), "it was a rehearsal");
    assert!(failure(&run(&data, &["eval", "answers", &questions, "--assistant", "Nobody"], ""), 1).contains("There is no assistant `Nobody`"));
}
