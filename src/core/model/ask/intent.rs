//! The intent of a question, by its cues.

mod cues;
mod focus;
mod foreign;
mod now;
mod past;
mod wishes;

use self::cues::Cues;
pub(super) use self::cues::Timed;
use super::frame::description;
use super::names::Found;
use super::question::{Focus, Intent};
use super::words::{Word, is_frame};
use crate::model::releases::ChangeKind;

/// The intent of a question, its focus, and the kind of change.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) intent: Intent,
    pub(super) focus: Option<Focus>,
    pub(super) kind: Option<ChangeKind>,
}

/// An intent, and what speaks for it.
type Rule<'a> = (Intent, fn(&Cues<'a>) -> bool);

/// The subject of a question.
pub(super) fn of<'a>(words: &'a [Word], found: &'a Found, time: Timed) -> About {
    let cues = Cues { words, found, time };
    let rules: [Rule<'a>; 21] = [
        (Intent::Unknown, Cues::is_out_of_bounds),
        (Intent::Unknown, Cues::wants_something_else),
        (Intent::Unknown, Cues::asks_for_measures),
        (Intent::GenerateToken, Cues::makes_a_token),
        (Intent::CreateEnvironment, Cues::makes_an_environment),
        (Intent::Running, Cues::lists_environments),
        (Intent::Tokens, Cues::is_about_tokens),
        (Intent::Deploy, Cues::weighs_a_rollback),
        (Intent::Deploy, Cues::wants_a_deploy),
        (Intent::Running, Cues::asks_what_is_broken),
        (Intent::Verify, Cues::asks_where_a_release_runs),
        (Intent::Compare, Cues::compares),
        (Intent::Rollbacks, Cues::is_about_rollbacks),
        (Intent::Search, Cues::asks_for_the_latest),
        (Intent::History, Cues::asks_who_deployed),
        (Intent::Missing, Cues::asks_what_is_missing),
        (Intent::Search, Cues::looks_for_a_release),
        (Intent::History, Cues::asks_when),
        (Intent::Verify, Cues::asks_whether_it_is_live),
        (Intent::Changes, Cues::asks_what_changed),
        (Intent::Running, Cues::asks_what_runs),
    ];
    let rule = rules.iter().find(|(_, fits)| fits(&cues));
    let intent = rule.map_or_else(|| cues.fallback(), |(intent, _)| *intent);
    let focus = focus::focus(&cues, intent);
    let is_foreign = intent == Intent::Running && focus.is_none() && cues.asks_for_another_thing();
    let intent = if is_foreign { Intent::Unknown } else { intent };
    let has_kinds = matches!(intent, Intent::Missing | Intent::Changes | Intent::Compare);
    About { intent, focus, kind: focus::kind(&cues).filter(|_| has_kinds) }
}

/// The kind of change that it names.
pub(super) fn kind(words: &[Word], found: &Found) -> Option<ChangeKind> {
    focus::kind(&Cues { words, found, time: Timed::No })
}

/// Tells whether it would destroy something, or asks for a secret.
pub(super) fn is_declined(words: &[Word], found: &Found) -> bool {
    Cues { words, found, time: Timed::No }.is_out_of_bounds()
}

/// Tells whether it wishes for a work of another trade.
pub(super) fn is_elsewhere(words: &[Word], found: &Found) -> bool {
    Cues { words, found, time: Timed::No }.wants_something_else()
}

impl Cues<'_> {
    /// A question without a verb: a name in an environment, a number, a release.
    fn fallback(&self) -> Intent {
        // `what is for dinner` names no environment.
        let place = !self.found.environments.is_empty()
            || (self.has_place() && !self.begins("who") && self.says("in on at inside"));
        // `qa?`, where there is none.
        let is_bare = self.words.iter().any(|word| word.taken)
            && self.words.iter().all(|word| word.taken || is_frame(&word.text));
        let place = place || (self.has_place() && is_bare);
        // A part of a repository's name stays among the words: it may describe a change.
        let is_named = self.found.names_service()
            && (place || description(self.words).is_none_or(|text| !text.contains(' ')));
        let is_of_places = self.says("environment environments env envs");
        let names_a_release = self.says("release releases version versions build commit changelog");
        if names_a_release && !place && self.describes() {
            Intent::Search
        } else if self.has_number() || (self.found.version.is_some() && self.found.names_service()) {
            if place || is_of_places { Intent::Verify } else { Intent::Search }
        } else if is_named || (place && !self.says_more()) {
            Intent::Running
        } else if !self.found.environments.is_empty() {
            Intent::Verify
        } else {
            Intent::Unknown
        }
    }
}
