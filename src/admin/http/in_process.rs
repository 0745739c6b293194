//! The API as something to call in the same process: for `/mcp`, and for the model that `ask` can be given.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::Extensions;
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use tower_service::Service as _;

use super::caller::Caller;
use crate::admin::state::changes::Changes;
use crate::mcp::{Api, ApiReply, ApiRequest, Unreachable};
use crate::model::act::{Actor, Through, TicketId, TicketKind};
use crate::model::time::Time;

/// Longest answer of the API that is read.
const REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The API in the same process, whose handlers demand that somebody put a [`Caller`] into the request.
#[derive(Clone)]
pub(in crate::admin) struct InProcess {
    api: Router,
    changes: Changes,
}

impl InProcess {
    /// The API of this router, and what it says about itself.
    pub(in crate::admin) fn new(api: Router, document: Bytes, changes: Changes) -> Self {
        Self { api: api.merge(super::openapi::router("/openapi.json", document)), changes }
    }
}

impl Api for InProcess {
    async fn ask(&self, ask: ApiRequest, from: &Extensions) -> Result<ApiReply, Unreachable> {
        let broken = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "a tool's request could not be made");
            Unreachable("the server failed; its log says more".to_owned())
        };
        let body = ask.body.map(|body| Body::from(body.to_string())).unwrap_or_default();
        let request = Request::builder().method(ask.method).uri(format!("/{}", ask.target)).body(body);
        let mut request = request.map_err(|error| broken(&error))?;
        if let Some(caller) = from.get::<Caller>() {
            let mut caller = caller.clone();
            caller.actor.through = Through::Mcp;
            request.extensions_mut().insert(caller);
        }
        let Ok(response) = self.api.clone().call(request).await;
        let status = response.status();
        let body = Limited::new(response.into_body(), REPLY_BYTES_MAX).collect().await;
        let bytes = body.map_err(|error| broken(&error))?.to_bytes();
        let body = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
        Ok(ApiReply { status, body: body.map_err(|error| broken(&error))? })
    }

    async fn use_up(&self, ticket: TicketId, ends_at: Time, from: &Extensions) -> Result<bool, Unreachable> {
        let actor =
            from.get::<Caller>().map(|caller| Actor { through: Through::Mcp, ..caller.actor.clone() });
        let actor = actor.unwrap_or_default();
        let used = self.changes.use_up(&actor, TicketKind::Agreement, ticket, ends_at);
        used.await.map_err(|error| Unreachable(error.to_string()))
    }
}
