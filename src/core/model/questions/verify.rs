//! Is this fix live? A loose description → the change that it means → where that stands in an environment.
//!
//! A yes needs both: the search must be sure which change is meant, and the pulls must show that every service that
//! carries it has settled on a release that contains it. A lack of either is another word, never a yes.

use std::collections::{BTreeMap, BTreeSet};

use super::find::at;
use super::image::{image, tag};
use super::incomplete::incomplete;
use super::seen;
use super::service::{ServiceAt, services_at};
use super::standing::stands;
use super::states::{Confidence, Standing};
use super::taken_back::TakenBack;
use super::timeline::{Group, grouped};
use crate::model::deployments::{EnvironmentState, State};
use crate::model::names::EnvironmentName;
use crate::model::oci::{Digest, Repository};
use crate::model::releases::{Change, Relation, Release, own_request};
use crate::model::search::{Band, Found, Hit, Matched, Way};
use crate::model::time::Time;
use crate::wire::{Match, MatchedWord, ReleaseRef, Seen, ServiceStanding, Verified};

/// A change that may be meant.
pub(super) struct Candidate {
    /// Without its services.
    pub(super) view: Match,
    state: Standing,
    services: Vec<ServiceMatch>,
}

/// Standing of a change in one service.
struct ServiceMatch {
    view: ServiceStanding,
    state: Standing,
    confidence: Confidence,
    /// Something of it runs.
    runs: bool,
    /// Image and time that opened the deployment which brought it, or took it away.
    opened: (Digest, Time),
}

/// Tells whether what `found` means is live in `env` at `now`. The answer's `text` is empty: `wording` has it.
pub fn verify(state: &State, env: &EnvironmentName, query: &str, found: &Found, now: Time) -> Verified {
    let standings = Standings::on(state, env, found, now);
    let mut candidates: Vec<Candidate> = found
        .hits
        .iter()
        .filter_map(|hit| standings.matched(hit, &Standings::carried(state, hit, found)?))
        .collect();
    if let Some(best) = candidates.first_mut() {
        name_deployments(state, env, now, best);
    }
    let best = candidates.first();
    let answer = match (found.band, best) {
        (Band::Sure, Some(best)) => best.state,
        (Band::Perhaps, Some(_)) => Standing::Unknown,
        _ => Standing::NoSuchChange,
    };
    let meant = best.filter(|_| found.band == Band::Sure);
    let rests_on = meant.map(|best| that_decide(&best.services)).unwrap_or_default();
    let confidence = rests_on.iter().map(|service| service.confidence).min();
    let seen = seen::together(rests_on.iter().map(|service| &service.view.seen));
    Verified {
        environment: env.clone(),
        at: now,
        query: query.to_owned(),
        answer: answer.into(),
        since: meant.and_then(|best| best.view.since),
        confidence: confidence.map(Into::into),
        as_of: seen.as_ref().map(|seen| seen.last_seen_at),
        age_s: seen.as_ref().map(|seen| seen.age_s),
        unconfirmed_since: seen.as_ref().and_then(|seen| seen.unconfirmed_since),
        caveat: seen.and_then(|seen| seen.caveat),
        text: String::new(),
        matches: candidates.into_iter().map(Match::from).collect(),
        incomplete: incomplete(state, env, now),
    }
}

impl From<Candidate> for Match {
    fn from(candidate: Candidate) -> Self {
        let services = candidate.services.into_iter().map(|service| service.view).collect();
        Self { services, ..candidate.view }
    }
}

/// Names the deployments that are the evidence: only a question about one environment pays for it.
fn name_deployments(state: &State, env: &EnvironmentName, now: Time, candidate: &mut Candidate) {
    let asked = services_at(state, env, now);
    let groups = grouped(state, &asked);
    for service in &mut candidate.services {
        let is_it = |group: &&Group<'_>| {
            group.0.iter().any(|rollout| {
                *rollout.repository == service.view.repository
                    && (rollout.rollout.digest, rollout.rollout.opened_at) == service.opened
            })
        };
        service.view.deployment_id = groups.iter().rev().find(is_it).map(Group::id);
    }
}

