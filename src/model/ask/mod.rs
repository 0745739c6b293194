//! A question in plain English → what it asks for, over the names of this world.
//!
//! ```text
//! question ─ words ─ names, versions, times ─ intent ─ what is left: a description ─ Asked
//! ```
//!
//! A grammar of cues, tolerant of slips, and deterministic. It decides nothing that it was not told: a name that may be
//! several is asked back with its choices, and what it does not understand is [`Intent::Unknown`]. It never acts.
//! Deliberately absent here: a clock, the log, the search. Who asks passes the names, the time and the rollbacks in,
//! and answers [`Asked`] with the same queries as everybody.
#![doc = include_str!("README.md")]

mod frame;
mod intent;
mod names;
mod times;
mod words;

#[cfg(test)]
mod tests;

use super::time::Time;
use names::Found;
use words::Word;

/// What a question can be about.
pub struct World<'a> {
    /// The environments.
    pub environments: Vec<Environment<'a>>,
    /// The repositories, with the versions that are known of them.
    pub repositories: Vec<Repository<'a>>,
    /// The tokens that people gave a name.
    pub tokens: Vec<Token<'a>>,
    /// When the question is asked.
    pub now: Time,
    /// When the latest rollback in this environment (or anywhere) began, if there was one.
    pub latest_rollback: &'a dyn Fn(Option<&str>) -> Option<Time>,
}

/// An environment, as people name it.
#[derive(Clone, Copy, Debug)]
pub struct Environment<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is, for people. Its words name it too.
    pub description: &'a str,
}

/// A repository, and what is known of it.
#[derive(Clone, Debug)]
pub struct Repository<'a> {
    /// Its whole name.
    pub name: &'a str,
    /// Its versions.
    pub versions: Vec<&'a str>,
}

/// A token.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    /// Whose it is.
    pub environment: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// What a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// What runs.
    Running,
    /// Is this change live?
    Verify,
    /// Is it up to date, and what does it lack?
    Missing,
    /// How do two environments differ?
    Compare,
    /// What changed in a stretch of time?
    Changes,
    /// The deployments of a service or an environment.
    History,
    /// What was rolled back.
    Rollbacks,
    /// Which release has this change; what is in this release?
    Search,
    /// What would put this release there. A plan, never more.
    Deploy,
    /// Tokens, and when they were used.
    Tokens,
    /// How an environment is made.
    CreateEnvironment,
    /// How a token is made.
    GenerateToken,
    /// None of these.
    Unknown,
}

/// A question, understood as far as it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// What it asks for.
    pub intent: Intent,
    /// The environment that it is about; of a deploy, the one to deploy to; of a creation, the name of the new one.
    pub environment: Option<String>,
    /// The environments that it compares, in the order in which they are named.
    pub environments: Vec<String>,
    /// Of a promotion: the environment whose release is meant.
    pub from: Option<String>,
    /// The repository, by its whole name.
    pub repository: Option<String>,
    /// The version, as the catalogue writes it where the catalogue has it.
    pub version: Option<String>,
    /// The token.
    pub token: Option<String>,
    /// What is left: the description of a change, for the search.
    pub description: Option<String>,
    /// The stretch of time that is meant.
    pub range: Option<Range>,
    /// The moment that is meant; none for now.
    pub at: Option<Time>,
    /// What must be known first.
    pub ask_back: Option<AskBack>,
    /// It is no question to answer: it would destroy something, or asks for a secret.
    pub is_declined: bool,
}

/// A stretch of time: from its first moment up to, and without, its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first moment.
    pub from: Time,
    /// The first moment that is no part of it.
    pub to: Time,
}

/// What to ask before the question can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskBack {
    /// What is open.
    pub what: Open,
    /// What was said for it, if anything was.
    pub said: Option<String>,
    /// What it may be.
    pub choices: Vec<String>,
}

/// What a question leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Open {
    /// Which environment.
    Environment,
    /// Which repository.
    Repository,
    /// Which change or release.
    Release,
}

/// What can be asked, for somebody who was not understood.
pub const CAN_ANSWER: [&str; 8] = [
    "what is running in an environment, now or at a time",
    "whether a change is live there",
    "whether it is up to date, and what it lacks",
    "how two environments differ",
    "what changed, and what was rolled back, since when",
    "when a service was deployed",
    "which release has a change, and what is in a release",
    "how to deploy a release, to make an environment or a token (a plan; nothing is done)",
];

/// Bytes of a question that are read.
const QUESTION_BYTES_MAX: usize = 1_024;

