//! A registry that does what a test tells it, byte by byte: it stalls, breaks off, lies, comes back.
//!
//! A handler gives a [`Reply`] for each request; everything that was asked can be looked at afterwards.
#![allow(dead_code, reason = "a tool for several test modules")]

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::images::Image;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Counts the connections of the fake from 0.
    pub connection: usize,
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As long as its declared length.
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The answer to a request: a head, and what follows.
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    has_length: bool,
    steps: Vec<Step>,
}

enum Step {
    Send(Vec<u8>),
    Wait(Arc<Notify>),
    WaitFor(watch::Receiver<bool>),
    /// Says that it came so far.
    Tell(Arc<Notify>),
    /// Nothing more comes, and the connection stays.
    Stall,
    Close,
    /// Closes with a reset (RST).
    Reset,
    /// Ends its own direction and listens on.
    HalfClose,
}

impl Reply {
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), has_length: false, steps: Vec::new() }
    }

    /// No response at all: the connection is closed.
    pub fn nothing() -> Self {
        Self::new(0).close()
    }

    /// No response at all, and the connection stays open.
    pub fn silence() -> Self {
        Self::new(0).stall()
    }

    /// No response until then.
    pub fn silence_until(then: &Arc<Notify>) -> Self {
        Self::new(0).wait(then)
    }

    /// No response, but these bytes.
    pub fn raw(bytes: &str) -> Self {
        Self::new(0).send(bytes).stall()
    }

    pub fn header(mut self, name: &str, value: impl ToString) -> Self {
        self.has_length |= name == "content-length" || name == "transfer-encoding";
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    /// Declares a length of the test's own, true or not.
    pub fn length(self, bytes: usize) -> Self {
        self.header("content-length", bytes)
    }

    /// Declares the length of `body` unless one was declared before, and sends it.
    pub fn body(self, body: impl AsRef<[u8]>) -> Self {
        let declared = if self.has_length { self } else { self.length(body.as_ref().len()) };
        declared.send(body)
    }

    /// Declares the length of `body` and breaks off after `bytes` of it.
    pub fn cut(self, body: &[u8], bytes: usize) -> Self {
        self.length(body.len()).send(&body[..bytes]).close()
    }

    pub fn chunk(self, data: impl AsRef<[u8]>) -> Self {
        let mut chunk = format!("{:x}\r\n", data.as_ref().len()).into_bytes();
        chunk.extend_from_slice(data.as_ref());
        chunk.extend_from_slice(b"\r\n");
        self.send(chunk)
    }

    /// Bytes as they are.
    pub fn send(mut self, data: impl AsRef<[u8]>) -> Self {
        self.steps.push(Step::Send(data.as_ref().to_vec()));
        self
    }

    pub fn wait(mut self, for_what: &Arc<Notify>) -> Self {
        self.steps.push(Step::Wait(for_what.clone()));
        self
    }

    /// Waits until this is true.
    pub fn wait_for(mut self, what: watch::Receiver<bool>) -> Self {
        self.steps.push(Step::WaitFor(what));
        self
    }

    pub fn tell(mut self, whom: &Arc<Notify>) -> Self {
        self.steps.push(Step::Tell(whom.clone()));
        self
    }

    pub fn stall(mut self) -> Self {
        self.steps.push(Step::Stall);
        self
    }

    pub fn close(mut self) -> Self {
        self.steps.push(Step::Close);
        self
    }

    pub fn reset(mut self) -> Self {
        self.steps.push(Step::Reset);
        self
    }

    pub fn half_close(mut self) -> Self {
        self.steps.push(Step::HalfClose);
        self
    }

    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        if !self.has_length {
            head.push_str("content-length: 0\r\n");
        }
        head + "\r\n"
    }
}

/// Answers a GET or HEAD of `body` as a registry does: whole, or the one range that was asked for.
pub fn serve_range(seen: &Seen, body: &[u8], etag: &str) -> Reply {
    let range = seen.header("range").and_then(|range| range.strip_prefix("bytes="));
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
        return Reply::new(200).header("etag", etag).body(body);
    };
    let first: usize = first.parse().unwrap();
    let last = last.parse().unwrap_or(body.len() - 1);
    Reply::new(206)
        .header("etag", etag)
        .header("content-range", format!("bytes {first}-{last}/{}", body.len()))
        .body(&body[first..=last])
}

type Handler = dyn Fn(&Seen) -> Reply + Send + Sync;

struct Shared {
    handler: Box<Handler>,
    /// Tells whether it is asked how the registry is.
    hears_checks: AtomicBool,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    open: watch::Sender<usize>,
}

/// A server on loopback. Dropping it closes everything at once.
pub struct Fake {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    _serving: JoinSet<()>,
}

