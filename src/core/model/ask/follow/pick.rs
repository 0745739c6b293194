//! One of those that the answer before named: `the second`, `number 2`, `the last one`.

use super::{FILLER, Said, is_of};
use crate::model::ask::question::{Asked, Candidate, Intent, Open};

const PLACES: [&str; 6] = ["first", "second", "third", "fourth", "fifth", "sixth"];
const NUMBERS: [&str; 6] = ["one", "two", "three", "four", "five", "six"];
/// Words beside the place.
const AROUND: &str =
    "number option choice former latter last i mean meant take think would say use let us go please yes";

impl Said<'_> {
    /// The place that is said, of those that can be meant.
    pub(super) fn picked(&self) -> Option<usize> {
        let count = match &self.before.ask_back {
            Some(back) => back.choices.len(),
            None => self.before.candidates.len(),
        };
        let words: Vec<&str> = self.reading.words.iter().map(|word| word.text.as_str()).collect();
        let is_last = |word: &str| ["last", "latter"].contains(&word);
        let place_of = |word: &str| {
            let said = |names: &[&str]| names.iter().position(|name| *name == word);
            let digits = word.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            let last = || is_last(word).then(|| count.saturating_sub(1));
            said(&PLACES).or(digits).or_else(last).or_else(|| (word == "former").then_some(0))
        };
        let mut places = words.iter().filter_map(|word| place_of(word));
        let is_rest = |word: &&str| place_of(word).is_some() || is_of(word, FILLER) || is_of(word, AROUND);
        let place = places.next().or_else(|| NUMBERS.iter().position(|name| words[..] == [*name]))?;
        (places.next().is_none()
            && place < count
            && words.iter().all(|word| is_rest(word) || NUMBERS.contains(word)))
        .then_some(place)
    }

    /// The question before, with the one at this place.
    pub(super) fn pick(&self, place: usize) -> Asked {
        let before = self.before;
        let mut asked = Asked { is_declined: false, candidates: Vec::new(), ..before.clone() };
        if let Some(back) = &before.ask_back {
            let Some(choice) = back.choices.get(place).cloned() else { return asked };
            match back.what {
                Open::Environment if before.intent == Intent::Compare => asked.environments.push(choice),
                Open::Environment => asked.environment = Some(choice),
                Open::Repository | Open::Release => asked.repositories = vec![choice],
                // Words tell a name from a time.
                Open::Name | Open::Time => {}
            }
        } else if let Some(Candidate { description, repository }) = before.candidates.get(place).cloned() {
            asked.description = Some(description);
            (asked.repositories, asked.version, asked.meant) = (vec![repository], None, None);
        }
        asked
    }
}
