//! The questions: state and time → plain views, which every surface only formats.
//!
//! Whoever asks tells the time: whether a rollout has settled depends on how long nothing came. Names and shapes are
//! those of the interface (`running`, `timeline`, `deployment`, `evidence`, `local`, and what `replay` prints).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::deployments::course::Course;
use super::deployments::pull::Grade;
use super::deployments::service::{Attempt, End, Main, Past, Rival, Service};
use super::deployments::{Local, State};
use super::event::EnvironmentName;
use super::oci::{Digest, Reference, Repository};
use super::releases::{Relation, Release};
use super::time::Time;

/// Whether a deployment goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nodes are still coming to it.
    RollingOut,
    /// No new node for the settle time.
    Settled,
    /// Two images run beside each other: a canary, a blue-green switch.
    Mixed,
    /// It was given up.
    Aborted,
}

/// What a deployment is, seen from what ran before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The first image of a service.
    Initial,
    /// To a later release.
    Upgrade,
    /// To an earlier release.
    Rollback,
    /// To a later release that ran before.
    Restore,
    /// The same version under another digest.
    Rebuild,
    /// To a release that cannot be compared.
    Changed,
}

/// How sure an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Rolling out, or a single pull is all the evidence.
    Tentative,
    /// Settled by pulls.
    Likely,
}

/// An image of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Image {
    /// Its top-level digest.
    pub digest: Digest,
    /// Its version, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its release, where the catalogue has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_id: Option<String>,
}

/// One service's part of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which service.
    pub repository: Repository,
    /// What it is.
    pub kind: Kind,
    /// What ran before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Image>,
    /// What runs now.
    pub to: Image,
    /// Its own state.
    pub state: Phase,
    /// Its own first evidence.
    pub started_at: Time,
    /// When it settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Time>,
    /// How sure it is.
    pub confidence: Confidence,
    /// The releases that came with it.
    pub releases: Vec<Release>,
    /// The releases that it took back.
    pub reverted: Vec<Release>,
    /// How many nodes showed it.
    pub clients: u32,
    /// Why, in words.
    pub reason: String,
}

/// An environment's deployment: service changes that went out together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// Its identifier: the same for the same log.
    pub id: String,
    /// Where.
    pub environment: EnvironmentName,
    /// The least settled state of its changes.
    pub state: Phase,
    /// The gravest kind of its changes.
    pub kind: Kind,
    /// The first evidence.
    pub started_at: Time,
    /// When the last change settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Time>,
    /// The lowest confidence of its changes.
    pub confidence: Confidence,
    /// The changes, in the order in which they opened.
    pub changes: Vec<Change>,
    /// How many releases came with it.
    pub releases_landed: usize,
    /// How many releases it took back.
    pub releases_reverted: usize,
    /// What happened, in a sentence.
    pub summary: String,
}

/// A page of deployments, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// The deployments.
    pub deployments: Vec<Deployment>,
    /// What to ask for as `before` to get the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What runs in an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Running {
    /// Where.
    pub environment: EnvironmentName,
    /// As of when.
    pub at: Time,
    /// Service by service, in the order of the repositories.
    pub services: Vec<RunningService>,
}

/// What runs of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunningService {
    /// Which.
    pub repository: Repository,
    /// The digest that most of it runs, as far as the pulls tell.
    pub digest: Digest,
    /// Its version, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its release, where the catalogue has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_id: Option<String>,
    /// Since when: the first evidence.
    pub since: Time,
    /// `mixed` where another image runs beside it.
    pub state: Phase,
    /// How sure that is.
    pub confidence: Confidence,
    /// The latest pull that showed it. A node that has the image may ask for nothing: this is "last seen".
    pub last_seen_at: Time,
    /// How many nodes showed it.
    pub clients: u32,
    /// Observations are missing up to then, and no pull has confirmed the answer since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unconfirmed_since: Option<Time>,
}

