//! Having jobs done from the command line: by the server that runs on the data folder, else by this process itself.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    app::{App, Lock},
    error::Result,
    server::handlers,
};

/// Jobs get done as long as this lives.
pub(super) struct Working {
    _lock: Option<Lock>,
    stop: CancellationToken,
    workers: Option<JoinHandle<()>>,
}

impl Working {
    /// Takes the data folder's lock and starts workers; where a server has it, that one does the work.
    pub(super) fn start(app: &App) -> Result<Self> {
        let lock = Lock::try_take(&app.config.data_dir)?;
        let stop = CancellationToken::new();
        let workers = lock.is_some().then(|| {
            let (queue, handlers, stop) = (app.jobs.clone(), handlers(app, &crate::answering::Answers::default()), stop.clone());
            tokio::spawn(async move { queue.run(handlers, 2, stop).await })
        });
        Ok(Working { _lock: lock, stop, workers })
    }

    pub(super) async fn end(self) {
        self.stop.cancel();
        if let Some(workers) = self.workers {
            let _ = workers.await;
        }
    }
}
