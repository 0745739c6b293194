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

mod follow;
mod frame;
mod intent;
mod names;
mod question;
mod reading;
pub mod said;
mod times;
mod words;
mod world;

#[cfg(test)]
mod tests;

use intent::About;
use names::Found;
use reading::Reading;
use words::Word;

pub use follow::follow;
pub use question::{AskBack, Asked, CAN_ANSWER, Focus, Intent, Meant, Open, Range};
pub use world::{Environment, Repository, Token, World};

/// Environments that a question about one change is answered for, where it names none.
const ALL_MAX: usize = 8;

/// Understands a question.
pub fn parse(question: &str, world: &World<'_>) -> Asked {
    Reading::of(question, world).asked(world)
}

impl Asked {
    fn of(about: About, words: &[Word], found: &Found) -> Self {
        let About { intent, focus, kind } = about;
        let named = &found.environments;
        let (environment, from, environments) = match (intent, &named[..]) {
            (Intent::CreateEnvironment, _) => (frame::new_environment(words), None, Vec::new()),
            (Intent::Compare, _) => (None, None, named.clone()),
            (Intent::Deploy, [_, _, ..]) => {
                let to = found.destination.clone().or_else(|| named.last().cloned());
                let from = named.iter().find(|name| Some(*name) != to.as_ref()).cloned();
                (to, from, Vec::new())
            }
            (
                Intent::Verify | Intent::Missing | Intent::Changes | Intent::History | Intent::Rollbacks,
                [_, _, ..],
            ) => (None, None, named.clone()),
            (_, [.., last]) => (Some(last.clone()), None, Vec::new()),
            (_, []) => (found.token.as_ref().map(|token| token.environment.clone()), None, Vec::new()),
        };
        // A way back goes to what ran before, whatever is said of it.
        let can_describe = describes(intent) && focus != Some(Focus::Rollback);
        let description = can_describe.then(|| frame::description(words)).flatten();
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
            focus,
            kind,
            meant: None,
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
            // A search needs none.
            && self.intent != Intent::Search
        {
            let choices = if choices.is_empty() { environments() } else { choices.clone() };
            return ask(Open::Environment, Some(said), choices);
        }
        let is_for_all = self.intent == Intent::Verify && world.environments.len() <= ALL_MAX;
        let needs_two = self.intent == Intent::Compare && self.environments.len() < 2;
        let needs_one = matches!(self.intent, Intent::Verify | Intent::Deploy | Intent::GenerateToken);
        let names_one = self.environment.is_some() || !self.environments.is_empty();
        if needs_two || (needs_one && !is_for_all && !names_one) {
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

/// Tells whether what is left of such a question describes a change.
fn describes(intent: Intent) -> bool {
    matches!(intent, Intent::Verify | Intent::Search | Intent::Deploy | Intent::Changes | Intent::History)
}
