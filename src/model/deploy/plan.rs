//! What a deploy would do: image, commands, what comes and what goes, and what to know first.

use super::aim::{self, Cluster};
use super::commands::{self, Target};
use super::find::{Found, NoPlan, Wish, find};
use super::found::{Aim, PullSecret};
use super::workload::Place;
use super::{DeployKind, Origin, Planned, Warning, WarningKind};
use crate::model::act::Action;
use crate::model::deployments::State;
use crate::model::directory::Directory;
use crate::model::event::{EnvironmentName, TokenKind};
use crate::model::oci::{Digest, Repository, Tag};
use crate::model::questions::{history, running};
use crate::model::quotes::quoted;
use crate::model::registries::Registries;
use crate::model::releases::{ChangeKind, Named, Number, Relation, Release};
use crate::model::time::Time;
use crate::wire::{FailedAttempt, Phase, RunningService, Searched};

/// Versions that a plan names at most on each side.
pub(super) const VERSIONS_MAX: usize = 200;
/// Changes of the service that are looked through for the image.
const HISTORY_MAX: usize = 4_096;
/// Titles of fixes that the sentence names.
const TITLES_MAX: usize = 3;

/// What is known when a plan is made.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// What the pulls tell.
    pub state: &'a State,
    /// Environments and their tokens.
    pub directory: &'a Directory,
    /// The time of the plan.
    pub now: Time,
    /// The host, with its port, under which clients reach the proxy.
    pub registry_host: &'a str,
    /// What the images of the registries behind it are called.
    pub registries: &'a Registries,
}

/// A plan, and what it is aimed at.
pub struct Plan {
    /// The plan.
    pub planned: Planned,
    /// The workloads that the cluster has for it; nothing where it was not asked or has none.
    pub aim: Option<Aim>,
}

impl Plan {
    /// The plan as the log takes it.
    pub fn action(self) -> Action {
        let planned = Box::new(self.planned);
        match self.aim {
            Some(aim) => Action::DeployAimed { planned, aim },
            None => Action::DeployPlanned(planned),
        }
    }
}

impl World<'_> {
    /// What an environment runs of a repository.
    pub(super) fn running(&self, env: &EnvironmentName, repository: &Repository) -> Option<RunningService> {
        let running = running(self.state, env, self.now);
        running.services.into_iter().find(|service| service.repository == *repository)
    }

    fn failing(&self, env: &EnvironmentName, repository: &Repository) -> Option<FailedAttempt> {
        let running = running(self.state, env, self.now);
        running.failing.into_iter().find(|attempt| attempt.repository == *repository)
    }

    /// Whether some cluster token of the environment is accepted.
    pub(super) fn has_live_token(&self, env: &EnvironmentName) -> bool {
        let environment = self.directory.environment(env.as_str());
        environment.is_some_and(|environment| {
            environment.tokens().any(|token| token.kind == TokenKind::Cluster && token.is_active(self.now))
        })
    }

    /// Whether pods that pull with this secret are accepted, as this environment's cluster.
    pub fn is_good(&self, env: &EnvironmentName, secret: PullSecret) -> bool {
        let PullSecret::Holds { sha256 } = secret else { return false };
        let owner = self.directory.authenticate(&sha256, self.now);
        owner.is_ok_and(|(environment, token)| environment.name == *env && token.kind == TokenKind::Cluster)
    }
}

