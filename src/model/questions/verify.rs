//! Is this fix live? A loose description → the change that it means → where that stands in an environment.
//!
//! A yes needs both: the search must be sure which change is meant, and the pulls must show that every service that
//! carries it has settled on a release that contains it. What lacks either is another word, never a yes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::find::at;
use super::incomplete::{Incomplete, in_words, incomplete};
use super::release::ReleaseRef;
use super::step::{confidence, image, ordered_version, tag};
use super::timeline::{Group, grouped};
use super::view::{Confidence, Image, Phase};
use super::{Asked, asked};
use crate::model::deployments::State;
use crate::model::deployments::past::Outcome;
use crate::model::deployments::rollout::Rollout;
use crate::model::event::EnvironmentName;
use crate::model::oci::{Digest, Repository};
use crate::model::releases::{Change, Named, Relation, Release};
use crate::model::search::{Band, Found, Hit, Matched, Way};
use crate::model::time::Time;

/// Where a change stands in an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Every service that carries it has settled on a release that contains it.
    Live,
    /// A release that contains it is rolling out.
    RollingOut,
    /// Some services have it, or a part of one.
    PartlyLive,
    /// No service runs a release that contains it.
    NotLive,
    /// It was live, and what runs now lacks it.
    RolledBack,
    /// No change fits the description.
    NoSuchChange,
    /// Nothing certain can be said.
    Unknown,
}

impl Standing {
    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::RollingOut => "rolling_out",
            Self::PartlyLive => "partly_live",
            Self::NotLive => "not_live",
            Self::RolledBack => "rolled_back",
            Self::NoSuchChange => "no_such_change",
            Self::Unknown => "unknown",
        }
    }
}

/// The answer to "is this live?".
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Verified {
    /// Where.
    pub environment: EnvironmentName,
    /// As of when.
    pub at: Time,
    /// What was asked for.
    pub query: String,
    /// The answer.
    pub answer: Standing,
    /// Since when; for what was rolled back, since when it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// How sure the pulls make it, where they say something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// The answer in a sentence, and what to do next.
    pub text: String,
    /// The change that is meant; where the answer is `unknown` or `no_such_change`, the nearest candidates.
    pub matches: Vec<Match>,
    /// What the answer may lack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incomplete>,
}

/// A change that may be meant, and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Match {
    /// The first release that has it.
    pub release: ReleaseRef,
    /// The change.
    pub change: Change,
    /// How much of the description it answers, 0 to 1.
    pub score: f64,
    /// Where it stands.
    pub state: Standing,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Every release that lists it.
    pub releases: Vec<ReleaseRef>,
    /// Service by service: the evidence.
    pub services: Vec<ServiceStanding>,
    /// Which words of the description it answers, and how.
    pub matched: Vec<MatchedWord>,
    /// Which words of the description it does not answer.
    pub unmatched: Vec<String>,
}

/// Where a change stands in one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ServiceStanding {
    /// Which.
    pub repository: Repository,
    /// What it runs.
    pub running: Image,
    /// Where the change stands in it.
    pub state: Standing,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// How sure the pulls make what runs.
    pub confidence: Confidence,
    /// The latest pull that showed what runs.
    pub last_seen_at: Time,
    /// The deployment that brought it, or took it away: its evidence is one click away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// What opened that deployment.
    #[serde(skip)]
    opened: (Digest, Time),
}

/// One word of a description and the word that answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MatchedWord {
    /// As it was asked for.
    pub asked: String,
    /// As the change has it, where it is a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// How the one answers the other.
    pub by: &'static str,
}

/// Whether what `found` means is live in `env` at `now`.
pub fn verify(state: &State, env: &EnvironmentName, query: &str, found: &Found, now: Time) -> Verified {
    let eyes = Eyes::on(state, env, found, now);
    let mut matches: Vec<Match> = found.hits.iter().filter_map(|hit| eyes.matched(hit, found)).collect();
    if let Some(best) = matches.first_mut() {
        name_deployments(state, env, now, best);
    }
    let best = matches.first();
    let answer = match (found.band, best) {
        (Band::Sure, Some(best)) => best.state,
        (Band::Perhaps, Some(_)) => Standing::Unknown,
        _ => Standing::NoSuchChange,
    };
    let meant = best.filter(|_| found.band == Band::Sure);
    let incomplete = incomplete(state, env, now);
    Verified {
        environment: env.clone(),
        at: now,
        query: query.to_owned(),
        answer,
        since: meant.and_then(|best| best.since),
        confidence: meant.and_then(|best| best.services.iter().map(|service| service.confidence).min()),
        text: sentence(env, found.band, best) + &in_words(&[&incomplete]),
        matches,
        incomplete,
    }
}

/// Names the deployments that are the evidence: only whoever asks about one environment pays for it.
fn name_deployments(state: &State, env: &EnvironmentName, now: Time, found: &mut Match) {
    let asked = asked(state, env, now);
    let groups = grouped(state, &asked);
    for service in &mut found.services {
        let is_it = |group: &&Group<'_>| {
            group.0.iter().any(|step| {
                *step.repository == service.repository
                    && (step.rollout.digest, step.rollout.opened_at) == service.opened
            })
        };
        service.deployment_id = groups.iter().rev().find(is_it).map(Group::id);
    }
}

/// What a question about changes looks at in an environment: the services of the repositories that carry them.
pub(super) struct Eyes<'a> {
    state: &'a State,
    asked: Vec<Asked<'a>>,
}

