//! A witness: it tells what workloads run, and until when it has seen everything.
//!
//! It begins when every source has told all that there is, with all of that between two signs of life; then it tells what
//! changes. Where a source lost its place, or reports were lost, it begins anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::image::ImageName;
use super::ledger::Tally;
use super::owner_key::OwnerKey;
use super::owners::{Owner, WorkloadKey};
use super::pod::{Pod, PodKey};
use super::said::{News, Place, Stand, Told};
use crate::model::report::{self, NamedImage, Runs, Statement};
use crate::model::time::{Span, Time};

/// A sign of life comes this often.
const BEAT_EVERY: Span = Span::from_secs(30);

/// A change that a source heard of.
#[derive(Debug)]
pub enum Change {
    /// A pod is there, so.
    Pod(Pod),
    /// A pod is there no more.
    PodGone(PodKey),
    /// These are all pods of a namespace, or of all.
    Pods(Option<Arc<str>>, Vec<Pod>),
    /// An owner of pods is there, so.
    Owner(Owner),
    /// An owner of pods is there no more.
    OwnerGone(Arc<str>, OwnerKey),
    /// These are all owners of this kind, in lower case, in a namespace or in all.
    Owners(Option<Arc<str>>, &'static str, Vec<Owner>),
}

/// A message of a source. Whatever it says is true of all that it said before.
#[derive(Debug)]
pub enum Heard {
    /// Something changed.
    Change(Change),
    /// All that there is was told, between these times.
    Whole(Source, Time, Time),
    /// Everything until then was told.
    Until(Source, Time),
    /// The source lost its place, and will tell all that there is again.
    Lost(Source),
    /// The source will tell nothing, and the witness does without.
    Without(Source),
}

/// A source of changes, by its place among those of the witness.
pub type Source = usize;

/// A witness of one environment.
#[derive(Debug)]
pub struct Witness {
    source: report::Source,
    tally: Tally,
    told: BTreeMap<WorkloadKey, BTreeMap<Place, Told>>,
    /// Workloads whose numbers are to be told, and from when on.
    later: BTreeMap<WorkloadKey, Time>,
    sources: Vec<Stretch>,
    /// Since when it has seen everything; none before it began.
    since: Option<Time>,
    beat_at: Option<Time>,
    /// The time until which it said that it had seen everything.
    alive_at: Option<Time>,
    told_history: bool,
}

/// The stretch of a source that says nothing of time.
const EVER: (Time, Time) = (Time::from_ms(0), Time::from_ms(i64::MAX));

/// The stretch that a source has seen everything of; none before it told all that there is.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    whole: Option<(Time, Time)>,
}

impl Witness {
    /// A witness that hears of changes from so many sources.
    pub fn new(source: report::Source, sources: usize) -> Self {
        Self {
            source,
            tally: Tally::default(),
            told: BTreeMap::new(),
            later: BTreeMap::new(),
            sources: vec![Stretch::default(); sources],
            since: None,
            beat_at: None,
            alive_at: None,
            told_history: false,
        }
    }

