//! The connections of one upstream, by how they are read and how far they may lead.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use http::uri::Scheme;
use hyper::client::conn::http1;
use rustls::ClientConfig;

use super::Line;
use super::address::{Nearness, nearness};
use super::ask::Wait;
use super::channel::{NoAnswer, Outgoing};
use super::connect::{Connector, Peer, Reach};
use super::content::Content;
use super::encoding;
use super::error::UpstreamError;
use super::limits::{
    BULK_READ_BYTES, IDLE_BARE_CONNECTIONS_MAX, IDLE_BULK_CONNECTIONS_MAX, IDLE_CONNECTIONS_MAX, Limits,
    READ_BYTES_MAX, SMALL_HEAD_TIMEOUT, TIGHT_READ_BYTES,
};
use super::pool::{AskError, Pool};
use crate::config::Outbound;
use crate::deadline::{Deadlines, Elapsed};

/// The connections of one upstream. A connection that was made for one reach serves no other.
pub(super) struct Pools {
    own: Lines,
    /// By nearness: public, private, loopback.
    named: [Lines; 3],
    limits: Limits,
    heads: Heads,
}

/// How long a head is waited for, by what is asked for.
struct Heads {
    content: Deadlines,
    rest: Deadlines,
    small: Deadlines,
}

/// Blobs are read in large pieces, everything else in small ones, so that idle connections stay small.
struct Lines {
    small: Pool,
    bulk: Pool,
    tight: Pool,
    bare: Pool,
}

impl Pools {
    pub(super) fn new(tls: &Arc<ClientConfig>, outbound: &Arc<Outbound>, limits: Limits) -> Self {
        let lines = |reach| {
            let (tls, outbound) = (tls.clone(), outbound.clone());
            Lines::new(&Connector { tls, outbound, reach, limit: limits.connect }, limits)
        };
        let named = [Nearness::Public, Nearness::Private, Nearness::Loopback];
        Self {
            own: lines(Reach::Own),
            named: named.map(|nearness| lines(Reach::AtMost(nearness))),
            limits,
            heads: Heads {
                content: Deadlines::new(limits.head),
                rest: Deadlines::new(SMALL_HEAD_TIMEOUT.max(limits.stall).min(limits.head)),
                small: Deadlines::new(SMALL_HEAD_TIMEOUT.min(limits.head)),
            },
        }
    }

    /// Sends a request and waits for the head of the response.
    pub(super) async fn send(
        &self,
        reach: Reach,
        line: Line,
        outgoing: Outgoing<'_>,
    ) -> Result<Response<Content>, UpstreamError> {
        let lines = match reach {
            Reach::Own => &self.own,
            Reach::AtMost(nearness) => &self.named[nearness as usize],
        };
        let pool = match line {
            Line::Bare if outgoing.uri.scheme() == Some(&Scheme::HTTP) => &lines.bare,
            Line::Small | Line::Bare => &lines.small,
            Line::Bulk => &lines.bulk,
            Line::Tight => &lines.tight,
        };
        let host = || outgoing.uri.authority().map_or_else(String::new, ToString::to_string);
        let head = match outgoing.wait {
            Wait::Content => &self.heads.content,
            Wait::Rest => &self.heads.rest,
            Wait::Small => &self.heads.small,
        };
        match head.bound(pin!(pool.ask(outgoing))).await {
            Ok(Ok(answer)) => encoding::undo(answer)
                .map_err(|encoding::Unknown(encoding)| UpstreamError::Encoded { host: host(), encoding }),
            Ok(Err(error)) => Err(self.describe(&error, host())),
            Err(Elapsed) => Err(UpstreamError::TimedOut { host: host(), limit: head.wait() }),
        }
    }

    /// How long a small answer may take: one that nobody fetches first.
    pub(super) fn small_wait(&self) -> Duration {
        self.heads.small.wait()
    }

    fn describe(&self, error: &AskError, host: String) -> UpstreamError {
        match error {
            AskError::Connect(error) | AskError::NoAnswer(NoAnswer::Proxy(error)) => {
                UpstreamError::connecting(error, host, self.limits.connect)
            }
            AskError::NoAnswer(error) if error.is_nonsense() => {
                UpstreamError::BadResponse { host, detail: error.to_string() }
            }
            AskError::NoAnswer(error) => UpstreamError::Unreachable { host, detail: error.to_string() },
        }
    }
}

/// How near the server is that gave this response. One on a link-local address was configured so; what it names
/// may be in its network. One that a proxy alone knows is as far away as can be.
pub(super) fn nearness_of<B>(response: &Response<B>) -> Nearness {
    let peer = response.extensions().get::<Peer>();
    let address = peer.and_then(|peer| peer.0);
    address.map_or(Nearness::Public, |address| nearness(address).unwrap_or(Nearness::Private))
}

impl Lines {
    fn new(connector: &Connector, limits: Limits) -> Self {
        let pool =
            |http1: &http1::Builder, idle_max| Pool::new(connector.clone(), http1.clone(), idle_max, limits);
        let http1 = || {
            let mut http1 = http1::Builder::new();
            // As curl and Go spell them: some of what stands before registries looks for nothing else.
            http1.title_case_headers(true);
            http1
        };
        Self {
            small: pool(http1().max_buf_size(READ_BYTES_MAX), IDLE_CONNECTIONS_MAX),
            bulk: pool(http1().read_buf_exact_size(Some(BULK_READ_BYTES)), IDLE_BULK_CONNECTIONS_MAX),
            // The first read is small, so that most of the body is still in the socket when that is taken. Where the
            // body is read after all, the reads grow.
            bare: pool(http1().max_buf_size(READ_BYTES_MAX), IDLE_BARE_CONNECTIONS_MAX),
            tight: pool(http1().read_buf_exact_size(Some(TIGHT_READ_BYTES)), IDLE_CONNECTIONS_MAX),
        }
    }
}
