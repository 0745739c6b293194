//! A question, read once: its words, with the names and the time taken out of them.

use super::intent::{self, About};
use super::names::{self, Found};
use super::question::Asked;
use super::times::{self, Moment};
use super::words::{self, Word};
use super::world::World;
use crate::model::releases::ChangeKind;

/// Bytes of a question that are read.
const QUESTION_BYTES_MAX: usize = 1_024;

/// A question's words, names and time.
pub(super) struct Reading {
    pub(super) words: Vec<Word>,
    pub(super) found: Found,
    pub(super) moment: Option<Moment>,
}

impl Reading {
    pub(super) fn of(question: &str, world: &World<'_>) -> Self {
        let cut =
            (0..=question.len().min(QUESTION_BYTES_MAX)).rev().find(|&at| question.is_char_boundary(at));
        let mut words = words::words(&question[..cut.unwrap_or(0)]);
        let moment = times::take(&mut words, world);
        let found = names::take(&mut words, world);
        Self { words, found, moment }
    }

    fn about(&self) -> About {
        intent::of(&self.words, &self.found, self.moment.is_some())
    }

    /// The kind of change that it names.
    pub(super) fn kind(&self) -> Option<ChangeKind> {
        intent::kind(&self.words, &self.found)
    }

    /// The question on its own.
    pub(super) fn asked(&self, world: &World<'_>) -> Asked {
        let mut asked = Asked::of(self.about(), &self.words, &self.found);
        asked.set_time(self.moment, world);
        asked.ask_back = asked.open(&self.found, world);
        asked.is_declined = intent::is_declined(&self.words, &self.found);
        asked
    }
}
