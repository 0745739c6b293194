//! Cache of bearer tokens (distribution spec's and Docker's token authentication). Concurrent requests share
//! one fetch, and tokens are kept until shortly before they expire.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::issuer::Issuer;
use super::limits::TOKENS_MAX;
use super::token::{Token, TokenResult};

/// Tokens of one upstream, by repository.
#[derive(Default)]
pub(super) struct TokenCache(Mutex<HashMap<String, TokenFetch>>);

/// One fetch, running or done; all waiters share its outcome.
#[derive(Clone)]
struct TokenFetch {
    issuer: Arc<Issuer>,
    outcome: Arc<OnceCell<TokenResult>>,
}

impl TokenCache {
    /// Returns a token from the repository's last token server; fetches a new one if it expires soon.
    pub(super) async fn cached<F>(
        &self,
        name: &str,
        issue: impl FnOnce(Arc<Issuer>) -> F,
    ) -> Option<(Arc<Issuer>, TokenResult)>
    where
        F: Future<Output = TokenResult>,
    {
        let fetch = {
            let mut fetches = self.0.lock();
            let fetch = fetches.get_mut(name)?;
            if fetch.is_stale(None) {
                *fetch = TokenFetch::from(fetch.issuer.clone());
            }
            fetch.clone()
        };
        Some((fetch.issuer.clone(), fetch.outcome(issue).await))
    }

    /// Returns a token from `issuer` other than `rejected`, which the registry has refused.
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
            let mut fetches = self.0.lock();
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
    /// Forgets all tokens after a change of credentials.
    pub(super) fn forget(&self) {
        self.0.lock().clear();
    }
}

impl TokenFetch {
    /// Tells whether the fetch is done and its outcome no longer useful.
    fn is_stale(&self, rejected: Option<&Arc<Token>>) -> bool {
        match self.outcome.get() {
            None => false,
            Some(Ok(token)) => {
                token.is_due() || rejected.is_some_and(|rejected| Arc::ptr_eq(rejected, token))
            }
            Some(Err(_)) => true,
        }
    }

    /// If the fetching request is dropped, the next waiter fetches.
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

/// Removes stale fetches when the table is full, and all of them if that is not enough.
fn make_room(fetches: &mut HashMap<String, TokenFetch>) {
    if fetches.len() >= TOKENS_MAX {
        fetches.retain(|_, fetch| !fetch.is_stale(None));
    }
    if fetches.len() >= TOKENS_MAX {
        fetches.clear();
    }
}
