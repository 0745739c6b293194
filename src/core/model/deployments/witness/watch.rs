//! The watch over a service: what its workloads run, as witnesses told last, and the pulls that show in none of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::deployments::rollout::TaggedDigest;
use crate::model::deployments::sighting::Sighting;
use crate::model::oci::{Digest, Tag};
use crate::model::time::{Span, Time};

use super::runs::{RunningImage, Runs, WorkloadName};
use super::witnesses::{Watching, Witnesses};
use super::word::{Came, Share, Word};

/// Most containers of workloads of a service that are remembered.
const WORKLOADS_MAX: usize = 8_192;

/// Most pulls of images that do not run: the latest.
const PULLED_MAX: usize = 64;

/// A pull of an image that does not run is told for so long.
const PULLED_SPAN: Span = Span::from_mins(24 * 60);

/// A witness's statement about one workload.
pub(in crate::model::deployments) struct Update {
    pub(in crate::model::deployments) witness: Arc<str>,
    pub(in crate::model::deployments) name: WorkloadName,
    pub(in crate::model::deployments) runs: Runs,
}

/// Ways in which nothing of a service runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Absence {
    /// Its workloads do not exist any more.
    Removed,
    /// A workload exists and runs nothing.
    ScaledToZero,
}

/// A workload, and what it runs.
#[derive(Clone, Copy, Debug)]
pub struct WorkloadRuns<'a> {
    /// The witness that says so.
    pub witness: &'a str,
    /// The workload.
    pub name: &'a WorkloadName,
    /// Its images.
    pub runs: &'a Runs,
}

/// Pulls of an image that runs nowhere.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// The image.
    pub digest: Digest,
    /// The tag that it was pulled by.
    pub tag: Option<Tag>,
    /// The first of the pulls.
    pub first_at: Time,
    /// The latest.
    pub last_at: Time,
    /// The number of places that pulled it.
    pub places: u32,
}

/// The watch over a service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Watch {
    workloads: BTreeMap<(Arc<str>, WorkloadName), Runs>,
    /// The witnesses that ever told of it.
    told_by: BTreeSet<Arc<str>>,
    /// Those that told of more workloads than are remembered, and since when: until they tell everything again and it is not
    /// too much, nothing is certain.
    overlong: BTreeMap<Arc<str>, Time>,
    /// Nothing of it runs since then.
    absent: Option<(Absence, Time)>,
    /// Pulls since then that no witness saw the outcome of: the first, and how many.
    revived: Option<(Time, u32)>,
    /// A workload that serves was told of.
    has_served: bool,
    /// Pulls of images that do not run, in the order in which they were made.
    pulled: VecDeque<Sighting>,
}

impl Watch {
    /// The watch over the service at `now`: that of the witnesses which see it run, or, where nothing runs, of all that ever
    /// told of it.
    pub fn watching(&self, witnesses: &Witnesses, now: Time) -> Watching {
        let watching = self.watched_by(witnesses, now);
        match (watching, self.overlong.values().min()) {
            (Watching::Alive { confirmed_at: until } | Watching::Silent { since: until }, Some(since)) => {
                Watching::Silent { since: until.min(*since) }
            }
            _ => watching,
        }
    }

    fn watched_by(&self, witnesses: &Witnesses, now: Time) -> Watching {
        let running = || self.workloads.iter().filter(|(_, runs)| !runs.images.is_empty());
        if running().next().is_some() {
            let mut names: Vec<&Arc<str>> = running().map(|((witness, _), _)| witness).collect();
            names.dedup();
            return witnesses.watching(names.into_iter(), now);
        }
        witnesses.watching(self.told_by.iter(), now)
    }

