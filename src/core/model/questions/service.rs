//! A service as it looks at a time.

use std::borrow::Cow;

use super::image::{image, tag};
use super::rollout::{RolloutAt, confidence, nodes};
use super::states::{Confidence, Phase};
use crate::model::deployments::attempts::Attempt;
use crate::model::deployments::candidate::Candidate;
use crate::model::deployments::current::Current;
use crate::model::deployments::past::Outcome;
use crate::model::deployments::past::PastRollout;
use crate::model::deployments::rollout::Rollout;
use crate::model::deployments::rollouts::Rollouts;
use crate::model::deployments::rule::Rule;
use crate::model::deployments::service::{Service, Setting};
use crate::model::deployments::witness::Watching;
use crate::model::deployments::{EnvironmentState, State};
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::{Span, Time};
use crate::wire::{BesideImage, RunningService};

/// An image beside a service is shown for so long after it was last heard of.
const WEEK: Span = Span::from_mins(7 * 24 * 60);

/// A service as it looks at a time. Its times are on the log's own line, `now` is too: what is shown of them is what
/// [`State::shown`] makes of them.
pub(super) struct ServiceAt<'a> {
    pub(super) state: &'a State,
    pub(super) repository: &'a Repository,
    pub(super) service: Cow<'a, Service>,
    pub(super) now: Time,
    /// The watch of witnesses over it.
    pub(super) watching: Watching,
}

/// The services of `env` at `now`, in the order of their repositories.
pub(super) fn services_at<'a>(state: &'a State, env: &EnvironmentName, now: Time) -> Vec<ServiceAt<'a>> {
    let Some(tracked) = state.environment(env) else { return Vec::new() };
    let of = |(repository, service)| ServiceAt::of(state, tracked, repository, service, now);
    tracked.services().map(of).collect()
}

impl<'a> ServiceAt<'a> {
    pub(super) fn of(
        state: &'a State,
        tracked: &'a EnvironmentState,
        repository: &'a Repository,
        service: &'a Service,
        now: Time,
    ) -> Self {
        let now = state.time().now(now);
        let witnesses = tracked.witnesses();
        let service = service.at(now, Setting { settle: state.rules().settle, witnesses });
        let watching = service.watch().watching(witnesses, now);
        Self { state, repository, service, now, watching }
    }
}

