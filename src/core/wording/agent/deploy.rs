//! Plans and deploys for coding agents.

use super::super::seen::deploy_seen;
use super::super::watched::stuck;
use super::{counted, image, lines, name, title, word};
use crate::wire::{Balance, Deploy, DeployKind, ReleaseChange};

/// A plan, or how far it is: its image, what comes and what is lost, warnings, commands.
pub fn deploy(deploy: &Deploy) -> String {
    if deploy.kind == DeployKind::Unchanged && deploy.last_seen_at.is_some() {
        return format!(
            "{}: {} runs {} {} already, so there is nothing to deploy.{}",
            name(&deploy.id),
            deploy.environment,
            name(deploy.release.repository.as_str()),
            name(&deploy.release.version),
            seen(deploy)
        );
    }
    let from = deploy.from.as_ref().map(|from| format!(" from {}", image(from))).unwrap_or_default();
    let commands: String = deploy.commands.iter().map(|command| format!("\n    {command}")).collect();
    format!(
        "{}: {} of {}{from} to {} {}; {}.{}{}{}{}{}{}{}{}\nCommands, for a person to run or agree to:{commands}",
        name(&deploy.id),
        word(deploy.kind.as_str()),
        deploy.environment,
        name(deploy.release.repository.as_str()),
        name(&deploy.release.version),
        word(deploy.state.as_str()),
        seen(deploy),
        lines(&deploy.stuck, |workload| stuck(workload, name)),
        targets(deploy),
        interruption(deploy),
        balance("comes", &deploy.gained),
        balance("is lost", &deploy.lost),
        lines(&deploy.warnings, |warning| format!("warning: {}", warning.text)),
        lines(&deploy.causes, |cause| format!("likely cause: {cause}"))
    )
}

/// Age of what the pulls say of it, or the image that was seen after it.
fn seen(deploy: &Deploy) -> String {
    if let Some(other) = &deploy.seen_after {
        return format!(" It does not stand: {} was seen after it, at {}.", image(&other.image), other.at);
    }
    let told = deploy_seen(deploy);
    if told.is_empty() { told } else { format!(" {told}") }
}

fn targets(deploy: &Deploy) -> String {
    if deploy.workloads.is_empty() {
        return String::new();
    }
    let targets = deploy.workloads.iter().map(|it| format!("{}/{}", word(it.kind.as_str()), name(&it.name)));
    let targets = targets.collect::<Vec<_>>().join(", ");
    format!(
        "\nIt goes to {targets} in the namespace {}.",
        name(deploy.namespace.as_deref().unwrap_or_default())
    )
}

fn interruption(deploy: &Deploy) -> String {
    let Some(stop) = &deploy.interrupted else { return String::new() };
    let names = |names: &[String]| names.iter().map(|text| name(text)).collect::<Vec<_>>().join(", ");
    format!(
        "\nApplying it stopped. Applied: {}. Not applied: {}, for {}.",
        names(&stop.applied),
        names(&stop.not_applied),
        stop.why
    )
}

fn balance(what: &str, balance: &Balance) -> String {
    let releases = &balance.releases;
    if releases.is_empty() {
        return String::new();
    }
    let fixes: Vec<&ReleaseChange> =
        releases.iter().flat_map(|it| &it.changes).filter(|it| it.is_fix()).collect();
    let count = if fixes.len() == 1 { "1 fix".to_owned() } else { format!("{} fixes", fixes.len()) };
    format!("\nWhat {what}: {} with {count}.{}", counted(releases.len(), "release"), lines(fixes, title))
}