    /// Takes what witnesses told at `at` into account: all that the witness `full_of` sees, or what changed. `current` is the
    /// image that the service runs as far as was known. There is no word where more was told than is remembered: it would say
    /// that the rest is gone.
    pub(in crate::model::deployments) fn take(
        &mut self,
        updates: Vec<Update>,
        full_of: Option<&Arc<str>>,
        current: Option<&TaggedDigest>,
        at: Time,
    ) -> Option<Word> {
        full_of.map(|witness| self.overlong.remove(witness));
        self.revived = None;
        let mut came = Vec::new();
        let is_first = full_of.is_some_and(|witness| !self.told_by.contains(witness));
        let had = self.serving().filter(|(_, runs)| !runs.images.is_empty()).count();
        for Update { witness, name, runs } in updates {
            let key = (witness, name);
            self.told_by.insert(key.0.clone());
            if !runs.is_gone && !self.has_room_for(&key) {
                self.overlong.entry(key.0).or_insert(at);
                continue;
            }
            if key.1.serves() {
                self.has_served = true;
                let before = self.workloads.get(&key);
                let has_others = had > usize::from(before.is_some_and(|before| !before.images.is_empty()));
                let of_it = arrivals(&key, before, &runs, current, has_others);
                came.extend(of_it.into_iter().map(|came| Came { is_first, ..came }));
            }
            if runs.is_gone {
                self.workloads.remove(&key);
            } else {
                self.workloads.insert(key, runs);
            }
        }
        if !self.overlong.is_empty() {
            return None;
        }
        let shares = self.images();
        if !shares.is_empty() || self.has_gap() {
            self.absent = None;
        } else if self.has_served {
            let exists = self.serving().next().is_some();
            let absence = if exists { Absence::ScaledToZero } else { Absence::Removed };
            let since = self.absent.map_or(at, |(_, since)| since);
            self.absent = Some((absence, since));
        }
        Some(Word { at, shares, came, wanted: self.wanted(), beside: BTreeSet::new() })
    }

    /// The number of containers that workloads which serve want, as far as that was told.
    fn wanted(&self) -> u32 {
        self.serving().filter_map(|(_, runs)| runs.desired).fold(0, u32::saturating_add)
    }

    /// Tells whether nothing of it runs although something is wanted, or tries to: it is neither removed nor scaled to zero.
    pub fn is_gap(&self) -> bool {
        self.revived.is_none() && self.has_gap()
    }

    fn has_gap(&self) -> bool {
        let runs = |(_, runs): (&_, &Runs)| !runs.images.is_empty();
        let tries = |(_, runs): (&_, &Runs)| !runs.troubles.is_empty();
        !self.serving().any(runs) && (self.wanted() > 0 || self.serving().any(tries))
    }

    fn has_room_for(&self, key: &(Arc<str>, WorkloadName)) -> bool {
        self.workloads.len() < WORKLOADS_MAX || self.workloads.contains_key(key)
    }

    /// Tells whether a witness told of more workloads than are remembered.
    pub(in crate::model::deployments) fn is_overlong(&self, witness: &str) -> bool {
        self.overlong.contains_key(witness)
    }

    /// Tells whether a witness told of a container of a workload last that it exists.
    pub(in crate::model::deployments) fn tells_of(&self, witness: &Arc<str>, name: &WorkloadName) -> bool {
        self.workloads.contains_key(&(witness.clone(), name.clone()))
    }

    /// Tells whether a pull of this image is remembered that shows in nothing that runs.
    pub(in crate::model::deployments) fn has_pulled(&self, digest: &Digest) -> bool {
        self.pulled.iter().any(|pull| pull.digest == *digest)
    }

    fn serving(&self) -> impl Iterator<Item = (&(Arc<str>, WorkloadName), &Runs)> {
        self.workloads.iter().filter(|((_, name), _)| name.serves())
    }

    /// The images that workloads which serve run, in the order of their digests.
    fn images(&self) -> Vec<Share> {
        let mut by_digest: BTreeMap<Digest, Share> = BTreeMap::new();
        for image in self.serving().flat_map(|(_, runs)| &runs.images) {
            let share = by_digest.entry(image.digest).or_insert_with(|| Share::of(image.digest));
            share.running = share.running.saturating_add(image.running);
            share.ready = share.ready.saturating_add(image.ready);
            share.nodes = share.nodes.saturating_add(image.nodes);
            if image.tag.is_some() {
                share.tag.clone_from(&image.tag);
            }
        }
        by_digest.into_values().collect()
    }

