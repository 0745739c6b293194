//! Is this fix live? A loose description → the change that it means → where that stands in an environment.
//!
//! A yes needs both: the search must be sure which change is meant, and the pulls must show that every service that
//! carries it has settled on a release that contains it. What lacks either is another word, never a yes.

use std::collections::{BTreeMap, BTreeSet};

use super::find::at;
use super::image::{image, ordered_version, tag};
use super::incomplete::incomplete;
use super::service::{ServiceAt, services_at};
use super::states::{Confidence, Phase, Standing};
use super::timeline::{Group, grouped};
use crate::model::deployments::State;
use crate::model::deployments::past::Outcome;
use crate::model::deployments::rollout::Rollout;
use crate::model::names::EnvironmentName;
use crate::model::oci::{Digest, Repository};
use crate::model::releases::{Named, Relation, Release};
use crate::model::search::{Band, Found, Hit, Matched, Way};
use crate::model::time::Time;
use crate::wire::{Match, MatchedWord, ReleaseRef, ServiceStanding, Verified};

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
    /// What opened the deployment that brought it, or took it away.
    opened: (Digest, Time),
}

/// Tells whether what `found` means is live in `env` at `now`. The answer's `text` is empty: `wording` has it.
pub fn verify(state: &State, env: &EnvironmentName, query: &str, found: &Found, now: Time) -> Verified {
    let standings = Standings::on(state, env, found, now);
    let mut candidates: Vec<Candidate> =
        found.hits.iter().filter_map(|hit| standings.matched(hit, found)).collect();
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
    let confidence = meant.and_then(|best| best.services.iter().map(|service| service.confidence).min());
    Verified {
        environment: env.clone(),
        at: now,
        query: query.to_owned(),
        answer: answer.into(),
        since: meant.and_then(|best| best.view.since),
        confidence: confidence.map(Into::into),
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

/// Names the deployments that are the evidence: only whoever asks about one environment pays for it.
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

/// What a question about changes looks at in an environment: the services of the repositories that carry them.
pub(super) struct Standings<'a> {
    state: &'a State,
    asked: Vec<ServiceAt<'a>>,
}

impl<'a> Standings<'a> {
    pub(super) fn on(state: &'a State, env: &EnvironmentName, found: &Found, now: Time) -> Self {
        let places = found.hits.iter().flat_map(|hit| &hit.places);
        let repositories: BTreeSet<&Repository> = places.map(|place| &place.repository).collect();
        let tracked = state.environment(env);
        let services = repositories.into_iter().filter_map(|repository| tracked?.named_service(repository));
        let asked =
            services.map(|(repository, service)| ServiceAt::of(state, repository, service, now)).collect();
        Self { state, asked }
    }

    /// Sees no environment, and so what a change is and nothing of where it stands.
    pub(super) fn closed(state: &'a State) -> Self {
        Self { state, asked: Vec::new() }
    }

    /// The releases that list the change of a hit, wherever: one product may live in several repositories, and the
    /// same change in another one is the same change.
    pub(super) fn carriers(state: &'a State, hit: &Hit, found: &Found) -> Vec<&'a Release> {
        let Some((_, change)) = hit.places.first().and_then(|place| at(state, place)) else {
            return Vec::new();
        };
        let is_same = |other: &&Hit| {
            let other = other.places.first().and_then(|place| at(state, place));
            other.is_some_and(|(_, other)| other.title == change.title && other.pr == change.pr)
        };
        let places = found.hits.iter().filter(is_same).flat_map(|hit| &hit.places);
        places.filter_map(|place| at(state, place)).map(|(release, _)| release.as_ref()).collect()
    }

    /// Where a change stands that `carriers` list, if a service of their repositories runs here.
    pub(super) fn standing(&self, carriers: &[&Release]) -> Option<(Standing, Option<Time>)> {
        let services = self.services(carriers);
        (!services.is_empty()).then(|| together(&services))
    }

    fn services(&self, carriers: &[&Release]) -> Vec<ServiceMatch> {
        let mut by_repository: BTreeMap<&Repository, Vec<&str>> = BTreeMap::new();
        for carrier in carriers {
            by_repository.entry(&carrier.repository).or_default().push(&carrier.version);
        }
        let running =
            self.asked.iter().filter_map(|asked| Some((asked, by_repository.get(asked.repository)?)));
        running.filter_map(|(asked, carriers)| self.service(asked, carriers)).collect()
    }

    pub(super) fn matched(&self, hit: &Hit, found: &Found) -> Option<Candidate> {
        let (_, change) = at(self.state, hit.places.first()?)?;
        let carriers = Self::carriers(self.state, hit, found);
        let services = self.services(&carriers);
        let (state, since) = together(&services);
        let own = carriers.iter().copied().filter(|carrier| carrier.repository == hit.places[0].repository);
        let first = own.reduce(|first, other| self.earlier(first, other))?;
        let view = Match {
            release: ReleaseRef::from(first),
            change: change.into(),
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

    fn earlier<'r>(&self, a: &'r Release, b: &'r Release) -> &'r Release {
        let line = self.state.catalogue().line(&a.repository);
        let relation =
            line.map_or(Relation::Unknown, |line| line.relation_of_versions(&a.version, &b.version));
        if relation == Relation::Earlier { b } else { a }
    }

    fn service(&self, asked: &ServiceAt<'_>, carriers: &[&str]) -> Option<ServiceMatch> {
        let (state, repository) = (self.state, asked.repository);
        let settle = state.rules().settle;
        let current = asked.service.current()?;
        let line = state.catalogue().line(repository)?;
        let contains = |rollout: &Rollout| {
            let version = ordered_version(state, repository, &rollout.digest, tag(rollout));
            line.contains(Named { digest: &rollout.digest, version: version.as_deref() }, carriers)
        };
        let replaced =
            asked.service.past().filter(|past| past.outcome == Outcome::Replaced).map(|past| &past.rollout);
        let mut ran: Vec<&Rollout> = replaced.collect();
        ran.push(&current.rollout);
        // The stretch, up to now, in which nothing changed for this change.
        let now_in = contains(&current.rollout);
        let first = ran.iter().rposition(|rollout| contains(rollout) != now_in).map_or(0, |place| place + 1);
        let was_in = ran[..first].iter().any(|rollout| contains(rollout) == Some(true));
        let phase = asked.phase(current);
        let candidates: Vec<_> = asked.service.candidates(asked.now, settle).collect();
        let beside = |wanted: bool| {
            let differing =
                candidates.iter().filter(|candidate| contains(&candidate.rollout) == Some(wanted));
            let mut standing = differing.filter_map(|candidate| match candidate.outcome(asked.now, settle) {
                Some(Outcome::Mixed) => Some(Standing::PartlyLive),
                None => Some(Standing::RollingOut),
                Some(Outcome::Aborted | Outcome::Replaced) => None,
            });
            let runs_beside = || asked.beside().any(|line| contains(&line.rollout) == Some(wanted));
            standing.next_back().or_else(|| runs_beside().then_some(Standing::PartlyLive))
        };
        let standing = match now_in {
            Some(true) if beside(false).is_some() => Standing::PartlyLive,
            Some(true) if first + 1 == ran.len() && phase == Phase::RollingOut => Standing::RollingOut,
            Some(true) => Standing::Live,
            Some(false) => match beside(true) {
                Some(standing) => standing,
                None if was_in => Standing::RolledBack,
                None => Standing::NotLive,
            },
            None => Standing::Unknown,
        };
        let opened = ran[first];
        let is_since = matches!(standing, Standing::Live | Standing::RolledBack | Standing::RollingOut);
        let confidence = asked.confidence(phase, current);
        let view = ServiceStanding {
            repository: repository.clone(),
            running: image(state, repository, &current.rollout.digest, tag(&current.rollout)),
            state: standing.into(),
            since: (is_since && now_in != Some(false) || standing == Standing::RolledBack)
                .then(|| state.shown(opened.opened_at)),
            confidence: confidence.into(),
            last_seen_at: state.shown(current.rollout.last_at),
            deployment_id: None,
        };
        Some(ServiceMatch { view, state: standing, confidence, opened: (opened.digest, opened.opened_at) })
    }
}

/// What several services say together.
fn together(services: &[ServiceMatch]) -> (Standing, Option<Time>) {
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
