//! Things to look at first, in all environments: what fails, what was rolled back, what is rolling out, who is
//! behind.
//!
//! It looks at what runs and at nothing that is over, so that a page of a hundred environments can have it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::convert::failed;
use super::image::image;
use super::matrix::Row;
use super::rollout::RolloutAt;
use super::service::{ServiceAt, attempts};
use super::states::{Kind, Phase};
use crate::model::deployments::State;
use crate::model::names::EnvironmentName;
use crate::model::oci::{Digest, Repository};
use crate::model::time::{Span, Time};
use crate::wire::{FailedAttempt, Image};

/// Entries of each list; the others are counted.
pub const ATTENTION_MAX: usize = 8;
/// A rollback is worth a look for so long.
const ROLLBACK_SHOWN: Span = Span::from_mins(7 * 24 * 60);

/// Things to look at; of each kind the first, and how many there are in all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attention {
    /// References that somebody tries to pull and cannot, the latest first.
    pub failing: (Vec<Unpulled>, usize),
    /// Services that run an earlier release than before, since a week at most, the latest first.
    pub rolled_back: (Vec<Moved>, usize),
    /// Services whose nodes still move, or run two images, the latest first.
    pub rolling_out: (Vec<Moved>, usize),
    /// Environments with a service that lacks a release, those with most of them first.
    pub behind: (Vec<Behind>, usize),
}

/// A reference that cannot be pulled in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpulled {
    /// The environment.
    pub environment: EnvironmentName,
    /// The attempts.
    pub attempt: FailedAttempt,
}

/// A service that moved in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The environment.
    pub environment: EnvironmentName,
    /// The service's repository.
    pub repository: Repository,
    /// The identifier of the change, which finds its deployment.
    pub id: String,
    /// The image that ran before.
    pub from: Option<Image>,
    /// The image that it moves to.
    pub to: Image,
    /// The state of the change.
    pub state: Phase,
    /// The first evidence.
    pub started_at: Time,
    /// Number of nodes that showed it.
    pub nodes: u32,
}

/// The lag of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The environment.
    pub environment: EnvironmentName,
    /// Services that lack a release.
    pub services: usize,
    /// The releases that they lack, all together.
    pub releases: usize,
}

impl Attention {
    /// `lanes` are the services of the environments `names`, `rows` what runs in them, service by service.
    pub(super) fn of(
        state: &State,
        names: &[&EnvironmentName],
        lanes: &[Vec<ServiceAt<'_>>],
        rows: &[Row],
        now: Time,
    ) -> Self {
        let here = state.time().now(now);
        let (mut failing, mut back, mut moving) = (Vec::new(), Vec::new(), Vec::new());
        let mut kinds = Kinds::default();
        for (name, lane) in names.iter().zip(lanes) {
            let all = attempts(state.environment(name), lane);
            failing.extend(all.filter(|(_, attempt)| attempt.is_failing(here)).map(|it| (*name, it)));
            for asked in lane.iter().filter(|asked| asked.runs().is_some()) {
                for rollout in asked.rollouts_now() {
                    if matches!(rollout.state, Phase::RollingOut | Phase::Mixed) {
                        moving.push((*name, rollout.clone()));
                    }
                    let is_new = here.since(rollout.rollout.opened_at) <= ROLLBACK_SHOWN;
                    if is_new && rollout.state != Phase::Aborted && kinds.is_rollback(state, &rollout) {
                        back.push((*name, rollout));
                    }
                }
            }
        }
        failing.sort_by_key(|(_, (_, attempt))| Reverse(attempt.last_at));
        let unpulled = |(name, (repository, attempt)): (&EnvironmentName, (&Repository, _))| Unpulled {
            environment: name.clone(),
            attempt: failed(state, repository, &attempt),
        };
        Self {
            failing: first(failing, unpulled),
            rolled_back: moved(state, back),
            rolling_out: moved(state, moving),
            behind: behind(names, rows),
        }
    }
}

/// The first of them, and how many there are.
fn first<T, U>(all: Vec<T>, view: impl Fn(T) -> U) -> (Vec<U>, usize) {
    let total = all.len();
    (all.into_iter().take(ATTENTION_MAX).map(view).collect(), total)
}

fn moved(state: &State, mut all: Vec<(&EnvironmentName, RolloutAt<'_>)>) -> (Vec<Moved>, usize) {
    all.sort_by_key(|(_, rollout)| Reverse(rollout.rollout.opened_at));
    first(all, |(name, rollout)| Moved {
        environment: name.clone(),
        repository: rollout.repository.clone(),
        id: rollout.id(),
        from: rollout.from.map(|(digest, tag)| image(state, rollout.repository, &digest, tag)),
        to: image(state, rollout.repository, &rollout.rollout.digest, super::image::tag(rollout.rollout)),
        state: rollout.state,
        started_at: state.shown(rollout.rollout.opened_at),
        nodes: rollout.rollout.nodes,
    })
}

fn behind(names: &[&EnvironmentName], rows: &[Row]) -> (Vec<Behind>, usize) {
    let lag = |(place, name): (usize, &&EnvironmentName)| {
        let lacks = rows.iter().filter_map(|row| row.cells[place].as_ref()).map(|cell| cell.lacks);
        let lacks: Vec<usize> = lacks.filter(|lacks| *lacks > 0).collect();
        (!lacks.is_empty()).then(|| Behind {
            environment: (*name).clone(),
            services: lacks.len(),
            releases: lacks.iter().sum(),
        })
    };
    let mut all: Vec<Behind> = names.iter().enumerate().filter_map(lag).collect();
    all.sort_by_key(|it| Reverse((it.services, it.releases)));
    first(all, |it| it)
}

/// Kinds of changes that were looked up: many environments make the same one.
#[derive(Default)]
struct Kinds<'a>(BTreeMap<(&'a Repository, Digest, Digest), Kind>);

impl<'a> Kinds<'a> {
    fn is_rollback(&mut self, state: &State, rollout: &RolloutAt<'a>) -> bool {
        let Some((from, _)) = rollout.from else { return false };
        // Earlier images have a history of their own in each environment.
        if rollout.ran_before {
            return rollout.kind(state) == Kind::Rollback;
        }
        let key = (rollout.repository, from, rollout.rollout.digest);
        *self.0.entry(key).or_insert_with(|| rollout.kind(state)) == Kind::Rollback
    }
}
