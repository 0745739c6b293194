//! Pages as answers of handlers, and refusals as pages.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::admin::http::problem::Problem;
use crate::answer::Refused;

/// The answer of a page's handler.
pub(super) type Page = Result<Response, Refusal>;

/// A page of this status.
///
/// # Errors
/// The template fails, which is logged.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Page {
    match template.render() {
        Ok(html) => Ok((status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page cannot be made");
            Err(Problem::internal().into())
        }
    }
}

/// 303: the browser asks for `path` with GET (RFC 9110 section 15.4.4).
pub(super) fn to(path: &str) -> Response {
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// An answer that says no, as a page.
pub(super) struct Refusal(Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Self(refused.into())
    }
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage<'a> {
    title: &'a str,
    detail: &'a str,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let shown = RefusalPage { title: self.0.title(), detail: self.0.detail() };
        page(self.0.status(), &shown).unwrap_or_else(|_| self.0.into_response())
    }
}
