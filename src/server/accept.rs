//! Accepts connections and drives them with hyper-util instead of poem's own server, which notices that a client has left
//! only at its next write: an answer would be paid for that nobody reads. This one closes within a second, sets
//! `TCP_NODELAY` so that small events leave at once, and can be stopped.

use std::{sync::Arc, time::Duration};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use poem::{Endpoint, EndpointExt, Request, Response, endpoint::BoxEndpoint, http::uri::Scheme, web::{LocalAddr, RemoteAddr}};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A client that dawdles over its headers is cut off.
const HEADERS: Duration = Duration::from_secs(30);

pub(super) async fn run(listener: TcpListener, endpoint: impl Endpoint<Output = Response> + 'static, stop: CancellationToken, grace: Duration) {
    let endpoint: Arc<BoxEndpoint<'static, Response>> = Arc::new(endpoint.boxed());
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS).max_buf_size(64 << 10);
    server.http2().timer(TokioTimer::new()).max_concurrent_streams(256);
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: wait for some to be given back instead of spinning.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let local = stream.local_addr().unwrap_or(peer);
        let endpoint = Arc::clone(&endpoint);
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let endpoint = Arc::clone(&endpoint);
            async move {
                let request = Request::from((request, LocalAddr(local.into()), RemoteAddr(peer.into()), Scheme::HTTP));
                Ok::<hyper::Response<_>, std::convert::Infallible>(endpoint.get_response(request).await.into())
            }
        });
        let connection = graceful.watch(server.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    if tokio::time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("some answers did not finish in time and were cut off");
    }
}
