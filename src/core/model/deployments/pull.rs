//! Pulls, the first source of sightings: what one node asks about one image, and whether it got it.
//!
//! A pull counts once it is complete: containerd's HEAD may succeed where the GET after it fails, and a manifest may
//! arrive where its layers do not, which shows when they fail and not before. So a pull whose content is due lasts as long
//! as content comes, and a while more. A pull that broke counts for nothing; the next manifest request begins anew, and
//! counts when what broke has come.

mod lacking;
mod parts;
mod refused;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::event::{Method, Object, Observation};
use crate::model::oci::{Digest, Reference, Tag};
use crate::model::time::{Span, Time};

use super::images::Images;
use super::sighting::{Grade, Shows, Sighting};
use lacking::{CONTENT, LONGEST, Lacking};

/// Requests of one node for one image belong together for so long.
pub const PULL: Span = Span::from_secs(60);

/// Observations may be logged out of order by so much.
const JITTER: Span = Span::from_secs(2);

/// A HEAD that no GET follows for so long stands alone: the node has the content already.
const ALONE: Span = Span::from_secs(5);

/// Most pulls of one node and repository that are kept open at once.
const OPEN_MAX: usize = 32;

/// Pulls of one node that are not complete yet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct OpenPulls {
    /// In the order in which they began.
    open: Vec<OpenPull>,
    /// Content that the node lacks of the images that it tried to pull.
    lacking: Lacking,
    /// The time since when several nodes are known to ask from this address: the same layer went there twice at once.
    shared_at: Option<Time>,
}

/// A pull under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct OpenPull {
    /// The top-level digest.
    digest: Digest,
    /// The first request of it.
    first_at: Time,
    /// The latest request of it.
    last_at: Time,
    /// The node did not have the image when it began.
    is_new: bool,
    tag: Option<Tag>,
    /// The program that asked first, as it calls itself.
    agent: Option<Arc<str>>,
    /// The manifest by which it was first heard, as long as nothing else was: within the jitter, its index may come later.
    part: Option<Digest>,
    /// The top-level digest is an index's.
    is_index: bool,
    /// Something else was asked for after it.
    is_followed: bool,
    heads: u32,
    /// The number of times that a runtime began to pull.
    starts: u32,
    /// A manifest was fetched.
    got: bool,
    /// The number of configs and layers that arrived.
    transfers: u32,
    first_layer: Option<Digest>,
    /// The blob that was refused last.
    broken_by: Option<Digest>,
    /// Something in it was refused last.
    broken: bool,
    /// The content that an earlier pull of the image broke by, and that did not come since: the node has the rest.
    awaits: Option<Digest>,
    /// The time since when the node has tried again and again.
    tried_since: Option<Time>,
}

/// A pull that is complete and worked: its tag and its digest can be pulled.
#[derive(Clone, Debug)]
pub(crate) struct CompletedPull {
    pub(crate) tag: Option<Tag>,
    pub(crate) digest: Digest,
    pub(crate) at: Time,
}

impl From<&Sighting> for CompletedPull {
    fn from(sighting: &Sighting) -> Self {
        Self { tag: sighting.tag.clone(), digest: sighting.digest, at: sighting.at }
    }
}

impl OpenPulls {
    /// The pull that a platform manifest belongs to: the node's latest. One that comes later than [`PULL`] belongs to none,
    /// for within the jitter nobody knows whether the pull has ended by then.
    fn latest(&self, at: Time) -> Option<&OpenPull> {
        self.open.iter().rev().find(|open| open.is_within(at))
    }

    /// The pull that a config or a layer belongs to: one that waits for it, else the latest that fetched a manifest and
    /// whose content is due, else the latest.
    fn receiving(&mut self, at: Time, blob: Digest) -> Option<&mut OpenPull> {
        let waits = |open: &OpenPull| at <= open.ends_at() && (open.broken_by.or(open.awaits) == Some(blob));
        let is_due = |open: &OpenPull| at <= open.ends_at() && open.is_content_due();
        let place = self
            .open
            .iter()
            .rposition(waits)
            .or_else(|| self.open.iter().rposition(is_due))
            .or_else(|| self.open.iter().rposition(|open| open.is_within(at)))?;
        self.open.get_mut(place)
    }

