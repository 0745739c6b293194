//! Two environments, or one at two times: which is ahead, and by what.

use std::collections::BTreeSet;

use super::image::{Placed, image, tag};
use super::incomplete::incomplete;
use super::service::{ServiceAt, services_at};
use crate::model::deployments::{EnvironmentState, State};
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::releases::{Named, Relation};
use crate::model::time::Time;
use crate::wire::{Ahead, BesideImage, ComparedService, Comparison, Image, Release, RunningWorkload, Seen};

/// One side of a comparison.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The log's state, as far as this side may know it.
    pub state: &'a State,
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// The time of it.
    pub at: Time,
}

/// Compares `left` with `right`.
pub fn compare(left: Side<'_>, right: Side<'_>) -> Comparison {
    let (lefts, rights) = (left.asked(), right.asked());
    let running = |side: &[ServiceAt<'_>]| -> BTreeSet<Repository> {
        let running = side.iter().filter(|asked| asked.runs().is_some());
        running.map(|asked| asked.repository.clone()).collect()
    };
    let repositories: BTreeSet<Repository> = running(&lefts).union(&running(&rights)).cloned().collect();
    let of = |side: &[ServiceAt<'_>], repository: &Repository| {
        // Both lists are in the order of the repositories.
        side.binary_search_by(|asked| asked.repository.cmp(repository)).ok()
    };
    // Releases become known as time goes by: the later side's catalogue knows both.
    let knows = if left.at > right.at { left.state } else { right.state };
    let service = |repository: Repository| {
        let (on_left, on_right) = (of(&lefts, &repository), of(&rights, &repository));
        let (on_left, on_right) = (on_left.map(|place| &lefts[place]), on_right.map(|place| &rights[place]));
        let absence = |asked: Option<&ServiceAt<'_>>| asked.and_then(ServiceAt::absence);
        let (left_absent, right_absent) = (absence(on_left), absence(on_right));
        let on_left = on_left.and_then(|asked| Running::of(asked, left.gap_at()));
        let on_right = on_right.and_then(|asked| Running::of(asked, right.gap_at()));
        ComparedService { left_absent, right_absent, ..compared(knows, repository, on_left, on_right) }
    };
    Comparison {
        left: left.environment.clone(),
        right: right.environment.clone(),
        left_at: left.at,
        right_at: right.at,
        services: repositories.into_iter().map(service).collect(),
        left_incomplete: incomplete(left.state, left.environment, left.at),
        right_incomplete: incomplete(right.state, right.environment, right.at),
    }
}

impl<'a> Side<'a> {
    fn asked(&self) -> Vec<ServiceAt<'a>> {
        services_at(self.state, self.environment, self.at)
    }

    /// The end of the latest stretch in which observations were missing.
    fn gap_at(&self) -> Option<Time> {
        self.state.environment(self.environment).and_then(EnvironmentState::gap_at)
    }
}

/// The images that one side runs.
struct Running {
    image: Image,
    placed: Placed,
    seen: Seen,
    beside: Vec<BesideImage>,
    workloads: Vec<RunningWorkload>,
}

impl Running {
    fn of(asked: &ServiceAt<'_>, gap_at: Option<Time>) -> Option<Self> {
        let current = asked.runs()?;
        let (rollout, seen) = (&current.rollout, asked.seen(current, gap_at));
        let image = image(asked.state, asked.repository, &rollout.digest, tag(rollout));
        let placed = Placed::of(asked.state, asked.repository, &rollout.digest, tag(rollout));
        let mut beside = asked.images_beside(gap_at);
        beside.retain(|image| !image.ran_once);
        Some(Self { image, placed, seen, beside, workloads: asked.workloads() })
    }

    fn named(&self) -> Named<'_> {
        self.placed.named()
    }
}

fn compared(
    state: &State,
    repository: Repository,
    left: Option<Running>,
    right: Option<Running>,
) -> ComparedService {
    let catalogue = state.catalogue();
    let between = |low: Named<'_>, high: Named<'_>| -> Vec<Release> {
        let releases = catalogue.between(&repository, low, high);
        releases.into_iter().map(|release| Release::from(release.as_ref())).collect()
    };
    let (relation, releases) = match (&left, &right) {
        (Some(_), None) => (Ahead::LeftOnly, Vec::new()),
        (None, Some(_)) => (Ahead::RightOnly, Vec::new()),
        (None, None) => (Ahead::Unknown, Vec::new()),
        (Some(left), Some(right)) if left.image.digest == right.image.digest => (Ahead::Same, Vec::new()),
        (Some(left), Some(right)) => {
            let (left, right) = (left.named(), right.named());
            match catalogue.relation(&repository, right, left) {
                Relation::Same => (Ahead::Same, Vec::new()),
                Relation::Later => (Ahead::LeftAhead, between(right, left)),
                Relation::Earlier => (Ahead::RightAhead, between(left, right)),
                Relation::Incomparable => (Ahead::Diverged, apart(state, &repository, left, right)),
                Relation::Unknown => (Ahead::Unknown, Vec::new()),
            }
        }
    };
    let (fixes, pull_requests) = fixes_and_pull_requests(&releases);
    let beside = |side: &Option<Running>| side.as_ref().map(|it| it.beside.clone()).unwrap_or_default();
    let (left_beside, right_beside) = (beside(&left), beside(&right));
    let workloads = |side: &Option<Running>| side.as_ref().map(|it| it.workloads.clone()).unwrap_or_default();
    let (left_workloads, right_workloads) = (workloads(&left), workloads(&right));
    let sides = |side: Option<Running>| side.map(|it| (it.image, it.seen)).unzip();
    let ((left, left_seen), (right, right_seen)) = (sides(left), sides(right));
    ComparedService {
        repository,
        left,
        right,
        left_absent: None,
        right_absent: None,
        left_seen,
        right_seen,
        left_beside,
        right_beside,
        left_workloads,
        right_workloads,
        relation,
        releases,
        fixes,
        pull_requests,
    }
}

/// The releases that either of two lines has and the other lacks.
fn apart(state: &State, repository: &Repository, left: Named<'_>, right: Named<'_>) -> Vec<Release> {
    let Some(line) = state.catalogue().line(repository) else { return Vec::new() };
    line.apart(left, right).into_iter().map(|release| Release::from(release.as_ref())).collect()
}

/// Number of fixes in `releases`, and the pull requests of all of their changes.
pub(in crate::model) fn fixes_and_pull_requests(releases: &[Release]) -> (usize, Vec<u64>) {
    let changes = releases.iter().flat_map(|release| &release.changes);
    let pull_requests: BTreeSet<u64> = changes.filter_map(|change| change.pr).collect();
    (releases.iter().map(Release::fixes).sum(), pull_requests.into_iter().collect())
}
