//! A question that goes on from the one before: `and in staging?`, `since when?`, `and the one before?`, `what about web?`
//!
//! It names what is new, and leaves the rest as it was. A question that stands on its own takes from the one before only what
//! it points at (`it`, `there`) and the environment where it has none.

mod put;

use super::question::{Asked, Focus, Intent};
use super::reading::Reading;
use super::world::World;
use crate::model::releases::ChangeKind;

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
const THANKS: &str = "thanks thank you cool great nice perfect bye good ok okay";
/// Words that leave one kind of change of an answer.
const KINDS: &str = "which show list give me only just security fix fixes bug bugs bugfixes feature features breaking changes change performance";
const IT: &str = "it its that this they them these those";
/// Words behind `it` that ask for a part of it, and words in front of it that do.
const HOLDS: &str = "contain contains have has include includes carry carries hold holds";
const INSIDE: &str = "in inside of into part within";
/// Words behind `in that` that name what it is.
const KINDS_OF_IT: &str = "release version service deployment image one build too yet already now";
const THERE: &str = "there here";
const EVERYWHERE: &str =
    "where everywhere anywhere elsewhere else all other others every each rest environments envs environment";
const WHEN: &str =
    "when long ago since happen happened change changed start started time go went live deployed";
const EARLIER: &str = "which how before previous prior earlier preceding one version release that last week day month deployment \
    rollback time was what ran run";
/// Words that weigh the way back of the plan before.
const LOSS: &str =
    "what which would will did i we lose lost go goes away gone happen happens then fixes fix take takes";
const WHO: &str = "who whom by deployed did released shipped rolled back person author it";

/// Ways in which a text goes on from the question before.
enum Turn {
    /// Names, a time or a change stand in place of those before.
    Instead,
    When,
    Earlier,
    Who,
    Everywhere,
    /// One kind of change of the answer before.
    Kind(ChangeKind),
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
        Turn::Instead => said.instead(own, true),
        Turn::When => said.when(own),
        Turn::Earlier => said.earlier(own, world),
        Turn::Who => said.who(own),
        Turn::Everywhere => Asked { environment: None, environments: Vec::new(), ..said.instead(own, false) },
        Turn::Kind(kind) => Asked { kind: Some(kind), ..said.instead(own, false) },
        Turn::Whole => said.in_the_subject(said.whole(own)),
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
        if (all(THANKS) && !is_new) || own.intent == Intent::Compare {
            return Turn::Whole;
        }
        let is_of_a_way_back =
            self.before.focus == Some(Focus::Rollback) || self.before.intent == Intent::Rollbacks;
        if is_of_a_way_back && says("lose lost gone away") && all(LOSS) && !is_new {
            return Turn::Instead;
        }
        let has_kinds = matches!(self.before.intent, Intent::Missing | Intent::Changes);
        if let Some(kind) = self.reading.kind().filter(|_| has_kinds && all(KINDS)) {
            return Turn::Kind(kind);
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
        if all(EVERYWHERE) && !is_new && rest.first() != Some(&"what") {
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
}