/// The pulls behind a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The deployment.
    pub deployment: String,
    /// Change by change.
    pub changes: Vec<ChangeEvidence>,
}

/// The pulls behind one service's change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeEvidence {
    /// Which service.
    pub repository: Repository,
    /// To what.
    pub digest: Digest,
    /// Which rule spoke, in words.
    pub reason: String,
    /// How many pulls there were; the list has the first and the last of them.
    pub pulls_total: u32,
    /// Pulls, in the order of their times.
    pub pulls: Vec<PullEvidence>,
}

/// One pull.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PullEvidence {
    /// When it began.
    pub at: Time,
    /// From where.
    pub client: Arc<str>,
    /// The tag, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// What it proves.
    pub grade: Grade,
    /// Whether the node came to the image with it.
    pub arrived: bool,
}

/// A pull by a person's machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LocalPull {
    /// What.
    pub repository: Repository,
    /// Its top-level digest.
    pub digest: Digest,
    /// Its version, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When.
    pub at: Time,
    /// From where.
    pub client: Arc<str>,
    /// By which program.
    pub agent: Arc<str>,
    /// Why it counts as local.
    pub reason: Arc<str>,
}

/// What `replay` prints of an environment.
#[derive(Clone, Debug, Serialize)]
pub struct Replayed {
    services: BTreeMap<Repository, ReplayedService>,
    local: Vec<LocalPull>,
    attempts: Vec<FailedAttempt>,
}

#[derive(Clone, Debug, Serialize)]
struct ReplayedService {
    current: Option<Current>,
    deployments: Vec<ReplayedDeployment>,
}

#[derive(Clone, Debug, Serialize)]
struct Current {
    digest: Digest,
    version: Option<String>,
    state: Phase,
    confidence: Confidence,
    since: Time,
    last_seen_at: Time,
}

#[derive(Clone, Debug, Serialize)]
struct ReplayedDeployment {
    digest: Digest,
    version: Option<String>,
    from: Option<Digest>,
    kind: Kind,
    state: Phase,
    confidence: Confidence,
    started_at: Time,
    settled_at: Option<Time>,
    clients: u32,
    releases_reverted: Vec<String>,
    reason: String,
}

/// A reference that could not be pulled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedAttempt {
    /// Of which service.
    pub repository: Repository,
    /// What was asked for.
    pub reference: Reference,
    /// The latest refusal's status.
    pub status: u16,
    /// The first refusal.
    pub first_at: Time,
    /// The latest refusal.
    pub last_at: Time,
    /// How many there were.
    pub count: u64,
    /// When it worked after all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cleared_at: Option<Time>,
}

/// What runs in `env` at `now`.
pub fn running(state: &State, env: &EnvironmentName, now: Time) -> Running {
    let services = asked(state, env, now).into_iter().filter_map(|asked| asked.running()).collect();
    Running { environment: env.clone(), at: now, services }
}

/// At most `limit` deployments of `env` as they look at `now`, the newest first; those before the one with the
/// identifier `before`, where one is named.
pub fn timeline(
    state: &State,
    env: &EnvironmentName,
    now: Time,
    limit: usize,
    before: Option<&str>,
) -> Timeline {
    let groups = grouped(state, asked(state, env, now));
    let end =
        before.and_then(|id| groups.iter().position(|group| group.id(env) == id)).unwrap_or(groups.len());
    let start = end.saturating_sub(limit);
    let page = groups[start..end].iter().rev().map(|group| group.view(state, env)).collect();
    let next = (start > 0 && start < end).then(|| groups[start].id(env));
    Timeline { deployments: page, next }
}

/// The deployment with this identifier, as it looks at `now`.
pub fn deployment(state: &State, id: &str, now: Time) -> Option<Deployment> {
    in_any(state, id, now, |group, env| group.view(state, env))
}

