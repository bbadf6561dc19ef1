//! `illumichat serve`.

use std::time::Duration;

use clap::Args;

use super::{Common, start_log};
use crate::{
    access::{self, Role, store::LinkKind},
    app::{App, Lock},
    clock::Clock,
    error::Result,
    ids::Ids,
    server::{Server, bind},
    workspaces::service,
};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
}

pub(super) async fn run(common: &Common, options: Options) -> Result<()> {
    let flags: Vec<(&str, String)> = options.listen.into_iter().map(|listen| ("listen", listen)).collect();
    let loaded = common.load(&flags)?;
    start_log(&loaded.config, &loaded.config.log.level)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let _lock = Lock::take(&loaded.config.data_dir)?;
    let app = App::open(loaded.config, Clock::system(), Ids::system())?;
    let listener = bind(app.config.listen).await?;
    let server = Server::start(&app, listener)?;
    tracing::info!(address = %server.address, data = %app.config.data_dir.display(), "IllumiChat serves");
    first_run(&app).await?;
    wait_for_the_end().await;
    tracing::info!("stopping");
    server.stop(&app).await;
    Ok(())
}

/// With nobody there yet: the owner that the environment names, or a set-up link to be opened in a browser.
async fn first_run(app: &App) -> Result<()> {
    if app.db.read(access::store::any_user)? {
        return Ok(());
    }
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let (Some(email), Some(password)) = (variable("ILLUMICHAT_ADMIN_EMAIL"), variable("ILLUMICHAT_ADMIN_PASSWORD")) {
        let name = email.split('@').next().unwrap_or("Owner").to_owned();
        let new = service::prepare_user(app, &email, &name, Some(password)).await?;
        service::add_user(app, new, "My workspace", Role::Owner).await?;
        tracing::info!(%email, "the first owner was made from the environment");
        return Ok(());
    }
    let token = access::new_link(app, LinkKind::Setup, None, Duration::from_secs(7 * 24 * 3600)).await?;
    println!("\nNobody is set up yet. Open this link once to make the first owner:\n\n    {}/setup?token={token}\n", app.config.public_url());
    Ok(())
}

/// Ctrl-C, or what a service manager sends.
pub(super) async fn wait_for_the_end() {
    let interrupt = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    #[cfg(unix)]
    {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => tokio::select! {
                () = interrupt => {}
                _ = terminate.recv() => {}
            },
            Err(_) => interrupt.await,
        }
    }
    #[cfg(not(unix))]
    interrupt.await;
}
