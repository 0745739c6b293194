//! Environments and their tokens for coding agents.

use super::{counted, lines, name, summary, word};
use crate::model::quotes::quoted;
use crate::wire::{Environment, NewToken, Token};

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
    format!("{}:{}", counted(all.len(), "environment"), lines(all, line))
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

/// A new token, without its secret.
pub fn new_token(token: &NewToken) -> String {
    format!(
        "The token {} of {} is made. Its secret is in `secret` of the structured answer and in its commands, this once: \
         `kubectl` stores it in a cluster. Show it to nobody but the person who asked.",
        name(token.id.as_str()),
        token.username
    )
}
