//! Open pulls of a service, in the order in which they began.

use std::cmp::Ordering;
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::NodeKey;
use crate::model::oci::Digest;
use crate::model::time::Time;

/// An open pull: its beginning, its node and its image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenKey {
    pub(super) first_at: Time,
    pub(crate) node: NodeKey,
    pub(super) digest: Digest,
}

impl Ord for OpenKey {
    /// By the beginning. Of those that began together, by what people see of them.
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, two) = (&self.node, &other.node);
        let place = self.first_at.cmp(&other.first_at).then_with(|| one.client.cmp(&two.client));
        place.then(one.runtime.cmp(&two.runtime)).then_with(|| self.digest.cmp(&other.digest))
    }
}

impl PartialOrd for OpenKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Open pulls in order. A pull that begins is the latest but for the jitter, and the first is complete first, so both ends of a queue
/// are all that most changes touch.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct OpenInOrder(pub(super) VecDeque<OpenKey>);

impl OpenInOrder {
    pub(super) fn insert(&mut self, key: OpenKey) {
        let before = self.0.iter().rposition(|it| *it <= key);
        if before.is_none_or(|before| self.0[before] != key) {
            self.0.insert(before.map_or(0, |before| before + 1), key);
        }
    }

    pub(super) fn remove(&mut self, key: &OpenKey) {
        if let Ok(place) = self.0.binary_search(key) {
            self.0.remove(place);
        }
    }

    pub(super) fn first(&self) -> Option<&OpenKey> {
        self.0.front()
    }

    pub(super) fn pop_first(&mut self) -> Option<OpenKey> {
        let first = self.0.pop_front();
        if self.0.is_empty() {
            self.0 = VecDeque::new(); // a rollout is over: until the next there are few
        }
        first
    }
}
