//! Pages as answers of handlers, and refusals as pages.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};

use super::chrome::Chrome;
use super::sentence::Sentence;
use crate::admin::http::problem::Problem;
use crate::answer::Refused;

/// Nothing but our own stylesheet, script and forms: a name that somebody pulled can never become a script.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

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

/// A path that is no page's: said in HTML to who asks for it, as a browser does, and as a problem to programs.
pub(in crate::admin) async fn no_such_page(uri: Uri, headers: HeaderMap) -> Response {
    let problem = Problem::not_found("no such path");
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if uri.path().starts_with("/api/") || !accepts.contains("text/html") {
        return problem.into_response();
    }
    let detail = format!("there is no page `{}`", uri.path());
    guarded(Refusal(Problem::not_found(detail)).into_response())
}

/// The answer with the headers that every page has.
pub(super) fn guarded(mut response: Response) -> Response {
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With `no-referrer` a browser would name no origin on our own forms either (Fetch, section 3.2.5).
        (header::REFERRER_POLICY, "same-origin"),
    ];
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage<'a> {
    chrome: Chrome,
    title: &'a str,
    detail: Sentence,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let is_missing = self.0.status() == StatusCode::NOT_FOUND;
        let title = if is_missing { "Page not found" } else { self.0.title() };
        let shown = RefusalPage { chrome: Chrome::plain(), title, detail: Sentence::new(self.0.detail()) };
        page(self.0.status(), &shown).unwrap_or_else(|_| self.0.into_response())
    }
}
