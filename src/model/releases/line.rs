//! The releases of one repository, and which of them contains which.
//!
//! Order, by the first of these that can tell: revision ancestry (`parents`), the version's number (semantic
//! versions with an optional prefix such as `v`, pre-releases, calendar versions), publishing order. When two
//! releases have a common ancestor and neither contains the other they are incomparable, whatever their numbers.
//! `created_at` never decides: a rebuilt image is younger than its successor.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::order::{Number, Relation, key};
use super::release::{Labels, Registration, Release, is_same_revision};
use crate::model::oci::{Digest, Repository};
use crate::model::time::Time;

/// The releases of one repository, in publishing order: that in which Landfall heard of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Line {
    releases: Vec<Arc<Release>>,
    numbers: Vec<Option<Number>>,
    by_digest: BTreeMap<Digest, usize>,
    /// By version without its `v`, and by revision.
    by_name: BTreeMap<String, usize>,
    has_ancestry: bool,
    /// The number of those that nobody registered: only labels speak of them.
    labelled: usize,
}

/// An image as a question knows it: its digest, and the version that people see, where there is one.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Its top-level digest.
    pub digest: &'a Digest,
    /// Its version.
    pub version: Option<&'a str>,
}

impl Line {
    /// The releases, in publishing order.
    pub fn releases(&self) -> &[Arc<Release>] {
        &self.releases
    }

    /// The release with this image.
    pub fn with_digest(&self, digest: &Digest) -> Option<&Arc<Release>> {
        self.by_digest.get(digest).map(|&place| &self.releases[place])
    }

    /// The release with this version, with or without a leading `v`.
    pub fn with_version(&self, version: &str) -> Option<&Arc<Release>> {
        self.place_of_version(version).map(|place| &self.releases[place])
    }

    fn place_of_version(&self, version: &str) -> Option<usize> {
        let place = *self.by_name.get(key(version))?;
        (key(&self.releases[place].version) == key(version)).then_some(place)
    }

    /// Adds a release, or fills in the one of the same version.
    pub(super) fn add(&mut self, given: &Registration, at: Time) {
        let place = match self.place_of_version(&given.version) {
            Some(place) => {
                let release = Arc::make_mut(&mut self.releases[place]);
                self.labelled -= usize::from(!release.is_registered);
                release.extend(given);
                place
            }
            None => self.push(Release::registered(given.clone(), at).into()),
        };
        self.claim(place);
    }

    /// An image of `repository` passed, and its labels say this.
    pub(super) fn see(&mut self, repository: &Repository, digest: Digest, labels: &Labels<'_>, at: Time) {
        let known = self.by_digest.get(&digest).copied();
        let by_version = || self.place_of_version(labels.version?);
        let by_revision = || self.place_of_revision(labels.revision?);
        let place = match (known.or_else(by_version).or_else(by_revision), labels.version) {
            (Some(place), _) => place,
            (None, Some(version)) => self.push(Release::labelled(repository.clone(), version, at).into()),
            (None, None) => return,
        };
        Arc::make_mut(&mut self.releases[place]).see(digest, labels);
        self.claim(place);
    }

    fn push(&mut self, release: Arc<Release>) -> usize {
        self.numbers.push(Number::parse(&release.version));
        self.labelled += usize::from(!release.is_registered);
        self.releases.push(release);
        self.releases.len() - 1
    }

    /// The number of releases that nobody registered.
    pub(super) fn labelled(&self) -> usize {
        self.labelled
    }

    /// The time when Landfall heard of the latest one.
    pub(super) fn heard_at(&self) -> Option<Time> {
        self.releases.last().map(|release| release.added_at)
    }

    /// Forgets the older half of the releases that nobody registered. Returns how many went.
    pub(super) fn forget_labelled(&mut self) -> usize {
        let gone = self.labelled.div_ceil(2);
        let mut left = gone;
        let mut kept = Self::default();
        for release in &self.releases {
            if !release.is_registered && left > 0 {
                left -= 1;
                continue;
            }
            let place = kept.push(release.clone());
            kept.claim(place);
        }
        *self = kept;
        gone
    }

