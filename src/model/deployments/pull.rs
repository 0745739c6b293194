//! From requests to pulls: what one node asks within a minute about one image, and whether it got it.
//!
//! A pull counts once it is complete: containerd's HEAD may succeed where the GET after it fails, and a manifest may
//! arrive where its layers do not. A pull that broke counts for nothing; the next manifest request begins anew.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::agent::Runtime;
use crate::model::event::{Method, Object, Observation};
use crate::model::oci::{Digest, Reference, Tag};
use crate::model::time::{Span, Time};

use super::shards::{Spread, fnv};

/// Requests of one node for one image belong together for so long.
pub const PULL: Span = Span::from_secs(60);

/// Observations may be logged out of order by so much.
const JITTER: Span = Span::from_secs(2);

/// After so long a pull is complete, whatever is logged out of order.
pub(crate) const COMPLETE: Span = Span::from_ms(PULL.ms() + JITTER.ms());

/// A HEAD that no GET follows for so long stands alone: the node has the content already.
const ALONE: Span = Span::from_secs(5);

/// Most pulls of one node and repository that are kept open at once.
const OPEN_MAX: usize = 8;

/// Most images that are remembered to be on a node, per repository.
const HELD_MAX: usize = 6;

/// A node of a cluster: an address, and which kind of runtime asks from there. Tokens rotate, so they are no part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct NodeKey {
    pub(crate) client: Arc<str>,
    pub(crate) runtime: Runtime,
}

impl Spread for NodeKey {
    fn spread(&self) -> u64 {
        fnv(self.client.as_bytes())
    }
}

/// A node, as one service knows it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Node {
    /// The images that it holds, as far as its pulls tell; the latest that it showed is the last.
    pub(crate) held: Vec<Held>,
    /// Pulls that are not complete yet.
    pub(crate) open: Vec<Open>,
    /// Since when it is known that several nodes ask from this address: the same layer went there twice at once.
    shared_at: Option<Time>,
    /// Its latest request.
    pub(crate) last_at: Time,
}

/// An image on a node.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) digest: Digest,
    /// The latest time that the node showed it; none where it was only pre-pulled.
    pub(crate) shown_at: Option<Time>,
}

/// A pull under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) digest: Digest,
    pub(crate) first_at: Time,
    pub(crate) tag: Option<Tag>,
    is_index: bool,
    heads: u32,
    starts: u32,
    got: bool,
    transfers: u32,
    first_layer: Option<Digest>,
    broken_by: Option<Digest>,
    broken: bool,
}

/// The strength of a pull as evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// A HEAD alone: the node has the image already, and asked whether its tag still says so.
    Check,
    /// The manifest was fetched.
    Pull,
    /// Content came too.
    Transfer,
}

/// A complete pull.
#[derive(Clone, Debug)]
pub(crate) struct Pull {
    pub(crate) node: NodeKey,
    pub(crate) digest: Digest,
    pub(crate) at: Time,
    pub(crate) tag: Option<Tag>,
    /// The number of times that a runtime began to pull: more than one where pods start together or nodes share an address.
    pub(crate) starts: u32,
    /// Several nodes ask from its address.
    pub(crate) is_shared: bool,
    pub(crate) grade: Grade,
}

impl Node {
    /// Whether the node is known to hold `digest`.
    pub(crate) fn holds(&self, digest: &Digest) -> bool {
        self.held.iter().any(|held| held.digest == *digest)
    }

    /// Whether the node has `digest` in its cache because it ran there, or was pre-pulled.
    pub(crate) fn caches(&self, digest: &Digest, was_live: bool) -> bool {
        self.held.iter().any(|held| held.digest == *digest && (was_live || held.shown_at.is_none()))
    }

    /// Whether the node showed `digest` at or after `since`.
    pub(crate) fn showed(&self, digest: &Digest, since: Time) -> bool {
        self.held.iter().any(|held| held.digest == *digest && held.shown_at.is_some_and(|at| at >= since))
    }

    /// Notes that the node holds `digest` now.
    pub(crate) fn hold(&mut self, digest: Digest, shown_at: Option<Time>) {
        let before = self.held.iter().position(|held| held.digest == digest);
        let before = before.and_then(|place| self.held.remove(place).shown_at);
        if self.held.len() >= HELD_MAX {
            self.held.remove(0);
        }
        self.held.push(Held { digest, shown_at: shown_at.max(before) });
    }

    /// The pull that a platform manifest, a config or a layer belongs to: the node's latest. What comes later than
    /// [`PULL`] belongs to none, for within the jitter nobody knows whether the pull has ended by then.
    fn latest(&mut self, at: Time) -> Option<&mut Open> {
        self.open.iter_mut().rev().find(|open| at.since(open.first_at) <= PULL)
    }

    /// The index that the node is just reading, when `observation` asks for a manifest that nobody placed yet:
    /// a platform manifest follows its index at once, by digest, and was not asked for by HEAD before.
    pub(crate) fn reading_index(&mut self, observation: &Observation, digest: &Digest) -> Option<Digest> {
        let by_digest = matches!(observation.reference, Reference::Digest(_));
        if !by_digest || observation.method == Method::Head || is_index(observation) {
            return None;
        }
        let is_known = self.holds(digest) || self.open.iter().any(|open| open.digest == *digest);
        let latest = self.latest(observation.at)?;
        (!is_known && latest.is_index && latest.got).then_some(latest.digest)
    }

