//! The slots of a listener: assignment, eviction, and counts of ended connections.
//!
//! `slot`, `table` and this file import each other: the table holds the slots, and a slot leaves the table when its
//! connection ends.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::ListenerLimits;
use super::slot::{OccupiedSlot, Slot};
use super::table::{Table, network};
use super::trusted_proxies::TrustedProxies;

/// Divisor for the slots that strangers of one network may have. Nodes behind one address that show their
/// tokens do not count.
const NETWORK_SHARE: usize = 4;
/// Divisor for the slots that are reserved for strangers, so that room can always be made.
const STRANGERS_SHARE: usize = 8;
/// Time that a stranger beyond its network's share may stay while slots are free: nodes behind one address
/// may arrive together, and a handshake takes time.
const NEWCOMER_GRACE: Duration = Duration::from_secs(1);
/// Pause before looking for an idle connection again when all have active requests.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// The slots of a listener. A newcomer gets one as long as some connection is idle. Strangers are evicted
/// first, oldest first, then the connection that has been idle longest.
pub struct Slots {
    limits: ListenerLimits,
    trusted_proxies: TrustedProxies,
    started: Instant,
    table: Mutex<Table>,
    freed: Notify,
    /// Connections whose descriptors are in use. An aborted one counts until its task has ended.
    open: AtomicUsize,
    ended: Family<EndedLabels, Counter>,
}

/// Reason why the server ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndedLabels {
    reason: &'static str,
}

const FOR_ITS_NETWORK: EndedLabels = EndedLabels { reason: "too_many_of_one_network" };
const FOR_ROOM: EndedLabels = EndedLabels { reason: "no_room" };
const SILENT: EndedLabels = EndedLabels { reason: "no_request_in_time" };
const STALLED: EndedLabels = EndedLabels { reason: "took_nothing" };
const FLOODING: EndedLabels = EndedLabels { reason: "too_many_frames" };

impl Slots {
    /// Makes slots within `limits`. Connections from trusted proxies stand for many clients and have no share.
    pub fn new(limits: ListenerLimits, trusted_proxies: TrustedProxies) -> Arc<Self> {
        Arc::new(Self {
            limits,
            trusted_proxies,
            started: Instant::now(),
            table: Mutex::default(),
            freed: Notify::new(),
            open: AtomicUsize::new(0),
            ended: Family::default(),
        })
    }

    /// Bounds of the listener.
    pub fn limits(&self) -> &ListenerLimits {
        &self.limits
    }

    /// Registers the counters for `/metrics`.
    pub fn register(&self, registry: &mut Registry, of: &str) {
        let listener = registry.sub_registry_with_prefix(format!("landfall_{of}"));
        let help = "Client connections that the server ended, by reason";
        listener.register("connections_ended", help, self.ended.clone());
    }

    /// Returns a slot for a connection from this address. Waits only while every connection has an active request.
    pub(super) async fn acquire(self: &Arc<Self>, from: IpAddr) -> Slot {
        loop {
            if let Some(slot) = self.try_acquire(from) {
                while self.open.load(Ordering::Acquire) >= self.limits.connections_max {
                    let _ = timeout(RETRY_PAUSE, self.freed.notified()).await;
                }
                return slot;
            }
            // Connections that become idle do not notify; the loop looks again after the pause.
            let _ = timeout(RETRY_PAUSE, self.freed.notified()).await;
        }
    }

    /// A slot for tests of a single connection.
    #[cfg(test)]
    pub(crate) fn single(limits: ListenerLimits) -> Slot {
        use futures_util::FutureExt as _;
        Self::new(limits, TrustedProxies::default())
            .acquire([127, 0, 0, 1].into())
            .now_or_never()
            .expect("all are free")
    }

    fn try_acquire(self: &Arc<Self>, from: IpAddr) -> Option<Slot> {
        let network = (!self.trusted_proxies.contains(from)).then(|| network(from));
        let mut table = self.table.lock();
        self.evict_from(network, &mut table);
        if table.len() >= self.limits.connections_max {
            if !table.evict_oldest_stranger() && !table.evict_longest_idle() {
                return None;
            }
            self.ended.get_or_create(&FOR_ROOM).inc();
        }
        Some(table.add(network, |number| Slot::new(number, self.clone())))
    }

    fn evict_from(&self, network: Option<IpAddr>, table: &mut Table) {
        let Some(network) = network else { return };
        while table.strangers_of(network) >= fraction(self.limits.connections_max, NETWORK_SHARE) {
            let is_full = table.len() >= self.limits.connections_max;
            let stays = if is_full { Duration::ZERO } else { NEWCOMER_GRACE };
            if !table.evict_oldest_of(network, stays) {
                return;
            }
            self.ended.get_or_create(&FOR_ITS_NETWORK).inc();
        }
    }

    pub(super) fn set_client_address(&self, slot: &Slot, address: IpAddr) {
        let network = (!self.trusted_proxies.contains(address)).then(|| network(address));
        let mut table = self.table.lock();
        self.evict_from(network, &mut table);
        table.set_network(slot.number(), network);
    }

    /// Takes a connection out of the strangers, if there is room among the authenticated ones.
    pub(super) fn mark_authenticated(&self, slot: &Slot) -> bool {
        let mut table = self.table.lock();
        let authenticated_max =
            self.limits.connections_max - fraction(self.limits.connections_max, STRANGERS_SHARE);
        if table.authenticated() >= authenticated_max {
            if !table.evict_longest_idle() {
                return false;
            }
            self.ended.get_or_create(&FOR_ROOM).inc();
        }
        table.mark_authenticated(slot.number());
        true
    }

    /// Marks a slot as occupied until the returned value is dropped.
    pub(super) fn occupy(&self, slot: &Slot) -> OccupiedSlot {
        self.open.fetch_add(1, Ordering::AcqRel);
        OccupiedSlot(slot.clone())
    }

    pub(super) fn release(&self, slot: &Slot) {
        self.table.lock().remove(slot.number());
        self.open.fetch_sub(1, Ordering::AcqRel);
        self.freed.notify_one();
    }

    pub(super) fn count_silent(&self) {
        self.ended.get_or_create(&SILENT).inc();
    }

    pub(super) fn count_stalled(&self) {
        self.ended.get_or_create(&STALLED).inc();
    }

    pub(super) fn count_flooding(&self) {
        self.ended.get_or_create(&FLOODING).inc();
    }

    /// Asks every connection to close once it has no active request.
    pub(super) fn close_all(&self) {
        self.table.lock().all().for_each(Slot::close);
    }

    pub(super) fn abort_all(&self) {
        self.table.lock().all().for_each(Slot::abort);
    }

    pub(super) fn started(&self) -> Instant {
        self.started
    }

    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A share of all slots, at least one.
fn fraction(of: usize, part: usize) -> usize {
    (of / part).max(1)
}
