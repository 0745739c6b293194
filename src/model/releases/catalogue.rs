//! Every release that is known, by repository.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::line::{Line, Named};
use super::order::{Relation, key};
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
        for digest in &release.digests {
            let owner = line.with_digest(digest).filter(|owner| owner.digests.contains(digest));
            if let Some(owner) = owner.filter(|owner| key(&owner.version) != key(&release.version)) {
                return Err(Conflict {
                    repository: release.repository.clone(),
                    version: owner.version.clone(),
                    differences: vec![Difference {
                        field: "version",
                        known: owner.version.clone(),
                        given: release.version.clone(),
                    }],
                });
            }
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

    /// Adds a release as the latest of its repository, or fills in what was not known of it. What is known already
    /// stays as it is.
    pub fn add(&mut self, release: &Registration, at: Time) {
        self.change(&release.repository, |line| line.add(release, at));
    }

    /// An image passed, and its labels say this.
    pub fn see(&mut self, repository: &Repository, digest: Digest, labels: &Labels<'_>, at: Time) {
        let line = self.line(repository);
        let is_known = line.is_some_and(|line| line.with_digest(&digest).is_some());
        let is_named = labels.version.is_some() || (labels.revision.is_some() && line.is_some());
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

    /// The releases after `low` up to and with `high`, in publishing order.
    pub fn between(&self, repository: &Repository, low: Named<'_>, high: Named<'_>) -> Vec<&Arc<Release>> {
        self.line(repository).map_or_else(Vec::new, |line| line.between(low, high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::releases::change::Change;

    fn digest(version: &str) -> Digest {
        Digest::of(version.as_bytes())
    }

    fn repository() -> Repository {
        "docker/app".parse().unwrap()
    }

    fn release(version: &str, parents: &[&str]) -> Registration {
        Registration {
            digests: vec![digest(version)],
            parents: parents.iter().map(|&parent| parent.to_owned()).collect(),
            ..Registration::named(repository(), version)
        }
    }

    fn catalogue(releases: &[(&str, &[&str])]) -> Catalogue {
        let mut catalogue = Catalogue::default();
        for (version, parents) in releases {
            catalogue.add(&release(version, parents), Time::from_ms(0));
        }
        catalogue
    }

    fn named<'a>(digest: &'a Digest, version: &'a str) -> Named<'a> {
        Named { digest, version: Some(version) }
    }

    fn relation(releases: &[(&str, &[&str])], from: &str, to: &str) -> Relation {
        let (a, b) = (digest(from), digest(to));
        catalogue(releases).relation(&repository(), named(&a, from), named(&b, to))
    }

    #[test]
    fn ancestry_comes_before_numbers_and_numbers_before_publishing() {
        let lines: &[(&str, &[&str])] =
            &[("1.0", &[]), ("3.0", &["1.0"]), ("2.0", &["v3.0"]), ("1.1", &["1.0"])];
        assert_eq!(relation(lines, "3.0", "2.0"), Relation::Later);
        assert_eq!(relation(lines, "2.0", "1.1"), Relation::Incomparable);
        assert_eq!(relation(&[("1.1", &[]), ("1.0", &[])], "1.0", "1.1"), Relation::Later);
        assert_eq!(relation(&[("blue", &[]), ("green", &[])], "blue", "green"), Relation::Later);
        assert_eq!(relation(&[], "main", "develop"), Relation::Unknown);
        assert_eq!(relation(&[], "v1", "1"), Relation::Same);
    }

    #[test]
    fn between_names_each_version_once_also_where_an_end_is_unknown() {
        let catalogue = catalogue(&[
            ("1.0", &[]),
            ("1.1", &["1.0"]),
            ("1.2", &["1.1"]),
            ("9.9", &["1.0"]),
            ("1.3", &["1.2"]),
        ]);
        let between = |low: &str, high: &str| -> Vec<String> {
            let (a, b) = (digest(low), digest(high));
            let found = catalogue.between(&repository(), named(&a, low), named(&b, high));
            found.into_iter().map(|release| release.version.clone()).collect()
        };
        assert_eq!(between("1.0", "1.2"), ["1.1", "1.2"]);
        assert_eq!(between("1.3", "1.3"), [""; 0]);
        assert_eq!(between("1.1.5", "2.0"), ["1.2", "1.3"]);
    }

    #[test]
    fn the_same_release_again_is_nothing_new_and_another_one_is_a_conflict() {
        let mut catalogue = catalogue(&[("v1.0", &[])]);
        let check = |catalogue: &Catalogue, release: &Registration| match catalogue.check(release) {
            Ok(added) => format!("{added:?}"),
            Err(conflict) => conflict.differences.iter().map(|it| it.field).collect::<Vec<_>>().join(","),
        };
        let known = release("v1.0", &[]);
        let with_change = Registration {
            changes: vec![Change::parse("Fix: login", None).unwrap()],
            ..Registration::named(repository(), "1.0")
        };
        let rebuilt = Registration { digests: vec![digest("v1.0"), digest("rebuilt")], ..known.clone() };
        assert_eq!(check(&catalogue, &known), "Same");
        assert_eq!(check(&catalogue, &with_change), "Extended");
        assert_eq!(check(&catalogue, &rebuilt), "Extended");
        assert_eq!(
            check(&catalogue, &Registration { digests: vec![digest("other")], ..known.clone() }),
            "digest"
        );
        assert_eq!(check(&catalogue, &Registration { version: "v1.1".into(), ..known.clone() }), "version");
        assert_eq!(check(&catalogue, &release("v1.1", &[])), "New");
        catalogue.add(&with_change, Time::from_ms(9));
        let other = Registration { changes: vec![Change::parse("Fix: logout", None).unwrap()], ..known };
        assert_eq!(check(&catalogue, &other), "changes");
        assert_eq!(catalogue.of(&repository())[0].version, "v1.0");
    }

    #[test]
    fn labels_link_an_image_to_the_release_that_they_name() {
        let mut catalogue = Catalogue::default();
        let of_git = Registration {
            revision: Some("0123456789abcdef".into()),
            ..Registration::named(repository(), "v1.0")
        };
        catalogue.add(&of_git, Time::from_ms(0));
        let at = Time::from_ms(5);
        let labels = |version, revision| Labels { version, revision, created_at: None };
        catalogue.see(&repository(), digest("a"), &labels(None, Some("0123456")), at);
        catalogue.see(&repository(), digest("b"), &labels(Some("1.0"), None), at);
        catalogue.see(&repository(), digest("c"), &labels(Some("1.1"), None), at);
        catalogue.see(&repository(), digest("d"), &labels(None, None), at);
        let found = |name: &str| {
            let digest = digest(name);
            catalogue.line(&repository())?.with_digest(&digest).map(|release| release.version.clone())
        };
        assert_eq!(
            ["a", "b", "c", "d"].map(found),
            [Some("v1.0"), Some("v1.0"), Some("1.1"), None].map(|it| it.map(str::to_owned))
        );
    }

    #[test]
    fn an_image_moves_to_the_release_that_registers_it() {
        let mut catalogue = Catalogue::default();
        let inherited = Labels { version: Some("22.04"), ..Labels::default() };
        catalogue.see(&repository(), digest("v1.0"), &inherited, Time::from_ms(1));
        assert_eq!(catalogue.check(&release("v1.0", &[])), Ok(Added::New));
        catalogue.add(&release("v1.0", &[]), Time::from_ms(2));
        let digest = digest("v1.0");
        let found = catalogue.line(&repository()).unwrap().with_digest(&digest).unwrap();
        assert_eq!(found.version, "v1.0");
        assert_eq!(catalogue.of(&repository())[0].digest(), None);
    }

    #[test]
    fn what_an_image_contains_follows_its_line() {
        let published = ["v2.14.20", "v3.0.12", "v3.1.0", "v3.0.13", "v3.1.1", "v3.2.0"];
        let releases: Vec<(&str, &[&str])> = published.iter().map(|version| (*version, &[][..])).collect();
        let catalogue = catalogue(&releases);
        let line = catalogue.line(&repository()).unwrap();
        let contains = |version: &str, carriers: &[&str]| {
            let digest = digest(version);
            line.contains(named(&digest, version), carriers)
        };
        let cases: [(&str, &[&str], Option<bool>); 9] = [
            ("v3.0.13", &["v3.0.13", "v3.1.1"], Some(true)),
            ("v3.0.12", &["v3.0.13", "v3.1.1"], Some(false)),
            ("v3.1.0", &["v3.0.13", "v3.1.1"], Some(false)),
            ("v3.2.0", &["v3.0.13", "v3.1.1"], Some(true)),
            // Later by its number, and published before the fix: nobody knows.
            ("v3.1.0", &["v3.0.13"], None),
            ("v3.1.1", &["v3.0.13"], Some(true)),
            ("v2.14.20", &["v3.0.13"], Some(false)),
            ("v3.1.2", &["v3.1.1"], Some(true)),
            ("main", &["v3.1.1"], None),
        ];
        for (version, carriers, expected) in cases {
            assert_eq!(contains(version, carriers), expected, "{version} {carriers:?}");
        }
    }

    #[test]
    fn ancestry_says_what_an_image_contains() {
        let catalogue =
            catalogue(&[("1.0", &[]), ("1.1", &["1.0"]), ("2.0", &["1.0"]), ("2.1", &["2.0", "1.1"])]);
        let line = catalogue.line(&repository()).unwrap();
        let contains = |version: &str, carrier: &str| {
            let digest = digest(version);
            line.contains(named(&digest, version), &[carrier])
        };
        assert_eq!(contains("2.0", "1.1"), Some(false));
        assert_eq!(contains("2.1", "1.1"), Some(true));
        assert_eq!(contains("1.0", "1.1"), Some(false));
    }

    #[test]
    fn the_latest_is_no_prerelease_unless_asked_for() {
        let catalogue = catalogue(&[("1.0", &[]), ("1.2", &[]), ("1.1.9", &[]), ("2.0-rc.1", &[])]);
        let line = catalogue.line(&repository()).unwrap();
        assert_eq!(line.latest(false).unwrap().version, "1.2");
        assert_eq!(line.latest(true).unwrap().version, "2.0-rc.1");
    }
}
