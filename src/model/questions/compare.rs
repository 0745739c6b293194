//! Two environments, or one at two times: which is ahead, and by what.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::incomplete::{Incomplete, incomplete};
use super::release::ReleaseView;
use super::step::{image, ordered_version, tag};
use super::view::Image;
use super::{Asked, asked};
use crate::model::deployments::State;
use crate::model::event::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::releases::{ChangeKind, Named, Relation};
use crate::model::time::Time;

/// One side of a comparison.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// What the log says, as far as this side may know it.
    pub state: &'a State,
    /// Which environment.
    pub environment: &'a EnvironmentName,
    /// When.
    pub at: Time,
}

/// Two environments, service by service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Comparison {
    /// The left environment.
    pub left: EnvironmentName,
    /// The right environment.
    pub right: EnvironmentName,
    /// When the left one is looked at.
    pub left_at: Time,
    /// When the right one is looked at.
    pub right_at: Time,
    /// Service by service, in the order of the repositories.
    pub services: Vec<ComparedService>,
    /// What may be lacking of the left environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_incomplete: Option<Incomplete>,
    /// What may be lacking of the right environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right_incomplete: Option<Incomplete>,
}

/// One service on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ComparedService {
    /// Which.
    pub repository: Repository,
    /// What the left side runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Image>,
    /// What the right side runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<Image>,
    /// Which one is ahead.
    pub relation: Ahead,
    /// The releases that one side has and the other lacks, in publishing order.
    pub releases: Vec<ReleaseView>,
    /// How many fixes, security fixes among them, those releases brought.
    pub fixes: usize,
    /// The pull requests of those releases, in rising order.
    pub pull_requests: Vec<u64>,
}

/// Which side of a comparison is ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ahead {
    /// Both run the same release.
    Same,
    /// The left side runs the later one.
    LeftAhead,
    /// The right side runs the later one.
    RightAhead,
    /// Neither contains the other.
    Diverged,
    /// Only the left side runs the service.
    LeftOnly,
    /// Only the right side runs the service.
    RightOnly,
    /// Nothing is known that could tell.
    Unknown,
}

impl Ahead {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::LeftAhead => "left_ahead",
            Self::RightAhead => "right_ahead",
            Self::Diverged => "diverged",
            Self::LeftOnly => "left_only",
            Self::RightOnly => "right_only",
            Self::Unknown => "unknown",
        }
    }
}

/// How `left` stands to `right`.
pub fn compare(left: Side<'_>, right: Side<'_>) -> Comparison {
    let (lefts, rights) = (left.asked(), right.asked());
    let running = |side: &[Asked<'_>]| -> BTreeSet<Repository> {
        let running = side.iter().filter(|asked| asked.service.current().is_some());
        running.map(|asked| asked.repository.clone()).collect()
    };
    let repositories: BTreeSet<Repository> = running(&lefts).union(&running(&rights)).cloned().collect();
    let of = |side: &[Asked<'_>], repository: &Repository| {
        // Both lists are in the order of the repositories.
        side.binary_search_by(|asked| asked.repository.cmp(repository)).ok()
    };
    // Releases become known as time goes by: the later side's catalogue knows both.
    let knows = if left.at > right.at { left.state } else { right.state };
    let service = |repository: Repository| {
        let left = of(&lefts, &repository).and_then(|place| Running::of(&lefts[place]));
        let right = of(&rights, &repository).and_then(|place| Running::of(&rights[place]));
        compared(knows, repository, left, right)
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
    fn asked(&self) -> Vec<Asked<'a>> {
        asked(self.state, self.environment, self.at)
    }
}

/// What one side runs.
struct Running {
    image: Image,
    /// Its version, if that tells an order.
    version: Option<String>,
}

impl Running {
    fn of(asked: &Asked<'_>) -> Option<Self> {
        let rollout = &asked.service.current()?.rollout;
        let image = image(asked.state, asked.repository, &rollout.digest, tag(rollout));
        let version = ordered_version(asked.state, asked.repository, &rollout.digest, tag(rollout));
        Some(Self { image, version })
    }

    fn named(&self) -> Named<'_> {
        Named { digest: &self.image.digest, version: self.version.as_deref() }
    }
}

fn compared(
    state: &State,
    repository: Repository,
    left: Option<Running>,
    right: Option<Running>,
) -> ComparedService {
    let catalogue = state.catalogue();
    let between = |low: Named<'_>, high: Named<'_>| -> Vec<ReleaseView> {
        let releases = catalogue.between(&repository, low, high);
        releases.into_iter().map(|release| ReleaseView::from(release.as_ref())).collect()
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
    let (left, right) = (left.map(|it| it.image), right.map(|it| it.image));
    ComparedService { repository, left, right, relation, releases, fixes, pull_requests }
}

/// What either of two lines has that the other lacks.
fn apart(state: &State, repository: &Repository, left: Named<'_>, right: Named<'_>) -> Vec<ReleaseView> {
    let Some(line) = state.catalogue().line(repository) else { return Vec::new() };
    line.apart(left, right).into_iter().map(|release| ReleaseView::from(release.as_ref())).collect()
}

/// How many fixes `releases` brought, and by which pull requests all of their changes came.
pub(in crate::model) fn fixes_and_pull_requests(releases: &[ReleaseView]) -> (usize, Vec<u64>) {
    let fixes = |release: &ReleaseView| release.count(ChangeKind::Fix) + release.count(ChangeKind::Security);
    let changes = releases.iter().flat_map(|release| &release.changes);
    let pull_requests: BTreeSet<u64> = changes.filter_map(|change| change.pr).collect();
    (releases.iter().map(fixes).sum(), pull_requests.into_iter().collect())
}
