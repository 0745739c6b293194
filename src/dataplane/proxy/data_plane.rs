//! The parts that all requests share: the log, the upstreams, budgets, permits and counters.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Settings;
use super::budget::BodyBudget;
use super::buffers::BufferPermits;
use super::counters::Counters;
use super::learn::Learner;
use super::observe::{PendingObservation, ResponseSummary};
use super::splice::Pipes;
use super::upstream::Upstreams;
use super::verification::VerifiedBlobs;
use crate::deadline::Deadlines;
use crate::listen::TrustedProxies;
use crate::log::Log;

/// The data plane behind all listeners.
pub struct Proxy {
    pub(super) log: Log,
    pub(super) upstreams: Upstreams,
    pub(super) learner: Learner,
    pub(super) counters: Counters,
    pub(super) settings: Settings,
    pub(super) trusted: TrustedProxies,
    pub(super) max_wait: Deadlines,
    pub(super) whole_body: Deadlines,
    pub(super) bodies: BodyBudget,
    /// Buffer permits for blobs that are streamed.
    pub(super) buffers: BufferPermits,
    pub(super) verified: Arc<VerifiedBlobs>,
    pub(super) pipes: Pipes,
    /// Registries that clients have named, that have no upstream, and that were logged.
    pub(super) unknown_registries: Mutex<BTreeSet<String>>,
}

impl Proxy {
    /// Assembles the data plane. `trusted` proxies may name their clients. Must be called in a tokio runtime,
    /// because it spawns the learner.
    pub fn new(log: Log, upstreams: Upstreams, trusted: TrustedProxies, settings: Settings) -> Self {
        let counters = Counters::default();
        let learner = Learner::start(log.clone(), counters.clone());
        let verified = VerifiedBlobs::new(settings.verify);
        let (max_wait, whole_body) = (Deadlines::new(settings.max_wait), Deadlines::new(settings.whole_body));
        let pipes = Pipes::new(if settings.splice { settings.pipes_max } else { 0 });
        let bodies = BodyBudget::new(counters.whole_bytes.clone());
        Self {
            log,
            upstreams,
            learner,
            counters,
            settings,
            trusted,
            max_wait,
            whole_body,
            bodies,
            buffers: BufferPermits::new(),
            verified,
            pipes,
            unknown_registries: Mutex::default(),
        }
    }

    /// Metrics of the data plane.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Records an observation without waiting for durability.
    pub(super) fn record(&self, pending: Option<PendingObservation>, summary: ResponseSummary) {
        if let Some(pending) = pending {
            drop(self.log.record(pending.complete(summary)));
        }
    }
}
