//! The question before, with what a text says put in.

use super::{
    EVERYWHERE, FILLER, GENERAL, HOLDS, INSIDE, IT, KINDS_OF_IT, LEADS, LOSS, MOVES, SHIPPED, Said, THERE,
    is_of,
};
use crate::model::ask::frame;
use crate::model::ask::names;
use crate::model::ask::question::{Asked, Focus, Intent, Meant, Open};
use crate::model::ask::words::Word;

impl Said<'_> {
    /// Tells whether a description has a word that is neither of a question nor of the trade: `same time` says nothing.
    pub(super) fn says_something(description: &str) -> bool {
        let is_said = |word: &str| {
            let is_listed = [FILLER, SHIPPED, LEADS, LOSS].iter().any(|list| is_of(word, list));
            !is_listed && !names::is_plain(&Word::new(word.to_owned(), word.to_owned()))
        };
        description.to_lowercase().split(' ').any(is_said)
    }

    /// The question before with what `own` names in place of what it named; and with what it describes, if it `can_describe`.
    pub(super) fn instead(&self, own: Asked, can_describe: bool) -> Asked {
        let before = self.before;
        let mut asked = Asked { is_declined: false, ..before.clone() };
        let was_asked = before.ask_back.as_ref().map(|back| back.what);
        let described = self.described().filter(|said| can_describe && Self::says_something(said));
        if let Some(environment) = &own.environment {
            match (before.intent, before.environments.first()) {
                (Intent::Compare, Some(first)) => {
                    let first = before.environments.get(1).filter(|_| first == environment).unwrap_or(first);
                    asked.environments = vec![first.clone(), environment.clone()];
                }
                _ => asked.environment = Some(environment.clone()),
            }
        }
        let found = &self.reading.found;
        if found.unclear_environment.is_some() && own.environment.is_none() && own.environments.is_empty() {
            // An unknown name stands in place of a known one.
            asked.environment = None;
            asked.environments.truncate(usize::from(before.intent == Intent::Compare));
        } else if found.unknown.is_some() && self.is_about_names() && own.repositories.is_empty() {
            (asked.repositories, asked.version, asked.meant) = (Vec::new(), None, None);
            asked.environments.truncate(if before.intent == Intent::Compare { 1 } else { usize::MAX });
        }
        if own.environments.len() > 1 {
            asked.environments = own.environments;
            asked.environment = None;
        }
        if !own.repositories.is_empty() {
            let is_the_answer =
                was_asked == Some(Open::Repository) || own.repositories == before.repositories;
            asked.version = own.version.clone().or(asked.version.filter(|_| is_the_answer));
            asked.repositories = own.repositories;
            asked.meant = None;
        } else if let Some(described) = described {
            asked.description = Some(described);
            (asked.repositories, asked.version, asked.meant) = (Vec::new(), None, None);
            if !crate::model::ask::describes(asked.intent) {
                asked.intent = Intent::Verify;
            }
        }
        if own.version.is_some() {
            (asked.version, asked.description, asked.meant) = (own.version, None, None);
        } else if before.intent == Intent::Deploy && self.says("latest newest") {
            // The newest release of the same.
            asked.name_the_meant();
            asked.meant = None;
            (asked.version, asked.description, asked.focus) = (None, None, None);
        }
        asked.token = own.token.or(asked.token);
        if self.says("now today currently") {
            (asked.at, asked.range) = (None, None);
        }
        let names_a_place = own.environment.is_some() || self.says(THERE);
        let is_asked =
            self.reading.words.first().is_some_and(|word| is_of(&word.text, "is was are does did has"));
        let is_of_it = before.meant.is_some() && self.says(IT) && !self.says("changed changes change");
        let is_one = is_asked && is_of_it && matches!(before.intent, Intent::Changes | Intent::Missing);
        if is_one
            || before.intent == Intent::Search && names_a_place
            || (before.intent == Intent::Deploy && is_asked)
        {
            asked.intent = if asked.has_change() { Intent::Verify } else { Intent::Running };
            asked.take_meant();
        }
        if asked.intent != before.intent {
            asked.focus = None;
        }
        asked
    }

    /// The description in the text, without an environment that nobody knows.
    fn described(&self) -> Option<String> {
        let found = &self.reading.found;
        let is_a_name = found.unknown.is_some() && self.is_about_names();
        let mut words = self.reading.words.clone();
        words.iter_mut().take_while(|word| is_of(&word.text, LEADS)).for_each(|word| word.taken = true);
        if let Some(at) = found.unclear_at.clone() {
            words[at].iter_mut().for_each(|word| word.taken = true);
        }
        frame::description(&words).filter(|_| !is_a_name)
    }

    /// Tells whether a word that nobody knows can only be a name, after what was asked before.
    pub(super) fn is_about_names(&self) -> bool {
        !matches!(self.before.intent, Intent::Verify | Intent::Search | Intent::Deploy | Intent::Unknown)
    }

    /// `which release is it in`
    pub(super) fn asks_for_a_release(&self) -> bool {
        let rest = self.rest().0;
        let is_which = |two: &[&str]| is_of(two[0], "which what") && is_of(two[1], "release version service");
        rest.windows(2).any(is_which)
    }

    /// A change that is looked for in what was spoken of: `is #20 in it`, `does that contain the fix`.
    pub(super) fn in_the_subject(&self, asked: Asked) -> Asked {
        let is_open =
            asked.repositories.is_empty() && asked.version.is_none() && asked.environments.is_empty();
        let is_of_a_change = asked.intent == Intent::Verify && asked.description.is_some();
        if !(is_open && is_of_a_change && self.points_inside()) {
            return asked;
        }
        let mut of_it = self.before.clone();
        of_it.name_the_meant();
        Asked { repositories: of_it.repositories, ..asked }
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
        // `is the fix out?` points at the one that was spoken of.
        let is_general = |said: &str| said.split(' ').all(|word| is_of(&word.to_lowercase(), GENERAL));
        let is_the_fix = before.has_change() && asked.description.as_deref().is_some_and(is_general);
        if is_the_fix {
            asked.description = None;
        }
        let has_subject =
            !asked.repositories.is_empty() || asked.description.is_some() || asked.version.is_some();
        // `deploy the newest`: of what was spoken of.
        if asked.intent == Intent::Deploy && !has_subject && self.says("newest latest") {
            asked.repositories.clone_from(&before.repositories);
            asked.meant.clone_from(&before.meant);
            asked.name_the_meant();
            asked.meant = None;
        }
        // `then deploy to staging`: a wish without an object is for what was spoken of.
        let is_wish_alone = asked.intent == Intent::Deploy && !has_subject && before.has_change();
        let has_subject = has_subject || !asked.repositories.is_empty();
        // `is there anything newer?`
        let is_of_one = asked.intent == Intent::Missing && self.says("newer newest latest later");
        let points = (self.says(IT) || is_of_one || is_the_fix || is_wish_alone) && !has_subject;
        let is_asked = self.rest().0.first().is_some_and(|word| is_of(word, "is was are does did has have"));
        if points
            && before.has_change()
            && is_asked
            && matches!(asked.intent, Intent::Running | Intent::Unknown)
        {
            asked.intent = Intent::Verify;
        }
        // `bring it there`
        let is_wished = self.rest().0.first().is_some_and(|word| is_of(word, MOVES));
        if points && is_wished && before.has_change() && (asked.environment.is_some() || self.says(THERE)) {
            (asked.intent, asked.focus) = (Intent::Deploy, None);
        }
        // `update it`: to the latest.
        let is_updated = self.rest().0.first().is_some_and(|word| is_of(word, "update upgrade"))
            || is_wished && self.says("date");
        let is_of_both = self.reading.found.repositories.is_empty() && !asked.repositories.is_empty();
        if is_updated && (points && !before.repositories.is_empty() || is_of_both) {
            let environment = asked.environment.clone().or_else(|| before.environment.clone());
            let repositories = asked.subjects_or(before);
            return Asked {
                intent: Intent::Deploy,
                focus: None,
                environment,
                repositories,
                description: None,
                ..asked
            };
        }
        // `and a token for it`, of a new environment
        if before.intent == Intent::CreateEnvironment && self.reading.says_a_token() {
            return Asked {
                intent: Intent::GenerateToken,
                environment: asked.environment.clone().or_else(|| before.environment.clone()),
                ..asked
            };
        }
        // `what else is in it`, `what is in that release`
        let is_of_content = self.says("what")
            && self.says("in contain contains include release version fix change add bring");
        let is_open = matches!(asked.intent, Intent::Unknown | Intent::Running | Intent::Changes);
        let of_the_release = before.meant.is_some() && is_of_content && is_open;
        // `who wrote it`
        let is_of_author =
            self.says("who") && self.says("wrote made fixed authored author built merged coded implemented");
        if points && before.has_change() && (self.asks_for_a_release() || of_the_release || is_of_author) {
            (asked.intent, asked.focus) = (Intent::Search, None);
        }
        // `what's the newest?` of a place
        if !has_subject
            && !asked.names_place()
            && self.says("latest newest")
            && is_open
            && before.names_place()
            && before.repositories.is_empty()
        {
            asked.intent = Intent::Missing;
        }
        // `which one does it have?`
        let is_one =
            self.says("which what") && self.says("one version") && self.says("have has there run runs");
        if is_one && !has_subject && before.names_place() && !before.repositories.is_empty() && is_open {
            (asked.intent, asked.focus) = (Intent::Running, None);
            asked.environment = asked.environment.or_else(|| before.environment.clone());
            asked.repositories.clone_from(&before.repositories);
            return asked;
        }
        // `what's the latest?`
        if !has_subject
            && asked.environment.is_none()
            && self.says("latest newest")
            && is_open
            && !before.repositories.is_empty()
        {
            (asked.intent, asked.focus) = (Intent::Search, Some(Focus::Latest));
            asked.repositories.clone_from(&before.repositories);
            return asked;
        }
        let own_place = asked.names_place();
        let first = || before.environments.first().cloned();
        let place = before.environment.clone().or_else(first).or_else(|| before.places.last().cloned());
        let stays = asked.intent != Intent::Compare
            && (asked.intent.is_of_a_moment() || asked.intent.is_of_a_stretch());
        let is_of_all = self.says(EVERYWHERE) || asked.focus == Some(Focus::Environments);
        if asked.intent == Intent::Compare {
            let place =
                place.filter(|place| asked.environments.len() == 1 && !asked.environments.contains(place));
            place.into_iter().for_each(|place| asked.environments.insert(0, place));
            asked.repositories = asked.subjects_or(before);
        } else if asked.focus == Some(Focus::Rollback) && points {
            asked.environment = asked.environment.or(place);
        } else if !own_place && ((stays && !is_of_all) || self.says(THERE)) {
            asked.environment = place;
        } else if asked.intent == Intent::Deploy
            && asked.environment.is_none()
            && before.intent == Intent::Missing
        {
            // One of those that it lacks.
            asked.environment = place;
        } else if asked.intent == Intent::Deploy && asked.from.is_none() && !before.has_change() {
            asked.from = place.filter(|place| points && Some(place) != asked.environment.as_ref());
        }
        // `what would an update bring?`
        if asked.intent == Intent::Missing && before.intent == Intent::Missing && !has_subject && !own_place {
            asked.repositories.clone_from(&before.repositories);
        }
        // `which version is there?`
        if asked.intent == Intent::Running && !has_subject && self.says("version") && !is_of_all {
            asked.repositories = asked.subjects_or(before);
        }
        // `make a new one`, `create a token for it`
        let makes = self.says("make create generate issue add") && self.says("new another one");
        if before.intent == Intent::Tokens && makes {
            (asked.intent, asked.focus, asked.description) = (Intent::GenerateToken, None, None);
            asked.environment = asked.environment.or_else(|| before.environment.clone());
        } else if asked.intent == Intent::GenerateToken && self.says(IT) {
            asked.environment = asked.environment.or_else(|| before.environment.clone());
        }
        if points {
            asked.take_subject(before);
        }
        asked
    }
}

