//! The control plane's one error shape: `application/problem+json` of RFC 9457.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::state::limits::Wait;
use crate::answer::Refused;
use crate::cluster::ClusterError;
use crate::model::deploy::{Candidate, NoPlan};
use crate::model::releases::{Conflict, Difference};

/// An answer that says no. Its texts are written for the client; nothing internal goes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::admin) struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    field: Option<String>,
    retry_after_s: Option<u32>,
    extra: Box<Extra>,
}

/// What few problems have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Extra {
    differences: Vec<Difference>,
    candidates: Vec<Candidate>,
}

/// RFC 9457 section 3: the members of the JSON object; `field`, `differences` and `candidates` are extensions
/// (section 3.2).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(in crate::admin) struct Body<'a> {
    /// Which problem it is: `urn:landfall:problem:…`.
    r#type: String,
    /// What it is, in words that stay the same.
    title: &'a str,
    /// The answer's status.
    status: u16,
    /// What is wrong in this case, and what to do.
    detail: &'a str,
    /// The field or parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// What is there already and otherwise.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    differences: &'a [Difference],
    /// The releases of which one may be meant.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    candidates: &'a [Candidate],
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        match refused {
            Refused::UnknownEnvironment { .. }
            | Refused::UnknownDeployment { .. }
            | Refused::NeverPulled { .. } => Self::not_found(text),
            Refused::ForeignDeployment { .. } => Self::invalid("before", text),
            Refused::FromAfterUntil => Self::invalid("from", text),
            Refused::Removed { field, .. } => Self::invalid(field, text),
            Refused::Unreadable => Self::internal(),
        }
    }
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        let (detail, extra) = (detail.into(), Box::default());
        Self { status, kind, title, detail, field: None, retry_after_s: None, extra }
    }

    /// 400: the request cannot be read at all.
    pub(in crate::admin) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-request", "The request cannot be read", detail)
    }

    /// 401, without a hint whether a token was missing, wrong or old.
    pub(in crate::admin) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "An admin or viewer token is needed",
            "send `Authorization: Bearer <token>`; the server wrote its token to admin.token in its data directory, or \
             reads the file named by admin.token_file; `landfall admin-token create` makes others",
        )
    }

    /// 401: a webhook's delivery that nobody signed who knows the secret.
    pub(in crate::admin) fn unsigned() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unsigned",
            "The delivery is not signed as it should be",
            "no webhook of this provider has the secret that the delivery was signed with",
        )
    }

    /// 403: a change that another site's page asked for.
    pub(in crate::admin) fn foreign_origin() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "foreign-origin",
            "Changes from another origin are refused",
            "the Origin header names another host than the Host header",
        )
    }

    /// 403: a form that is not of this session.
    pub(in crate::admin) fn foreign_form() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "foreign-form",
            "The form is not of this session",
            "nothing was changed; open the page again and send its form",
        )
    }

    /// 503: enough of them are open.
    pub(in crate::admin) fn too_many_streams() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-many-streams",
            "Too many streams, exports or backups are open",
            "close one, or ask again later",
        )
    }

    /// 403: a change by somebody who may only see.
    pub(in crate::admin) fn viewer() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "viewer",
            "A viewer changes nothing",
            "this token is a viewer's; changes need an admin token",
        )
    }

    /// 404.
    pub(in crate::admin) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
    }

    /// 405. axum adds the `Allow` header that RFC 9110 section 15.5.6 demands.
    pub(in crate::admin) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "The path does not take this method",
            "the Allow header names the methods that it takes",
        )
    }

    /// 408: the body did not arrive in time.
    pub(in crate::admin) fn body_timeout() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "body-timeout",
            "The body took too long",
            "the request's body did not arrive in time",
        )
    }

    /// 409: the change does not fit what is there; nothing was changed.
    pub(in crate::admin) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "The change does not fit what is there", detail)
    }

    /// 409: the release is registered already, and otherwise.
    pub(in crate::admin) fn differs(conflict: &Conflict) -> Self {
        let problem = Self::conflict(format!(
            "{conflict}; nothing was changed. A rebuild of the same version is registered with all of its digests in \
             `digests`; another release needs another version"
        ));
        let differences = conflict.differences.clone();
        Self { extra: Box::new(Extra { differences, ..Extra::default() }), ..problem }
    }

    /// What stands in the way of a plan: 422, 404, or 409 where somebody has to choose among candidates.
    pub(in crate::admin) fn no_plan(no: &NoPlan) -> Self {
        match no {
            NoPlan::Invalid { field, text } => Self::invalid(field, text),
            NoPlan::Nothing { text } => Self::not_found(text),
            NoPlan::Several { text, candidates } => {
                let problem = Self::new(
                    StatusCode::CONFLICT,
                    "several-candidates",
                    "Several releases may be meant",
                    text,
                );
                let extra = Extra { candidates: candidates.clone(), ..Extra::default() };
                Self { extra: Box::new(extra), ..problem }
            }
        }
    }

    /// What stands in a cluster's way: 409 where it refuses, 502 where it does not answer as it should.
    pub(in crate::admin) fn cluster(error: &ClusterError, detail: &str) -> Self {
        if error.is_refusal() {
            return Self::new(
                StatusCode::CONFLICT,
                "cluster-refuses",
                "The cluster does not take it",
                detail,
            );
        }
        Self::new(
            StatusCode::BAD_GATEWAY,
            "cluster-unavailable",
            "The cluster does not answer as it should",
            detail,
        )
    }

    /// 413: the body is longer than `bytes_max`.
    pub(in crate::admin) fn too_large(bytes_max: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "The body is too large",
            format!("a body may be {bytes_max} bytes long"),
        )
    }

    /// 422: `field` is wrong, missing or unknown.
    pub(in crate::admin) fn invalid(field: &str, detail: impl Into<String>) -> Self {
        let problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-field",
            "A field is not valid",
            format!("{field}: {}", detail.into()),
        );
        Self { field: Some(field.to_owned()), ..problem }
    }

    /// 421: the request names another server (RFC 9110 section 15.5.20).
    pub(in crate::admin) fn foreign_host(host: &str) -> Self {
        Self::new(
            StatusCode::MISDIRECTED_REQUEST,
            "foreign-host",
            "The request names another host",
            format!(
                "`{host}` is no name of this server; if it should be, add it to admin.hosts (--admin-host) and start \
                 the server again"
            ),
        )
    }

    /// 429: the address asks too much, or was wrong about tokens too often.
    pub(in crate::admin) fn too_many(wait: Wait) -> Self {
        let seconds = wait.0.as_secs() + u64::from(wait.0.subsec_nanos() > 0);
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        let problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-requests",
            "Too many requests",
            "this address sent too many requests, or too many without a good token; the Retry-After header says how \
             many seconds to wait",
        );
        Self { retry_after_s: Some(seconds), ..problem }
    }

    /// 503: the bodies that are being read are as large as all of them may be.
    pub(in crate::admin) fn no_room() -> Self {
        let problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-many-bodies",
            "Too much is being read",
            "the server is reading as many bodies as it may; nothing was changed; send it again after the seconds that the \
             Retry-After header says",
        );
        Self { retry_after_s: Some(1), ..problem }
    }

    /// 500: a fault of ours, logged where it happened.
    pub(in crate::admin) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The server failed",
            "the server's log says more",
        )
    }

    /// 503: the log cannot take a change now.
    pub(in crate::admin) fn log_unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "log-unavailable",
            "The change could not be made durable",
            "nothing was changed; /status says what is wrong with the log, and the server's log says more",
        )
    }

    /// 503: the log's files were deleted or replaced, so a change would be lost.
    pub(in crate::admin) fn log_astray(what: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "log-astray",
            "The change would not outlive the server",
            format!("nothing was changed; {what}"),
        )
    }

    /// 503: the log cannot be read now.
    pub(in crate::admin) fn log_unreadable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "log-unreadable",
            "The log cannot be read now",
            "/status says what is wrong with the log, and the server's log says more. Where its disk is full, a copy of \
             the data folder is a backup, too, if no landfall runs on it. Where it is damaged, restore the latest whole \
             backup (`landfall restore`), or stop the server and keep what is whole (`landfall salvage`)",
        )
    }
}