/// The pulls behind the deployment with this identifier.
pub fn evidence(state: &State, id: &str, now: Time) -> Option<Evidence> {
    in_any(state, id, now, |group, _| Evidence {
        deployment: id.to_owned(),
        changes: group.0.iter().map(Step::evidence).collect(),
    })
}

/// The pulls by people's machines in `env`, in log order.
pub fn local(state: &State, env: &EnvironmentName) -> Vec<LocalPull> {
    let Some(tracked) = state.environment(env) else { return Vec::new() };
    let view = |local: &Local| LocalPull {
        repository: local.repository.clone(),
        digest: local.digest,
        version: version(state, &local.repository, &local.digest, local.tag.as_ref().map(|tag| tag.as_str())),
        at: local.at,
        client: local.client.clone(),
        agent: local.agent.clone(),
        reason: local.reason.clone(),
    };
    tracked.local().map(view).collect()
}

/// The references of `env` that could not be pulled, as it looks at `now`, in the order of the repositories.
pub fn attempts(state: &State, env: &EnvironmentName, now: Time) -> Vec<FailedAttempt> {
    asked(state, env, now).iter().flat_map(Asked::attempts).collect()
}

/// What `replay` prints of `env`.
pub fn replayed(state: &State, env: &EnvironmentName, now: Time) -> Replayed {
    let service = |asked: &Asked| {
        let current = asked.running().map(|running| Current {
            digest: running.digest,
            version: running.version,
            state: running.state,
            confidence: running.confidence,
            since: running.since,
            last_seen_at: running.last_seen_at,
        });
        let view = |step: Step| {
            let change = step.view(state);
            ReplayedDeployment {
                digest: change.to.digest,
                version: change.to.version,
                from: change.from.map(|from| from.digest),
                kind: change.kind,
                state: change.state,
                confidence: change.confidence,
                started_at: change.started_at,
                settled_at: change.settled_at,
                clients: change.clients,
                releases_reverted: change.reverted.into_iter().map(|release| release.version).collect(),
                reason: change.reason,
            }
        };
        let deployments = asked.steps().into_iter().map(view).collect();
        (asked.repository.clone(), ReplayedService { current, deployments })
    };
    let asked = asked(state, env, now);
    let attempts = asked.iter().flat_map(Asked::attempts).collect();
    let services = asked.iter().map(service).filter(|(_, service)| service.current.is_some()).collect();
    Replayed { services, local: local(state, env), attempts }
}

/// A service as it looks at a time.
struct Asked<'a> {
    state: &'a State,
    repository: &'a Repository,
    service: Service,
    now: Time,
}

fn asked<'a>(state: &'a State, env: &EnvironmentName, now: Time) -> Vec<Asked<'a>> {
    let settle = state.rules().settle;
    let services = state.environment(env).into_iter().flat_map(|tracked| tracked.services());
    services
        .map(|(repository, service)| Asked { state, repository, service: service.at(now, settle), now })
        .collect()
}

/// One change of one service.
#[derive(Clone)]
struct Step {
    repository: Repository,
    course: Course,
    from: Option<(Digest, Option<String>)>,
    state: Phase,
    progressed_at: Time,
    settled_at: Option<Time>,
    was_live: bool,
    stragglers: u32,
    expected: u32,
    ran: Arc<[Ran]>,
}

/// An image that ran in a service, since when, and the tag that it was pulled by.
struct Ran {
    digest: Digest,
    opened_at: Time,
    tag: Option<String>,
}

impl From<&Course> for Ran {
    fn from(course: &Course) -> Self {
        Self { digest: course.digest, opened_at: course.opened_at, tag: tag(course).map(str::to_owned) }
    }
}