impl Asked {
    pub(super) fn names_place(&self) -> bool {
        self.environment.is_some() || !self.environments.is_empty()
    }

    /// Its services, or where it names none those of `before`.
    pub(super) fn subjects_or(&self, before: &Self) -> Vec<String> {
        if self.repositories.is_empty() { before.repositories.clone() } else { self.repositories.clone() }
    }

    /// Without a service that was said, that of the release that was found.
    pub(super) fn name_the_meant(&mut self) {
        if self.repositories.is_empty() {
            self.repositories.extend(self.meant.as_ref().map(|meant| meant.repository.clone()));
        }
    }

    /// Tells whether it is about a change or a release.
    pub(super) fn has_change(&self) -> bool {
        self.description.is_some() || self.version.is_some() || self.meant.is_some()
    }

    /// Without a change or a version that was said, the release that was found.
    pub(super) fn take_meant(&mut self) {
        if self.description.is_none()
            && self.version.is_none()
            && let Some(Meant { repository, version }) = self.meant.clone()
        {
            (self.repositories, self.version) = (vec![repository], Some(version));
        }
    }

    /// The meaning of `it` after `before`: the release that was found, or what was described.
    fn take_subject(&mut self, before: &Self) {
        self.meant.clone_from(&before.meant);
        self.repositories.clone_from(&before.repositories);
        match self.intent {
            Intent::Verify => {
                self.version.clone_from(&before.version);
                self.description.clone_from(&before.description);
                self.take_meant();
            }
            // Back to what ran before it, whatever it was.
            Intent::Deploy if self.focus == Some(Focus::Rollback) => {
                self.name_the_meant();
            }
            Intent::Search | Intent::Deploy => match &before.meant {
                Some(Meant { repository, version }) => {
                    (self.repositories, self.version) = (vec![repository.clone()], Some(version.clone()));
                }
                None => {
                    self.version.clone_from(&before.version);
                    self.description.clone_from(&before.description);
                }
            },
            Intent::History
                if before.description.is_some()
                    && before.repositories.is_empty()
                    && before.meant.is_none() =>
            {
                self.intent = Intent::Verify;
                self.description.clone_from(&before.description);
            }
            _ => {
                self.name_the_meant();
            }
        }
    }
}
