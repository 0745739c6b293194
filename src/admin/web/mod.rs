//! The dashboard: pages made on the server, without a script.
//!
//! A form with an admin or viewer token opens a session (`admin::sessions`); the pages show what the API tells.

mod pages;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};

use self::pages::{EnvironmentPage, IndexPage, LoginPage};
use super::auth::{admit, has_foreign_origin, logged_in};
use super::caller::Connection;
use super::fields::Fields;
use super::params::Params;
use super::problem::Problem;
use super::{Answer, App};
use crate::clock::now;

/// Deployments on an environment's page.
const PAGE: usize = 25;

/// Nothing but our own stylesheet and forms: a name that somebody pulled can never become a script.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(index))
        .route("/environments/{env}", get(environment))
        .route("/login", get(login_form).post(login))
        .route("/logout", post(logout))
        .route("/style.css", get(style))
        .layer(axum::middleware::map_response(guarded))
}

async fn guarded(mut response: Response) -> Response {
    let headers: [(HeaderName, &str); 4] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

async fn index(State(app): State<Arc<App>>, headers: HeaderMap) -> Answer {
    if logged_in(&app, &headers, now()).is_none() {
        return Ok(to("/login"));
    }
    page(StatusCode::OK, &IndexPage::new(&app.log.view(), now()))
}

async fn environment(State(app): State<Arc<App>>, params: Params, headers: HeaderMap, uri: Uri) -> Answer {
    if logged_in(&app, &headers, now()).is_none() {
        return Ok(to("/login"));
    }
    let query = Fields::from_query(&uri, &["before"])?;
    let view = app.log.view();
    let environment = params.environment(&view.directory)?;
    page(StatusCode::OK, &EnvironmentPage::new(&view, environment, now(), PAGE, query.text("before")?))
}

async fn login_form() -> Answer {
    page(StatusCode::OK, &LoginPage { refused: None })
}

async fn login(State(app): State<Arc<App>>, request: Request) -> Answer {
    if has_foreign_origin(request.headers()) {
        return Err(Problem::foreign_origin());
    }
    let from = Connection::of(request.extensions()).peer;
    let fields = Fields::from_form(request.into_body(), &["token"]).await?;
    let holder = match admit(&app, from, fields.text("token")?.unwrap_or_default()) {
        Ok(holder) => holder,
        Err(problem) => return refused(problem),
    };
    let cookie = app.sessions.open(holder, now()).map_err(|error| {
        tracing::error!(%error, "no session can be opened");
        Problem::internal()
    })?;
    Ok(([(header::SET_COOKIE, cookie)], to("/")).into_response())
}

/// The form once more, with what is wrong; 403, for a page has no way to answer a challenge.
fn refused(problem: Problem) -> Answer {
    tracing::warn!("a login to the dashboard was refused");
    let Some(seconds) = problem.retry_after_s() else {
        let wrong = "That is no admin or viewer token, or it has ended.".to_owned();
        return page(StatusCode::FORBIDDEN, &LoginPage { refused: Some(wrong) });
    };
    let wait = format!("Too many wrong tokens came from this address. Try again in {seconds} s.");
    let form = page(StatusCode::TOO_MANY_REQUESTS, &LoginPage { refused: Some(wait) })?;
    Ok(([(header::RETRY_AFTER, seconds)], form).into_response())
}

async fn logout(State(app): State<Arc<App>>, headers: HeaderMap) -> Answer {
    if has_foreign_origin(&headers) {
        return Err(Problem::foreign_origin());
    }
    Ok(([(header::SET_COOKIE, app.sessions.close(&headers))], to("/login")).into_response())
}

async fn style() -> impl IntoResponse {
    let css = include_str!("templates/style.css");
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], css)
}

fn page(status: StatusCode, template: &impl Template) -> Answer {
    match template.render() {
        Ok(html) => Ok((status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page cannot be made");
            Err(Problem::internal())
        }
    }
}

/// 303: the browser asks for `path` with GET (RFC 9110 section 15.4.4).
fn to(path: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
}