impl Asked<'_> {
    fn attempts(&self) -> Vec<FailedAttempt> {
        let view = |attempt: &Attempt| FailedAttempt {
            repository: self.repository.clone(),
            reference: attempt.reference.clone(),
            status: attempt.status,
            first_at: attempt.first_at,
            last_at: attempt.last_at,
            count: attempt.count,
            cleared_at: attempt.cleared_at,
        };
        self.service.attempts().map(view).collect()
    }

    fn running(&self) -> Option<RunningService> {
        let settle = self.state.rules().settle;
        let main = self.service.main()?;
        let course = &main.course;
        let is_mixed = self
            .service
            .rivals(self.now, settle)
            .any(|rival| rival.end(self.now, settle) == Some(End::Mixed));
        let state = if is_mixed { Phase::Mixed } else { self.phase(main) };
        let image = image(self.state, self.repository, &course.digest, tag(course));
        Some(RunningService {
            repository: self.repository.clone(),
            digest: course.digest,
            version: image.version,
            release_id: image.release_id,
            since: course.opened_at,
            state,
            confidence: confidence(state, course),
            last_seen_at: course.last_at,
            clients: course.nodes,
            unconfirmed_since: self.service.gap_at().filter(|gap| *gap > course.last_at),
        })
    }

    fn phase(&self, main: &Main) -> Phase {
        let settles_at = main.settles_at(self.state.rules().settle);
        if settles_at <= self.now { Phase::Settled } else { Phase::RollingOut }
    }

    /// Every change, in the order in which they opened.
    fn steps(&self) -> Vec<Step> {
        let settle = self.state.rules().settle;
        let ran = self.ran();
        let mut steps: Vec<Step> = self.service.past().iter().map(|past| self.past(past, &ran)).collect();
        if let Some(main) = self.service.main() {
            steps.extend(self.service.rivals(self.now, settle).map(|rival| self.rival(main, rival, &ran)));
            let state = self.phase(main);
            steps.push(Step {
                repository: self.repository.clone(),
                course: main.course.clone(),
                from: main.from.map(|from| (from, self.tag_of(&from))),
                state,
                progressed_at: main.progressed_at(),
                settled_at: (state == Phase::Settled).then(|| main.settles_at(settle)),
                was_live: main.was_live,
                stragglers: main.stragglers,
                expected: main.expected(),
                ran,
            });
        }
        steps.sort_by_key(|step| (step.course.opened_at, step.course.digest));
        steps
    }

    /// The images that ran, in the order in which they did.
    fn ran(&self) -> Arc<[Ran]> {
        let past = self.service.past().iter().filter(|past| past.end == End::Replaced);
        past.map(|past| &past.course)
            .chain(self.service.main().map(|main| &main.course))
            .map(Ran::from)
            .collect()
    }

    fn past(&self, past: &Past, ran: &Arc<[Ran]>) -> Step {
        Step {
            repository: self.repository.clone(),
            course: past.course.clone(),
            from: past.from.map(|from| (from, self.tag_of(&from))),
            state: match past.end {
                End::Replaced => Phase::Settled,
                End::Mixed => Phase::Mixed,
                End::Aborted => Phase::Aborted,
            },
            progressed_at: past.progressed_at,
            settled_at: past.settled_at,
            was_live: past.was_live,
            stragglers: past.stragglers,
            expected: past.expected,
            ran: ran.clone(),
        }
    }

    fn rival(&self, main: &Main, rival: &Rival, ran: &Arc<[Ran]>) -> Step {
        let settle = self.state.rules().settle;
        Step {
            repository: self.repository.clone(),
            course: rival.course.clone(),
            from: Some((main.course.digest, self.tag_of(&main.course.digest))),
            state: match rival.end(self.now, settle) {
                None | Some(End::Replaced) => Phase::RollingOut,
                Some(End::Mixed) => Phase::Mixed,
                Some(End::Aborted) => Phase::Aborted,
            },
            progressed_at: rival.course.last_arrival(),
            settled_at: None,
            was_live: rival.was_live,
            stragglers: 0,
            expected: rival.whole(main, settle),
            ran: ran.clone(),
        }
    }

    /// The tag under which this service pulled `digest`.
    fn tag_of(&self, digest: &Digest) -> Option<String> {
        let main = self.service.main().map(|main| &main.course);
        let courses = main.into_iter().chain(self.service.past().iter().rev().map(|past| &past.course));
        let mut courses = courses.filter(|course| course.digest == *digest);
        courses.find_map(|course| course.tag.as_ref()).map(|tag| tag.as_str().to_owned())
    }
}

