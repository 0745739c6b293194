//! Clients that ask: HTTP/1.1 byte by byte, HTTP/2 by hyper, plain or over TLS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::seed::Rng;
use crate::rig::http::Failure;

pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// The proxy's address, and the login there.
#[derive(Clone)]
pub struct Door {
    pub plain: SocketAddr,
    pub tls: SocketAddr,
    pub connector: TlsConnector,
    pub authorization: Arc<str>,
}

/// A connection to the proxy.
pub enum Line {
    H1(BufReader<Box<dyn Io>>),
    H2(
        http2::SendRequest<Empty<Bytes>>,
        #[expect(dead_code, reason = "ends what speaks when it is dropped")] Aborted,
    ),
}

/// A task that ends with this.
pub struct Aborted(JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The answer that came.
#[derive(Debug, Default)]
pub struct Got {
    /// 0 without a head.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub end: End,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// As long as the head said, or with the end that its framing has.
    Whole,
    /// The connection or the stream ended before.
    Broken(String),
    /// Nothing came for too long.
    #[default]
    Late,
}

impl Got {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Longest time that connecting may take a client on loopback.
const CONNECT_MAX: Duration = Duration::from_secs(10);

impl Door {
    pub async fn open(&self, is_h2: bool, is_tls: bool) -> Result<Line, String> {
        let opening = self.open_any(is_h2, is_tls);
        let opened = tokio::time::timeout(CONNECT_MAX, opening).await;
        opened.map_err(|_| "the proxy does not accept".to_owned())?.map_err(|error| error.to_string())
    }

    async fn open_any(&self, is_h2: bool, is_tls: bool) -> Result<Line, Failure> {
        let io = self.stream(is_tls, if is_h2 { b"h2" } else { b"http/1.1" }).await?;
        if !is_h2 {
            return Ok(Line::H1(BufReader::new(io)));
        }
        let (sender, connection) =
            http2::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(io)).await?;
        let speaking = tokio::spawn(async move { drop(connection.await) });
        Ok(Line::H2(sender, Aborted(speaking)))
    }

    /// A connection on which nothing was said but what TLS says, which agrees on this protocol.
    pub async fn stream(&self, is_tls: bool, protocol: &[u8]) -> Result<Box<dyn Io>, Failure> {
        let tcp = TcpStream::connect(if is_tls { self.tls } else { self.plain }).await?;
        tcp.set_nodelay(true)?;
        if !is_tls {
            return Ok(Box::new(tcp));
        }
        let mut config = (**self.connector.config()).clone();
        config.alpn_protocols = vec![protocol.to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Box::new(connector.connect(ServerName::try_from("127.0.0.1")?, tcp).await?))
    }
}

/// A request: the path, and a range where there is one.
#[derive(Clone, Debug)]
pub struct Ask {
    pub path: String,
    pub range: Option<String>,
}

impl Line {
    /// Asks, and reads all of the answer.
    pub async fn get(&mut self, door: &Door, ask: &Ask, within: Duration) -> Got {
        let mut got = Got::default();
        let read = self.read(door, ask, &mut got, usize::MAX);
        match tokio::time::timeout(within, read).await {
            Ok(Ok(())) => got.end = End::Whole,
            Ok(Err(why)) => got.end = End::Broken(why),
            Err(_) => got.end = End::Late,
        }
        got
    }

    /// Asks, and goes away: before the head, after it, or in the body.
    pub async fn leave(mut self, door: &Door, ask: &Ask, rng: &mut Rng) {
        let bytes_max = rng.pick(&[0, 1, 1_000, 100_000]);
        let patience = Duration::from_millis(rng.pick(&[0, 1, 10, 100, 300]));
        let mut got = Got::default();
        let _ = tokio::time::timeout(patience, self.read(door, ask, &mut got, bytes_max)).await;
    }

    /// Asks, and reads nothing. With `within`, waits until the proxy ends it.
    pub async fn ignore(&mut self, door: &Door, ask: &Ask) {
        match self {
            Self::H1(stream) => {
                let _ = stream.write_all(h1_request(door, ask).as_bytes()).await;
            }
            Self::H2(sender, _) => {
                let Ok(request) = h2_request(door, ask) else { return };
                // The body is held and not read: its window closes.
                if let Ok(answer) = sender.send_request(request).await {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    drop(answer);
                }
            }
        }
    }

    async fn read(&mut self, door: &Door, ask: &Ask, got: &mut Got, bytes_max: usize) -> Result<(), String> {
        match self {
            Self::H1(stream) => {
                stream.write_all(h1_request(door, ask).as_bytes()).await.map_err(text)?;
                h1_answer(stream, got, bytes_max).await
            }
            Self::H2(sender, _) => {
                let answer = sender.send_request(h2_request(door, ask)?).await.map_err(text)?;
                h2_answer(answer, got, bytes_max).await
            }
        }
    }
}

fn text(error: impl std::error::Error) -> String {
    let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    format!("{error}{source}")
}

fn h1_request(door: &Door, ask: &Ask) -> String {
    let range = ask.range.as_ref().map(|range| format!("range: {range}\r\n")).unwrap_or_default();
    let (path, authorization) = (&ask.path, &door.authorization);
    format!("GET {path} HTTP/1.1\r\nhost: proxy\r\nauthorization: {authorization}\r\n{range}\r\n")
}

fn h2_request(door: &Door, ask: &Ask) -> Result<Request<Empty<Bytes>>, String> {
    let mut request = Request::get(format!("http://proxy{}", ask.path));
    request = request.header("authorization", &*door.authorization);
    if let Some(range) = &ask.range {
        request = request.header("range", range);
    }
    request.body(Empty::new()).map_err(text)
}

async fn line(stream: &mut BufReader<Box<dyn Io>>) -> Result<String, String> {
    let mut line = String::new();
    match stream.read_line(&mut line).await {
        Ok(0) => Err("the connection ended".to_owned()),
        Ok(_) => match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(format!("a line ends without CRLF: {line:?}")),
        },
        Err(error) => Err(text(error)),
    }
}

