//! One request over a kept or a new connection.

use std::sync::Arc;

use http::{Response, StatusCode};
use hyper::client::conn::http1;

use super::body::UpstreamBody;
use super::connect::{ConnectError, Connector};
use super::connection::{Origin, OutgoingRequest, ResponseError, UpstreamConnection};
use super::idle_pool::IdlePool;
use super::limits::Timeouts;

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
        Self { connector, idle_pool: IdlePool::new(http1, idle_max, timeouts) }
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
            let failed = |error| ResponseError::Proxy(ConnectError::Tunnel(via.name.clone(), error));
            via.check_status(head.status).map_err(failed)?;
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
