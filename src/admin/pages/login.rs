//! Logging in and out.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode, Uri, header};

use super::page::{Page, page, to};
use super::visitor::Visitor;
use crate::admin::http::auth::{Access, has_foreign_origin};
use crate::admin::http::caller::Connection;
use crate::admin::http::fields::Fields;
use crate::admin::http::problem::Problem;
use crate::admin::state::changes::Changes;
use crate::admin::state::sessions::Sessions;
use crate::clock::now;
use crate::model::act::{Role, TicketKind};
use crate::model::secret::{PUBLISHER_PREFIX, PULL_PREFIX};

const NOBODYS: &str = "That is no admin or viewer token, or it has ended.";
const PULLERS: &str = "That is an environment's token: clusters pull images with it. To log in, use an admin or viewer token: \
                       landfall admin-token create --name NAME --kind viewer";
const PUBLISHERS: &str = "That is a publisher's token: CI registers releases with it, and it can do nothing else. To log in, \
                          use an admin or viewer token: landfall admin-token create --name NAME --kind viewer";

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    /// The reason why the last try failed.
    refused: Option<String>,
    next: String,
}

pub(super) async fn form(uri: Uri) -> Page {
    let query = Fields::from_query(&uri, &["next"])?;
    page(StatusCode::OK, &LoginPage { refused: None, next: next(&query)? })
}

pub(super) async fn log_in(
    State(access): State<Access>,
    State(sessions): State<Arc<Sessions>>,
    request: Request,
) -> Page {
    if has_foreign_origin(request.headers()) {
        return Err(Problem::foreign_origin().into());
    }
    let from = Connection::of(request.extensions()).peer;
    let fields = Fields::from_form(request.into_body(), &["token", "next"]).await?;
    let next = next(&fields)?;
    let token = fields.text("token")?.unwrap_or_default().trim();
    let holder = match access.admit(from, token) {
        // A publisher has no page: it may only register releases.
        Ok(holder) if holder.role == Role::Publisher => {
            return refused(&Problem::publisher(), PUBLISHERS, next);
        }
        Ok(holder) => holder,
        Err(problem) => return refused(&problem, instead(token), next),
    };
    let cookie = sessions.open(holder, now()).map_err(|error| {
        tracing::error!(%error, "no session can be opened");
        Problem::internal()
    })?;
    Ok(([(header::SET_COOKIE, cookie)], to(&next)).into_response())
}

/// The purpose of a refused token, as far as its beginning tells: its holder may have others.
fn instead(token: &str) -> &'static str {
    let kinds = [(PULL_PREFIX, PULLERS), (PUBLISHER_PREFIX, PUBLISHERS)];
    kinds.into_iter().find(|(prefix, _)| token.starts_with(prefix)).map_or(NOBODYS, |(_, text)| text)
}

/// The form once more, with what is wrong; 403, for a page has no way to answer a challenge.
fn refused(problem: &Problem, wrong: &str, next: String) -> Page {
    tracing::warn!("a login to the dashboard was refused");
    let Some(seconds) = problem.retry_after_s() else {
        return page(StatusCode::FORBIDDEN, &LoginPage { refused: Some(wrong.to_owned()), next });
    };
    let wait = format!("Too many wrong tokens came from this address. Try again in {seconds} s.");
    let form = page(StatusCode::TOO_MANY_REQUESTS, &LoginPage { refused: Some(wait), next })?;
    Ok(([(header::RETRY_AFTER, seconds)], form).into_response())
}

/// Ends the session of whoever sends its form, at every server of this log. Nobody who is not logged in can be logged out.
pub(super) async fn log_out(
    State(changes): State<Changes>,
    State(sessions): State<Arc<Sessions>>,
    visitor: Visitor,
    headers: HeaderMap,
    request: Request,
) -> Page {
    visitor.own_form(request, &[]).await?;
    if let Some(session) = sessions.session(&headers, now()) {
        let actor = &visitor.caller().actor;
        let ended = changes.use_up(actor, TicketKind::Session, session.id, session.end).await;
        // The browser forgets it all the same. Whoever has a copy of the cookie has it until it ends by itself.
        if let Err(error) = ended {
            tracing::error!(%error, "a session was ended in its browser alone");
        }
    }
    Ok(([(header::SET_COOKIE, sessions.forget())], to("/login")).into_response())
}

/// The path to go to after a form: one of our own, never another host's.
pub(super) fn next(fields: &Fields) -> Result<String, Problem> {
    let next = fields.text("next")?.unwrap_or("/");
    // Browsers drop tabs and line ends from an address, and take a backslash for a slash.
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(|c: char| c == '\\' || c.is_control());
    Ok(if is_ours { next } else { "/" }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_leads_to_no_other_host() {
        for (given, wanted) in [
            ("%2Fcompare%3Fleft%3Da", "/compare?left=a"),
            ("%2F%2Fevil.example", "/"),
            ("https%3A%2F%2Fevil.example", "/"),
            ("%2F%5Cevil.example", "/"),
            ("%2F%09%2Fevil.example", "/"),
            ("%2F%0D%0A%2Fevil.example", "/"),
            ("%2F%00%2Fevil.example", "/"),
            ("", "/"),
        ] {
            let uri: Uri = format!("/login?next={given}").parse().unwrap();
            assert_eq!(next(&Fields::from_query(&uri, &["next"]).unwrap()).unwrap(), wanted, "{given}");
        }
    }
}
