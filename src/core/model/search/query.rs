//! A query, read against an index: what is asked for, and all the words that would answer it.

use super::expand::{self, Meaning};
use super::found::Way;
use super::index::{DocumentId, Index, Naming, TermId};
use super::projects::Projects;
use super::stems::stem;
use super::stop::{self, Class};
use super::thesaurus::{ABBREVIATION, PHRASE_WORDS_MAX, Thesaurus};
use super::wish::Wish;
use super::words::{Token, commit_key, tokens};
use crate::model::releases::takes_back;

/// Units of a query that count; what comes after them is not looked at.
pub(super) const UNITS_MAX: usize = 16;
/// Synonyms of one word or phrase that are looked for, the best first.
const SYNONYMS_MAX: usize = 64;
/// Bytes of a query that are read.
const QUERY_BYTES_MAX: usize = 512;
/// A shorter camelCase identifier with a slip is looked for by its parts.
const SPELLED_WHOLE_BYTES_MIN: usize = 10;
/// From this quality on, of 100, a meaning is most likely what was meant, and its rarity is the word's.
const GOOD_GUESS: u8 = 70;
/// A word that is twice as rare does not count twice as much.
const DAMPING: f32 = 0.8;
/// The weight of a light word, beside a full one as rare as it.
const LIGHT: f32 = 0.10;
/// The stem of what asks for a change that takes another one back.
const REVERT: &str = "revert";
/// The weight of a number, a CVE id or a commit, beside the rarest word.
const IDENTIFYING: f32 = 3.0;

/// Kinds of units.
#[derive(Debug, Default)]
pub(super) struct Query {
    /// It asks for a change that takes another one back.
    pub(super) takes_back: bool,
    pub(super) wish: Option<Wish>,
    pub(super) units: Vec<Unit>,
    pub(super) spans: Vec<Span>,
}

/// One thing that is asked for: a word, a number, a version.
#[derive(Debug)]
pub(super) struct Unit {
    /// As it was written.
    pub(super) text: String,
    pub(super) weight: f32,
    pub(super) kind: Kind,
    /// The terms that answer it.
    pub(super) meanings: Vec<Meaning>,
    /// The documents that answer it whatever their words, ascending, with their quality of 100.
    pub(super) documents: Vec<(DocumentId, u8)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word that counts by its rarity.
    Word,
    /// A word that breaks ties.
    Light,
    /// A number, a CVE id, a commit: it names a change, or it does not exist.
    Identity,
    /// A version.
    Version,
}

/// Words that answer several units at once: `oom` for `memory leak`, `whitespace` for `white space`.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) units: std::ops::Range<usize>,
    /// The terms, which must stand in this order beside each other.
    pub(super) phrase: Vec<TermId>,
    /// Of 100.
    pub(super) quality: u8,
    pub(super) way: Way,
}

/// A word of the query in its order; not each one is a unit.
struct Item {
    text: String,
    stem: String,
    unit: Option<usize>,
}

impl Query {
    /// Reads a query.
    pub(super) fn read(text: &str, index: &Index) -> Self {
        let cut =
            (0..=text.len().min(QUERY_BYTES_MAX)).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let mut query = Self::default();
        let mut items = Vec::new();
        let (projects, text) = Projects::read(&text[..cut], index);
        for token in described(without_known_wholes(tokens(&text), index)) {
            query.take(token, index, &mut items);
        }
        query.wish = Wish::of(items.iter().map(|item| item.text.as_str()));
        query.takes_back = takes_back(&text) || items.iter().any(|item| item.stem == REVERT);
        query.lone_number(index);
        query.narrow(&projects, index);
        query.reverts(index);
        query.phrases(&items, index);
        query.joined_and_split(&items, index);
        query.weigh(index);
        query
    }

    fn take(&mut self, token: Token, index: &Index, items: &mut Vec<Item>) {
        let unit = self.units.len();
        if unit == UNITS_MAX {
            return;
        }
        let (text, kind, documents) = match token {
            Token::Whole(..) => return,
            Token::Number(number) => (format!("#{number}"), Kind::Identity, of_number(index, number)),
            Token::Commit(text) => {
                let documents = of_commit(index, &text);
                (text, Kind::Identity, documents)
            }
            Token::Id(text) => (text, Kind::Identity, Vec::new()),
            Token::Version(text) => {
                let documents = of_version(index, &text);
                (text, Kind::Version, documents)
            }
            Token::Word(text) => match stop::class(&text) {
                Class::Stop => {
                    items.push(Item { stem: stem(&text), text, unit: None });
                    return;
                }
                Class::Light => (text, Kind::Light, Vec::new()),
                Class::Full => (text, Kind::Word, Vec::new()),
            },
        };
        items.push(Item { stem: stem(&text), text: text.clone(), unit: Some(unit) });
        self.units.push(Unit { text, weight: 0.0, kind, meanings: Vec::new(), documents });
    }

    /// A query that is one bare number means a pull request.
    fn lone_number(&mut self, index: &Index) {
        if let [unit] = &mut self.units[..]
            && let Ok(number) = unit.text.parse()
        {
            *unit =
                Unit { kind: Kind::Identity, documents: of_number(index, number), ..Unit::named(&unit.text) };
        }
    }

