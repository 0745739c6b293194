//! Metrics of the data plane.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Counters of the data plane; cloning shares them.
#[derive(Clone, Default)]
pub struct Counters {
    pub(super) requests: Family<RequestLabels, Counter>,
    pub(super) blob_bytes: Counter,
    pub(super) spliced: Counter,
    pub(super) resumed: Counter,
    pub(super) broken: Counter,
    pub(super) digest_mismatches: Counter,
    pub(super) refused_tokens: Counter,
    pub(super) upstream_errors: Counter,
    pub(super) learning_dropped: Counter,
    pub(super) connections: Gauge,
    pub(super) whole_bytes: Gauge,
    pub(super) bodies_without_room: Counter,
    pub(super) tls_failures: Counter,
}

/// Labels of the request counter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub(super) route: &'static str,
    pub(super) status: u16,
}

impl Counters {
    /// Registers the counters for `/metrics`.
    pub fn register(&self, registry: &mut Registry) {
        let proxy = registry.sub_registry_with_prefix("landfall_proxy");
        proxy.register("requests", "Requests by route and status", self.requests.clone());
        proxy.register("blob_bytes", "Blob bytes handed to clients", self.blob_bytes.clone());
        proxy.register(
            "transfers_spliced",
            "Blob transfers that went from socket to socket",
            self.spliced.clone(),
        );
        proxy.register(
            "transfers_resumed",
            "Blob transfers resumed after the upstream broke off",
            self.resumed.clone(),
        );
        proxy.register("transfers_broken", "Blob transfers that could not be finished", self.broken.clone());
        proxy.register(
            "digest_mismatches",
            "Manifests and blobs from the upstream that did not match their digest",
            self.digest_mismatches.clone(),
        );
        proxy.register(
            "tokens_refused",
            "Requests with unknown, revoked or expired tokens",
            self.refused_tokens.clone(),
        );
        proxy.register("upstream_errors", "Requests that no upstream answered", self.upstream_errors.clone());
        proxy.register(
            "learning_dropped",
            "Images not fetched in the background because the queue was full",
            self.learning_dropped.clone(),
        );
        proxy.register(
            "whole_body_bytes",
            "Bytes of manifests and other bodies held in memory until clients have taken them",
            self.whole_bytes.clone(),
        );
        proxy.register(
            "bodies_without_room",
            "Bodies that were not read because the memory for them was in use",
            self.bodies_without_room.clone(),
        );
        proxy.register("connections", "Open client connections", self.connections.clone());
        proxy.register("tls_failures", "TLS handshakes that failed", self.tls_failures.clone());
    }

    /// Number of open client connections.
    pub fn connections_open(&self) -> i64 {
        self.connections.get()
    }
}