impl<'a> Eyes<'a> {
    pub(super) fn on(state: &'a State, env: &EnvironmentName, found: &Found, now: Time) -> Self {
        let places = found.hits.iter().flat_map(|hit| &hit.places);
        let repositories: BTreeSet<&Repository> = places.map(|place| &place.repository).collect();
        let tracked = state.environment(env);
        let services = repositories.into_iter().filter_map(|repository| tracked?.named_service(repository));
        let asked =
            services.map(|(repository, service)| Asked::of(state, repository, service, now)).collect();
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

    fn services(&self, carriers: &[&Release]) -> Vec<ServiceStanding> {
        let mut by_repository: BTreeMap<&Repository, Vec<&str>> = BTreeMap::new();
        for carrier in carriers {
            by_repository.entry(&carrier.repository).or_default().push(&carrier.version);
        }
        let running =
            self.asked.iter().filter_map(|asked| Some((asked, by_repository.get(asked.repository)?)));
        running.filter_map(|(asked, carriers)| self.service(asked, carriers)).collect()
    }

    pub(super) fn matched(&self, hit: &Hit, found: &Found) -> Option<Match> {
        let (_, change) = at(self.state, hit.places.first()?)?;
        let carriers = Self::carriers(self.state, hit, found);
        let services = self.services(&carriers);
        let (state, since) = together(&services);
        let own = carriers.iter().copied().filter(|carrier| carrier.repository == hit.places[0].repository);
        let first = own.reduce(|first, other| self.earlier(first, other))?;
        Some(Match {
            release: ReleaseRef::from(first),
            change: change.clone(),
            score: (f64::from(hit.score) * 1000.0).round() / 1000.0,
            state,
            since,
            releases: carriers.iter().map(|carrier| ReleaseRef::from(*carrier)).collect(),
            services,
            matched: hit.matched.iter().map(MatchedWord::from).collect(),
            unmatched: hit.missing.clone(),
        })
    }

    fn earlier<'r>(&self, a: &'r Release, b: &'r Release) -> &'r Release {
        let line = self.state.catalogue().line(&a.repository);
        let relation =
            line.map_or(Relation::Unknown, |line| line.relation_of_versions(&a.version, &b.version));
        if relation == Relation::Earlier { b } else { a }
    }

    fn service(&self, asked: &Asked<'_>, carriers: &[&str]) -> Option<ServiceStanding> {
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
            standing.next_back()
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
        Some(ServiceStanding {
            repository: repository.clone(),
            running: image(state, repository, &current.rollout.digest, tag(&current.rollout)),
            state: standing,
            since: (is_since && now_in != Some(false) || standing == Standing::RolledBack)
                .then(|| state.shown(opened.opened_at)),
            confidence: confidence(phase, &current.rollout),
            last_seen_at: state.shown(current.rollout.last_at),
            deployment_id: None,
            opened: (opened.digest, opened.opened_at),
        })
    }
}

/// What several services say together.
fn together(services: &[ServiceStanding]) -> (Standing, Option<Time>) {
    let count = |standing| services.iter().filter(|service| service.state == standing).count();
    let since = |standing| {
        let of_it = services.iter().filter(|service| service.state == standing);
        of_it.filter_map(|service| service.since).max()
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

/// The answer in words, with the next step where there is one.
fn sentence(env: &EnvironmentName, band: Band, best: Option<&Match>) -> String {
    let quoted = |found: &Match| {
        let number = found.change.pr.map(|pr| format!(" (#{pr})")).unwrap_or_default();
        format!("“{}”{number}", found.change.title)
    };
    match (band, best) {
        (Band::Sure, Some(found)) => stands(env, &quoted(found), found),
        (Band::Perhaps, Some(found)) => format!(
            "It is not certain which change is meant. The nearest is {} in {} {}; ask again with its pull request's number or more of its title.",
            quoted(found),
            found.release.repository,
            found.release.version
        ),
        (_, Some(found)) => format!(
            "No known change fits. The nearest is {} in {} {}, which is something else; if the change has a pull request, ask for its number.",
            quoted(found),
            found.release.repository,
            found.release.version
        ),
        (_, None) => {
            "No known change fits. `landfall release list` shows which releases are known.".to_owned()
        }
    }
}

fn stands(env: &EnvironmentName, change: &str, found: &Match) -> String {
    let since = found.since.map(|since| format!(" since {since}")).unwrap_or_default();
    let first = &found.release;
    let live = found.services.iter().filter(|service| service.state == Standing::Live).count();
    let running = || {
        let running = found.services.iter().map(|service| {
            let version = service.running.version.clone().unwrap_or_else(|| service.running.digest.short());
            format!("{} {version}", service.repository)
        });
        running.collect::<Vec<_>>().join(", ")
    };
    match found.state {
        Standing::Live => format!("{change} is live in {env}{since}, with {}.", running()),
        Standing::RollingOut => format!("{change} is rolling out in {env}{since}."),
        Standing::PartlyLive if found.services.len() > 1 => {
            format!("{change} is live in {live} of {} services of {env} that carry it.", found.services.len())
        }
        Standing::PartlyLive => {
            format!("{change} is live in a part of {env}: two images run beside each other.")
        }
        Standing::RolledBack => {
            let at = found.since.map(|since| format!(" at {since}")).unwrap_or_default();
            format!("{change} was live in {env} and was rolled back{at}; {env} runs {} now.", running())
        }
        Standing::NotLive if found.services.is_empty() => format!(
            "{change} is not live in {env}: nothing there was seen to run {}. {} is the first release that has it.",
            first.repository, first.version
        ),
        Standing::NotLive => format!(
            "{change} is not live in {env}, which runs {}. {} is the first release that has it.",
            running(),
            first.version
        ),
        Standing::Unknown | Standing::NoSuchChange => format!(
            "{change} came with {} {}; whether {} contains it cannot be told from what is known of the releases' order.",
            first.repository,
            first.version,
            running()
        ),
    }
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
        Self { asked: matched.asked.clone(), found: matched.found.clone(), by }
    }
}
