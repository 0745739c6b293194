//! Views in two or three sentences: versions, times and counts first, for people who asked in words.

use super::absence::{absent, gone, nothing_runs};
use super::beside::{compared_beside, running_beside};
use super::dates::day;
use super::listed::{counted, listed, listed_beside};
use super::revisions::revisions;
use super::seen::{age, as_last_seen, refused};
use super::watched::{all_stuck, apart, bypasses, confirmed, contradicted};
use crate::model::names::EnvironmentName;
use crate::model::time::Time;
use crate::wire::{
    Absence, Ahead, Changes, Comparison, History, Image, Incomplete, Kind, Missing, MissingService, Release,
    Running, RunningService, ServiceChange,
};

/// Gaps of answers, as a further sentence; empty where they lack nothing.
pub fn lacks(parts: &[&Option<Incomplete>]) -> String {
    let texts: Vec<&str> = parts.iter().filter_map(|part| Some(part.as_ref()?.text.as_str())).collect();
    if texts.is_empty() { String::new() } else { format!(" Not everything is known: {}.", texts.join("; ")) }
}

/// A further sentence, where there is one.
pub(super) fn further(sentence: String) -> String {
    if sentence.is_empty() { sentence } else { format!(" {sentence}") }
}

/// Running services in words; of `repository` alone where one is named.
pub fn running(running: &Running, repository: Option<&str>) -> String {
    let env = &running.environment;
    let meant = running.services.iter();
    let meant = meant.filter(|it| repository.is_none_or(|name| it.repository.as_str() == name));
    let (services, gone): (Vec<&RunningService>, Vec<_>) = meant.partition(|service| service.runs());
    let gone = listed(gone.iter().filter_map(|service| {
        let last = service.version.clone().unwrap_or_else(|| service.digest.short());
        Some(format!("nothing of {} ({}; {last} was the last)", service.repository, absent(service)?))
    }));
    let told = services.iter().map(|service| {
        let version = service.version.clone().unwrap_or_else(|| service.digest.short());
        let seen = match confirmed(service) {
            none if none.is_empty() && services.len() > 1 => format!(", last seen {}", age(&service.seen)),
            confirmed => confirmed,
        };
        let refused = service.refused_since.map(|at| format!(" ({})", refused(at)));
        let refused = refused.unwrap_or_default();
        format!("{} {version} since {}{seen}{refused}", service.repository, day(service.since))
    });
    let seen =
        running.services.iter().filter(|it| repository.is_none_or(|name| it.repository.as_str() == name));
    let seen = seen.map(|service| (service.repository.to_string(), &service.seen));
    let beside = running_beside(services.iter().copied(), str::to_owned);
    let apart = services
        .iter()
        .map(|service| apart(&service.workloads, str::to_owned))
        .filter(|told| !told.is_empty());
    let apart: Vec<String> = apart.map(|told| format!("{told}.")).collect();
    let bypass = if repository.is_none() { bypasses(&running.bypass, str::to_owned) } else { String::new() };
    let others = further(apart.join(" "))
        + &further(contradicted(services.iter().copied(), str::to_owned))
        + &further(all_stuck(running, repository, str::to_owned))
        + &further(bypass)
        + &further(beside)
        + &further(as_last_seen(seen))
        + &lacks(&[&running.incomplete]);
    let told = listed_beside(told, &others);
    let failing = match running.failing.len() {
        0 => String::new(),
        1 => " One pull fails there.".to_owned(),
        count => format!(" {count} pulls fail there."),
    };
    let also =
        if gone.is_empty() || services.is_empty() { String::new() } else { format!(" It runs {gone}.") };
    let said = match (services.len(), repository) {
        (0, _) if !gone.is_empty() => format!("{env} runs {gone}.{failing}"),
        (0, None) => format!("Nothing was seen to run in {env} yet.{failing}"),
        (0, Some(name)) => format!("{env} was never seen to run {name}.{failing}"),
        (1, _) => format!("{env} runs {told}.{failing}"),
        (count, _) => format!("{env} runs {count} services: {told}.{failing}"),
    };
    said + &also + &others
}

/// Missing releases in words.
pub fn missing(missing: &Missing) -> String {
    let seen = missing.services.iter().map(|service| (service.repository.to_string(), &service.seen));
    let seen = seen.chain(missing.absent.iter().map(|it| (it.repository.to_string(), &it.seen)));
    let gone = nothing_runs(&missing.absent, str::to_owned);
    let gone = if gone.is_empty() { gone } else { format!("In it {gone}.") };
    let others = further(gone) + &further(as_last_seen(seen)) + &lacks(&[&missing.incomplete]);
    missing_services(missing, &others) + &others
}

