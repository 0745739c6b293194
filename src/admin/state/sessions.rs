//! Browsers that were logged in with an admin or viewer token. Each carries its session sealed, so that a restart logs
//! nobody out and every server with the same token file knows it. Only those that were logged out are written down.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};

use super::holder::Holder;
use super::random::{self, NoRandomness};
use super::seal::Seal;
use super::token_file::AdminToken;
use crate::model::act::{Role, TicketId, Who};
use crate::model::names::TokenId;
use crate::model::secret::{SESSION_PREFIX, Secret, sha256};
use crate::model::time::{Span, Time};

/// A working day; then the token is asked for again.
const SESSION_HOURS: i64 = 12;
/// A new secret waits so long for the page that shows it.
const UNSEEN_SECONDS: i64 = 300;
/// Names of the cookies: the session, and a secret that its next page shows.
const SESSION: &str = "landfall_session";
const UNSEEN: &str = "landfall_unseen";

/// The seals of sessions.
pub(in crate::admin) struct Sessions {
    session: Seal,
    unseen: Seal,
    /// Browsers send the cookies over TLS only.
    is_secure: bool,
}

/// An open session.
#[derive(Serialize, Deserialize)]
pub(in crate::admin) struct Session {
    /// Its identifier, by which it is ended.
    pub(in crate::admin) id: TicketId,
    who: Who,
    role: Role,
    pub(in crate::admin) end: Time,
}

/// A new token's secret, which waits for the one page that shows it: the answer to the form that made it leads there, so
/// that a reload makes no second token.
#[derive(Serialize, Deserialize)]
pub(in crate::admin) struct Unseen {
    pub(in crate::admin) token: TokenId,
    secret: String,
    /// The end of the token whose place it takes.
    pub(in crate::admin) replaced_ends: Option<Time>,
    end: Time,
}

impl Session {
    /// The holder of the token that opened it.
    pub(in crate::admin) fn holder(self) -> Holder {
        Holder { who: self.who, role: self.role }
    }
}

impl Unseen {
    /// The secret of `token`, which was made at `now`.
    pub(in crate::admin) fn new(
        token: TokenId,
        secret: &Secret,
        replaced_ends: Option<Time>,
        now: Time,
    ) -> Self {
        let end = now + Span::from_secs(UNSEEN_SECONDS);
        Self { token, secret: secret.expose().to_owned(), replaced_ends, end }
    }

    /// The secret.
    pub(in crate::admin) fn into_secret(self) -> Secret {
        Secret::exposed(self.secret)
    }
}

impl Sessions {
    /// The seals of every server that has this token. The cookies are for TLS only where this server speaks it: behind a
    /// proxy that does, it cannot know.
    pub(in crate::admin) fn new(token: &AdminToken, speaks_tls: bool) -> Self {
        let seal = |purpose| Seal::new(&token.key(purpose));
        Self { session: seal("session"), unseen: seal("unseen secret"), is_secure: speaks_tls }
    }

    /// Opens a session for the holder of a token, and returns its `Set-Cookie`.
    pub(in crate::admin) fn open(&self, holder: Holder, now: Time) -> Result<String, NoRandomness> {
        let end = now + Span::from_mins(SESSION_HOURS * 60);
        let session = Session { id: random::bytes()?, who: holder.who, role: holder.role, end };
        let sealed = self.session.close(&session, &[])?;
        Ok(self.set(SESSION, &format!("{SESSION_PREFIX}{sealed}"), SESSION_HOURS * 3600))
    }

    /// The session of a request's cookie, if it has not ended by itself. The log says whether it was ended.
    pub(in crate::admin) fn session(&self, headers: &HeaderMap, now: Time) -> Option<Session> {
        let sealed = cookie(headers, SESSION)?.strip_prefix(SESSION_PREFIX)?;
        self.session.open(sealed, &[]).filter(|session: &Session| session.end > now)
    }

    /// The proof that the forms of a request's session carry: that a form is of a page of that session. Derived from the
    /// cookie, which no page has, so that it needs no keeping.
    pub(in crate::admin) fn form_proof(headers: &HeaderMap) -> Option<String> {
        let proof = sha256(&format!("form\0{}", cookie(headers, SESSION)?));
        Some(URL_SAFE_NO_PAD.encode(proof))
    }

