//! Counters of the log.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::model::deployments::Forgotten;

/// Counters of the log.
#[derive(Clone, Default)]
pub(super) struct Counters {
    pub(super) entries: Counter,
    pub(super) commits: Counter,
    pub(super) late: Counter,
    pub(super) lost: Counter,
    pub(super) left_out: Counter,
    pub(super) refusals_counted: Counter,
    pub(super) failures: Counter,
    pub(super) fold_panics: Counter,
    pub(super) clock_steps: Counter,
    pub(super) forgotten: ForgottenGauges,
}

/// Things that the fold forgot to stay within its bounds.
#[derive(Clone, Default)]
pub(super) struct ForgottenGauges {
    services: Gauge,
    nodes: Gauge,
    releases: Gauge,
}

impl ForgottenGauges {
    pub(super) fn show(&self, forgotten: Forgotten) {
        for (gauge, count) in [
            (&self.services, forgotten.services),
            (&self.nodes, forgotten.nodes),
            (&self.releases, forgotten.releases),
        ] {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

impl Counters {
    pub(super) fn register(&self, registry: &mut Registry) {
        let log = registry.sub_registry_with_prefix("landfall_log");
        log.register("entries", "Events that are durable", self.entries.clone());
        log.register("commits", "Synced writes that carried them", self.commits.clone());
        log.register("late", "Answers that went out before their observation was durable", self.late.clone());
        log.register("lost", "Observations that were not written", self.lost.clone());
        log.register(
            "left_out",
            "Observations not written because their token made more than a large cluster does",
            self.left_out.clone(),
        );
        log.register(
            "refusals_counted",
            "Requests with tokens that are not accepted that were counted and not written one by one",
            self.refusals_counted.clone(),
        );
        log.register("failures", "Writes and openings that failed", self.failures.clone());
        let forgotten = &self.forgotten;
        log.register(
            "services_forgotten",
            "Services that were forgotten because an environment had too many, the longest silent first",
            forgotten.services.clone(),
        );
        log.register("nodes_forgotten", "Nodes of services that were forgotten", forgotten.nodes.clone());
        log.register(
            "releases_forgotten",
            "Releases that only labels told of and that were forgotten",
            forgotten.releases.clone(),
        );
        log.register(
            "clock_steps",
            "Times that this machine's clock was set while the log was open, or before that so far back that the log shows it",
            self.clock_steps.clone(),
        );
        log.register("fold_panics", "Events that the fold could not take", self.fold_panics.clone());
    }
}
