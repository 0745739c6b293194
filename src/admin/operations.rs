//! Health, readiness, metrics and status: open to everybody who reaches the admin listener, so without secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use http::{HeaderName, StatusCode, header};
use prometheus_client::registry::Registry;
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::http::answers::Json;
use crate::admin::http::problem::Problem;
use crate::admin::state::readiness::Readiness;
use crate::admin::state::{Settings, Started};
use crate::clock::now;
use crate::log::Log;
use crate::model::log_time::LogTime;
use crate::model::time::Time;

/// OpenMetrics 1.0, "Overall Structure".
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Steps of the clock that `/status` shows.
const STEPS_SHOWN_MAX: usize = 8;

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
    /// Releases known from images' labels alone, and that it forgot.
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
    /// Seconds since something was made durable; absent if nothing was since the start.
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
    /// Time by the clock after it.
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
pub(super) async fn readyz(State(readiness): State<Readiness>) -> (StatusCode, Json<Ready>) {
    let serving = readiness.check();
    let status = if serving.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let ready = serving.is_ok();
    (status, Json(Ready { ready, checks: [("serving", in_words(serving))].into() }))
}

/// Every module's counters, in the format of OpenMetrics.
#[utoipa::path(get, path = "/metrics", tag = "operations", operation_id = "metrics", security(()),
    responses((status = 200, body = String,
        content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8")))]
pub(super) async fn metrics(
    State(registry): State<Arc<Registry>>,
) -> Result<([(HeaderName, &'static str); 1], String), Problem> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).map_err(|error| {
        tracing::error!(%error, "the metrics cannot be written as text");
        Problem::internal()
    })?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text))
}

/// The whole server in a few figures.
#[utoipa::path(get, path = "/status", tag = "operations", operation_id = "status", security(()),
    responses((status = 200, body = Status)))]
pub(super) async fn status(
    State(log): State<Log>,
    State(settings): State<Arc<Settings>>,
    State(Started(started)): State<Started>,
) -> Json<Status> {
    let view = log.view();
    let now = now();
    let (late, lost) = log.late_and_lost();
    let health = log.health();
    let forgotten = view.state.forgotten();
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        started_at: settings.started_at,
        uptime_s: started.elapsed().as_secs(),
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
        proxy: (settings.proxy_figures)(),
    };
    Json(status)
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
