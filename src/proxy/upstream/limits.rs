//! Every bound on what an upstream may take or give.

use std::time::Duration;

/// Longest wait for a connection: name resolution, TCP and TLS together, over all addresses of a host.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the head of a response, a new connection included.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time without a byte of a body before the transfer counts as broken.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// First pause before a broken transfer is resumed; it doubles with each try that brings nothing.
pub const RESUME_PAUSE: Duration = Duration::from_millis(100);
/// Tries in a row to resume a transfer that bring no byte.
pub const RESUME_TRIES_MAX: u32 = 3;
/// Times that one transfer is resumed, however far each of them gets.
pub const RESUMES_MAX: u32 = 256;
/// Redirects followed for one request.
pub const REDIRECTS_MAX: usize = 5;

/// Most that is read of a body that nobody cares for, in bytes, so that its connection can go on.
pub(super) const DRAINED_BYTES_MAX: u64 = 64 << 10;

/// How long a connection without a request is good for another. Below the 60 s that load balancers commonly allow.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause between two looks at the idle connections: how long one that is over may stay open.
pub(super) const SWEEP_PAUSE: Duration = Duration::from_secs(5);
/// How long the other side may leave unacknowledged that something was sent, in milliseconds, before the connection counts as
/// lost. A second attempt must fit into [`HEAD_TIMEOUT`].
#[cfg(target_os = "linux")]
pub(super) const UNACKNOWLEDGED_MS_MAX: u32 = 10_000;
/// How long connections to a place that sent more than it was asked for take one request each.
pub const DISTRUSTED_FOR: Duration = Duration::from_secs(600);
/// Idle connections that a pool keeps, for everything but blobs.
pub(super) const IDLE_CONNECTIONS_MAX: usize = 256;
/// Idle connections that a pool keeps for blobs; each may hold a read buffer of [`BULK_READ_BYTES`].
pub(super) const IDLE_BULK_CONNECTIONS_MAX: usize = 16;
/// Idle connections that a pool keeps for blobs whose socket is taken.
pub(super) const IDLE_BARE_CONNECTIONS_MAX: usize = 64;
/// One read of a blob. Below about 1 MiB the cost of waking up dominates.
pub(super) const BULK_READ_BYTES: usize = 1 << 20;
/// One read of anything else.
pub(super) const READ_BYTES_MAX: usize = 128 << 10;
/// Most that comes before the head of a response is whole: the head, and all 1xx before it.
pub(super) const HEAD_BYTES_MAX: usize = 128 << 10;
/// One read of a head, which may bring the beginning of a body.
pub(super) const HEAD_READ_BYTES: usize = 16 << 10;

/// Largest answer of a token server.
pub(super) const TOKEN_ANSWER_BYTES_MAX: usize = 64 << 10;
/// Bearer tokens kept for each upstream, one a repository.
pub(super) const TOKENS_MAX: usize = 4096;
/// A token's life where its server does not state one (Docker's token specification).
pub(super) const TOKEN_LIFE_DEFAULT: Duration = Duration::from_secs(60);
/// The longest life that a token server is believed.
pub(super) const TOKEN_LIFE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How long before its end a token is renewed; a quarter of its life if that is less.
pub(super) const TOKEN_RENEWAL_MARGIN: Duration = Duration::from_secs(15);
/// Challenges read from one response.
pub(super) const CHALLENGES_MAX: usize = 16;

/// The waits that differ between production and a test.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// See [`CONNECT_TIMEOUT`].
    pub connect: Duration,
    /// See [`HEAD_TIMEOUT`].
    pub head: Duration,
    /// See [`STALL_TIMEOUT`].
    pub stall: Duration,
    /// See [`RESUME_PAUSE`].
    pub resume_pause: Duration,
    /// See [`IDLE_TIMEOUT`].
    pub idle: Duration,
    /// See [`DISTRUSTED_FOR`].
    pub distrust: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: CONNECT_TIMEOUT,
            head: HEAD_TIMEOUT,
            stall: STALL_TIMEOUT,
            resume_pause: RESUME_PAUSE,
            idle: IDLE_TIMEOUT,
            distrust: DISTRUSTED_FOR,
        }
    }
}
