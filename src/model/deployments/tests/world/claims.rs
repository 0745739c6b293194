//! What is claimed at an instant, and whether it was right: the table of reliability.

use std::collections::BTreeMap;
use std::fmt;

use super::family::Family;
use super::history::Service;
use super::score::{number, share};
use crate::model::time::{Span, Time};
use crate::wire::{Phase, ReplayedImage};

/// A wrong claim that lasts longer than this is listed.
const LONG: Span = Span::from_mins(60);

/// The words of a claim.
pub(super) type Words = (String, String);

/// One claim.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) at: Time,
    pub(super) words: Words,
    pub(super) is_right: bool,
    /// Whether pulls had shown the truth: outside of what cannot be known.
    pub(super) is_knowable: bool,
}

impl Claim {
    pub(super) fn new(service: &Service, image: &ReplayedImage, at: Time) -> Self {
        Self {
            at,
            words: (image.state.to_string(), image.confidence.to_string()),
            is_right: is_right(service, image, at),
            is_knowable: is_knowable(service, at),
        }
    }
}

/// Whether most pods run the image; while it rolls out, whether pods are on their way to it.
pub(super) fn is_right(service: &Service, image: &ReplayedImage, at: Time) -> bool {
    let Some(claimed) = number(service, image.digest) else { return false };
    let truth = &service.truth;
    if truth.is_many {
        return truth.running(at).is_some_and(|running| running.contains_key(&claimed));
    }
    let under_way = |it: &&super::truth::Change| it.started_at <= at && at <= it.finished_at;
    let is_coming = image.state == Phase::RollingOut
        && truth.changes.iter().filter(under_way).any(|change| change.image == claimed);
    is_coming || truth.majority(at) == Some(claimed)
}

/// Whether the requests of the past tell what runs.
pub(super) fn is_knowable(service: &Service, at: Time) -> bool {
    let truth = &service.truth;
    if truth.is_many {
        return truth.running(at).is_some_and(|running| !running.is_empty());
    }
    truth.settled(at).is_some() || part_at(service, at).is_some()
}

/// What most pods run, while a part of them has run another image for a while.
fn part_at(service: &Service, at: Time) -> Option<usize> {
    let with_part = service.truth.changes.iter().filter_map(|change| Some((change.first?, change.part?)));
    with_part
        .filter(|(first, (_, until, _))| *first + Span::from_mins(10) <= at && at < *until)
        .map(|(_, (_, _, rest))| rest)
        .next()
}

/// All claims that were made.
#[derive(Default)]
pub(super) struct Claims {
    all: BTreeMap<Words, (usize, usize)>,
    knowable: BTreeMap<Words, (usize, usize)>,
    /// Wrong claims that lasted: where, from when, until when.
    long: Vec<String>,
}

impl Claims {
    /// Adds the claims about one service, in the order of their times.
    pub(super) fn add(&mut self, family: Family, seed: u64, service: &Service, claims: &[Claim]) {
        let mut wrong_since: Option<&Claim> = None;
        for claim in claims {
            for (table, counts) in [(&mut self.all, true), (&mut self.knowable, claim.is_knowable)] {
                if counts {
                    let (right, count) = table.entry(claim.words.clone()).or_default();
                    *right += usize::from(claim.is_right);
                    *count += 1;
                }
            }
            let is_wrong = claim.is_knowable && !claim.is_right;
            match wrong_since {
                Some(since) if !is_wrong => {
                    if claim.at.since(since.at) > LONG {
                        let (state, confidence) = &since.words;
                        self.long.push(format!(
                            "{family:?} {seed} {} {} {state}, {confidence} from {} until {}",
                            service.environment, service.repository, since.at, claim.at
                        ));
                    }
                    wrong_since = None;
                }
                None if is_wrong => wrong_since = Some(claim),
                Some(_) | None => {}
            }
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        for (table, more) in [(&mut self.all, other.all), (&mut self.knowable, other.knowable)] {
            for (words, (right, count)) in more {
                let sum = table.entry(words).or_default();
                *sum = (sum.0 + right, sum.1 + count);
            }
        }
        self.long.extend(other.long);
    }

    /// The share of the claims with these words that were right, where the truth could be known.
    pub(super) fn right(&self, is_it: impl Fn(&Words) -> bool) -> f64 {
        let its = self.knowable.iter().filter(|(words, _)| is_it(words));
        let (right, count) = its.fold((0, 0), |sum, (_, it)| (sum.0 + it.0, sum.1 + it.1));
        share(right, count)
    }
}

impl fmt::Display for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "claim                      right of      share | where it could be known")?;
        for (words, (right, count)) in &self.all {
            let (known_right, known) = self.knowable.get(words).copied().unwrap_or_default();
            let name = format!("{}, {}", words.0, words.1);
            let (all, knowable) = (share(*right, *count), share(known_right, known));
            writeln!(
                f,
                "{name:24} {right:7} {count:7} {all:6.3} | {known_right:7} {known:7} {knowable:6.3}"
            )?;
        }
        writeln!(f, "wrong for over an hour, though it could be known: {}", self.long.len())?;
        self.long.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
