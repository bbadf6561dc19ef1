//! Holds the code to its floors: a module imports only what stands strictly below it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Lowest first; the same order as `src/lib.rs`.
const FLOORS: [&str; 38] = [
    "error", "clock", "ids", "secrets", "config", "guide", "db", "http", "embed", "llm", "jobs", "app", "mail", "events", "audit", "access", "workspaces", "providers", "webhooks", "files",
    "contacts", "assistants", "knowledge", "conversations", "tickets", "tools", "answering", "inbox", "widget", "site_chat", "sms", "profiles", "analytics", "demo",
    "web", "server", "bench", "cli",
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The paths that a file names: `crate::name` anywhere, and `use crate::{name, …}` groups.
fn imports(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + 7..];
        if rest.starts_with('{') {
            let mut depth = 0;
            let mut name = String::new();
            for c in rest.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    c if depth == 1 && (c.is_alphanumeric() || c == '_') => {
                        name.push(c);
                        continue;
                    }
                    _ => {}
                }
                // At the group's own depth a name ends at `::`, `,` or the brace; what follows `::` is skipped with it.
                if !name.is_empty() && (depth <= 1) && matches!(c, ':' | ',' | '}') {
                    names.insert(std::mem::take(&mut name));
                } else if c != ':' {
                    name.clear();
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            names.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    names
}

#[test]
fn every_module_imports_only_what_stands_below_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let declared: Vec<String> = fs::read_to_string(src.join("lib.rs"))
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned))
        .collect();
    let floor = |name: &str| FLOORS.iter().position(|floor| *floor == name);
    let order: Vec<Option<usize>> = declared.iter().map(|name| floor(name)).collect();
    assert!(order.iter().all(Option::is_some), "a module of lib.rs is not on the list of floors: {declared:?}");
    assert!(order.is_sorted(), "lib.rs names its modules in another order than the floors: {declared:?}");

    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&src).unwrap();
        let own = relative.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
        if matches!(own.as_str(), "lib" | "main") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        if text.contains("super::super::") {
            wrong.push(format!("{} uses super::super", relative.display()));
        }
        let Some(own_floor) = floor(&own) else {
            wrong.push(format!("{} is in no listed module", relative.display()));
            continue;
        };
        for name in imports(&text) {
            // What is not a floor is a macro or an item of the crate's root; there are none besides the modules.
            if let Some(other) = floor(&name)
                && other > own_floor
            {
                wrong.push(format!("{} imports {name}, which stands above {own}", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_reader_of_imports_sees_groups_and_paths() {
    let found = imports("use crate::{app::App, error::{Error, Result}, http};\nfn f() { crate::db::on_unique(); }\n// crate::cli is only told of\n");
    let modules: Vec<String> = found.into_iter().filter(|name| name.starts_with(char::is_lowercase)).collect();
    assert_eq!(modules, ["app", "db", "error", "http"]);
}
