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
pub(super) type Issued = Result<Arc<Token>, UpstreamError>;

/// The tokens of one upstream, by repository.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<String, Fetch>>);

/// One fetch, under way or done. All who wait for it share its outcome.
#[derive(Clone)]
struct Fetch {
    issuer: Arc<Issuer>,
    outcome: Arc<OnceCell<Issued>>,
}

impl Tokens {
    /// A token from a server that was named before, renewed when its end is near.
    pub(super) async fn at_hand<F>(
        &self,
        name: &str,
        issue: impl FnOnce(Arc<Issuer>) -> F,
    ) -> Option<(Arc<Issuer>, Issued)>
    where
        F: Future<Output = Issued>,
    {
        let fetch = {
            let mut fetches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let fetch = fetches.get_mut(name)?;
            if fetch.is_over(None) {
                *fetch = Fetch::from(fetch.issuer.clone());
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
        spent: Option<&Arc<Token>>,
        issue: impl FnOnce(Arc<Issuer>) -> F,
    ) -> Issued
    where
        F: Future<Output = Issued>,
    {
        let fetch = {
            let mut fetches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match fetches.get(name) {
                Some(fetch) if *fetch.issuer == issuer && !fetch.is_over(spent) => fetch.clone(),
                _ => {
                    make_room(&mut fetches);
                    let fetch = Fetch::from(Arc::new(issuer));
                    fetches.insert(name.to_owned(), fetch.clone());
                    fetch
                }
            }
        };
        fetch.outcome(issue).await
    }
}

impl Tokens {
    /// Drops all that was issued so far, as to somebody else.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Fetch {
    /// Whether it is done and of no more use.
    fn is_over(&self, spent: Option<&Arc<Token>>) -> bool {
        match self.outcome.get() {
            None => false,
            Some(Ok(token)) => {
                token.renew_at <= Instant::now() || spent.is_some_and(|spent| Arc::ptr_eq(spent, token))
            }
            Some(Err(_)) => true,
        }
    }

    /// If who fetches goes away, the next in line fetches.
    async fn outcome<F: Future<Output = Issued>>(self, issue: impl FnOnce(Arc<Issuer>) -> F) -> Issued {
        self.outcome.get_or_init(|| issue(self.issuer)).await.clone()
    }
}

impl From<Arc<Issuer>> for Fetch {
    fn from(issuer: Arc<Issuer>) -> Self {
        Self { issuer, outcome: Arc::default() }
    }
}

/// Repositories come and go; the tokens of those that went are dropped when the table is full.
fn make_room(fetches: &mut HashMap<String, Fetch>) {
    if fetches.len() >= TOKENS_MAX {
        fetches.retain(|_, fetch| !fetch.is_over(None));
    }
    if fetches.len() >= TOKENS_MAX {
        fetches.clear();
    }
}
