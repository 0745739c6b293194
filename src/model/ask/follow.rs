//! A question that goes on from the one before: `and in staging?`, `since when?`, `and the one before?`, `what about web?`
//!
//! It names what is new, and leaves the rest as it was. A question that stands on its own takes from the one before only what
//! it points at (`it`, `there`) and the environment where it has none.

use super::question::{Asked, Focus, Intent, Meant, Open, Range};
use super::reading::Reading;
use super::world::World;

/// Words before a question that goes on.
const LEADS: &str = "and but or so then ok okay also now hey hmm please well again";
/// Words behind which a name or a change stands in place of the one before.
const INSTEAD: [&[&str]; 9] = [
    &["what", "about"],
    &["how", "about"],
    &["what", "of"],
    &["same", "for"],
    &["same", "in"],
    &["same", "on"],
    &["same", "question", "for"],
    &["the", "same", "for"],
    &["the", "same", "in"],
];
/// Words that point at the question before or hold its names together.
const FILLER: &str = "in on to at of for from with the a an is are was were be it its that this these those there them they \
    then too also as well yet already now currently instead still same thing question do does did has have had one ones \
    env environment service and or what how about";
/// Words that say of a change that it is there.
const SHIPPED: &str = "live deployed reached reach shipped out up released fixed available landed running arrived merged go gone get";
/// Words that a question or an order begins with.
const VERBS: &str = "is are was were do does did has have had can could should will would what which who when where why how \
    show list give tell find search look compare diff deploy ship promote roll rollback revert create generate make verify \
    check confirm get put bring plan undo any anything";
const IT: &str = "it its that this they them these those";
const THERE: &str = "there here";
const EVERYWHERE: &str =
    "everywhere anywhere elsewhere else all other others every each rest any environments envs environment";
const WHEN: &str =
    "when long ago since happen happened change changed start started time go went live deployed";
const EARLIER: &str = "before previous prior earlier preceding one version release that last week day month deployment \
    rollback time was what ran run";
const WHO: &str = "who whom by deployed did released shipped rolled back person author it";

/// How a text goes on from the question before.
enum Turn {
    /// Names, a time or a change stand in place of those before.
    Instead,
    When,
    Earlier,
    Who,
    Everywhere,
    /// A question of its own.
    Whole,
}

/// Understands `text` after the question `before`, whose answer was given.
///
/// `before` is what [`parse`](super::parse) or this function said, with [`Asked::meant`] where the answer found it out.
pub fn follow(before: &Asked, text: &str, world: &World<'_>) -> Asked {
    let said = Said { reading: Reading::of(text, world), before };
    let own = said.reading.asked(world);
    if own.is_declined || (before.intent == Intent::Unknown && before.ask_back.is_none()) {
        return own;
    }
    let mut asked = match said.turn(&own) {
        Turn::Instead => said.instead(own),
        Turn::When => said.when(own),
        Turn::Earlier => said.earlier(own, world),
        Turn::Who => Asked { intent: Intent::History, focus: Some(Focus::Who), ..said.instead(own) },
        Turn::Everywhere => Asked { environment: None, environments: Vec::new(), ..said.instead(own) },
        Turn::Whole => said.whole(own),
    };
    if said.reading.moment.is_some() {
        (asked.at, asked.range) = (None, None);
        asked.set_time(said.reading.moment, world);
    }
    asked.ask_back = asked.open(&said.reading.found, world);
    asked
}

fn is_of(word: &str, list: &str) -> bool {
    list.split_whitespace().any(|listed| listed == word)
}

/// A text, and the question before it.
struct Said<'a> {
    reading: Reading,
    before: &'a Asked,
}

impl Said<'_> {
    /// The words that are no names, without what leads to them; and whether they put something in place of another.
    fn rest(&self) -> (Vec<&str>, bool) {
        let words: Vec<&str> = self.reading.words.iter().map(|word| word.text.as_str()).collect();
        let lead = words.iter().take_while(|word| is_of(word, LEADS)).count();
        let is_instead = INSTEAD.iter().any(|phrase| words[lead..].starts_with(phrase));
        let free = self.reading.words[lead..].iter().filter(|word| !word.taken);
        (free.map(|word| word.text.as_str()).collect(), is_instead)
    }

    fn turn(&self, own: &Asked) -> Turn {
        let (rest, is_instead) = self.rest();
        let core: Vec<&str> = rest.iter().copied().filter(|word| !is_of(word, FILLER)).collect();
        let all = |list: &str| core.iter().all(|word| is_of(word, list));
        let says = |list: &str| core.iter().any(|word| is_of(word, list));
        let is_new = own.environment.is_some() || own.repository.is_some() || self.reading.moment.is_some();
        if core.is_empty() {
            return Turn::Instead;
        }
        if says("when long") && all(WHEN) && own.repository.is_none() {
            return Turn::When;
        }
        if says("before previous prior earlier preceding") && all(EARLIER) && !is_new {
            return Turn::Earlier;
        }
        if says("who whom") && all(WHO) && !is_new {
            return Turn::Who;
        }
        if all(EVERYWHERE) && !is_new {
            return Turn::Everywhere;
        }
        let begins_anew = rest.first().is_some_and(|word| is_of(word, VERBS));
        if is_instead || !begins_anew || (self.before.has_change() && all(SHIPPED)) {
            return Turn::Instead;
        }
        Turn::Whole
    }

    fn says(&self, list: &str) -> bool {
        self.reading.words.iter().any(|word| !word.taken && is_of(&word.text, list))
    }

    /// The question before with what `own` names in place of what it named.
    fn instead(&self, own: Asked) -> Asked {
        let before = self.before;
        let mut asked = Asked { is_declined: false, ..before.clone() };
        let was_asked = before.ask_back.as_ref().map(|back| back.what);
        let described = super::frame::description(&self.reading.words)
            .filter(|_| !self.rest().0.iter().all(|word| is_of(word, FILLER) || is_of(word, SHIPPED)));
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
            if !super::describes(asked.intent) {
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
        }
        asked
    }

    fn when(&self, own: Asked) -> Asked {
        let mut asked = self.instead(own);
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

    fn earlier(&self, own: Asked, world: &World<'_>) -> Asked {
        let mut asked = self.instead(own);
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

    /// A question of its own, with what it points at.
    fn whole(&self, mut asked: Asked) -> Asked {
        let before = self.before;
        let has_subject =
            asked.repository.is_some() || asked.description.is_some() || asked.version.is_some();
        let points = self.says(IT) && !has_subject;
        let is_asked = self.rest().0.first().is_some_and(|word| is_of(word, "is was are does did has have"));
        if points
            && before.has_change()
            && is_asked
            && matches!(asked.intent, Intent::Running | Intent::Unknown)
        {
            asked.intent = Intent::Verify;
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
    /// Whether it is about a change or a release.
    fn has_change(&self) -> bool {
        self.description.is_some() || self.version.is_some()
    }

    /// What `it` is after `before`: the release that was found, or what was described.
    fn take_subject(&mut self, before: &Self) {
        self.meant.clone_from(&before.meant);
        self.repository.clone_from(&before.repository);
        match self.intent {
            Intent::Verify => {
                self.version.clone_from(&before.version);
                self.description.clone_from(&before.description);
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