/// The plan for what `wish` means in `env`; `id` is its identifier, `searched` what the wish's query found, `place`
/// what the environment's settings say, `cluster` what its cluster says.
///
/// # Errors
/// No release fits, or several do; or the wish names another namespace than the cluster's.
pub fn plan(
    world: &World<'_>,
    env: &EnvironmentName,
    wish: &Wish,
    searched: Option<&Searched>,
    place: &Place,
    cluster: Cluster<'_>,
    id: String,
) -> Result<Plan, NoPlan> {
    let found = find(world, env, wish, searched)?;
    let open = if let Cluster::Open(around) = cluster { Some(around) } else { None };
    aim::check_namespace(env, wish, open)?;
    let release = &found.release;
    let (repository, digest) = (&release.repository, release.digest());
    let image = image(world, release)?;
    let runs = world.running(env, repository);
    let passage = Passage::of(world, env, release, runs.as_ref());
    let target = Target {
        environment: env,
        repository,
        version: &release.version,
        image: &image,
        registry_host: world.registry_host,
    };
    let aim = open.map(|around| aim::aim(around, repository, world.registries, wish)).transpose()?.flatten();
    let named = place.workloads.get(repository).cloned().unwrap_or_default();
    let named = wish.workload.clone().map_or(named, |one| vec![one]);
    let is_guessed = named.is_empty() && aim.is_none();
    let workloads = if is_guessed { vec![commands::guessed(repository)] } else { named };
    let namespace = open.map(|around| around.namespace.clone());
    let namespace = namespace.or_else(|| wish.namespace.clone()).or_else(|| place.namespace.clone());
    let kubectl = commands::Kubectl { context: place.context.clone(), namespace };
    let mut commands = Vec::new();
    let can_pull = open.map_or_else(|| world.has_live_token(env), |around| world.is_good(env, around.secret));
    if !can_pull {
        let there = open.map_or(PullSecret::Absent, |around| around.secret);
        commands.extend(commands::credentials(&target, &kubectl, there));
    }
    commands.extend(match &aim {
        Some(aim) => commands::deploy_found(&target, &kubectl, &aim.targets),
        None => commands::deploy(&target, &kubectl, &workloads),
    });
    let mut warnings = warnings(world, env, &found, runs.as_ref(), &passage, open.is_some());
    let sight = aim::Sight { env, repository, can_pull, was_there: passage.was_there, kind: passage.kind };
    warnings.extend(aim::warnings(&sight, cluster, aim.as_ref()));
    if is_guessed {
        warnings.push(Warning {
            kind: WarningKind::WorkloadGuessed,
            text: format!(
                "nobody named the workload: the commands mean {} and a container of the image's name; say which with \
                 `workload` (KIND/NAME:CONTAINER) and `namespace` if it is another",
                workloads[0]
            ),
        });
    }
    let text = sentence(env, &found, runs.as_ref(), &passage);
    let versions = |releases: &[Release]| {
        releases.iter().take(VERSIONS_MAX).map(|release| release.version.clone()).collect()
    };
    let planned = Planned {
        id,
        environment: env.clone(),
        repository: repository.clone(),
        version: release.version.clone(),
        digest,
        image,
        kind: passage.kind,
        from: runs.map(|runs| Origin { digest: runs.digest, version: runs.version }),
        gained: versions(&passage.gained),
        lost: versions(&passage.lost),
        commands,
        warnings,
        text,
    };
    Ok(Plan { planned, aim })
}

/// By digest where one is known, else by the version's tag.
fn image(world: &World<'_>, release: &Release) -> Result<String, NoPlan> {
    let name = world.registries.image(&release.repository, world.registry_host);
    if let Some(digest) = release.digest() {
        return Ok(format!("{name}@{digest}"));
    }
    let tag: Tag = release.version.parse().map_err(|_| NoPlan::Nothing {
        text: format!(
            "no image of {} {} is known, and its version is no tag; register the release's digest",
            release.repository, release.version
        ),
    })?;
    Ok(format!("{name}:{}", tag.as_str()))
}

/// The way from what runs to what is wanted.
struct Passage {
    kind: DeployKind,
    gained: Vec<Release>,
    lost: Vec<Release>,
    /// The image was in the environment before: nodes may hold it.
    was_there: bool,
}

