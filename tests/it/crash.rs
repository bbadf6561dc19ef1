//! The real executable: killed while it works, and started where it cannot.

use std::{
    collections::{HashMap, HashSet},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{
    Client,
    llm_server::{LlmServer, Script},
    receiver::{Answer, Receiver},
};

/// The executable, with nothing of this machine's environment that it would heed.
fn illumichat(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_illumichat"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(folder.parent().unwrap()).arg("--data-dir").arg(folder);
    command
}

/// Runs a command to its end.
pub(super) fn run(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = illumichat(folder).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Holds a start that fails to its exit code, and returns what it says.
#[track_caller]
pub(super) fn failure(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    let sentence = text.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("no sentence in {text}"));
    assert!(!text.contains("panicked"), "{text}");
    sentence.to_owned()
}

pub(super) struct Running {
    child: Child,
    url: String,
}

impl Running {
    /// Starts the server and waits until it serves.
    pub(super) fn start(folder: &Path, environment: &[(&str, &str)]) -> Running {
        let mut command = illumichat(folder);
        command.args(["--log-format", "json", "serve", "--listen", "127.0.0.1:0"]).envs(environment.iter().copied());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let address = loop {
            let line = lines.next().unwrap_or_else(|| panic!("the server ended: {said}")).unwrap();
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            if entry["fields"]["message"] == "IllumiChat serves" {
                break entry["fields"]["address"].as_str().unwrap().to_owned();
            }
            said.push_str(&line);
        };
        // Read on, so that the log never fills its pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Running { child, url: format!("http://{address}") }
    }

    /// SIGKILL: nothing is tidied up.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes an owner with a token by the command line. Returns the token and the workspace's id.
pub(super) fn set_up(folder: &Path) -> (String, String) {
    let arguments = ["--json", "user", "create", "--email", "ada@example.com", "--name", "Ada", "--workspace", "Acme", "--role", "owner", "--password-stdin"];
    let user = run(folder, &arguments, "correct horse battery\n");
    assert!(user.status.success(), "{}", String::from_utf8_lossy(&user.stderr));
    let user: Value = serde_json::from_slice(&user.stdout).unwrap();
    let token = run(folder, &["token", "create", "--email", "ada@example.com", "--workspace", "Acme", "--name", "test"], "");
    assert!(token.status.success(), "{}", String::from_utf8_lossy(&token.stderr));
    let token = String::from_utf8(token.stdout).unwrap();
    // The token alone, so that a script can take it.
    assert!(token.starts_with("ic_") && token.ends_with('\n') && token.trim().len() == 43 && token.trim().chars().skip(3).all(|c| c.is_ascii_alphanumeric()), "{token:?}");
    (token.trim().to_owned(), user["workspaceId"].as_str().unwrap().to_owned())
}

pub(super) fn client(running: &Running, set_up: &(String, String)) -> Client {
    Client::with_token(&running.url, &set_up.0, &set_up.1)
}

#[tokio::test]
async fn what_was_accepted_survives_a_kill_during_ingestion() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    let who = set_up(&folder);
    let running = Running::start(&folder, &[]);
    let owner = client(&running, &who);
    let project = owner.post(&owner.path("/projects"), json!({"name": "Docs"})).await.expect(201);
    let documents = owner.path(&format!("/projects/{}/documents", project["id"].as_str().unwrap()));
    let mut accepted = Vec::new();
    for number in 0..3 {
        let text: String = (0..150).map(|section| format!("## Section {section}\n\nMachine {number} of line {section} is serviced every {section} days by the crew of hall {number}, who note it in the book.\n\n")).collect();
        let document = owner.post(&documents, json!({"title": format!("Manual {number}"), "text": text})).await.expect(201);
        accepted.push(document["id"].as_str().unwrap().to_owned());
    }
    // Until the first is being worked on.
    while owner.get(&documents).await.expect(200)["data"].as_array().unwrap().iter().all(|document| document["status"] == "pending") {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    running.kill();

    let running = Running::start(&folder, &[]);
    let owner = client(&running, &who);
    let mut chunks = Vec::new();
    for id in &accepted {
        let document = loop {
            let document = owner.get(&format!("{documents}/{id}")).await.expect(200);
            if document["status"] == "completed" || document["status"] == "failed" {
                break document;
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
        };
        assert_eq!((&document["status"], &document["error"]), (&json!("completed"), &json!(null)));
        chunks.push(document["chunkCount"].as_i64().unwrap());
    }
    // All three have the same form: none lost a part, none has one twice.
    assert!(chunks[0] > 10 && chunks.iter().all(|count| *count == chunks[0]), "{chunks:?}");
    let search = owner.path(&format!("/projects/{}/search", project["id"].as_str().unwrap()));
    let found = owner.post(&search, json!({"query": "Machine 2 of line 149"})).await.expect(200);
    assert_eq!(found["data"][0]["title"], "Manual 2");
    running.kill();
    let doctor = run(&folder, &["doctor"], "");
    assert!(doctor.status.success(), "{}{}", String::from_utf8_lossy(&doctor.stdout), String::from_utf8_lossy(&doctor.stderr));
}

#[tokio::test]
async fn the_question_survives_a_kill_in_mid_answer() {
    let llm = LlmServer::start().await;
    llm.next(Script::says(["Half of ", "an answer."]).silent_after(1));
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    let who = set_up(&folder);
    let base_url = llm.base_url();
    let environment = [("OPENAI_BASE_URL", base_url.as_str()), ("OPENAI_API_KEY", "sk-scripted")];
    let running = Running::start(&folder, &environment);
    let owner = client(&running, &who);
    let assistant = owner.post(&owner.path("/assistants"), json!({"name": "Bot"})).await.expect(201);
    let mut live = owner.ask_live("/api/chat", json!({"assistantId": assistant["id"], "messages": [{"role": "user", "content": "Is anybody there at night?"}]})).await;
    let start = live.next().await.unwrap();
    live.until("text-delta").await;
    running.kill();

    let running = Running::start(&folder, &environment);
    let owner = client(&running, &who);
    let path = owner.path(&format!("/conversations/{}/messages", start["chatId"].as_str().unwrap()));
    let messages = owner.get(&path).await.expect(200);
    assert_eq!((&messages["total"], &messages["data"][0]["content"]), (&json!(2), &json!("Is anybody there at night?")));
    assert_eq!((&messages["data"][1]["id"], &messages["data"][1]["status"]), (&start["messageId"], &json!("stopped")));
    // The conversation goes on, and the retried question is not there twice.
    llm.next(Script::says(["A whole answer."]));
    let again = owner.ask(&path, json!({"content": "Is anybody there at night?"})).await;
    assert_eq!(again.text(), "A whole answer.");
    assert_eq!(owner.get(&path).await.expect(200)["data"].as_array().unwrap().iter().filter(|message| message["role"] == "user").count(), 1);
}

#[tokio::test]
async fn a_second_server_on_the_folder_is_refused_and_commands_are_not() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    let who = set_up(&folder);
    let running = Running::start(&folder, &[]);
    let sentence = failure(&run(&folder, &["serve", "--listen", "127.0.0.1:0"], ""), 1);
    assert!(sentence.contains("another running server") && sentence.contains("--data-dir"), "{sentence}");
    // Commands work beside it, and what they do holds at once.
    let token = run(&folder, &["token", "create", "--email", "ada@example.com", "--workspace", &who.1, "--name", "beside"], "");
    let token = String::from_utf8(token.stdout).unwrap();
    let beside = Client::with_token(&running.url, token.trim(), &who.1);
    assert_eq!(beside.get("/api/workspaces").await.expect(200)["total"], 1);
    // The folder is free once its server is dead, however it died.
    running.kill();
    Running::start(&folder, &[]).kill();
}

#[tokio::test]
async fn a_port_in_use_is_said_with_a_way_out() {
    let home = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let sentence = failure(&run(&home.path().join("data"), &["serve", "--listen", &address], ""), 1);
    assert!(sentence.contains(&address.split(':').nth(1).unwrap().to_owned()) && sentence.contains("in use") && sentence.contains("--listen"), "{sentence}");
    let sentence = failure(&run(&home.path().join("data"), &["serve", "--listen", "nonsense"], ""), 2);
    assert!(sentence.contains("listen"), "{sentence}");
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_written_to_is_named() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    let folder = file.join("data");
    let sentence = failure(&Command::new(env!("CARGO_BIN_EXE_illumichat")).env_clear().args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&folder).output().unwrap(), 1);
    assert!(sentence.contains(&folder.display().to_string()) && sentence.contains("cannot be written to"), "{sentence}");
}

#[tokio::test]
async fn a_missing_or_damaged_key_is_not_made_anew() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    set_up(&folder);
    let key = folder.join("secret.key");
    let text = std::fs::read_to_string(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let sentence = failure(&run(&folder, &["serve", "--listen", "127.0.0.1:0"], ""), 2);
    assert!(sentence.contains("secret.key") && sentence.contains("backup"), "{sentence}");
    assert!(!key.exists());
    std::fs::write(&key, "rubbish").unwrap();
    let sentence = failure(&run(&folder, &["serve", "--listen", "127.0.0.1:0"], ""), 2);
    assert!(sentence.contains("damaged"), "{sentence}");
    std::fs::write(&key, "0".repeat(64)).unwrap();
    let sentence = failure(&run(&folder, &["serve", "--listen", "127.0.0.1:0"], ""), 2);
    assert!(sentence.contains("not the one"), "{sentence}");
    std::fs::write(&key, text).unwrap();
    Running::start(&folder, &[]).kill();
}

#[tokio::test]
async fn a_newer_or_foreign_database_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    set_up(&folder);
    let database = folder.join("illumichat.db");
    let connection = rusqlite::Connection::open(&database).unwrap();
    let columns: Vec<String> = connection.prepare("select name from pragma_table_info('migrations')").unwrap().query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    // The last migration again, with a number from the future.
    let values: Vec<String> = columns.iter().map(|column| if column == "version" { "9999".to_owned() } else { column.clone() }).collect();
    connection.execute(&format!("insert into migrations ({}) select {} from migrations order by version desc limit 1", columns.join(", "), values.join(", ")), []).unwrap();
    drop(connection);
    let sentence = failure(&run(&folder, &["serve", "--listen", "127.0.0.1:0"], ""), 1);
    assert!(sentence.contains("9999") && sentence.contains("newer"), "{sentence}");
    let other = home.path().join("other");
    std::fs::create_dir(&other).unwrap();
    rusqlite::Connection::open(other.join("illumichat.db")).unwrap().execute_batch("create table recipes (name text)").unwrap();
    std::fs::copy(folder.join("secret.key"), other.join("secret.key")).unwrap();
    let sentence = failure(&run(&other, &["serve", "--listen", "127.0.0.1:0"], ""), 1);
    assert!(sentence.contains("not made by IllumiChat"), "{sentence}");
    std::fs::write(other.join("illumichat.db"), "this is no database at all, but a text that is long enough").unwrap();
    let output = run(&other, &["serve", "--listen", "127.0.0.1:0"], "");
    assert!(!output.status.success());
    let sentence = failure(&output, 1);
    assert!(!sentence.contains("Something went wrong"), "{sentence}");
}

