//! A deployment as a row of a list, and everything that opens under it.

use std::collections::BTreeSet;

use super::charts::{Chart, rollout};
use super::mention::Mention;
use super::parts::{Back, Badge, Label, When, count, length, short, with_before};
use crate::config::{Forge, Forges};
use crate::model::oci::Digest;
use crate::model::questions::{Curve, DetailedDeployment};
use crate::model::releases::{without_label, without_type};
use crate::model::time::Time;
use crate::wire::{
    ChangeEvidence, Kind, PullEvidence, Release, ReleaseChange, Running, ServiceChange, Source,
};

/// Services that a row names; the others are counted.
const NAMED_MAX: usize = 3;
/// Changes that are listed of one release; its own page has them all.
const ITEMS_MAX: usize = 12;

/// A deployment.
pub(super) struct DeploymentRow {
    pub(super) id: String,
    pub(super) environment: String,
    pub(super) kind: Badge,
    pub(super) state: Badge,
    /// `payment v12 → v14`
    pub(super) what: String,
    /// `2 releases`, `3 fixes`, `8 min`, `14 nodes`
    pub(super) facts: Vec<String>,
    pub(super) when: When,
    pub(super) day: String,
    /// The page that compares the environment before and after it.
    pub(super) compare_link: String,
    pub(super) changes: Vec<ChangeRow>,
    /// Changes that are left out.
    pub(super) more: usize,
}

/// One service's part of it.
pub(super) struct ChangeRow {
    pub(super) repository: String,
    pub(super) kind: Badge,
    pub(super) state: Badge,
    pub(super) from: Option<Label>,
    pub(super) to: Label,
    /// The version to go back to, while what it brought runs.
    pub(super) back_to: Option<Back>,
    pub(super) reason: String,
    /// Statements that later observations took back.
    pub(super) corrections: Vec<(String, When)>,
    pub(super) curve: Chart,
    pub(super) releases: Vec<ReleaseRow>,
    pub(super) reverted: Vec<ReleaseRow>,
    /// The fixes that stopped being live.
    pub(super) lost: Vec<ItemRow>,
    pub(super) pulls: Vec<PullRow>,
    pub(super) pulls_total: u32,
}

/// A release.
pub(super) struct ReleaseRow {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) digest: Option<Digest>,
    pub(super) made: When,
    pub(super) summary: String,
    pub(super) items: Vec<ItemRow>,
    pub(super) more: usize,
    /// The catalogue has a page of it.
    pub(super) is_known: bool,
}

/// One change of a release.
pub(super) struct ItemRow {
    pub(super) kind: Badge,
    pub(super) title: String,
    pub(super) pr: Option<Mention>,
    pub(super) issue: Option<Mention>,
    pub(super) commit: Option<Mention>,
    pub(super) author: Option<String>,
}

/// A pull as evidence.
pub(super) struct PullRow {
    pub(super) when: When,
    pub(super) client: String,
    pub(super) asked: String,
    pub(super) grade: String,
    pub(super) arrived: bool,
}

impl DeploymentRow {
    /// `running` tells which of its images the environment runs.
    pub(super) fn new(detailed: &DetailedDeployment, running: &Running, forges: &Forges, now: Time) -> Self {
        let deployment = &detailed.deployment;
        let parts = detailed.curves.iter().zip(&detailed.evidence);
        let changes = deployment.changes.iter().zip(parts);
        Self {
            id: deployment.id.clone(),
            environment: deployment.environment.to_string(),
            kind: Badge::of(deployment.kind.as_str()),
            state: Badge::stands(&deployment.state, &deployment.confidence),
            what: what(&deployment.changes, detailed.more),
            facts: facts(detailed),
            when: When::new(deployment.started_at, now),
            day: deployment.started_at.to_string().chars().take("2026-03-02".len()).collect(),
            compare_link: with_before(
                &deployment.environment,
                None,
                deployment.started_at,
                deployment.settled_at,
            ),
            changes: changes
                .map(|(change, (curve, pulls))| ChangeRow::new(change, curve, pulls, running, forges, now))
                .collect(),
            more: detailed.more,
        }
    }
}

