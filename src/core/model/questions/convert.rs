//! Conversions of the model's own types into those of the wire.

use std::borrow::Cow;

use super::states::{Confidence, Kind, Phase, Reason, Standing};
use crate::model::deployments::State;
use crate::model::deployments::attempts::Attempt;
use crate::model::deployments::correction::{Assumption, Finding};
use crate::model::deployments::rule::Rule;
use crate::model::deployments::sighting::{EvidenceSource, Grade};
use crate::model::oci::{Digest, Repository};
use crate::model::releases::{self, Change, ChangeKind, Registration, Release, summary};
use crate::model::time::Time;
use crate::wire::{self, Difference, FailedAttempt, ReleaseChange, ReleaseRef, Source, in_words};

in_words! {
    Phase => Phase { RollingOut, Settled, Mixed, Aborted, Removed, ScaledToZero }
    Kind => Kind { Initial, Upgrade, Rollback, Restore, Rebuild, Changed }
    Confidence => Confidence { Tentative, Likely, Confirmed }
    Reason => RetainKind { Running, Mixed, RollbackTarget, PulledRecently }
    EvidenceSource => EvidenceSource { Pull, Sighting }
    Standing => Standing { Live, RollingOut, PartlyLive, NotLive, RolledBack, NoSuchChange, Unknown }
    Grade => Grade { Check, Pull, Transfer, Running }
    Assumption => Assumption { Replaced, WayBack, Minority }
    Finding => Finding { Deployed, Straggler, GivenUp, Beside }
    ChangeKind => ChangeKind { Feature, Fix, Perf, Security, Breaking, Docs, Other }
    releases::Rule => ChangeRule {
        Given, BreakingMarker, Cve, SecurityScope, Section, Dependency, SecurityPhrase, ConventionalType, Gitmoji, FirstWord,
        Unclassified,
    }
}

impl From<Rule> for wire::Rule {
    fn from(rule: Rule) -> Self {
        Self { number: rule.number(), name: Cow::Borrowed(rule.name()) }
    }
}

impl From<&Change> for ReleaseChange {
    fn from(change: &Change) -> Self {
        Self {
            kind: change.kind.into(),
            title: change.title.clone(),
            pr: change.pr,
            issue: change.issue,
            commit: change.commit.clone(),
            author: change.author.clone(),
            rule: change.rule.map(Into::into),
        }
    }
}

impl From<&releases::Difference> for Difference {
    fn from(difference: &releases::Difference) -> Self {
        let releases::Difference { field, known, given } = difference.clone();
        Self { field: field.to_owned(), known, given }
    }
}

impl From<&Release> for ReleaseRef {
    fn from(release: &Release) -> Self {
        Self {
            id: release.id.clone(),
            repository: release.repository.clone(),
            version: release.version.clone(),
            digest: release.digest(),
            created_at: release.created_at.unwrap_or(release.added_at),
            yanked_at: release.yanked_at,
        }
    }
}

impl From<wire::Release> for ReleaseRef {
    fn from(release: wire::Release) -> Self {
        let wire::Release { id, repository, version, digest, created_at, yanked_at, .. } = release;
        Self { id, repository, version, digest, created_at, yanked_at }
    }
}

impl From<&Release> for wire::Release {
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
            yanked_at: release.yanked_at,
            parents: release.parents.clone(),
            changes: release.changes.iter().map(Into::into).collect(),
            summary: summary(&release.changes),
            source: if release.is_registered { Source::Registered } else { Source::Labels },
            environments: None,
        }
    }
}

/// An image that ran, of which no release is known.
pub(super) fn of_image(
    repository: &Repository,
    digest: Digest,
    version: Option<String>,
    at: Time,
) -> wire::Release {
    let named = Registration::named(repository.clone(), version.unwrap_or_else(|| digest.short()));
    let release = Release::registered(named, at);
    wire::Release { digest: Some(digest), source: Source::Tag, ..wire::Release::from(&release) }
}

/// An attempt that failed, as it is on the wire.
pub(super) fn failed(state: &State, repository: &Repository, attempt: &Attempt) -> FailedAttempt {
    FailedAttempt {
        repository: repository.clone(),
        reference: attempt.reference.clone(),
        status: attempt.status,
        cause: Cow::Borrowed(attempt.cause()),
        first_at: state.shown(attempt.first_at),
        last_at: state.shown(attempt.last_at),
        count: attempt.count,
        cleared_at: attempt.cleared_at.map(|at| state.shown(at)),
        unproven: attempt.is_unproven,
    }
}
