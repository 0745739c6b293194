//! The release catalogue and the order of releases.
//!
//! Order, by the first of these that can tell: revision ancestry (`parents`), the version's number (semantic
//! versions with an optional prefix such as `v`, pre-releases, calendar versions), publishing order. When two
//! releases have a common ancestor and neither contains the other they are incomparable, whatever their numbers.
//! `created_at` never decides: a rebuilt image is younger than its successor.

pub mod change;
mod classify;
pub mod notes;
mod references;
mod summary;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::oci::{Digest, Repository};
use super::time::Time;

pub use change::{Change, ChangeKind, Rule};
pub use classify::classify;
pub use references::{References, references};
pub use summary::summary;

/// One published image of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Which repository.
    pub repository: Repository,
    /// Its top-level digest.
    pub digest: Digest,
    /// Its version, e.g. `v2.3.1`.
    pub version: String,
    /// The commit it was built from.
    #[serde(default)]
    pub revision: Option<String>,
    /// When it was made. Shown, never used for order.
    #[serde(default)]
    pub created_at: Option<Time>,
    /// The versions (or revisions) it was built upon.
    #[serde(default)]
    pub parents: Vec<String>,
}

/// Every release that is known, by repository, in publishing order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Catalogue {
    repositories: BTreeMap<Repository, Line>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Line {
    releases: Vec<Release>,
    by_digest: BTreeMap<Digest, usize>,
    by_name: BTreeMap<String, usize>,
}

/// Where one release stands, seen from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It is earlier.
    Earlier,
    /// It is later.
    Later,
    /// It carries the same version.
    Same,
    /// Neither contains the other.
    Incomparable,
    /// Nothing is known that could tell.
    Unknown,
}

impl Catalogue {
    /// Adds a release as the latest of its repository. A digest that is known already keeps its place.
    pub fn add(&mut self, release: Release) {
        let line = self.repositories.entry(release.repository.clone()).or_default();
        let place = line.releases.len();
        if line.by_digest.contains_key(&release.digest) {
            return;
        }
        line.by_digest.insert(release.digest, place);
        line.by_name.entry(release.version.clone()).or_insert(place);
        if let Some(revision) = &release.revision {
            line.by_name.entry(revision.clone()).or_insert(place);
        }
        line.releases.push(release);
    }

    /// The release with this digest.
    pub fn find(&self, repository: &Repository, digest: &Digest) -> Option<&Release> {
        let line = self.repositories.get(repository)?;
        line.by_digest.get(digest).map(|&place| &line.releases[place])
    }

    /// The releases of a repository in publishing order.
    pub fn of(&self, repository: &Repository) -> &[Release] {
        self.repositories.get(repository).map_or(&[], |line| &line.releases)
    }

    /// Where `to` stands, seen from `from`. The versions are those that people see; they serve where the
    /// catalogue lacks a digest.
    pub fn relation(
        &self,
        repository: &Repository,
        from: (&Digest, Option<&str>),
        to: (&Digest, Option<&str>),
    ) -> Relation {
        if let (Some(a), Some(b)) = (from.1, to.1)
            && a == b
        {
            return Relation::Same;
        }
        let line = self.repositories.get(repository);
        let places =
            line.and_then(|line| Some((line, *line.by_digest.get(from.0)?, *line.by_digest.get(to.0)?)));
        if let Some((line, a, b)) = places {
            match line.by_ancestry(a, b) {
                Relation::Unknown => {}
                known => return known,
            }
        }
        let by_version = from.1.zip(to.1).and_then(|(a, b)| by_number(a, b)).map(of_ordering);
        let by_place = places.map(|(_, a, b)| of_ordering(a.cmp(&b)));
        by_version.filter(|relation| *relation != Relation::Same).or(by_place).unwrap_or(Relation::Unknown)
    }

    /// The releases after `low` up to and with `high`, one for each version, in publishing order.
    pub fn between(&self, repository: &Repository, low: &Digest, high: &Digest) -> Vec<&Release> {
        let Some(line) = self.repositories.get(repository) else { return Vec::new() };
        let (Some(&low), Some(&high)) = (line.by_digest.get(low), line.by_digest.get(high)) else {
            return Vec::new();
        };
        let chosen: Vec<usize> = if line.by_ancestry(low, high) == Relation::Later {
            let below = line.ancestors(low);
            line.ancestors(high).into_iter().filter(|place| !below.contains(place)).collect()
        } else {
            let known = |place: usize| {
                let release = &line.releases[place];
                (&release.digest, Some(release.version.as_str()))
            };
            (0..line.releases.len())
                .filter(|&place| self.relation(repository, known(low), known(place)) == Relation::Later)
                .filter(|&place| {
                    let seen = self.relation(repository, known(high), known(place));
                    place == high || seen == Relation::Earlier
                })
                .collect()
        };
        let mut versions = BTreeSet::from([line.releases[low].version.as_str()]);
        let mut releases: Vec<&Release> = Vec::new();
        for place in chosen {
            let release = &line.releases[place];
            if versions.insert(&release.version) {
                releases.push(release);
            }
        }
        releases
    }
}

impl Line {
    fn by_ancestry(&self, from: usize, to: usize) -> Relation {
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
            let parents = self.releases[place].parents.iter().filter_map(|name| self.by_name.get(name));
            next.extend(parents.copied().filter(|&parent| seen.insert(parent)));
        }
        seen
    }
}