impl Passage {
    fn of(
        world: &World<'_>,
        env: &EnvironmentName,
        release: &Release,
        runs: Option<&RunningService>,
    ) -> Self {
        let (catalogue, repository) = (world.state.catalogue(), &release.repository);
        let ran = history(world.state, env, repository, world.now, HISTORY_MAX);
        let was_there = ran.iter().flat_map(|history| &history.changes).any(|change| {
            release
                .digest()
                .map_or(change.to.version.as_ref() == Some(&release.version), |it| it == change.to.digest)
        });
        let only = |kind, gained: Vec<Release>| Self { kind, gained, lost: Vec::new(), was_there };
        let Some(runs) = runs else { return only(DeployKind::Initial, vec![release.clone()]) };
        if release.digest() == Some(runs.digest) {
            return only(DeployKind::Unchanged, Vec::new());
        }
        let from = named(&runs.digest, runs.version.as_deref());
        // An image that is not known has no digest; any that the catalogue does not know either stands for it.
        let unknown = Digest::of(release.id.as_bytes());
        let digest = release.digest().unwrap_or(unknown);
        let to = named(&digest, Some(&release.version));
        let owned = |found: Vec<&std::sync::Arc<Release>>| -> Vec<Release> {
            found.into_iter().map(|release| Release::clone(release)).collect()
        };
        let known = runs.release_id.as_deref().and_then(|id| catalogue.with_id(id));
        let running = || owned(known.into_iter().collect());
        let or = |found: Vec<Release>, other: Vec<Release>| if found.is_empty() { other } else { found };
        match catalogue.relation(repository, from, to) {
            Relation::Later => {
                let gained = owned(catalogue.between(repository, from, to));
                only(DeployKind::Upgrade, or(gained, vec![release.clone()]))
            }
            Relation::Earlier => {
                let lost = or(owned(catalogue.between(repository, to, from)), running());
                Self { kind: DeployKind::Rollback, gained: Vec::new(), lost, was_there }
            }
            Relation::Same => only(DeployKind::Rebuild, Vec::new()),
            Relation::Incomparable => {
                let line = catalogue.line(repository);
                let apart = owned(line.map(|line| line.apart(from, to)).unwrap_or_default());
                let has = |image: Named<'_>, other: &Release| {
                    line.and_then(|line| line.contains(image, &[&other.version])) == Some(true)
                };
                let (lost, gained) = apart.into_iter().partition(|other| has(from, other));
                Self { kind: DeployKind::Changed, gained, lost, was_there }
            }
            // First-seen order is all there is, as for deployments that happened.
            Relation::Unknown if was_there => {
                Self { kind: DeployKind::Rollback, gained: Vec::new(), lost: running(), was_there }
            }
            Relation::Unknown => only(DeployKind::Changed, vec![release.clone()]),
        }
    }
}

/// A version that can tell an order: a tag such as `latest` names no version.
fn named<'a>(digest: &'a Digest, version: Option<&'a str>) -> Named<'a> {
    Named { digest, version: version.filter(|version| Number::parse(version).is_some()) }
}

