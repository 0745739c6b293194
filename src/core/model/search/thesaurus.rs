//! The trade's synonyms: `synonyms.txt`, read once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::stems::stem;
use super::words::{Token, tokens};

const TEXT: &str = include_str!("synonyms.txt");
/// Words of the longest phrase that is looked for.
pub(super) const PHRASE_WORDS_MAX: usize = 5;

/// The worth of one member of a group for another, of 100.
pub(super) const ABBREVIATION: u8 = 95;
/// That of a group's first member, which is what the group is about, for any other, and the other way round.
const SAID_FOR_IT: u8 = 85;
/// That of two others: ways to say one thing need not be ways to say each other.
const BESIDE: u8 = 45;
const NEAR: u8 = 50;
const PART_FOR_WHOLE: u8 = 65;
const WHOLE_FOR_PART: u8 = 50;
/// The addition of each further group that has both, up to …
const FURTHER: u8 = 12;
/// … this.
const SYNONYM_MAX: u8 = 92;

/// Two phrases that no group has together, and that are said for the same others: from this sum of the worths on (one path of
/// the best is 72) …
const SHARED_MIN: u32 = 65;
/// … each of them adds a third of its worth …
const SHARED_SHARE: u32 = 3;
/// … up to this.
const SHARED_MAX: u32 = 35;
/// The best of them that are kept for a phrase.
const FURTHER_MAX: usize = 24;

/// Phrases (as stems) and what may be said for them.
pub(super) struct Thesaurus {
    phrases: Vec<Box<[String]>>,
    by_text: BTreeMap<String, u32>,
    /// For each phrase: others, and how much they say for it.
    others: Vec<Vec<(u32, u8)>>,
    words: BTreeSet<String>,
}

static THESAURUS: LazyLock<Thesaurus> = LazyLock::new(|| Thesaurus::parse(TEXT));

impl Thesaurus {
    /// The one that is compiled in.
    pub(super) fn get() -> &'static Self {
        &THESAURUS
    }

    /// The synonyms of this phrase of stems, best first.
    pub(super) fn others(&self, stems: &[&str]) -> impl Iterator<Item = (&[String], u8)> {
        let phrase = self.by_text.get(&stems.join(" "));
        let others = phrase.map_or(&[][..], |&phrase| &self.others[phrase as usize]);
        others.iter().map(|&(other, quality)| (&*self.phrases[other as usize], quality))
    }

    /// The words (not stems) that stand in the list: known to be English, or of the trade, and so no typos.
    pub(super) fn words(&self) -> &BTreeSet<String> {
        &self.words
    }

    fn parse(text: &str) -> Self {
        let empty = BTreeMap::new();
        let mut read =
            Self { phrases: Vec::new(), by_text: empty, others: Vec::new(), words: BTreeSet::new() };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some((whole, parts)) = line.split_once('>') {
                let whole = read.phrase(whole);
                for part in parts.split(',') {
                    let part = read.phrase(part);
                    read.link(whole, part, PART_FOR_WHOLE);
                    read.link(part, whole, WHOLE_FOR_PART);
                }
                continue;
            }
            let (quality, line) = match line.split_at(1) {
                ("=", line) => (Some(ABBREVIATION), line),
                ("~", line) => (Some(NEAR), line),
                _ => (None, line),
            };
            let members: Vec<u32> = line.split(',').map(|member| read.phrase(member)).collect();
            for (at, &from) in members.iter().enumerate() {
                for (place, &to) in members.iter().enumerate() {
                    let is_about = at == 0 || place == 0;
                    read.link(from, to, quality.unwrap_or(if is_about { SAID_FOR_IT } else { BESIDE }));
                }
            }
        }
        read.others.iter_mut().for_each(|others| *others = joined(std::mem::take(others)));
        let further: Vec<Vec<(u32, u8)>> =
            (0..read.others.len()).map(|phrase| read.further(phrase)).collect();
        read.others.iter_mut().zip(further).for_each(|(others, further)| others.extend(further));
        read
    }

    /// Phrases that are said for the same things as this one, the more of them the better.
    fn further(&self, phrase: usize) -> Vec<(u32, u8)> {
        let mut shared: BTreeMap<u32, u32> = BTreeMap::new();
        for &(between, quality) in self.others[phrase].iter().filter(|&&(_, quality)| quality > BESIDE) {
            for &(other, further) in
                self.others[between as usize].iter().filter(|&&(_, quality)| quality > BESIDE)
            {
                *shared.entry(other).or_default() += u32::from(quality) * u32::from(further) / 100;
            }
        }
        let is_new = |other: u32| {
            other as usize != phrase && self.others[phrase].iter().all(|&(known, _)| known != other)
        };
        let mut further: Vec<(u32, u8)> = shared
            .into_iter()
            .filter(|&(other, sum)| sum >= SHARED_MIN && is_new(other))
            .map(|(other, sum)| (other, (sum / SHARED_SHARE).min(SHARED_MAX) as u8))
            .collect();
        further.sort_by_key(|&(other, quality)| (100 - quality, other));
        further.truncate(FURTHER_MAX);
        further
    }

    fn phrase(&mut self, text: &str) -> u32 {
        let words = tokens(text).into_iter().filter_map(|token| match token {
            Token::Word(word) | Token::Version(word) | Token::Id(word) => Some(word),
            _ => None,
        });
        let words: Vec<String> = words.collect();
        let stems: Box<[String]> = words.iter().map(|word| stem(word)).collect();
        self.words.extend(words);
        let next = self.phrases.len() as u32;
        let phrase = *self.by_text.entry(stems.join(" ")).or_insert(next);
        if phrase == next {
            self.phrases.push(stems);
            self.others.push(Vec::new());
        }
        phrase
    }

    fn link(&mut self, from: u32, to: u32, quality: u8) {
        if from == to {
            return;
        }
        self.others[from as usize].push((to, quality));
    }
}

/// Each phrase once, best first: the strongest of its links counts, and each further one adds to it.
fn joined(mut links: Vec<(u32, u8)>) -> Vec<(u32, u8)> {
    links.sort_unstable_by_key(|&(other, quality)| (other, 100 - quality));
    let mut all: Vec<(u32, u8)> = Vec::new();
    for (other, quality) in links {
        match all.last_mut().filter(|known| known.0 == other) {
            Some((_, known)) if *known < ABBREVIATION => *known = (*known + FURTHER).min(SYNONYM_MAX),
            Some(_) => {}
            None => all.push((other, quality)),
        }
    }
    all.sort_by_key(|&(other, quality)| (100 - quality, other));
    all
}
