//! Connections to a registry whose socket can be taken over once the head of an answer is read.
//!
//! hyper asks and reads the head, and perhaps a first piece; the rest of the body stays in the socket until somebody
//! reads it here or takes the socket.
//! Only for plain HTTP/1.1, and kept in a pool of its own, as hyper-util's keeps its sockets to itself.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::header::{CONNECTION, HOST};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Response, Uri, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::connect::{ConnectError, Connector, Peer};
use super::content::Content;
use super::limits::{BULK_READ_BYTES, IDLE_BARE_CONNECTIONS_MAX, IDLE_TIMEOUT};
use super::pools::Ready;

type Connection = http1::Connection<TokioIo<TcpStream>, Empty<Bytes>>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum BareError {
    #[error("no connection: {0}")]
    Connect(#[from] ConnectError),
    #[error("no answer: {0}")]
    Http(#[from] hyper::Error),
}

/// The connections of one upstream and one reach.
pub(super) struct BarePool {
    connector: Connector,
    idle: Arc<Idle>,
}

impl BarePool {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, idle: Arc::default() }
    }

    /// Sends a GET for an `http` URI and waits for the head of its answer.
    ///
    /// A kept connection may die just as it is used, so that what fails on one is sent once more on a new one.
    pub(super) async fn request(&self, request: &Ready) -> Result<Response<Content>, BareError> {
        let authority = request.uri().authority().cloned().ok_or(ConnectError::Host)?;
        if let Some(kept) = self.idle.take(&authority)
            && let Ok(answer) = self.ask(kept, request).await
        {
            return Ok(answer);
        }
        let (stream, peer) = self.connector.plain(request.uri()).await?;
        Ok(self.ask(Kept { authority, stream, peer, since: Instant::now() }, request).await?)
    }

    async fn ask(&self, kept: Kept, request: &Ready) -> Result<Response<Content>, hyper::Error> {
        let Kept { authority, stream, peer, .. } = kept;
        let mut request = request.clone();
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
        if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
            request.headers_mut().insert(HOST, host);
        }
        let (mut sender, mut connection) = http1::Builder::new()
            // For a body that is read here after all; without that only the first piece is.
            .max_buf_size(BULK_READ_BYTES)
            .handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
            .await?;
        let mut answer = std::pin::pin!(sender.send_request(request));
        let response = poll_fn(|cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            // What it ends with is told to whoever waits for the answer.
            let _ = connection.poll_unpin(cx);
            answer.as_mut().poll(cx)
        })
        .await?;
        let is_kept = response.version() == Version::HTTP_11 && !says_close(response.headers());
        let home = is_kept.then(|| Home { authority, peer, idle: self.idle.clone() });
        let mut response =
            response.map(|body| Content::from(Bare { connection, body, _sender: sender, home }));
        response.extensions_mut().insert(peer);
        Ok(response)
    }
}

/// Whether the connection ends with its answer (RFC 9112 §9.6).
fn says_close(headers: &HeaderMap) -> bool {
    let options = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    options.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
}

/// A body that is still in its socket.
pub(super) struct Bare {
    connection: Connection,
    body: Incoming,
    /// Without it the connection would end with its request.
    _sender: http1::SendRequest<Empty<Bytes>>,
    home: Option<Home>,
}

/// A socket at the beginning of a body.
pub struct Socket {
    /// What is left of the body comes from here, and nothing else until it has come.
    pub stream: TcpStream,
    /// What came of it with the head.
    pub before: Bytes,
    home: Option<Home>,
}

/// Where a socket goes when its answer was read to the end.
struct Home {
    authority: Authority,
    peer: Peer,
    idle: Arc<Idle>,
}

impl Bare {
    /// Takes the socket. hyper may have read ahead: of what it gives nothing may have been taken before.
    pub(super) fn into_socket(mut self) -> Socket {
        let mut before = BytesMut::new();
        // An error shows again at the next read from the socket.
        while let Some(Some(Ok(frame))) = self.body.frame().now_or_never() {
            if let Ok(data) = frame.into_data() {
                before.extend_from_slice(&data);
            }
        }
        let parts = self.connection.into_parts();
        before.extend_from_slice(&parts.read_buf);
        Socket { stream: parts.io.into_inner(), before: before.freeze(), home: self.home }
    }

    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        let _ = self.connection.poll_unpin(cx);
        Pin::new(&mut self.body).poll_frame(cx)
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Socket {
    /// Keeps the connection for another request. Only after exactly the body was read from it.
    pub fn give_back(self) {
        if let Some(Home { authority, peer, idle }) = self.home {
            idle.keep(Kept { authority, stream: self.stream, peer, since: Instant::now() });
        }
    }
}

#[derive(Default)]
struct Idle(Mutex<Vec<Kept>>);

struct Kept {
    authority: Authority,
    stream: TcpStream,
    peer: Peer,
    since: Instant,
}

impl Idle {
    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        // Whole after each step, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that was used last, if it is still open and silent.
    fn take(&self, authority: &Authority) -> Option<Kept> {
        let mut kept = self.kept();
        while let Some(index) = kept.iter().rposition(|kept| kept.authority == *authority) {
            let found = kept.remove(index);
            let is_silent = found
                .stream
                .try_read(&mut [0])
                .is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
            if is_silent && found.since.elapsed() < IDLE_TIMEOUT {
                return Some(found);
            }
        }
        None
    }

    fn keep(self: Arc<Self>, connection: Kept) {
        let mut kept = self.kept();
        let is_first = kept.is_empty();
        if kept.len() < IDLE_BARE_CONNECTIONS_MAX {
            kept.push(connection);
        }
        drop(kept);
        if is_first {
            tokio::spawn(self.sweep());
        }
    }

    /// Closes what nobody used for long, until nothing is left.
    async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(IDLE_TIMEOUT).await;
            let mut kept = self.kept();
            kept.retain(|kept| kept.since.elapsed() < IDLE_TIMEOUT);
            if kept.is_empty() {
                return;
            }
        }
    }
}
