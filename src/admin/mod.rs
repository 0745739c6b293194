//! The control plane: reads snapshots of the log's fold, sends changes to the log, and never touches an image's bytes.
//!
//! ```text
//! listener → gate → guard → environments, tokens, questions, export, backup → JSON, or a problem
//! ```
#![doc = include_str!("README.md")]

mod ask;
#[cfg(test)]
pub(crate) mod fuzz;
mod http;
mod listener;
#[cfg(feature = "mcp")]
mod mcp;
mod operations;
#[cfg(feature = "dashboard")]
mod pages;
mod state;
mod v1;
pub(crate) mod webhooks;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use ::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::http::caller::{CLI_AGENT, MCP_AGENT};
pub use listener::{LIMITS, serve};
pub use operations::{Readiness, Serving};
pub use state::token_file::{AdminToken, AdminTokenError, TOKEN_FILE};

use self::http::caller::Admin;
use self::http::problem::Problem;
use crate::answer::Answers;
use crate::config::{self, ClusterAccess, Webhook};
use crate::log::{AppendError, Log};
use crate::model::act::{Action, Actor};
use crate::model::deploy::Place;
use crate::model::event::EnvironmentName;
use crate::model::registries::Registries;
use crate::model::time::Time;

/// What the control plane is told at start.
pub struct Settings {
    /// Who may use it.
    pub admin_token: AdminToken,
    /// Hosts that requests may name besides loopback and the address that they came to; in lower case.
    pub hosts: Vec<String>,
    /// The host, with its port, under which clients reach the proxy: what pull secrets and commands name.
    pub registry_host: String,
    /// What the images of the registries behind the proxy are called.
    pub registries: Arc<Registries>,
    /// Whether the proxy speaks TLS there.
    pub registry_tls: bool,
    /// Where the workloads of environments are, as far as the settings say.
    pub places: BTreeMap<EnvironmentName, Place>,
    /// How the clusters of environments are reached, where Landfall may.
    pub clusters: BTreeMap<EnvironmentName, ClusterAccess>,
    /// The model that answers what `ask` does not understand, where there is one.
    pub ask: Option<config::AskConfig>,
    /// The forges that may tell of releases.
    pub webhooks: Vec<Webhook>,
    /// When the process started.
    pub started_at: Time,
    /// The proxy's figures for `/status`, without secrets.
    pub proxy_figures: Box<dyn Fn() -> serde_json::Value + Send + Sync>,
}

/// The control plane's state.
pub struct App {
    log: Log,
    registry: Arc<Registry>,
    readiness: Readiness,
    settings: Settings,
    started: Instant,
    /// Held from a change's check to its append, so that no other change comes between.
    changes: Mutex<()>,
    /// Held while a cluster is told, so that one deploy is told whole before another begins.
    applying: Mutex<()>,
    sessions: state::sessions::Sessions,
    deliveries: webhooks::Deliveries,
    feed: v1::news::Feed,
    readers: self::http::stream::Readers,
    limits: state::limits::Limits,
    bodies: state::bodies::Bodies,
    /// What questions are answered from.
    answers: Answers,
    /// The model that answers what `ask` does not understand.
    model: Option<ask::Endpoint>,
}

impl App {
    /// A control plane over this log; `registry` has the counters of every module, `readiness` is what `/readyz` says.
    pub fn new(log: Log, registry: Arc<Registry>, readiness: Readiness, settings: Settings) -> Self {
        let model = settings.ask.as_ref().map(ask::Endpoint::new).transpose().unwrap_or_else(|reason| {
            tracing::error!(reason, "ask.model_url cannot be used; `ask` answers without it");
            None
        });
        Self {
            answers: Answers::new(log.clone()),
            log,
            registry,
            readiness,
            settings,
            model,
            started: Instant::now(),
            changes: Mutex::new(()),
            applying: Mutex::new(()),
            sessions: state::sessions::Sessions::default(),
            deliveries: webhooks::Deliveries::default(),
            feed: v1::news::Feed::default(),
            readers: self::http::stream::Readers::default(),
            limits: state::limits::Limits::default(),
            bodies: state::bodies::Bodies::default(),
        }
    }

    /// Appends a change that `admin` makes; the handler holds [`App::changes`].
    async fn act(&self, admin: &Admin, at: Time, action: Action) -> Result<(), Problem> {
        self.append(admin.actor(), at, action).await
    }

    /// Appends a change that a webhook's sender makes; the handler holds [`App::changes`].
    async fn act_signed(&self, signed: &webhooks::Signed, at: Time, action: Action) -> Result<(), Problem> {
        self.append(signed.actor(), at, action).await
    }

    async fn append(&self, actor: &Actor, at: Time, action: Action) -> Result<(), Problem> {
        self.log.append(action.by(actor.clone(), at)).await.map_err(|error| {
            tracing::error!(%error, "a change was not written");
            match (error, self.log.health().verdict()) {
                (AppendError::Astray, Err(what)) => Problem::log_astray(&what),
                _ => Problem::log_unavailable(),
            }
        })
    }
}

fn router(app: Arc<App>) -> Router {
    let (api, described) = v1::api().routes(routes!(ask::ask)).split_for_parts();
    let api = api.fallback(not_found).method_not_allowed_fallback(method_not_allowed);
    let open = OpenApiRouter::with_openapi(self::http::openapi::head())
        .routes(routes!(operations::healthz))
        .routes(routes!(operations::readyz))
        .routes(routes!(operations::metrics))
        .routes(routes!(operations::status))
        // Who sends these shows a signature in place of a token.
        .routes(routes!(webhooks::github))
        .routes(routes!(webhooks::gitlab));
    let (open, document) = open.split_for_parts();
    let document = self::http::openapi::finished(document.nest("/api/v1", described));
    let here = self::http::in_process::Here::new(api.clone().with_state(app.clone()), document.clone());
    let guarded = Router::new()
        .nest("/api/v1", api)
        // What a language model looks up goes the way of everybody's requests.
        .layer(Extension(here.clone()));
    #[cfg(feature = "mcp")]
    let guarded = guarded.merge(mcp::router(here));
    let guarded = guarded
        .layer(axum::middleware::from_fn_with_state(app.clone(), self::http::auth::guard))
        .layer(axum::middleware::map_response(uncached));
    let all = open.merge(guarded).merge(self::http::openapi::router(self::http::openapi::PATH, document));
    #[cfg(feature = "dashboard")]
    let all = all.merge(pages::router());
    all.fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(app.clone(), self::http::gate::gate))
        .with_state(app)
}

/// Answers change with every pull, and one of them holds a secret: no cache keeps them (RFC 9111 section 5.2.2.5).
async fn uncached(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn not_found() -> Problem {
    Problem::not_found("no such path")
}

async fn method_not_allowed() -> Problem {
    Problem::method_not_allowed()
}

/// A handler's answer.
type Answer = Result<Response, Problem>;

fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    Ok((status, axum::Json(body)).into_response())
}
