//! The releases of one repository, and which of them contains which.
//!
//! Order, by the first of these that can tell: revision ancestry (`parents`), the version's number (`number.rs`),
//! publishing order. When two releases have a common ancestor and neither contains the other they are incomparable,
//! whatever their numbers. README.md has the rules, and what becomes of numbers that publishing contradicts.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::number::{Basis, Compared, Number};
use super::order::{Relation, key};
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

    pub(super) fn place_of_version(&self, version: &str) -> Option<usize> {
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
        let known = self.by_digest.get(&digest).copied().or_else(|| self.place_of_labels(labels));
        let place = known.or_else(|| {
            let name = labels.name(|version| self.place_of_version(version).is_none())?;
            let same = self.place_of_version(&name);
            Some(same.unwrap_or_else(|| self.push(Release::labelled(repository.clone(), &name, at).into())))
        });
        let Some(place) = place else { return };
        Arc::make_mut(&mut self.releases[place]).see(digest, labels);
        self.claim(place);
    }

    /// The release that labels name.
    pub fn with_labels(&self, labels: &Labels<'_>) -> Option<&Arc<Release>> {
        self.place_of_labels(labels).map(|place| &self.releases[place])
    }

    /// By version, unless the revision is another one; by revision. What somebody registered comes first: versions in
    /// labels may be a base image's, or always the same, and so may revisions beside a version of their own.
    fn place_of_labels(&self, labels: &Labels<'_>) -> Option<usize> {
        let is_other =
            |known: &str| labels.revision.is_some_and(|revision| !is_same_revision(known, revision));
        let is_registered = |place: &usize| self.releases[*place].is_registered;
        let by_version = labels.version.and_then(|version| self.place_of_version(version));
        let by_version =
            by_version.filter(|&place| !self.releases[place].revision.as_deref().is_some_and(is_other));
        let by_revision = labels.revision.and_then(|revision| self.place_of_revision(revision));
        by_version
            .filter(is_registered)
            .or_else(|| by_revision.filter(is_registered))
            .or(by_version)
            .or_else(|| by_revision.filter(|_| labels.version.is_none()))
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
        if from.digest == to.digest && from.version == to.version {
            return Relation::Same;
        }
        self.relation_of(&self.spot(from), &self.spot(to))
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
        let (here, there) = (self.number(from), self.number(to));
        let is_version = here.is_some() || places.is_some_and(|(from, _)| self.releases[from].is_registered);
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
        match here.zip(there).map(|(here, there)| here.compare(there)) {
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

    /// The releases that one of two images contains and the other lacks, in publishing order; none where ancestry does not
    /// know both.
    pub fn apart(&self, left: Named<'_>, right: Named<'_>) -> Vec<&Arc<Release>> {
        let Some((left, right)) = self.spot(left).place.zip(self.spot(right).place) else {
            return Vec::new();
        };
        let (left, right) = (self.ancestors(left), self.ancestors(right));
        left.symmetric_difference(&right).map(|&place| &self.releases[place]).collect()
    }
}

/// An image or release, looked up.
pub(super) struct Spot<'a> {
    pub(super) place: Option<usize>,
    /// It is that release: by its digest, or by its name where that release knows no image.
    pub(super) is_itself: bool,
    name: Option<&'a str>,
    number: Option<Number>,
}
