//! Containment and being behind: stricter questions than the order, since lines of maintenance overlap.

use std::sync::Arc;

use super::line::{Line, Named, Spot};
use super::number::{Compared, Number};
use super::relation::Relation;
use super::release::Release;

/// The releases that an image lacks.
#[derive(Debug, Default)]
pub struct Behind<'a> {
    /// Those that are later, in publishing order.
    pub later: Vec<&'a Arc<Release>>,
    /// Those of which nobody knows whether they are later.
    pub unknown: Vec<&'a Arc<Release>>,
}

impl Line {
    /// The latest release in the order of the line that was not withdrawn. A pre-release counts only where `with_prereleases` says so, or
    /// where there is nothing else.
    pub fn latest(&self, with_prereleases: bool) -> Option<&Arc<Release>> {
        let later = |a: usize, b: usize| if self.is_later(&self.spot_of(a), b) == Some(true) { b } else { a };
        let all = (0..self.releases().len()).filter(|&place| self.is_offered(place));
        let released =
            all.clone().filter(|&place| with_prereleases || !self.is_prerelease(place)).reduce(later);
        released.or_else(|| all.reduce(later)).map(|place| &self.releases()[place])
    }

    /// The releases after `image`. Of those that only labels tell of, none is unknown: they may as well be old.
    pub fn behind(&self, image: Named<'_>, with_prereleases: bool) -> Behind<'_> {
        let here = self.spot(image);
        // It bears the release's name, and is none of the images that were registered for it.
        let is_another = |place: usize| here.place == Some(place) && !here.is_itself;
        let mut behind = Behind::default();
        for (place, release) in self.releases().iter().enumerate() {
            if !self.is_offered(place) || !with_prereleases && self.is_prerelease(place) {
                continue;
            }
            match self.is_later(&here, place).filter(|_| !is_another(place)) {
                Some(true) => behind.later.push(release),
                None if release.is_registered => behind.unknown.push(release),
                Some(false) | None => {}
            }
        }
        behind
    }

    /// Tells whether the release at `place` is later: it comes after, or has a higher number on a line of its own; nothing
    /// where nobody knows.
    fn is_later(&self, here: &Spot<'_>, place: usize) -> Option<bool> {
        let there = self.spot_of(place);
        match self.relation_of(here, &there) {
            Relation::Later => Some(true),
            Relation::Earlier | Relation::Same => Some(false),
            Relation::Unknown => None,
            Relation::Incomparable => match self.compared(here, &there) {
                Some(Compared::Apart(order, _)) => Some(order.is_lt()),
                Some(Compared::Variants) => Some(false),
                Some(Compared::Equal | Compared::Unknown) | None => None,
            },
        }
    }

    /// A withdrawn release is lacked by nobody.
    fn is_offered(&self, place: usize) -> bool {
        self.releases()[place].yanked_at.is_none()
    }

    fn is_prerelease(&self, place: usize) -> bool {
        self.number(&self.spot_of(place)).is_some_and(Number::is_prerelease)
    }

    /// Tells whether `image` contains what first came with any of `carriers` (releases of this line, by version); nothing
    /// where what is known cannot tell: a yes is certain.
    pub fn contains(&self, image: Named<'_>, carriers: &[&str]) -> Option<bool> {
        let carriers = carriers.iter().filter_map(|version| self.place_of_version(version));
        let here = self.spot(image);
        let told: Vec<(bool, Option<bool>)> = carriers
            .map(|carrier| (self.is_in_line(&here, carrier), self.contains_one(&here, carrier)))
            .collect();
        let is_certain = |told: &[(bool, Option<bool>)]| {
            !told.is_empty() && told.iter().all(|(_, contains)| *contains == Some(false))
        };
        if told.iter().any(|(_, contains)| *contains == Some(true)) {
            return Some(true);
        }
        // Of a change that its own line got later, another line's release says nothing.
        let own: Vec<_> = told.iter().copied().filter(|(is_in_line, _)| *is_in_line).collect();
        (is_certain(&own) || is_certain(&told)).then_some(false)
    }

    fn contains_one(&self, here: &Spot<'_>, carrier: usize) -> Option<bool> {
        if here.is_itself && here.place == Some(carrier) {
            return Some(true);
        }
        let own = here.place.filter(|_| here.is_itself);
        match own.map_or(Relation::Unknown, |place| self.by_ancestry(carrier, place)) {
            Relation::Later | Relation::Same => return Some(true),
            Relation::Earlier | Relation::Incomparable => return Some(false),
            Relation::Unknown => {}
        }
        match self.relation_of(&self.spot_of(carrier), here) {
            Relation::Later => self.is_built_upon(here, carrier).then_some(true),
            Relation::Earlier => Some(false),
            Relation::Same | Relation::Incomparable | Relation::Unknown => None,
        }
    }

    /// Tells whether a later image is certain to go on from a release: on its line, or where that was the tip of all lines when
    /// it was published, and so whatever has a higher number since began behind it. A maintenance release is built upon by
    /// other lines only where there are no lines beside each other.
    fn is_built_upon(&self, here: &Spot<'_>, carrier: usize) -> bool {
        let there = self.spot_of(carrier);
        let Some((number, carried)) = self.number(here).zip(self.number(&there)) else { return false };
        let is_akin = number.is_of_series_of(carried);
        let published = self.published(here);
        let is_known = match published {
            Some(_) => is_akin || number.is_of_no_series() || carried.is_of_no_series(),
            // A build of somebody's branch may bear such a tag.
            None => is_akin && !number.is_of_a_branch(),
        };
        if number.is_described_by(carried) {
            return true;
        }
        if !is_known || number.may_be_beside(carried) || !number.is_above(carried) {
            return false;
        }
        let is_after_tip = self.tips.contains(&carrier) && published.is_some_and(|place| place > carrier);
        number.is_in_line_of(carried) || is_after_tip && !(self.has_lines && carried.is_maintenance())
    }

    fn is_in_line(&self, here: &Spot<'_>, carrier: usize) -> bool {
        let there = self.spot_of(carrier);
        self.number(here).zip(self.number(&there)).is_some_and(|(here, there)| here.is_in_line_of(there))
    }
}
