//! Names as people say them → the thing that is meant: the one place for every surface.

use std::collections::BTreeSet;

use super::refused::Refused;
use crate::model::ask::said::{self, Said};
use crate::model::deployments::State;
use crate::model::directory::{Directory, Environment};
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;

/// Environments that are all named where an unknown one was asked for; of more, the nearest are.
const ALL_NAMED_MAX: usize = 5;

/// The environment that `name` means: by its name, or by a short form that fits no other.
///
/// # Errors
/// No environment is called so, or several may be.
pub fn environment<'a>(directory: &'a Directory, name: &str) -> Result<&'a Environment, Refused> {
    if let Some(exact) = directory.environment(name) {
        return Ok(exact);
    }
    let names: Vec<&str> = directory.environments().map(|one| one.name.as_str()).collect();
    let name = name.to_owned();
    match said::environment(&name, &names) {
        Said::One(one) => {
            let near = Vec::new();
            directory.environment(one).ok_or(Refused::UnknownEnvironment { side: None, name, near })
        }
        Said::Several(choices) => {
            Err(Refused::Several { what: "environment", name, choices: owned(choices) })
        }
        Said::None(near) if near.is_empty() && names.len() <= ALL_NAMED_MAX => {
            Err(Refused::UnknownEnvironment { side: None, name, near: owned(names) })
        }
        Said::None(near) => Err(Refused::UnknownEnvironment { side: None, name, near: owned(near) }),
    }
}

/// The repository that `name` means: of those that `within` was seen to pull, where that decides, else of all that are known.
///
/// # Errors
/// None is called so, or several may be.
pub fn repository(
    state: &State,
    within: Option<&EnvironmentName>,
    name: &str,
) -> Result<Repository, Refused> {
    let known = services(state, None).chain(state.catalogue().lines().map(|(repository, _)| repository));
    let known: BTreeSet<&str> = known.map(Repository::as_str).collect();
    let all: Vec<&str> = known.into_iter().collect();
    let local = within.into_iter().flat_map(|env| services(state, Some(env))).map(Repository::as_str);
    let found = match said::repository(name, &local.collect::<Vec<_>>()) {
        _ if all.contains(&name) => Said::One(name),
        Said::One(one) => Said::One(one),
        Said::Several(_) | Said::None(_) => said::repository(name, &all),
    };
    match found {
        Said::One(one) => one.parse().map_err(|_| unknown(name, Vec::new())),
        Said::Several(choices) => {
            Err(Refused::Several { what: "repository", name: name.to_owned(), choices: owned(choices) })
        }
        Said::None(near) => Err(unknown(name, owned(near))),
    }
}

/// The service of an environment that `name` means. One of its own goes before a repository that it never pulled, even where
/// that one is called exactly so.
///
/// # Errors
/// None is called so, or several may be.
pub(super) fn service(state: &State, env: &EnvironmentName, name: &str) -> Result<Repository, Refused> {
    let own: Vec<&str> = services(state, Some(env)).map(Repository::as_str).collect();
    match said::repository(name, &own) {
        Said::One(one) => one.parse().map_err(|_| unknown(name, Vec::new())),
        Said::Several(_) | Said::None(_) => repository(state, Some(env), name),
    }
}

/// The services of an environment that are called like a repository: those whose names end as its does.
pub(super) fn served_as(state: &State, env: &EnvironmentName, repository: &Repository) -> Vec<String> {
    let names: Vec<&str> = services(state, Some(env)).map(Repository::as_str).collect();
    let last = repository.as_str().rsplit('/').next().unwrap_or_default();
    match said::repository(last, &names) {
        Said::One(one) => vec![one.to_owned()],
        Said::Several(near) | Said::None(near) => owned(near),
    }
}

/// The repositories that `environment`, or any, was seen to pull.
fn services<'a>(
    state: &'a State,
    environment: Option<&'a EnvironmentName>,
) -> impl Iterator<Item = &'a Repository> {
    let environments = state.environments().filter(move |(env, _)| environment.is_none_or(|it| it == *env));
    environments.flat_map(|(_, tracked)| tracked.services().map(|(repository, _)| repository))
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

fn unknown(name: &str, near: Vec<String>) -> Refused {
    Refused::UnknownRepository { name: name.to_owned(), near }
}
