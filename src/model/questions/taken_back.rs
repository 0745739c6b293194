//! Changes that a later one takes back: who contains both does not have it.

use crate::model::releases::{Change, Line, Named, Revert, reverts};
use crate::model::search::is_same_title;

/// The releases that take a change back, by version.
#[derive(Debug, Default)]
pub(super) struct TakenBack<'a> {
    /// Those that name its number.
    named: Vec<&'a str>,
    /// Those that name nothing but its title, which others may have, and those that bring it again.
    perhaps: Vec<&'a str>,
}

impl<'a> TakenBack<'a> {
    /// Reverts of `change`, which has these numbers, in the releases of `line`.
    pub(super) fn of(line: &'a Line, change: &Change, prs: &[u64]) -> Self {
        let mut taken_back = Self::default();
        for release in line.releases() {
            let found = release.changes.iter().flat_map(|change| reverts(&change.title));
            for Revert { title, pr: named, is_again } in found {
                let is_named = named.is_some_and(|named| prs.contains(&named));
                if !is_named && (named.is_some() || !is_same_title(title, &change.title)) {
                    continue;
                }
                let place =
                    if is_named && !is_again { &mut taken_back.named } else { &mut taken_back.perhaps };
                place.push(&release.version);
            }
        }
        taken_back
    }

    /// Tells whether `image`, which contains the change, still has it; nothing where nobody knows.
    pub(super) fn leaves(&self, line: &Line, image: Named<'_>) -> Option<bool> {
        let contains = |versions: &[&str]| {
            if versions.is_empty() { Some(false) } else { line.contains(image, versions) }
        };
        match (contains(&self.named), contains(&self.perhaps)) {
            (Some(false), Some(false)) => Some(true),
            (Some(true), Some(false)) => Some(false),
            _ => None,
        }
    }
}
