//! Who may use the control plane: whoever shows the token of the token file, an admin or viewer token, or the cookie
//! of a browser that was logged in with one of them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, header};

use super::caller::{Caller, Connection, Holder, through};
use super::problem::Problem;
use crate::admin::App;
use crate::clock::now;
use crate::model::act::{Through, Who};
use crate::model::secret::sha256;
use crate::model::time::Time;

/// Whose token this is, if it is accepted.
fn holder(app: &App, token: &str, now: Time) -> Option<Holder> {
    if app.settings.admin_token.is(token) {
        return Some(Holder::of_token_file());
    }
    let view = app.log.view();
    let token = view.directory.admins().authenticate(&sha256(token), now).ok()?;
    Some(Holder { who: Who::AdminToken { id: token.id.clone(), name: token.name.clone() }, role: token.role })
}

/// Whose token the address `from` shows, if it is accepted. A right token is found first, whoever else is wrong there: a
/// look-up costs one hash, and a token is too long to be guessed. Only those who are wrong may have to wait.
pub(in crate::admin) fn admit(app: &App, from: IpAddr, token: &str) -> Result<Holder, Problem> {
    holder(app, token.trim(), now()).ok_or_else(|| refuse(app, from))
}

/// The answer to a request without a good token.
fn refuse(app: &App, from: IpAddr) -> Problem {
    app.limits.failed(from, Instant::now()).err().map_or_else(Problem::unauthorized, Problem::too_many)
}

/// Who is logged in with this request's cookie. A session ends with the token that opened it.
pub(in crate::admin) fn logged_in(app: &App, headers: &HeaderMap, now: Time) -> Option<Holder> {
    let holder = app.sessions.holder(headers, now)?;
    match &holder.who {
        Who::AdminToken { id, .. } => {
            let view = app.log.view();
            view.directory.admins().token(id).is_some_and(|token| token.is_active(now)).then_some(holder)
        }
        Who::TokenFile | Who::Unknown => Some(holder),
        Who::Webhook { .. } => None,
    }
}

/// Whether a request's token or session is still accepted.
pub(in crate::admin) fn is_known(app: &App, headers: &HeaderMap, now: Time) -> bool {
    bearer(headers)
        .and_then(|token| holder(app, token, now))
        .or_else(|| logged_in(app, headers, now))
        .is_some()
}

/// RFC 6750 section 2.1.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(token)
}

/// Lets a request through that shows a token or comes from a page that was logged in with one, and that, if it changes
/// something, comes from no other site. Handlers learn from it who asks.
pub(in crate::admin) async fn guard(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    match caller(&app, &request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn caller(app: &App, request: &Request) -> Result<Caller, Problem> {
    let (headers, extensions) = (request.headers(), request.extensions());
    let from = Connection::of(extensions).peer;
    let (holder, through) = match bearer(headers) {
        Some(token) => (admit(app, from, token)?, through(headers)),
        None => (logged_in(app, headers, now()).ok_or_else(|| refuse(app, from))?, Through::Dashboard),
    };
    // A browser adds its cookie to whatever a page asks for, but it also names the page's origin on every change.
    let unnamed = through == Through::Dashboard && !headers.contains_key(header::ORIGIN);
    if is_change(request.method()) && (unnamed || has_foreign_origin(headers)) {
        return Err(Problem::foreign_origin());
    }
    Ok(Caller::new(holder, through, extensions))
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
