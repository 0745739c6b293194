//! One service across the environments: what each runs, what that lacks, what ran before, and what cannot be pulled.

use super::convert::failed;
use super::image::image;
use super::missing;
use super::revisions::unseen_revisions;
use super::service::{ServiceAt, attempts};
use crate::model::deployments::{EnvironmentState, State};
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::Time;
use crate::wire::{
    FailedAttempt, Image, MissingService, Revision, RunningService, RunningWorkload, ServiceChange,
};

/// One service across the environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Across {
    /// The environments that run it or ran it, in the order in which they were asked for.
    pub places: Vec<Place>,
    /// The references of it that somebody tries to pull and cannot.
    pub failing: Vec<(EnvironmentName, FailedAttempt)>,
    /// Its workloads of which containers do not run although they should.
    pub stuck: Vec<(EnvironmentName, RunningWorkload)>,
    /// Its latest changes in those environments, the newest first.
    pub history: Vec<Step>,
    /// There are older ones.
    pub is_cut: bool,
    /// The latest revisions of its workloads with images that were not seen to run, environment by environment.
    pub revisions: Vec<(EnvironmentName, Revision)>,
}

/// One service in one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The environment.
    pub environment: EnvironmentName,
    /// The image that it runs, or, where nothing of it runs, ran last.
    pub running: RunningService,
    /// The releases that it lacks; none where nothing of it runs.
    pub missing: Option<MissingService>,
    /// The image that ran before.
    pub before: Option<Image>,
}

/// One change of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The environment.
    pub environment: EnvironmentName,
    /// The identifier of the change, which finds its deployment.
    pub id: String,
    /// The change.
    pub change: ServiceChange,
}

/// The service `repository` in the environments with these names at `now`, with at most `limit` changes of it in `of` alone,
/// where that is named.
pub fn across<'a>(
    state: &State,
    names: impl IntoIterator<Item = &'a EnvironmentName>,
    repository: &Repository,
    of: Option<&EnvironmentName>,
    now: Time,
    limit: usize,
) -> Across {
    let mut places = Vec::new();
    let (mut failing, mut stuck) = (Vec::new(), Vec::new());
    let mut lanes = Vec::new();
    for name in names {
        let Some(tracked) = state.environment(name) else { continue };
        let asked = tracked.named_service(repository);
        let asked: Vec<ServiceAt<'_>> = asked
            .into_iter()
            .map(|(known, service)| ServiceAt::of(state, tracked, known, service, now))
            .collect();
        failing.extend(failing_of(state, tracked, &asked, repository, now).map(|it| (name.clone(), it)));
        for asked in asked {
            stuck.extend(asked.stuck().into_iter().map(|it| (name.clone(), it)));
            places.extend(place(state, name, tracked, &asked, now));
            if of.is_none_or(|of| of == name) {
                lanes.push((name, asked));
            }
        }
    }
    let (history, is_cut) = history(state, &lanes, limit);
    let found = |name: &EnvironmentName| {
        let (found, _) = unseen_revisions(state, name, Some(repository), now, limit);
        found.into_iter().map(|found| (name.clone(), found)).collect::<Vec<_>>()
    };
    let revisions = lanes.iter().flat_map(|(name, _)| found(name)).collect();
    Across { places, failing, stuck, history, is_cut, revisions }
}

fn failing_of<'a>(
    state: &'a State,
    tracked: &'a EnvironmentState,
    asked: &'a [ServiceAt<'_>],
    repository: &'a Repository,
    now: Time,
) -> impl Iterator<Item = FailedAttempt> {
    let here = state.time().now(now);
    let own = attempts(Some(tracked), asked).filter(move |(of, _)| *of == repository);
    own.filter(move |(_, attempt)| attempt.is_failing(here))
        .map(move |(of, attempt)| failed(state, of, &attempt))
}

fn place(
    state: &State,
    name: &EnvironmentName,
    tracked: &EnvironmentState,
    asked: &ServiceAt<'_>,
    now: Time,
) -> Option<Place> {
    let current = asked.service.current()?;
    let before = current.from.as_ref();
    Some(Place {
        environment: name.clone(),
        running: asked.running(tracked.gap_at())?,
        missing: missing::service(asked, tracked.gap_at(), now),
        before: before.map(|from| image(state, asked.repository, &from.digest, from.tag())),
    })
}

/// The latest changes of all of them, and whether there are more.
fn history(state: &State, lanes: &[(&EnvironmentName, ServiceAt<'_>)], limit: usize) -> (Vec<Step>, bool) {
    let mut steps: Vec<_> = lanes
        .iter()
        .flat_map(|(name, asked)| asked.rollouts().into_iter().map(move |rollout| (*name, rollout)))
        .collect();
    steps.sort_by_key(|(_, rollout)| std::cmp::Reverse(rollout.rollout.opened_at));
    let is_cut = steps.len() > limit;
    let view = |(name, rollout): (&EnvironmentName, super::rollout::RolloutAt<'_>)| Step {
        environment: name.clone(),
        id: rollout.id(),
        change: rollout.view(state),
    };
    (steps.into_iter().take(limit).map(view).collect(), is_cut)
}
