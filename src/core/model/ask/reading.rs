//! A question, read once: its words, with the names and the time taken out of them.

use super::asides;
use super::clause;
use super::frame;
use super::intent::{self, About, Timed};
use super::names::{self, Found};
use super::question::{Asked, Intent};
use super::slips;
use super::times::{self, Moment};
use super::words::{self, Word};
use super::world::World;
use crate::model::releases::ChangeKind;

/// Words that a question or a wish begins with.
const ASKED: &str = "is are was were do does did has have had can could should will would what which who when where why how whats \
    show list give tell find search look compare diff deploy ship promote roll rollback revert create generate make verify check \
    confirm get put bring plan undo any anything please need want i we connect add push upgrade install move set switch";
/// Fewer words tell nothing.
const TOLD_WORDS_MIN: usize = 3;
/// Bytes of a question that are read.
const QUESTION_BYTES_MAX: usize = 1_024;

/// A question's words, names and time.
pub(super) struct Reading {
    pub(super) words: Vec<Word>,
    pub(super) found: Found,
    pub(super) moment: Option<Moment>,
    /// Words in the place of a time that cannot be read.
    pub(super) unread: Option<String>,
    /// It ends as a question does.
    is_question: bool,
}

impl Reading {
    pub(super) fn of(question: &str, world: &World<'_>) -> Self {
        let cut =
            (0..=question.len().min(QUESTION_BYTES_MAX)).rev().find(|&at| question.is_char_boundary(at));
        let mut words = words::words(&question[..cut.unwrap_or(0)]);
        slips::mend(&mut words, world);
        asides::leave(&mut words);
        let moment = times::take(&mut words, world);
        let mut found = names::take(&mut words, world);
        names::take_unknown_repository(&mut words, &mut found, world);
        clause::mark(&mut words, !found.environments.is_empty());
        let is_question = question.trim_end().ends_with('?');
        let mut reading = Self { words, found, moment, unread: None, is_question };
        if moment.is_none() {
            reading.take_unread();
        }
        names::find_unknown(&mut reading.words, &mut reading.found);
        reading
    }

    /// Takes a time that cannot be read, unless it describes a change.
    fn take_unread(&mut self) {
        let as_it_was = self.words.clone();
        self.unread = times::unread(&mut self.words);
        let describes = matches!(self.about().intent, Intent::Search | Intent::Deploy | Intent::Unknown);
        if describes {
            (self.words, self.unread) = (as_it_was, None);
        }
    }

    fn about(&self) -> About {
        let time = match self.moment {
            Some(moment) if moment.is_instant() => Timed::Instant,
            Some(_) => Timed::Stretch,
            None if self.unread.is_some() => Timed::Stretch,
            None => Timed::No,
        };
        intent::of(&self.words, &self.found, time)
    }

    /// The kind of change that it names.
    pub(super) fn kind(&self) -> Option<ChangeKind> {
        intent::kind(&self.words, &self.found)
    }

    pub(super) fn says_a_token(&self) -> bool {
        self.words.iter().any(|word| word.is_any("token tokens"))
    }

    /// Nothing is said but polite words.
    pub(super) fn is_aside(&self) -> bool {
        asides::is_nothing_else(&self.words)
    }

    /// It tells of something, and neither asks nor wishes.
    pub(super) fn is_told(&self) -> bool {
        !self.asks()
            && self.words.len() >= TOLD_WORDS_MIN
            && !intent::is_declined(&self.words, &self.found)
            && frame::description(&self.words).is_some()
    }

    /// It neither asks nor names anything that is known.
    pub(super) fn is_fragment(&self) -> bool {
        let found = &self.found;
        let names_none = found.environments.is_empty()
            && found.unclear_environment.is_none()
            && !found.names_service()
            && found.version.is_none();
        let has_number = self.words.iter().any(|word| word.text.starts_with(['#', '!']));
        names_none
            && !has_number
            && self.moment.is_none()
            && !self.asks()
            && !intent::is_declined(&self.words, found)
    }

    fn asks(&self) -> bool {
        let leads = |word: &&Word| {
            ["and", "but", "so", "then", "ok", "okay", "please", "also"].contains(&&*word.text)
        };
        let first = self.words.iter().find(|word| !leads(word)).map_or("", |word| word.text.as_str());
        self.is_question || ASKED.split_whitespace().any(|word| word == first)
    }

    /// The report that a question stands behind: a change as it is described.
    pub(super) fn told(&self, world: &World<'_>) -> Asked {
        let about = About { intent: Intent::Verify, focus: None, kind: None };
        let mut asked = Asked::of(about, &self.words, &self.found);
        asked.set_time(self.moment, world);
        asked
    }

    /// The question on its own.
    pub(super) fn asked(&self, world: &World<'_>) -> Asked {
        let mut asked = Asked::of(self.about(), &self.words, &self.found);
        self.finish(&mut asked, world);
        asked.is_elsewhere = intent::is_elsewhere(&self.words, &self.found);
        asked.is_declined = intent::is_declined(&self.words, &self.found);
        asked
    }

    /// Puts its time in, and what must be known first.
    pub(super) fn finish(&self, asked: &mut Asked, world: &World<'_>) {
        let is_known = asked.set_time(self.moment, world);
        let event = self.moment.and_then(Moment::event).filter(|_| !is_known);
        let unread = self.unread.as_deref().or(event);
        asked.ask_back = asked.open(&self.found, unread, world);
    }
}
