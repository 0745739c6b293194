//! The question before, with what a text says put in.

use super::{EVERYWHERE, FILLER, HOLDS, INSIDE, IT, KINDS_OF_IT, LEADS, LOSS, SHIPPED, Said, THERE, is_of};
use crate::model::ask::frame;
use crate::model::ask::question::{Asked, Focus, Intent, Meant, Open, Range};
use crate::model::ask::world::World;

impl Said<'_> {
    /// The question before with what `own` names in place of what it named; and with what it describes, if it `can_describe`.
    pub(super) fn instead(&self, own: Asked, can_describe: bool) -> Asked {
        let before = self.before;
        let mut asked = Asked { is_declined: false, ..before.clone() };
        let was_asked = before.ask_back.as_ref().map(|back| back.what);
        let described = frame::description(&self.reading.words).filter(|said| {
            let is_said = |word| ![FILLER, SHIPPED, LEADS, LOSS].iter().any(|list| is_of(word, list));
            can_describe && said.to_lowercase().split(' ').any(is_said)
        });
        if let Some(environment) = &own.environment {
            match (before.intent, before.environments.first()) {
                (Intent::Compare, Some(first)) => {
                    let first = before.environments.get(1).filter(|_| first == environment).unwrap_or(first);
                    asked.environments = vec![first.clone(), environment.clone()];
                }
                _ => asked.environment = Some(environment.clone()),
            }
        }
        if own.environments.len() > 1 {
            asked.environments = own.environments;
            asked.environment = None;
        }
        if let Some(repository) = own.repository {
            let is_the_answer =
                was_asked == Some(Open::Repository) || Some(&repository) == before.repository.as_ref();
            asked.version = own.version.clone().or(asked.version.filter(|_| is_the_answer));
            asked.repository = Some(repository);
            asked.meant = None;
        } else if let Some(described) = described {
            asked.description = Some(described);
            (asked.repository, asked.version, asked.meant) = (None, None, None);
            if !crate::model::ask::describes(asked.intent) {
                asked.intent = Intent::Verify;
            }
        }
        if own.version.is_some() {
            (asked.version, asked.description, asked.meant) = (own.version, None, None);
        }
        asked.token = own.token.or(asked.token);
        if self.says("now today currently") {
            (asked.at, asked.range) = (None, None);
        }
        let names_a_place = own.environment.is_some() || self.says(THERE);
        let is_asked =
            self.reading.words.first().is_some_and(|word| is_of(&word.text, "is was are does did has"));
        if before.intent == Intent::Search && names_a_place || (before.intent == Intent::Deploy && is_asked) {
            asked.intent = if asked.has_change() { Intent::Verify } else { Intent::Running };
            asked.take_meant();
        }
        if asked.intent != before.intent {
            asked.focus = None;
        }
        asked
    }

    pub(super) fn who(&self, own: Asked) -> Asked {
        let mut asked =
            Asked { intent: Intent::History, focus: Some(Focus::Who), ..self.instead(own, false) };
        if let Some(Meant { repository, .. }) = &asked.meant {
            asked.repository = Some(repository.clone());
            (asked.version, asked.description) = (None, None);
        }
        asked
    }

    pub(super) fn when(&self, own: Asked) -> Asked {
        let mut asked = self.instead(own, false);
        asked.intent = match asked.intent {
            Intent::Running | Intent::Missing | Intent::Changes | Intent::Compare => Intent::History,
            other => other,
        };
        if asked.intent == Intent::History && asked.environment.is_none() {
            asked.environment = asked.environments.pop();
            asked.environments.clear();
        }
        asked
    }

    pub(super) fn earlier(&self, own: Asked, world: &World<'_>) -> Asked {
        let mut asked = self.instead(own, false);
        if let Some(Range { from, to }) = asked.range {
            asked.range = Some(Range { from: from - to.since(from), to: from });
            return asked;
        }
        if let Some(Meant { repository, version }) = asked.meant.take() {
            (asked.repository, asked.version, asked.description) = (Some(repository), Some(version), None);
        }
        let versions = world.repositories.iter().find(|it| Some(it.name) == asked.repository.as_deref());
        let versions = versions.map_or(&[][..], |it| &it.versions);
        let place = versions.iter().position(|version| Some(*version) == asked.version.as_deref());
        let keeps = matches!(asked.intent, Intent::Search | Intent::Deploy | Intent::Verify);
        match place.and_then(|place| place.checked_sub(1)) {
            Some(place) if keeps => asked.version = Some(versions[place].to_owned()),
            _ if asked.environment.is_some()
                && asked.intent != Intent::Rollbacks
                && asked.repository.is_some() =>
            {
                (asked.intent, asked.focus) = (Intent::History, Some(Focus::Before));
                (asked.version, asked.description) = (None, None);
            }
            _ => {}
        }
        asked
    }

    /// `which release is it in`
    fn asks_for_a_release(&self) -> bool {
        let rest = self.rest().0;
        let is_which = |two: &[&str]| is_of(two[0], "which what") && is_of(two[1], "release version");
        rest.windows(2).any(is_which)
    }

    /// A change that is looked for in what was spoken of: `is #20 in it`, `does that contain the fix`.
    pub(super) fn in_the_subject(&self, asked: Asked) -> Asked {
        let is_open = asked.repository.is_none() && asked.version.is_none() && asked.environments.is_empty();
        let is_of_a_change = asked.intent == Intent::Verify && asked.description.is_some();
        if !(is_open && is_of_a_change && self.points_inside()) {
            return asked;
        }
        let meant = self.before.meant.as_ref().map(|meant| &meant.repository);
        let repository = self.before.repository.as_ref().or(meant).cloned();
        Asked { repository, ..asked }
    }

    /// `in it`, `of that release`, `does it contain`; not `make it to production`, nor `that fix`.
    fn points_inside(&self) -> bool {
        let words = &self.reading.words;
        let is_at = |at: Option<usize>, list: &str| {
            at.and_then(|at| words.get(at)).is_some_and(|word| !word.taken && is_of(&word.text, list))
        };
        (0..words.len()).filter(|&at| is_at(Some(at), IT)).any(|at| {
            let is_whole = at + 1 == words.len() || is_at(Some(at + 1), KINDS_OF_IT);
            is_at(Some(at + 1), HOLDS) || is_whole && is_at(at.checked_sub(1), INSIDE)
        })
    }

    /// A question of its own, with what it points at.
    pub(super) fn whole(&self, mut asked: Asked) -> Asked {
        let before = self.before;
        let has_subject =
            asked.repository.is_some() || asked.description.is_some() || asked.version.is_some();
        // `is there anything newer?`
        let is_of_one = asked.intent == Intent::Missing && self.says("newer newest latest");
        let points = (self.says(IT) || is_of_one) && !has_subject;
        let is_asked = self.rest().0.first().is_some_and(|word| is_of(word, "is was are does did has have"));
        if points
            && before.has_change()
            && is_asked
            && matches!(asked.intent, Intent::Running | Intent::Unknown)
        {
            asked.intent = Intent::Verify;
        }
        // `what else is in it`, `what is in that release`
        let is_of_content = self.says("what") && self.says("in contain contains include release version");
        let is_open = matches!(asked.intent, Intent::Unknown | Intent::Running | Intent::Changes);
        let of_the_release = before.meant.is_some() && is_of_content && is_open;
        if points && before.has_change() && (self.asks_for_a_release() || of_the_release) {
            asked.intent = Intent::Search;
        }
        let place = before.environment.clone().or_else(|| before.environments.first().cloned());
        let stays = matches!(
            asked.intent,
            Intent::Running
                | Intent::Verify
                | Intent::Missing
                | Intent::Changes
                | Intent::History
                | Intent::Rollbacks
        );
        let is_of_all = self.says(EVERYWHERE) || asked.focus == Some(Focus::Environments);
        if asked.intent == Intent::Compare {
            let place =
                place.filter(|place| asked.environments.len() == 1 && !asked.environments.contains(place));
            place.into_iter().for_each(|place| asked.environments.insert(0, place));
            asked.repository = asked.repository.or_else(|| before.repository.clone());
        } else if asked.focus == Some(Focus::Rollback) && points {
            asked.environment = asked.environment.or(place);
        } else if asked.environment.is_none() && ((stays && !is_of_all) || self.says(THERE)) {
            asked.environment = place;
        } else if asked.intent == Intent::Deploy && asked.from.is_none() && !before.has_change() {
            asked.from = place.filter(|place| points && Some(place) != asked.environment.as_ref());
        }
        if points {
            asked.take_subject(before);
        }
        asked
    }
}

