//! A plan's record in sentences: the plan itself, and each of its cautions.

use super::commands;
use crate::model::deployments::attempts::cause_of;
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::planned::{
    Caution, ChosenFor, DeployKind, Planned, Releases, SecretFlaw, SilentContainer, Workload,
};
use crate::model::quotes::quoted;
use crate::model::time::Time;
use crate::wire::{DeployWarning, DeployWarningKind};

/// The plan in a sentence or two. Titles come from outside: they stand between quotes. `since`: the time since when what is
/// planned runs there, or has the change that was asked for, where it does.
pub(super) fn text(planned: &Planned, since: Option<Time>) -> String {
    let mut text = passage(planned, since);
    if let Some(change) = planned.chosen_for.as_ref().filter(|_| planned.kind != DeployKind::Unchanged) {
        text.push_str(&format!(" It was chosen for {}.", title(change)));
    }
    for (what, releases) in [("comes", &planned.gained), ("is lost", &planned.lost)] {
        if releases.count > 0 {
            text.push_str(&format!(" What {what}: {}.", weighed(releases)));
        }
    }
    text
}

/// A plan that moves nothing: what was asked for runs there.
fn unchanged(planned: &Planned, since: Option<Time>) -> String {
    let Planned { environment: env, repository, version, .. } = planned;
    let is_live = planned.cautions.contains(&Caution::AlreadyLive);
    match (planned.chosen_for.as_ref().filter(|_| is_live), since) {
        (Some(change), Some(since)) => format!(
            "{} is live in {env} since {since}; it runs {repository} {version}: there is nothing to deploy.",
            title(change)
        ),
        (Some(change), None) => format!(
            "{} was live in {env} when this was planned, with {repository} {version}: there was nothing to deploy.",
            title(change)
        ),
        (None, Some(since)) => {
            format!("{env} runs {repository} {version} already, since {since}: there is nothing to deploy.")
        }
        (None, None) => format!(
            "{env} ran {repository} {version} when this was planned: there was nothing to deploy then."
        ),
    }
}

/// “a title” (#7)
fn title(change: &ChosenFor) -> String {
    let number = change.pr.map(|pr| format!(" (#{pr})")).unwrap_or_default();
    format!("{}{number}", quoted(&change.title))
}

/// The first sentence: from which image to which.
fn passage(planned: &Planned, since: Option<Time>) -> String {
    let env = &planned.environment;
    let to = format!("{} {}", planned.repository, planned.version);
    let from = planned.from.as_ref();
    let from =
        from.map(|from| from.version.clone().unwrap_or_else(|| from.digest.short())).unwrap_or_default();
    match planned.kind {
        DeployKind::Initial => {
            format!("This brings {to} to {env}, where nothing of it was seen to run when this was planned.")
        }
        DeployKind::Upgrade => format!("This upgrades {env} from {from} to {to}."),
        DeployKind::Rollback => format!("This is a rollback of {env} from {from} to {to}."),
        DeployKind::Rebuild => {
            format!("This moves {env} to another image of {to}, the version that it runs.")
        }
        DeployKind::Changed => format!(
            "This moves {env} from {from} to {to}; which of the two is later cannot be told, or neither contains the \
             other."
        ),
        DeployKind::Unchanged => unchanged(planned, since),
    }
}

/// Numbers of releases and fixes, and the titles of the first fixes.
fn weighed(releases: &Releases) -> String {
    let counts = format!(
        "{} with {}",
        counted(releases.count, "release", "releases"),
        counted(releases.fixes, "fix", "fixes")
    );
    format!("{counts}{}", first_of(releases.fixes, &releases.titles))
}

/// "2 fixes: “a”, “b”"
fn fixes_of(count: u64, titles: &[String]) -> String {
    counted(count, "fix", "fixes") + &first_of(count, titles)
}

/// The titles of the first of so many fixes.
fn first_of(count: u64, titles: &[String]) -> String {
    let more = if count > titles.len() as u64 { " and more" } else { "" };
    let titles: Vec<String> = titles.iter().map(|title| quoted(title)).collect();
    let named = if titles.is_empty() { String::new() } else { format!(": {}", titles.join(", ")) };
    format!("{named}{more}")
}

fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// The plan's cautions in words, each with what to do.
pub(super) fn warnings(planned: &Planned) -> Vec<DeployWarning> {
    let warning = |caution| DeployWarning { kind: kind(caution), text: warning(planned, caution) };
    planned.cautions.iter().map(warning).collect()
}

fn kind(caution: &Caution) -> DeployWarningKind {
    match caution {
        Caution::Rollback => DeployWarningKind::Rollback,
        Caution::AlreadyRunning => DeployWarningKind::AlreadyRunning,
        Caution::AlreadyLive => DeployWarningKind::AlreadyLive,
        Caution::RollingOut => DeployWarningKind::RollingOut,
        Caution::Failing { .. } => DeployWarningKind::Failing,
        Caution::NoLiveToken => DeployWarningKind::NoLiveToken,
        Caution::DigestUnknown => DeployWarningKind::DigestUnknown,
        Caution::NeverSeen => DeployWarningKind::NeverSeen,
        Caution::HeldByNodes | Caution::PullPolicy { .. } => DeployWarningKind::PullPolicy,
        Caution::ClusterUnknown { .. } => DeployWarningKind::ClusterUnknown,
        Caution::NoWorkload { .. } => DeployWarningKind::NoWorkload,
        Caution::PullSecret { .. } => DeployWarningKind::PullSecret,
        Caution::WorkloadGuessed => DeployWarningKind::WorkloadGuessed,
        Caution::RolledBack { .. } => DeployWarningKind::RolledBack,
        Caution::Yanked => DeployWarningKind::Yanked,
    }
}

