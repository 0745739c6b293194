//! The known facts of the login to a registry: the credentials, its last challenge, and the tokens.

use std::sync::atomic::AtomicBool;

use super::credentials::Credentials;
use super::token_cache::TokenCache;

/// Credentials that a request carried, stored in its response's extensions. A 401 or 403 to a bearer token
/// concerns the repository; any other concerns Landfall's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentCredentials {
    /// No credentials.
    None,
    /// The configured user and password.
    Basic,
    /// A token that the registry's token server issued for this repository.
    Bearer,
}

/// Login state of one upstream.
pub(super) struct Login {
    pub(super) credentials: Credentials,
    /// The registry has demanded Basic.
    pub(super) wants_basic: AtomicBool,
    pub(super) tokens: TokenCache,
    /// Tokens for hosts that the registry redirects to.
    pub(super) foreign_tokens: TokenCache,
}

impl Login {
    pub(super) fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            wants_basic: AtomicBool::new(false),
            tokens: TokenCache::default(),
            foreign_tokens: TokenCache::default(),
        }
    }
}
