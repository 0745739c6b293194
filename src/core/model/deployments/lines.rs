//! The lines of a service: what runs from one repository side by side.
//!
//! One is the service, as far as anybody can tell; the others run beside it: the other half of a repository that has two
//! programs, a version that is kept, a change that is looked at before it is merged, a job. Each is judged by the same
//! rules, from the sightings of its own images.

use serde::{Deserialize, Serialize};

use crate::model::oci::{Digest, Tag};
use crate::model::time::{Span, Time};

use super::current::Current;
use super::images::Images;
use super::lineage::Lineage;
use super::rollout::Rollout;
use super::rollouts::{Facts, Rollouts};
use super::rule::Rule;
use super::sighting::Sighting;
use super::takeover::{Finality, WHOLE};
use super::witness::RunningImage;

/// Most lines beside that of the service; the one that was silent for longest makes room.
const BESIDE_MAX: usize = 64;

/// The lines of a service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Lines {
    /// The service.
    pub(super) main: Rollouts,
    /// The others, in the order in which they were told apart.
    pub(super) beside: Vec<Rollouts>,
}

impl Lines {
    /// Hands the next sighting to the line that it belongs to. `known` are the images of every place that is known.
    pub(super) fn take<'k>(
        &mut self,
        sighting: &Sighting,
        known: impl Iterator<Item = &'k Images>,
        facts: Facts<'_>,
    ) {
        let place = match self.line_of(sighting, facts.settle) {
            None if self.is_of_another_line(sighting) => {
                if let Some(line) = self.main.unfollow(sighting, facts) {
                    self.add(line);
                    return self.take(sighting, known, facts);
                }
                self.add(Rollouts::default());
                Some(self.beside.len() - 1)
            }
            place => place,
        };
        let line = match place {
            Some(place) => &mut self.beside[place],
            None => &mut self.main,
        };
        line.take(sighting, known, facts);
        let apart = std::mem::take(&mut line.apart);
        for line in apart {
            self.add(line);
        }
        if let Some(place) = place {
            self.follow(place, sighting, facts);
        } else if let Some(current) = self.main.current.as_ref() {
            // The service went where a line is: the line is the service's again.
            self.beside.retain(|line| {
                line.current.as_ref().is_none_or(|it| it.rollout.digest != current.rollout.digest)
            });
        }
    }

    /// Tells whether the tag names another line than all those do that the service's image was pulled by.
    fn is_of_another_line(&self, sighting: &Sighting) -> bool {
        let Some((current, tag)) = self.main.current.as_ref().zip(sighting.tag.as_ref()) else {
            return false;
        };
        let mut tags = current.rollout.evidence.iter().filter_map(|item| item.tag.as_ref()).peekable();
        if self.main.has(&sighting.digest) || tags.peek().is_none() {
            return false;
        }
        let lineage = Lineage::of(tag);
        tags.all(|tag| Lineage::of(tag).is_other(&lineage))
    }

    /// Lets the service follow a line that came to most of its nodes, while nobody asked for the service's image: people
    /// began to name their images in another way. Where one node is all there is, it was quiet before. Of two programs that
    /// come together neither follows: the larger one is the service.
    fn follow(&mut self, place: usize, sighting: &Sighting, facts: Facts<'_>) {
        let (Some(main), Some(line)) = (&self.main.current, &self.beside[place].current) else { return };
        let is_by_words = line.rule == Rule::First && self.beside[place].history.is_empty();
        if self.beside[place].is_change() || !is_by_words {
            return;
        }
        let since = |at: Time| line.rollout.opened_at.since(at);
        if since(main.rollout.opened_at) <= facts.settle && self.main.history.is_empty() {
            if line.rollout.nodes > main.rollout.nodes {
                std::mem::swap(&mut self.main, &mut self.beside[place]);
            }
            return;
        }
        let (ours, theirs) = (main.nodes(facts.settle), line.nodes(facts.settle));
        let is_most = u64::from(theirs) * WHOLE.1 >= u64::from(ours) * WHOLE.0;
        let is_whole = line.rollout.nodes > 1 && is_most;
        let has_moved = main.rollout.nodes == 1
            && main.rollout.is_latest(&sighting.place)
            && since(main.rollout.last_at) > facts.settle;
        let is_silent = main.rollout.last_at < line.rollout.opened_at;
        if (is_whole || has_moved) && is_silent {
            let line = self.beside.remove(place);
            self.main.follow(line, facts);
        }
    }

    /// Notes that a witness saw a job run an image: it is a line of its own, also once nobody watches.
    pub(super) fn tell_job(&mut self, image: &RunningImage, at: Time) {
        if self.iter().any(|line| line.has(&image.digest)) {
            return;
        }
        let mut rollout = Rollout::new(image.digest, at);
        rollout.tag.clone_from(&image.tag);
        self.add(Rollouts::of(Current { rule: Rule::Schedule, ..Current::first(rollout) }));
    }

    fn add(&mut self, line: Rollouts) {
        if self.beside.len() == BESIDE_MAX {
            let silent = self.beside.iter().enumerate().min_by_key(|(_, line)| line.last_at());
            if let Some(place) = silent.map(|(place, _)| place) {
                self.beside.remove(place);
            }
        }
        self.beside.push(line);
    }

    /// The line beside the service that a sighting belongs to: by its image, else by its tag.
    fn line_of(&self, sighting: &Sighting, settle: Span) -> Option<usize> {
        if self.beside.is_empty() || self.main.has(&sighting.digest) {
            return None;
        }
        let of_image = self.beside.iter().position(|line| line.has(&sighting.digest));
        if let Some(place) = of_image {
            let line = &self.beside[place];
            return (!self.may_move(line, sighting, settle)).then_some(place);
        }
        let wanted = Lineage::of(sighting.tag.as_ref()?);
        if self.main.tag().is_some_and(|tag| Lineage::of(tag) == wanted) {
            return None;
        }
        self.beside.iter().position(|line| line.tag().is_some_and(|tag| Lineage::of(tag) == wanted))
    }

    /// Tells whether the service may be on its way to what ran beside it: two places ask within the settle time. A
    /// job comes by alone.
    fn may_move(&self, line: &Rollouts, sighting: &Sighting, settle: Span) -> bool {
        let is_same = |tag: &Tag| {
            let lineage = Lineage::of(tag);
            !lineage.is_change && self.main.tag().is_none_or(|main| Lineage::of(main) == lineage)
        };
        let is_burst = sighting.arrivals(sighting.at) > 0
            && sighting.at.since(line.last_at()) <= settle
            && !line.is_latest(&sighting.place);
        is_burst && line.tag().is_none_or(is_same) && !line.is_on_schedule(sighting)
    }

    /// Lets time pass to `now` in every line.
    pub(super) fn decide(&mut self, now: Time, finality: Finality, facts: Facts<'_>) {
        self.main.decide(now, finality, facts);
        for line in &mut self.beside {
            line.decide(now, finality, facts);
        }
        let apart = std::mem::take(&mut self.main.apart);
        for line in apart {
            self.add(line);
        }
    }

    /// Tells whether nothing waits for time to pass.
    pub(super) fn are_decided(&self) -> bool {
        self.main.candidates.is_empty() && self.beside.iter().all(|line| line.candidates.is_empty())
    }

    /// The number of deployments that are remembered: those that are over, and those beside the service.
    pub(super) fn weight(&self) -> usize {
        self.iter().map(|line| line.history.len()).sum::<usize>() + self.beside.len()
    }

    /// Tells whether an image runs in a line, may come to run there, or did last.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        let was_last = |line: &Rollouts| {
            line.history.iter().next_back().map(|past| past.rollout.digest) == Some(*digest)
        };
        self.iter().any(|line| line.has(digest) || was_last(line))
    }

    /// Every line, the service first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Rollouts> {
        std::iter::once(&self.main).chain(&self.beside)
    }

    /// The opening of the past deployment with this identity.
    pub(super) fn opened_at(&self, identity: u64) -> Option<Time> {
        self.iter().find_map(|line| line.history.opened_at(identity))
    }
}

impl Rollouts {
    /// Tells whether the image is its current one or a candidate.
    fn has(&self, digest: &Digest) -> bool {
        self.current.as_ref().is_some_and(|current| current.rollout.digest == *digest)
            || self.candidates.iter().any(|candidate| candidate.rollout.digest == *digest)
    }

    fn tag(&self) -> Option<&Tag> {
        self.current.as_ref()?.rollout.tag.as_ref()
    }

    /// Tells whether it runs a change that is not merged yet, by its tag.
    pub fn is_change(&self) -> bool {
        self.tag().is_some_and(|tag| Lineage::of(tag).is_change)
    }

    fn last_at(&self) -> Time {
        self.current.as_ref().map(|current| current.rollout.last_at).unwrap_or_default()
    }

    fn is_latest(&self, place: &str) -> bool {
        self.current.as_ref().is_some_and(|current| current.rollout.is_latest(place))
    }
}
