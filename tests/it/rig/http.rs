//! A plain HTTP client that hides nothing: one connection for each request, headers as they came.

use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Longest time that an answer's head, and then its body, may take.
const TIME_MAX: Duration = Duration::from_secs(60);

/// Everything that can go wrong with a request is one text: tests only report it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A server's address and what to send to it with every request.
#[derive(Clone, Debug)]
pub struct Client {
    address: String,
    headers: Vec<(&'static str, String)>,
}

/// `Basic …` for a user and a password.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

impl Client {
    /// A client of the server at `HOST:PORT`.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), headers: Vec::new() }
    }

    /// The same client with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same client with credentials.
    #[must_use]
    pub fn with_basic(self, user: &str, password: &str) -> Self {
        self.with("authorization", basic(user, password))
    }

    /// GET, whole.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[]).await
    }

    /// A request without a body; panics where no whole answer comes.
    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let what = format!("{method} {path} {headers:?}");
        let answer = self.send(method, path, headers, Bytes::new()).await;
        answer.unwrap_or_else(|error| panic!("{what} at {}: {error}", self.address))
    }

    /// A request and its whole answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let (parts, body) = self.open(method, path, headers, body).await?.into_parts();
        let body = tokio::time::timeout(TIME_MAX, body.collect()).await??.to_bytes();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    /// A request and the head of its answer, with the body still to come.
    pub async fn open(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<http::Response<Incoming>, Failure> {
        let stream = TcpStream::connect(&self.address).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", &self.address);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = sender.send_request(request.body(Full::new(body))?);
        Ok(tokio::time::timeout(TIME_MAX, answer).await??)
    }
}

impl Answer {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Panics with the body unless this is the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{:?} {}", self.headers, self.text());
        self
    }
}
