//! A question in plain English → what it asks for, over the names of this world.
//!
//! ```text
//! question ─ words ─ names, versions, times ─ intent ─ what is left: a description ─ Asked
//! ```
//!
//! A grammar of cues, tolerant of slips, and deterministic. It decides nothing that it was not told: a name that may be
//! several is asked back with its choices, and what it does not understand is [`Intent::Unknown`]. It never acts.
//! Deliberately absent here: a clock, the log, the search. The caller passes the names, the time and the rollbacks in,
//! and answers [`Asked`] with the same queries as everybody.
#![doc = include_str!("README.md")]

mod asides;
mod clause;
mod follow;
mod frame;
mod intent;
mod names;
mod open;
mod question;
mod reading;
pub mod said;
mod slips;
mod times;
mod words;
mod world;

#[cfg(test)]
mod tests;

use intent::About;
use names::Found;
use reading::Reading;
use words::Word;

pub use question::{AskBack, Asked, CAN_ANSWER, Candidate, Focus, Intent, Meant, Open, Range};
pub use world::{Environment, Repository, Token, World};

/// Understands a question.
pub fn parse(question: &str, world: &World<'_>) -> Asked {
    each_sentence(None, question, world)
}

/// Understands `text` after the question `before`, whose answer was given.
///
/// `before` is what [`parse`] or this function said, with [`Asked::meant`] where the answer found it out.
pub fn follow(before: &Asked, text: &str, world: &World<'_>) -> Asked {
    each_sentence(Some(before), text, world)
}

/// Each sentence goes on from the one before. What asks nothing, such as thanks, leaves the question as it is.
fn each_sentence(before: Option<&Asked>, text: &str, world: &World<'_>) -> Asked {
    let sentences = asides::sentences(text);
    let (last, first) = sentences.split_last().expect("a text has a sentence");
    let mut told: Option<Asked> = None;
    for (sentence, is_last) in
        first.iter().map(|sentence| (sentence, false)).chain(std::iter::once((last, true)))
    {
        let reading = Reading::of(sentence, world);
        let is_answered = told.as_ref().is_some_and(|asked| asked.goes_on() && asked.ask_back.is_none());
        let is_nothing = reading.is_aside() && (told.is_some() || !is_last);
        if is_nothing || is_answered && reading.is_fragment() {
            continue;
        }
        let behind = told.as_ref().filter(|asked| asked.goes_on()).or(before);
        let asked = match behind {
            _ if !is_last && reading.is_told() => reading.told(world),
            Some(behind) => follow::follow(behind, reading, world),
            None => reading.asked(world),
        };
        if asked.is_declined {
            return asked;
        }
        if told.as_ref().is_none_or(|known| !known.goes_on()) || asked.goes_on() {
            told = Some(asked);
        }
    }
    told.unwrap_or_else(|| Reading::of(text, world).asked(world))
}

impl Asked {
    /// Tells whether a question can go on from this one.
    pub fn goes_on(&self) -> bool {
        self.intent != Intent::Unknown || self.ask_back.is_some()
    }

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
        // `is the gateway on v1.2.0`, `deploy the gateway one`: a name is no description of a change.
        let is_a_name = found.names_service()
            && (found.version.is_some() || intent == Intent::Deploy)
            && words.iter().all(|word| {
                word.taken
                    || word.is_named
                    || words::is_frame(&word.text)
                    || word.is_any("cluster clusters use uses using")
            });
        let can_describe =
            !is_a_name && describes(intent) && !matches!(focus, Some(Focus::Rollback | Focus::Latest));
        let description = can_describe.then(|| Self::described(intent, words, found)).flatten();
        Self {
            intent,
            places: found.environments.clone(),
            services: found.repositories.clone(),
            environment,
            environments,
            from,
            repositories: found.repositories.clone(),
            version: found.version.clone().filter(|_| focus != Some(Focus::Rollback) || !found.is_left),
            token: found.token.as_ref().map(|token| token.name.clone()),
            description,
            range: None,
            at: None,
            ask_back: None,
            focus,
            kind,
            meant: None,
            candidates: Vec::new(),
            is_elsewhere: false,
            is_declined: false,
        }
    }

    /// The description of a change, without an environment that nobody knows.
    fn described(intent: Intent, words: &[Word], found: &Found) -> Option<String> {
        let is_asked_back =
            matches!(intent, Intent::Verify | Intent::Deploy) && found.environments.is_empty();
        let Some(at) = found.unclear_at.clone().filter(|_| is_asked_back) else {
            return frame::description(words);
        };
        let mut words = words.to_vec();
        words[at].iter_mut().for_each(|word| word.taken = true);
        frame::description(&words)
    }

    /// False if it means something that never was.
    fn set_time(&mut self, moment: Option<times::Moment>, world: &World<'_>) -> bool {
        let Some(moment) = moment else { return true };
        let of = |environment: Option<&str>| moment.resolve(environment, world);
        let resolved = match &self.environments[..] {
            [] => of(self.environment.as_deref()),
            // The latest rollback of those that are compared.
            several => several.iter().filter_map(|name| of(Some(name))).max_by_key(|it| it.range.from),
        };
        let Some(resolved) = resolved else { return false };
        let is_a_state = self.intent.is_of_a_moment();
        let can_be_past = self.intent.is_of_a_stretch();
        if resolved.instant && (is_a_state || can_be_past) {
            self.at = Some(resolved.range.from);
        } else if is_a_state {
            // Of a whole day its end is meant.
            self.at = Some(times::just_before(resolved.range.to));
        } else {
            self.range = Some(resolved.range);
        }
        // A day that reaches to now is asked about now.
        self.at = self.at.filter(|at| *at < times::just_before(world.now));
        true
    }
}

/// Tells whether what is left of such a question describes a change.
fn describes(intent: Intent) -> bool {
    matches!(intent, Intent::Verify | Intent::Search | Intent::Deploy | Intent::Changes | Intent::History)
}
