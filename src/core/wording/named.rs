//! Answers about the services that a question names. Each of them is told of: those that a view leaves out, in a sentence of
//! their own. Without names a view is told whole.

use super::listed::names;
use super::views::{self, between, lacks};
use crate::model::oci::Repository;
use crate::wire::{Changes, Comparison, Kind, Missing, Running};

/// The names that are none of `told`.
fn others<'a>(named: &'a [String], told: impl Iterator<Item = &'a Repository>) -> Vec<&'a str> {
    let told: Vec<&str> = told.map(Repository::as_str).collect();
    named.iter().map(String::as_str).filter(|name| !told.contains(name)).collect()
}

fn list(all: &[&str]) -> String {
    names(all.iter().map(|&name| name.to_owned()))
}

/// The answer `told` of some of the names, and `sentence` of the others; the sentence alone where it is of all of them.
fn and_of(others: &[&str], named: &[String], told: String, sentence: impl Fn(&str) -> String) -> String {
    match others.len() {
        0 => told,
        count if count == named.len() => sentence(&list(others)),
        _ => format!("{told} {}", sentence(&list(others))),
    }
}

/// Running services of these names; all of them without names.
pub fn running_of(running: &Running, named: &[String]) -> String {
    let [_, _, ..] = named else { return views::running(running, named.first().map(String::as_str)) };
    let unseen = others(named, running.services.iter().map(|service| &service.repository));
    let env = &running.environment;
    and_of(&unseen, named, views::running(running, None), |names| {
        format!("{env} was never seen to run {names}.")
    })
}

/// Releases that services of these names lack.
pub fn missing_of(missing: &Missing, named: &[String]) -> String {
    let env = &missing.environment;
    let seen = missing.services.iter().map(|service| &service.repository);
    let seen = seen.chain(missing.absent.iter().map(|service| &service.repository));
    let unseen = others(named, seen);
    let never = |names: &str| format!("{env} was never seen to run {names}.");
    let ([_, _, ..], false) = (named, unseen.len() == named.len()) else {
        return and_of(&unseen, named, views::missing(missing), never);
    };
    let current = missing.services.iter().filter(|it| it.missing.is_empty() && it.unordered.is_empty());
    let current: Vec<&str> = current.map(|service| service.repository.as_str()).collect();
    let lacks_none = |names: &str| format!("No later release of {names} is known.");
    let told = match current.len() {
        all if all == missing.services.len() && missing.absent.is_empty() => {
            format!("{env} is up to date there: {}", lacks_none(&list(&current)))
                + &lacks(&[&missing.incomplete])
        }
        0 => views::missing(missing),
        _ => format!("{} {}", views::missing(missing), lacks_none(&list(&current))),
    };
    and_of(&unseen, named, told, never)
}

/// The two sides of services of these names.
pub fn comparison_of(comparison: &Comparison, named: &[String]) -> String {
    let told = views::comparison(comparison);
    let neither = others(named, comparison.services.iter().map(|service| &service.repository));
    let (left, right) = views::side_names(comparison);
    and_of(&neither, named, told, |names| {
        format!("{names}: not running in {left} or {right}, as far as was seen.")
    })
}

/// Changes of services of these names.
pub fn changes_of(changes: &Changes, named: &[String]) -> String {
    let steps = || changes.deployments.iter().flat_map(|it| &it.changes);
    let unchanged = others(named, steps().map(|change| &change.repository));
    let (env, stretch) = (&changes.environment, between(changes));
    and_of(&unchanged, named, views::changes(changes), |names| {
        format!("Nothing of {names} changed in {env} {stretch}.") + &lacks(&[&changes.incomplete])
    })
}

/// Rollbacks of services of these names.
pub fn rollbacks_of(changes: &Changes, named: &[String]) -> String {
    let steps = || changes.deployments.iter().flat_map(|it| &it.changes);
    let back = steps().filter(|change| change.kind == Kind::Rollback);
    let stood = others(named, back.map(|change| &change.repository));
    let (env, stretch) = (&changes.environment, between(changes));
    and_of(&stood, named, views::rollbacks(changes), |names| {
        format!("No rollback of {names} was seen in {env} {stretch}.")
    })
}
