//! Builds the pages and scripts that the executable carries into `$OUT_DIR/web`: the dashboard, the widget. A module of the
//! package's `build.rs`.
//!
//! They come from, in this order: the folder that `ILLUMICHAT_WEB_DIST` names (packagers, cross builds); `web/dist`, which a
//! source archive ships, so that it builds without Node; or npm, run here. Without Node a debug build carries one page that
//! says so, because the server and its tests do not need the rest, and a release build stops, because its user does.
//!
//! Nothing is written into the source tree but `web/node_modules`, and not even that where the tree cannot be written to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the pages are made from: cargo runs this again when one of them changes.
const SOURCES: &[&str] = &[
    "package.json",
    "package-lock.json",
    ".npmrc",
    "tsconfig.base.json",
    "tools/build.js",
    "api/package.json",
    "api/src",
    "ui/package.json",
    "ui/src",
    "widget/package.json",
    "widget/tsconfig.json",
    "widget/vite.config.ts",
    "widget/svelte.config.js",
    "widget/index.html",
    "widget/public",
    "widget/src",
    "dashboard/package.json",
    "dashboard/tsconfig.json",
    "dashboard/vite.config.ts",
    "dashboard/svelte.config.js",
    "dashboard/index.html",
    "dashboard/public",
    "dashboard/src",
    "e2e/package.json",
];

/// The oldest Node that Vite runs on.
const NODE: (u32, u32) = (20, 19);

/// Fills `$OUT_DIR/web`, or ends the build with a sentence that says what is missing.
pub fn build() {
    if let Err(message) = fill() {
        eprintln!("\nThe web pages could not be built.\n\n{message}\n");
        std::process::exit(1);
    }
}

fn fill() -> Result<(), String> {
    let web = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("web");
    let out = PathBuf::from(variable("OUT_DIR")?).join("web");
    println!("cargo:rerun-if-env-changed=ILLUMICHAT_WEB_DIST");

    if let Some(dist) = std::env::var_os("ILLUMICHAT_WEB_DIST").map(PathBuf::from) {
        println!("cargo:rerun-if-changed={}", dist.display());
        if !dist.join("index.html").is_file() {
            return Err(format!("ILLUMICHAT_WEB_DIST is {}, but there is no index.html in it.", dist.display()));
        }
        return replace(&dist, &out).map_err(|error| format!("Copying {} failed: {error}", dist.display()));
    }
    let shipped = web.join("dist");
    if shipped.join("index.html").is_file() {
        println!("cargo:rerun-if-changed={}", shipped.display());
        return replace(&shipped, &out).map_err(|error| format!("Copying {} failed: {error}", shipped.display()));
    }

    for path in SOURCES.iter().map(|source| web.join(source)).filter(|path| path.exists()) {
        println!("cargo:rerun-if-changed={}", path.display());
    }
    match node_version() {
        Some(version) if version >= NODE => with_npm(&web, &out),
        found => without_node(&out, found),
    }
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set: run this through cargo."))
}

/// `(20, 20)` of `v20.20.2`; none where Node, or npm beside it, does not run.
fn node_version() -> Option<(u32, u32)> {
    let output = Command::new("node").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut parts = text.trim().trim_start_matches('v').split('.').map(str::parse);
    let version = (parts.next()?.ok()?, parts.next()?.ok()?);
    npm().arg("--version").output().ok().filter(|output| output.status.success())?;
    Some(version)
}

fn npm() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

fn with_npm(web: &Path, out: &Path) -> Result<(), String> {
    let tree = writable_tree(web, out).map_err(|error| format!("Preparing the sources failed: {error}"))?;
    if !installed(&tree) {
        let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        run(npm().args(arguments).current_dir(&tree), "npm ci")?;
    }
    run(
        Command::new("node").arg("tools/build.js").current_dir(&tree).env("ILLUMICHAT_WEB_OUT", out).env("NODE_ENV", "production"),
        "node tools/build.js",
    )
}

/// The tree to build in: the sources themselves where `node_modules` can be made in them, else a copy of our own.
fn writable_tree(web: &Path, out: &Path) -> io::Result<PathBuf> {
    let modules = web.join("node_modules");
    let probe = modules.join(".writable");
    if fs::create_dir_all(&modules).and_then(|()| fs::write(&probe, "")).is_ok() {
        fs::remove_file(&probe)?;
        return Ok(web.to_owned());
    }
    let tree = out.with_file_name("web-sources");
    for source in SOURCES {
        let (from, to) = (web.join(source), tree.join(source));
        if from.is_dir() {
            replace(&from, &to)?;
        } else if from.is_file() {
            fs::create_dir_all(to.parent().unwrap_or(&tree))?;
            // Read and written, not copied: a copy would keep the time and the read-only mode of the original.
            fs::write(&to, fs::read(&from)?)?;
        }
    }
    Ok(tree)
}

/// Whether npm's own record of what it installed is younger than the lock file.
fn installed(tree: &Path) -> bool {
    let modified = |path: &str| fs::metadata(tree.join(path)).and_then(|meta| meta.modified()).ok();
    match (modified("node_modules/.package-lock.json"), modified("package-lock.json")) {
        (Some(record), Some(lock)) => record >= lock,
        _ => false,
    }
}

fn run(command: &mut Command, name: &str) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("`{name}` did not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let lines: Vec<&str> = said.lines().collect();
    let tail = lines[lines.len().saturating_sub(40)..].join("\n");
    Err(format!("`{name}` in web/ failed ({}):\n\n{tail}", output.status))
}

fn without_node(out: &Path, found: Option<(u32, u32)>) -> Result<(), String> {
    let (major, minor) = NODE;
    let missing = match found {
        Some((a, b)) => format!("Node {a}.{b} is too old for the web pages, which need {major}.{minor} or newer"),
        None => format!("Node {major}.{minor} or newer, with npm, builds the web pages, and was not found"),
    };
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        return Err(format!(
            "{missing}.\nInstall it (Debian: apt-get install nodejs npm; macOS: brew install node; or from nodejs.org),\n\
             or name a folder of built pages in ILLUMICHAT_WEB_DIST."
        ));
    }
    println!("cargo:warning={missing}: this debug build carries a placeholder page.");
    let page = "<!doctype html><meta charset=\"utf-8\"><title>IllumiChat</title>\
        <p>This build carries no web pages, because Node was missing when it was made. What the API can do stands in <a href=\"/api/openapi.json\">/api/openapi.json</a>.\n";
    replace(Path::new(""), out)
        .and_then(|()| fs::write(out.join("index.html"), page))
        .map_err(|error| format!("Writing the placeholder page failed: {error}"))
}

/// Makes `to` a copy of the folder `from`, and nothing else; an empty folder where `from` is no folder.
fn replace(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    if !from.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            replace(&entry.path(), &target)?;
        } else {
            fs::write(target, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}
