//! Nodes of a service: the images that they hold, and their pulls in the order in which these are complete.

mod key;
mod open;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::model::agent::Runtime;
use crate::model::event::{Object, Observation};
use crate::model::oci::{Digest, Tag};
use crate::model::sharded_map::ShardedMap;
use crate::model::time::Time;

use super::content::Contents;
use super::family::Family;
use super::images::Images;
use super::pull::{OpenPulls, answered_digest};
use super::sighting::Sighting;
pub(crate) use key::NodeKey;
use open::{OpenInOrder, OpenKey};

/// Most nodes that are remembered for a service.
const NODES_MAX: usize = 16_384;

/// Longest content, in bytes, that may be a signature's or an attestation's where a node reads one beside an image.
const ASIDE_BYTES_MAX: u64 = 64 * 1024;
/// Most pulls of a service that are open at once; beyond them the first is complete.
const OPEN_MAX: usize = 2 * NODES_MAX;

/// A node, as one service knows it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Node {
    /// The images that it holds, as far as its pulls tell.
    images: Images,
    pulls: OpenPulls,
    /// The manifest that it reads beside an image just now: a signature of it, say.
    aside: Option<Digest>,
    /// Its latest request.
    last_at: Time,
}

/// The nodes of a service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Nodes {
    by_key: ShardedMap<NodeKey, Node>,
    /// Open pulls in the order in which they began, which is the order in which they are complete.
    open: OpenInOrder,
    /// The time when the first of them is complete; none where it is to be looked up again.
    #[serde(skip)]
    due_at: Option<Time>,
    /// The latest time seen.
    clock: Time,
}

/// Facts that came out of a node's request.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestFacts {
    /// The index that a platform manifest turned out to belong to.
    pub(crate) index: Option<Digest>,
    /// The tag under which what was refused was asked for, where it is known.
    pub(crate) refused_tag: Option<Tag>,
    /// The number of nodes that were forgotten to make room.
    pub(super) nodes_forgotten: u64,
}

impl Nodes {
    /// Lets time pass to `at`, if it is not later already. Returns the latest time seen.
    pub(super) fn advance(&mut self, at: Time) -> Time {
        self.clock = self.clock.max(at);
        self.clock
    }

    /// Takes a request into account. `current` is the image that the service runs.
    pub(super) fn request(
        &mut self,
        observation: &Observation,
        runtime: Runtime,
        contents: &Contents,
        current: Option<Digest>,
    ) -> RequestFacts {
        let key = NodeKey::of(observation, runtime);
        let was_first = self.is_first(&key);
        let facts = match (answered_digest(observation), observation.object) {
            (Some(digest), Object::Manifest) => self.manifest(observation, &key, digest, contents, current),
            (answered, _) => self.content(observation, &key, answered),
        };
        if was_first || self.is_first(&key) || facts.nodes_forgotten > 0 {
            self.due_at = None;
        }
        facts
    }

    /// Tells whether the pull that began first is one of this node: its requests change when that is complete.
    fn is_first(&self, key: &NodeKey) -> bool {
        self.open.first().is_some_and(|open| open.node == *key)
    }

    /// Takes a blob, or a refusal, into account.
    fn content(
        &mut self,
        observation: &Observation,
        key: &NodeKey,
        answered: Option<Digest>,
    ) -> RequestFacts {
        // An address that was never answered with a manifest is no node.
        let Some(node) = self.by_key.get_mut(key) else { return RequestFacts::default() };
        node.last_at = node.last_at.max(observation.at);
        let refused_tag = match answered {
            Some(_) if node.aside.is_some() && observation.bytes <= ASIDE_BYTES_MAX => None,
            Some(digest) => {
                node.aside = None;
                node.pulls.blob(observation, digest);
                None
            }
            None => node.pulls.refused(observation),
        };
        RequestFacts { refused_tag, ..RequestFacts::default() }
    }

