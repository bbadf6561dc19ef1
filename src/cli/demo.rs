//! `illumichat demo`: everything to try the product with, from one command and without a network.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use serde_json::json;

use super::{Common, serve::wait_for_the_end, start_log};
use crate::{
    access::{self, store::LinkKind},
    app::{App, Lock},
    clock::Clock,
    demo,
    error::Result,
    ids::Ids,
    knowledge::store as documents,
    server::{Server, bind},
    web,
};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
}

pub(super) async fn run(common: &Common, options: Options) -> Result<()> {
    let mut flags: Vec<(&str, String)> = options.listen.into_iter().map(|listen| ("listen", listen)).collect();
    if common.data_dir.is_none() {
        let folder = dirs::data_dir().unwrap_or_else(|| PathBuf::from(".")).join("illumichat-demo");
        flags.push(("data_dir", folder.display().to_string()));
    }
    let mut loaded = common.load(&flags)?;
    start_log(&loaded.config, "warn")?;
    let _lock = Lock::take(&loaded.config.data_dir)?;
    let listener = bind(loaded.config.listen).await?;
    // With port 0 the real one is known only now.
    loaded.config.listen = SocketAddr::new(loaded.config.listen.ip(), listener.local_addr()?.port());
    let app = App::open(loaded.config, Clock::system(), Ids::system())?;
    let server = Server::start(&app, listener)?;
    if !common.json {
        eprintln!("Filling the demo with the user guide …");
    }
    let demo = demo::fill(&app).await?;
    app.jobs.wake();
    while app.db.read(|connection| documents::count_unread(connection, &demo.workspace_id, &demo.project_id))?.0 > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let token = access::new_token(&app, &demo.workspace_id, &demo.user_id, "Demo", None).await?;
    let link = access::new_link(&app, LinkKind::SignIn, Some(demo.user_id.clone()), Duration::from_secs(24 * 3600)).await?;
    let url = app.config.public_url();
    let sign_in_url = format!("{url}/signin?link={link}");
    // Another name is another origin to a browser.
    let widget_page_url = format!("http://localhost:{}{}", app.config.listen.port(), web::demo_path(&demo.assistant_id));
    if common.json {
        let ready = json!({
            "url": url, "signInUrl": sign_in_url, "token": token.secret(), "workspaceId": demo.workspace_id, "assistantId": demo.assistant_id,
            "projectId": demo.project_id, "widgetPageUrl": widget_page_url,
        });
        println!("{ready}");
    } else {
        println!(
            "\nIllumiChat is ready. It answers from its own user guide, with the built-in model, offline.\n\n  \
             Try the widget on a page:   {widget_page_url}\n  \
             Open the dashboard:         {sign_in_url}\n  \
             Ask through the API:        curl -N {url}/api/chat -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' \\\n                                \
             -d '{{\"assistantId\":\"{}\",\"messages\":[{{\"role\":\"user\",\"content\":\"Does it work without the internet?\"}}]}}'\n\n\
             Ctrl-C ends it. Everything is kept in {}.",
            token.secret(),
            demo.assistant_id,
            app.config.data_dir.display()
        );
    }
    wait_for_the_end().await;
    server.stop(&app).await;
    Ok(())
}