fn missing_services(missing: &Missing, others: &str) -> String {
    let env = &missing.environment;
    if missing.services.is_empty() && !missing.absent.is_empty() {
        return format!("Nothing runs in {env}, so nothing can be missing.");
    }
    if missing.services.is_empty() {
        return format!("Nothing was seen to run in {env} yet, so nothing can be missing.");
    }
    if missing.up_to_date {
        return format!(
            "{env} is up to date: no later release of its {} is known.",
            services(missing.services.len())
        );
    }
    let behind = missing.services.iter().filter(|service| !service.missing.is_empty());
    let unknown = missing.services.iter().filter(|service| !service.unordered.is_empty()).map(unordered);
    let unknown: Vec<String> = unknown.collect();
    if behind.clone().next().is_none() {
        return format!(
            "Whether {env} is up to date is not known: {}.",
            listed_beside(unknown.into_iter(), others)
        );
    }
    let told = behind.map(|service| {
        let latest = service.missing.last().or(service.latest.as_ref()).map_or("", |it| it.version.as_str());
        let versions = listed(service.missing.iter().map(|release| release.version.clone()));
        let fixes = match service.fixes {
            0 => String::new(),
            1 => ", with a fix".to_owned(),
            count => format!(", with {count} fixes"),
        };
        format!(
            "{} runs {} and lacks {versions}{fixes} (latest {latest})",
            service.repository,
            service.running.label()
        )
    });
    format!("{env} is not up to date: {}.", listed_beside(told.chain(unknown), others))
}

/// "shop/web runs main, and whether v1.2.0 is later cannot be told"
pub fn unordered(service: &MissingService) -> String {
    let versions = listed(service.unordered.iter().map(|release| release.version.clone()));
    let is = if service.unordered.len() == 1 { "is" } else { "are" };
    let (repository, running) = (&service.repository, service.running.label());
    format!("{repository} runs {running}, and whether {versions} {is} later cannot be told")
}

/// Differences of two environments in words.
pub fn comparison(comparison: &Comparison) -> String {
    let others = further(compared_beside(comparison, str::to_owned))
        + &further(compared_as_last_seen(comparison))
        + &lacks(&[&comparison.left_incomplete, &comparison.right_incomplete]);
    compared(comparison, &others) + &others
}

fn compared(comparison: &Comparison, others: &str) -> String {
    let (left, right) = side_names(comparison);
    let differing: Vec<_> = comparison.services.iter().filter(|it| it.relation != Ahead::Same).collect();
    if comparison.services.is_empty() {
        return format!("Nothing runs in {left} or {right}, as far as was seen.");
    }
    if differing.is_empty() {
        return format!(
            "{left} and {right} run the same releases of {}.",
            services(comparison.services.len())
        );
    }
    let told = differing.iter().map(|service| {
        let side = |image: &Option<Image>| image.as_ref().map_or_else(|| "nothing".to_owned(), Image::label);
        let (a, b) = (side(&service.left), side(&service.right));
        let between = match service.releases.len() {
            0 => String::new(),
            count => format!(
                " ({}, {})",
                counted(count, "release", "releases"),
                counted(service.fixes, "fix", "fixes")
            ),
        };
        match service.relation {
            Ahead::LeftAhead => {
                format!("{} {a} in {left} is ahead of {b} in {right}{between}", service.repository)
            }
            Ahead::RightAhead => {
                format!("{} {b} in {right} is ahead of {a} in {left}{between}", service.repository)
            }
            Ahead::LeftOnly => {
                format!("{} {a} is only in {left}{}", service.repository, elsewhere(&service.right_absent))
            }
            Ahead::RightOnly => {
                format!("{} {b} is only in {right}{}", service.repository, elsewhere(&service.left_absent))
            }
            _ => format!("{} is {a} in {left} and {b} in {right}{between}", service.repository),
        }
    });
    let same = match comparison.services.len() - differing.len() {
        0 => String::new(),
        1 => " 1 service is the same in both.".to_owned(),
        count => format!(" {count} services are the same in both."),
    };
    format!("{}.{same}", listed_beside(told, others))
}

/// " (removed since 2026-03-02 04:00 UTC in the other)"
fn elsewhere(absence: &Option<Absence>) -> String {
    absence.as_ref().map(|absence| format!(" ({} in the other)", gone(absence))).unwrap_or_default()
}

/// Age of both sides of a comparison, and what silence hides.
pub fn compared_as_last_seen(comparison: &Comparison) -> String {
    let (left, right) = side_names(comparison);
    as_last_seen(comparison.services.iter().flat_map(|service| {
        let of = |side: &str| format!("{} in {side}", service.repository);
        let left = service.left_seen.iter().map(|seen| (of(&left), seen)).collect::<Vec<_>>();
        let right = service.right_seen.iter().map(|seen| (of(&right), seen)).collect::<Vec<_>>();
        left.into_iter().chain(right)
    }))
}

