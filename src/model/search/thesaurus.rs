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
const SAME: u8 = 80;
const NEAR: u8 = 50;
const PART_FOR_WHOLE: u8 = 65;
const WHOLE_FOR_PART: u8 = 50;

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
                ("=", line) => (ABBREVIATION, line),
                ("~", line) => (NEAR, line),
                _ => (SAME, line),
            };
            let members: Vec<u32> = line.split(',').map(|member| read.phrase(member)).collect();
            for &from in &members {
                members.iter().for_each(|&to| read.link(from, to, quality));
            }
        }
        for others in &mut read.others {
            // Of a pair that stands in several groups the strongest counts.
            others.sort_unstable_by_key(|&(other, quality)| (other, 100 - quality));
            others.dedup_by_key(|&mut (other, _)| other);
            others.sort_by_key(|&(other, quality)| (100 - quality, other));
        }
        read
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
