//! Pooled HTTP/1.1 connections of one upstream.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::client::legacy::{Builder, Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

use super::Line;
use super::address::{Nearness, nearness};
use super::bare::BarePool;
use super::connect::{ConnectError, Connector, Peer, Reach};
use super::content::Content;
use super::error::UpstreamError;
use super::limits::{
    BULK_READ_BYTES, IDLE_BULK_CONNECTIONS_MAX, IDLE_CONNECTIONS_MAX, IDLE_TIMEOUT, Limits, READ_BYTES_MAX,
};
use crate::deadline::Deadlines;

type Pool = Client<Connector, Empty<Bytes>>;
pub(super) type Ready = Request<Empty<Bytes>>;

/// The connections of one upstream. A connection that was made for one reach serves no other.
pub(super) struct Pools {
    own: Lines,
    /// By nearness: public, private, loopback.
    named: [Lines; 3],
    limits: Limits,
    head: Deadlines,
}

/// Blobs are read in large pieces, everything else in small ones, so that idle connections stay small.
struct Lines {
    small: Pool,
    bulk: Pool,
    bare: BarePool,
}

impl Pools {
    pub(super) fn new(tls: &Arc<ClientConfig>, limits: Limits) -> Self {
        let lines = |reach| Lines::new(&Connector { tls: tls.clone(), reach, limit: limits.connect });
        let named = [Nearness::Public, Nearness::Private, Nearness::Loopback];
        Self {
            own: lines(Reach::Own),
            named: named.map(|nearness| lines(Reach::AtMost(nearness))),
            limits,
            head: Deadlines::new(limits.head),
        }
    }

    /// Sends a request without a body and waits for the head of the response.
    pub(super) async fn send(
        &self,
        reach: Reach,
        line: Line,
        request: &Ready,
    ) -> Result<Response<Content>, UpstreamError> {
        let lines = match reach {
            Reach::Own => &self.own,
            Reach::AtMost(nearness) => &self.named[nearness as usize],
        };
        let host = request.uri().authority().map_or("", |authority| authority.as_str());
        let timed_out = |_| UpstreamError::TimedOut { host: host.to_owned(), limit: self.limits.head };
        let pool = match line {
            Line::Small => &lines.small,
            Line::Bare if request.uri().scheme() == Some(&Scheme::HTTP) => {
                let sent = self.head.bound(lines.bare.request(request)).await.map_err(timed_out)?;
                return sent.map_err(|error| self.describe(&error, host));
            }
            Line::Bulk | Line::Bare => &lines.bulk,
        };
        let sent = self.head.bound(twice(pool, request)).await.map_err(timed_out)?;
        sent.map(|response| response.map(Content::from)).map_err(|error| self.describe(&error, host))
    }

    fn describe(&self, error: &(dyn Error + 'static), host: &str) -> UpstreamError {
        if let Some(error) = cause::<ConnectError>(error) {
            return UpstreamError::connecting(error, host, self.limits.connect);
        }
        let detail = cause::<hyper::Error>(error).map_or_else(|| error.to_string(), ToString::to_string);
        let host = host.to_owned();
        if is_nonsense(error) {
            UpstreamError::BadResponse { host, detail }
        } else {
            UpstreamError::Unreachable { host, detail }
        }
    }
}

/// A kept connection may die just as it is used. GET and HEAD are idempotent (RFC 9110 §9.2.2), so such a request
/// is sent once more.
async fn twice(pool: &Pool, request: &Ready) -> Result<Response<Incoming>, ClientError> {
    match pool.request(request.clone()).await {
        Err(error) if cause::<ConnectError>(&error).is_none() && !is_nonsense(&error) => {
            pool.request(request.clone()).await
        }
        answer => answer,
    }
}

fn is_nonsense(error: &(dyn Error + 'static)) -> bool {
    cause::<hyper::Error>(error).is_some_and(|error| error.is_parse() || error.is_parse_too_large())
}

fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// How near the server is that gave this response. One on a link-local address was configured so; what it names
/// may be in its network.
pub(super) fn nearness_of<B>(response: &Response<B>) -> Nearness {
    let peer = response.extensions().get::<Peer>();
    peer.map_or(Nearness::Public, |peer| nearness(peer.0).unwrap_or(Nearness::Private))
}

impl Lines {
    fn new(connector: &Connector) -> Self {
        let builder = || {
            let mut builder: Builder = Client::builder(TokioExecutor::new());
            builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIMEOUT);
            builder
        };
        let small = builder()
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .http1_max_buf_size(READ_BYTES_MAX)
            .build(connector.clone());
        let bulk = builder()
            .pool_max_idle_per_host(IDLE_BULK_CONNECTIONS_MAX)
            .http1_read_buf_exact_size(BULK_READ_BYTES)
            .build(connector.clone());
        Self { small, bulk, bare: BarePool::new(connector.clone()) }
    }
}
