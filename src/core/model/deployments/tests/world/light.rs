//! Light: the share of the truth that an observer can know at a time, by the world alone. The rules have no say in it.

use std::collections::BTreeSet;

use super::history::Service;
use super::truth::{Change, Truth};
use crate::model::time::{Span, Time};

/// Tells whether requests tell what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Light {
    /// They have shown it.
    Clear,
    /// They fit two truths: as few ask as a canary has, or a large part of the pods stays behind.
    Dim,
    /// Nothing has shown it yet, or it is under way.
    Dark,
}

/// The nodes that showed a change until `at`.
fn clients(change: &Change, at: Time) -> usize {
    let until = change.proofs.iter().take_while(|(shown_at, _)| *shown_at <= at);
    until.map(|(_, client)| client).collect::<BTreeSet<_>>().len()
}

/// Tells whether fewer than two fifths of the nodes that asked for an image before ask for this one, and no two came later
/// by themselves.
fn looks_like_a_canary(truth: &Truth, change: &Change, at: Time) -> bool {
    let before = truth.whole().filter(|other| other.started_at < change.started_at);
    let most = before.map(|other| clients(other, change.started_at)).max().unwrap_or(0);
    let few = clients(change, at) * 5 < most * 2;
    let calm = change.finished_at + Span::from_mins(10);
    let later = change.proofs.iter().filter(|(shown_at, _)| calm < *shown_at && *shown_at <= at).count();
    few && later < 2
}

impl Truth {
    /// The light at `at`.
    pub(super) fn light(&self, at: Time) -> Light {
        if self.is_many {
            let runs = self.running(at).is_some_and(|running| !running.is_empty());
            return if runs { Light::Clear } else { Light::Dark };
        }
        if let Some(part) = self.part(at) {
            let running = self.running(at);
            let pods = |image| running.and_then(|running| running.get(&image)).copied().unwrap_or(0);
            let is_small = pods(part.image) * 4 <= pods(part.from.unwrap_or(part.image));
            return if is_small { Light::Clear } else { Light::Dim };
        }
        match self.settled(at) {
            Some(change) if looks_like_a_canary(self, change, at) => Light::Dim,
            Some(_) => Light::Clear,
            None => Light::Dark,
        }
    }

    /// The change of which a part of the pods has had the image for a while.
    fn part(&self, at: Time) -> Option<&Change> {
        self.changes.iter().find(|change| {
            let shown_at = change.first.map(|first| first + Span::from_mins(10));
            change
                .part
                .is_some_and(|(_, until, _)| shown_at.is_some_and(|shown_at| shown_at <= at) && at < until)
        })
    }
}

/// The middle of each time in which a part ran another image, as an observer can know it, and what the rest ran.
pub(super) fn parts(service: &Service) -> impl Iterator<Item = (Time, usize)> {
    service.truth.changes.iter().filter_map(|change| {
        let (from, until, rest) = change.part?;
        let from = from.max(change.first?);
        let was_seen = |other: &&Change| other.is_observable && other.started_at < change.started_at;
        let is_known = service.truth.whole().rfind(was_seen).is_some_and(|before| before.image == rest);
        let length = until.since(from);
        (is_known && length >= Span::from_mins(10)).then(|| (from + Span::from_ms(length.ms() / 2), rest))
    })
}