    /// Tells whether two witnesses told last of a container of the same workload.
    pub(in crate::model::deployments) fn shares(&self, one: &Arc<str>, other: &Arc<str>) -> bool {
        self.told_by.contains(one) && self.told_by.contains(other) && self.shared(one, other).next().is_some()
    }

    fn shared(&self, one: &Arc<str>, other: &Arc<str>) -> impl Iterator<Item = &(Arc<str>, WorkloadName)> {
        self.workloads.keys().filter(move |(name, workload)| name == one && self.tells_of(other, workload))
    }

    /// Leaves to `witness` what it tells of as well as one that may have been its name before.
    pub(in crate::model::deployments) fn leave_to(&mut self, former: &Arc<str>, witness: &Arc<str>) {
        let left: Vec<(Arc<str>, WorkloadName)> = self.shared(former, witness).cloned().collect();
        left.iter().for_each(|key| drop(self.workloads.remove(key)));
        if self.workloads.keys().all(|(name, _)| name != former) {
            self.told_by.remove(former);
            self.overlong.remove(former);
        }
    }

    /// Tells whether a witness ever told of it.
    pub(in crate::model::deployments) fn is_told_by(&self, witness: &str) -> bool {
        self.told_by.contains(witness)
    }

    /// Forgets what a witness told, which is no claim that it is gone. Returns whether others told of it, too; else nobody ever
    /// did, as far as is known, but for the pulls that wait.
    pub(in crate::model::deployments) fn retire(&mut self, witness: &str) -> bool {
        self.workloads.retain(|(name, _), _| **name != *witness);
        self.told_by.remove(witness);
        self.overlong.remove(witness);
        let is_left = !self.told_by.is_empty();
        if !is_left {
            *self = Self { pulled: std::mem::take(&mut self.pulled), ..Self::default() };
        }
        is_left
    }

    /// The containers of workloads that witnesses named `witness` told of, and did not tell again: they are gone.
    pub(in crate::model::deployments) fn untold(
        &self,
        witness: &Arc<str>,
        told: impl Fn(&WorkloadName) -> bool,
        at: Time,
    ) -> Vec<Update> {
        let gone = Runs::gone(at);
        let of_it = self.workloads.keys().filter(|(name, workload)| name == witness && !told(workload));
        of_it
            .map(|(_, name)| Update { witness: witness.clone(), name: name.clone(), runs: gone.clone() })
            .collect()
    }

    /// Keeps a pull of an image that does not run.
    pub(in crate::model::deployments) fn keep(&mut self, sighting: &Sighting) {
        let now = sighting.at;
        self.pulled.retain(|pull| now.since(pull.at) <= PULLED_SPAN);
        if self.pulled.len() == PULLED_MAX {
            self.pulled.pop_front();
        }
        self.pulled.push_back(sighting.clone());
    }

    /// Takes the pulls off that `is_it` says.
    pub(in crate::model::deployments) fn take_pulled(
        &mut self,
        is_it: impl Fn(&Sighting) -> bool,
    ) -> Vec<Sighting> {
        let (taken, kept): (Vec<_>, _) =
            std::mem::take(&mut self.pulled).into_iter().partition(|pull| is_it(pull));
        let kept: Vec<Sighting> = kept;
        self.pulled = kept.into();
        taken
    }

    /// Tells whether a pull came after `since` of an image that does not run.
    pub(in crate::model::deployments) fn has_pulled_since(&self, since: Time) -> bool {
        self.pulled.iter().any(|pull| pull.at > since)
    }

    /// Tells whether a pull by `until` is of an image that runs.
    pub(in crate::model::deployments) fn awaits(&self, until: Time) -> bool {
        let mut runs = None;
        self.pulled
            .iter()
            .filter(|pull| pull.at <= until)
            .any(|pull| runs.get_or_insert_with(|| self.running()).contains(&pull.digest))
    }

