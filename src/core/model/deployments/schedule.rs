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

/// A schedule is told by the minute, and its pods start so soon after it at the latest.
const MINUTE: Span = Span::from_secs(60);
const START: Span = Span::from_secs(5);

/// So many lone pulls at full minutes are a job's, whatever its period: a rollout does not look at the clock.
const MINUTES: usize = 3;

/// Past deployments that are looked through for an earlier pull.
const LOOKED_THROUGH: usize = 8;

/// Tells whether a schedule may lie behind pulls at these times: a whole number of periods lies between.
fn is_period(first: Time, second: Time) -> bool {
    let gap = second.since(first).ms().saturating_add(TOLERANCE.ms());
    gap >= GRID.ms() && gap % GRID.ms() <= 2 * TOLERANCE.ms()
}

/// Tells whether a schedule may lie behind a pull at this time: a minute began right before it.
fn is_at_minute(at: Time) -> bool {
    at.ms().rem_euclid(MINUTE.ms()) <= START.ms()
}

fn is_lone(rollout: &Rollout, digest: &Digest) -> bool {
    rollout.digest == *digest && rollout.nodes <= 1
}

impl Rollouts {
    /// Lone pulls of an image that ran before, at a fixed period, are a job's: it was never what the service
    /// runs, and is a line of its own from here on.
    pub(super) fn tell_job_apart(&mut self, sighting: &Sighting, facts: Facts<'_>) -> bool {
        let digest = &sighting.digest;
        let by_minutes_since = self.by_minutes_since(sighting, facts.settle);
        let is_job = |rollout: &Rollout| {
            is_lone(rollout, digest) && is_period(rollout.opened_at, sighting.at)
                || rollout.digest == *digest
                    && by_minutes_since.is_some_and(|since| rollout.opened_at >= since)
        };
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
        let claim = self.candidates.iter().position(is_candidate);
        let replaced = || self.history.iter().rev().filter(|past| past.outcome == Outcome::Replaced);
        let is_current = current.ran_before && is_job(&current.rollout);
        let recent = replaced().take(LOOKED_THROUGH).enumerate();
        let stints = recent.filter(|(_, past)| past.ran_before && is_job(&past.rollout));
        let places: Vec<usize> = stints.map(|(place, _)| place).collect();
        // At full minutes, all of them are a job's; else the latest at the period is.
        let of_minutes = places.last().filter(|_| by_minutes_since.is_some());
        let latest = places.first().filter(|_| !is_current && claim.is_none());
        let length = match (of_minutes.or(latest), claim) {
            (Some(place), _) => place + 2,
            (None, Some(claim)) => {
                let job = Current::first(self.candidates.remove(claim).rollout);
                self.apart.push(Self::of(Current { rule: Rule::Schedule, ..job }));
                return true;
            }
            (None, None) if is_current => 1,
            (None, None) => return false,
        };
        let several = |past: &PastRollout| past.rollout.nodes.max(past.expected) > 1;
        if !replaced().nth(length - 1).is_some_and(several) {
            return false;
        }
        let jobs_since = by_minutes_since.unwrap_or(sighting.at);
        let claim = claim.map(|place| self.candidates.remove(place));
        self.part_job(length, claim, jobs_since, sighting, facts);
        true
    }

    /// Takes back that a job was the service, in the last `length` deployments and what followed them: in the lone ones of
    /// its image, and in all of them from `since` on.
    fn part_job(
        &mut self,
        length: usize,
        claim: Option<Candidate>,
        since: Time,
        sighting: &Sighting,
        facts: Facts<'_>,
    ) {
        let Some(current) = self.current.take() else { return };
        let over = |current: Current| current.into_past(sighting.at, facts.settle);
        let mut stints = self.take_last(length, facts);
        stints.push(over(current));
        stints.extend(claim.map(|claim| over(Current::first(claim.rollout))));
        let before = stints[0].from.clone();
        let is_job = |past: &PastRollout| {
            let is_it = past.rollout.digest == sighting.digest;
            is_it && (past.rollout.nodes <= 1 || past.rollout.opened_at >= since)
        };
        let (jobs, ours) = stints.into_iter().partition(is_job);
        self.part(ours, jobs, before, sighting.at, Rule::Schedule, facts);
    }

    /// The first of several lone pulls of an image that ran before, the last of which is `sighting`, where each came at a full
    /// minute of its own, with pauses longer than `settle`: what a schedule starts. Without pauses they may be a rollout, one
    /// node a minute.
    fn by_minutes_since(&self, sighting: &Sighting, settle: Span) -> Option<Time> {
        if !is_at_minute(sighting.at) {
            return None;
        }
        let past =
            self.history.iter().rev().take(LOOKED_THROUGH).map(|past| (past.ran_before, &past.rollout));
        let candidates = self.candidates.iter().map(|it| (it.ran_before, &it.rollout));
        let current = self.current.iter().map(|it| (it.ran_before, &it.rollout));
        let ways_back = past.chain(candidates).chain(current).filter(|(ran_before, _)| *ran_before);
        let its = ways_back.filter(|(_, rollout)| rollout.digest == sighting.digest);
        let mut times: Vec<Time> =
            its.flat_map(|(_, rollout)| rollout.evidence.iter()).map(|item| item.at).collect();
        times.push(sighting.at);
        times.sort();
        let is_lone = |pair: &[Time]| pair[1].since(pair[0]) > settle;
        let is_it = times.len() >= MINUTES
            && times.iter().all(|at| is_at_minute(*at))
            && times.windows(2).all(is_lone);
        is_it.then(|| times[0])
    }

    /// Tells whether a sighting of what it runs is another one of its schedule.
    pub(super) fn is_on_schedule(&self, sighting: &Sighting) -> bool {
        let is_job = self.current.as_ref().is_some_and(|current| current.rule == Rule::Schedule);
        is_job && is_at_minute(sighting.at)
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