/// Names of the two sides: two moments are named with the sides that they belong to.
pub fn side_names(comparison: &Comparison) -> (String, String) {
    let side = |name: &EnvironmentName, at: Time| match comparison.left_at == comparison.right_at {
        true => name.to_string(),
        false => format!("{name} at {at}"),
    };
    (side(&comparison.left, comparison.left_at), side(&comparison.right, comparison.right_at))
}

/// Changes in words.
pub fn changes(changes: &Changes) -> String {
    changed(changes) + &lacks(&[&changes.incomplete])
}

fn changed(changes: &Changes) -> String {
    let env = &changes.environment;
    let stretch = between(changes);
    if changes.deployments.is_empty() {
        return format!("Nothing changed in {env} {stretch}.");
    }
    let told = changes.deployments.iter().flat_map(|it| &it.changes).map(step);
    let count = changes.deployments.len();
    format!(
        "{env} saw {} {stretch}, {}: {}. {} landed.",
        counted(count, "deployment", "deployments"),
        counted(changes.rollbacks, "of them a rollback", "of them rollbacks"),
        listed(told),
        counted(changes.fixes, "fix", "fixes")
    )
}

/// The rollbacks among what changed, in words.
pub fn rollbacks(changes: &Changes) -> String {
    let env = &changes.environment;
    let rollbacks =
        changes.deployments.iter().flat_map(|it| &it.changes).filter(|it| it.kind == Kind::Rollback);
    let told: Vec<String> = rollbacks
        .map(|change| {
            let reverted = listed(change.reverted.iter().map(Release::label));
            format!("{}, which reverted {reverted}", step(change))
        })
        .collect();
    match told.len() {
        0 => format!("No rollback was seen in {env} {}.", between(changes)),
        1 => format!("1 rollback in {env}: {}.", told[0]),
        count => format!("{count} rollbacks in {env}: {}.", listed(told.into_iter())),
    }
}

/// The history of a service, in words.
pub fn history(history: &History) -> String {
    let told = listed(history.changes.iter().map(step));
    let found = revisions(&history.revisions);
    format!("{} in {}, the latest first: {told}.{found}", history.repository, history.environment)
}

/// The content of a release in words.
pub fn release(release: &Release) -> String {
    let numbers = listed(release.changes.iter().filter_map(|change| change.pr).map(|pr| format!("#{pr}")));
    let requests = if numbers.is_empty() { String::new() } else { format!(" Pull requests: {numbers}.") };
    let places = release.environments.iter().flatten().map(|place| place.name.to_string());
    let places: Vec<String> = places.collect();
    let runs = match places.len() {
        0 => "It runs in no environment that is tracked".to_owned(),
        _ => format!("It runs in {}", listed(places.into_iter())),
    };
    let seen = release.environments.iter().flatten().map(|place| (place.name.to_string(), &place.seen));
    let seen = further(as_last_seen(seen));
    format!(
        "{} {} ({}): {}. {runs}.{seen}{requests}",
        release.repository,
        release.label(),
        day(release.created_at),
        release.summary
    )
}

/// A release in one environment, in words.
pub fn release_there(release: &Release, env: &str) -> String {
    let (repository, version) = (&release.repository, release.label());
    let place = release.environments.iter().flatten().find(|place| place.name.as_str() == env);
    match place {
        Some(place) => {
            let seen = further(as_last_seen([(env.to_owned(), &place.seen)]));
            format!("{repository} {version} runs in {env} since {}.{seen}", day(place.since))
        }
        None => format!("{repository} {version} does not run in {env}. {}", self::release(release)),
    }
}

/// "identity rolled back from v2.4.1 to v2.4.0 on 2026-05-13".
pub(super) fn step(change: &ServiceChange) -> String {
    let (from, to) = (change.from.as_ref().map(Image::label).unwrap_or_default(), change.to.label());
    let name = &change.repository;
    let what = match change.kind {
        Kind::Initial => format!("{name} {to} appeared"),
        Kind::Upgrade => format!("{name} went from {from} to {to}"),
        Kind::Rollback => format!("{name} was rolled back from {from} to {to}"),
        Kind::Restore => format!("{name} was restored from {from} to {to}"),
        Kind::Rebuild => format!("{name} {to} was rebuilt"),
        Kind::Changed | Kind::Unlisted(_) => format!("{name} changed from {from} to {to}"),
    };
    format!("{what} on {}", day(change.started_at))
}

/// "between 2026-05-13 10:30 UTC and 2026-05-14 10:30 UTC"
pub(super) fn between(changes: &Changes) -> String {
    format!("between {} and {}", day(changes.from), day(changes.until))
}

fn services(count: usize) -> String {
    if count == 1 { "1 service".to_owned() } else { format!("{count} services") }
}
