//! The runtimes of an environment's nodes: who asks beside them is no node.
//!
//! containerd and CRI-O run nodes. A Docker daemon and podman run servers, but people's machines and CI as well, and with
//! the same token nothing in a request tells them apart: what the other addresses of the environment run does.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::agent::Runtime;
use crate::model::sharded_map::fnv;
use crate::model::time::{Span, Time};

/// An address that was silent for so long may be gone.
const GONE: Span = Span::from_mins(30 * 24 * 60);

/// The times of addresses are kept to so much, so that few requests change anything.
const HEARD_AGAIN: Span = Span::from_mins(60);

/// Most addresses of a kind that are remembered; more are many.
const ADDRESSES_MAX: usize = 64;

/// The addresses of an environment that ask as its nodes, by the kind of their runtime.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Runtimes {
    /// Those of clusters: containerd, CRI-O, and the mirrors in front of them.
    cluster: Addresses,
    docker: Addresses,
    podman: Addresses,
}

/// Addresses, each with the latest time that it was heard. They are counted and never named, so their hashes do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Addresses {
    heard_at: BTreeMap<u64, Time>,
    /// The latest time that an address was heard for which there is no room.
    more_at: Option<Time>,
}

impl Runtimes {
    /// Tells what speaks against a node with this runtime, if anything does. A runtime of clusters is always a node. A Docker
    /// daemon or podman is one unless more addresses ask with a runtime of clusters, or with the other of the two.
    pub(super) fn doubt(&self, runtime: Runtime, now: Time) -> Option<&'static str> {
        let (own, other, beside) = match runtime {
            Runtime::Containerd | Runtime::Crio | Runtime::Mirror => return None,
            Runtime::Docker => (&self.docker, &self.podman, "a Docker daemon where nodes run podman"),
            Runtime::Podman => (&self.podman, &self.docker, "podman where nodes run Docker"),
        };
        let (own, other) = (own.count(now), other.count(now));
        if self.cluster.count(now) > own + other {
            return Some("a Docker daemon or podman where nodes run containerd or CRI-O");
        }
        (other > own).then_some(beside)
    }

    /// Notes that a manifest went to a node.
    pub(super) fn hear(self: &mut Arc<Self>, runtime: Runtime, client: &str, at: Time) {
        let client = fnv(client.as_bytes());
        if !self.of(runtime).has_heard(client, at) {
            Arc::make_mut(self).of_mut(runtime).hear(client, at);
        }
    }

    fn of(&self, runtime: Runtime) -> &Addresses {
        match runtime {
            Runtime::Containerd | Runtime::Crio | Runtime::Mirror => &self.cluster,
            Runtime::Docker => &self.docker,
            Runtime::Podman => &self.podman,
        }
    }

    fn of_mut(&mut self, runtime: Runtime) -> &mut Addresses {
        match runtime {
            Runtime::Containerd | Runtime::Crio | Runtime::Mirror => &mut self.cluster,
            Runtime::Docker => &mut self.docker,
            Runtime::Podman => &mut self.podman,
        }
    }
}

impl Addresses {
    /// The number of addresses that are not gone.
    fn count(&self, now: Time) -> usize {
        let is_there = |at: &Time| now.since(*at) <= GONE;
        let more = usize::from(self.more_at.as_ref().is_some_and(is_there));
        self.heard_at.values().filter(|at| is_there(at)).count() + more
    }

    /// Tells whether hearing `client` changes nothing.
    fn has_heard(&self, client: u64, at: Time) -> bool {
        let known = self.heard_at.get(&client).copied();
        let is_full = self.heard_at.len() >= ADDRESSES_MAX;
        let last = known.or(self.more_at.filter(|_| is_full));
        last.is_some_and(|last| at.since(last) <= HEARD_AGAIN)
    }

    fn hear(&mut self, client: u64, at: Time) {
        if self.heard_at.len() >= ADDRESSES_MAX && !self.heard_at.contains_key(&client) {
            self.heard_at.retain(|_, heard_at| at.since(*heard_at) <= GONE);
        }
        if self.heard_at.len() < ADDRESSES_MAX || self.heard_at.contains_key(&client) {
            self.heard_at.insert(client, at);
        } else {
            self.more_at = Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_bounded_and_those_that_are_gone_make_room() {
        let at = |hours: i64| Time::from_ms(hours * 3_600_000);
        let mut runtimes = Arc::<Runtimes>::default();
        for number in 0..10_000_i64 {
            runtimes.hear(Runtime::Containerd, &format!("10.0.{number}"), at(number / 100));
        }
        assert_eq!(runtimes.cluster.heard_at.len(), ADDRESSES_MAX);
        assert_eq!(runtimes.cluster.count(at(100)), ADDRESSES_MAX + 1);
        assert_eq!(runtimes.cluster.count(at(100 + 31 * 24)), 0);
        runtimes.hear(Runtime::Containerd, "new", at(100 + 31 * 24));
        assert_eq!(runtimes.cluster.heard_at.len(), 1);
    }
}
