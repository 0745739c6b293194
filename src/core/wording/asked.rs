//! Sentences about the question itself: asked back, not understood, or a wish that no question carries out.

use super::absence::nothing_runs;
use super::dates::day;
use super::listed::{listed, names};
use super::revisions::revisions;
use super::views::release_there;
use crate::model::ask::{AskBack, CAN_ANSWER, Open};
use crate::model::releases::ChangeKind;
use crate::model::time::Time;
use crate::wire::{AbsentService, History, Release, ReleaseChange, Token};

/// The question back, where something must be known first.
pub fn asked_back(open: &AskBack) -> String {
    let what = match open.what {
        Open::Environment => "environment",
        Open::Repository => "service",
        Open::Release => "release or change",
        Open::Name => "environment or service",
        Open::Time => "time",
    };
    let said = match &open.said {
        Some(said) if open.what == Open::Time => {
            format!(
                "“{said}” is no time that is known here; a date such as 2026-03-02 is one, or Monday at 9:30."
            )
        }
        Some(said) if open.what == Open::Repository => {
            let known = names(open.choices.iter().cloned());
            let known =
                if known.is_empty() { known } else { format!("; known: {known}. Which of them is meant?") };
            return format!("No service “{said}” is known{known}");
        }
        Some(said) => format!("Nothing here is called “{said}” for certain."),
        None => format!("It is not said which {what} is meant."),
    };
    match &open.choices[..] {
        [] => said,
        choices => format!("{said} Which {what}: {}?", names(choices.iter().cloned())),
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

/// The command that makes a token, by a name that is free.
pub fn new_token(environment: Option<&str>, token: &str) -> String {
    let name = environment.unwrap_or("ENV");
    format!(
        "Nothing was made. This makes a token of {name} and shows its secret once, with the kubectl command that puts \
         it into a namespace: landfall token create {name} --name {token}"
    )
}

/// The release that a wish to deploy means, or that it is there already.
pub fn named_release(release: &Release, env: &str) -> String {
    if release.environments.iter().flatten().any(|place| place.name.as_str() == env) {
        return format!("There is nothing to deploy: {}", release_there(release, env));
    }
    let image = match release.digest {
        Some(digest) => format!("its image is {}@{digest}", release.repository),
        None => "its image is not known yet".to_owned(),
    };
    format!(
        "{} {} would go to {env}; {image}. Nothing was deployed. {}.",
        release.repository,
        release.label(),
        release.summary
    )
}

/// A wish to deploy that may mean several releases.
pub fn not_certain(wanted: &str) -> String {
    format!(
        "Nothing was deployed: it is not certain which release “{wanted}” means. Which one: its repository and version, or \
         the number of a pull request?"
    )
}

/// A wish to deploy a change that only yanked releases have.
pub fn only_yanked(wanted: &str) -> String {
    format!(
        "Nothing was deployed: every release that has “{wanted}” was yanked. Name its version to plan it all the same."
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
            Some(at) => format!("last used {}", day(at)),
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

/// A kind of change, so many of them.
pub(super) fn kind_of(kind: ChangeKind, count: usize) -> &'static str {
    let (one, several) = match kind {
        ChangeKind::Feature => ("feature", "features"),
        ChangeKind::Fix => ("fix", "fixes"),
        ChangeKind::Perf => ("performance change", "performance changes"),
        ChangeKind::Security => ("security fix", "security fixes"),
        ChangeKind::Breaking => ("breaking change", "breaking changes"),
        ChangeKind::Docs => ("change of documents", "changes of documents"),
        ChangeKind::Other => ("other change", "other changes"),
    };
    if count == 1 { one } else { several }
}

/// “Login times out” (#4511) in shop/web v1.4.2; …
pub(super) fn titles(changes: &[(&Release, &ReleaseChange)]) -> String {
    listed(changes.iter().map(|(release, change)| {
        let number = change.pr.map(|pr| format!(" (#{pr})")).unwrap_or_default();
        format!("“{}”{number} in {} {}", change.title, release.repository, release.label())
    }))
}

/// The person who deployed, which pulls do not tell, before what they do tell.
pub fn nobody_is_known(told: &str) -> String {
    format!("Pulls do not tell who deployed; they tell when. {told}")
}

/// The reason, which pulls do not tell, before what they do tell.
pub fn no_reason_is_known(told: &str) -> String {
    format!("Pulls do not tell why; they tell what happened, and when. {told}")
}

/// The image that ran before the current one.
pub fn before(history: &History) -> String {
    let (repository, env) = (&history.repository, &history.environment);
    let mut changes = history.changes.iter();
    let latest = changes.next();
    match latest.and_then(|latest| Some((latest, latest.from.as_ref()?))) {
        Some((latest, from)) => {
            let since = changes.find(|change| change.to == *from);
            let since = since.map(|it| format!(" from {}", day(it.started_at))).unwrap_or_default();
            let until = day(latest.started_at);
            format!(
                "Before {}, {env} ran {repository} {}{since} until {until}.",
                latest.to.label(),
                from.label()
            )
        }
        None => {
            let first = history.changes.last().map(|first| first.to.label());
            let earlier = history.revisions.iter().filter(|found| Some(found.label()) != first).cloned();
            let found = revisions(&earlier.collect::<Vec<_>>());
            format!("Nothing of {repository} was seen in {env} before what runs.{found}")
        }
    }
}

/// The way back, and what it takes away.
pub fn way_back(env: &str, repository: &str, from: &str, to: &str, lost: &[Release]) -> String {
    let fixes = lost.iter().flat_map(|release| release.changes.iter().map(move |change| (release, change)));
    let fixes: Vec<_> = fixes.filter(|(_, change)| change.is_fix()).collect();
    let releases = if lost.len() == 1 { "1 release".to_owned() } else { format!("{} releases", lost.len()) };
    let loss = match (lost.len(), fixes.len()) {
        (0, _) => "Which releases that takes away is not known.".to_owned(),
        (_, 0) => format!("That takes away {releases} with no fix that is known."),
        (_, count) => {
            format!(
                "That takes away {releases} with {count} {}: {}.",
                kind_of(ChangeKind::Fix, count),
                titles(&fixes)
            )
        }
    };
    format!("{repository} would go back from {from} to {to} in {env}. {loss} Nothing was done.")
}

/// A wish to go back where nothing runs any more.
pub fn nothing_to_take_back(env: &str, gone: &AbsentService) -> String {
    let told = nothing_runs(std::slice::from_ref(gone), str::to_owned);
    format!(
        "Nothing was done: in {env} {told}, so there is nothing to take back. A deploy names the version to bring."
    )
}

/// The number of tokens of each environment.
pub fn tokens_everywhere(all: &[(String, usize)]) -> String {
    let told = all.iter().filter(|(_, count)| *count > 0).map(|(env, count)| format!("{env} has {count}"));
    format!("Tokens of {} environments: {}. Name one for its tokens.", all.len(), listed(told))
}

/// The latest release of a repository.
pub fn latest(release: &Release, told: &str) -> String {
    format!("The latest release of {} is {}. {told}", release.repository, release.label())
}

/// A wish to go back where nothing ran before.
pub fn nothing_before(env: &str, repository: Option<&str>) -> String {
    match repository {
        Some(name) => {
            format!("Nothing was done: {env} was not seen to run another version of {name} before.")
        }
        None => format!("Nothing was done: it is not said which service of {env} is meant. Name one."),
    }
}
