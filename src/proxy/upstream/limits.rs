//! Every bound on what an upstream may take or give.

use std::time::Duration;

use crate::config;

/// Longest wait for a connection: name resolution, TCP and TLS together, over all addresses of a host.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the head of a manifest or blob, a new connection included. Registries that fetch first (pull-through
/// caches, virus scanners) say nothing until they have it, for minutes where it is large. dockerd and skopeo wait without
/// end; containerd gives a pull up after five minutes without progress (`image_pull_progress_timeout`), and since 2.3
/// it waits 30 s for each head.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// The same for everything that is small and at hand: lists, tokens.
pub const SMALL_HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a kernel on the other side may acknowledge nothing before its connection counts as dead. A request that went
/// there is sent again on a new one.
pub(super) const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);
/// Silence on a connection after which that kernel is asked whether it is still there.
pub(super) const PROBE_AFTER: Duration = Duration::from_secs(15);
/// Pause between two such questions.
pub(super) const PROBE_PAUSE: Duration = Duration::from_secs(5);
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
/// How long connections to a place that sent more than it was asked for take one request each.
pub const DISTRUSTED_FOR: Duration = Duration::from_secs(600);
/// Idle connections that a pool keeps, for everything but blobs.
pub(super) const IDLE_CONNECTIONS_MAX: usize = 256;
/// Idle connections that a pool keeps for blobs; each may hold a read buffer of [`BULK_READ_BYTES`].
pub(super) const IDLE_BULK_CONNECTIONS_MAX: usize = 16;
/// Idle connections that a pool keeps for blobs whose socket is taken.
pub(super) const IDLE_SPLICE_CONNECTIONS_MAX: usize = 64;
/// One read of a blob. Below about 1 MiB the cost of waking up dominates.
pub(super) const BULK_READ_BYTES: usize = 1 << 20;
/// The same when many blobs are under way at once, in bytes. A head there is no longer than that, either.
pub(super) const TIGHT_READ_BYTES: usize = 32 << 10;
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
/// Scopes asked for at once: a repository's own, and what a challenge says beside it.
pub(super) const SCOPES_MAX: usize = 4;
/// How long a credential helper may take: it may ask its cloud, which may ask again itself.
pub(super) const HELPER_TIMEOUT: Duration = Duration::from_secs(20);
/// Most that is read of what a helper prints.
pub(super) const HELPER_ANSWER_BYTES_MAX: u64 = 64 << 10;
/// How long a helper's answer is good unless it is refused before. Helpers keep what they got themselves.
pub(super) const HELPER_AGE_MAX: Duration = Duration::from_secs(15 * 60);
/// Pause after a helper had nothing new to say.
pub(super) const HELPER_PAUSE: Duration = Duration::from_secs(5);
/// Most that is read of a password file. Service accounts' keys as JSON have some 2 KiB.
pub(super) const PASSWORD_BYTES_MAX: u64 = 64 << 10;
/// Pause between two looks at a registry that answers.
pub(super) const CHECK_PAUSE: Duration = Duration::from_secs(60);
/// The same at one that does not.
pub(super) const CHECK_PAUSE_FAILING: Duration = Duration::from_secs(10);
/// Shortest such pause, however many requests have no answer.
pub(super) const CHECK_PAUSE_MIN: Duration = Duration::from_secs(5);
/// Pause between two looks at a password file.
pub(super) const CREDENTIALS_PAUSE: Duration = Duration::from_secs(10);
/// Challenges read from one response.
pub(super) const CHALLENGES_MAX: usize = 16;

/// The waits that differ between production and a test.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// See [`CONNECT_TIMEOUT`].
    pub connect: Duration,
    /// See [`HEAD_TIMEOUT`]; what is small waits no longer than that, either.
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

impl Timeouts {
    /// As an upstream's settings change them.
    pub(super) fn with_overrides(self, setting: &config::UpstreamConfig) -> Self {
        Self {
            head: setting.head_timeout.unwrap_or(self.head),
            stall: setting.stall_timeout.unwrap_or(self.stall),
            ..self
        }
    }
}

impl Default for Timeouts {
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