impl Problem {
    /// The field that is wrong, if it is one.
    #[cfg(test)]
    pub(in crate::admin) fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// The answer's status.
    pub(in crate::admin) fn status(&self) -> StatusCode {
        self.status
    }

    /// What kind of problem it is, in a line.
    pub(in crate::admin) fn title(&self) -> &'static str {
        self.title
    }

    /// What was wrong, and what to do.
    pub(in crate::admin) fn detail(&self) -> &str {
        &self.detail
    }

    /// How many seconds to wait, if that is what is wrong.
    pub(in crate::admin) fn retry_after_s(&self) -> Option<u32> {
        self.retry_after_s
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body {
            r#type: format!("urn:landfall:problem:{}", self.kind),
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            field: self.field.as_deref(),
            differences: &self.extra.differences,
            candidates: &self.extra.candidates,
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 6750 section 3.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"landfall\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_before_what_retention_left_is_refused_with_what_to_do() {
        let before = "2026-03-02T06:00:00Z".parse().unwrap();
        for field in ["at", "left_at"] {
            let problem = Problem::from(Refused::Removed { field, before });
            assert_eq!((problem.status().as_u16(), problem.field()), (422, Some(field)));
            for words in [field, "2026-03-02T06:00:00.000Z", "ask for that time or a later one", "log.keep"] {
                assert!(problem.detail().contains(words), "{problem:?}");
            }
        }
    }
}
