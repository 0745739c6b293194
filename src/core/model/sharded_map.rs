//! A map that is cheap to clone and cheap to change: parts that did not change are shared.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Parts of a map. A change copies at most one of them.
const PARTS: usize = 64;

/// A key that belongs to one part, the same on every machine.
pub(crate) trait ShardKey: Ord + Clone {
    /// A number that differs between keys as far as possible; the part is its remainder.
    fn shard_hash(&self) -> u64;
}

/// A bounded map in [`PARTS`] parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(
    serialize = "K: Ord + Serialize, V: Serialize",
    deserialize = "K: Ord + serde::de::DeserializeOwned, V: serde::de::DeserializeOwned"
))]
pub(crate) struct ShardedMap<K, V> {
    parts: Vec<Arc<BTreeMap<K, V>>>,
    count: usize,
}

impl<K, V> Default for ShardedMap<K, V> {
    fn default() -> Self {
        Self { parts: Vec::new(), count: 0 }
    }
}

impl<K: ShardKey, V: Clone> ShardedMap<K, V> {
    fn part(key: &K) -> usize {
        usize::try_from(key.shard_hash() % PARTS as u64).unwrap_or(0)
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.parts.get(Self::part(key))?.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let part = self.parts.get_mut(Self::part(key))?;
        if Arc::strong_count(part) > 1 && !part.contains_key(key) {
            return None; // do not copy a shared part for nothing
        }
        Arc::make_mut(part).get_mut(key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.parts.iter().flat_map(|part| part.iter())
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The value of `key`, made by default where there is none. Once the part of a new key holds `max / PARTS`
    /// values, the half with the lowest `age` goes first. Returns the value and how many went.
    pub(crate) fn bounded<A: Ord>(&mut self, key: &K, max: usize, age: impl Fn(&V) -> A) -> (&mut V, u64)
    where
        V: Default,
    {
        if self.parts.is_empty() {
            self.parts = vec![Arc::default(); PARTS];
        }
        let part = Arc::make_mut(&mut self.parts[Self::part(key)]);
        let mut gone = 0;
        if part.len() >= max / PARTS && !part.contains_key(key) {
            let mut ages: Vec<(A, K)> = part.iter().map(|(key, value)| (age(value), key.clone())).collect();
            ages.sort_unstable();
            ages.truncate(ages.len().div_ceil(2));
            gone = ages.len();
            for (_, key) in ages {
                part.remove(&key);
            }
        }
        let entry = part.entry(key.clone());
        self.count = self.count + usize::from(matches!(entry, Entry::Vacant(_))) - gone;
        (entry.or_default(), gone as u64)
    }
}

/// FNV-1a: quick for the short texts that keys are made of; no defence is needed, for parts are ordered maps.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
