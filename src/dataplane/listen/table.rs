//! Table of a listener's connections and the order in which they are evicted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::slot::Slot;

/// Shortest time between two searches for idle connections.
const SEARCH_PAUSE: Duration = Duration::from_millis(25);

/// Connections by number; numbers grow in order of arrival.
#[derive(Default)]
pub(super) struct Table {
    last: u64,
    slots: HashMap<u64, Slot>,
    /// Strangers and their network, where it is known already.
    strangers: BTreeMap<u64, Option<IpAddr>>,
    networks: HashMap<IpAddr, BTreeSet<u64>>,
    /// Authenticated connections found idle by the last search, with the time of their last activity; the
    /// longest idle comes last.
    idle: Vec<(u64, u64)>,
    searched: Option<Instant>,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn authenticated(&self) -> usize {
        self.slots.len() - self.strangers.len()
    }

    pub(super) fn strangers_of(&self, network: IpAddr) -> usize {
        self.networks.get(&network).map_or(0, BTreeSet::len)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Slot> {
        self.slots.values()
    }

    /// Adds a stranger.
    pub(super) fn add(&mut self, network: Option<IpAddr>, make: impl FnOnce(u64) -> Slot) -> Slot {
        self.last += 1;
        let slot = make(self.last);
        self.slots.insert(self.last, slot.clone());
        self.strangers.insert(self.last, None);
        self.set_network(self.last, network);
        slot
    }

    /// Counts a stranger for its network.
    pub(super) fn set_network(&mut self, number: u64, network: Option<IpAddr>) {
        if let (Some(known), Some(network)) = (self.strangers.get_mut(&number), network) {
            *known = Some(network);
            self.networks.entry(network).or_default().insert(number);
        }
    }

    /// Takes a connection out of the strangers.
    pub(super) fn mark_authenticated(&mut self, number: u64) {
        let Some(Some(network)) = self.strangers.remove(&number) else { return };
        if let Some(numbers) = self.networks.get_mut(&network) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.networks.remove(&network);
            }
        }
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Slot> {
        self.mark_authenticated(number);
        self.slots.remove(&number)
    }

    /// Evicts the network's oldest stranger, if it has been connected for at least `at_least`.
    pub(super) fn evict_oldest_of(&mut self, network: IpAddr, at_least: Duration) -> bool {
        let oldest = self.networks.get(&network).and_then(BTreeSet::first).copied();
        let Some(number) = oldest.filter(|number| self.slots[number].age() >= at_least) else { return false };
        self.remove(number).inspect(Slot::abort).is_some()
    }

    /// Evicts the oldest stranger, if there is one. Its request, if any, would have got a 401 at best.
    pub(super) fn evict_oldest_stranger(&mut self) -> bool {
        let oldest = self.strangers.first_key_value().map(|(number, _)| *number);
        oldest.and_then(|number| self.remove(number)).inspect(Slot::abort).is_some()
    }

    /// Evicts the authenticated connection that has been idle longest, if one is idle.
    pub(super) fn evict_longest_idle(&mut self) -> bool {
        loop {
            while let Some((last_active_ms, number)) = self.idle.pop() {
                // A connection that became active and idle again is younger than all others in the list.
                let is_still_idle = |slot: &&Slot| slot.idle_since_ms() == Some(last_active_ms);
                let slot = self.slots.get(&number).filter(is_still_idle);
                if slot.is_some_and(Slot::abort_if_idle) {
                    self.remove(number);
                    return true;
                }
            }
            if !self.search() {
                return false;
            }
        }
    }

    /// Collects the idle connections, unless that was just done: the search is the most expensive step here.
    fn search(&mut self) -> bool {
        if self.searched.is_some_and(|searched| searched.elapsed() < SEARCH_PAUSE) {
            return false;
        }
        self.searched = Some(Instant::now());
        let others = self.slots.iter().filter(|(number, _)| !self.strangers.contains_key(number));
        let idle = others.filter_map(|(number, slot)| Some((slot.idle_since_ms()?, *number)));
        self.idle.extend(idle);
        self.idle.sort_unstable_by(|a, b| b.cmp(a));
        !self.idle.is_empty()
    }
}

/// Network of an address. One machine can take any address of its IPv6 /64, so those count as one network.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}
