//! A bearer token, as a token server issued it (distribution spec's and Docker's token authentication).

use std::sync::Arc;

use http::HeaderValue;
use tokio::time::Instant;

use super::error::UpstreamError;

/// A token for pulling one repository.
pub(super) struct Token {
    pub(super) header: HeaderValue,
    renew_at: Instant,
}

impl Token {
    pub(super) fn new(header: HeaderValue, renew_at: Instant) -> Arc<Self> {
        Arc::new(Self { header, renew_at })
    }

    /// Tells whether it is time for a new one.
    pub(super) fn is_due(&self) -> bool {
        self.renew_at <= Instant::now()
    }
}

/// Outcome of a token request.
pub(super) type TokenResult = Result<Arc<Token>, UpstreamError>;