/// `payment v12 → v14, web v1.4 → v1.5 and 3 more`
fn what(changes: &[ServiceChange], further: usize) -> String {
    let one = |change: &ServiceChange| {
        let (service, to) = (short(&change.repository), change.to.label());
        match &change.from {
            Some(from) => format!("{service} {} → {to}", from.label()),
            None => format!("{service} {to}"),
        }
    };
    let named = changes.iter().take(NAMED_MAX).map(one).collect::<Vec<_>>().join(", ");
    match changes.len().saturating_sub(NAMED_MAX) + further {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// The counts of a row: releases, fixes, how long it took, nodes.
fn facts(detailed: &DetailedDeployment) -> Vec<String> {
    let changes = &detailed.deployment.changes;
    let fixes = |pick: fn(&ServiceChange) -> &Vec<Release>| {
        let releases = changes.iter().flat_map(pick);
        releases.map(Release::fixes).sum::<usize>() as u64
    };
    let mut facts = Vec::new();
    let reverted = detailed.deployment.releases_reverted as u64;
    let lost = fixes(|change| &change.reverted);
    if reverted > 0 {
        facts.push(format!("{} reverted", count(reverted, "release")));
    }
    if lost > 0 {
        facts.push(format!("{} no longer live", count(lost, "fix")));
    }
    let landed = detailed.deployment.releases_landed as u64;
    if landed > 0 && changes.iter().any(|change| change.kind != Kind::Initial) {
        facts.push(count(landed, "release"));
        let fixes = fixes(|change| &change.releases);
        facts.extend((fixes > 0).then(|| count(fixes, "fix")));
    }
    let took = detailed.curves.iter().map(|curve| curve.took).max().unwrap_or_default();
    facts.extend((took.ms() > 0).then(|| length(took)));
    let nodes = changes.iter().map(|change| change.clients).max().unwrap_or_default();
    facts.push(count(nodes, "node"));
    facts
}

impl ChangeRow {
    fn new(
        change: &ServiceChange,
        curve: &Curve,
        evidence: &ChangeEvidence,
        running: &Running,
        forges: &Forges,
        now: Time,
    ) -> Self {
        let forge = forges.of(&change.repository);
        let runs = running
            .services
            .iter()
            .any(|service| (&service.repository, service.digest) == (&change.repository, change.to.digest));
        let before = change.from.as_ref().filter(|_| runs);
        let releases =
            |all: &[Release]| all.iter().rev().map(|release| ReleaseRow::new(release, forge, now)).collect();
        Self {
            repository: change.repository.to_string(),
            kind: Badge::of(change.kind.as_str()),
            state: Badge::stands(&change.state, &change.confidence),
            from: change.from.as_ref().map(Label::from),
            to: Label::from(&change.to),
            back_to: before
                .and_then(|from| from.version.as_deref())
                .map(|version| Back::to(version, change.kind == Kind::Rollback)),
            reason: change.reason.clone(),
            corrections: change
                .corrections
                .iter()
                .map(|it| (it.text.clone(), When::new(it.at, now)))
                .collect(),
            curve: rollout(curve),
            releases: releases(&change.releases),
            reverted: releases(&change.reverted),
            lost: lost(&change.reverted, forge),
            pulls: evidence.pulls.iter().map(|pull| PullRow::new(pull, now)).collect(),
            pulls_total: evidence.pulls_total,
        }
    }

    /// Some of the pulls are not kept.
    pub(super) fn is_cut(&self) -> bool {
        (self.pulls.len() as u64) < u64::from(self.pulls_total)
    }
}

/// The fixes of these releases, each once.
fn lost(reverted: &[Release], forge: Option<&Forge>) -> Vec<ItemRow> {
    let mut seen = BTreeSet::new();
    let changes = reverted.iter().flat_map(|release| &release.changes);
    let fixes = changes.filter(|change| change.is_fix());
    fixes
        .filter(|change| seen.insert((&change.title, change.pr)))
        .map(|change| ItemRow::new(change, forge))
        .collect()
}

impl ReleaseRow {
    fn new(release: &Release, forge: Option<&Forge>, now: Time) -> Self {
        Self {
            id: release.id.clone(),
            version: release.version.clone(),
            digest: release.digest,
            made: When::new(release.created_at, now),
            summary: release.summary.clone(),
            items: release.changes.iter().take(ITEMS_MAX).map(|change| ItemRow::new(change, forge)).collect(),
            more: release.changes.len().saturating_sub(ITEMS_MAX),
            is_known: release.source != Source::Tag,
        }
    }
}

impl ItemRow {
    /// `forge` is where the source is, if that is known.
    pub(super) fn new(change: &ReleaseChange, forge: Option<&Forge>) -> Self {
        Self {
            kind: Badge::of(change.kind.as_str()),
            // The badge says the type.
            title: without_label(&without_type(&change.title), change.kind.as_str()).to_owned(),
            pr: change.pr.map(|pr| Mention::new(format!("#{pr}"), forge.map(|forge| forge.request(pr)))),
            issue: change
                .issue
                .map(|issue| Mention::new(format!("#{issue}"), forge.map(|forge| forge.issue(issue)))),
            commit: change.commit.as_deref().map(|commit| Mention::of_commit(commit, forge)),
            author: change.author.clone(),
        }
    }
}

impl PullRow {
    fn new(pull: &PullEvidence, now: Time) -> Self {
        Self {
            when: When::new(pull.at, now),
            client: pull.client.to_string(),
            asked: pull.tag.clone().unwrap_or_else(|| "by digest".to_owned()),
            grade: pull.grade.to_string(),
            arrived: pull.arrived,
        }
    }
}
