//! The word of witnesses: what it decides of the rollouts of a service. The rule, by number, is that of README.md (18).

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::deployments::candidate::Candidate;
use crate::model::deployments::current::Current;
use crate::model::deployments::images::Images;
use crate::model::deployments::lineage::Lineage;
use crate::model::deployments::past::{Outcome, PastRollout};
use crate::model::deployments::rollout::{Rollout, TaggedDigest};
use crate::model::deployments::rollouts::{CANDIDATES_MAX, Facts, Rollouts};
use crate::model::deployments::rule::Rule;
use crate::model::deployments::sighting::{Grade, Shows, Sighting};
use crate::model::deployments::size::Size;
use crate::model::oci::{Digest, Tag};
use crate::model::time::{Span, Time};

/// Past deployments that are looked through for those of two images.
const LOOKED_THROUGH: usize = 64;

/// The word of witnesses about a service, and its news.
pub(in crate::model::deployments) struct Word {
    /// The time.
    pub(super) at: Time,
    /// The images that run, in the order of their digests.
    pub(super) shares: Vec<Share>,
    /// The number of containers that are wanted, as far as witnesses told.
    pub(super) wanted: u32,
    /// The images that pulls showed to run beside the service.
    pub(in crate::model::deployments) beside: BTreeSet<Digest>,
    /// The images that workloads run now and did not run before.
    pub(super) came: Vec<Came>,
}

/// An image, and how much of the service runs it.
pub(super) struct Share {
    pub(super) digest: Digest,
    pub(super) tag: Option<Tag>,
    pub(super) running: u32,
    pub(super) ready: u32,
    pub(super) nodes: u32,
}

/// A workload runs an image that it did not run before.
pub(super) struct Came {
    /// The workload, as evidence names it.
    pub(super) place: Arc<str>,
    pub(super) digest: Digest,
    pub(super) tag: Option<Tag>,
    /// The image that the workload ran before.
    pub(super) from: Option<TaggedDigest>,
    /// It ran nothing before, beside other workloads that did.
    pub(super) is_beside: bool,
    /// Its witness tells of the service for the first time: it may have run long before.
    pub(super) is_first: bool,
    pub(super) at: Time,
}

impl Share {
    pub(super) fn of(digest: Digest) -> Self {
        Self { digest, tag: None, running: 0, ready: 0, nodes: 0 }
    }
}

impl Came {
    /// It as evidence.
    fn sighting(&self) -> Sighting {
        Sighting {
            place: self.place.clone(),
            agent: None,
            digest: self.digest,
            at: self.at,
            tag: self.tag.clone(),
            grade: Grade::Running,
            shows: Shows::Change,
            starts: 0,
            is_shared: false,
            before: Images::default(),
            tried_since: None,
        }
    }
}

impl Word {
    /// The share of an image.
    fn share(&self, digest: &Digest) -> Option<&Share> {
        self.shares.iter().find(|share| share.digest == *digest)
    }

    /// The weight of a share: what is ready, or, where nothing is, what runs.
    fn weight(&self, share: &Share) -> u32 {
        if self.shares.iter().any(|share| share.ready > 0) { share.ready } else { share.running }
    }

    /// The number of containers that have a weight.
    fn whole(&self) -> u32 {
        self.shares.iter().fold(0, |sum, share| sum.saturating_add(self.weight(share)))
    }
}

impl Rollouts {
    /// Lets the word of witnesses decide: what came opens a rollout, what most of the service runs is current, what does
    /// not run is over.
    pub(in crate::model::deployments) fn hear(&mut self, word: &Word, facts: Facts<'_>) {
        for came in &word.came {
            // A witness that begins finds images that came before it: where pulls told of one, nothing is new.
            if !(came.is_first && self.is_known(&came.digest, word)) {
                self.arrive(came, facts);
            }
        }
        self.lead(word, facts);
        self.close_absent(word, facts);
        self.count(word, facts.settle);
    }