impl Asked {
    /// Tells whether it is about a change or a release.
    pub(super) fn has_change(&self) -> bool {
        self.description.is_some() || self.version.is_some() || self.meant.is_some()
    }

    /// Without a change or a version that was said, the release that was found.
    fn take_meant(&mut self) {
        if self.description.is_none()
            && self.version.is_none()
            && let Some(Meant { repository, version }) = self.meant.clone()
        {
            (self.repository, self.version) = (Some(repository), Some(version));
        }
    }

    /// The meaning of `it` after `before`: the release that was found, or what was described.
    fn take_subject(&mut self, before: &Self) {
        self.meant.clone_from(&before.meant);
        self.repository.clone_from(&before.repository);
        match self.intent {
            Intent::Verify => {
                self.version.clone_from(&before.version);
                self.description.clone_from(&before.description);
                self.take_meant();
            }
            // Back to what ran before it, whatever it was.
            Intent::Deploy if self.focus == Some(Focus::Rollback) => {
                let meant = before.meant.as_ref().map(|meant| meant.repository.clone());
                self.repository = self.repository.take().or(meant);
            }
            Intent::Search | Intent::Deploy => match &before.meant {
                Some(Meant { repository, version }) => {
                    (self.repository, self.version) = (Some(repository.clone()), Some(version.clone()));
                }
                None => {
                    self.version.clone_from(&before.version);
                    self.description.clone_from(&before.description);
                }
            },
            Intent::History
                if before.description.is_some() && before.repository.is_none() && before.meant.is_none() =>
            {
                self.intent = Intent::Verify;
                self.description.clone_from(&before.description);
            }
            _ => {
                let meant = before.meant.as_ref().map(|meant| meant.repository.clone());
                self.repository = self.repository.take().or(meant);
            }
        }
    }
}
