//! Rollouts: the way in which one image came to a service, from its first sighting on.

use serde::{Deserialize, Serialize};

use crate::model::oci::{Digest, Tag};
use crate::model::time::Time;

use super::arrivals::Arrivals;
use super::block::Blocks;
use super::correction::{Assumption, CORRECTIONS_MAX, Correction, Finding};
use super::evidence::Evidence;
use super::rule::Rule;
use super::sighting::{Grade, Sighting};
use super::witness::Told;

pub use super::tagged::TaggedDigest;

/// The rollout of one image through a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rollout {
    /// The top-level digest.
    pub digest: Digest,
    /// The first evidence.
    pub opened_at: Time,
    /// The latest sighting.
    pub last_at: Time,
    /// The number of nodes that showed it. Behind a shared address each start counts, for the nodes cannot be told apart.
    pub nodes: u32,
    /// The number of pulls.
    pub pulls: u32,
    /// The number of pulls from nodes that held the image already: they ask every time.
    pub checks: u32,
    /// Some of them came from an address that hides several nodes.
    pub is_shared: bool,
    /// The tag it was pulled by last.
    pub tag: Option<Tag>,
    /// The first and the last of the sightings.
    pub evidence: Evidence,
    /// Corrections by later evidence, in order: of this image, and of those that it was confused with.
    pub corrections: Vec<Correction>,
    /// The networks that its nodes lie in.
    pub(super) blocks: Blocks,
    /// The times when nodes came to it, as a part of the rollout.
    pub(crate) arrivals: Arrivals,
    /// The times when runtimes began to pull, as a part of the rollout.
    pub(crate) starts: Arrivals,
    /// Statements of witnesses about it, where there are any.
    pub told: Option<Told>,
}

impl Rollout {
    pub(crate) fn new(digest: Digest, opened_at: Time) -> Self {
        Self {
            digest,
            opened_at,
            last_at: opened_at,
            nodes: 0,
            pulls: 0,
            checks: 0,
            is_shared: false,
            tag: None,
            evidence: Evidence::default(),
            corrections: Vec::new(),
            blocks: Blocks::default(),
            arrivals: Arrivals::default(),
            starts: Arrivals::default(),
            told: None,
        }
    }

    /// Its digest and tag.
    pub(crate) fn tagged(&self) -> TaggedDigest {
        TaggedDigest::new(self.digest, self.tag.clone())
    }

    /// Adds a sighting with which `arrived` nodes came to the image, as a part of the rollout or later.
    pub(crate) fn add(&mut self, sighting: &Sighting, arrived: u32, in_rollout: bool) {
        let is_check = sighting.was_held() && matches!(sighting.grade, Grade::Check | Grade::Pull);
        self.opened_at = self.opened_at.min(sighting.at);
        self.last_at = self.last_at.max(sighting.at);
        self.nodes = self.nodes.saturating_add(arrived);
        self.pulls = self.pulls.saturating_add(sighting.starts);
        self.checks = self.checks.saturating_add(u32::from(is_check));
        self.is_shared |= sighting.is_shared;
        if sighting.tag.is_some() && self.tag != sighting.tag {
            self.tag.clone_from(&sighting.tag);
        }
        if in_rollout {
            self.arrivals.add(sighting.at, arrived);
            self.starts.add(sighting.at, sighting.starts);
        }
        if arrived > 0 {
            self.blocks.add(&sighting.place);
        }
        self.evidence.add(sighting, arrived > 0);
    }

    /// The part that is kept when it is over.
    pub(crate) fn closed(mut self) -> Self {
        self.arrivals.keep_last();
        self.starts.clear();
        self.evidence.close();
        self
    }

    /// Takes a later rollout of the same image for a part of this one.
    pub(crate) fn go_on(&mut self, later: Self) {
        self.last_at = self.last_at.max(later.last_at);
        self.nodes = self.nodes.max(later.nodes);
        self.pulls = self.pulls.saturating_add(later.pulls);
        self.checks = self.checks.saturating_add(later.checks);
        self.is_shared |= later.is_shared;
        self.tag = later.tag.or(self.tag.take());
        self.evidence.go_on(later.evidence);
        later.corrections.into_iter().for_each(|correction| self.correct(correction));
    }

    /// Tells whether a single pull by a single node is all that there ever was of it: a job, an init container, a look at
    /// a change.
    pub fn ran_once(&self) -> bool {
        self.nodes <= 1 && self.pulls <= 1
    }

    /// Tells whether the latest sighting was made at `place`.
    pub(crate) fn is_latest(&self, place: &str) -> bool {
        self.evidence.iter().last().is_some_and(|item| &*item.place == place)
    }

    /// Notes that an earlier assumption was taken back.
    pub(crate) fn correct(&mut self, correction: Correction) {
        if self.corrections.len() == CORRECTIONS_MAX {
            self.corrections.remove(0);
        }
        self.corrections.push(correction);
    }

    /// A correction of what was assumed of this image, found at `at` by `rule`.
    pub(crate) fn correction(&self, at: Time, was: Assumption, now: Finding, rule: Rule) -> Correction {
        let client = self.evidence.iter().next().map(|item| item.place.clone());
        Correction { at, digest: self.digest, tag: self.tag.clone(), client, was, now, rule }
    }

    /// The identity, in 48 bits, of the deployment that this rollout is in the service of that name: the same log gives the same.
    pub(crate) fn identity(&self, service: &str) -> u64 {
        let text = format!("{service}\0{}\0{}", self.digest, self.opened_at.ms());
        let digest = Digest::of(text.as_bytes());
        digest.as_bytes().first_chunk().map_or(0, |first| u64::from_be_bytes(*first) >> 16)
    }

    /// Notes that witnesses saw what its pulls have brought so far.
    pub(super) fn was_seen(&mut self) {
        let (pulls, nodes) = (self.pulls, self.nodes);
        if let Some(told) = &mut self.told {
            told.saw(pulls, nodes);
        }
    }

    /// Tells whether it was pulled since witnesses told of it last, or none ever did.
    pub(super) fn has_news(&self) -> bool {
        self.told.as_ref().is_none_or(|told| self.pulls > told.pulls())
    }

    /// The number of nodes that came to it by pulls that no witness has seen the outcome of.
    pub(super) fn nodes_unseen(&self) -> u32 {
        self.nodes.saturating_sub(self.told.as_ref().map_or(0, Told::pulled_nodes))
    }

    /// Tells whether witnesses saw last that nothing of it is ready, and it was not pulled since.
    pub fn is_unready(&self) -> bool {
        self.told.as_ref().is_some_and(|told| told.running > 0 && told.ready == 0) && !self.has_news()
    }

    /// Tells whether witnesses told of it, none of what ran was ever ready, and no node came to it since.
    pub(super) fn was_never_ready(&self) -> bool {
        self.told.as_ref().is_some_and(|told| told.ready == 0) && !self.has_news()
    }

    /// The latest arrival of a node.
    pub fn last_arrival(&self) -> Time {
        self.arrivals.last().unwrap_or(self.opened_at)
    }
}
