//! Kinds of changes, and the rules that decide them.

use serde::{Deserialize, Serialize};

/// Kinds of changes, as far as a reader cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// Something new, or something better.
    Feature,
    /// Something that was wrong.
    Fix,
    /// The same, faster or in less space.
    Perf,
    /// Something that could be abused.
    Security,
    /// Something that makes users change what they have.
    Breaking,
    /// Words for people.
    Docs,
    /// Dependencies, chores, tests, and what no rule knows.
    Other,
}

/// Rules that decide a change's kind; the README of `releases`, "How changes are classified", has them in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The publisher of the release said so.
    Given,
    /// `feat!: …`, `[BREAKING] …`, a `BREAKING CHANGE` footer.
    BreakingMarker,
    /// The number of a published vulnerability.
    Cve,
    /// `fix(security): …`
    SecurityScope,
    /// The heading that it stands under.
    Section,
    /// A dependency's new version.
    Dependency,
    /// Says that it mends something that could be abused.
    SecurityPhrase,
    /// `fix(ui): …`, `Feature: …`, `[BUGFIX] …`
    ConventionalType,
    /// `✨ …`, `:bug: …`
    Gitmoji,
    /// `Fix …`, `Area: add …`
    FirstWord,
    /// No rule spoke.
    Unclassified,
}
