//! The score: the share of changes that was told, and the share of reports that is true.

use super::history::{History, Service};
use super::record::Failure;
use super::truth::{Change, Kind};
use crate::model::time::{Span, Time};
use crate::wire::{Kind as Told, Phase, ReplayedDeployment, ReplayedService};

/// A report is right within so much of the first evidence.
const WINDOW: Span = Span::from_mins(10);

/// Counts, to be summed over histories.
#[derive(Clone, Debug, Default)]
pub(super) struct Score {
    pub(super) histories: usize,
    pub(super) happened: usize,
    pub(super) found: usize,
    pub(super) reported: usize,
    pub(super) reported_right: usize,
    pub(super) rollbacks: usize,
    pub(super) rollbacks_found: usize,
    pub(super) rollbacks_reported: usize,
    pub(super) rollbacks_right: usize,
    pub(super) current: usize,
    pub(super) current_right: usize,
    pub(super) parts: usize,
    pub(super) parts_right: usize,
    /// Deployments of pulls that failed.
    pub(super) failed: usize,
    /// Changes called live that no pod ran, though requests had shown so.
    pub(super) false_live: usize,
    /// Answers about changes.
    pub(super) verified: usize,
    /// Those about changes that all pods ran, as far as can be known.
    pub(super) live: usize,
    pub(super) live_told: usize,
}

impl std::ops::AddAssign<&Score> for Score {
    fn add_assign(&mut self, other: &Self) {
        self.histories += other.histories;
        self.happened += other.happened;
        self.found += other.found;
        self.reported += other.reported;
        self.reported_right += other.reported_right;
        self.rollbacks += other.rollbacks;
        self.rollbacks_found += other.rollbacks_found;
        self.rollbacks_reported += other.rollbacks_reported;
        self.rollbacks_right += other.rollbacks_right;
        self.current += other.current;
        self.current_right += other.current_right;
        self.parts += other.parts;
        self.parts_right += other.parts_right;
        self.failed += other.failed;
        self.false_live += other.false_live;
        self.verified += other.verified;
        self.live += other.live;
        self.live_told += other.live_told;
    }
}

/// `part` of `whole`; all, where there is nothing.
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

fn apart(one: Time, other: Time) -> Span {
    one.since(other).max(other.since(one))
}

/// The number of an image of the service.
pub(super) fn number(service: &Service, digest: crate::model::oci::Digest) -> Option<usize> {
    service.images.iter().position(|image| image.digest() == digest)
}

/// Compares what is told of a service with what was true. Mistakes go to `mistakes`, a line each.
pub(super) fn compare(
    history: &History,
    service: &Service,
    told: Option<&ReplayedService>,
    score: &mut Score,
    mistakes: &mut Vec<String>,
) {
    let reports = told.map_or(&[][..], |told| &told.deployments);
    let matched = matches(service, reports);
    let mut mistake = |text: String| {
        mistakes.push(format!("{:?} {} {}: {text}", history.family, history.seed, service.environment));
    };
    for (place, change) in required(service).enumerate() {
        let report = matched.iter().find(|(of, _)| *of == place).map(|(_, report)| &reports[*report]);
        count_change(service, change, report, score, &mut mistake);
    }
    for (place, report) in reports.iter().enumerate() {
        let is_right = matched.iter().any(|(_, of)| *of == place);
        if is_right || !is_tolerated(service, report) {
            score.reported += 1;
            score.reported_right += usize::from(is_right);
        }
        if !is_right && !is_tolerated(service, report) {
            count_wrong(service, report, score, &mut mistake);
        }
    }
}

fn count_change(
    service: &Service,
    change: &Change,
    report: Option<&ReplayedDeployment>,
    score: &mut Score,
    mistake: &mut impl FnMut(String),
) {
    let is_rollback = change.kind == Kind::Rollback && change.kind_seen == Kind::Rollback;
    let may_be_one = change.kind == Kind::Rollback || change.kind_seen == Kind::Rollback;
    let is_told = report.is_some_and(|report| report.kind == Told::Rollback);
    score.happened += 1;
    score.found += usize::from(report.is_some());
    score.rollbacks += usize::from(is_rollback);
    score.rollbacks_found += usize::from(is_rollback && is_told);
    score.rollbacks_reported += usize::from(is_told);
    score.rollbacks_right += usize::from(is_told && may_be_one);
    let version = &service.images[change.image].version;
    let at = change.first.map(|first| first.to_string()).unwrap_or_default();
    let what = format!("{:?} to {version} at {at}", change.kind_seen);
    match report {
        None => mistake(format!("missed {what}, {} pulls", change.proofs.len())),
        Some(report) if is_told != is_rollback && !(is_told && may_be_one) => {
            mistake(format!("{what} told as {}", report.kind));
        }
        Some(_) => {}
    }
}

