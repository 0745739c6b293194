//! Every release that is known, by repository.

#[cfg(test)]
mod mended;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::line::{Line, Named};
use super::number::key;
use super::relation::Relation;
use super::release::{Added, Conflict, Difference, Labels, Registration, Release};
use crate::model::oci::{Digest, Repository};
use crate::model::time::Time;

/// Most releases that only the labels of images tell of, for labels and names come from outside: of one repository …
const LABELLED_MAX: usize = 10_000;
/// … and of all.
const LABELLED_MAX_IN_ALL: usize = 65_536;
/// A repository with more of them than this gives up some before others are forgotten.
const LABELLED_FEW: usize = 64;

/// Every release that is known. A clone is cheap: what did not change is shared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Catalogue {
    lines: BTreeMap<Repository, Arc<Line>>,
    /// The number of releases that nobody registered.
    labelled: usize,
    /// The number of those that were forgotten to stay within bounds.
    forgotten: u64,
}

impl Catalogue {
    /// Tells what registering `release` would do.
    ///
    /// # Errors
    /// The same version, or the same image, was registered otherwise.
    pub fn check(&self, release: &Registration) -> Result<Added, Conflict> {
        let Some(line) = self.line(&release.repository) else { return Ok(Added::New) };
        if let Some(conflict) = release.digests.iter().find_map(|digest| taken(line, digest, release)) {
            return Err(conflict);
        }
        let Some(known) = line.with_version(&release.version) else { return Ok(Added::New) };
        let differences = known.differences(release);
        if !differences.is_empty() {
            return Err(Conflict {
                repository: release.repository.clone(),
                version: known.version.clone(),
                differences,
            });
        }
        let is_extended = Release::clone(known).extend(release);
        Ok(if is_extended { Added::Extended } else { Added::Same })
    }

    /// The release that is built upon this one already, where this one would be built upon it: nothing is its own ancestor.
    pub fn circle<'a>(&'a self, told: &'a Registration) -> Option<&'a str> {
        match self.line(&told.repository) {
            Some(line) => line.circle(told),
            None => Line::default().circle(told).map(|_| &*told.version),
        }
    }

    /// Adds a release as the latest of its repository, or fills in what was not known of it. Facts that are known
    /// already stay as they are.
    pub fn add(&mut self, release: &Registration, at: Time) {
        self.change(&release.repository, |line| line.add(release, at));
    }

    /// Tells whether what was told of a registered release may become this.
    ///
    /// # Errors
    /// An image of it was registered for another release.
    pub fn check_edit(&self, told: &Registration) -> Result<(), Conflict> {
        let Some(line) = self.line(&told.repository) else { return Ok(()) };
        told.digests.iter().find_map(|digest| taken(line, digest, told)).map_or(Ok(()), Err)
    }

    /// Replaces what was told of a registered release.
    pub fn edit(&mut self, told: &Registration) {
        self.change(&told.repository, |line| line.edit(told));
    }

    /// Withdraws a release at a time, or offers it again.
    pub fn yank(&mut self, repository: &Repository, version: &str, yanked_at: Option<Time>) {
        self.change(repository, |line| line.yank(version, yanked_at));
    }

    /// Keeps the times of the commits that are new in a release.
    pub fn date(&mut self, repository: &Repository, version: &str, committed_at: &[Time]) {
        self.change(repository, |line| line.date(version, committed_at));
    }

    /// Forgets what was told of a release; what the labels of images say of it stays.
    pub fn delete(&mut self, repository: &Repository, version: &str) {
        self.change(repository, |line| line.delete(version));
    }

    /// An image passed, and its labels say this.
    pub fn see(&mut self, repository: &Repository, digest: Digest, labels: &Labels<'_>, at: Time) {
        let line = self.line(repository);
        let is_known = line.is_some_and(|line| line.with_digest(&digest).is_some());
        let is_named = labels.may_name() || line.is_some_and(|line| line.with_labels(labels).is_some());
        if is_known || !is_named {
            return;
        }
        if line.is_some_and(|line| line.labelled() >= LABELLED_MAX) {
            self.forget_of(repository);
        } else if self.labelled >= LABELLED_MAX_IN_ALL {
            self.make_room();
        }
        self.change(repository, |line| line.see(repository, digest, labels, at));
    }

