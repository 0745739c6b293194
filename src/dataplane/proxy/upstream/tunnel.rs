//! Requests through an HTTP proxy (RFC 9110 §9.3.6): CONNECT for TLS, absolute URLs for plain HTTP.

use std::future::poll_fn;
use std::pin::pin;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::credentials::hidden;
use super::limits::READ_BYTES_MAX;
use crate::config::HttpProxy;

/// Failures of an HTTP proxy, as opposed to the registry's.
#[derive(Debug, thiserror::Error)]
pub(super) enum TunnelError {
    #[error("it answered 407: it demands a user and password, {0}")]
    Unauthorized(&'static str),
    #[error("it answered {0}: check its log and its access rules")]
    Refused(StatusCode),
    #[error("it sent data before the tunnel was used")]
    Talks,
    #[error("it broke off: {0}")]
    Broken(#[from] hyper::Error),
    #[error("a tunnel to this host cannot be requested")]
    Host,
}

/// An HTTP proxy that reads and forwards plain requests.
pub(super) struct ProxyHop {
    /// URL for the log.
    pub(super) name: String,
    /// Value of `Proxy-Authorization`.
    pub(super) authorization: Option<HeaderValue>,
}

impl ProxyHop {
    pub(super) fn new(proxy: &HttpProxy) -> Self {
        let HttpProxy { host, port, authorization } = proxy;
        let authorization =
            authorization.as_ref().and_then(|value| HeaderValue::try_from(value.reveal()).ok());
        Self { name: format!("http://{host}:{port}"), authorization: authorization.map(hidden) }
    }

    /// Tells an HTTP proxy's own failures from the registry's, as far as possible.
    ///
    /// # Errors
    /// The proxy did not forward the request.
    pub(super) fn check_status(&self, status: StatusCode) -> Result<(), TunnelError> {
        match status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => return Err(self.unauthorized()),
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                tracing::warn!(proxy = self.name, %status, "an answer that may be the proxy's and not the registry's");
            }
            _ => {}
        }
        Ok(())
    }

    fn unauthorized(&self) -> TunnelError {
        TunnelError::Unauthorized(match self.authorization {
            Some(_) => "other than those in its URL",
            None => "and its URL has none: http://USER:PASSWORD@HOST:PORT",
        })
    }
}

/// Asks the HTTP proxy at the other end of `tcp` for a tunnel to `authority`.
pub(super) async fn open(tcp: TcpStream, via: &ProxyHop, authority: &str) -> Result<TcpStream, TunnelError> {
    let mut request = Request::connect(authority).header(HOST, authority);
    if let Some(value) = &via.authorization {
        request = request.header(PROXY_AUTHORIZATION, value);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|_| TunnelError::Host)?;
    let (mut sender, mut connection) =
        http1::Builder::new().max_buf_size(READ_BYTES_MAX).handshake(TokioIo::new(tcp)).await?;
    let mut answer = pin!(sender.send_request(request));
    let mut is_over = false;
    let response = poll_fn(|cx| {
        // hyper's connection ends with the head of a successful answer and must not be polled again.
        is_over = is_over || connection.poll_without_shutdown(cx).is_ready();
        answer.as_mut().poll(cx)
    })
    .await?;
    match response.status() {
        status if status.is_success() => {
            let parts = connection.into_parts();
            // The client speaks first in TLS.
            if parts.read_buf.is_empty() { Ok(parts.io.into_inner()) } else { Err(TunnelError::Talks) }
        }
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err(via.unauthorized()),
        status => Err(TunnelError::Refused(status)),
    }
}
