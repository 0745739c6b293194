//! The words of a question that give away what it wants.

use crate::model::ask::frame::description;
use crate::model::ask::names::Found;
use crate::model::ask::words::{Word, is_frame};

/// The time that a question says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::model::ask) enum Timed {
    No,
    Stretch,
    Instant,
}

/// Words before the verb of a wish.
const POLITE: &str = "please pls plz hey hi hello so then and ok okay landfall now just can could would will should you we i us me id want \
    need have like to lets let help how do go kindly must";

/// Cues in a question for what it wants.
pub(super) struct Cues<'a> {
    pub(super) words: &'a [Word],
    pub(super) found: &'a Found,
    pub(super) time: Timed,
}

impl Cues<'_> {
    pub(super) fn has_time(&self) -> bool {
        self.time != Timed::No
    }

    pub(super) fn says(&self, keywords: &str) -> bool {
        self.words.iter().any(|word| word.is_any(keywords))
    }

    /// Tells whether these words follow each other.
    pub(super) fn phrase(&self, phrase: &str) -> bool {
        let wanted: Vec<&str> = phrase.split(' ').collect();
        self.words.windows(wanted.len()).any(|run| {
            run.iter()
                .zip(&wanted)
                .all(|(word, wanted)| !word.taken && !word.is_described && word.text == *wanted)
        })
    }

    pub(super) fn phrases(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.phrase(phrase))
    }

    pub(super) fn begins(&self, keywords: &str) -> bool {
        let mut words = self.words.iter().filter(|word| {
            ![
                "please", "pls", "plz", "hey", "hi", "so", "and", "ok", "okay", "landfall", "now", "hello",
                "just",
            ]
            .contains(&word.text.as_str())
        });
        words.next().is_some_and(|word| word.is_any(keywords))
    }

    /// Tells whether the first word behind `could you please` and the like is one of these.
    pub(super) fn wishes(&self, verbs: &str) -> bool {
        let is_polite = |word: &&Word| POLITE.split_whitespace().any(|polite| polite == word.text);
        self.words.iter().find(|word| !is_polite(word)).is_some_and(|word| word.is_any(verbs))
    }

    /// Tells whether it says nothing but names, the frame of a question and these words.
    pub(super) fn says_only(&self, keywords: &[&str]) -> bool {
        let is_one = |word: &Word| keywords.iter().any(|some| word.is_any(some));
        self.words.iter().all(|word| {
            !word.is_described && (word.taken || word.is_named || is_frame(&word.text) || is_one(word))
        })
    }

    /// Tells whether an environment is named, be it one that is not known.
    pub(super) fn has_place(&self) -> bool {
        !self.found.environments.is_empty() || self.found.unclear_environment.is_some()
    }

    /// Tells whether something is said besides names and the frame of a question.
    pub(super) fn says_more(&self) -> bool {
        let unclear = self.found.unclear_environment.as_ref().map_or("", |(said, _)| said);
        let more = |word: &&Word| {
            !word.taken && !is_frame(&word.text) && !unclear.split(' ').any(|part| part == word.written)
        };
        self.words.iter().any(|word| more(&word))
    }

    pub(super) fn asks(&self) -> bool {
        self.begins("is are was were did do does has have had what which who when where why how whats")
    }

    pub(super) fn is_yes_or_no(&self) -> bool {
        self.begins("is are was were did do does has have had confirm verify check")
            || self.says("whether if")
    }

    pub(super) fn describes(&self) -> bool {
        description(self.words).is_some()
    }

    /// Tells whether a change is described, by other words than these.
    pub(super) fn describes_more(&self, keywords: &str) -> bool {
        self.describes() && !self.says_only(&[keywords])
    }

    /// Tells whether a change is described before any name: `are the charts in staging and qa`.
    pub(super) fn begins_with_a_change(&self) -> bool {
        let first = |is: &dyn Fn(&Word) -> bool| self.words.iter().position(is);
        let described = first(&|word| !word.taken && !is_frame(&word.text));
        let named = first(&|word| word.taken);
        described.zip(named).is_some_and(|(described, named)| described < named)
    }

    /// `1234 live?`: digits alone name a change.
    pub(super) fn is_a_bare_number(&self) -> bool {
        let mut said = self.words.iter().filter(|word| !word.taken && !is_frame(&word.text));
        let is_number =
            |word: &Word| word.text.len() >= 2 && word.text.bytes().all(|byte| byte.is_ascii_digit());
        said.next().is_some_and(is_number) && said.next().is_none()
    }

    pub(super) fn has_number(&self) -> bool {
        self.words.iter().any(|word| {
            let digits = word.text.trim_start_matches(['#', '!']);
            !word.taken && digits.len() < word.text.len() && digits.bytes().all(|byte| byte.is_ascii_digit())
        }) || self.phrases(&["pr", "mr", "pull request", "merge request"])
    }
}