    fn change(&mut self, repository: &Repository, change: impl FnOnce(&mut Line)) {
        let line = Arc::make_mut(self.lines.entry(repository.clone()).or_default());
        let before = line.labelled();
        change(line);
        self.labelled = self.labelled + line.labelled() - before;
    }

    /// Forgets releases that only labels tell of: half of those of the repository that has most, and where each has few,
    /// repositories of which only labels tell, first those with a single release, then those silent for longest.
    fn make_room(&mut self) {
        let most = self.lines.iter().max_by_key(|(_, line)| line.labelled());
        if let Some((repository, _)) = most.filter(|(_, line)| line.labelled() > LABELLED_FEW) {
            let repository = repository.clone();
            return self.forget_of(&repository);
        }
        let is_labelled = |line: &Line| line.labelled() > 0 && line.labelled() == line.releases().len();
        let mut order: Vec<_> = self
            .lines
            .iter()
            .filter(|(_, line)| is_labelled(line))
            .map(|(repository, line)| (line.labelled() > 1, line.heard_at(), repository.clone()))
            .collect();
        order.sort_unstable();
        order.truncate(order.len().div_ceil(16));
        for (.., repository) in order {
            let gone = self.lines.remove(&repository).map_or(0, |line| line.labelled());
            self.labelled -= gone;
            self.forgotten += gone as u64;
        }
    }

    fn forget_of(&mut self, repository: &Repository) {
        let mut gone = 0;
        self.change(repository, |line| gone = line.forget_labelled());
        self.forgotten += gone as u64;
    }

    /// The number of releases known from labels alone that were forgotten to stay within bounds.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The releases of a repository.
    pub fn line(&self, repository: &Repository) -> Option<&Arc<Line>> {
        self.lines.get(repository)
    }

    /// The releases of every repository.
    pub fn lines(&self) -> impl Iterator<Item = (&Repository, &Arc<Line>)> {
        self.lines.iter()
    }

    /// The releases of a repository in publishing order.
    pub fn of(&self, repository: &Repository) -> &[Arc<Release>] {
        self.line(repository).map_or(&[], |line| line.releases())
    }

    /// The release with this identifier.
    pub fn with_id(&self, id: &str) -> Option<&Arc<Release>> {
        self.lines.values().flat_map(|line| line.releases()).find(|release| release.id == id)
    }

    /// The position of `to`, seen from `from`. The versions are those that people see; they serve where the catalogue
    /// lacks a digest.
    pub fn relation(&self, repository: &Repository, from: Named<'_>, to: Named<'_>) -> Relation {
        self.line(repository)
            .map_or_else(|| Line::default().relation(from, to), |line| line.relation(from, to))
    }

    /// Tells of each of `images` whether it is later than `low` and earlier than `high`.
    pub fn lie_between(
        &self,
        repository: &Repository,
        low: Named<'_>,
        high: Named<'_>,
        images: &[Named<'_>],
    ) -> Vec<bool> {
        self.line(repository).map_or_else(
            || Line::default().lie_between(low, high, images),
            |line| line.lie_between(low, high, images),
        )
    }

    /// The releases after `low` up to and with `high`, in publishing order.
    pub fn between(&self, repository: &Repository, low: Named<'_>, high: Named<'_>) -> Vec<&Arc<Release>> {
        self.line(repository).map_or_else(Vec::new, |line| line.between(low, high))
    }
}

/// The conflict where an image of `release` was registered for another one.
fn taken(line: &Line, digest: &Digest, release: &Registration) -> Option<Conflict> {
    let owner = line.with_digest(digest).filter(|owner| owner.digests.contains(digest))?;
    (key(&owner.version) != key(&release.version)).then(|| Conflict {
        repository: release.repository.clone(),
        version: owner.version.clone(),
        differences: vec![Difference {
            field: "version",
            known: owner.version.clone(),
            given: release.version.clone(),
        }],
    })
}
