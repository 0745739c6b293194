//! A question that goes on from the one before: `and in staging?`, `since when?`, `and the one before?`, `what about web?`
//!
//! It names what is new, and leaves the rest as it was. A question that stands on its own takes from the one before only what
//! it points at (`it`, `there`) and the environment where it has none.

mod more;
mod pick;
mod put;
mod two;

use super::names;
use super::question::{Asked, Intent};
use super::reading::Reading;
use super::words::Word;
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
const FILLER: &str = "first rather in on to at of for from with the a an is are was were be it its that this these those there them they \
    then too also as well yet already now currently instead still same thing question do does did has have had one ones \
    env environment service and or what how about please pls case true though";
/// Words that say of a change that it is there.
const SHIPPED: &str = "live deployed reached reach shipped out up released fixed available landed running arrived merged go gone get";
/// Words that a question or an order begins with.
const VERBS: &str = "is are was were do does did has have had can could should will would what which who when where why how \
    show list give tell find search look compare diff deploy ship promote roll rollback revert create generate make verify \
    check confirm get put bring plan undo update upgrade any anything";
/// Words behind the name of a service.
const SERVICE: &str = "service repository repo image";
const THANKS: &str = "thanks thank you cool great nice perfect bye good ok okay";
/// Words that leave one kind of change of an answer.
const KINDS: &str = "any stuff things kind type relevant related important ones would we get gain receive have that all the which show list give me only just security fix fixes bug bugs bugfixes feature features breaking changes change performance";
const IT: &str = "it its that this they them these those";
/// Words behind `it` that ask for a part of it, and words in front of it that do.
const HOLDS: &str = "contain contains have has include includes carry carries hold holds";
const INSIDE: &str = "in inside of into part within";
/// Words behind `in that` that name what it is.
const KINDS_OF_IT: &str = "release version service deployment image one build too yet already now";
/// Words for a change, whichever it is.
const GENERAL: &str = "fix bug change feature patch fixes";
const THERE: &str = "there here";
/// Verbs that bring something somewhere.
const MOVES: &str = "get put bring move ship push send take";
/// Words that agree to a plan.
const AGREES: &str = "yes do go ahead proceed sure fine please now";
const EVERYWHERE: &str =
    "where everywhere anywhere elsewhere else all other others every each rest environments envs environment";
/// Words beside those of a question for every environment.
const THERE_IT_IS: &str = "any not live run runs running deployed out we find exactly in which is it";
/// Words that ask for what a release holds.
const CONTENTS: &str = "what whats which show list give me us see tell inside in all contents content changes change changed pull     request requests pr prs mr mrs commit commits ticket tickets issue issues notes note release changelog details new included include     includes contain contains everything";
/// Nouns of it.
const HELD: &str = "release inside content contents pull pr prs mr mrs commit commits ticket tickets issues notes changelog details new     included include includes contain contains changes changed";
/// Words that ask for the reason.
const WHY: &str = "why though exactly not come reason that so happened happen for";
/// Words that ask for more of the same.
const MORE: &str = "from which what services service ones exactly much many far by missing more details detail releases fixes changes else lacks     ahead newer behind version versions last used when tell me show list give them about";
const WHEN: &str = "will when what been long ago since happen happened change changed start started time go went live deployed";
const EARLIER: &str = "replace replaced which how before previous prior earlier preceding one version release that last week day month deployment \
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
    Why,
    /// The content of the release that was spoken of.
    Contents,
    /// One of those that the answer before named, by its place.
    Pick(usize),
    /// One environment in place of another: `canary instead of staging`.
    Swap,
    /// The release that has the change.
    Release,
    /// Another question about the same.
    Other,
    /// The same once more.
    Again,
    /// The current state of the service that was spoken of, after a question about the past.
    Now,
    Everywhere,
    /// One kind of change of the answer before.
    Kind(ChangeKind),
    /// A question of its own.
    Whole,
}

/// Understands a sentence after the question `before`.
pub(super) fn follow(before: &Asked, reading: Reading, world: &World<'_>) -> Asked {
    let mut said = Said { reading, before };
    said.find_bare_name(world);
    let own = said.of_both(said.beside(said.reading.asked(world)));
    if own.is_declined || !before.goes_on() {
        return own;
    }
    let mut asked = match said.turn(&own) {
        Turn::Instead => said.instead(own, true),
        Turn::When => said.when(own),
        Turn::Earlier => said.earlier(own, world),
        Turn::Who => said.who(own),
        Turn::Why => said.why(own),
        Turn::Contents => said.contents(own),
        Turn::Pick(place) => said.pick(place),
        Turn::Release => Asked {
            intent: Intent::Search,
            focus: None,
            environment: None,
            environments: Vec::new(),
            ..said.instead(own, false)
        },
        Turn::Swap => said.swapped(&own).unwrap_or(own),
        Turn::Again => said.instead(own, false),
        Turn::Now => said.now(own),
        Turn::Other => {
            Asked { intent: own.intent, focus: own.focus, kind: own.kind, ..said.instead(own, false) }
        }
        Turn::Everywhere => said.everywhere(own),
        Turn::Kind(kind) => Asked { kind: Some(kind), ..said.instead(own, false) },
        Turn::Whole => said.in_the_subject(said.whole(own)),
    };
    if said.reading.found.unknown_repository.is_some() {
        // An unknown name stands in place of a known one.
        asked.repositories.clear();
        asked.meant = None;
    }
    if said.reading.moment.is_some() {
        (asked.at, asked.range) = (None, None);
    }
    let named = asked.environment.iter().filter(|_| asked.intent != Intent::CreateEnvironment);
    let named: Vec<String> = said.reading.found.environments.iter().chain(named).cloned().collect();
    asked.places = latest(before.places.iter().chain(&named));
    asked.services = latest(before.services.iter().chain(&asked.repositories));
    said.reading.finish(&mut asked, world);
    asked
}

