//! One release, and what becomes of it when it is told twice.

use serde::{Deserialize, Serialize};

use super::change::Change;
use super::number::{Number, key};
use super::revision::is_same_revision;
use crate::model::oci::{Digest, Repository};
use crate::model::time::Time;

/// A release as somebody registers it: what the log keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Of which repository.
    pub repository: Repository,
    /// Its version, e.g. `v2.3.1`.
    pub version: String,
    /// The top-level digests of its images: of its index, of rebuilds. None where the source knows none, as git.
    pub digests: Vec<Digest>,
    /// The commit it was built from.
    pub revision: Option<String>,
    /// The time of its making. Shown, and never used for the order of releases.
    pub created_at: Option<Time>,
    /// The versions or revisions that it was built upon.
    pub parents: Vec<String>,
    /// Its changes.
    pub changes: Vec<Change>,
}

/// A published version of a repository: what was registered, and what the labels of images add to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its identifier: derived from what it is, so that the same release has the same one everywhere.
    pub id: String,
    /// The release, as it was registered.
    pub told: Registration,
    /// Further images, whose labels name this version or revision.
    pub labelled: Vec<Digest>,
    /// The time when Landfall heard of it.
    pub added_at: Time,
    /// Somebody registered it; else only the labels of an image speak of it.
    pub is_registered: bool,
    /// The time when it was withdrawn: it is offered to nobody, and what runs of it is still it.
    pub yanked_at: Option<Time>,
    /// The times of the commits that are new in it, where somebody told them.
    pub committed_at: Vec<Time>,
}

/// The labels of an image that tell of its release: `org.opencontainers.image.*` of the OCI image spec,
/// "Pre-Defined Annotation Keys".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels<'a> {
    /// `version`
    pub version: Option<&'a str>,
    /// `revision`
    pub revision: Option<&'a str>,
    /// `created`
    pub created_at: Option<Time>,
}

/// Digits of a revision in the name of a release that only labels tell of.
const REVISION_CHARS: usize = 7;

impl Labels<'_> {
    /// Tells whether they may name a release: one that always says `main` needs a revision beside it.
    pub(super) fn may_name(&self) -> bool {
        self.name(|_| true).is_some()
    }

    /// The name of the release that they tell of: its version, and its revision where the version is no number or not
    /// free.
    pub(super) fn name(&self, is_free: impl Fn(&str) -> bool) -> Option<String> {
        let version = self.version?;
        let is_number = Number::parse(version).is_some();
        if is_number && is_free(version) {
            return Some(version.to_owned());
        }
        let revision: String = self.revision?.chars().take(REVISION_CHARS).collect();
        // Behind a number it is marked as `git describe` does: it is none itself, whatever its digits.
        Some(format!("{version}-{}{revision}", if is_number { "g" } else { "" }))
    }
}

/// The effect of registering a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is new.
    New,
    /// It adds to what was known.
    Extended,
    /// It says nothing new.
    Same,
}

/// A release that was registered before, and otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{repository} {version} is registered already, and differs in {}", fields(.differences))]
pub struct Conflict {
    /// Of which repository.
    pub repository: Repository,
    /// The version as it was registered.
    pub version: String,
    /// Field by field.
    pub differences: Vec<Difference>,
}

/// A field that was registered otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field's name.
    pub field: &'static str,
    /// The value that is known.
    pub known: String,
    /// The value that was given.
    pub given: String,
}

fn fields(differences: &[Difference]) -> String {
    differences.iter().map(|difference| difference.field).collect::<Vec<_>>().join(", ")
}

impl Registration {
    /// A release of which nothing but its name is known.
    pub fn named(repository: Repository, version: impl Into<String>) -> Self {
        Self {
            repository,
            version: version.into(),
            digests: Vec::new(),
            revision: None,
            created_at: None,
            parents: Vec::new(),
            changes: Vec::new(),
        }
    }
}

impl std::ops::Deref for Release {
    type Target = Registration;
    fn deref(&self) -> &Registration {
        &self.told
    }
}

impl Release {
    /// A release that was registered at `added_at`.
    pub fn registered(told: Registration, added_at: Time) -> Self {
        let name = format!("{}\0{}", told.repository, key(&told.version));
        let id = format!("rel_{}", Digest::of(name.as_bytes()).short());
        Self {
            id,
            told,
            labelled: Vec::new(),
            added_at,
            is_registered: true,
            yanked_at: None,
            committed_at: Vec::new(),
        }
    }

