//! Connections of one kind, kept from one request to the next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use http::{Response, StatusCode};
use hyper::client::conn::http1;
use tokio::time::Instant;

use super::channel::{After, Channel, NoAnswer, Origin, Outgoing};
use super::connect::{ConnectError, Connector, Stream};
use super::content::Content;
use super::limits::{Limits, SWEEP_PAUSE};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("no connection: {0}")]
    Connect(#[from] ConnectError),
    #[error("no answer: {0}")]
    NoAnswer(#[from] NoAnswer),
}

/// Connections that are read in one way and may lead equally far.
pub(super) struct Pool {
    connector: Connector,
    home: Arc<Home>,
}

impl Pool {
    /// A pool that keeps at most `idle_max` connections for later.
    pub(super) fn new(connector: Connector, http1: http1::Builder, idle_max: usize, limits: Limits) -> Self {
        Self { connector, home: Arc::new(Home { http1, idle_max, limits, shelf: Mutex::default() }) }
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// A kept connection may die just as it is used, say just then that it is closed for lack of a request (408), or have
    /// more to say of an earlier one. GET and HEAD are idempotent (RFC 9110 §9.2.2), so what fails without an answer is
    /// sent once more, on a new connection. What is nonsense there stays so.
    pub(super) async fn ask(&self, outgoing: Outgoing<'_>) -> Result<Response<Content>, AskError> {
        let origin = Origin::of(outgoing.uri).ok_or(ConnectError::Host)?;
        let kept = if outgoing.is_anew { None } else { self.home.take(&origin) };
        let is_kept = kept.is_some();
        let first = match kept {
            Some(channel) => channel,
            None => self.connect(outgoing, &origin).await?,
        };
        match self.ask_on(first, outgoing).await {
            Ok(answer) if !(is_kept && answer.status() == StatusCode::REQUEST_TIMEOUT) => return Ok(answer),
            Err(error) if !is_kept && error.is_nonsense() => return Err(error.into()),
            _ => {}
        }
        let second = self.connect(outgoing, &origin).await?;
        Ok(self.ask_on(second, outgoing).await?)
    }

    async fn connect(&self, outgoing: Outgoing<'_>, origin: &Origin) -> Result<Box<Channel>, AskError> {
        let stream = self.connector.connect(outgoing.uri).await?;
        let channel = Channel::open(stream, origin.clone(), &self.home.http1).await;
        Ok(Box::new(channel.map_err(NoAnswer::Ended)?))
    }

    async fn ask_on(
        &self,
        mut channel: Box<Channel>,
        outgoing: Outgoing<'_>,
    ) -> Result<Response<Content>, NoAnswer> {
        let (head, body) = channel.ask(outgoing).await?.into_parts();
        if let Some(via) = &channel.via {
            via.look_at(head.status).map_err(NoAnswer::Proxy)?;
        }
        let peer = channel.peer;
        let mut content = Content::new(body, channel, self.home.clone());
        // An answer without a body is at its end.
        content.leave_if_read();
        let mut response = Response::from_parts(head, content);
        response.extensions_mut().insert(peer);
        Ok(response)
    }
}

/// Where connections wait for their next request.
pub(super) struct Home {
    http1: http1::Builder,
    idle_max: usize,
    limits: Limits,
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    /// The one that was used last is the last.
    idle: Vec<Idle>,
    /// A task looks from time to time for what nobody used.
    is_swept: bool,
    /// Nothing is kept before this: bytes came that nobody had asked for.
    distrusted_until: Option<Instant>,
}

struct Idle {
    channel: Box<Channel>,
    since: Instant,
}

impl Idle {
    fn is_fresh(&self, idle: Duration) -> bool {
        self.since.elapsed() < idle
    }
}

impl Shelf {
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
                "it sent what it was not asked for; each request has a connection of its own for {time:?}"
            );
        }
        self.distrusted_until = Some(Instant::now() + time);
        self.idle.clear();
    }
}

impl Home {
    /// The connection to `origin` that was used last, if it is still open and silent.
    fn take(&self, origin: &Origin) -> Option<Box<Channel>> {
        let mut shelf = self.shelf();
        while let Some(index) = shelf.idle.iter().rposition(|idle| idle.channel.origin == *origin) {
            let mut idle = shelf.idle.remove(index);
            if !idle.is_fresh(self.limits.idle) {
                continue;
            }
            match idle.channel.while_idle() {
                After::Silence => return Some(idle.channel),
                After::End => {}
                After::Surplus => shelf.distrust(origin, self.limits.distrust),
            }
        }
        None
    }

    /// Bytes or an answer came from `origin` that belong to no request. An answer that comes late could be taken for the
    /// next request's, so that for a while no connection takes a second one.
    pub(super) fn distrust(&self, origin: &Origin) {
        self.shelf().distrust(origin, self.limits.distrust);
    }

    /// Keeps a connection that can take another request. Where there are too many, the one that nobody used for longest
    /// is closed.
    pub(super) fn keep(self: &Arc<Self>, channel: Box<Channel>) {
        // A body that is dropped after the runtime's end keeps nothing.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut shelf = self.shelf();
        if shelf.is_distrusted() {
            return;
        }
        if shelf.idle.len() >= self.idle_max {
            shelf.idle.remove(0);
        }
        shelf.idle.push(Idle { channel, since: Instant::now() });
        if !std::mem::replace(&mut shelf.is_swept, true) {
            runtime.spawn(self.clone().sweep());
        }
    }

    /// Keeps a connection from which exactly the answer's body was read.
    pub(super) fn keep_stream(self: &Arc<Self>, stream: Stream, origin: Origin) {
        if let Some(Ok(channel)) = Channel::open(stream, origin, &self.http1).now_or_never() {
            self.keep(Box::new(channel));
        }
    }

    /// Closes what nobody used for long and what the other side has closed, until nothing is left.
    async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.limits.idle.min(SWEEP_PAUSE)).await;
            let mut shelf = self.shelf();
            let mut surplus_of = None;
            shelf.idle.retain_mut(|idle| match idle.channel.while_idle() {
                After::Silence => idle.is_fresh(self.limits.idle),
                After::End => false,
                After::Surplus => {
                    surplus_of = Some(idle.channel.origin.clone());
                    false
                }
            });
            if let Some(origin) = surplus_of {
                shelf.distrust(&origin, self.limits.distrust);
            }
            if shelf.idle.is_empty() {
                shelf.is_swept = false;
                return;
            }
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // Whole after each step, whoever panicked.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