/// The two names that were said last, each once.
fn latest<'a>(said: impl DoubleEndedIterator<Item = &'a String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in said.rev() {
        if names.len() < 2 && !names.contains(name) {
            names.insert(0, name.clone());
        }
    }
    names
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

    /// `and mars?`: a word alone is a name, after a question that is about names; a path alone, and what is called a service,
    /// is one after any question.
    fn find_bare_name(&mut self, world: &World<'_>) {
        if self.reading.found.environments.is_empty() && self.reading.found.unclear_environment.is_none() {
            self.find_bare_part(world);
        }
        self.find_bare_path();
        let lead = self.reading.words.iter().take_while(|word| is_of(&word.text, LEADS)).count();
        if let [word] = &self.reading.words[lead..]
            && self.is_about_names()
            && names::is_name(word)
            && !is_of(&word.text, THANKS)
        {
            self.reading.found.unknown = Some(word.written.clone());
        }
    }

    /// `and the eu one?`: a word alone that is a part of one environment's name, and of no other, names it.
    fn find_bare_part(&mut self, world: &World<'_>) {
        let words = &mut self.reading.words;
        let says = |word: &Word| !word.taken && ![LEADS, FILLER].iter().any(|list| is_of(&word.text, list));
        let mut said = (0..words.len()).filter(|&at| says(&words[at]));
        let (Some(at), None) = (said.next(), said.next()) else { return };
        if let Some(name) = names::by_part(&words[at].text, world) {
            words[at].taken = true;
            self.reading.found.environments.push(name.to_owned());
            self.reading.found.unknown = None;
        }
    }

    fn find_bare_path(&mut self) {
        let words = &self.reading.words;
        let is_called = |at: usize| words.get(at + 1).is_some_and(|next| is_of(&next.text, SERVICE));
        let says = |at: &usize| {
            !words[*at].taken && ![LEADS, FILLER].iter().any(|list| is_of(&words[*at].text, list))
        };
        let said: Vec<usize> = (0..words.len()).filter(says).collect();
        if let [at, rest @ ..] = &said[..]
            && rest.iter().all(|at| is_of(&words[*at].text, SERVICE))
            && (names::is_path(&words[*at]) || names::is_name(&words[*at]) && is_called(*at))
            && !self.before.is_declined
        {
            self.reading.found.take_unknown_repository(&mut self.reading.words[*at]);
        }
    }

    fn turn(&self, own: &Asked) -> Turn {
        let (rest, is_instead) = self.rest();
        let core: Vec<&str> = rest.iter().copied().filter(|word| !is_of(word, FILLER)).collect();
        let all = |list: &str| core.iter().all(|word| is_of(word, list));
        let says = |list: &str| core.iter().any(|word| is_of(word, list));
        let is_new =
            own.environment.is_some() || !own.repositories.is_empty() || self.reading.moment.is_some();
        if self.swapped(own).is_some() {
            return Turn::Swap;
        }
        if let Some(place) = self.picked() {
            return Turn::Pick(place);
        }
        let is_of_now = self.before.intent.is_of_a_stretch()
            && rest.first().is_some_and(|word| is_of(word, "what which"))
            && self.reading.words.iter().any(|word| is_of(&word.text, "now instead currently"))
            && all("what which version release runs run running current");
        if is_of_now {
            return Turn::Now;
        }
        if self.asks_for_contents(own) {
            return Turn::Contents;
        }
        let is_of_the_new_one =
            self.before.intent == Intent::CreateEnvironment && self.reading.says_a_token();
        if own.intent == Intent::Compare || is_of_the_new_one {
            return Turn::Whole;
        }
        // `which has the newer api`, after two were compared
        let is_of_two = self.before.intent == Intent::Compare && !own.names_place();
        if is_of_two && is_new && self.says("newer newest older ahead behind later") {
            return Turn::Instead;
        }
        // `anything on staging at the same time?`
        let says_nothing = own.description.as_deref().is_some_and(|said| !Self::says_something(said));
        if is_new && says_nothing && own.intent == Intent::Verify && own.repositories.is_empty() {
            return Turn::Instead;
        }
        // `show only web`
        if is_new && says("only just") && all("only just show give list") {
            return Turn::Instead;
        }
        // `show me last week`
        if own.intent == Intent::Unknown && self.reading.moment.is_some() && own.description.is_none() {
            return Turn::Instead;
        }
        if core.is_empty() {
            return Turn::Instead;
        }
        if (all(THANKS) || self.reading.is_aside()) && !is_new {
            return Turn::Whole;
        }
        let is_of_a_way_back = matches!(self.before.intent, Intent::Deploy | Intent::Rollbacks);
        if is_of_a_way_back && says("lose lost gone away go goes") && all(LOSS) && !is_new {
            return Turn::Instead;
        }
        let has_kinds = matches!(self.before.intent, Intent::Missing | Intent::Changes);
        if let Some(kind) = self.reading.kind().filter(|_| has_kinds && all(KINDS)) {
            return Turn::Kind(kind);
        }
        if (says("when long") || says("since") && says("time")) && all(WHEN) && own.repositories.is_empty() {
            return Turn::When;
        }
        if says("before previous prior earlier preceding replace replaced") && all(EARLIER) && !is_new {
            return Turn::Earlier;
        }
        if says("who whom") && all(WHO) && !is_new {
            return Turn::Who;
        }
        if (says("why") || rest == ["how", "come"]) && all(WHY) && !is_new {
            return Turn::Why;
        }
        let is_everywhere =
            says(EVERYWHERE) && core.iter().all(|word| is_of(word, EVERYWHERE) || is_of(word, THERE_IT_IS));
        if is_everywhere && !is_new && rest.first() != Some(&"what") {
            return Turn::Everywhere;
        }
        // `what about the rollbacks?`, `and the history?`
        const NOUNS: &str = "history timeline deployments deploys rollouts rollbacks rollback reverts tokens missing any show list give me all there";
        let is_of_another =
            self.before.names_place() && own.intent != self.before.intent && own.intent != Intent::Unknown;
        if is_of_another && !is_new && !core.is_empty() && all(NOUNS) {
            return Turn::Other;
        }
        // `which release?`, `which version is that`
        let is_of_the_release = all("which what release version service") && !self.says("now there on");
        if self.before.has_change() && is_of_the_release && self.asks_for_a_release() && !is_new {
            return Turn::Release;
        }
        if self.before.intent == Intent::Deploy && !is_new && all(AGREES) {
            return Turn::Again;
        }
        if self.before.intent == Intent::Deploy
            && says("change do mean")
            && core.iter().all(|word| is_of(word, LOSS) || is_of(word, "change do mean"))
        {
            return Turn::Again;
        }
        // `which version is there now?`
        let is_of_now =
            own.intent == Intent::Running && says("version versions") && self.says("now there have");
        let is_of_many = !is_of_now
            && matches!(
                self.before.intent,
                Intent::Missing
                    | Intent::Compare
                    | Intent::Tokens
                    | Intent::Rollbacks
                    | Intent::Changes
                    | Intent::History
            );
        if is_of_many && all(MORE) && !is_new && own.version.is_none() && self.before.ask_back.is_none() {
            return Turn::Again;
        }
        let begins_anew = rest.first().is_some_and(|word| is_of(word, VERBS));
        let is_wished = rest.first().is_some_and(|word| is_of(word, MOVES)) && self.says(IT);
        if is_instead || !begins_anew || (self.before.has_change() && all(SHIPPED) && !is_wished) {
            return Turn::Instead;
        }
        Turn::Whole
    }

    /// `show me the pull requests`, `what's in it?`, after something that has a release.
    fn asks_for_contents(&self, own: &Asked) -> bool {
        let (rest, _) = self.rest();
        let names_none = own.environment.is_none() && own.repositories.is_empty() && own.version.is_none();
        let is_of_one = self.before.has_change()
            || !self.before.repositories.is_empty()
            || self.before.intent == Intent::Changes;
        let words = || rest.iter().filter(|word| !is_of(word, FILLER) && **word != "else");
        let what_else = rest.starts_with(&["what", "else"]) && rest.iter().any(|word| is_of(word, IT));
        let is_of_it = rest.first() == Some(&"what")
            && rest.contains(&"in")
            && rest.last().is_some_and(|word| is_of(word, IT) || is_of(word, THERE))
            && words().next().is_none();
        let is_held = words().any(|word| is_of(word, HELD))
            && rest.iter().any(|word| is_of(word, "what which show list give see tell"));
        names_none
            && self.reading.moment.is_none()
            && is_of_one
            && (what_else || is_of_it || is_held && words().all(|word| is_of(word, CONTENTS)))
    }

    fn says(&self, list: &str) -> bool {
        self.reading.words.iter().any(|word| !word.taken && is_of(&word.text, list))
    }
}