    /// Notes that the current image ran until `at` at least, where it is among what `ran` until the word of then.
    pub(in crate::model::deployments) fn saw_until(&mut self, at: Time, ran: &BTreeSet<Digest>) {
        if let Some(current) = self.current.as_mut().filter(|current| ran.contains(&current.rollout.digest)) {
            current.rollout.last_at = current.rollout.last_at.max(at);
        }
    }

    /// Puts the image that was pulled first since nothing ran in place of the current one: nothing else can run.
    pub(in crate::model::deployments) fn revive(&mut self, digest: &Digest, facts: Facts<'_>) {
        let Some(place) = self.candidates.iter().position(|it| it.rollout.digest == *digest) else { return };
        let candidate = self.candidates.remove(place);
        let Some(old) = self.current.take() else { return };
        let at = candidate.rollout.opened_at;
        self.current = Some(Current {
            from: Some(old.rollout.tagged()),
            ran_before: candidate.ran_before,
            rule: Rule::Witness,
            last_progress: candidate.rollout.last_arrival(),
            ..Current::first(candidate.rollout)
        });
        self.add_to_history(old.into_past(at, facts.settle), facts);
    }

    /// Adds a pull of an image that runs to its rollout, as evidence. Returns whether there is one.
    pub(in crate::model::deployments) fn attach(&mut self, sighting: &Sighting) -> bool {
        let has_settled = self
            .current
            .as_ref()
            .is_some_and(|current| current.rollout.digest == sighting.digest && current.settled_at.is_some());
        let Some(rollout) = self.rollout_of(&sighting.digest) else { return false };
        let (opened_at, arrived) = (rollout.opened_at, sighting.arrivals(rollout.opened_at));
        // A node that was seen to run it and one that pulled it are the same.
        let is_further = rollout.nodes.saturating_add(arrived) > rollout.arrivals.total();
        rollout.add(sighting, arrived, is_further && !has_settled);
        // The word of the witness opened it, in whatever order the two are heard of.
        rollout.opened_at = opened_at;
        rollout.was_seen();
        true
    }

    /// The rollout of the current image or of a candidate.
    fn rollout_of(&mut self, digest: &Digest) -> Option<&mut Rollout> {
        let current = self.current.as_mut().map(|current| &mut current.rollout);
        let candidates = self.candidates.iter_mut().map(|candidate| &mut candidate.rollout);
        current.into_iter().chain(candidates).find(|rollout| rollout.digest == *digest)
    }

    /// Tells whether an image was known to run, or to have run, of which there is no rollout now.
    fn is_known(&self, digest: &Digest, word: &Word) -> bool {
        let is_open = self.current.iter().map(|current| &current.rollout.digest);
        let is_open =
            is_open.chain(self.candidates.iter().map(|it| &it.rollout.digest)).any(|it| it == digest);
        let past = self.history.iter().rev().take(LOOKED_THROUGH);
        !is_open && (word.beside.contains(digest) || past.into_iter().any(|it| it.rollout.digest == *digest))
    }

    /// Opens the rollout of an image that a workload came to, or adds that to it.
    fn arrive(&mut self, came: &Came, facts: Facts<'_>) {
        if let Some(rollout) = self.rollout_of(&came.digest) {
            rollout.see(came);
            let told = rollout.told.get_or_insert_default();
            told.is_beside &= came.is_beside;
            return;
        }
        let mut rollout = Rollout::new(came.digest, came.at);
        rollout.see(came);
        let Some(current) = &self.current else {
            self.current = Some(Current::first(rollout));
            return;
        };
        if came.from.as_ref().is_some_and(|from| self.has_followed(&from.digest, &came.digest)) {
            return;
        }
        let told = rollout.told.get_or_insert_default();
        told.from.clone_from(&came.from);
        told.is_beside = came.is_beside || is_of_another_line(came.tag.as_ref(), None);
        let candidate = Candidate::told(rollout, self.history.first_ran_at(&came.digest).is_some());
        if self.candidates.len() == CANDIDATES_MAX {
            let past = self.candidates.remove(0).told_past(&current.rollout, Outcome::Mixed, came.at);
            self.add_to_history(past, facts);
        }
        self.candidates.push(candidate);
    }

