//! What the proxy's and the admin server's listener fraction: accepting within bounds, and closing what only waits.
//!
//! ```text
//! accept → a slot → a connection, until it ends, is overdue, or has to make room
//! ```
//!
//! Every connection has a slot ([`Slots`]). There are so many and no more, and fewer for strangers of one address. A
//! connection that only waits gives its slot up: to a limit of time, or to somebody who needs it. One with a request
//! under way keeps it, and is bound by what that request is bound by.

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

/// Pause after a failure to accept, which is most often a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The bounds of one listener.
#[derive(Clone, Copy, Debug)]
pub struct ListenerLimits {
    /// Connections at a time.
    pub connections_max: usize,
    /// From the accept to a first whole request head, whatever has to be said before it (TLS, a preface).
    pub first_head: Duration,
    /// From the end of an answer to the next whole head.
    pub idle: Duration,
    /// How long a client may take nothing of what it asked for.
    pub stall: Duration,
    /// Requests under way may go on for so long once the server stops.
    pub drain: Duration,
}

/// Serves until `shutdown` is done. `serve_connection` says all that is said on a connection, and takes no further request once
/// [`Slot::closing`] is done. After the shutdown nothing more is accepted, and what is under way may go on for
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
    // Each connection has a sender, and nobody sends.
    let drain = slots.limits().drain;
    if tokio::time::timeout(drain, all_closed.recv()).await.is_err() {
        tracing::warn!(timeout = ?drain, "connections were still in use at the end and are cut off");
        slots.abort_all();
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Without it small answers wait for the client's delayed acknowledgement.
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

/// Lets a connection go on until its end, or until the time is over in which something has to be asked.
async fn run_connection(slot: &Slot, connection: impl Future<Output = ()>) {
    let mut connection = pin!(connection);
    loop {
        tokio::select! {
            biased;
            () = &mut connection => return,
            () = slot.overdue() => {
                // Clients that have asked before are told first: HTTP/2 can say which requests were still heard.
                if (slot.is_closing() || !slot.has_requested()) && slot.stop_if_idle() {
                    slot.slots().count_silent();
                    return;
                }
                slot.close();
            }
        }
    }
}

/// Polls an HTTP connection to its end. Once its slot is to be given up, it takes no further request.
pub async fn drive_http(connection: impl GracefulConnection, slot: &Slot) {
    let mut connection = pin!(connection);
    // How a connection ends is the client's affair; what matters of it was observed.
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        () = slot.closing() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

#[cfg(test)]
mod tests;
