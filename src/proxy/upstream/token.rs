//! Bearer tokens for repositories (distribution spec's and Docker's token authentication): one fetch for many
//! waiters, kept until shortly before their end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderValue;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::UpstreamError;
use super::issuer::Issuer;
use super::limits::TOKENS_MAX;

/// A token for pulls from one repository.
pub(super) struct Token {
    pub(super) header: HeaderValue,
    renew_at: Instant,
}

impl Token {
    pub(super) fn new(header: HeaderValue, renew_at: Instant) -> Arc<Self> {
        Arc::new(Self { header, renew_at })
    }
}

/// What came of asking for a token.
pub(super) type TokenResult = Result<Arc<Token>, UpstreamError>;

/// The tokens of one upstream, by repository.
#[derive(Default)]
pub(super) struct TokenCache(Mutex<HashMap<String, TokenFetch>>);

/// One fetch, under way or done. All who wait for it share its outcome.
#[derive(Clone)]
struct TokenFetch {
    issuer: Arc<Issuer>,
    outcome: Arc<OnceCell<TokenResult>>,
}

impl TokenCache {
    /// A token from a server that was named before, renewed when its end is near.
    pub(super) async fn cached<F>(
        &self,
        name: &str,
        issue: impl FnOnce(Arc<Issuer>) -> F,
    ) -> Option<(Arc<Issuer>, TokenResult)>
    where
        F: Future<Output = TokenResult>,
    {
        let fetch = {
            let mut fetches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let fetch = fetches.get_mut(name)?;
            if fetch.is_stale(None) {
                *fetch = TokenFetch::from(fetch.issuer.clone());
            }
            fetch.clone()
        };
        Some((fetch.issuer.clone(), fetch.outcome(issue).await))
    }

    /// A token from `issuer`, and another one than `spent`, which the registry has refused.
    pub(super) async fn fresh<F>(
        &self,
        name: &str,
        issuer: Issuer,
        rejected: Option<&Arc<Token>>,
        issue: impl FnOnce(Arc<Issuer>) -> F,
    ) -> TokenResult
    where
        F: Future<Output = TokenResult>,
    {
        let fetch = {
            let mut fetches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match fetches.get(name) {
                Some(fetch) if *fetch.issuer == issuer && !fetch.is_stale(rejected) => fetch.clone(),
                _ => {
                    make_room(&mut fetches);
                    let fetch = TokenFetch::from(Arc::new(issuer));
                    fetches.insert(name.to_owned(), fetch.clone());
                    fetch
                }
            }
        };
        fetch.outcome(issue).await
    }
}

impl TokenCache {
    /// Drops all that was issued so far, as to somebody else.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl TokenFetch {
    /// Whether it is done and of no more use.
    fn is_stale(&self, rejected: Option<&Arc<Token>>) -> bool {
        match self.outcome.get() {
            None => false,
            Some(Ok(token)) => {
                token.renew_at <= Instant::now()
                    || rejected.is_some_and(|rejected| Arc::ptr_eq(rejected, token))
            }
            Some(Err(_)) => true,
        }
    }

    /// If who fetches goes away, the next in line fetches.
    async fn outcome<F: Future<Output = TokenResult>>(
        self,
        issue: impl FnOnce(Arc<Issuer>) -> F,
    ) -> TokenResult {
        self.outcome.get_or_init(|| issue(self.issuer)).await.clone()
    }
}

impl From<Arc<Issuer>> for TokenFetch {
    fn from(issuer: Arc<Issuer>) -> Self {
        Self { issuer, outcome: Arc::default() }
    }
}

/// Repositories come and go; the tokens of those that went are dropped when the table is full.
fn make_room(fetches: &mut HashMap<String, TokenFetch>) {
    if fetches.len() >= TOKENS_MAX {
        fetches.retain(|_, fetch| !fetch.is_stale(None));
    }
    if fetches.len() >= TOKENS_MAX {
        fetches.clear();
    }
}
