//! What is open on the admin listener: health, readiness, metrics, status. No secrets here.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use super::{Answer, App, json};
use crate::clock::now;
use crate::model::time::Time;

/// OpenMetrics 1.0, "Overall Structure".
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Check = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What has to be well before the server counts as ready. Each check is cheap and never blocks.
#[derive(Default)]
pub struct Readiness(Vec<(&'static str, Check)>);

impl Readiness {
    /// Adds a check; it answers with what is wrong, in words for an operator.
    #[must_use]
    pub fn with(
        mut self,
        name: &'static str,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.0.push((name, Box::new(check)));
        self
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct Ready {
    ready: bool,
    checks: BTreeMap<&'static str, String>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Status {
    version: &'static str,
    started_at: Time,
    uptime_s: u64,
    environments: usize,
    tokens_active: usize,
    /// Nodes that the fold forgot to stay within its bounds.
    nodes_forgotten: u64,
    log: LogStatus,
    #[schema(value_type = Object)]
    proxy: serde_json::Value,
}

#[derive(Serialize, ToSchema)]
struct LogStatus {
    entries: u64,
    health: String,
    /// Observations that were answered before they were durable.
    late: u64,
    /// Observations that were never written.
    lost: u64,
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "operations", operation_id = "healthz", security(()),
    responses((status = 200, body = String, content_type = "text/plain; charset=utf-8")))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Says whether everything is ready, check by check.
#[utoipa::path(get, path = "/readyz", tag = "operations", operation_id = "readyz", security(()),
    responses((status = 200, body = Ready), (status = 503, body = Ready, description = "Something is not ready")))]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Answer {
    let results: Vec<_> = app.readiness.0.iter().map(|(name, check)| (*name, check())).collect();
    let ready = results.iter().all(|(_, result)| result.is_ok());
    let checks = results.into_iter().map(|(name, result)| (name, in_words(result))).collect();
    json(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &Ready { ready, checks })
}

/// Every module's counters, in the format of OpenMetrics.
#[utoipa::path(get, path = "/metrics", tag = "operations", operation_id = "metrics", security(()),
    responses((status = 200, body = String,
        content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8")))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &app.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written as text");
            Problem::internal().into_response()
        }
    }
}

/// The whole server in a few figures.
#[utoipa::path(get, path = "/status", tag = "operations", operation_id = "status", security(()),
    responses((status = 200, body = Status)))]
pub(super) async fn status(State(app): State<Arc<App>>) -> Answer {
    let view = app.log.view();
    let now = now();
    let (late, lost) = app.log.late_and_lost();
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        started_at: app.settings.started_at,
        uptime_s: app.started.elapsed().as_secs(),
        environments: view.directory.environments().count(),
        tokens_active: view.directory.environments().map(|one| one.tokens_active(now)).sum(),
        nodes_forgotten: view.state.forgotten(),
        log: LogStatus { entries: view.applied, health: in_words(app.log.health()), late, lost },
        proxy: (app.settings.proxy_figures)(),
    };
    json(StatusCode::OK, &status)
}

fn in_words(result: Result<(), String>) -> String {
    result.err().unwrap_or_else(|| "ok".to_owned())
}
