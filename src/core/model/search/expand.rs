//! One word of a query → the terms of the index that answer it: its other forms, its spelling, its beginning.

use std::ops::Bound;

use strsim::osa_distance;

use super::found::Way;
use super::index::{Index, Shape, TermId};
use super::stems::{root, stem};
use super::thesaurus::Thesaurus;

/// A shorter word has too many neighbours to guess which one was meant.
const TYPO_CHARS_MIN: usize = 4;
/// From this length on two slips are forgiven.
const TWO_TYPOS_CHARS_MIN: usize = 7;
/// A shorter beginning says too little about the whole word.
const BEGINNING_CHARS_MIN: usize = 4;
/// The shortest half that a word is split into.
const HALF_CHARS_MIN: usize = 3;
/// Guesses that are kept for a word that no title has.
const GUESSES_MAX: usize = 8;

/// A term that answers a word, and how well, of 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) term: TermId,
    pub(super) quality: u8,
    pub(super) way: Way,
}

/// The term of exactly this word, if a title has it.
pub(super) fn exactly(word: &str, index: &Index) -> Vec<Meaning> {
    let term = index.words.get(word).map(|&word| index.surfaces[word as usize].term);
    let term = term.filter(|&term| !index.postings[term as usize].is_empty());
    term.map(|term| Meaning { term, quality: 100, way: Way::Word }).into_iter().collect()
}

/// Everything that answers a word but its synonyms.
pub(super) fn word(word: &str, stem: &str, index: &Index) -> Vec<Meaning> {
    let mut meanings = exactly(word, index);
    if meanings.is_empty()
        && let Some(term) = known(stem, index)
    {
        meanings.push(Meaning { term, quality: 100, way: Way::Inflection });
    }
    let exact = !meanings.is_empty();
    meanings.extend(relatives(stem, index));
    if !exact {
        let mut guesses = spellings(word, index);
        guesses.extend(beginnings(word, index));
        for guess in guesses.into_iter().take(GUESSES_MAX) {
            if meanings.iter().all(|meaning| meaning.term != guess.term) {
                meanings.push(guess);
            }
        }
    }
    meanings
}

/// The terms of a phrase; none if the index lacks one of them.
pub(super) fn terms(stems: &[String], index: &Index) -> Option<Vec<TermId>> {
    stems.iter().map(|stem| index.stems.get(stem.as_str()).copied()).collect()
}

/// The ways to read a word as two that titles have: `sharelink` as `share link`.
pub(super) fn splits(word: &str, index: &Index) -> Vec<Vec<TermId>> {
    let halves = |at: usize| {
        let (left, right) = (word.get(..at)?, word.get(at..)?);
        Some(vec![known(&stem(left), index)?, known(&stem(right), index)?])
    };
    (HALF_CHARS_MIN..=word.len().saturating_sub(HALF_CHARS_MIN)).filter_map(halves).collect()
}

fn known(stem: &str, index: &Index) -> Option<TermId> {
    index.stems.get(stem).copied().filter(|&term| !index.postings[term as usize].is_empty())
}

/// Words made from the same root: `exporter` for `export`.
fn relatives(stem: &str, index: &Index) -> Vec<Meaning> {
    let own = root(stem);
    if own.len() < BEGINNING_CHARS_MIN || !own.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Vec::new();
    }
    let family = index
        .stems
        .range::<str, _>((Bound::Included(own), Bound::Unbounded))
        .take_while(|(other, _)| other.starts_with(own));
    let family = family.filter(|(other, term)| {
        &***other != stem && root(other) == own && !index.postings[**term as usize].is_empty()
    });
    family.map(|(_, &term)| Meaning { term, quality: 80, way: Way::Inflection }).collect()
}

/// Words that begin with it: `notif` for `notification`.
fn beginnings(word: &str, index: &Index) -> Vec<Meaning> {
    if word.len() < BEGINNING_CHARS_MIN {
        return Vec::new();
    }
    let longer = index
        .words
        .range::<str, _>((Bound::Included(word), Bound::Unbounded))
        .take_while(|(other, _)| other.starts_with(word));
    let mut terms: Vec<TermId> = longer.map(|(_, &word)| index.surfaces[word as usize].term).collect();
    terms.sort_unstable();
    terms.dedup();
    terms.retain(|&term| !index.postings[term as usize].is_empty());
    // Too many words begin like this: it is no abbreviation of any of them.
    if terms.len() > GUESSES_MAX {
        return Vec::new();
    }
    terms.into_iter().map(|term| Meaning { term, quality: 75, way: Way::Part }).collect()
}

/// The nearest words by edit distance. A word that the thesaurus knows is no slip.
pub(super) fn spellings(word: &str, index: &Index) -> Vec<Meaning> {
    let length = word.chars().count();
    let is_language = word.bytes().all(|byte| byte.is_ascii_lowercase());
    if length < TYPO_CHARS_MIN || !is_language || Thesaurus::get().words().contains(word) {
        return Vec::new();
    }
    let slips = if length >= TWO_TYPOS_CHARS_MIN { 2 } else { 1 };
    let own = Shape::of(word);
    let mut near: Vec<(usize, bool, TermId)> = Vec::new();
    for (surface, _) in
        index.surfaces.iter().zip(&index.shapes).filter(|(_, shape)| shape.may_become(own, slips))
    {
        // `maxDrawerCash` is no slip of `max_drawer_cash`: their parts are the same.
        if surface.text.contains('_') {
            continue;
        }
        let distance = osa_distance(word, &surface.text);
        if distance <= slips && !index.postings[surface.term as usize].is_empty() {
            near.push((distance, surface.text.as_bytes()[0] != word.as_bytes()[0], surface.term));
        }
    }
    near.sort_unstable();
    let Some(&(best, _, _)) = near.first() else { return Vec::new() };
    near.retain(|&(distance, _, _)| distance == best);
    let quality = |other_beginning: bool| {
        if best == 1 && !other_beginning {
            90
        } else if best == 1 {
            80
        } else {
            75
        }
    };
    near.into_iter()
        .map(|(_, other_beginning, term)| Meaning {
            term,
            quality: quality(other_beginning),
            way: Way::Spelling,
        })
        .collect()
}