fn warning(planned: &Planned, caution: &Caution) -> String {
    let (env, repository) = (&planned.environment, &planned.repository);
    match caution {
        Caution::Rollback => rollback(&planned.lost),
        Caution::AlreadyRunning => format!("{env} was last seen to run this image already"),
        Caution::AlreadyLive => {
            format!("what {env} runs contains the change already: there is nothing to deploy")
        }
        Caution::RollingOut => format!(
            "a rollout of {repository} is going on in {env}; wait until it has settled, or end it first"
        ),
        Caution::Failing { status } => {
            let cause = cause_of(*status);
            format!("pulls of {repository} fail in {env} at the moment: {cause}")
        }
        Caution::NoLiveToken => no_live_token(env),
        Caution::DigestUnknown => DIGEST_UNKNOWN.to_owned(),
        Caution::NeverSeen => format!(
            "{env} was never seen to run {repository}: make sure that the environment and the names are right"
        ),
        Caution::HeldByNodes => held_by_nodes(env),
        Caution::PullPolicy { containers } => pull_policy(containers),
        Caution::ClusterUnknown { why } => {
            format!("the cluster of {env} did not say which workloads it has: {why}")
        }
        Caution::NoWorkload { namespace } => no_workload(repository, namespace),
        Caution::PullSecret { namespace, flaw } => pull_secret(env, namespace, *flaw),
        Caution::WorkloadGuessed => guessed(&planned.workloads),
        Caution::RolledBack { at, from, to, fixes, titles } => {
            let took = if *fixes == 0 { "no fix that is known".to_owned() } else { fixes_of(*fixes, titles) };
            format!("{env} was rolled back from {from} to {to} at {at}, which took away {took}")
        }
        Caution::Yanked => "the release was yanked: its publisher wants it deployed no more".to_owned(),
    }
}

const DIGEST_UNKNOWN: &str = "no digest of the release is known, so the image is named by its tag, which can move; \
     register the release's digest to pin it";

fn rollback(lost: &Releases) -> String {
    format!(
        "this is a rollback: it reverts {} with {} ({} of security)",
        counted(lost.count, "release", "releases"),
        counted(lost.fixes, "fix", "fixes"),
        lost.security_fixes
    )
}

fn no_live_token(env: &EnvironmentName) -> String {
    format!(
        "no cluster token of {env} is accepted, so nodes cannot pull; the first commands make one and its pull \
         secret (or make it with create_token and use the command that it returns)"
    )
}

fn held_by_nodes(env: &EnvironmentName) -> String {
    format!(
        "nodes of {env} pulled this image before: those that still hold it ask for nothing under \
         imagePullPolicy IfNotPresent (the default for an image by digest), and Landfall may not see the rollout; \
         with Always each start asks"
    )
}

fn pull_policy(containers: &[SilentContainer]) -> String {
    let silent: Vec<String> =
        containers.iter().map(|it| format!("{} ({})", it.container, it.policy)).collect();
    format!(
        "nodes that hold the image ask for nothing under the imagePullPolicy of {}, and Landfall may not see \
         the rollout; with Always each start asks",
        silent.join(", ")
    )
}

fn no_workload(repository: &Repository, namespace: &str) -> String {
    format!(
        "no workload of the namespace {namespace} uses {repository}, or not the one that was named: Landfall applies \
         nothing here. Make the workload first, or name its container (workload KIND/NAME:CONTAINER)"
    )
}

fn pull_secret(env: &EnvironmentName, namespace: &str, flaw: SecretFlaw) -> String {
    let name = commands::pull_secret(env);
    let what = match flaw {
        SecretFlaw::Absent => "is not there",
        SecretFlaw::OtherKind => "is no pull secret (kubernetes.io/dockerconfigjson)",
        SecretFlaw::OtherHost => "has no password for this proxy",
        SecretFlaw::NotAccepted => "holds a token that is not accepted as this environment's cluster",
    };
    format!(
        "the secret {name} of the namespace {namespace} {what}; the first commands make it anew with a new token and \
         let the default service account use it. Landfall makes the secret when it applies the plan, and adds it to pods \
         that name pull secrets; where pods rely on their service account, patch that yourself"
    )
}

fn guessed(workloads: &[Workload]) -> String {
    let names: Vec<String> = workloads.iter().map(Workload::to_string).collect();
    format!(
        "nobody named the workload: the commands mean {} and a container of the image's name; say which \
         (workload KIND/NAME:CONTAINER), and the namespace if it is another",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests;