fn of_ordering(order: Ordering) -> Relation {
    // `order` compares where one comes from with where one goes to.
    match order {
        Ordering::Less => Relation::Later,
        Ordering::Equal => Relation::Same,
        Ordering::Greater => Relation::Earlier,
    }
}

/// Compares two versions by their numbers, or `None` where one of them has none.
fn by_number(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (Number::parse(a)?, Number::parse(b)?);
    let width = a.parts.len().max(b.parts.len());
    let part = |number: &Number, place: usize| number.parts.get(place).copied().unwrap_or(0);
    let by_parts = (0..width).map(|place| part(&a, place).cmp(&part(&b, place)));
    let core = by_parts.fold(Ordering::Equal, Ordering::then);
    // A pre-release comes before its release.
    Some(core.then_with(|| match (a.pre.is_empty(), b.pre.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => a.pre.cmp(&b.pre),
    }))
}

/// A version's number: `v1.10.0-rc.2`, `2026.03.02`, `2026-03-02.1`.
struct Number {
    parts: Vec<u64>,
    pre: semver::Prerelease,
}

impl Number {
    fn parse(version: &str) -> Option<Self> {
        let start = version.find(|letter: char| letter.is_ascii_digit())?;
        let is_prefix =
            version[..start].bytes().all(|byte| byte.is_ascii_alphabetic() || b"-_/.".contains(&byte));
        let rest = version[start..].split('+').next()?;
        if !is_prefix {
            return None;
        }
        let is_date = rest.len() >= 8
            && rest.split(['-', '.']).count() >= 3
            && rest.bytes().take(4).all(|byte| byte.is_ascii_digit())
            && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-' || byte == b'.');
        let (core, pre) = match rest.split_once('-') {
            Some((core, pre)) if !is_date => (core, pre),
            _ => (rest, ""),
        };
        let parts: Option<Vec<u64>> = core.split(['.', '-']).map(|part| part.parse().ok()).collect();
        let pre = semver::Prerelease::new(pre).ok()?;
        parts.map(|parts| Self { parts, pre })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(version: &str) -> Digest {
        Digest::of(version.as_bytes())
    }

    fn catalogue(releases: &[(&str, &[&str])]) -> (Catalogue, Repository) {
        let repository: Repository = "docker/app".parse().unwrap();
        let mut catalogue = Catalogue::default();
        for (version, parents) in releases {
            catalogue.add(Release {
                repository: repository.clone(),
                digest: digest(version),
                version: (*version).to_owned(),
                revision: None,
                created_at: None,
                parents: parents.iter().map(|&parent| parent.to_owned()).collect(),
            });
        }
        (catalogue, repository)
    }

    fn relation(releases: &[(&str, &[&str])], from: &str, to: &str) -> Relation {
        let (catalogue, repository) = catalogue(releases);
        catalogue.relation(&repository, (&digest(from), Some(from)), (&digest(to), Some(to)))
    }

    #[test]
    fn numbers_tell_the_order_of_versions() {
        let rising: [&[&str]; 5] = [
            &["v1.9.2", "v1.10.0-alpha", "v1.10.0-rc.1", "v1.10.0-rc.2", "v1.10.0-rc.11", "v1.10.0", "v2"],
            &["2026.03.02", "2026.03.10", "2026.11.01"],
            &["2026-03-02", "2026-03-02.1", "2026-11-01"],
            &["release-1.2", "release-1.10"],
            &["1.0.0", "v1.0.1+build.7"],
        ];
        for line in rising {
            for pair in line.windows(2) {
                assert_eq!(relation(&[], pair[0], pair[1]), Relation::Later, "{pair:?}");
                assert_eq!(relation(&[], pair[1], pair[0]), Relation::Earlier, "{pair:?}");
            }
        }
        assert_eq!(relation(&[], "main", "develop"), Relation::Unknown);
        assert_eq!(relation(&[], "v1", "v1"), Relation::Same);
    }

    #[test]
    fn ancestry_comes_before_numbers_and_numbers_before_publishing() {
        let lines: &[(&str, &[&str])] =
            &[("1.0", &[]), ("3.0", &["1.0"]), ("2.0", &["3.0"]), ("1.1", &["1.0"])];
        assert_eq!(relation(lines, "3.0", "2.0"), Relation::Later);
        assert_eq!(relation(lines, "2.0", "1.1"), Relation::Incomparable);
        assert_eq!(relation(&[("1.1", &[]), ("1.0", &[])], "1.0", "1.1"), Relation::Later);
        assert_eq!(relation(&[("blue", &[]), ("green", &[])], "blue", "green"), Relation::Later);
    }

    #[test]
    fn between_names_each_version_once() {
        let (catalogue, repository) = catalogue(&[
            ("1.0", &[]),
            ("1.1", &["1.0"]),
            ("1.2", &["1.1"]),
            ("9.9", &["1.0"]),
            ("1.3", &["1.2"]),
        ]);
        let between = |low: &str, high: &str| -> Vec<String> {
            let found = catalogue.between(&repository, &digest(low), &digest(high));
            found.into_iter().map(|release| release.version.clone()).collect()
        };
        assert_eq!(between("1.0", "1.2"), ["1.1", "1.2"]);
        assert_eq!(between("1.3", "1.3"), [""; 0]);
    }
}
