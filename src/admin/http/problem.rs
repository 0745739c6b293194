//! The control plane's one error shape: `application/problem+json` of RFC 9457.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::wire::{self, Candidate, Difference};

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

/// Members that few problems have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Extra {
    differences: Vec<Difference>,
    candidates: Vec<Candidate>,
}

impl Problem {
    /// A problem of this kind: its name in the URN, its title, and what is wrong in this case.
    pub(super) fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        let (detail, extra) = (detail.into(), Box::default());
        Self { status, kind, title, detail, field: None, retry_after_s: None, extra }
    }

    /// The same, of this field.
    pub(super) fn of_field(self, field: &str) -> Self {
        Self { field: Some(field.to_owned()), ..self }
    }

    /// The same, with the seconds after which the request may be sent again.
    pub(super) fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// The same, with what is there already and otherwise.
    pub(super) fn with_differences(mut self, differences: Vec<Difference>) -> Self {
        self.extra.differences = differences;
        self
    }

    /// The same, with the releases of which one may be meant.
    pub(super) fn with_candidates(mut self, candidates: Vec<Candidate>) -> Self {
        self.extra.candidates = candidates;
        self
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

    /// The kind of the problem, in a line.
    pub(in crate::admin) fn title(&self) -> &'static str {
        self.title
    }

    /// The fault, and what to do.
    pub(in crate::admin) fn detail(&self) -> &str {
        &self.detail
    }

    /// Seconds to wait, if that is what is wrong.
    pub(in crate::admin) fn retry_after_s(&self) -> Option<u32> {
        self.retry_after_s
    }

    /// Its body.
    pub(in crate::admin) fn view(&self) -> wire::Problem {
        wire::Problem {
            r#type: format!("urn:landfall:problem:{}", self.kind),
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            field: self.field.clone(),
            differences: self.extra.differences.clone(),
            candidates: self.extra.candidates.clone(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.view()).unwrap_or_default();
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
