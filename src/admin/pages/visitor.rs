//! The visitor of a page, and the forms that a visitor sends.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, Request};
use axum::response::Response;
use http::Uri;
use http::request::Parts;
use subtle::ConstantTimeEq as _;

use super::page::to;
use crate::admin::http::auth::{Access, has_foreign_origin};
use crate::admin::http::caller::{Admin, Caller};
use crate::admin::http::fields::Fields;
use crate::admin::http::problem::Problem;
use crate::admin::state::Settings;
use crate::admin::state::sessions::Sessions;
use crate::clock::now;
use crate::model::act::{Role, Through};

pub(super) use super::chrome::Chrome;

/// The form field that proves that a form is of this session.
const PROOF: &str = "proof";

/// Somebody who is logged in; everybody else is sent to log in.
pub(super) struct Visitor {
    caller: Caller,
    proof: String,
    settings: Arc<Settings>,
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor
where
    Access: FromRef<S>,
    Arc<Settings>: FromRef<S>,
{
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let holder = Access::from_ref(state).logged_in(&parts.headers, now());
        match (holder, Sessions::form_proof(&parts.headers)) {
            (Some(holder), Some(proof)) => {
                let caller = Caller::new(holder, Through::Dashboard, &parts.extensions);
                Ok(Self { caller, proof, settings: FromRef::from_ref(state) })
            }
            _ => Err(to_login(&parts.uri)),
        }
    }
}

impl Visitor {
    /// The frame of a page of this part of the dashboard.
    pub(super) fn chrome(&self, section: &'static str) -> Chrome {
        let can_change = self.caller.role == Role::Admin;
        let failing = self.settings.failing_registries();
        let is_shared = self.settings.is_shared;
        Chrome { proof: self.proof.clone(), section, query: String::new(), can_change, is_shared, failing }
    }

    /// The caller.
    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Reads a form that changes something: of this session's pages, by somebody who may.
    pub(super) async fn form(&self, request: Request, known: &[&str]) -> Result<(Admin, Fields), Problem> {
        let fields = self.own_form(request, known).await?;
        Ok((self.caller.clone().admin()?, fields))
    }

    /// Reads a form of this session's pages that changes nothing but what this visitor sees.
    pub(super) async fn own_form(&self, request: Request, known: &[&str]) -> Result<Fields, Problem> {
        if has_foreign_origin(request.headers()) {
            return Err(Problem::foreign_origin());
        }
        let known = [known, &[PROOF]].concat();
        let fields = Fields::from_form(request.into_body(), &known).await?;
        let given = fields.text(PROOF)?.unwrap_or_default();
        if !bool::from(given.as_bytes().ct_eq(self.proof.as_bytes())) {
            return Err(Problem::foreign_form());
        }
        Ok(fields)
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