    /// Takes a manifest request that was answered into account. `top` is the top-level digest. Returns the pulls that
    /// opened and closed by it. `images` are those that the node holds.
    pub(crate) fn manifest(&mut self, observation: &Observation, top: Digest, images: &Images) -> OpenChange {
        let at = observation.at;
        if let (Method::Get, Some(digest)) = (observation.method, observation.digest) {
            self.came(&digest);
        }
        let mut replaced = None;
        let before = self.open.iter().rfind(|open| open.digest == top);
        let (awaits, tried_since) = (self.lacking.of(&top, at), self.lacking.tried_since(&top, at));
        let is_held = images.holds(&top) || before.is_some_and(OpenPull::stands);
        let found = self.open.iter().rposition(|open| open.digest == top && open.is_within(at));
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
        let is_new = place.is_none();
        let place = place.unwrap_or_else(|| {
            self.open.reserve_exact(1); // of most nodes one is open
            self.open.push(OpenPull { is_new: !is_held, awaits, tried_since, ..OpenPull::new(top, at) });
            self.open.len() - 1
        });
        self.open[place].part = observation.digest.filter(|_| is_new && is_part(observation));
        self.open[place].request(observation);
        let dropped = (self.open.len() > OPEN_MAX).then(|| self.open.remove(0));
        let dropped = dropped.map(|open| (open.first_at, open.digest));
        OpenChange { opened_at: is_new.then_some(at), replaced, dropped }
    }

    /// Takes a blob that arrived into account.
    pub(crate) fn blob(&mut self, observation: &Observation, digest: Digest) {
        let at = observation.at;
        let Some(open) = self.receiving(at, digest) else { return };
        open.last_at = open.last_at.max(at);
        open.is_followed = true;
        if open.broken_by == Some(digest) {
            (open.broken, open.broken_by) = (false, None); // the runtime fetched it again by itself
        }
        let again = open.first_layer == Some(digest) && observation.status == 200 && open.is_within(at);
        open.first_layer.get_or_insert(digest);
        open.transfers = open.transfers.saturating_add(1);
        if again {
            self.shared_at.get_or_insert(at);
        }
        self.came(&digest);
    }

    /// Notes that content came that pulls may have broken by.
    fn came(&mut self, digest: &Digest) {
        self.lacking.came(digest);
        for open in &mut self.open {
            open.awaits = open.awaits.filter(|awaited| awaited != digest);
        }
    }

    /// The end of the pull of `digest` that began at `first_at`, should nothing more of it be heard. What is logged out of
    /// order may still come a little later.
    pub(crate) fn ends_at(&self, first_at: Time, digest: &Digest) -> Option<Time> {
        let open = self.open.iter().find(|open| open.first_at == first_at && open.digest == *digest)?;
        Some(open.ends_at() + JITTER)
    }

    /// Completes the pull of `digest` by `client` that began at `first_at`. None where it broke. `images` are those that the
    /// node holds.
    pub(crate) fn complete(
        &mut self,
        client: &Arc<str>,
        first_at: Time,
        digest: &Digest,
        images: &Images,
    ) -> Option<Sighting> {
        let place = self.open.iter().position(|open| open.first_at == first_at && open.digest == *digest)?;
        let open = self.open.remove(place);
        if self.open.is_empty() {
            self.open = Vec::new(); // most nodes have none open most of the time
        }
        open.stands().then(|| open.into_sighting(client.clone(), self.shared_at, images))
    }

    /// The same as it looks at `now` should nothing more happen, without completing it.
    pub(crate) fn as_of(
        &self,
        client: &Arc<str>,
        first_at: Time,
        digest: &Digest,
        images: &Images,
        now: Time,
    ) -> Option<Sighting> {
        let open = self.open.iter().find(|open| open.first_at == first_at && open.digest == *digest)?;
        let looks_well = open.got || images.holds(digest) || now.since(open.first_at) >= ALONE;
        (open.stands() && looks_well)
            .then(|| open.clone().into_sighting(client.clone(), self.shared_at, images))
    }
}