    /// Takes a manifest request that was answered into account. `top` is the top-level digest. Returns the start of
    /// the pull when it is a new one, and the start that it replaces.
    pub(crate) fn manifest(&mut self, observation: &Observation, top: Digest) -> Begun {
        let at = observation.at;
        let mut replaced = None;
        let found = self.open.iter().rposition(|open| open.digest == top && at.since(open.first_at) <= PULL);
        // A HEAD that comes after the node went on to another image does not belong to the pull before that: the
        // node came back. Behind a shared address it may as well be another node.
        let found = found.filter(|&place| {
            observation.method == Method::Get
                || self.shared_at.is_some()
                || place + 1 == self.open.len()
                || self.open[place].first_at == at
        });
        let place = match found {
            Some(place) if self.open[place].broken => {
                replaced = Some(self.open.remove(place).first_at);
                None
            }
            found => found,
        };
        let begun = place.is_none();
        let place = place.unwrap_or_else(|| {
            self.open.push(Open::new(top, at));
            self.open.len() - 1
        });
        self.open[place].request(observation);
        let dropped = (self.open.len() > OPEN_MAX).then(|| self.open.remove(0));
        let dropped = dropped.map(|open| (open.first_at, open.digest));
        Begun { at: begun.then_some(at), replaced, dropped }
    }

    /// Takes a blob that arrived into account.
    pub(crate) fn blob(&mut self, observation: &Observation, digest: Digest) {
        let Some(open) = self.latest(observation.at) else { return };
        if open.broken_by == Some(digest) {
            (open.broken, open.broken_by) = (false, None); // the runtime fetched it again by itself
        }
        let again = open.first_layer == Some(digest) && observation.status == 200;
        open.first_layer.get_or_insert(digest);
        open.transfers = open.transfers.saturating_add(1);
        if again {
            self.shared_at.get_or_insert(observation.at);
        }
    }

    /// Takes a refusal into account. Returns the tag under which the image was asked for, where it is known.
    pub(crate) fn refused(&mut self, observation: &Observation) -> Option<Tag> {
        let Reference::Digest(digest) = observation.reference else { return None };
        let is_shared = self.shared_at.is_some();
        let within = |open: &Open| observation.at.since(open.first_at) <= PULL;
        let by_digest = self.open.iter().rposition(|open| open.digest == digest && within(open));
        let open = match by_digest {
            Some(place) if observation.object == Object::Manifest => &mut self.open[place],
            _ => self.latest(observation.at)?,
        };
        // Behind a shared address another node may have succeeded.
        if !(is_shared && open.transfers > 0) {
            open.broken = true;
            open.broken_by = (observation.object == Object::Blob).then_some(digest);
        }
        open.tag.clone()
    }

    /// Ends the pull of `digest` that began at `first_at`. None where it broke.
    pub(crate) fn close(&mut self, node: &NodeKey, first_at: Time, digest: &Digest) -> Option<Pull> {
        let place = self.open.iter().position(|open| open.first_at == first_at && open.digest == *digest)?;
        let open = self.open.remove(place);
        (!open.broken).then(|| open.into_pull(node.clone(), self.shared_at))
    }

    /// The pull of `digest` that began at `first_at`, as it looks at `now` should nothing more happen.
    pub(crate) fn looks(&self, node: &NodeKey, first_at: Time, digest: &Digest, now: Time) -> Option<Pull> {
        let open = self.open.iter().find(|open| open.first_at == first_at && open.digest == *digest)?;
        let stands = open.got || self.holds(digest) || now.since(open.first_at) >= ALONE;
        (!open.broken && stands).then(|| open.clone().into_pull(node.clone(), self.shared_at))
    }
}

/// The effect of a manifest request on a node's open pulls.
pub(crate) struct Begun {
    /// A new pull began.
    pub(crate) at: Option<Time>,
    /// It takes the place of a broken one that began then.
    pub(crate) replaced: Option<Time>,
    /// Too many were open: this one is forgotten.
    pub(crate) dropped: Option<(Time, Digest)>,
}

impl Open {
    fn new(digest: Digest, first_at: Time) -> Self {
        Self {
            digest,
            first_at,
            tag: None,
            is_index: false,
            heads: 0,
            starts: 0,
            got: false,
            transfers: 0,
            first_layer: None,
            broken_by: None,
            broken: false,
        }
    }

    fn request(&mut self, observation: &Observation) {
        let is_top = observation.digest == Some(self.digest);
        if let Reference::Tag(tag) = &observation.reference
            && self.tag.as_ref() != Some(tag)
        {
            self.tag = Some(tag.clone());
        }
        match observation.method {
            Method::Head => {
                self.heads += 1;
                self.starts += 1;
            }
            // CRI-O asks no HEAD: each GET of the top-level manifest is a start.
            Method::Get => {
                self.starts += u32::from(is_top && self.heads == 0);
                self.got = true;
            }
        }
        self.is_index |= is_top && is_index(observation);
    }

    /// `shared_at` as the node knows it by now; what it learned only after this pull is left aside.
    fn into_pull(self, node: NodeKey, shared_at: Option<Time>) -> Pull {
        let grade = match (self.transfers, self.got) {
            (1.., _) => Grade::Transfer,
            (0, true) => Grade::Pull,
            (0, false) => Grade::Check,
        };
        Pull {
            node,
            digest: self.digest,
            at: self.first_at,
            tag: self.tag,
            starts: self.starts.max(1),
            is_shared: shared_at.is_some_and(|at| at <= self.first_at + PULL),
            grade,
        }
    }
}

/// Whether the answer was an index or a manifest list.
pub(crate) fn is_index(observation: &Observation) -> bool {
    let says = |media: &str| media.contains("image.index") || media.contains("manifest.list");
    observation.media_type.as_deref().is_some_and(says)
}
