//! Admission to the control plane: by the token of the token file, an admin or viewer token, or the cookie of a browser
//! that was logged in with one of them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, header};

use super::caller::{Caller, Connection, Reporter, through};
use super::problem::Problem;
use crate::admin::state::holder::Holder;
use crate::admin::state::limits::Limits;
use crate::admin::state::sessions::Sessions;
use crate::admin::state::{Settings, bundle};
use crate::clock::now;
use crate::log::Log;
use crate::model::act::{Role, Through, Who};
use crate::model::names::TokenKind;
use crate::model::secret::sha256;
use crate::model::time::Time;

/// The end of the paths on which witnesses report.
const REPORTING: &str = "/sightings";

/// The path on which releases are registered.
const PUBLISHING: &str = "/api/v1/releases";

/// The tokens and sessions that are accepted, and the patience with those that are not.
#[derive(Clone)]
pub(in crate::admin) struct Access {
    settings: Arc<Settings>,
    log: Log,
    sessions: Arc<Sessions>,
    limits: Arc<Limits>,
}

bundle!(Access { settings, log, sessions, limits });

impl Access {
    /// The holder of this token, if it is accepted.
    fn holder(&self, token: &str, now: Time) -> Option<Holder> {
        if self.settings.admin_token.is(token) {
            return Some(Holder::of_token_file());
        }
        let view = self.log.view();
        let token = view.directory.admins().authenticate(&sha256(token), now).ok()?;
        let who = Who::AdminToken { id: token.id.clone(), name: token.name.clone() };
        Some(Holder { who, role: token.role })
    }

    /// The holder of the token that the address `from` shows. A right token is found first, even where others are wrong: a
    /// look-up costs one hash, and a token is too long to be guessed.
    ///
    /// # Errors
    /// The token is not accepted: 401, or 429 where the address was wrong too often.
    pub(in crate::admin) fn admit(&self, from: IpAddr, token: &str) -> Result<Holder, Problem> {
        self.holder(token.trim(), now()).ok_or_else(|| self.refuse(from))
    }

    /// The answer to a request without a good token.
    fn refuse(&self, from: IpAddr) -> Problem {
        self.limits.failed(from, Instant::now()).err().map_or_else(Problem::unauthorized, Problem::too_many)
    }

    /// The holder of the token that this request's cookie was opened with. A session ends with that token.
    pub(in crate::admin) fn logged_in(&self, headers: &HeaderMap, now: Time) -> Option<Holder> {
        let session = self.sessions.session(headers, now)?;
        let view = self.log.view();
        if view.directory.is_used(&session.id) {
            return None;
        }
        let holder = session.holder();
        match &holder.who {
            Who::AdminToken { id, .. } => {
                let token = view.directory.admins().token(id);
                token.is_some_and(|token| token.is_active(now)).then_some(holder)
            }
            Who::TokenFile | Who::Unknown => Some(holder),
            Who::Webhook { .. } => None,
        }
    }

    /// Says whether a request's token or session is accepted now, be it to report alone.
    pub(in crate::admin) fn is_known(&self, headers: &HeaderMap, now: Time) -> bool {
        let by_token = bearer(headers).and_then(|token| self.holder(token, now));
        by_token.or_else(|| self.logged_in(headers, now)).is_some() || self.agent(headers, now).is_some()
    }

    /// The witness whose token this request shows, where it reports.
    fn reporter(&self, request: &Request) -> Option<Reporter> {
        if !is_reporting(request) {
            return None;
        }
        self.agent(request.headers(), now())
    }

    /// The witness whose token these headers show.
    fn agent(&self, headers: &HeaderMap, now: Time) -> Option<Reporter> {
        let view = self.log.view();
        let (environment, token) = view.directory.authenticate(&sha256(bearer(headers)?.trim()), now).ok()?;
        let (environment, id) = (environment.name.clone(), token.id.clone());
        (token.kind == TokenKind::Agent).then_some(Reporter { environment, token: id })
    }

    fn caller(&self, request: &Request) -> Result<Caller, Problem> {
        let (headers, extensions) = (request.headers(), request.extensions());
        let from = Connection::of(extensions).peer;
        let (holder, through) = match bearer(headers) {
            Some(token) => (self.admit(from, token)?, through(headers)),
            None => (self.logged_in(headers, now()).ok_or_else(|| self.refuse(from))?, Through::Dashboard),
        };
        // A browser adds its cookie to whatever a page asks for, but it also names the page's origin on every change.
        let unnamed = through == Through::Dashboard && !headers.contains_key(header::ORIGIN);
        if is_change(request.method()) && (unnamed || has_foreign_origin(headers)) {
            return Err(Problem::foreign_origin());
        }
        Ok(Caller::new(holder, through, extensions))
    }
}

/// RFC 6750 section 2.1.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(token)
}

/// Lets a request through that shows a token or comes from a page that was logged in with one, and that, if it changes
/// something, comes from no other site. Puts the [`Caller`] into it.
pub(in crate::admin) async fn guard(
    State(access): State<Access>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(reporter) = access.reporter(&request) {
        Connection::of(request.extensions()).trust();
        request.extensions_mut().insert(reporter);
        return next.run(request).await;
    }
    match access.caller(&request) {
        Ok(caller) if caller.role == Role::Publisher && !is_publishing(&request) => {
            Problem::publisher().into_response()
        }
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// The one request that a witness may send.
fn is_reporting(request: &Request) -> bool {
    *request.method() == Method::POST && request.uri().path().ends_with(REPORTING)
}

/// The one request that a publisher may send. It is asked for here, so that no handler can forget it.
fn is_publishing(request: &Request) -> bool {
    *request.method() == Method::POST && request.uri().path() == PUBLISHING
}

fn is_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// RFC 6454: browsers name the page's origin on every change; other clients send none.
pub(in crate::admin) fn has_foreign_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let own = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    origin.is_none() || origin != own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_foreign_unless_it_is_the_host_itself() {
        let headers = |origin: &str| {
            HeaderMap::from_iter([
                (header::HOST, "127.0.0.1:8081".parse().unwrap()),
                (header::ORIGIN, origin.parse().unwrap()),
            ])
        };
        assert!(!has_foreign_origin(&headers("http://127.0.0.1:8081")));
        for foreign in
            ["null", "http://evil.example", "http://127.0.0.1:8082", "http://127.0.0.1:8081.evil.example"]
        {
            assert!(has_foreign_origin(&headers(foreign)), "{foreign}");
        }
        assert!(!has_foreign_origin(&HeaderMap::new()));
    }
}
