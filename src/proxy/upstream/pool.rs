//! Connections of one kind, kept from one request to the next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use http::Response;
use hyper::client::conn::http1;
use tokio::time::Instant;

use super::channel::{Channel, Origin, Outgoing};
use super::connect::{ConnectError, Connector, Stream};
use super::content::Content;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("no connection: {0}")]
    Connect(#[from] ConnectError),
    #[error("no answer: {0}")]
    Http(#[from] hyper::Error),
}

impl AskError {
    /// What was answered is not HTTP.
    pub(super) fn is_nonsense(&self) -> bool {
        matches!(self, Self::Http(error) if error.is_parse() || error.is_parse_too_large())
    }
}

/// Connections that are read in one way and may lead equally far.
pub(super) struct Pool {
    connector: Connector,
    home: Arc<Home>,
}

impl Pool {
    /// A pool that keeps at most `idle_max` connections for later, each for at most twice `idle`.
    pub(super) fn new(connector: Connector, http1: http1::Builder, idle_max: usize, idle: Duration) -> Self {
        Self { connector, home: Arc::new(Home { http1, idle_max, idle, shelf: Mutex::default() }) }
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// A kept connection may die just as it is used. GET and HEAD are idempotent (RFC 9110 §9.2.2), so what fails
    /// without an answer is sent once more, on a new connection.
    pub(super) async fn ask(&self, outgoing: Outgoing<'_>) -> Result<Response<Content>, AskError> {
        let origin = Origin::of(outgoing.uri).ok_or(ConnectError::Host)?;
        let first = match self.home.take(&origin) {
            Some(channel) => channel,
            None => self.connect(outgoing, &origin).await?,
        };
        match self.ask_on(first, outgoing).await {
            Err(error) if !error.is_nonsense() => {
                let second = self.connect(outgoing, &origin).await?;
                self.ask_on(second, outgoing).await
            }
            answer => answer,
        }
    }

    async fn connect(&self, outgoing: Outgoing<'_>, origin: &Origin) -> Result<Box<Channel>, AskError> {
        let stream = self.connector.connect(outgoing.uri).await?;
        Ok(Box::new(Channel::open(stream, origin.clone(), &self.home.http1).await?))
    }

    async fn ask_on(
        &self,
        mut channel: Box<Channel>,
        outgoing: Outgoing<'_>,
    ) -> Result<Response<Content>, AskError> {
        let (head, body) = channel.ask(outgoing).await?.into_parts();
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
    /// How long a connection without a request is good for another.
    idle: Duration,
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    /// The one that was used last is the last.
    idle: Vec<Idle>,
    /// A task looks from time to time for what nobody used.
    is_swept: bool,
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

impl Home {
    /// The connection to `origin` that was used last, if it is still open and silent.
    fn take(&self, origin: &Origin) -> Option<Box<Channel>> {
        let mut shelf = self.shelf();
        while let Some(index) = shelf.idle.iter().rposition(|idle| idle.channel.origin == *origin) {
            let mut idle = shelf.idle.remove(index);
            if idle.is_fresh(self.idle) && idle.channel.is_free() {
                return Some(idle.channel);
            }
        }
        None
    }

    /// Keeps a connection that can take another request. Where there are too many, the one that nobody used for longest
    /// is closed.
    pub(super) fn keep(self: &Arc<Self>, channel: Box<Channel>) {
        // Who is dropped after the runtime's end keeps nothing.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let mut shelf = self.shelf();
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

    /// Closes what nobody used for long, until nothing is left.
    async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.idle).await;
            let mut shelf = self.shelf();
            shelf.idle.retain(|idle| idle.is_fresh(self.idle));
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
