//! Puts it all together: routes, workers, connections, and the way down.

mod accept;
mod health;
mod routes;

use std::{net::SocketAddr, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub use routes::openapi;

use crate::{
    access,
    answering::{self, Answers},
    app::App,
    contacts,
    conversations::{self, letters, outgoing},
    error::{Error, Result},
    files,
    inbox::Live,
    jobs::Handlers,
    knowledge, mail, profiles, providers, site_chat, sms, tickets, webhooks, workspaces,
};

/// A server that runs. Dropping it does not stop it; `stop` does.
pub struct Server {
    pub address: SocketAddr,
    answers: Answers,
    live: Live,
    stop: CancellationToken,
    accepting: JoinHandle<()>,
    workers: JoinHandle<()>,
}

/// How long answers may go on after the order to stop.
const GRACE: Duration = Duration::from_secs(20);
/// How many jobs run side by side: some wait for a model or for Twilio, and reading documents is bounded by itself.
const JOB_WORKERS: usize = 6;

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
        let (orphans, now) = (app.clone(), app.now());
        // Nobody else serves this folder: what is marked as being written was cut off with its process.
        app.db.write_now(move |tx| {
            conversations::presence::clear(tx)?;
            conversations::service::stop_orphaned_answers(&orphans, tx, now)
        })?;
        knowledge::reembed::begin(app)?;
        let stop = CancellationToken::new();
        let answers = Answers::default();
        let live = Live::default();
        tokio::spawn(live.clone().follow(app.clone()));
        let endpoint = routes::endpoint(app, &answers, &live);
        let accepting = tokio::spawn(accept::run(listener, endpoint, stop.clone(), GRACE));
        let (queue, handlers, stopped) = (app.jobs.clone(), handlers(app, &answers), stop.clone());
        let workers = tokio::spawn(async move { queue.run(handlers, JOB_WORKERS, stopped).await });
        tokio::spawn(housekeeping(app.clone(), stop.clone()));
        tokio::spawn(tickets::follow_messages(app.clone(), stop.clone()));
        tokio::spawn(webhooks::read_events(app.clone(), stop.clone()));
        tokio::spawn(webhooks::deliver(app.clone(), stop.clone()));
        Ok(Server { address, answers, live, stop, accepting, workers })
    }

    /// The answers that this server is writing.
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Ends everything at once, as a crash would; for tests.
    pub fn abandon(self) {
        self.stop.cancel();
        self.live.end();
        self.accepting.abort();
        self.workers.abort();
    }

    /// Stops accepting, lets answers finish, stops the workers between jobs, and closes the database cleanly.
    pub async fn stop(self, app: &App) {
        self.stop.cancel();
        self.live.end();
        let _ = self.accepting.await;
        self.answers.stop_all();
        let _ = self.workers.await;
        if let Err(error) = app.db.checkpoint().await {
            tracing::warn!(?error, "the write-ahead log was not moved into the database; the next start does it");
        }
    }
}

/// How long it can be read what was sent to a webhook.
const KEEP_DELIVERIES: Duration = Duration::from_secs(30 * 24 * 3600);