impl Fake {
    /// Serves plain HTTP on a free port.
    pub async fn start(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), handler).await
    }

    /// The same for a test that counts requests: how the registry is, which Landfall asks in the background, is answered well
    /// and not seen.
    pub async fn of_pulls(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let fake = Self::start(handler).await;
        fake.shared.hears_checks.store(false, Ordering::SeqCst);
        fake
    }

    /// Serves plain HTTP on this address, e.g. that of a fake that was dropped.
    pub async fn start_at(
        address: SocketAddr,
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        // One that was dropped ends when its task is next.
        let listener =
            super::until("the address is free", async || TcpListener::bind(address).await.ok()).await;
        Self::serve(listener, None, Box::new(handler))
    }

    /// Serves TLS on a free port.
    pub async fn start_tls(
        tls: TlsAcceptor,
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        Self::serve(listener, Some(tls), Box::new(handler))
    }

    fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, handler: Box<Handler>) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            handler,
            hears_checks: AtomicBool::new(true),
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: watch::Sender::new(0),
        });
        let mut serving = JoinSet::new();
        let accepting = shared.clone();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((tcp, _)) = listener.accept().await {
                let (shared, tls) = (accepting.clone(), tls.clone());
                connections.spawn(async move { shared.connection(tcp, tls).await });
            }
        });
        Self { address, shared, _serving: serving }
    }

    /// Serves one image, under whatever name and tag it is asked for.
    pub async fn holding(image: Image) -> Self {
        Self::start(move |seen| {
            let asked = seen.target.rsplit('/').next().unwrap();
            let blob = image.blobs.iter().find(|blob| blob.digest == asked);
            let is_manifest = seen.target.contains("/manifests/");
            let Some(content) = is_manifest.then_some(&image.manifest).or(blob) else {
                return Reply::new(404);
            };
            Reply::new(200)
                .header("content-type", content.media_type)
                .header("docker-content-digest", &content.digest)
                .body(&content.bytes)
        })
        .await
    }

    /// `http://127.0.0.1:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Requests so far to paths that begin so.
    pub fn count(&self, path: &str) -> usize {
        self.seen().iter().filter(|seen| seen.target.starts_with(path)).count()
    }

    /// Waits until so many connections are open.
    pub async fn until_open(&self, connections: usize) {
        self.shared.open.subscribe().wait_for(|open| *open == connections).await.unwrap();
    }
}

/// Counts a connection as open while it lives.
struct Open<'a>(&'a watch::Sender<usize>);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

impl Shared {
    async fn connection(&self, tcp: TcpStream, tls: Option<TlsAcceptor>) {
        // A head and a body are two writes; the second must not wait for the other side.
        let _ = tcp.set_nodelay(true);
        self.open.send_modify(|open| *open += 1);
        let _open = Open(&self.open);
        let connection = self.connections.fetch_add(1, Ordering::Relaxed);
        let socket = tcp.as_fd().try_clone_to_owned().unwrap();
        match tls {
            None => self.requests(connection, &socket, tcp).await,
            Some(tls) => {
                if let Ok(stream) = tls.accept(tcp).await {
                    self.requests(connection, &socket, stream).await;
                }
            }
        }
    }

    async fn requests(
        &self,
        connection: usize,
        socket: &OwnedFd,
        stream: impl AsyncRead + AsyncWrite + Unpin,
    ) {
        let mut stream = BufStream::new(stream);
        while let Some(seen) = read_request(connection, &mut stream).await {
            let is_heard = seen.target != "/v2/" || self.hears_checks.load(Ordering::SeqCst);
            let reply = if is_heard {
                self.seen.lock().unwrap().push(seen.clone());
                (self.handler)(&seen)
            } else {
                // Its connection is none of those that a test counts.
                Reply::new(200).length(0).header("connection", "close").close()
            };
            if answer(&mut stream, socket, &seen, reply).await.is_none() {
                return;
            }
        }
    }
}

async fn read_request(connection: usize, stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Seen> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut first = lines.first()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let header = |line: &String| {
        line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: Vec<_> = lines[1..].iter().filter_map(header).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen { connection, method, target, headers, body: String::from_utf8(body).unwrap() })
}

/// Plays a reply; nothing when the connection is over.
async fn answer(
    stream: &mut (impl AsyncBufReadExt + AsyncWrite + Unpin),
    socket: &OwnedFd,
    seen: &Seen,
    reply: Reply,
) -> Option<()> {
    if reply.status != 0 {
        stream.write_all(reply.head().as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
    }
    // Bytes without a head of their own are sent as they are, whatever was asked.
    let has_head = reply.status != 0;
    for step in reply.steps {
        match step {
            Step::Send(_) if seen.method == "HEAD" && has_head => (),
            Step::Send(data) => {
                stream.write_all(&data).await.ok()?;
                stream.flush().await.ok()?;
            }
            Step::Wait(for_what) => for_what.notified().await,
            Step::WaitFor(mut what) => {
                tokio::select! {
                    _ = what.wait_for(|is_true| *is_true) => {}
                    // The other side leaves.
                    _ = stream.fill_buf() => return None,
                }
            }
            Step::Tell(whom) => whom.notify_one(),
            // Ends when the other side leaves.
            Step::Stall => {
                let _ = stream.fill_buf().await;
                return None;
            }
            Step::Close => return None,
            Step::Reset => {
                rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO)).unwrap();
                return None;
            }
            Step::HalfClose => stream.shutdown().await.ok()?,
        }
    }
    Some(())
}