impl Step {
    fn kind(&self, state: &State) -> Kind {
        let Some((from, from_tag)) = &self.from else { return Kind::Initial };
        let to = &self.course.digest;
        let from_version = ordered_version(state, &self.repository, from, from_tag.as_deref());
        let to_version = ordered_version(state, &self.repository, to, tag(&self.course));
        let relation = state.catalogue().relation(
            &self.repository,
            (from, from_version.as_deref()),
            (to, to_version.as_deref()),
        );
        match (relation, self.was_live) {
            (Relation::Earlier, _) => Kind::Rollback,
            (Relation::Later, true) => Kind::Restore,
            (Relation::Later, false) => Kind::Upgrade,
            (Relation::Same, _) => Kind::Rebuild,
            (Relation::Incomparable, _) => Kind::Changed,
            // First-seen order is all there is: what ran before is earlier than what replaced it.
            (Relation::Unknown, true) => Kind::Rollback,
            (Relation::Unknown, false) => Kind::Upgrade,
        }
    }

    fn view(&self, state: &State) -> Change {
        let kind = self.kind(state);
        let to = self.course.digest;
        let (releases, reverted) = match (&self.from, kind) {
            (Some((from, _)), Kind::Rollback) => (Vec::new(), self.between(state, &to, from)),
            (Some((from, _)), Kind::Upgrade | Kind::Restore) => (self.between(state, from, &to), Vec::new()),
            _ => (state.catalogue().find(&self.repository, &to).cloned().into_iter().collect(), Vec::new()),
        };
        Change {
            repository: self.repository.clone(),
            kind,
            from: self.from.as_ref().map(|(from, tag)| image(state, &self.repository, from, tag.as_deref())),
            to: image(state, &self.repository, &to, tag(&self.course)),
            state: self.state,
            started_at: self.course.opened_at,
            settled_at: self.settled_at,
            confidence: confidence(self.state, &self.course),
            releases,
            reverted,
            clients: self.course.nodes,
            reason: self.reason(),
        }
    }

    /// The releases after `low` up to and with `high`. Where nobody registered these two, the images that ran here
    /// stand for releases, by the versions that they name.
    fn between(&self, state: &State, low: &Digest, high: &Digest) -> Vec<Release> {
        let (catalogue, repository) = (state.catalogue(), &self.repository);
        if [low, high].into_iter().all(|digest| catalogue.find(repository, digest).is_some()) {
            return catalogue.between(repository, low, high).into_iter().cloned().collect();
        }
        let version_of = |digest: &Digest| {
            let ran = self.ran.iter().rev().find(|ran| ran.digest == *digest);
            ordered_version(state, repository, digest, ran.and_then(|ran| ran.tag.as_deref()))
        };
        let (low_version, high_version) = (version_of(low), version_of(high));
        let lies_between = |digest: &Digest, version: Option<&str>| {
            let seen_from = |other, other_version: &Option<String>| {
                catalogue.relation(repository, (other, other_version.as_deref()), (digest, version))
            };
            seen_from(low, &low_version) == Relation::Later
                && seen_from(high, &high_version) == Relation::Earlier
        };
        let mut releases: Vec<Release> = Vec::new();
        for ran in self.ran.iter().take_while(|ran| ran.opened_at <= self.course.opened_at) {
            let version = version_of(&ran.digest);
            let is_new = releases.iter().all(|release| release.digest != ran.digest);
            if is_new && (ran.digest == *high || lies_between(&ran.digest, version.as_deref())) {
                releases.push(Release {
                    repository: repository.clone(),
                    digest: ran.digest,
                    version: version.unwrap_or_else(|| ran.digest.short()),
                    revision: None,
                    created_at: None,
                    parents: Vec::new(),
                });
            }
        }
        releases
    }