    /// Leaves of each number the changes of the project that is named with it.
    fn narrow(&mut self, projects: &Projects, index: &Index) {
        for unit in self.units.iter_mut().filter(|unit| unit.kind == Kind::Identity) {
            if let Ok(number) = unit.text.trim_start_matches('#').parse() {
                projects.narrow(index, number, &mut unit.documents);
            }
        }
    }

    /// Leaves of each number in `Revert #12` the changes that take it back, and of `#12` the others, where there are any.
    fn reverts(&mut self, index: &Index) {
        let takes_back = |&(id, _): &(DocumentId, u8)| index.documents[id as usize].takes_back;
        for unit in self.units.iter_mut().filter(|unit| unit.kind == Kind::Identity) {
            if self.takes_back {
                unit.documents.retain(takes_back);
                unit.documents.iter_mut().for_each(|(_, quality)| *quality = 100);
            } else if !unit.documents.iter().all(takes_back) {
                unit.documents.retain(|document| !takes_back(document));
            }
        }
    }

    /// Adds the synonyms of each word and each phrase.
    fn phrases(&mut self, items: &[Item], index: &Index) {
        for item in items {
            if let Some(unit) = item.unit {
                let literal = matches!(self.units[unit].kind, Kind::Identity | Kind::Version);
                self.units[unit].meanings = if literal {
                    expand::exactly(&item.text, index)
                } else {
                    expand::word(&item.text, &item.stem, index)
                };
            }
        }
        let thesaurus = Thesaurus::get();
        for start in 0..items.len() {
            for end in start + 1..=items.len().min(start + PHRASE_WORDS_MAX) {
                let Some(units) = units_of(&items[start..end]) else { continue };
                let stems: Vec<&str> = items[start..end].iter().map(|item| item.stem.as_str()).collect();
                if end - start > 1 && thesaurus.others(&stems).next().is_some() {
                    self.promote(units.clone());
                }
                let others = thesaurus.others(&stems);
                let known =
                    others.filter_map(|(other, quality)| Some((expand::terms(other, index)?, quality)));
                for (phrase, quality) in known.take(SYNONYMS_MAX) {
                    match (&phrase[..], units.len()) {
                        ([term], 1) => self.units[units.start].also(*term, quality, way(quality)),
                        _ => {
                            self.spans.push(Span {
                                units: units.clone(),
                                phrase,
                                quality,
                                way: way(quality),
                            });
                        }
                    }
                }
            }
        }
    }

    /// A phrase that the trade knows says something, though each of its words says little: `come up`.
    fn promote(&mut self, units: std::ops::Range<usize>) {
        let units = &mut self.units[units];
        if units.iter().all(|unit| unit.kind == Kind::Light) {
            units[0].kind = Kind::Word;
        }
    }

    /// `white space` is also looked for as `whitespace`, and `sharelink` as `share link`.
    fn joined_and_split(&mut self, items: &[Item], index: &Index) {
        for pair in items.windows(2) {
            let Some(units) = units_of(pair) else { continue };
            // `rolling back` is `rollback`: the first half may stand in any form.
            for first in [&pair[0].text, &pair[0].stem] {
                if let [meaning] = expand::exactly(&format!("{first}{}", pair[1].text), index)[..] {
                    let phrase = vec![meaning.term];
                    self.spans.push(Span { units: units.clone(), phrase, quality: 95, way: Way::Part });
                }
            }
        }
        for item in items {
            let Some(unit) = item.unit.filter(|&unit| matches!(self.units[unit].kind, Kind::Word)) else {
                continue;
            };
            for phrase in expand::splits(&item.text, index) {
                self.spans.push(Span { units: unit..unit + 1, phrase, quality: 90, way: Way::Part });
            }
        }
    }

    /// Rare words count more; a word that no change has counts most, because it is what the query is about.
    fn weigh(&mut self, index: &Index) {
        for (number, unit) in self.units.iter_mut().enumerate() {
            let exact = unit.meanings.iter().filter(|meaning| meaning.way <= Way::Inflection);
            let exact: usize = exact.map(|meaning| index.postings[meaning.term as usize].len()).sum();
            let similar = unit.meanings.iter().filter(|meaning| meaning.quality >= GOOD_GUESS);
            let similar =
                similar.map(|meaning| index.postings[meaning.term as usize].len()).max().unwrap_or(0);
            let phrased =
                self.spans.iter().any(|span| span.units.contains(&number) && span.quality >= GOOD_GUESS);
            let exact = exact.max(unit.documents.len());
            let found = if exact > 0 {
                exact
            } else if phrased {
                similar.max(index.len() / 50)
            } else {
                similar
            };
            let rarity = index.rarity(found);
            unit.weight = match unit.kind {
                Kind::Word | Kind::Version => rarity,
                Kind::Light => rarity * LIGHT,
                Kind::Identity => index.rarity(0) * IDENTIFYING,
            };
            // A common synonym of a rare word is no rare evidence.
            for meaning in &mut unit.meanings {
                let own = index.rarity(index.postings[meaning.term as usize].len());
                meaning.quality = (f32::from(meaning.quality) * (own / rarity).min(1.0)) as u8;
            }
        }
        self.weigh_spans(index);
    }

