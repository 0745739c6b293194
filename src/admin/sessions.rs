//! Browsers that were logged in with the administrator's token. They live in memory: a restart logs everybody out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, header};

use super::random::{self, NoRandomness};
use crate::model::secret::{SESSION_PREFIX, sha256};
use crate::model::time::{Span, Time};

/// A working day; then the token is asked for again.
const SESSION_HOURS: i64 = 12;
/// How many there may be; the one that ends first makes room for the next.
const SESSIONS_MAX: usize = 1_000;
/// The cookie's name.
const COOKIE: &str = "landfall_session";

/// The open sessions: the SHA-256 of each one's secret, and when it ends.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<[u8; 32], Time>>);

impl Sessions {
    /// Opens a session; what is returned is its `Set-Cookie`.
    pub(super) fn open(&self, now: Time) -> Result<String, NoRandomness> {
        let secret = random::secret(SESSION_PREFIX)?;
        let mut open = self.lock();
        open.retain(|_, end| *end > now);
        if open.len() >= SESSIONS_MAX
            && let Some(first) = open.iter().min_by_key(|(_, end)| **end).map(|(key, _)| *key)
        {
            open.remove(&first);
        }
        open.insert(secret.sha256(), now + Span::from_mins(SESSION_HOURS * 60));
        // RFC 6265bis: scripts cannot read it, and no other site's page makes a browser send it. It cannot be `Secure`,
        // because the admin listener speaks plain HTTP.
        let (secret, seconds) = (secret.expose(), SESSION_HOURS * 3600);
        Ok(format!("{COOKIE}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict"))
    }

    /// Whether a request carries the cookie of an open session.
    pub(super) fn holds(&self, headers: &HeaderMap, now: Time) -> bool {
        // The table is keyed by the hash of 190 random bits: the time of a look-up tells nothing of a secret.
        cookie(headers).is_some_and(|secret| self.lock().get(&sha256(secret)).is_some_and(|end| *end > now))
    }

    /// Ends a request's session; what is returned is the `Set-Cookie` that forgets it.
    pub(super) fn close(&self, headers: &HeaderMap) -> String {
        if let Some(secret) = cookie(headers) {
            self.lock().remove(&sha256(secret));
        }
        format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Time>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split("; ")).find_map(|pair| pair.strip_prefix(COOKIE)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sends(set_cookie: &str) -> HeaderMap {
        let pair = set_cookie.split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, format!("theme=dark; {pair}").parse().unwrap())])
    }

    #[test]
    fn a_session_holds_until_it_ends_or_is_closed() {
        let (sessions, start) = (Sessions::default(), Time::from_ms(0));
        let end = start + Span::from_mins(12 * 60);
        let cookie = sends(&sessions.open(start).unwrap());
        assert!(sessions.holds(&cookie, start));
        assert!(!sessions.holds(&cookie, end));
        assert!(!sessions.holds(&HeaderMap::new(), start));
        assert!(!sessions.holds(&sends("landfall_session=lfs_guess"), start));
        sessions.close(&cookie);
        assert!(!sessions.holds(&cookie, start));
    }

    #[test]
    fn sessions_are_bounded_and_the_oldest_goes_first() {
        let sessions = Sessions::default();
        let first = sends(&sessions.open(Time::from_ms(0)).unwrap());
        let second = sends(&sessions.open(Time::from_ms(1)).unwrap());
        for ms in 2..=1_000 {
            sessions.open(Time::from_ms(ms)).unwrap();
        }
        let now = Time::from_ms(1_000);
        assert!(!sessions.holds(&first, now) && sessions.holds(&second, now));
        assert_eq!(sessions.lock().len(), SESSIONS_MAX);
    }
}