    /// "9 of 12 nodes within 6 min; 2 stragglers".
    fn reason(&self) -> String {
        let course = &self.course;
        let took = self.progressed_at.since(course.opened_at);
        let mut text = match self.expected.max(course.nodes) {
            _ if course.pulls <= 1 => "a single pull".to_owned(),
            whole if whole > course.nodes => format!("{} of about {whole} nodes", course.nodes),
            _ => format!("{} nodes", course.nodes),
        };
        if course.nodes > 1 {
            text.push_str(&format!(" within {}", in_words(took.ms())));
        }
        if self.stragglers > 0 {
            let plural = if self.stragglers == 1 { "straggler" } else { "stragglers" };
            text.push_str(&format!("; {} {plural}", self.stragglers));
        }
        match self.state {
            Phase::Mixed => text.push_str("; the others did not follow"),
            Phase::Aborted => text.push_str("; given up"),
            Phase::RollingOut | Phase::Settled => {}
        }
        text
    }

    fn evidence(&self) -> ChangeEvidence {
        let mut pulls: Vec<PullEvidence> = self.course.evidence.iter().map(PullEvidence::from).collect();
        pulls.sort_by_key(|pull| pull.at);
        ChangeEvidence {
            repository: self.repository.clone(),
            digest: self.course.digest,
            reason: self.reason(),
            pulls_total: self.course.pulls,
            pulls,
        }
    }
}

impl From<&super::deployments::course::Seen> for PullEvidence {
    fn from(seen: &super::deployments::course::Seen) -> Self {
        Self {
            at: seen.at,
            client: seen.client.clone(),
            tag: seen.tag.as_ref().map(|tag| tag.as_str().to_owned()),
            grade: seen.grade,
            arrived: seen.arrived,
        }
    }
}

/// Changes that went out together.
struct Group(Vec<Step>);

fn grouped(state: &State, asked: Vec<Asked<'_>>) -> Vec<Group> {
    let mut steps: Vec<Step> = asked.iter().flat_map(Asked::steps).collect();
    steps.sort_by(|a, b| (a.course.opened_at, &a.repository).cmp(&(b.course.opened_at, &b.repository)));
    let mut groups: Vec<Group> = Vec::new();
    for step in steps {
        let fits = |group: &Group| {
            let last = group.0.last().map(|last| last.course.opened_at);
            let is_near = last.is_some_and(|last| step.course.opened_at.since(last) <= state.rules().settle);
            // Two changes of one service are two deployments.
            is_near && group.0.iter().all(|other| other.repository != step.repository)
        };
        match groups.last_mut() {
            Some(group) if fits(group) => group.0.push(step),
            _ => groups.push(Group(vec![step])),
        }
    }
    groups
}

fn in_any<T>(state: &State, id: &str, now: Time, view: impl Fn(&Group, &EnvironmentName) -> T) -> Option<T> {
    state.environments().find_map(|(env, _)| {
        let groups = grouped(state, asked(state, env, now));
        groups.iter().find(|group| group.id(env) == id).map(|group| view(group, env))
    })
}

impl Group {
    /// Derived from what opened it, so that the same log gives the same identifier.
    fn id(&self, env: &EnvironmentName) -> String {
        let Some(first) = self.0.first() else { return String::new() };
        let course = &first.course;
        let text = format!("{env}\0{}\0{}\0{}", first.repository, course.digest, course.opened_at.ms());
        format!("dep_{}", Digest::of(text.as_bytes()).short())
    }

