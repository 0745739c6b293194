//! A document as a query sees it.

use super::found::Way;
use super::index::DocumentId;

/// A document as the query sees it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) document: DocumentId,
    /// It takes another change back.
    pub(super) takes_back: bool,
    pub(super) score: f32,
    /// Share of the query's weight that it covers, 0 to 1.
    pub(super) coverage: f32,
    /// Share of neighbouring units that stand together in the title.
    pub(super) nearness: f32,
    /// Share of the title's weight that the query covers.
    pub(super) share: f32,
    /// For each unit the best answer.
    pub(super) answers: Vec<Option<Answer>>,
}

/// A document's answer to one unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// Of 100.
    pub(super) quality: u8,
    pub(super) way: Way,
    /// The index of the word in the title, from 0.
    pub(super) word: Option<usize>,
}

/// The quality of an answer, 0 to 1; 0 where there is none.
pub(super) fn quality(answer: &Option<Answer>) -> f32 {
    answer.map_or(0.0, |answer| f32::from(answer.quality) / 100.0)
}