/// The effect of a manifest request on a node's open pulls.
pub(crate) struct OpenChange {
    /// The beginning of the pull that it opened, if it opened one.
    pub(crate) opened_at: Option<Time>,
    /// The beginning of the broken pull of the same image that this one takes the place of.
    pub(crate) replaced: Option<Time>,
    /// The pull that was forgotten, where too many were open.
    pub(crate) dropped: Option<(Time, Digest)>,
}

impl OpenPull {
    fn new(digest: Digest, first_at: Time) -> Self {
        Self {
            digest,
            first_at,
            last_at: first_at,
            is_new: false,
            tag: None,
            agent: None,
            part: None,
            is_index: false,
            is_followed: false,
            heads: 0,
            starts: 0,
            got: false,
            transfers: 0,
            first_layer: None,
            broken_by: None,
            broken: false,
            awaits: None,
            tried_since: None,
        }
    }

    /// Tells whether a manifest request at `at` may belong to it.
    fn is_within(&self, at: Time) -> bool {
        at.since(self.first_at) <= PULL
    }

    /// Tells whether it counts, as far as it goes: nothing in it was refused last, and what broke before has come.
    fn stands(&self) -> bool {
        !self.broken && self.awaits.is_none()
    }

    /// Tells whether content has to come: the node fetched the manifest of an image that it did not have, or fetched it
    /// before and lacks a part.
    fn is_content_due(&self) -> bool {
        self.got && self.is_new || self.awaits.is_some() || self.broken_by.is_some()
    }

    /// Tells whether its manifest has to come: the node asked for the head of an image that it did not have.
    fn is_manifest_due(&self) -> bool {
        !self.got && self.is_new
    }

    /// The end of it, should nothing more be heard.
    fn ends_at(&self) -> Time {
        let least = self.first_at + PULL;
        if self.is_content_due() || self.is_manifest_due() {
            (self.last_at + CONTENT).min(self.first_at + LONGEST).max(least)
        } else {
            least
        }
    }

    fn request(&mut self, observation: &Observation) {
        self.last_at = self.last_at.max(observation.at);
        self.agent.get_or_insert_with(|| observation.agent.clone());
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
        self.is_followed |= !is_top;
    }

    /// The sighting that it is. `shared_at` is as the node knows it by now; what it learned only after this pull is left
    /// aside.
    fn into_sighting(self, client: Arc<str>, shared_at: Option<Time>, images: &Images) -> Sighting {
        let grade = match (self.transfers, self.got) {
            (1.., _) => Grade::Transfer,
            (0, true) => Grade::Pull,
            (0, false) => Grade::Check,
        };
        let last_at = images.shown_at(&self.digest);
        Sighting {
            place: client,
            agent: self.agent,
            digest: self.digest,
            at: self.first_at,
            tag: self.tag,
            grade,
            shows: last_at.map_or(Shows::Change, |last_at| Shows::Presence { last_at }),
            tried_since: self.tried_since.or_else(|| images.tried_since(&self.digest, self.first_at)),
            starts: self.starts.max(1),
            is_shared: shared_at.is_some_and(|at| at <= self.first_at + PULL),
            before: images.clone(),
        }
    }
}

/// The digest of an answer that is one: 2xx, and for a blob the one that was asked for.
pub(super) fn answered_digest(observation: &Observation) -> Option<Digest> {
    let asked = match observation.reference {
        Reference::Digest(digest) if observation.object == Object::Blob => Some(digest),
        _ => None,
    };
    let is_answer = (200..300).contains(&observation.status);
    if is_answer { observation.digest.or(asked) } else { None }
}

/// The digest of an observed manifest that was answered with 2xx.
pub(super) fn answered_manifest(observation: &Observation) -> Option<Digest> {
    if observation.object == Object::Manifest { answered_digest(observation) } else { None }
}

/// Tells whether it may be a request for what is in an index, after that was asked for.
fn is_part(observation: &Observation) -> bool {
    let by_digest = matches!(observation.reference, Reference::Digest(_));
    by_digest && observation.method == Method::Get
}

/// Tells whether the answer was an index or a manifest list.
pub(crate) fn is_index(observation: &Observation) -> bool {
    let says = |media: &str| media.contains("image.index") || media.contains("manifest.list");
    observation.media_type.as_deref().is_some_and(says)
}
