//! Sentences about the question itself: asked back, not understood, or a wish that no question carries out.

use crate::model::ask::{AskBack, CAN_ANSWER, Open};
use crate::model::time::Time;
use crate::wire::{Release, Token};

/// The question back, where something must be known first.
pub fn asked_back(open: &AskBack) -> String {
    let what = match open.what {
        Open::Environment => "environment",
        Open::Repository => "service",
        Open::Release => "release or change",
    };
    let said = match &open.said {
        Some(said) => format!("Nothing here is called “{said}” for certain."),
        None => format!("It is not said which {what} is meant."),
    };
    match &open.choices[..] {
        [] => said,
        choices => format!("{said} Which {what}: {}?", choices.join(", ")),
    }
}

/// A list of the questions that can be asked, for somebody who was not understood.
pub fn cannot_answer() -> String {
    format!("That is not a question that can be answered here. What can be asked: {}.", CAN_ANSWER.join("; "))
}

/// The command that makes an environment.
pub fn new_environment(name: Option<&str>) -> String {
    format!("Nothing was made. This makes it: landfall env create {}", name.unwrap_or("NAME"))
}

/// The command that makes a token.
pub fn new_token(environment: Option<&str>) -> String {
    let name = environment.unwrap_or("ENV");
    format!(
        "Nothing was made. This makes a token of {name} and shows its secret once, with the kubectl command that puts \
         it into a namespace: landfall token create {name} --name cluster"
    )
}

/// The release that a wish to deploy means.
pub fn named_release(release: &Release, env: &str) -> String {
    let image = match release.digest {
        Some(digest) => format!("its image is {}@{digest}", release.repository),
        None => "its image is not known yet".to_owned(),
    };
    format!(
        "{} {} would go to {env}; {image}. Nothing was deployed. {}.",
        release.repository, release.version, release.summary
    )
}

/// A wish to deploy that may mean several releases.
pub fn not_certain(wanted: &str) -> String {
    format!(
        "Nothing was deployed: it is not certain which release “{wanted}” means. Ask again with its repository and \
         version, or with the number of a pull request."
    )
}

/// A wish to deploy a release that is not known.
pub fn unknown_release(repository: Option<&str>, version: Option<&str>) -> String {
    let what = repository.unwrap_or("that");
    let version = version.map(|version| format!(" {version}")).unwrap_or_default();
    format!("Nothing was deployed: no release {what}{version} is known.")
}

/// Tokens of an environment, and when they were used.
pub fn tokens(env: &str, tokens: &[Token], now: Time) -> String {
    let told = tokens.iter().map(|token| {
        let use_of = match token.last_used_at {
            Some(at) => format!("last used {at}"),
            None => "never used".to_owned(),
        };
        let is_active = token_state(token.revoked_at, token.expires_at, now) == "active";
        let state = if is_active { "" } else { "no longer accepted, " };
        format!("{} ({}, {state}{use_of})", token.name, token.kind.as_str())
    });
    let told = told.collect::<Vec<_>>().join("; ");
    match tokens.len() {
        0 => format!("{env} has no token. This makes one: landfall token create {env} --name cluster"),
        1 => format!("{env} has the token {told}."),
        count => format!("{env} has {count} tokens: {told}."),
    }
}

/// A token's state in a word: `active`, `revoked` or `expired`.
pub fn token_state(revoked_at: Option<Time>, expires_at: Option<Time>, now: Time) -> &'static str {
    if revoked_at.is_some() {
        "revoked"
    } else if expires_at.is_some_and(|end| end <= now) {
        "expired"
    } else {
        "active"
    }
}
