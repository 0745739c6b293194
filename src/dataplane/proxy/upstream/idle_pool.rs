//! Idle connections to registries: kept for the next request, swept when they expire.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::client::conn::http1;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::connection::{ConnectionState, Origin, UpstreamConnection};
use super::limits::{SWEEP_PAUSE, Timeouts};
use super::stream::UpstreamStream;

/// Idle connections, shared with the bodies that return theirs.
pub(super) struct IdlePool {
    pub(super) http1: http1::Builder,
    idle_max: usize,
    timeouts: Timeouts,
    state: Mutex<IdleState>,
}

#[derive(Default)]
struct IdleState {
    /// The most recently used connection is last.
    idle: Vec<IdleConnection>,
    /// A sweep task is running.
    is_swept: bool,
    /// Time until which no connection is kept, after unsolicited bytes.
    distrusted_until: Option<Instant>,
}

struct IdleConnection {
    connection: Box<UpstreamConnection>,
    since: Instant,
}

impl IdleConnection {
    fn is_fresh(&self, idle: Duration) -> bool {
        self.since.elapsed() < idle
    }
}

impl IdleState {
    fn is_distrusted(&mut self) -> bool {
        let is_distrusted = self.distrusted_until.is_some_and(|until| Instant::now() < until);
        if !is_distrusted {
            self.distrusted_until = None;
        }
        is_distrusted
    }

    fn distrust(&mut self, origin: &Origin, time: Duration) {
        if !self.is_distrusted() {
            tracing::warn!(
                registry = %origin,
                "it sent unsolicited bytes; connections to it are not reused for {time:?}"
            );
        }
        self.distrusted_until = Some(Instant::now() + time);
        self.idle.clear();
    }
}

impl IdlePool {
    /// Makes a pool of at most `idle_max` connections.
    pub(super) fn new(http1: http1::Builder, idle_max: usize, timeouts: Timeouts) -> Arc<Self> {
        Arc::new(Self { http1, idle_max, timeouts, state: Mutex::default() })
    }

    /// Takes the most recently used connection to `origin` that is still open and silent.
    pub(super) fn take(&self, origin: &Origin) -> Option<Box<UpstreamConnection>> {
        let mut state = self.state.lock();
        while let Some(index) = state.idle.iter().rposition(|idle| idle.connection.origin == *origin) {
            let mut idle = state.idle.remove(index);
            if !idle.is_fresh(self.timeouts.idle) {
                continue;
            }
            match idle.connection.state_while_idle() {
                ConnectionState::Reusable => return Some(idle.connection),
                ConnectionState::Closed => {}
                ConnectionState::Surplus => state.distrust(origin, self.timeouts.distrust),
            }
        }
        None
    }

    /// Stops keeping connections for a while, after bytes or an answer from `origin` that belong to no
    /// request: a late answer could be taken for the next request's.
    pub(super) fn distrust(&self, origin: &Origin) {
        self.state.lock().distrust(origin, self.timeouts.distrust);
    }

    /// Keeps a reusable connection. If there are too many, closes the least recently used one.
    pub(super) fn keep(self: &Arc<Self>, connection: Box<UpstreamConnection>) {
        // A body dropped after the runtime's end keeps nothing.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut state = self.state.lock();
        if state.is_distrusted() {
            return;
        }
        if state.idle.len() >= self.idle_max {
            state.idle.remove(0);
        }
        state.idle.push(IdleConnection { connection, since: Instant::now() });
        if !std::mem::replace(&mut state.is_swept, true) {
            runtime.spawn(self.clone().sweep());
        }
    }

    /// Keeps a plain connection from which exactly the answer's body was read.
    pub(super) fn keep_stream(self: &Arc<Self>, stream: UpstreamStream, origin: Origin) {
        if let Some(Ok(connection)) = UpstreamConnection::open(stream, origin, &self.http1).now_or_never() {
            self.keep(Box::new(connection));
        }
    }

    /// Closes expired and closed connections until none are left.
    async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.timeouts.idle.min(SWEEP_PAUSE)).await;
            let mut state = self.state.lock();
            let mut surplus_of = None;
            state.idle.retain_mut(|idle| match idle.connection.state_while_idle() {
                ConnectionState::Reusable => idle.is_fresh(self.timeouts.idle),
                ConnectionState::Closed => false,
                ConnectionState::Surplus => {
                    surplus_of = Some(idle.connection.origin.clone());
                    false
                }
            });
            if let Some(origin) = surplus_of {
                state.distrust(&origin, self.timeouts.distrust);
            }
            if state.idle.is_empty() {
                state.is_swept = false;
                return;
            }
        }
    }
}
