//! Requests to the admin API, over any carrier.

use std::future::Future;

use http::{Extensions, Method, StatusCode};
use serde_json::Value;

use crate::model::act::TicketId;
use crate::model::time::Time;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiRequest {
    /// GET, POST, PATCH or DELETE.
    pub method: Method,
    /// Path and query below `/api/v1/`, escaped.
    pub target: String,
    /// The JSON body, where there is one.
    pub body: Option<Value>,
}

/// An answer of the API.
#[derive(Clone, Debug)]
pub struct ApiReply {
    /// The status.
    pub status: StatusCode,
    /// The JSON body; null where there is none.
    pub body: Value,
}

/// The API gave no answer, and why, in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

/// The admin API.
pub trait Api: Clone + Send + Sync + 'static {
    /// Asks, as the sender of the request with these extensions.
    fn ask(
        &self,
        ask: ApiRequest,
        from: &Extensions,
    ) -> impl Future<Output = Result<ApiReply, Unreachable>> + Send;

    /// Uses the ticket of a person's agreement up, as whoever sent the request with these extensions. Returns whether it
    /// was good until now. At `ends_at` it ends by itself.
    fn use_up(
        &self,
        ticket: TicketId,
        ends_at: Time,
        from: &Extensions,
    ) -> impl Future<Output = Result<bool, Unreachable>> + Send;
}

impl ApiRequest {
    /// A request for what is at `target`.
    pub fn get(target: impl Into<String>) -> Self {
        Self { method: Method::GET, target: target.into(), body: None }
    }
}
