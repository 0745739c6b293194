//! Who looks at a page, and how a page says no.

use std::sync::Arc;

use askama::Template;
use axum::extract::{FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::Uri;
use http::request::Parts;
use subtle::ConstantTimeEq as _;

use super::{page, to};
use crate::admin::App;
use crate::admin::http::auth::{has_foreign_origin, logged_in};
use crate::admin::http::caller::{Admin, Caller};
use crate::admin::http::fields::Fields;
use crate::admin::http::problem::Problem;
use crate::admin::state::sessions::Sessions;
use crate::answer::Refused;
use crate::clock::now;
use crate::model::act::{Role, Through};

/// The form field that proves that a form is of this session.
const PROOF: &str = "proof";

/// Somebody who is logged in; everybody else is sent to log in.
pub(super) struct Visitor {
    caller: Caller,
    proof: String,
}

/// What every page shows around its content.
pub(super) struct Chrome {
    /// The field of every form.
    pub(super) proof: String,
    /// The part of the dashboard that the page belongs to.
    pub(super) section: &'static str,
    /// What stands in the search box.
    pub(super) query: String,
    /// The visitor may change things.
    pub(super) can_change: bool,
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let holder = logged_in(app, &parts.headers, now());
        match (holder, Sessions::form_proof(&parts.headers)) {
            (Some(holder), Some(proof)) => {
                Ok(Self { caller: Caller::new(holder, Through::Dashboard, &parts.extensions), proof })
            }
            _ => Err(to_login(&parts.uri)),
        }
    }
}

impl Visitor {
    /// What a page of this part of the dashboard shows around its content.
    pub(super) fn chrome(&self, section: &'static str) -> Chrome {
        let can_change = self.caller.role == Role::Admin;
        Chrome { proof: self.proof.clone(), section, query: String::new(), can_change }
    }

    /// Reads a form that changes something: of this session's pages, by somebody who may.
    pub(super) async fn form(&self, request: Request, known: &[&str]) -> Result<(Admin, Fields), Problem> {
        if has_foreign_origin(request.headers()) {
            return Err(Problem::foreign_origin());
        }
        let known = [known, &[PROOF]].concat();
        let fields = Fields::from_form(request.into_body(), &known).await?;
        let given = fields.text(PROOF)?.unwrap_or_default();
        if !bool::from(given.as_bytes().ct_eq(self.proof.as_bytes())) {
            return Err(Problem::foreign_form());
        }
        Ok((self.caller.clone().admin()?, fields))
    }
}

/// To the login, and back to where the visitor wanted to go.
fn to_login(uri: &Uri) -> Response {
    let wanted = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    if wanted == "/" {
        return to("/login");
    }
    let next: String = url::form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
    to(&format!("/login?next={next}"))
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
