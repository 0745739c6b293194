//! Changes that were described loosely, in sentences.

use super::absence::gone;
use super::dates::day;
use super::listed::listed;
use super::seen::as_last_seen;
use super::views::{further, lacks};
use super::watched::{apart, confirms, not_ready, share};
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::Time;
use crate::wire::{
    Certainty, Match, ReleaseChange, SearchMatch, Searched, ServiceStanding, Standing, Verified,
};

/// Matches that are named where several may be meant.
const RIVALS_MAX: usize = 4;
/// Characters of a title that stand beside others.
const TITLE_CHARS_MAX: usize = 80;
/// A match that scores at least this share of the best one may as well be meant.
const RIVAL: f64 = 0.93;
const UNKNOWN_CHANGE: &str = "No known change fits. `landfall release list` shows which releases are known.";

/// A further sentence, which explains that a change was not known then.
pub fn registered_later(repository: &Repository, version: &str, at: Time) -> String {
    format!(" {repository} {version}, which has it, was registered later, on {}.", day(at))
}

/// The answer to "is it live?" in words, with the next step where there is one.
pub fn verified(verified: &Verified) -> String {
    let env = &verified.environment;
    let near = |found: &Match| format!("The nearest is {}", carried(found));
    let said = match (&verified.answer, verified.matches.first()) {
        (_, None) => UNKNOWN_CHANGE.to_owned(),
        (Standing::NoSuchChange, Some(found)) => format!(
            "No known change fits. {}, which is something else; if the change has a pull request, ask for its number.",
            near(found)
        ),
        (Standing::Unknown, Some(found)) if !is_certain(verified) => {
            let candidates = match rivals(verified) {
                [] | [_] => near(found),
                several => {
                    format!("It may be {}", several.iter().map(carried).collect::<Vec<_>>().join(", or "))
                }
            };
            format!(
                "It is not certain which change is meant. {candidates}; ask again with its pull request's number or more \
                 of its title."
            )
        }
        (_, Some(found)) => stands(env, found),
    };
    said + &further(age_of(verified)) + &lacks(&[&verified.incomplete])
}

/// Age of the answer in words; empty where it rests on no pulls.
fn age_of(verified: &Verified) -> String {
    let best = verified.matches.first().filter(|_| is_certain(verified));
    let seen = best.into_iter().flat_map(that_decide);
    as_last_seen(seen.map(|service| (service.repository.to_string(), &service.seen)))
}

/// The best matches, as long as they fit nearly alike.
fn rivals(verified: &Verified) -> &[Match] {
    let shown = &verified.matches[..verified.matches.len().min(RIVALS_MAX)];
    &shown[..alike(shown.iter().map(|found| found.score))]
}

/// The number of matches, the best first, that may as well be meant as the best.
pub fn alike(mut scores: impl Iterator<Item = f64>) -> usize {
    let Some(best) = scores.next() else { return 0 };
    1 + scores.take_while(|score| *score >= RIVAL * best).count()
}

/// “Login times out” (#4511) in shop/web v1.4.2. A long title is cut: several stand in one sentence.
fn carried(found: &Match) -> String {
    let (release, mut change) = (&found.release, found.change.clone());
    if let Some((cut, _)) = change.title.char_indices().nth(TITLE_CHARS_MAX) {
        change.title.truncate(cut);
        change.title.push('…');
    }
    format!("{} in {} {}", quoted(&change), release.repository, release.label())
}

/// True where it is certain which change is meant. An answer that is certain rests on pulls, and says how sure they make it.
pub(super) fn is_certain(verified: &Verified) -> bool {
    match verified.answer {
        Standing::NoSuchChange => false,
        Standing::Unknown => verified.confidence.is_some(),
        _ => true,
    }
}

/// The services on which the answer rests: those that run, or, where none does, all.
fn that_decide(found: &Match) -> Vec<&ServiceStanding> {
    let some_run = found.services.iter().any(|service| service.absent.is_none());
    found.services.iter().filter(|service| service.absent.is_none() || !some_run).collect()
}

fn stands(env: &EnvironmentName, found: &Match) -> String {
    let gone = found.services.iter().filter_map(|service| {
        Some(format!("nothing of {} runs there ({})", service.repository, gone(service.absent.as_ref()?)))
    });
    let gone = listed(gone);
    if !gone.is_empty() && found.services.iter().all(|service| service.absent.is_some()) {
        let (change, first) = (quoted(&found.change), &found.release);
        return format!(
            "{change} is not live in {env}: {gone}. {} is the first release that has it.",
            first.label()
        );
    }
    let said = stands_in(env, found, &that_decide(found));
    if gone.is_empty() { said } else { format!("{said} Beside that, {gone}.") }
}