impl ServiceAt<'_> {
    /// The image that runs, or ran last; `gap_at` is the last time at which observations of the environment were missing.
    pub(super) fn running(&self, gap_at: Option<Time>) -> Option<RunningService> {
        let (current, state) = (self.service.current()?, self.phase_now()?);
        let rollout = &current.rollout;
        let image = image(self.state, self.repository, &rollout.digest, tag(rollout));
        Some(RunningService {
            repository: self.repository.clone(),
            digest: rollout.digest,
            version: image.version,
            release_id: image.release_id,
            since: self.state.shown(rollout.opened_at),
            state: state.into(),
            absent: self.absence(),
            confidence: self.confidence(state, current).into(),
            confirmed_at: self.confirmed_at().map(|at| self.state.shown(at)),
            clients: nodes(rollout),
            seen: self.seen(current, gap_at),
            refused_since: None,
            beside: self.images_beside(gap_at),
            workloads: self.workloads(),
            pulled: self.pulled(),
        })
    }

    /// Confidence in what runs: where another image was brought to the nodes, a move to it would not show, and one that nodes
    /// come to may be it.
    pub(super) fn confidence(&self, state: Phase, current: &Current) -> Confidence {
        if self.confirmed_at().is_some() {
            return Confidence::Confirmed;
        }
        let watch = self.service.watch();
        let is_away = watch.absent().is_some() || watch.is_gap() || self.is_coming_back();
        if is_away || self.service.may_have_moved() || self.is_claimed() {
            return Confidence::Tentative;
        }
        confidence(state, &current.rollout, current.whole_as_told()).min(Confidence::Likely)
    }

    /// Tells whether another image claims to follow what runs, and was not given up.
    fn is_claimed(&self) -> bool {
        let settle = self.state.rules().settle;
        let mut candidates = self.service.candidates(self.now, settle);
        candidates.any(|candidate| candidate.outcome(self.now, settle) != Some(Outcome::Aborted))
    }

    /// The images that ran beside the service within the last week.
    pub(super) fn images_beside(&self, gap_at: Option<Time>) -> Vec<BesideImage> {
        let view = |line: &Rollouts| {
            let current = line.current()?;
            let rollout = &current.rollout;
            Some(BesideImage {
                digest: rollout.digest,
                version: image(self.state, self.repository, &rollout.digest, tag(rollout)).version,
                since: self.state.shown(rollout.opened_at),
                seen: self.seen(current, gap_at),
                clients: rollout.nodes,
                ran_once: line.ran_once(),
            })
        };
        self.heard_beside().filter_map(view).collect()
    }

    /// The versions of those that were asked for more than once.
    pub(super) fn labels_beside(&self) -> Vec<String> {
        let label = |current: &Current| {
            let rollout = &current.rollout;
            image(self.state, self.repository, &rollout.digest, tag(rollout)).label()
        };
        self.beside().map(label).collect()
    }

    /// The state of what a line runs, by itself; `mixed` where it stood still as a part. What had not settled when nothing of
    /// the service ran any more never does.
    pub(super) fn phase(&self, line: &Rollouts) -> Option<Phase> {
        let phase = self.phase_of(line)?;
        let is_over = matches!(phase, Phase::RollingOut | Phase::Mixed);
        Some(self.absent_as().filter(|_| is_over).unwrap_or(phase))
    }

    fn phase_of(&self, line: &Rollouts) -> Option<Phase> {
        let current = line.current()?;
        if let (Watching::Alive { .. }, true) = (self.watching, current.settled_at.is_none()) {
            // An image beside another one has not settled, however long it takes.
            let is_moving = self.now.since(current.progressed_at()) <= self.state.rules().settle;
            return Some(if is_moving || current.rollout.is_unready() {
                Phase::RollingOut
            } else if self.runs_alone(&current.rollout.digest) {
                Phase::Settled
            } else {
                Phase::Mixed
            });
        }
        let is_unready = current.settled_at.is_none() && current.rollout.is_unready();
        Some(if is_unready || current.settles_at(self.state.rules().settle) > self.now {
            Phase::RollingOut
        } else if current.is_part_as_told(self.state.rules().settle) || line.ends_with_stragglers() {
            Phase::Mixed
        } else {
            Phase::Settled
        })
    }

    /// The state of what runs; `mixed` where another image runs beside it, too, and of a service of which nothing runs: that.
    pub(super) fn phase_now(&self) -> Option<Phase> {
        if let (Some(phase), Some(_)) = (self.absent_as(), self.service.current()) {
            return Some(phase);
        }
        let settle = self.state.rules().settle;
        let mut candidates = self.service.candidates(self.now, settle);
        if let Some(phase) = self.phase_of_gap().or_else(|| self.phase_of_several()) {
            return Some(phase);
        }
        let is_mixed = self.beside().next().is_some()
            || self.service.elsewhere().next().is_some()
            || candidates.any(|candidate| candidate.has_stood(self.now, settle));
        if is_mixed { Some(Phase::Mixed) } else { self.phase(self.service.main()) }
    }

    /// The images that the service runs, the current one first: beside it a canary's, another cluster's, and those before, where
    /// it did not come to most of the service.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Rollout> {
        let seen = self.seen_parts();
        let told = if seen.is_some() { None } else { Some(self.pulled_parts()) };
        seen.into_iter().flatten().chain(told.into_iter().flatten())
    }

    /// The same by pulls alone.
    fn pulled_parts(&self) -> impl Iterator<Item = &Rollout> {
        let settle = self.state.rules().settle;
        let current = self.service.current();
        let is_canary = move |it: &&Candidate| it.outcome(self.now, settle) == Some(Outcome::Mixed);
        let beside = self.service.candidates(self.now, settle).filter(is_canary).map(|it| &it.rollout);
        let rest = current.filter(|it| !it.is_most()).map_or(0, |it| 1 + it.parts_before());
        let before = self.service.past().rev().filter(|past| past.outcome == Outcome::Replaced).take(rest);
        let all = current.into_iter().map(|it| &it.rollout).chain(beside);
        all.chain(self.service.elsewhere()).chain(before.map(|past| &past.rollout))
    }

    /// The lines that run beside the service: those that were asked for more than once, and were heard of within the last
    /// week.
    pub(super) fn beside(&self) -> impl Iterator<Item = &Current> {
        self.heard_beside().filter(|line| !line.ran_once()).filter_map(Rollouts::current)
    }

    /// The same, and what ran once.
    fn heard_beside(&self) -> impl Iterator<Item = &Rollouts> {
        let is_watched = self.confirmed_at().is_some() || self.absent_as().is_some();
        let main = self.service.current().map(|current| current.rollout.last_at);
        let is_shown = move |line: &&Rollouts| {
            line.current().is_some_and(|current| {
                let last_at = current.rollout.last_at;
                let is_silent = self.now.since(last_at) > WEEK;
                // A service that was silent for longer says no more than its line does.
                !is_silent || Some(last_at) > main && !line.is_change() && !line.ran_once()
            })
        };
        // A witness says what runs beside each other.
        self.service.beside().filter(move |_| !is_watched).filter(is_shown)
    }

    /// Every change, in the order in which they opened.
    pub(super) fn rollouts(&self) -> Vec<RolloutAt<'_>> {
        self.rollouts_since(Time::from_ms(i64::MIN)).0
    }

    /// The changes that opened at `since` or later, in that order, and whether there are none before.
    pub(super) fn rollouts_since(&self, since: Time) -> (Vec<RolloutAt<'_>>, bool) {
        let mut is_all = true;
        let mut rollouts: Vec<RolloutAt<'_>> = Vec::new();
        for line in self.service.lines() {
            let mut older = 0;
            for past in line.past().rev() {
                if past.rollout.opened_at >= since {
                    rollouts.push(self.past(past));
                    continue;
                }
                is_all = false;
                // They stand in the order in which they ended. A claim opens before the second takeover after it, so
                // behind three images that ran before `since` there are none after it.
                older += usize::from(past.outcome == Outcome::Replaced);
                if older == 3 {
                    break;
                }
            }
        }
        let now = self.rollouts_now();
        is_all &= now.iter().all(|rollout| rollout.rollout.opened_at >= since);
        rollouts.extend(now.into_iter().filter(|rollout| rollout.rollout.opened_at >= since));
        // A job runs, and is not deployed.
        rollouts.retain(|rollout| rollout.rule != Rule::Schedule);
        rollouts.sort_by_key(|rollout| (rollout.rollout.opened_at, rollout.rollout.digest));
        (rollouts, is_all)
    }

    /// Time when the latest image that ran opened.
    pub(super) fn newest(&self) -> Option<Time> {
        let current = self.service.lines().filter_map(Rollouts::current);
        current.map(|current| current.rollout.opened_at).max()
    }

    /// Time when the change opened that gave a deployment this identifier.
    pub(super) fn opened_at(&self, id: &str) -> Option<Time> {
        let identity = identity(id)?;
        let is_it = |rollout: &&Rollout| self.service.identity(rollout) == identity;
        let now = || self.rollouts_now().into_iter().map(|rollout| rollout.rollout).find(is_it);
        self.service.opened_at(identity).or_else(|| now().map(|rollout| rollout.opened_at))
    }

    /// The images that run, and those that claim to follow them.
    pub(super) fn rollouts_now(&self) -> Vec<RolloutAt<'_>> {
        self.service.lines().flat_map(|line| self.rollouts_of(line)).collect()
    }

    /// The image that a line runs, and those that claim to follow it.
    fn rollouts_of<'b>(&'b self, line: &'b Rollouts) -> Vec<RolloutAt<'b>> {
        let settle = self.state.rules().settle;
        let Some((current, state)) = line.current().zip(self.phase(line)) else { return Vec::new() };
        let mut rollouts: Vec<RolloutAt<'_>> =
            line.candidates(self.now, settle).map(|candidate| self.candidate(current, candidate)).collect();
        rollouts.push(RolloutAt {
            repository: self.repository,
            service: &self.service,
            rollout: &current.rollout,
            from: current.from.as_ref().map(|from| (from.digest, from.tag())),
            state,
            progressed_at: current.progressed_at(),
            settled_at: (state == Phase::Settled).then(|| current.settles_at(settle)),
            ran_before: current.ran_before,
            rule: current.rule,
            stragglers: current.stragglers,
            expected: current.whole_as_told(),
        });
        rollouts
    }

    fn past<'b>(&'b self, past: &'b PastRollout) -> RolloutAt<'b> {
        RolloutAt {
            repository: self.repository,
            service: &self.service,
            rollout: &past.rollout,
            from: past.from.as_ref().map(|from| (from.digest, from.tag())),
            state: match past.outcome {
                Outcome::Mixed => Phase::Mixed,
                Outcome::Replaced if past.is_part() => Phase::Mixed,
                Outcome::Replaced => Phase::Settled,
                Outcome::Aborted => Phase::Aborted,
            },
            progressed_at: past.progressed_at,
            settled_at: past.settled_at,
            ran_before: past.ran_before,
            rule: past.rule,
            stragglers: past.stragglers,
            expected: past.expected,
        }
    }

    fn candidate<'b>(&'b self, current: &'b Current, candidate: &'b Candidate) -> RolloutAt<'b> {
        let settle = self.state.rules().settle;
        RolloutAt {
            repository: self.repository,
            service: &self.service,
            rollout: &candidate.rollout,
            from: Some(match candidate.rollout.told.as_ref().and_then(|told| told.from.as_ref()) {
                Some(from) => (from.digest, from.tag()),
                None => (current.rollout.digest, tag(&current.rollout)),
            }),
            state: match candidate.outcome(self.now, settle) {
                None | Some(Outcome::Replaced) => Phase::RollingOut,
                Some(Outcome::Mixed) => Phase::Mixed,
                Some(Outcome::Aborted) => Phase::Aborted,
            },
            progressed_at: candidate.rollout.last_arrival(),
            settled_at: None,
            ran_before: candidate.ran_before,
            rule: if candidate.rollout.told.is_some() { Rule::Witness } else { Rule::Share },
            stragglers: 0,
            expected: candidate.nodes_to_complete(current, settle),
        }
    }
}

/// The number in an identifier, if it can be one.
fn identity(id: &str) -> Option<u64> {
    u64::from_str_radix(id.strip_prefix("dep_")?, 16).ok()
}

/// Pulls that failed, in the order of the repositories; an attempt is cleared by a pull that looks well and shows that
/// it works.
pub(super) fn attempts<'a>(
    tracked: Option<&'a EnvironmentState>,
    asked: &'a [ServiceAt<'_>],
) -> impl Iterator<Item = (&'a Repository, Attempt)> {
    tracked.into_iter().flat_map(|tracked| tracked.attempts().iter()).flat_map(|(repository, attempts)| {
        let place = asked.binary_search_by(|asked| asked.repository.cmp(repository));
        let ended = place.map_or(&[][..], |place| asked[place].service.completed());
        attempts.iter().filter(|attempt| attempt.is_series()).map(move |attempt| {
            let cleared_at = ended.iter().find_map(|ended| attempt.cleared_by(ended)).or(attempt.cleared_at);
            (repository, Attempt { cleared_at, ..attempt.clone() })
        })
    })
}
