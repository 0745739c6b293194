//! A turn of a conversation: a question, and what was answered.

use crate::model::ask::Asked;
use crate::model::time::Time;

/// Characters of an answer that are remembered.
const TEXT_CHARS_MAX: usize = 2_000;
/// Names to choose from that are remembered.
const CHOICES_MAX: usize = 16;

/// A question and its answer, as far as the next questions and the page of the conversation need them.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Turn {
    /// Its number in the conversation, from 1.
    pub(in crate::admin) number: usize,
    /// As it was asked.
    pub(in crate::admin) question: String,
    /// As it was understood, with the release that the answer found: what the next question goes on from.
    pub(super) understood: Asked,
    /// The same with all that the answer filled in.
    pub(in crate::admin) asked: Asked,
    /// The answer in words.
    pub(in crate::admin) text: String,
    /// The language model that wrote it, and the requests that it looked things up with.
    pub(in crate::admin) written: Option<Signature>,
    /// The time of the answer.
    pub(in crate::admin) at: Time,
}

/// The mark of a language model under its words.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Signature {
    /// Its name.
    pub(in crate::admin) model: String,
    /// Paths and queries of the API.
    pub(in crate::admin) sources: Vec<String>,
}

impl Turn {
    /// The same within the bounds of what is remembered.
    pub(super) fn bounded(mut self) -> Self {
        if let Some((end, _)) = self.text.char_indices().nth(TEXT_CHARS_MAX) {
            self.text.truncate(end);
            self.text.push('…');
        }
        for open in [&mut self.understood.ask_back, &mut self.asked.ask_back].into_iter().flatten() {
            open.choices.truncate(CHOICES_MAX);
        }
        self
    }

    /// The dashboard's page that shows what the answer rests on: path and query.
    pub(in crate::admin) fn link(&self) -> Option<String> {
        super::link::page(&self.asked)
    }

    #[cfg(test)]
    pub(super) fn of_test(number: usize, question: &str) -> Self {
        let world = crate::model::ask::World {
            environments: Vec::new(),
            repositories: Vec::new(),
            tokens: Vec::new(),
            now: Time::from_ms(0),
            latest_rollback: &|_| None,
            latest_deployment: &|_| None,
        };
        let asked = crate::model::ask::parse(question, &world);
        let (question, text) = (question.to_owned(), String::new());
        Self { number, question, understood: asked.clone(), asked, text, written: None, at: world.now }
    }
}