/// The standing in the `services` on which the answer rests.
fn stands_in(env: &EnvironmentName, found: &Match, services: &[&ServiceStanding]) -> String {
    let (change, first) = (quoted(&found.change), &found.release);
    let since = found.since.map(|since| format!(" since {}", day(since))).unwrap_or_default();
    let live = services.iter().filter(|service| service.state == Standing::Live).count();
    let running = || {
        let running =
            services.iter().map(|service| format!("{} {}", service.repository, service.running.label()));
        running.collect::<Vec<_>>().join(", ")
    };
    match found.state {
        Standing::Live => match confirmed_by(services) {
            Some(confirmed) => {
                format!("Yes, {confirmed}{since}. {change} is live in {env}, with {}.", running())
            }
            None => format!("{change} is live in {env}{since}, with {}.", running()),
        },
        Standing::RollingOut => format!("{change} is rolling out in {env}{since}{}.", pods_of(services)),
        Standing::PartlyLive if services.len() > 1 => {
            format!(
                "{change} is live in {live} of {} services of {env} that carry it: {}.",
                services.len(),
                one_by_one(services)
            )
        }
        Standing::PartlyLive => {
            let apart = services.first().map(|service| apart(&service.workloads, str::to_owned));
            let apart = apart.filter(|apart| !apart.is_empty());
            let pods = services.first().and_then(|service| service.pods.as_ref()).map(share);
            let part = match (pods, apart) {
                (Some(pods), Some(apart)) => format!("{pods}; {apart}"),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => "not all of the service was seen to run an image that has it".to_owned(),
            };
            format!("{change} is live in a part of {env}: {part}.")
        }
        Standing::RolledBack => {
            let at = found.since.map(|since| format!(" on {}", day(since))).unwrap_or_default();
            format!("{change} was live in {env} and was rolled back{at}; {env} runs {} now.", running())
        }
        Standing::NotLive if services.is_empty() => format!(
            "{change} is not live in {env}: nothing there was seen to run {}. {} is the first release that has it.",
            first.repository,
            first.label()
        ),
        Standing::NotLive => format!(
            "{change} is not live in {env}, which runs {}. {} is the first release that has it.",
            running(),
            first.label()
        ),
        Standing::Unknown | Standing::NoSuchChange | Standing::Unlisted(_) => format!(
            "{change} came with {} {}; whether {} contains it cannot be told from what is known of the releases' order. \
             Registering what runs as a release, with its parents or from its git history, settles it.",
            first.repository,
            first.label(),
            running()
        ),
    }
}

/// ": 2 of 6 pods", or ": 0 of 3 pods are ready", where witnesses see them. Of several services, those that do not have it yet.
fn pods_of(services: &[&ServiceStanding]) -> String {
    let of_it = |pods| not_ready(pods).unwrap_or_else(|| share(pods));
    let name = |service: &ServiceStanding| match services.len() {
        1 => String::new(),
        _ => format!("{} on ", service.repository),
    };
    let moving = services.iter().filter(|service| service.state == Standing::RollingOut);
    let told = listed(
        moving.filter_map(|service| Some(format!("{}{}", name(service), of_it(service.pods.as_ref()?)))),
    );
    if told.is_empty() { told } else { format!(": {told}") }
}

/// "shop/web v1.1 live; shop/api v2.0 not live"
fn one_by_one(services: &[&ServiceStanding]) -> String {
    listed(services.iter().map(|service| {
        let state = service.state.as_str().replace('_', " ");
        format!("{} {} {state}", service.repository, service.running.label())
    }))
}

/// "confirmed: 14 of 14 pods", where witnesses confirm it of every service.
fn confirmed_by(services: &[&ServiceStanding]) -> Option<String> {
    let all: Vec<String> = services.iter().map(|service| confirms(service)).collect::<Option<_>>()?;
    match &all[..] {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(format!("confirmed of {} services", several.len())),
    }
}

/// “Login times out” (#4511)
fn quoted(change: &ReleaseChange) -> String {
    let number = change.pr.map(|pr| format!(" (#{pr})")).unwrap_or_default();
    format!("“{}”{number}", change.title)
}

/// The result of a search in words: the best match and where it stands.
pub fn searched(searched: &Searched) -> String {
    let Some(best) = searched.matches.first().map(found) else {
        return UNKNOWN_CHANGE.to_owned();
    };
    match searched.certainty {
        Certainty::Sure => best,
        Certainty::Perhaps => format!("It is not certain which change is meant. The nearest: {best}"),
        Certainty::No | Certainty::Unlisted(_) => {
            format!("No known change fits. The nearest, which is something else: {best}")
        }
    }
}

fn found(found: &SearchMatch) -> String {
    let places = found.environments.iter();
    let places = places.map(|it| format!("{}: {}", it.name, it.state.as_str().replace('_', " ")));
    let places = places.collect::<Vec<_>>().join(", ");
    let places = if places.is_empty() { String::new() } else { format!(" {places}.") };
    let release = &found.release;
    let seen = further(as_last_seen(found.environments.iter().map(|it| (it.name.to_string(), &it.seen))));
    format!("{} came with {} {}.{places}{seen}", quoted(&found.change), release.repository, release.label())
}
