//! Puts it all together: routes, workers, connections, and the way down.

mod accept;
mod health;
mod routes;

use std::{net::SocketAddr, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub use routes::openapi;

use crate::{
    answering::Answers,
    app::App,
    conversations,
    error::{Error, Result},
    files,
    jobs::Handlers,
    knowledge, providers,
};

/// A server that runs. Dropping it does not stop it; `stop` does.
pub struct Server {
    pub address: SocketAddr,
    answers: Answers,
    stop: CancellationToken,
    accepting: JoinHandle<()>,
    workers: JoinHandle<()>,
}

/// How long answers may go on after the order to stop.
const GRACE: Duration = Duration::from_secs(20);
/// How many jobs run side by side.
const JOB_WORKERS: usize = 2;

/// Opens the port that the settings name.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Error::unavailable(match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!("Port {} on {} is in use by another program. Stop that one, or choose another with `--listen {}:PORT`.", address.port(), address.ip(), address.ip())
            }
            std::io::ErrorKind::PermissionDenied => format!("This user may not open port {}. Choose one above 1023 with `--listen`.", address.port()),
            std::io::ErrorKind::AddrNotAvailable => format!("This machine has no address {}. Choose another with `--listen`.", address.ip()),
            _ => format!("{address} cannot be opened: {error}."),
        })
    })
}

impl Server {
    pub fn start(app: &App, listener: TcpListener) -> Result<Self> {
        let address = listener.local_addr()?;
        // Nobody else serves this folder: what is marked as being written was cut off with its process.
        app.db.write_now(|tx| conversations::store::stop_orphaned_answers(tx).map(|_| ()))?;
        let stop = CancellationToken::new();
        let answers = Answers::default();
        let endpoint = routes::endpoint(app, &answers);
        let accepting = tokio::spawn(accept::run(listener, endpoint, stop.clone(), GRACE));
        let (queue, handlers, stopped) = (app.jobs.clone(), handlers(app), stop.clone());
        let workers = tokio::spawn(async move { queue.run(handlers, JOB_WORKERS, stopped).await });
        tokio::spawn(housekeeping(app.clone(), stop.clone()));
        Ok(Server { address, answers, stop, accepting, workers })
    }

    /// Ends everything at once, as a crash would; for tests.
    pub fn abandon(self) {
        self.stop.cancel();
        self.accepting.abort();
        self.workers.abort();
    }

    /// Stops accepting, lets answers finish, stops the workers between jobs, and closes the database cleanly.
    pub async fn stop(self, app: &App) {
        self.stop.cancel();
        let _ = self.accepting.await;
        self.answers.stop_all();
        let _ = self.workers.await;
        if let Err(error) = app.db.checkpoint().await {
            tracing::warn!(?error, "the write-ahead log was not moved into the database; the next start does it");
        }
    }
}

/// Who handles which kind of job.
pub fn handlers(app: &App) -> Handlers {
    let (ingesting, calibrating, removing) = (app.clone(), app.clone(), app.clone());
    Handlers::default()
        .with(knowledge::INGEST_JOB, move |job| knowledge::ingest(ingesting.clone(), job))
        .with(knowledge::CALIBRATE_JOB, move |job| knowledge::calibrate(calibrating.clone(), job))
        .with(files::REMOVE_JOB, move |job| knowledge::remove_file(removing.clone(), job))
}

/// What has to be done now and then.
async fn housekeeping(app: App, stop: CancellationToken) {
    let mut every = tokio::time::interval(Duration::from_secs(300));
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = stop.cancelled() => return,
        }
        app.limits.sweep();
        if let Err(error) = providers::refresh(&app).await {
            tracing::warn!(?error, "the lists of models were not asked for");
        }
        let now = app.now();
        if let Err(error) = app.db.write(move |tx| forget_expired(tx, now)).await {
            tracing::warn!(?error, "what has expired was not removed");
        }
    }
}

/// Sessions, links and idempotency keys whose time is over.
fn forget_expired(tx: &crate::db::Tx<'_>, now: crate::clock::Timestamp) -> Result<()> {
    crate::access::store::delete_expired_sessions(tx, now)?;
    conversations::store::delete_repeated_before(tx, now.minus(Duration::from_secs(24 * 3600)))
}
