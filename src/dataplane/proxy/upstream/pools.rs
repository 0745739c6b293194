//! Connection pools of one upstream, by reach and lane.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use http::uri::Scheme;
use hyper::client::conn::http1;
use rustls::ClientConfig;

use super::address::{Nearness, nearness};
use super::body::UpstreamBody;
use super::connect::{Connector, Reach};
use super::connection::{OutgoingRequest, ResponseError};
use super::encoding::{self, UnsupportedEncoding};
use super::error::UpstreamError;
use super::limits::{
    BULK_READ_BYTES, IDLE_BULK_CONNECTIONS_MAX, IDLE_CONNECTIONS_MAX, IDLE_SPLICE_CONNECTIONS_MAX,
    READ_BYTES_MAX, SMALL_HEAD_TIMEOUT, TIGHT_READ_BYTES, TimeoutClass, Timeouts,
};
use super::pool::{Pool, RequestError};
use super::request::Lane;
use super::stream::PeerAddress;
use crate::config::OutboundProxies;
use crate::deadline::{Deadlines, Elapsed};

/// Pools of one upstream. A connection serves only the reach that it was made for.
pub(super) struct Pools {
    own: LanePools,
    /// By nearness: public, private, loopback.
    foreign: [LanePools; 3],
    timeouts: Timeouts,
    head_deadlines: HeadDeadlines,
}

/// Shared deadlines for heads, by timeout class.
struct HeadDeadlines {
    content: Deadlines,
    resume: Deadlines,
    small: Deadlines,
}

/// Pools by read size, so that idle connections for small answers have small buffers.
struct LanePools {
    small: Pool,
    bulk: Pool,
    tight: Pool,
    splice: Pool,
}

impl Pools {
    pub(super) fn new(tls: &Arc<ClientConfig>, outbound: &Arc<OutboundProxies>, timeouts: Timeouts) -> Self {
        let lane_pools = |reach| {
            let (tls, outbound) = (tls.clone(), outbound.clone());
            LanePools::new(&Connector { tls, outbound, reach, limit: timeouts.connect }, timeouts)
        };
        let foreign = [Nearness::Public, Nearness::Private, Nearness::Loopback];
        Self {
            own: lane_pools(Reach::Own),
            foreign: foreign.map(|nearness| lane_pools(Reach::AtMost(nearness))),
            timeouts,
            head_deadlines: HeadDeadlines {
                content: Deadlines::new(timeouts.head),
                resume: Deadlines::new(SMALL_HEAD_TIMEOUT.max(timeouts.stall).min(timeouts.head)),
                small: Deadlines::new(SMALL_HEAD_TIMEOUT.min(timeouts.head)),
            },
        }
    }

    /// Sends a request and waits for the head of the response.
    pub(super) async fn send(
        &self,
        reach: Reach,
        lane: Lane,
        outgoing: OutgoingRequest<'_>,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        let lane_pools = match reach {
            Reach::Own => &self.own,
            Reach::AtMost(nearness) => &self.foreign[nearness as usize],
        };
        let pool = match lane {
            Lane::Splice if outgoing.uri.scheme() == Some(&Scheme::HTTP) => &lane_pools.splice,
            Lane::Small | Lane::Splice => &lane_pools.small,
            Lane::Bulk => &lane_pools.bulk,
            Lane::Tight => &lane_pools.tight,
        };
        let host = || outgoing.uri.authority().map_or_else(String::new, ToString::to_string);
        let head = match outgoing.timeout_class {
            TimeoutClass::Content => &self.head_deadlines.content,
            TimeoutClass::Resume => &self.head_deadlines.resume,
            TimeoutClass::Small => &self.head_deadlines.small,
        };
        match head.bound(pin!(pool.send(outgoing))).await {
            Ok(Ok(mut answer)) => {
                let decoder = encoding::decoder_for(answer.status(), answer.headers_mut());
                let unsupported =
                    |UnsupportedEncoding(encoding)| UpstreamError::Encoded { host: host(), encoding };
                if let Some(decoder) = decoder.map_err(unsupported)? {
                    answer.body_mut().decode(decoder);
                }
                Ok(answer)
            }
            Ok(Err(error)) => Err(self.describe(&error, host())),
            Err(Elapsed) => Err(UpstreamError::TimedOut { host: host(), limit: head.wait() }),
        }
    }

    /// Timeout of a small answer.
    pub(super) fn small_timeout(&self) -> Duration {
        self.head_deadlines.small.wait()
    }

    fn describe(&self, error: &RequestError, host: String) -> UpstreamError {
        match error {
            RequestError::Connect(error) | RequestError::Response(ResponseError::Proxy(error)) => {
                UpstreamError::connecting(error, host, self.timeouts.connect)
            }
            RequestError::Response(error) if error.is_malformed() => {
                UpstreamError::BadResponse { host, detail: error.to_string() }
            }
            RequestError::Response(error) => UpstreamError::Unreachable { host, detail: error.to_string() },
        }
    }
}

/// Nearness of the server that sent a response. A link-local address can only be configured; what such a server names
/// may be in its network, so it counts as private. A server known only to an HTTP proxy counts as public.
pub(super) fn nearness_of<B>(response: &Response<B>) -> Nearness {
    let peer = response.extensions().get::<PeerAddress>();
    let address = peer.and_then(|peer| peer.0);
    address.map_or(Nearness::Public, |address| nearness(address).unwrap_or(Nearness::Private))
}

impl LanePools {
    fn new(connector: &Connector, timeouts: Timeouts) -> Self {
        let pool = |http1: &http1::Builder, idle_max| {
            Pool::new(connector.clone(), http1.clone(), idle_max, timeouts)
        };
        let http1 = || {
            let mut http1 = http1::Builder::new();
            // Some reverse proxies accept only the spelling of curl and Go.
            http1.title_case_headers(true);
            http1
        };
        Self {
            small: pool(http1().max_buf_size(READ_BYTES_MAX), IDLE_CONNECTIONS_MAX),
            bulk: pool(http1().read_buf_exact_size(Some(BULK_READ_BYTES)), IDLE_BULK_CONNECTIONS_MAX),
            // The first read is small, so that most of the body is still in the socket when that is taken. If
            // the body is read after all, the reads grow.
            splice: pool(http1().max_buf_size(READ_BYTES_MAX), IDLE_SPLICE_CONNECTIONS_MAX),
            tight: pool(http1().read_buf_exact_size(Some(TIGHT_READ_BYTES)), IDLE_CONNECTIONS_MAX),
        }
    }
}
