//! Shared parts of the proxy's and the admin server's listeners: accepting connections within bounds and
//! closing idle ones.
//!
//! ```text
//! accept → slot → connection, until it ends, is overdue, or is evicted
//! ```
//!
//! Every connection has a slot ([`Slots`]); their number is bounded. A *stranger* is a connection that has
//! not shown a good token yet; each network has a bounded share of strangers. An idle connection loses its
//! slot to a timeout or to a newcomer. A connection with an active request keeps its slot; that request's own
//! timeouts apply.
#![doc = include_str!("README.md")]

mod descriptors;
mod frames;
mod host;
mod response_body;
mod slot;
mod slots;
mod stall;
mod streams;
mod table;
mod trusted_proxies;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::GracefulConnection;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

pub use descriptors::DescriptorLimits;
pub use frames::FrameLimited;
pub use host::{NoHost, host};
pub use response_body::ResponseBody;
pub use slot::{ActiveRequest, CLOSING_GRACE, Slot};
pub use slots::Slots;
pub use stall::StallGuard;
pub use streams::StreamExecutor;
pub use table::network;
pub use trusted_proxies::TrustedProxies;

/// Pause after a failed accept, most often caused by a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bounds of one listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerLimits {
    /// Connections at a time.
    pub connections_max: usize,
    /// Longest time from the accept to the first complete request head, including TLS and the HTTP/2 preface.
    pub first_head: Duration,
    /// Longest time from the end of an answer to the next complete request head.
    pub idle: Duration,
    /// Longest time in which a client may take no byte of its answer.
    pub stall: Duration,
    /// Longest time that active requests may go on after the server stops.
    pub drain: Duration,
}

/// Serves until `shutdown` is done. `serve_connection` handles one connection and takes no further request
/// once [`Slot::closing`] is done. After the shutdown nothing is accepted, and active requests may go on for
/// [`ListenerLimits::drain`].
pub async fn serve<F>(
    listener: TcpListener,
    slots: Arc<Slots>,
    shutdown: impl Future,
    serve_connection: impl Fn(TcpStream, SocketAddr, Slot) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let (alive, mut all_closed) = mpsc::channel::<Infallible>(1);
    let mut shutdown = pin!(shutdown);
    loop {
        let next = async {
            let (stream, peer) = accept(&listener).await;
            (stream, peer, slots.acquire(peer.ip()).await)
        };
        let (stream, peer, slot) = tokio::select! {
            _ = &mut shutdown => break,
            next = next => next,
        };
        let connection = serve_connection(stream, peer, slot.clone());
        let (occupied, alive) = (slots.occupy(&slot), alive.clone());
        let task = tokio::spawn(async move {
            let (occupied, _alive) = (occupied, alive);
            run_connection(&occupied, connection).await;
        });
        slot.set_task(task.abort_handle());
    }
    drop((listener, alive));
    slots.close_all();
    // Each connection holds a sender and sends nothing, so the channel closes with the last of them.
    let drain = slots.limits().drain;
    if tokio::time::timeout(drain, all_closed.recv()).await.is_err() {
        tracing::warn!(timeout = ?drain, "closing connections that are still in use after the drain timeout");
        slots.abort_all();
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Without TCP_NODELAY small answers wait for the client's delayed acknowledgement.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Runs a connection to its end or until it is overdue.
async fn run_connection(slot: &Slot, connection: impl Future<Output = ()>) {
    let mut connection = pin!(connection);
    loop {
        tokio::select! {
            biased;
            () = &mut connection => return,
            () = slot.overdue() => {
                // A client that has sent a request gets a graceful shutdown: HTTP/2 can say which requests
                // were still accepted.
                if (slot.is_closing() || !slot.has_requested()) && slot.stop_if_idle() {
                    slot.slots().count_silent();
                    return;
                }
                slot.close();
            }
        }
    }
}

/// Drives an HTTP connection to its end. Starts a graceful shutdown once its slot is closing.
pub async fn drive_http(connection: impl GracefulConnection, slot: &Slot) {
    let mut connection = pin!(connection);
    // Errors are ignored: the client may end its connection in any way, and the log has what matters.
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        () = slot.closing() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

#[cfg(test)]
mod tests;