/// A change, and what carries it.
pub(super) struct Carried<'a> {
    change: &'a Change,
    releases: Vec<&'a Release>,
    /// Reverts of it, by repository.
    taken_back: BTreeMap<&'a Repository, TakenBack<'a>>,
}

/// The services in an environment that a question about changes looks at: those of the repositories that carry them.
pub(super) struct Standings<'a> {
    state: &'a State,
    asked: Vec<ServiceAt<'a>>,
    /// The end of the latest stretch in which observations of the environment were missing.
    gap_at: Option<Time>,
}

impl<'a> Standings<'a> {
    pub(super) fn on(state: &'a State, env: &EnvironmentName, found: &Found, now: Time) -> Self {
        let places = found.hits.iter().flat_map(|hit| &hit.places);
        let repositories: BTreeSet<&Repository> = places.map(|place| &place.repository).collect();
        let tracked = state.environment(env);
        let service = |repository: &Repository| {
            let tracked = tracked?;
            let (repository, service) = tracked.named_service(repository)?;
            Some(ServiceAt::of(state, tracked, repository, service, now))
        };
        let asked = repositories.into_iter().filter_map(service).collect();
        Self { state, asked, gap_at: tracked.and_then(EnvironmentState::gap_at) }
    }

    /// Sees no environment, and so what a change is and nothing of where it stands.
    pub(super) fn closed(state: &'a State) -> Self {
        Self { state, asked: Vec::new(), gap_at: None }
    }