    /// Has the browser keep a secret for the next page of this session; what is returned is the `Set-Cookie`. A secret
    /// that nobody looked at gives way.
    pub(in crate::admin) fn keep(&self, session: &Session, unseen: &Unseen) -> Result<String, NoRandomness> {
        Ok(self.set(UNSEEN, &self.unseen.close(unseen, &session.id)?, UNSEEN_SECONDS))
    }

    /// The secret of a token that waits in a request's session, and the `Set-Cookie` that forgets it: a second time it is
    /// not there.
    pub(in crate::admin) fn take(
        &self,
        headers: &HeaderMap,
        token: &str,
        now: Time,
    ) -> Option<(Unseen, String)> {
        let session = self.session(headers, now)?;
        let unseen: Unseen = self.unseen.open(cookie(headers, UNSEEN)?, &session.id)?;
        (unseen.token.as_str() == token && unseen.end > now).then(|| (unseen, self.set(UNSEEN, "", 0)))
    }

    /// The `Set-Cookie` that forgets a session.
    pub(in crate::admin) fn forget(&self) -> String {
        self.set(SESSION, "", 0)
    }

    /// RFC 6265bis: scripts cannot read it, and no other site's page makes a browser send it.
    fn set(&self, name: &str, value: &str, seconds: i64) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split("; ")).find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(token: &str) -> Sessions {
        Sessions::new(&AdminToken::of(token), false)
    }

    fn sends(set_cookies: &[&str]) -> HeaderMap {
        let pairs: Vec<&str> = set_cookies.iter().map(|set| set.split(';').next().unwrap()).collect();
        let value = format!("theme=dark; {}", pairs.join("; "));
        HeaderMap::from_iter([(header::COOKIE, value.parse().unwrap())])
    }

    fn is_open(sessions: &Sessions, headers: &HeaderMap, now: Time) -> bool {
        sessions.session(headers, now).map(Session::holder) == Some(Holder::of_token_file())
    }

    #[test]
    fn a_session_holds_until_it_ends_at_every_server_of_the_token_file() {
        let (one, start) = (sessions("correct horse battery"), Time::from_ms(0));
        let end = start + Span::from_mins(12 * 60);
        let set = one.open(Holder::of_token_file(), start).unwrap();
        assert!(!set.contains("Secure"), "browsers would not send it over plain HTTP: {set}");
        let over_tls = Sessions::new(&AdminToken::of("correct horse battery"), true);
        assert!(over_tls.open(Holder::of_token_file(), start).unwrap().ends_with("; Secure"));
        let cookie = sends(&[&set]);
        for server in [&one, &over_tls, &sessions("correct horse battery")] {
            assert!(is_open(server, &cookie, start));
            assert!(!is_open(server, &cookie, end));
            assert!(!is_open(server, &HeaderMap::new(), start));
            assert!(!is_open(server, &sends(&["landfall_session=lfs_guess"]), start));
            assert!(!is_open(server, &sends(&[&one.forget()]), start));
        }
        assert!(!is_open(&sessions("another horse battery"), &cookie, start));
    }

    #[test]
    fn a_secret_waits_for_one_page_of_its_own_session() {
        let (sessions, now) = (sessions("correct horse battery"), Time::from_ms(0));
        let [own, other] = [(); 2].map(|()| sessions.open(Holder::of_token_file(), now).unwrap());
        let session = sessions.session(&sends(&[&own]), now).unwrap();
        let secret = random::secret(SESSION_PREFIX).unwrap();
        let unseen = Unseen::new(TokenId::new("tok_1"), &secret, None, now);
        let kept = sessions.keep(&session, &unseen).unwrap();
        assert!(!kept.contains(secret.expose()), "nobody on the way can read it");
        let take = |session: &str, token: &str, at| sessions.take(&sends(&[session, &kept]), token, at);
        assert!(take(&other, "tok_1", now).is_none() && take(&own, "tok_2", now).is_none());
        assert!(take(&own, "tok_1", now + Span::from_secs(UNSEEN_SECONDS)).is_none());
        let (shown, forget) = take(&own, "tok_1", now).unwrap();
        assert_eq!(shown.into_secret().expose(), secret.expose());
        assert!(sessions.take(&sends(&[&own, &forget]), "tok_1", now).is_none(), "it is shown once");
    }
}