    fn view(&self, state: &State, env: &EnvironmentName) -> Deployment {
        let changes: Vec<Change> = self.0.iter().map(|step| step.view(state)).collect();
        let phase = changes.iter().map(|change| change.state).max_by_key(|state| match state {
            Phase::Aborted => 0,
            Phase::Settled => 1,
            Phase::Mixed => 2,
            Phase::RollingOut => 3,
        });
        let kind = changes.iter().map(|change| change.kind).max_by_key(|kind| match kind {
            Kind::Initial => 0,
            Kind::Rebuild => 1,
            Kind::Restore => 2,
            Kind::Upgrade => 3,
            Kind::Changed => 4,
            Kind::Rollback => 5,
        });
        let phase = phase.unwrap_or(Phase::RollingOut);
        let settled = changes.iter().filter_map(|change| change.settled_at).max();
        Deployment {
            id: self.id(env),
            environment: env.clone(),
            state: phase,
            kind: kind.unwrap_or(Kind::Changed),
            started_at: self.0.first().map(|step| step.course.opened_at).unwrap_or_default(),
            settled_at: settled.filter(|_| phase == Phase::Settled),
            confidence: changes.iter().map(|change| change.confidence).min().unwrap_or(Confidence::Tentative),
            releases_landed: changes.iter().map(|change| change.releases.len()).sum(),
            releases_reverted: changes.iter().map(|change| change.reverted.len()).sum(),
            summary: changes.iter().map(sentence).collect::<Vec<_>>().join("; "),
            changes,
        }
    }
}

/// "payment rolled back from v2.3.1 to v2.3.0 (9 nodes within 6 min)".
fn sentence(change: &Change) -> String {
    let name = change.repository.as_str().rsplit('/').next().unwrap_or_default();
    let of = |image: &Image| image.version.clone().unwrap_or_else(|| image.digest.short());
    let to = of(&change.to);
    let from = change.from.as_ref().map(of).unwrap_or_default();
    let what = match change.kind {
        Kind::Initial => format!("{name} {to} appeared"),
        Kind::Upgrade => format!("{name} upgraded from {from} to {to}"),
        Kind::Rollback => format!("{name} rolled back from {from} to {to}"),
        Kind::Restore => format!("{name} restored from {from} to {to}"),
        Kind::Rebuild => format!("{name} {to} rebuilt"),
        Kind::Changed => format!("{name} changed from {from} to {to}"),
    };
    format!("{what} ({})", change.reason)
}

fn confidence(state: Phase, course: &Course) -> Confidence {
    let is_settled = matches!(state, Phase::Settled | Phase::Aborted);
    if is_settled && course.pulls > 1 { Confidence::Likely } else { Confidence::Tentative }
}

fn tag(course: &Course) -> Option<&str> {
    course.tag.as_ref().map(|tag| tag.as_str())
}

fn image(state: &State, repository: &Repository, digest: &Digest, tag: Option<&str>) -> Image {
    Image {
        digest: *digest,
        version: version(state, repository, digest, tag),
        release_id: state.catalogue().find(repository, digest).map(|_| release_id(repository, digest)),
    }
}

/// The identifier of a release: derived from what it is.
pub fn release_id(repository: &Repository, digest: &Digest) -> String {
    format!("rel_{}", Digest::of(format!("{repository}\0{digest}").as_bytes()).short())
}

/// From the catalogue, else from the image's labels, else the tag it was pulled by.
fn version(state: &State, repository: &Repository, digest: &Digest, tag: Option<&str>) -> Option<String> {
    let released = state.catalogue().find(repository, digest).map(|release| release.version.as_str());
    released.or_else(|| state.labelled_version(digest)).or(tag).map(str::to_owned)
}

/// A version that can tell an order: a tag such as `latest` names no version.
fn ordered_version(
    state: &State,
    repository: &Repository,
    digest: &Digest,
    tag: Option<&str>,
) -> Option<String> {
    let tag = tag.filter(|tag| tag.bytes().any(|byte| byte.is_ascii_digit()));
    version(state, repository, digest, tag)
}

/// "40 s", "6 min", "2 h".
fn in_words(ms: i64) -> String {
    match ms / 1000 {
        s @ ..120 => format!("{s} s"),
        s @ ..7200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}
