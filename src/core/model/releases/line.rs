//! The releases of one repository: their images, their names, what lies between two of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::number::{Number, key};
use super::relation::Relation;
use super::release::{Labels, Registration, Release};
use super::revision::is_same_revision;
use crate::model::oci::{Digest, Repository};
use crate::model::time::Time;

/// The releases of one repository, in publishing order: that in which Landfall heard of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Line {
    pub(super) releases: Vec<Arc<Release>>,
    pub(super) numbers: Vec<Option<Number>>,
    pub(super) by_digest: BTreeMap<Digest, usize>,
    /// By version without its `v`, and by revision.
    pub(super) by_name: BTreeMap<String, usize>,
    pub(super) has_ancestry: bool,
    /// Registered releases that had the highest number of all when Landfall heard of them, by place.
    pub(super) tips: BTreeSet<usize>,
    /// A release was registered behind one of a higher line: several lines are maintained.
    pub(super) has_lines: bool,
    /// The number of those that nobody registered: only labels speak of them.
    labelled: usize,
}

/// An image as a question knows it: its digest, and the version that people see, where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// Its top-level digest.
    pub digest: &'a Digest,
    /// Its version.
    pub version: Option<&'a str>,
}

/// An image or release, looked up.
pub(super) struct Spot<'a> {
    pub(super) place: Option<usize>,
    /// It is that release: by its digest, or by its name where that release knows no image.
    pub(super) is_itself: bool,
    pub(super) name: Option<&'a str>,
    pub(super) number: Option<Number>,
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

    /// Tells whether a release has this version or revision, as another names its parents.
    pub fn has_name(&self, name: &str) -> bool {
        self.by_name.contains_key(key(name))
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
        self.rank(place);
        self.claim(place);
    }

    /// Notes how a release that is registered stands to those before it.
    fn rank(&mut self, place: usize) {
        let Some(number) = self.numbers[place].as_ref().filter(|_| self.releases[place].is_registered) else {
            return;
        };
        let mut higher =
            self.numbers[..place].iter().flatten().filter(|other| other.is_above(number)).peekable();
        let is_tip = higher.peek().is_none();
        self.has_lines |= higher.any(|other| !other.is_in_line_of(number));
        if is_tip {
            self.tips.insert(place);
        }
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

    /// By version, unless the revision is another one; by revision. Registered releases come first: versions in
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
        self.rebuild(|release| {
            let goes = !release.is_registered && left > 0;
            left -= usize::from(goes);
            (!goes).then_some(release)
        });
        gone
    }

    /// Replaces what was told of the release of this version. An image that it has now is no other release's by labels.
    pub(super) fn edit(&mut self, told: &Registration) {
        let Some(place) = self.place_of_version(&told.version) else { return };
        let id = self.releases[place].id.clone();
        self.rebuild(|mut release| {
            let is_taken = |digest: &Digest| told.digests.contains(digest);
            if release.labelled.iter().any(is_taken) {
                Arc::make_mut(&mut release).labelled.retain(|digest| !is_taken(digest));
            }
            if release.id == id {
                Arc::make_mut(&mut release).told = told.clone();
            }
            Some(release)
        });
    }

    /// Withdraws the release of this version, or offers it again.
    pub(super) fn yank(&mut self, version: &str, yanked_at: Option<Time>) {
        if let Some(place) = self.place_of_version(version) {
            let release = Arc::make_mut(&mut self.releases[place]);
            release.yanked_at = yanked_at.map(|at| release.yanked_at.unwrap_or(at));
        }
    }

    /// Keeps the times of the commits that are new in the release of this version.
    pub(super) fn date(&mut self, version: &str, committed_at: &[Time]) {
        if let Some(place) = self.place_of_version(version) {
            Arc::make_mut(&mut self.releases[place]).committed_at = committed_at.to_vec();
        }
    }

    /// Forgets what was told of the release of this version; what the labels of images say of it stays.
    pub(super) fn delete(&mut self, version: &str) {
        let Some(place) = self.place_of_version(version) else { return };
        let id = self.releases[place].id.clone();
        self.rebuild(
            |release| if release.id == id { release.forgotten().map(Arc::new) } else { Some(release) },
        );
    }

    /// Builds every table again out of what `kept` leaves of each release.
    fn rebuild(&mut self, mut kept: impl FnMut(Arc<Release>) -> Option<Arc<Release>>) {
        let mut line = Self::default();
        for release in std::mem::take(&mut self.releases).into_iter().filter_map(&mut kept) {
            let place = line.push(release);
            line.rank(place);
            line.claim(place);
        }
        *self = line;
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
