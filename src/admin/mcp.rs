//! `/mcp`: the Model Context Protocol over Streamable HTTP.
//!
//! The gate has checked the `Host` header, and the guard the token and the `Origin`. A tool's requests go to the same
//! router as everybody's, in the same process, as whoever called the tool.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRef, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::HeaderMap;
use rmcp::transport::streamable_http_server::session::local::{LocalSessionManager, SessionConfig};
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use crate::admin::http::auth::has_foreign_origin;
use crate::admin::http::in_process::InProcess;
use crate::admin::http::problem::Problem;
use crate::admin::state::{App, Settings};
use crate::mcp::{Consents, Server};

/// Longest request; a release with a thousand changes and their notes fits.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// Sessions of clients older than 2026-07-28 that may be open.
const SESSIONS_MAX: usize = 256;
/// Such a session ends when its client is silent for so long; clients begin a new one without a word.
const SESSION_IDLE_MAX: Duration = Duration::from_secs(600);
/// Names a session (Streamable HTTP, "Session Management", up to 2025-11-25).
const SESSION_ID: &str = "mcp-session-id";
/// The version that the client speaks; sessions are gone since 2026-07-28.
const PROTOCOL_VERSION: &str = "mcp-protocol-version";
const WITHOUT_SESSIONS: &str = "2026-07-28";

#[derive(Clone)]
struct Door {
    service: StreamableHttpService<Server<InProcess>, LocalSessionManager>,
    sessions: Arc<LocalSessionManager>,
}

/// `/mcp` over `api`. A question to a person is sealed with a key of the admin token, so that another server may get the
/// answer.
pub(super) fn router(api: InProcess, app: &App) -> Router<App> {
    let settings = Arc::<Settings>::from_ref(app);
    let consents = match Consents::new(settings.admin_token.key("agreement")) {
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
