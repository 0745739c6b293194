//! Names of nodes, as maps look them up.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::agent::Runtime;
use crate::model::event::Observation;
use crate::model::sharded_map::{ShardKey, fnv};

/// A node of a cluster: an address, and the kind of runtime that asks from there. Tokens rotate, so they are no part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(Arc<str>, Runtime)", into = "(Arc<str>, Runtime)")]
pub(crate) struct NodeKey {
    /// That of the address. It stands first in the order: numbers are compared faster than texts that begin alike.
    hash: u64,
    pub(super) client: Arc<str>,
    pub(super) runtime: Runtime,
}

impl NodeKey {
    /// The node that an observation of `runtime` came from.
    pub(crate) fn of(observation: &Observation, runtime: Runtime) -> Self {
        (observation.client.clone(), runtime).into()
    }
}

impl From<(Arc<str>, Runtime)> for NodeKey {
    fn from((client, runtime): (Arc<str>, Runtime)) -> Self {
        Self { hash: fnv(client.as_bytes()), client, runtime }
    }
}

impl From<NodeKey> for (Arc<str>, Runtime) {
    fn from(key: NodeKey) -> Self {
        (key.client, key.runtime)
    }
}

impl ShardKey for NodeKey {
    fn shard_hash(&self) -> u64 {
        self.hash
    }
}