    /// A common word in place of a phrase of rare words is no rare evidence either.
    fn weigh_spans(&mut self, index: &Index) {
        for span in self.spans.iter_mut().filter(|span| span.way == Way::Synonym) {
            let words = self.units[span.units.clone()].iter().filter(|unit| unit.kind == Kind::Word);
            let (count, weights) =
                words.fold((0.0, 0.0), |(count, sum), unit| (count + 1.0, sum + unit.weight));
            let own = index.rarity(index.rarest(&span.phrase).len());
            if count > 0.0 {
                span.quality = (f32::from(span.quality) * (own * count / weights).min(1.0)) as u8;
            }
        }
    }
}

impl Unit {
    fn named(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            weight: 0.0,
            kind: Kind::Word,
            meanings: Vec::new(),
            documents: Vec::new(),
        }
    }

    fn also(&mut self, term: TermId, quality: u8, way: Way) {
        match self.meanings.iter_mut().find(|meaning| meaning.term == term) {
            // Another form of the word is its own word, whatever the list says of it.
            Some(known) if known.quality >= quality || known.way < way => {}
            Some(known) => *known = Meaning { term, quality, way },
            None => self.meanings.push(Meaning { term, quality, way }),
        }
    }
}

impl Index {
    /// The information in a word that `found` documents have.
    pub(super) fn rarity(&self, found: usize) -> f32 {
        (1.0 + self.len() as f32 / (found as f32).max(0.5)).ln().powf(DAMPING)
    }
}

/// A camelCase identifier that titles have as it is stays whole; another one is its parts. One with underscores is
/// both.
fn without_known_wholes(tokens: Vec<Token>, index: &Index) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        match token {
            // Its parts are asked for, too: a title may spell them apart.
            Token::Whole(text, _) if text.contains('_') => {
                kept.extend(index.words.contains_key(&*text).then_some(Token::Word(text)));
            }
            Token::Whole(text, parts) if is_known(&text, index) => {
                kept.push(Token::Word(text));
                tokens.by_ref().take(parts).for_each(drop);
            }
            Token::Whole(..) => {}
            token => kept.push(token),
        }
    }
    kept
}

/// Tells whether titles have this identifier, perhaps with a slip in the query.
fn is_known(whole: &str, index: &Index) -> bool {
    index.words.contains_key(whole)
        || (whole.len() >= SPELLED_WHOLE_BYTES_MIN && !expand::spellings(whole, index).is_empty())
}

/// The tokens without the frame of a question.
fn described(tokens: Vec<Token>) -> Vec<Token> {
    let words: Vec<&str> = tokens
        .iter()
        .map(|token| match token {
            Token::Word(word) => word.as_str(),
            _ => "",
        })
        .collect();
    let range = stop::description(&words);
    tokens[range].to_vec()
}

fn way(quality: u8) -> Way {
    if quality >= ABBREVIATION { Way::Abbreviation } else { Way::Synonym }
}

fn units_of(items: &[Item]) -> Option<std::ops::Range<usize>> {
    let mut units = items.iter().filter_map(|item| item.unit);
    let first = units.next()?;
    Some(first..units.next_back().unwrap_or(first) + 1)
}

fn of_number(index: &Index, number: u64) -> Vec<(DocumentId, u8)> {
    let mut documents = Vec::new();
    for (naming, quality) in [(Naming::PullRequest, 100), (Naming::Issue, 95), (Naming::Mention, 90)] {
        documents.extend(index.of_number(number, naming).map(|document| (document, quality)));
    }
    // The strongest naming of a document comes first and stays.
    documents.sort_by_key(|&(document, _)| document);
    documents.dedup_by_key(|&mut (document, _)| document);
    documents
}

fn of_commit(index: &Index, text: &str) -> Vec<(DocumentId, u8)> {
    let Some(first) = commit_key(text) else { return Vec::new() };
    let spread = if text.len() >= 16 { 0 } else { (1_u64 << (4 * (16 - text.len()))) - 1 };
    let range = index.commits.range((first, 0)..=(first + spread, u32::MAX));
    let mut documents: Vec<_> = range.map(|&(_, document)| (document, 100)).collect();
    documents.sort_unstable();
    documents.dedup();
    documents
}

/// The changes of the releases with this version; `3.11` is also every `3.11.x`.
fn of_version(index: &Index, version: &str) -> Vec<(DocumentId, u8)> {
    let is_of = |release: &&super::index::Release| {
        super::words::version(&release.version).is_some_and(|known| {
            known.strip_prefix(version).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    let releases = index.entries.iter().filter(is_of);
    let mut documents: Vec<_> =
        releases.flat_map(|release| &release.documents).map(|&id| (id, 100)).collect();
    documents.sort_unstable();
    documents.dedup();
    documents
}