    /// Takes in what a source said.
    pub fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Change(change) => self.take(change),
            Heard::Whole(source, began_at, done_at) => {
                // Anything that came before it may have been missed.
                self.begin_anew();
                self.sources[source].whole = Some((began_at, done_at));
            }
            Heard::Until(source, until) => {
                if let Some((_, heard)) = &mut self.sources[source].whole {
                    *heard = until.max(*heard);
                }
            }
            Heard::Lost(source) => self.sources[source].whole = None,
            Heard::Without(source) => self.sources[source].whole = Some(EVER),
        }
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::Pod(pod) => self.tally.put_pod(pod),
            Change::PodGone(key) => self.tally.remove_pod(&key),
            Change::Pods(namespace, pods) => self.tally.all_pods(namespace.as_deref(), pods),
            Change::Owner(owner) => self.tally.put_owner(owner),
            Change::OwnerGone(namespace, key) => self.tally.remove_owner(&namespace, &key),
            Change::Owners(namespace, kind, owners) => {
                self.tally.all_owners(namespace.as_deref(), kind, owners);
            }
        }
    }

    /// Has everything told again: reports were lost.
    pub fn begin_anew(&mut self) {
        self.since = None;
    }

    /// Statements that are due now.
    pub fn say(&mut self, now: Time) -> Vec<Statement> {
        let Some((began, heard)) = self.seen() else { return Vec::new() };
        match self.since {
            None => self.begin(began, heard, now),
            Some(since) => {
                let mut said = self.news(now);
                said.extend(self.beat(since, heard, now));
                said
            }
        }
    }

    /// The latest time of the next statement, if nothing happens.
    pub fn due(&self, now: Time) -> Time {
        match (self.seen(), self.since, self.beat_at) {
            // A source will say when.
            (None, ..) => now + BEAT_EVERY,
            (Some(_), None, _) | (Some(_), Some(_), None) => now,
            (Some(_), Some(_), Some(beat_at)) => {
                self.later.values().copied().fold(beat_at + BEAT_EVERY, Time::min)
            }
        }
    }

    /// The stretch that every source has seen everything of.
    fn seen(&self) -> Option<(Time, Time)> {
        let whole = self.sources.iter().map(|source| source.whole).collect::<Option<Vec<_>>>()?;
        Some((whole.iter().map(|it| it.0).max()?, whole.iter().map(|it| it.1).min()?))
    }

    fn begin(&mut self, began: Time, heard: Time, now: Time) -> Vec<Statement> {
        // A new beginning is later than any before it, and than all that was said until then.
        let since = self.alive_at.map_or(began, |at| began.max(at + Span::from_ms(1)));
        self.told.clear();
        self.later.clear();
        self.tally.take_touched();
        let mut said = vec![Statement::Alive { at: since, since }];
        for workload in self.tally.workloads() {
            said.extend(self.tell(&workload, now, true));
        }
        if !std::mem::replace(&mut self.told_history, true) {
            said.extend(self.history());
        }
        let at = heard.max(since + Span::from_ms(1));
        said.push(Statement::Alive { at, since });
        (self.since, self.beat_at, self.alive_at) = (Some(since), Some(now), Some(at));
        said
    }

    fn news(&mut self, now: Time) -> Vec<Statement> {
        let mut touched = self.tally.take_touched();
        touched.extend(self.later.iter().filter(|(_, from)| **from <= now).map(|(key, _)| key.clone()));
        touched.iter().flat_map(|workload| self.tell(workload, now, false)).collect()
    }

    fn beat(&mut self, since: Time, heard: Time, now: Time) -> Option<Statement> {
        // A clock that was set back makes no pause.
        if self.beat_at.is_some_and(|at| at <= now && now < at + BEAT_EVERY) {
            return None;
        }
        self.beat_at = Some(now);
        let is_news = self.alive_at.is_none_or(|at| at < heard);
        is_news.then(|| {
            self.alive_at = Some(heard);
            Statement::Alive { at: heard, since }
        })
    }

    /// Statements that are due of a workload.
    fn tell(&mut self, workload: &WorkloadKey, now: Time, is_all: bool) -> Vec<Statement> {
        let told = self.told.entry(workload.clone()).or_default();
        let stands = self.tally.stands(workload, told.keys());
        self.later.remove(workload);
        let mut said = Vec::new();
        for (place, stand) in stands {
            let news = match told.get(&place) {
                Some(told) => told.news(&stand),
                None if is_all || !stand.is_empty() => News::Set,
                None => News::None,
            };
            match news {
                News::None => {}
                News::Numbers(from) if now < from => {
                    let later = self.later.entry(workload.clone()).or_insert(from);
                    *later = from.min(*later);
                }
                News::Numbers(_) | News::Set => {
                    said.push(Statement::Running(runs(self.source, workload, &place, &stand, now)));
                    let before = told.remove(&place);
                    let now_told = Told::new(stand, before, now);
                    if !now_told.is_over() {
                        told.insert(place, now_told);
                    }
                }
            }
        }
        if told.is_empty() {
            self.told.remove(workload);
        }
        said
    }

    fn history(&self) -> Vec<Statement> {
        let revisions = self.tally.revisions().into_iter();
        revisions
            .map(|revision| {
                let ImageName { host, repository, tag, digest } = revision.image;
                Statement::Past(report::Revision {
                    at: revision.at,
                    source: self.source,
                    namespace: revision.workload.namespace.clone(),
                    workload: revision.workload.named(),
                    container: revision.container.clone(),
                    repository: repository.clone(),
                    images: vec![NamedImage { digest: *digest, reference: tag.clone() }],
                    host: Some(host.clone()),
                })
            })
            .collect()
    }
}

fn runs(source: report::Source, workload: &WorkloadKey, place: &Place, stand: &Stand, at: Time) -> Runs {
    Runs {
        at,
        source,
        namespace: workload.namespace.clone(),
        workload: workload.named(),
        container: place.container.clone(),
        repository: place.repository.clone(),
        images: stand.reported(),
        gone: stand.is_gone,
        desired: stand.desired,
        host: Some(place.host.clone()),
        troubles: stand.reported_troubles(),
    }
}