    /// Takes a manifest that was answered into account, and makes its node known.
    fn manifest(
        &mut self,
        observation: &Observation,
        key: &NodeKey,
        digest: Digest,
        contents: &Contents,
        current: Option<Digest>,
    ) -> RequestFacts {
        let (node, nodes_forgotten) = self.by_key.bounded(key, NODES_MAX, |node| node.last_at);
        node.last_at = node.last_at.max(observation.at);
        if node.aside == Some(digest) {
            return RequestFacts { nodes_forgotten, ..RequestFacts::default() };
        }
        node.aside = None;
        let Node { images, pulls, .. } = node;
        let family = Family::of(digest, contents);
        let under_way = pulls.latest_of(observation.at, |it| family.has(it));
        let guessed = match under_way {
            Some(_) => None,
            None => pulls.reading_index(observation, &digest, images),
        };
        let top = under_way.or(guessed).unwrap_or_else(|| family.image(images, current));
        let retargeted = pulls.retarget(observation.at, top, |part| contents.above(part).contains(&top));
        let open = |first_at, digest| OpenKey { first_at, node: key.clone(), digest };
        if let Some((first_at, before)) = retargeted {
            self.open.remove(&open(first_at, before));
            self.open.insert(open(first_at, top));
        }
        let change = pulls.manifest(observation, top, images);
        if let Some(first_at) = change.replaced {
            self.open.remove(&open(first_at, top));
        }
        if let Some((first_at, digest)) = change.dropped {
            self.open.remove(&open(first_at, digest));
        }
        if let Some(first_at) = change.opened_at {
            self.open.insert(open(first_at, top));
        }
        RequestFacts { index: guessed, refused_tag: None, nodes_forgotten }
    }

    /// Notes that a node reads what is no image beside one: the small content that it asks for next belongs to that.
    pub(super) fn reads_aside(&mut self, key: &NodeKey, digest: Digest) {
        if let Some(node) = self.by_key.get_mut(key) {
            node.aside = Some(digest);
        }
    }

    /// Forgets the pulls of what turned out to be no image.
    pub(super) fn forget_pulls(&mut self, digest: &Digest) {
        let Self { open, by_key, .. } = self;
        open.0.retain(|open| {
            let goes = open.digest == *digest;
            if goes && let Some(node) = by_key.get_mut(&open.node) {
                node.pulls.forget(digest);
            }
            !goes
        });
        self.due_at = None;
    }

    /// Notes that a node holds an image that it need not run. Returns the image, and the number of nodes that were forgotten.
    pub(super) fn prepull(
        &mut self,
        key: &NodeKey,
        family: &Family<'_>,
        current: Option<Digest>,
    ) -> (Digest, u64) {
        let (node, forgotten) = self.by_key.bounded(key, NODES_MAX, |node| node.last_at);
        let image = family.image(&node.images, current);
        node.images.add(image, None);
        if forgotten > 0 {
            self.due_at = None;
        }
        (image, forgotten)
    }

    /// Notes what a node's sighting showed.
    pub(super) fn showed(&mut self, key: &NodeKey, sighting: &Sighting) {
        if let Some(node) = self.by_key.get_mut(key) {
            node.images.add(sighting.digest, Some(sighting.at));
        }
    }

    /// The time when the next pull is complete: the one that began first.
    pub(super) fn due_at(&mut self) -> Option<Time> {
        if self.due_at.is_none() {
            let OpenKey { first_at, node, digest } = self.open.first()?;
            let ends_at = self.by_key.get(node).and_then(|node| node.pulls.ends_at(*first_at, digest));
            self.due_at = Some(ends_at.unwrap_or(*first_at));
        }
        self.due_at
    }

    /// Completes the next pull that is complete by `now` and worked, in the order in which they began: one that lasts
    /// holds up those that began after it.
    pub(super) fn complete_next(&mut self, now: Time) -> Option<(NodeKey, Sighting)> {
        while self.open.0.len() > OPEN_MAX || self.due_at().is_some_and(|due_at| due_at < now) {
            let OpenKey { first_at, node: key, digest } = self.open.pop_first()?;
            self.due_at = None;
            let Some(Node { images, pulls, .. }) = self.by_key.get_mut(&key) else { continue };
            if let Some(sighting) = pulls.complete(&key.client, first_at, &digest, images) {
                return Some((key, sighting));
            }
        }
        None
    }

    /// Takes the pulls that are open, in the order in which they began: for a copy that only answers a question.
    pub(super) fn take_open(&mut self) -> VecDeque<OpenKey> {
        self.due_at = None;
        std::mem::take(&mut self.open.0)
    }

    /// The sighting that an open pull is at `now`, should nothing more happen.
    pub(super) fn sighting_as_of(&self, open: &OpenKey, now: Time) -> Option<Sighting> {
        let Node { images, pulls, .. } = self.by_key.get(&open.node)?;
        pulls.as_of(&open.node.client, open.first_at, &open.digest, images, now)
    }

    /// Tells whether no pull is open.
    pub(super) fn are_idle(&self) -> bool {
        self.open.0.is_empty()
    }

    /// The images of each node.
    pub(super) fn images(&self) -> impl Iterator<Item = &Images> {
        self.by_key.values().map(|node| &node.images)
    }

    /// Tells whether a node has an image, or pulls it.
    pub(super) fn know(&self, digest: &Digest) -> bool {
        self.open.0.iter().any(|open| open.digest == *digest)
            || self.images().any(|images| images.holds(digest))
    }

    /// The number of nodes that are remembered.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }
}
