//! The way in which one image came to a service: its first sight, its nodes, its pace.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::oci::{Digest, Tag};
use crate::model::time::{Span, Time};

use super::pull::{Grade, NodeKey, Pull};
use super::verdict::{Assumption, CORRECTIONS_MAX, Correction, Finding, Rule};

/// Arrivals that are kept apart; more than that, and each stands for several.
const ARRIVALS_MAX: usize = 256;

/// Pulls that are kept as evidence: so many from the beginning, and as many from the end.
const EVIDENCE_MAX: usize = 24;

/// The same once the course is over.
const EVIDENCE_MAX_CLOSED: usize = 8;

/// The course of one image through a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rollout {
    /// The top-level digest.
    pub digest: Digest,
    /// The first evidence.
    pub opened_at: Time,
    /// The latest pull.
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
    /// Some of the pulls: the first and the last of them.
    pub evidence: Evidence,
    /// Corrections by later observations, in order: of this image, and of those that it was confused with.
    pub corrections: Vec<Correction>,
    pub(crate) arrivals: Arrivals,
    /// The times when runtimes began to pull.
    pub(crate) starts: Arrivals,
}

/// The names of a course's image.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaggedDigest {
    /// The top-level digest.
    pub digest: Digest,
    tag: Option<Tag>,
}

impl TaggedDigest {
    /// The tag it was pulled by last.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_ref().map(Tag::as_str)
    }
}

/// The first and the last pulls of a course.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Evidence {
    first: Vec<EvidenceItem>,
    last: VecDeque<EvidenceItem>,
}

/// One pull, as evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceItem {
    /// The time when it began.
    pub at: Time,
    /// From where.
    pub client: Arc<str>,
    /// The tag, where one was named.
    pub tag: Option<Tag>,
    /// Its strength as evidence.
    pub grade: Grade,
    /// Whether the node came to the image with this pull.
    pub arrived: bool,
}

/// The times when nodes came to an image, in bounded space.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Arrivals {
    times: Vec<Time>,
    /// For how many arrivals each time stands.
    weight: u32,
    pending: u32,
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
            arrivals: Arrivals::default(),
            starts: Arrivals::default(),
        }
    }

    /// Its digest and tag.
    pub(crate) fn named(&self) -> TaggedDigest {
        TaggedDigest { digest: self.digest, tag: self.tag.clone() }
    }

    /// Adds a pull with which `arrived` nodes came to the image, as a part of its rollout or later.
    pub(crate) fn add(&mut self, pull: &Pull, arrived: u32, held_before: bool, in_rollout: bool) {
        self.opened_at = self.opened_at.min(pull.at);
        self.last_at = self.last_at.max(pull.at);
        self.nodes = self.nodes.saturating_add(arrived);
        self.pulls = self.pulls.saturating_add(pull.starts);
        self.checks = self.checks.saturating_add(u32::from(held_before && pull.grade != Grade::Transfer));
        if pull.tag.is_some() && self.tag != pull.tag {
            self.tag.clone_from(&pull.tag);
        }
        if in_rollout {
            self.arrivals.add(pull.at, arrived);
            self.starts.add(pull.at, pull.starts);
        }
        self.evidence.add(pull, arrived > 0);
    }

    /// The part that is kept when it is over.
    pub(crate) fn closed(mut self) -> Self {
        self.arrivals.times = self.arrivals.times.last().copied().into_iter().collect();
        self.starts.times = Vec::new();
        let Evidence { first, last } = &mut self.evidence;
        last.extend(first.iter().skip(EVIDENCE_MAX_CLOSED).cloned());
        last.make_contiguous().sort_by_key(|seen| seen.at);
        last.drain(..last.len().saturating_sub(EVIDENCE_MAX_CLOSED));
        last.shrink_to_fit();
        first.truncate(EVIDENCE_MAX_CLOSED);
        first.shrink_to_fit();
        self
    }

    /// Whether the latest pull was this node's.
    pub(crate) fn is_latest(&self, node: &NodeKey) -> bool {
        self.evidence.iter().last().is_some_and(|seen| seen.client == node.client)
    }

    /// Notes that an earlier judgement was taken back.
    pub(crate) fn correct(&mut self, correction: Correction) {
        if self.corrections.len() == CORRECTIONS_MAX {
            self.corrections.remove(0);
        }
        self.corrections.push(correction);
    }

    /// A correction: the verdict on this image from `at` on, instead of the earlier one.
    pub(crate) fn correction(&self, at: Time, was: Assumption, now: Finding, rule: Rule) -> Correction {
        let client = self.evidence.iter().next().map(|seen| seen.client.clone());
        Correction { at, digest: self.digest, tag: self.tag.clone(), client, was, now, rule }
    }

    /// The latest arrival of a node.
    pub fn last_arrival(&self) -> Time {
        self.arrivals.times.last().copied().unwrap_or(self.opened_at)
    }
}

impl Evidence {
    fn add(&mut self, pull: &Pull, arrived: bool) {
        let seen = EvidenceItem {
            at: pull.at,
            client: pull.node.client.clone(),
            tag: pull.tag.clone(),
            grade: pull.grade,
            arrived,
        };
        self.note(seen);
    }

    pub(crate) fn note(&mut self, seen: EvidenceItem) {
        if self.first.len() < EVIDENCE_MAX {
            self.first.push(seen);
            return;
        }
        if self.last.len() == EVIDENCE_MAX {
            self.last.pop_front();
        }
        self.last.push_back(seen);
    }

    /// The pulls that are kept, in order.
    pub fn iter(&self) -> impl Iterator<Item = &EvidenceItem> {
        self.first.iter().chain(&self.last)
    }
}

impl Default for Arrivals {
    fn default() -> Self {
        Self { times: Vec::new(), weight: 1, pending: 0 }
    }
}

impl Arrivals {
    fn add(&mut self, at: Time, nodes: u32) {
        for _ in 0..nodes.min(ARRIVALS_MAX as u32) {
            self.pending += 1;
            if self.pending < self.weight {
                continue;
            }
            self.pending = 0;
            self.times.push(at);
            if self.times.len() == ARRIVALS_MAX {
                let mut place = 0;
                self.times.retain(|_| {
                    place += 1;
                    place % 2 == 0
                });
                self.weight *= 2;
            }
        }
    }

    /// The number of nodes that came.
    pub(crate) fn total(&self) -> u32 {
        u32::try_from(self.times.len()).unwrap_or(u32::MAX).saturating_mul(self.weight)
    }

    /// The most nodes that came within any stretch of `length`.
    pub(crate) fn best(&self, length: Span) -> u32 {
        let (mut start, mut most) = (0, 0);
        for (end, &at) in self.times.iter().enumerate() {
            while at.since(self.times[start]) > length {
                start += 1;
            }
            most = most.max(end + 1 - start);
        }
        u32::try_from(most).unwrap_or(u32::MAX).saturating_mul(self.weight)
    }

    /// The longest pause between two arrivals.
    pub(crate) fn longest_pause(&self) -> Span {
        let pauses = self.times.windows(2).map(|pair| pair[1].since(pair[0]));
        pauses.max().unwrap_or_default()
    }
}
