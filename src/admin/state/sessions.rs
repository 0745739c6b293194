//! Browsers that were logged in with an admin or viewer token. They live in memory: a restart logs everybody out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, header};

use super::holder::Holder;
use super::random::{self, NoRandomness};
use crate::model::names::TokenId;
use crate::model::secret::{SESSION_PREFIX, Secret, sha256};
use crate::model::time::{Span, Time};

/// A working day; then the token is asked for again.
const SESSION_HOURS: i64 = 12;
/// Sessions at most; the one that ends first makes room for the next.
const SESSIONS_MAX: usize = 1_000;
/// The cookie's name.
const COOKIE: &str = "landfall_session";

/// The open sessions, by the SHA-256 of each one's secret.
#[derive(Default)]
pub(in crate::admin) struct Sessions {
    open: Mutex<HashMap<[u8; 32], Session>>,
    /// Browsers send the cookie over TLS only.
    is_secure: bool,
}

struct Session {
    holder: Holder,
    end: Time,
    /// The secret that its next page shows.
    unseen: Option<Unseen>,
}

/// A new token's secret, which waits for the one page that shows it: the answer to the form that made it leads there, so
/// that a reload makes no second token.
pub(in crate::admin) struct Unseen {
    pub(in crate::admin) token: TokenId,
    pub(in crate::admin) secret: Secret,
    /// The end of the token whose place it takes.
    pub(in crate::admin) replaced_ends: Option<Time>,
}

impl Sessions {
    /// No session yet. The cookies are for TLS only where this server speaks it: behind a proxy that does, it cannot know.
    pub(in crate::admin) fn new(speaks_tls: bool) -> Self {
        Self { open: Mutex::default(), is_secure: speaks_tls }
    }

    /// Opens a session for whoever holds a token; what is returned is its `Set-Cookie`.
    pub(in crate::admin) fn open(&self, holder: Holder, now: Time) -> Result<String, NoRandomness> {
        let secret = random::secret(SESSION_PREFIX)?;
        let mut open = self.lock();
        open.retain(|_, session| session.end > now);
        if open.len() >= SESSIONS_MAX
            && let Some(first) = open.iter().min_by_key(|(_, session)| session.end).map(|(key, _)| *key)
        {
            open.remove(&first);
        }
        let end = now + Span::from_mins(SESSION_HOURS * 60);
        open.insert(secret.sha256(), Session { holder, end, unseen: None });
        // RFC 6265bis: scripts cannot read it, and no other site's page makes a browser send it.
        let (secret, seconds) = (secret.expose(), SESSION_HOURS * 3600);
        let secure = if self.is_secure { "; Secure" } else { "" };
        Ok(format!("{COOKIE}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"))
    }

    /// The holder that is logged in with a request's cookie.
    pub(in crate::admin) fn holder(&self, headers: &HeaderMap, now: Time) -> Option<Holder> {
        let secret = cookie(headers)?;
        // The table is keyed by the hash of 190 random bits: the time of a look-up tells nothing of a secret.
        let open = self.lock();
        open.get(&sha256(secret)).filter(|session| session.end > now).map(|session| session.holder.clone())
    }

    /// The proof that the forms of a request's session carry: that a form is of a page of that session. Derived from the
    /// secret, which no page has, so that it needs no keeping.
    pub(in crate::admin) fn form_proof(headers: &HeaderMap) -> Option<String> {
        let proof = sha256(&format!("form\0{}", cookie(headers)?));
        Some(URL_SAFE_NO_PAD.encode(proof))
    }

    /// Keeps a secret for the next page of a request's session; one that nobody looked at gives way.
    pub(in crate::admin) fn keep(&self, headers: &HeaderMap, unseen: Unseen) {
        let Some(secret) = cookie(headers) else { return };
        if let Some(session) = self.lock().get_mut(&sha256(secret)) {
            session.unseen = Some(unseen);
        }
    }

    /// Takes the secret of a token that waits in a request's session: a second time it is not there.
    pub(in crate::admin) fn take(&self, headers: &HeaderMap, token: &str) -> Option<Unseen> {
        let mut open = self.lock();
        let session = open.get_mut(&sha256(cookie(headers)?))?;
        session.unseen.take_if(|unseen| unseen.token.as_str() == token)
    }

    /// Ends a request's session; what is returned is the `Set-Cookie` that forgets it.
    pub(in crate::admin) fn close(&self, headers: &HeaderMap) -> String {
        if let Some(secret) = cookie(headers) {
            self.lock().remove(&sha256(secret));
        }
        format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn open(sessions: &Sessions, now: Time) -> Result<String, NoRandomness> {
        sessions.open(Holder::of_token_file(), now)
    }

    fn is_open(sessions: &Sessions, headers: &HeaderMap, now: Time) -> bool {
        sessions.holder(headers, now) == Some(Holder::of_token_file())
    }

    #[test]
    fn a_session_holds_until_it_ends_or_is_closed() {
        let (sessions, start) = (Sessions::default(), Time::from_ms(0));
        let end = start + Span::from_mins(12 * 60);
        let set = open(&sessions, start).unwrap();
        assert!(!set.contains("Secure"), "browsers would not send it over plain HTTP: {set}");
        assert!(open(&Sessions::new(true), start).unwrap().ends_with("; Secure"));
        let cookie = sends(&set);
        assert!(is_open(&sessions, &cookie, start));
        assert!(!is_open(&sessions, &cookie, end));
        assert!(!is_open(&sessions, &HeaderMap::new(), start));
        assert!(!is_open(&sessions, &sends("landfall_session=lfs_guess"), start));
        sessions.close(&cookie);
        assert!(!is_open(&sessions, &cookie, start));
    }

    #[test]
    fn a_secret_waits_for_one_page_of_its_own_session() {
        let (sessions, now) = (Sessions::default(), Time::from_ms(0));
        let [own, other] = [(); 2].map(|()| sends(&open(&sessions, now).unwrap()));
        let unseen = |token: &str| Unseen {
            token: TokenId::new(token),
            secret: random::secret(SESSION_PREFIX).unwrap(),
            replaced_ends: None,
        };
        sessions.keep(&own, unseen("tok_1"));
        assert!(sessions.take(&other, "tok_1").is_none() && sessions.take(&own, "tok_2").is_none());
        assert!(sessions.take(&own, "tok_1").is_some());
        assert!(sessions.take(&own, "tok_1").is_none(), "it is shown once");
        sessions.keep(&HeaderMap::new(), unseen("tok_1"));
        sessions.keep(&own, unseen("tok_1"));
        sessions.keep(&own, unseen("tok_2"));
        assert!(sessions.take(&own, "tok_1").is_none(), "one secret waits at most");
    }

    #[test]
    fn sessions_are_bounded_and_the_oldest_goes_first() {
        let sessions = Sessions::default();
        let first = sends(&open(&sessions, Time::from_ms(0)).unwrap());
        let second = sends(&open(&sessions, Time::from_ms(1)).unwrap());
        for ms in 2..=1_000 {
            open(&sessions, Time::from_ms(ms)).unwrap();
        }
        let now = Time::from_ms(1_000);
        assert!(!is_open(&sessions, &first, now) && is_open(&sessions, &second, now));
        assert_eq!(sessions.lock().len(), SESSIONS_MAX);
    }
}
