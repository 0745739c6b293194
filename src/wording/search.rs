//! Changes that were described loosely, in sentences.

use super::seen::as_last_seen;
use super::views::{further, lacks};
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::Time;
use crate::wire::{Certainty, Match, ReleaseChange, SearchMatch, Searched, Standing, Verified};

/// Matches that are named where several may be meant.
const RIVALS_MAX: usize = 4;
/// Characters of a title that stand beside others.
const TITLE_CHARS_MAX: usize = 80;
/// A match that scores at least this share of the best one may as well be meant.
const RIVAL: f64 = 0.93;
const UNKNOWN_CHANGE: &str = "No known change fits. `landfall release list` shows which releases are known.";

/// A further sentence, which explains that a change was not known then.
pub fn registered_later(repository: &Repository, version: &str, at: Time) -> String {
    format!(" {repository} {version}, which has it, was registered later, at {at}.")
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
    let services = verified.matches.first().filter(|_| is_certain(verified)).map(|best| &best.services);
    let seen = services.into_iter().flatten();
    as_last_seen(seen.map(|service| (service.repository.to_string(), &service.seen)))
}

/// The best matches, as long as they fit nearly alike.
fn rivals(verified: &Verified) -> &[Match] {
    let best = verified.matches.first().map_or(0.0, |best| best.score);
    let shown = &verified.matches[..verified.matches.len().min(RIVALS_MAX)];
    let alike = shown.iter().take_while(|found| found.score >= RIVAL * best).count();
    &shown[..alike]
}

/// “Login times out” (#4511) in shop/web v1.4.2. A long title is cut: several stand in one sentence.
fn carried(found: &Match) -> String {
    let (release, mut change) = (&found.release, found.change.clone());
    if let Some((cut, _)) = change.title.char_indices().nth(TITLE_CHARS_MAX) {
        change.title.truncate(cut);
        change.title.push('…');
    }
    format!("{} in {} {}", quoted(&change), release.repository, release.version)
}

/// True where it is certain which change is meant. An answer that is certain rests on pulls, and says how sure they make it.
pub(super) fn is_certain(verified: &Verified) -> bool {
    match verified.answer {
        Standing::NoSuchChange => false,
        Standing::Unknown => verified.confidence.is_some(),
        _ => true,
    }
}

fn stands(env: &EnvironmentName, found: &Match) -> String {
    let (change, first) = (quoted(&found.change), &found.release);
    let since = found.since.map(|since| format!(" since {since}")).unwrap_or_default();
    let live = found.services.iter().filter(|service| service.state == Standing::Live).count();
    let running = || {
        let running = found
            .services
            .iter()
            .map(|service| format!("{} {}", service.repository, service.running.label()));
        running.collect::<Vec<_>>().join(", ")
    };
    match found.state {
        Standing::Live => format!("{change} is live in {env}{since}, with {}.", running()),
        Standing::RollingOut => format!("{change} is rolling out in {env}{since}."),
        Standing::PartlyLive if found.services.len() > 1 => {
            format!("{change} is live in {live} of {} services of {env} that carry it.", found.services.len())
        }
        Standing::PartlyLive => {
            format!(
                "{change} is live in a part of {env}: not all of the service was seen to run an image that has it."
            )
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
        Standing::Unknown | Standing::NoSuchChange | Standing::Unlisted(_) => format!(
            "{change} came with {} {}; whether {} contains it cannot be told from what is known of the releases' order. \
             Registering what runs as a release, with its parents or from its git history, settles it.",
            first.repository,
            first.version,
            running()
        ),
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
    format!("{} came with {} {}.{places}{seen}", quoted(&found.change), release.repository, release.version)
}