    /// Tells whether a workload that moves from one image to another follows the service, which went that way before.
    fn has_followed(&self, from: &Digest, to: &Digest) -> bool {
        let past = || self.history.iter().rev().take(LOOKED_THROUGH).map(|past| &past.rollout);
        let opened_at = |digest: &Digest| {
            let current = self.current.iter().map(|current| &current.rollout);
            current.chain(past()).filter(|it| it.digest == *digest).map(|it| it.opened_at).max()
        };
        opened_at(to).is_some_and(|to| opened_at(from).is_some_and(|from| to > from))
    }

    /// Puts the image in place of the current one that most of the service runs, or that is left of it.
    fn lead(&mut self, word: &Word, facts: Facts<'_>) {
        let Some(current) = self.current.as_ref().map(|current| current.rollout.digest) else { return };
        let is_candidate = |digest: &Digest| self.candidates.iter().any(|it| it.rollout.digest == *digest);
        let rank = |share: &&Share| {
            (word.weight(share), share.running, share.digest == current, is_candidate(&share.digest))
        };
        let Some(leader) = word.shares.iter().max_by_key(rank) else { return };
        // An image that pulls showed beside the service is another program, however many run of it.
        let is_beside = word.beside.contains(&leader.digest) && !is_candidate(&leader.digest);
        let is_most = !is_beside && u64::from(word.weight(leader)) * 2 > u64::from(word.whole());
        if leader.digest == current || word.share(&current).is_some() && !is_most {
            return;
        }
        let place = self.candidates.iter().position(|it| it.rollout.digest == leader.digest);
        let candidate = match place {
            Some(place) => self.candidates.remove(place),
            None => {
                let mut rollout = Rollout::new(leader.digest, word.at);
                rollout.told.get_or_insert_default().is_beside = true;
                rollout.tag.clone_from(&leader.tag);
                Candidate::told(rollout, self.history.first_ran_at(&leader.digest).is_some())
            }
        };
        self.replace(candidate, facts);
    }

    fn replace(&mut self, mut candidate: Candidate, facts: Facts<'_>) {
        let Some(old) = self.current.take() else { return };
        let (at, tag) = (candidate.rollout.opened_at, candidate.rollout.tag.clone());
        let told = candidate.rollout.told.get_or_insert_default();
        // A colour that is left alone is the service. An image that runs under another name beside it never is its way back.
        told.is_beside &= is_of_another_line(tag.as_ref(), old.rollout.tag.as_ref());
        let from = told.from.clone().unwrap_or_else(|| old.rollout.tagged());
        self.current = Some(Current {
            from: Some(from),
            ran_before: candidate.ran_before,
            rule: Rule::Witness,
            last_progress: candidate.rollout.last_arrival(),
            ..Current::first(candidate.rollout)
        });
        self.add_to_history(old.into_past(at, facts.settle), facts);
    }

    /// Closes the candidates that do not run.
    fn close_absent(&mut self, word: &Word, facts: Facts<'_>) {
        let Some(current) = self.current.as_ref().map(|current| current.rollout.clone()) else { return };
        let runs = |candidate: &Candidate| word.share(&candidate.rollout.digest).is_some();
        let (left, gone) = std::mem::take(&mut self.candidates).into_iter().partition(runs);
        self.candidates = left;
        for candidate in gone {
            let past = candidate.told_past(&current, Outcome::Aborted, word.at);
            self.add_to_history(past, facts);
        }
    }

    /// Notes how much runs of each image, and that the current one has settled where it is the only one, and ready.
    fn count(&mut self, word: &Word, settle: Span) {
        let (whole, is_alone) = (word.whole(), word.shares.len() == 1);
        if let Some(current) = &mut self.current {
            current.waits_no_longer(word.at, settle);
        }
        for share in &word.shares {
            let Some(rollout) = self.rollout_of(&share.digest) else { continue };
            let grown = rollout.count(share, whole, word.at);
            if let Some(current) = self.current.as_mut().filter(|it| it.rollout.digest == share.digest) {
                current.is_told(share, word.at, grown);
                if is_alone && share.ready > 0 && share.ready >= word.wanted {
                    current.settled_at.get_or_insert(word.at);
                }
            }
        }
        if let Some(told) = self.current.as_mut().and_then(|current| current.rollout.told.as_mut()) {
            told.is_alone = is_alone;
        }
    }
}

