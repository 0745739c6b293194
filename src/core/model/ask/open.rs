//! Gaps in a question, which are asked back.

use super::names::Found;
use super::question::{AskBack, Asked, Intent, Open};
use super::said;
use super::world::World;

/// Environments that a question about one change is answered for, where it names none.
const ALL_MAX: usize = 8;
/// Times that are proposed.
const TIMES: [&str; 4] = ["yesterday", "this week", "last week", "last month"];

impl Asked {
    /// Gaps that must be asked back. `unread`: a time that cannot be read.
    pub(super) fn open(&self, found: &Found, unread: Option<&str>, world: &World<'_>) -> Option<AskBack> {
        if matches!(self.intent, Intent::Unknown | Intent::CreateEnvironment) {
            return None;
        }
        self.open_environment(found, world)
            .or_else(|| self.open_repository(found, world))
            .or_else(|| self.open_name(found, world))
            .or_else(|| self.open_time(unread))
            .or_else(|| self.open_release(found, world))
    }

    fn names_one(&self) -> bool {
        self.environment.is_some() || !self.environments.is_empty()
    }

    fn open_environment(&self, found: &Found, world: &World<'_>) -> Option<AskBack> {
        let names: Vec<&str> = world.environments.iter().map(|environment| environment.name).collect();
        if let Some((said, choices)) = &found.unclear_environment
            && self.environment.is_none()
            && self.environments.len() < 2
            // A search needs none.
            && self.intent != Intent::Search
        {
            let choices = if choices.is_empty() { near(said, &names) } else { choices.clone() };
            return ask(Open::Environment, Some(said), choices);
        }
        let is_for_all = self.intent == Intent::Verify && world.environments.len() <= ALL_MAX;
        let needs_two = self.intent == Intent::Compare && self.environments.len() < 2;
        let needs_one = matches!(self.intent, Intent::Verify | Intent::Deploy | Intent::GenerateToken);
        let lacks_one = needs_one && !is_for_all && !self.names_one();
        if !needs_two && !lacks_one {
            return None;
        }
        let said =
            found.unknown.as_deref().filter(|_| self.intent != Intent::Verify && self.description.is_none());
        let names: Vec<&str> =
            names.into_iter().filter(|name| !self.environments.iter().any(|known| known == name)).collect();
        ask(Open::Environment, said, said.map_or_else(|| owned(&names), |said| near(said, &names)))
    }

    /// A service that nobody knows, whatever is asked of it.
    fn open_repository(&self, found: &Found, world: &World<'_>) -> Option<AskBack> {
        let unknown = found.unknown_repository.as_deref().filter(|_| self.repositories.is_empty());
        let said = unknown.or(found.unknown_beside.as_deref())?;
        let names: Vec<&str> = world.repositories.iter().map(|repository| repository.name).collect();
        ask(Open::Repository, Some(said), near(said, &names))
    }

    /// A name that nobody knows, of a question that is about nothing else.
    fn open_name(&self, found: &Found, world: &World<'_>) -> Option<AskBack> {
        let said = found.unknown.as_deref()?;
        let is_about_names = matches!(
            self.intent,
            Intent::Running
                | Intent::Missing
                | Intent::Compare
                | Intent::Changes
                | Intent::History
                | Intent::Rollbacks
                | Intent::Tokens
        );
        if !is_about_names || self.token.is_some() {
            return None;
        }
        let environments = || world.environments.iter().map(|environment| environment.name);
        let repositories = || world.repositories.iter().map(|repository| repository.name);
        let (what, names): (Open, Vec<&str>) = match (self.names_one(), !self.repositories.is_empty()) {
            (true, true) => return None,
            (true, false) if self.intent == Intent::Tokens => return None,
            (true, false) => (Open::Repository, repositories().collect()),
            (false, true) => (Open::Environment, environments().collect()),
            (false, false) => (Open::Name, environments().chain(repositories()).collect()),
        };
        ask(what, Some(said), near(said, &names))
    }

    fn open_time(&self, unread: Option<&str>) -> Option<AskBack> {
        let has_time = self.intent.is_of_a_moment() || self.intent.is_of_a_stretch();
        ask(Open::Time, Some(unread.filter(|_| has_time)?), owned(&TIMES))
    }

    fn open_release(&self, found: &Found, world: &World<'_>) -> Option<AskBack> {
        // A version is of one service.
        if let (Some(_), [_, _, ..]) = (&self.version, &self.repositories[..]) {
            return ask(Open::Release, None, self.repositories.clone());
        }
        if let Some((said, choices)) = &found.unclear_repository
            && self.repositories.is_empty()
            && self.description.is_none()
        {
            return ask(Open::Repository, Some(said), choices.clone());
        }
        // `deploy foo v1.2.3 to production`
        if let (Intent::Deploy, Some(said), [], Some(_)) =
            (self.intent, &found.unknown, &self.repositories[..], &self.version)
        {
            let names: Vec<&str> = world.repositories.iter().map(|repository| repository.name).collect();
            return ask(Open::Repository, Some(said), near(said, &names));
        }
        let nothing = self.description.is_none() && self.repositories.is_empty() && self.version.is_none();
        if matches!(self.intent, Intent::Deploy | Intent::Verify) && nothing {
            let names: Vec<&str> = world.repositories.iter().map(|repository| repository.name).collect();
            let said = found.unknown.as_deref();
            let what = if said.is_some() { Open::Repository } else { Open::Release };
            return ask(what, said, said.map_or_else(|| owned(&names), |said| near(said, &names)));
        }
        None
    }
}

fn ask(what: Open, said: Option<&str>, choices: Vec<String>) -> Option<AskBack> {
    Some(AskBack { what, said: said.map(str::to_owned), choices })
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The names that are near what was said; all of them if none is.
fn near(said: &str, names: &[&str]) -> Vec<String> {
    let near: Vec<&str> = names.iter().copied().filter(|name| said::is_near_any(said, name)).collect();
    owned(if near.is_empty() { names } else { &near })
}
