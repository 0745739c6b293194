//! Revisions in words: the images that workloads were told to run while no witness watched.

use super::dates::day;
use super::listed::{counted, listed};
use crate::wire::Revision;

/// The words before a list of revisions.
pub const REVISIONS: &str = "Revisions that clusters remember, of images that nothing saw run:";

/// "shop/web v1.4.1, revision of deployment/web in shop, made 2026-05-13 10:30 UTC, found by eu-1". `quoted` makes names safe
/// for the reader.
pub fn revision(revision: &Revision, quoted: impl Fn(&str) -> String) -> String {
    format!(
        "{} {}, revision of {} in {}, made {}, found by {}",
        quoted(revision.repository.as_str()),
        quoted(&revision.label()),
        quoted(&revision.workload),
        quoted(&revision.namespace),
        day(revision.made_at),
        quoted(&revision.witness)
    )
}

/// " and 3 older ones", of those that are left out. Empty where none is.
pub fn older_revisions(left_out: u64) -> String {
    match left_out {
        0 => String::new(),
        _ => format!(" and {}", counted(left_out as usize, "older one", "older ones")),
    }
}

/// A sentence of its own with the latest of them, or nothing where there are none.
pub(super) fn revisions(all: &[Revision]) -> String {
    if all.is_empty() {
        return String::new();
    }
    format!(" {REVISIONS} {}.", listed(all.iter().map(|one| revision(one, str::to_owned))))
}
