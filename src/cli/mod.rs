//! The command line. Each subcommand is a file; each ends in 0, in 1 for a failure, in 2 for wrong use.

mod ask;
mod config;
mod demo;
mod doctor;
mod eval;
mod ingest;
mod models;
mod people;
mod search;
mod serve;
mod working;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    app::{App, Lock},
    clock::Clock,
    config::{Config, Loaded, LogFormat},
    db,
    error::{Code, Error, Result},
    ids::Ids,
};

/// AI customer support in one executable.
#[derive(Debug, Parser)]
#[command(name = "illumichat", version, about, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What may follow any subcommand.
#[derive(Debug, Clone, Args)]
struct Common {
    /// The folder that holds the database, the files and the key
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// The settings file; `illumichat.toml` in the working folder where it is not given
    #[arg(long, global = true, value_name = "FILE", env = "ILLUMICHAT_CONFIG")]
    config: Option<PathBuf>,
    /// Print JSON on the standard output
    #[arg(long, global = true)]
    json: bool,
    /// How the log is written: text or json
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Options),
    /// A sample workspace, ready to try, offline
    Demo(demo::Options),
    /// Make, list and remove users
    #[command(subcommand)]
    User(people::UserCommand),
    /// Make, list and revoke API tokens
    #[command(subcommand)]
    Token(people::TokenCommand),
    /// Put files or folders into a project
    Ingest(ingest::Options),
    /// Ask an assistant, on the terminal
    Ask(ask::Options),
    /// Show what retrieval finds, with ranks
    Search(search::Options),
    /// Measure retrieval and answers on questions with known answers
    #[command(subcommand)]
    Eval(eval::EvalCommand),
    /// List, add, check and remove embedding models
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// Print the settings that hold, and where each came from
    Config,
    /// Check the data: integrity, indexes in step, files
    Doctor,
    /// Print the OpenAPI document
    Openapi,
    /// Read a document from the standard input, within limits; what the server starts for each
    #[command(name = crate::knowledge::extract::child::COMMAND, hide = true)]
    ReadDocument,
    /// Print a completion script for a shell
    Completions {
        /// bash, zsh or fish
        shell: clap_complete::Shell,
    },
}

pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // It limits its own memory, so it has to come before any thread.
    if matches!(cli.command, Command::ReadDocument) {
        return if crate::knowledge::extract::child::main() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the program cannot start its threads: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(run(cli));
    // A worker that is stuck must not keep the process alive.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error.message());
            if error.code() == Code::Internal {
                eprintln!("       {error:?}");
            }
            ExitCode::from(if error.code() == Code::BadRequest { 2 } else { 1 })
        }
    }
}

async fn run(cli: Cli) -> Result<()> {
    let common = cli.common;
    match cli.command {
        Command::Serve(options) => serve::run(&common, options).await,
        Command::User(command) => people::user(&common, command).await,
        Command::Token(command) => people::token(&common, command).await,
        Command::Demo(options) => demo::run(&common, options).await,
        Command::Ingest(options) => ingest::run(&common, options).await,
        Command::Ask(options) => ask::run(&common, options).await,
        Command::Search(options) => search::run(&common, options).await,
        Command::Doctor => doctor::run(&common).await,
        Command::Eval(command) => eval::run(&common, command).await,
        Command::Models(command) => models::run(&common, command).await,
        Command::Config => config::run(&common),
        Command::ReadDocument => Ok(()),
        Command::Openapi => print_json(&crate::server::openapi()?),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut <Cli as clap::CommandFactory>::command(), "illumichat", &mut std::io::stdout());
            Ok(())
        }
    }
}

impl Common {
    /// Reads the settings, with this command's flags over them.
    fn load(&self, more: &[(&str, String)]) -> Result<Loaded> {
        let mut flags: Vec<(&str, String)> = more.to_vec();
        if let Some(folder) = &self.data_dir {
            flags.push(("data_dir", folder.display().to_string()));
        }
        if let Some(format) = &self.log_format {
            flags.push(("log.format", format.clone()));
        }
        crate::config::load(self.config.as_deref(), &flags)
    }

    /// Opens the data folder for a command that does one thing and ends. What is not there is more likely a slip of the pen
    /// than a wish for a new one.
    fn open(&self) -> Result<App> {
        let folder = self.load(&[])?.config.data_dir;
        if !folder.join("illumichat.db").exists() {
            return Err(Error::bad_request(format!(
                "There is no IllumiChat data in {}. Name its folder with `--data-dir`, or make one with `illumichat user create` or `illumichat serve`.",
                folder.display()
            )));
        }
        self.open_or_create()
    }

    fn open_or_create(&self) -> Result<App> {
        let loaded = self.load(&[])?;
        start_log(&loaded.config, "warn")?;
        let (folder, path) = (&loaded.config.data_dir, loaded.config.database_path());
        if path.exists() && !db::plan(&path)?.pending.is_empty() && Lock::try_take(folder)?.is_none() {
            return Err(Error::conflict(
                "A server of an older version runs on this data folder. Stop it, start the new version, which brings the database up to date, and try again.",
            ));
        }
        App::open(loaded.config, Clock::system(), Ids::system())
    }
}

/// Starts the log on the standard error. `default_level` is for commands that people read the output of.
fn start_log(config: &Config, level: &str) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(level)
        .map_err(|error| Error::bad_request(format!("The setting `log.level` is not valid: {error}.")))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second start in one process (tests) keeps the first log.
    let _ = match config.log.format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
    };
    Ok(())
}

fn print_json(value: &impl serde::Serialize) -> Result<()> {
    print_line(&serde_json::to_string_pretty(value)?)
}

/// Prints a line; a reader that has closed its pipe is no failure.
fn print_line(line: &str) -> Result<()> {
    use std::io::Write;
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