/// Tells whether a tag names another line than that of the service: other words, or a change that is not merged yet.
fn is_of_another_line(tag: Option<&Tag>, service: Option<&Tag>) -> bool {
    let Some(lineage) = tag.map(Lineage::of) else { return false };
    lineage.is_change || service.is_some_and(|service| Lineage::of(service).is_other(&lineage))
}

impl Rollout {
    /// Adds that a workload came to it.
    fn see(&mut self, came: &Came) {
        self.last_at = self.last_at.max(came.at);
        if came.tag.is_some() {
            self.tag.clone_from(&came.tag);
        }
        self.evidence.add(&came.sighting(), true);
        self.told.get_or_insert_default();
    }

    /// Notes how much runs of it. Returns the number of containers that came to it.
    fn count(&mut self, share: &Share, whole: u32, at: Time) -> u32 {
        let told = self.told.get_or_insert_default();
        let grown = share.running.saturating_sub(told.running).max(share.ready.saturating_sub(told.ready));
        told.count(share.ready, share.running, whole, share.nodes);
        self.last_at = self.last_at.max(at);
        self.arrivals.add(at, share.nodes.max(1).saturating_sub(self.arrivals.total().max(self.nodes)));
        if self.tag.is_none() {
            self.tag.clone_from(&share.tag);
        }
        self.was_seen();
        grown
    }
}

impl Current {
    /// Takes what witnesses say of it for what pulls would have shown.
    fn is_told(&mut self, share: &Share, at: Time, grown: u32) {
        if self.settled_at.is_none() && grown > 0 {
            self.last_progress = self.last_progress.max(at);
        }
        self.nodes_hidden = share.nodes.max(1);
        self.size = Size { nodes: self.nodes_hidden, ..Size::unknown(at) };
        (self.expected, self.nodes_to_complete, self.asking) = (0, 0, 0);
        (self.nodes_added, self.nodes_adding, self.pods_hidden, self.pods_before) = (0, 0, 0, [0; 2]);
    }

    /// Notes that it has settled where it was all that ran, some of it ready, and nothing more came for the settle time: the rest
    /// that is wanted is waited for no longer. Where nothing of it is ready it has not, however long it takes.
    fn waits_no_longer(&mut self, now: Time, settle: Span) {
        let waited = self.last_progress + settle;
        let has_run = self.rollout.told.as_ref().is_some_and(|told| told.is_alone && told.ready > 0);
        if has_run && now > waited {
            self.settled_at.get_or_insert(waited);
        }
    }
}

impl Candidate {
    /// An image that a witness saw beside the current one.
    fn told(rollout: Rollout, ran_before: bool) -> Self {
        Self {
            rollout,
            ran_before,
            is_elsewhere: false,
            opened_when_complete: false,
            is_older_than_current: false,
            lone_arrivals: 0,
            nodes_caching: 0,
            nodes_at_opening: 0,
            was_refetched: false,
            unanswered_nodes: 0,
            unanswered_since: None,
            nodes_returned: 0,
            is_noisy: false,
            is_left_over: false,
            nodes_left: 0,
            left_at: None,
            is_kept: false,
        }
    }

    /// The past deployment that it is when it ended without replacing `current`.
    fn told_past(self, current: &Rollout, outcome: Outcome, at: Time) -> PastRollout {
        let from = self.rollout.told.as_ref().and_then(|told| told.from.clone());
        let rule = if self.rollout.told.is_some() { Rule::Witness } else { Rule::Share };
        PastRollout {
            from: Some(from.unwrap_or_else(|| current.tagged())),
            outcome,
            progressed_at: self.rollout.last_arrival(),
            settled_at: None,
            ended_at: at,
            ran_before: self.ran_before,
            rule,
            stragglers: 0,
            expected: 0,
            size: Size::unknown(at),
            rollout: self.rollout.closed(),
        }
    }
}
