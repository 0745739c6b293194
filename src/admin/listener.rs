//! The admin listener: HTTP/1.1 with a bound on connections, heads and waiting.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::caller::Connection;
use super::{App, router};

/// More than an office of dashboards; further connections wait in the listen queue.
const CONNECTIONS_MAX: usize = 512;
/// Longest wait for a request's head, and for the next request on a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest request head.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// How long open answers may go on after the shutdown was asked for.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a failed accept: the process may be out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the control plane on `listener` until `shutdown` resolves, then lets open answers finish, within a bound.
pub async fn serve(listener: TcpListener, app: App, shutdown: impl Future) {
    let app = Arc::new(app);
    let router = router(app.clone());
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES_MAX);
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            _ = &mut shutdown => break,
        };
        let (stream, peer, permit) = accepted;
        // A connection that is closed already has no ends; what it asked for goes nowhere.
        let Ok(local) = stream.local_addr() else { continue };
        // A listener on `[::]` names IPv4 clients as `::ffff:10.0.0.7`.
        let ends = Connection { peer: peer.ip().to_canonical(), local: local.ip().to_canonical() };
        let service = router.clone().layer(Extension(ends));
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // What a client does to its own connection is its own matter.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an admin connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    app.feed.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("admin connections were still open at the end of the shutdown");
    }
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<tokio::sync::OwnedSemaphorePermit>) {
    // The semaphore is never closed, so there always is a permit to wait for.
    let permit = connections.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and whole; waiting to fill a packet only delays them.
                let _ = stream.set_nodelay(true);
                return (stream, peer, permit);
            }
            Err(error) => {
                tracing::warn!(%error, "the admin listener cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
