//! A pool of reusable connections.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http::{Response, StatusCode};
use hyper::client::conn::http1;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::body::UpstreamBody;
use super::connect::{ConnectError, Connector, UpstreamStream};
use super::connection::{ConnectionState, Origin, OutgoingRequest, ResponseError, UpstreamConnection};
use super::limits::{SWEEP_PAUSE, Timeouts};

/// Reasons why a request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    #[error("no connection: {0}")]
    Connect(#[from] ConnectError),
    #[error("no answer: {0}")]
    Response(#[from] ResponseError),
}

/// Connections with the same read size and the same reach.
pub(super) struct Pool {
    connector: Connector,
    idle_pool: Arc<IdlePool>,
}

impl Pool {
    /// Makes a pool that keeps at most `idle_max` idle connections.
    pub(super) fn new(
        connector: Connector,
        http1: http1::Builder,
        idle_max: usize,
        timeouts: Timeouts,
    ) -> Self {
        Self {
            connector,
            idle_pool: Arc::new(IdlePool { http1, idle_max, timeouts, state: Mutex::default() }),
        }
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// A kept connection may close just as it is used, send a 408 for its idle time, or deliver more of an
    /// earlier answer. GET and HEAD are idempotent (RFC 9110 §9.2.2), so a request that fails on a kept
    /// connection is sent once more, on a new one. An invalid answer on a new connection is final.
    pub(super) async fn send(
        &self,
        outgoing: OutgoingRequest<'_>,
    ) -> Result<Response<UpstreamBody>, RequestError> {
        let origin = Origin::of(outgoing.uri).ok_or(ConnectError::Host)?;
        let kept = if outgoing.needs_new_connection { None } else { self.idle_pool.take(&origin) };
        let is_kept = kept.is_some();
        let first = match kept {
            Some(connection) => connection,
            None => self.connect(outgoing, &origin).await?,
        };
        match self.send_on(first, outgoing).await {
            Ok(answer) if !(is_kept && answer.status() == StatusCode::REQUEST_TIMEOUT) => return Ok(answer),
            Err(error) if !is_kept && error.is_malformed() => return Err(error.into()),
            _ => {}
        }
        let second = self.connect(outgoing, &origin).await?;
        Ok(self.send_on(second, outgoing).await?)
    }

    async fn connect(
        &self,
        outgoing: OutgoingRequest<'_>,
        origin: &Origin,
    ) -> Result<Box<UpstreamConnection>, RequestError> {
        let stream = self.connector.connect(outgoing.uri).await?;
        let connection = UpstreamConnection::open(stream, origin.clone(), &self.idle_pool.http1).await;
        Ok(Box::new(connection.map_err(ResponseError::Connection)?))
    }

    async fn send_on(
        &self,
        mut connection: Box<UpstreamConnection>,
        outgoing: OutgoingRequest<'_>,
    ) -> Result<Response<UpstreamBody>, ResponseError> {
        let (head, body) = connection.send(outgoing).await?.into_parts();
        if let Some(via) = &connection.via {
            via.check_status(head.status).map_err(ResponseError::Proxy)?;
        }
        let peer = connection.peer;
        let mut content = UpstreamBody::new(body, connection, self.idle_pool.clone());
        // An answer without a body is at its end already.
        content.release_if_read();
        let mut response = Response::from_parts(head, content);
        response.extensions_mut().insert(peer);
        Ok(response)
    }
}

/// Idle connections, shared with the bodies that return theirs.
pub(super) struct IdlePool {
    http1: http1::Builder,
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
    /// Takes the most recently used connection to `origin` that is still open and silent.
    fn take(&self, origin: &Origin) -> Option<Box<UpstreamConnection>> {
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
