//! The search index beside the catalogue: what a query found, as releases and changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::deployments::State;
use crate::model::oci::Repository;
use crate::model::releases::{Catalogue, Change, Line, Release, own_request};
use crate::model::search::{Found, Hit, Index, Place, Text};

/// An index of every change of a catalogue. It is derived, and brought up to date by [`Finder::follow`].
#[derive(Default)]
pub struct Finder {
    index: Index,
    /// The lines that are in it.
    known: BTreeMap<Repository, Arc<Line>>,
}

impl Finder {
    /// Tells whether it knows all that the catalogue knows.
    pub fn is_current(&self, catalogue: &Catalogue) -> bool {
        catalogue.lines().all(|(repository, line)| self.knows(repository, line))
    }

    /// Takes in what the catalogue has that it lacks, and leaves what it has no more. Costs by what is new. What says
    /// nothing, as a release that only labels tell of, is nothing to be found.
    pub fn follow(&mut self, catalogue: &Catalogue) {
        for (repository, line) in catalogue.lines() {
            if self.knows(repository, line) {
                continue;
            }
            let before = self.known.insert(repository.clone(), line.clone()).unwrap_or_default();
            let indexed = before.releases().iter().filter(|release| !release.changes.is_empty());
            for old in indexed {
                let is_there = line
                    .with_version(&old.version)
                    .is_some_and(|new| new.version == old.version && !new.changes.is_empty());
                if !is_there {
                    self.index.put(repository, &old.version, []);
                }
            }
            for release in line.releases().iter().filter(|release| !release.changes.is_empty()) {
                let old = before.with_version(&release.version);
                let is_same = |old: &Arc<Release>| {
                    Arc::ptr_eq(old, release)
                        || old.changes == release.changes && old.version == release.version
                };
                if !old.is_some_and(is_same) {
                    self.index.put(repository, &release.version, release.changes.iter().map(text));
                }
            }
        }
        if self.known.len() > catalogue.lines().count() {
            self.known.retain(|repository, _| catalogue.line(repository).is_some());
        }
    }

    fn knows(&self, repository: &Repository, line: &Arc<Line>) -> bool {
        self.known.get(repository).is_some_and(|known| Arc::ptr_eq(known, line))
    }

    /// The changes that `query` may mean, in the repositories for which `within` says so.
    pub fn find(&self, query: &str, within: impl Fn(&Repository) -> bool, limit: usize) -> Found {
        self.index.find(query, within, limit)
    }
}

fn text(change: &Change) -> Text<'_> {
    let Change { kind, title, pr, issue, commit, .. } = change;
    // A title may bring its number along.
    let pr = pr.or_else(|| own_request(title));
    Text { title, pr, issue: *issue, commit: commit.as_deref(), kind: Some(*kind) }
}

/// The release and the change at a place, if the catalogue has it still.
pub(super) fn at<'a>(state: &'a State, place: &Place) -> Option<(&'a Arc<Release>, &'a Change)> {
    let release = state.catalogue().line(&place.repository)?.with_version(&place.version)?;
    Some((release, release.changes.get(place.index)?))
}

/// The releases that carry what was hit, the best match first.
pub fn releases_of<'a>(state: &'a State, hit: &Hit) -> impl Iterator<Item = &'a Arc<Release>> {
    hit.places.iter().filter_map(|place| at(state, place)).map(|(release, _)| release)
}