/// RFC 9112 §4 to §7, and nothing that it does not allow.
async fn h1_answer(
    stream: &mut BufReader<Box<dyn Io>>,
    got: &mut Got,
    bytes_max: usize,
) -> Result<(), String> {
    let first = line(stream).await?;
    let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    got.status = status.ok_or_else(|| format!("no status line: {first:?}"))?;
    loop {
        let line = line(stream).await?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| format!("no header: {line:?}"))?;
        got.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let lengths: Vec<_> = got.headers.iter().filter(|(name, _)| name == "content-length").collect();
    match (got.header("transfer-encoding"), &lengths[..]) {
        (Some("chunked"), []) => loop {
            let size = line(stream).await?;
            let size = usize::from_str_radix(&size, 16).map_err(|_| format!("no chunk: {size:?}"))?;
            take(stream, got, size, bytes_max).await?;
            let end = line(stream).await?;
            if !end.is_empty() {
                return Err(format!("no end of a chunk: {end:?}"));
            }
            if size == 0 || got.body.len() >= bytes_max {
                return Ok(());
            }
        },
        (None, [(_, length)]) => {
            let length = length.parse().map_err(|_| format!("no length: {length:?}"))?;
            take(stream, got, length, bytes_max).await
        }
        (None, []) if matches!(got.status, 204 | 304) => Ok(()),
        (coding, lengths) => Err(format!("an answer of no certain length: {coding:?} {lengths:?}")),
    }
}

async fn take(
    stream: &mut BufReader<Box<dyn Io>>,
    got: &mut Got,
    bytes: usize,
    bytes_max: usize,
) -> Result<(), String> {
    let mut left = bytes.min(bytes_max.saturating_sub(got.body.len()));
    while left > 0 {
        let there = stream.fill_buf().await.map_err(text)?;
        if there.is_empty() {
            return Err(format!("the connection ended {left} bytes early"));
        }
        let count = there.len().min(left);
        got.body.extend_from_slice(&there[..count]);
        stream.consume(count);
        left -= count;
    }
    Ok(())
}

async fn h2_answer(
    answer: http::Response<hyper::body::Incoming>,
    got: &mut Got,
    bytes_max: usize,
) -> Result<(), String> {
    let (head, mut body) = answer.into_parts();
    got.status = head.status.as_u16();
    for (name, value) in &head.headers {
        got.headers.push((name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    }
    while got.body.len() < bytes_max {
        let Some(frame) = body.frame().await else { break };
        if let Ok(data) = frame.map_err(text)?.into_data() {
            got.body.extend_from_slice(&data);
        }
    }
    Ok(())
}

/// Tells whether nothing more comes on a connection on which all was answered.
pub async fn is_quiet(line: &mut Line) -> bool {
    match line {
        Line::H1(stream) => {
            let mut byte = [0];
            !matches!(
                tokio::time::timeout(Duration::from_millis(1), stream.read(&mut byte)).await,
                Ok(Ok(1..))
            )
        }
        Line::H2(..) => true,
    }
}