    /// Takes a pull at `at` into account, where no witness is alive and nothing ran when they told last: something may run again.
    /// Returns whether it is the first that says so.
    pub(in crate::model::deployments) fn revive(&mut self, at: Time) -> bool {
        if !self.ran_nothing() {
            return false;
        }
        let (since, pulls) = self.revived.unwrap_or((at, 0));
        self.revived = Some((since, pulls.saturating_add(1)));
        pulls == 0
    }

    /// Tells whether nothing ran when witnesses told last.
    pub(in crate::model::deployments) fn ran_nothing(&self) -> bool {
        self.was_absent() || self.has_gap()
    }

    /// Tells whether it was removed or scaled to zero when witnesses told last.
    pub fn was_absent(&self) -> bool {
        self.absent.is_some()
    }

    /// The first pull since nothing ran, and the number of such pulls, where no witness saw the outcome.
    pub fn revived(&self) -> Option<(Time, u32)> {
        self.revived
    }

    /// Nothing of it runs, and since when.
    pub fn absent(&self) -> Option<(Absence, Time)> {
        self.absent.filter(|_| self.revived.is_none())
    }

    /// The containers of workloads that run something of it, or exist.
    pub fn workloads(&self) -> impl Iterator<Item = WorkloadRuns<'_>> {
        self.workloads.iter().map(|((witness, name), runs)| WorkloadRuns { witness, name, runs })
    }

    /// The images of workloads that serve, workload by workload.
    pub fn serving_images(&self) -> impl Iterator<Item = &RunningImage> {
        self.serving().flat_map(|(_, runs)| &runs.images)
    }

    /// The images that workloads which serve run.
    pub fn running(&self) -> BTreeSet<Digest> {
        self.images().into_iter().map(|share| share.digest).collect()
    }

    /// The images that were pulled and do not run, in the order of their first pulls.
    pub fn pulled(&self) -> Vec<Pulled> {
        let running = self.running();
        let mut all: Vec<Pulled> = Vec::new();
        let mut places: BTreeSet<(Digest, &str)> = BTreeSet::new();
        for pull in self.pulled.iter().filter(|pull| !running.contains(&pull.digest)) {
            let is_new = places.insert((pull.digest, &pull.place));
            match all.iter_mut().find(|it| it.digest == pull.digest) {
                Some(known) => {
                    known.last_at = known.last_at.max(pull.at);
                    known.places += u32::from(is_new);
                }
                None => all.push(Pulled {
                    digest: pull.digest,
                    tag: pull.tag.clone(),
                    first_at: pull.at,
                    last_at: pull.at,
                    places: 1,
                }),
            }
        }
        all
    }
}

/// The images that a workload runs and did not run before.
fn arrivals(
    (witness, name): &(Arc<str>, WorkloadName),
    before: Option<&Runs>,
    now: &Runs,
    current: Option<&TaggedDigest>,
    has_others: bool,
) -> Vec<Came> {
    let ran = before.filter(|before| !before.images.is_empty());
    // Of several that it ran, the service's own is the one before.
    let from = ran.and_then(|before| {
        let own = before.images.iter().find(|image| current.is_some_and(|it| it.digest == image.digest));
        let most = || before.images.iter().max_by_key(|image| image.running);
        own.or_else(most).map(|image| TaggedDigest::new(image.digest, image.tag.clone()))
    });
    let is_new = |image: &&RunningImage| ran.is_none_or(|before| !before.runs(&image.digest));
    let came = now.images.iter().filter(is_new).map(|image| Came {
        place: format!("{witness}/{}/{}", name.namespace, name.workload).into(),
        digest: image.digest,
        tag: image.tag.clone(),
        from: from.clone(),
        is_beside: ran.is_none() && has_others,
        is_first: false,
        at: now.at,
    });
    came.collect()
}
