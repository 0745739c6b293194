//! Claims at an instant, and whether they were right: the table of reliability.

use std::collections::BTreeMap;
use std::fmt;

use super::family::Family;
use super::history::Service;
use super::light::Light;
use super::score::{number, share};
use super::truth::Change;
use crate::model::time::{Span, Time};
use crate::wire::{Phase, ReplayedImage};

/// A wrong claim that lasts longer than this is listed.
const LONG: Span = Span::from_mins(60);

/// The state and the confidence of a claim.
pub(super) type Words = (String, String);

/// One claim.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    at: Time,
    words: Words,
    is_right: bool,
    light: Light,
}

impl Claim {
    pub(super) fn new(service: &Service, image: &ReplayedImage, at: Time) -> Self {
        Self {
            at,
            words: (image.state.to_string(), image.confidence.to_string()),
            is_right: is_right(service, image, at),
            light: service.truth.light(at),
        }
    }
}

/// Tells whether most pods run the image; while it rolls out, whether pods are on their way to it.
fn is_right(service: &Service, image: &ReplayedImage, at: Time) -> bool {
    let Some(claimed) = number(service, image.digest) else { return false };
    let truth = &service.truth;
    if truth.is_many {
        return truth.running(at).is_some_and(|running| running.contains_key(&claimed));
    }
    let is_under_way = |it: &Change| it.started_at <= at && at <= it.finished_at;
    let is_coming = image.state == Phase::RollingOut
        && truth.changes.iter().any(|change| is_under_way(change) && change.image == claimed);
    is_coming || truth.majority(at) == Some(claimed)
}

/// Right claims and claims.
type Count = (usize, usize);

/// All claims that were made.
#[derive(Default)]
pub(super) struct Claims {
    counts: BTreeMap<Words, BTreeMap<Light, Count>>,
    /// Wrong claims that lasted, though requests had shown the truth.
    long: Vec<String>,
}

impl Claims {
    /// Adds the claims about one service, in the order of their times.
    pub(super) fn add(&mut self, family: Family, seed: u64, service: &Service, claims: &[Claim]) {
        let mut wrong: Option<&Claim> = None;
        for claim in claims {
            let counts = self.counts.entry(claim.words.clone()).or_default();
            let (right, count) = counts.entry(claim.light).or_default();
            *right += usize::from(claim.is_right);
            *count += 1;
            let is_wrong = claim.light == Light::Clear && !claim.is_right;
            match wrong.filter(|_| !is_wrong) {
                Some(since) => {
                    if claim.at.since(since.at) > LONG {
                        let (state, confidence) = &since.words;
                        self.long.push(format!(
                            "{family:?} {seed} {} {}: {state}, {confidence}, {} to {}",
                            service.environment, service.repository, since.at, claim.at
                        ));
                    }
                    wrong = None;
                }
                None if is_wrong => wrong = wrong.or(Some(claim)),
                None => {}
            }
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        for (words, lights) in other.counts {
            let counts = self.counts.entry(words).or_default();
            for (light, (right, count)) in lights {
                let sum = counts.entry(light).or_default();
                *sum = (sum.0 + right, sum.1 + count);
            }
        }
        self.long.extend(other.long);
    }

    /// The share that was right of the claims with these words, in such light.
    pub(super) fn right(&self, is_it: impl Fn(&Words, Light) -> bool) -> f64 {
        let all = self.counts.iter().flat_map(|(words, lights)| lights.iter().map(move |it| (words, it)));
        let its = all.filter(|(words, (light, _))| is_it(words, **light));
        let (right, count) = its.fold((0, 0), |sum, (_, (_, it))| (sum.0 + it.0, sum.1 + it.1));
        share(right, count)
    }
}

impl fmt::Display for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "claim                    | clear: right of share | dim: right of share | dark: right of share"
        )?;
        for ((state, confidence), lights) in &self.counts {
            write!(f, "{:24}", format!("{state}, {confidence}"))?;
            for light in [Light::Clear, Light::Dim, Light::Dark] {
                let (right, count) = lights.get(&light).copied().unwrap_or_default();
                write!(f, " | {right:6} {count:6} {:5.3}", share(right, count))?;
            }
            writeln!(f)?;
        }
        writeln!(f, "wrong for over an hour, in clear light: {}", self.long.len())?;
        self.long.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