    /// The change of a hit, and the releases that list it, wherever: one product may live in several repositories, and the
    /// same change in another one is the same change.
    pub(super) fn carried(state: &'a State, hit: &Hit, found: &Found) -> Option<Carried<'a>> {
        let (_, change) = at(state, hit.places.first()?)?;
        let is_same = |other: &&Hit| {
            let other = other.places.first().and_then(|place| at(state, place));
            other.is_some_and(|(_, other)| other.title == change.title && other.pr == change.pr)
        };
        let places = found.hits.iter().filter(is_same).flat_map(|hit| &hit.places);
        let all: Vec<(&Release, &Change)> =
            places.filter_map(|place| at(state, place)).map(|(release, it)| (release.as_ref(), it)).collect();
        // Its number, and those of its picks.
        let prs = all.iter().filter_map(|(_, change)| change.pr.or_else(|| own_request(&change.title)));
        let prs: Vec<u64> = prs.collect();
        let releases: Vec<&Release> = all.into_iter().map(|(release, _)| release).collect();
        let repositories: BTreeSet<&Repository> =
            releases.iter().map(|release| &release.repository).collect();
        let lines = repositories.into_iter().filter_map(|it| Some((it, state.catalogue().line(it)?)));
        let taken_back = lines.map(|(it, line)| (it, TakenBack::of(line, change, &prs))).collect();
        Some(Carried { change, releases, taken_back })
    }

    /// The standing of a change, if a service of the repositories of its releases runs here.
    pub(super) fn standing(&self, carried: &Carried<'_>) -> Option<(Standing, Option<Time>, Seen)> {
        let services = self.services(carried);
        let seen = seen::together(that_decide(&services).iter().map(|service| &service.view.seen))?;
        let (standing, since) = together(&services);
        Some((standing, since, seen))
    }

    fn services(&self, carried: &Carried<'_>) -> Vec<ServiceMatch> {
        let mut by_repository: BTreeMap<&Repository, Vec<&str>> = BTreeMap::new();
        for carrier in &carried.releases {
            by_repository.entry(&carrier.repository).or_default().push(&carrier.version);
        }
        let running =
            self.asked.iter().filter_map(|asked| Some((asked, by_repository.get(asked.repository)?)));
        running.filter_map(|(asked, carriers)| self.service(asked, carriers, carried)).collect()
    }

    /// A hit with what carries it, and where that stands.
    pub(super) fn matched(&self, hit: &Hit, carried: &Carried<'_>) -> Option<Candidate> {
        let services = self.services(carried);
        let (state, since) = together(&services);
        let Carried { change, releases: carriers, .. } = carried;
        let own = carriers.iter().copied().filter(|carrier| carrier.repository == hit.places[0].repository);
        let first = own.reduce(|first, other| self.earlier(first, other))?;
        let view = Match {
            release: ReleaseRef::from(first),
            change: (*change).into(),
            score: (f64::from(hit.score) * 1000.0).round() / 1000.0,
            state: state.into(),
            since,
            releases: carriers.iter().map(|carrier| ReleaseRef::from(*carrier)).collect(),
            services: Vec::new(),
            matched: hit.matched.iter().map(MatchedWord::from).collect(),
            unmatched: hit.missing.clone(),
        };
        Some(Candidate { view, state, services })
    }

    /// The earlier one of two, of which one that is offered comes before one that was yanked.
    fn earlier<'r>(&self, a: &'r Release, b: &'r Release) -> &'r Release {
        match (a.yanked_at, b.yanked_at) {
            (Some(_), None) => return b,
            (None, Some(_)) => return a,
            (Some(_), Some(_)) | (None, None) => {}
        }
        let line = self.state.catalogue().line(&a.repository);
        let relation =
            line.map_or(Relation::Unknown, |line| line.relation_of_versions(&a.version, &b.version));
        if relation == Relation::Earlier { b } else { a }
    }

    fn service(
        &self,
        asked: &ServiceAt<'_>,
        carriers: &[&str],
        carried: &Carried<'_>,
    ) -> Option<ServiceMatch> {
        let (state, repository) = (self.state, asked.repository);
        let current = asked.service.current()?;
        let stands = stands(asked, carriers, carried.taken_back.get(repository)?)?;
        let confidence = asked.confidence(asked.phase(asked.service.main())?, current);
        let opened = stands.opened;
        let view = ServiceStanding {
            repository: repository.clone(),
            running: image(state, repository, &current.rollout.digest, tag(&current.rollout)),
            absent: asked.absence(),
            state: stands.standing.into(),
            since: stands.has_since().then(|| state.shown(opened.opened_at)),
            confidence: confidence.into(),
            seen: asked.seen(current, self.gap_at),
            workloads: asked.workloads(),
            pods: stands.pods,
            deployment_id: None,
        };
        let opened = (opened.digest, opened.opened_at);
        let runs = asked.runs().is_some();
        Some(ServiceMatch { view, state: stands.standing, confidence, runs, opened })
    }
}

/// The services on which an answer rests: those that run, or, where none does, all.
fn that_decide(services: &[ServiceMatch]) -> Vec<&ServiceMatch> {
    let some_run = services.iter().any(|service| service.runs);
    services.iter().filter(|service| service.runs || !some_run).collect()
}

/// The standing of several services together: one of which nothing runs neither has a change nor lacks it, beside others that run.
fn together(services: &[ServiceMatch]) -> (Standing, Option<Time>) {
    let services = that_decide(services);
    let count = |standing| services.iter().filter(|service| service.state == standing).count();
    let since = |standing| {
        let of_it = services.iter().filter(|service| service.state == standing);
        of_it.filter_map(|service| service.view.since).max()
    };
    let live = count(Standing::Live);
    let standing = if services.is_empty() {
        Standing::NotLive
    } else if live == services.len() {
        Standing::Live
    } else if count(Standing::PartlyLive) == 0 && count(Standing::RollingOut) + live == services.len() {
        Standing::RollingOut
    } else if live + count(Standing::PartlyLive) > 0 {
        Standing::PartlyLive
    } else if count(Standing::RollingOut) > 0 {
        Standing::RollingOut
    } else if count(Standing::RolledBack) > 0 {
        Standing::RolledBack
    } else if count(Standing::Unknown) > 0 {
        Standing::Unknown
    } else {
        Standing::NotLive
    };
    (standing, since(standing))
}

impl From<&Matched> for MatchedWord {
    fn from(matched: &Matched) -> Self {
        let by = match matched.way {
            Way::Word => "word",
            Way::Inflection => "inflection",
            Way::Part => "part",
            Way::Spelling => "spelling",
            Way::Abbreviation => "abbreviation",
            Way::Synonym => "synonym",
        };
        Self { asked: matched.asked.clone(), found: matched.found.clone(), by: by.into() }
    }
}