    /// A release that the labels of an image name.
    pub(super) fn labelled(repository: Repository, version: &str, added_at: Time) -> Self {
        let release = Self::registered(Registration::named(repository, version), added_at);
        Self { is_registered: false, ..release }
    }

    /// The digest to deploy: the one registered first, else the first that names it.
    pub fn digest(&self) -> Option<Digest> {
        self.digests.first().or(self.labelled.first()).copied()
    }

    /// Every digest of it.
    pub fn all_digests(&self) -> impl Iterator<Item = &Digest> {
        self.digests.iter().chain(&self.labelled)
    }

    /// Finds the field in which `given` contradicts what is known of the same version.
    pub(super) fn differences(&self, given: &Registration) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut differ = |field, known: String, given: String| {
            differences.push(Difference { field, known, given });
        };
        let is_within = |a: &[Digest], b: &[Digest]| a.iter().all(|digest| b.contains(digest));
        if !is_within(&given.digests, &self.digests) && !is_within(&self.digests, &given.digests) {
            differ("digest", list(&self.digests), list(&given.digests));
        }
        if let (Some(known), Some(other)) = (&self.revision, &given.revision)
            && !is_same_revision(known, other)
        {
            differ("revision", known.clone(), other.clone());
        }
        if let (Some(known), Some(other)) = (self.created_at, given.created_at)
            && self.is_registered
            && known != other
        {
            differ("created_at", known.to_string(), other.to_string());
        }
        if !self.parents.is_empty() && !given.parents.is_empty() && self.parents != given.parents {
            differ("parents", self.parents.join(", "), given.parents.join(", "));
        }
        if !self.changes.is_empty()
            && !given.changes.is_empty()
            && !is_same_work(&self.changes, &given.changes)
        {
            differ("changes", titles(&self.changes), titles(&given.changes));
        }
        differences
    }

    /// The release without what was registered: what the labels of images say; nothing without any.
    pub(super) fn forgotten(&self) -> Option<Self> {
        let left = Self::labelled(self.repository.clone(), &self.version, self.added_at);
        (!self.labelled.is_empty()).then(|| Self { labelled: self.labelled.clone(), ..left })
    }

    /// Fills in what was not known, and leaves the rest as it is. Returns whether anything was new.
    pub(super) fn extend(&mut self, given: &Registration) -> bool {
        let before = self.clone();
        let told = &mut self.told;
        for digest in &given.digests {
            if !told.digests.contains(digest) {
                told.digests.push(*digest);
            }
            self.labelled.retain(|labelled| labelled != digest);
        }
        if !self.is_registered {
            told.version.clone_from(&given.version);
            told.created_at = given.created_at.or(told.created_at);
            self.is_registered = true;
        }
        match (&told.revision, &given.revision) {
            (Some(known), Some(other)) if is_same_revision(known, other) && other.len() > known.len() => {
                told.revision.clone_from(&given.revision);
            }
            (None, Some(_)) => told.revision.clone_from(&given.revision),
            _ => {}
        }
        told.created_at = told.created_at.or(given.created_at);
        if told.parents.is_empty() {
            told.parents.clone_from(&given.parents);
        }
        if told.changes.is_empty() {
            told.changes.clone_from(&given.changes);
        }
        *self != before
    }

    /// An image of it passed, and its labels say this.
    pub(super) fn see(&mut self, digest: Digest, labels: &Labels<'_>) {
        if !self.all_digests().any(|known| *known == digest) {
            self.labelled.push(digest);
        }
        self.told.revision = self.told.revision.take().or(labels.revision.map(str::to_owned));
        self.told.created_at = self.told.created_at.or(labels.created_at);
    }
}

/// Tells whether both lists name the same changes; how they were classified may have become better since.
fn is_same_work(a: &[Change], b: &[Change]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.title == b.title && a.pr == b.pr)
}

fn list(digests: &[Digest]) -> String {
    digests.iter().map(Digest::to_string).collect::<Vec<_>>().join(", ")
}

fn titles(changes: &[Change]) -> String {
    match changes {
        [first] => first.title.clone(),
        [first, rest @ ..] => format!("{} and {} more", first.title, rest.len()),
        [] => String::new(),
    }
}
