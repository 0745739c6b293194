//! `/mcp`: the Model Context Protocol over Streamable HTTP.
//!
//! The gate has checked the `Host` header, and the guard the token and the `Origin`. A tool's requests go to the same
//! router as everybody's, in the same process, as whoever called the tool.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use http::{Extensions, HeaderMap};
use http_body_util::{BodyExt, Limited};
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, SessionConfig};
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::Value;
use tower_service::Service as _;

use super::auth::has_foreign_origin;
use super::caller::Caller;
use super::problem::Problem;
use crate::mcp::{Api, Ask, Consents, Reply, Server, Unreachable};
use crate::model::act::Through;

/// Longest request; a release with a thousand changes and their notes fits.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// Longest answer of the API that is read.
const REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Sessions of clients older than 2026-07-28 that may be open.
const SESSIONS_MAX: usize = 256;
/// Such a session ends when its client is silent for so long; clients begin a new one without a word.
const SESSION_IDLE_MAX: Duration = Duration::from_secs(600);
/// Names a session (Streamable HTTP, "Session Management", up to 2025-11-25).
const SESSION_ID: &str = "mcp-session-id";
/// The version that the client speaks; sessions are gone since 2026-07-28.
const PROTOCOL_VERSION: &str = "mcp-protocol-version";
const WITHOUT_SESSIONS: &str = "2026-07-28";

/// The API in the same process, whose handlers demand that somebody put a [`Caller`] into the request.
#[derive(Clone)]
pub(super) struct Here(Router);

impl Here {
    /// The API of this router, and what it says about itself.
    pub(super) fn new(api: Router, document: Bytes) -> Self {
        Self(api.merge(super::openapi::router("/openapi.json", document)))
    }
}

impl Api for Here {
    async fn ask(&self, ask: Ask, from: &Extensions) -> Result<Reply, Unreachable> {
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
        let Ok(response) = self.0.clone().call(request).await;
        let status = response.status();
        let body = Limited::new(response.into_body(), REPLY_BYTES_MAX).collect().await;
        let bytes = body.map_err(|error| broken(&error))?.to_bytes();
        let body = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
        Ok(Reply { status, body: body.map_err(|error| broken(&error))? })
    }
}

#[derive(Clone)]
struct Door {
    service: StreamableHttpService<Server<Here>, LocalSessionManager>,
    sessions: Arc<LocalSessionManager>,
}

/// `/mcp` over `api`.
pub(super) fn router<S: Clone + Send + Sync + 'static>(api: Here) -> Router<S> {
    let consents = match Consents::new() {
        Ok(consents) => Arc::new(consents),
        Err(error) => {
            tracing::error!(%error, "/mcp is not served");
            return Router::new();
        }
    };
    let mut session = SessionConfig::default();
    session.keep_alive = Some(SESSION_IDLE_MAX);
    let mut sessions = LocalSessionManager::default();
    sessions.session_config = session;
    let sessions = Arc::new(sessions);
    // Host and Origin are checked for every path of this listener, by its own names.
    let config = StreamableHttpServerConfig::default()
        .disable_allowed_hosts()
        .disable_allowed_origins()
        .with_json_response(true)
        .with_max_request_body_bytes(REQUEST_BYTES_MAX);
    let server = Server::new(api, consents);
    let service = StreamableHttpService::new(move || Ok(server.clone()), sessions.clone(), config);
    Router::new().route("/mcp", any(serve)).with_state(Door { service, sessions })
}

async fn serve(State(door): State<Door>, request: Request) -> Response {
    // The guard looks at the origin of changes only; here no method is for foreign pages (Streamable HTTP, "Security").
    if has_foreign_origin(request.headers()) {
        return Problem::foreign_origin().into_response();
    }
    if begins_session(request.headers()) && door.sessions.sessions.read().await.len() >= SESSIONS_MAX {
        return Problem::conflict(format!(
            "{SESSIONS_MAX} sessions are open, and there may be no more: end one, or speak {WITHOUT_SESSIONS}, which has none"
        ))
        .into_response();
    }
    door.service.handle(request).await.map(Body::new)
}

fn begins_session(headers: &HeaderMap) -> bool {
    let version = headers.get(PROTOCOL_VERSION).and_then(|version| version.to_str().ok());
    !headers.contains_key(SESSION_ID) && version.is_none_or(|version| version < WITHOUT_SESSIONS)
}
