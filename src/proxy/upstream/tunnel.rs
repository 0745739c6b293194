//! The way through an HTTP proxy (RFC 9110 §9.3.6): CONNECT for what is with_tls, the whole URL for what is not.

use std::future::poll_fn;
use std::pin::pin;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::connect::ConnectError;
use super::limits::READ_BYTES_MAX;
use super::login::hidden;
use crate::config::HttpProxy;

/// Why a proxy leads nowhere. It is the proxy's failure and not the registry's.
#[derive(Debug, thiserror::Error)]
pub(super) enum TunnelError {
    #[error("it answered 407: it wants a user and a password, and {0}")]
    Unauthorized(&'static str),
    #[error("it answered {0}: look at its own log and at what it lets through")]
    Refused(StatusCode),
    #[error("it said more than that there is a tunnel")]
    Talks,
    #[error("it broke off: {0}")]
    Broken(#[from] hyper::Error),
    #[error("it cannot be asked for this host")]
    Host,
}

/// A proxy that is asked in the place of a registry, and reads what it hands on.
pub(super) struct ProxyHop {
    /// For the log.
    pub(super) name: String,
    /// What it is shown.
    pub(super) authorization: Option<HeaderValue>,
}

impl ProxyHop {
    pub(super) fn new(proxy: &HttpProxy) -> Self {
        let HttpProxy { host, port, authorization } = proxy;
        let authorization =
            authorization.as_ref().and_then(|value| HeaderValue::try_from(value.reveal()).ok());
        Self { name: format!("http://{host}:{port}"), authorization: authorization.map(hidden) }
    }

    /// Tells the proxy's own failures from the registry's, as far as can be.
    ///
    /// # Errors
    /// The proxy did not ask the registry.
    pub(super) fn check_status(&self, status: StatusCode) -> Result<(), ConnectError> {
        match status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                return Err(ConnectError::Tunnel(self.name.clone(), self.unauthorized()));
            }
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                tracing::warn!(proxy = self.name, %status, "an answer that may be the proxy's and not the registry's");
            }
            _ => {}
        }
        Ok(())
    }

    fn unauthorized(&self) -> TunnelError {
        TunnelError::Unauthorized(match self.authorization {
            Some(_) => "not those that stand in its URL",
            None => "its URL has none: http://USER:PASSWORD@HOST:PORT",
        })
    }
}

/// Has the proxy at the other end of `tcp` connect to a host.
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
        // It ends with the head of a tunnel's answer, and is then not to be polled again.
        is_over = is_over || connection.poll_without_shutdown(cx).is_ready();
        answer.as_mut().poll(cx)
    })
    .await?;
    match response.status() {
        status if status.is_success() => {
            let parts = connection.into_parts();
            // TLS begins with what Landfall says.
            if parts.read_buf.is_empty() { Ok(parts.io.into_inner()) } else { Err(TunnelError::Talks) }
        }
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err(via.unauthorized()),
        status => Err(TunnelError::Refused(status)),
    }
}
