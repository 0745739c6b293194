//! Releases and their changes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::seen::Seen;
use super::words::words;
use crate::model::names::EnvironmentName;
use crate::model::oci::{Digest, Repository};
use crate::model::time::Time;

/// A release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReleaseView)]
pub struct Release {
    /// Its identifier.
    pub id: String,
    /// Of which repository.
    pub repository: Repository,
    /// The digest of its image, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Every digest of it, where there are several: rebuilds, and images whose labels name it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<Digest>,
    /// Its version.
    pub version: String,
    /// The commit it was built from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Time when it was made; where nobody said, when Landfall heard of it.
    pub created_at: Time,
    /// Time when it was yanked: it runs where it runs, and is offered no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yanked_at: Option<Time>,
    /// The versions or revisions that it was built upon.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
    /// Changes that came with it.
    pub changes: Vec<ReleaseChange>,
    /// Its changes in a sentence or two.
    pub summary: String,
    /// `registered` by somebody, or known from an image's `labels` or its `tag`.
    pub source: Source,
    /// Environments that run it; only where a question asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environments: Option<Vec<ReleasePlace>>,
}

impl Release {
    /// Its version, and that it was yanked where it was.
    pub fn label(&self) -> String {
        label(&self.version, self.yanked_at)
    }

    /// Number of its changes that are fixes, security fixes among them.
    pub fn fixes(&self) -> usize {
        self.changes.iter().filter(|change| change.is_fix()).count()
    }
}

/// A release by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseRef {
    /// Its identifier.
    pub id: String,
    /// Of which repository.
    pub repository: Repository,
    /// Its version.
    pub version: String,
    /// The digest of its image, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Time when it was made; where nobody said, when Landfall heard of it.
    pub created_at: Time,
    /// Time when it was yanked: it runs where it runs, and is offered no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked_at: Option<Time>,
}

impl ReleaseRef {
    /// Its version, and that it was yanked where it was.
    pub fn label(&self) -> String {
        label(&self.version, self.yanked_at)
    }
}

fn label(version: &str, yanked_at: Option<Time>) -> String {
    if yanked_at.is_some() { format!("{version} (yanked)") } else { version.to_owned() }
}

/// An environment that runs a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Where)]
pub struct ReleasePlace {
    /// The environment.
    pub name: EnvironmentName,
    /// Since when: the first evidence.
    pub since: Time,
    /// Age of that.
    #[serde(flatten)]
    pub seen: Seen,
}

/// One change of a release.
///
/// Its JSON is `{kind, title, pr?, issue?, commit?, author?, rule?}`. On the way in `kind` may be missing: the title
/// is classified then. A kind without a rule was given by who sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Change)]
pub struct ReleaseChange {
    /// Its kind.
    pub kind: ChangeKind,
    /// The work that was done, in a line.
    pub title: String,
    /// The pull or merge request that brought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pr: Option<u64>,
    /// The issue that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<u64>,
    /// The commit that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Its author, as the source names them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The rule that decided the kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<ChangeRule>,
}

impl ReleaseChange {
    /// True where it mends something, a security hole among them.
    pub fn is_fix(&self) -> bool {
        matches!(self.kind, ChangeKind::Fix | ChangeKind::Security)
    }
}

/// A change as it is registered: its kind may be missing, and is classified by its title then.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NewChange {
    /// Its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ChangeKind>,
    /// The work that was done, in a line.
    pub title: String,
    /// The pull or merge request that brought it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pr: Option<u64>,
    /// The issue that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<u64>,
    /// The commit that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Its author, as the source names them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The rule that decided the kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<ChangeRule>,
}

/// A field that was registered otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// The field's name.
    pub field: String,
    /// The value that is known.
    pub known: String,
    /// The value that was given.
    pub given: String,
}

words! {
    /// Kinds of changes, as far as a reader cares.
    ChangeKind {
        /// Something new, or something better.
        Feature = "feature",
        /// Something that was wrong.
        Fix = "fix",
        /// The same, faster or in less space.
        Perf = "perf",
        /// Something that could be abused.
        Security = "security",
        /// Something that makes users change what they have.
        Breaking = "breaking",
        /// Words for people.
        Docs = "docs",
        /// Dependencies, chores, tests, and what no rule knows.
        Other = "other",
    }
    /// Rules that decide a change's kind; the README of `releases`, "How changes are classified", has them in their order.
    ChangeRule {
        /// The publisher of the release said so.
        Given = "given",
        /// `feat!: …`, `[BREAKING] …`, a `BREAKING CHANGE` footer.
        BreakingMarker = "breaking-marker",
        /// The number of a published vulnerability.
        Cve = "cve",
        /// `fix(security): …`
        SecurityScope = "security-scope",
        /// The heading that it stands under.
        Section = "section",
        /// A dependency's new version.
        Dependency = "dependency",
        /// Says that it mends something that could be abused.
        SecurityPhrase = "security-phrase",
        /// `fix(ui): …`, `Feature: …`, `[BUGFIX] …`
        ConventionalType = "conventional-type",
        /// `✨ …`, `:bug: …`
        Gitmoji = "gitmoji",
        /// `Fix …`, `Area: add …`
        FirstWord = "first-word",
        /// No rule spoke.
        Unclassified = "unclassified",
    }
    /// Ways in which a release came to be known.
    Source {
        /// Somebody registered it.
        Registered = "registered",
        /// An image's labels name it.
        Labels = "labels",
        /// An image ran here, and this is the tag it was pulled by, or its digest.
        Tag = "tag",
    }
}
