//! Scheduled jobs: a lone pull of an image that nobody else asks for, and again at a fixed period.
//!
//! The rule, by number, is that of README.md.

use super::candidate::Candidate;
use super::current::Current;
use super::past::{Outcome, PastRollout};
use super::rollout::Rollout;
use super::rollouts::{Facts, Rollouts};
use super::rule::Rule;
use super::sighting::Sighting;
use crate::model::oci::Digest;
use crate::model::time::{Span, Time};

/// Periods of jobs that run seldom enough to be mistaken are whole multiples of this.
const GRID: Span = Span::from_mins(15);

/// Pods start so much sooner or later than their schedule says.
const TOLERANCE: Span = Span::from_secs(3);

/// Past deployments that are looked through for an earlier pull.
const LOOKED_THROUGH: usize = 8;

/// Tells whether a schedule may lie behind pulls at these times: a whole number of periods lies between.
fn is_period(first: Time, second: Time) -> bool {
    let gap = second.since(first).ms().saturating_add(TOLERANCE.ms());
    gap >= GRID.ms() && gap % GRID.ms() <= 2 * TOLERANCE.ms()
}

fn is_lone(rollout: &Rollout, digest: &Digest) -> bool {
    rollout.digest == *digest && rollout.nodes <= 1
}

impl Rollouts {
    /// Where lone pulls of an image that ran before come at a fixed period, it is a job's: it was never what the service runs, and is a
    /// line of its own from here on.
    pub(super) fn tell_job_apart(&mut self, sighting: &Sighting, facts: Facts<'_>) -> bool {
        let digest = &sighting.digest;
        let is_job =
            |rollout: &Rollout| is_lone(rollout, digest) && is_period(rollout.opened_at, sighting.at);
        let Some(current) = &self.current else { return false };
        if current.rollout.digest == *digest && !is_job(&current.rollout) {
            return false;
        }
        let is_candidate = |it: &Candidate| {
            it.ran_before
                && !it.is_elsewhere
                && is_job(&it.rollout)
                && current.rollout.nodes.max(current.whole()) > 1
        };
        if let Some(place) = self.candidates.iter().position(is_candidate) {
            let candidate = self.candidates.remove(place);
            self.apart.push(Self::of(Current { rule: Rule::Schedule, ..Current::first(candidate.rollout) }));
            return true;
        }
        let replaced = || self.history.iter().rev().filter(|past| past.outcome == Outcome::Replaced);
        let length = if current.ran_before && is_job(&current.rollout) {
            1
        } else {
            let found =
                replaced().take(LOOKED_THROUGH).position(|past| past.ran_before && is_job(&past.rollout));
            let Some(place) = found else { return false };
            place + 2
        };
        let several = |past: &PastRollout| past.rollout.nodes.max(past.expected) > 1;
        if !replaced().nth(length - 1).is_some_and(several) {
            return false;
        }
        let Some(current) = self.current.take() else { return false };
        let mut stints = self.take_last(length, facts);
        stints.push(current.into_past(sighting.at, facts.settle));
        let before = stints[0].from.clone();
        let (jobs, ours) = stints.into_iter().partition(|past| is_lone(&past.rollout, digest));
        self.part(ours, jobs, before, sighting.at, Rule::Schedule, facts);
        true
    }
}

/// The same, where one image goes on as one deployment.
pub(super) fn joined(stints: Vec<PastRollout>) -> Vec<PastRollout> {
    let mut joined: Vec<PastRollout> = Vec::new();
    for stint in stints {
        match joined.last_mut().filter(|last| last.rollout.digest == stint.rollout.digest) {
            Some(last) => last.go_on(stint),
            None => joined.push(stint),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_two_times_are_taken() {
        let [first, hour] = [Time::from_ms(0), Time::from_ms(3_600_000)];
        assert!(is_period(first, hour) && is_period(first, hour + TOLERANCE) && !is_period(first, first));
        assert!(!is_period(first, hour + TOLERANCE + Span::from_ms(1)));
        is_period(Time::from_ms(i64::MIN), Time::from_ms(i64::MAX));
    }
}
