//! Bounds on time, memory and repetition in requests to upstreams.

use std::time::Duration;

use crate::config;

/// Longest wait for a connection: name resolution, TCP and TLS, over all addresses of a host.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the head of a manifest or blob, including a new connection. Registries that fetch first
/// (pull-through caches, virus scanners) are silent until they have the content, for minutes if it is large.
/// dockerd and skopeo wait without a limit; containerd cancels a pull after five minutes without progress
/// (`image_pull_progress_timeout`), and since 2.3 waits 30 s for each head.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// Longest wait for the head of a small answer: lists, tokens.
pub const SMALL_HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time in which a peer's kernel may acknowledge nothing before its connection counts as dead. Its
/// request is then sent again on a new connection.
pub(super) const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);
/// Silence after which TCP keep-alive probes start.
pub(super) const PROBE_AFTER: Duration = Duration::from_secs(15);
/// Pause between two keep-alive probes.
pub(super) const PROBE_PAUSE: Duration = Duration::from_secs(5);
/// Longest silence in a body before the transfer counts as broken.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// First pause before a broken transfer is resumed; it doubles with each fruitless try.
pub const RESUME_PAUSE: Duration = Duration::from_millis(100);
/// Consecutive fruitless tries to resume a transfer.
pub const RESUME_TRIES_MAX: u32 = 3;
/// Resumptions of one transfer in all.
pub const RESUMES_MAX: u32 = 256;
/// Redirects followed for one request.
pub const REDIRECTS_MAX: usize = 5;

/// Most bytes read of an unwanted body to make its connection reusable.
pub(super) const DRAINED_BYTES_MAX: u64 = 64 << 10;

/// Longest idle time of a reusable connection. Below the 60 s of common load balancers.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause between two sweeps of idle connections; the longest time that a closed one stays in the pool.
pub(super) const SWEEP_PAUSE: Duration = Duration::from_secs(5);
/// Time without connection reuse after an origin has sent unsolicited bytes.
pub const DISTRUSTED_FOR: Duration = Duration::from_secs(600);
/// Idle connections of a pool for small answers.
pub(super) const IDLE_CONNECTIONS_MAX: usize = 256;
/// Idle connections of a pool for blobs; each may hold a read buffer of [`BULK_READ_BYTES`].
pub(super) const IDLE_BULK_CONNECTIONS_MAX: usize = 16;
/// Idle connections of a pool for spliced blobs.
pub(super) const IDLE_SPLICE_CONNECTIONS_MAX: usize = 64;
/// Read size for blobs. Below about 1 MiB, wake-ups dominate the cost.
pub(super) const BULK_READ_BYTES: usize = 1 << 20;
/// Read size for blobs when many are in flight; also bounds their heads.
pub(super) const TIGHT_READ_BYTES: usize = 32 << 10;
/// Largest read of anything else.
pub(super) const READ_BYTES_MAX: usize = 128 << 10;
/// Most bytes before a response head is complete, including all 1xx responses.
pub(super) const HEAD_BYTES_MAX: usize = 128 << 10;
/// Read size for heads; a read may include the start of a body.
pub(super) const HEAD_READ_BYTES: usize = 16 << 10;

/// Largest answer of a token server.
pub(super) const TOKEN_ANSWER_BYTES_MAX: usize = 64 << 10;
/// Bearer tokens kept for each upstream, one a repository.
pub(super) const TOKENS_MAX: usize = 4096;
/// Lifetime of a token whose server states none (Docker's token specification).
pub(super) const TOKEN_LIFE_DEFAULT: Duration = Duration::from_secs(60);
/// Longest token lifetime that is believed.
pub(super) const TOKEN_LIFE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Time before a token's expiry at which it is renewed; at most a quarter of its lifetime.
pub(super) const TOKEN_RENEWAL_MARGIN: Duration = Duration::from_secs(15);
/// Scopes in one token request: the repository's own and those of the challenge.
pub(super) const SCOPES_MAX: usize = 4;
/// Longest run of a credential helper, which may call a cloud API that retries.
pub(super) const HELPER_TIMEOUT: Duration = Duration::from_secs(20);
/// Most bytes read of a helper's output.
pub(super) const HELPER_ANSWER_BYTES_MAX: u64 = 64 << 10;
/// Age after which a helper is asked again. Helpers have caches of their own.
pub(super) const HELPER_AGE_MAX: Duration = Duration::from_secs(15 * 60);
/// Pause after a helper returned nothing new.
pub(super) const HELPER_PAUSE: Duration = Duration::from_secs(5);
/// Most bytes read of a password file. Service account keys in JSON have some 2 KiB.
pub(super) const PASSWORD_BYTES_MAX: u64 = 64 << 10;
/// Longest check of a registry, its token server and credential helper included.
pub(super) const CHECK_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause between two checks of a healthy registry.
pub(super) const CHECK_PAUSE: Duration = Duration::from_secs(60);
/// Pause between two checks of a failing registry.
pub(super) const CHECK_PAUSE_FAILING: Duration = Duration::from_secs(10);
/// Shortest pause between two checks, however many requests fail.
pub(super) const CHECK_PAUSE_MIN: Duration = Duration::from_secs(5);
/// Pause between two reads of a password file.
pub(super) const CREDENTIALS_PAUSE: Duration = Duration::from_secs(10);
/// Challenges parsed from one response.
pub(super) const CHALLENGES_MAX: usize = 16;

/// Timeouts that tests and settings change.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// See [`CONNECT_TIMEOUT`].
    pub connect: Duration,
    /// See [`HEAD_TIMEOUT`]; also bounds the wait for small answers.
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
    /// Applies an upstream's own timeouts.
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

/// Class of the timeout for the answer's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeoutClass {
    /// A manifest or blob, which the registry may have to fetch first.
    Content,
    /// The rest of a blob that has begun to arrive; the wait is a stall like any other.
    Resume,
    /// A small answer that needs no fetch.
    Small,
}