fn count_wrong(
    service: &Service,
    report: &ReplayedDeployment,
    score: &mut Score,
    mistake: &mut impl FnMut(String),
) {
    score.rollbacks_reported += usize::from(report.kind == Told::Rollback);
    // A failure comes after the request that the report began with; what failed before may have been mended by then.
    let is_after =
        |at: Time| report.started_at - Span::from_secs(1) <= at && at <= report.started_at + WINDOW;
    let of_report = |failure: &Failure| failure.digest == report.digest && is_after(failure.at);
    let is_failed = service.failures.iter().any(of_report);
    score.failed += usize::from(is_failed);
    let number = number(service, report.digest);
    let version = number.map_or("an unknown image", |number| service.images[number].version.as_str());
    let why = if is_failed { ": its pull failed" } else { "" };
    let (kind, state, at) = (&report.kind, &report.state, report.started_at);
    mistake(format!("{kind} to {version} {state} at {at} is wrong{why}"));
}

/// The changes that must be told.
fn required(service: &Service) -> impl Iterator<Item = &Change> {
    service.truth.whole().filter(|change| change.is_observable)
}

/// The changes and the reports that mean the same, the nearest first.
fn matches(service: &Service, reports: &[ReplayedDeployment]) -> Vec<(usize, usize)> {
    let mut near = Vec::new();
    for (of, change) in required(service).enumerate() {
        for (place, report) in reports.iter().enumerate() {
            let is_it =
                report.digest == service.images[change.image].digest() && report.state != Phase::Aborted;
            let times = change.first.iter().chain(&change.also);
            let distance = times.map(|at| apart(*at, report.started_at)).min().filter(|it| *it <= WINDOW);
            if let Some(distance) = distance.filter(|_| is_it) {
                near.push((report.state == Phase::Mixed, distance, of, place));
            }
        }
    }
    near.sort();
    let mut matched: Vec<(usize, usize)> = Vec::new();
    for (_, _, of, place) in near {
        if matched.iter().all(|(other, report)| *other != of && *report != place) {
            matched.push((of, place));
        }
    }
    matched
}

/// Tells whether a report that matches no change is no mistake either.
fn is_tolerated(service: &Service, report: &ReplayedDeployment) -> bool {
    let is_part = [Phase::Mixed, Phase::Aborted].contains(&report.state);
    let at = report.started_at;
    let within = |from: Time, until: Time| from - WINDOW <= at && at <= until + WINDOW;
    service.truth.changes.iter().any(|change| {
        if service.images[change.image].digest() != report.digest {
            return false;
        }
        match change.kind {
            // Of what runs side by side, nothing is a way back.
            Kind::Beside => {
                ![Told::Rollback, Told::Restore].contains(&report.kind)
                    && within(change.started_at, change.until)
            }
            Kind::Aborted => is_part && within(change.started_at, change.until),
            Kind::GivenUp => {
                let two_hours = change.started_at + Span::from_mins(120);
                // Caches may have hidden the undoing until its first pull.
                let is_late = change.first.is_some_and(|first| within(first, first));
                within(change.started_at, change.until.min(two_hours)) || is_late
            }
            Kind::Initial | Kind::Upgrade | Kind::Rebuild | Kind::Rollback | Kind::Restore
                if !change.is_observable =>
            {
                let next = service.truth.next_after(change.started_at);
                within(change.started_at, next.unwrap_or(at))
            }
            Kind::Initial | Kind::Upgrade | Kind::Rebuild | Kind::Rollback | Kind::Restore => {
                let promoted_at = change.promoted_at.filter(|_| is_part);
                promoted_at.is_some_and(|promoted_at| within(change.started_at, promoted_at))
            }
        }
    })
}
