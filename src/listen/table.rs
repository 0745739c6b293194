//! Which connections there are, and which of them goes first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::slot::Slot;

/// All idle connections are looked through no more often than this.
const SEARCH_PAUSE: Duration = Duration::from_millis(25);

/// The connections of a listener by their numbers, which tell the order in which they accepted.
#[derive(Default)]
pub(super) struct Table {
    last: u64,
    slots: HashMap<u64, Slot>,
    /// Those that have shown no good token, and the network that they come from, unless that is not known yet.
    strangers: BTreeMap<u64, Option<IpAddr>>,
    networks: HashMap<IpAddr, BTreeSet<u64>>,
    /// Others that were idle when they were last looked through, and since when; the longest idle is the last.
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

    /// A stranger whose network is known now.
    pub(super) fn set_network(&mut self, number: u64, network: Option<IpAddr>) {
        if let (Some(known), Some(network)) = (self.strangers.get_mut(&number), network) {
            *known = Some(network);
            self.networks.entry(network).or_default().insert(number);
        }
    }

    /// A stranger is one no longer.
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

    /// Cuts the network's stranger that has been here longest, if that is at least so long.
    pub(super) fn evict_oldest_of(&mut self, network: IpAddr, at_least: Duration) -> bool {
        let oldest = self.networks.get(&network).and_then(BTreeSet::first).copied();
        let Some(number) = oldest.filter(|number| self.slots[number].age() >= at_least) else { return false };
        self.remove(number).inspect(Slot::abort).is_some()
    }

    /// Cuts the stranger that has been here longest, if there is one. It may be asking, and gets no answer but a 401.
    pub(super) fn evict_oldest_stranger(&mut self) -> bool {
        let oldest = self.strangers.first_key_value().map(|(number, _)| *number);
        oldest.and_then(|number| self.remove(number)).inspect(Slot::abort).is_some()
    }

    /// Cuts the connection that has been idle longest and is no stranger's, if one is idle.
    pub(super) fn evict_longest_idle(&mut self) -> bool {
        loop {
            while let Some((last_active_ms, number)) = self.idle.pop() {
                // A connection that was idle then and is so again became idle after all the others here.
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

    /// Looks through all connections, unless that was just done: it costs more than everything else here.
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

/// Whose address it is: one machine can take any address of its IPv6 /64, so those count as one.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}