fn warnings(
    world: &World<'_>,
    env: &EnvironmentName,
    found: &Found,
    runs: Option<&RunningService>,
    passage: &Passage,
    cluster_says: bool,
) -> Vec<Warning> {
    let repository = &found.release.repository;
    let mut warnings = Vec::new();
    let mut warn = |is: bool, kind, text: String| {
        if is {
            warnings.push(Warning { kind, text });
        }
    };
    let (fixes, security) =
        (count(&passage.lost, ChangeKind::Fix), count(&passage.lost, ChangeKind::Security));
    warn(
        passage.kind == DeployKind::Rollback,
        WarningKind::Rollback,
        format!(
            "this is a rollback: it takes back {} with {} ({} of security)",
            counted(passage.lost.len(), "release", "releases"),
            counted(fixes + security, "fix", "fixes"),
            security
        ),
    );
    warn(
        passage.kind == DeployKind::Unchanged,
        WarningKind::AlreadyRunning,
        format!("{env} was last seen to run this image already"),
    );
    warn(
        found.is_live && passage.kind != DeployKind::Unchanged,
        WarningKind::AlreadyLive,
        format!("what {env} runs contains the change already; deploying may not be needed"),
    );
    warn(
        runs.is_some_and(|runs| matches!(runs.state, Phase::RollingOut | Phase::Mixed)),
        WarningKind::RollingOut,
        format!("a rollout of {repository} is going on in {env}; wait until it has settled, or end it first"),
    );
    if let Some(failing) = world.failing(env, repository) {
        let text = format!("pulls of {repository} fail in {env} at the moment: {}", failing.cause);
        warn(true, WarningKind::Failing, text);
    }
    warn(
        !cluster_says && !world.has_live_token(env),
        WarningKind::NoLiveToken,
        format!(
            "no cluster token of {env} is accepted, so nodes cannot pull; the first commands make one and its pull \
             secret (or make it with create_token and use the command that it returns)"
        ),
    );
    warn(
        found.release.digest().is_none(),
        WarningKind::DigestUnknown,
        "no digest of the release is known, so the image is named by its tag, which can move; register the release's \
         digest to pin it"
            .to_owned(),
    );
    warn(
        runs.is_none() && !passage.was_there,
        WarningKind::NeverSeen,
        format!(
            "{env} was never seen to run {repository}: make sure that the environment and the names are right"
        ),
    );
    warn(
        !cluster_says && passage.was_there && passage.kind != DeployKind::Unchanged,
        WarningKind::PullPolicy,
        format!(
            "nodes of {env} pulled this image before: those that still hold it ask for nothing under \
             imagePullPolicy IfNotPresent (the default for an image by digest), and Landfall may not see the rollout; \
             with Always each start asks"
        ),
    );
    warnings
}

fn count(releases: &[Release], kind: ChangeKind) -> usize {
    releases.iter().flat_map(|release| &release.changes).filter(|change| change.kind == kind).count()
}

fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// The plan in words. Titles come from outside: they stand between quotes.
fn sentence(
    env: &EnvironmentName,
    found: &Found,
    runs: Option<&RunningService>,
    passage: &Passage,
) -> String {
    let release = &found.release;
    let to = format!("{} {}", release.repository, release.version);
    let from =
        runs.map(|runs| runs.version.clone().unwrap_or_else(|| runs.digest.short())).unwrap_or_default();
    let mut text = match passage.kind {
        DeployKind::Initial => format!("This brings {to} to {env}, which was not seen to run it yet."),
        DeployKind::Upgrade => format!("This upgrades {env} from {from} to {to}."),
        DeployKind::Rollback => format!("This is a rollback of {env} from {from} to {to}."),
        DeployKind::Rebuild => {
            format!("This moves {env} to another image of {to}, the version that it runs.")
        }
        DeployKind::Changed => format!(
            "This moves {env} from {from} to {to}; which of the two is later cannot be told, or neither contains the \
             other."
        ),
        DeployKind::Unchanged => format!("{env} runs {to} already; this changes nothing."),
    };
    if let Some(change) = &found.change {
        let number = change.pr.map(|pr| format!(" (#{pr})")).unwrap_or_default();
        text.push_str(&format!(" It was chosen for {}{number}.", quoted(&change.title)));
    }
    for (what, releases) in [("comes", &passage.gained), ("is lost", &passage.lost)] {
        let fixes = releases.iter().flat_map(|release| &release.changes);
        let fixes = fixes.filter(|change| matches!(change.kind, ChangeKind::Fix | ChangeKind::Security));
        let titles: Vec<String> =
            fixes.clone().map(|change| quoted(&change.title)).take(TITLES_MAX).collect();
        let fixes = fixes.count();
        if !releases.is_empty() {
            let counts = format!(
                "{} with {}",
                counted(releases.len(), "release", "releases"),
                counted(fixes, "fix", "fixes")
            );
            let named = if titles.is_empty() { String::new() } else { format!(": {}", titles.join(", ")) };
            let more = if fixes > titles.len() { " and more" } else { "" };
            text.push_str(&format!(" What {what}: {counts}{named}{more}."));
        }
    }
    text
}