/// Who handles which kind of job.
pub fn handlers(app: &App, answers: &Answers) -> Handlers {
    let (ingesting, calibrating, crawling, removing, importing, checking) = (app.clone(), app.clone(), app.clone(), app.clone(), app.clone(), app.clone());
    let (embedding, cutting, retiring) = (app.clone(), app.clone(), app.clone());
    let (escalating, waking, site) = (app.clone(), app.clone(), (app.clone(), answers.clone()));
    let titling = app.clone();
    let (texting, sending, saying) = ((app.clone(), answers.clone()), app.clone(), app.clone());
    let (emptying, mailing, resetting, scrubbing) = (app.clone(), app.clone(), app.clone(), app.clone());
    let (replying, notifying, commenting, breaching, fetching, ending) = (app.clone(), app.clone(), app.clone(), app.clone(), app.clone(), app.clone());
    Handlers::default()
        .with(knowledge::INGEST_JOB, move |job| knowledge::ingest(ingesting.clone(), job))
        .with(knowledge::CALIBRATE_JOB, move |job| knowledge::calibrate(calibrating.clone(), job))
        .with(knowledge::REEMBED_JOB, move |job| knowledge::reembed::reembed(embedding.clone(), job))
        .with(knowledge::RECUT_JOB, move |job| knowledge::recut::recut(cutting.clone(), job))
        .with(knowledge::TAKE_OUT_JOB, move |job| knowledge::reembed::take_out(retiring.clone(), job))
        .with(knowledge::CRAWL_JOB, move |job| knowledge::crawl(crawling.clone(), job))
        .with(workspaces::REMOVE_JOB, move |job| knowledge::remove_workspace(emptying.clone(), job))
        .with(mail::SEND_JOB, move |job| mail::send_job(mailing.clone(), job))
        .with(access::RESET_JOB, move |job| access::reset_job(resetting.clone(), job))
        .with(profiles::SCRUB_JOB, move |job| profiles::scrub(scrubbing.clone(), job))
        .with(files::REMOVE_JOB, move |job| knowledge::remove_file(removing.clone(), job))
        .with(contacts::IMPORT_JOB, move |job| contacts::run_import(importing.clone(), job))
        .with(answering::TITLE_JOB, move |job| answering::make_title(titling.clone(), job))
        .with(sms::ANSWER_JOB, move |job| sms::answer(texting.0.clone(), texting.1.clone(), job))
        .with(outgoing::SMS_JOB, move |job| sms::send(sending.clone(), job))
        .with(sms::SEND_WORDS_JOB, move |job| sms::send(saying.clone(), job))
        .with(letters::REPLY_JOB, move |job| letters::mail_replies(replying.clone(), job))
        .with(letters::HANDOFF_JOB, move |job| letters::mail_handoff(notifying.clone(), job))
        .with(conversations::handoff::ESCALATE_JOB, move |job| conversations::handoff::escalate(escalating.clone(), job))
        .with(conversations::service::WAKE_JOB, move |job| conversations::handoff::wake(waking.clone(), job))
        .with(site_chat::ANSWER_JOB, move |job| site_chat::answer(site.0.clone(), site.1.clone(), job))
        .with(tickets::letters::COMMENT_JOB, move |job| tickets::letters::mail_comment(commenting.clone(), job))
        .with(tickets::letters::BREACH_JOB, move |job| tickets::letters::mail_breach(breaching.clone(), job))
        .with(webhooks::letters::OFF_JOB, move |job| webhooks::letters::mail_off(ending.clone(), job))
        .with(sms::MEDIA_JOB, move |job| sms::fetch_media(fetching.clone(), job))
        .with(tickets::TARGET_JOB, move |job| tickets::check_targets(checking.clone(), job))
}

/// What has to be done now and then.
async fn housekeeping(app: App, stop: CancellationToken) {
    let mut every = tokio::time::interval(Duration::from_secs(300));
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = stop.cancelled() => return,
        }
        app.limits.sweep(app.now());
        if let Err(error) = providers::refresh(&app).await {
            tracing::warn!(?error, "the lists of models were not asked for");
        }
        if let Err(error) = tidy(&app).await {
            tracing::warn!(?error, "what has expired was not removed");
        }
    }
}

/// Takes out everything whose time is over by the clock.
///
/// # Errors
/// Those of the database.
pub async fn tidy(app: &App) -> Result<()> {
    let (app_, now) = (app.clone(), app.now());
    app.db.write(move |tx| forget_expired(&app_, tx, now)).await?;
    conversations::retention::sweep(app, now).await
}

/// Sessions, links and idempotency keys whose time is over.
fn forget_expired(app: &App, tx: &crate::db::Tx<'_>, now: crate::clock::Timestamp) -> Result<()> {
    crate::access::store::delete_expired_sessions(tx, now)?;
    let day_ago = now.minus(Duration::from_secs(24 * 3600));
    conversations::attachments::release_unused(app, tx, day_ago, now)?;
    // Whoever was away for longer loads everything anew.
    crate::events::prune(tx, now.minus(KEEP_DELIVERIES))?;
    webhooks::store::prune(tx, now.minus(KEEP_DELIVERIES))?;
    conversations::store::delete_repeated_before(tx, day_ago)
}
