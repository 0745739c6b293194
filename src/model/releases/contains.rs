//! Containment and being behind: stricter questions than the order, since lines of maintenance overlap.

use std::sync::Arc;

use super::line::{Line, Named};
use super::number::{Compared, Number};
use super::order::{Relation, Spot};
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
    /// The latest release in the order of the line. A pre-release counts only where `with_prereleases` says so, or
    /// where there is nothing else.
    pub fn latest(&self, with_prereleases: bool) -> Option<&Arc<Release>> {
        let later = |a: usize, b: usize| if self.is_later(&self.spot_of(a), b) { b } else { a };
        let all = 0..self.releases().len();
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
            if !with_prereleases && self.is_prerelease(place) {
                continue;
            }
            let relation = self.relation_of(&here, &self.spot_of(place));
            if self.is_later(&here, place) {
                behind.later.push(release);
            } else if release.is_registered && (relation == Relation::Unknown || is_another(place)) {
                behind.unknown.push(release);
            }
        }
        behind
    }

    /// Whether the release at `place` is later: it comes after, or has a higher number on a line of its own.
    fn is_later(&self, here: &Spot<'_>, place: usize) -> bool {
        let there = self.spot_of(place);
        match self.relation_of(here, &there) {
            Relation::Later => true,
            Relation::Incomparable => {
                let numbers = self.number(here).zip(self.number(&there));
                numbers.is_some_and(|(here, there)| here.order(there).is_some_and(std::cmp::Ordering::is_lt))
            }
            Relation::Earlier | Relation::Same | Relation::Unknown => false,
        }
    }

    fn is_prerelease(&self, place: usize) -> bool {
        self.number(&self.spot_of(place)).is_some_and(Number::is_prerelease)
    }

    /// Whether `image` contains what first came with any of `carriers` (releases of this line, by version); nothing
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

    /// Whether a later image is certain to go on from a release: on its line, or where that was the tip of all lines when
    /// it was published, and so whatever has a higher number since began behind it.
    fn is_built_upon(&self, here: &Spot<'_>, carrier: usize) -> bool {
        let there = self.spot_of(carrier);
        let Some((number, carried)) = self.number(here).zip(self.number(&there)) else { return false };
        let is_higher =
            |a: &Number, b: &Number| matches!(a.compare(b), Compared::Apart(order, _) if order.is_gt());
        if !number.is_akin_to(carried) || !is_higher(number, carried) {
            return false;
        }
        let is_after = self.published(here).is_some_and(|place| place > carrier);
        let is_tip = || {
            let before = (0..carrier).filter(|&place| self.releases()[place].is_registered);
            before
                .map(|place| self.spot_of(place))
                .all(|spot| self.number(&spot).is_none_or(|other| !is_higher(other, carried)))
        };
        number.is_in_line_of(carried) || is_after && self.releases()[carrier].is_registered && is_tip()
    }

    fn is_in_line(&self, here: &Spot<'_>, carrier: usize) -> bool {
        let there = self.spot_of(carrier);
        self.number(here).zip(self.number(&there)).is_some_and(|(here, there)| here.is_in_line_of(there))
    }
}
