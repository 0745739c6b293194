//! Releases as every surface shows them.

use serde::Serialize;
use utoipa::ToSchema;

use super::Asked;
use super::step::release_of;
use crate::model::deployments::State;
use crate::model::event::EnvironmentName;
use crate::model::oci::{Digest, Repository};
use crate::model::releases::{Change, ChangeKind, Registration, Release, summary};
use crate::model::time::Time;

/// A release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReleaseView {
    /// Its identifier.
    pub id: String,
    /// Of which repository.
    pub repository: Repository,
    /// The digest of its image, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Every digest of it, where there are several: rebuilds, and images whose labels name it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<Digest>,
    /// Its version.
    pub version: String,
    /// The commit it was built from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// When it was made; where nobody said, when Landfall heard of it.
    pub created_at: Time,
    /// The versions or revisions that it was built upon.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
    /// What changed with it.
    pub changes: Vec<Change>,
    /// What changed with it, in a sentence or two.
    pub summary: String,
    /// `registered` by somebody, or known from an image's `labels` or its `tag`.
    pub source: Source,
    /// Where it runs; only where a question asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<Where>>,
}

/// A release by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReleaseRef {
    /// Its identifier.
    pub id: String,
    /// Of which repository.
    pub repository: Repository,
    /// Its version.
    pub version: String,
    /// The digest of its image, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// When it was made; where nobody said, when Landfall heard of it.
    pub created_at: Time,
}

impl From<&Release> for ReleaseRef {
    fn from(release: &Release) -> Self {
        Self {
            id: release.id.clone(),
            repository: release.repository.clone(),
            version: release.version.clone(),
            digest: release.digest(),
            created_at: release.created_at.unwrap_or(release.added_at),
        }
    }
}

/// How a release came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Somebody registered it.
    Registered,
    /// An image's labels name it.
    Labels,
    /// An image ran here, and this is the tag it was pulled by, or its digest.
    Tag,
}

/// An environment that runs a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Where {
    /// The environment.
    pub name: EnvironmentName,
    /// Since when: the first evidence.
    pub since: Time,
}

impl From<&Release> for ReleaseView {
    fn from(release: &Release) -> Self {
        let digests: Vec<Digest> = release.all_digests().copied().collect();
        Self {
            id: release.id.clone(),
            repository: release.repository.clone(),
            digest: release.digest(),
            digests: if digests.len() > 1 { digests } else { Vec::new() },
            version: release.version.clone(),
            revision: release.revision.clone(),
            created_at: release.created_at.unwrap_or(release.added_at),
            parents: release.parents.clone(),
            changes: release.changes.clone(),
            summary: summary(&release.changes),
            source: if release.is_registered { Source::Registered } else { Source::Labels },
            environments: None,
        }
    }
}

impl ReleaseView {
    /// An image that ran, of which no release is known.
    pub(super) fn of_image(
        repository: &Repository,
        digest: Digest,
        version: Option<String>,
        at: Time,
    ) -> Self {
        let named = Registration::named(repository.clone(), version.unwrap_or_else(|| digest.short()));
        let release = Release::registered(named, at);
        Self { digest: Some(digest), source: Source::Tag, ..Self::from(&release) }
    }

    /// How many of its changes are of this kind.
    pub fn count(&self, kind: ChangeKind) -> usize {
        self.changes.iter().filter(|change| change.kind == kind).count()
    }
}

/// A release, with the environments that run it at `now`.
pub fn release(state: &State, release: &Release, now: Time) -> ReleaseView {
    let environments = state.environments().filter_map(|(name, tracked)| {
        let service = tracked.service_of(&release.repository)?;
        let asked = Asked::of(state, &release.repository, service, now);
        let current = asked.service.current()?;
        let runs =
            release_of(state, &release.repository, &current.rollout.digest, super::tag(&current.rollout))?;
        (runs.id == release.id)
            .then(|| Where { name: name.clone(), since: state.shown(current.rollout.opened_at) })
    });
    ReleaseView { environments: Some(environments.collect()), ..ReleaseView::from(release) }
}
