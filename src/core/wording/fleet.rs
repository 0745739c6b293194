//! Answers of many environments in a sentence or two: those that have something to say are named, the others counted.

use super::absence::absent;
use super::asked::{kind_of, titles};
use super::dates::day;
use super::listed::{listed, names};
use super::search::{is_certain, verified};
use super::views::{between, step};
use super::watched::stuck;
use crate::model::names::EnvironmentName;
use crate::model::releases::ChangeKind;
use crate::wire::{Changes, History, Kind, Missing, Running, RunningService, Standing, Verified};

/// Words for the environments that stand out, and for the others.
struct Shape<'a> {
    verb: &'a str,
    others: &'a str,
}

/// "2 of 100 environments saw a rollback: production: …; staging: …. None was seen in the others."
fn fleet(total: usize, said: Vec<String>, shape: &Shape<'_>) -> String {
    let (named, others) = (said.len(), shape.others);
    let told = listed(said.into_iter());
    match (named, total - named) {
        (0, _) => format!("Of all {total} environments: {others}."),
        (_, 0) => format!("All {total} environments {}: {told}.", shape.verb),
        (1, _) => format!("1 of {total} environments {}: {told}. Of the others: {others}.", shape.verb),
        (count, _) => {
            format!("{count} of {total} environments {}: {told}. Of the others: {others}.", shape.verb)
        }
    }
}

/// The versions of one service by environment, or how many services each environment runs.
pub fn running_everywhere(all: &[Running], repository: Option<&str>) -> String {
    let of_it = |running: &Running| running.services.iter().filter(|service| service.runs()).count();
    let count = |running: &Running| match of_it(running) {
        1 => "1 service".to_owned(),
        count => format!("{count} services"),
    };
    let Some(repository) = repository else {
        let busy = all.iter().filter(|running| of_it(running) > 0);
        let said = busy.map(|running| format!("{} ({})", running.environment, count(running))).collect();
        return fleet(
            all.len(),
            said,
            &Shape { verb: "run something", others: "nothing was seen to run there yet" },
        );
    };
    let mut by_version: Vec<(String, Vec<&EnvironmentName>)> = Vec::new();
    for running in all {
        let Some(service) = running.services.first().filter(|service| service.runs()) else { continue };
        let version = label(service);
        match by_version.iter_mut().find(|(known, _)| *known == version) {
            Some((_, environments)) => environments.push(&running.environment),
            None => by_version.push((version, vec![&running.environment])),
        }
    }
    let versions = by_version.iter().map(|(version, names)| format!("{version} in {}", names_of(names)));
    let gone = all.iter().filter_map(|running| Some((running, absent(running.services.first()?)?)));
    let gone = listed(gone.map(|(running, absent)| format!("{absent} in {}", running.environment)));
    match (by_version.is_empty(), gone.is_empty()) {
        (true, true) => format!("No environment was seen to run {repository}."),
        (true, false) => format!("Nothing of {repository} runs: {gone}."),
        (false, true) => format!("{repository} runs as {}.", listed(versions)),
        (false, false) => {
            format!("{repository} runs as {}. Nothing of it runs where it is {gone}.", listed(versions))
        }
    }
}

fn label(service: &RunningService) -> String {
    service.version.clone().unwrap_or_else(|| service.digest.short())
}

fn names_of(all: &[&EnvironmentName]) -> String {
    names(all.iter().map(ToString::to_string))
}

/// The lacks of each environment, in a few words.
pub fn missing_everywhere(all: &[Missing], kind: Option<ChangeKind>) -> String {
    let behind = all.iter().filter_map(|missing| {
        let services = missing.services.iter().filter(|service| !service.missing.is_empty());
        let told = services.map(|service| format!("{} by {}", service.repository, service.missing.len()));
        let told: Vec<String> = told.collect();
        (!told.is_empty()).then(|| format!("{} ({})", missing.environment, listed(told.into_iter())))
    });
    let what = kind.map(|kind| format!("lack {}", kind_of(kind, 2)));
    let verb = what.unwrap_or_else(|| "are behind".to_owned());
    let is_unknown = |missing: &&Missing| {
        missing.services.iter().any(|service| !service.unordered.is_empty() && service.missing.is_empty())
    };
    let unknown = all.iter().filter(is_unknown).count();
    let others = match unknown {
        0 => "nothing later is known".to_owned(),
        count => format!("nothing later is known, and of {count} the order of releases cannot be told"),
    };
    fleet(all.len(), behind.collect(), &Shape { verb: &verb, others: &others })
}

/// The environments in which a change is live, and those in which it is not.
pub fn verified_everywhere(all: &[Verified]) -> String {
    let Some(first) = all.first() else { return String::new() };
    // Doubts about the change are the same everywhere.
    let Some(change) = first.matches.first().filter(|_| all.iter().all(is_certain)) else {
        return verified(first);
    };
    let states = [
        (Standing::Live, "live in"),
        (Standing::RollingOut, "rolling out in"),
        (Standing::PartlyLive, "live in a part of"),
        (Standing::RolledBack, "rolled back in"),
        (Standing::Unknown, "not known to be in"),
        (Standing::NotLive, "not live in"),
    ];
    let told = states.into_iter().filter_map(|(state, words)| {
        let names: Vec<&EnvironmentName> =
            all.iter().filter(|it| it.answer == state).map(|it| &it.environment).collect();
        (!names.is_empty()).then(|| format!("{words} {}", names_of(&names)))
    });
    let number = change.change.pr.map(|pr| format!(" (#{pr})")).unwrap_or_default();
    format!("“{}”{number} is {}.", change.change.title, told.collect::<Vec<_>>().join("; "))
}

