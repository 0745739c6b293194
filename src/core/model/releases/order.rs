//! The position of one release, seen from another.
//!
//! By the first of these that can tell: revision ancestry (`parents`), the version's number (`number.rs`), publishing order.
//! Two releases with a common ancestor of which neither contains the other are incomparable, whatever their numbers.
//! README.md has the rules, and what becomes of numbers that publishing contradicts.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::line::{Line, Named, Spot};
use super::number::{Basis, Compared, Number, key};
use super::relation::Relation;
use super::release::Registration;

impl Line {
    /// Looks up an image's place once, for several comparisons. The version that people see says more than a label: see
    /// `questions::image`.
    pub(super) fn spot<'a>(&self, image: Named<'a>) -> Spot<'a> {
        let is_named = |&place: &usize| {
            image.version.is_none_or(|version| key(version) == key(&self.releases[place].version))
        };
        let own = self.by_digest.get(image.digest).copied().filter(is_named);
        let by_version = || image.version.and_then(|version| self.place_of_version(version));
        let place = own.or_else(by_version);
        let is_itself = place.is_some_and(|place| own.is_some() || self.releases[place].digest().is_none());
        // Of a release the number is known already.
        let number = image.version.filter(|_| place.is_none()).and_then(Number::parse);
        Spot { place, is_itself, name: image.version.map(key), number }
    }

    pub(super) fn spot_of(&self, place: usize) -> Spot<'_> {
        Spot {
            place: Some(place),
            is_itself: true,
            name: Some(key(&self.releases[place].version)),
            number: None,
        }
    }

    /// The position of `to`, seen from `from`.
    pub(super) fn relation(&self, from: Named<'_>, to: Named<'_>) -> Relation {
        if from == to {
            return Relation::Same;
        }
        self.relation_of(&self.spot(from), &self.spot(to))
    }

    /// Tells of each of `images` whether it is later than `low` and earlier than `high`; each place is looked up once.
    pub(super) fn lie_between(&self, low: Named<'_>, high: Named<'_>, images: &[Named<'_>]) -> Vec<bool> {
        let (low_spot, high_spot) = (self.spot(low), self.spot(high));
        let lies = |&image: &Named<'_>| {
            let spot = self.spot(image);
            image != low
                && image != high
                && self.relation_of(&low_spot, &spot) == Relation::Later
                && self.relation_of(&high_spot, &spot) == Relation::Earlier
        };
        images.iter().map(lies).collect()
    }

    /// The position of one version, seen from another.
    pub fn relation_of_versions(&self, from: &str, to: &str) -> Relation {
        let spot = |version| {
            let place = self.place_of_version(version);
            Spot { place, is_itself: false, name: Some(key(version)), number: Number::parse(version) }
        };
        self.relation_of(&spot(from), &spot(to))
    }

    pub(super) fn relation_of(&self, from: &Spot<'_>, to: &Spot<'_>) -> Relation {
        let places = from.place.zip(to.place);
        let is_version =
            self.number(from).is_some() || places.is_some_and(|(from, _)| self.releases[from].is_registered);
        if from.name.is_some() && from.name == to.name && is_version {
            return Relation::Same;
        }
        if let Some((from, to)) = places {
            match self.by_ancestry(from, to) {
                Relation::Unknown => {}
                known => return known,
            }
        }
        let published = self.published(from).zip(self.published(to)).map(|(from, to)| from.cmp(&to));
        match self.compared(from, to) {
            Some(Compared::Apart(number, basis)) => {
                let is_backport = basis == Basis::Core && !self.is_one_line(from, to);
                let is_told = basis == Basis::Phase || is_backport || self.made(from, to) == Some(number);
                let is_contradicted = published.is_some_and(|published| published != number);
                if is_contradicted && !is_told { Relation::Unknown } else { Relation::of(number) }
            }
            Some(Compared::Variants) => Relation::Incomparable,
            Some(Compared::Equal | Compared::Unknown) | None => {
                published.map_or(Relation::Unknown, Relation::of)
            }
        }
    }

    pub(super) fn number<'a>(&'a self, spot: &'a Spot<'_>) -> Option<&'a Number> {
        spot.number.as_ref().or_else(|| self.numbers[spot.place?].as_ref())
    }

    /// Compares the numbers of both, where both have one.
    pub(super) fn compared(&self, from: &Spot<'_>, to: &Spot<'_>) -> Option<Compared> {
        Some(self.number(from)?.compare(self.number(to)?))
    }

    /// Its place in the publishing order. When images were first seen says nothing of when they were published.
    pub(super) fn published(&self, spot: &Spot<'_>) -> Option<usize> {
        spot.place.filter(|&place| spot.is_itself && self.releases[place].is_registered)
    }

    fn is_one_line(&self, from: &Spot<'_>, to: &Spot<'_>) -> bool {
        self.number(from).zip(self.number(to)).is_some_and(|(from, to)| from.is_in_line_of(to))
    }

    /// The order in which both were made, where both say it.
    fn made(&self, from: &Spot<'_>, to: &Spot<'_>) -> Option<Ordering> {
        let at = |spot: &Spot<'_>| self.releases[spot.place?].created_at;
        Some(at(from)?.cmp(&at(to)?))
    }

    pub(super) fn by_ancestry(&self, from: usize, to: usize) -> Relation {
        if from == to {
            return Relation::Same;
        }
        if !self.has_ancestry {
            return Relation::Unknown;
        }
        let (above, below) = (self.ancestors(from), self.ancestors(to));
        if below.contains(&from) {
            Relation::Later
        } else if above.contains(&to) {
            Relation::Earlier
        } else if above.intersection(&below).next().is_some() {
            Relation::Incomparable
        } else {
            Relation::Unknown
        }
    }

    /// The release that is built upon `told` already and that `told` would be built upon: its own ancestor; itself where it
    /// names itself.
    pub(super) fn circle<'a>(&'a self, told: &'a Registration) -> Option<&'a str> {
        let is_told = |name: &str| key(name) == key(&told.version) || told.revision.as_deref() == Some(name);
        if told.parents.iter().any(|parent| is_told(parent)) {
            return Some(&told.version);
        }
        let mut seen = BTreeSet::new();
        let mut next: Vec<&str> = told.parents.iter().map(String::as_str).collect();
        while let Some(name) = next.pop() {
            let place = self.by_name.get(key(name)).filter(|place| seen.insert(**place));
            let Some(above) = place.map(|&place| &self.releases[place]) else { continue };
            if above.parents.iter().any(|parent| is_told(parent)) {
                return Some(&above.version);
            }
            next.extend(above.parents.iter().map(String::as_str));
        }
        None
    }

    /// `place` and everything it was built upon.
    pub(super) fn ancestors(&self, place: usize) -> BTreeSet<usize> {
        let mut seen = BTreeSet::from([place]);
        let mut next = vec![place];
        while let Some(place) = next.pop() {
            let parents = self.releases[place].parents.iter().filter_map(|name| self.by_name.get(key(name)));
            next.extend(parents.copied().filter(|&parent| seen.insert(parent)));
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leading_v_makes_no_other_version() {
        for (version, expected) in [("v2.3.1", "2.3.1"), ("2.3.1", "2.3.1"), ("vnext", "vnext"), ("V2", "2")]
        {
            assert_eq!(key(version), expected);
        }
    }
}
