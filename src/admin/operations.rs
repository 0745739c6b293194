//! What is open on the admin listener: health, readiness, metrics, status. No secrets here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::http::problem::Problem;
use crate::admin::{Answer, App, json};
use crate::clock::now;
use crate::model::log_time::LogTime;
use crate::model::time::Time;

/// OpenMetrics 1.0, "Overall Structure".
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Steps of the clock that `/status` shows.
const STEPS_SHOWN_MAX: usize = 8;

/// Whether the proxy lets connections in: all that `/readyz` says. Whatever probes that takes the proxy out of use, so
/// the log is no part of it: pulls go on without it. How the log is, `/status` and the metrics say.
#[derive(Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

/// Ends the readiness when it is dropped: with the task that lets connections in, however that ends.
pub struct Serving(Readiness);

impl Readiness {
    /// Ready, until the answer is dropped or [`Readiness::end`] is called.
    #[must_use]
    pub fn begin(&self) -> Serving {
        self.0.store(true, Ordering::Relaxed);
        Serving(self.clone())
    }

    /// Not ready any more: the server is stopping.
    pub fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    fn check(&self) -> Result<(), String> {
        let is_ready = self.0.load(Ordering::Relaxed);
        is_ready.then_some(()).ok_or_else(|| "no new connection is let in: the server is stopping".to_owned())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.end();
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
    /// Services that it forgot, those that were silent for longest.
    services_forgotten: u64,
    /// Releases that only images' labels told of, and that it forgot.
    releases_forgotten: u64,
    log: LogStatus,
    #[schema(value_type = Object)]
    proxy: serde_json::Value,
}

#[derive(Serialize, ToSchema)]
struct LogStatus {
    entries: u64,
    /// `ok`, or what is wrong in words.
    health: String,
    /// The log's files are those in the data folder. If not, nothing outlives the process, and changes are refused.
    in_place: bool,
    /// The last attempt to write to the journal succeeded. Without it pulls go on untracked.
    writable: bool,
    /// The last attempt to write to the database succeeded. Without it the journal goes on while it has room.
    database_writable: bool,
    /// Room that the journal has left before it needs the database.
    journal_free_bytes: u64,
    /// How long ago something was made durable; absent if nothing was since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    written_s_ago: Option<u64>,
    /// Events that are not what was written, as the slow pass over the log found.
    damaged_events: u64,
    /// Time since that pass last came to the log's end; absent if it did not since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    scrubbed_s_ago: Option<u64>,
    /// Observations that were answered before they were durable.
    late: u64,
    /// Observations that were never written.
    lost: u64,
    /// The latest times that this machine's clock was set, the latest last.
    clock_steps: Vec<ClockStep>,
}

/// This machine's clock was set.
#[derive(Serialize, ToSchema)]
struct ClockStep {
    /// When, by the clock after it.
    at: Time,
    /// Its size in seconds; negative where the clock went back.
    by_s: i64,
    /// It was noticed as it happened, or at the start of the server; else the order of the log shows it, and it was at
    /// least as far.
    measured: bool,
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "operations", operation_id = "healthz", security(()),
    responses((status = 200, body = String, content_type = "text/plain; charset=utf-8")))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Says whether the proxy lets connections in. The log's health is not asked: see `/status`.
#[utoipa::path(get, path = "/readyz", tag = "operations", operation_id = "readyz", security(()),
    responses((status = 200, body = Ready), (status = 503, body = Ready, description = "The server is stopping")))]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Answer {
    let serving = app.readiness.check();
    let status = if serving.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let ready = serving.is_ok();
    json(status, &Ready { ready, checks: [("serving", in_words(serving))].into() })
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
    let health = app.log.health();
    let forgotten = view.state.forgotten();
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        started_at: app.settings.started_at,
        uptime_s: app.started.elapsed().as_secs(),
        environments: view.directory.environments().count(),
        tokens_active: view.directory.environments().map(|one| one.tokens_active(now)).sum(),
        nodes_forgotten: forgotten.nodes,
        services_forgotten: forgotten.services,
        releases_forgotten: forgotten.releases,
        log: LogStatus {
            entries: view.applied,
            health: in_words(health.verdict()),
            in_place: health.astray.is_none(),
            writable: health.writable,
            database_writable: health.database_writable,
            journal_free_bytes: health.journal_free_bytes,
            written_s_ago: health.written_ago.map(|ago| ago.as_secs()),
            damaged_events: health.damaged_events,
            scrubbed_s_ago: health.scrubbed_ago.map(|ago| ago.as_secs()),
            late,
            lost,
            clock_steps: clock_steps(view.state.time()),
        },
        proxy: (app.settings.proxy_figures)(),
    };
    json(StatusCode::OK, &status)
}

fn clock_steps(time: &LogTime) -> Vec<ClockStep> {
    let latest = time.steps().rev().take(STEPS_SHOWN_MAX);
    let mut steps: Vec<ClockStep> = latest
        .map(|step| ClockStep { at: step.at, by_s: step.by.ms() / 1000, measured: step.is_measured })
        .collect();
    steps.reverse();
    steps
}

fn in_words(result: Result<(), String>) -> String {
    result.err().unwrap_or_else(|| "ok".to_owned())
}