/// The changes of each environment, counted.
pub fn changes_everywhere(all: &[Changes]) -> String {
    let busy = all.iter().filter(|changes| !changes.deployments.is_empty());
    let said = busy.map(|changes| format!("{} ({})", changes.environment, changes.deployments.len()));
    let stretch = all.first().map(between).unwrap_or_default();
    let shape = Shape { verb: &format!("saw deployments {stretch}"), others: "nothing changed" };
    fleet(all.len(), said.collect(), &shape)
}

/// The latest rollback of each environment.
pub fn rollbacks_everywhere(all: &[Changes]) -> String {
    let said = all.iter().filter_map(|changes| {
        let mut steps = changes.deployments.iter().flat_map(|it| &it.changes);
        let latest = steps.find(|change| change.kind == Kind::Rollback)?;
        Some(format!("{}: {}", changes.environment, step(latest)))
    });
    let shape = Shape { verb: "saw a rollback", others: "none was seen" };
    fleet(all.len(), said.collect(), &shape)
}

/// The latest change of a service in each environment.
pub fn history_everywhere(total: usize, all: &[History]) -> String {
    let said = all.iter().filter_map(|history| {
        let latest = history.changes.first()?;
        Some(format!("{}: {} on {}", history.environment, latest.to.label(), day(latest.started_at)))
    });
    fleet(
        total,
        said.collect(),
        &Shape { verb: "ran it, with this latest change", others: "it was never seen" },
    )
}

/// The environments themselves.
pub fn environments(all: &[Running]) -> String {
    let names = all.iter().map(|running| running.environment.to_string()).collect::<Vec<_>>().join(", ");
    match all.len() {
        0 => "There is no environment yet. This makes one: landfall env create production".to_owned(),
        1 => format!("There is 1 environment: {names}."),
        count => format!("There are {count} environments: {names}."),
    }
}

/// Failing pulls.
pub fn troubles(all: &[Running]) -> String {
    let said: Vec<String> = all.iter().filter_map(trouble).collect();
    let places = match all {
        [one] => one.environment.to_string(),
        _ => format!("all {} environments", all.len()),
    };
    match said.len() {
        0 => format!(
            "Nothing is known to be broken in {places}: no pull fails, and no two images of a service run beside each \
             other. Pulls do not tell whether what runs works."
        ),
        _ => format!("{}. Pulls do not tell whether what runs works.", listed(said.into_iter())),
    }
}

fn trouble(running: &Running) -> Option<String> {
    use crate::wire::Phase;
    let failing = running.failing.iter().filter(|attempt| attempt.cleared_at.is_none());
    let failing =
        failing.map(|it| format!("pulls of {}:{} fail ({})", it.repository, it.reference, it.cause));
    let workloads = running.services.iter().flat_map(|it| &it.workloads);
    let workloads = workloads.chain(running.unstarted.iter().flat_map(|it| &it.workloads));
    let stuck = workloads.filter(|it| !it.troubles.is_empty()).map(|it| stuck(it, str::to_owned));
    let mixed = running.services.iter().filter(|service| service.state == Phase::Mixed);
    let mixed = mixed.map(|it| format!("two images of {} run beside each other", it.repository));
    let refused = running.services.iter().filter_map(|service| {
        let since = service.refused_since?;
        Some(format!("nodes of {} are refused since {}", service.repository, day(since)))
    });
    let told: Vec<String> = failing.chain(stuck).chain(mixed).chain(refused).collect();
    (!told.is_empty()).then(|| format!("{}: {}", running.environment, listed(told.into_iter())))
}

/// The missing changes of one kind, by their titles.
pub fn missing_of_kind(missing: &Missing, kind: ChangeKind) -> String {
    let env = &missing.environment;
    let releases = missing.services.iter().flat_map(|service| &service.missing);
    let changes: Vec<_> =
        releases.flat_map(|release| release.changes.iter().map(move |it| (release, it))).collect();
    let unknown = missing.services.iter().filter(|service| !service.unordered.is_empty()).count();
    let unknown = if unknown == 0 {
        String::new()
    } else {
        format!(" Of {unknown} of its services the order of releases cannot be told, so there may be more.")
    };
    match changes.len() {
        0 => format!("No {} that {env} lacks is known.{unknown}", kind_of(kind, 1)),
        count => format!("{env} lacks {count} {}: {}.{unknown}", kind_of(kind, count), titles(&changes)),
    }
}

/// The changes of one kind that came, by their titles.
pub fn changes_of_kind(changes: &Changes, kind: ChangeKind) -> String {
    let env = &changes.environment;
    let stretch = between(changes);
    let came: Vec<_> = changes
        .releases
        .iter()
        .flat_map(|release| release.changes.iter().map(move |it| (release, it)))
        .collect();
    match came.len() {
        0 => format!("No {} came to {env} {stretch}.", kind_of(kind, 1)),
        count => format!("{count} {} came to {env} {stretch}: {}.", kind_of(kind, count), titles(&came)),
    }
}
