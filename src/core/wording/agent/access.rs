//! Environments and their tokens for coding agents.

use super::{counted, lines, name, summary, word};
use crate::model::quotes::quoted;
use crate::wire::{Environment, Instructions, NewToken, Revocation, Token};
use crate::wording::unconfirmed;

/// Environments that are told with what landed in them last; of further ones the names are.
const TOLD_MAX: usize = 20;

/// Environments, and what landed in each last.
pub fn environments(all: &[Environment]) -> String {
    if all.is_empty() {
        return "There is no environment yet; make one with create_environment.".to_owned();
    }
    let line = |one: &Environment| {
        let last =
            one.latest_deployment.as_ref().map_or_else(|| "nothing was pulled yet".to_owned(), summary);
        format!("{}: {last}", one.name)
    };
    let (told, others) = all.split_at(all.len().min(TOLD_MAX));
    let others: Vec<&str> = others.iter().map(|one| one.name.as_str()).collect();
    let others = if others.is_empty() { String::new() } else { format!("\n- and {}", others.join(", ")) };
    format!("{}:{}{others}", counted(all.len(), "environment"), lines(told, line))
}

/// One environment, and what to do next with it.
pub fn environment(environment: &Environment) -> String {
    let next =
        if environment.tokens_active == 0 { " It has no token yet: create_token makes one." } else { "" };
    format!("The environment {} is there.{next}", environment.name)
}

/// Tokens, and how they are used.
pub fn tokens(all: &[Token]) -> String {
    let line = |one: &Token| {
        let state = if one.revoked_at.is_none() { "" } else { ", revoked" };
        format!(
            "{} {} ({}{state}), {} pulls",
            name(one.id.as_str()),
            quoted(&one.name),
            word(one.kind.as_str()),
            one.pulls
        )
    };
    format!("{}.{}", counted(all.len(), "token"), lines(all, line))
}

/// A token that was revoked, and the servers that may not know.
pub fn revoked(told: &Revocation) -> String {
    format!("The token is revoked: it is refused from the next request on.{}", unaware(told))
}

/// The same of an environment that was deleted.
pub fn deleted(told: &Revocation) -> String {
    format!("The environment is deleted, and its tokens are refused.{}", unaware(told))
}

fn unaware(told: &Revocation) -> String {
    unconfirmed("that", &told.unconfirmed).map(|text| format!(" {text}.")).unwrap_or_default()
}

/// A new token with its secret and its commands: a client that reads only the text needs them, and they are shown once.
pub fn new_token(token: &NewToken) -> String {
    let replaces = token.replaces.as_ref().map(|old| {
        format!(
            " It takes the place of {}, which is refused from {} on.",
            name(old.id.as_str()),
            old.expires_at
        )
    });
    let ends = token.expires_at.map(|at| format!(" It ends at {at}.")).unwrap_or_default();
    format!(
        "The token {} of {} is made.{}{ends} Its secret is shown this once; show it to nobody but the person who asked.\n\
         Secret: {}\n{}",
        name(token.id.as_str()),
        token.username,
        replaces.unwrap_or_default(),
        token.secret,
        token.instructions.agent.as_ref().map_or_else(
            || {
                let Instructions { kubectl, docker_login, .. } = &token.instructions;
                format!("For a cluster: {kubectl}\nFor Docker: {docker_login}")
            },
            |manifest| format!("For kubectl apply:\n{manifest}")
        )
    )
}