/// Understands a question.
pub fn parse(question: &str, world: &World<'_>) -> Asked {
    let cut = (0..=question.len().min(QUESTION_BYTES_MAX)).rev().find(|&at| question.is_char_boundary(at));
    let mut words = words::words(&question[..cut.unwrap_or(0)]);
    let moment = times::take(&mut words, world);
    let found = names::take(&mut words, world);
    let intent = intent::of(&words, &found, moment.is_some());
    let mut asked = Asked::of(intent, &words, &found);
    asked.set_time(moment, world);
    asked.ask_back = asked.open(&found, world);
    asked.is_declined = intent::is_declined(&words, &found);
    asked
}

impl Asked {
    fn of(intent: Intent, words: &[Word], found: &Found) -> Self {
        let named = &found.environments;
        let (environment, from, environments) = match (intent, &named[..]) {
            (Intent::CreateEnvironment, _) => (frame::new_environment(words), None, Vec::new()),
            (Intent::Compare, _) => (None, None, named.clone()),
            (Intent::Deploy, [_, _, ..]) => {
                let to = found.destination.clone().or_else(|| named.last().cloned());
                let from = named.iter().find(|name| Some(*name) != to.as_ref()).cloned();
                (to, from, Vec::new())
            }
            (_, [.., last]) => (Some(last.clone()), None, Vec::new()),
            (_, []) => (found.token.as_ref().map(|token| token.environment.clone()), None, Vec::new()),
        };
        let description = describes(intent).then(|| frame::description(words)).flatten();
        Self {
            intent,
            environment,
            environments,
            from,
            repository: found.repository.clone(),
            version: found.version.clone(),
            token: found.token.as_ref().map(|token| token.name.clone()),
            description,
            range: None,
            at: None,
            ask_back: None,
            is_declined: false,
        }
    }

    fn set_time(&mut self, moment: Option<times::Moment>, world: &World<'_>) {
        let Some(moment) = moment else { return };
        let of = |environment: Option<&str>| moment.resolve(environment, world);
        let resolved = match &self.environments[..] {
            [] => of(self.environment.as_deref()),
            // The latest rollback of those that are compared.
            several => several.iter().filter_map(|name| of(Some(name))).max_by_key(|it| it.range.from),
        };
        let Some(resolved) = resolved else { return };
        let is_a_state =
            matches!(self.intent, Intent::Running | Intent::Verify | Intent::Missing | Intent::Compare);
        let can_be_past = matches!(self.intent, Intent::Changes | Intent::History | Intent::Rollbacks);
        if resolved.instant && (is_a_state || can_be_past) {
            self.at = Some(resolved.range.from);
        } else if is_a_state {
            // Of a whole day its end is meant.
            self.at = Some(times::just_before(resolved.range.to));
        } else {
            self.range = Some(resolved.range);
        }
        // What reaches to now is asked about now.
        self.at = self.at.filter(|at| *at < times::just_before(world.now));
    }

    /// What must be asked back.
    fn open(&self, found: &Found, world: &World<'_>) -> Option<AskBack> {
        let environments =
            || world.environments.iter().map(|environment| environment.name.to_owned()).collect();
        let ask = |what, said: Option<&str>, choices| {
            Some(AskBack { what, said: said.map(str::to_owned), choices })
        };
        if matches!(self.intent, Intent::Unknown | Intent::CreateEnvironment) {
            return None;
        }
        if let Some((said, choices)) = &found.unclear_environment
            && self.environment.is_none()
            && self.environments.len() < 2
        {
            let choices = if choices.is_empty() { environments() } else { choices.clone() };
            return ask(Open::Environment, Some(said), choices);
        }
        let needs_two = self.intent == Intent::Compare && self.environments.len() < 2;
        let needs_one = matches!(self.intent, Intent::Verify | Intent::Deploy | Intent::GenerateToken);
        if needs_two || (needs_one && self.environment.is_none()) {
            let others: Vec<String> = environments();
            return ask(
                Open::Environment,
                None,
                others.into_iter().filter(|name| !self.environments.contains(name)).collect(),
            );
        }
        if let Some((said, choices)) = &found.unclear_repository
            && self.repository.is_none()
            && self.description.is_none()
        {
            return ask(Open::Repository, Some(said), choices.clone());
        }
        let nothing = self.description.is_none() && self.repository.is_none() && self.version.is_none();
        if matches!(self.intent, Intent::Deploy | Intent::Verify) && nothing {
            let repositories =
                world.repositories.iter().map(|repository| repository.name.to_owned()).collect();
            return ask(Open::Release, None, repositories);
        }
        None
    }
}

/// Whether what is left of such a question describes a change.
fn describes(intent: Intent) -> bool {
    matches!(intent, Intent::Verify | Intent::Search | Intent::Deploy | Intent::Changes | Intent::History)
}