#[tokio::test]
async fn wrong_use_ends_in_2_and_openapi_in_a_document() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    assert_eq!(run(&folder, &["fly"], "").status.code(), Some(2));
    set_up(&folder);
    assert_eq!(run(&folder, &["token", "create", "--email", "nobody@example.com", "--workspace", "Acme", "--name", "x"], "").stdout, b"");
    let document = run(&folder, &["openapi"], "");
    assert_eq!(serde_json::from_slice::<Value>(&document.stdout).unwrap()["openapi"].as_str().map(|version| &version[..2]), Some("3."));
}

/// `ILLUMICHAT_TEST_EVENTS` and `ILLUMICHAT_TEST_KILLS` set other figures, for a slow machine.
#[tokio::test]
async fn every_event_is_told_under_one_id_whatever_is_killed() {
    let set = |name: &str, usual: usize| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (people, kills) = (set("ILLUMICHAT_TEST_EVENTS", 10_000), set("ILLUMICHAT_TEST_KILLS", 20));
    let began = std::time::Instant::now();
    let receiver = Receiver::start().await;
    let mut seen: HashMap<String, usize> = HashMap::new();
    // A third of the first attempts fail.
    receiver.answers(move |number, hit| {
        let times = seen.entry(hit.header("webhook-id").to_owned()).or_insert(0);
        *times += 1;
        Answer::of(if *times == 1 && number % 3 == 0 { 500 } else { 200 })
    });
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    let who = set_up(&folder);
    let environment = [("ILLUMICHAT_EGRESS__ALLOW", "[\"127.0.0.1\"]"), ("ILLUMICHAT_LIMITS__ENABLED", "false")];
    let running = Running::start(&folder, &environment);
    let owner = client(&running, &who);
    owner.post(&owner.path("/webhooks"), json!({"url": receiver.url, "events": ["contact.created"]})).await.expect(201);
    let csv: String = std::iter::once("name,email\n".to_owned()).chain((0..people).map(|number| format!("P{number},p{number}@example.com\n"))).collect();
    let form = reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::bytes(csv.into_bytes()).file_name("people.csv"));
    owner.send(owner.request(reqwest::Method::POST, &owner.path("/contacts/imports")).multipart(form)).await.expect(201);
    while receiver.count() < 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.kill();
    for kill in 1..kills {
        let running = Running::start(&folder, &environment);
        // Each time somewhere else in the work.
        let before = receiver.count();
        for _ in 0..100 {
            if receiver.count() >= before + people / kills * (1 + kill % 3) / 4 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        running.kill();
    }
    let running = Running::start(&folder, &environment);
    let owner = client(&running, &who);
    let webhook = owner.get("/api/webhooks").await.expect(200)[0]["id"].as_str().unwrap().to_owned();
    let delivered = owner.path(&format!("/webhooks/{webhook}/deliveries?status=delivered&limit=1"));
    let killed = began.elapsed().as_secs_f64();
    for _ in 0..1_200 {
        if owner.get(&delivered).await.expect(200)["total"] == people {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(owner.get(&delivered).await.expect(200)["total"], people);
    let mut ids: HashMap<String, HashSet<String>> = HashMap::new();
    let hits = receiver.hits();
    for hit in &hits {
        ids.entry(hit.json()["data"]["email"].as_str().unwrap().to_owned()).or_default().insert(hit.header("webhook-id").to_owned());
    }
    assert_eq!(ids.len(), people);
    assert!(ids.values().all(|ids| ids.len() == 1), "no event has two ids");
    assert_eq!(owner.get(&owner.path("/contacts")).await.expect(200)["total"], people);
    println!("{people} events, {kills} kills, {} requests, {killed:.1} s until the last kill, {:.1} s in all", hits.len(), began.elapsed().as_secs_f64());
}

/// The system calls of a request, watched by strace: what is answered for has been synced to the disk first.
#[tokio::test]
async fn nothing_is_answered_for_before_it_is_on_the_disk() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    let who = set_up(&folder);
    let running = Running::start(&folder, &[]);
    let calls = home.path().join("calls");
    let pid = running.child.id().to_string();
    let tracer = Command::new("strace")
        .args(["-f", "-s", "64", "-e", "trace=fsync,fdatasync,recvfrom,read,sendto,write,writev", "-p", &pid, "-o"])
        .arg(&calls)
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tracer) = tracer else {
        println!("not looked at: there is no strace here");
        return;
    };
    let mut said = BufReader::new(tracer.stderr.take().unwrap()).lines();
    let first = said.next().unwrap().unwrap();
    if !first.contains("attached") {
        println!("not looked at: {first}");
        return;
    }
    let owner = client(&running, &who);
    // Until strace holds every thread: then a harmless request shows in its record.
    while !std::fs::read_to_string(&calls).unwrap_or_default().contains("GET /healthz") {
        let _ = owner.get("/healthz").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    owner.post(&owner.path("/projects"), json!({"name": "Docs"})).await.expect(201);
    while !std::fs::read_to_string(&calls).unwrap().contains("HTTP/1.1 201") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(running);
    let _ = tracer.wait();
    let calls = std::fs::read_to_string(&calls).unwrap();
    let (asked, answered) = (calls.find("POST /api/workspaces").unwrap(), calls.find("HTTP/1.1 201").unwrap());
    let between = &calls[asked..answered];
    assert!(between.lines().any(|line| (line.contains("fsync(") || line.contains("fdatasync(")) && line.ends_with("= 0")), "{between}");
}

#[test]
fn a_slip_of_the_pen_is_said_and_makes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("dtaa");
    for arguments in [&["doctor"][..], &["search", "Docs", "lamps"], &["user", "list"], &["token", "list", "--workspace", "Acme"]] {
        let sentence = failure(&run(&folder, arguments, ""), 2);
        assert!(sentence.contains("--data-dir"), "{sentence}");
    }
    assert!(!folder.exists());
    for (name, value) in [
        ("ILLUMICHAT_LOG__LEVEL", "loud"),
        ("ILLUMICHAT_CHAT__TIMEOUT_SECONDS", "0"),
        ("ILLUMICHAT_LIMITS__CHAT", "0"),
        ("ILLUMICHAT_EGRESS__ALLOW", "http://x"),
        ("OPENAI_BASE_URL", "nonsense"),
    ] {
        let output = illumichat(&folder).args(["serve", "--listen", "127.0.0.1:0"]).env(name, value).output().unwrap();
        let sentence = failure(&output, 2);
        assert!(sentence.contains("is not valid"), "{name}: {sentence}");
    }
    let output = illumichat(&folder).args(["config"]).env("ILLUMICHAT_EGRESS__ALLOW", "10.0.0.0/8, intranet.example").output().unwrap();
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("intranet.example"), "{output:?}");
}

#[test]
fn guests_get_no_token_from_the_command_line() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    set_up(&folder);
    let guest = ["user", "create", "--email", "gus@example.com", "--name", "Gus", "--workspace", "Acme", "--role", "guest", "--password-stdin"];
    assert!(run(&folder, &guest, "correct horse battery\n").status.success());
    let sentence = failure(&run(&folder, &["token", "create", "--email", "gus@example.com", "--workspace", "Acme", "--name", "x"], ""), 2);
    assert!(sentence.contains("guest"), "{sentence}");
}
