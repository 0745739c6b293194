//! Health of a registry, as the last check found it.

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use serde::Serialize;
use tokio::sync::Notify;

use crate::clock;
use crate::model::time::Time;

/// Health of one registry.
pub(super) struct Health {
    report: Mutex<HealthReport>,
    pub(super) check_requested: Notify,
    pub(super) up: Family<UpstreamLabels, Gauge>,
}

/// Health of one registry, as it is published. Has no secrets.
#[derive(Clone, Debug, Serialize)]
pub struct HealthReport {
    /// The upstream's `prefix`.
    pub prefix: String,
    /// The registry's `host:port`, as in its URL.
    pub host: String,
    /// Whether the registry can be pulled from.
    pub state: HealthState,
    /// Time of the last change of `state`.
    pub since: Time,
    /// Time of the last check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Time>,
    /// Problem and remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Whether a registry can be pulled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// Not checked yet.
    Unknown,
    /// The registry answers and accepts Landfall's credentials.
    Ok,
    /// The registry cannot be pulled from.
    Failing,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct UpstreamLabels {
    prefix: String,
    host: String,
}

/// Gauge of the registries that can be pulled from.
pub(super) type UpGauge = Family<UpstreamLabels, Gauge>;

impl Health {
    pub(super) fn new(prefix: &str, host: String, up: &UpGauge) -> Self {
        let (state, since) = (HealthState::Unknown, clock::now());
        let report =
            HealthReport { prefix: prefix.to_owned(), host, state, since, checked_at: None, error: None };
        Self { report: Mutex::new(report), check_requested: Notify::new(), up: up.clone() }
    }

    /// Requests a check soon, after a request without an answer.
    pub(super) fn request_check(&self) {
        self.check_requested.notify_one();
    }

    /// The last check's result.
    pub(super) fn report(&self) -> HealthReport {
        self.report.lock().clone()
    }

    /// Records the result of a check and logs changes.
    pub(super) fn record(&self, found: Result<Option<String>, String>) -> HealthState {
        let (state, error) = match found {
            Ok(problem) => (HealthState::Ok, problem),
            Err(problem) => (HealthState::Failing, Some(problem)),
        };
        let now = clock::now();
        let mut report = self.report.lock();
        if (report.state, &report.error) != (state, &error) {
            let (upstream, host) = (&report.prefix, &report.host);
            match (state, &error) {
                (HealthState::Failing, error) => {
                    tracing::warn!(upstream, host, error, "the registry cannot be pulled from");
                }
                (_, Some(error)) => {
                    tracing::warn!(upstream, host, error, "the registry can be pulled from for now");
                }
                (_, None) => tracing::info!(upstream, host, "the registry can be pulled from"),
            }
        }
        if report.state != state {
            report.since = now;
        }
        (report.state, report.error, report.checked_at) = (state, error, Some(now));
        let labels = UpstreamLabels { prefix: report.prefix.clone(), host: report.host.clone() };
        self.up.get_or_create(&labels).set(i64::from(state == HealthState::Ok));
        state
    }
}
