//! Changes that a later one takes back: who contains both does not have it, until a third one brings it again.

use crate::model::releases::{Change, Line, Named, Relation, own_request, reverts};
use crate::model::search::is_same_title;

/// The releases that take a change back or bring it again, by version.
#[derive(Debug, Default)]
pub(super) struct TakenBack<'a> {
    effects: Vec<(&'a str, Effect)>,
}

/// The effect of one change on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    TakesBack,
    BringsAgain,
    /// It names nothing but its title, which others may have, or means a part of it.
    Unclear,
}

/// A change that takes another one back, or brings one again, with the version that has it.
type Marked<'a> = (&'a str, &'a Change);

impl<'a> TakenBack<'a> {
    /// Reverts of `change`, which has these numbers, in the releases of `line`; those of the reverts, and so on.
    pub(super) fn of(line: &'a Line, change: &Change, prs: &[u64]) -> Self {
        let changes = line
            .releases()
            .iter()
            .flat_map(|release| release.changes.iter().map(|other| (release.version.as_str(), other)));
        let marked: Vec<Marked<'a>> =
            changes.filter(|(_, other)| reverts(&other.title).next().is_some()).collect();
        let mut effects: Vec<Option<Effect>> =
            marked.iter().map(|(_, other)| Effect::on(other, change, prs)).collect();
        while let Some((at, effect)) = next(&marked, &effects) {
            effects[at] = Some(effect);
        }
        let known = marked.iter().zip(effects);
        Self { effects: known.filter_map(|((version, _), effect)| Some((*version, effect?))).collect() }
    }

    /// Tells whether `image`, which contains the change, still has it; nothing where nobody knows. The last of those that it
    /// contains decides.
    pub(super) fn leaves(&self, line: &Line, image: Named<'_>) -> Option<bool> {
        let (mut back, mut again, mut is_certain) = (Vec::new(), Vec::new(), true);
        for &(version, effect) in &self.effects {
            match (line.contains(image, &[version]), effect) {
                (Some(false), _) => {}
                (Some(true), Effect::TakesBack) => back.push(version),
                (Some(true), Effect::BringsAgain) => again.push(version),
                (Some(true), Effect::Unclear) | (None, _) => is_certain = false,
            }
        }
        let is_last = |version: &&str, others: &[&str]| {
            others.iter().all(|other| line.relation_of_versions(other, version) == Relation::Later)
        };
        if !is_certain {
            None
        } else if back.iter().any(|version| is_last(version, &again)) {
            Some(false)
        } else if back.is_empty() || again.iter().any(|version| is_last(version, &back)) {
            Some(true)
        } else {
            None
        }
    }
}

/// The next of `marked` whose effect follows from that of one that it takes back or brings again.
fn next(marked: &[Marked<'_>], effects: &[Option<Effect>]) -> Option<(usize, Effect)> {
    let open = effects.iter().enumerate().filter(|(_, effect)| effect.is_none());
    open.map(|(at, _)| at).find_map(|at| {
        let known = marked.iter().zip(effects);
        let known = known.filter_map(|((_, other), effect)| Some((other, (*effect)?)));
        let found = known.filter_map(|(other, effect)| effect.through(marked[at].1, other));
        Some((at, found.reduce(Effect::and)?))
    })
}

impl Effect {
    /// The effect of `other` on `change`, which has these numbers.
    fn on(other: &Change, change: &Change, prs: &[u64]) -> Option<Self> {
        let named = reverts(&other.title).filter_map(|revert| {
            let is_named = revert.names(prs, change.commit.as_deref());
            let is_titled = !revert.is_exact() && is_same_title(revert.title, &change.title);
            let is_clear = is_named && !revert.is_part;
            (is_named || is_titled).then_some(Self::of(revert.is_again, is_clear))
        });
        named.reduce(Self::and).or_else(|| {
            // `Revert the new menu (!12)`: a number that another change has is none of its own.
            let revert = reverts(&other.title).next().filter(|revert| !revert.is_exact())?;
            let is_it = own_numbers(other).any(|number| prs.contains(&number));
            // Two requests are two changes, however alike they are: `Revert the last one (!10)`.
            let differs = other.pr.zip(change.pr).is_some_and(|(one, two)| one != two);
            let is_other = differs || !is_same_title(&other.title, &change.title);
            (is_other && is_it).then_some(Self::of(revert.is_again, !revert.is_part))
        })
    }

    fn of(is_again: bool, is_clear: bool) -> Self {
        match (is_clear, is_again) {
            (false, _) => Self::Unclear,
            (true, true) => Self::BringsAgain,
            (true, false) => Self::TakesBack,
        }
    }

    /// The effect of `outer` through `inner`, which has this one: what takes a revert back brings its change again.
    fn through(self, outer: &Change, inner: &Change) -> Option<Self> {
        let numbers: Vec<u64> = own_numbers(inner).collect();
        let revert = reverts(&outer.title).next()?;
        let is_named = revert.names(&numbers, inner.commit.as_deref());
        let is_it = !revert.is_exact() && own_numbers(outer).any(|number| numbers.contains(&number));
        match self {
            _ if !is_named && !is_it => None,
            Self::TakesBack | Self::BringsAgain if is_named && !revert.is_part => {
                Some(Self::of((self == Self::BringsAgain) == revert.is_again, true))
            }
            _ => Some(Self::Unclear),
        }
    }

    fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Unclear }
    }
}

/// The numbers that may be a change's own.
fn own_numbers(change: &Change) -> impl Iterator<Item = u64> {
    [change.pr, own_request(&change.title)].into_iter().flatten()
}