    /// Enters the names of a release into the tables. An image belongs to the release that registered it.
    fn claim(&mut self, place: usize) {
        let release = self.releases[place].clone();
        for digest in release.all_digests() {
            let other = self.by_digest.insert(*digest, place).filter(|&other| other != place);
            if let Some(other) = other {
                let other = Arc::make_mut(&mut self.releases[other]);
                other.labelled.retain(|labelled| labelled != digest);
            }
        }
        self.has_ancestry |= !release.parents.is_empty();
        self.by_name.insert(key(&release.version).to_owned(), place);
        if let Some(revision) = &release.revision {
            self.by_name.entry(revision.clone()).or_insert(place);
        }
    }

    fn place_of_revision(&self, revision: &str) -> Option<usize> {
        let exact = self.by_name.get(revision).copied();
        exact.or_else(|| {
            let is_it = |release: &Arc<Release>| {
                release.revision.as_deref().is_some_and(|known| is_same_revision(known, revision))
            };
            self.releases.iter().position(is_it)
        })
    }

    /// Looks up an image's place once, for several comparisons.
    fn spot<'a>(&self, image: Named<'a>) -> Spot<'a> {
        let by_version = || image.version.and_then(|version| self.place_of_version(version));
        let place = self.by_digest.get(image.digest).copied().or_else(by_version);
        // Of a release the number is known already.
        let number = image.version.filter(|_| place.is_none()).and_then(Number::parse);
        Spot { place, name: image.version.map(key), number }
    }

    fn spot_of(&self, place: usize) -> Spot<'_> {
        Spot { place: Some(place), name: Some(key(&self.releases[place].version)), number: None }
    }

    /// The position of `to`, seen from `from`.
    pub(super) fn relation(&self, from: Named<'_>, to: Named<'_>) -> Relation {
        self.relation_of(&self.spot(from), &self.spot(to))
    }

    /// The position of one version, seen from another.
    pub fn relation_of_versions(&self, from: &str, to: &str) -> Relation {
        let spot = |version| Spot {
            place: self.place_of_version(version),
            name: Some(key(version)),
            number: Number::parse(version),
        };
        self.relation_of(&spot(from), &spot(to))
    }

    fn relation_of(&self, from: &Spot<'_>, to: &Spot<'_>) -> Relation {
        if from.name.is_some() && from.name == to.name {
            return Relation::Same;
        }
        let places = from.place.zip(to.place);
        if let Some((from, to)) = places {
            match self.by_ancestry(from, to) {
                Relation::Unknown => {}
                known => return known,
            }
        }
        let by_number = self.number(from).zip(self.number(to)).map(|(from, to)| from.cmp(to));
        let by_place = places.map(|(from, to)| from.cmp(&to));
        let order = by_number.filter(|order| order.is_ne()).or(by_place);
        order.map_or(Relation::Unknown, Relation::of)
    }

    fn number<'a>(&'a self, spot: &'a Spot<'_>) -> Option<&'a Number> {
        spot.number.as_ref().or_else(|| self.numbers[spot.place?].as_ref())
    }

    fn by_ancestry(&self, from: usize, to: usize) -> Relation {
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

    /// `place` and everything it was built upon.
    fn ancestors(&self, place: usize) -> BTreeSet<usize> {
        let mut seen = BTreeSet::from([place]);
        let mut next = vec![place];
        while let Some(place) = next.pop() {
            let parents = self.releases[place].parents.iter().filter_map(|name| self.by_name.get(key(name)));
            next.extend(parents.copied().filter(|&parent| seen.insert(parent)));
        }
        seen
    }

    /// The releases after `low` up to and with `high`, in publishing order.
    pub(super) fn between(&self, low: Named<'_>, high: Named<'_>) -> Vec<&Arc<Release>> {
        self.between_spots(&self.spot(low), &self.spot(high))
    }

    fn between_spots(&self, low: &Spot<'_>, high: &Spot<'_>) -> Vec<&Arc<Release>> {
        if let Some((low, high)) = low.place.zip(high.place)
            && self.by_ancestry(low, high) == Relation::Later
        {
            let below = self.ancestors(low);
            return self.ancestors(high).difference(&below).map(|&place| &self.releases[place]).collect();
        }
        let is_between = |place: usize| {
            let here = self.spot_of(place);
            self.relation_of(low, &here) == Relation::Later
                && (high.place == Some(place) || self.relation_of(high, &here) == Relation::Earlier)
        };
        (0..self.releases.len())
            .filter(|&place| is_between(place))
            .map(|place| &self.releases[place])
            .collect()
    }

    /// The releases after `image` up to and with `latest`, in publishing order; none where it is not behind.
    pub fn after(&self, image: Named<'_>, latest: &Release) -> Vec<&Arc<Release>> {
        let Some(place) = self.place_of_version(&latest.version) else { return Vec::new() };
        let (here, there) = (self.spot(image), self.spot_of(place));
        if self.relation_of(&here, &there) == Relation::Later {
            self.between_spots(&here, &there)
        } else {
            Vec::new()
        }
    }

    /// The releases that one of two images contains and the other lacks, in publishing order; none where ancestry does not
    /// know both.
    pub fn apart(&self, left: Named<'_>, right: Named<'_>) -> Vec<&Arc<Release>> {
        let Some((left, right)) = self.spot(left).place.zip(self.spot(right).place) else {
            return Vec::new();
        };
        let (left, right) = (self.ancestors(left), self.ancestors(right));
        left.symmetric_difference(&right).map(|&place| &self.releases[place]).collect()
    }

    /// The latest release in the order of the line. A pre-release counts only where `with_prereleases` says so, or
    /// where there is nothing else.
    pub fn latest(&self, with_prereleases: bool) -> Option<&Arc<Release>> {
        let is_pre = |place: usize| self.numbers[place].as_ref().is_some_and(Number::is_prerelease);
        let later = |a: usize, b: usize| {
            let is_later = self.relation_of(&self.spot_of(a), &self.spot_of(b)) == Relation::Later;
            if is_later { b } else { a }
        };
        let all = 0..self.releases.len();
        let released = all.clone().filter(|&place| with_prereleases || !is_pre(place)).reduce(later);
        released.or_else(|| all.reduce(later)).map(|place| &self.releases[place])
    }

    /// Whether `image` contains what first came with any of `carriers` (releases of this line, by version); nothing
    /// where what is known cannot tell. A release of another line of maintenance that was published before every
    /// carrier is such a case, whatever its number.
    pub fn contains(&self, image: Named<'_>, carriers: &[&str]) -> Option<bool> {
        let carriers: Vec<usize> =
            carriers.iter().filter_map(|version| self.place_of_version(version)).collect();
        let here = self.spot(image);
        let relation = |&carrier: &usize| self.relation_of(&self.spot_of(carrier), &here);
        let by_ancestry: Vec<Relation> = here
            .place
            .map(|place| carriers.iter().map(|&carrier| self.by_ancestry(carrier, place)).collect())
            .unwrap_or_default();
        if here.place.is_some_and(|place| carriers.contains(&place)) || by_ancestry.contains(&Relation::Later)
        {
            return Some(true);
        }
        if !by_ancestry.is_empty() && !by_ancestry.contains(&Relation::Unknown) {
            return Some(false);
        }
        let relations: Vec<(usize, Relation)> =
            carriers.iter().map(|carrier| (*carrier, relation(carrier))).collect();
        let is_at_or_after = |relation: Relation| matches!(relation, Relation::Later | Relation::Same);
        let number = self.number(&here);
        let in_line = |carrier: usize| match (number, self.numbers[carrier].as_ref()) {
            (Some(here), Some(there)) => here.is_in_line_of(there),
            _ => false,
        };
        if relations.iter().any(|&(carrier, relation)| in_line(carrier) && is_at_or_after(relation)) {
            return Some(true);
        }
        if relations.iter().any(|&(carrier, _)| in_line(carrier)) {
            return Some(false);
        }
        let before: Vec<usize> = relations
            .iter()
            .filter(|(_, relation)| is_at_or_after(*relation))
            .map(|(carrier, _)| *carrier)
            .collect();
        if before.is_empty() {
            let is_after = |(_, relation): &(usize, Relation)| *relation == Relation::Earlier;
            return relations.iter().all(is_after).then_some(false).filter(|_| !relations.is_empty());
        }
        let is_published_after = |&carrier: &usize| here.place.is_none_or(|place| place > carrier);
        before.iter().any(is_published_after).then_some(true)
    }
}

/// An image or release, looked up.
struct Spot<'a> {
    place: Option<usize>,
    name: Option<&'a str>,
    number: Option<Number>,
}
