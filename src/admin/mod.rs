//! The control plane: reads snapshots of the log's fold, sends changes to the log, and never touches an image's bytes.
//!
//! ```text
//! listener → gate → guard → environments, tokens, questions, export, backup → JSON, or a problem
//! ```
#![doc = include_str!("README.md")]

mod admin_tokens;
mod apply;
mod ask;
mod audit;
mod auth;
mod backup;
mod bodies;
mod caller;
mod deploys;
mod environments;
mod events;
mod export;
mod feed;
mod fields;
#[cfg(test)]
pub(crate) mod fuzz;
mod gate;
mod here;
mod instructions;
mod limits;
mod listener;
#[cfg(feature = "mcp")]
mod mcp;
mod open;
mod openapi;
mod params;
mod problem;
mod questions;
mod random;
mod releases;
mod sessions;
mod stream;
mod token_file;
mod tokens;
#[cfg(feature = "dashboard")]
mod web;
pub(crate) mod webhooks;
mod whoami;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use http::{HeaderValue, StatusCode, header};
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use caller::{CLI_AGENT, MCP_AGENT};
pub use listener::{LIMITS, serve};
pub use open::{Readiness, Serving};
pub use token_file::{AdminToken, AdminTokenError, TOKEN_FILE};

use crate::answer::Answers;
use crate::clock;
use crate::config::{self, ClusterAccess, Webhook};
use crate::log::{AppendError, Log, View};
use crate::model::act::{Action, Actor};
use crate::model::deploy::Place;
use crate::model::event::EnvironmentName;
use crate::model::registries::Registries;
use crate::model::time::Time;
use caller::Admin;
use problem::Problem;

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
    /// Held while a webhook's delivery is taken, so that none is taken twice.
    delivering: Mutex<()>,
    /// Held while a cluster is told, so that one deploy is told whole before another begins.
    applying: Mutex<()>,
    sessions: sessions::Sessions,
    deliveries: webhooks::Deliveries,
    feed: feed::Feed,
    readers: stream::Readers,
    limits: limits::Limits,
    bodies: bodies::Bodies,
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
            delivering: Mutex::new(()),
            applying: Mutex::new(()),
            sessions: sessions::Sessions::default(),
            deliveries: webhooks::Deliveries::default(),
            feed: feed::Feed::default(),
            readers: stream::Readers::default(),
            limits: limits::Limits::default(),
            bodies: bodies::Bodies::default(),
        }
    }

    /// Appends a change that `admin` decides on by the latest view, if no other came between; see [`Log::decide`]. Returns
    /// what was decided besides.
    async fn decide<T>(
        &self,
        admin: &Admin,
        decide: impl FnMut(&View, Time) -> Result<(Option<Action>, T), Problem>,
    ) -> Result<T, Problem> {
        self.decide_as(admin.actor(), decide).await
    }

    /// As [`App::decide`], for a webhook's sender.
    async fn decide_signed<T>(
        &self,
        signed: &webhooks::Signed,
        decide: impl FnMut(&View, Time) -> Result<(Option<Action>, T), Problem>,
    ) -> Result<T, Problem> {
        self.decide_as(signed.actor(), decide).await
    }

    async fn decide_as<T>(
        &self,
        actor: &Actor,
        mut decide: impl FnMut(&View, Time) -> Result<(Option<Action>, T), Problem>,
    ) -> Result<T, Problem> {
        let decided = self.log.decide(|view| {
            let at = clock::now();
            let (action, decided) = decide(view, at)?;
            Ok((action.map(|action| action.by(actor.clone(), at)), decided))
        });
        decided.await.map_err(|error| self.unwritten(error))?
    }

    /// Appends a change that `admin` makes, whatever else is changed.
    async fn act(&self, admin: &Admin, at: Time, action: Action) -> Result<(), Problem> {
        let appended = self.log.append(action.by(admin.actor().clone(), at)).await;
        appended.map_err(|error| self.unwritten(error))
    }

    fn unwritten(&self, error: AppendError) -> Problem {
        tracing::error!(%error, "a change was not written");
        match (error, self.log.health().verdict()) {
            (AppendError::Astray, Err(what)) => Problem::log_astray(&what),
            _ => Problem::log_unavailable(),
        }
    }
}

/// What stands below `/api/v1` for whoever the guard let through, and what it says about itself.
fn api() -> (Router<Arc<App>>, utoipa::openapi::OpenApi) {
    let (api, described) = OpenApiRouter::new()
        .routes(routes!(environments::list, environments::create))
        .routes(routes!(environments::show, environments::update, environments::delete))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(tokens::rotate))
        .routes(routes!(questions::running))
        .routes(routes!(questions::timeline))
        .routes(routes!(questions::local))
        .routes(routes!(questions::deployment))
        .routes(routes!(questions::evidence))
        .routes(routes!(questions::missing))
        .routes(routes!(questions::history))
        .routes(routes!(questions::changes))
        .routes(routes!(questions::compare))
        .routes(routes!(questions::verify))
        .routes(routes!(questions::search))
        .routes(routes!(ask::ask))
        .routes(routes!(releases::list, releases::create))
        .routes(routes!(releases::show))
        .routes(routes!(deploys::create))
        .routes(routes!(deploys::show))
        .routes(routes!(deploys::list))
        .routes(routes!(admin_tokens::list, admin_tokens::create))
        .routes(routes!(admin_tokens::revoke))
        .routes(routes!(whoami::caller))
        .routes(routes!(audit::audit))
        .routes(routes!(events::events))
        .routes(routes!(export::export))
        .routes(routes!(backup::backup))
        .split_for_parts();
    let api = api.fallback(not_found).method_not_allowed_fallback(method_not_allowed);
    (api, described)
}

fn router(app: Arc<App>) -> Router {
    let (api, described) = api();
    let open = OpenApiRouter::with_openapi(openapi::head())
        .routes(routes!(open::healthz))
        .routes(routes!(open::readyz))
        .routes(routes!(open::metrics))
        .routes(routes!(open::status))
        // Who sends these shows a signature in place of a token.
        .routes(routes!(webhooks::github))
        .routes(routes!(webhooks::gitlab));
    let (open, document) = open.split_for_parts();
    let document = openapi::finished(document.nest("/api/v1", described));
    let here = here::Here::new(api.clone().with_state(app.clone()), document.clone());
    let guarded = Router::new()
        .nest("/api/v1", api)
        // What a language model looks up goes the way of everybody's requests.
        .layer(Extension(here.clone()));
    #[cfg(feature = "mcp")]
    let guarded = guarded.merge(mcp::router(here));
    let guarded = guarded
        .layer(axum::middleware::from_fn_with_state(app.clone(), auth::guard))
        .layer(axum::middleware::map_response(uncached));
    let all = open.merge(guarded).merge(openapi::router(openapi::PATH, document));
    #[cfg(feature = "dashboard")]
    let all = all.merge(web::router());
    all.fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(app.clone(), gate::gate))
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
